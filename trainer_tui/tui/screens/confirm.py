"""The question before an act: every job by name, what it brings about, and *no* as the default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line import Piece, PieceLine
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap

_WIDTH = 68
_MOST = 14
_AROUND = 8
"""Rows of the card that are not the list: its frame, the question, the answer."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the act is about."""

    name: str
    consequence: str = ""
    state: str = ""


class Answers(PieceLine):
    """``No``  ``Yes``: the chosen one stands out."""

    GROUND = "surface"

    def __init__(self) -> None:
        super().__init__(id="answers")
        self.yes = False

    def pieces(self, width: int) -> Sequence[Piece]:
        def answer(label: str, key: str, chosen: bool) -> list[Piece]:
            ground = "cursor-row" if chosen else "surface"
            colour = "foreground" if chosen else "text-muted"
            return [
                Piece("  ", "foreground", ground=ground, key=label),
                Piece(key, "accent", True, ground=ground, key=label),
                Piece(f" {label}  ", colour, chosen, ground, label),
                Piece("  "),
            ]

        return [*answer("No", "n", not self.yes), *answer("Yes", "y", self.yes)]


class ConfirmScreen(ModalScreen[bool], InConsole):
    """Asks; answers with true only when *yes* was chosen on purpose."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", id="confirm.yes", tooltip="Do it."),
        Binding("n,escape,q", "answer(False)", "no", id="confirm.no", tooltip="Leave it as it is."),
        Binding("left,right,tab,shift+tab,h", "other", "choose", show=False),
        Binding("enter", "chosen", "take the chosen answer", show=False),
    ]
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        title: str,
        items: Sequence[Item],
        *,
        question: str = "",
        word: str = "",
        left_out: Sequence[tuple[str, str]] = (),
        left_out_count: int = 0,
    ) -> None:
        super().__init__()
        self._title = title
        self._items = items
        self._question = question
        self._word = word
        self._left_out, self._left_out_count = left_out, left_out_count or len(left_out)
        self._answers = Answers()
        self._list = LinesView(ground="surface")

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = self._title
        with card:
            yield self._list
            yield Static(self._asked(), id="question", markup=False)
            if self._word:
                field = Input(placeholder=f"type {self._word} and press enter", compact=True)
                field.cursor_blink = False
                yield field
            else:
                yield self._answers

    def on_mount(self) -> None:
        """Show the list as high as it is, within reason."""
        self.set_class(not self.console.glyphs.unicode, "-ascii")
        lines, room = self.lines(), max(3, self.app.size.height * 9 // 10 - _AROUND)
        self._list.styles.height = min(len(lines), room)
        self._list.set_lines(lines)
        self._list.can_focus = len(lines) > room

    def lines(self) -> list[Line]:
        """The jobs, what the act brings about, what is left out."""
        width = min(_WIDTH, self.app.size.width - 10)
        told = {item.consequence for item in self._items if item.consequence}
        once = len(told) == 1
        lines: list[Line] = []
        for item in self._items:
            name = Piece(item.name, "foreground", True)
            limit = width - len(item.state) - 2
            if name.width > limit:
                name = Piece(fit(item.name, limit, self.console.glyphs), "foreground", True)
            lines.append(
                [
                    name,
                    Piece(" " * (width - name.width - len(item.state))),
                    Piece(item.state, "text-muted"),
                ]
            )
            if item.consequence and not once:
                lines += [
                    [Piece(f"  {part}", "text-muted")] for part in wrap(item.consequence, width - 2)
                ]
        if once:
            lines.append([])
            lines += [[Piece(part, "text-muted")] for part in wrap(told.pop(), width)]
        if self._left_out:
            lines.append([])
            lines.append([Piece(f"Left out ({self._left_out_count}):", "warning")])
            for names, why in self._left_out[:_MOST]:
                reason = f"{names}: {why}" if names else why
                lines += [[Piece(f"  {part}", "text-muted")] for part in wrap(reason, width - 2)]
            if len(self._left_out) > _MOST:
                lines.append([Piece(f"  and {len(self._left_out) - _MOST} more", "text-muted")])
        return lines

    def _asked(self) -> str:
        """The question, which stays in sight however long the list is."""
        if not self._word:
            return self._question
        return f"{self._question} Type the word {self._word}; esc leaves them alone."

    def action_answer(self, yes: bool) -> None:
        """Answer, unless a word is asked for."""
        if yes and self._word:
            return
        self.dismiss(yes)

    def action_other(self) -> None:
        """Choose the other answer."""
        self._answers.yes = not self._answers.yes
        self._answers.renew()

    def action_chosen(self) -> None:
        """Take the chosen answer."""
        if not self._word:
            self.dismiss(self._answers.yes)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The word itself is the yes."""
        if event.value.strip().lower() == self._word:
            self.dismiss(True)
        else:
            event.input.value = ""

    def on_click(self, event: object) -> None:
        """A click on an answer."""
        x, widget = getattr(event, "x", 0), getattr(event, "widget", None)
        if widget is self._answers and (key := self._answers.key_at(x)):
            self.dismiss(key == "Yes")
