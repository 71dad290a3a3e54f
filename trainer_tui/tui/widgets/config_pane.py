"""The Config tab: the job's config as the service has it, to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip

from trainer_tui.core.messages import Aspect, AspectFailed, ConfigArrived
from trainer_tui.core.yamlconfig import Lines
from trainer_tui.model import JobRef
from trainer_tui.tui.checking import Checked, Checker, Rules
from trainer_tui.tui.facts import facts_of
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.widgets.line import Piece, PieceLine
from trainer_tui.tui.widgets.line_view import LineView
from trainer_tui.tui.widgets.pane import JobPane
from trainer_tui.tui.widgets.problems import tally
from trainer_tui.tui.widgets.yaml_paint import SEVERITY_COLOURS
from trainer_tui.tui.yaml_lexer import COLOURS, Lexed, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message
    from trainer_tui.core.yamlconfig import Problem


class ConfigView(LineView):
    """YAML to be read: coloured, with line numbers and the signs of problems."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "far(0)", "Top", show=False),
        Binding("end,G", "far(1)", "Bottom", show=False),
        Binding("left,h", "shift(-8)", "Left", show=False),
        Binding("right", "shift(8)", "Right", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="config-view")
        self.text = ""
        self.said: Sequence[tuple[str, str]] = ()
        """What is said in place of a text: pieces of (text, colour), a line each."""
        self._lines: list[str] = []
        self._lexed = Lexed()
        self._marks: dict[int, Problem] = {}
        self._left = 0

    def row_count(self) -> int:
        """Lines of the text, or of what is said instead."""
        return len(self._lines) or len(self.said) + 1

    def show(self, text: str) -> None:
        """Show a text; where it is the same nothing is painted."""
        if text == self.text and not self.said:
            return
        self.text, self.said = text, ()
        starts = Lines(text).starts
        ends = [*starts[1:], len(text)]
        self._lines = [text[a:b].rstrip("\r\n") for a, b in zip(starts, ends, strict=True)]
        if self._lines and not self._lines[-1]:
            self._lines.pop()
        self._lexed, self._marks, self._left = Lexed(), {}, 0
        self.move_to(self.top)
        self.refresh()

    def say(self, said: Sequence[tuple[str, str]]) -> None:
        """Say something in place of a text."""
        if said != self.said:
            self.text, self.said, self._lines, self._marks = "", said, [], {}
            self.top = 0
            self.refresh()

    def mark(self, problems: Sequence[Problem]) -> None:
        """Sign the lines that have a problem."""
        marks: dict[int, Problem] = {}
        rank = {"error": 0, "warning": 1, "info": 2}
        for problem in sorted(problems, key=lambda p: -rank[p.severity]):
            marks[problem.line - 1] = problem
        before, self._marks = self._marks, marks
        for row in before.keys() | marks.keys():
            if before.get(row) != marks.get(row):
                self.refresh_row(row)

    def render_row(self, row: int, width: int) -> Strip:
        """``  12  train:``."""
        paint = paint_of(self.app)
        if not self._lines:
            if not row:
                return Strip([])
            text, colour = self.said[row - 1]
            return Strip([Segment(f"  {text}", paint(colour))])
        line = self._lines[row]
        digits = max(3, len(str(len(self._lines))))
        problem = self._marks.get(row)
        glyphs, sign, colour = self.glyphs, " ", "text-faint"
        if problem is not None:
            signs = {"error": glyphs.bad, "warning": glyphs.warn, "info": glyphs.info}
            sign, colour = signs[problem.severity], SEVERITY_COLOURS[problem.severity]
        gutter = Segment(f"{row + 1:>{digits}} {sign} ", paint(colour))
        shown, at = visible(line).replace("\t", " "), 0
        segments: list[Segment] = []
        for start, end, kind in self._lexed.spans(self._lines, row) if len(line) < 4_000 else ():
            style = paint(COLOURS[kind])
            if kind == "comment":
                style += Style(italic=True)
            segments += [Segment(shown[at:start], paint()), Segment(shown[start:end], style)]
            at = end
        segments.append(Segment(shown[at:], paint()))
        body = Strip(segments)
        if self._left:
            body = body.crop(self._left)
        return Strip([gutter, *body]).crop(0, width)

    def action_move(self, rows: int) -> None:
        """Scroll by rows."""
        self.move_to(self.top + rows)

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self.move_to(self.top + pages * max(1, self.size.height - 1))

    def action_far(self, end: int) -> None:
        """To the top or the bottom."""
        self.move_to(self.bottom if end else 0)

    def action_shift(self, cells: int) -> None:
        """Scroll sideways."""
        longest = max((len(line) for line in self._lines), default=0)
        left = min(max(0, self._left + cells), max(0, longest - self.size.width + 12))
        if left != self._left:
            self._left = left
            self.refresh()


