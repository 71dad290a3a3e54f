"""kaos's calls that its two versions spell differently, and the way to a workspace.

Where one spelling is not known to the server, the other is tried; what worked is remembered.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trainer_tui import sanitize
from trainer_tui.config import Profile
from trainer_tui.errors import ConfigError, NotFoundError, ServiceError, StateError, TrainerError
from trainer_tui.model import Capability
from trainer_tui.providers import _kaos_answers as answers
from trainer_tui.providers import _wire

if TYPE_CHECKING:
    from trainer_tui.providers.http import Http

_LOG_LIMIT = 128 << 20
_LIST_GOOD_FOR = 3.0
"""Seconds for which it need not be asked again whether a job has ended."""


class Calls:
    """The calls of one profile.

    Args:
        capabilities: What jobs may allow.
    """

    def __init__(self, http: Http, profile: Profile, capabilities: frozenset[Capability]) -> None:
        self.http = http
        self.profile = profile
        self._capabilities = capabilities
        self._workspace = profile.workspace
        self._info_by = "POST"
        self._kill_slash = "/"
        self._seen: dict[str, answers.Listed] = {}
        self._seen_at = float("-inf")
        self._seen_in = b""
        """The digest of the answer that was read last: one that is the same is not read again."""

    async def workspace(self) -> str:
        """The profile's workspace; where it names none, the only one there is.

        Raises:
            ConfigError: There are several to choose from, or none, or it is no name for one.
        """
        name = self._workspace
        if name is None:
            names = answers.workspaces(await self.http.json("GET", "/workspace"))
            if len(names) != 1:
                there = f"there are {', '.join(names[:10])}" if names else "there is none yet"
                raise ConfigError(
                    f"the profile {self.profile.name} names no workspace; {there}",
                    hint=f'Add `workspace = "NAME"` to [profiles.{self.profile.name}].',
                )
            self._workspace = name = names[0]
        if not name or "/" in name or not name.isprintable() or name in (".", ".."):
            raise ConfigError(f"{sanitize.line(name, limit=80)!r} cannot be a workspace's name")
        return name

    async def path(self, *more: str, below: str = "/train") -> str:
        """A path of the API inside the workspace."""
        workspace = quote(await self.workspace(), safe="")
        return "/".join([below, workspace, *(quote(part, safe="") for part in more)])

    async def jobs(self) -> dict[str, answers.Listed]:
        """The workspace's jobs by their ids."""
        workspace = await self.workspace()
        answer = await self.http.ask("GET", await self.path())
        digest = hashlib.blake2b(answer.body).digest()
        if digest != self._seen_in:
            told = self.http.parse(answer)
            self._seen = answers.listing(told, self.profile.name, workspace, self._capabilities)
            self._seen_in = digest
        self._seen_at = time.monotonic()
        return self._seen

    async def recent(self, job_id: str) -> answers.Listed | None:
        """A job as it was listed, a moment ago if it can still change; ``None``: it is not."""
        listed = self._seen.get(job_id)
        old = time.monotonic() - self._seen_at > _LIST_GOOD_FOR
        if listed is None or (old and not listed.job.status.ended):
            listed = (await self.jobs()).get(job_id)
        return listed

    async def info(self, job_id: str, query: Mapping[str, str | int] | None = None) -> Any:
        """What kaos tells of a job: by POST as documented, or by GET as its server has it.

        Raises:
            StateError: The job has not ended (``UNFINISHED_COMMIT``), which is no fault.
        """
        path = await self.path(_wire.path_id(job_id))
        first = self._info_by
        try:
            return await self._info(first, path, query)
        except TrainerError as problem:
            if not no_such_route(problem):
                raise
        return await self._info("GET" if first == "POST" else "POST", path, query)

    async def _info(self, method: str, path: str, query: Mapping[str, str | int] | None) -> Any:
        try:
            answer = await self.http.json(method, path, params=query)
        except TrainerError as problem:
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

    async def kill(self, job_id: str) -> None:
        """Kill a job: with a slash at the end as documented, or without as the server has it.

        Raises:
            StateError: It had ended.
        """
        path = await self.path(_wire.path_id(job_id))
        first = self._kill_slash
        try:
            return await self._kill(path, first)
        except TrainerError as problem:
            if not (no_such_route(problem) or problem.code == "REDIRECT"):
                raise
        return await self._kill(path, "" if first else "/")

    async def _kill(self, path: str, slash: str) -> None:
        try:
            await self.http.ask("DELETE", path + slash)
        except TrainerError as problem:
            if problem.code in answers.SAID:
                self._kill_slash = slash
            if problem.code == "JOB_NOT_RUNNING":
                raise StateError("it had already ended", code=problem.code) from None
            raise
        self._kill_slash = slash

    async def log(self, listed: answers.Listed) -> bytes:
        """The whole log of the training, or of the build while that is what there is."""
        job_id = listed.job.ref.id
        if listed.group == "building":
            try:
                return await self.build_log(job_id)
            except NotFoundError:
                pass  # its build log may be where the training's is
        return await self._log(await self.path(job_id, "logs"))

    async def build_log(self, job_id: str) -> bytes:
        """The whole log of the build."""
        return await self._log(await self.path("build", job_id, "logs"))

    async def _log(self, path: str) -> bytes:
        answer = await self.http.ask("GET", path, limit=_LOG_LIMIT)
        if answer.headers.get("content-type", "").startswith("text/plain"):
            return answer.body
        return answers.text(self.http.parse(answer), "the log").encode("utf-8", "replace")


def no_such_route(problem: TrainerError) -> bool:
    """Whether this is a router's answer and not kaos's: 405, or a 404 without kaos's own words."""
    if isinstance(problem, ServiceError) and problem.status == 405:
        return True
    return isinstance(problem, NotFoundError) and problem.code not in answers.SAID
