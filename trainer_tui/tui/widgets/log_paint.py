"""One line of a log in its colours: the trainer's own, ours for levels and numbers, and matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trainer_tui.core.logfile.lines import Colour, Sgr
from trainer_tui.tui.widgets.log_marks import ANSI, layered, marks
from trainer_tui.tui.widgets.log_rows import Place, Row, Shown

if TYPE_CHECKING:
    from trainer_tui.tui.widgets.log_base import LogBase

_ORIGINS = tuple(f"chart-{number}" for number in range(1, 7))
_MOST = 200
"""Occurrences of one text that are marked: more cannot be seen."""
_SPAN = tuple[int, int, Style]


def origin_colour(origin: int) -> str:
    """The theme variable of one of several logs."""
    return _ORIGINS[origin % len(_ORIGINS)]


def line_strip(view: LogBase, place: Place, number: int | None, time: str) -> Strip:
    """A row: the line's gutter, and its text or the part of it that is on this row."""
    base, faint = view.rich_style, view.rich_style + view.paint("text-faint")
    shown, row = view.rows.shown(place[0]), view.rows.row(place)
    width = view.line_width
    gutter = _gutter(view, shown, place, number, time)
    if shown.line.kind != "text":
        rule = view.glyphs.h * 2
        note = rule if shown.text == "--" else f"{rule} {shown.text} {rule}"
        colour = "status-stopping" if shown.line.kind == "gap" else "text-faint"
        style = base + view.paint(colour, extra="italic")
        return Strip([*gutter, *Strip([Segment(note, style)]).crop(0, width)])
    if view.wrapping:
        return Strip([*gutter, *_pieces(view, shown, row, row.start, row.stop)])
    stop = min(len(row.text), view.left + width)
    seen = Strip(_pieces(view, shown, row, 0, stop))
    body = seen.crop(view.left, view.left + width)
    if width > 1 and (len(row.text) > stop or seen.cell_length > view.left + width):
        body = body.adjust_cell_length(width, base).crop(0, width - 1)
        body = Strip([*body, Segment(view.glyphs.ellipsis, faint)])
    return Strip([*gutter, *body])


def _gutter(
    view: LogBase, shown: Shown, place: Place, number: int | None, time: str
) -> list[Segment]:
    """Which log, the line's number, its bookmark, its time."""
    base, faint = view.rich_style, view.rich_style + view.paint("text-faint")
    position, part = place
    out: list[Segment] = []
    if view.origins:
        colour = view.paint(origin_colour(view.origins[shown.line.origin]))
        bar = "▎" if view.glyphs.unicode else "|"
        out.append(Segment(bar, base + colour))
    wide = view.number_width
    if part:
        out.append(Segment(" " * (wide + 2 + view.times.width), base))
        return out
    here = base + view.paint("accent", extra="bold") if position == view.current else faint
    counted = number is not None and shown.line.kind == "text"
    label = f"{number + 1:>{wide}}" if counted and number is not None else " " * wide
    if not counted and position == view.current:
        label = f"{view.glyphs.cursor:>{wide}}"
    out.append(Segment(label, here))
    marked = position in view.bookmarks
    fold = ""
    if shown.opens:
        fold = (
            view.glyphs.folder_open if position in view.rows.opened else view.glyphs.folder_closed
        )
    out.append(
        Segment(view.glyphs.mark, base + view.paint("accent")) if marked else Segment(" ", base)
    )
    out.append(Segment(fold or " ", faint))
    if time:
        out.append(Segment(time, faint))
    return out


def _pieces(view: LogBase, shown: Shown, row: Row, start: int, stop: int) -> list[Segment]:
    """The text from ``start`` to ``stop`` in its colours; what comes later lies on top."""
    base, seen = view.rich_style, row.text[:stop]
    layers = _layers(view, shown, row, seen)
    if not layers:
        return [Segment(seen[start:], base)]
    segments = []
    for a, b, looks in layered(layers, start, stop):
        style = base
        for look in looks:
            style += look
        segments.append(Segment(seen[a:b], style))
    return segments


def _layers(view: LogBase, shown: Shown, row: Row, seen: str) -> list[_SPAN]:
    layers: list[_SPAN] = [
        (a, b, _look(view, mark) if isinstance(mark, Sgr) else view.paint(mark[0], extra=mark[1]))
        for a, b, mark in marks(shown, row, seen)
    ]
    found = view.matches(shown.line)
    if found:
        hit = view.paint("background", "warning")
        if row.kind == "field" or shown.folded:
            found = _again(shown.line.text, found, seen)
        layers += [(a, b, hit) for a, b in found]
    return layers


def _again(text: str, found: list[tuple[int, int]], seen: str) -> list[tuple[int, int]]:
    """Where the texts that match in a line are in another telling of it."""
    out: list[tuple[int, int]] = []
    for word in {text[a:b] for a, b in found}:
        at = seen.find(word)
        while word and at >= 0 and len(out) < _MOST:
            out.append((at, at + len(word)))
            at = seen.find(word, at + len(word))
    return out


def _look(view: LogBase, look: Sgr) -> Style:
    return Style(
        color=_colour(view, look.foreground),
        bgcolor=_colour(view, look.background),
        bold=look.bold or None,
        dim=look.dim or None,
        italic=look.italic or None,
        underline=look.underline or None,
        reverse=look.reverse or None,
    )


def _colour(view: LogBase, colour: Colour) -> RichColor | None:
    if colour is None:
        return None
    if isinstance(colour, tuple):
        return RichColor.from_rgb(*colour)
    if colour < 16:
        return view.theme_colour(ANSI[colour % 8])
    return RichColor.from_ansi(colour)
