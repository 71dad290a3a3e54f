"""What RunComfy's jobs and datasets have in common on the wire: bodies, times, errors."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from trainer_tui.errors import NotFoundError, StateError, TrainerError, UsageError
from trainer_tui.server.auth import TooLarge
from trainer_tui.server.runners.base import InvalidConfig

PREFIX = "/prod/v1/trainers/"
JOBS = PREFIX + "ai-toolkit/jobs"
DATASETS = PREFIX + "datasets"
Endpoint = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger("trainer_tui.server")


def naive(moment: datetime) -> str:
    """UTC without saying so, as RunComfy writes times."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


async def read_body(request: Request, *, optional: bool = False) -> Mapping[str, Any]:
    """The request's JSON object. Raises UsageError."""
    raw = await request.body()
    if optional and not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError("The body is not valid JSON.", code="BAD_REQUEST") from error
    if not isinstance(body, dict):
        raise UsageError("The body must be a JSON object.", code="BAD_REQUEST")
    return body


def refuse(status: int, code: str, message: str) -> Response:
    """An error in this protocol's shape; ``code`` is the native protocol's, and not told."""
    return _error(status, 51, message)


def _error(status: int, number: int, message: str, **more: object) -> Response:
    """``error_code`` is the HTTP status and two digits: 01–49 for datasets, 51–99 for jobs."""
    body = {"error_code": status * 100 + number, "error_message": message, **more}
    return JSONResponse(body, status)


def answered(endpoint: Endpoint) -> Endpoint:
    """An endpoint whose errors are answered in this protocol's shape."""

    async def call(request: Request) -> Response:
        try:
            return await endpoint(request)
        except TrainerError as error:
            return _answer_error(error, request.url.path)
        except HTTPException as error:  # a form that cannot be read
            return _error(error.status_code, _base(request.url.path) + 2, error.detail)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it

    return call


def _base(path: str) -> int:
    return 50 if path.startswith(JOBS) else 0


def _answer_error(error: TrainerError, path: str) -> Response:
    base = _base(path)
    message = f"{error.message} {error.hint}" if error.hint else error.message
    if isinstance(error, InvalidConfig):
        where = f" (line {error.line}, column {error.column})" if error.line else ""
        return _error(422, 51, f"{message}{where}")
    if isinstance(error, NotFoundError):
        return _error(404, base + 1, message)
    if isinstance(error, TooLarge):
        return _error(413, base + 1, message)
    if isinstance(error, StateError):
        return _error(409, base + 1, message)
    if isinstance(error, UsageError):
        return _error(
            400, base + (1 if error.code in ("INVALID_ID", "BAD_REQUEST") else 2), message
        )
    _log.error("%s failed: %s", path, error.message)
    return _error(500, base + 1, message)
