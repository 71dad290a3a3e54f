"""The detail: a strip of tabs over the pane that shows one side of the selected job."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from trainer_tui.model import Capability, JobRef
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.frame import EdgeLine, Frame
from trainer_tui.tui.widgets.line import Piece, width_of
from trainer_tui.tui.widgets.pane import JobPane
from trainer_tui.tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Aspect
    from trainer_tui.core.messages import Message as Fact

TABS = ("overview", "logs", "metrics", "config", "artifacts", "models", "events")
_PANES = {
    "overview": ("overview_pane", "OverviewPane"),
    "logs": ("log_pane", "LogPane"),
    "metrics": ("metrics_pane", "MetricsPane"),
    "config": ("config_pane", "ConfigPane"),
    "artifacts": ("artifacts_pane", "ArtifactsPane"),
    "models": ("models_pane", "ModelsPane"),
    "events": ("events_pane", "EventsPane"),
}
_NAME = 26
"""Cells for the job's name before the tabs."""
_CAPABILITIES = {
    "logs": Capability.LOGS,
    "config": Capability.CONFIG,
    "artifacts": Capability.ARTIFACTS,
    "models": Capability.MODELS,
}
"""Tabs that are greyed where the provider lacks something; opened, they say why."""
_CLOSED = frozenset({"models"})
"""Those that are not even opened then: the reason is all that there would be to see."""


class TabLine(EdgeLine):
    """The title line with the tabs in it, as many words as fit."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="detail-title")
        self.name_piece = Piece("")
        self.tab = TABS[0]
        self.greyed: frozenset[str] = frozenset()
        self.focused_pane = False
        self.beside = False
        """Whether the table stands beside, and the name below."""

    def pieces(self, width: int) -> Sequence[Piece]:
        """The job's name, then the tabs; on a narrow screen only the open tab has its word."""
        full, short = self._tabs(words=True), self._tabs(words=False)
        room, name = width - 8, self.name_piece
        if self.beside:  # there is a line of its own for the name
            tabs, name = full if width_of(full) <= width - 6 else short, Piece("")
        else:
            tabs = full if width_of(full) + 14 <= room else short
        # The tabs stand still whatever the name's length.
        left = min(_NAME, max(8, room - width_of(tabs)))
        fill: list[Piece] = []
        if name.width > left:
            name = Piece(fit(name.text, left, self.glyphs).rstrip(), name.colour, name.bold)
        elif name.text and name.width < left - 1:
            fill = [Piece(" "), Piece(self.glyphs.h * (left - name.width - 1), "frame")]
        self.left = [[name, *fill], tabs] if name.text else [tabs]
        return super().pieces(width)

    def _tabs(self, *, words: bool) -> list[Piece]:
        out: list[Piece] = []
        for number, tab in enumerate(TABS, 1):
            chosen = tab == self.tab
            label = f" {number} {tab.capitalize()} " if words or chosen else f" {number} "
            if chosen:
                ground = "cursor-row" if self.focused_pane else "panel"
                out.append(Piece(label, "accent", bold=True, ground=ground, key=f"tab.{tab}"))
            else:
                colour = "track" if tab in self.greyed else "text-muted"
                out.append(Piece(label, colour, key=f"tab.{tab}"))
        return out


