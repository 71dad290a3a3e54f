"""``trainer-tui view``: log files on the whole screen, without a server or a job."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyte
import pytest
from rich.color import ColorSystem

from tests.tui.logs import lines, rows, told
from tests.tui.waiting import until
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.spooled import Spooled
from trainer_tui.paths import Paths
from trainer_tui.tui import palette, start_view
from trainer_tui.tui.glyphs import UNICODE
from trainer_tui.tui.preview import Preview
from trainer_tui.tui.start_view import Asked, short_names
from trainer_tui.tui.view_app import ViewApp
from trainer_tui.tui.widgets.log_files import OpenLog
from trainer_tui.tui.widgets.log_tabs import LogTabs

SIZE = (80, 12)


def view(
    folder: Path, *files: Path, place: str = "", pattern: str = "", merge: bool = False
) -> ViewApp:
    """The app over some files."""
    logs = [OpenLog(path.name, LogFile.open(path)) for path in files]
    asked = Asked(tuple(map(str, files)), place, pattern, merge)
    return ViewApp(logs, Paths.under(folder / "home"), UNICODE, asked)


def written(folder: Path, name: str, text: str) -> Path:
    """A file."""
    path = folder / name
    path.write_text(text)
    return path


async def test_the_end_shows_and_is_followed(tmp_path: Path) -> None:
    """The last lines with their numbers; what is written to the file later comes by itself."""
    path = written(tmp_path, "train.log", lines(0, 100))
    app = view(tmp_path, path)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "following" in told(app.pane), "the line below")
        assert rows(app.pane.view)[-1].startswith(" 100 ")
        assert "train.log" in app.pane.query_one(LogTabs).render_line(0).text
        with path.open("a") as file:
            file.write("one more\n")
        await until(pilot, lambda: "one more" in rows(app.pane.view)[-1], "the new line")


@pytest.mark.parametrize(
    ("place", "top"), [("30", "  30 "), ("50%", "  50 "), ("2026-03-01 03:00:40", "  41 ")]
)
async def test_it_begins_where_it_was_asked_to(tmp_path: Path, place: str, top: str) -> None:
    """``--at`` takes a line's number, a percentage or a time."""
    text = "".join(f"2026-03-01 03:{n // 60:02d}:{n % 60:02d} step {n}\n" for n in range(100))
    app = view(tmp_path, written(tmp_path, "a.log", text), place=place)
    async with app.run_test(size=SIZE) as pilot:
        await until(
            pilot, lambda: any(row.startswith(top) for row in rows(app.pane.view)), "the line"
        )
        assert not app.pane.view.following


