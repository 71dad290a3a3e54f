"""The curves of a followed job: what the store has, the service adds, and its log tells."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from trainer_tui.core import metricrows
from trainer_tui.core.messages import MetricsArrived
from trainer_tui.core.sides import METRICS_PIECE, Side, Surroundings
from trainer_tui.errors import RateLimitError, TrainerError
from trainer_tui.model import Capability, JobRef, Metric
from trainer_tui.providers.base import LOG, Provider
from trainer_tui.providers.capabilities import HasLogFile, HasMetrics

if TYPE_CHECKING:
    from trainer_tui.core.logpoints import LogPoints
    from trainer_tui.core.points import Points

_LOG_AFTER = 1.0
"""Seconds for which a job is followed before its log is read: not for a glance at it."""
_PIECE_OF_TIME = 0.05
_REST = 15.0
"""The rest after reading a piece of a log for its metrics takes so much longer than that did."""
_SHORT_REST = 7.0
_FAR = 32 << 20
"""Bytes behind the log's end from which the rest is short: what is printed faster than it is read
waits, but not ever more of it."""
_LOG_PAUSE = 15.0
"""Seconds until a log that could not be read is tried again."""


class MetricsSide(Side):
    """Points of the curves, told from the store: all that it has, then what is new in it.

    A service without metrics still has the points that were seen with the job's progress, and
    those in its log. Keys that the service tells are never taken from the log.

    Args:
        around: What a side needs.
        ref: The job.
        fetch: Whether a log is fetched for its points, where it is no file of this machine.
    """

    capability = Capability.METRICS

    def __init__(self, around: Surroundings, ref: JobRef, *, fetch: bool = True) -> None:
        super().__init__(around, ref)
        self._fetch = fetch
        self._cursor: int | None = None
        self._known: Mapping[str, metricrows.Key] = {}
        self._told = False
        self._held: MetricsArrived | None = None
        """The last message: whether there is more to come is known a moment later."""
        self._more = False
        """Whether the last message that went out said so."""
        self._log: LogPoints | None = None
        self._log_due: float | None = None
        """When the log is looked at next; ``None``: it was not waited for yet."""
        self._behind = False

    async def look(self) -> float | None:
        wait, spent = None, time.thread_time()
        try:
            wait = await self._look()
        finally:
            more = wait == 0.0 or self._behind
            if self._held is None and self._more and not more:
                self._tell(())  # that was all of the past
            self._send(more=more)
        return self._rest(wait, time.thread_time() - spent)

    @property
    def behind(self) -> bool:
        """Whether there is more of the log to be read already."""
        return self._behind

    def _rest(self, wait: float | None, spent: float) -> float | None:
        """Read the log no sooner than after a rest: one that is one long curve must not take the
        keys' time."""
        if self._log is None or self._log_due is None or spent <= _PIECE_OF_TIME:
            return wait
        rest = (_SHORT_REST if self._log.behind > _FAR else _REST) * spent
        self._log_due = max(self._log_due, self.around.clock.monotonic() + rest)
        return rest if self._behind and wait == 0.0 else wait

    async def _look(self) -> float | None:
        facts = self.around.facts(self.ref.profile)
        offered = self.capability in facts.capabilities
        self.local = not offered
        if self._cursor is None:
            self._cursor = self.around.store.metrics_cursor(self.ref)  # before the points
        await self._tell_new()
        self._send(more=False)  # what is known is not held up by the service
        wait = await self._ask() if offered else None
        due = await self._read_log()
        if not self._told and offered:
            self._tell((), reset=True)
        elif not self._told and due is None:
            await self.provider()  # says why there are none
        waits = [seconds for seconds in (wait, due) if seconds is not None]
        return min(waits) if waits else None

    async def _ask(self) -> float | None:
        """Ask the service for what it has since the last time."""
        store, before = self.around.store, self._cursor
        assert before is not None
        provider = cast(HasMetrics, await self.provider())
        points, cursor = await provider.metrics(self.ref.id, since=before)
        if points or cursor != before:
            await self._tell_new()  # what another program wrote meanwhile
            store.set_metrics_cursor(self.ref, cursor, points)
        self._cursor = cursor
        if cursor < before:  # the service's list of points began anew
            self._known, self._told = {}, False
        elif points and not self._replaced(now := store.metric_keys(self.ref)):
            self._known = now
            self._tell(points, reset=not self._told)
        await self._tell_new()
        return 0.0 if len(points) >= METRICS_PIECE else self.pace(2.0, 15.0)

    def _replaced(self, now: Mapping[str, metricrows.Key]) -> bool:
        """Whether points that were told are no more."""
        return any(
            key not in now or now[key].origin != held.origin for key, held in self._known.items()
        )

    async def _tell_new(self) -> None:
        """Tell what is in the store and was not told, in pieces, leaving the loop to others."""
        now = self.around.store.metric_keys(self.ref)
        anew = not self._told or self._replaced(now)
        after = metricrows.changed({} if anew else self._known, now)
        self._known = now
        if not after:
            return
        held: list[Metric | Points] = []
        count = 0
        for piece in self.around.store.points(self.ref, after):
            held += piece
            count += sum(1 if isinstance(one, Metric) else len(one) for one in piece)
            if count >= METRICS_PIECE:
                self._tell(held, reset=anew)
                held, count, anew = [], 0, False
                await asyncio.sleep(0)
        if held:
            self._tell(held, reset=anew)

    def _tell(self, points: Sequence[Metric | Points], *, reset: bool = False) -> None:
        self._told = True
        self._send(more=True)
        self._held = MetricsArrived(self.ref, tuple(points), reset)

    def _send(self, *, more: bool) -> None:
        if self._held is not None:
            self.around.publish(replace(self._held, more=more))
            self._held, self._more = None, more

    async def _read_log(self) -> float | None:
        """Take the points of the job's log; seconds until the next look, ``None``: when the job
        changes."""
        clock = self.around.clock
        logs = Capability.LOGS in self.around.facts(self.ref.profile).capabilities
        if not (logs and self.around.metrics().from_log):
            return None
        if self._log_due is None:
            self._log_due = clock.monotonic() + _LOG_AFTER
        wait = self._log_due - clock.monotonic()
        if wait > 0 and (self._log is None or not self.fresh):
            return None if wait == math.inf else wait
        self.fresh = False
        try:
            if self._log is None:
                self._log = await self._open_log()
            if self._log is None:
                self._log_due = math.inf
                return None
            found = await self._log.look()
        except RateLimitError:
            raise
        except TrainerError:  # the curves are there without it
            self._log = None  # by then the profile may be another one
            self._behind = False
            self._log_due = clock.monotonic() + _LOG_PAUSE
            return _LOG_PAUSE
        if found:
            await self._tell_new()
        self._behind = self._log.more and not self._log.complete
        if self._log.complete:
            self._log_due = math.inf
            return None
        wait = 0.0 if self._log.more else self.pace(2.0, _LOG_PAUSE) or _LOG_PAUSE
        self._log_due = clock.monotonic() + wait
        return wait

    async def _open_log(self) -> LogPoints | None:
        from trainer_tui.core.logpoints import opened

        around = self.around
        provider = await around.provider(self.ref.profile)
        if not (self._fetch or await has_log_file(provider, self.ref)):
            return None
        entry = around.board.get(self.ref)
        return await opened(
            around.store,
            self.ref,
            around.metrics(),
            provider,
            around.clock,
            lambda: self.status.ended,
            lambda: around.fetched.get((self.ref, LOG)),
            (entry.job.started_at or entry.job.created_at) if entry is not None else None,
        )


async def has_log_file(provider: Provider, ref: JobRef) -> bool:
    """Whether a job's log is a file of this machine."""
    return isinstance(provider, HasLogFile) and await provider.log_path(ref.id) is not None
