"""When the lines of a log were written, and where in the log a moment is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from trainer_tui.core.logfile.lines import Line, Lines
from trainer_tui.core.logfile.moments import Zone, time_of


class LineTimes:
    """When the lines of one log were written, as far as it can be told.

    Args:
        lines: The log.
        began: When the job began, and ``ended``: when it ended or what time it is now. Between
            them a clock without a date is placed, by how far along the log it stands.
        arrivals: Offsets and the second at which the log was seen to reach them, for lines that
            say nothing (see :class:`~trainer_tui.core.logfile.source.LogSource`).
        zone: Of times that tell none.
    """

    LOOKED = 60.0
    """Seconds between two looks at a log, beyond which it is not known when a line came."""
    LOOK_BACK = 200
    """Lines above one without a time that are asked for theirs."""

    def __init__(
        self,
        lines: Lines,
        *,
        began: datetime | None = None,
        ended: datetime | None = None,
        arrivals: Sequence[tuple[int, float]] = (),
        zone: Zone = None,
    ) -> None:
        self.lines = lines
        self.began, self.ended, self.zone = began, ended, zone
        self.arrivals = arrivals

    def said(self, line: Line) -> datetime | None:
        """What the line itself says."""
        if line.kind != "text":
            return None
        return time_of(line.text, self.near(line.position), zone=self.zone)

    def at(self, position: int) -> datetime | None:
        """When a line was written: what it says, what one above it says, when it was seen."""
        here: int | None = position
        for _ in range(self.LOOK_BACK):
            if here is None:
                break
            if found := self.said(self.lines.line(here)):
                return found
            here = self.lines.before(here)
        return self.seen(position)

    def seen(self, position: int) -> datetime | None:
        """When the log was first seen to hold what is at a position.

        ``None`` where nobody looked shortly before: it may have come at any time until then.
        """
        index = bisect_right(self.arrivals, position, key=lambda arrival: arrival[0])
        if not 0 < index < len(self.arrivals):
            return None
        when = self.arrivals[index][1]
        if when - self.arrivals[index - 1][1] > self.LOOKED:
            return None
        return datetime.fromtimestamp(when, UTC)

    def near(self, position: int) -> datetime | None:
        """A moment not far from when a line was written."""
        if seen := self.seen(position):
            return seen
        if self.began is None or self.ended is None:
            return self.ended or self.began
        return self.began + (self.ended - self.began) * self.lines.part(position)


_PROBE = 100
"""Lines looked at in one place for one that says its time."""
_STRETCH = 1_500
"""Lines without a time that are gone through one by one before steps are taken."""


def find_time(
    lines: Lines, when: datetime, said: Callable[[Line], datetime | None] | None = None
) -> int | None:
    """The first line that was written at a moment or later; a line without a time counts as
    written with the one before it. ``None`` when there is none, or no line has a time.

    Halves the log as often as needed, so the times should rise along it. Stretches of thousands
    of lines without a time are stepped over; a few thousand lines are read at most.

    Args:
        said: What a line says of its time; :func:`time_of` without any help when not given.
    """
    return _TimeSearch(lines, said or (lambda line: time_of(line.text)), when).find()


class _TimeSearch:
    def __init__(
        self, lines: Lines, said: Callable[[Line], datetime | None], when: datetime
    ) -> None:
        self.lines, self.said, self.when = lines, said, when

    def find(self) -> int | None:
        first, last = self.lines.first(), self.lines.last()
        if first is None or last is None:
            return None
        # Whoever says a time before ``low`` is too early. A stretch without times is taken for
        # late at first, so what is found is the end of the last early stretch.
        low, high = first, last + 1
        while high - low > 1:
            middle = (low + high) // 2
            found = self._timed(middle, high, _PROBE)
            if found is not None and found[1] < self.when:
                low = found[0] + 1
            else:
                high = middle
        found = self._timed(low, last + 1, _STRETCH, late=True)
        return found[0] if found else self._step_over(low, last + 1)

    def _step_over(self, low: int, end: int) -> int | None:
        """The first late line behind a long stretch without times: by steps that double and then
        shrink towards the end, and by halving the last one."""
        before, here, step = low, low, 1 << 12
        while (found := self._timed(here, end, _PROBE, late=True)) is None:
            before = here
            here += min(step, max(1, (end - here) // 2))
            step *= 2
            if here >= end:
                return None
        low, high = before, found[0]
        while high - low > 1:
            middle = (low + high) // 2
            earlier = self._timed(middle, high, _PROBE, late=True)
            if earlier is None:
                low = middle
            else:
                high, found = middle, earlier
        return found[0]

    def _timed(
        self, place: int, stop: int, most: int, *, late: bool = False
    ) -> tuple[int, datetime] | None:
        """The first line with a time (``late``: not before the moment) from a place on."""
        here = self.lines.at(place)
        if here is not None and here < place:
            here = self.lines.after(here)
        for _ in range(most):
            if here is None or here >= stop:
                return None
            moment = self.said(self.lines.line(here))
            if moment is not None and (not late or moment >= self.when):
                return here, moment
            here = self.lines.after(here)
        return None
