"""Doing what was asked of a job: intent → call → observed.

Asked → acknowledged → observed: an act is *asked* when the person confirms it, *acknowledged* when
the service accepts it, *observed* when the job is seen to have changed. The board shows which.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack, cast
from weakref import WeakValueDictionary

from trainer_tui.core import pastwork
from trainer_tui.core.acts import (
    Act,
    Outcome,
    ended_already,
    resume_point,
    star_refused,
    why_not,
)
from trainer_tui.core.board import Board, Pending, gone, unseen
from trainer_tui.core.clock import Clock
from trainer_tui.core.observing import Hurrier, Observers, observed
from trainer_tui.core.store import Store
from trainer_tui.errors import NotFoundError, StateError, TrainerError, UsageError
from trainer_tui.model import Event, EventKind, Job, JobRef
from trainer_tui.providers.base import Facts, Provider, Submission
from trainer_tui.providers.capabilities import (
    CanCancel,
    CanDelete,
    CanEdit,
    CanForgoRefund,
    CanResume,
    CanStar,
    CanStop,
    CanSubmit,
)

AT_ONCE = 6
"""Acts that are asked of one profile at once: of its ten connections some stay for the poller."""


@dataclass(frozen=True, slots=True)
class Params:
    """What an act needs besides the job."""

    config_text: str | None = None
    base_text: str | None = None
    gpu_type: str | None = None
    gpu_count: int | None = None
    model_id: str | None = None
    """Which of the job's models, for a star."""
    starred: bool = True
    """Whether the star is put on or taken off."""
    without_refund: bool = False
    """Cancel also where nothing is paid back (``NO_REFUND``)."""


class Wishes(TypedDict, total=False):
    """The same as keyword arguments; see :class:`Params`."""

    config_text: str | None
    base_text: str | None
    gpu_type: str | None
    gpu_count: int | None
    model_id: str | None
    starred: bool
    without_refund: bool


