"""A small question: to which file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.widgets.log_saving import unused


class SaveScreen(ModalScreen[Path | None]):
    """Asks for a new file; gives its path, which nothing has yet.

    Args:
        title: What is to be saved.
        name: A proposal, with the first of the endings.
        endings: What the name may end in, as ``.svg``; tab goes from one to the next.
    """

    CSS_PATH = "save_as.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn", "other kind", show=False, priority=True, id="save_as.turn",
                tooltip="Another kind of file."),
        Binding("escape", "leave", "close", show=False, id="save_as.leave",
                tooltip="Save nothing."),
    ]  # fmt: skip

    def __init__(self, title: str, name: str, endings: Sequence[str]) -> None:
        super().__init__()
        self._heading, self._proposed, self._endings = title, unused(name), list(endings)

    def compose(self) -> ComposeResult:
        """The file's name, and what is wrong with it."""
        card = Vertical(classes="card")
        card.border_title = self._heading
        glyphs = glyphs_of(self)
        kinds = " or ".join(ending.lstrip(".").upper() for ending in self._endings)
        card.border_subtitle = glyphs.dotted(f"tab {kinds}", "enter saves", "esc closes")
        with card:
            field = Input(self._proposed, compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Static(id="save-trouble", markup=False)

    def on_mount(self) -> None:
        """Symbols that the terminal has; the cursor before the ending."""
        glyphs = glyphs_of(self)
        self.set_class(not glyphs.unicode, "-ascii")
        field = self.query_one(Input)
        field.focus()
        field.cursor_position = len(field.value) - len(Path(field.value).suffix)

    def trouble(self, name: str) -> str:
        """Why a file cannot be made under this name; empty: it can."""
        if not name:
            return "A file name, please."
        path = Path(name).expanduser()
        if path.suffix.lower() not in self._endings:
            return f"Its name is to end in {' or '.join(self._endings)}."
        try:
            if os.path.lexists(path):
                return "That file exists; another name, please."
            if not path.parent.is_dir():
                return f"There is no folder {path.parent}."
        except (OSError, ValueError):
            return "That is not a file name."
        return ""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the path, or say what is wrong."""
        name = event.value.strip()
        reason = self.trouble(name)
        self.query_one("#save-trouble", Static).update(reason)
        if not reason:
            self.dismiss(Path(name).expanduser())

    def action_turn(self) -> None:
        """The next kind of file."""
        field = self.query_one(Input)
        path = Path(field.value)
        known = path.suffix.lower() in self._endings
        place = self._endings.index(path.suffix.lower()) + 1 if known else 0
        ending = self._endings[place % len(self._endings)]
        stem = field.value[: -len(path.suffix)] if known else field.value
        field.value = stem + ending
        field.cursor_position = len(stem)

    def action_leave(self) -> None:
        """Save nothing."""
        self.dismiss(None)
