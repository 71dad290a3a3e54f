"""One pane of a job on the whole screen, below a line that says which job."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.screen import Screen

from trainer_tui.core.messages import BoardChanged
from trainer_tui.model import JobRef
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.widgets.pane import JobPane
from trainer_tui.tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message


class JobScreen(Screen[None], InConsole):
    """Shows a pane; watches what the pane needs while it is open.

    Args:
        ref: The job.
    """

    PANE: ClassVar[type[JobPane]]
    HEADING: ClassVar[str] = ""

    def __init__(self, ref: JobRef) -> None:
        super().__init__()
        self.ref = ref

    def compose(self) -> ComposeResult:
        """Title and pane."""
        yield TitleLine(self.HEADING)
        yield self.PANE(id="job-pane")

    @property
    def pane(self) -> JobPane:
        """The pane."""
        return self.query_one("#job-pane", JobPane)

    def on_mount(self) -> None:
        """Show the job, and have it watched."""
        self._show()
        self.pane.focus()
        # The screen below lets go of what it watches when it is told that it is covered, which
        # is after this: watching begins when that is done.
        self.call_after_refresh(self._watch)

    def _watch(self) -> None:
        self.console.runtime.watch(self.ref, self.PANE.ASPECTS)

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Let go of the job before the screen below takes it up again."""
        self.console.runtime.unwatch(self.ref, self.PANE.ASPECTS)
        return super().dismiss(result)

    def _show(self) -> None:
        entry = self.console.runtime.board.get(self.ref)
        self.query_one(TitleLine).show(entry)
        self.pane.show(entry)

    def receive(self, message: Message) -> None:
        """What was learned of any job: what concerns this one goes to the pane."""
        if not self.is_mounted:
            return
        if isinstance(message, BoardChanged):
            delta = message.delta
            if self.ref in (*delta.added, *delta.changed, *delta.removed):
                self._show()
        elif getattr(message, "ref", None) == self.ref:
            self.pane.receive(message)
