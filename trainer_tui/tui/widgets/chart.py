"""Line charts as rows of coloured text: curves over steps or time, with axes. Pure.

:func:`picture` turns curves and a size into rows; ``chart_view`` has the widget that shows them.
What is drawn comes from :meth:`Series.columns`, so a picture costs the same for a hundred points
as for a million.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from trainer_tui.core import ticks, units
from trainer_tui.core.chartscale import apart, padded, place_of, range_of, value_ticks
from trainer_tui.core.columns import Axis, Columns
from trainer_tui.core.pyramid import ABOVE, BELOW
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.widgets import plot
from trainer_tui.tui.widgets.chart_look import (
    Curve,
    Frame,
    Look,
    Row,
    extent,
    read,
)
from trainer_tui.tui.widgets.chart_text import axis_rows, counted, legend, note_words

_MIN_WIDTH, _MIN_HEIGHT = 16, 5
_FEW = 16
"""Columns that tell the range of a curve."""
_CURSOR, _BAD = 60, 61  # inks beside those of the curves


def picture(
    curves: Sequence[Curve],
    width: int,
    height: int,
    look: Look,
    glyphs: Glyphs,
    *,
    heading: bool = True,
) -> list[Row]:
    """The chart as ``height`` rows of ``width`` cells; without the heading one row less.

    From the top: the legend, the plot with its y axis, the x axis, its labels. Several curves
    whose ranges have nothing in common are drawn each on its own scale, and the legend says so;
    the y axis is then the first one's.
    """
    whole = extent(curves, look.axis)
    if not heading:
        height -= 1
    if width < _MIN_WIDTH or height < _MIN_HEIGHT:
        return [[(" " * width, "")] for _ in range(height)]
    if whole is None:
        what = " and ".join(map(units.plural, counted(curves)))
        words = f"no times are known: X shows the {what}" if what else ""
        return centred(words, width, height)
    left, right = look.window or whole
    # The extremes are the same however few columns there are; on a logarithmic axis more of them
    # tell more about curves that reach below 0.
    guess = _FEW if not look.log else max(1, (width - 8) * (2 if glyphs.unicode else 1))
    rough = [curve.series.columns(look.axis, left, right, guess) for curve in curves]
    ranges = [range_of(columns, look.log) for columns in rough]
    found = [each for each in ranges if each is not None]
    if not found:
        return centred(_nothing(rough, look), width, height)
    low, high = min(each[0] for each in found), max(each[1] for each in found)
    own = apart(found, look.log)
    if own:
        low, high = found[0]
    low, high = padded(low, high, look.log)
    notes = note_words(curves, rough, look, (left, right), own, glyphs)
    lines = max(1, min(3, height // 5))
    heads = legend(curves, look, notes, ranges, width, lines, glyphs) if heading else []
    rows = height - len(heads) - 2
    values = value_ticks(low, high, look.log, min(8, max(2, rows // 3)))
    texts = ticks.labels(values, micro=ticks.MICRO if glyphs.unicode else "u")
    margin = max((len(text) for text in texts), default=1) + 1
    frame = Frame(width - margin - 2, rows, left, right, low, high)
    if frame.width < 4 or rows < 1:
        return [[(" " * width, "")] for _ in range(height)]
    canvas = plot.Canvas(frame.width, rows, plain=not glyphs.unicode)
    palette = [curve.colour for curve in curves]
    columns = [curve.series.columns(look.axis, left, right, canvas.columns) for curve in curves]
    bad = _draw_all(canvas, curves, columns, ranges, frame, look, own, glyphs)
    _grid_lines(canvas, values, frame, look.log, glyphs)
    out = list(heads)
    marks = _labels_by_row(canvas, values, texts, frame, look.log)
    for y in range(rows):
        label = marks.get(y)
        tee = glyphs.tees[1] if label is not None else glyphs.v
        pieces: Row = [(f"{label or '':>{margin - 1}} ", "text-faint"), (tee, "frame")]
        pieces += [(text, _colour(ink, palette)) for text, ink in canvas.runs(y)]
        out.append([*pieces, (" ", "")])
    return [*out, *axis_rows(curves, frame, margin, width, look, bad, glyphs)]


def _colour(ink: int, palette: Sequence[str]) -> str:
    if ink >= plot.SOFT:
        return f"~{palette[ink - plot.SOFT]}"
    if ink >= _CURSOR:
        return "warning" if ink == _CURSOR else "status-failed"
    return palette[ink] if ink >= 0 else "frame"


def _draw_all(
    canvas: plot.Canvas,
    curves: Sequence[Curve],
    cut: Sequence[Columns],
    ranges: Sequence[tuple[float, float] | None],
    frame: Frame,
    look: Look,
    own: bool,
    glyphs: Glyphs,
) -> set[int]:
    """Draw the curves, the first one on top; gives the cells where a value was not finite."""
    bad: set[int] = set()
    scaled = {}
    above = 0.0 if look.log else None
    for ink in reversed(range(len(curves))):
        its = ranges[ink]
        at = frame
        if own and its is not None:
            low, high = padded(*its, look.log)
            at = replace(frame, low=low, high=high)
        scaled[ink] = ticks.scale(at.low, at.high, canvas.rows, log=look.log)
        curve, level, columns = curves[ink], scaled[ink], cut[ink]
        behind = _behind_stalls(curve, frame, look.axis, canvas.columns)
        soft = plot.SOFT if look.weight else 0
        plot.draw(canvas, columns, level, ink + soft, above=above, across=behind)
        bad |= {x // canvas.wide for x, odd in enumerate(columns.odd) if odd}
        if not look.weight:
            _mark_odd(canvas, columns, level, above, glyphs)
    for ink in reversed(range(len(curves))):
        curve, level = curves[ink], scaled[ink]
        if look.weight:
            mean = curve.series.smoothed(look.weight)
            columns = mean.columns(look.axis, frame.left, frame.right, canvas.columns)
            behind = _behind_stalls(curve, frame, look.axis, canvas.columns)
            plot.draw(canvas, columns, level, ink, above=above, across=behind)
            _mark_odd(canvas, columns, level, above, glyphs)
    for ink in reversed(range(len(curves))):
        _mark_best(canvas, curves[ink], frame, scaled[ink], look, ink, glyphs)
    if look.cursor is not None:
        _draw_cursor(canvas, curves, frame, scaled, look, glyphs)
    return bad


def _mark_odd(
    canvas: plot.Canvas,
    columns: Columns,
    level: ticks.Level,
    above: float | None,
    glyphs: Glyphs,
) -> None:
    """A cross where the curve breaks off, at the height of the value before (or after) it."""
    floor = -math.inf if above is None else above
    height: int | None = None
    shown = (value for value in columns.first if value == value and value > floor)
    first = next(shown, None)
    inside = False
    for x, odd in enumerate(columns.odd):
        if odd and not inside:
            y = height if height is not None else level(first) if first is not None else None
            char = glyphs.times
            if odd == ABOVE:
                y, char = 0, glyphs.up
            elif odd == BELOW:
                y, char = canvas.rows - 1, glyphs.down
            if y is not None:
                canvas.put(x // canvas.wide, y // canvas.tall, char, _BAD)
        if columns.last[x] == columns.last[x]:
            inside = False
            height = level(columns.last[x]) if columns.last[x] > floor else None
        elif odd:
            inside = True


def _mark_best(
    canvas: plot.Canvas,
    curve: Curve,
    frame: Frame,
    level: ticks.Level,
    look: Look,
    ink: int,
    glyphs: Glyphs,
) -> None:
    """The best value; the only one of a curve that has no other, which is hardly seen else."""
    best = curve.series.best(curve.best) if curve.best is not None else None
    char = glyphs.mark if glyphs.unicode else "o"
    if best is None and len(curve.series) == 1:
        best, char = curve.series.last, glyphs.info
    if best is None or not math.isfinite(best[1]) or (look.log and best[1] <= 0):
        return
    x = place_of(curve.series, best[0], look.axis)
    if x is not None and frame.left <= x <= frame.right:
        y = level(best[1]) // canvas.tall
        canvas.put(frame.cell(x), y, char, ink)


def _draw_cursor(
    canvas: plot.Canvas,
    curves: Sequence[Curve],
    frame: Frame,
    levels: dict[int, ticks.Level],
    look: Look,
    glyphs: Glyphs,
) -> None:
    """A line from top to bottom, and a point on each curve."""
    assert look.cursor is not None
    cell = frame.cell(look.cursor)
    if not 0 <= cell < frame.width:
        return
    for y in range(frame.height):
        if canvas.blank(cell, y):
            canvas.put(cell, y, glyphs.v, _CURSOR)
    for ink in reversed(range(len(curves))):
        value = read(curves[ink].series, look)
        if value is not None and math.isfinite(value) and (value > 0 or not look.log):
            canvas.put(cell, levels[ink](value) // canvas.tall, glyphs.info, ink)


def _behind_stalls(curve: Curve, frame: Frame, axis: Axis, count: int) -> set[int]:
    """The columns that a stall ends in, where it is wider than a column."""
    if axis is Axis.STEP or not curve.stalls:
        return set()
    shift = curve.shift(axis)
    found = set()
    for stall in curve.stalls:
        begin, end = frame.cell(stall.began - shift, count), frame.cell(stall.ended - shift, count)
        if end - begin > 1:
            found.add(end)
    return found


def _labels_by_row(
    canvas: plot.Canvas, values: Sequence[float], texts: Sequence[str], frame: Frame, log: bool
) -> dict[int, str]:
    level = ticks.scale(frame.low, frame.high, canvas.rows, log=log)
    return {level(v) // canvas.tall: text for v, text in zip(values, texts, strict=True)}


def _grid_lines(
    canvas: plot.Canvas, values: Sequence[float], frame: Frame, log: bool, glyphs: Glyphs
) -> None:
    """Faint dots at the height of each label, where nothing else is."""
    level = ticks.scale(frame.low, frame.high, canvas.rows, log=log)
    for y in {level(value) // canvas.tall for value in values}:
        for x in range(0, frame.width, 2):
            if canvas.blank(x, y):
                canvas.put(x, y, glyphs.dot if glyphs.unicode else ".", plot.NO_INK)


def _nothing(rough: Sequence[Columns], look: Look) -> str:
    """Why there is nothing to draw, and the way out."""
    finite = any(columns.bounds is not None for columns in rough)
    if look.log and finite:
        return "no value above 0: L shows the linear scale"
    if any(any(columns.odd) for columns in rough):
        return "no finite value here"
    return "no points here: 0 shows all" if look.window else ""


def centred(text: str, width: int, height: int) -> list[Row]:
    """Some words in the middle of nothing."""
    rows: list[Row] = [[(" " * width, "")] for _ in range(height)]
    if text:
        rows[height // 2] = [(text[:width].center(width), "text-faint")]
    return rows
