"""``trainer-tui logs`` against a real local server: logs read where they lie, and fetched ones."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from tests.cli.conftest import Cli, Ran
from tests.server.conftest import WAITS, python, wait_for
from trainer_tui.cli import logfeed
from trainer_tui.paths import Paths
from trainer_tui.providers.local import Local

SCRIPT = """\
import sys
for n in range({first}, {last}, {step}):
    print(f"2026-03-01 10:{{n // 60:02}}:{{n % 60:02}},000 INFO {word} {{n}}")
    if n % 50 == 0:
        print(f"Traceback of {{n}}")
        print("  File x")
"""


def timed(word: str, first: int, last: int, step: int = 1) -> str:
    """A config whose job prints a line a second of its clock, with some that have no time."""
    return python(SCRIPT.format(word=word, first=first, last=last, step=step), f"says_{word}")


@pytest.fixture(scope="module")
def job(local: Cli) -> dict[str, Any]:
    """A job that wrote 600 timed lines and 24 others."""
    job = local.submit(timed("a", 0, 600))
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    return job


@pytest.fixture(scope="module")
def other(local: Cli) -> dict[str, Any]:
    """Another one, which began later and wrote less."""
    job = local.submit(timed("b", 100, 400, 7))
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    return job


@contextlib.contextmanager
def fetched(chunk: int = 4096) -> Iterator[mock.AsyncMock]:
    """Everything is fetched from the server in pieces, as from another machine."""
    logs = mock.AsyncMock(wraps=Local.logs)

    async def ask(self: Local, *args: object, **named: object) -> object:
        return await logs(self, *args, **named)

    nowhere = mock.AsyncMock(return_value=None)
    with (
        mock.patch.object(Local, "log_path", nowhere),
        mock.patch.object(Local, "logs", ask),
        mock.patch.object(logfeed, "CHUNK", chunk),
    ):
        yield logs


@contextlib.contextmanager
def forwarded(local: Cli) -> Iterator[list[str]]:
    """The flags by which the local server is asked through TCP, as one of another machine."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as server:
                server.connect(str(Paths.under(local.home).socket))
                ends = {self.request: server, server: self.request}
                while True:
                    for end in select.select(list(ends), [], [])[0]:
                        data = end.recv(65536)
                        if not data:
                            return
                        ends[end].sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as forwarder:
        forwarder.daemon_threads = True
        threading.Thread(target=forwarder.serve_forever, args=(0.05,)).start()
        file = local.home / "away.toml"
        url = f"http://127.0.0.1:{forwarder.server_address[1]}"
        file.write_text(f'[profiles.local]\nprovider = "local"\nbase_url = "{url}"\n')
        try:
            yield ["--config", str(file)]
        finally:
            forwarder.shutdown()


@pytest.fixture(params=["here", "fetched"])
def logs(request: pytest.FixtureRequest, local: Cli) -> Iterator[Any]:
    """``trainer-tui logs`` for a log on this machine, and for one that is fetched."""
    with fetched() if request.param == "fetched" else contextlib.nullcontext():

        def run(*args: object) -> Ran:
            return local("logs", *args)

        yield run


def numbers(ran: Ran) -> list[str]:
    """The last word of each line."""
    return [line.split()[-1] for line in ran.out.splitlines()]


def test_all_of_it(logs: Any, job: dict[str, Any]) -> None:
    """Without anything else every line is printed once, in order."""
    ran = logs(job["ref"])
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert len(lines) == 624
    assert lines[0] == "2026-03-01 10:00:00,000 INFO a 0"
    assert lines[-1] == "2026-03-01 10:09:59,000 INFO a 599"
    assert logs(job["ref"], "--raw").out == ran.out


def test_lines_of_a_time(logs: Any, job: dict[str, Any]) -> None:
    """From the first line then or later to the last one then or earlier, those in between that
    say no time included."""
    ran = logs(job["ref"], "--since", "2026-03-01 10:00:49", "--until", "2026-03-01 10:00:51")
    assert numbers(ran) == ["49", "50", "50", "x", "51"]
    assert numbers(logs(job["ref"], "--since", "2026-03-01 10:09:58")) == ["598", "599"]
    assert numbers(logs(job["ref"], "--until", "2026-03-01 10:00:00")) == ["0", "0", "x"]
    assert logs(job["ref"], "--since", "2026-03-02").out == ""
    tail = logs(job["ref"], "--until", "2026-03-01 10:05:05", "--tail", "2")
    assert numbers(tail) == ["304", "305"]


def test_lines_that_match(logs: Any, job: dict[str, Any]) -> None:
    """As grep does it: smart case, lines around, ``--`` between groups, 1 when there is none."""
    assert numbers(logs(job["ref"], "--grep", "info a 59[0-2]$")) == ["590", "591", "592"]
    none = logs(job["ref"], "--grep", "INFO A")
    assert (none.code, none.out, none.err) == (1, "", "")
    ran = logs(job["ref"], "--grep", "a (99|10[02])$", "-C", "1")
    assert numbers(ran) == ["98", "99", "100", "100", "--", "101", "102", "103"]
    assert numbers(logs(job["ref"], "--grep", "Traceback", "--tail", "2")) == ["500", "550"]
    both = logs(job["ref"], "--grep", "[05]$", "--since", "2026-03-01 10:09:52")
    assert numbers(both) == ["595"]
    raw = logs(job["ref"], "--grep", "a 599", "--raw")
    assert raw.out == "2026-03-01 10:09:59,000 INFO a 599\n"


