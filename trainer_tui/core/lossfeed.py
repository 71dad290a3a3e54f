"""The losses of jobs that nobody looks at.

Most services tell no loss with a job's status: it is in the metrics, or in lines of the log. That
such jobs show it in the table, are judged too, and rules act on them, their curves are read from
time to time; once more when they end.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import TYPE_CHECKING

from trainer_tui.core import schedule
from trainer_tui.core.board import Delta
from trainer_tui.core.healthwatch import LOSSES
from trainer_tui.core.messages import Message, MetricsArrived
from trainer_tui.core.metricsside import MetricsSide, has_log_file
from trainer_tui.core.sides import NO_CAPABILITY, Surroundings
from trainer_tui.errors import TrainerError
from trainer_tui.model import Capability, Job, JobRef, Metric, Status
from trainer_tui.providers.capabilities import HasLogs

if TYPE_CHECKING:
    from trainer_tui.core.points import Points, Tip

FIRST = 5.0
"""Seconds until the first look at a job, and at most until a new one is noticed."""
EVERY = 15.0
"""Seconds between two looks at a job that is up to date."""
MOST = 20
"""So many running jobs are looked at, the newest; and so many that ended without a loss."""
TAIL = 16 << 10
"""Bytes at the end of a log that are fetched."""
TAIL_EVERY = 60.0
"""Seconds between two looks at the end of a log that must be fetched."""
_PIECES = 0.2
"""Seconds between two pieces of what there is to catch up with: the console goes first."""
_AFTER_FAILURE = 60.0


class LastLosses:
    """The last point of each job's loss, out of what is told of its curves."""

    def __init__(self) -> None:
        self._held: dict[JobRef, tuple[int, Tip, float, str]] = {}
        """The place of its key among those that are losses, which point it is, the value, and what
        its steps count."""

    def take(self, message: MetricsArrived) -> tuple[int, float, str] | None:
        """Take points; step, loss, and what the step counts, once all of the past is there, where
        a loss is known."""
        from trainer_tui.core.points import Tip  # not before the first frame

        if message.reset:
            self._held.pop(message.ref, None)
        for one in message.metrics:
            if one.key not in LOSSES or (not isinstance(one, Metric) and not len(one)):
                continue
            rank = LOSSES.index(one.key)
            held = self._held.get(message.ref)
            if held is None or rank < held[0]:
                held = (rank, Tip(), math.nan, "")
            if rank == held[0]:
                self._held[message.ref] = (rank, *_newest(held[1], held[2], one), one.unit)
        held = self._held.get(message.ref)
        if message.more or held is None or held[1].step is None:
            return None
        return held[1].step, held[2], held[3]


def _newest(tip: Tip, value: float, one: Metric | Points) -> tuple[Tip, float]:
    """The newest point and its value once more came."""
    if isinstance(one, Metric):
        points = [(one.step, one.value, one.time.timestamp() if one.time else math.nan)]
    else:
        points = list(one)
        if one.times[-1] == max(one.times):  # as ever, but after a resume
            points = points[-1:]
    for step, found, time in points:
        tip.take(step, time)
        if tip.step == step:
            value = found
    return tip, value


@dataclass(slots=True)
class _Job:
    """A job that is looked at."""

    side: MetricsSide
    curve: bool = False
    """Its loss is among the points that it has."""
    due: float = 0.0
    """When its points are asked for next."""
    end_due: float | None = None
    """When the end of its log is fetched next; ``None``: that was not thought of yet."""

    @property
    def next(self) -> float:
        """When it is looked at next."""
        return min(self.due, math.inf if self.end_due is None else self.end_due)


