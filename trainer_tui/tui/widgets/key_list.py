"""The keys of a job's metrics in a list: which are drawn, last value, best value."""

from __future__ import annotations

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip

from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line_view import LineList

_WITH_BEST = 34


class KeyList(LineList):
    """A row a key; the cursor says which is drawn."""

    class Moved(Message):
        """The cursor is on another key."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.keys: list[str] = []
        self.cells: dict[str, tuple[str, str]] = {}
        """Key → last value, best value."""
        self.drawn: dict[str, str] = {}
        """Key → colour of its curve."""
        self.marked: set[str] = set()
        self.chosen = False
        """Whether a person chose the key; else it is the first, also when another becomes that."""

    @property
    def current(self) -> str | None:
        """The key under the cursor."""
        return self.keys[self.cursor] if self.cursor < len(self.keys) else None

    def row_count(self) -> int:
        """One row a key."""
        return len(self.keys)

    def cursor_moved(self) -> None:
        """Draw the other key."""
        self.chosen = True
        self.post_message(self.Moved())

    def show(self, keys: list[str], cells: dict[str, tuple[str, str]]) -> None:
        """List these; the cursor stays on a chosen key, and only rows that differ are painted."""
        if keys != self.keys:
            held = self.current if self.chosen or self.marked else None
            self.keys, self.cells = keys, cells
            self.cursor = keys.index(held) if held in keys else 0
            self.refresh(layout=True)
        elif cells != self.cells:
            before, self.cells = self.cells, cells
            for row, key in enumerate(keys):
                if before[key] != cells[key]:
                    self.refresh_row(row)

    def render_row(self, row: int, width: int) -> Strip:
        """``● loss      0.312   ↓ 0.298``."""
        key = self.keys[row]
        last, best = self.cells[key]
        at_cursor = row == self.cursor
        ground = "cursor-row" if at_cursor else ""
        base = self.rich_style + self.paint(ground=ground)
        glyphs, colour = self.glyphs, self.drawn.get(key, "")
        shape = glyphs.mark if key in self.marked else glyphs.info if colour else " "
        # On a narrow list the best value gives way: the chart's legend has it.
        tail = f"{best:>11} " if width >= _WITH_BEST else " "
        room = max(4, width - 3 - 10 - len(tail))
        extra = "bold" if at_cursor and self.has_focus else ""
        return Strip(
            [
                Segment(f" {shape} ", base + self.paint(colour)),
                Segment(fit(key, room, glyphs), base + self.paint(extra=extra)),
                Segment(f"{last:>10}", base + self.paint("foreground")),
                Segment(tail, base + self.paint("text-faint")),
            ]
        ).adjust_cell_length(width, base)
