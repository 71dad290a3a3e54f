"""The points of a job's metrics by key, any number of them, ready to be drawn."""

from __future__ import annotations

import math
import operator
from array import array
from bisect import bisect_left
from collections.abc import Iterable

from trainer_tui.core.average import Average
from trainer_tui.core.columns import Axis, Columns, cut_columns
from trainer_tui.core.points import Points, Tip, Way
from trainer_tui.core.pyramid import Pyramid
from trainer_tui.model import Metric

_INT64 = range(-(1 << 63), 1 << 63)
_SMOOTHED = 3
"""Moving averages that a series keeps at most."""


class Origin:
    """The time of a job's first point, as far as it was seen."""

    __slots__ = ("time",)

    def __init__(self) -> None:
        self.time = math.inf


class _ByTime:
    """The points whose time is known, in the order of their times."""

    def __init__(self, values: array[float], times: array[float]) -> None:
        known = [i for i, time in enumerate(times) if time == time]
        known.sort(key=times.__getitem__)
        self.order = array("q", known)
        self.times = array("d", map(times.__getitem__, known))
        self.values = array("d", map(values.__getitem__, known))
        self.pyramid = Pyramid(self.values)
        self.taken = len(times)

    def take(self, values: array[float], times: array[float]) -> bool:
        """Take what was appended since; false when it does not belong at the end."""
        last = self.times[-1] if self.times else -math.inf
        for at in range(self.taken, len(times)):
            time = times[at]
            if time < last:
                return False
            if time == time:
                last = time
                self.order.append(at)
                self.times.append(time)
                self.values.append(values[at])
        self.taken = len(times)
        return True


