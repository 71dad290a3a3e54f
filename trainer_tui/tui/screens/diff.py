"""What changes: in words, then line by line; and the question whether to send it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.core.yamlconfig import DiffLine, changes, diff, parse
from trainer_tui.tui.screens.confirm import Answers
from trainer_tui.tui.widgets.line import Piece, PieceLine
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap
from trainer_tui.tui.yaml_lexer import visible

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp

_MOST_WORDS = 12
_SIGNS = {"same": " ", "added": "+", "removed": "-"}
_COLOURS = {"same": "text-muted", "added": "success", "removed": "error"}


class Heading(PieceLine):
    """The first line of a screen: what it is, of what, and facts at the right edge."""

    GROUND = "panel"

    def __init__(self, title: str, about: str = "", right: str = "") -> None:
        super().__init__(id="heading")
        self.title, self.about, self.right = title, about, right

    def pieces(self, width: int) -> Sequence[Piece]:
        left = [Piece(f" {self.title}", "accent", True), Piece(f"  {self.about}", "foreground")]
        room = width - sum(piece.width for piece in left) - 2
        facts = self.right
        while facts and Piece(facts).width > room:
            facts = facts.rpartition("  ")[0]
        right = Piece(f"{facts} ", "text-muted")
        gap = room + 2 - right.width
        return [*left, Piece(" " * gap), right]


class Question(Answers):
    """The question with its two answers, on one line."""

    GROUND = "panel"

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def pieces(self, width: int) -> Sequence[Piece]:
        answers = [
            Piece(p.text, p.colour, p.bold, p.ground if p.ground != "surface" else "panel", p.key)
            for p in super().pieces(width)
        ]
        return [Piece(f" {self.question}  ", "foreground", True), *answers]


class DiffScreen(Screen[bool]):
    """Shows two texts' difference. With a question it answers true only when yes was chosen.

    Args:
        title: What this is: ``Send the edit``.
        about: Of which job.
        old: The text that is there.
        new: The text that would be.
        names: What the two are called: ``comfy has``, ``yours``.
        notes: Sentences to read first, each with a colour: warnings, what the job will do.
        question: What to ask; ``None`` only shows.
        same: What is said when there is no difference; empty: the text itself is shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "send", id="diff.yes", tooltip="Send it."),
        Binding("n,escape,q", "answer(False)", "back", id="diff.no",
                tooltip="Back to the text; nothing is sent."),
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
        notes: Sequence[tuple[str, str]] = (),
        question: str | None = None,
        same: str = "The two are the same, byte for byte.",
    ) -> None:
        super().__init__()
        self._same, self._new = same, new
        self._diff = diff(old, new)
        self._changes = changes(old, new) if self._diff else []
        self._broken = parse(new).broken
        self._names, self._notes = names, notes
        added = sum(1 for line in self._diff if line.kind == "added")
        removed = sum(1 for line in self._diff if line.kind == "removed")
        counts = f"+{added} -{removed}" if self._diff else "no difference" if same else ""
        self._heading = Heading(title, about, counts)
        self._question = Question(question) if question is not None else None
        self._view = LinesView(id="diff")

    @property
    def console(self) -> TrainerApp:
        """The app, by its own type."""
        return cast("TrainerApp", self.app)

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self._view
        yield self._question or Back()

    def on_mount(self) -> None:
        """Show it all."""
        if not self.console.glyphs.unicode:
            self._view.styles.scrollbar_size_vertical = 0  # drawn with block characters
        self._view.set_lines(self._lines())

    def on_resize(self, event: events.Resize) -> None:
        """Words are wrapped to the width."""
        self._view.set_lines(self._lines())

    def _lines(self) -> list[Line]:
        width = max(20, self.app.size.width - 6)
        glyphs = self.console.glyphs
        lines: list[Line] = [[]]
        for colour, text in self._notes:
            for number, part in enumerate(wrap(text, width)):
                lines.append([Piece("   " if not number else "     "), Piece(part, colour)])
        if self._notes:
            lines.append([])
        for change in self._changes[:_MOST_WORDS]:
            lines.append(
                [
                    Piece(f"   {change.path}  ", "foreground", True),
                    Piece(change.old if change.old is not None else "(none)", "text-muted"),
                    Piece(f" {glyphs.right} ", "accent"),
                    Piece(change.new if change.new is not None else "(none)", "foreground", True),
                ]
            )
        if len(self._changes) > _MOST_WORDS:
            lines.append([Piece(f"   and {len(self._changes) - _MOST_WORDS} more", "text-muted")])
        if self._diff and not self._changes and not self._broken:
            lines.append([Piece("   Only remarks and layout change.", "text-muted")])
        if not self._diff:
            if self._same:
                return [*lines, [Piece(f"   {self._same}", "text-muted")]]
            return lines + [
                [Piece(f"{number:>6}   ", "text-faint"), Piece(visible(line), "text-muted")]
                for number, line in enumerate(self._new.split("\n"), 1)
            ]
        old, new = self._names
        lines += [
            [],
            [Piece(f"   - {old}", "error"), Piece(f"   + {new}", "success")],
            [],
        ]
        return lines + [self._line(index, line) for index, line in enumerate(self._diff)]

    def _line(self, index: int, line: DiffLine) -> Line:
        if line.kind == "gap":
            mark = self.console.glyphs.ellipsis
            return [Piece(f"         {mark} {line.text}", "text-faint")]
        number = line.new if line.kind == "added" else line.old
        colour = _COLOURS[line.kind]
        lead = [
            Piece(f"{number or '':>6} ", "text-faint"),
            Piece(f"{_SIGNS[line.kind]} ", colour, True),
        ]
        text = visible(line.text.expandtabs(4))
        other = self._partner(index, line)
        if other is None:
            return [*lead, Piece(text, colour)]
        start, end = _differing(text, visible(other.text.expandtabs(4)))
        return [
            *lead,
            Piece(text[:start], colour),
            Piece(text[start:end], colour, True, "cursor-row"),
            Piece(text[end:], colour),
        ]

    def _partner(self, index: int, line: DiffLine) -> DiffLine | None:
        """The other half of a changed line: lines taken away and put in pairwise, as many each."""
        lines = self._diff
        if line.kind not in ("removed", "added"):
            return None
        start = index
        while start and lines[start - 1].kind == line.kind:
            start -= 1
        end = index
        while end + 1 < len(lines) and lines[end + 1].kind == line.kind:
            end += 1
        size = end - start + 1
        first = end + 1 if line.kind == "removed" else start - size
        wanted = "added" if line.kind == "removed" else "removed"
        if first < 0 or size > 50:
            return None
        others = lines[first : first + size]
        beyond = first + size if line.kind == "removed" else first - 1
        if len(others) < size or any(other.kind != wanted for other in others):
            return None
        if 0 <= beyond < len(lines) and lines[beyond].kind == wanted:
            return None
        return others[index - start]

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


class Back(PieceLine):
    """The only key of a screen that only shows."""

    GROUND = "panel"

    def pieces(self, width: int) -> Sequence[Piece]:
        return [Piece(" esc", "accent", True), Piece(" back", "text-muted")]


def _differing(text: str, other: str) -> tuple[int, int]:
    """The part of a line that its other half has not."""
    start = 0
    while start < min(len(text), len(other)) and text[start] == other[start]:
        start += 1
    end, end_other = len(text), len(other)
    while end > start and end_other > start and text[end - 1] == other[end_other - 1]:
        end -= 1
        end_other -= 1
    return start, end
