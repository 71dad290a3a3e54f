"""What kaos's calls have in common on the wire: names, words, times, errors."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Scope

from trainer_tui.errors import NotFoundError, TrainerError, UsageError
from trainer_tui.server.auth import TooLarge
from trainer_tui.server.runners.base import InvalidConfig

TRAIN, DATA, WORKSPACE = "/train", "/data", "/workspace"
PREFIX = (TRAIN + "/", DATA + "/", WORKSPACE)
UPLOAD_LIMIT = 8 * 1024**3
"""Bytes of a bundle."""
_UPLOAD = re.compile(r"/train/[^/]+/?|/data/[^/]+/(features|params)/?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CODES = {
    "UNAUTHORIZED": "AUTHORIZATION_FAILURE",
    "INTERNAL": "PACHYDERM_ERROR",
}
_log = logging.getLogger("trainer_tui.server")


class KaosError(TrainerError):
    """An error in the protocol's own words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message, code=code)
        self.status = status


def no_job(job_id: str) -> KaosError:
    """There is no such job in the workspace."""
    return KaosError(404, "JOB_NOT_FOUND", f"There is no job with id: {job_id[:64]}")


def refuse(status: int, code: str, message: str) -> Response:
    """An error in this protocol's shape; ``code`` is the native protocol's."""
    if status == 401:
        message = "A valid token is needed in the header X-Token."
    return JSONResponse({"error_code": _CODES.get(code, code), "message": message}, status)


def answer_error(error: TrainerError) -> Response:
    """The answer to an error that a call let through."""
    message = f"{error.message} {error.hint}" if error.hint else error.message
    if isinstance(error, KaosError):
        return refuse(error.status, error.code or "ERROR", error.message)
    if isinstance(error, InvalidConfig):
        return refuse(400, "INVALID_BUNDLE", message)
    if isinstance(error, TooLarge):
        return refuse(413, "TOO_LARGE", message)
    if isinstance(error, NotFoundError):
        return refuse(404, error.code or "NOT_FOUND", message)
    if isinstance(error, UsageError):
        if error.code == "NO_GPU":
            return refuse(404, "GPU_REQUEST_ERROR", message)
        return refuse(400, error.code or "BAD_REQUEST", message)
    _log.error("a call of the kaos dialect failed: %s", error.message)
    return refuse(500, "PACHYDERM_ERROR", message)


def token_in(scope: Scope) -> str | None:
    """The token as kaos's clients send it."""
    return Headers(scope=scope).get("x-token")


def body_limit(path: str) -> int | None:
    """The bytes that a request's body may have."""
    return UPLOAD_LIMIT if _UPLOAD.fullmatch(path) else None


def workspace_in(request: Request) -> str:
    """The workspace in the path. Raises KaosError when it is no name for one."""
    name: str = request.path_params["workspace"]
    if not _NAME.fullmatch(name):
        message = "A workspace's name is letters, digits, dots, dashes and underscores."
        raise KaosError(400, "INVALID_WORKSPACE", message)
    return name


def flag(request: Request, name: str) -> bool | None:
    """A flag, spelled with hyphens or underscores; ``None`` when it is not given.

    Raises:
        KaosError: It is neither true nor false.
    """
    query = request.query_params
    value = query.get(name.replace("_", "-"), query.get(name))
    if value is None:
        return None
    word = value.strip().lower()
    if word in ("true", "1", "yes", "on", ""):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise KaosError(400, "BAD_REQUEST", f"{name} must be True or False.")


def whole(request: Request, name: str) -> int | None:
    """A whole number from 0 on in the query; ``None`` when it is not given. Raises ValueError."""
    value = request.query_params.get(name)
    if value is None or value == "":
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise ValueError(f"{name} must be a whole number from 0 on.")
    return int(value)


def text_answer(pieces: Iterable[str]) -> Response:
    """A text as one JSON string, sent as it is read."""

    def body() -> Iterator[str]:
        yield '"'
        for piece in pieces:
            yield json.dumps(piece)[1:-1]
        yield '"'

    return StreamingResponse(body(), media_type="application/json")


def when(moment: datetime) -> str:
    """UTC without saying so, to the second, as kaos writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def descriptor(
    repo: str, commit: str | None, path: str, author: str | None
) -> Mapping[str, str | None] | None:
    """Where something is kept; ``None`` where there is no such thing."""
    if commit is None:
        return None
    return {"repo": repo, "commit": commit, "path": path, "branch": "master", "author": author}