def test_as_json_with_times(logs: Any, job: dict[str, Any]) -> None:
    """A line has its time in UTC where that was asked for; one that says none has the last."""
    plain = logs(job["ref"], "--tail", "1", "--json").json_lines
    assert plain == [{"line": "2026-03-01 10:09:59,000 INFO a 599"}]
    lines = logs(
        job["ref"], "--grep", "Traceback of 550", "-C", "1", "--timestamps", "absolute", "--json"
    ).json_lines
    assert [line["line"].split()[-1] for line in lines] == ["550", "550", "x"]
    assert len({line["time"] for line in lines}) == 1
    assert lines[0]["time"].endswith("Z")


def test_times_in_front(logs: Any, job: dict[str, Any]) -> None:
    """Every stamp takes the same room, whatever it says."""
    lines = logs(job["ref"], "--tail", "2", "--timestamps", "absolute").out.splitlines()
    assert lines[-1] == "03-01 10:09:59 2026-03-01 10:09:59,000 INFO a 599"
    lines = logs(job["ref"], "--tail", "2", "--timestamps", "delta").out.splitlines()
    assert lines[-1] == "   +1.0s 2026-03-01 10:09:59,000 INFO a 599"
    lines = logs(job["ref"], "--tail", "1", "--timestamps", "relative").out.splitlines()
    assert lines[-1].endswith(" 2026-03-01 10:09:59,000 INFO a 599")


def test_several_logs_by_time(logs: Any, job: dict[str, Any], other: dict[str, Any]) -> None:
    """Each line has its job's name before it; lines without a time stay with theirs."""
    ran = logs(
        job["ref"], other["ref"], "--since", "2026-03-01 10:01:40", "--until", "2026-03-01 10:01:47"
    )
    lines = [line.split(" | ") for line in ran.out.splitlines()]
    assert [(name.strip(), text.split()[-1]) for name, text in lines] == [
        ("says_a", "100"), ("says_a", "100"), ("says_a", "x"),
        ("says_b", "100"), ("says_b", "100"), ("says_b", "x"),
        *(("says_a", str(n)) for n in range(101, 108)), ("says_b", "107"),
    ]  # fmt: skip
    last = logs(job["ref"], other["ref"], "--tail", "2", "--json").json_lines
    assert [line["ref"] for line in last] == [job["ref"]] * 2
    found = logs(job["ref"], other["ref"], "--grep", " (100|107)$")
    assert [line.split()[0] for line in found.out.splitlines()] == [
        "says_a", "says_a", "says_b", "says_b", "says_a", "says_b",
    ]  # fmt: skip
    assert len(logs(job["ref"], other["ref"]).out.splitlines()) == 624 + 43 + 2


def test_what_does_not_go_together(local: Cli, job: dict[str, Any], other: dict[str, Any]) -> None:
    """Told before anything is printed, with exit code 2."""
    for args, words in (
        (["--grep", "("], "--grep: "),
        (["--since", "soon"], "--since: 'soon' is no time"),
        (["--context", "2"], "--grep finds"),
        (["--grep", "x", "-C", "-1"], "--context takes a number"),
        (["--until", "now", "-f"], "one of the two"),
        (["--name", "build"], "no log 'build'; it has: log"),
        (["--raw", "--timestamps", "delta"], "nothing added"),
        ([other["ref"], "--raw"], "one REF"),
    ):
        ran = local("logs", job["ref"], *args)
        assert (ran.code, ran.out) == (2, ""), args
        assert words in ran.err
    assert local("logs", job["ref"], "--grep", "(", "--json").error["code"] == "BAD_PATTERN"
    assert local("logs", job["ref"], "--name", "log", "--tail", "1").code == 0


def test_a_log_that_tells_no_times(local: Cli, logs: Any) -> None:
    """``--since`` cannot be answered: said so, with exit code 3."""
    silent = local.ended_job("silent", "echo one; echo two")
    ran = logs(silent["ref"], "--since", "1h")
    assert (ran.code, ran.out) == (3, "")
    assert "do not say when" in ran.err


def test_of_a_log_elsewhere_only_the_end_is_fetched(local: Cli, job: dict[str, Any]) -> None:
    """For ``--tail`` a few kilobytes are asked for, and more when the lines are long."""
    with fetched(1 << 20) as asked:
        assert numbers(local("logs", job["ref"], "--tail", "3")) == ["597", "598", "599"]
        assert [call.kwargs["offset"] for call in asked.await_args_list] == [-4096]
    long = local.ended_job("long_lines", "for n in 1 2 3 4; do printf '%5000s\\n' $n; done")
    with fetched(2000) as asked:
        assert local("logs", long["ref"], "--tail", "3").out.split() == ["2", "3", "4"]
        assert local("logs", long["ref"], "--tail", "9").out.split() == ["1", "2", "3", "4"]


