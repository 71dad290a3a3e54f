"""kaos: bundles that are built and trained in a workspace, one model for each set of parameters.

Its reference page and its own server spell some calls differently. Both spellings work here and
nobody has to say which: where one is not known, the other is tried, and what worked is remembered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from trainer_tui.errors import (
    ConfigError,
    NetworkError,
    NotFoundError,
    ProtocolError,
    ServiceError,
    StateError,
    TrainerError,
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
from trainer_tui.providers import _kaos_bundle, _wire
from trainer_tui.providers._kaos_logs import WholeLogs
from trainer_tui.providers.base import Context, Download, Facts, Submission

if TYPE_CHECKING:
    from trainer_tui.providers.http import Http

__all__ = ["FACTS", "Kaos", "open_provider"]

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
    credential_help="Ask whoever runs your kaos for its address and a token.",
)

_LOG_LIMIT = 128 << 20
_LIST_GOOD_FOR = 3.0
"""Seconds for which a log need not ask again whether its job has ended."""
_SLOWEST = 64 * 1024
"""Bytes a second below which an upload is given up."""
_LOOKS = (0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
"""Seconds between looks for the job that was just made."""
_SURE_AFTER = 4
"""Looks after which a lone new job is taken for ours though nothing in its log says so."""


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
    """See :class:`trainer_tui.providers.base.Provider` and the capability protocols there."""

    facts = FACTS

    def __init__(self, context: Context, http: Http) -> None:
        self._http = http
        self._profile = context.profile
        self._cache = context.paths.cache
        self._workspace = context.profile.workspace
        self._info_by = "POST"
        self._kill_slash = "/"
        self._seen: dict[str, answers.Listed] = {}
        self._seen_at = float("-inf")
        self._found_out: dict[str, Mapping[str, str]] = {}
        self._log = WholeLogs(self._whole_log)

    # -- looking -----------------------------------------------------------------------------

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        """All jobs of the workspace, in one request.

        A build or an ingestion that ended well is no job of its own; it is told only to who has
        seen it at work.
        """
        found = await self._list()
        at_work = {job.ref.id for job in known if not job.status.ended}
        return [
            self._with_more(listed.job)
            for listed in found.values()
            if listed.group == "training"
            or listed.job.status is not Status.SUCCEEDED
            or listed.job.ref.id in at_work
        ]

    async def _list(self) -> dict[str, answers.Listed]:
        workspace = await self._in_workspace()
        answer = await self._http.json("GET", await self._path())
        self._seen = answers.listing(answer, self._profile.name, workspace, _HAS)
        self._seen_at = time.monotonic()
        return self._seen

    def _with_more(self, job: Job) -> Job:
        more = self._found_out.get(job.ref.id)
        return job.replace(extra=MappingProxyType({**job.extra, **more})) if more else job

    async def get_job(self, job_id: str) -> Job:
        """One job: as the list has it, with what is known of its models once it has ended."""
        _wire.path_id(job_id)
        listed = (await self._list()).get(job_id)
        if listed is None:
            answer = await self._info(job_id)
            ref = JobRef(self._profile.name, job_id)
            return answers.from_info(answer, ref, await self._in_workspace(), _HAS)
        if listed.job.status.ended and listed.group == "training":
            if job_id not in self._found_out:
                self._found_out[job_id] = await self._summary(job_id)
            return self._with_more(listed.job)
        return listed.job

    async def _summary(self, job_id: str) -> Mapping[str, str]:
        """A few words about an ended job's models; nothing where they cannot be had."""
        try:
            answer = await self._info(job_id)
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
        workspace = await self._in_workspace()
        count = len(await self._list())
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
            answer = await self._info(job_id, query)
        except ServiceError as problem:
            if problem.code != "PAGE_ERROR" or page <= 0:
                raise
            last = answers.models(await self._info(job_id, {**query, "page_id": 0}), sort_by)
            if last.pages <= 1:
                return last
            answer = await self._info(job_id, {**query, "page_id": last.pages - 1})
        except NotFoundError as problem:
            if problem.code != "METRIC_NOT_FOUND":
                raise
            raise UsageError(problem.message, hint=problem.hint, code=problem.code) from None
        return answers.models(answer, sort_by)

    async def _info(self, job_id: str, query: Mapping[str, str | int] | None = None) -> Any:
        """What kaos tells of a job: by POST as documented, or by GET as its server has it."""
        path = await self._path(_wire.path_id(job_id))
        other = "GET" if self._info_by == "POST" else "POST"
        for method in (self._info_by, other):
            try:
                answer = await self._http.json(method, path, params=query)
            except TrainerError as problem:
                if method != other and _no_such_route(problem):
                    continue
                if problem.code in answers.SAID:
                    self._info_by = method
                if problem.code == "UNFINISHED_COMMIT":
                    raise StateError(
                        "kaos tells of a job's models when the job has ended",
                        hint="Logs shows what it does meanwhile.",
                        code=problem.code,
                    ) from None
                raise
            self._info_by = method
            return answer
        raise ProtocolError("kaos knows neither way to ask for a job")

    async def pipeline(self) -> Mapping[str, str]:
        """What the workspace would train now. NotFoundError before the first deploy."""
        try:
            return answers.pipeline(await self._http.json("GET", await self._path("inspect")))
        except NotFoundError as problem:
            if problem.code != "PIPELINE_NOT_FOUND":
                raise
            raise NotFoundError(
                f"nothing was deployed in the workspace {await self._in_workspace()} yet",
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
        path = await self._path(_wire.path_id(model_id, "model"), "provenance")
        return answers.text(await self._http.json("GET", path), "the provenance")

    # -- acting ------------------------------------------------------------------------------

    async def submit(
        self, submission: Submission, *, accepted: Callable[[str], None] = lambda job_id: None
    ) -> Job:
        """Pack the folder that the submission names, upload it, and find the job that it became.

        kaos does not say which job it makes: it is the one that is new in the list, and of several
        the one whose log names what was uploaded.
        """
        wanted = await asyncio.to_thread(_kaos_bundle.read, submission)
        token = os.urandom(6).hex()
        before = set(await self._list())
        user = {"user": wanted.query["user"]} if "user" in wanted.query else {}
        glob = await self._upload(
            await self._path(), wanted.bundle, wanted.query, token, submission, code=True
        )
        problem: TrainerError | None = None
        try:
            if wanted.data is not None:
                path = await self._path("features", below="/data")
                await self._upload(path, wanted.data, user, token, submission, code=False)
            if wanted.params is not None:
                path = await self._path("params", below="/data")
                form = {"data": ("params.json", wanted.params, "application/json")}
                self._http.parse(await self._http.ask("POST", path, files=form, params=user))
        except TrainerError as error:
            problem = error
        job = await self._new_job(before, glob)
        accepted(job.ref.id)
        if problem is not None:
            raise problem
        return job

    async def _upload(
        self,
        path: str,
        source: Path,
        query: Mapping[str, str | int],
        token: str,
        submission: Submission,
        *,
        code: bool,
    ) -> str:
        """Send a folder as a zip, from the disk; gives what tells this version of it apart."""
        packing = _kaos_bundle.zipped(source, self._cache / "bundles", token, code=code)
        archive = await asyncio.to_thread(packing.__enter__)
        try:
            with archive.open("rb") as file:
                size = archive.stat().st_size
                counted = _kaos_bundle.Counted(file, size, submission.moved)
                form = {"data": (f"{source.stem}.zip", counted, "application/zip")}
                seconds = self._profile.timeout * 3 + size / _SLOWEST
                answer = await self._http.ask("POST", path, files=form, params=query, total=seconds)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise TrainerError(f"the bundle cannot be read: {why}") from error
        except TrainerError as problem:
            raise _perhaps_submitted(problem) if code else problem from None
        finally:
            await asyncio.to_thread(packing.__exit__, None, None, None)
        told = _wire.optional_mapping(self._http.parse(answer)).get("glob_name")
        return str(told).rpartition(":")[2] if isinstance(told, str) else ""

    async def _new_job(self, before: set[str], commit: str) -> Job:
        """The job that an upload became, found by listing."""
        fresh: list[answers.Listed] = []
        for look, pause in enumerate(_LOOKS):
            await asyncio.sleep(pause)
            try:
                fresh = [each for key, each in (await self._list()).items() if key not in before]
            except ServiceError:
                continue  # it has our bundle: a hiccup now must not make it seem lost
            ours = [each for each in fresh if await self._names(each, commit)]
            if ours:
                return max(ours, key=lambda each: each.job.ref.id).job
            if len(fresh) == 1 and look >= _SURE_AFTER:
                return fresh[0].job
        ids = ", ".join(each.job.ref.id for each in fresh[:5])
        if fresh:
            raise StateError(
                f"the bundle was accepted; several new jobs are there now: {ids}",
                title="Submitted; which one is it?",
                hint="Others submitted at the same time. Look at their logs before you kill one.",
                code="SEVERAL_NEW_JOBS",
            )
        raise StateError(
            "the bundle was accepted, and no new job has appeared in the list yet",
            title="Submitted, not seen yet",
            hint="It will be listed when kaos begins with it; do not submit it again.",
            code="NO_NEW_JOB",
        )

    async def _names(self, listed: answers.Listed, commit: str) -> bool:
        """Whether a job's log names what was uploaded."""
        if len(commit) < 8:
            return False
        with contextlib.suppress(NotFoundError, StateError, ServiceError):
            return commit in await self._log_text(listed)
        return False

    async def cancel(self, job_id: str) -> Job | None:
        """Kill a building or running job. Raises StateError when it had ended."""
        path = await self._path(_wire.path_id(job_id))
        for slash in (self._kill_slash, "" if self._kill_slash else "/"):
            last = slash != self._kill_slash
            try:
                await self._http.ask("DELETE", path + slash)
            except TrainerError as problem:
                if not last and (_no_such_route(problem) or problem.code == "REDIRECT"):
                    continue
                if problem.code == "JOB_NOT_RUNNING":
                    raise StateError("it had already ended", code=problem.code) from None
                raise
            self._kill_slash = slash
            return None
        return None

    # -- what a job makes --------------------------------------------------------------------

    async def logs(self, job_id: str, *, offset: int = 0, limit: int = 1 << 20) -> LogChunk:
        """A piece of the log; kaos gives it whole each time, so a long one is asked rarely."""
        return await self._log.read(_wire.path_id(job_id), offset, limit)

    async def _whole_log(self, job_id: str) -> tuple[str, bool]:
        listed = self._seen.get(job_id)
        old = time.monotonic() - self._seen_at > _LIST_GOOD_FOR
        if listed is None or (old and not listed.job.status.ended):
            listed = (await self._list()).get(job_id)
        if listed is None:
            raise NotFoundError(f"kaos lists no job {job_id}", code="JOB_NOT_FOUND")
        return await self._log_text(listed), listed.job.status.ended

    async def _log_text(self, listed: answers.Listed) -> str:
        """The log of the training, or of the build while that is what there is."""
        job_id = listed.job.ref.id
        training = await self._path(job_id, "logs")
        ways = [training]
        if listed.group == "building":
            ways.insert(0, await self._path("build", job_id, "logs"))
        for way in ways:
            try:
                answer = await self._http.ask("GET", way, limit=_LOG_LIMIT)
            except NotFoundError:
                if way == training:
                    raise
                continue
            if answer.headers.get("content-type", "").startswith("text/plain"):
                return answer.body.decode("utf-8", errors="replace")
            return answers.text(self._http.parse(answer), "the log")
        return ""

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """The job's code; once it has ended also its first models, one by one, and all of it."""
        found = [await self.bundle(job_id)]
        listed = self._seen.get(job_id) or (await self._list()).get(job_id)
        if listed is None or not listed.job.status.ended or listed.group != "training":
            return found
        with contextlib.suppress(NotFoundError, StateError, ServiceError):
            page = await self.models(job_id)
            for model in page.models:
                if _wire.is_id(model.id):
                    one = await self.bundle(job_id, code=False, model=True, model_id=model.id)
                    found.append(one)
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
        path = await self._path(_wire.path_id(job_id), "bundle")
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

    # -- the way there -----------------------------------------------------------------------

    async def _in_workspace(self) -> str:
        """The profile's workspace; where it names none, the only one there is.

        Raises:
            ConfigError: There are several to choose from, or none.
        """
        if self._workspace is None:
            names = answers.workspaces(await self._http.json("GET", "/workspace"))
            if len(names) != 1:
                there = f"there are {', '.join(names[:10])}" if names else "there is none yet"
                raise ConfigError(
                    f"the profile {self._profile.name} names no workspace; {there}",
                    hint=f'Add `workspace = "NAME"` to [profiles.{self._profile.name}].',
                )
            self._workspace = names[0]
        return _kaos_bundle.workspace_name(self._workspace)

    async def _path(self, *more: str, below: str = "/train") -> str:
        workspace = quote(await self._in_workspace(), safe="")
        return "/".join([below, workspace, *(quote(part, safe="") for part in more)])


def _no_such_route(problem: TrainerError) -> bool:
    """Whether this is a router's answer and not kaos's: 405, or a 404 without kaos's own words."""
    if isinstance(problem, ServiceError) and problem.status == 405:
        return True
    return isinstance(problem, NotFoundError) and problem.code not in answers.SAID


def _perhaps_submitted(problem: TrainerError) -> TrainerError:
    """The error of an upload; where it may have been carried out it says so."""
    lost = isinstance(problem, NetworkError) and problem.code in ("LOST", "TIMEOUT")
    gateway = isinstance(problem, ServiceError) and problem.status in (502, 503, 504)
    if not (lost or gateway):
        return problem
    return NetworkError(
        f"{problem.message}. The job may have been made all the same.",
        title="Submitted, perhaps",
        hint="Look at the list of jobs before you submit it again.",
        code="PERHAPS_SUBMITTED",
    )
