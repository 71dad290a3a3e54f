"""One loop a profile: when to ask it, how often, and how to back off.

A loop waits for nobody but its own service, so a profile that fails or hangs never slows another.
It ends only when it is canceled.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from trainer_tui.config import PollSettings, Profile
from trainer_tui.core import schedule
from trainer_tui.core.board import Board, gone
from trainer_tui.core.clock import Clock
from trainer_tui.core.schedule import Phase
from trainer_tui.errors import NetworkError, NotFoundError, RateLimitError, TrainerError
from trainer_tui.model import Job, JobRef, Status
from trainer_tui.providers.base import Facts, Provider

T = TypeVar("T")

_TOGETHER = 0.5
"""Jobs that are due within half a second of each other are asked about in one round."""
_SECONDS_A_JOB = 0.5
"""Time allowed for each job of a round on top of twice the profile's timeout."""


@dataclass(frozen=True, slots=True)
class ProfileState:
    """How it stands with a profile, for the status bar."""

    name: str
    provider: str
    phase: Phase = "idle"
    error: TrainerError | None = None
    last_ok: datetime | None = None
    next_at: datetime | None = None
    """When it is asked again; ``None`` for not until something wakes it."""
    running: int = 0
    queued: int = 0

    def same_as(self, other: ProfileState) -> bool:
        """Whether nothing that is worth telling differs (times of successful polls are not)."""
        return self._telling() == other._telling()

    def _telling(self) -> tuple[object, ...]:
        error = self.error
        told = (type(error), error.message, error.hint, self.next_at) if error else None
        return (self.phase, told, self.running, self.queued)


@dataclass(frozen=True, slots=True)
class _Ask:
    """What one round asks."""

    known: Sequence[Job] | None
    """To be passed to ``list_jobs``; ``None``: it is not called."""
    complete: bool
    singles: set[JobRef]
    check: bool = False

    @property
    def cost(self) -> int:
        """How many requests that may be."""
        listed = 0 if self.known is None else 1 if self.complete else len(self.known)
        return listed + len(self.singles) + self.check


