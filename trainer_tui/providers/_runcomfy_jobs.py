"""What has become of RunComfy's jobs, where there is no list of them.

Each job that has not ended is asked for its status, and for its result once when something has
changed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from trainer_tui.errors import (
    AuthError,
    NetworkError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    StateError,
    TrainerError,
    UsageError,
)
from trainer_tui.model import Job, JobRef
from trainer_tui.providers import _runcomfy_answers as answers
from trainer_tui.providers import _wire

if TYPE_CHECKING:
    from trainer_tui.providers.base import Facts
    from trainer_tui.providers.http import Http

JOBS = "/prod/v1/trainers/ai-toolkit/jobs"
_AT_ONCE = 8
_GONE_FOR = 300.0
"""Seconds for which an id that RunComfy did not know is not asked again."""
_RESULT_GOOD_FOR = 30.0
"""Seconds between two looks at the result of a job that is asked again and again."""
_LOOK_AGAIN = 180.0
"""Seconds for which an ended job that was acted upon is asked like a running one."""


class Jobs:
    """The calls that look at jobs, mixed into the provider."""

    facts: ClassVar[Facts]

    def __init__(self, http: Http, profile: str) -> None:
        self._http = http
        self._profile = profile
        self._last: dict[str, Job] = {}
        self._ask_until: dict[str, float] = {}
        self._gone_until: dict[str, float] = {}
        self._result_until: dict[str, float] = {}
        self._limited: tuple[float, RateLimitError] | None = None

    def remember(self, known: Sequence[Job]) -> None:
        """Take what was observed before: names, GPUs, times, that a config was edited."""
        for job in known:
            self._last.setdefault(job.ref.id, job)

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        """The known jobs, those that can have changed asked afresh, eight at a time.

        One job's failure keeps that job as it was. A refused credential, a lost network or a
        request to slow down ends the round: with the others' answers when there are any, and
        with the error when there are none.
        """
        self._obey_limit()
        self.remember(known)
        waiting = deque(job for job in known if self._can_have_changed(job))
        fresh: dict[str, Job] = {}
        failures: list[TrainerError] = []

        async def work() -> None:
            while waiting:
                job = waiting.popleft()
                try:
                    last = self._last.get(job.ref.id, job)
                    fresh[job.ref.id] = await self._look(job.ref.id, last)
                except NotFoundError:
                    self._gone_until[job.ref.id] = _clock() + _GONE_FOR
                    fresh[job.ref.id] = answers.gone(job)
                except UsageError:
                    fresh[job.ref.id] = answers.gone(job)
                except TrainerError as problem:
                    failures.append(problem)
                    if isinstance(problem, AuthError | NetworkError | RateLimitError):
                        waiting.clear()

        await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, len(waiting)))))
        self._judge(failures, answered=bool(fresh))
        return [fresh.get(job.ref.id, job) for job in known]

    def _judge(self, failures: Sequence[TrainerError], answered: bool) -> None:
        for problem in failures:
            if isinstance(problem, RateLimitError):
                self._limited = (_clock() + (problem.retry_after or 0.0), problem)
            if isinstance(problem, AuthError):
                raise problem
        if failures and not answered:
            raise next((f for f in failures if isinstance(f, RateLimitError)), failures[0])

    def _obey_limit(self) -> None:
        """Raise the last request to slow down again while its time has not passed."""
        if self._limited is None:
            return
        until, problem = self._limited
        left = until - _clock()
        if left <= 0:
            self._limited = None
            return
        raise RateLimitError(
            problem.message, retry_after=left, hint=problem.hint, code=problem.code
        )

    def _can_have_changed(self, job: Job) -> bool:
        now = _clock()
        if self._gone_until.get(job.ref.id, 0.0) > now:
            return False
        last = self._last.get(job.ref.id, job)
        if not (job.status.ended and last.status.ended):
            return True
        return self._ask_until.get(job.ref.id, 0.0) > now

    async def get_job(self, job_id: str) -> Job:
        """One job, asked for afresh; its result too, unless that was asked a moment ago."""
        self._gone_until.pop(job_id, None)
        old = self._result_until.get(job_id, 0.0) <= _clock()
        return await self._look(job_id, self._last.get(job_id), want_result=old)

    async def _look(self, job_id: str, previous: Job | None, want_result: bool = False) -> Job:
        path = self._path(job_id, "status")
        answer = _wire.mapping(await self._http.json("GET", path), "the status of a job")
        word = answers.raw_status(answer)
        changed = previous is None or previous.raw_status != word
        dated = previous is not None and previous.created_at is not None
        nothing_new = word == "IN_QUEUE" and dated
        result = None
        if want_result or (changed and not nothing_new):
            told = answers.read_progress(answer)
            result = await self._result_or_none(job_id, told.total if told else _total(previous))
        job = answers.build_job(
            JobRef(self._profile, job_id),
            answer,
            capabilities=self.facts.capabilities,
            previous=previous,
            result=result,
        )
        if job.status.active:
            self._ask_until.pop(job_id, None)
        self._last[job_id] = job
        return job

    async def _result_or_none(self, job_id: str, total: int | None) -> answers.Result | None:
        """The result, or ``None`` when there is none yet or RunComfy fails to give it."""
        self._result_until[job_id] = _clock() + _RESULT_GOOD_FOR
        try:
            return await self._result(job_id, total)
        except (RateLimitError, AuthError):
            raise
        except (NotFoundError, StateError, ServiceError):
            return None

    async def _result(self, job_id: str, total: int | None = None) -> answers.Result:
        if total is None:
            total = _total(self._last.get(job_id))
        return answers.read_result(
            await self._http.json("GET", self._path(job_id, "result")), total
        )

    async def _after(self, job_id: str) -> Job | None:
        """The job as it is after an act; ``None`` when it cannot be asked just now.

        An ended job is not asked in the usual round, so it is put back into it for a while.
        """
        self._ask_until[job_id] = _clock() + _LOOK_AGAIN
        try:
            return await self.get_job(job_id)
        except TrainerError:
            return None

    @staticmethod
    def _path(job_id: str, act: str) -> str:
        return f"{JOBS}/{_wire.path_id(job_id)}/{act}"


def _total(job: Job | None) -> int | None:
    return job.progress.total if job is not None and job.progress is not None else None


def _clock() -> float:
    return asyncio.get_running_loop().time()
