"""How a log of a gigabyte is opened, searched and followed, against pagers, on the same file.

    python bench/logs.py [--size 1000000000] [--folder DIR] [--toolong PATH] [--only NAME …]

Makes a log of ten million lines in a temporary folder and shows it in one program after the other,
each in a pseudo-terminal of 120×40: ``trainer-tui view`` of that file, the console itself with a
job of a local server whose log this file is, ``less``, ``lnav`` and toolong where they are there,
and a Textual app of one ``Static`` as the floor. Each time ends with the bytes that brought the
wanted line to the screen:

    first    from the start of the program to a screen of the log; the console shows its jobs
             first, and the key for the job's log is pressed at once
    drawn    of the view: from its start to the first frame of the running app, which then answers
             to keys; what ``first`` shows of it was painted before Textual was imported
    open     of this, from that key on
    end      from the key for it, at the log's first line, to the file's last line
    indexed  from the start until the last line's number is told
    literal  from the last key of a question for a string that one line has, 93% along, to that
             line; asked at the top
    regex    the same for an expression without a rare string in it, 96% along
    RSS      resident MB after all that; after the + those of the processes it started; of the
             console also before the log was opened
    CPU %    of one core while the file grows by 10,000 lines a second and its end is shown, all of
             its processes together
    lag      from the last line being written to it being on the screen

The view and the floor are started seven times by turns, and what they show first are medians. The
file is in the page cache for all of them. ``>`` marks what had not come when the time was up.
Also measured: the commands, ``trainer-tui logs --tail`` and ``--grep`` against ``tail`` and
``grep``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bigfile import LINE, LITERAL, REGEX, BigFile, lines_of, make, step_text
from home import COMMAND, Home, home
from terminal import Session, console_argv, median, minimal_argv, report
from watch import Eye, cpu, memory

from trainer_tui.paths import Paths

OVER = float("inf")
FLOOR, OURS = "minimal Textual app", "trainer-tui view"
RATE = 10_000
"""Lines a second while it is followed."""
Row = dict[str, float]


@dataclass(frozen=True)
class Viewer:
    """How one program is driven."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str | None = None
    """What the screen shows before ``opens`` is pressed; ``None``: the log comes by itself."""
    opens: str = ""
    top: str = "g"
    end: str = "G"
    asks: str = "/"
    finds: str = "{query}\r"
    expressions: bool = True
    """Whether it also looks for regular expressions (toolong 1.5 offers it, and finds nothing)."""
    found: str | None = None
    """What the screen says when ``goes`` leads to the hit; ``None``: it is gone to by itself."""
    goes: str = "n"
    leaves: str = ""
    """Ends the search."""
    count: str | None = None
    """What the screen says when so many lines are known, at the end."""
    tells: tuple[str, str] = ("", "")
    """Keys that make it say so, and that go on afterwards."""
    follows: str = ""
    """Keys that follow the end, at the end."""


def viewers(options: argparse.Namespace, home: Home, file: BigFile) -> Iterator[Viewer]:
    """The programs that are here."""
    path, last = str(file.path), file.lines
    alone = Viewer(
        OURS,
        [*console_argv(), "view", path],
        env=home.env,
        leaves="\x1b",
        count=rf"^\W*{last:,}\s|^\W*{last}\s",
    )
    yield alone
    yield replace(
        alone,
        name="trainer-tui",
        argv=console_argv(),
        ready="big_training",
        opens="l",
    )
    elsewhere = {"HOME": str(home.folder), "LESS": "", "LESSHISTFILE": "-"}
    if shutil.which("less"):
        yield Viewer(
            "less",
            ["less", path],
            env=elsewhere,
            count=rf"/{last}\b",
            tells=("=", "\r"),
            follows="F",
        )
    if shutil.which("lnav"):
        yield Viewer(
            "lnav",
            ["lnav", path],
            env=elsewhere,
            found=r"\b1 hits? for .{query}|Hit 1 of 1 for .{query}",
            count=rf"\bL{last - 33:,}\b|\bL{last - 33}\b",
        )
    if options.toolong is not None:
        yield Viewer(
            "toolong",
            [str(options.toolong), path],
            env=elsewhere,
            top="\x1b[H",
            end="\x1b[F",
            finds="{query}\x1b[B",
            expressions=False,
            leaves="\x1b",
        )


