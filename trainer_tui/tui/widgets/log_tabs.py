"""The logs of one job, as a small strip: which there are, which is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.widgets.line import Piece, PieceLine, width_of
from trainer_tui.tui.widgets.log_paint import origin_colour


class LogTabs(PieceLine):
    """``log  build  events``; hidden where there is only one, unless it is to be told."""

    DEFAULT_CSS = """
    LogTabs { width: auto; height: 1; display: none; }
    LogTabs.several { display: block; }
    """

    class Chosen(Message):
        """A name was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.names: tuple[str, ...] = ()
        self.chosen = ""
        self.colours: tuple[int, ...] = ()
        """The colour of each in a gutter, where they are merged."""

    def show(
        self,
        names: tuple[str, ...],
        chosen: str,
        colours: tuple[int, ...] = (),
        *,
        always: bool = False,
    ) -> None:
        """Show these names, one of them chosen; ``always``: also where there is only one."""
        if (names, chosen, colours) == (self.names, self.chosen, self.colours):
            return
        self.names, self.chosen, self.colours = names, chosen, colours
        self.set_class(always or len(names) > 1, "several")
        self.styles.width = width_of(self.pieces(0))
        self.refresh()

    def pieces(self, width: int) -> Sequence[Piece]:
        """A piece a name."""
        out: list[Piece] = []
        for place, name in enumerate(self.names):
            chosen = name == self.chosen
            colour, ground = ("accent", "panel") if chosen else ("text-muted", "")
            if place < len(self.colours):
                bar = "▎" if glyphs_of(self).unicode else "|"
                out.append(Piece(bar, origin_colour(self.colours[place]), key=name))
            out.append(Piece(f" {name} ", colour, bold=chosen, ground=ground, key=name))
        return out

    def on_click(self, event: events.Click) -> None:
        """A click shows that log."""
        if name := self.key_at(event.x):
            self.post_message(self.Chosen(name))
