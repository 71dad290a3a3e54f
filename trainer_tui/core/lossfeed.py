"""The losses of running jobs that nobody looks at.

Most services tell no loss with a job's status: it is in the metrics, or in lines of the log. That
such jobs are judged too, and rules act on them, their curves are read from time to time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

from trainer_tui.config import HealthSettings
from trainer_tui.core import schedule
from trainer_tui.core.messages import Message, MetricsArrived
from trainer_tui.core.metricsside import MetricsSide
from trainer_tui.core.sides import NO_CAPABILITY, Surroundings
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef, Status

EVERY = 15.0
"""Seconds between two looks at a job, and until the first."""
MOST = 20
"""So many jobs are looked at, the newest."""
_PIECES = 0.2
"""Seconds between two pieces of what there is to catch up with: the console goes first."""
_AFTER_FAILURE = 60.0


class LossFeed:
    """Gives the points of running jobs whose loss is not told with their status. Network loop only.

    Args:
        around: What a side needs; nothing is published.
        take: Is given the points, old ones too.
        settings: What is watched for, as the config says now.
        on_bug: Is told of faults of this program.
    """

    def __init__(
        self,
        around: Surroundings,
        take: Callable[[MetricsArrived], None],
        settings: Callable[[], HealthSettings],
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._around = replace(around, publish=self._told)
        self._take, self._settings, self._on_bug = take, settings, on_bug
        self._sides: dict[JobRef, MetricsSide] = {}
        self._due: dict[JobRef, float] = {}
        self._paused = False

    def pause(self, on: bool) -> None:
        """Ask nothing, or go on."""
        self._paused = on

    async def run(self) -> None:
        """Look at one job after the other, for ever."""
        clock = self._around.clock
        while True:
            await self._round()
            due = min(self._due.values(), default=math.inf) - clock.monotonic()
            await clock.wait(asyncio.Event(), EVERY if self._paused else min(max(due, 0.0), EVERY))

    async def _round(self) -> None:
        wanted = self._wanted()
        for ref in [ref for ref in self._due if ref not in wanted]:
            del self._due[ref]
            if (side := self._sides.pop(ref, None)) is not None:
                side.close()
        for ref in wanted:
            now = self._around.clock.monotonic()
            if self._due.setdefault(ref, now + EVERY) <= now and not self._paused:
                self._due[ref] = math.inf
                self._due[ref] = await self._look(ref) + self._around.clock.monotonic()

    def _wanted(self) -> list[JobRef]:
        settings = self._settings()
        if not (settings.nan or settings.divergence or settings.plateau):
            return []
        jobs = [
            entry.job
            for entry in self._around.board.entries()
            if entry.job.status is Status.RUNNING and not entry.stale and entry.job.loss is None
        ]
        jobs.sort(key=lambda job: job.created_at.timestamp() if job.created_at else 0, reverse=True)
        return [job.ref for job in jobs[:MOST]]

    async def _look(self, ref: JobRef) -> float:
        """Look at a job; seconds until the next look."""
        side = self._sides.get(ref)
        if side is None:
            side = self._sides[ref] = MetricsSide(self._around, ref, fetch=False)
        try:
            wait = await side.look()
        except TrainerError as error:
            if error.code == NO_CAPABILITY:
                return math.inf
            return max(_AFTER_FAILURE, schedule.retry_after(error, 1, 1.0))
        except Exception as error:
            self._on_bug(error)
            return math.inf
        if wait is None:
            return math.inf
        return _PIECES if wait == 0.0 else EVERY

    def _told(self, message: Message) -> None:
        if isinstance(message, MetricsArrived):
            self._take(message)
