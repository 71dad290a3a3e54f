"""The logs of several jobs as one, by time, with a coloured gutter that says whose line it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult

from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.times import LineTimes
from trainer_tui.core.messages import Aspect, AspectFailed, LogArrived
from trainer_tui.model import Job, JobRef
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line import Piece, PieceLine
from trainer_tui.tui.widgets.log_frame import LogFrame
from trainer_tui.tui.widgets.log_merging import MOST, Merging
from trainer_tui.tui.widgets.log_paint import origin_colour

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message

_LONGEST_NAME = 24


@dataclass(slots=True)
class Source:
    """One of the jobs."""

    job: Job
    file: LogFile | None = None
    times: LineTimes | None = None
    trouble: str = ""
    """Why there is no log of it."""


class Legend(PieceLine):
    """``▎dog_portrait_lora  ▎flux_style_v3 · no log``: a colour a job."""

    DEFAULT_CSS = """
    Legend { margin: 0 0 0 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.sources: Sequence[Source] = ()
        self.left_out = 0

    def pieces(self, width: int) -> Sequence[Piece]:
        """A bar in the job's colour, its name, and why it has no lines."""
        glyphs = glyphs_of(self)
        bar = "▎" if glyphs.unicode else "|"
        rest = f"  {self.left_out} more marked: {MOST} at most are merged" if self.left_out else ""
        room = max(8, (width - len(rest)) // max(1, len(self.sources)) - 4)
        out: list[Piece] = []
        for number, source in enumerate(self.sources):
            name = source.job.name or source.job.ref.id
            name = fit(name, min(room, _LONGEST_NAME), glyphs).rstrip()
            out.append(Piece(f"{' ' if out else ''}{bar}", origin_colour(number)))
            out.append(Piece(name, "foreground" if source.file else "text-faint"))
            if source.trouble:
                out.append(Piece(f" {glyphs.dot} no log", "status-stopping"))
            out.append(Piece("  "))
        return [*out, Piece(rest, "status-stopping")]


class MergedPane(LogFrame):
    """A log view over the logs of several jobs."""

    ASPECTS = frozenset({Aspect.LOGS})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.sources: list[Source] = []
        self.merging: Merging | None = None
        self._order: list[JobRef] = []

    def compose(self) -> ComposeResult:
        """The jobs above their lines."""
        yield Legend()
        yield from super().compose()

    def on_unmount(self) -> None:
        """Let go of the files."""
        for source in self.sources:
            if source.file is not None:
                source.file.close()

    def show_jobs(self, jobs: Sequence[Job]) -> None:
        """Merge the logs of these jobs, of the first :data:`MOST` of them."""
        self.sources = [Source(job) for job in jobs[:MOST]]
        legend = self.query_one(Legend)
        legend.sources, legend.left_out = self.sources, max(0, len(jobs) - MOST)
        self.job = jobs[0] if jobs else None
        legend.renew()
        self.renew()

    @property
    def refs(self) -> list[JobRef]:
        """The jobs whose logs are merged."""
        return [source.job.ref for source in self.sources]

    # What arrives

    def receive(self, message: Message) -> None:
        """A log came further, or cannot be had."""
        ref = getattr(message, "ref", None)
        source = next((source for source in self.sources if source.job.ref == ref), None)
        if source is None:
            return
        if isinstance(message, LogArrived):
            if message.names and message.name != message.names[0]:
                return
            source.trouble = ""
            self._take(source, message)
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.LOGS:
            source.trouble = message.error.message
        else:
            return
        self.query_one(Legend).renew()
        self.renew()

    def _take(self, source: Source, message: LogArrived) -> None:
        if source.file is None or source.times is None:
            source.file = LogFile(message.source)
            source.file.start_index(self.counted)
            job = source.job
            source.times = LineTimes(
                source.file,
                began=job.started_at or job.created_at,
                ended=job.finished_at or self.console.now(),
                arrivals=message.source.arrivals,
            )
            self._merge()
            return
        source.times.arrivals = message.source.arrivals
        change = source.file.update(message.source)
        if self.merging is not None:
            change = self.merging.changed(self._order.index(source.job.ref), change)
            if change:
                self.view.grown(change.first_changed, reset=change.reset)

    def _merge(self) -> None:
        """Merge what has come so far. The colours are those of the jobs, not of their order."""
        here = [source for source in self.sources if source.times is not None]
        self._order = [source.job.ref for source in here]
        self.merging = Merging(
            [
                (source.job.name or source.job.ref.id, source.file, source.times)
                for source in here
                if source.file is not None and source.times is not None
            ]
        )
        self.merging.show(self.view, [self.sources.index(source) for source in here])

    # What is shown

    def renew(self) -> None:
        """Show the lines, or what is waited for."""
        self.settle(self._reason() if self.view.empty else None)
        self.tell()

    def _reason(self) -> Text:
        view = self.view
        muted = view.paint("text-muted")
        text = Text()
        for source in self.sources:
            name = source.job.name or source.job.ref.id
            text.append(f"{name}: ", view.paint("foreground"))
            if source.trouble:
                text.append(f"{source.trouble}\n", muted)
            elif source.file is not None:
                text.append("its log is empty\n", muted)
            else:
                text.append("waiting for its log\n", muted)
        return text