class Actions:
    """Carries out acts; used by the runtime and, without a poller, by the command line.

    Acts on one job run one after the other, acts on different jobs at once. An act that was begun
    runs to its end even when who asked for it is canceled.

    Args:
        hurrier: Watches the job until the act is observed; ``None``: an act ends when it is
            acknowledged.
        observe_within: Seconds after which an act that is not observed is called late.
        read_only: Why nothing may be written to a profile, or ``None``.
    """

    def __init__(
        self,
        store: Store,
        board: Board,
        clock: Clock,
        *,
        provider: Callable[[str], Awaitable[Provider]],
        facts: Callable[[str], Facts],
        hurrier: Hurrier | None = None,
        observe_within: float = 60.0,
        read_only: Callable[[str], str | None] = lambda profile: None,
        on_done: Callable[[Outcome], None] = lambda outcome: None,
        on_bug: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._provider = provider
        self._facts = facts
        self._hurrier = hurrier
        self._observers = (
            Observers(board, clock, hurrier, observe_within, self._note) if hurrier else None
        )
        self._read_only = read_only
        self._on_done = on_done
        self._on_bug = on_bug
        # A lock lives as long as an act that holds it or waits for it.
        self._locks: WeakValueDictionary[JobRef, asyncio.Lock] = WeakValueDictionary()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._calls: set[asyncio.Task[Outcome]] = set()

    async def perform(self, act: Act, job: Job, **wishes: Unpack[Wishes]) -> Outcome:
        """Ask an act of a job; never raises a TrainerError, the outcome carries it."""
        return await self._detached(self._perform(act, job, Params(**wishes)))

    async def submit(self, profile: str, submission: Submission) -> Outcome:
        """Ask for a new job; its id is in the store before anything else happens."""
        if submission.token is None:
            submission = dataclasses.replace(submission, token=os.urandom(16).hex())
        return await self._detached(self._submit(profile, submission))

    def observe_for(self, seconds: float) -> None:
        """Another time after which an act is called late."""
        if self._observers is not None:
            self._observers.within = seconds

    @property
    def busy(self) -> int:
        """How many acts are being asked right now."""
        return len(self._calls)

    async def finish(self, timeout: float) -> None:
        """Let acts in flight come to their end within the time; observing ends at once."""
        if self._observers is not None:
            self._observers.close()
        if self._calls:
            await asyncio.wait(self._calls, timeout=timeout)

    async def _detached(self, act: Coroutine[Any, Any, Outcome]) -> Outcome:
        task = asyncio.ensure_future(act)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        outcome = await asyncio.shield(task)
        return outcome

    async def _perform(self, act: Act, job: Job, params: Params) -> Outcome:
        lock = self._locks.setdefault(job.ref, asyncio.Lock())
        async with lock:
            entry = self._board.get(job.ref)
            job = entry.job if entry is not None else job
            outcome = await self._guarded(act, job, lambda: self._carry_out(act, job, params))
        self._on_done(outcome)
        return outcome

    async def _guarded(self, act: Act, job: Job, call: Callable[[], Awaitable[Outcome]]) -> Outcome:
        try:
            return await call()
        except TrainerError as error:
            return await self._failed(act, job, error)
        except Exception as error:
            self._on_bug(error)
            fault = TrainerError(
                f"a fault of this program: {type(error).__name__}",
                hint="the details are in console.log",
            )
            return await self._failed(act, job, fault)

    async def _carry_out(self, act: Act, job: Job, params: Params) -> Outcome:
        reason = why_not(
            job,
            act,
            self._facts(job.ref.profile),
            read_only=self._read_only(job.ref.profile) or False,
        )
        if reason is not None:
            return Outcome(job.ref, act, False, reason, StateError(reason), job)
        if act is Act.FORGET:
            self._drop(job.ref)
            return Outcome(job.ref, act, True, f"{job.name} is forgotten here")
        if act is Act.STAR:
            return await self._star(job, params)
        assert act.capability is not None
        if self._observers is not None:
            self._observers.drop(job.ref)
        asked = Pending(act.capability, "asked", self._clock.now())
        self._board.set_pending(job.ref, asked)
        self._note(job.ref, EventKind.ACT, f"{act} asked")
        provider = await self._provider(job.ref.profile)
        async with self._turns.setdefault(job.ref.profile, asyncio.Semaphore(AT_ONCE)):
            answer = await _call(provider, act, job, params)
        self._note(job.ref, EventKind.ACT, f"{act} accepted")
        if params.config_text is not None:
            pastwork.remember(self._store, job.ref, params.config_text)
        if act is Act.DELETE:
            self._drop(job.ref)
            return Outcome(job.ref, act, True, f"{job.name} is deleted")
        self._board.set_pending(job.ref, dataclasses.replace(asked, phase="acknowledged"))
        if answer is not None:
            self._take_in(answer)
        if (
            act is Act.EDIT
            or (answer is not None and observed(act, job, answer))
            or self._observers is None
        ):
            self._board.clear_pending(job.ref)
        else:
            self._observers.begin(act, job)
        if self._hurrier is not None:
            self._hurrier.wake(job.ref)
        return Outcome(job.ref, act, True, _accepted(act, job), job=answer or job)

    async def _star(self, job: Job, params: Params) -> Outcome:
        """Put a star on a model, or take it off. The row of the job has no part in it: it is
        observed where the models are seen."""
        if params.model_id is None:
            raise UsageError("a star needs the model that it is for")
        word = "star" if params.starred else "unstar"
        self._note(job.ref, EventKind.ACT, f"{word} of {params.model_id} asked")
        provider = cast(CanStar, await self._provider(job.ref.profile))
        try:
            model = await provider.star(job.ref.id, params.model_id, params.starred)
        except TrainerError as error:
            message = star_refused(params.model_id, error)
            self._note(job.ref, EventKind.ERROR, f"{word} not possible: {message}")
            return Outcome(job.ref, Act.STAR, False, message, error, job, params.model_id)
        self._note(job.ref, EventKind.ACT, f"{word} of {params.model_id} accepted")
        name = model.name if model is not None else params.model_id
        message = f"{name}: {word} was accepted"
        if model is not None and model.starred is params.starred:
            message = f"{name} is {'starred' if params.starred else 'not starred any more'}"
        return Outcome(job.ref, Act.STAR, True, message, None, job, params.model_id)

    async def _failed(self, act: Act, job: Job, error: TrainerError) -> Outcome:
        self._board.clear_pending(job.ref)
        if isinstance(error, StateError | NotFoundError):
            fresh = await self._refreshed(job)
            if fresh is not None:
                late = act in {Act.CANCEL, Act.STOP} and fresh.status.ended
                message = ended_already(fresh) if late else error.message
                self._note(job.ref, EventKind.ACT, f"{act} not possible: {message}")
                return Outcome(job.ref, act, False, message, error, fresh)
        message = f"{act} failed: {error.message}"
        self._note(job.ref, EventKind.ERROR, message)
        return Outcome(job.ref, act, False, message, error, job)

    async def _refreshed(self, job: Job) -> Job | None:
        """The job as the service has it now; ``None`` when that cannot be had."""
        try:
            provider = await self._provider(job.ref.profile)
            fresh = await provider.get_job(job.ref.id)
        except NotFoundError:
            if not job.status.ended:
                self._take_in(gone(job))
            return None
        except TrainerError:
            return None
        except Exception as error:
            self._on_bug(error)
            return None
        self._take_in(fresh)
        return fresh

    async def _submit(self, profile: str, submission: Submission) -> Outcome:
        known: list[JobRef] = []
        provider_name = ""

        def accepted(job_id: str) -> None:
            ref = JobRef(profile, job_id)
            known.append(ref)
            self._store.track(ref, provider_name, name=submission.name, source="submitted")

        nowhere = JobRef(profile, "new")
        try:
            facts = self._facts(profile)
            provider_name = facts.name
            blank = unseen(nowhere, facts.name)
            reason = why_not(blank, Act.SUBMIT, facts, read_only=self._read_only(profile) or False)
            if reason is not None:
                refused = Outcome(nowhere, Act.SUBMIT, False, reason, StateError(reason))
                self._on_done(refused)
                return refused
            provider = await self._provider(profile)
            job = await cast(CanSubmit, provider).submit(submission, accepted=accepted)
            if not known:
                accepted(job.ref.id)
            self._take_in(job)
            self._note(job.ref, EventKind.ACT, "submitted")
            pastwork.remember(self._store, job.ref, submission.config_text)
            if self._hurrier is not None:
                self._hurrier.wake(job.ref)
            outcome = Outcome(
                job.ref, Act.SUBMIT, True, f"{job.name} was accepted as {job.ref}", job=job
            )
        except TrainerError as error:
            outcome = self._not_submitted(nowhere, known, provider_name, error)
        except Exception as error:
            self._on_bug(error)
            fault = TrainerError(f"a fault of this program: {type(error).__name__}")
            outcome = self._not_submitted(nowhere, known, provider_name, fault)
        self._on_done(outcome)
        return outcome

    def _not_submitted(
        self, nowhere: JobRef, known: list[JobRef], provider: str, error: TrainerError
    ) -> Outcome:
        if not known:
            return Outcome(nowhere, Act.SUBMIT, False, f"submit failed: {error.message}", error)
        job = unseen(known[0], provider)
        self._board.load([job])
        if self._hurrier is not None:
            self._hurrier.wake(job.ref)
        message = f"it was accepted as {job.ref}, but then: {error.message}"
        self._note(job.ref, EventKind.ACT, f"submitted; {error.message}")
        return Outcome(job.ref, Act.SUBMIT, True, message, error, job)

    # What is written down.

    def _take_in(self, job: Job) -> None:
        self._board.merge(job.ref.profile, [job], self._clock.now(), complete=False)

    def _drop(self, ref: JobRef) -> None:
        self._store.forget(ref)
        self._board.remove([ref])

    def _note(self, ref: JobRef, kind: EventKind, text: str) -> None:
        try:
            self._store.add_event(Event(ref, self._clock.now(), kind, text))
        except TrainerError as error:
            self._on_bug(error)  # the act matters more than its note


async def _call(provider: Provider, act: Act, job: Job, params: Params) -> Job | None:
    match act:
        case Act.CANCEL:
            if params.without_refund and isinstance(provider, CanForgoRefund):
                return await provider.cancel_without_refund(job.ref.id)
            return await cast(CanCancel, provider).cancel(job.ref.id)
        case Act.STOP:
            return await cast(CanStop, provider).stop(job.ref.id)
        case Act.RESUME:
            return await cast(CanResume, provider).resume(
                job.ref.id, gpu_type=params.gpu_type, gpu_count=params.gpu_count
            )
        case Act.EDIT:
            if params.config_text is None:
                raise UsageError("an edit needs the new config")
            return await cast(CanEdit, provider).edit(
                job.ref.id, params.config_text, base_text=params.base_text
            )
        case Act.DELETE:
            await cast(CanDelete, provider).delete(job.ref.id)
            return None
        case _:
            raise UsageError(f"{act} cannot be asked of a job at {provider.facts.title}")


def _accepted(act: Act, job: Job) -> str:
    match act:
        case Act.CANCEL:
            return f"{job.name}: cancel was accepted"
        case Act.STOP:
            return f"{job.name}: stop was accepted"
        case Act.RESUME:
            return f"{job.name}: resume was accepted; it {resume_point(job)}"
        case Act.EDIT:
            return f"{job.name}: the new config was accepted"
        case _:
            return f"{job.name}: {act} was accepted"
