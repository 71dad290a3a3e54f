"""A scroll bar that is painted again when its thumb is elsewhere, not whenever something scrolls.

In a table of ten thousand rows the thumb moves by an eighth of a cell for some thirty rows.
"""

from __future__ import annotations

from textual.reactive import Reactive
from textual.scrollbar import ScrollBar

_PARTS = 8
"""Places that the thumb's end has in a cell, as Textual's bar draws it."""


class SteadyBar(ScrollBar):
    """Textual's scroll bar of the right edge, repainted as seldom as can be."""

    position: Reactive[float] = Reactive(0.0, repaint=False)

    def watch_position(self, before: float, after: float) -> None:
        """Textual: what it belongs to was scrolled."""
        sizes = self.size.height, self.window_size, self.window_virtual_size
        if thumb_place(*sizes, before) != thumb_place(*sizes, after):
            self.refresh()


def thumb_place(size: int, window: int, rows: int, position: float) -> int:
    """Where the thumb begins in a bar of ``size`` cells, in parts of a cell.

    ``window`` of ``rows`` rows are seen, from ``position`` on.
    """
    if rows <= window:
        return 0
    room = size - max(1.0, window * size / rows)
    return int(room * position / (rows - window) * _PARTS)
