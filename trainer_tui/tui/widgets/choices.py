"""A few answers below something that is shown, one a row, each with its key and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.present import fit
from trainer_tui.tui.screens.choose import Answer
from trainer_tui.tui.widgets.line import Piece, draw
from trainer_tui.tui.widgets.line_view import LineList


class Choices(LineList):
    """The answers; enter or a click takes one."""

    DEFAULT_CSS = """
    Choices { height: auto; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "take", show=False),
    ]

    class Taken(Message):
        """An answer was taken."""

        def __init__(self, value: str) -> None:
            super().__init__()
            self.value = value

    def __init__(self, answers: Sequence[Answer] = ()) -> None:
        super().__init__(id="choices")
        self.answers = list(answers)
        self.styles.height = max(1, len(self.answers))

    def offer(self, answers: Sequence[Answer]) -> None:
        """Other answers."""
        self.answers = list(answers)
        self.styles.height = max(1, len(self.answers))
        self.cursor = min(self.cursor, len(self.answers) - 1)
        self.refresh_all()

    def row_count(self) -> int:
        """How many there are."""
        return len(self.answers)

    def render_row(self, row: int, width: int) -> Strip:
        """``▸ k  Keep mine    go on with your text``."""
        answer, glyphs = self.answers[row], self.glyphs
        chosen = row == self.cursor
        ground = "cursor-row" if chosen else "panel"
        longest = max(len(one.label) for one in self.answers)
        label = f"{answer.label:<{longest}}  "
        note = fit(answer.note, min(len(answer.note), max(0, width - len(label) - 7)), glyphs)
        pieces = [
            Piece(f" {glyphs.cursor if chosen else ' '} ", "accent", True, ground),
            Piece(f"{answer.key}  ", "accent", True, ground),
            Piece(label, "foreground", chosen, ground),
            Piece(note, "text-muted", False, ground),
        ]
        return draw(pieces, width, paint_of(self.app), ground)

    def action_take(self) -> None:
        """The answer under the cursor."""
        if self.answers:
            answer = self.answers[self.cursor]
            self.post_message(self.Taken(answer.value or answer.label))

    def on_click(self, event: events.Click) -> None:
        """A click takes the answer."""
        super().on_click(event)
        self.action_take()
