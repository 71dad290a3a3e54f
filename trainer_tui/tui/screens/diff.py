"""What changes: in words, then line by line, one below the other or side by side; against one of
several texts; and the question whether to send it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.core.yamlconfig import Change, DiffLine, diff, parsed
from trainer_tui.tui.checking import compare
from trainer_tui.tui.difflines import SIDE_BY_SIDE, changed_values, difference
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.screens.confirm import Answers
from trainer_tui.tui.widgets.line import Piece, PieceLine, width_of
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap
from trainer_tui.tui.yaml_lexer import visible

_MOST_WORDS = 12


@dataclass(frozen=True, slots=True)
class Other:
    """A text to compare with."""

    name: str
    """``comfy has``, ``last sent, 3h ago``, ``config.yaml on disk``."""
    text: str


class Heading(PieceLine):
    """The first line of a screen: what it is, of what, and facts at the right edge."""

    GROUND = "panel"

    def __init__(self, title: str, about: str = "") -> None:
        super().__init__(id="heading")
        self.title, self.about = title, about
        self.right = ""

    def pieces(self, width: int) -> Sequence[Piece]:
        left = [Piece(f" {self.title}", "accent", True), Piece(f"  {self.about}", "foreground")]
        room = width - sum(piece.width for piece in left) - 3
        facts = self.right
        while facts and Piece(facts).width > room:
            facts = facts.rpartition("  ")[0]
        right = Piece(f"{facts} ", "text-muted")
        gap = room + 3 - right.width
        return [*left, Piece(" " * gap), right]


class Question(Answers):
    """The question with its two answers, on one line; what else the keys do at its right."""

    GROUND = "panel"

    def __init__(self, question: str, hints: Callable[[], Sequence[Piece]]) -> None:
        super().__init__()
        self.question = question
        self._hints = hints

    def pieces(self, width: int) -> Sequence[Piece]:
        answers = [
            Piece(p.text, p.colour, p.bold, p.ground if p.ground != "surface" else "panel", p.key)
            for p in super().pieces(width)
        ]
        left = [Piece(f" {self.question}  ", "foreground", True), *answers]
        return spread(left, self._hints(), width)


class Back(PieceLine):
    """The keys of a screen that only shows."""

    GROUND = "panel"

    def __init__(self, hints: Callable[[], Sequence[Piece]]) -> None:
        super().__init__()
        self._hints = hints

    def pieces(self, width: int) -> Sequence[Piece]:
        left = [Piece(" esc", "accent"), Piece(" back", "text-muted")]
        return spread(left, self._hints(), width)


def spread(left: Sequence[Piece], right: Sequence[Piece], width: int) -> list[Piece]:
    """Pieces at the left and, where there is room, at the right edge."""
    gap = width - width_of(left) - width_of(right) - 1
    return [*left, Piece(" " * gap), *right] if gap >= 1 else list(left)


class DiffScreen(Screen[bool], InConsole):
    """Shows two texts' difference. With a question it answers true only when yes was chosen.

    Args:
        title: What this is: ``Send the edit``.
        about: Of which job.
        old: The text that is there.
        new: The text that would be.
        names: What the two are called: ``comfy has``, ``yours``.
        others: More texts that the new one can be compared with.
        notes: Sentences to read first, each with a colour: warnings, what the job will do.
        question: What to ask; ``None`` only shows.
        same: What is said when there is no difference; empty: the text itself is shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "send", id="diff.yes", tooltip="Send it."),
        Binding("n,escape,q", "answer(False)", "back", id="diff.no",
                tooltip="Back to the text; nothing is sent."),
        Binding("s", "sides", "side by side", id="diff.sides",
                tooltip="Show the texts side by side, or one below the other."),
        Binding("b,f5", "base", "compare with", id="diff.base",
                tooltip="Compare with the next text: the service's, the last sent, the file."),
        Binding("f", "file", "a file", id="diff.file", tooltip="Compare with a file."),
        Binding("left,right,tab,shift+tab,h,l", "other", "choose", show=False),
        Binding("enter", "chosen", "take the chosen answer", show=False),
    ]  # fmt: skip
    AUTO_FOCUS = "LinesView"

    def __init__(
        self,
        title: str,
        about: str,
        old: str,
        new: str,
        *,
        names: tuple[str, str] = ("before", "now"),
        others: Sequence[Other] = (),
        notes: Sequence[tuple[str, str]] = (),
        question: str | None = None,
        same: str = "The two are the same, byte for byte.",
    ) -> None:
        super().__init__()
        self._same, self._new, self._new_name = same, new, names[1]
        self._others = [Other(names[0], old), *others]
        self._base = 0
        self._sides: bool | None = None  # by the width, until somebody chooses
        self._notes, self._warning = notes, ""
        self._heading = Heading(title, about)
        self._question = Question(question, self._keys) if question is not None else None
        self._view = LinesView(id="diff")
        self._diff: list[DiffLine] = []
        self._changes: Sequence[Change] | None = None  # while they are looked for
        self._broken = False

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self._view
        yield self._question or Back(self._keys)

    def on_mount(self) -> None:
        """Show it all."""
        self._turn_to(0)

    def on_resize(self, event: events.Resize) -> None:
        """Words are wrapped to the width."""
        self._view.set_lines(self._lines())

    @property
    def beside(self) -> bool:
        """Whether the texts are shown side by side: asked for, or where there is room."""
        wide = self.app.size.width >= SIDE_BY_SIDE
        return wide if self._sides is None else self._sides and wide

    def ask_anew(self, texts: Sequence[Other], question: str, warning: str = "") -> None:
        """What is asked about has changed: other texts to compare with, another question, and a
        sentence above all others that says why."""
        if self._question is None:
            return
        self._others, self._question.question = list(texts), question
        self._warning = warning
        self._turn_to(0)

    def _keys(self) -> list[Piece]:
        hints = []
        if self.app.size.width >= SIDE_BY_SIDE and self._diff:
            hints.append(("s", "one below the other" if self.beside else "side by side"))
        if len(self._others) > 1:
            hints.append(("b", "compare with the next"))
        hints.append(("f", "with a file" if len(self._others) > 1 else "compare with a file"))
        pieces: list[Piece] = []
        for key, word in hints:
            lead = "  " if pieces else ""
            pieces += [Piece(f"{lead}{key}", "accent"), Piece(f" {word}", "text-muted")]
        return pieces

    def _lines(self) -> list[Line]:
        width = max(20, self.app.size.width - 6)
        glyphs = self.console.glyphs
        lines: list[Line] = [[]]
        first = [("warning", self._warning)] if self._warning else []
        for colour, text in [*first, *self._notes]:
            for number, part in enumerate(wrap(text, width)):
                lines.append([Piece("   " if not number else "     "), Piece(part, colour)])
        if first or self._notes:
            lines.append([])
        lines += self._values()
        name = self._others[self._base].name
        if not self._diff:
            if self._same:
                against = f" ({name})" if len(self._others) > 1 else ""
                return [*lines, [Piece(f"   {self._same}{against}", "text-muted")]]
            return lines + [
                [Piece(f"{number:>6}   ", "text-faint"), Piece(visible(line), "text-muted")]
                for number, line in enumerate(self._new.split("\n"), 1)
            ]
        names, width = (name, self._new_name), self.app.size.width - 1
        return [*lines, [], *difference(names, self._diff, width, glyphs, beside=self.beside)]

    def _values(self) -> list[Line]:
        """The values that differ, in words."""
        found = self._changes
        if not self._diff:
            return []
        if found is None:
            return [[Piece(f"   Comparing the values{self.console.glyphs.ellipsis}", "text-muted")]]
        if found:
            width = max(20, self.app.size.width - 2)
            return [*changed_values(found, _MOST_WORDS, width, self.console.glyphs)]
        if self._broken:
            return [[Piece("   One of the two is no YAML: no values to compare.", "text-muted")]]
        return [[Piece("   Only remarks and layout change.", "text-muted")]]

    # Keys -------------------------------------------------------------------------------------

    def action_sides(self) -> None:
        """Side by side, or one below the other."""
        if self.app.size.width < SIDE_BY_SIDE:
            self.console.say(f"Side by side needs a terminal of {SIDE_BY_SIDE} columns.")
            return
        self._sides = not self.beside
        self._renew()

    def action_base(self) -> None:
        """Compare with the next text."""
        if len(self._others) < 2:
            self.console.say("There is nothing else to compare with; f takes a file.")
            return
        self._turn_to((self._base + 1) % len(self._others))

    def action_file(self) -> None:
        """Ask for a file to compare with."""
        from trainer_tui.tui.screens.ask_file import AskFileScreen

        def answered(found: tuple[str, str] | None) -> None:
            if found is not None:
                self._others.append(Other(*found))
                self._turn_to(len(self._others) - 1)

        self.app.push_screen(AskFileScreen("Compare with a file"), answered)

    def _turn_to(self, base: int) -> None:
        self._base = base
        old = self._others[base].text
        self._diff, self._changes = diff(old, self._new), None
        added = sum(1 for line in self._diff if line.kind == "added")
        removed = sum(1 for line in self._diff if line.kind == "removed")
        none = "no difference" if self._same else ""
        self._heading.right = f"+{added} -{removed}" if self._diff else none

        def told(found: list[list[Change]]) -> None:
            if self._base == base:
                self._changes = found[0]
                self._broken = not found[0] and (parsed(old).broken or parsed(self._new).broken)
                self._renew()

        if self._diff:
            compare(self, [(old, self._new)], told)
        self._renew()

    def _renew(self) -> None:
        self._heading.renew()
        self._view.set_lines(self._lines())
        for line in self.query(PieceLine):
            line.renew()

    def action_answer(self, yes: bool) -> None:
        """Answer; what only shows is closed."""
        if yes and self._question is None:
            return
        self.dismiss(yes)

    def action_other(self) -> None:
        """Choose the other answer."""
        if self._question is not None:
            self._question.yes = not self._question.yes
            self._question.renew()

    def action_chosen(self) -> None:
        """Take the chosen answer."""
        self.dismiss(self._question is not None and self._question.yes)

    def on_click(self, event: events.Click) -> None:
        """A click on an answer."""
        question = self._question
        if question is not None and event.widget is question and (key := question.key_at(event.x)):
            self.dismiss(key == "Yes")
