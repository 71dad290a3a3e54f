"""The places where two texts changed the same lines, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.core.threeway import Agreed, Chunk, Side, conflicts, joined
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.present import fit
from trainer_tui.tui.screens.choose import Answer
from trainer_tui.tui.screens.diff import Heading
from trainer_tui.tui.widgets.choices import Choices
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView
from trainer_tui.tui.yaml_lexer import visible

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp

_AROUND = 3


class MergeScreen(Screen["str | None"]):
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
        Binding("pagedown,space", "scroll(1)", "page down", show=False),
        Binding("pageup", "scroll(-1)", "page up", show=False),
    ]  # fmt: skip
    AUTO_FOCUS = "Choices"

    def __init__(self, chunks: Sequence[Chunk], about: str = "") -> None:
        super().__init__()
        self._chunks = list(chunks)
        self._count = len(conflicts(chunks))
        self._number = 0
        self._taken: dict[int, Side] = {}
        self._heading = Heading("Merge", about)
        self._view = LinesView(id="diff")
        self._choices = Choices(
            [
                Answer("k", "Mine", "your lines here", "mine"),
                Answer("t", "Theirs", "the other side's lines here", "theirs"),
            ]
        )

    @property
    def console(self) -> TrainerApp:
        """The app, by its own type."""
        return cast("TrainerApp", self.app)

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self._view
        yield self._choices

    def on_mount(self) -> None:
        """The first place."""
        if not self.console.glyphs.unicode:
            self._view.styles.scrollbar_size_vertical = 0  # drawn with block characters
        self._view.can_focus = False
        self._renew()

    def on_resize(self, event: events.Resize) -> None:
        """Another width."""
        self._renew()

    def _renew(self) -> None:
        place = f"place {self._number + 1} of {self._count}"
        back = "  u the one before" if self._number else ""
        self._heading.right = f"{place}  esc leaves{back}"
        self._heading.renew()
        self._view.set_lines(self._lines())
        self._view.scroll_to(y=0, animate=False)

    def _lines(self) -> list[Line]:
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
        chosen = {"mine": "mine", "theirs": "theirs"}.get(name) == self._taken.get(self._number)
        mark = f"  {glyphs.ok}" if chosen and name in ("mine", "theirs") else ""
        title: Line = [
            Piece(f"   {glyphs.h}{glyphs.h} {name}", colour, True), Piece(mark, "success"),
        ]  # fmt: skip
        body = self._rows(text, sign, colour) if text else [[Piece("     (no line)", "text-faint")]]
        return [title, *body]

    def _rows(self, text: str, sign: str, colour: str, part: slice = slice(None)) -> list[Line]:
        room = self.app.size.width - 6
        return _rows(text, sign, colour, room, self.console.glyphs, part=part)

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
        self._renew()

    def action_before(self) -> None:
        """The place before."""
        if self._number:
            self._number -= 1
            self._renew()

    def action_scroll(self, pages: int) -> None:
        """Scroll the lines."""
        self._view.action_scroll_pages(pages)

    def action_leave(self) -> None:
        """No merge."""
        self.dismiss(None)


def _rows(
    text: str, sign: str, colour: str, room: int, glyphs: Glyphs, *, part: slice = slice(None)
) -> list[Line]:
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    out: list[Line] = []
    for line in lines[part]:
        shown = Piece(visible(line.rstrip("\r").expandtabs(4)), colour)
        cut = fit(shown.text, min(room, shown.width), glyphs)
        out.append([Piece(f"   {sign} ", colour, True), Piece(cut, colour)])
    return out
