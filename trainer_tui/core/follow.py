"""Following sides of a job: logs, metrics, artifacts, config, models, events.

One task a side; each begins with all there is, then tells only what is new. A failure is told
once, and again only when the reason changes; it goes on trying by itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path

from trainer_tui.config import MetricsSettings
from trainer_tui.core import schedule
from trainer_tui.core.allsides import SIDES
from trainer_tui.core.board import Board
from trainer_tui.core.clock import Clock
from trainer_tui.core.logfile.source import Gap
from trainer_tui.core.logside import LogSide
from trainer_tui.core.messages import Aspect, AspectFailed, Message
from trainer_tui.core.sides import NO_CAPABILITY, ModelsSide, Side, Surroundings
from trainer_tui.core.store import Store
from trainer_tui.errors import RateLimitError, TrainerError
from trainer_tui.model import JobRef, Status
from trainer_tui.providers.base import Facts, Provider


class _Followed:
    """One side of one job, being followed."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.bell = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Follower:
    """Everything that is shown of single jobs. Network loop only."""

    def __init__(
        self,
        store: Store,
        board: Board,
        clock: Clock,
        *,
        provider: Callable[[str], Awaitable[Provider]],
        facts: Callable[[str], Facts],
        publish: Callable[[Message], None],
        spools: Path,
        metrics: Callable[[], MetricsSettings] = lambda: MetricsSettings(from_log=False),
        chance: Callable[[], float] = random.random,
        on_bug: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self.around = Surroundings(store, board, clock, provider, facts, publish, spools, metrics)
        """What a side needs."""
        self._chance = chance
        self._on_bug = on_bug
        self._followed: dict[tuple[JobRef, Aspect], _Followed] = {}
        self._statuses: dict[JobRef, Status | None] = {}
        self._chosen: tuple[JobRef, str] | None = None
        self._turned: tuple[JobRef, int, str | None] | None = None

    def watch(self, ref: JobRef, aspects: Collection[Aspect]) -> None:
        """Begin (or begin anew) to follow sides of a job."""
        for aspect in aspects:
            self._drop((ref, aspect))
            followed = _Followed(SIDES[aspect](self.around, ref))
            self._turn(followed.side)
            self._choose(followed.side)
            self._followed[ref, aspect] = followed
            followed.task = asyncio.ensure_future(self._follow(ref, aspect, followed))
        self._statuses[ref] = self._status(ref)

    def unwatch(self, ref: JobRef, aspects: Collection[Aspect] | None = None) -> None:
        """Stop following some sides of a job, or all."""
        for key in list(self._followed):
            if key[0] == ref and (aspects is None or key[1] in aspects):
                self._drop(key)

    def turn(self, ref: JobRef, page: int, sort_by: str | None) -> None:
        """Show this page of a job's models, in this order, from now on.

        Remembered for the job that was turned last, so that it holds when the following begins
        anew.
        """
        self._turned = (ref, page, sort_by)
        followed = self._followed.get((ref, Aspect.MODELS))
        if followed is not None and self._turn(followed.side):
            followed.bell.set()

    def _turn(self, side: Side) -> bool:
        if not isinstance(side, ModelsSide) or self._turned is None:
            return False
        ref, page, sort_by = self._turned
        if side.ref != ref or (side.page, side.sort_by) == (page, sort_by):
            return False
        side.page, side.sort_by = page, sort_by
        return True

    def choose_log(self, ref: JobRef, name: str) -> None:
        """Follow this one of a job's logs from now on.

        Remembered for the job of which one was chosen last.
        """
        self._chosen = (ref, name)
        followed = self._followed.get((ref, Aspect.LOGS))
        if followed is not None and self._choose(followed.side):
            followed.bell.set()

    def _choose(self, side: Side) -> bool:
        if not isinstance(side, LogSide) or self._chosen is None or self._chosen[0] != side.ref:
            return False
        return side.choose(self._chosen[1])

    def fetch_gap(self, ref: JobRef, name: str, gap: Gap) -> None:
        """Fetch what is missing of a followed log, more of it than is fetched by itself."""
        followed = self._followed.get((ref, Aspect.LOGS))
        if followed is None or not isinstance(followed.side, LogSide):
            return
        if followed.side.name == name and followed.side.want(gap):
            followed.bell.set()

    def poke(self, refs: Iterable[JobRef], *, force: bool = False) -> None:
        """These jobs changed: look at what follows from the store now, and at all when the status
        is another."""
        for ref in refs:
            if ref not in self._statuses:
                continue  # of thousands that may change at once few are followed
            status = self._status(ref)
            moved = force or status is not self._statuses.get(ref, status)
            for (watched, _), followed in self._followed.items():
                if watched == ref and (moved or followed.side.local):
                    followed.side.fresh = moved or followed.side.fresh
                    followed.bell.set()
            self._statuses[ref] = status

    def profile_is_back(self, profile: str) -> None:
        """The service answers again: do not wait out the time after a failure."""
        for (ref, _), followed in self._followed.items():
            if ref.profile == profile:
                followed.bell.set()

    def close(self) -> None:
        """Follow nothing any more."""
        for key in list(self._followed):
            self._drop(key)

    def _status(self, ref: JobRef) -> Status | None:
        entry = self.around.board.get(ref)
        return entry.job.status if entry else None

    def _drop(self, key: tuple[JobRef, Aspect]) -> None:
        followed = self._followed.pop(key, None)
        if followed is not None and followed.task is not None:
            followed.task.cancel()
            followed.side.close()
        if not any(ref == key[0] for ref, _ in self._followed):
            self._statuses.pop(key[0], None)

    async def _follow(self, ref: JobRef, aspect: Aspect, followed: _Followed) -> None:
        clock, failures = self.around.clock, 0
        told: tuple[type[Exception], str] | None = None
        while True:
            followed.bell.clear()
            bell = followed.bell
            wait: float | None = None
            try:
                wait = await followed.side.look()
                told, failures = None, 0
            except TrainerError as error:
                failures += 1
                wait = max(5.0, schedule.retry_after(error, failures, self._chance()))
                if error.code == NO_CAPABILITY:
                    wait = None
                if isinstance(error, RateLimitError):
                    bell = asyncio.Event()  # what the service asked for is not cut short
                if (type(error), error.message) != told:
                    told = (type(error), error.message)
                    self.around.publish(AspectFailed(ref, aspect, error))
            except Exception as error:
                self._on_bug(error)
                failures += 1
                wait = schedule.LONGEST_RETRY
                fault = TrainerError(f"a fault of this program: {type(error).__name__}")
                if (type(error), str(error)) != told:
                    told = (type(error), str(error))
                    self.around.publish(AspectFailed(ref, aspect, fault))
            await clock.wait(bell, wait)
