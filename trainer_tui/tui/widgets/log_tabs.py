"""The logs of one job, as a small strip: which there are, which is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from trainer_tui.core.logfile.lines import Sgr
from trainer_tui.core.logfile.memory import MemoryLines
from trainer_tui.model import Event, EventKind
from trainer_tui.tui.widgets.line import Piece, PieceLine, width_of

EVENTS = "events"
"""The name of what was seen to happen to a job, among its logs."""
_COLOURS = {EventKind.ERROR: 1, EventKind.CHECKPOINT: 2, EventKind.ACT: 3, EventKind.STATUS: 4}
"""Of the sixteen colours of a terminal, which are told in the theme's."""


class LogTabs(PieceLine):
    """``log  build  events``; hidden where there is only one."""

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

    def show(self, names: tuple[str, ...], chosen: str) -> None:
        """Show these names, one of them chosen."""
        if (names, chosen) == (self.names, self.chosen):
            return
        self.names, self.chosen = names, chosen
        self.set_class(len(names) > 1, "several")
        self.styles.width = width_of(self.pieces(0))
        self.refresh()

    def pieces(self, width: int) -> Sequence[Piece]:
        """A piece a name."""
        out: list[Piece] = []
        for name in self.names:
            chosen = name == self.chosen
            colour, ground = ("accent", "panel") if chosen else ("text-muted", "")
            out.append(Piece(f" {name} ", colour, bold=chosen, ground=ground, key=name))
        return out

    def on_click(self, event: events.Click) -> None:
        """A click shows that log."""
        if name := self.key_at(event.x):
            self.post_message(self.Chosen(name))


def event_lines(events: Sequence[Event], *, complete: bool = False) -> MemoryLines:
    """What happened to a job as lines of a log, oldest first."""
    lines = MemoryLines(complete=complete)
    for event in events:
        first, *rest = event.text.splitlines() or [""]
        head = f"{event.time.astimezone():%Y-%m-%d %H:%M:%S}  "
        text = f"{head}{event.kind.value:<11} "
        colour = Sgr(foreground=_COLOURS.get(event.kind))
        lines.append(text + first, spans=((len(head), len(text), colour),))
        for part in rest:
            lines.append(" " * len(text) + part)
    return lines
