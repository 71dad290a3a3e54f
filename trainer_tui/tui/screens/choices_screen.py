"""A whole screen to read before one of a few answers: heading, lines, answers below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen, ScreenResultType

from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.screens.choose import Answer
from trainer_tui.tui.screens.diff import Heading
from trainer_tui.tui.widgets.choices import Choices
from trainer_tui.tui.widgets.lines_view import Line, LinesView


class ChoicesScreen(Screen[ScreenResultType], InConsole):
    """The screen; a child gives its :meth:`lines` and what follows an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown,space", "scroll(1)", "page down", show=False),
        Binding("pageup", "scroll(-1)", "page up", show=False),
    ]
    AUTO_FOCUS = "Choices"

    def __init__(self, title: str, about: str, answers: Sequence[Answer], chosen: int = 0) -> None:
        super().__init__()
        self.heading = Heading(title, about)
        self.view = LinesView(id="diff")
        self._choices = Choices(answers)
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self.view
        yield self._choices

    def on_mount(self) -> None:
        """The answer that is most likely meant is the first under the cursor."""
        self.view.can_focus = False
        self._choices.cursor = self._chosen
        self.renew()

    def on_resize(self, event: events.Resize) -> None:
        """Lines fit the width."""
        self.renew()

    def lines(self) -> list[Line]:
        """What there is to read."""
        return []

    def renew(self) -> None:
        """Show it as it is now."""
        self.view.set_lines(self.lines())
        self.heading.renew()

    def action_scroll(self, pages: int) -> None:
        """Scroll the lines."""
        self.view.action_scroll_pages(pages)

    def action_leave(self) -> None:
        """No answer."""
        self.dismiss(None)
