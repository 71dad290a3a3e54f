"""Two texts at odds: what somebody else wrote meanwhile, and one's own. Keep, take, or merge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType

from trainer_tui.core.threeway import conflicts, joined, merge
from trainer_tui.core.yamlconfig import Change, diff
from trainer_tui.tui.checking import compare
from trainer_tui.tui.difflines import SIDE_BY_SIDE, changed_values, difference
from trainer_tui.tui.screens.choices_screen import ChoicesScreen
from trainer_tui.tui.screens.choose import Answer
from trainer_tui.tui.widgets.choices import Choices
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, wrap

_MOST_WORDS = 5


@dataclass(frozen=True, slots=True)
class Odds:
    """A text that is not what it was when the edit of it began."""

    base: str
    """What it was."""
    theirs: str
    """What it is."""
    name: str
    """Whose it is: ``comfy has``, ``config.yaml on disk``."""
    said: str
    """One sentence: what happened."""
    settled: Callable[[str], None]
    """Called with ``theirs`` when the choice is made: from now on the edit is of that text."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was chosen."""

    choice: Literal["mine", "theirs", "merge"]
    text: str
    """What to go on with."""
    beside: tuple[str, ...] = ()
    """Texts that were not chosen, in part or in whole: they are kept."""


class OddsScreen(ChoicesScreen["Settled | None"]):
    """Shows both and asks; ``esc`` leaves it open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "choose('mine')", "keep mine", id="odds.mine", priority=True,
                tooltip="Go on with your text; the other is kept among the drafts."),
        Binding("t", "choose('theirs')", "take theirs", id="odds.theirs",
                tooltip="Go on with the other text; yours is kept among the drafts."),
        Binding("m", "choose('merge')", "merge", id="odds.merge",
                tooltip="Take from each side what it alone changed, and choose where both did."),
        Binding("s", "sides", "side by side", id="odds.sides",
                tooltip="Show the texts side by side, or one below the other."),
        Binding("b,f5", "turn", "other difference", id="odds.turn",
                tooltip="See the two against each other, or what each side has changed."),
        Binding("escape,q", "leave", "later", id="odds.leave",
                tooltip="Back to the text; the choice stays open."),
    ]  # fmt: skip

    def __init__(self, odds: Odds, about: str, mine: str) -> None:
        self.chunks = merge(odds.base, mine, odds.theirs)
        self._open = len(conflicts(self.chunks))
        super().__init__("Two texts at odds", about, self._answers(), chosen=2)
        self.odds, self.mine = odds, mine
        self._pair = 0
        self._sides: bool | None = None
        self._said: dict[str, Sequence[Change]] | None = None  # while it is looked for

    def on_mount(self) -> None:
        """See what each side has changed."""
        odds = self.odds
        compare(self, [(odds.base, odds.theirs), (odds.base, self.mine)], self._compared)

    def _compared(self, found: list[list[Change]]) -> None:
        self._said = dict(zip(("theirs", "yours"), found, strict=True))
        self.renew()

    def _answers(self) -> list[Answer]:
        if not self._open:
            how = "both sides' changes; they are of different lines"
        else:
            places = "1 place" if self._open == 1 else f"{self._open} places"
            how = f"both sides' changes; you choose in {places} changed by both"
        return [
            Answer("k", "Keep mine", "go on with your text; theirs is kept in :drafts", "mine"),
            Answer("t", "Take theirs", "go on with theirs; yours is kept in :drafts", "theirs"),
            Answer("m", "Merge", how, "merge"),
        ]

    # What is seen -----------------------------------------------------------------------------

    def _pairs(self) -> list[tuple[str, str, str, str]]:
        """The differences that can be seen: names and texts."""
        odds = self.odds
        return [
            (odds.name, odds.theirs, "yours", self.mine),
            ("when you began", odds.base, odds.name, odds.theirs),
            ("when you began", odds.base, "yours", self.mine),
        ]

    def lines(self) -> list[Line]:
        """What happened, what each side has changed, and a difference."""
        app = self.console
        width = max(20, app.size.width - 6)
        lines: list[Line] = [[]]
        lines += [[Piece(f"   {part}", "warning", True)] for part in wrap(self.odds.said, width)]
        if self._said is None:
            lines.append([Piece(f"   Comparing the values{app.glyphs.ellipsis}", "text-muted")])
        for who, found in (self._said or {}).items():
            lines += self._words(who, found, app.size.width - 2)
        lines.append([])
        layout = "  s layout" if app.size.width >= SIDE_BY_SIDE else ""
        self.heading.right = f"esc later  b other difference{layout}"
        old_name, old, new_name, new = self._pairs()[self._pair]
        names, room = (old_name, new_name), app.size.width - 1
        differing = diff(old, new)
        return [*lines, *difference(names, differing, room, app.glyphs, beside=self.beside)]

    def _words(self, who: str, found: Sequence[Change], width: int) -> list[Line]:
        label = f"   {who:<8}"
        if not found:
            return [[Piece(label, "text-muted"), Piece("remarks and layout only", "text-muted")]]
        return [*changed_values(found, _MOST_WORDS, width, self.console.glyphs, label)]

    @property
    def beside(self) -> bool:
        """Whether the texts are shown side by side."""
        wide = self.app.size.width >= SIDE_BY_SIDE
        return wide if self._sides is None else self._sides and wide

    # Keys -------------------------------------------------------------------------------------

    def action_sides(self) -> None:
        """Side by side, or one below the other."""
        self._sides = not self.beside
        self.renew()

    def action_turn(self) -> None:
        """The next of the differences."""
        self._pair = (self._pair + 1) % 3
        self.renew()

    def on_choices_taken(self, event: Choices.Taken) -> None:
        """The answer under the cursor."""
        self.action_choose(event.value)

    def action_choose(self, choice: str) -> None:
        """Answer; a merge asks where both changed the same lines."""
        theirs, mine = self.odds.theirs, self.mine
        if choice == "mine":
            self.dismiss(Settled("mine", mine, (theirs,)))
        elif choice == "theirs":
            self.dismiss(Settled("theirs", theirs, (mine,)))
        elif not self._open:
            self.dismiss(Settled("merge", joined(self.chunks)))
        else:
            from trainer_tui.tui.screens.merge import MergeScreen

            self.app.push_screen(MergeScreen(self.chunks, self.heading.about), self._merged)

    def _merged(self, text: str | None) -> None:
        if text is not None:
            self.dismiss(Settled("merge", text, (self.mine, self.odds.theirs)))
