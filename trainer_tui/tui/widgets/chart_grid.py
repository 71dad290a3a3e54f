"""Small charts side by side, one a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.chart import picture
from trainer_tui.tui.widgets.chart_look import Curve, Look, Row
from trainer_tui.tui.widgets.chart_view import PictureView

_WIDTH, _HEIGHT = 30, 8
"""Cells below which a chart cannot be read."""
_SHAPE = 3.4
"""Cells across for each cell down that look best."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One small chart."""

    key: str
    curves: Sequence[Curve]
    told: str = ""
    """Beside its name: the last value."""


def layout(count: int, width: int, height: int) -> tuple[int, int]:
    """Columns and rows of tiles: all of them if they fit, in the shape that reads best."""
    most = max(1, width // _WIDTH), max(1, height // _HEIGHT)
    best: tuple[float, int, int] | None = None
    for across in range(1, min(most[0], max(1, count)) + 1):
        down = min(most[1], -(-count // across))
        shown = min(count, across * down)
        shape = (width // across) / max(1, height // max(1, down))
        worth = shown * 100 - abs(shape / _SHAPE - 1) - (across * down - shown) * 0.3
        if best is None or worth > best[0]:
            best = (worth, across, max(1, down))
    assert best is not None
    return best[1], best[2]


class ChartGrid(PictureView, can_focus=True):
    """As many small charts as fit; a cursor moves over them, page by page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "step(1)", "next", show=False, id="grid.right",
                tooltip="To the small chart on the right."),
        Binding("left", "step(-1)", "previous", show=False, id="grid.left",
                tooltip="To the small chart on the left."),
        Binding("down,j", "row(1)", "down", show=False, id="grid.down",
                tooltip="To the small chart below."),
        Binding("up,k", "row(-1)", "up", show=False, id="grid.up",
                tooltip="To the small chart above."),
        Binding("enter", "open", "open", id="grid.open",
                tooltip="Give one of the small charts all the room."),
    ]  # fmt: skip

    class Opened(Message):
        """A small chart is to be seen large."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tiles: Sequence[Tile] = ()
        self.look = Look()
        self.cursor = 0

    @property
    def current(self) -> str | None:
        """The key under the cursor."""
        return self.tiles[self.cursor].key if self.cursor < len(self.tiles) else None

    def show(self, tiles: Sequence[Tile], look: Look) -> None:
        """Draw these; the cursor stays on its key."""
        held = self.current
        self.tiles, self.look = tiles, look
        keys = [tile.key for tile in tiles]
        self.cursor = keys.index(held) if held in keys else min(self.cursor, max(0, len(keys) - 1))
        self.redraw()

    def put_cursor(self, key: str) -> None:
        """Choose a key."""
        keys = [tile.key for tile in self.tiles]
        if key in keys:
            self.cursor = keys.index(key)
            self.redraw()

    def draw_rows(self, width: int, height: int) -> list[Row]:
        """The page that the cursor is on."""
        if not self.tiles:
            return [[(" " * width, "")] for _ in range(height)]
        across, down = layout(len(self.tiles), width, height)
        first = self.cursor // (across * down) * (across * down)
        out: list[Row] = []
        tall = height // down
        for line in range(down):
            here = tall if line < down - 1 else height - len(out)
            bands = []
            for column in range(across):
                wide = (
                    width // across if column < across - 1 else width - (width // across) * column
                )
                bands.append(self._tile(first + line * across + column, wide, here))
            out += [[piece for band in bands for piece in band[y]] for y in range(here)]
        return out

    def _tile(self, index: int, width: int, height: int) -> list[Row]:
        """One small chart below its name; nothing where there is none."""
        if index >= len(self.tiles):
            return [[(" " * width, "")] for _ in range(height)]
        tile = self.tiles[index]
        look = replace(self.look, cursor=None)
        body = picture(tile.curves, width, height, look, self.glyphs, heading=False)
        ground = "@cursor-row" if index == self.cursor else ""
        told = f" {tile.told} "
        name = fit(tile.key, max(1, width - len(told) - 4), self.glyphs)
        shape = self.glyphs.cursor if ground and self.has_focus else " "
        head: Row = [
            (f" {shape} ", f"accent{ground}"),
            (name, f"foreground{ground}"),
            (told, f"text-muted{ground}"),
            (" ", ""),
        ]
        return [head, *body]

    def on_focus(self) -> None:
        """The cursor looks different with the focus."""
        self.redraw()

    def on_blur(self) -> None:
        """The cursor looks different without the focus."""
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """A click chooses, a second one opens."""
        across, down = layout(len(self.tiles), *self.size)
        wide, tall = self.size.width // across, self.size.height // down
        page = self.cursor // (across * down) * (across * down)
        column, line = min(across - 1, event.x // wide), min(down - 1, event.y // tall)
        index = page + line * across + column
        if index >= len(self.tiles):
            return
        if index == self.cursor:
            self.action_open()
        self._go(index)

    def _go(self, index: int) -> None:
        index = min(max(0, index), len(self.tiles) - 1)
        if index != self.cursor and self.tiles:
            self.cursor = index
            self.redraw()

    def action_step(self, by: int) -> None:
        """Left or right."""
        self._go(self.cursor + by)

    def action_row(self, by: int) -> None:
        """Up or down, as far as there is a row."""
        across, _ = layout(len(self.tiles), *self.size)
        if 0 <= self.cursor + by * across < len(self.tiles):
            self._go(self.cursor + by * across)
        elif by > 0 and self.cursor // across < (len(self.tiles) - 1) // across:
            self._go(len(self.tiles) - 1)

    def action_open(self) -> None:
        """See the chart under the cursor large."""
        if self.current is not None:
            self.post_message(self.Opened(self.current))
