"""One line of a log in its colours: the trainer's own, ours for levels and numbers, and matches."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trainer_tui.core.logs import Colour, Sgr
from trainer_tui.core.logsearch import Token, tokens
from trainer_tui.tui.widgets.log_rows import part_of

if TYPE_CHECKING:
    from trainer_tui.tui.widgets.log_view import LogView

_TOKENS: dict[Token, tuple[str, str]] = {
    "error": ("status-failed", ""),
    "warning": ("status-stopping", ""),
    "info": ("status-succeeded", ""),
    "debug": ("text-faint", ""),
    "number": ("chart-1", ""),
    "time": ("text-faint", ""),
    "frame": ("text-faint", ""),
    "path": ("", "underline"),
}
"""What is coloured lightly: theme variable, and words of a style."""
# The trainer's sixteen colours, told in the theme's: readable on a light ground too.
_ANSI = (
    *("text-faint", "error", "success", "warning", "primary", "secondary", "status-running"),
    "foreground",
)
_MOST_MATCHES = 200
"""Matches of one line that are marked: more cannot be seen."""


def line_strip(view: LogView, number: int, part: int) -> Strip:
    """A row: the line's number, and its text or the ``part`` of it that is on this row."""
    base, faint = view.rich_style, view.rich_style + view.paint("text-faint")
    text, lead, width = view.buffer.line(number), view.lead, view.line_width
    if view.buffer.is_note(number):
        rule = view.glyphs.h * 2
        note = f"{rule} {text} {rule}"[:width]
        return Strip([Segment(" " * lead, base), Segment(note, faint + Style(italic=True))])
    label = f"{number + 1:>{lead - 2}}  " if part == 0 else " " * lead
    mark = base + view.paint("accent", extra="bold") if number == view.current else faint
    if view.wrapping:
        start, stop = part_of(text, width, part)
        return Strip([Segment(label, mark), *_pieces(view, number, text, start, stop)])
    stop = min(len(text), view.left + width)
    body = Strip(_pieces(view, number, text, 0, stop)).crop(view.left, view.left + width)
    if len(text) > stop and width > 1:
        body = body.adjust_cell_length(width, base).crop(0, width - 1)
        body = Strip([*body, Segment(view.glyphs.ellipsis, faint)])
    return Strip([Segment(label, mark), *body])


def _pieces(view: LogView, number: int, text: str, start: int, stop: int) -> list[Segment]:
    """The text from ``start`` to ``stop`` in its colours; what comes later lies on top."""
    base, seen = view.rich_style, text[:stop]
    layers: list[tuple[int, int, Style]] = []
    for a, b, kind in tokens(seen):
        colour, extra = _TOKENS[kind]
        layers.append((a, b, view.paint(colour, extra=extra)))
    layers += [(a, b, _look(view, look)) for a, b, look in view.buffer.spans(number)]
    for search in (view.filter, view.search):
        if search:
            hit = view.paint("background", "warning")
            layers += [(a, b, hit) for a, b in _matches(search.pattern, seen)]
    if not layers:
        return [Segment(text[start:stop], base)]
    edges = {start, stop}
    for a, b, _ in layers:
        edges.update((min(max(a, start), stop), min(max(b, start), stop)))
    segments = []
    for a, b in pairwise(sorted(edges)):
        style = base
        for low, high, layer in layers:
            if low <= a and b <= high:
                style += layer
        segments.append(Segment(text[a:b], style))
    return segments


def _look(view: LogView, look: Sgr) -> Style:
    return Style(
        color=_colour(view, look.foreground),
        bgcolor=_colour(view, look.background),
        bold=look.bold or None,
        dim=look.dim or None,
        italic=look.italic or None,
        underline=look.underline or None,
        reverse=look.reverse or None,
    )


def _colour(view: LogView, colour: Colour) -> RichColor | None:
    if colour is None:
        return None
    if isinstance(colour, tuple):
        return RichColor.from_rgb(*colour)
    if colour < 16:
        return view.theme_colour(_ANSI[colour % 8])
    return RichColor.from_ansi(colour)


def _matches(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    found = []
    for match in pattern.finditer(text):
        if match.end() > match.start():
            found.append(match.span())
        if len(found) >= _MOST_MATCHES:
            break
    return found
