"""A view that draws its own lines in theme colours, with a scroll bar as its last column.

The usual scroll view lays the whole screen out again when the number of lines changes. Here the
bar is the last column of each line, so that appending to a million lines costs what is seen of it.
"""

from __future__ import annotations

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color, ColorParseError
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.inside import glyphs_of

_WHEEL = 3


class BarView(Widget, can_focus=True):
    """Draws what a child gives for each line of the screen, and the bar beside it.

    Colours are asked for by the name of a theme variable (:meth:`paint`) and kept until the theme
    changes.
    """

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    BarView {
        height: 1fr;
        width: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._paints: dict[tuple[str, str, str], Style] = {}
        self._thumb = (0, 0)
        self._own: Style | None = None

    # For the child

    def strip_at(self, y: int, width: int) -> Strip | None:
        """What is seen on a line of the view, at most ``width`` cells; ``None``: nothing."""
        raise NotImplementedError

    def thumb_span(self) -> tuple[int, int]:
        """The first line of the bar's thumb and one past its last; ``(0, 0)``: no bar."""
        raise NotImplementedError

    def scroll_rows(self, rows: int) -> None:
        """Move down by some rows (up below 0)."""
        raise NotImplementedError

    def drag_to(self, part: float) -> None:
        """Move to a part of all there is, 0 to 1."""
        raise NotImplementedError

    def forget_paints(self) -> None:
        """Called when colours changed: drop whatever was rendered with the old ones."""

    # Colours and symbols

    @property
    def glyphs(self) -> Glyphs:
        """The app's symbols."""
        return glyphs_of(self)

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

    @property
    def rich_style(self) -> Style:
        """The view's own look, found once for all lines of a frame."""
        return super().rich_style if self._own is None else self._own

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual: some lines of the widget."""
        self._own = super().rich_style
        try:
            return super().render_lines(crop)
        finally:
            self._own = None

    def render_line(self, y: int) -> Strip:
        """Textual: one line of the widget."""
        width = self.text_width
        strip = self.strip_at(y, width)
        if strip is None:
            strip = Strip.blank(width, self.rich_style)
        else:
            strip = strip.adjust_cell_length(width, self.rich_style)
        return Strip([*strip, self._bar(y)], width + 1)

    def _bar(self, y: int) -> Segment:
        start, stop = self.thumb_span()
        if start <= y < stop:
            char = "▐" if self.glyphs.unicode else "#"
            return Segment(char, self.rich_style + self.paint("scrollbar"))
        return Segment(" ", self.rich_style)

    def refresh_bar(self) -> None:
        """Repaint the scroll bar where the thumb is no longer where it was painted."""
        thumb = self.thumb_span()
        if thumb != self._thumb:
            low, high = min(thumb[0], self._thumb[0]), max(thumb[1], self._thumb[1])
            self._thumb = thumb
            self.refresh(Region(self.size.width - 1, low, 1, high - low))

    def refresh_all(self) -> None:
        """Repaint everything."""
        self._thumb = self.thumb_span()
        self.refresh()

    # The mouse

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.scroll_rows(_WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.scroll_rows(-_WHEEL)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A press on the scroll bar goes there."""
        if event.x == self.size.width - 1 and self.thumb_span() != (0, 0):
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
        self.drag_to(min(height, max(0, y)) / height)
