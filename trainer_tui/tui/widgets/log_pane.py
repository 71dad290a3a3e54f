"""The logs of a job: the view, one line below it that tells and asks, and what stands instead of a
log where there is none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType

from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.lines import Lines
from trainer_tui.core.logfile.memory import MemoryLines
from trainer_tui.core.logfile.source import Gap
from trainer_tui.core.logfile.times import LineTimes
from trainer_tui.core.messages import Aspect, AspectFailed, EventsArrived, LogArrived
from trainer_tui.model import Capability, Event, EventKind, Job, Status
from trainer_tui.tui.amounts import size
from trainer_tui.tui.present import clock
from trainer_tui.tui.widgets.instead import trouble
from trainer_tui.tui.widgets.log_events import EVENTS, event_lines
from trainer_tui.tui.widgets.log_frame import LogFrame
from trainer_tui.tui.widgets.log_tabs import LogTabs
from trainer_tui.tui.widgets.log_view import LogView

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message
    from trainer_tui.errors import TrainerError

_EVENT_COLOURS = {
    EventKind.ERROR: "status-failed",
    EventKind.CHECKPOINT: "status-succeeded",
    EventKind.STATUS: "accent",
    EventKind.ACT: "status-stopping",
}


class LogPane(LogFrame):
    """Logs of the shown job."""

    TAB = "logs"
    ASPECTS = frozenset({Aspect.LOGS, Aspect.EVENTS})

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_curly_bracket", "turn(1)", "next log", show=False, id="logs.next_log",
                tooltip="The job's next log: what it prints, its build, its events."),
        Binding("left_curly_bracket", "turn(-1)", "log before", show=False, id="logs.previous_log",
                tooltip="The job's log before."),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.name_shown = ""
        """Which of the job's logs is shown; empty: the first that comes."""
        self._names: tuple[str, ...] = ()
        self._files: dict[str, LogFile] = {}
        self._error: TrainerError | None = None
        self._events: tuple[Event, ...] = ()

    def on_mount(self) -> None:
        """What can be done about a gap is said in its line."""
        self.view.rows.remark = self._remark

    def on_unmount(self) -> None:
        """Let go of the files."""
        self._close_files()

    # What arrives

    def show(self, entry: Entry | None) -> None:
        """Another job: begin anew. The same: its state may have changed what stands instead."""
        job = entry.job if entry else None
        if (job and job.ref) != (self.job and self.job.ref):
            self._error = None
            self._events = tuple(self.console.past_events(job.ref)) if job else ()
            self._names, self.name_shown = (), ""
            self.close_question()
            self.view.forget_finding()
            self.view.open(MemoryLines())
            self._close_files()
        self.job = job
        self.renew()

    def receive(self, message: Message) -> None:
        """Lines, events, or the reason why there are none."""
        if isinstance(message, LogArrived):
            self._error = None
            self._names = message.names
            self._take(message)
        elif isinstance(message, EventsArrived):
            self._take_events(tuple(message.events))
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.LOGS:
            self._error = message.error
        else:
            return
        self.renew()

    def _take(self, message: LogArrived) -> None:
        """A log has come further."""
        name, view = message.name, self.view
        self.name_shown = self.name_shown or name
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = LogFile(message.source)
            file.start_index(self.counted)
            if name == self.name_shown:
                self._open(name)
            return
        change = file.update(message.source)
        if name == self.name_shown and view.document is file:
            if view.times.lines is not None:
                view.times.lines.arrivals = message.source.arrivals
                view.times.lines.ended = self._ended()
            if change.reset:
                self.console.say("The log began anew: its file was cut or replaced.")
            if change:
                view.grown(change.first_changed, reset=change.reset)
            else:
                view.tell()

    def _take_events(self, events: tuple[Event, ...]) -> None:
        if events != self._events:
            self._events = events
            if self.name_shown == EVENTS:
                self._open(EVENTS)

    def _open(self, name: str) -> None:
        """Show one of the job's logs, from its end."""
        view = self.view
        self.name_shown = name
        job = self.job
        document: Lines | None = self._files.get(name)
        if name == EVENTS:
            document = event_lines(
                self._events, self.view.glyphs, complete=bool(job and job.status.ended)
            )
        document = document or MemoryLines()
        file = document if isinstance(document, LogFile) else None
        view.times.lines = LineTimes(
            document,
            began=(job.started_at or job.created_at) if job else None,
            ended=self._ended(),
            arrivals=file.source.arrivals if file else (),
        )
        view.open(document)

    def _ended(self) -> datetime:
        """When the job ended, or now."""
        return (self.job.finished_at if self.job else None) or self.console.now()

    def _close_files(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    # Several logs of one job

    @property
    def names(self) -> tuple[str, ...]:
        """The job's logs, and what was seen to happen."""
        return (*self._names, EVENTS) if self._names and self._events else self._names

    def action_turn(self, step: int) -> None:
        """To another log of the job."""
        names = self.names
        if len(names) > 1:
            place = names.index(self.name_shown) if self.name_shown in names else 0
            self.choose(names[(place + step) % len(names)])

    @on(LogTabs.Chosen)
    def _chosen(self, event: LogTabs.Chosen) -> None:
        event.stop()
        self.choose(event.name)

    def choose(self, name: str) -> None:
        """Show one of the job's logs by its name."""
        if name == self.name_shown or self.job is None:
            return
        self._open(name)
        if name != EVENTS:
            self.console.runtime.choose_log(self.job.ref, name)
        self.renew()

    # What is missing

    def _remark(self, position: int) -> str:
        """What can be done about a gap."""
        gap = self._gap(position)
        return f" {self.view.glyphs.dot} enter fetches them" if gap and gap.fetchable else ""

    def _gap(self, position: int) -> Gap | None:
        document = self.view.document
        gaps = document.gaps if isinstance(document, LogFile) else ()
        return next((gap for gap in gaps if gap.start == position), None)

    @on(LogView.GapAsked)
    def _gap_asked(self, event: LogView.GapAsked) -> None:
        event.stop()
        gap = self._gap(event.position)
        if gap is None or self.job is None:
            return
        if not gap.fetchable:
            self.console.say(f"It cannot be fetched: {gap.why}.", "warning")
            return
        self.console.runtime.fetch_gap(self.job.ref, self.name_shown, gap)
        self.console.say(f"Fetching {size(gap.stop - gap.start)} of the log.")

    # What is shown

    def renew(self) -> None:
        """Show the lines, or the reason that there are none and what was seen to happen."""
        self.query_one(LogTabs).show(self.names, self.name_shown)
        self.settle(self._reason() if self.view.empty else None)
        self.tell()

    def _reason(self) -> Text:
        view = self.view
        muted, faint = view.paint("text-muted"), view.paint("text-faint")
        text = Text()
        job = self.job
        if job is None:
            return text.append("No job is selected.", muted)
        if (missing := self._missing(job)) is not None:
            text.append(f"{missing}\n", muted)
        elif self._error is not None:
            text.append_text(trouble(view, self._error))
        elif job.status is Status.QUEUED:
            text.append("The job waits for its turn; its log begins when it runs.\n", muted)
        elif job.status.active:
            text.append("Nothing has been written to the log yet.\n", muted)
        else:
            text.append("The log is empty.\n", muted)
        if others := [name for name in self._names if name != self.name_shown]:
            text.append(f"There is another: {', '.join(others)}. }} shows it.\n", muted)
        if self._events:
            text.append("\nHistory\n", view.paint("foreground", extra="bold"))
            now = self.console.now()
            times = [clock(event.time, now) for event in self._events]
            width = max(map(len, times))
            for time, event in zip(times, self._events, strict=True):
                colour = _EVENT_COLOURS.get(event.kind, "foreground")
                text.append(f"{time:>{width}}  ", faint)
                text.append(f"{view.glyphs.plain(event.text)}\n", view.paint(colour))
        return text

    def _missing(self, job: Job) -> str | None:
        """Why the provider has no logs at all; ``None`` where it has."""
        facts = self.console.runtime.facts(job.ref.profile)
        if Capability.LOGS in facts.capabilities:
            return None
        return facts.why_not(Capability.LOGS)
