"""Where the line around a byte begins and ends."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict

from trainer_tui.core.logfile.index import BLOCK, BlockIndex
from trainer_tui.core.logfile.rawfile import RawFile
from trainer_tui.core.logfile.source import Gap

_PIECE = 1 << 20
_FAR = 256 << 10
_FAR_KEPT = 16


class Finder:
    """Looks for the newlines around a place; what took long to find is remembered.

    A line begins after a newline, at a gap, and after one.
    """

    def __init__(self, file: RawFile, index: BlockIndex, size: int, gaps: tuple[Gap, ...]) -> None:
        self._file = file
        self._index = index
        self._size = size
        self._gaps = gaps
        self._far: OrderedDict[int, int] = OrderedDict()

    def resize(self, size: int, gaps: tuple[Gap, ...]) -> None:
        """The file has this size and these gaps now."""
        if gaps != self._gaps:
            self._far.clear()
        self._size, self._gaps = size, gaps

    def gap(self, position: int) -> Gap | None:
        """The gap that a position is in."""
        if not self._gaps:
            return None
        index = bisect_right(self._gaps, position, key=lambda gap: gap.start) - 1
        return self._gaps[index] if index >= 0 and position < self._gaps[index].stop else None

    def floor(self, position: int) -> int:
        """Where the text that a position is in begins: after a gap, or with the file."""
        index = bisect_right(self._gaps, position, key=lambda gap: gap.start) - 1
        return self._gaps[index].stop if index >= 0 else 0

    def _ceiling(self, position: int) -> int:
        """Where it ends: at a gap, or with the file."""
        index = bisect_right(self._gaps, position, key=lambda gap: gap.start)
        if index < len(self._gaps):
            return min(self._size, self._gaps[index].start)
        return self._size

    def start(self, position: int) -> int:
        """Where the line begins that has the byte at a position."""
        gap = self.gap(position)
        if gap is not None:
            return gap.start
        floor, at = self.floor(position), position
        if at <= floor:
            return floor
        low, data = self._file.around(at - 1, self._size)
        while True:
            found = data.rfind(b"\n", max(0, floor - low), max(0, at - low))
            if found >= 0:
                start = low + found + 1
                break
            at = max(floor, low)
            while at % BLOCK == 0 and at - BLOCK >= floor and self._index.empty(at // BLOCK - 1):
                at -= BLOCK
            known = self._known(at)
            if known is not None or at == floor:
                start = floor if known is None else known
                break
            low = max(floor, at - _PIECE)
            data = self._file.read(low, at)
        if position - start > _FAR:
            self._remember(start, position)
        return start

    def stop(self, position: int) -> int:
        """One past the last byte of the line that has a position, its newline included."""
        gap = self.gap(position)
        if gap is not None:
            return min(gap.stop, self._size)
        known = self._known(position)
        at = position if known is None else max(position, self._far[known])
        ceiling = self._ceiling(position)
        if at >= ceiling:
            return ceiling
        low, data = self._file.around(at, self._size)
        while True:
            found = data.find(b"\n", at - low, ceiling - low)
            if found >= 0:
                stop = low + found + 1
                without = stop - 1
                break
            stop = without = min(ceiling, max(at, low + len(data)))
            if stop == at:  # the file shrank
                return ceiling
            at = stop
            while at % BLOCK == 0 and at + BLOCK <= ceiling and self._index.empty(at // BLOCK):
                at += BLOCK
                stop = without = at
            if at >= ceiling:
                break
            low, data = at, self._file.read(at, min(ceiling, at + _PIECE))
        if known is not None:
            self._remember(known, without)
        elif stop - position > _FAR:
            self._remember(self.start(position), without)
        return stop

    def _known(self, position: int) -> int | None:
        """The start of a long line that is known to reach to a position."""
        for start, stop in self._far.items():
            if start <= position <= stop:
                return start
        return None

    def _remember(self, start: int, stop: int) -> None:
        """The line at ``start`` has no newline before ``stop``."""
        self._far[start] = max(stop, self._far.get(start, 0))
        self._far.move_to_end(start)
        if len(self._far) > _FAR_KEPT:
            self._far.popitem(last=False)
