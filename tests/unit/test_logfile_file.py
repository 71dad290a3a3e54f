"""A log's file while others write, cut, turn and replace it; and files of unreasonable shape."""

from __future__ import annotations

import os
import threading
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.test_logfile_lines import wait_for
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.index import BLOCK
from trainer_tui.core.logfile.line import MAX_LINE
from trainer_tui.core.logfile.source import Gap, LogSource


def shown(log: LogFile) -> list[str]:
    """All lines' texts."""
    found, position = [], log.first()
    while position is not None:
        found.append(log.line(position).text)
        position = log.after(position)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def test_a_file_that_is_not_there_yet(path: Path) -> None:
    """It is an empty log until it comes."""
    with closing(LogFile.open(path)) as log:
        assert (log.first(), log.last(), log.at(5), log.near(0.5)) == (None, None, None, None)
        assert (log.after(-1), log.before(9), log.count(), log.size) == (None, None, 0, 0)
        assert not log.update()
        path.write_bytes(b"one\n")
        assert log.update().grown
        assert shown(log) == ["one"]


def test_a_file_that_was_cut_and_grows_again(path: Path) -> None:
    """Every position is void, and what is shown is what is there now."""
    path.write_bytes(b"one\ntwo\nthree\n")
    with closing(LogFile.open(path)) as log:
        assert len(shown(log)) == 3
        os.truncate(path, 4)
        assert log.update().reset
        assert shown(log) == ["one"]


def test_a_file_that_was_written_anew_to_the_same_length(path: Path) -> None:
    """That is seen by its bytes, also when it is longer than before by now."""
    path.write_bytes(b"one\ntwo\n")
    with closing(LogFile.open(path)) as log:
        assert shown(log) == ["one", "two"]
        with path.open("r+b") as file:
            file.write(b"six\nten\nand more\n")
        assert log.update().reset
        assert shown(log) == ["six", "ten", "and more"]


def test_a_log_that_is_turned(path: Path) -> None:
    """Moved aside and begun anew: the new file is shown; a file that is only gone stays."""
    path.write_bytes(b"old\n")
    with closing(LogFile.open(path)) as log:
        path.rename(path.with_suffix(".1"))
        assert not log.update()
        assert shown(log) == ["old"]
        path.write_bytes(b"new and longer\n")
        assert log.update().reset
        assert shown(log) == ["new and longer"]


def test_reading_while_it_shrinks_is_short_and_no_fault(path: Path) -> None:
    """Between a cut and the next update, what is gone reads as nothing."""
    path.write_bytes(b"line\n" * 100_000)
    with closing(LogFile.open(path)) as log:
        os.truncate(path, 10)
        last = log.last()
        assert last is not None
        assert log.line(last).text == ""
        assert log.after(0) is not None
        assert log.read(0, 100) == b"line\nline\n"
        assert log.update().reset


def test_an_unfinished_line_ends_when_the_job_does(path: Path) -> None:
    """It is open while more may come, and told as changed when none will."""
    path.write_bytes(b"one\nhal")
    with closing(LogFile.open(path)) as log:
        assert log.line(4).open
        change = log.update(LogSource(path, 7, complete=True))
        assert (change.grown, change.first_changed, log.complete) == (False, 4, True)
        assert not log.line(4).open


def test_another_generation_is_another_log(path: Path) -> None:
    """Whoever writes the file can say that it began anew."""
    path.write_bytes(b"one\n")
    with closing(LogFile(LogSource(path, 4))) as log:
        assert log.update(LogSource(path, 4, generation=1)).reset


def test_notes_are_told_apart_from_what_a_job_prints(path: Path) -> None:
    """Only where the file's writer marks its own lines are such lines notes."""
    path.write_bytes(b"\x1b[31mred\n\x1ebegan anew\nplain\n")
    with closing(LogFile(LogSource(path, path.stat().st_size, notes=True))) as log:
        second = log.after(0)
        assert second is not None and (third := log.after(second)) is not None
        assert (log.line(second).kind, log.line(second).text) == ("note", "began anew")
        assert log.line(third).spans == ()  # another log: its colours begin anew
    with closing(LogFile.open(path)) as log:
        assert {log.line(p).kind for p in (0, second, third)} == {"text"}


def test_a_gap_says_how_much_and_why(path: Path) -> None:
    """It is a line of its own, between lines that it cuts."""
    path.write_bytes(b"abc" + bytes(10_000) + b"xyz\n")
    source = LogSource(path, 10_007, gaps=(Gap(3, 10_003, "not fetched yet", True),))
    with closing(LogFile(source)) as log:
        assert shown(log) == ["abc", "10,000 bytes are missing here: not fetched yet", "xyz"]
        assert [log.line(p).kind for p in (0, 3, 10_003)] == ["text", "gap", "text"]
        assert log.at(5_000) == 3


