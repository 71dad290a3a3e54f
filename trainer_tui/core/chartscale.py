"""Where things lie on a chart, for a terminal or a file. Pure."""

from __future__ import annotations

import math

from trainer_tui.core import ticks
from trainer_tui.core.columns import Axis, Columns
from trainer_tui.core.series import Series

Range = tuple[float, float]

_TOP = 1.7e308
_BOTTOM = 5e-324
_ROOM = 0.04
"""Part of the range that is left free above and below."""
_FLAT = 0.08
"""A curve that takes less than this part of the height cannot be read."""


def range_of(columns: Columns, log: bool) -> Range | None:
    """The least and greatest value to make room for; ``None``: nothing can be shown."""
    values = [*columns.low, *columns.high]
    if log:
        values += [*columns.first, *columns.last]  # of a column that reaches below 0
    shown = [value for value in values if value == value and (value > 0 or not log)]
    if not shown:
        for point in (columns.before, columns.after):
            if point is not None and (point[1] > 0 or not log):
                shown.append(point[1])
    return (min(shown), max(shown)) if shown else None


def apart(ranges: list[Range], log: bool) -> bool:
    """Whether curves have so little in common that on one axis one of them would be flat."""
    if len(ranges) < 2 or log:
        return False
    low, high = min(each[0] for each in ranges), max(each[1] for each in ranges)
    whole = high / 2 - low / 2
    return any(each[1] / 2 - each[0] / 2 < _FLAT * whole for each in ranges)


def padded(low: float, high: float, log: bool) -> Range:
    """A little room above and below; some for a constant curve."""
    if log:
        if high / low < 1.01:
            return max(_BOTTOM, low / 2), min(_TOP, high * 2)
        room = 10 ** ((math.log10(high) - math.log10(low)) * _ROOM)
        return max(_BOTTOM, low / room), min(_TOP, high * room)
    if high / 2 - low / 2 <= abs(high) * 1e-9:
        room = abs(high) * 0.1 or 1.0
    else:
        room = high * _ROOM - low * _ROOM
    # A curve that never goes below 0 does not get an axis that does.
    bottom = max(0.0, low - room) if low >= 0 else max(-_TOP, low - room)
    return bottom, min(_TOP, high + room)


def value_ticks(low: float, high: float, log: bool, count: int) -> list[float]:
    """Round values for the axis at the side."""
    return ticks.log_ticks(low, high, count) if log else ticks.ticks(low, high, count)


def place_of(series: Series, step: int, axis: Axis) -> float | None:
    """Where a step lies on an axis; ``None`` where its time is not known."""
    if axis is Axis.STEP:
        return float(step)
    span, point = series.extent(Axis.STEP), series.at(Axis.STEP, step)
    if span is None or not span[0] <= step <= span[1] or point is None or point[2] is None:
        return None
    return point[2] - ((series.start or 0.0) if axis is Axis.RELATIVE else 0.0)
