"""The Events tab: what happened to a job, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from trainer_tui.core.messages import Aspect, AspectFailed, EventsArrived, Message
from trainer_tui.model import Event, EventKind
from trainer_tui.tui import present
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap
from trainer_tui.tui.widgets.pane import JobPane

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry

_COLOURS = {
    EventKind.ERROR: "status-failed",
    EventKind.ACT: "accent",
    EventKind.CHECKPOINT: "status-succeeded",
    EventKind.STATUS: "status-running",
}


class EventsPane(JobPane):
    """Every change of status, act, checkpoint and error, as seen or as the service tells it."""

    TAB = "events"
    ASPECTS = frozenset({Aspect.EVENTS})

    def __init__(self) -> None:
        super().__init__()
        self._entry: Entry | None = None
        self._events: Sequence[Event] = ()
        self._failed = ""
        self._view = LinesView()

    def compose(self) -> ComposeResult:
        yield self._view

    def show(self, entry: Entry | None) -> None:
        """Show a job's events; another job begins with none."""
        if entry is None or self._entry is None or entry.job.ref != self._entry.job.ref:
            self._events, self._failed = (), ""
            if entry is not None:
                self._events = self.console.past_events(entry.job.ref)
        self._entry = entry
        self._renew()

    def receive(self, message: Message) -> None:
        """Take the events."""
        if isinstance(message, EventsArrived):
            self._events, self._failed = message.events, ""
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.EVENTS:
            self._failed = message.error.message
        self._renew()

    def on_resize(self) -> None:
        """Lines are made for a width."""
        self._renew()

    def _renew(self) -> None:
        width = self.size.width
        if not width or self._entry is None:
            self._view.set_lines([])
            return
        now, glyphs = self.console.now(), self.console.glyphs
        lines: list[Line] = []
        if self._failed:
            lines.append([Piece(f" {glyphs.warn} {self._failed}", "status-failed")])
        for event in reversed(self._events):
            stamp = f"{event.time.astimezone():%H:%M:%S}"
            if event.time.astimezone().date() != now.astimezone().date():
                stamp = f"{event.time.astimezone():%d %b %H:%M}"
            for number, part in enumerate(wrap(glyphs.plain(event.text), width - 28)):
                lines.append(
                    [
                        Piece(f" {'' if number else stamp:>12}  ", "text-faint"),
                        Piece(
                            f"{'' if number else event.kind.value:<11}",
                            _COLOURS.get(event.kind, "text-muted"),
                        ),
                        Piece(part, "foreground"),
                    ]
                )
        if not lines:
            age = present.age(self._entry.job.created_at, now)
            since = f" since it was made {age} ago" if age else ""
            lines = [[], [Piece(f"  Nothing has been seen to happen{since}.", "text-muted")]]
        self._view.set_lines(lines)
