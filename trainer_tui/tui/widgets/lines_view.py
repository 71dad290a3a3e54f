"""A scrolling view of ready-made lines; a line is repainted only when it reads otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.widgets.line import Piece, draw

Line = Sequence[Piece]


class LinesView(ScrollView, can_focus=True):
    """Lines of pieces, scrolled with the usual keys."""

    DEFAULT_CSS = """
    LinesView { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_by(1)", "down", show=False),
        Binding("up,k", "scroll_by(-1)", "up", show=False),
        Binding("pagedown,space", "scroll_pages(1)", "page down", show=False),
        Binding("pageup", "scroll_pages(-1)", "page up", show=False),
        Binding("home,g", "scroll_far(0)", "top", show=False),
        Binding("end,G", "scroll_far(1)", "bottom", show=False),
    ]

    def __init__(self, *, id: str | None = None, ground: str = "background") -> None:
        super().__init__(id=id)
        self.lines: list[Line] = []
        self._ground = ground

    def on_mount(self) -> None:
        """The bar is drawn with block characters, which not every terminal has."""
        if not glyphs_of(self).unicode:
            self.styles.scrollbar_size_vertical = 0

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines; the place in them is kept."""
        before, self.lines = self.lines, list(lines)
        if len(before) != len(lines):
            self.virtual_size = Size(self.size.width, len(lines))
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self.lines, strict=True)):
            if list(old) != list(new):
                self.refresh_line(y)

    def on_resize(self) -> None:
        """The lines stay; the bar beside them may come or go."""
        self.virtual_size = Size(self.size.width, len(self.lines))

    def render_line(self, y: int) -> Strip:
        row, width = y + self.scroll_offset.y, self.size.width
        line = self.lines[row] if row < len(self.lines) else ()
        return draw(line, width, paint_of(self.app), self._ground)

    def action_scroll_by(self, lines: int) -> None:
        """Scroll by lines."""
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False)

    def action_scroll_pages(self, pages: int) -> None:
        """Scroll by pages."""
        self.scroll_to(y=self.scroll_offset.y + pages * (self.size.height - 1), animate=False)

    def action_scroll_far(self, end: int) -> None:
        """To the top or the bottom."""
        self.scroll_to(y=self.max_scroll_y if end else 0, animate=False)


def wrap(text: str, width: int) -> list[str]:
    """Text in lines of at most ``width`` cells; its own line breaks are kept."""
    import textwrap

    out: list[str] = []
    for part in text.splitlines() or [""]:
        lines = textwrap.wrap(
            part, max(8, width), replace_whitespace=False, break_on_hyphens=False
        )  # names and paths stay whole
        out += lines or [""]
    return out