class Foot(PieceLine):
    """What the config does, and what is wrong with it, in one line."""

    def __init__(self) -> None:
        super().__init__(id="config-foot")
        self.checked: Checked | None = None

    def pieces(self, width: int) -> Sequence[Piece]:
        checked = self.checked
        if checked is None:
            return []
        right = tally(checked.problems) or [Piece("nothing to object to", "text-faint")]
        room = width - sum(piece.width for piece in right) - 3
        facts, pieces = facts_of(checked.summary), [Piece(" ")]
        for number, (label, value) in enumerate(facts):
            lead = "   " if number else ""
            if len(lead) + len(label) + 1 + len(value) > room:
                break
            pieces += [Piece(f"{lead}{label} ", "text-muted"), Piece(value, "foreground")]
            room -= len(lead) + len(label) + 1 + len(value)
        return [*pieces, Piece(" " * max(1, room + 1)), *right]


class ConfigPane(JobPane):
    """The config, read-only; ``e`` on the main screen edits it."""

    TAB: ClassVar[str] = "config"
    ASPECTS: ClassVar[frozenset[Aspect]] = frozenset({Aspect.CONFIG})

    DEFAULT_CSS = """
    ConfigPane { layout: vertical; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("C", "copy", "copy", id="config.copy",
                tooltip="Put the config on the clipboard of your own terminal (OSC 52)."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.view = ConfigView()
        self.foot = Foot()
        self.ref: JobRef | None = None
        self._shown = False
        self._provider: str | None = None
        self._checker: Checker | None = None

    def compose(self) -> ComposeResult:
        yield self.view
        yield self.foot

    def show(self, entry: Entry | None) -> None:
        """Another job: its config is asked for by whoever shows the pane."""
        ref = entry.job.ref if entry is not None else None
        if ref == self.ref and self._shown:
            return
        self.ref, self._shown = ref, True
        self.foot.checked = None
        self.foot.renew()
        if entry is None:
            self.view.say([("No job is selected.", "text-muted")])
            return
        self._provider = entry.job.provider
        ellipsis = self.console.glyphs.ellipsis
        self.view.say([(f"Asking {entry.job.ref.profile} for the config{ellipsis}", "text-muted")])

    def receive(self, message: Message) -> None:
        """The config, or why it cannot be had."""
        if isinstance(message, ConfigArrived) and message.ref == self.ref:
            self.view.show(message.text)
            if self._checker is None:
                self._checker = Checker(self.screen, self._checked)
            extra = self.console.config.schema_extra_keys
            self._checker.ask(message.text, Rules(self._provider, extra_keys=extra), now=True)
        elif (
            isinstance(message, AspectFailed)
            and message.ref == self.ref
            and message.aspect is Aspect.CONFIG
            and not self.view.text
        ):
            said = [(message.error.message, "warning")]
            if message.error.hint:
                said.append((message.error.hint, "text-muted"))
            self.view.say(said)

    def action_copy(self) -> None:
        """The whole text on the clipboard."""
        if self.view.text:
            self.console.copy(self.view.text, "the config")

    def _checked(self, checked: Checked) -> None:
        if checked.text != self.view.text:
            return
        self.view.mark(checked.problems)
        self.foot.checked = checked
        self.foot.renew()
