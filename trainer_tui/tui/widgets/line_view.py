"""Views of many rows that paint only what is seen: a plain list, and one with a cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from trainer_tui.tui.widgets.bar_view import BarView


class LineView(BarView):
    """Shows rows ``top`` … of ``row_count()``; a child renders them one by one."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.top = 0

    # For the child

    def row_count(self) -> int:
        """How many rows there are."""
        return 0

    def render_row(self, row: int, width: int) -> Strip:
        """One row, at most ``width`` cells; ``row`` is within ``row_count()``."""
        raise NotImplementedError

    def moved(self) -> None:
        """Called after the position changed."""

    # Painting

    def strip_at(self, y: int, width: int) -> Strip | None:
        """The row on a line of the view."""
        row = self.top + y
        return self.render_row(row, width) if 0 <= row < self.row_count() else None

    def thumb_span(self) -> tuple[int, int]:
        """Where the thumb of the bar is."""
        count, height = self.row_count(), self.size.height
        if count <= height or height < 2:
            return (0, 0)
        length = max(1, height * height // count)
        start = round(self.top * (height - length) / (count - height))
        return (start, min(height, start + length))

    def refresh_row(self, row: int) -> None:
        """Repaint one row, if it is seen."""
        self.refresh_rows(row, row + 1)

    def refresh_rows(self, start: int, stop: int) -> None:
        """Repaint rows ``start`` … ``stop - 1`` as far as they are seen."""
        low = max(0, start - self.top)
        high = min(self.size.height, stop - self.top)
        if low < high:
            self.refresh(Region(0, low, self.size.width, high - low))

    # Moving

    @property
    def bottom(self) -> int:
        """The largest ``top`` that leaves no room below the last row."""
        return max(0, self.row_count() - self.size.height)

    def move_to(self, top: int) -> None:
        """Put a row at the top, as far as there are rows."""
        top = min(max(0, top), self.bottom)
        if top != self.top:
            self.top = top
            self.refresh_all()
            self.moved()

    def reveal(self, row: int, *, margin: int = 0) -> None:
        """Move as little as needed for a row to be seen, with some rows around it."""
        margin = min(margin, max(0, (self.size.height - 1) // 2))
        if row < self.top + margin:
            self.move_to(row - margin)
        elif row > self.top + self.size.height - 1 - margin:
            self.move_to(row - self.size.height + 1 + margin)

    def scroll_rows(self, rows: int) -> None:
        """Move by some rows."""
        self.move_to(self.top + rows)

    def drag_to(self, part: float) -> None:
        """Move to a part of all rows."""
        self.move_to(round(part * self.bottom))

    def on_resize(self) -> None:
        """Keep within the rows that there are.

        The first paint of a new size may come before this: what it showed need not be right.
        """
        self.move_to(self.top)
        self.refresh_all()


class LineList(LineView):
    """Rows with a cursor that moves over them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("pagedown,ctrl+f", "cursor_page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "cursor_page(-1)", "Page up", show=False),
        Binding("home,g", "cursor_to(0)", "First", show=False),
        Binding("end,G", "cursor_to(-1)", "Last", show=False),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.cursor = 0

    def cursor_moved(self) -> None:
        """Called after the cursor went to another row."""

    def put_cursor(self, row: int) -> None:
        """Move the cursor, as far as there are rows, and show it."""
        row = min(max(0, row), max(0, self.row_count() - 1))
        if row != self.cursor:
            before, self.cursor = self.cursor, row
            self.refresh_row(before)
            self.refresh_row(row)
            self.reveal(row)
            self.cursor_moved()
        else:
            self.reveal(row)

    def action_cursor(self, step: int) -> None:
        """Up or down."""
        self.put_cursor(self.cursor + step)

    def action_cursor_page(self, direction: int) -> None:
        """A page up or down."""
        self.put_cursor(self.cursor + direction * max(1, self.size.height - 1))

    def action_cursor_to(self, row: int) -> None:
        """To the first row, or the last (-1)."""
        self.put_cursor(self.row_count() - 1 if row < 0 else row)

    def on_focus(self) -> None:
        """The cursor looks different with the focus."""
        self.refresh_row(self.cursor)

    def on_blur(self) -> None:
        """The cursor looks different without the focus."""
        self.refresh_row(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there."""
        row = self.top + event.y
        if event.x < self.size.width - 1 and row < self.row_count():
            self.put_cursor(row)


class ColumnNames(Widget):
    """The names above the columns of a list; drawn for the width that there is."""

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    ColumnNames { height: 1; width: 1fr; color: $text-faint; }
    """

    def __init__(self, names: Callable[[int], str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.names = names
        """Width of the list's text → the line."""

    def render_line(self, y: int) -> Strip:
        """Textual: the one line."""
        width = max(0, self.size.width - 1)
        strip = Strip([Segment(self.names(width)[:width], self.rich_style)])
        return strip.adjust_cell_length(self.size.width, self.rich_style)
