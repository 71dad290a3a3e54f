"""The line at the top: every profile with its state, and the sum of what runs.

Nothing here ticks: the text changes when the data does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from textual import events

from trainer_tui.tui import present
from trainer_tui.tui.faultwords import profile_fault
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.widgets.line import Piece, PieceLine, width_of

if TYPE_CHECKING:
    from trainer_tui.config import PollSettings
    from trainer_tui.core.poller import ProfileState

_TITLE = "trainer-tui"
_ROOMY = 120
"""Cells from which on the reason of a fault is told, after the profiles: none of them moves."""


class StatusBar(PieceLine):
    """``trainer-tui   ● comfy 4   ◐ kaos 5 …            2 running · 1 queued · ↻ 5s``."""

    GROUND = "panel"

    def __init__(self, glyphs: Glyphs, now: Callable[[], datetime], poll: PollSettings) -> None:
        super().__init__(id="status")
        self.glyphs = glyphs
        self._now = now
        self.poll = poll
        self.states: Mapping[str, ProfileState] = {}
        self.badges: tuple[str, ...] = ()
        """Words such as ``read-only``."""
        self.paused = False
        self.more = ""
        """The key that tells all about the profiles."""

    def show(
        self, states: Mapping[str, ProfileState], *, paused: bool, badges: Sequence[str] = ()
    ) -> None:
        """Show how it stands with the profiles."""
        self.states, self.paused, self.badges = dict(states), paused, tuple(badges)
        self.renew()

    def pieces(self, width: int) -> Sequence[Piece]:
        right = self._right()
        room = width - width_of(right) - 3  # a margin, and two cells between
        out = [Piece(" "), Piece(_TITLE, "accent", bold=True), Piece("  ")]
        room -= width_of(out)
        roomy = width >= _ROOMY
        for words in ("since", "word", ""):
            groups = [
                self._profile(state, "" if roomy and state.error else words)
                for state in self.states.values()
            ]
            if sum(width_of(group) for group in groups) <= room:
                break
        else:
            groups = self._fewer(groups, room)
        for group in groups:
            out += group
            room -= width_of(group)
        if roomy:
            reasons = self._reasons(room)
            out += reasons
            room -= width_of(reasons)
        out.append(Piece(" " * max(1, room + 2)))
        return [*out, *right, Piece(" ")]

    def _reasons(self, room: int) -> list[Piece]:
        """What is wrong with whom, as many as fit, and the key that tells it in full."""
        hint = Piece(f" {self.glyphs.dash} {self.more}" if self.more else "", "text-faint")
        troubled = [state for state in self.states.values() if state.error is not None]
        for count in range(len(troubled), 0, -1):
            for since in (True, False):
                out: list[Piece] = []
                for state in troubled[:count]:
                    words = profile_fault(state, self._now(), since=since)
                    colour = present.profile_shape(state, self.glyphs)[1]
                    out.append(Piece("  " if out else " "))
                    out.append(Piece(f"{state.name}: {words}", colour, key="app.profiles"))
                if width_of([*out, hint]) <= room:
                    return [*out, hint]
        return []

    def _profile(self, state: ProfileState, words: str) -> list[Piece]:
        shape, colour = present.profile_shape(state, self.glyphs)
        active = state.running + state.queued
        word = present.profile_word(state, self._now(), since=words == "since") if words else ""
        pieces = [Piece(" "), Piece(shape, colour), Piece(f" {state.name}", key="app.profiles")]
        if active:
            pieces.append(Piece(f" {active}", "text-muted"))
        if word:
            pieces.append(Piece(f" {self.glyphs.dot} {word}", colour))
        return [*pieces, Piece("  ")]

    def _fewer(self, groups: list[list[Piece]], room: int) -> list[list[Piece]]:
        """Those that fit, where they stand, in trouble before the others; how many more there
        are, and whether something is wrong with one of them."""
        states = list(self.states.values())
        order = sorted(range(len(groups)), key=lambda place: states[place].error is None)
        reserve = len(f" +{len(groups)}") + (2 if states[order[0]].error else 0)
        kept = []
        for place in order:
            if width_of(groups[place]) + reserve > room:
                break
            kept.append(place)
            room -= width_of(groups[place])
        out = [groups[place] for place in sorted(kept)]
        more, colour, first = f" +{len(order) - len(kept)}", "text-muted", states[order[len(kept)]]
        if first.error is not None:
            shape, colour = present.profile_shape(first, self.glyphs)
            more += f" {shape}"
        if len(more) <= room:
            out.append([Piece(more, colour, key="app.profiles")])
        return out

    def _right(self) -> list[Piece]:
        running = sum(state.running for state in self.states.values())
        queued = sum(state.queued for state in self.states.values())
        dot = Piece(f" {self.glyphs.dot} ", "text-faint")
        parts: list[Piece] = [
            Piece(badge, "warning", key="app.drafts" if ":drafts" in badge else "")
            for badge in self.badges
        ]
        if running:
            parts.append(Piece(f"{running} running", "status-running"))
        if queued:
            parts.append(Piece(f"{queued} queued", "status-queued"))
        if self.paused:
            parts.append(Piece(f"{self.glyphs.pause} paused", "status-stopping"))
        elif running or queued:
            every = self.poll.running if running else self.poll.queued
            parts.append(Piece(f"{self.glyphs.refresh} {every:g}s", "text-muted"))
        elif self.states:
            parts.append(Piece("idle", "text-muted"))
        out: list[Piece] = []
        for part in parts:
            out += [dot, part] if out else [part]
        return out

    def on_click(self, event: events.Click) -> None:
        """A click on a profile opens the profiles, one on what is not sent the drafts."""
        from trainer_tui.tui.app import TrainerApp

        if (key := self.key_at(event.x)) and isinstance(self.app, TrainerApp):
            self.app.command(key)
