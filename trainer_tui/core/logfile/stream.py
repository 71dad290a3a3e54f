"""The end of one log whose lines are to be merged: when each counts as written.

Read a chunk of lines at a time, wherever a question leads. A chunk's times are brought between
those of the chunks that were read before it, so that they rise along the log in whatever order
it is read; of each chunk that was read five numbers are remembered, so that it comes out the same
another time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from trainer_tui.core.logfile.index import BLOCK
from trainer_tui.core.logfile.lines import Line
from trainer_tui.core.logfile.times import LineTimes

CHUNK = 16 << 10
LEADING = 200
"""Lines at the beginning without a time that wait for one that says it."""
NEVER = 1 << 60
_CHUNKS_KEPT = 64
_LOOK_BACK = 50


class Place(NamedTuple):
    """A line of one log: when it counts as written, and where it is."""

    micro: int
    position: int


class _Bounds(NamedTuple):
    """What is remembered of a chunk: the times of its first and last line, and between which
    times and after which it was put in order."""

    first: int
    last: int
    floor: int
    ceiling: int
    carried: int | None


class _Chunk(NamedTuple):
    """The lines that begin in a stretch of a log, each with the time it counts as written."""

    micros: list[int]
    positions: list[int]


class Stream:
    """One of the logs: the end of it, in chunks whose times rise."""

    def __init__(self, name: str, times: LineTimes, window: int) -> None:
        self.name, self.times, self.lines, self.window = name, times, times.lines, window
        self.begin()

    def begin(self) -> None:
        """All of it is new."""
        last = self.lines.last()
        self.end = 0 if last is None else last
        """The last line that was looked at: only it and what comes after it may change."""
        self.start = 0
        if last is not None and last > self.window:
            # Where a block begins: what a search has counted is parted there.
            low = last - self.window
            low -= low % BLOCK if self.window > BLOCK else 0
            found = self.lines.after(low - 1)
            self.start = found or 0
        self._bounds: dict[int, _Bounds] = {}
        self._chunks: OrderedDict[int, _Chunk] = OrderedDict()
        self._hint = self._number(self.end)

    def grown(self) -> None:
        """There is more at the end: of its last chunk only what is new is read."""
        old, end = self._number(self.end), self.end
        held = self._chunk(old)
        self.end = self.lines.last() or 0
        if self._hint >= old:
            self._hint = self._number(self.end)  # whoever asked about the end will ask again
        empty, kept = not held.positions, bisect_left(held.positions, end)
        del held.positions[kept:], held.micros[kept:]
        if kept:
            self._extend(held, old, end)
            return
        del self._chunks[old]
        if empty:
            del self._bounds[old]
        self._chunk(old)

    def _extend(self, chunk: _Chunk, number: int, start: int) -> None:
        """Read the rest of a chunk, from a line on."""
        known = self._bounds[number]
        positions, said = self._read(number, start)
        chunk.positions.extend(positions)
        chunk.micros.extend(_rising(chunk.micros[-1], said, known.ceiling))
        self._bounds[number] = known._replace(last=chunk.micros[-1])

    def is_note(self, position: int) -> bool:
        """Whether this is the line that tells what was left out."""
        return position == 0 < self.start

    def line(self, position: int) -> Line:
        """A line, or what is told in place of those left out."""
        if not self.is_note(position):
            return self.lines.line(position)
        text = f"{self.start:,} bytes of {self.name} before this are not merged"
        return Line(0, text, kind="gap")

    def place(self, position: int) -> Place | None:
        """A line of the log, with its time; before the window, the first one."""
        number = self._number(position)
        while number <= self._number(self.end):
            chunk = self._chunk(number)
            index = bisect_left(chunk.positions, position)
            if index < len(chunk.positions):
                return Place(chunk.micros[index], chunk.positions[index])
            number += 1
        return None

    def first_from(self, micro: int, position: int) -> Place | None:
        """The first line of that time and position or after it."""
        number = self._first_chunk(micro, position)
        last = self._number(self.end)
        while number <= last:
            chunk = self._chunk(number)
            low = bisect_left(chunk.micros, micro)
            high = bisect_right(chunk.micros, micro)
            index = bisect_left(chunk.positions, position, low, high)
            if index < len(chunk.positions):
                return Place(chunk.micros[index], chunk.positions[index])
            number += 1
        return None

    def last_below(self, micro: int, position: int) -> Place | None:
        """The last line before that time and position."""
        number = min(self._first_chunk(micro, position), self._number(self.end))
        while number >= 0:
            chunk = self._chunk(number)
            low = bisect_left(chunk.micros, micro)
            high = bisect_right(chunk.micros, micro)
            index = bisect_left(chunk.positions, position, low, high) - 1
            if index >= 0:
                return Place(chunk.micros[index], chunk.positions[index])
            number -= 1
        return None

    # Chunks

    def _number(self, position: int) -> int:
        return max(0, position - self.start) // CHUNK

    def _first_chunk(self, micro: int, position: int) -> int:
        """The first chunk that may hold such a line, or one past the last: in steps that double
        from where the last question ended, then by halving."""
        last = self._number(self.end)
        if micro >= NEVER or (micro, position) == (0, 0):
            return last + 1 if micro else 0

        def enough(number: int) -> bool:
            end = self.start + (number + 1) * CHUNK
            return (self._bound(number).last, end - 1) >= (micro, position)

        here, step = min(self._hint, last), 1
        if enough(here):
            low, high = here, here
            while high > 0 and (low := max(0, high - step)) < high and enough(low):
                high, step = low, step * 2
            low = -1 if high == 0 else low
        else:
            low, high = here, here + 1
            while high <= last and not enough(high):
                low, high, step = high, min(last + 1, high + step), step * 2
        while high - low > 1:
            middle = (low + high) // 2
            if enough(middle):
                high = middle
            else:
                low = middle
        self._hint = min(high, last)
        return high

    def _bound(self, number: int) -> _Bounds:
        found = self._bounds.get(number)
        if found is None:
            self._chunk(number)
            found = self._bounds[number]
        return found

    def _chunk(self, number: int) -> _Chunk:
        found = self._chunks.get(number)
        if found is not None:
            self._chunks.move_to_end(number)
            return found
        positions, said = self._read(number)
        known = self._bounds.get(number)
        if known is None:
            floor, ceiling = self._neighbours(number)
            carried = self._carried(number, positions, said)
        else:
            floor, ceiling, carried = known.floor, known.ceiling, known.carried
        now = max(floor, 0 if carried is None else min(carried, ceiling))
        micros = list(_rising(now, said, ceiling))
        if number == 0 and self.start:
            positions.insert(0, 0)
            micros.insert(0, micros[0] if micros else now)
        first, last = (micros[0], micros[-1]) if micros else (now, now)
        self._bounds[number] = _Bounds(first, last, floor, ceiling, carried)
        chunk = self._chunks[number] = _Chunk(micros, positions)
        if len(self._chunks) > _CHUNKS_KEPT:
            self._chunks.popitem(last=False)
        return chunk

    def _read(self, number: int, start: int | None = None) -> tuple[list[int], list[int | None]]:
        """The lines of a chunk, all or from one on, and what each says of its time."""
        stop = self.start + (number + 1) * CHUNK
        positions: list[int] = []
        said: list[int | None] = []
        here = self.lines.after(self.start + number * CHUNK - 1 if start is None else start - 1)
        while here is not None and here < stop and here <= self.end:
            positions.append(here)
            said.append(micro_of(self.times.said(self.lines.line(here))))
            here = self.lines.after(here)
        return positions, said

    def _neighbours(self, number: int) -> tuple[int, int]:
        """Times that a chunk's lines lie between: those of the chunks that were read already."""
        before = [known for known in self._bounds if known < number]
        behind = [known for known in self._bounds if known > number]
        floor = self._bounds[max(before)].last if before else 0
        return floor, self._bounds[min(behind)].first if behind else NEVER

    def _carried(self, number: int, positions: list[int], said: list[int | None]) -> int | None:
        """The time of a chunk's first lines when they do not say it."""
        if not positions or said[0] is not None:
            return None
        above = self._bounds.get(number - 1)
        if above is not None:
            return above.last
        here = self.lines.before(positions[0]) if number else None
        for _ in range(_LOOK_BACK):
            if here is None or here < self.start:
                break
            if moment := self.times.said(self.lines.line(here)):
                return micro_of(moment)
            here = self.lines.before(here)
        return leading(self.times, positions[0], said)


def _rising(now: int, said: Iterable[int | None], ceiling: int) -> Iterator[int]:
    """What lines count as, by what they say: no earlier than those above, no later than what is
    known of those below."""
    for moment in said:
        if moment is not None:
            now = max(now, min(moment, ceiling))
        yield now


def micro_of(moment: datetime | None) -> int | None:
    """Microseconds since 1970."""
    return None if moment is None else max(0, round(moment.timestamp() * 1_000_000))


def leading(times: LineTimes, position: int, said: Sequence[int | None]) -> int | None:
    """The time of lines that say none and have none before them that does: that of the next line
    which says one, or when they were seen; else when the job began."""
    known = [next((moment for moment in said if moment is not None), None)]
    known.append(micro_of(times.seen(position)))
    earliest = min((moment for moment in known if moment is not None), default=None)
    return micro_of(times.began) if earliest is None else earliest
