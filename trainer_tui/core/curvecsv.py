"""Curves as a table in a file: a line a point, ``step,time,key,value``. Pure.

Where a curve counts something else than steps there is one more column, ``unit``.
"""

from __future__ import annotations

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO

from trainer_tui.core.columns import Axis
from trainer_tui.core.series import Series
from trainer_tui.sanitize import line as clean

HEAD = ("step", "time", "key", "value")
_LINES = 2_000


def lines(
    curves: Sequence[tuple[str, Series]],
    axis: Axis = Axis.STEP,
    window: tuple[float, float] | None = None,
) -> Iterator[str]:
    """The table in pieces of some thousand lines; what lies outside the window is left out.

    Where several jobs are told apart, each curve comes with its job's name and there is one more
    column, ``job``; without names it is not there.
    """
    named = any(name for name, _ in curves)
    counted = any(series.unit != "step" for _, series in curves)
    yield _written([(*HEAD, *(["unit"] if counted else []), *(["job"] if named else []))])
    for name, series in curves:
        rows: list[tuple[object, ...]] = []
        key = clean(series.key)
        more = [clean(series.unit)] if counted else []
        more += [clean(name)] if named else []
        steps, values, times = series.steps, series.values, series.times
        for at in _inside(series, axis, window):
            rows.append((steps[at], _time(times[at]), key, repr(values[at]), *more))
            if len(rows) >= _LINES:
                yield _written(rows)
                rows = []
        yield _written(rows)


def by_step(curves: Sequence[Series]) -> Iterator[tuple[int, tuple[int | None, ...]]]:
    """Each step that any of the curves has, and where it stands in each: ``None``, nowhere."""
    every = sorted(set().union(*(series.steps for series in curves)))
    places: list[Iterable[int | None]] = []
    for series in curves:
        if len(series) == len(every):
            places.append(range(len(series)))
        else:
            held = {step: at for at, step in enumerate(series.steps)}
            places.append(map(held.get, every))
    return zip(every, zip(*places, strict=True), strict=True)


def _inside(
    series: Series, axis: Axis, window: tuple[float, float] | None
) -> Sequence[int] | Iterator[int]:
    """Which points lie in the window."""
    if window is None:
        return range(len(series))
    left, right = window
    if axis is Axis.STEP:
        return range(bisect_left(series.steps, left), bisect_right(series.steps, right))
    shift = (series.start or 0.0) if axis is Axis.RELATIVE else 0.0
    times = series.times
    return (at for at in range(len(times)) if left <= times[at] - shift <= right)


def _time(seconds: float) -> str:
    """ISO 8601 in UTC; nothing where the time is not known."""
    if seconds != seconds:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _written(rows: Sequence[Sequence[object]]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
