"""The file that fetched pieces go to: whatever order they come in, whoever dies meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from tests.unit.test_logfile_file import shown
from tests.unit.test_logfile_lines import wait_for
from trainer_tui.core.logfile import spool as spool_module
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.ranges import Ranges
from trainer_tui.core.logfile.spool import LOST, NOT_FETCHED, Spool, open_spool, prune
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef, LogChunk

REF = JobRef("cloud", "job-1")


def opened(folder: Path, name: str = "log") -> Spool:
    """The spool of the job's log."""
    return open_spool(folder, REF, name)


def piece(log: bytes, start: int, stop: int, **more: bool | int) -> LogChunk:
    """A part of a log, as a service gives it."""
    return LogChunk(log[start:stop], start, min(stop, len(log)), **more)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=20))
def test_ranges_are_those_of_a_set(pairs: list[tuple[int, int]]) -> None:
    """What is held and what is missing is what a set of numbers says."""
    ranges, held = Ranges(), set()
    for start, stop in pairs:
        ranges.add(start, stop)
        held |= set(range(start, stop))
    assert ranges.total == len(held)
    for start, stop in [(0, 45), (10, 20), (5, 5)]:
        wanted = set(range(start, stop))
        assert _numbers(ranges.within(start, stop)) == held & wanted
        assert _numbers(ranges.missing(start, stop)) == wanted - held
    edges = [edge for pair in ranges for edge in pair]
    assert edges == sorted(set(edges))


def _numbers(pairs: list[tuple[int, int]]) -> set[int]:
    return {number for start, stop in pairs for number in range(start, stop)}


@HALF
@given(
    log=st.binary(max_size=120),
    cuts=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 60), st.booleans()), max_size=12),
)
def test_pieces_in_any_order_make_the_log(log: bytes, cuts: list[tuple[int, int, bool]]) -> None:
    """What came is there, what did not is a gap, also after it was opened again."""
    with tempfile.TemporaryDirectory() as name:
        spool = opened(Path(name))
        end, seen = 0, set()
        for start, size, again in cuts:
            chunk = piece(log, min(start, len(log)), min(start + size, len(log)))
            spool.write(chunk)
            seen |= set(range(chunk.offset, chunk.next_offset))
            end = max(end, chunk.next_offset)
            if again:
                spool.close()
                spool = opened(Path(name))
            source = spool.source
            assert source.size == spool.next == end
            assert _numbers([(g.start, g.stop) for g in source.gaps]) == set(range(end)) - seen
            assert all(gap.fetchable and gap.why == NOT_FETCHED for gap in source.gaps)
            data = source.path.read_bytes()
            expected = log.replace(b"\x1e", b"\x1a")
            assert all(data[at] == expected[at] for at in seen)
        while (missing := spool.missing(7)) is not None:
            spool.write(piece(log, missing[0], missing[0] + missing[1]))
        assert spool.source.gaps == () and spool.held == end
        spool.close()


def test_a_log_that_begins_anew_goes_below_a_note(tmp_path: Path) -> None:
    """What was fetched stays; a part of it that was missing then is lost; the new one has gaps."""
    spool = opened(tmp_path)
    spool.write(piece(b"first line\nmore", 6, 15))
    spool.write(LogChunk(b"end of the second\n", 100, 118, reset=True))
    with closing(LogFile(spool.source)) as log:
        assert shown(log) == [
            f"6 bytes are missing here: {LOST}",
            "line",
            "more",
            "the log began anew at the service",
            f"100 bytes are missing here: {NOT_FETCHED}",
            "end of the second",
        ]
    assert [gap.fetchable for gap in spool.source.gaps] == [False, True]
    assert spool.next == 118 and spool.missing(1000) == (0, 100)
    spool.close()


def test_an_overlap_that_differs_is_another_log(tmp_path: Path) -> None:
    """A service that does not say that its log began anew is found out by the bytes."""
    spool = opened(tmp_path)
    spool.write(LogChunk(b"one\ntwo\n", 0, 8))
    spool.write(LogChunk(b"two\nthree\n", 4, 14))
    assert spool.next == 14
    spool.write(LogChunk(b"seven\n", 10, 16))
    with closing(LogFile(spool.source)) as log:
        lines = shown(log)
        assert lines[:4] == ["one", "two", "three", "the log began anew at the service"]
        assert lines[-1] == "seven"
    spool.close()


def test_a_log_that_lost_its_beginning(tmp_path: Path) -> None:
    """What was fetched before stays where it was; what was not is a gap that nobody can fill."""
    spool = opened(tmp_path)
    spool.write(LogChunk(b"tail\n", 50, 55))
    spool.write(LogChunk(b"more\n", 55, 60, begins=40))
    lost, fetchable = (0, 40), (40, 50)
    assert spool.missing(100) == (40, 10)
    spool.write(LogChunk(b"0123456789", 40, 50, begins=40))
    (gap,) = spool.source.gaps
    assert ((gap.start, gap.stop), gap.fetchable, gap.why) == (lost, False, LOST)
    assert spool.missing(100) is None and fetchable[1] == 50
    spool.close()


def test_what_a_job_prints_is_never_taken_for_a_note(tmp_path: Path) -> None:
    """A line that begins with the byte of our notes is text of the job."""
    spool = opened(tmp_path)
    spool.write(LogChunk(b"\x1ethe log began anew at the service\n", 0, 35))
    with closing(LogFile(spool.source)) as log:
        assert log.line(0).kind == "text"
        assert log.line(0).text == "\ufffdthe log began anew at the service"
    spool.close()


