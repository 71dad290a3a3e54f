"""RunComfy Trainer: AI Toolkit jobs on rented GPUs.

Its API has no list of jobs, no log and no metrics, so this module asks each job that has not
ended for its status, and for its result once when something has changed.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from trainer_tui.errors import (
    AuthError,
    NetworkError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServiceError,
    StateError,
    TrainerError,
    UsageError,
)
from trainer_tui.model import Account, Artifact, Capability, Gpu, Job, JobRef, Status
from trainer_tui.providers import _runcomfy_answers as answers
from trainer_tui.providers import _wire
from trainer_tui.providers._runcomfy_datasets import Datasets
from trainer_tui.providers.base import Context, Dataset, Download, Facts, Submission

if TYPE_CHECKING:
    from trainer_tui.providers.http import Http

__all__ = ["FACTS", "Dataset", "RunComfy", "open_provider"]

_HAS = frozenset(
    {
        Capability.CANCEL,
        Capability.RESUME,
        Capability.EDIT,
        Capability.SUBMIT,
        Capability.ARTIFACTS,
        Capability.CONFIG,
    }
)

FACTS = Facts(
    name="runcomfy",
    title="RunComfy",
    capabilities=_HAS,
    lists=False,
    default_base_url="https://trainer-api.runcomfy.net",
    needs_credential=True,
    reasons=MappingProxyType(
        {
            Capability.STOP: "RunComfy has no early stop; cancel keeps the artifacts so far.",
            Capability.DELETE: "RunComfy cannot delete a job; forget drops it here.",
            Capability.LOGS: "RunComfy gives no log; its events tell what was seen of the job.",
            Capability.METRICS: "RunComfy gives no metrics; the progress is all that it tells.",
            Capability.MODELS: "RunComfy has no list of models; checkpoints are in Artifacts.",
            Capability.STAR: "RunComfy cannot star a job; w watches it here.",
            Capability.PROVENANCE: "RunComfy keeps no provenance; the config is in Config.",
            Capability.PIPELINE: "RunComfy jobs are single: there is no pipeline to show.",
            Capability.BUNDLE: "RunComfy makes no bundle; download the artifacts one by one.",
        }
    ),
    consequences=MappingProxyType(
        {
            Capability.CANCEL: "RunComfy ends the job; checkpoints and samples so far stay "
            "available, and it can be resumed.",
            Capability.RESUME: "RunComfy queues the same job again: it goes on from its newest "
            "checkpoint, or from step 0 when there is none. GPU time is billed.",
            Capability.EDIT: "RunComfy replaces the config of the job; config.name must stay as "
            "it is, and nothing runs until it is resumed.",
            Capability.SUBMIT: "RunComfy rents a GPU for the job; GPU time is billed.",
        }
    ),
    gpu_types=("ADA_80_PLUS", "HOPPER_141"),
    credential_help="Make an API token on your RunComfy profile page.",
    datasets=True,
)

_JOBS = "/prod/v1/trainers/ai-toolkit/jobs"
_AT_ONCE = 8
_GONE_FOR = 300.0
"""Seconds for which an id that RunComfy did not know is not asked again."""
_RESULT_GOOD_FOR = 30.0
"""Seconds between two looks at the result of a job that is asked again and again."""
_LOOK_AGAIN = 180.0
"""Seconds for which an ended job that was acted upon is asked like a running one."""
_STATE_WORDS = re.compile(
    r"\b(already|not (currently )?running|non-running|(while|is|still) running|status (is|of|must)|"
    r"is (still )?(in[_ ]queue|queued|stopped|finished|cancell?ed))\b",
    re.IGNORECASE,
)


def open_provider(context: Context) -> RunComfy:
    """The provider of a profile; no request is made yet."""
    from trainer_tui.providers.http import Http

    profile = context.profile
    http = Http(
        profile,
        service=FACTS.title,
        base_url=profile.base_url or FACTS.default_base_url or "",
        now=context.now,
    )
    return RunComfy(context, http)


class RunComfy(Datasets):
    """See :class:`trainer_tui.providers.base.Provider` and the capability protocols there."""

    facts = FACTS

    def __init__(self, context: Context, http: Http) -> None:
        super().__init__(http)
        self._http = http
        self._now = context.now
        self._profile = context.profile.name
        self._last: dict[str, Job] = {}
        self._ask_until: dict[str, float] = {}
        self._read: dict[str, int] = {}  # hashes of the configs that were read last
        self._gone_until: dict[str, float] = {}
        self._result_until: dict[str, float] = {}
        self._limited: tuple[float, RateLimitError] | None = None

    # -- looking -----------------------------------------------------------------------------

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
            capabilities=_HAS,
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

    async def check(self) -> Account:
        """Ask for the list of datasets: the only call that needs no job."""
        count = len(await self.list_datasets())
        return Account(f"RunComfy answers; {count} dataset{'' if count == 1 else 's'} there")

    # -- acting ------------------------------------------------------------------------------

    async def submit(
        self, submission: Submission, *, accepted: Callable[[str], None] = lambda job_id: None
    ) -> Job:
        """Submit a config; RunComfy names the job after its ``config.name``.

        The request is sent once. When its answer is lost the error says that the job may exist.
        """
        gpu = _gpu(submission.gpu_type or FACTS.gpu_types[0], submission.gpu_count)
        body: dict[str, object] = {**_config(submission.config_text), "gpu_type": gpu.type}
        if submission.gpu_count is not None:
            body["gpu_count"] = gpu.count
        failure: TrainerError
        try:
            answer = _wire.mapping(await self._http.json("POST", _JOBS, body=body), "the answer")
            job_id = answer.get("id")
            if isinstance(job_id, str) and _wire.is_id(job_id):
                accepted(job_id)
                return self._submitted(job_id, answer, gpu)
            failure = ProtocolError("the answer to the submit names no job")
        except TrainerError as problem:
            failure = problem
        raise self._perhaps_submitted(failure)

    def _submitted(self, job_id: str, answer: Mapping[str, Any], gpu: Gpu) -> Job:
        name = _wire.line(answer.get("name"), limit=300)
        job = Job(
            ref=JobRef(self._profile, job_id),
            provider=FACTS.name,
            name=name or job_id,
            status=Status.QUEUED,
            raw_status="IN_QUEUE",
            created_at=self._now(),
            gpu=gpu,
            config_name=name,
            checkpoint_step=0,
            allowed=answers.allowed(Status.QUEUED, _HAS, False),
        )
        self._last[job_id] = job
        return job

    def _perhaps_submitted(self, problem: TrainerError) -> TrainerError:
        """The error of a submit; where the request may have been carried out it says so."""
        unsent = ("CONNECT", "CONNECT_TIMEOUT", "TLS")
        lost = isinstance(problem, NetworkError) and problem.code not in unsent
        unread = isinstance(problem, ProtocolError)
        gateway = isinstance(problem, ServiceError) and problem.status in (500, 502, 503, 504)
        if isinstance(problem, RateLimitError) or not (lost or unread or gateway):
            return problem
        return NetworkError(
            f"{problem.message}. The job may have been made all the same.",
            title="Submitted, perhaps",
            hint="Look at the Trainer page of RunComfy before you submit again; if it is there, "
            f"`trainer-tui track {self._profile} ID` brings it here.",
            code="PERHAPS_SUBMITTED",
        )

    async def cancel(self, job_id: str) -> Job | None:
        """Cancel a queued or running job; what it has made stays."""
        answer = await self._act(job_id, "cancel", None)
        word = answers.raw_status(answer)
        if answers.has_ended(word) and answers.meaning(word, None, None) is not Status.CANCELED:
            raise StateError("it had already ended", code=word)
        return await self._after(job_id)

    async def resume(
        self, job_id: str, *, gpu_type: str | None = None, gpu_count: int | None = None
    ) -> Job | None:
        """Queue the same job again, from its newest checkpoint, on the GPU that is named."""
        body: dict[str, object] = {}
        gpu = self._last[job_id].gpu if job_id in self._last else None
        if gpu_type or gpu_count is not None:
            wanted = _gpu(gpu_type or (gpu.type if gpu else FACTS.gpu_types[0]), gpu_count)
            body["gpu_type"] = wanted.type
            if gpu_count is not None:
                body["gpu_count"] = wanted.count
            gpu = wanted
        await self._act(job_id, "resume", body)
        if job_id in self._last:
            self._last[job_id] = self._last[job_id].replace(gpu=gpu)
        return await self._after(job_id)

    async def edit(
        self, job_id: str, config_text: str, *, base_text: str | None = None
    ) -> Job | None:
        """Replace the config of a job that does not run.

        RunComfy itself notices no conflict: the config is asked for once more, and one that is
        neither what the edit began from nor what was read here last is somebody else's.

        Raises:
            StateError: The job runs; or (``CONFLICT``) the config has changed meanwhile.
        """
        read = self._read.get(job_id)
        if base_text is not None and read is not None:
            try:
                now = await self._config(job_id)
            except TrainerError:
                now = base_text  # nothing is known against it
            if hash(now) not in (read, hash(base_text)):
                raise StateError(
                    "the config at RunComfy has changed since this edit began",
                    hint="Your text is kept as a draft; compare the two before you send it.",
                    code="CONFLICT",
                )
        await self._act(job_id, "edit", _config(config_text))
        job = await self._after(job_id)
        if job is not None and job.status.ended:
            extra = {**job.extra, answers.EDITED: "resume runs it with the new config"}
            job = job.replace(
                extra=MappingProxyType(extra), allowed=answers.allowed(job.status, _HAS, True)
            )
            self._last[job_id] = job
        return job

    async def _act(self, job_id: str, act: str, body: object) -> Mapping[str, Any]:
        """POST an act. A refusal whose words are about the job's state becomes a StateError."""
        path = self._path(job_id, act)
        try:
            answer = await self._http.json("POST", path, body=body)
            return _wire.mapping(answer, "the answer")
        except StateError as problem:
            failure = problem
        except ServiceError as problem:
            refused = problem.status in (400, 422) or (problem.code or "").startswith("4")
            if not (refused and _STATE_WORDS.search(problem.message)):
                raise
            failure = StateError(problem.message, hint=problem.hint, code=problem.code)
        failure.hint = failure.hint or _STATE_HINTS.get(act)
        raise failure

    async def _after(self, job_id: str) -> Job | None:
        """The job as it is after an act; ``None`` when it cannot be asked just now.

        An ended job is not asked in the usual round, so it is put back into it for a while.
        """
        self._ask_until[job_id] = _clock() + _LOOK_AGAIN
        try:
            return await self.get_job(job_id)
        except TrainerError:
            return None

    # -- files -------------------------------------------------------------------------------

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """Checkpoints, the resolved config and samples, as far as they exist by now."""
        result = await self._result(job_id)
        held = self._last.get(job_id)
        if held is not None and result.checkpoint_step is not None:
            self._last[job_id] = held.replace(checkpoint_step=result.checkpoint_step)
        return result.artifacts

    async def config_text(self, job_id: str) -> str:
        """The resolved config. Its host gets no credential; an expired address is asked anew."""
        text = await self._config(job_id)
        self._read[job_id] = hash(text)
        return text

    async def _config(self, job_id: str) -> str:
        for attempt in range(2):
            url = (await self._result(job_id)).config_url
            if url is None:
                break
            try:
                data = await self._http.fetch(url)
            except NotFoundError as problem:
                if problem.code != "URL_EXPIRED" or attempt:
                    raise
            else:
                return data.decode("utf-8", errors="replace")
        raise NotFoundError(
            "RunComfy has no config of this job to give yet",
            hint="It appears once the job has started.",
            code="NO_CONFIG",
        )

    async def download(
        self, artifact: Artifact, *, offset: int = 0, etag: str | None = None
    ) -> AsyncIterator[Download]:
        """Stream an artifact from its own host, without the credential."""
        stream = self._http.download(artifact.url, offset=offset, etag=etag)
        try:
            async for item in stream:
                yield item
        finally:
            await stream.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @staticmethod
    def _path(job_id: str, act: str) -> str:
        return f"{_JOBS}/{_wire.path_id(job_id)}/{act}"


_STATE_HINTS = {
    "cancel": "There is nothing left to cancel; its artifacts can be downloaded.",
    "resume": "Only a job that does not run can be resumed.",
    "edit": "Cancel the job first, then edit it, then resume it.",
}


def _config(text: str) -> dict[str, object]:
    return {"config_file_format": "yaml", "config_file": text}


def _gpu(kind: str, count: int | None) -> Gpu:
    """A GPU choice. Raises UsageError for a count that RunComfy does not offer."""
    if count not in (None, 1, 8):
        raise UsageError(
            f"RunComfy rents 1 or 8 GPUs, not {count}", hint="Use --gpu-count 1 or --gpu-count 8."
        )
    if count == 8 and kind == "HOPPER_141":
        raise UsageError(
            "RunComfy offers 8 GPUs as ADA_80_PLUS only, not as HOPPER_141",
            hint="Use --gpu-type ADA_80_PLUS, or one GPU.",
        )
    return Gpu(kind, count or 1)


def _total(job: Job | None) -> int | None:
    return job.progress.total if job is not None and job.progress is not None else None


def _clock() -> float:
    return asyncio.get_running_loop().time()
