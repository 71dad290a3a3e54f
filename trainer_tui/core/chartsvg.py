"""Curves as a picture in a file: SVG with axes and legend, for light and dark grounds. Pure.

The picture needs no font and no script: whatever shows it uses its own sans-serif, and the colours
follow the reader's light or dark setting (``prefers-color-scheme``), light where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from trainer_tui.core import ticks, units
from trainer_tui.core.chartscale import Range, apart, padded, place_of, range_of, value_ticks
from trainer_tui.core.columns import Axis, Columns
from trainer_tui.core.points import Way
from trainer_tui.core.series import Series
from trainer_tui.core.stalls import Stall
from trainer_tui.core.svgaxes import Box, bottom, grid, text, value_labels

LIGHT = ("#1f5fd6", "#b45309", "#15803d", "#c02626", "#7c3aed", "#0f766e")
DARK = ("#7aa7ff", "#f0a35e", "#63c98a", "#ff8080", "#b79bff", "#4fd1c5")
_STYLE = """
.ground{fill:#fff}.ink{fill:#1f2430}.faint{fill:#5c6474}
.frame{stroke:#9aa1ad;fill:none}.line{stroke:#e3e6eb}
.tick{fill:#15803d}.bad{fill:#c02626}.stall{fill:#b45309}
"""
_STYLE_DARK = """
.ground{fill:#12151c}.ink{fill:#e4e7ee}.faint{fill:#a2a9b8}
.frame{stroke:#5c6474}.line{stroke:#272c37}
.tick{fill:#63c98a}.bad{fill:#ff8080}.stall{fill:#f0a35e}
"""
_ROW = 20
_GLYPH = 7.2
"""Width of a digit of 12 px, about: room is left for it, nothing is measured."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of the picture."""

    label: str
    series: Series
    best: Way | None = None
    checkpoints: tuple[int, ...] = ()
    stalls: Sequence[Stall] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn, and how."""

    lines: Sequence[Line]
    title: str = ""
    axis: Axis = Axis.STEP
    window: Range | None = None
    """From where to where, in units of the axis; ``None``: all there is."""
    log: bool = False
    weight: float = 0.0
    """Of a moving average; 0: the raw values alone."""
    zone: tzinfo | None = None
    width: int = 960
    height: int = 480


def draw(scene: Scene) -> str:
    """The picture as one SVG document."""
    return "".join(_parts(scene))


def sheet(scenes: Sequence[Scene]) -> str:
    """Several pictures on one sheet, two a row; all of the first one's size."""
    if not scenes:
        return draw(Scene(()))
    wide, tall = scenes[0].width, scenes[0].height
    width, height = wide * min(2, len(scenes)), tall * -(-len(scenes) // 2)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">\n'
    ]
    for number, scene in enumerate(scenes):
        x, y = number % 2 * wide, number // 2 * tall
        out.append(draw(scene).replace("<svg ", f'<svg x="{x}" y="{y}" ', 1))
    return "".join([*out, "</svg>\n"])


def _parts(scene: Scene) -> Iterator[str]:
    width, height = scene.width, scene.height
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12" '
        f'role="img">\n'
    )
    yield f"<title>{text(scene.title or 'curves')}</title>\n"
    yield f"<style>{_styles()}</style>\n"
    yield f'<rect class="ground" width="{width}" height="{height}"/>\n'
    top = 30.0
    if scene.title:
        yield f'<text class="ink" x="16" y="26" font-size="15">{text(scene.title)}</text>\n'
        top = 50.0
    spans = [span for line in scene.lines if (span := line.series.extent(scene.axis))]
    if not spans:
        yield f'<text class="faint" x="16" y="{top:.0f}">There is nothing to draw.</text>\n</svg>\n'
        return
    left, right = min(s[0] for s in spans), max(s[1] for s in spans)
    left, right = scene.window or (left, right if right > left else left + 1)
    yield from _curves(scene, left, right, top)
    yield "</svg>\n"


def _curves(scene: Scene, left: float, right: float, top: float) -> Iterator[str]:
    count = max(2, scene.width - 90)
    raw = [line.series.columns(scene.axis, left, right, count) for line in scene.lines]
    ranges = [range_of(columns, scene.log) for columns in raw]
    found = [each for each in ranges if each is not None]
    own = apart(found, scene.log)
    if not found:
        low, high = (1.0, 10.0) if scene.log else (0.0, 1.0)
    elif own:
        low, high = padded(*found[0], scene.log)
    else:
        low, high = min(r[0] for r in found), max(r[1] for r in found)
        low, high = padded(low, high, scene.log)
    below = any(low <= 0 for columns in raw for low in columns.low)
    heads, top = _legend(scene, own, below, ranges, top)
    yield from heads
    values = value_ticks(low, high, scene.log, 7) if found else []
    labels = ticks.labels(values)
    margin = 22 + _GLYPH * max((len(label) for label in labels), default=1)
    box = Box(margin, top, scene.width - margin - 22, scene.height - top - 46, left, right)
    place = _scale(low, high, box, scene.log)
    yield f'<g class="line" stroke-width="1">{grid(values, place, box)}</g>\n'
    yield from value_labels(values, labels, place, box)
    yield from bottom(scene, box)
    # A picture of its own, so that nothing is drawn beside the plot.
    edges = f"{box.x:.1f} {box.y - 6:.1f} {box.width + 8:.1f} {box.height + 6:.1f}"
    x, y, width, height = edges.split()
    yield f'<svg x="{x}" y="{y}" width="{width}" height="{height}" viewBox="{edges}">\n'
    for number, (line, columns) in reversed(list(enumerate(zip(scene.lines, raw, strict=True)))):
        its = ranges[number]
        if its is None:
            continue
        here = _scale(*padded(*its, scene.log), box, scene.log) if own else place
        yield from _curve(scene, number, line, columns, here, box)
    yield "</svg>\n"
    yield from _not_finite(raw, box)


def _styles() -> str:
    light = "".join(
        f".c{n}{{stroke:{colour}}}.f{n}{{fill:{colour}}}" for n, colour in enumerate(LIGHT)
    )
    dark = "".join(
        f".c{n}{{stroke:{colour}}}.f{n}{{fill:{colour}}}" for n, colour in enumerate(DARK)
    )
    shape = "polyline{fill:none;stroke-linejoin:round}"
    return f"{_STYLE}{light}{shape}@media (prefers-color-scheme:dark){{{_STYLE_DARK}{dark}}}"


def _scale(low: float, high: float, box: Box, log: bool) -> ticks.Level:
    """Value → tenths of a pixel from the top."""
    return ticks.scale(low, high, round(box.height * 10) + 1, log=log)


def _legend(
    scene: Scene, own: bool, below: bool, ranges: Sequence[Range | None], top: float
) -> tuple[list[str], float]:
    """Names with last and best values, in as many lines as they need; ``below``: there are values
    that a logarithmic axis does not show."""
    out: list[str] = []
    x, y = 16.0, top - 4
    for number, line in enumerate(scene.lines):
        its = ranges[number]
        told = _told(line, 0.0 if its is None else its[1] - its[0])
        width = 26 + _GLYPH * (len(line.label) + len(told) + 2)
        if x > 16 and x + width > scene.width - 16:
            x, y = 16.0, y + _ROW
        colour = number % len(LIGHT)
        out.append(
            f'<rect class="f{colour}" x="{x:.1f}" y="{y - 8:.1f}" width="14" height="4" rx="2"/>'
            f'<text x="{x + 20:.1f}" y="{y:.1f}"><tspan class="ink">{text(line.label)}</tspan>'
            f'<tspan class="faint" dx="8">{text(told)}</tspan></text>\n'
        )
        x += width
    notes = ["each on its own scale"] if own else []
    counted = dict.fromkeys(line.series.unit for line in scene.lines if len(line.series))
    if scene.axis is Axis.STEP and len(counted) > 1:
        notes.append(" beside ".join(map(units.plural, counted)))
    notes += ["logarithmic, without 0 and below"] if scene.log and below else []
    notes += ["logarithmic"] if scene.log and not below else []
    notes += [f"smoothed {scene.weight:g}"] if scene.weight else []
    out.append(
        f'<text class="faint" text-anchor="end" x="{scene.width - 16}" y="26">'
        f"{text(' · '.join(notes))}</text>\n"
    )
    return out, y + 14


def _told(line: Line, span: float) -> str:
    last = line.series.last
    parts = [f"last {ticks.reading(last[1], span)}"] if last is not None else []
    best = line.series.best(line.best) if line.best is not None else None
    if best is not None:
        parts.append(
            f"best {ticks.reading(best[1], span)} at {units.at(line.series.unit, best[0])}"
        )
    return ", ".join(parts)


def _curve(
    scene: Scene, number: int, line: Line, columns: Columns, place: ticks.Level, box: Box
) -> Iterator[str]:
    """The raw values, the smoothed ones over them, what was not finite, and the best."""
    colour = number % len(LIGHT)
    faint = ' stroke-opacity="0.3"' if scene.weight else ""
    yield f'<g class="c{colour}" stroke-width="1.4"{faint}>'
    yield from _polylines(columns, place, box, scene.log)
    yield "</g>\n"
    if scene.weight:
        mean = line.series.smoothed(scene.weight)
        smooth = mean.columns(scene.axis, box.left, box.right, len(columns.low))
        yield f'<g class="c{colour}" stroke-width="2">'
        yield from _polylines(smooth, place, box, scene.log)
        yield "</g>\n"
    best = line.series.best(line.best) if line.best is not None else None
    if best is not None and (best[1] > 0 or not scene.log):
        at = place_of(line.series, best[0], scene.axis)
        if at is not None and box.left <= at <= box.right:
            x, y = box.across(at), box.y + place(best[1]) / 10
            yield f'<circle class="f{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>\n'


def _not_finite(raw: Sequence[Columns], box: Box) -> Iterator[str]:
    """A cross on the axis for each column that has such a value."""
    for columns in raw:
        wide = box.width / max(1, len(columns.odd))
        for index, odd in enumerate(columns.odd):
            if odd:
                x = box.x + (index + 0.5) * wide
                yield (
                    f'<text class="bad" text-anchor="middle" x="{x:.1f}" '
                    f'y="{box.bottom + 4:.1f}">×<title>a value that is not finite</title></text>\n'
                )


def _polylines(columns: Columns, place: ticks.Level, box: Box, log: bool) -> Iterator[str]:
    """One line for each stretch without a break; each column as first, least, greatest, last."""
    floor = 0.0 if log else -math.inf
    wide = box.width / max(1, len(columns.low))
    points: list[str] = []

    def outside(point: tuple[float, float] | None) -> list[str]:
        """A point beside the window that the curve comes from or goes to."""
        if point is None or point[1] <= floor:
            return []
        return [f"{box.across(point[0]):.1f},{box.y + place(point[1]) / 10:.1f}"]

    points += outside(columns.before)
    for index, low in enumerate(columns.low):
        high = columns.high[index]
        if low != low:
            continue
        if high <= floor:
            yield from _polyline(points)
            points = []
            continue
        if not columns.joined[index]:
            yield from _polyline(points)
            points = []
        x = box.x + (index + 0.5) * wide
        ys: list[str] = []
        for value in (columns.first[index], low, high, columns.last[index]):
            y = f"{x:.1f},{box.y + place(value) / 10:.1f}"
            if not ys or ys[-1] != y:
                ys.append(y)
        points += ys
    yield from _polyline(points + outside(columns.after))


def _polyline(points: list[str]) -> Iterator[str]:
    alone = len(points) == 1
    if points:
        shown, wide = (
            " ".join(points * 2 if alone else points),
            ' stroke-width="4"' if alone else "",
        )
        yield f'<polyline stroke-linecap="round"{wide} points="{shown}"/>'
