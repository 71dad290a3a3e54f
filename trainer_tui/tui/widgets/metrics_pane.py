"""A job's curves, or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult

from trainer_tui.core.messages import ArtifactsArrived, Aspect, AspectFailed, MetricsArrived
from trainer_tui.model import ArtifactKind, Capability, Job, Status
from trainer_tui.tui.widgets.chart_jobs import JobCurves
from trainer_tui.tui.widgets.chart_panel import ChartPanel
from trainer_tui.tui.widgets.instead import Instead, InsteadPane, trouble

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message
    from trainer_tui.errors import TrainerError


class MetricsPane(InsteadPane):
    """Metrics of the shown job."""

    TAB = "metrics"
    ASPECTS = frozenset({Aspect.METRICS, Aspect.ARTIFACTS})  # files tell where checkpoints are

    KEYS_GO_TO = "#metrics-keys"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.job: Job | None = None
        self.shown: JobCurves | None = None
        self._error: TrainerError | None = None

    def compose(self) -> ComposeResult:
        """The curves, and what stands instead of them."""
        yield ChartPanel(id="metrics-panel")
        yield Instead(id="metrics-instead")

    def on_mount(self) -> None:
        """A first look."""
        self._settle()

    @property
    def panel(self) -> ChartPanel:
        """The curves."""
        return self.query_one(ChartPanel)

    def focus(self, scroll_visible: bool = True, **_: object) -> MetricsPane:
        """The curves, or the words instead of them, have the keys."""
        if self.empty:
            super().focus(scroll_visible)
        else:
            self.panel.focus(scroll_visible)
        return self

    # What arrives

    def show(self, entry: Entry | None) -> None:
        """Another job: what the store knows of it at once. The same: a checkpoint may be new."""
        job = entry.job if entry else None
        held = self.shown
        if (job and job.ref) != (held and held.ref):
            self._error = None
            held = None
            if job is not None:
                held = JobCurves(job.ref, job.name or job.ref.id)
                held.remember(self.console.runtime.store)
            self.shown = held
            if held is not None and job is not None:
                held.update(entry)
                if job.checkpoint_step:
                    held.checkpoints.add(job.checkpoint_step)
            self.panel.show([held] if held is not None else [])
        elif held is not None and job is not None:
            step = job.checkpoint_step
            held.update(entry)
            if step and step not in held.checkpoints:
                held.checkpoints.add(step)
                self.panel.renew()
        self.job = job
        self._settle()

    def receive(self, message: Message) -> None:
        """Points, checkpoints, or the reason why there are none."""
        if self.shown is None:
            return
        if isinstance(message, MetricsArrived):
            self._error = None
            if not self.shown.take(message, self.panel.clock()):
                return
        elif isinstance(message, ArtifactsArrived):
            steps = {
                artifact.step
                for artifact in message.artifacts
                if artifact.kind is ArtifactKind.CHECKPOINT and artifact.step
            }
            if steps <= self.shown.checkpoints:
                return
            self.shown.checkpoints |= steps
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.METRICS:
            self._error = message.error
            self._settle()
            return
        else:
            return
        self.panel.renew_soon()
        self._settle()

    def _settle(self) -> None:
        """Show the curves, or say why there are none."""
        self.settle(None if self.panel.has_curves else self._reason())

    def _reason(self) -> Text:
        job, muted = self.job, self.panel.listing.paint("text-muted")
        if job is None:
            return Text("No job is selected.", muted)
        facts = self.console.runtime.facts(job.ref.profile)
        if Capability.METRICS not in facts.capabilities:
            return Text(facts.why_not(Capability.METRICS), muted)
        if self._error is not None:
            return trouble(self.panel.listing, self._error)
        if job.status is Status.QUEUED:
            return Text("The job waits for its turn; its curves begin when it runs.", muted)
        if job.status.active:
            return Text("No metrics yet.", muted)
        return Text("This job wrote no metrics.", muted)
