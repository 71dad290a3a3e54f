"""What a chart is asked to draw: curves, and how one looks at them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from trainer_tui.core.columns import Axis
from trainer_tui.core.points import Way
from trainer_tui.core.series import Series
from trainer_tui.core.stalls import Stall

Row = list[tuple[str, str]]
"""Pieces of one row: text, and the theme variable of its colour (``~name``: fainter)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve."""

    label: str
    series: Series
    colour: str = "chart-1"
    """Theme variable."""
    best: Way | None = None
    """Which value is worth a mark."""
    stalls: Sequence[Stall] = ()

    def shift(self, axis: Axis) -> float:
        """What to take from Unix seconds to have a place on an axis of time."""
        return (self.series.start or 0.0) if axis is Axis.RELATIVE else 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """How curves are drawn, and which part of them."""

    axis: Axis = Axis.STEP
    log: bool = False
    weight: float = 0.0
    """Of the moving average, the raw values faint behind it; 0: the raw values alone."""
    window: tuple[float, float] | None = None
    """From where to where, in units of the axis; ``None``: all there is."""
    cursor: float | None = None
    """Where values are read, in units of the axis; ``None``: no cursor."""
    checkpoints: tuple[int, ...] = ()
    """Steps that have a tick under the axis."""
    named: bool = True
    """Whether the legend names the curves; not where something else beside the chart does."""
    zone: tzinfo | None = None
    """Where the clock below the chart is; ``None``: here."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things go: the plot's size in cells and what its edges mean."""

    width: int
    height: int
    left: float
    right: float
    low: float
    high: float

    def cell(self, x: float, count: int | None = None) -> int:
        """The column of ``count`` (the cells) that a place on the axis is in."""
        count = self.width if count is None else count
        part = (x - self.left) / ((self.right - self.left) or 1.0)
        if not -2.0 < part < 3.0:
            return -1
        return min(count - 1, math.floor(part * count)) if part <= 1.0 else count


def extent(curves: Sequence[Curve], axis: Axis) -> tuple[float, float] | None:
    """From where to where the curves lie along an axis, a stall that goes on included; never
    without a length."""
    found = [span for curve in curves if (span := curve.series.extent(axis)) is not None]
    if not found:
        return None
    left, right = min(span[0] for span in found), max(span[1] for span in found)
    if axis is not Axis.STEP:
        right = max([right, *(c.stalls[-1].ended - c.shift(axis) for c in curves if c.stalls)])
    return (left, right) if right > left else (left, left + 1)


def read(series: Series, look: Look) -> float | None:
    """The value at the cursor, smoothed if the curve is; ``None`` beyond the curve's ends."""
    span = series.extent(look.axis)
    if look.cursor is None or span is None or not _within(look.cursor, span):
        return None
    source = series.smoothed(look.weight) if look.weight else series
    point = source.at(look.axis, look.cursor)
    return point[1] if point is not None else None


def _within(x: float, span: tuple[float, float]) -> bool:
    room = (span[1] - span[0]) * 1e-3
    return span[0] - room <= x <= span[1] + room
