"""The marked jobs side by side: their curves over each other, and what their configs differ in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.core.messages import (
    Aspect,
    AspectFailed,
    BoardChanged,
    ConfigArrived,
    MetricsArrived,
)
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.widgets.chart_jobs import JobCurves
from trainer_tui.tui.widgets.chart_panel import ChartPanel
from trainer_tui.tui.widgets.compare_rows import Compared, CompareRows
from trainer_tui.tui.widgets.config_table import ConfigTable, JobConfig
from trainer_tui.tui.widgets.key_bar import Hint, KeyBar
from trainer_tui.tui.widgets.line import Piece, PieceLine

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message

MOST = 6
"""Jobs that are compared at most: so many colours are told apart."""
_ASPECTS = frozenset({Aspect.METRICS, Aspect.CONFIG})


class CompareTitle(PieceLine):
    """``Compare  3 jobs · loss``."""

    GROUND = "panel"

    def __init__(self) -> None:
        super().__init__()
        self.count, self.key = 0, ""

    def pieces(self, width: int) -> Sequence[Piece]:
        """How many, and which curve."""
        text = f"  {self.count} jobs"
        out = [Piece(" Compare", "accent", True), Piece(text, "text-muted")]
        if self.key:
            out.append(Piece(f"  {self.key}", "foreground"))
        return out


class CompareScreen(Screen[None], InConsole):
    """Watches the metrics and configs of some jobs while it is open, and lays them together.

    Args:
        refs: The jobs; of more than ``MOST`` the first ones.
    """

    DEFAULT_CSS = """
    CompareScreen {
        & ChartPanel { height: 1fr; min-height: 8; }
        & CompareRows { margin: 1 0; }
        & ConfigTable { height: auto; max-height: 34%; }
        &.low CompareRows { margin: 0; }
        &.config ConfigTable { height: 1fr; max-height: 100%; }
        &.config ChartPanel, &.config CompareRows { display: none; }
        &.bare ConfigTable { display: none; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,equals_sign", "dismiss", "back", id="compare.back",
                tooltip="Back to the jobs."),
        Binding("C", "config", "config", id="compare.config",
                tooltip="What the configs differ in: below the curves, alone, not at all."),
        Binding("tab,shift+tab", "turn", "other pane", show=False, id="compare.turn",
                tooltip="From the curves to the configs, and back."),
    ]  # fmt: skip

    def __init__(self, refs: Sequence[JobRef]) -> None:
        super().__init__()
        self.refs = tuple(refs[:MOST])
        self.more = len(refs) - len(self.refs)
        self.jobs: list[JobCurves] = []
        self._troubles: dict[JobRef, str] = {}
        self._configs: dict[JobRef, dict[str, str]] = {}
        self._reasons: dict[JobRef, str] = {}
        self.title_line = CompareTitle()
        self.panel = ChartPanel(id="compare-panel")
        self.rows = CompareRows(id="compare-rows")
        self.table = ConfigTable(id="compare-config")
        self._keys = KeyBar(self._hints, lambda: self.panel)

    def compose(self) -> ComposeResult:
        """Title, curves, jobs, configs, keys."""
        yield self.title_line
        yield self.panel
        yield self.rows
        yield self.table
        yield self._keys

    def _hints(self) -> list[Hint]:
        words = {"C": ("configs", "screen.config"), "tab": ("move", "screen.turn")}
        keys = [Hint("esc", "back", "screen.dismiss")]
        if self.panel.has_curves:
            words = {"L": ("log", "scale"), "S": ("smooth", "smooth"), "X": ("axis", "axis"),
                     "A": ("all", "grid"), "ctrl+s": ("export", "export"), **words}  # fmt: skip
        keys += [Hint(key, label, action) for key, (label, action) in words.items()]
        return [*keys, Hint("?", "help", "app.command('app.help')")]

    # Life

    def on_mount(self) -> None:
        """What the store knows at once; the rest is asked for."""
        runtime = self.console.runtime
        names: dict[str, int] = {}
        for ref in self.refs:
            entry = runtime.board.get(ref)
            name = entry.job.name or ref.id if entry is not None else ref.id
            names[name] = names.get(name, 0) + 1
            job = JobCurves(ref, name)
            job.remember(runtime.store)
            self.jobs.append(job)
        for job in self.jobs:
            if names[job.name] > 1:
                job.name = f"{job.name} {job.ref}"
        self.panel.show(self.jobs)
        self._renew()
        self.panel.focus()
        # As in JobScreen: when the screen below has let go of what it watches.
        self.call_after_refresh(self._watch)

    def _watch(self) -> None:
        for ref in self.refs:
            self.console.runtime.watch(ref, _ASPECTS)

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Let go of the jobs before the screen below takes up its own."""
        for ref in self.refs:
            self.console.runtime.unwatch(ref, _ASPECTS)
        return super().dismiss(result)

    def on_resize(self, event: events.Resize) -> None:
        """On a low screen nothing is left free."""
        self.set_class(event.size.height < 36, "low")

    # What arrives

    def receive(self, message: Message) -> None:
        """What was learned of any job: what concerns these is shown."""
        if not self.is_mounted or not self.jobs:
            return
        if isinstance(message, BoardChanged):
            delta = message.delta
            if set(self.refs).intersection((*delta.added, *delta.changed, *delta.removed)):
                self._renew()
            return
        ref = getattr(message, "ref", None)
        if ref not in self.refs:
            return
        job = self.jobs[self.refs.index(ref)]
        if isinstance(message, MetricsArrived):
            self._troubles.pop(ref, None)
            if job.take(message, self.panel.clock()):
                self.panel.renew_soon()
            return
        elif isinstance(message, ConfigArrived):
            self._take_config(ref, message.text)
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.METRICS:
            self._troubles[ref] = message.error.message
        elif isinstance(message, AspectFailed) and ref not in self._configs:
            self._reasons[ref] = message.error.message
        self._renew()

    def _take_config(self, ref: JobRef, text: str) -> None:
        from trainer_tui.core.compare import flatten

        self._reasons.pop(ref, None)
        try:
            self._configs[ref] = flatten(text)
        except TrainerError as error:
            self._configs.pop(ref, None)
            self._reasons[ref] = error.message

    def _renew(self) -> None:
        board = self.console.runtime.board
        compared, reasons = [], dict(self._reasons)
        for job in self.jobs:
            entry = board.get(job.ref)
            job.update(entry)
            if entry is None:
                reasons.setdefault(job.ref, "The job is not listed here any more.")
            trouble = self._troubles.get(job.ref, "")
            compared.append(Compared(job, entry.job if entry else None, trouble))
        key = self.panel.listing.current or ""
        self.title_line.count, self.title_line.key = len(self.jobs), key
        self.title_line.renew()
        self.rows.show(compared, key, self.panel.look, self.more)
        self.table.show(
            [
                JobConfig(job.name, self._configs.get(job.ref), reasons.get(job.ref, ""))
                for job in self.jobs
            ]
        )
        self._keys.renew()

    @on(ChartPanel.Drawn)
    def _drawn(self, event: ChartPanel.Drawn) -> None:
        event.stop()
        if self.jobs:
            self._renew()

    # Keys

    def action_turn(self) -> None:
        """From the curves to the configs, and back."""
        if self.table.has_focus and not self.has_class("config"):
            self.panel.focus()
        elif not self.has_class("bare"):
            self.table.focus()

    def action_config(self) -> None:
        """Below the curves, alone, not at all."""
        alone, bare = self.has_class("config"), self.has_class("bare")
        self.set_class(not alone and not bare, "config")
        self.set_class(alone, "bare")
        if self.has_class("config"):
            self.table.focus()
        else:
            self.panel.focus()
