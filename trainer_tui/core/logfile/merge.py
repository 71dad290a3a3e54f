"""Several logs as one, their lines in the order of time.

A line that does not say its time stays with the one before it. In a log whose times step back, a
line counts as written no earlier than those above it, so the lines of one log keep their order.
Nothing is sorted beforehand: what is looked at is read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from trainer_tui.core.logfile.document import Change
from trainer_tui.core.logfile.lines import Line, Lines
from trainer_tui.core.logfile.stream import LEADING, NEVER, Place, Stream, leading, micro_of
from trainer_tui.core.logfile.times import LineTimes

WINDOW = 64 << 20
"""Bytes at the end of each log that are merged."""
# A merged position holds the time (microseconds since 1970), the log, and the line's position
# there: it grows along the merged log, and a log that grows does not change it.
_ORIGIN = 64
_TIME = _ORIGIN + 16


class Merged(Lines):
    """Lines of several logs by time.

    ``Line.origin`` says which log a line comes from. Line numbers are those of its own log, so
    there is no line *of* a number, and no count.

    Args:
        logs: Name and lines of each, with what is known of their times.
        window: Only so many bytes at the end of each log; one line says what was left out.
    """

    def __init__(self, logs: Sequence[tuple[str, LineTimes]], *, window: int = WINDOW) -> None:
        self.names = tuple(name for name, _ in logs)
        self._streams = [Stream(name, times, window) for name, times in logs]
        self.complete = all(stream.lines.complete for stream in self._streams)

    def changed(self, origin: int, change: Change) -> Change:
        """One of the logs changed: it grew, or what was there differs.

        Gives the same in positions of the merged log. New lines may lie above others.
        """
        stream = self._streams[origin]
        self.complete = all(each.lines.complete for each in self._streams)
        known = stream.end
        if change.reset or (change.first_changed is not None and change.first_changed < known):
            stream.begin()
            return Change(change.grown, True, self.first())
        stream.grown()
        first = change.first_changed
        if first is None:
            return Change(change.grown)
        here = stream.place(first)
        return Change(change.grown, False, None if here is None else self._position(origin, here))

    def origin(self, position: int) -> tuple[int, int]:
        """Which log a line comes from, and its position there."""
        _, origin, place = _parts(position)
        return origin, place

    def position(self, origin: int, place: int) -> int | None:
        """Where a line of one log stands in the merged log."""
        stream = self._streams[origin]
        here = stream.place(place) if place >= stream.start else None
        return None if here is None else self._position(origin, here)

    def below(self, position: int, origin: int) -> int | None:
        """The last line of one log that stands above a merged position: its place there."""
        here = self._streams[origin].last_below(*_limit(position, origin))
        return None if here is None else here.position

    def start(self, origin: int) -> int:
        """Where the part of one log begins that is merged: its place there."""
        return self._streams[origin].start

    def time(self, position: int) -> datetime:
        """The time by which a line is sorted in."""
        micro, _, _ = _parts(position)
        return datetime.fromtimestamp(min(micro / 1e6, 253_402_300_799), UTC)

    # Reading

    def first(self) -> int | None:
        return self._from(0)

    def last(self) -> int | None:
        return self._below(NEVER << _TIME)

    def after(self, position: int) -> int | None:
        return self._from(position + 1)

    def before(self, position: int) -> int | None:
        return self._below(position)

    def at(self, position: int) -> int | None:
        found = self._below(position + 1)
        return self.first() if found is None else found

    def line(self, position: int) -> Line:
        _, origin, place = _parts(position)
        found = self._streams[origin].line(place)
        return replace(found, position=position, origin=origin, stop=0)

    def part(self, position: int) -> float:
        low, high = self._span()
        micro, origin, place = _parts(position)
        if high > low:
            return min(1.0, max(0.0, (micro - low) / (high - low)))
        if not 0 <= origin < len(self._streams):
            return 0.0
        return (origin + self._streams[origin].lines.part(place)) / len(self._streams)

    def near(self, part: float) -> int | None:
        low, high = self._span()
        if high > low:
            return self.at((low + int((high - low) * part)) << _TIME | (1 << _TIME) - 1)
        whole = min(1.0, max(0.0, part)) * len(self._streams)
        origin = min(int(whole), len(self._streams) - 1)
        if origin < 0:
            return None
        found = self._streams[origin].lines.near(whole - origin)
        here = None if found is None else self._streams[origin].place(found)
        return self.first() if here is None else self._position(origin, here)

    def number(self, position: int) -> int | None:
        _, origin, place = _parts(position)
        stream = self._streams[origin]
        return None if stream.is_note(place) else stream.lines.number(place)

    def numbered(self, number: int) -> int | None:
        return None

    def count(self) -> int | None:
        return None

    # Finding

    def _from(self, position: int) -> int | None:
        """The first line at a position or after it."""
        found = (
            self._position(origin, here)
            for origin, stream in enumerate(self._streams)
            if (here := stream.first_from(*_limit(position, origin))) is not None
        )
        return min(found, default=None)

    def _below(self, position: int) -> int | None:
        """The last line before a position."""
        found = (
            self._position(origin, here)
            for origin, stream in enumerate(self._streams)
            if (here := stream.last_below(*_limit(position, origin))) is not None
        )
        return max(found, default=None)

    def _position(self, origin: int, here: Place) -> int:
        return here.micro << _TIME | origin << _ORIGIN | here.position

    def _span(self) -> tuple[int, int]:
        first, last = self.first(), self.last()
        if first is None or last is None:
            return 0, 0
        return _parts(first)[0], _parts(last)[0]


def _parts(position: int) -> tuple[int, int, int]:
    """The time, the log and the position there."""
    position = max(0, position)
    return (
        position >> _TIME,
        position >> _ORIGIN & (1 << _TIME - _ORIGIN) - 1,
        position & (1 << _ORIGIN) - 1,
    )


def _limit(position: int, origin: int) -> tuple[int, int]:
    """The least time and position that a line of a log has at a merged position or after it."""
    micro, at, place = _parts(position)
    if origin < at:
        return micro + 1, 0
    return micro, place if origin == at else 0


# In one go


def in_order(
    logs: Sequence[LineTimes], wanted: Sequence[Iterable[Line]] | None = None
) -> Iterator[Line]:
    """Lines of some logs by time, each with its log in ``origin``; positions stay those of the
    log.

    Args:
        wanted: Lines of each log, in its order; all lines when not given. Read as they are needed.
    """
    if wanted is None:
        wanted = [_all(times.lines) for times in logs]
    streams = [
        _timed(times, origin, lines)
        for origin, (times, lines) in enumerate(zip(logs, wanted, strict=True))
    ]
    for _, _, line in heapq.merge(*streams, key=lambda timed: timed[:2]):
        yield line


def _all(lines: Lines) -> Iterator[Line]:
    here = lines.first()
    while here is not None:
        yield lines.line(here)
        here = lines.after(here)


def _timed(times: LineTimes, origin: int, lines: Iterable[Line]) -> Iterator[tuple[int, int, Line]]:
    """Lines of one log with what they are sorted by."""
    now = 0
    waiting: list[Line] = []
    for line in lines:
        said = micro_of(times.said(line))
        waiting.append(line)
        if not now and said is None and len(waiting) < LEADING:
            continue
        now = max(now or leading(times, waiting[0].position, [said]) or 0, said or 0, 1)
        yield from _with_time(now, origin, waiting)
        waiting.clear()
    if waiting:
        now = leading(times, waiting[0].position, []) or 0
        yield from _with_time(now, origin, waiting)


def _with_time(now: int, origin: int, lines: Sequence[Line]) -> Iterator[tuple[int, int, Line]]:
    for line in lines:
        yield now, origin, replace(line, origin=origin)
