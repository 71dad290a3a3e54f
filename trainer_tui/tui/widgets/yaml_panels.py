"""What stands over the editor's text beside the cursor: the completions, and help for a key.

They are painted by the text area itself, over its own lines: nothing is laid out anew when they
come, change or go, and only the rows that differ are sent to the terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap

from rich.segment import Segment
from textual.strip import Strip

from trainer_tui.core.yamlconfig.complete import Completions
from trainer_tui.core.yamlconfig.explain import Explanation
from trainer_tui.core.yamlconfig.offers import Completion
from trainer_tui.sanitize import line as clean
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.paint import Paint
from trainer_tui.tui.present import fit

_GROUND = "panel"
_MOST_ROWS = 8
_WIDEST = 64


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture over the text: where its corner is, and its lines."""

    top: int
    left: int
    strips: tuple[Strip, ...]

    def row(self, y: int) -> Strip | None:
        """Its line in a row of the area."""
        return self.strips[y - self.top] if self.holds(y) else None

    def holds(self, y: int, x: int | None = None) -> bool:
        """Whether it covers a row, or a cell."""
        inside = self.top <= y < self.top + len(self.strips)
        if x is None or not inside:
            return inside
        return self.left <= x < self.left + self.strips[y - self.top].cell_length

    def over(self, y: int, strip: Strip) -> Strip:
        """A line of the text with this over it."""
        own = self.row(y)
        if own is None:
            return strip
        end = self.left + own.cell_length
        return Strip.join([strip.crop(0, self.left), own, strip.crop(end, strip.cell_length)])


@dataclass(frozen=True, slots=True)
class Room:
    """The area, and the cell beside which a panel shall stand."""

    width: int
    height: int
    x: int
    y: int

    def place(self, rows: int, width: int) -> tuple[int, int, int]:
        """Top, left and rows: below the line, or above where there is more room; never on it."""
        below, above = self.height - self.y - 1, self.y
        if rows <= below or below >= above:
            count = min(rows, below)
            top = self.y + 1
        else:
            count = min(rows, above)
            top = self.y - count
        return top, max(0, min(self.x, self.width - width)), count


class Offers:
    """The completions while they are shown: which one is chosen, which are in sight."""

    def __init__(self, found: Completions, row: int, *, asked: bool) -> None:
        self.found, self.row, self.asked = found, row, asked
        self.index = 0
        self.moved = False
        self._top = 0
        self._rows = _MOST_ROWS

    @property
    def chosen(self) -> Completion:
        """The one that would be taken."""
        return self.found.items[self.index]

    def move(self, step: int) -> None:
        """Choose another; from the last on to the first for single steps."""
        count = len(self.found.items)
        if abs(step) == 1:
            self.index = (self.index + step) % count
        else:
            self.index = max(0, min(self.index + step, count - 1))
        self.moved = True

    def pick(self, line: int) -> bool:
        """Choose the one in a line of the picture; false where there is none."""
        if line >= self._rows or self._top + line >= len(self.found.items):
            return False
        self.index = self._top + line
        return True

    @property
    def page(self) -> int:
        """How many are in sight."""
        return self._rows

    def certain(self) -> bool:
        """Whether Enter means this list: it was asked for, moved in, or typed towards."""
        typed = self.found.typed.lower()
        begun = bool(typed) and self.chosen.label.removeprefix("- ").lower().startswith(typed)
        return self.asked or self.moved or begun

    def panel(self, room: Room, paint: Paint, glyphs: Glyphs) -> Panel | None:
        """The picture."""
        items = self.found.items
        names = min(40, max(len(item.label) for item in items))
        types = max(len(_type(item)) for item in items)
        width = min(room.width, max(38, min(_WIDEST, names + types + 7)))
        about = wrap(clean(self.chosen.description, limit=300), width - 2)[:2]
        most = max(room.height - room.y - 1, room.y)
        if most < len(about) + 3:
            about = about[: max(0, most - 3)]
        rows = min(_MOST_ROWS, len(items), most - len(about))
        if rows < 1 or width < 16:
            return None
        top, left, count = room.place(rows + len(about), width)
        self._rows = rows
        if self.index < self._top:
            self._top = self.index
        elif self.index >= self._top + rows:
            self._top = self.index - rows + 1
        self._top = max(0, min(self._top, len(items) - rows))
        strips = [
            self._line(place, width, paint, glyphs) for place in range(self._top, self._top + rows)
        ]
        for text in about:
            words = fit(f" {text}", width, glyphs)
            strips.append(Strip([Segment(words, paint("text-muted", _GROUND))], width))
        return Panel(top, left, tuple(strips[:count]))

    def _line(self, place: int, width: int, paint: Paint, glyphs: Glyphs) -> Strip:
        item = self.found.items[place]
        chosen = place == self.index
        ground = "cursor-row" if chosen else _GROUND
        more = " "
        if place == self._top and self._top:
            more = glyphs.up
        elif place == self._top + self._rows - 1 and place + 1 < len(self.found.items):
            more = glyphs.down
        sort = _type(item)
        room = width - 5
        name = fit(clean(item.label), min(len(item.label), room), glyphs)
        sort = fit(sort, min(len(sort), max(0, room - len(name) - 1)), glyphs)
        gap = " " * (room - len(name) - len(sort))
        colour = "text-faint" if item.deprecated else "foreground"
        faint = paint("text-muted" if chosen else "text-faint", ground)
        return Strip(
            [
                Segment(f"{glyphs.cursor if chosen else ' '} ", paint("accent", ground, bold=True)),
                Segment(name, paint(colour, ground, bold=chosen)),
                Segment(gap + sort, faint),
                Segment(f" {more} ", faint),
            ],
            width,
        )


def _type(item: Completion) -> str:
    words = item.takes
    if item.deprecated:
        words = "older name"
    elif item.default:
        words += f" = {item.default}"
    return words


def help_panel(found: Explanation, room: Room, paint: Paint) -> Panel | None:
    """All that is known of a key."""
    width = min(room.width, _WIDEST)
    if width < 24:
        return None
    lines: list[list[tuple[str, str]]] = [[(clean(found.name, limit=80), "accent")]]
    lines += [
        [(text, "foreground")] for text in wrap(clean(found.description, limit=900), width - 2)
    ]
    for label, text in found.facts:
        for place, part in enumerate(wrap(clean(text, limit=400), width - 14)[:4]):
            word = "" if place else label
            lines.append([(f"{word:<11}", "text-faint"), (part, "text-muted")])
    top, left, count = room.place(len(lines), width)
    strips = []
    for parts in lines[:count]:
        segments = [Segment(" ", paint("foreground", _GROUND))]
        segments += [
            Segment(text, paint(colour, _GROUND, bold=colour == "accent")) for text, colour in parts
        ]
        strip = Strip(segments)
        strips.append(strip.adjust_cell_length(width, paint("foreground", _GROUND)))
    return Panel(top, left, tuple(strips)) if strips else None
