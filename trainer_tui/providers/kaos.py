"""kaos: bundles that are built and trained in a workspace, one model for each set of parameters.

Its reference page and its own server spell some calls differently; both spellings work here, see
:mod:`trainer_tui.providers._kaos_calls`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from trainer_tui.errors import (
    ConfigError,
    NotFoundError,
    ServiceError,
    StateError,
    UsageError,
)
from trainer_tui.model import (
    Account,
    Artifact,
    ArtifactKind,
    Capability,
    Job,
    JobRef,
    LogChunk,
    ModelPage,
    Status,
)
from trainer_tui.providers import _kaos_answers as answers
from trainer_tui.providers import _wire
from trainer_tui.providers._kaos_calls import Calls
from trainer_tui.providers._kaos_logs import WholeLogs
from trainer_tui.providers._kaos_submit import Submitting
from trainer_tui.providers.base import LOG, Context, Download, Facts, Submission

if TYPE_CHECKING:
    from trainer_tui.providers.http import Http

__all__ = ["FACTS", "Kaos", "open_provider"]

BUILD = "build"
"""The name of the log of a job's build."""

_HAS = frozenset(
    {
        Capability.CANCEL,
        Capability.SUBMIT,
        Capability.LOGS,
        Capability.ARTIFACTS,
        Capability.MODELS,
        Capability.PROVENANCE,
        Capability.PIPELINE,
        Capability.BUNDLE,
    }
)

FACTS = Facts(
    name="kaos",
    title="kaos",
    capabilities=_HAS,
    lists=True,
    needs_credential=True,
    reasons=MappingProxyType(
        {
            Capability.STOP: "kaos has no early stop; cancel kills the job.",
            Capability.RESUME: "kaos cannot resume; submit it again.",
            Capability.EDIT: "kaos cannot edit a job; submit the changed bundle as a new one.",
            Capability.DELETE: "kaos cannot delete a job; filter it out instead.",
            Capability.METRICS: "kaos keeps no curves; Models has the score of each model.",
            Capability.CONFIG: "kaos keeps no config; the source bundle is in Artifacts.",
            Capability.STAR: "kaos cannot star a model; sort them by a metric instead.",
        }
    ),
    consequences=MappingProxyType(
        {
            Capability.CANCEL: "kaos kills the job, building or running; what it was making is "
            "lost, and it cannot be resumed.",
            Capability.SUBMIT: "kaos builds the bundle and trains it on the workspace's current "
            "data and hyper-parameters, on the cluster's machines.",
        }
    ),
    waiting=MappingProxyType(
        {Capability.CANCEL: "kaos kills the job before it has begun; it cannot be resumed."}
    ),
    credential_help="Ask whoever runs your kaos for its address and a token.",
)


def open_provider(context: Context) -> Kaos:
    """The provider of a profile; no request is made yet."""
    from trainer_tui.providers.http import Http

    profile = context.profile
    if not profile.base_url:
        raise ConfigError(
            f"the profile {profile.name} has no base_url",
            hint=f'Add `base_url = "https://…"` to [profiles.{profile.name}]: your own kaos.',
        )
    http = Http(
        profile,
        service=FACTS.title,
        base_url=profile.base_url,
        credential_in="header:X-Token",
        now=context.now,
    )
    return Kaos(context, http)


