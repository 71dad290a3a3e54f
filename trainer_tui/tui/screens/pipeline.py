"""What a job that is submitted now would run on: the inputs of a workspace's training pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.errors import NotFoundError, TrainerError
from trainer_tui.model import Capability
from trainer_tui.tui.inside import InConsole, glyphs_of
from trainer_tui.tui.widgets.key_bar import Hint, KeyBar
from trainer_tui.tui.widgets.line import Piece, PieceLine
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence


_NOT_SET = "not set"


class _Heading(PieceLine):
    GROUND = "panel"

    def __init__(self) -> None:
        super().__init__(id="pipeline-title")
        self.profile = ""

    def pieces(self, width: int) -> Sequence[Piece]:
        glyphs = glyphs_of(self)
        left = [
            Piece(" Pipeline", "foreground", True),
            Piece(f"  {self.profile}", "accent", True),
            Piece(f"  {glyphs.dot} what a job submitted now would run on", "text-muted"),
        ]
        return left


class PipelineScreen(Screen[None], InConsole):
    """The pipeline of one profile; tab goes to the next profile that has one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "back", id="pipeline.back", tooltip="Back to the jobs."),
        Binding("R", "refresh", "refresh", id="pipeline.refresh", tooltip="Ask again."),
        Binding("tab", "other", "next profile", id="pipeline.next",
                tooltip="The pipeline of the next profile that has one."),
    ]  # fmt: skip

    def __init__(self, profile: str) -> None:
        super().__init__()
        self.profile = profile
        self._found: Mapping[str, str] | None = None
        self._error: TrainerError | None = None
        self._view = LinesView(id="pipeline-lines")
        self._title = _Heading()
        self._keys = KeyBar(self._hints)

    def compose(self) -> ComposeResult:
        """Title, inputs, keys."""
        yield self._title
        yield self._view
        yield self._keys

    def _hints(self) -> list[Hint]:
        found = [
            Hint("esc", "back", "screen.dismiss"),
            Hint("R", "refresh", "screen.refresh"),
        ]
        if len(self._profiles()) > 1:
            found.append(Hint("tab", "next profile", "screen.other"))
        return found

    def on_mount(self) -> None:
        """Ask."""
        self._view.focus()
        self._ask()

    def on_resize(self) -> None:
        """Lines are made for a width."""
        self._renew()

    def _profiles(self) -> list[str]:
        app = self.console
        return [
            name
            for name in app.config.profiles
            if (facts := app.facts(name)) is not None and Capability.PIPELINE in facts.capabilities
        ]

    def _ask(self) -> None:
        app, profile = self.console, self.profile
        self._title.profile = profile
        self._title.renew()
        self._renew()

        def done(future: Future[Mapping[str, str]]) -> None:
            app.call_later(self._told, profile, future)

        app.runtime.pipeline(profile).add_done_callback(done)

    def _told(self, profile: str, future: Future[Mapping[str, str]]) -> None:
        if profile != self.profile or not self.is_mounted:
            return
        self._error = None
        try:
            self._found = future.result()
        except TrainerError as error:
            self._found, self._error = None, error
        self._renew()

    def _renew(self) -> None:
        width = self._view.size.width or self.app.size.width
        if width:
            self._view.set_lines(self.lines(width))

    def lines(self, width: int) -> list[Line]:
        """Labels and texts, or what is there instead."""
        if self._error is not None:
            glyphs, error = self.console.glyphs, self._error
            calm = isinstance(error, NotFoundError)
            said = error.message if calm else f"{glyphs.warn} {error.title}: {error.message}"
            colour = "text-muted" if calm else "status-failed"
            lines: list[Line] = [[]]
            lines += [[Piece(f"  {part}", colour)] for part in wrap(said, width - 4)]
            lines += [
                [Piece(f"  {part}", "text-faint")] for part in wrap(error.hint or "", width - 4)
            ]
            return lines
        if self._found is None:
            return [[], [Piece(f"  Asking {self.profile} for its pipeline", "text-muted")]]
        label = min(24, max((len(name) for name in self._found), default=0) + 2)
        out: list[Line] = [[]]
        for name, value in self._found.items():
            colour = "text-faint" if value == _NOT_SET else "foreground"
            for place, part in enumerate(wrap(value, width - label - 4)):
                head = "" if place else name[: label - 1]
                out.append([Piece(f"  {head:<{label}}", "text-muted"), Piece(part, colour)])
        return out

    def action_refresh(self) -> None:
        """Ask again."""
        self._ask()

    def action_other(self) -> None:
        """The next profile with a pipeline."""
        names = self._profiles()
        if len(names) > 1 and self.profile in names:
            self.profile = names[(names.index(self.profile) + 1) % len(names)]
            self._found = self._error = None
            self._ask()
