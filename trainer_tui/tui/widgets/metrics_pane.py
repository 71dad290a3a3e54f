"""A job's curves: the keys with their last and best values, and a chart of the chosen ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message as TextualMessage
from textual.strip import Strip
from textual.widgets import Static

from trainer_tui.core.messages import ArtifactsArrived, Aspect, AspectFailed, MetricsArrived
from trainer_tui.model import ArtifactKind, Capability, Job, JobRef, Status
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.chart import Chart, Options, Series
from trainer_tui.tui.widgets.curves import Curves, better
from trainer_tui.tui.widgets.line_view import LineList
from trainer_tui.tui.widgets.pane import JobPane
from trainer_tui.tui.widgets.plot import number

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message
    from trainer_tui.errors import TrainerError

_COLOURS = tuple(f"chart-{n}" for n in range(1, 7))
_NARROW, _WIDE = 76, 110
_WITH_BEST = 34
_CURSOR_STEP = 0.02


class KeyList(LineList):
    """The keys of a job's metrics: which are drawn, last value, best value."""

    class Moved(TextualMessage):
        """The cursor is on another key."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.keys: list[str] = []
        self.cells: dict[str, tuple[str, str]] = {}
        self.drawn: dict[str, str] = {}
        """Key → colour of its curve."""
        self.marked: set[str] = set()

    @property
    def current(self) -> str | None:
        """The key under the cursor."""
        return self.keys[self.cursor] if self.cursor < len(self.keys) else None

    def row_count(self) -> int:
        """One row a key."""
        return len(self.keys)

    def cursor_moved(self) -> None:
        """Draw the other key."""
        self.post_message(self.Moved())

    def render_row(self, row: int, width: int) -> Strip:
        """``● loss      0.312   ↓ 0.298``."""
        key = self.keys[row]
        last, best = self.cells[key]
        at_cursor = row == self.cursor
        ground = "cursor-row" if at_cursor else ""
        base = self.rich_style + self.paint(ground=ground)
        glyphs, colour = self.glyphs, self.drawn.get(key, "")
        shape = glyphs.mark if key in self.marked else glyphs.info if colour else " "
        # On a narrow list the best value gives way: the chart's legend has it.
        tail = f"{best:>11} " if width >= _WITH_BEST else " "
        room = max(4, width - 3 - 10 - len(tail))
        extra = "bold" if at_cursor and self.has_focus else ""
        return Strip(
            [
                Segment(f" {shape} ", base + self.paint(colour)),
                Segment(fit(key, room, glyphs), base + self.paint(extra=extra)),
                Segment(f"{last:>10}", base + self.paint("foreground")),
                Segment(tail, base + self.paint("text-faint")),
            ]
        ).adjust_cell_length(width, base)


class MetricsPane(JobPane):
    """Metrics of the shown job."""

    TAB = "metrics"
    ASPECTS = frozenset({Aspect.METRICS})

    DEFAULT_CSS = """
    MetricsPane {
        & #metrics-body { height: 1fr; }
        & KeyList { width: 28; margin: 1 1 0 0; }
        &.wide KeyList { width: 42; }
        & Chart { width: 1fr; }
        & #metrics-instead { display: none; padding: 1 2; scrollbar-size-vertical: 1; }
        &.narrow #metrics-body { layout: vertical; }
        &.narrow KeyList { width: 1fr; height: auto; max-height: 4; margin: 0; }
        &.instead #metrics-body { display: none; }
        &.instead #metrics-instead { display: block; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "overlay", "overlay", id="metrics.overlay",
                tooltip="Keep this curve while looking at others, or let it go."),
        Binding("L", "option('log')", "log", id="metrics.log",
                tooltip="Logarithmic scale, or linear."),
        Binding("S", "option('smooth')", "smooth", id="metrics.smooth",
                tooltip="A moving average, the raw values faint behind it."),
        Binding("X", "option('time')", "time", id="metrics.time",
                tooltip="Wall time below the curve, or steps."),
        Binding("right", "read(1)", "read", show=False, id="metrics.read_right",
                tooltip="A cursor on the chart that reads values: to the right."),
        Binding("left", "read(-1)", "read", show=False, id="metrics.read_left",
                tooltip="A cursor on the chart that reads values: to the left."),
        Binding("escape", "leave", "leave", show=False, id="metrics.leave",
                tooltip="Take the cursor off the chart, then the kept curves."),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.job: Job | None = None
        self.curves = Curves()
        self.options = Options()
        self._error: TrainerError | None = None
        self._checkpoints: set[int] = set()
        self._others: dict[JobRef, tuple[str, Curves]] = {}
        """Jobs that are compared with the shown one: name and curves."""
        self._instead = Text()

    def compose(self) -> ComposeResult:
        """Keys, chart, and what stands instead of them."""
        with Horizontal(id="metrics-body"):
            yield KeyList(id="metrics-keys")
            yield Chart(id="metrics-chart")
        with VerticalScroll(id="metrics-instead"):
            yield Static(id="metrics-reason", markup=False)

    def on_mount(self) -> None:
        """A first look."""
        self._settle()

    @property
    def listing(self) -> KeyList:
        """The keys."""
        return self.query_one(KeyList)

    @property
    def chart(self) -> Chart:
        """The chart."""
        return self.query_one(Chart)

    def focus(self, scroll_visible: bool = True, **_: object) -> MetricsPane:
        """The list has the keys."""
        target = "#metrics-instead" if self.has_class("instead") else "#metrics-keys"
        self.query_one(target).focus(scroll_visible)
        return self

    def on_resize(self, event: events.Resize) -> None:
        """Narrow: the keys above the chart."""
        self.set_class(event.size.width < _NARROW, "narrow")
        self.set_class(event.size.width >= _WIDE, "wide")

    # What arrives

    def show(self, entry: Entry | None) -> None:
        """Another job: what the store knows of it at once. The same: a checkpoint may be new."""
        job = entry.job if entry else None
        if (job and job.ref) != (self.job and self.job.ref):
            self.curves.clear()
            self._checkpoints.clear()
            self._others.clear()
            self._error = None
            self.options = replace(self.options, cursor=None)
            self.listing.marked.clear()
            if job is not None:
                self.curves.add(self.console.runtime.store.metrics(job.ref))
        self.job = job
        if job is not None and job.checkpoint_step:
            self._checkpoints.add(job.checkpoint_step)
        self._settle()

    def receive(self, message: Message) -> None:
        """Points, checkpoints, or the reason why there are none."""
        if isinstance(message, MetricsArrived):
            self._error = None
            if not self.curves.add(message.metrics, reset=message.reset):
                return
        elif isinstance(message, ArtifactsArrived):
            steps = {
                artifact.step
                for artifact in message.artifacts
                if artifact.kind is ArtifactKind.CHECKPOINT and artifact.step
            }
            if steps <= self._checkpoints:
                return
            self._checkpoints |= steps
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.METRICS:
            self._error = message.error
        else:
            return
        self._settle()

    def _settle(self) -> None:
        """Bring keys and chart up to date, or say why there are none."""
        instead = not len(self.curves)
        if instead != self.has_class("instead"):
            focused = self.has_focus_within
            self.set_class(instead, "instead")
            self.listing.can_focus = not instead
            if focused:
                self.focus()
        if instead:
            text = self._reason()
            if text != self._instead:
                self._instead = text
                self.query_one("#metrics-reason", Static).update(text)
            return
        self._list_keys()
        self._draw()

    def _list_keys(self) -> None:
        keys, listing = self.curves.keys(), self.listing
        cells = {}
        for key in keys:
            curve = self.curves[key]
            best, way = curve.best, better(key)
            arrow = self.listing.glyphs.down if way == "min" else self.listing.glyphs.up
            cells[key] = (number(curve.last), f"{arrow} {number(best)}" if best is not None else "")
        if keys != listing.keys:
            held = listing.current
            listing.keys, listing.cells = keys, cells
            listing.cursor = keys.index(held) if held in keys else 0
            listing.refresh(layout=True)
        elif cells != listing.cells:
            before, listing.cells = listing.cells, cells
            for row, key in enumerate(keys):
                if before[key] != cells[key]:
                    listing.refresh_row(row)

    def _chosen(self) -> list[str]:
        """The keys to draw: the one under the cursor first, then those that are kept."""
        listing = self.listing
        marked = [key for key in listing.keys if key in listing.marked and key != listing.current]
        return ([listing.current] if listing.current else []) + marked

    def _draw(self) -> None:
        listing = self.listing
        chosen = self._chosen()
        # A curve keeps its colour as long as its key is listed.
        drawn = {key: _COLOURS[listing.keys.index(key) % len(_COLOURS)] for key in chosen}
        if drawn != listing.drawn:
            listing.drawn = drawn
            listing.refresh()
        series = []
        for key in chosen:
            curve = self.curves[key]
            xs, ys = curve.seconds() if self.options.time else (curve.steps, curve.values)
            series.append(Series(key, xs, ys, drawn[key], better(key)))
        if self._others and chosen:
            series = self._compared(chosen[0])
        ticks = () if self.options.time else tuple(map(float, sorted(self._checkpoints)))
        self.chart.show(series, replace(self.options, ticks=ticks))

    def compare(self, refs: Sequence[JobRef]) -> None:
        """Lay the same key of other jobs over it, as far as the store knows them."""
        runtime = self.console.runtime
        self._others.clear()
        for ref in refs:
            entry = runtime.board.get(ref)
            curves = Curves()
            if curves.add(runtime.store.metrics(ref)) and ref != (self.job and self.job.ref):
                self._others[ref] = (entry.job.name if entry else ref.id, curves)
        self._draw()

    def _compared(self, key: str) -> list[Series]:
        """One key of all compared jobs, each in its colour, named after its job."""
        own = self.job.name if self.job else key
        held = [(own, self.curves), *self._others.values()]
        series = []
        for place, (name, curves) in enumerate(held):
            if key in curves:
                curve = curves[key]
                xs, ys = curve.seconds() if self.options.time else (curve.steps, curve.values)
                series.append(Series(name, xs, ys, _COLOURS[place % len(_COLOURS)], better(key)))
        return series

    def _reason(self) -> Text:
        listing, job = self.listing, self.job
        muted = listing.paint("text-muted")
        if job is None:
            return Text("No job is selected.", muted)
        runtime = getattr(self.app, "runtime", None)
        facts = runtime.facts(job.ref.profile) if runtime is not None else None
        if facts is not None and Capability.METRICS not in facts.capabilities:
            reason = facts.reasons.get(Capability.METRICS)
            return Text(reason or f"{facts.title} gives no metrics.", muted)
        if self._error is not None:
            text = Text()
            text.append(
                f"{listing.glyphs.warn} {self._error.title}\n", listing.paint("status-failed")
            )
            text.append(f"{self._error.message}\n", muted)
            if self._error.hint:
                text.append(self._error.hint, listing.paint("text-faint"))
            return text
        if job.status is Status.QUEUED:
            return Text("The job waits for its turn; its curves begin when it runs.", muted)
        if job.status.active:
            return Text("No metrics yet.", muted)
        return Text("This job wrote no metrics.", muted)

    # Keys

    @on(KeyList.Moved)
    def _moved(self, event: KeyList.Moved) -> None:
        event.stop()
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing now are left to the app."""
        if action == "leave":
            kept = self.listing.marked or self._others
            return self.options.cursor is not None or bool(kept)
        return bool(len(self.curves)) if action in {"overlay", "option", "read"} else True

    def action_overlay(self) -> None:
        """Keep the curve under the cursor, or let it go."""
        listing = self.listing
        if listing.current is not None:
            listing.marked ^= {listing.current}
            listing.refresh_row(listing.cursor)
            self._draw()

    def action_option(self, name: str) -> None:
        """Turn a way of drawing on or off."""
        options = self.options
        if name == "log":
            self.options = replace(options, log=not options.log)
        elif name == "smooth":
            self.options = replace(options, smooth=not options.smooth)
        else:
            self.options = replace(options, time=not options.time)
        self._draw()

    def action_read(self, direction: int) -> None:
        """Move the cursor on the chart."""
        before = self.options.cursor
        at = 1.0 if before is None else before + direction * _CURSOR_STEP
        self.options = replace(self.options, cursor=min(1.0, max(0.0, at)))
        self._draw()

    def action_leave(self) -> None:
        """No cursor; then no kept curves."""
        if self.options.cursor is not None:
            self.options = replace(self.options, cursor=None)
        else:
            self._others.clear()
            self.listing.marked.clear()
            self.listing.refresh()
        self._draw()
