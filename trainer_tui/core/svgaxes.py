"""Axes of a picture of curves in a file, and what is marked on them: SVG. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from trainer_tui.core import ticks, units
from trainer_tui.core.chartscale import place_of
from trainer_tui.core.columns import Axis

if TYPE_CHECKING:
    from trainer_tui.core.chartsvg import Line, Scene

# What XML cannot hold, even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Box:
    """The plot: its edges in pixels, and what they mean."""

    x: float
    y: float
    width: float
    height: float
    left: float
    right: float

    def across(self, value: float) -> float:
        """Pixels from the left of a place on the axis."""
        return self.x + (value - self.left) / ((self.right - self.left) or 1.0) * self.width

    @property
    def bottom(self) -> float:
        """Pixels from the top of the axis."""
        return self.y + self.height


def text(value: str) -> str:
    """Text for XML: escaped, without what XML cannot hold."""
    return escape(_NO_XML.sub("\ufffd", value), {'"': "&quot;"})


def grid(values: Sequence[float], place: ticks.Level, box: Box) -> str:
    """A line from side to side for each value."""
    return "".join(
        f'<path d="M{box.x:.1f} {box.y + place(value) / 10:.1f}h{box.width:.1f}"/>'
        for value in values
    )


def value_labels(
    values: Sequence[float], labels: Sequence[str], place: ticks.Level, box: Box
) -> Iterator[str]:
    """The axis at the side."""
    yield '<g class="faint" text-anchor="end">'
    for value, label in zip(values, labels, strict=True):
        y = box.y + place(value) / 10 + 4
        yield f'<text x="{box.x - 8:.1f}" y="{y:.1f}">{text(label)}</text>'
    yield "</g>\n"


def bottom(scene: Scene, box: Box) -> Iterator[str]:
    """The axis below with its ticks, labels and checkpoints."""
    count = max(1, int(box.width // 90))
    if scene.axis is Axis.TIME:
        values = ticks.clock_ticks(box.left, box.right, count, scene.zone)
        labels, unit = ticks.clock_labels(values, scene.zone), "clock"
    elif scene.axis is Axis.RELATIVE:
        values = ticks.time_ticks(box.left, box.right, count)
        labels, unit = [ticks.duration(value) for value in values], "since start"
    else:
        counted = [line.series.unit for line in scene.lines if len(line.series)]
        values, labels, unit = units.axis(counted, box.left, box.right, count)
    yield f'<path class="frame" d="M{box.x:.1f} {box.y:.1f}V{box.bottom:.1f}h{box.width:.1f}"/>\n'
    yield '<g class="faint" text-anchor="middle">'
    for value, label in zip(values, labels, strict=True):
        x = box.across(value)
        yield f'<path class="frame" d="M{x:.1f} {box.bottom:.1f}v5"/>'
        yield f'<text x="{x:.1f}" y="{box.bottom + 20:.1f}">{text(label)}</text>'
    yield "</g>\n"
    edge = box.x + box.width
    yield (
        f'<text class="faint" text-anchor="end" x="{edge:.1f}" y="{box.bottom + 36:.1f}">'
        f"{text(unit)}</text>\n"
    )
    for line in scene.lines[:1]:
        for step in line.checkpoints:
            at = place_of(line.series, step, scene.axis)
            if at is not None and box.left <= at <= box.right:
                x, told = box.across(at), units.at(line.series.unit, step)
                yield (
                    f'<path class="tick" d="M{x:.1f} {box.bottom + 1:.1f}l4 7h-8z">'
                    f"<title>checkpoint at {text(told)}</title></path>\n"
                )
    for line in scene.lines:
        yield from _stalls(line, scene.axis, box)


def _stalls(line: Line, axis: Axis, box: Box) -> Iterator[str]:
    """A bar on the axis for each time that the curve stood still."""
    shift = (line.series.start or 0.0) if axis is Axis.RELATIVE else 0.0
    for stall in line.stalls:
        begin, end = (
            (stall.step, stall.step)
            if axis is Axis.STEP
            else (stall.began - shift, stall.ended - shift)
        )
        if end >= box.left and begin <= box.right:
            x, stop = box.across(max(begin, box.left)), box.across(min(end, box.right))
            yield (
                f'<rect class="stall" x="{x - 2:.1f}" y="{box.bottom - 3:.1f}" '
                f'width="{stop - x + 4:.1f}" height="6"><title>'
                f"no {text(units.noun(line.series.unit))} for {ticks.duration(stall.seconds)}"
                "</title></rect>\n"
            )
