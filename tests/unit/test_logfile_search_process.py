"""The processes that search: nothing holds up the one who asks, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest

from tests.unit.searching import LIMIT, Told, settle
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.index import BLOCK
from trainer_tui.core.logfile.pattern import compile_pattern
from trainer_tui.core.logfile.scanner import Scanner
from trainer_tui.core.logfile.search import Search

HOSTILE = "a" * 40 + "!"
CATASTROPHE = compile_pattern("(a+)+$")
"""Takes 2⁴⁰ steps to find nothing in the hostile line."""


@pytest.fixture
def scanner() -> Iterator[Scanner]:
    """Two processes for one test."""
    with closing(Scanner(2)) as scanner:
        yield scanner


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A log with lines that some patterns take for ever on."""
    path = tmp_path / "hostile"
    path.write_text("first\n" + f"{HOSTILE}\n" * 500 + "last aaa\n")
    return path


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until_gone(pid: int) -> None:
    """Wait until a process has ended."""
    limit = time.monotonic() + LIMIT
    while alive(pid):
        assert time.monotonic() < limit, f"process {pid} is still there"
        time.sleep(0.01)


def test_a_catastrophic_pattern_holds_nobody_up(scanner: Scanner, hostile: Path) -> None:
    """While a pattern takes for ever, each question is answered or left open in a moment, another
    search of the same log gets its answer, and closing is at once."""
    slow, quick = Told(), Told()
    with closing(LogFile.open(hostile)) as log:
        stuck = Search(log, CATASTROPHE, notify=slow, scanner=scanner)
        asked: list[float] = []
        for position in (-1, 0, 6, 200):
            begun = time.perf_counter()
            stuck.after(position)
            stuck.is_hit(position)
            stuck.spans(max(0, position))
            stuck.rank(position)
            asked.append(time.perf_counter() - begun)
        # One that waits gives up after a tenth of a second; the others do not wait for it.
        assert sorted(asked)[1] < 0.5
        assert not stuck.settled
        with closing(Search(log, compile_pattern("last"), notify=quick, scanner=scanner)) as other:
            settle(other, quick)
            assert other.count == 1
        begun = time.perf_counter()
        stuck.close()
        assert time.perf_counter() - begun < 0.5


def test_lines_that_take_too_long_are_given_up(scanner: Scanner, tmp_path: Path) -> None:
    """A hostile line is told as skipped; the rest is searched."""
    path = tmp_path / "log"
    path.write_text(f"aaa\n{HOSTILE}\naa\n")
    told = Told()
    with (
        closing(LogFile.open(path)) as log,
        closing(Search(log, CATASTROPHE, notify=told, scanner=scanner)) as search,
    ):
        settle(search, told)
        assert (search.count, search.skipped) == (2, 1)


def test_cancelling_stops_the_work(scanner: Scanner, hostile: Path) -> None:
    """A cancelled search takes no more time of the processor: the process is stopped or ended."""
    told = Told()
    with closing(LogFile.open(hostile)) as log:
        search = Search(log, CATASTROPHE, notify=told, scanner=scanner)
        told.until(lambda: scanner.pids)
        search.cancel()

        def resting() -> bool:
            states = [Path(f"/proc/{pid}/stat") for pid in scanner.pids]
            return all(
                state.read_text().rpartition(")")[2].split()[0] == "S" for state in states
            ) and bool(states)

        told.until(resting)
        assert not search.done
        assert search.failed is None
        search.close()


