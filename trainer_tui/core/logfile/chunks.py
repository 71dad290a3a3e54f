"""The lines of a file in large pieces. Used in the process that searches."""

from __future__ import annotations

import os
from bisect import bisect_right

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_RAW = 1 << 20
"""A line of more bytes is not read whole; as in :mod:`trainer_tui.core.logfile.line`."""
OVERLAP = 64 << 10
"""Bytes that two pieces of such a line share."""
_MORE = 64 << 10


class Chunks:
    """A file's lines, as of one size and with some parts missing.

    Args:
        fd: Open for reading.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = 0
        self.gaps: list[tuple[int, int]] = []

    def read(self, start: int, stop: int) -> bytes:
        """Bytes of the file; fewer when it shrank."""
        data = os.pread(self.fd, stop - start, start)
        while data and len(data) < stop - start:
            more = os.pread(self.fd, stop - start - len(data), start + len(data))
            if not more:
                break
            data += more
        return data

    def lines(
        self, low: int, high: int, skip: Callable[[bytes], bool] | None = None
    ) -> Iterator[tuple[int, bytes | None, int]]:
        """The lines that begin in a range: in stretches of where the first begins, the bytes, and
        where the last ends; ``None`` for the bytes of one line of more than :data:`MAX_RAW`.

        Args:
            low: The range's first byte.
            high: One past its last.
            skip: Whether some bytes are of no interest; their whole lines are left out.
        """
        high = min(high, self.size)
        for start, stop, begins, end in self._stretches(low, high):
            yield from self._stretch(start, stop, begins, end, skip)

    def before(self, position: int) -> Iterator[bytes]:
        """The lines before the line at a position, the nearest first; not for ever."""
        floor = self._floor(position)
        start = max(floor, position - _MORE)
        lines = self.read(start, position).removesuffix(b"\n").split(b"\n")
        if start > floor:
            del lines[0]
        if position > floor:
            yield from reversed(lines)

    def stop(self, position: int) -> int:
        """Where the line that begins at a position ends, without its newline."""
        end = self._ceiling(position)
        at = position
        while at < end:
            data = self.read(at, min(end, at + _MORE))
            newline = data.find(b"\n")
            if newline >= 0:
                return at + newline
            if not data:
                return at
            at += len(data)
        return end

    # -- stretches ----------------------------------------------------------------------------

    def _stretches(self, low: int, high: int) -> Iterator[tuple[int, int, bool, int]]:
        """The parts of a range that are there: start, stop, whether a line begins at its start,
        and where the text after it is cut off."""
        at = low
        first = bisect_right(self.gaps, low, key=lambda gap: gap[1])
        for start, stop in self.gaps[first:]:
            if start >= high:
                break
            if start > at:
                yield at, start, self._begins(at), start
            at = max(at, stop)
        if at < high:
            yield at, high, self._begins(at), self._ceiling(at)

    def _begins(self, position: int) -> bool:
        if position == self._floor(position):
            return True
        return self.read(position - 1, position) == b"\n"

    def _floor(self, position: int) -> int:
        """Where the text around a position begins."""
        index = bisect_right(self.gaps, position, key=lambda gap: gap[1])
        return self.gaps[index - 1][1] if index else 0

    def _ceiling(self, position: int) -> int:
        """Where the text around a position ends."""
        index = bisect_right(self.gaps, position, key=lambda gap: gap[0])
        return min(self.gaps[index][0], self.size) if index < len(self.gaps) else self.size

    def _stretch(
        self, start: int, stop: int, begins: bool, end: int, skip: Callable[[bytes], bool] | None
    ) -> Iterator[tuple[int, bytes | None, int]]:
        data = self.read(start, stop)
        stop = start + len(data)
        first = 0 if begins else data.find(b"\n") + 1
        if (not first and not begins) or first == len(data):
            return
        if data.endswith(b"\n") or stop == end:
            last = len(data)
        else:
            last = data.rfind(b"\n") + 1
        if last > first and not (skip is not None and skip(data)):
            yield from self._checked(start + first, data[first:last])
        last = max(first, last)
        if last < len(data):
            yield from self._unfinished(start + last, data[last:], end)

    def _unfinished(
        self, position: int, data: bytes, end: int
    ) -> Iterator[tuple[int, bytes | None, int]]:
        """The line of which ``data`` is the beginning."""
        parts = [data]
        at = position + len(data)
        while at < end:
            more = self.read(at, min(end, at + _MORE))
            newline = more.find(b"\n")
            if newline >= 0:
                parts.append(more[: newline + 1])
                at += newline + 1
                break
            if not more:
                break
            parts.append(more)
            at += len(more)
            if at - position > MAX_RAW:
                yield position, None, self.stop(position)
                return
        yield from self._checked(position, b"".join(parts))

    def _checked(self, position: int, data: bytes) -> Iterator[tuple[int, bytes | None, int]]:
        """Whole lines, those that are too long told apart."""
        if len(data) <= MAX_RAW:
            yield position, data, position + len(data)
            return
        start = 0
        for low, high in _too_long(data):
            if low > start:
                yield position + start, data[start:low], position + low
            ended = data[high - 1 : high] == b"\n"
            yield position + low, None, position + high - ended
            start = high
        if start < len(data):
            yield position + start, data[start:], position + len(data)


def _too_long(data: bytes) -> Iterator[tuple[int, int]]:
    """The lines, with their newlines, that are longer than :data:`MAX_RAW`."""
    start = 0
    while len(data) - start > MAX_RAW:
        newline = data.rfind(b"\n", start, start + MAX_RAW + 1)
        if newline >= 0:
            start = newline + 1
            continue
        stop = data.find(b"\n", start + MAX_RAW)
        stop = len(data) if stop < 0 else stop + 1
        yield start, stop
        start = stop
