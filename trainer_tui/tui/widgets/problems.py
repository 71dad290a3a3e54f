"""The list of what is wrong with a config, below its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from trainer_tui.core.yamlconfig import Problem
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line import Piece, PieceLine
from trainer_tui.tui.widgets.line_view import LineList
from trainer_tui.tui.widgets.yaml_paint import SEVERITY_COLOURS

_MOST = 6


def tally(problems: Sequence[Problem]) -> list[Piece]:
    """``2 errors  1 warning``, each in its colour."""
    words = {"error": "error", "warning": "warning", "info": "note"}
    pieces: list[Piece] = []
    for severity, word in words.items():
        count = sum(1 for problem in problems if problem.severity == severity)
        if count:
            colour = SEVERITY_COLOURS[severity]  # type: ignore[index]
            gap = "  " if pieces else ""
            pieces.append(Piece(f"{gap}{count} {word}{'' if count == 1 else 's'}", colour, True))
    return pieces


class ProblemsTitle(PieceLine):
    """The line above the list."""

    def __init__(self) -> None:
        super().__init__(id="problems-title")
        self.problems: Sequence[Problem] = ()

    def pieces(self, width: int) -> Sequence[Piece]:
        line = glyphs_of(self).h
        found = tally(self.problems)
        used = sum(piece.width for piece in found)
        return [
            Piece(line + " ", "frame"),
            *found,
            Piece(" " + line * max(0, width - used - 3), "frame"),
        ]


class ProblemList(LineList):
    """Problems, one a row, as many as six high; enter or a click goes to the place."""

    DEFAULT_CSS = """
    ProblemList { height: auto; max-height: 6; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "go there", id="problems.open",
                tooltip="Put the cursor where the problem is."),
    ]  # fmt: skip

    class Picked(Message):
        """A problem was chosen."""

        def __init__(self, problem: Problem) -> None:
            super().__init__()
            self.problem = problem

    def __init__(self) -> None:
        super().__init__(id="problems")
        self.problems: Sequence[Problem] = ()

    def row_count(self) -> int:
        """How many there are."""
        return len(self.problems)

    def show(self, problems: Sequence[Problem]) -> None:
        """Show these; repaint only what differs."""
        before, self.problems = self.problems, problems
        self.cursor = min(self.cursor, max(0, len(problems) - 1))
        if len(before) != len(problems):
            self.styles.height = min(_MOST, len(problems))
            self.move_to(self.top)
            self.refresh()
            return
        for row, (old, new) in enumerate(zip(before, problems, strict=True)):
            if old != new:
                self.refresh_row(row)

    def render_row(self, row: int, width: int) -> Strip:
        """``✗ 12:9   message  fix                     code``."""
        problem, glyphs = self.problems[row], self.glyphs
        paint = paint_of(self.app)
        ground = "cursor-row" if row == self.cursor and self.has_focus else "background"
        sign = {"error": glyphs.bad, "warning": glyphs.warn, "info": glyphs.info}[problem.severity]
        place = f"{problem.line}:{problem.column}"
        code = f" {problem.code} "
        room = width - 12
        said = len(problem.message) + (len(problem.fix) + 2 if problem.fix else 0)
        if room - len(code) < max(46, said):  # the words matter more than the code
            code = ""
        room -= len(code)
        message = fit(problem.message, min(len(problem.message), room), glyphs)
        fix = ""
        if problem.fix and room - len(message) > 12:
            fix = fit(f"  {problem.fix}", room - len(message), glyphs)
        strip = Strip(
            [
                Segment(f" {sign} ", paint(SEVERITY_COLOURS[problem.severity], ground, bold=True)),
                Segment(f"{place:>7}  ", paint("text-muted", ground)),
                Segment(message, paint("foreground", ground)),
                Segment(fix, paint("text-muted", ground)),
            ]
        )
        left = strip.adjust_cell_length(max(0, width - len(code)), paint("foreground", ground))
        return Strip([*left, Segment(code, paint("text-faint", ground))])

    def action_open(self) -> None:
        """Go to the problem under the cursor."""
        if self.problems:
            self.post_message(self.Picked(self.problems[self.cursor]))

    def on_click(self, event: events.Click) -> None:
        """A click goes there."""
        super().on_click(event)
        self.action_open()
