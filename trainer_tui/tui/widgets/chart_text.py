"""The words around a plot: legend, axis, labels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len, set_cell_size

from trainer_tui.core import ticks, units
from trainer_tui.core.chartscale import place_of
from trainer_tui.core.columns import Axis, Columns
from trainer_tui.core.stalls import Stall
from trainer_tui.model import POINTS
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.widgets.chart_look import Curve, Frame, Look, Row, read

_PER_LABEL = 10
"""Cells that a label below the chart takes with the room around it."""


def where(curves: Sequence[Curve], look: Look) -> str:
    """The place of the point that the cursor reads, in words."""
    x = look.cursor
    assert x is not None
    for curve in curves[:1]:
        span, point = curve.series.extent(look.axis), curve.series.at(look.axis, x)
        if span is not None and point is not None and span[0] <= x <= span[1]:
            place = place_of(curve.series, point[0], look.axis)
            x = x if place is None else place
    if look.axis is Axis.STEP:
        return units.at(units.together(counted(curves)), x)
    if look.axis is Axis.TIME:
        return ticks.moment(x, look.zone)
    return f"after {ticks.duration(round(x))}"


def counted(curves: Sequence[Curve]) -> list[str]:
    """What the places of the curves count, each once."""
    return list(dict.fromkeys(curve.series.unit for curve in curves if len(curve.series)))


APART = "each on its own scale"


def note_words(
    curves: Sequence[Curve],
    columns: Sequence[Columns],
    look: Look,
    window: tuple[float, float],
    own: bool,
    glyphs: Glyphs,
) -> list[str]:
    """How the curves are drawn and what the marks on them mean, the most needed first."""
    words = []
    if own:
        words.append(APART)
    what = counted(curves)
    if look.axis is Axis.STEP and len(what) > 1:
        timed = all(curve.series.extent(Axis.RELATIVE) is not None for curve in curves)
        beside = " beside ".join(map(units.plural, what))
        words.append(f"{glyphs.warn} {beside}" + (": X shows time" if timed else ""))
    if back := next(filter(None, map(_gone_back, curves)), ""):
        words.append(f"beyond {back} an earlier run")
    if look.log and any(low <= 0 for each in columns for low in each.low):
        words.append("0 and below not shown")
    if any(any(each.odd) for each in columns):
        words.append(f"{glyphs.times} not finite")
    stalls = _stalls_in(curves, look.axis, window)
    going = [stall.seconds for stall in stalls if stall.open]
    noun = units.noun(what[0]) if len(what) == 1 else POINTS
    if going:
        longest = max(going)
        told = ticks.duration(longest) if longest >= 1 else "a while"
        words.append(f"{glyphs.pause} no {noun} for {told}")
    elif stalls:
        longest = max(stall.seconds for stall in stalls)
        words.append(f"{glyphs.pause} {ticks.duration(longest)} without {units.article(noun)}")
    without = sum(curve.series.timeless for curve in curves) if look.axis is not Axis.STEP else 0
    if without:
        words.append(f"{without:,} points without a time")
    if look.log:
        words.append("log")
    if look.weight:
        words.append(f"smoothed {look.weight:g}")
    if look.window is not None:
        words.append("zoomed in")
    return words


def _gone_back(curve: Curve) -> str:
    """Where its newest point is, if that lies far before others, as it does after a resume."""
    last = curve.series.last
    if last is None:
        return ""
    most = curve.series.steps[-1]
    return units.at(curve.series.unit, last[0]) if most - last[0] > max(1, most // 50) else ""


def _stalls_in(curves: Sequence[Curve], axis: Axis, window: tuple[float, float]) -> list[Stall]:
    found = []
    for curve in curves:
        for stall in curve.stalls:
            x = place_of(curve.series, stall.step, axis)
            if x is not None and window[0] <= x <= window[1]:
                found.append(stall)
    return found


def legend(
    curves: Sequence[Curve],
    look: Look,
    notes: Sequence[str],
    ranges: Sequence[tuple[float, float] | None],
    width: int,
    lines: int,
    glyphs: Glyphs,
) -> list[Row]:
    """Names with their values, in at most so many lines, and how they are drawn.

    Where the room is short, first the notes go, but that the scales are several; for that the best
    values go. Then the last curves.
    """
    lead = where(curves, look) if look.cursor is not None else ""
    room = width - 2
    needed = len(APART) + 3 if APART in notes else 0
    spans = [0.0 if each is None else each[1] - each[0] for each in ranges]
    named = list(zip(curves, spans, strict=True)) if look.named else []
    for full in (True, False):
        items = [_item(curve, span, look, full, glyphs) for curve, span in named]
        rows = _wrapped(lead, items, room)
        left_out = len(rows) > lines
        rows = rows[:lines]
        out = [_painted(row, lead if not number else "") for number, row in enumerate(rows)]
        used = [sum(cells(text) for text, _ in row) for row in out]
        if not left_out and used[0] + needed <= width:
            break
    if left_out and used[-1] + 2 < width:
        out[-1].append((f" {glyphs.ellipsis}", "text-faint"))
        used[-1] += 2
    shown: list[str] = []
    for note in notes:
        if used[0] + len(f" {glyphs.dot} ".join([*shown, note])) + 3 <= width:
            shown.append(note)
    right = f" {glyphs.dot} ".join(shown)
    for number, row in enumerate(out):
        text = right if not number else ""
        row.append((" " * max(0, width - used[number] - len(text) - 1), ""))
        row.append((f"{text} "[: max(0, width - used[number])], "text-faint"))
    return out


Item = tuple[str, str, str]
"""The mark, what is said, and the colour of the mark."""


def _item(curve: Curve, span: float, look: Look, full: bool, glyphs: Glyphs) -> Item:
    if look.cursor is not None:
        value = read(curve.series, look)
        text = glyphs.dash if value is None else ticks.reading(value, span)
        raw = read(curve.series, replace(look, weight=0.0)) if look.weight else None
        if raw is not None:
            text += f" (raw {ticks.reading(raw, span)})"
        return glyphs.info, f"{curve.label} {text}", curve.colour
    best = curve.series.best(curve.best) if curve.best is not None else None
    if not full or best is None:
        return glyphs.info, curve.label, curve.colour
    mark = glyphs.mark if glyphs.unicode else "o"
    told = f"{ticks.reading(best[1], span)} at {units.at(curve.series.unit, best[0])}"
    return glyphs.info, f"{curve.label}  {mark} {told}", curve.colour


def cells(text: str) -> int:
    """Cells that a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def _wrapped(lead: str, items: Sequence[Item], room: int) -> list[list[Item]]:
    """Items in lines; one that is longer than a line is cut."""
    rows: list[list[Item]] = [[]]
    used = len(lead)
    for mark, text, colour in items:
        if cells(text) > room - 2:
            text = set_cell_size(text, max(0, room - 2))
        gap = 3 if used else 0
        if used + gap + 2 + cells(text) > room and used:
            rows.append([])
            used = gap = 0
        rows[-1].append((mark, text, colour))
        used += gap + 2 + cells(text)
    return rows


