"""The titled lines of the main screen's frame, and the frames that hold a pane each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line import Piece, PieceLine, width_of


class EdgeLine(PieceLine):
    """The upper edge of a frame: ``╭─ Jobs ── 14 of 31 ────────── age ↓ ─╮``."""

    class Clicked(Message):
        """A piece with a key was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.left: Sequence[Sequence[Piece]] = ()
        """Groups of pieces; a short line stands between two groups."""
        self.right: Sequence[Piece] = ()
        self.ends: Literal["corner", "tee"] = "corner"

    def show(self, left: Sequence[Sequence[Piece]], right: Sequence[Piece] = ()) -> None:
        """Say something else."""
        self.left, self.right = left, right
        self.renew()

    def pieces(self, width: int) -> Sequence[Piece]:
        glyphs = self.glyphs
        start, end = glyphs.corners[:2] if self.ends == "corner" else glyphs.tees
        out = [Piece(start + glyphs.h, "frame")]
        room = width - 4
        right = [Piece(" "), *self.right, Piece(" ")] if self.right else []
        if width_of(right) > room:
            right = []
        room -= width_of(right)
        for number, group in enumerate(self.left):
            if not group:
                continue
            lead = [Piece(glyphs.h, "frame")] if number else []
            end_space = [] if group[-1].colour == "frame" else [Piece(" ")]
            pieces = [*lead, Piece(" "), *group, *end_space]
            if width_of(pieces) > room:
                if number or room < 8:
                    break
                name = group[0]
                pieces = [
                    Piece(" "),
                    Piece(fit(name.text, room - 2, glyphs), name.colour),
                    Piece(" "),
                ]
            out += pieces
            room -= width_of(pieces)
        out.append(Piece(glyphs.h * max(0, room), "frame"))
        out += right
        out.append(Piece(glyphs.h + end, "frame"))
        return out

    def on_click(self, event: events.Click) -> None:
        """Tell which piece was clicked."""
        if key := self.key_at(event.x):
            self.post_message(self.Clicked(key))


class Frame(Vertical):
    """A title line above a box with sides; the last box also has a lower edge."""

    DEFAULT_CSS = """
    Frame { width: 1fr; height: 1fr; }
    Frame > .box {
        border-left: round $frame;
        border-right: round $frame;
        height: 1fr;
        layout: vertical;
        overflow: hidden;
    }
    Frame.-last > .box { border-bottom: round $frame; }
    """

    def __init__(self, title: EdgeLine, *content: Widget, id: str) -> None:
        super().__init__(id=id)
        self.title = title
        self._content = content

    def compose(self) -> ComposeResult:
        yield self.title
        with Vertical(classes="box"):
            yield from self._content