class LossFeed:
    """Gives the points of jobs whose loss is not told with their status. Network loop only.

    Of a log that must be fetched only the end is, once a minute: what a line there says counts as
    if the job's status had told it.

    Args:
        around: What a side needs; nothing is published.
        take: Is given the points, old ones too.
        on_bug: Is told of faults of this program.
    """

    def __init__(
        self,
        around: Surroundings,
        take: Callable[[MetricsArrived], None],
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._around = replace(around, publish=self._told)
        self._take, self._on_bug = take, on_bug
        self._jobs: dict[JobRef, _Job] = {}
        self._wanted: list[JobRef] = []
        self._changed = True
        """Whether other jobs may be wanted than when that was found out."""
        self._paused = False

    def pause(self, on: bool) -> None:
        """Ask nothing, or go on."""
        self._paused = on

    async def run(self) -> None:
        """Look at one job after the other, for ever."""
        clock = self._around.clock
        unsubscribe = self._around.board.subscribe(self._board_changed)
        try:
            while True:
                await self._round()
                wait = min((job.next for job in self._jobs.values()), default=math.inf)
                wait = FIRST if self._paused else min(max(wait - clock.monotonic(), 0.0), FIRST)
                await clock.wait(asyncio.Event(), wait)
        finally:
            unsubscribe()

    def _board_changed(self, delta: Delta) -> None:
        self._changed = True

    async def _round(self) -> None:
        if self._changed:
            self._changed = False
            self._wanted = self._find_wanted()
            for ref in self._jobs.keys() - self._wanted:
                self._jobs.pop(ref).side.close()
        clock = self._around.clock
        for ref in self._wanted:
            job = self._jobs.get(ref)
            if job is None:
                job = self._jobs[ref] = _Job(MetricsSide(self._around, ref, fetch=False))
                job.due = clock.monotonic() + FIRST
            if self._paused:
                continue
            if job.due <= clock.monotonic():
                job.due = await self._guarded(self._look(job)) + clock.monotonic()
                self._changed = self._changed or job.due == math.inf
                if job.curve:
                    job.end_due = math.inf
                elif job.end_due is None and self._runs(ref):
                    job.end_due = clock.monotonic()
            if job.end_due is not None and job.end_due <= clock.monotonic():
                job.end_due = await self._guarded(self._look_at_end(ref)) + clock.monotonic()
                self._changed = self._changed or job.end_due == math.inf

    def _find_wanted(self) -> list[JobRef]:
        """Jobs that run and tell no loss; those that ended without one, or while looked at."""
        running: list[Job] = []
        bare: list[Job] = []
        followed: list[JobRef] = []
        for entry in self._around.board.entries():
            job = entry.job
            if entry.stale or not (entry.borrowed or job.loss is None):
                continue
            if job.status is Status.RUNNING:
                running.append(job)
            elif job.status.ended:
                held = self._jobs.get(job.ref)
                if held is not None and held.next < math.inf:
                    followed.append(job.ref)
                elif job.loss is None:
                    bare.append(job)
        newest = [*nlargest(MOST, running, key=_born), *nlargest(MOST, bare, key=_born)]
        return [*followed, *(job.ref for job in newest)]

    def _runs(self, ref: JobRef) -> bool:
        entry = self._around.board.get(ref)
        return entry is not None and entry.job.status is Status.RUNNING

    async def _guarded(self, look: Awaitable[float]) -> float:
        """The seconds until the next look, also where this one failed."""
        try:
            return await look
        except TrainerError as error:
            if error.code == NO_CAPABILITY:
                return math.inf
            return max(_AFTER_FAILURE, schedule.retry_after(error, 1, 1.0))
        except Exception as error:
            self._on_bug(error)
            return math.inf

    async def _look(self, job: _Job) -> float:
        """Look at what is known of a job's curves."""
        wait = await job.side.look()
        if wait is None:
            return math.inf
        return max(wait, _PIECES) if job.side.behind or wait == 0.0 else EVERY

    async def _look_at_end(self, ref: JobRef) -> float:
        """Look at the last lines of a log that must be fetched."""
        from trainer_tui.core.logmetrics import Reader
        from trainer_tui.core.ownpatterns import own_patterns

        around, running = self._around, self._runs(ref)
        settings, facts = around.metrics(), around.facts(ref.profile)
        if not settings.from_log or Capability.LOGS not in facts.capabilities:
            return math.inf
        provider = await around.provider(ref.profile)
        if not isinstance(provider, HasLogs) or await has_log_file(provider, ref):
            return math.inf
        chunk = await provider.logs(ref.id, offset=-TAIL, limit=TAIL)
        reader = Reader(own_patterns(settings))
        if chunk.offset:
            reader.skip()
        points = [*reader.feed(chunk.data), *reader.finish()]
        last, entry = LastLosses().take(MetricsArrived(ref, points)), around.board.get(ref)
        if last is not None and entry is not None:
            progress = entry.job.progress
            step, unit = (
                (last[0], "step") if progress is None else (progress.current, progress.unit)
            )
            self._take(MetricsArrived(ref, (Metric("loss", step, last[1], unit=unit),)))
        return TAIL_EVERY if running else math.inf

    def _told(self, message: Message) -> None:
        if isinstance(message, MetricsArrived):
            job = self._jobs.get(message.ref)
            if job is not None and any(one.key in LOSSES for one in message.metrics):
                job.curve = True
            self._take(message)


def _born(job: Job) -> float:
    return job.created_at.timestamp() if job.created_at else 0.0
