"""A view of many lines that paints only what is seen, with a scroll bar of its own.

The usual scroll view lays the whole screen out again when the number of lines changes. Here the
position is a plain number and the bar is the last column of each line, so that appending to a
million lines costs what is seen of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color, ColorParseError
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from trainer_tui.tui.glyphs import UNICODE, Glyphs

_WHEEL = 3


class LineView(Widget, can_focus=True):
    """Shows rows ``top`` … of ``row_count()``; a child renders them one by one.

    Colours are asked for by the name of a theme variable (:meth:`paint`) and kept until the theme
    changes.
    """

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    LineView {
        height: 1fr;
        width: 1fr;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.top = 0
        self._paints: dict[tuple[str, str, str], Style] = {}
        self._thumb = (0, 0)

    # For the child

    def row_count(self) -> int:
        """How many rows there are."""
        return 0

    def render_row(self, row: int, width: int) -> Strip:
        """One row, at most ``width`` cells; ``row`` is within ``row_count()``."""
        raise NotImplementedError

    def moved(self) -> None:
        """Called after the position changed."""

    def forget_paints(self) -> None:
        """Called when colours changed: drop whatever was rendered with the old ones."""

    # Colours and symbols

    @property
    def glyphs(self) -> Glyphs:
        """The app's symbols."""
        glyphs = getattr(self.app, "glyphs", UNICODE)
        return glyphs if isinstance(glyphs, Glyphs) else UNICODE

    def paint(self, colour: str = "", ground: str = "", extra: str = "") -> Style:
        """A style from theme variables (``text-faint``) and words (``bold italic``)."""
        key = (colour, ground, extra)
        style = self._paints.get(key)
        if style is None:
            style = Style.parse(extra) if extra else Style()
            style += Style(color=self.theme_colour(colour), bgcolor=self.theme_colour(ground))
            if ground and self.app.no_color:
                style += Style(reverse=True)
            self._paints[key] = style
        return style

    def theme_colour(self, name: str) -> RichColor | None:
        """A theme variable as a colour; ``None`` where it is not one."""
        if not name:
            return None
        try:
            return Color.parse(self.app.theme_variables.get(name, "")).rich_color
        except ColorParseError:
            return None

    def notify_style_update(self) -> None:
        """Textual: the theme or the stylesheet changed."""
        self._paints.clear()
        self.forget_paints()
        super().notify_style_update()

    # Painting

    @property
    def text_width(self) -> int:
        """Cells of a line that are for its text: the last column is the scroll bar's."""
        return max(0, self.size.width - 1)

    def render_line(self, y: int) -> Strip:
        """Textual: one line of the widget."""
        row = self.top + y
        width = self.text_width
        if 0 <= row < self.row_count():
            strip = self.render_row(row, width).adjust_cell_length(width, self.rich_style)
        else:
            strip = Strip.blank(width, self.rich_style)
        return Strip([*strip, self._bar(y)], width + 1)

    def _bar(self, y: int) -> Segment:
        start, stop = self._thumb_span()
        if start <= y < stop:
            char = "▐" if self.glyphs.unicode else "#"
            return Segment(char, self.rich_style + self.paint("scrollbar"))
        return Segment(" ", self.rich_style)

    def _thumb_span(self) -> tuple[int, int]:
        count, height = self.row_count(), self.size.height
        if count <= height or height < 2:
            return (0, 0)
        length = max(1, height * height // count)
        start = round(self.top * (height - length) / (count - height))
        return (start, min(height, start + length))

    def refresh_bar(self) -> None:
        """Repaint the scroll bar where the thumb is no longer where it was painted."""
        thumb = self._thumb_span()
        if thumb != self._thumb:
            low, high = min(thumb[0], self._thumb[0]), max(thumb[1], self._thumb[1])
            self._thumb = thumb
            self.refresh(Region(self.size.width - 1, low, 1, high - low))

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
            self._thumb = self._thumb_span()
            self.refresh()
            self.moved()

    def reveal(self, row: int, *, margin: int = 0) -> None:
        """Move as little as needed for a row to be seen, with some rows around it."""
        margin = min(margin, max(0, (self.size.height - 1) // 2))
        if row < self.top + margin:
            self.move_to(row - margin)
        elif row > self.top + self.size.height - 1 - margin:
            self.move_to(row - self.size.height + 1 + margin)

    def on_resize(self) -> None:
        """Keep within the rows that there are.

        The first paint of a new size may come before this: what it showed need not be right.
        """
        self.move_to(self.top)
        self._thumb = self._thumb_span()
        self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.move_to(self.top + _WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.move_to(self.top - _WHEEL)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A press on the scroll bar goes there."""
        if event.x == self.size.width - 1 and self._thumb_span() != (0, 0):
            event.stop()
            self.capture_mouse()
            self._drag(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Dragging the scroll bar."""
        if self.app.mouse_captured is self:
            event.stop()
            self._drag(event.y)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Letting go of the scroll bar."""
        if self.app.mouse_captured is self:
            event.stop()
            self.release_mouse()

    def _drag(self, y: int) -> None:
        height = max(1, self.size.height - 1)
        self.move_to(round(min(height, max(0, y)) / height * self.bottom))


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
