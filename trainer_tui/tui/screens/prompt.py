"""Small questions: a profile and an id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.widgets.line import Piece, PieceLine, abreast


class ChoiceLine(PieceLine):
    """A few words of which one is chosen."""

    GROUND = "surface"

    def __init__(self, label: str, choices: Sequence[str], chosen: str) -> None:
        super().__init__()
        self.label = label
        self.choices = list(choices)
        self.chosen = chosen if chosen in self.choices else (self.choices or [""])[0]

    def step(self, by: int) -> None:
        """Choose another one."""
        if self.choices:
            place = (self.choices.index(self.chosen) + by) % len(self.choices)
            self.chosen = self.choices[place]
            self.renew()

    def pieces(self, width: int) -> Sequence[Piece]:
        words = []
        for choice in self.choices:
            here = choice == self.chosen
            ground = "cursor-row" if here else "surface"
            colour = "accent" if here else "text-muted"
            words.append(Piece(f" {choice} ", colour, here, ground, choice))
        at = self.choices.index(self.chosen) if self.choices else 0
        ellipsis = glyphs_of(self).ellipsis
        label = Piece(f"{self.label:<12}", "text-faint")
        return [label, *abreast(words, at, width - label.width, ellipsis)]


class TrackScreen(ModalScreen[tuple[str, str] | None]):
    """Which job, at which profile, is to be followed."""

    CSS_PATH = "prompt.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,tab", "step(1)", "next profile", show=False, priority=True),
        Binding("up,shift+tab", "step(-1)", "previous profile", show=False, priority=True),
        Binding("escape", "leave", "close", show=False),
    ]

    def __init__(self, profiles: Sequence[str], first: str) -> None:
        super().__init__()
        self._line = ChoiceLine("profile", profiles, first)

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = "Track a job"
        glyphs = glyphs_of(self)
        keys = ("tab next profile",) if len(self._line.choices) > 1 else ()
        card.border_subtitle = glyphs.dotted(*keys, "enter follows it", "esc closes")
        with card:
            yield self._line
            field = Input(placeholder="the job's id at the service", compact=True)
            field.cursor_blink = False
            yield field

    @property
    def _unicode(self) -> bool:
        return glyphs_of(self).unicode

    def on_mount(self) -> None:
        """Symbols that the terminal has."""
        self.set_class(not self._unicode, "-ascii")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """An id, or profile/id as it is written elsewhere."""
        profile, job_id = self._line.chosen, event.value.strip()
        lead, slash, rest = job_id.partition("/")
        if slash and lead in self._line.choices:
            profile, job_id = lead, rest
        if job_id:
            self.dismiss((profile, job_id))

    def action_step(self, by: int) -> None:
        """Choose another profile."""
        self._line.step(by)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
