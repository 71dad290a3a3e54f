"""RunComfy Trainer: AI Toolkit jobs on rented GPUs.

Its API has no list of jobs, no log and no metrics; how what is there is asked for is in
:mod:`~trainer_tui.providers._runcomfy_jobs`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from trainer_tui.errors import (
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
from trainer_tui.providers._runcomfy_jobs import JOBS, Jobs
from trainer_tui.providers.base import Context, Download, Facts, Submission

if TYPE_CHECKING:
    from trainer_tui.providers.http import Http

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
            Capability.STAR: "RunComfy has no list of models, and so none to star.",
            Capability.PROVENANCE: "RunComfy keeps no provenance; it has the job's config.",
            Capability.PIPELINE: "RunComfy jobs are single: there is no pipeline to show.",
            Capability.BUNDLE: "RunComfy makes no bundle; download the artifacts one by one.",
        }
    ),
    consequences=MappingProxyType(
        {
            Capability.CANCEL: "RunComfy ends the job; checkpoints and samples so far stay "
            "available, and it can be resumed.",
            Capability.RESUME: "RunComfy queues the same job again; GPU time is billed.",
            Capability.EDIT: "RunComfy replaces the config; config.name must stay as it is, and "
            "nothing runs until the job is resumed.",
            Capability.SUBMIT: "RunComfy rents a GPU for the job; GPU time is billed.",
        }
    ),
    waiting=MappingProxyType(
        {Capability.CANCEL: "RunComfy takes the job out of its queue; it can be resumed."}
    ),
    gpu_types=("ADA_80_PLUS", "HOPPER_141"),
    credential_help="Make an API token on your RunComfy profile page.",
    datasets=True,
)

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


class RunComfy(Jobs, Datasets):
    """See :class:`~trainer_tui.providers.base.Provider`, and ``capabilities`` beside it."""

    facts = FACTS

    def __init__(self, context: Context, http: Http) -> None:
        Jobs.__init__(self, http, context.profile.name)
        Datasets.__init__(self, http)
        self._now = context.now
        self._read: dict[str, int] = {}  # hashes of the configs that were read last

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
            answer = _wire.mapping(await self._http.json("POST", JOBS, body=body), "the answer")
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