class Detail(Frame, InConsole):
    """Shows the selected job; hosts the panes and says which sides of the job are to be watched."""

    DEFAULT_CSS = """
    Detail .pane-slot { height: 1fr; width: 1fr; }
    """

    class TabChanged(Message):
        """Another tab is open."""

    def __init__(self, glyphs: Glyphs, tab: str = TABS[0]) -> None:
        self.tabs = TabLine(glyphs)
        self.tabs.tab = tab if tab in TABS else TABS[0]
        self.heading = TitleLine("")
        self.slot = Vertical(classes="pane-slot")
        super().__init__(self.tabs, self.heading, self.slot, id="detail")
        self.entry: Entry | None = None
        self._open: dict[str, JobPane] = {}
        self._watched: tuple[JobRef, frozenset[Aspect]] | None = None

    @property
    def tab(self) -> str:
        """The open tab."""
        return self.tabs.tab

    @property
    def pane(self) -> JobPane | None:
        """The pane of the open tab, once it is there."""
        return self._open.get(self.tab)

    def put(self, *, beside: bool, apart: bool) -> None:
        """Beside the table or below it; ``apart`` from it or with a line in common."""
        self.tabs.beside = self.heading.display = beside
        self.tabs.ends = "corner" if apart else "tee"
        self.tabs.refresh()

    def on_mount(self) -> None:
        """The open tab's pane comes after the first frame: the table is what one waits for."""
        self.call_after_refresh(self.open_tab, self.tab)

    def show(self, entry: Entry | None) -> None:
        """Show another job, or what changed of the one that is shown."""
        self.entry = entry
        self.heading.show(entry)
        if entry is None:
            self.tabs.name_piece = Piece("no job", "text-faint")
            self.tabs.greyed = frozenset()
        else:
            self.tabs.name_piece = Piece(entry.job.name or entry.job.ref.id, "foreground", True)
            facts = self.console.facts(entry.job.ref.profile)
            has = facts.capabilities if facts is not None else frozenset(Capability)
            self.tabs.greyed = frozenset(
                tab for tab, capability in _CAPABILITIES.items() if capability not in has
            )
        self.tabs.renew()
        if self.pane is not None and self.pane.is_mounted:
            self.pane.show(entry)
        self.sync()

    def receive(self, fact: Fact) -> None:
        """Hand what was learned of the shown job to the open pane."""
        ref = getattr(fact, "ref", None)
        if ref is None and (outcome := getattr(fact, "outcome", None)) is not None:
            ref = outcome.ref
        if ref is None and (row := getattr(fact, "row", None)) is not None:
            ref = row.ref
        if self.entry is None or ref != self.entry.job.ref:
            return
        if self.pane is not None and self.pane.is_mounted:
            self.pane.receive(fact)

    def why_no_tab(self, tab: str) -> str | None:
        """Why a tab cannot be opened for the shown job."""
        capability = _CAPABILITIES.get(tab)
        if capability is None or tab not in _CLOSED or self.entry is None:
            return None
        facts = self.console.facts(self.entry.job.ref.profile)
        if facts is None or capability in facts.capabilities:
            return None
        return facts.why_not(capability)

    def open_tab(self, tab: str) -> None:
        """Open a tab; its pane is made when it is first opened."""
        if reason := self.why_no_tab(tab):
            self.console.say(reason, "warning")
            if tab == self.tab and self.pane is None:
                self.open_tab(TABS[0])
            return
        before = self.pane
        had_focus = self.has_focus_within
        self.tabs.tab = tab
        if before is not None:
            before.display = False
        pane = self._open.get(tab)
        if pane is None:
            pane = self._make(tab)
            self._open[tab] = pane
            self.slot.mount(pane)
            if had_focus:
                self.console.typed.hold()
            pane.call_after_refresh(self._shown, pane, had_focus)
        else:
            pane.display = True
            self._shown(pane, had_focus)
        self.tabs.renew()
        self.post_message(self.TabChanged())

    def focus_pane(self) -> None:
        """Give the keys to the open pane."""
        if self.pane is not None and (target := first_focusable(self.pane)) is not None:
            target.focus()

    def sync(self) -> None:
        """Watch of the shown job what the open pane needs, while it is seen."""
        runtime, pane = self.console.runtime, self.pane
        wanted = None
        if self.entry is not None and pane is not None and self.display and pane.ASPECTS:
            wanted = (self.entry.job.ref, pane.ASPECTS)
        if wanted == self._watched:
            return
        if self._watched is not None:
            runtime.unwatch(*self._watched)
        if wanted is not None:
            runtime.watch(*wanted)
        self._watched = wanted

    def pause_watching(self) -> None:
        """Watch nothing until :meth:`sync` is called again."""
        if self._watched is not None:
            self.console.runtime.unwatch(*self._watched)
            self._watched = None

    def _shown(self, pane: JobPane, focus: bool) -> None:
        if pane is self.pane and pane.is_mounted:
            pane.show(self.entry)
            self.sync()
            if focus:
                self.focus_pane()
        self.console.typed.release()

    def _make(self, tab: str) -> JobPane:
        module, name = _PANES[tab]
        found = importlib.import_module(f"trainer_tui.tui.widgets.{module}")
        pane: JobPane = getattr(found, name)()
        return pane


def first_focusable(widget: Widget) -> Widget | None:
    """The widget itself or the first below it that takes the keys."""
    if widget.focusable:
        return widget
    for child in widget.query("*"):
        if child.focusable:
            return child
    return None