class Kaos:
    """See :class:`~trainer_tui.providers.base.Provider`, and ``capabilities`` beside it."""

    facts = FACTS

    def __init__(self, context: Context, http: Http) -> None:
        self._http = http
        self._profile = context.profile
        self._cache = context.paths.cache
        self._calls = Calls(http, context.profile, _HAS)
        self._found_out: dict[str, Mapping[str, str]] = {}
        self._log = WholeLogs(self._whole_log)

    # -- looking -----------------------------------------------------------------------------

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        """All jobs of the workspace, in one request.

        A build or an ingestion that ended well is no job of its own; it is told only to who has
        seen it at work.
        """
        found = await self._calls.jobs()
        at_work = {job.ref.id for job in known if not job.status.ended}
        return [
            self._with_more(listed.job)
            for listed in found.values()
            if listed.group == "training"
            or listed.job.status is not Status.SUCCEEDED
            or listed.job.ref.id in at_work
        ]

    def _with_more(self, job: Job) -> Job:
        more = self._found_out.get(job.ref.id)
        return job.replace(extra=MappingProxyType({**job.extra, **more})) if more else job

    async def get_job(self, job_id: str) -> Job:
        """One job: as the list has it, with what is known of its models once it has ended."""
        _wire.path_id(job_id)
        listed = (await self._calls.jobs()).get(job_id)
        if listed is None:
            answer = await self._calls.info(job_id)
            ref = JobRef(self._profile.name, job_id)
            return answers.from_info(answer, ref, await self._calls.workspace(), _HAS)
        if listed.job.status.ended and listed.group == "training":
            if job_id not in self._found_out:
                self._found_out[job_id] = await self._summary(job_id)
            return self._with_more(listed.job)
        return listed.job

    async def _summary(self, job_id: str) -> Mapping[str, str]:
        """A few words about an ended job's models; nothing where they cannot be had."""
        try:
            answer = await self._calls.info(job_id)
            page = answers.models(answer, None)
        except (NotFoundError, StateError, ServiceError):
            return {}
        count = len(page.models) if page.pages == 1 else f"{page.pages} pages"
        found = {"models": str(count)}
        if page.available_metrics:
            found["metrics"] = ", ".join(page.available_metrics[:20])
        told = _wire.optional_mapping(_wire.optional_mapping(answer).get("response"))
        seconds = _wire.line(told.get("process_time"), limit=40)
        return found | ({"process time": seconds} if seconds else {})

    async def check(self) -> Account:
        """Ask for the list of jobs."""
        workspace = await self._calls.workspace()
        count = len(await self._calls.jobs())
        jobs = f"{count} job{'' if count == 1 else 's'}"
        return Account(f"kaos answers; workspace {workspace}, {jobs}", count)

    async def models(self, job_id: str, *, page: int = 0, sort_by: str | None = None) -> ModelPage:
        """A page of the job's models, best first where a metric is named.

        Raises:
            StateError: The job has not ended (``UNFINISHED_COMMIT``).
            UsageError: There is no such metric.
        """
        query: dict[str, str | int] = {"page_id": max(0, page)}
        if sort_by is not None:
            query["sort_by"] = sort_by
        try:
            answer = await self._calls.info(job_id, query)
        except ServiceError as problem:
            if problem.code != "PAGE_ERROR" or page <= 0:
                raise
            last = answers.models(await self._calls.info(job_id, {**query, "page_id": 0}), sort_by)
            if last.pages <= 1:
                return await self._with_files(job_id, last)
            answer = await self._calls.info(job_id, {**query, "page_id": last.pages - 1})
        except NotFoundError as problem:
            if problem.code != "METRIC_NOT_FOUND":
                raise
            raise UsageError(problem.message, hint=problem.hint, code=problem.code) from None
        return await self._with_files(job_id, answers.models(answer, sort_by))

    async def _with_files(self, job_id: str, page: ModelPage) -> ModelPage:
        """The models, each with the zip that it can be had as."""
        models = [
            replace(
                model,
                artifact=await self.bundle(job_id, code=False, model=True, model_id=model.id),
            )
            if _wire.is_id(model.id)
            else model
            for model in page.models
        ]
        return replace(page, models=tuple(models))

    async def pipeline(self) -> Mapping[str, str]:
        """What the workspace would train now. NotFoundError before the first deploy."""
        try:
            return answers.pipeline(await self._http.json("GET", await self._calls.path("inspect")))
        except NotFoundError as problem:
            if problem.code != "PIPELINE_NOT_FOUND":
                raise
            raise NotFoundError(
                f"nothing was deployed in the workspace {await self._calls.workspace()} yet",
                hint="Submit a bundle first.",
                code=problem.code,
            ) from None

    async def provenance(self, job_id: str, model_id: str | None = None) -> str:
        """What a model was made of, as Graphviz DOT; of the job's first one where none is named."""
        if model_id is None:
            page = await self.models(job_id)
            if not page.models:
                raise NotFoundError(f"{job_id} has no model", code="MODEL_NOT_FOUND")
            model_id = page.models[0].id
        path = await self._calls.path(_wire.path_id(model_id, "model"), "provenance")
        return answers.text(await self._http.json("GET", path), "the provenance")

    # -- acting ------------------------------------------------------------------------------

    async def submit(
        self, submission: Submission, *, accepted: Callable[[str], None] = lambda job_id: None
    ) -> Job:
        """Pack the folder that the submission names, upload it, and find the job that it became."""
        folder = self._cache / "bundles"
        job, problem = await Submitting(self._calls, folder, submission).run()
        accepted(job.ref.id)
        if problem is not None:
            raise problem
        return job

    async def cancel(self, job_id: str) -> Job | None:
        """Kill a building or running job. Raises StateError when it had ended."""
        await self._calls.kill(job_id)
        return None

    # -- what a job makes --------------------------------------------------------------------

    def log_names(self, job: Job) -> tuple[str, ...]:
        """The training's, and that of the build before it."""
        return (LOG, BUILD)

    async def logs(
        self, job_id: str, *, offset: int = 0, limit: int = 1 << 20, name: str = LOG
    ) -> LogChunk:
        """A piece of a log; kaos gives it whole each time, so a long one is asked rarely."""
        return await self._log.read((_wire.path_id(job_id), name), offset, limit)

    async def _whole_log(self, job_id: str, name: str) -> tuple[bytes, bool]:
        listed = await self._calls.recent(job_id)
        if listed is None:
            raise NotFoundError(f"kaos lists no job {job_id}", code="JOB_NOT_FOUND")
        ended = listed.job.status.ended
        if name == BUILD:
            return await self._calls.build_log(job_id), ended
        return await self._calls.log(listed), ended

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """The job's code; once it has ended also its first models, one by one, and all of it."""
        found = [await self.bundle(job_id)]
        listed = await self._calls.recent(job_id)
        if listed is None or not listed.job.status.ended or listed.group != "training":
            return found
        with contextlib.suppress(NotFoundError, StateError, ServiceError):
            page = await self.models(job_id)
            found += [model.artifact for model in page.models if model.artifact is not None]
            found.append(await self.bundle(job_id, data=True, model=True))
        return found

    async def bundle(
        self,
        job_id: str,
        *,
        code: bool = True,
        data: bool = False,
        model: bool = False,
        model_id: str | None = None,
    ) -> Artifact:
        """A zip of what is asked for; nothing is fetched yet."""
        flags = {"code": code, "data": data, "model": model}
        query = {f"include-{key}": str(value) for key, value in flags.items()}
        query |= {f"include_{key}": str(value) for key, value in flags.items()}
        words = [key for key, value in flags.items() if value]
        name = f"{job_id}-{'all' if len(words) == len(flags) else '-'.join(words)}"
        if model_id is not None:
            query["model_id"] = _wire.path_id(model_id, "model")
            name += f"-{model_id}"
        prefix = urlsplit(self._profile.base_url or "").path.rstrip("/")
        path = await self._calls.path(_wire.path_id(job_id), "bundle")
        return Artifact(
            name=f"{name}.zip",
            kind=ArtifactKind.WEIGHTS if words == ["model"] else ArtifactKind.BUNDLE,
            url=f"{prefix}{path}?{urlencode(query)}",
            own_origin=True,
        )

    async def download(
        self, artifact: Artifact, *, offset: int = 0, etag: str | None = None
    ) -> AsyncIterator[Download]:
        """Stream a bundle; from a byte offset where the server can."""
        stream = self._http.download(artifact.url, own_origin=True, offset=offset, etag=etag)
        async with contextlib.aclosing(stream):
            async for item in stream:
                yield item

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