def show(viewer: Viewer, file: BigFile, options: argparse.Namespace) -> Row:
    """Everything that is measured of one program, in one session of it."""
    row: Row = {}
    last = step_text(file.lines - 1)
    with Session(viewer.argv, env=viewer.env) as session:
        eye = Eye(session)

        def until(pattern: str, since: float) -> float:
            took = eye.wait(pattern, since, options.limit)
            if took is None:
                print(f"  {pattern!r} did not come; the screen says: {eye.rows[-1]}", flush=True)
            return OVER if took is None else took

        opened = session.began
        if viewer.ready is not None:
            until(viewer.ready, opened)
            row["before MB"] = memory(session.pid)[0]
            opened = eye.press(viewer.opens)
        row["first ms"] = until(r"step 0\d{8}", session.began) * 1000
        if row["first ms"] == OVER:
            raise RuntimeError(f"{viewer.name} showed nothing:\n" + "\n".join(eye.rows))
        if viewer.ready is not None:
            row["open ms"] = row["first ms"] - (opened - session.began) * 1000
        if viewer.count is not None:
            eye.press(viewer.end)
            eye.press(viewer.tells[0])
            row["indexed s"] = until(viewer.count, session.began)
            eye.press(viewer.tells[1])
        go_to_top(viewer, eye, options.limit)
        row["end ms"] = until(last, eye.press(viewer.end)) * 1000
        for name, query, line in (
            ("literal s", LITERAL, file.literal_line),
            ("regex s", REGEX, file.regex_line),
        ):
            if name == "regex s" and not viewer.expressions:
                continue
            go_to_top(viewer, eye, options.limit)
            eye.press(viewer.asks)
            session.read_for(0.5)
            began = eye.press(viewer.finds.replace("{query}", query))
            if viewer.found is not None:
                said = viewer.found.replace("{query}", re.escape(query[:12]))
                if until(said, began) < OVER:
                    eye.press(viewer.goes)
            row[name] = until(step_text(line), began)
            eye.press(viewer.leaves)
            session.read_for(0.5)
        row["RSS MB"], row["+ MB"] = memory(session.pid)
        until(last, eye.press(viewer.end))
        row |= follow(viewer, file, eye, options)
    return row


def go_to_top(viewer: Viewer, eye: Eye, limit: float) -> None:
    """To the first line; asked again and again of a program that reads on and then goes away."""
    until = time.perf_counter() + limit
    while time.perf_counter() < until:
        if eye.wait(step_text(0), eye.press(viewer.top), 3.0) is not None:
            return


