"""The logs of the marked jobs on the whole screen, merged by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.model import JobRef
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.widgets.merged_pane import MergedPane
from trainer_tui.tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message


class MergedScreen(Screen[None], InConsole):
    """A :class:`MergedPane` with all the room there is.

    Args:
        refs: The jobs, in the order of their colours.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l", "dismiss", "back", id="merged_screen.back",
                tooltip="Back to the jobs."),
    ]  # fmt: skip

    def __init__(self, refs: Sequence[JobRef]) -> None:
        super().__init__()
        self.refs = tuple(refs)

    def compose(self) -> ComposeResult:
        """Title and pane."""
        yield TitleLine(f"Logs of {len(self.refs)} jobs")
        yield MergedPane(id="job-pane")

    @property
    def pane(self) -> MergedPane:
        """The pane."""
        return self.query_one("#job-pane", MergedPane)

    def on_mount(self) -> None:
        """Show the jobs, and have their logs watched."""
        board = self.console.runtime.board
        entries = (board.get(ref) for ref in self.refs)
        self.pane.show_jobs([entry.job for entry in entries if entry is not None])
        self.pane.focus()
        # As in JobScreen: when the screen below has let go of what it watches.
        self.call_after_refresh(self._watch)

    def _watch(self) -> None:
        for ref in self.pane.refs:
            self.console.runtime.watch(ref, MergedPane.ASPECTS)

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Let go of the jobs before the screen below takes up its own."""
        for ref in self.pane.refs:
            self.console.runtime.unwatch(ref, MergedPane.ASPECTS)
        return super().dismiss(result)

    def receive(self, message: Message) -> None:
        """What was learned of any job."""
        if self.is_mounted:
            self.pane.receive(message)