def _painted(items: Sequence[Item], lead: str) -> Row:
    row: Row = [(" ", "")]
    if lead:
        row.append((lead, "warning"))
    for place, (mark, text, colour) in enumerate(items):
        if place or lead:
            row.append(("   ", ""))
        row += [(f"{mark} ", colour), (text, "text-muted")]
    return row


def axis_rows(
    curves: Sequence[Curve],
    frame: Frame,
    margin: int,
    width: int,
    look: Look,
    bad: set[int],
    glyphs: Glyphs,
) -> list[Row]:
    """The axis with ticks, checkpoints, stalls and what was not finite; below it the labels."""
    values, texts, unit = _x_ticks(curves, frame, look)
    line: list[tuple[str, str]] = [(glyphs.h, "frame")] * frame.width
    tick = "┴" if glyphs.unicode else "+"
    labels = [" "] * (frame.width + 1)
    free, end = 0, frame.width + 1
    needed = 2 * _PER_LABEL if len(counted(curves)) < 2 else _PER_LABEL  # that must be said
    if len(unit) + needed <= end:
        end = frame.width - len(unit)
        labels[end : frame.width] = unit
        end -= 2
    for value, text in zip(values, texts, strict=True):
        cell = frame.cell(value)
        if not 0 <= cell < frame.width:
            continue
        line[cell] = (tick, "frame")
        start = max(0, cell - len(text) // 2)
        if end > frame.width:  # without a word at the end the last label may move in
            start = min(start, end - len(text))
        if start >= free and start + len(text) <= end:
            labels[start : start + len(text)] = text
            free = start + len(text) + 2
    for step in look.checkpoints:
        x = place_of(curves[0].series, step, look.axis) if curves else None
        if x is not None and 0 <= (cell := frame.cell(x)) < frame.width:
            line[cell] = ("▴" if glyphs.unicode else "^", "status-succeeded")
    for begin, stop in _stalls(curves, frame, look.axis):
        for cell in range(max(0, begin), min(frame.width - 1, stop) + 1):
            between = "╌" if glyphs.unicode else "="
            char = glyphs.pause if cell in (begin, stop) else between
            line[cell] = (char, "status-interrupted")
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


def _x_ticks(
    curves: Sequence[Curve], frame: Frame, look: Look
) -> tuple[list[float], list[str], str]:
    """Places of the ticks, their labels, and the axis' own word."""
    count = max(1, frame.width // _PER_LABEL)
    left, right = frame.left, frame.right
    if look.axis is Axis.TIME:
        values = ticks.clock_ticks(left, right, max(1, frame.width // 12), look.zone)
        return values, ticks.clock_labels(values, look.zone), "clock"
    if look.axis is Axis.RELATIVE:
        values = ticks.time_ticks(left, right, count)
        return values, [ticks.duration(value) for value in values], "since start"
    return units.axis(counted(curves), left, right, count)


def _stalls(curves: Sequence[Curve], frame: Frame, axis: Axis) -> list[tuple[int, int]]:
    """The first and the last cell of each stall; on an axis of steps they are the same."""
    found = []
    for curve in curves:
        shift = curve.shift(axis)
        for stall in curve.stalls:
            if axis is Axis.STEP:
                begin = end = frame.cell(stall.step)
            else:
                begin = frame.cell(stall.began - shift) + 1
                end = max(begin, frame.cell(stall.ended - shift) - (not stall.open))
            if end >= 0 and begin < frame.width:
                found.append((begin, end))
    return found
