"""One row of the jobs table: the cells of a job as a strip of styled text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trainer_tui.tui import columns as layout
from trainer_tui.tui import present
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.paint import Paint


def draw_row(
    cells: present.Cells,
    columns: Sequence[layout.Column],
    width: int,
    glyphs: Glyphs,
    paint: Paint,
    *,
    cursor: bool = False,
    focused: bool = True,
    marked: bool = False,
) -> Strip:
    """One row as a strip. Pieces next to each other in one style are one segment."""
    ground = "cursor-row" if cursor else "background"
    quiet = "text-faint" if cells.stale else "text-muted"
    loud = quiet if cells.ended or cells.stale else "foreground"
    if cursor and not cells.stale:
        # One colour for all words of the cursor's row: it reads best, and it is the row that is
        # sent over the line again and again.
        quiet = loud = "foreground"
    pieces: list[tuple[str, Style]] = []

    def put(text: str, name: str, *, bold: bool = False, soft: bool = False) -> None:
        if text:
            pieces.append((text, paint(name, ground, bold=bold, soft=soft)))

    if marked:
        put(glyphs.mark, "accent", bold=True)
    elif cursor:
        put(glyphs.cursor if focused else " ", loud)
    else:
        put(" ", loud)
    put(glyphs.watched if cells.watched else " ", "accent" if cells.watched else loud)
    x = 2
    for column in columns:
        if column.x > x:
            put(" " * (column.x - x), loud)
        x = column.x + column.width
        match column.name:
            case "name":
                put(present.fit(cells.name, column.width, glyphs), loud)
            case "profile":
                put(present.fit(cells.profile, column.width, glyphs), quiet)
            case "status":
                colour = "text-faint" if cells.stale else cells.colour
                put(present.fit(f"{cells.shape} {cells.status}", column.width, glyphs), colour)
            case "progress":
                _draw_bar(put, cells, column.width, glyphs, quiet)
            case "step":
                put(cells.step[-column.width :].rjust(column.width), quiet)
            case "eta":
                put(cells.eta.rjust(column.width), quiet)
            case "loss":
                put(cells.loss.rjust(column.width), quiet)
            case "age":
                put(cells.age.rjust(column.width), quiet)
    put(" " * max(0, width - x), loud)
    strip = Strip(_joined(pieces))
    return strip.crop(0, width) if strip.cell_length > width else strip


def _draw_bar(
    put: Callable[..., None], cells: present.Cells, width: int, glyphs: Glyphs, quiet: str
) -> None:
    room = width - 5
    if cells.fraction is None:
        put(" " * width, "text-faint")
        return
    filled, track = present.bar(cells.fraction, room, glyphs)
    put(filled, "text-faint" if cells.stale else cells.colour, soft=cells.ended)
    put(track, "track")
    put(cells.percent.rjust(5), quiet)


def _joined(pieces: Sequence[tuple[str, Style]]) -> list[Segment]:
    segments: list[Segment] = []
    text, style = pieces[0]
    for more, other in pieces[1:]:
        # Blanks look the same in every style that has the same ground.
        if other is style or (more.isspace() and other.bgcolor == style.bgcolor):
            text += more
        else:
            segments.append(Segment(text, style))
            text, style = more, other
    segments.append(Segment(text, style))
    return segments
