"""Where a curve stood still: much more time between two points than there usually is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from trainer_tui.core.estimate import STALL_FLOOR, STALL_STEPS
from trainer_tui.core.series import Series

_SAMPLES = 200
_MOST = 200
"""Stalls that are kept; a curve with more has no usual pause."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A pause between two points."""

    step: int
    """The last step before it."""
    began: float
    """Unix seconds of that step."""
    ended: float
    """Unix seconds of the next; of one that goes on: now."""
    open: bool = False
    """It goes on."""

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended - self.began


class Stalls:
    """Finds the stalls of one series; asked again, it looks only at what is new."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self._version = -1
        self._taken = 0
        self._limit_of = 0
        self._limit = math.inf
        self._tip: tuple[int, float] | None = None
        self._found: list[Stall] = []

    def find(
        self, now: float | None = None, heard: float = -math.inf, *, sure: bool = False
    ) -> tuple[Stall, ...]:
        """All stalls, oldest first.

        Args:
            now: Unix seconds, of a job that runs: no point for long is a stall that goes on.
            heard: When a point came last, by the same clock: that of the points may be slow.
            sure: The job is known to stand still, whatever its points' times say.
        """
        found = self._ended()
        if now is None or self._tip is None:
            return found
        step, last = self._tip
        began = last if last == last else heard if sure else now
        if not sure and now - max(began, heard) <= max(STALL_FLOOR, self._limit):
            return found
        return (*found, Stall(step, min(now, began) if began > -math.inf else now, now, open=True))

    def _ended(self) -> tuple[Stall, ...]:
        """Those between two points."""
        series = self.series
        if series.version == self._version:
            return tuple(self._found)
        self._version = series.version
        count = len(series)
        if count < 4 or count <= self._taken or not self._goes_on() or count > 2 * self._limit_of:
            self._taken, self._found = 1, []
            self._limit, self._limit_of = self._usual() * STALL_STEPS, count
        limit = max(STALL_FLOOR, self._limit)
        for stall in self._pauses(limit):
            self._found.append(stall)
            if len(self._found) > _MOST:
                self._found.clear()
                break
        self._taken = max(1, count)
        self._tip = (series.steps[-1], series.times[-1]) if count else None
        return tuple(self._found)

    def _goes_on(self) -> bool:
        """Whether what was looked at before is still there."""
        at = self._taken - 1
        steps, times = self.series.steps, self.series.times
        if self._tip is None or at >= len(steps) or steps[at] != self._tip[0]:
            return False
        return times[at] == self._tip[1] or (
            times[at] != times[at] and self._tip[1] != self._tip[1]
        )

    def _pauses(self, limit: float) -> Iterator[Stall]:
        steps, times = self.series.steps, self.series.times
        start = max(1, self._taken)
        pairs = zip(times[start - 1 :], times[start:], strict=False)
        for at, (one, other) in enumerate(pairs, start):
            if other - one > limit:
                yield Stall(steps[at - 1], one, other)

    def _usual(self) -> float:
        """The median of some of the pauses; infinite while too few are known."""
        times = self.series.times
        every = max(1, (len(times) - 1) // _SAMPLES)
        found = [times[i] - times[i - 1] for i in range(1, len(times), every)]
        known = sorted(pause for pause in found if pause > 0)
        return known[len(known) // 2] if len(known) >= 3 else math.inf