def test_the_index_counts_in_its_own_thread_and_says_so(path: Path) -> None:
    """Numbers are unknown, then known; growth is counted too."""
    path.write_bytes(b"a line\n" * 500_000)
    told = threading.Event()
    with closing(LogFile.open(path)) as log:
        last = log.last()
        assert last is not None
        assert (log.number(last), log.count(), log.numbered(400_000)) == (None, None, None)
        log.start_index(told.set)
        assert told.wait(60)
        wait_for(lambda: log.indexed == 1)
        assert (log.number(last), log.count()) == (499_999, 500_000)
        assert log.numbered(400_000) == 400_000 * 7
        with path.open("ab") as file:
            file.write(b"more\n" * 300_000 + b"last")
        assert log.update().first_changed == 3_500_000
        wait_for(lambda: log.indexed == 1)
        assert log.count() == 800_001
        assert log.line(log.numbered(800_000) or 0).text == "last"
        assert log.numbered(10**9) == log.last()


def test_counting_ends_when_the_log_is_closed_or_begins_anew(path: Path) -> None:
    """No thread is left, and none counts a file that is not shown any more."""
    path.write_bytes(b"a line\n" * 1_000_000)
    log = LogFile.open(path)
    log.start_index()
    path.write_bytes(b"one\n")
    assert log.update().reset
    wait_for(lambda: log.indexed == 1)
    assert log.count() == 1
    log.close()
    assert log.read(0, 4) == b""
    assert not [t for t in threading.enumerate() if t.name == "log-index"]


@pytest.mark.parametrize(
    ("unit", "ends"),
    [
        (b"x" * 1000, "x" * MAX_LINE),
        (bytes(1000), "\ufffd" * MAX_LINE),
        (b"a\0" * 500, "a\ufffd" * (MAX_LINE // 2)),
        (b"\xff" * 1000, "\ufffd" * MAX_LINE),
        (b"99%|####|\r" * 100, "99%|####|"),
        (b"\x1b[K\r" * 250, ""),
        ("é".encode() * 500, "é" * MAX_LINE),
    ],
    ids=["plain", "nul", "utf-16", "no text", "bars", "empty states", "two bytes"],
)
def test_a_line_of_tens_of_megabytes(path: Path, unit: bytes, ends: str) -> None:
    """It is shown, passed over both ways, and followed while it grows, in bounded memory."""
    with path.open("wb") as file:
        file.write(b"first\n")
        for _ in range(20):
            file.write(unit * 1000)
    with closing(LogFile.open(path)) as log:
        log.start_index()
        tracemalloc.start()
        assert log.last() == 6 and log.before(log.size) == 6 and log.after(6) is None
        line = log.line(6)
        assert line.text == ends and line.open and line.stop == log.size
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 15 << 20
        with path.open("ab") as file:
            file.write(unit + b"\nlast\n")
        assert log.update().first_changed == 6
        wait_for(lambda: log.indexed == 1)
        assert log.count() == 3
        last = log.last()
        assert last is not None and log.line(last).text == "last"
        assert log.before(last) == 6 and log.after(6) == last
        assert not log.line(6).open


def test_tens_of_millions_of_short_lines(path: Path) -> None:
    """Each is found by its number, at a few bytes of memory for each thousand of them."""
    with path.open("wb") as file:
        for _ in range(40):
            file.write(b"\n" * 500_000)
    with closing(LogFile.open(path)) as log:
        tracemalloc.start()
        log.start_index()
        wait_for(lambda: log.indexed == 1)
        assert log.count() == 20_000_000
        for number in (0, 1, BLOCK - 1, BLOCK, 12_345_678, 19_999_999):
            assert log.numbered(number) == number
            assert log.number(number) == number
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kept < 1 << 20


def test_text_is_what_is_shown(path: Path) -> None:
    """For saving and copying: clean lines, from one position to another."""
    path.write_bytes(b"one\x1b[31m\n10%\r20%\nthree\nfour")
    with closing(LogFile.open(path)) as log:
        assert log.text(0, log.size) == "one\n20%\nthree\nfour\n"
        assert log.text(1, 17) == "20%\n"
        assert log.raw(9) == b"10%\r20%"
        assert (log.part(0), log.near(1.0), log.near(0.0)) == (0.0, log.last(), 0)