class Poller:
    """Keeps the board's picture of one profile fresh.

    Args:
        provider: Gives the profile's provider, opening it where needed; may raise.
        chance: Random numbers of 0 to 1, for the jitter.
        on_state: Hears of each new state worth telling.
        on_bug: Hears of exceptions that are no TrainerError.
    """

    def __init__(
        self,
        profile: Profile,
        facts: Facts,
        provider: Callable[[], Awaitable[Provider]],
        board: Board,
        clock: Clock,
        settings: PollSettings,
        *,
        chance: Callable[[], float] = random.random,
        on_state: Callable[[ProfileState], None] = lambda state: None,
        on_bug: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self.profile = profile
        self.facts = facts
        self.settings = settings
        self.state = ProfileState(profile.name, profile.provider)
        self._provider = provider
        self._board = board
        self._clock = clock
        self._chance = chance
        self._on_state = on_state
        self._on_bug = on_bug
        self._bell = asyncio.Event()
        self._asked: dict[JobRef, float] = {}
        self._listed = -float("inf")
        self._answered = False
        self._failures = 0
        self._hold_until = -float("inf")
        self._hold_hard = False
        self._gap_until = -float("inf")
        self._forced = False
        self._wanted: set[JobRef] = set()
        self._hurried: set[JobRef] = set()
        self._selected: JobRef | None = None
        self._focused = True
        self._paused = False

    async def run(self) -> None:
        """Poll until canceled."""
        self._say("paused" if self._paused else "loading")
        while True:
            self._bell.clear()
            at = self._next_at()
            now = self._clock.monotonic()
            if at is None or at > now:
                self._note_next(at)
                await self._clock.wait(self._bell, None if at is None else at - now)
                continue
            await self._round(now)

    def wake(self, ref: JobRef | None = None) -> None:
        """Ask now: all that may change, or one job even when it has ended.

        Ends the wait after a failure, but not one that the service asked for.
        """
        if ref is None:
            self._forced = True
            if self._selected is not None:
                self._wanted.add(self._selected)
        else:
            self._wanted.add(ref)
        self._bell.set()

    def reconsider(self) -> None:
        """The board changed: when to ask next may be another time now."""
        self._bell.set()

    def hurry(self, ref: JobRef, on: bool) -> None:
        """Look at a job every second, because something was asked of it."""
        if on:
            self._hurried.add(ref)
            self._wanted.add(ref)
        else:
            self._hurried.discard(ref)
        self._bell.set()

    def pause(self, on: bool) -> None:
        """Ask nothing but what is woken or hurried."""
        if on != self._paused:
            self._paused = on
            if on:
                self._say("paused")
            else:
                self._say("ok" if self._answered else "loading")
            self._bell.set()

    def focus(self, on: bool) -> None:
        """Relax while nobody looks."""
        if on != self._focused:
            self._focused = on
            self._bell.set()

    def select(self, ref: JobRef | None) -> None:
        """The job under the cursor, if it is one of this profile's."""
        ref = ref if ref is not None and ref.profile == self.profile.name else None
        if ref != self._selected:
            self._selected = ref
            self._bell.set()

    def settings_changed(self, settings: PollSettings) -> None:
        """Other intervals from now on."""
        self.settings = settings
        self._bell.set()

    # When.

    @property
    def _unproven(self) -> bool:
        """Whether it is open that the service can be reached at all."""
        return not self._answered or self._failures > 0

    def _next_at(self) -> float | None:
        now = self._clock.monotonic()
        woken = self._forced or bool(self._wanted)
        if self._hold_until > now and (self._hold_hard or not woken):
            return self._hold_until
        if woken:
            at: float | None = now
        else:
            at = min(self._due_times(), default=None)
        return None if at is None else max(at, self._gap_until)

    def _due_times(self) -> list[float]:
        if self._paused and not self._hurried:
            return []
        times = [at for _, at in self._single_times()]
        if self._paused:
            return times
        if self.facts.lists:
            times.append(self._listed + self._list_interval())
        if self._unproven:
            times.append(self._hold_until)
        return times

    def _single_times(self) -> list[tuple[Job, float]]:
        """Jobs that are asked about one by one, and when each is due."""
        found = []
        slowest = self._list_interval() if self.facts.lists and not self._paused else float("inf")
        listed = self._listed if self.facts.lists else -float("inf")
        for job in self._alone():
            hurried = job.ref in self._hurried
            if self._paused and not hurried:
                continue
            seconds = schedule.interval(
                job,
                self.settings,
                selected=job.ref == self._selected,
                hurried=hurried,
                focused=self._focused,
            )
            if seconds is not None and seconds < slowest:
                asked = max(self._asked.get(job.ref, -float("inf")), listed)
                found.append((job, asked + seconds))
        return found

    def _alone(self) -> list[Job]:
        """Jobs that may be asked about between two lists; without a list all that may change."""
        few = {*self._hurried, self._selected} if self.facts.lists else self._hurried
        entries = [self._board.get(ref) for ref in few if ref is not None]
        jobs = [entry.job for entry in entries if entry is not None]
        if not self.facts.lists:
            jobs += [j for j in self._board.open_jobs(self.profile.name) if j.ref not in few]
        return jobs

    def _list_interval(self) -> float:
        jobs = self._board.open_jobs(self.profile.name)
        return schedule.list_interval(
            jobs, self.settings, focused=self._focused, nearby=self.facts.nearby
        )

    # What.

    async def _round(self, now: float) -> None:
        ask = self._plan(now)
        self._forced, self._wanted = False, set()
        try:
            await self._carry_out(ask)
        except TrainerError as error:
            self._failed(error)
        except Exception as error:
            self._on_bug(error)
            self._failed(
                TrainerError(
                    f"a fault of this program: {type(error).__name__}",
                    hint="the details are in console.log; it goes on trying",
                )
            )
        else:
            self._succeeded()
        rest = max(schedule.MIN_GAP, ask.cost / schedule.BUDGET)
        self._gap_until = self._clock.monotonic() + rest

    def _plan(self, now: float) -> _Ask:
        name, singles = self.profile.name, self._single_times()
        if self.facts.lists:
            overdue = self._unproven or self._listed + self._list_interval() <= now
            if self._forced or (overdue and not self._paused):
                return _Ask(self._board.jobs(name), True, set())
            return _Ask(None, True, self._wanted | {job.ref for job, at in singles if at <= now})
        jobs = self._board.open_jobs(name)
        if self._forced:
            due = {job.ref for job in jobs}
        else:
            due = {job.ref for job, at in singles if at <= now + _TOGETHER}
        refs = self._wanted | due
        active = [job for job in jobs if job.ref in refs]
        if len(active) < 2:
            check = not refs and (self._forced or self._unproven)
            return _Ask(None, False, refs, check)
        return _Ask(active, False, refs - {job.ref for job in active})

    async def _carry_out(self, ask: _Ask) -> None:
        if ask.known is not None:
            known, mark = ask.known, self._board.mark()
            found = await self._within(len(known), lambda p: p.list_jobs(known))
            self._merge(found, mark, complete=ask.complete)
            if ask.complete:
                self._listed = self._clock.monotonic()
            else:
                asked = {job.ref for job in (*known, *found)}
                self._asked.update(dict.fromkeys(asked, self._clock.monotonic()))
        for ref in sorted(ask.singles):
            await self._look_at(ref)
        if ask.check:
            await self._within(1, lambda p: p.check())

    async def _look_at(self, ref: JobRef) -> None:
        mark = self._board.mark()
        try:
            job = await self._within(1, lambda p: p.get_job(ref.id))
        except NotFoundError:
            entry = self._board.get(ref)
            if entry is None:
                return
            job = entry.job if entry.job.status.ended else gone(entry.job)
        self._asked[ref] = self._clock.monotonic()
        if self._board.get(ref) is not None:
            self._merge([job], mark, complete=False)

    async def _within(self, jobs: int, ask: Callable[[Provider], Awaitable[T]]) -> T:
        """One question, with an end: a hanging service is an offline one."""
        limit = self.profile.timeout * 2 + jobs * _SECONDS_A_JOB
        try:
            async with asyncio.timeout(limit):
                return await ask(await self._provider())
        except TimeoutError as error:
            raise NetworkError(f"no answer within {limit:g} s") from error

    def _merge(self, jobs: Sequence[Job], mark: int, *, complete: bool) -> None:
        self._board.merge(self.profile.name, jobs, self._clock.now(), complete=complete, mark=mark)

    # How it went.

    def _succeeded(self) -> None:
        self._failures = 0
        self._hold_until = -float("inf")
        self._hold_hard = False
        if not self._answered and not self.facts.lists:
            # What has ended is asked about no more: as known, now that the service is there.
            ended = [j for j in self._board.jobs(self.profile.name) if j.status.ended]
            self._merge(ended, self._board.mark(), complete=False)
        self._answered = True
        now = self._clock.now()
        self.state = dataclasses.replace(self.state, last_ok=now)
        self._say("paused" if self._paused else "ok")

    def _failed(self, error: TrainerError) -> None:
        self._failures += 1
        seconds = schedule.retry_after(error, self._failures, self._chance())
        self._hold_until = self._clock.monotonic() + seconds
        self._hold_hard = isinstance(error, RateLimitError)
        self._say(schedule.phase_of(error), error, seconds)
        if self._failures == 2:
            self._board.set_stale(self.profile.name)

    def _say(
        self, phase: Phase, error: TrainerError | None = None, seconds: float | None = None
    ) -> None:
        jobs = self._board.open_jobs(self.profile.name)
        running = (Status.PREPARING, Status.RUNNING, Status.STOPPING)
        next_at = None if seconds is None else self._clock.now() + timedelta(seconds=seconds)
        told = self.state
        self.state = dataclasses.replace(
            told,
            phase=phase,
            error=error,
            next_at=next_at,
            running=sum(job.status in running for job in jobs),
            queued=sum(job.status is Status.QUEUED for job in jobs),
        )
        if not self.state.same_as(told):
            self._on_state(self.state)

    def _note_next(self, at: float | None) -> None:
        """Keep when it is asked again, for who looks; not worth telling."""
        next_at = None
        if at is not None:
            wait = timedelta(seconds=at - self._clock.monotonic())
            next_at = self._clock.now() + wait
        if self.state.error is None:
            self.state = dataclasses.replace(self.state, next_at=next_at)