async def test_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A time that nothing can be made of leads nowhere, and that is said."""
    app = view(tmp_path, written(tmp_path, "a.log", lines(0, 100)), place="noon")
    said: list[str] = []
    app.say = lambda text, *_, **__: said.append(text)  # type: ignore[method-assign]
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: said, "a word")
        assert said[0].startswith("noon: a line number")
        assert app.pane.view.following


async def test_it_is_searched_at_once(tmp_path: Path) -> None:
    """``--grep`` begins with the first match in the file."""
    app = view(tmp_path, written(tmp_path, "a.log", lines(0, 100)), pattern="line 7[0-9]")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "1/10" in told(app.pane), "the first match")


async def test_files_are_turned_and_merged(tmp_path: Path) -> None:
    """``}`` shows the next file; ``M`` shows all by the time of their lines, and back."""
    one = written(tmp_path, "one.log", "2026-03-01 03:00:00 a\n2026-03-01 03:00:02 c\n")
    two = written(tmp_path, "two.log", "2026-03-01 03:00:01 b\n")
    app = view(tmp_path, one, two)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: rows(app.pane.view)[1].endswith(" c"), "the first file")
        await pilot.press("right_curly_bracket")
        await until(pilot, lambda: rows(app.pane.view)[0].endswith(" b"), "the second file")
        await pilot.press("M")
        await until(pilot, lambda: rows(app.pane.view)[2].endswith(" c"), "both")
        assert [row[-1] for row in rows(app.pane.view)[:3]] == ["a", "b", "c"]
        with two.open("a") as file:
            file.write("2026-03-01 03:00:03 d\n")
        await until(pilot, lambda: rows(app.pane.view)[3].endswith(" d"), "the new line")
        await pilot.press("slash", *"[bd]$", "enter")
        await until(pilot, lambda: "/2" in told(app.pane), "hits in both")
        await pilot.press("M")
        await until(pilot, lambda: rows(app.pane.view)[1].endswith(" d"), "the second file again")


async def test_two_logs_are_merged_from_the_start(tmp_path: Path) -> None:
    """``--merge``: one log of all files."""
    app = view(
        tmp_path,
        written(tmp_path, "one.log", "2026-03-01 03:00:00 a\n"),
        written(tmp_path, "two.log", "2026-03-01 03:00:01 b\n"),
        merge=True,
    )
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: rows(app.pane.view)[1].endswith(" b"), "both")
        assert rows(app.pane.view)[0].startswith("▎")


async def test_a_file_that_is_cut_is_read_anew(tmp_path: Path) -> None:
    """A file that its program begins anew is shown from its new beginning, and that is said."""
    path = written(tmp_path, "train.log", lines(0, 100))
    app = view(tmp_path, path)
    said: list[str] = []
    app.say = lambda text, *_, **__: said.append(text)  # type: ignore[method-assign]
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "following" in told(app.pane), "the line below")
        path.write_text("anew\n")
        await until(pilot, lambda: rows(app.pane.view)[0].endswith("anew"), "the new line")
        assert said == ["The log began anew: the file was cut or replaced."]


async def test_an_empty_file_says_so(tmp_path: Path) -> None:
    """Where there is nothing yet it is said what will be there."""
    path = written(tmp_path, "a.log", "")
    app = view(tmp_path, path)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.pane.empty, "words")
        assert "The file is empty" in app.pane.instead.text.plain
        path.write_text("now\n")
        await until(pilot, lambda: "now" in "".join(rows(app.pane.view)), "the line")


async def test_what_comes_through_a_pipe_ends(tmp_path: Path) -> None:
    """What another program writes is followed, and that it ended is told."""
    source, sink = os.pipe()
    stream = Spooled(source, tmp_path / "stream")
    app = ViewApp(
        [OpenLog("stdin", LogFile.open(stream.path), stream)],
        Paths.under(tmp_path / "home"),
        UNICODE,
        Asked(("-",)),
    )
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.pane.empty, "words")
        os.write(sink, b"first\n")
        await until(pilot, lambda: "first" in "".join(rows(app.pane.view)), "the line")
        os.close(sink)
        await until(pilot, lambda: "end of log" in told(app.pane), "the end")


async def test_the_keys_are_told(tmp_path: Path) -> None:
    """``?`` lists the keys that work here and nothing about jobs."""
    app = view(tmp_path, written(tmp_path, "a.log", lines(0, 10)))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 2, "the help")
        text = "\n".join(
            "".join(piece.text for piece in line)
            for line in app.screen.lines()  # type: ignore[attr-defined]
        )
        assert "Search the log" in text and "Leave." in text
        assert "job" not in text.split("Here")[0] and "Stop" not in text
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1, "the log again")
        await pilot.press("q")
        await until(pilot, lambda: app._exit, "the end")


def test_what_a_killed_view_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream's folder goes when its process is no more; that of a running one stays, and what
    only looks like one."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    kept = {f"trainer-tui-view-{os.getpid()}-here", "trainer-tui-view-old", "other"}
    for name in (*kept, f"trainer-tui-view-{dead.pid}-gone"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source, sink = os.pipe()
    os.close(sink)
    with ExitStack() as stack:
        log, stream = start_view._stream(source, stack)
        assert stream.path.parent.name.startswith(f"trainer-tui-view-{os.getpid()}-")
        kept.add(stream.path.parent.name)
        assert {path.name for path in tmp_path.iterdir()} == kept
        log.close()


def test_files_are_told_apart_by_as_little_as_needed() -> None:
    """A file is called by its name, by its path where the name is another's too."""
    assert short_names(["/a/x.log", "/b/y.log", "-"]) == ["x.log", "y.log", "stdin"]
    assert short_names(["a/x.log", "b/x.log"]) == ["a/x.log", "b/x.log"]


