"""The Overview tab: a job at a glance, with the shape of its loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from trainer_tui.core.messages import Aspect, Message, MetricsArrived
from trainer_tui.model import Metric
from trainer_tui.tui import overview
from trainer_tui.tui.commands import BY_ID, key_names
from trainer_tui.tui.unsent import of_job
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import LinesView
from trainer_tui.tui.widgets.pane import JobPane

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry

_KEPT = 4_000
"""Points of the loss that are kept: more than the sparkline can show."""


class OverviewPane(JobPane):
    """Status, progress, pace, loss, money, times, and what can be done now."""

    TAB = "overview"
    ASPECTS = frozenset({Aspect.METRICS})

    def __init__(self) -> None:
        super().__init__()
        self._entry: Entry | None = None
        self._key = ""
        self._loss: list[Metric] = []
        self._view = LinesView()

    def compose(self) -> ComposeResult:
        yield self._view

    def show(self, entry: Entry | None) -> None:
        """Show a job, or what changed of it."""
        if entry is None or self._entry is None or entry.job.ref != self._entry.job.ref:
            self._key, self._loss = "", []
            self._view.scroll_to(y=0, animate=False)
        self._entry = entry
        self._renew()

    def receive(self, message: Message) -> None:
        """Take points of the loss."""
        if not isinstance(message, MetricsArrived):
            return
        from trainer_tui.core.points import by_time, newest

        if message.reset:
            self._key, self._loss = "", []
        came = newest(message.metrics, _KEPT)
        near = sorted(key for key in came if "loss" in key.lower())
        key = "loss" if "loss" in came else self._key or (near[0] if near else "")
        if key != self._key:
            self._key, self._loss = key, []
        self._loss = by_time([*self._loss, *came.get(key, ())])[-_KEPT:]
        self._renew()

    def on_resize(self) -> None:
        """Lines are made for a width."""
        self._renew()

    def _renew(self) -> None:
        app, entry = self.console, self._entry
        if entry is None or not self.size.width:
            self._view.set_lines([[], [Piece(" No job is selected.", "text-muted")]])
            return
        lines = overview.lines(
            entry,
            app.now(),
            app.glyphs,
            self.size.width,
            metrics=self._loss,
            pricing=app.config.pricing,
            health=app.config.health,
            acts=self._acts(entry),
            unsent=of_job(app, entry.job.ref, _key("job.edit", app.config.keys)),
        )
        self._view.set_lines([[], *lines] if self.size.height > len(lines) else lines)

    def _acts(self, entry: Entry) -> list[tuple[str, str]]:
        from trainer_tui.core.acts import Act, consequence

        app, job = self.console, entry.job
        facts = app.facts(job.ref.profile)
        if facts is None or app.read_only:
            return []
        wanted = (Act.RESUME, Act.EDIT) if job.status.ended else (Act.STOP, Act.CANCEL)
        found = []
        for act in wanted:
            command = BY_ID[f"job.{act}"]
            if app.why_not(job, act) is None:
                sentence = consequence(job, act, facts)
                key = _key(command.id, app.config.keys)
                found.append((key, f"{command.title.lower()}: {sentence}"))
        return found


def _key(command_id: str, own: Mapping[str, str]) -> str:
    """The first key of a command, as the person has it."""
    return key_names(own.get(command_id, BY_ID[command_id].keys)).split(" ")[0]