def test_arrivals_are_kept_once_a_second_and_not_without_end(tmp_path: Path) -> None:
    """They rise, and there are never more than a few thousand."""
    spool = opened(tmp_path)
    for number in range(10_000):
        spool.write(LogChunk(b"x", number, number + 1), 1000.0 + number / 2)
    arrivals = spool.source.arrivals
    assert 500 < len(arrivals) <= 2048
    assert list(arrivals) == sorted(arrivals)
    assert all(when == 1000.0 + (at - 1) / 2 for at, when in arrivals)
    spool.close()
    spool = opened(tmp_path)
    assert spool.source.arrivals == arrivals
    spool.close()


def test_two_programs_have_a_spool_each(tmp_path: Path) -> None:
    """Neither writes into the other's; when one ends, the next takes its place."""
    first, second = opened(tmp_path), opened(tmp_path)
    assert first.path != second.path
    first.write(LogChunk(b"one\n", 0, 4))
    second.write(LogChunk(b"one\n", 0, 4))
    assert opened(tmp_path, "build").path not in (first.path, second.path)
    first.close()
    third = opened(tmp_path)
    assert third.path == first.path and third.next == 4
    second.close()
    third.close()


@pytest.mark.parametrize(
    "told",
    ["", "{", "[]", '{"version": 1}', '{"version": 1, "size": 9, "held": [[0, 99]], "base": 0}'],
)
def test_a_spool_that_cannot_be_trusted_is_begun_anew(tmp_path: Path, told: str) -> None:
    """Whatever is in the file beside it."""
    spool = opened(tmp_path)
    spool.write(LogChunk(b"one\n", 0, 4))
    spool.close()
    spool.path.with_suffix(".json").write_text(told)
    spool = opened(tmp_path)
    assert (spool.next, spool.source.size, spool.path.read_bytes()) == (0, 0, b"")
    spool.close()


def test_a_spool_shorter_than_what_is_told_of_it_is_begun_anew(tmp_path: Path) -> None:
    """As after a crash of the machine."""
    spool = opened(tmp_path)
    spool.write(LogChunk(b"x" * 100, 0, 100))
    spool.close()
    os.truncate(spool.path, 50)
    spool = opened(tmp_path)
    assert spool.next == 0
    spool.close()


WRITER = """
import sys
from pathlib import Path
from trainer_tui.core.logfile import spool
from trainer_tui.model import JobRef, LogChunk
spool._SAVE = 0.05
made = spool.open_spool(Path(sys.argv[1]), JobRef("cloud", "job-1"), "log")
at = made.next
while True:
    data = b"".join(b"line %09d\\n" % n for n in range(at // 15, at // 15 + 10))
    made.write(LogChunk(data, at, at + len(data)))
    at += len(data)
    print(at, flush=True)
"""


def test_a_writer_that_is_killed_loses_only_the_last_of_it(tmp_path: Path) -> None:
    """kill -9 at any moment: what the next run finds is right, and it goes on from there."""
    before = 0
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            for _ in range(200):
                assert writer.stdout.readline()
            wait_for(lambda: any(tmp_path.glob("*.json")))
            writer.send_signal(signal.SIGKILL)
        spool = opened(tmp_path)
        assert spool.next >= before and spool.next % 15 == 0
        before = spool.next
        assert spool.source.gaps == ()
        expected = b"".join(b"line %09d\n" % n for n in range(before // 15))
        assert spool.path.read_bytes()[:before] == expected
        spool.close()
    assert before > 0


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names it; nothing that was not written is told as there; later it goes on."""
    spool = opened(tmp_path)
    spool.write(LogChunk(b"one\n", 0, 4))
    real = os.pwrite

    def full(fd: int, data: memoryview, at: int) -> int:
        if at >= 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[:2], at)

    with monkeypatch.context() as patch:
        patch.setattr(spool_module.os, "pwrite", full)
        with pytest.raises(TrainerError, match="is full"):
            spool.write(LogChunk(b"two\n", 4, 8))
    assert spool.source.size == spool.next == 4
    spool.write(LogChunk(b"two\n", 4, 8))
    assert spool.path.read_bytes() == b"one\ntwo\n" and spool.source.gaps == ()
    spool.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").touch()
    with pytest.raises(TrainerError, match="cannot be kept"):
        opened(tmp_path / "file" / "logs")


def test_old_spools_go_when_there_are_too_many(tmp_path: Path) -> None:
    """The least used first, none that is in use, until the rest fits."""
    used = opened(tmp_path, "used")
    for name in ("used", "old", "older", "new"):
        spool = used if name == "used" else opened(tmp_path, name)
        spool.write(LogChunk(b"x" * 100_000, 0, 100_000))
        if spool is not used:
            spool.close()
        when = {"used": 1, "older": 2, "old": 3, "new": 4}[name]
        os.utime(spool.path, (when, when))
    prune(tmp_path, 250_000)
    assert sorted(path.stem.split("-")[2] for path in tmp_path.glob("*.log")) == ["new", "used"]
    assert len(list(tmp_path.glob("*.json"))) == 1
    prune(tmp_path, 1 << 30, count=1)
    assert [path.stem.split("-")[2] for path in tmp_path.glob("*.log")] == ["used"]
    used.close()


def test_names_of_jobs_cannot_leave_the_folder(tmp_path: Path) -> None:
    """Whatever a service calls its jobs; and no two jobs share a file."""
    folder = tmp_path / "logs"
    refs = [JobRef("p", "../../x"), JobRef("p", "x"), JobRef("q", "x"), JobRef("p", "a" * 500)]
    spools = [open_spool(folder, ref, "../log") for ref in refs]
    assert len({spool.path for spool in spools}) == 4
    assert {spool.path.parent for spool in spools} == {folder}
    assert folder.stat().st_mode & 0o077 == 0 and spools[0].path.stat().st_mode & 0o077 == 0
    for spool in spools:
        spool.close()
