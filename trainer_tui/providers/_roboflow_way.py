"""The way to Roboflow: the profile's options, whose workspace it is, and what a refusal lacks.

The scopes of training and of results are those of Roboflow's reference, ``project:read`` is named
by its own client; which one changes models is told nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trainer_tui.config import Profile
from trainer_tui.errors import AuthError, ConfigError
from trainer_tui.providers import _wire
from trainer_tui.providers._roboflow_answers import Name

if TYPE_CHECKING:
    from trainer_tui.providers.http import Http

TRAIN = "the scope trainingJob:create"
READ = "the scope version.read"
LOOK = "the scope project:read"
STAR = "a scope that lets it change models"


class Options:
    """The profile's ``options``."""

    def __init__(self, profile: Profile) -> None:
        place = f"profiles.{profile.name}.options"
        auth = profile.extra.get("auth", "header")
        if auth not in ("header", "query"):
            raise ConfigError(f'{place}.auth: "header" or "query" is expected')
        self.in_query = auth == "query"
        told = profile.extra.get("projects", ())
        projects = [told] if isinstance(told, str) else told
        if not isinstance(projects, list | tuple) or not all(map(_wire.is_id, projects)):
            raise ConfigError(f"{place}.projects: a list of project ids is expected")
        self.projects: tuple[str, ...] = tuple(map(str, projects))
        refund = profile.extra.get("continue_if_no_refund", False)
        if not isinstance(refund, bool):
            raise ConfigError(f"{place}.continue_if_no_refund: true or false is expected")
        self.continue_if_no_refund = refund


class Way:
    """Calls below one workspace."""

    def __init__(self, http: Http, profile: Profile) -> None:
        self.http = http
        self._profile = profile
        self._name = profile.workspace

    async def workspace(self) -> str:
        """The profile's workspace, or the one that the key belongs to."""
        if self._name is None:
            answer = _wire.mapping(
                await self._authorised(self.http.json("GET", "/"), LOOK), "the answer"
            )
            found = answer.get("workspace")
            if not isinstance(found, str) or not _wire.is_id(found):
                raise ConfigError(
                    f"Roboflow does not say which workspace the key of {self._profile.name} is for",
                    hint=f'Add `workspace = "…"` to [profiles.{self._profile.name}].',
                )
            self._name = found
        return _wire.path_id(self._name, "workspace")

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET below the workspace."""
        workspace = await self.workspace()
        scope = READ if path.count("/") > 1 else LOOK
        asked = self.http.json("GET", f"/{workspace}{path}", params=params or None)
        return await self._authorised(asked, scope)

    async def post(self, path: str, body: object, scope: str = TRAIN) -> Any:
        """POST below the workspace; never sent twice."""
        workspace = await self.workspace()
        return await self._authorised(
            self.http.json("POST", f"/{workspace}{path}", body=body), scope
        )

    async def _authorised(self, asked: Any, scope: str) -> Any:
        """An answer; a refusal names the scope that the key probably lacks."""
        try:
            return await asked
        except AuthError as problem:
            failure = AuthError(
                problem.message,
                hint=f"The key is wrong, or lacks {scope}: look at the API keys in the "
                "workspace's settings.",
                code=problem.code,
                status=problem.status,
            )
        raise failure


def path_of(name: Name, act: str) -> str:
    """The path, below the workspace, of a call about a version."""
    return f"/{quoted(name.project)}/{quoted(name.version)}/{act}"


def quoted(part: str) -> str:
    """One segment of a path."""
    return quote(part, safe="")
