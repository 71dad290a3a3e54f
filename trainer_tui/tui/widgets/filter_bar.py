"""The filter line: live while typing; a mistake is shown beside it and the last good one stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from trainer_tui.errors import UsageError
from trainer_tui.query_text import QuerySyntaxError

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp


class Field(Input):
    """The text of the filter."""

    async def action_submit(self) -> None:
        """Enter: keys that follow wait until the line is closed."""
        cast("TrainerApp", self.app).typed.hold()
        await super().action_submit()

    def action_drop(self) -> None:
        """A click on the hint for Escape."""
        cast("FilterBar", self.parent).action_drop()


class FilterBar(Horizontal):
    """``/ status:active loss<0.5        12 of 31``, with the mistake beside it if there is one."""

    DEFAULT_CSS = """
    FilterBar { height: 1; background: $panel; }
    FilterBar > #filter-lead { width: 3; color: $accent; text-style: bold; padding: 0 0 0 1; }
    FilterBar > Input {
        width: 1fr; height: 1; border: none; padding: 0; background: $panel;
    }
    FilterBar > #filter-say {
        width: auto; max-width: 75%; height: 1; padding: 0 1; color: $text-muted;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    FilterBar > #filter-say.-bad { color: $error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "keep", "keep", id="filter.keep", tooltip="Keep the filter."),
        Binding("escape", "drop", "undo", id="filter.undo", tooltip="Back to the filter before."),
    ]

    class Opened(Message):
        """It is there and has asked for the keys."""

    class Changed(Message):
        """Another text was typed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """Typing is over. ``keep`` is false when it is to be undone."""

        def __init__(self, keep: bool) -> None:
            super().__init__()
            self.keep = keep

    def __init__(self, text: str) -> None:
        super().__init__()
        self.before = text
        """The filter that was in force when typing began."""

    def compose(self) -> ComposeResult:
        yield Static("/", id="filter-lead")
        field = Field(self.before, id="filter-text", select_on_focus=False, compact=True)
        field.cursor_blink = False
        yield field
        yield Static("", id="filter-say")

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()
        self.post_message(self.Opened())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the filter."""
        event.stop()
        self.action_keep()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Leaving the line keeps what was typed."""
        if self.is_mounted and self.display:
            self.post_message(self.Closed(True))

    def action_keep(self) -> None:
        """Keep the filter."""
        cast("TrainerApp", self.app).typed.hold()
        self.post_message(self.Closed(True))

    def action_drop(self) -> None:
        """Back to the filter before."""
        cast("TrainerApp", self.app).typed.hold()
        self.post_message(self.Closed(False))

    def tell(self, shown: int, total: int, strangers: Sequence[str] = ()) -> None:
        """Say how many jobs are left, or what is named that is not there."""
        say = self.query_one("#filter-say", Static)
        say.set_class(bool(strangers), "-bad")
        say.update(Content(strangers[0] if strangers else f"{shown} of {total}"))

    def tell_mistake(self, error: UsageError) -> None:
        """Say what is wrong and where."""
        say = self.query_one("#filter-say", Static)
        say.add_class("-bad")
        where = ""
        if isinstance(error, QuerySyntaxError):
            wrong = self.query_one(Input).value[error.position :][: error.length]
            if not wrong or repr(wrong) not in error.message:  # what is meant cannot be seen
                where = f"column {error.position + 1}: "
        say.update(Content(where + error.message))