async def test_the_preview_is_what_the_view_shows(tmp_path: Path) -> None:
    """What is painted before Textual is imported stands where the view draws it a moment later,
    in the same colours."""
    text = lines(0, 60) + (
        "\x1b[31mred\x1b[0m plain\x1b]0;title\x07\n"
        '{"level": "info", "message": "step 3", "loss": 0.5}\n'
        f"long {'x' * 200}\n汉字 ERROR: {'汉' * 60}\n 50%|##   | 5/10\r 60%|###  | 6/10\nlast"
    )
    path = written(tmp_path, "train.log", text)
    app = view(tmp_path, path)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "following" in told(app.pane), "the line below")
        app.console._color_system = ColorSystem.TRUECOLOR
        colours = app.colours()
        seen = [app.pane.view.render_line(y) for y in range(SIZE[1] - 1)]
        log = LogFile.open(path)
        log.start_index()
        frame = Preview(log, colours, UNICODE, *SIZE).frame(["train.log"])
        log.close()
        screen = pyte.Screen(*SIZE)
        pyte.ByteStream(screen).feed(re.sub(rb"\x1b\[\?7[lh]", b"", frame))
        for y, strip in enumerate(seen):
            assert screen.display[y].rstrip() == strip.text.rstrip(), y
            for x in range(20):
                style = next(iter(strip.crop(x, x + 1))).style
                assert style is not None and style.color is not None
                if screen.buffer[y][x].data == " ":
                    continue
                assert screen.buffer[y][x].fg == style.color.get_truecolor().hex[1:], (x, y)
        below = screen.display[-1]
        assert below.startswith(" ⇣ following") and below.rstrip().endswith("train.log")


def test_a_hostile_line_does_nothing_in_the_preview(tmp_path: Path) -> None:
    """Escape sequences of the file's own never get to the terminal."""
    path = tmp_path / "a.log"
    path.write_bytes(b"\x1b]0;evil\x07\x1b[2J\x9b31m\xe2\x80\xaeabc\x08\n" * 5)
    frame = Preview(LogFile.open(path), {}, UNICODE, *SIZE).frame(["name"])
    assert not re.sub(rb"\x1b\[[0-9;?]*[mHKJGlh]", b"", frame).translate(None, b"\n").count(b"\x1b")
    assert b"evil" not in frame and "\u202e".encode() not in frame


def test_colours_are_kept_for_the_same_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another kind of terminal gets no colours that were kept for this one; nonsense is dropped."""
    monkeypatch.setenv("TERM", "xterm-256color")
    palette.keep(tmp_path, {"accent": "38;5;4", "none": ""})
    assert palette.read(tmp_path) == {"accent": "38;5;4"}
    monkeypatch.setenv("TERM", "linux")
    assert palette.read(tmp_path) == {}
    monkeypatch.setenv("TERM", "xterm-256color")
    kept = tmp_path / "view-colours"
    kept.write_text(kept.read_text() + "\nerror=31m\x1b]0;x\x07")
    assert palette.read(tmp_path) == {"accent": "38;5;4"}


# As a program


@contextmanager
def started(home: Path, *argv: str, stdin: int | None = None) -> Iterator[tuple[int, int]]:
    """The program in a terminal of its own: process id and the terminal's other end."""
    master, slave = pty.openpty()
    code = (
        "import fcntl, os, struct, sys, termios; os.setsid();"
        "fcntl.ioctl(1, termios.TIOCSCTTY, 0);"
        "fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 12, 80, 0, 0));"
        "os.execv(sys.executable, [sys.executable, '-m', 'trainer_tui', *sys.argv[1:]])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *argv],
        stdin=slave if stdin is None else stdin,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TRAINER_TUI_HOME": str(home), "TERM": "xterm-256color"},
    )
    os.close(slave)
    try:
        yield process.pid, master
    finally:
        process.kill()
        process.wait()
        os.close(master)


def read_until(master: int, words: bytes) -> bytes:
    """What the program writes up to some words."""
    seen = b""
    while words not in seen:
        try:
            more = os.read(master, 65536)
        except OSError:
            more = b""
        assert more, seen[-500:]
        seen += more
    return seen


def test_the_program_shows_lines_before_textual_draws(tmp_path: Path) -> None:
    """The file's last lines are painted first, then the view takes the screen over; ``q`` leaves
    it as it was."""
    path = written(tmp_path, "train.log", lines(0, 100))
    with started(tmp_path / "home", "view", str(path)) as (_, master):
        seen = read_until(master, b"\x1b[?1000h")
        assert b"line 99" in seen.partition(b"\x1b[?1000h")[0]
        if b"100 lines" not in seen:  # they may be counted before the view is there
            read_until(master, b"100 lines")
        os.write(master, b"q")
        assert b"\x1b[?1049l" in read_until(master, b"\x1b[?1049l")


def test_the_program_reads_a_pipe(tmp_path: Path) -> None:
    """``… | trainer-tui view -``: lines come through the pipe, keys from the terminal."""
    source, sink = os.pipe()
    os.write(sink, b"from the pipe\n")
    with started(tmp_path / "home", "view", "-", stdin=source) as (_, master):
        os.close(source)
        read_until(master, b"pipe")
        os.close(sink)
        read_until(master, b"end of log")
        os.write(master, b"q")
        read_until(master, b"\x1b[?1049l")
