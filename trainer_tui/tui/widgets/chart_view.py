"""The widget that shows a chart and draws again only what changed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.widgets.chart import picture
from trainer_tui.tui.widgets.chart_look import Curve, Look, Row

_USUAL = 60
"""Cells of a plot that was not drawn yet."""


class PictureView(Widget):
    """Rows of coloured text; repaints the rows that differ."""

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    PictureView { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[Row] = []

    @property
    def glyphs(self) -> Glyphs:
        """The app's symbols."""
        return glyphs_of(self)

    def draw_rows(self, width: int, height: int) -> list[Row]:
        """What to show in so many cells."""
        raise NotImplementedError

    def on_resize(self) -> None:
        """Another size, another picture."""
        self.redraw()

    def redraw(self) -> None:
        """Draw, and repaint what differs from what is shown."""
        width, height = self.size
        if not width or not height:
            return
        before = self._rows
        self._rows = self.draw_rows(width, height)
        if len(before) != len(self._rows):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self._rows, strict=True)):
            if old != new:
                self.refresh(Region(0, y, width, 1))

    def render_line(self, y: int) -> Strip:
        """Textual: one row."""
        base = self.rich_style
        if y >= len(self._rows):
            return Strip.blank(self.size.width, base)
        strip = Strip([Segment(text, base + self._style(name)) for text, name in self._rows[y]])
        return strip.adjust_cell_length(self.size.width, base)

    def _style(self, name: str) -> Style:
        """``chart-1``; fainter ``~chart-1``; on the cursor's ground ``text@cursor-row``."""
        if not name:
            return Style()
        paint = paint_of(self.app)
        name, _, ground = name.partition("@")
        if ground:
            return paint(name, ground, bold=True)
        if name.startswith("~"):
            return Style(color=paint(name[1:], soft=True).color)
        return Style(color=paint(name).color)


class Chart(PictureView):
    """Shows :func:`picture` of some curves."""

    class Pointed(Message):
        """A place on the chart was clicked: part of the width of the plot, 0 to 1."""

        def __init__(self, part: float) -> None:
            super().__init__()
            self.part = part

    class Wheeled(Message):
        """The wheel was turned over a place of the plot: 1 is nearer, -1 is farther."""

        def __init__(self, direction: int, part: float) -> None:
            super().__init__()
            self.direction = direction
            self.part = part

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.curves: Sequence[Curve] = ()
        self.look = Look()

    def show(self, curves: Sequence[Curve], look: Look) -> None:
        """Draw these curves."""
        self.curves, self.look = curves, look
        self.redraw()

    def draw_rows(self, width: int, height: int) -> list[Row]:
        """The picture."""
        return picture(self.curves, width, height, self.look, self.glyphs)

    @property
    def plot(self) -> tuple[int, int]:
        """The first cell of the plot, and how many there are across."""
        if len(self._rows) < 2:
            return 0, _USUAL
        margin = len(self._rows[-2][0][0]) + 1
        return margin, max(1, self.size.width - margin - 1)

    def _part(self, x: int) -> float:
        margin, width = self.plot
        return min(1.0, max(0.0, (x - margin + 0.5) / width))

    def on_click(self, event: events.Click) -> None:
        """A click reads the values there."""
        self.post_message(self.Pointed(self._part(event.x)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel looks nearer."""
        event.stop()
        self.post_message(self.Wheeled(1, self._part(event.x)))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel looks from farther."""
        event.stop()
        self.post_message(self.Wheeled(-1, self._part(event.x)))