def follow(viewer: Viewer, file: BigFile, eye: Eye, options: argparse.Namespace) -> Row:
    """CPU and lag while the file grows."""
    eye.press(viewer.follows)
    eye.session.read_for(2.0)
    total = int(RATE * options.seconds)
    size = file.path.stat().st_size
    writer = subprocess.Popen(
        [sys.executable, __file__, "--write", str(file.path), str(file.lines), str(total)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        used, began = cpu(eye.session.pid), time.perf_counter()
        while writer.poll() is None:
            eye.session.read(0.05)
        ended = float(writer.stdout.read()) if writer.stdout else 0.0
        eye.session.read_for(0.5)
        spent = cpu(eye.session.pid) - used
        eye.skip()
        # A notice may lie over the last line; the one before it was written with it.
        last = [step_text(file.lines + total - back) for back in (1, 2)]
        took = eye.wait("|".join(last), ended, 10.0)
    finally:
        writer.kill()
        writer.wait()
        os.truncate(file.path, size)
    return {
        "CPU %": spent / (ended - began) * 100,
        "lag ms": OVER if took is None else took * 1000,
    }


def write(path: Path, start: int, count: int) -> None:
    """Append lines at :data:`RATE`, in portions of 20 ms; print when the last was written."""
    portion = RATE // 50
    began = time.perf_counter()
    with path.open("ab", buffering=0) as out:
        for n in range(0, count, portion):
            out.write(lines_of(start + n, start + min(count, n + portion)))
            ended = time.perf_counter()
            time.sleep(max(0.0, began + (n + portion) / RATE - ended))
    print(ended)


def commands(file: BigFile, home: Home, ref: str) -> list[dict[str, object]]:
    """Seconds of the command line's forms and of what a shell has."""
    program = [*console_argv(), "logs", ref]
    path = str(file.path)
    rows: list[dict[str, object]] = []
    for what, ours, theirs in (
        ("the last 10 lines", ["--tail", "10"], ["tail", "-n", "10", path]),
        ("a string", ["--grep", LITERAL], ["grep", "-F", LITERAL, path]),
        ("a regex", ["--grep", REGEX], ["grep", "-E", REGEX, path]),
    ):
        times = []
        for argv in ([*program, *ours], theirs):
            began = time.perf_counter()
            done = subprocess.run(
                argv, env={**os.environ, **home.env, "LC_ALL": "C.UTF-8"}, capture_output=True
            )
            times.append(time.perf_counter() - began)
            if b"step 0" not in done.stdout:
                raise RuntimeError(f"{argv}: {done.stderr.decode()}")
        rows.append(
            {
                "on the command line": what,
                "trainer-tui logs s": times[0],
                f"{'tail or grep'} s": times[1],
                "ratio": times[0] / times[1],
            }
        )
    return rows


def first_screen(viewer: Viewer) -> tuple[float, float]:
    """Milliseconds from the start to a screen of the log, and to the app's own first frame."""
    with Session(viewer.argv, env=viewer.env) as session:
        took = Eye(session).wait(r"step 0\d{8}", session.began, 30.0)
        limit = time.perf_counter() + 30.0
        while session.drawn() is None and time.perf_counter() < limit:
            session.read(0.02)
        return OVER if took is None else took * 1000, session.drawn() or OVER


def floor() -> Row:
    """The Textual app of one Static."""
    with Session(minimal_argv()) as session:
        session.wait_for("ready")
        first = session.drawn() or OVER
        session.read_for(1.0)
        return {"first ms": first, "RSS MB": memory(session.pid)[0]}


def big_job(home: Home, file: BigFile) -> str:
    """A running job whose log is the file; gives its ref."""
    config = COMMAND.format(name="big_training", argv=["sleep", "86400"])
    home.cli("submit", "-", "--profile", "local", "--no-check", given=config)
    while not (jobs := json.loads(home.cli("jobs", "status:running", "--json"))):
        time.sleep(0.2)
    log = Paths.under(home.folder).server / "jobs" / jobs[0]["id"] / "log.txt"
    log.unlink(missing_ok=True)
    os.link(file.path, log)
    return str(jobs[0]["ref"])


def tell(runs: Mapping[str, Sequence[Row]], file: BigFile, more: list[dict[str, object]]) -> None:
    """The medians, how many times as long others take, and the targets."""
    medians: dict[str, Row] = {
        name: {key: median([row[key] for row in rows if key in row]) for key in keys(rows)}
        for name, rows in runs.items()
    }
    columns = list(dict.fromkeys(key for row in medians.values() for key in row))
    rows: list[dict[str, object]] = [
        {"program": name, **{key: shown(row.get(key)) for key in columns}}
        for name, row in medians.items()
    ]
    ours = medians.get(OURS, {})
    for name, row in medians.items():
        ratios = {key: row[key] / ours[key] for key in row if ours.get(key) and name != OURS}
        if ratios:
            cells = {key: shown(ratios.get(key)) for key in columns}
            rows.append({"program": f"{name} / {OURS}", **cells})
    report("logs", rows)
    if more:
        report("logs-commands", more)
    if ours:
        check(ours, medians[FLOOR], max(0.1, file.lines * LINE / 1e9))


def check(ours: Row, floor: Row, gigabytes: float) -> None:
    """Compare with what was aimed at."""
    told = [
        ("first lines, x the floor", ours["first ms"] / floor["first ms"], 0.35),
        ("running view drawn, x the floor", ours["drawn ms"] / floor["drawn ms"], 1.2),
        ("end, ms", ours["end ms"], 20),
        ("indexed, s per GB", ours["indexed s"] / gigabytes, 2),
        ("first hit of a literal, s per GB", ours["literal s"] / gigabytes, 1),
        ("first hit of a regex, s per GB", ours["regex s"] / gigabytes, 5),
        ("RSS above the floor, MB", ours["RSS MB"] - floor["RSS MB"], 20),
        ("CPU while following, %", ours["CPU %"], 25),
    ]
    for what, value, most in told:
        verdict = "holds" if value <= most else "DOES NOT HOLD"
        print(f"{what:34} {value:8.2f}  at most {most:3}  {verdict}")


def keys(rows: Sequence[Row]) -> list[str]:
    """What was measured, in order."""
    return list(dict.fromkeys(key for row in rows for key in row))


def shown(value: float | None) -> object:
    """A cell: blank where nothing was measured, ``>`` where it did not come."""
    if value is None:
        return ""
    return ">" if value == OVER else round(value, 1 if value >= 10 else 3)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1_000_000_000, help="bytes of the log")
    parser.add_argument("--folder", type=Path, help="where it is made, instead of the temp folder")
    parser.add_argument("--runs", type=int, default=1, help="medians of so many")
    parser.add_argument("--starts", type=int, default=7, help="of the view and the floor, by turns")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long it is followed")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds to wait for anything")
    parser.add_argument("--toolong", type=Path, help="the program tl, in an environment of its own")
    parser.add_argument("--only", action="append", help="only this program")
    options = parser.parse_args()
    if options.folder is not None:
        tempfile.tempdir = str(options.folder)
    with (
        tempfile.TemporaryDirectory(prefix="trainer-tui-bench-") as folder,
        home() as installation,
    ):
        file = make(Path(folder), options.size)
        print(f"{file.path.stat().st_size / 1e9:.2f} GB, {file.lines:,} lines", flush=True)
        ref = big_job(installation, file)
        runs: dict[str, list[Row]] = {}
        view = next(viewers(options, installation, file))
        pairs = [(floor()["first ms"], first_screen(view)) for _ in range(options.starts)]
        for _ in range(options.runs):
            runs.setdefault(FLOOR, []).append(floor())
            for viewer in viewers(options, installation, file):
                if not options.only or viewer.name in options.only:
                    print(f"… {viewer.name}", flush=True)
                    runs.setdefault(viewer.name, []).append(show(viewer, file, options))
        for row in runs[FLOOR]:
            row["first ms"] = row["drawn ms"] = median([floor for floor, _ in pairs])
        for row in runs.get(OURS, ()):
            row["first ms"] = median([first for _, (first, _) in pairs])
            row["drawn ms"] = median([drawn for _, (_, drawn) in pairs])
        more = [] if options.only else commands(file, installation, ref)
        tell(runs, file, more)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
