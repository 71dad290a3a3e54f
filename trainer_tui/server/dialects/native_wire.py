"""The shapes of the native protocol: what is read from a request, what is written to an answer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from trainer_tui import sanitize
from trainer_tui.errors import UsageError
from trainer_tui.model import Gpu
from trainer_tui.server.reading import LogPiece
from trainer_tui.server.records import JobRecord, format_time
from trainer_tui.server.runners.base import FileEntry


def job(record: JobRecord, queue_position: int | None, folder: Path) -> dict[str, object]:
    """A job, as every call gives it."""
    progress = record.progress
    total = progress.total if progress is not None else record.total
    shown: dict[str, object] | None = None
    if progress is not None:
        shown = {
            "current": progress.current,
            "total": progress.total if progress.total is not None else record.total,
            "unit": progress.unit,
            "percent": progress.percent,
        }
    elif total is not None:
        shown = {"current": 0, "total": total, "unit": "step"}
    ended = record.status.ended
    finished = record.finished_at if ended else None
    loss = record.loss
    return {
        "id": record.id,
        "name": record.name,
        "runner": record.runner,
        "status": str(record.status),
        "raw_status": record.raw_status,
        "progress": shown,
        "loss": loss if loss is None or math.isfinite(loss) else str(loss),
        "created_at": format_time(record.created_at),
        "started_at": format_time(record.started_at) if record.started_at else None,
        "finished_at": format_time(finished) if finished else None,
        "error": asdict(record.error) if record.error else None,
        "gpu": asdict(record.gpu) if record.gpu else None,
        "config_name": record.config_name,
        "origin": record.origin,
        "config_etag": record.config_etag,
        "checkpoint_step": record.checkpoint_step,
        "queue_position": queue_position,
        "attempt": record.attempt,
        "pid": record.pid,
        "folder": str(folder),
    }


def artifact(job_id: str, entry: FileEntry) -> dict[str, object]:
    """A file that a job made, with the path to fetch it from."""
    return {
        "name": entry.name,
        "kind": str(entry.kind),
        "path": f"/v1/jobs/{job_id}/files/{quote(entry.path)}",
        "size": entry.size,
        "step": entry.step,
        "created_at": format_time(entry.created_at),
        "etag": entry.etag,
        "prompt": entry.prompt,
        "seed": entry.seed,
    }


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(dump(value), status, headers=headers, media_type="application/json")


def log_text(piece: LogPiece) -> Response:
    """A piece of a log as JSON: its text, bytes that are none replaced."""
    return answer(
        {
            "log": piece.text,
            "offset": piece.offset,
            "next_offset": piece.next_offset,
            "size": piece.size,
            "reset": piece.reset,
            "complete": piece.complete,
        }
    )


def log_bytes(piece: LogPiece) -> Response:
    """A piece of a log byte for byte, what is told of it in headers."""
    headers = {
        "X-Log-Offset": str(piece.offset),
        "X-Log-Next": str(piece.next_offset),
        "X-Log-Size": str(piece.size),
        "X-Log-Reset": str(piece.reset).lower(),
        "X-Log-Complete": str(piece.complete).lower(),
        "X-Content-Type-Options": "nosniff",
    }
    return Response(piece.data, headers=headers, media_type="application/octet-stream")


def dump(value: object) -> bytes:
    """JSON as it goes out; half characters become question marks."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; empty where nothing was."""
    data = await request.body()
    if not data.strip():
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The request is not JSON: {sanitize.line(error, limit=200)}.") from error
    if not isinstance(found, dict):
        raise bad_request("The request must be a JSON object.")
    return found


def bad_request(message: str) -> UsageError:
    """The error for a request that makes no sense."""
    return UsageError(message, code="BAD_REQUEST")


def text(body: Mapping[str, Any], key: str) -> str | None:
    """A text of the body, if it is there. Raises UsageError."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= 1000:
        raise bad_request(f"{key} must be a text of 1 to 1000 characters.")
    return value


def gpu(value: object) -> Gpu | None:
    """``{type, count}``, if it is there; a count of 0 is a CPU slot. Raises UsageError."""
    if value is None:
        return None
    if isinstance(value, dict):
        kind, count = value.get("type", "gpu"), value.get("count", 1)
        if isinstance(kind, str) and type(count) is int and 0 <= count <= 64:
            return Gpu(sanitize.line(kind, limit=64), count)
    raise bad_request('gpu must look like {"type": "H100", "count": 1}.')


def number(request: Request, key: str, default: int, low: int, high: int) -> int:
    """A whole number from the query, brought within its bounds."""
    text = request.query_params.get(key)
    if text is None:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise bad_request(f"{key} must be a whole number.")
    return min(high, max(low, int(text)))


def moment(seconds: float | None) -> str | None:
    """Epoch seconds as RFC 3339."""
    if seconds is None:
        return None
    try:
        return format_time(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return None
