"""A log view with the line below it: what the pane of one job and that of several share."""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from trainer_tui.tui.pulse import Pulse
from trainer_tui.tui.widgets.instead import Instead
from trainer_tui.tui.widgets.log_question import AskingPane
from trainer_tui.tui.widgets.log_tabs import LogTabs
from trainer_tui.tui.widgets.log_view import LogView
from trainer_tui.tui.widgets.log_words import as_text, told


class LogFrame(AskingPane):
    """The view, the line below that tells and asks, and what stands instead of a log."""

    _told: Text | None = None

    DEFAULT_CSS = """
    LogFrame {
        & #log-line { height: 1; }
        & #log-told {
            width: 1fr; height: 1; color: $text-muted;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
        &.asking #log-told { width: auto; max-width: 50%; padding: 0 1; }
        &.asking LogTabs.several { display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        """The view and the line below; what is not seen at first is made when it is."""
        yield LogView(id="log-view")
        with Horizontal(id="log-line"):
            yield Static(id="log-told", markup=False)
            yield LogTabs()

    @property
    def instead(self) -> Instead:
        """The words in the place of a log."""
        found = self.query(Instead)
        if found:
            return found.first()
        made = Instead(id="log-instead")
        self.mount(made, after="#log-view")
        return made

    def on_mount(self) -> None:
        """A first look at what there is to say."""
        self.view.first_look = self.take_key
        self.counted = Pulse(self.view, self.view.lay)
        """To be told when more lines were counted."""
        self.renew()

    def renew(self) -> None:
        """Show the lines, or why there are none."""
        raise NotImplementedError

    # The line below

    @on(LogView.Changed)
    def _changed(self, event: LogView.Changed) -> None:
        event.stop()
        self.tell()

    def tell(self) -> None:
        """Say where the reader is; repaint only when that differs."""
        view = self.view
        words = told(view, self.question, self.trouble)
        text = as_text(view, words, indent=self.question is None)
        if text != self._told:
            self._told = text
            self.query_one("#log-told", Static).update(text)

    @on(LogView.Copied)
    def _copied(self, event: LogView.Copied) -> None:
        event.stop()
        lines = "1 line" if event.lines == 1 else f"{event.lines:,} lines"
        if event.cut:
            lines = f"the first {lines}: terminals take no more at once"
        self.console.copy(event.text, lines)
