"""Asks for a file: its path, completed while it is typed."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from trainer_tui.errors import UsageError
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.screens.new_job_parts import PathSuggester, Said, completions, read_file


class AskFileScreen(ModalScreen["tuple[str, str] | None"]):
    """Answers with the file's name and its text."""

    CSS_PATH = "prompt.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "close", show=False),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._said = Said()
        self.field = Input(placeholder="path of a YAML file", suggester=PathSuggester(),
                           compact=True)  # fmt: skip
        self.field.cursor_blink = False

    def compose(self) -> ComposeResult:
        glyphs = glyphs_of(self)
        card = Vertical(classes="card")
        card.border_title = self._title
        card.border_subtitle = glyphs.dotted("enter compares", "esc closes")
        with card:
            yield self.field
            yield self._said

    def on_mount(self) -> None:
        """Symbols that the terminal has."""
        glyphs = glyphs_of(self)
        self.set_class(not glyphs.unicode, "-ascii")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what the path could become."""
        names = [
            Path(name).name + ("/" if name.endswith("/") else "")
            for name in completions(event.value)
        ]
        self._said.say("  ".join(names))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Read it."""
        try:
            text = read_file(event.value)
        except UsageError as error:
            self._said.say(error.message, "error")
            return
        self.dismiss((Path(event.value.strip()).name, text))

    def action_leave(self) -> None:
        """No file."""
        self.dismiss(None)
