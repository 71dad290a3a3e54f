"""Asks each widget for the rows that a frame is about, and for no others.

Textual's own asks every widget whose parent reaches into a frame for all of its rows, and throws
away what the frame does not need: two rows of a table cost as much as the whole screen.
"""

from __future__ import annotations

from collections.abc import Iterable

import textual.screen
from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class RowsCompositor(Compositor):
    """A compositor that renders no more of a widget than is in the rows of a frame."""

    def _get_renders(
        self, crop: Region | None = None
    ) -> Iterable[tuple[Region, Region, list[Strip]]]:
        top, height = (crop.y, crop.height) if crop else (0, self.size.height)
        # Whole rows: the pieces that a row is cut into are known by where widgets begin and end.
        rows = Region(0, top, self.size.width, height)
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip).intersection(rows)
            if seen:
                yield region, seen, widget.render_lines(seen.translate(-region.offset))
                if seen == rows:
                    return  # What is behind is not seen.


def use() -> None:
    """Let every screen that is made from now on have it."""
    textual.screen.Compositor = RowsCompositor  # type: ignore[attr-defined]
