"""Zooming, panning, reading: how the look at a chart changes with a key. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from trainer_tui.core.chartscale import place_of
from trainer_tui.core.columns import Axis
from trainer_tui.core.series import Series
from trainer_tui.tui.widgets.chart_look import Curve, Look

Span = tuple[float, float]

ZOOM = 2.0
_PAN = 0.25
_NEAREST = 1e6
"""So much of the whole is the least that is shown; steps are whole, so a few of them are."""
_AXES = (Axis.STEP, Axis.RELATIVE, Axis.TIME)
WEIGHTS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
USUAL_WEIGHT = 0.9


def zoomed(look: Look, whole: Span, direction: int, at: float | None = None) -> Look:
    """Twice as near (1) or as far (-1), around a place, the cursor, or the middle."""
    left, right = look.window or whole
    if at is None:
        inside = look.cursor is not None and left <= look.cursor <= right
        at = look.cursor if inside and look.cursor is not None else (left + right) / 2
    least = max((whole[1] - whole[0]) / _NEAREST, 2.0 if look.axis is Axis.STEP else 1e-3)
    factor = ZOOM**-direction
    width = max(least, (right - left) * factor)
    if width >= whole[1] - whole[0]:
        return replace(look, window=None)
    part = (at - left) / (right - left) if right > left else 0.5
    start = at - part * width
    return replace(look, window=_inside((start, start + width), whole))


def panned(look: Look, whole: Span, direction: int) -> Look:
    """A quarter of what is seen to the left (-1) or the right (1), as far as there is anything."""
    if look.window is None:
        return look
    left, right = look.window
    shift = (right - left) * _PAN * direction
    return replace(look, window=_inside((left + shift, right + shift), whole))


def _inside(window: Span, whole: Span) -> Span:
    width = window[1] - window[0]
    left = min(max(window[0], whole[0]), whole[1] - width)
    return left, left + width


def pointed(look: Look, whole: Span, part: float) -> Look:
    """The cursor at a part of the width that is seen."""
    left, right = look.window or whole
    return replace(look, cursor=left + part * (right - left))


def stepped(look: Look, whole: Span, cells: int, direction: int, series: Series) -> Look:
    """The cursor a cell farther, on a point of a curve; where those lie farther apart than cells,
    on the next one. It comes in at the right edge and takes the window along."""
    left, right = look.window or whole
    cell = (right - left) / max(1, cells)
    if look.cursor is None:
        return replace(look, cursor=_nearest(series, look, right, left, right))
    cursor = _nearest(series, look, look.cursor + direction * cell, *whole)
    if (cursor - look.cursor) * direction <= 0:
        cursor = _neighbour(series, look, direction)
    if look.window is not None and not left <= cursor <= right:
        shift = cursor - left if cursor < left else cursor - right
        look = replace(look, window=_inside((left + shift, right + shift), whole))
    return replace(look, cursor=cursor)


def _nearest(series: Series, look: Look, x: float, least: float, most: float) -> float:
    """The place of the point nearest to ``x``, if that is between two others; else ``x``."""
    x = min(most, max(least, x))
    point = series.at(look.axis, x)
    place = None if point is None else place_of(series, point[0], look.axis)
    return place if place is not None and least <= place <= most else x


def _neighbour(series: Series, look: Look, direction: int) -> float:
    """The place of the next point, or that of the cursor."""
    assert look.cursor is not None
    point = series.at(look.axis, look.cursor)
    if point is None:
        return look.cursor
    at = bisect_left(series.steps, point[0]) + direction
    if not 0 <= at < len(series):
        return look.cursor
    place = place_of(series, series.steps[at], look.axis)
    return look.cursor if place is None else place


def followed(look: Look, before: Span | None, whole: Span) -> Look:
    """A window at the end of what there was goes along with the end."""
    if look.window is None or before is None or whole[1] <= before[1]:
        return look
    left, right = look.window
    if right < before[1]:
        return look
    shift = whole[1] - right
    return replace(look, window=(left + shift, right + shift))


def next_axis(look: Look, curves: Sequence[Curve]) -> Look:
    """Steps, time since the start, the clock; what was seen stays in sight. Where no time is known
    there is no clock either."""
    axis = _AXES[(_AXES.index(look.axis) + 1) % len(_AXES)]
    if axis is Axis.TIME and all(curve.series.extent(axis) is None for curve in curves):
        axis = Axis.STEP
    window: Span | None = None
    if look.window is not None:
        ends = [_moved(x, look.axis, axis, curves) for x in look.window]
        if ends[0] is not None and ends[1] is not None and ends[0] < ends[1]:
            window = (ends[0], ends[1])
    cursor = None if look.cursor is None else _moved(look.cursor, look.axis, axis, curves)
    return replace(look, axis=axis, window=window, cursor=cursor)


def _moved(x: float, old: Axis, new: Axis, curves: Sequence[Curve]) -> float | None:
    for curve in curves:
        point = curve.series.at(old, x)
        if point is not None:
            return place_of(curve.series, point[0], new)
    return None


def weighted(look: Look, by: int) -> Look:
    """More smoothing (1) or less (-1); from none to the least, and back to none."""
    if not look.weight:
        return replace(look, weight=WEIGHTS[0] if by > 0 else 0.0)
    place = min(range(len(WEIGHTS)), key=lambda n: abs(WEIGHTS[n] - look.weight)) + by
    return replace(look, weight=WEIGHTS[min(place, len(WEIGHTS) - 1)] if place >= 0 else 0.0)
