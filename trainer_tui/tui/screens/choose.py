"""A card that asks for one of a few answers, each with its key and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers."""

    key: str
    label: str
    note: str = ""
    value: str = ""
    """What the screen answers with; empty: the label."""


class ChooseScreen(ModalScreen[str]):
    """Answers with what was chosen; ``esc`` with an empty text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j,tab", "move(1)", "down", show=False),
        Binding("up,k,shift+tab", "move(-1)", "up", show=False),
        Binding("enter", "take", "choose", show=False),
        Binding("escape", "leave", "leave", show=False),
    ]

    def __init__(
        self, title: str, words: Sequence[tuple[str, str]], answers: Sequence[Answer]
    ) -> None:
        super().__init__()
        self._title, self._words, self._answers = title, words, answers
        self._row = 0
        self._view = LinesView(ground="surface")
        self._view.can_focus = False

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = self._title
        with card:
            yield self._view

    def on_mount(self) -> None:
        """As high as it needs to be."""
        self.set_class(not self.glyphs.unicode, "-ascii")
        self._show()

    def on_resize(self) -> None:
        """The words fit the width."""
        self._show()

    @property
    def glyphs(self) -> Glyphs:
        """The app's symbols."""
        return glyphs_of(self)

    def _show(self) -> None:
        width = min(68, self.app.size.width - 10)
        lines: list[Line] = []
        for colour, text in self._words:
            lines += [[Piece(part, colour)] for part in wrap(text, width)]
        lines.append([])
        longest = max((len(answer.label) for answer in self._answers), default=0)
        for row, answer in enumerate(self._answers):
            chosen = row == self._row
            ground = "cursor-row" if chosen else "surface"
            sign = self.glyphs.cursor if chosen else " "
            label = f"{answer.label:<{longest}}  "
            used = 6 + len(label)
            room = max(0, width - used)
            note = fit(answer.note, min(len(answer.note), room), self.glyphs)
            lines.append(
                [
                    Piece(f" {sign} ", "accent", True, ground),
                    Piece(f"{answer.key}  ", "accent", True, ground),
                    Piece(label, "foreground", chosen, ground),
                    Piece(note, "text-muted", False, ground),
                    Piece(" " * max(0, width - used - len(note)), "foreground", False, ground),
                ]
            )
        self._view.set_lines(lines)
        self._view.styles.height = len(lines)

    def action_move(self, rows: int) -> None:
        """Move the cursor, round and round."""
        self._row = (self._row + rows) % len(self._answers)
        self._show()

    def action_take(self) -> None:
        """The answer under the cursor."""
        self._answer(self._answers[self._row])

    def action_leave(self) -> None:
        """None of them."""
        self.dismiss("")

    def on_key(self, event: events.Key) -> None:
        """An answer's own key."""
        for answer in self._answers:
            if event.character == answer.key:
                event.stop()
                self._answer(answer)
                return

    def on_click(self, event: events.Click) -> None:
        """A click on an answer."""
        if event.widget is self._view:
            row = event.y - (len(self._view.lines) - len(self._answers))
            if 0 <= row < len(self._answers):
                self._answer(self._answers[row])

    def _answer(self, answer: Answer) -> None:
        self.dismiss(answer.value or answer.label)
