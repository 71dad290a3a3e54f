"""The local training server, over its own protocol (docs/native-api.md).

Over its Unix socket by default, starting it when none runs; over TCP with a token when the
profile names a base URL.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trainer_tui.config import Profile
from trainer_tui.errors import (
    NetworkError,
    NotFoundError,
    ProtocolError,
    ServiceError,
    StateError,
)
from trainer_tui.model import (
    Account,
    Artifact,
    Capability,
    Event,
    Job,
    LogChunk,
    Metric,
)
from trainer_tui.paths import Paths
from trainer_tui.providers import _native_answers as answers
from trainer_tui.providers import _wire
from trainer_tui.providers._native_pages import Pages
from trainer_tui.providers._socket import listener, own_folder
from trainer_tui.providers.base import LOG, Context, Download, Facts, Submission

if TYPE_CHECKING:
    from trainer_tui.providers._autostart import Starter
    from trainer_tui.providers.http import Answer, Http

__all__ = ["FACTS", "Local", "open_provider"]

FACTS = Facts(
    name="local",
    title="Local server",
    capabilities=answers.HAS,
    lists=True,
    nearby=True,
    needs_credential=False,
    reasons=MappingProxyType(
        {
            Capability.MODELS: "The local server has no list of models; checkpoints are artifacts.",
            Capability.STAR: "The local server has no list of models, and so none to star.",
            Capability.PROVENANCE: "The local server keeps no provenance; it has the job's config.",
            Capability.PIPELINE: "Local jobs are single: there is no pipeline to show.",
            Capability.BUNDLE: "The local server makes no bundle; a job's folder holds everything.",
        }
    ),
    consequences=MappingProxyType(
        {
            Capability.CANCEL: "The local server ends the process; checkpoints and samples so far "
            "stay in the job's folder, and it can be resumed.",
            Capability.STOP: "The local server lets the process end by itself; what it has made "
            "stays, and it can be resumed.",
            Capability.RESUME: "The local server queues the job again.",
            Capability.EDIT: "The local server replaces the config; nothing runs until the job is "
            "resumed.",
            Capability.DELETE: "The local server deletes the job's folder: config, log, "
            "checkpoints and samples are gone for good.",
            Capability.SUBMIT: "The local server queues the job on this machine.",
        }
    ),
    waiting=MappingProxyType(
        {Capability.CANCEL: "The local server takes it out of the queue; it can be resumed."}
    ),
    credential_help="None is needed over the socket; `trainer-tui serve --port` shows its token.",
)


def open_provider(context: Context) -> Local:
    """The provider of a profile; no request is made yet, and no server started."""
    from trainer_tui.providers._autostart import Starter
    from trainer_tui.providers.http import Http

    profile = context.profile
    place = None if profile.base_url else profile.socket or context.paths.socket
    http = Http(
        profile,
        service="the local server",
        base_url=profile.base_url or "http://localhost",
        socket=place,
        needs_credential=False,
        now=context.now,
    )
    starter = None
    if context.autostart and not (profile.base_url or profile.socket):
        starter = Starter(context.paths, lambda: _is_up(http))
    return Local(profile, context.paths, http, starter, place)


class Local:
    """See :class:`~trainer_tui.providers.base.Provider`, and ``capabilities`` beside it."""

    facts = FACTS

    def __init__(
        self,
        profile: Profile,
        paths: Paths,
        http: Http,
        starter: Starter | None,
        place: Path | None = None,
    ) -> None:
        self._profile = profile
        self._paths = paths
        self._http = http
        self._starter = starter
        self._socket = place
        usual = not (profile.base_url or profile.socket)
        self._shared = paths.socket.parent if usual else None
        """Where the usual socket lies: perhaps in a folder where others can put things."""
        self._pages = Pages(self._ask, http.parse, profile.name)
        self._configs: dict[str, tuple[str, str]] = {}
        """Job id → the config as last read, and its ETag."""

    # -- looking -----------------------------------------------------------------------------

    def _mine(self, job: Job) -> bool:
        """Whether a job is to be listed: ``options.origin`` narrows it to one dialect's."""
        wanted = self._profile.extra.get("origin")
        return wanted is None or job.extra.get(answers.ORIGIN) == wanted

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        """Every job, newest first; a page that has not changed costs no body and no parsing."""
        return [job for job in await self._pages.read() if self._mine(job)]

    async def get_job(self, job_id: str) -> Job:
        """One job, asked for afresh."""
        return self._job(await self._ask("GET", self._path(job_id)))

    async def check(self) -> Account:
        """Who is there and what it is doing."""
        info = await self.info()
        jobs = _wire.optional_mapping(info.get("jobs"))
        running, queued = (_wire.integer(jobs.get(key)) or 0 for key in ("running", "queued"))
        version = _wire.line(info.get("version"), limit=40) or "?"
        return Account(
            f"trainer-tui {version}: {running} running, {queued} queued, "
            f"{answers.slots(info.get('slots'))}",
            jobs=running + queued,
        )

    async def info(self) -> Mapping[str, Any]:
        """The server's own account of itself (``GET /v1/info``)."""
        info = _wire.mapping(self._http.parse(await self._ask("GET", "/v1/info")), "the answer")
        if info.get("server") != "trainer-tui":
            raise ProtocolError(
                "what answers there is not a trainer-tui server",
                hint="Look at socket or base_url of the profile.",
            )
        if info.get("protocol") != 1:
            raise ProtocolError(
                "the local server is of another version than this console",
                hint="`trainer-tui serve --stop`; it is started again in this version. "
                "Jobs that run go on.",
            )
        return info

    # -- acting ------------------------------------------------------------------------------

    async def submit(
        self, submission: Submission, *, accepted: Callable[[str], None] = lambda job_id: None
    ) -> Job:
        """Queue a job. The request carries a token, so a lost answer is asked for once more."""
        from uuid import uuid4

        body: dict[str, object] = {
            "config": submission.config_text,
            "token": submission.token or uuid4().hex,
        }
        if submission.runner:
            body["runner"] = submission.runner
        if submission.name:
            body["name"] = submission.name
        if submission.gpu_type or submission.gpu_count is not None:
            body["gpu"] = _gpu(submission.gpu_type, submission.gpu_count)
        try:
            answer = await self._ask("POST", "/v1/jobs", json=body)
        except NetworkError as problem:
            if problem.code not in ("LOST", "TIMEOUT"):
                raise
            answer = await self._ask("POST", "/v1/jobs", json=body)
        told = self._http.parse(answer)
        job_id = told.get("id") if isinstance(told, dict) else None
        if isinstance(job_id, str) and _wire.is_id(job_id):
            accepted(job_id)
        return answers.job(told, self._profile.name)

    async def cancel(self, job_id: str) -> Job | None:
        """End the process; StateError when the job had already ended."""
        return self._job(await self._ask("POST", self._path(job_id, "cancel")))

    async def stop(self, job_id: str) -> Job | None:
        """Let the process end by itself and keep what it made; an ended job stays as it is."""
        return self._job(await self._ask("POST", self._path(job_id, "stop")))

    async def resume(
        self, job_id: str, *, gpu_type: str | None = None, gpu_count: int | None = None
    ) -> Job | None:
        """Queue it again; it runs on what it ran on before unless another GPU is named."""
        chosen = gpu_type or gpu_count is not None
        body = {"gpu": _gpu(gpu_type, gpu_count)} if chosen else {}
        return self._job(await self._ask("POST", self._path(job_id, "resume"), json=body))

    async def edit(
        self, job_id: str, config_text: str, *, base_text: str | None = None
    ) -> Job | None:
        """Replace the config of a job that does not run, if it still is what the edit began from.

        Raises:
            StateError: The job runs; or (``CONFLICT``) the config has changed meanwhile.
        """
        headers = {"Content-Type": "text/yaml; charset=utf-8"}
        if base_text is not None:
            headers["If-Match"] = await self._etag_of(job_id, base_text)
        answer = await self._ask(
            "PUT", self._path(job_id, "config"), content=config_text.encode(), headers=headers
        )
        self._configs.pop(job_id, None)
        return self._job(answer)

    async def _etag_of(self, job_id: str, base_text: str) -> str:
        """The ETag that the server gave to this very text."""
        held = self._configs.get(job_id)
        if held is None or held[0] != base_text:
            await self.config_text(job_id)
            held = self._configs.get(job_id)
        if held is None or held[0] != base_text:
            raise StateError(
                "the config at the local server has changed since this edit began",
                hint="Your text is kept as a draft; compare the two before you send it.",
                code="CONFLICT",
            )
        return held[1]

    async def config_text(self, job_id: str) -> str:
        """The config as it was sent, byte for byte."""
        answer = await self._ask(
            "GET", self._path(job_id, "config"), headers={"Accept": "text/yaml"}
        )
        text = answer.body.decode("utf-8", errors="replace")
        etag = _wire.header_value(answer.headers.get("etag"))
        if etag:
            self._configs[job_id] = (text, etag)
        return text

    async def delete(self, job_id: str) -> None:
        """Delete the job and its folder."""
        await self._ask("DELETE", self._path(job_id))

    # -- what a job makes --------------------------------------------------------------------

    def log_names(self, job: Job) -> tuple[str, ...]:
        """One: output and errors, the build's too, go to the same file."""
        return (LOG,)

    async def logs(
        self, job_id: str, *, offset: int = 0, limit: int = 1 << 20, name: str = LOG
    ) -> LogChunk:
        """A piece of the log, byte for byte; a negative offset counts from the end."""
        if name != LOG:
            raise NotFoundError(f"a local job has no log {name!r}", code="NO_SUCH_LOG")
        answer = await self._ask(
            "GET",
            self._path(job_id, "logs"),
            params={"offset": offset, "limit": limit, "raw": 1},
            headers={"Accept": "application/octet-stream"},
        )
        if answer.headers.get("content-type", "").startswith("application/json"):
            return answers.log_text(self._http.parse(answer))  # a server of an earlier version
        return answers.log(answer.headers, answer.body)

    async def log_path(self, job_id: str) -> Path | None:
        """The job's ``log.txt``, where the server's process is one of this machine."""
        if self._socket is None:
            return None
        folder = (await self.get_job(job_id)).extra.get(answers.FOLDER)
        pid = _wire.integer((await self.info()).get("pid"))
        if folder is None or pid is None or pid != listener(self._socket):
            return None
        path = Path(folder) / "log.txt"
        return path if os.access(path if path.exists() else folder, os.R_OK) else None

    async def metrics(self, job_id: str, *, since: int = 0) -> tuple[Sequence[Metric], int]:
        """New points, and the cursor for the next question."""
        answer = await self._ask("GET", self._path(job_id, "metrics"), params={"since": since})
        return answers.metrics(self._http.parse(answer), since)

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """The files that the job has made so far."""
        answer = await self._ask("GET", self._path(job_id, "artifacts"))
        return answers.artifacts(self._http.parse(answer))

    async def download(
        self, artifact: Artifact, *, offset: int = 0, etag: str | None = None
    ) -> AsyncIterator[Download]:
        """Stream an artifact from a byte offset; the server is started when it does not run."""
        begun = False
        for last in (self._starter is None, True):
            stream = self._http.download(artifact.url, own_origin=True, offset=offset, etag=etag)
            try:
                async for item in stream:
                    begun = True
                    yield item
                return
            except NetworkError as problem:
                if begun or last or problem.code not in ("CONNECT", "LOST"):
                    raise
            finally:
                await stream.aclose()
            await self.info()

    async def events(self, job_id: str) -> Sequence[Event]:
        """What the server itself knows to have happened to the job."""
        answer = await self._ask("GET", self._path(job_id, "events"))
        return answers.events(self._http.parse(answer), self._profile.name, job_id)

    async def aclose(self) -> None:
        """Close the connections; the server goes on."""
        await self._http.aclose()

    # -- the way there -----------------------------------------------------------------------

    async def _ask(self, method: str, path: str, **request: Any) -> Answer:
        """Ask the server; when nobody is there, have it started and ask again."""
        if self._shared is not None:
            own_folder(self._shared)
        try:
            return await self._http.ask(method, path, **request)
        except NetworkError as problem:
            if problem.code != "CONNECT":
                raise
            absent = problem
        if self._starter is None:
            raise NetworkError(
                absent.message, hint="Start it with `trainer-tui serve`.", code=absent.code
            )
        await self._starter.start()
        return await self._http.ask(method, path, **request)

    def _job(self, answer: Answer) -> Job:
        return answers.job(self._http.parse(answer), self._profile.name)

    @staticmethod
    def _path(job_id: str, *more: str) -> str:
        return "/".join(["/v1/jobs", quote(_wire.path_id(job_id), safe=""), *more])


async def _is_up(http: Http) -> bool:
    """Whether a server answers; NetworkError when one listens and does not answer."""
    try:
        await http.ask("GET", "/v1/info")
    except NetworkError as problem:
        if problem.code in ("CONNECT", "LOST"):
            return False
        raise
    except ServiceError:
        return True  # it is up, and has trouble of its own
    return True


def _gpu(kind: str | None, count: int | None) -> dict[str, object]:
    return {**({"type": kind} if kind else {}), "count": count or 1}
