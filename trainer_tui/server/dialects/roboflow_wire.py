"""What Roboflow's calls have in common on the wire: paths, the key, bodies, errors."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from trainer_tui.errors import (
    AuthError,
    NotFoundError,
    StateError,
    TrainerError,
    UsageError,
)
from trainer_tui.server.auth import TooLarge
from trainer_tui.server.projects import RESERVED
from trainer_tui.server.runners.base import InvalidConfig

PREFIX = "/"
WORKSPACE = "/{ws:rf_workspace}"
PROJECT = WORKSPACE + "/{project:rf_name}"
VERSION = PROJECT + "/{version:rf_name}"
_log = logging.getLogger("trainer_tui.server")
_TYPES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "PayloadTooLarge",
}


class _Name(StringConvertor):
    regex = r"[^/]+"


class _Workspace(StringConvertor):
    """A first part of a path that is no other dialect's."""

    regex = rf"(?!(?:{'|'.join(sorted(RESERVED))})(?:/|$))[^/]+"


register_url_convertor("rf_name", _Name())
register_url_convertor("rf_workspace", _Workspace())


def token_in(scope: Scope) -> str | None:
    """The key of the query ``api_key``, as the reference page and the official clients send it."""
    query: bytes = scope.get("query_string", b"")
    found = parse_qs(query.decode("latin-1")).get("api_key")
    return found[-1] if found else None


def seconds(moment: datetime | None) -> float | None:
    """Epoch seconds, as Roboflow writes times."""
    return None if moment is None else round(moment.timestamp(), 3)


def refuse(status: int, code: str, message: str) -> Response:
    """An error in this protocol's shape, for what is refused before a route is reached."""
    hint = None
    if status == 401:
        message = "This API key does not exist (or has been revoked)."
        hint = "The key is the server's token: api_key=… in the query, or Authorization: Bearer."
    return _error(status, code, message, hint)


def answer_error(error: TrainerError) -> Response:
    """An error of ours in this protocol's shape."""
    if isinstance(error, NotFoundError):
        return _error(404, error.code or "NOT_FOUND", error.message, error.hint)
    if isinstance(error, StateError):
        return _error(409, error.code or "CONFLICT", error.message, error.hint)
    if isinstance(error, TooLarge):
        return _error(413, "TOO_LARGE", error.message)
    if isinstance(error, AuthError):
        return _error(403, error.code or "FORBIDDEN", error.message, error.hint)
    if isinstance(error, UsageError | InvalidConfig):
        return _error(400, error.code or "BAD_REQUEST", error.message, error.hint)
    _log.error("a request of Roboflow's API failed: %s", error.message)
    return _error(500, "INTERNAL", error.message)


def _error(status: int, code: str, message: str, hint: str | None = None) -> Response:
    kind = _TYPES.get(status, "ServerError")
    body: dict[str, Any] = {"type": kind, "message": message, "code": code}
    if hint:
        body["hint"] = hint
    return JSONResponse({"error": body}, status)
