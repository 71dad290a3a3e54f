"""A stretch of a series as columns of dots."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import StrEnum

from trainer_tui.core.pyramid import Pyramid


class Axis(StrEnum):
    """What lies along a chart."""

    STEP = "step"
    TIME = "time"
    """Unix seconds."""
    RELATIVE = "relative"
    """Seconds since the first point of the job (of the series, where it belongs to no set)."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A stretch of a series as columns of dots, left to right; each list has one entry a column.

    A point ``x`` is of column ``i`` when ``edge(i) <= x < edge(i + 1)`` with
    ``edge(i) = left + (right - left) * i / count``; ``x == right`` is of the last.
    ``low``, ``high``, ``first`` and ``last`` are of the finite points, and NaN in a column that
    has none.
    """

    left: float
    right: float
    low: list[float]
    high: list[float]
    first: list[float]
    last: list[float]
    odd: list[int]
    """``NAN | ABOVE | BELOW``: which values that are not finite the column has."""
    joined: list[bool]
    """Whether the curve goes on to this column's first point from the last finite point before it
    (of an earlier column, or :attr:`before`): nothing that is not finite lies between."""
    before: tuple[float, float] | None = None
    """The nearest point left of the window (x, value), if the curve goes from it into the window.
    With no point inside, both or neither of ``before`` and ``after`` are there: one line across."""
    after: tuple[float, float] | None = None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the greatest finite value inside."""
        low = min((value for value in self.low if value == value), default=None)
        high = max((value for value in self.high if value == value), default=None)
        return None if low is None or high is None else (low, high)


def cut_columns(
    xs: array[int] | array[float],
    values: array[float],
    pyramid: Pyramid,
    edges: list[float],
    window: tuple[float, float, float],
) -> Columns:
    """Cut a window at its edges; what :meth:`Series.columns` gives."""
    left, right, shift = window
    found = Columns(left, right, [], [], [], [], [], [])
    nan = math.nan
    start = begin = bisect_left(xs, left + shift)
    end = bisect_right(xs, right + shift)
    line = -1  # the last finite point so far
    if begin > 0 and _finite(values, begin - 1):
        line = begin - 1
    for column in range(len(edges)):
        stop = bisect_left(xs, edges[column + 1], start, end) if column + 1 < len(edges) else end
        first = last = None
        if start < stop:
            low, high, odd = pyramid.of(start, stop)
            if low <= high:
                first = pyramid.first_finite(start, stop) if odd else start
                last = pyramid.last_finite(start, stop) if odd else stop - 1
        else:
            odd = 0
        if first is None or last is None:
            low = high = nan
        found.low.append(low)
        found.high.append(high)
        found.first.append(nan if first is None else values[first])
        found.last.append(nan if last is None else values[last])
        found.odd.append(odd)
        found.joined.append(first is not None and line >= 0 and first == line + 1)
        if last is not None:
            line = last
        start = stop
    into = begin > 0 and _finite(values, begin - 1) and _finite(values, begin)
    out = end > 0 and _finite(values, end - 1) and _finite(values, end)
    return Columns(
        left,
        right,
        found.low,
        found.high,
        found.first,
        found.last,
        found.odd,
        found.joined,
        (xs[begin - 1] - shift, values[begin - 1]) if into else None,
        (xs[end] - shift, values[end]) if out else None,
    )


def _finite(values: array[float], at: int) -> bool:
    return at < len(values) and math.isfinite(values[at])
