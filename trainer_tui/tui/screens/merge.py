"""The places where two texts changed the same lines, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from trainer_tui.core.threeway import Agreed, Chunk, Side, conflicts, joined
from trainer_tui.tui.present import fit
from trainer_tui.tui.screens.choices_screen import ChoicesScreen
from trainer_tui.tui.screens.choose import Answer
from trainer_tui.tui.widgets.choices import Choices
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line
from trainer_tui.tui.yaml_lexer import visible

_AROUND = 3


class MergeScreen(ChoicesScreen["str | None"]):
    """Answers with the merged text; ``esc`` with nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "take('mine')", "mine", id="merge.mine", priority=True,
                tooltip="Take your lines here."),
        Binding("t", "take('theirs')", "theirs", id="merge.theirs",
                tooltip="Take the other side's lines here."),
        Binding("u,backspace", "before", "the one before", id="merge.before",
                tooltip="Back to the place before, to choose anew."),
        Binding("escape,q", "leave", "leave", id="merge.leave",
                tooltip="Leave the merge; nothing is changed."),
    ]  # fmt: skip

    def __init__(self, chunks: Sequence[Chunk], about: str = "") -> None:
        super().__init__(
            "Merge",
            about,
            [
                Answer("k", "Mine", "your lines here", "mine"),
                Answer("t", "Theirs", "the other side's lines here", "theirs"),
            ],
        )
        self._chunks = list(chunks)
        self._count = len(conflicts(chunks))
        self._number = 0
        self._taken: dict[int, Side] = {}

    def renew(self) -> None:
        """Another place is shown from its beginning."""
        place = f"place {self._number + 1} of {self._count}"
        back = "  u the one before" if self._number else ""
        self.heading.right = f"{place}  esc leaves{back}"
        super().renew()
        self.view.scroll_to(y=0, animate=False)

    def lines(self) -> list[Line]:
        """The place, with the lines around it."""
        found = conflicts(self._chunks)[self._number]
        index = self._chunks.index(found)
        before = self._chunks[index - 1] if index else None
        after = self._chunks[index + 1] if index + 1 < len(self._chunks) else None
        lines: list[Line] = [
            [],
            [Piece(f"   Both sides changed what was on line {found.line}.", "foreground", True)],
            [],
        ]
        if isinstance(before, Agreed):
            lines += self._rows(before.text, " ", "text-muted", slice(-_AROUND, None))
        lines += self._block("when you began", found.base, " ", "text-faint")
        lines += self._block("mine", found.mine, "+", "success")
        lines += self._block("theirs", found.theirs, "+", "accent")
        if isinstance(after, Agreed):
            lines.append([])
            lines += self._rows(after.text, " ", "text-muted", slice(_AROUND))
        return lines

    def _block(self, name: str, text: str, sign: str, colour: str) -> list[Line]:
        glyphs = self.console.glyphs
        mark = f"  {glyphs.ok}" if name == self._taken.get(self._number) else ""
        title: Line = [
            Piece(f"   {glyphs.h}{glyphs.h} {name}", colour, True), Piece(mark, "success"),
        ]  # fmt: skip
        body = self._rows(text, sign, colour) if text else [[Piece("     (no line)", "text-faint")]]
        return [title, *body]

    def _rows(self, text: str, sign: str, colour: str, part: slice = slice(None)) -> list[Line]:
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        room, glyphs = self.app.size.width - 6, self.console.glyphs
        out: list[Line] = []
        for line in lines[part]:
            shown = visible(line.rstrip("\r").expandtabs(4))
            cut = fit(shown, min(room, Piece(shown).width), glyphs)
            out.append([Piece(f"   {sign} ", colour, True), Piece(cut, colour)])
        return out

    # Keys -------------------------------------------------------------------------------------

    def on_choices_taken(self, event: Choices.Taken) -> None:
        """The answer under the cursor."""
        self.action_take(event.value)

    def action_take(self, side: str) -> None:
        """Choose here, and go on to the next place."""
        self._taken[self._number] = "theirs" if side == "theirs" else "mine"
        if self._number + 1 == self._count:
            self.dismiss(joined(self._chunks, self._taken))
            return
        self._number += 1
        self.renew()

    def action_before(self) -> None:
        """The place before."""
        if self._number:
            self._number -= 1
            self.renew()
