"""Newlines counted by block, so that a position has a line number.

Four bytes and a mark for each block of 256 KiB are kept: 20 kB for a gigabyte. What follows from
them (the lines before each block) is made when it is asked for.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from time import monotonic

from trainer_tui.core.logfile.rawfile import RawFile
from trainer_tui.core.logfile.source import Gap

BLOCK = 256 << 10
"""Bytes of one block. A line belongs to the block in which it begins."""

FEW = 4
"""So many blocks are counted in a millisecond."""
_NOTIFY = 0.1

Read = Callable[[int, int], bytes]
"""Bytes from a position to another; fewer when the file is shorter."""


class BlockIndex:
    """How many lines end in each block; safe to use from two threads.

    A gap is one line and ends where it stops; text that a gap cuts off ends there too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = array("I")
        self._known = bytearray()
        self._unknown = 0
        self._version = 0
        self._before: list[int] | None = None
        self.size = 0
        self.gaps: Sequence[Gap] = ()

    @property
    def part(self) -> float:
        """How much of it is counted, 0 to 1."""
        blocks = len(self._known)
        return 1.0 if not blocks else 1.0 - self._unknown / blocks

    def resize(self, size: int, gaps: Sequence[Gap], changed: tuple[int, int] | None) -> None:
        """The log has this size and these gaps now, and these bytes differ from before."""
        with self._lock:
            self._version += 1
            self._before = None
            self.size, self.gaps = size, gaps
            blocks = -(-size // BLOCK)
            added = blocks - len(self._known)
            if added > 0:
                self._counts.extend([0] * added)
                self._known.extend(bytes(added))
            else:
                del self._counts[blocks:], self._known[blocks:]
            if changed is not None and changed[1] > changed[0]:
                first, last = changed[0] // BLOCK, min(blocks, -(-changed[1] // BLOCK))
                if last > first:
                    self._known[first:last] = bytes(last - first)
            self._unknown = self._known.count(0)

    def waiting(self) -> int:
        """How many blocks are not counted."""
        return self._unknown

    def count_next(self, read: Read, start: int = 0) -> int | None:
        """Count one block at or after a block's number; gives which, ``None`` when all are."""
        with self._lock:
            block = self._known.find(0, start)
            if block < 0 and start:
                block = self._known.find(0)
            if block < 0:
                return None
            version, size, gaps = self._version, self.size, self.gaps
        counted = _ends(read, gaps, block * BLOCK, min(size, (block + 1) * BLOCK))
        with self._lock:
            if version == self._version and not self._known[block]:
                self._counts[block] = counted
                self._known[block] = 1
                self._unknown -= 1
                self._before = None
        return block

    def empty(self, block: int) -> bool:
        """Whether a block is known to have no end of a line."""
        return block < len(self._known) and bool(self._known[block]) and not self._counts[block]

    def number(self, position: int, read: Read) -> int | None:
        """How many lines end before a position; ``None`` while that is not known."""
        with self._lock:
            block = min(position // BLOCK, len(self._known))
            if self._unknown and self._known.find(0, 0, block) >= 0:
                return None
            before, gaps = self._sums()[block], self.gaps
        return before + _ends(read, gaps, block * BLOCK, position)

    def total(self) -> int | None:
        """How many lines end; ``None`` while that is not known."""
        with self._lock:
            return None if self._unknown else self._sums()[-1]

    def numbered(self, number: int, read: Read) -> int | None:
        """Where the line after ``number`` ends begins; ``None`` while that is not known.

        ``number`` is at least 1 and at most :meth:`total`.
        """
        with self._lock:
            sums = self._sums()
            block = bisect_right(sums, number - 1) - 1
            if self._unknown and (
                block >= len(self._known) or self._known.find(0, 0, block + 1) >= 0
            ):
                return None
            rest, gaps, size = number - sums[block], self.gaps, self.size
        start, stop = block * BLOCK, min(size, (block + 1) * BLOCK)
        return _nth_end(read, gaps, start, stop, rest)

    def _sums(self) -> list[int]:
        if self._before is None:
            self._before = list(accumulate(self._counts, initial=0))
        return self._before


class Indexer(threading.Thread):
    """Counts all blocks that are not counted, then ends.

    Args:
        index: Where the counts go.
        file: Read and closed by this thread.
        notify: Called in this thread, at most ten times a second and at the end.
    """

    def __init__(self, index: BlockIndex, file: RawFile, notify: Callable[[], None] | None) -> None:
        super().__init__(name="log-index", daemon=True)
        self._index = index
        self._file = file
        self._notify = notify or (lambda: None)
        self._lock = threading.Lock()
        self._ended = False
        self._canceled = False

    def goes_on(self) -> bool:
        """Whether it will also count what is waiting now."""
        with self._lock:
            return not self._ended

    def cancel(self) -> None:
        """End soon, and tell nothing more."""
        self._canceled = True

    def run(self) -> None:
        """Count."""
        told, block = monotonic(), 0
        try:
            while not self._canceled and not self._all_counted():
                block = self._index.count_next(self._file.read, block) or 0
                if monotonic() - told >= _NOTIFY:
                    told = monotonic()
                    self._notify()
        finally:
            self._file.close()
        if not self._canceled:
            self._notify()

    def _all_counted(self) -> bool:
        with self._lock:
            self._ended = not self._index.waiting()
            return self._ended


def _stretches(gaps: Sequence[Gap], start: int, stop: int) -> list[tuple[int, int, bool]]:
    """The parts of a range that are there, and whether each is cut off by a gap at its end;
    a gap that stops in the range is an empty part at its stop."""
    found: list[tuple[int, int, bool]] = []
    at = start
    first = bisect_right(gaps, start, key=lambda gap: gap.stop)
    for gap in gaps[first:]:
        if gap.start >= stop:
            break
        if gap.start > at:
            found.append((at, gap.start, True))
        if gap.stop <= stop:
            found.append((gap.stop, gap.stop, True))
        at = max(at, min(gap.stop, stop))
    if at < stop:
        cut = any(gap.start == stop for gap in gaps[first:])
        found.append((at, stop, cut))
    return found


def _ends(read: Read, gaps: Sequence[Gap], start: int, stop: int) -> int:
    """How many lines end in a range (by where the end's last byte is)."""
    if not gaps:
        return read(start, stop).count(b"\n") if stop > start else 0
    count = 0
    for low, high, cut in _stretches(gaps, start, stop):
        if low == high:
            count += 1
            continue
        data = read(low, high)
        count += data.count(b"\n") + (cut and not data.endswith(b"\n"))
    return count


def _nth_end(read: Read, gaps: Sequence[Gap], start: int, stop: int, number: int) -> int | None:
    """One past the ``number``-th end of a line in a range; ``None`` when there are fewer."""
    for low, high, cut in _stretches(gaps, start, stop):
        if low == high:
            number -= 1
            if not number:
                return low
            continue
        data = read(low, high)
        here = data.count(b"\n")
        if here >= number:
            return low + _nth(data, number)
        number -= here
        if cut and not data.endswith(b"\n"):
            number -= 1
            if not number:
                return high
    return None


def _nth(data: bytes, number: int) -> int:
    """One past the ``number``-th newline."""
    step, at = 4096, 0
    while (here := data.count(b"\n", at, at + step)) < number:
        number -= here
        at += step
    for _ in range(number):
        at = data.index(b"\n", at) + 1
    return at
