"""The single lines around the editor's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widgets import Static

from trainer_tui.core.yamlconfig import Change, Problem
from trainer_tui.core.yamlconfig import ValuePath as Path
from trainer_tui.core.yamlconfig.keyhelp import describe, shown
from trainer_tui.sanitize import line as clean
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line import Piece, PieceLine
from trainer_tui.tui.widgets.yaml_paint import SEVERITY_COLOURS


class Banner(Static):
    """Something to be read, above the text."""

    def __init__(self) -> None:
        super().__init__("", id="banner", markup=False)

    def say(self, colour: str, text: str, hint: str = "") -> None:
        """Say it."""
        content = Content.styled(text, f"${colour} bold")
        if hint:
            content = content + Content("\n") + Content.styled(hint, "$text-muted")
        self.update(content)
        self.display = True


class KeyHelp(PieceLine):
    """What the key on the cursor's line means, or what is wrong there."""

    GROUND = "panel"

    def __init__(self) -> None:
        super().__init__(id="key-help")
        self._path: Path | None = None
        self._problem: Problem | None = None

    def show(self, path: Path | None, problem: Problem | None) -> None:
        """Another line."""
        self._path, self._problem = path, problem
        self.renew()

    def pieces(self, width: int) -> Sequence[Piece]:
        glyphs = glyphs_of(self)
        if self._problem is not None:
            problem = self._problem
            signs = {"error": glyphs.bad, "warning": glyphs.warn, "info": glyphs.info}
            fix = f"  {problem.fix}" if problem.fix else ""
            hint = "  f2 fixes it" if problem.edit is not None else ""
            room = width - 4 - len(hint)
            message = fit(problem.message, min(len(problem.message), room), glyphs)
            return [
                Piece(f" {signs[problem.severity]} ", SEVERITY_COLOURS[problem.severity], True),
                Piece(message, "foreground"),
                Piece(fit(fix, min(len(fix), max(0, room - len(message))), glyphs), "text-muted"),
                Piece(hint, "accent"),
            ]
        if self._path is None:
            return []
        name = clean(shown(self._path), limit=60)
        text = describe(self._path) or ""
        room = max(0, width - len(name) - 4)
        return [
            Piece(f" {name}  ", "accent"),
            Piece(fit(text, min(len(text), room), glyphs), "text-muted"),
        ]


@dataclass(frozen=True, slots=True)
class State:
    """Where the editing stands."""

    line: int = 1
    column: int = 1
    lines: int = 1
    dirty: bool = False
    waiting: bool = False
    changes: tuple[Change, ...] | None = ()
    """``None`` while the text is no YAML."""
    sending: bool = False
    checking: bool = False
    """Whether somebody waits for what is found."""


class StateLine(PieceLine):
    """``12:9  ● train.steps 2000 → 50 and 1 more · draft saved                    118 lines``."""

    def __init__(self) -> None:
        super().__init__(id="state")
        self.state = State()
        self.draft_error = ""

    def show(self, state: State) -> None:
        """Another state."""
        self.state = state
        self.renew()

    def pieces(self, width: int) -> Sequence[Piece]:
        state, glyphs = self.state, glyphs_of(self)
        place = f" {state.line}:{state.column}"
        right = Piece(f"{state.lines} lines ", "text-faint")
        left = [Piece(f"{place:<9}", "text-muted")]
        saved = ""
        colour = "text-faint"
        if self.draft_error:
            saved, colour = f"draft not saved: {clean(self.draft_error, limit=60)}", "error"
        elif state.dirty:
            saved = "saving draft" if state.waiting else "draft saved"
        room = width - 9 - right.width - len(saved) - 5  # two cells before what is on the right
        if state.sending:
            left.append(Piece("sending", "accent", True))
        elif state.checking:
            left.append(Piece(f"checking{glyphs.ellipsis}", "accent", True))
        elif not state.dirty:
            left.append(Piece("unchanged", "text-faint"))
        else:
            left.append(Piece(f"{glyphs.info} ", "accent"))
            words = fit_to(self._words(state), room - 2, glyphs)
            left.append(Piece(words, "foreground"))
        if saved:
            left.append(Piece(f" {glyphs.dot} {saved}", colour))
        gap = width - sum(piece.width for piece in left) - right.width
        return [*left, Piece(" " * max(0, gap)), right] if gap >= 0 else left

    def _words(self, state: State) -> str:
        if state.changes is None:
            return "changed"
        if not state.changes:
            return "remarks or layout changed"
        arrow = glyphs_of(self).right
        first = state.changes[0]
        old, new = first.old or "(none)", first.new or "(none)"
        more = f" and {len(state.changes) - 1} more" if len(state.changes) > 1 else ""
        return f"{first.path} {old} {arrow} {new}{more}"


def fit_to(text: str, room: int, glyphs: Glyphs) -> str:
    """A text, cut where it is longer than its room, and not padded."""
    return fit(text, min(len(text), max(0, room)), glyphs)
