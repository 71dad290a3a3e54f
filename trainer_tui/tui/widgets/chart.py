"""Line charts: curves over steps or time, with axes, in braille or ASCII.

:func:`picture` is pure: it turns series and a size into rows of coloured text. :class:`Chart` is
the widget that shows them and draws again only when something changed.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from trainer_tui.tui.glyphs import UNICODE, Glyphs
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.widgets import plot
from trainer_tui.tui.widgets.plot import sparkline

__all__ = ["Chart", "Options", "Series", "picture", "sparkline"]

Row = list[tuple[str, str]]
"""Pieces of one row: text, and the theme variable of its colour."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve."""

    label: str
    xs: Sequence[float]
    """Steps, or seconds since the first point; rising."""
    ys: Sequence[float]
    """As many values; what is not finite is marked on the axis."""
    colour: str = "chart-1"
    """Theme variable."""
    best: Literal["min", "max"] | None = None
    """Which value is worth a mark."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the curves are drawn."""

    log: bool = False
    smooth: bool = False
    """Draw the moving average, the raw values faint behind it."""
    time: bool = False
    """x is seconds instead of steps."""
    ticks: tuple[float, ...] = ()
    """x of things worth a tick on the axis: checkpoints."""
    cursor: float | None = None
    """Part of the width, 0 to 1, where values are read; ``None``: no cursor."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where things go: the plot's size in cells and what its edges mean."""

    width: int
    height: int
    left: float
    right: float
    low: float
    high: float

    def column(self, columns: int) -> Callable[[float], int]:
        """x → column of ``columns``."""
        span = (self.right - self.left) or 1.0
        return lambda x: round((x - self.left) / span * (columns - 1))


