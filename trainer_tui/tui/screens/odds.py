"""Two texts at odds: what somebody else wrote meanwhile, and one's own. Keep, take, or merge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.core.threeway import conflicts, joined, merge
from trainer_tui.core.yamlconfig import Change, changes, diff
from trainer_tui.tui.difflines import SIDE_BY_SIDE, side_by_side, unified
from trainer_tui.tui.present import fit
from trainer_tui.tui.screens.choose import Answer
from trainer_tui.tui.screens.diff import Heading
from trainer_tui.tui.widgets.choices import Choices
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp

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


class OddsScreen(Screen["Settled | None"]):
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
        Binding("pagedown,space", "scroll(1)", "page down", show=False),
        Binding("pageup", "scroll(-1)", "page up", show=False),
    ]  # fmt: skip
    AUTO_FOCUS = "Choices"

    def __init__(self, odds: Odds, about: str, mine: str) -> None:
        super().__init__()
        self.odds, self.mine = odds, mine
        self.chunks = merge(odds.base, mine, odds.theirs)
        self._open = len(conflicts(self.chunks))
        self._pair = 0
        self._sides: bool | None = None
        self._heading = Heading("Two texts at odds", about)
        self._view = LinesView(id="diff")
        self._choices = Choices(self._answers())
        self._said = {
            "theirs": changes(odds.base, odds.theirs),
            "yours": changes(odds.base, mine),
        }

    @property
    def console(self) -> TrainerApp:
        """The app, by its own type."""
        return cast("TrainerApp", self.app)

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self._view
        yield self._choices

    def on_mount(self) -> None:
        """Show it all."""
        if not self.console.glyphs.unicode:
            self._view.styles.scrollbar_size_vertical = 0  # drawn with block characters
        self._view.can_focus = False
        self._choices.cursor = 2
        self._renew()

    def on_resize(self, event: events.Resize) -> None:
        """Words are wrapped to the width."""
        self._renew()

    def _answers(self) -> list[Answer]:
        if not self._open:
            how = "both sides' changes; they are of different lines"
        else:
            places = "1 place" if self._open == 1 else f"{self._open} places"
            how = f"both sides' changes; you choose in {places} that both changed"
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

    def _renew(self) -> None:
        self._view.set_lines(self._lines())
        self._heading.renew()

    def _lines(self) -> list[Line]:
        app = self.console
        width = max(20, app.size.width - 6)
        lines: list[Line] = [[]]
        lines += [[Piece(f"   {part}", "warning", True)] for part in wrap(self.odds.said, width)]
        for who, found in self._said.items():
            lines += self._words(who, found, width)
        lines.append([])
        layout = "  s layout" if app.size.width >= SIDE_BY_SIDE else ""
        self._heading.right = f"esc later  b other difference{layout}"
        old_name, old, new_name, new = self._pairs()[self._pair]
        found_lines = diff(old, new)
        glyphs, room = app.glyphs, app.size.width - 1
        if self.beside:
            half = (room - 3) // 2
            title = [
                Piece(fit(f"      - {old_name}", half, glyphs), "error"),
                Piece(f" {glyphs.v} ", "frame"),
                Piece(f"      + {new_name}", "success"),
            ]
            return [*lines, title, *side_by_side(found_lines, room, glyphs)]
        title = [Piece(f"   - {old_name}", "error"), Piece(f"   + {new_name}", "success")]
        return [*lines, title, *unified(found_lines, room, glyphs)]

    def _words(self, who: str, found: Sequence[Change], width: int) -> list[Line]:
        arrow = self.console.glyphs.right
        label = f"   {who:<8}"
        if not found:
            return [[Piece(label, "text-muted"), Piece("remarks and layout only", "text-muted")]]
        out: list[Line] = []
        for number, change in enumerate(found[:_MOST_WORDS]):
            out.append(
                [
                    Piece(label if not number else " " * len(label), "text-muted"),
                    Piece(f"{change.path}  ", "foreground", True),
                    Piece(change.old if change.old is not None else "(none)", "text-muted"),
                    Piece(f" {arrow} ", "accent"),
                    Piece(change.new if change.new is not None else "(none)", "foreground", True),
                ]
            )
        if len(found) > _MOST_WORDS:
            out.append(
                [Piece(" " * len(label) + f"and {len(found) - _MOST_WORDS} more", "text-muted")]
            )
        return out

    @property
    def beside(self) -> bool:
        """Whether the texts are shown side by side."""
        wide = self.app.size.width >= SIDE_BY_SIDE
        return wide if self._sides is None else self._sides and wide

    # Keys -------------------------------------------------------------------------------------

    def action_sides(self) -> None:
        """Side by side, or one below the other."""
        self._sides = not self.beside
        self._renew()

    def action_turn(self) -> None:
        """The next of the differences."""
        self._pair = (self._pair + 1) % 3
        self._renew()

    def action_scroll(self, pages: int) -> None:
        """Scroll the difference."""
        self._view.action_scroll_pages(pages)

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

            self.app.push_screen(MergeScreen(self.chunks, self._heading.about), self._merged)

    def _merged(self, text: str | None) -> None:
        if text is not None:
            self.dismiss(Settled("merge", text, (self.mine, self.odds.theirs)))

    def action_leave(self) -> None:
        """Choose later."""
        self.dismiss(None)