class Series:
    """One key of one job: its points by step, each step once; the later of two wins.

    ``steps``, ``values`` and ``times`` are the series' own arrays: read, do not change.
    """

    def __init__(self, key: str, origin: Origin | None = None) -> None:
        self.key = key
        self.unit = "step"
        """What the steps count."""
        self.version = 0
        """Grows with each change."""
        self._steps = array("q")
        self._values = array("d")
        self._times = array("d")
        self._pyramid = Pyramid(self._values)
        self._late: dict[int, tuple[float, float]] = {}
        self._newest: int | None = None
        self._tip = Tip()
        self._origin = origin or Origin()
        self._rising: bool | None = True
        """Whether all times are known and never fall along the steps; ``None``: look again."""
        self._by_time: _ByTime | None = None
        self._averages: dict[float, tuple[Average, Series]] = {}

    def add(self, step: int, value: float, time: float | None = None) -> None:
        """Take a point; ``time`` in Unix seconds. A step of more than 64 bits is not taken."""
        known = math.nan if time is None or time - time != 0.0 else time
        if known < self._origin.time:
            self._origin.time = known
        newest = self._newest
        if newest is None or step > newest:
            if step not in _INT64:
                return
            times = self._times
            if self._rising and not (known >= times[-1] if times else known == known):
                self._rising = False
            self._steps.append(step)
            self._values.append(value)
            times.append(known)
            self._newest = step
        elif step in _INT64:
            self._put(step, value, known)
        else:
            return
        self._tip.take(step, known)
        self.version += 1

    def extend(self, points: Iterable[Metric] | Points) -> None:
        """Take many points. In rising order after those there are they cost next to nothing."""
        if isinstance(points, Points):
            self._append(points)
            return
        for point in points:
            self.add(point.step, point.value, point.time.timestamp() if point.time else None)

    def __len__(self) -> int:
        self._settle()
        return len(self._steps)

    @property
    def steps(self) -> array[int]:
        """Rising, each once."""
        self._settle()
        return self._steps

    @property
    def values(self) -> array[float]:
        """One for each step; not always finite."""
        self._settle()
        return self._values

    @property
    def times(self) -> array[float]:
        """One for each step: Unix seconds, NaN where unknown."""
        self._settle()
        return self._times

    @property
    def last(self) -> tuple[int, float] | None:
        """The newest point, finite or not; after a resume it need not have the greatest step."""
        if self._tip.step is None:
            return None
        at = bisect_left(self.steps, self._tip.step)
        return self._steps[at], self._values[at]

    @property
    def start(self) -> float | None:
        """Unix seconds from which :attr:`Axis.RELATIVE` counts; ``None``: no time is known."""
        return None if self._origin.time == math.inf else self._origin.time

    @property
    def timeless(self) -> int:
        """Points whose time is not known."""
        return len(self) - len(self._timed()[0])

    def best(self, way: Way) -> tuple[int, float] | None:
        """The least or greatest finite value, at the first step that has it."""
        self._settle()
        self._pyramid.update()
        low, high, _ = self._pyramid.of(0, len(self._values))
        if low > high:
            return None
        at = self._pyramid.first(low if way == "min" else high, greatest=way == "max")
        return self._steps[at], self._values[at]

    def extent(self, axis: Axis) -> tuple[float, float] | None:
        """From where to where the points lie along an axis; ``None``: none do."""
        if axis is Axis.STEP:
            return (self.steps[0], self._steps[-1]) if len(self) else None
        times, _ = self._timed()
        if not times:
            return None
        shift = self._shift(axis)
        return times[0] - shift, times[-1] - shift

    def columns(self, axis: Axis, left: float, right: float, count: int) -> Columns:
        """What to draw of the stretch from ``left`` to ``right``, both included.

        Raises:
            ValueError: ``left`` and ``right`` are not finite, or not in order.
        """
        if not (math.isfinite(left) and math.isfinite(right) and left <= right):
            raise ValueError(f"no such stretch: {left} to {right}")
        self._settle()
        xs: array[int] | array[float]
        shift = 0.0
        if axis is Axis.STEP:
            xs, pyramid, values = self._steps, self._pyramid, self._values
        else:
            xs, pyramid = self._timed()
            shift = self._shift(axis)
            values = self._values if self._rising else self._sorted().values
        pyramid.update()
        width = right - left
        edges = [min(left + width * i / count, right) + shift for i in range(count)]
        if axis is Axis.STEP:  # whole numbers are found quicker by whole numbers
            edges = [math.ceil(edge) for edge in edges]
        return cut_columns(xs, values, pyramid, edges, (left, right, shift))

    def smoothed(self, weight: float) -> Series:
        """The debiased exponential moving average over the points, in the order of steps.

        What is not finite stays as it is and does not enter the average. The series that comes
        back is kept and brought up to date by asking again.

        Args:
            weight: From 0 (the series itself) to less than 1.
        """
        self._settle()
        if weight <= 0:
            return self
        weight = min(weight, 0.99999)
        held = self._averages.pop(weight, None)
        if held is None:
            series = Series(self.key, self._origin)
            held = Average(weight, series._values), series
            while len(self._averages) >= _SMOOTHED:
                del self._averages[next(iter(self._averages))]
        self._averages[weight] = held  # the one asked for last is forgotten last
        average, series = held
        if len(series._values) < len(self._values):
            average.update(self._values)
            series._catch_up(self)
        return series

    def at(self, axis: Axis, x: float) -> tuple[int, float, float | None] | None:
        """The nearest point to a place: step, value, Unix seconds; of two the left one."""
        self._settle()
        xs: array[int] | array[float] = self._steps if axis is Axis.STEP else self._timed()[0]
        if not xs:
            return None
        x += 0.0 if axis is Axis.STEP else self._shift(axis)
        right = bisect_left(xs, x)
        if right == len(xs) or (right and x - xs[right - 1] <= xs[right] - x):
            right -= 1
        at = right if axis is Axis.STEP or self._rising else self._sorted().order[right]
        time = self._times[at]
        return self._steps[at], self._values[at], time if time == time else None

    def _put(self, step: int, value: float, time: float) -> None:
        """A step that was there, or comes late."""
        at = bisect_left(self._steps, step)
        if at < len(self._steps) and self._steps[at] == step:
            self._values[at] = value
            if self._times[at] != time:
                self._times[at] = time
                self._rising = None
            self._pyramid.replaced(at)
            self._changed(at)
        else:
            self._late[step] = (value, time)

    def _append(self, points: Points) -> None:
        """Many at once: as arrays when they follow on, one by one when not."""
        steps = points.steps
        rising = all(map(operator.lt, steps, steps[1:]))
        if not steps:
            return
        if not rising or (self._newest is not None and steps[0] <= self._newest):
            for step, value, time in points:
                self.add(step, value, time)
        else:
            was = len(self._steps)
            self._steps.extend(array("q", steps))
            self._values.extend(array("d", points.values))
            self._times.extend(array("d", points.times))
            self._newest = self._steps[-1]
            new = self._times[max(0, was - 1) :]
            in_order = new[0] == new[0] and all(map(operator.le, new, new[1:]))
            if self._rising:
                self._rising = in_order
            told = slice(-1 if in_order else 0, None)
            for step, time in zip(steps[told], points.times[told], strict=True):
                self._tip.take(step, time)
            known = new[:1] if in_order else (time for time in new if time == time)
            self._origin.time = min(self._origin.time, min(known, default=math.inf))
            self.version += 1
        self._settle()
        self._pyramid.update()

    def _settle(self) -> None:
        """Put the points that came late where they belong."""
        if not self._late:
            return
        late, self._late = sorted(self._late.items()), {}
        steps, values, times = array("q"), array("d"), array("d")
        done = 0
        first = bisect_left(self._steps, late[0][0])
        for step, (value, time) in late:
            at = bisect_left(self._steps, step, done)
            steps.extend(self._steps[done:at])
            values.extend(self._values[done:at])
            times.extend(self._times[done:at])
            steps.append(step)
            values.append(value)
            times.append(time)
            done = at
        self._steps = steps + self._steps[done:]
        self._values[:] = values + self._values[done:]  # the pyramid holds this very array
        self._times = times + self._times[done:]
        self._rising = None
        self._pyramid.cut(first)
        self._changed(first)

    def _changed(self, at: int) -> None:
        """Not only appended to: from there on, what follows from the points is void."""
        self._by_time = None
        for average, series in self._averages.values():
            if at < len(series._values):
                series._cut(average.cut(at))

    def _cut(self, at: int) -> None:
        """Forget the points from there on; the values are gone already."""
        del self._steps[at:], self._times[at:]
        self._newest = self._steps[-1] if self._steps else None
        self._pyramid.cut(at)
        self._by_time = None
        self._rising = None

    def _catch_up(self, of: Series) -> None:
        """Take the places of the points of which the values are there already."""
        have = len(self._steps)
        self._steps.extend(of._steps[have:])
        self._times.extend(of._times[have:])
        self._newest, self._rising = of._newest, of._rising
        self.version += 1

    def _shift(self, axis: Axis) -> float:
        """What to add to a place on an axis of time to have Unix seconds."""
        return (self.start or 0.0) if axis is Axis.RELATIVE else 0.0

    def _timed(self) -> tuple[array[float], Pyramid]:
        """The known times in order, and the pyramid of their values."""
        self._settle()
        if self._rising is None:
            times = self._times
            self._rising = all(map(operator.le, times, times[1:])) and (
                not times or times[0] == times[0]
            )
        if self._rising:
            return self._times, self._pyramid
        ordered = self._sorted()
        return ordered.times, ordered.pyramid

    def _sorted(self) -> _ByTime:
        held = self._by_time
        if held is None or not held.take(self._values, self._times):
            held = self._by_time = _ByTime(self._values, self._times)
        return held
