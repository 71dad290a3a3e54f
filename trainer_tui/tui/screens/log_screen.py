"""The log of one job on the whole screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.tui.widgets.log_pane import LogPane
from trainer_tui.tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message


class LogScreen(Screen[None]):
    """A :class:`LogPane` with a title; fed by the app as a pane is, through ``show`` and
    ``receive``, and in need of the same aspects."""

    ASPECTS = LogPane.ASPECTS

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l", "dismiss", "back", id="log_screen.back", tooltip="Back to the jobs."),
    ]

    def __init__(self, entry: Entry | None) -> None:
        super().__init__()
        self.entry = entry

    def compose(self) -> ComposeResult:
        """Title and pane."""
        yield TitleLine("Log")
        yield LogPane(id="log-pane")

    def on_mount(self) -> None:
        """The view has the keys."""
        self.show(self.entry)
        self.query_one(LogPane).focus()

    def show(self, entry: Entry | None) -> None:
        """The job, or what changed of it."""
        self.entry = entry
        if self.is_mounted:
            self.query_one(TitleLine).show(entry)
            self.query_one(LogPane).show(entry)

    def receive(self, message: Message) -> None:
        """What was learned of the job."""
        if self.is_mounted:
            self.query_one(LogPane).receive(message)
