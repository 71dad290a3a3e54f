"""A file as lines: what is shown is what a plain reading of the same bytes gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import plain_reading
from tests.unit.examples import HALF
from trainer_tui.core.logfile import document, finder, index, rawfile
from trainer_tui.core.logfile import line as line_module
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.lines import PLAIN, Line, Sgr
from trainer_tui.core.logfile.source import Gap, LogSource

_PIECES = st.sampled_from(
    [
        *(b"\n", b"\n", b"\r", b"\r\n", b"\t", b"\0", b"\x07", b"\x1e", b"loss: 1.5", b" ", b"ab"),
        *(b"\x1b[31m", b"\x1b[0m", b"\x1b[m", b"\x1b[1;38;5;200m", b"\x1b[K", b"\x1b", b"\x1b["),
        *(b"\x1b]0;title\x07", b"\x1b]8;;", b"\x1b\\", b"\xc2\x9b32m", b"\xc2\x9d", b"\x1bP1"),
        *(
            "é".encode(),
            "日本".encode(),
            b"\xff",
            b"\xe6\x97",
            "\u202e".encode(),
            "\ufeff".encode(),
        ),
    ]
)
LOGS = st.lists(st.one_of(_PIECES, st.binary(max_size=12)), max_size=60).map(b"".join)


def looks(line: Line) -> list[Sgr]:
    """The look of each character."""
    found = [PLAIN] * len(line.text)
    for start, stop, look in line.spans:
        found[start:stop] = [look] * (stop - start)
    return found


def forwards(log: LogFile) -> list[int]:
    """All positions, from the first line on."""
    found, position = [], log.first()
    while position is not None:
        found.append(position)
        position = log.after(position)
    return found


def backwards(log: LogFile) -> list[int]:
    """All positions, from the last line back, turned round."""
    found, position = [], log.last()
    while position is not None:
        found.append(position)
        position = log.before(position)
    return found[::-1]


def check(log: LogFile, data: bytes, gaps: tuple[Gap, ...] = ()) -> None:
    """The log's lines are those of a plain reading."""
    starts = plain_reading.starts(data, gaps)
    assert forwards(log) == starts
    assert backwards(log) == starts
    assert log.count() == len(starts)
    edges = [*starts, len(data)]
    for number, (position, stop) in enumerate(zip(starts, edges[1:], strict=False)):
        line = log.line(position)
        assert (log.number(position), log.numbered(number)) == (number, position)
        assert (line.position, line.stop) == (position, stop)
        inside = (position + stop) // 2
        assert log.at(inside) == position
        assert log.after(inside) == (stop if stop < len(data) else None)
        if any(gap.start == position for gap in gaps):
            assert line.kind == "gap"
            continue
        floor = max((gap.stop for gap in gaps if gap.stop <= position), default=0)
        text, ways, more = plain_reading.shown(data, position, stop, floor)
        assert (line.text, looks(line), line.more) == (text, ways, more)
        assert line.open == (stop == len(data) and not data.endswith(b"\n"))
    assert log.numbered(len(starts) + 5) == (starts[-1] if starts else None)


def holding(path: Path, data: bytes) -> LogFile:
    """A log of these bytes, indexed."""
    path.write_bytes(data)
    log = LogFile.open(path)
    log.start_index()
    wait_for(lambda: log.indexed == 1)
    return log


def wait_for(held: Callable[[], bool]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + 60
    while not held():
        assert time.monotonic() < until
        time.sleep(0.001)


@contextmanager
def small(block: int) -> Iterator[None]:
    """Blocks, windows and pieces of a few bytes, so that a short log has many of them."""
    with ExitStack() as stack:
        for module, name, size in (
            (index, "BLOCK", block),
            (finder, "BLOCK", block),
            (finder, "_PIECE", 8),
            (finder, "_FAR", 8),
            (rawfile, "WINDOW", 32),
            (document, "WINDOW", 32),
            (line_module, "_STATES", 1),
        ):
            stack.enter_context(mock.patch.object(module, name, size))
        yield


BLOCKS = st.sampled_from([4, 16, 64, 256 << 10])


@HALF
@given(data=LOGS, block=BLOCKS)
def test_lines_are_those_of_a_plain_reading(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, block: int
) -> None:
    """Positions, numbers, texts, looks: forwards, backwards and from the middle."""
    with small(block), closing(holding(tmp_path_factory.getbasetemp() / "lines", data)) as log:
        check(log, data)


@HALF
@given(pieces=st.lists(LOGS, max_size=6), block=BLOCKS)
def test_growth_in_pieces_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], block: int
) -> None:
    """After each piece the lines are those of all that was written; what changed is told."""
    path = tmp_path_factory.getbasetemp() / "growth"
    with small(block), closing(holding(path, b"")) as log:
        data = b""
        for piece in pieces:
            before = {p: log.line(p) for p in forwards(log)}
            with path.open("ab") as file:
                file.write(piece)
            change = log.update()
            data += piece
            assert change.grown == bool(piece)
            assert not change.reset
            wait_for(lambda: log.indexed == 1)
            check(log, data)
            for position, told in before.items():
                if change.first_changed is None or position < change.first_changed:
                    assert log.line(position) == told


@HALF
@given(data=LOGS, cuts=st.lists(st.integers(0, 200), max_size=6), block=BLOCKS)
def test_gaps_are_lines_and_can_be_filled(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int], block: int
) -> None:
    """A gap is one line that says so; when it is filled, from its end, the text is whole."""
    edges = sorted({min(cut, len(data)) for cut in cuts})
    pairs = zip(edges[::2], edges[1::2], strict=False)
    gaps = tuple(Gap(a, b, "not fetched yet", True) for a, b in pairs)
    path = tmp_path_factory.getbasetemp() / "gaps"
    path.write_bytes(data)
    with small(block), closing(LogFile(LogSource(path, len(data), gaps=gaps))) as log:
        log.start_index()
        wait_for(lambda: log.indexed == 1)
        check(log, data, gaps)
        while gaps:
            *others, last = gaps
            half = (last.start + last.stop) // 2
            rest = (Gap(last.start, half, last.why, True),) if half > last.start else ()
            gaps = (*others, *rest)
            change = log.update(LogSource(path, len(data), gaps=gaps))
            assert change.first_changed is not None
            wait_for(lambda: log.indexed == 1)
            check(log, data, gaps)