def test_a_log_here_is_not_asked_for(local: Cli, job: dict[str, Any]) -> None:
    """The file of a job on this machine is read as it is."""
    refused = mock.AsyncMock(side_effect=AssertionError("asked"))
    with mock.patch.object(Local, "logs", refused):
        assert numbers(local("logs", job["ref"], "--tail", "1")) == ["599"]


def test_a_log_that_was_deleted_is_told(local: Cli) -> None:
    """Where the file of an ended job is gone nothing is printed, and it is said why (exit 4)."""
    job = local.submit(timed("gone", 0, 3))
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    (path,) = local.home.glob(f"state/server/**/{job['id']}/log.txt")
    path.unlink()
    ran = local("logs", job["ref"])
    assert (ran.code, ran.out) == (4, "")
    assert f"the log of {job['ref']} was deleted" in ran.err
    assert local("--json", "logs", job["ref"]).error["code"] == "NO_LOG"


@pytest.mark.parametrize("away", [False, True])
def test_matches_come_while_it_is_followed(local: Cli, away: bool) -> None:
    """``-f --grep`` prints each line that matches when it is written, and ends with the job."""
    script = f"echo hit one; echo miss; {WAITS}; echo hit two; echo miss; printf 'hit three'"
    job = local.started_job(f"searched_{away}", script)
    with (
        forwarded(local) if away else contextlib.nullcontext([]) as address,
        local.started("logs", job["ref"], "-f", "--grep", "hit", *address) as process,
    ):
        assert process.stdout.readline() == "hit one\n"
        local.release(job)
        assert process.stdout.read() == "hit two\nhit three\n"
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


def test_several_are_followed_to_their_ends(local: Cli) -> None:
    """What comes is printed as it comes, until the last of them has ended."""
    jobs = [local.started_job(f"followed_{n}", f"{WAITS}; echo done {n}") for n in range(2)]
    with local.started("logs", *(job["ref"] for job in jobs), "-f") as process:
        begun = {process.stdout.readline() for _ in jobs}
        assert begun == {f"followed_{n} | started\n" for n in range(2)}
        for n, job in reversed(list(enumerate(jobs))):
            local.release(job)
            assert process.stdout.readline() == f"followed_{n} | done {n}\n"
        assert process.stdout.read() == ""
        assert process.wait(60) == 0


def test_a_log_that_is_cut_while_it_is_followed(local: Cli) -> None:
    """It is said, and what comes then is printed from its beginning."""
    job = local.started_job("cut", f"seq 1 2000; {WAITS}")
    log = local.folder(job) / "log.txt"
    with local.started("logs", job["ref"], "-f") as process:
        while process.stdout.readline() != "started\n":
            pass
        log.write_text("anew\n")
        assert process.stdout.readline() == "anew\n"
        assert process.stderr.readline() == "warning: the log began anew\n"
        local.release(job)
        assert process.wait(60) == 0


def test_a_reader_that_goes_away_ends_it_quietly(local: Cli) -> None:
    """``| head -1`` ends the program without a word, also in the middle of a search."""
    job = local.ended_job("endless", "seq 1 200000")
    for more in ([], ["--grep", "1"], ["--json"]):
        with local.started("logs", job["ref"], *more) as process:
            assert process.stdout.readline() in ("1\n", '{"line": "1"}\n')
            process.stdout.close()
            assert process.wait(60) == 141
            assert process.stderr.read() == ""


def test_long_lines_are_cut_and_say_by_how_much(local: Cli, logs: Any) -> None:
    """The same whether lines are written many at once or one by one; ``--raw`` cuts nothing."""
    job = local.ended_job("wide", "echo a; printf '%20000s\\n' x; echo b")
    lines = logs(job["ref"]).out.splitlines()
    assert [len(line) > 16_000 for line in lines] == [False, True, False]
    assert lines[1].endswith(" … 3,616 more characters")
    assert logs(job["ref"], "--grep", ".").out.splitlines() == lines
    assert len(logs(job["ref"], "--raw").out.splitlines()[1]) == 20_000


def test_a_search_goes_through_all_of_a_large_log(local: Cli) -> None:
    """In tens of megabytes the one line that matches is found, and the last ones at once."""
    job = local.ended_job("large")
    log = local.folder(job) / "log.txt"
    line = "x" * 98 + " {}\n"
    with log.open("w") as file:
        for n in range(30):
            file.writelines(line.format(n * 10_000 + m) for m in range(10_000))
        file.write("needle\n")
        file.writelines(line.format(n) for n in range(100_000))
    ran = local("logs", job["ref"], "--grep", "needle", "-C", "1")
    assert numbers(ran) == ["299999", "needle", "0"]
    assert numbers(local("logs", job["ref"], "--tail", "2")) == ["99998", "99999"]
    assert os.path.getsize(log) > 30 << 20  # noqa: PTH202
    wait_for(log.is_file, "the log")