def test_a_search_ends_with_its_program(tmp_path: Path, hostile: Path) -> None:
    """When the program is killed, the process that searches for it goes, busy as it may be."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from trainer_tui.core.logfile.document import LogFile\n"
        "from trainer_tui.core.logfile.pattern import compile_pattern\n"
        "from trainer_tui.core.logfile.scanner import Scanner\n"
        "from trainer_tui.core.logfile.search import Search\n"
        "scanner = Scanner(1)\n"
        "log = LogFile.open(Path(sys.argv[1]))\n"
        "search = Search(log, compile_pattern('(a+)+$'), notify=print, scanner=scanner)\n"
        "while not scanner.pids:\n"
        "    time.sleep(0.01)\n"
        "print(scanner.pids[0], flush=True)\n"
        "time.sleep(600)\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, program, hostile],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert alive(child)
        process.send_signal(signal.SIGKILL)
        process.wait()
    until_gone(child)


def test_a_process_that_is_killed_fails_its_search(scanner: Scanner, hostile: Path) -> None:
    """Somebody kills the process: the search says so, and a new one works."""
    told = Told()
    with closing(LogFile.open(hostile)) as log:
        with closing(Search(log, CATASTROPHE, notify=told, scanner=scanner)) as search:
            told.until(lambda: scanner.pids)
            os.kill(scanner.pids[0], signal.SIGKILL)
            told.until(lambda: search.failed)
            assert "signal 9" in str(search.failed)
            assert not search.done
        with closing(Search(log, compile_pattern("last"), notify=told, scanner=scanner)) as search:
            settle(search, told)
            assert search.count == 1


def test_a_process_killed_between_questions_is_replaced(scanner: Scanner, hostile: Path) -> None:
    """What a search found is still to be asked for after its idle process was killed."""
    told = Told()
    with (
        closing(LogFile.open(hostile)) as log,
        closing(Search(log, compile_pattern("a"), notify=told, scanner=scanner)) as search,
    ):
        settle(search, told)
        (pid,) = scanner.pids
        os.kill(pid, signal.SIGKILL)
        until_gone(pid)
        told.until(lambda: search.spans(log.last() or 0) == ((1, 2), (5, 6), (6, 7), (7, 8)))
        assert search.failed is None


def test_letters_typed_one_after_another_do_not_pile_up(scanner: Scanner, tmp_path: Path) -> None:
    """Ten searches, each cancelled by the next: the last one's answer comes, in the processes that
    there are."""
    path = tmp_path / "log"
    with path.open("w") as file:
        for number in range(200_000):
            file.write(f"step {number} loss {number / 7:.4f}\n")
        file.write("a needle here\n")
    told = Told()
    with closing(LogFile.open(path)) as log:
        search: Search | None = None
        for length in range(1, 11):
            if search is not None:
                search.close()
            pattern = compile_pattern("needle her"[:length])
            search = Search(log, pattern, notify=told, scanner=scanner)
        assert search is not None
        settle(search, told)
        assert search.count == 1
        assert len(scanner.pids) <= 2
        search.close()


def test_what_is_near_the_reader_is_looked_at_first(tmp_path: Path) -> None:
    """Work is given out from the reader's block on, a single block at first, then from the
    beginning; a question about another place has that place looked at next."""
    path = tmp_path / "log"
    path.write_bytes(b"line of a log\n" * 500_000)
    idle = mock.Mock(lock=threading.RLock())
    with closing(LogFile.open(path)) as log:
        last = log.size // BLOCK
        search = Search(
            log, compile_pattern("x"), notify=Told(), origin=9 * BLOCK + 5, scanner=idle
        )
        assert search.next_work() == (9, 10, True)
        assert search.next_work() == (10, 14, False)
        idle.wait.return_value = False
        assert search.before(4 * BLOCK) is None
        assert search.next_work() == (0, 4, False)
        assert search.after(20 * BLOCK) is None
        assert search.next_work() == (20, 24, False)
        given: list[int] = []
        while (work := search.next_work()) is not None:
            given += range(*work[:2])
        assert sorted(given) == [*range(4, 9), *range(14, 20), *range(24, last + 1)]


def test_notify_is_called_now_and_then_only(scanner: Scanner, tmp_path: Path) -> None:
    """However much is found, there are at most about 20 calls a second."""
    path = tmp_path / "log"
    path.write_bytes(b"x\n" * 400_000)
    told = Told()
    with (
        closing(LogFile.open(path)) as log,
        closing(Search(log, compile_pattern("x"), notify=told, scanner=scanner)) as search,
    ):
        settle(search, told)
        assert search.count == 400_000
        pauses = [b - a for a, b in zip(told.times, told.times[1:], strict=False)]
        assert not pauses or min(pauses) > 0.03