def picture(
    series: Sequence[Series], width: int, height: int, options: Options, glyphs: Glyphs
) -> list[Row]:
    """The chart as ``height`` rows of ``width`` cells.

    From the top: the legend, the plot with its y axis, the x axis, its labels. Several curves
    whose ranges have nothing in common are drawn each on its own scale, and the legend says so;
    the y axis is then the first one's.
    """
    if width < 16 or height < 5 or not any(plot.finite(s.ys) for s in series):
        return [[(" " * width, "")] for _ in range(height)]
    plain = not glyphs.unicode
    ranges = [_range(s, options.log) for s in series]
    known = [r for r in ranges if r is not None]
    if not known:
        return _centred("no value above 0: L shows the linear scale", width, height)
    low, high = min(r[0] for r in known), max(r[1] for r in known)
    own = len(known) > 1 and not options.log and any(_lost(r, low, high) for r in known)
    if own:
        low, high = known[0]
    low, high = _padded(low, high, options.log)
    rows = height - 3
    count = min(8, max(2, rows // 3))
    values = plot.log_ticks(low, high, count) if options.log else plot.ticks(low, high, count)
    texts = plot.labels(values)
    margin = max((len(text) for text in texts), default=1) + 1
    frame = _Frame(width - margin - 2, rows, *_span(series), low, high)
    if frame.width < 4:
        return [[(" " * width, "")] for _ in range(height)]
    canvas = plot.Canvas(frame.width, rows, plain=plain)
    inks: list[str] = ["text-faint", "warning"]
    bad: set[int] = set()
    for one, its in zip(series, ranges, strict=True):
        if its is None:
            continue
        scaled = frame
        if own:
            bottom, top = _padded(*its, options.log)
            scaled = replace(frame, low=bottom, high=top)
        bad |= _curve(canvas, one, scaled, options, inks)
    if options.cursor is not None:
        column = round(options.cursor * (frame.width - 1))
        for y in range(rows):
            if canvas.blank(column, y):
                canvas.put(column, y, glyphs.v, 1)
    level = plot.scale(low, high, canvas.rows, log=options.log)
    per_cell = max(1, canvas.rows // rows)
    marks = {level(v) // per_cell: text for v, text in zip(values, texts, strict=True)}
    out = [_legend(series, options, own, width, frame, glyphs)]
    for y in range(rows):
        label = marks.get(y)
        tee = glyphs.tees[1] if label is not None else glyphs.v
        if label is not None:
            for x in range(0, frame.width, 2):
                if canvas.blank(x, y):
                    canvas.put(x, y, "·" if glyphs.unicode else ".", -2)
        pieces = [(f"{label or '':>{margin - 1}} ", "text-faint"), (tee, "frame")]
        for text, ink in canvas.runs(y):
            pieces.append((text, "frame" if ink == -2 else inks[ink] if ink >= 0 else ""))
        out.append([*pieces, (" ", "")])
    return [*out, *_x_axis(frame, margin, width, options, bad, glyphs)]


def _curve(
    canvas: plot.Canvas, one: Series, frame: _Frame, options: Options, inks: list[str]
) -> set[int]:
    """Draw one curve and its best value; gives the cells where a value was not finite."""
    place = frame.column(canvas.columns)
    level = plot.scale(frame.low, frame.high, canvas.rows, log=options.log)
    ys = list(one.ys)
    shown = [y if not options.log or y > 0 or math.isnan(y) else math.nan for y in ys]
    inks.append(one.colour)
    ink = len(inks) - 1
    columns, bad, broken = plot.reduce(one.xs, shown, place, canvas.columns)
    if options.smooth:
        plot.draw(canvas, columns, broken, level, 0)
        smoothed = plot.smooth(shown)
        columns, _, broken = plot.reduce(one.xs, smoothed, place, canvas.columns)
    plot.draw(canvas, columns, broken, level, ink)
    if one.best is not None and (index := best_index(ys, one.best)) is not None:
        y = shown[index]
        if math.isfinite(y):
            wide, tall = canvas.columns // canvas.width, canvas.rows // canvas.height
            cell = (place(one.xs[index]) // wide, level(y) // tall)
            canvas.put(*cell, "o" if canvas.plain else "◆", ink)
    per_cell = canvas.columns // canvas.width
    return {column // per_cell for column in bad}


def best_index(values: Sequence[float], best: Literal["min", "max"]) -> int | None:
    """Where the best finite value is; the first of equals."""
    found = [(value, index) for index, value in enumerate(values) if math.isfinite(value)]
    if not found:
        return None
    if best == "min":
        return min(found)[1]
    return max(found, key=lambda pair: (pair[0], -pair[1]))[1]


def _range(one: Series, log: bool) -> tuple[float, float] | None:
    values = [y for y in one.ys if math.isfinite(y) and (y > 0 or not log)]
    return (min(values), max(values)) if values else None


def _lost(its: tuple[float, float], low: float, high: float) -> bool:
    """Whether a curve would be flat in the range of all."""
    return (its[1] - its[0]) < 0.08 * (high - low)


def _padded(low: float, high: float, log: bool) -> tuple[float, float]:
    """A little room above and below; some for a constant curve."""
    if log:
        if high / low < 1.01:
            return low / 2, high * 2
        room = (high / low) ** 0.04
        return low / room, high * room
    if high - low <= abs(high) * 1e-9:
        room = abs(high) * 0.1 or 1.0
    else:
        room = (high - low) * 0.04
    # A curve that never goes below 0 does not get an axis that does.
    return (max(0.0, low - room) if low >= 0 else low - room), high + room


def _span(series: Sequence[Series]) -> tuple[float, float]:
    left = min(s.xs[0] for s in series if s.xs)
    right = max(s.xs[-1] for s in series if s.xs)
    return (left, right) if right > left else (left, left + 1)


def _legend(
    series: Sequence[Series], options: Options, own: bool, width: int, frame: _Frame, glyphs: Glyphs
) -> Row:
    """Names with their values, and how they are drawn."""
    flags = [
        "log" if options.log else "",
        "smoothed" if options.smooth else "",
        "each on its own scale" if own else "",
    ]
    pieces: Row = [(" ", "")]
    used = 1
    at = None
    if options.cursor is not None:
        at = frame.left + options.cursor * (frame.right - frame.left)
        where = plot.duration(at) if options.time else f"step {round(at):,}"
        pieces.append((where, "warning"))
        used += len(where)
    for one in series:
        full, short = _label(one, at, options, glyphs)
        gap = 3 if used > 1 else 0
        text = full if used + gap + 2 + len(full) < width else short
        if used + gap + 2 + len(text) >= width:
            break
        pieces += [(" " * gap, ""), (f"{glyphs.info} ", one.colour), (text, "text-muted")]
        used += gap + 2 + len(text)
    right = f" {glyphs.dot} ".join(filter(None, flags))
    if used + len(right) + 2 > width:
        right = ""
    pieces.append((" " * max(0, width - used - len(right) - 1), ""))
    pieces.append((f"{right} ", "text-faint"))
    return pieces


def _label(one: Series, at: float | None, options: Options, glyphs: Glyphs) -> tuple[str, str]:
    """What the legend says of a curve, at length and in short."""
    if at is not None and one.xs:
        value = plot.number(one.ys[nearest(one.xs, at)])
        return f"{one.label} {value}", value
    if one.best is None or (index := best_index(one.ys, one.best)) is None:
        return one.label, one.label
    x = one.xs[index]
    where = plot.duration(x) if options.time else f"step {round(x):,}"
    mark = "◆" if glyphs.unicode else "o"
    return f"{one.label}  {mark} {plot.number(one.ys[index])} at {where}", one.label


def nearest(xs: Sequence[float], x: float) -> int:
    """Index of the point nearest to ``x``; ``xs`` rises and is not empty."""
    index = bisect_left(xs, x)
    if index == len(xs) or (index and x - xs[index - 1] <= xs[index] - x):
        return index - 1
    return index


def _x_axis(
    frame: _Frame, margin: int, width: int, options: Options, bad: set[int], glyphs: Glyphs
) -> list[Row]:
    """The axis with ticks, checkpoints and what was not finite; below it the labels."""
    count = max(1, frame.width // 10)
    if options.time:
        values = plot.time_ticks(frame.left, frame.right, count)
        texts = [plot.duration(value) for value in values]
    else:
        values = [v for v in plot.ticks(frame.left, frame.right, count) if v == round(v)]
        texts = plot.labels(values)
    place = frame.column(frame.width)
    tick = "┴" if glyphs.unicode else "+"
    line: list[tuple[str, str]] = [(glyphs.h, "frame")] * frame.width
    labels = [" "] * (frame.width + 1)
    free = 0
    for value, text in zip(values, texts, strict=True):
        cell = place(value)
        start = min(max(0, cell - len(text) // 2), frame.width + 1 - len(text))
        line[cell] = (tick, "frame")
        if start >= free:
            labels[start : start + len(text)] = text
            free = start + len(text) + 2
    unit = "time" if options.time else "step"
    if free + len(unit) <= frame.width:
        labels[-len(unit) :] = unit
    for x in options.ticks:
        if 0 <= (cell := place(x)) < frame.width:
            line[cell] = ("▴" if glyphs.unicode else "^", "status-succeeded")
    for cell in bad:
        line[cell] = (glyphs.times, "status-failed")
    corner = "└" if glyphs.unicode else "+"
    axis: Row = [(" " * margin, ""), (corner, "frame")]
    for char, colour in line:
        if axis[-1][1] == colour:
            axis[-1] = (axis[-1][0] + char, colour)
        else:
            axis.append((char, colour))
    text = " " * (margin + 1) + "".join(labels)
    return [[*axis, (" ", "")], [(text[:width].ljust(width), "text-faint")]]


def _centred(text: str, width: int, height: int) -> list[Row]:
    rows: list[Row] = [[(" " * width, "")] for _ in range(height)]
    rows[height // 2] = [(text[:width].center(width), "text-faint")]
    return rows


class Chart(Widget):
    """Shows :func:`picture`; repaints the rows that differ."""

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    Chart { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.series: Sequence[Series] = ()
        self.options = Options()
        self._rows: list[Row] = []

    @property
    def glyphs(self) -> Glyphs:
        """The app's symbols."""
        glyphs = getattr(self.app, "glyphs", UNICODE)
        return glyphs if isinstance(glyphs, Glyphs) else UNICODE

    def show(self, series: Sequence[Series], options: Options) -> None:
        """Draw these curves."""
        self.series, self.options = series, options
        self._draw()

    def on_resize(self) -> None:
        """Another size, another picture."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        before = self._rows
        self._rows = picture(self.series, width, height, self.options, self.glyphs)
        if len(before) != len(self._rows):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self._rows, strict=True)):
            if old != new:
                self.refresh(Region(0, y, width, 1))

    def render_line(self, y: int) -> Strip:
        """Textual: one row."""
        base = self.rich_style
        if y >= len(self._rows):
            return Strip.blank(self.size.width, base)
        paint = paint_of(self.app)
        strip = Strip(
            [
                Segment(text, base + Style(color=paint(colour).color) if colour else base)
                for text, colour in self._rows[y]
            ]
        )
        return strip.adjust_cell_length(self.size.width, base)
