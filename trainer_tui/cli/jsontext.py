"""The shapes that ``--json`` prints: stable, documented in ``docs/cli.md``."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime

from trainer_tui.errors import TrainerError
from trainer_tui.model import Job

# What `json` leaves as it is but a terminal would act on: DEL, C1, bidi controls, separators.
_ACTIVE = re.compile(
    "[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def dumps(value: object, *, indent: int | None = None) -> str:
    """JSON text that is safe to show: readable Unicode, control characters escaped."""
    text = json.dumps(_finite(value), ensure_ascii=False, indent=indent)
    return _ACTIVE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def time_value(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, ending in ``Z``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def job_value(job: Job, *, eta: float | None = None) -> dict[str, object]:
    """A job as every command prints it.

    Args:
        job: The job as observed.
        eta: Seconds to its end, where that is known.
    """
    progress = job.progress
    return {
        "ref": str(job.ref),
        "profile": job.ref.profile,
        "provider": job.provider,
        "id": job.ref.id,
        "name": job.name,
        "status": str(job.status),
        "raw_status": job.raw_status,
        "progress": None
        if progress is None
        else {
            "current": progress.current,
            "total": progress.total,
            "unit": progress.unit,
            "percent": None if progress.percent is None else round(progress.percent, 2),
        },
        "eta_seconds": None if eta is None else round(eta, 1),
        "created_at": time_value(job.created_at),
        "started_at": time_value(job.started_at),
        "finished_at": time_value(job.finished_at),
        "error": None
        if job.error is None
        else {"message": job.error.message, "code": job.error.code},
        "gpu": None if job.gpu is None else {"type": job.gpu.type, "count": job.gpu.count},
        "config_name": job.config_name,
        "allowed": sorted(str(capability) for capability in job.allowed),
    }


def error_value(error: TrainerError) -> dict[str, object]:
    """An error: what happened, what to do, and the exit code that the program ends with."""
    value: dict[str, object] = {
        "title": error.title,
        "message": error.message,
        "hint": error.hint,
        "code": error.code,
        "exit_code": error.exit_code,
    }
    for key in ("position", "length", "line", "column", "retry_after"):
        found = getattr(error, key, None)
        if found is not None:
            value[key] = found
    return value


def _finite(value: object) -> object:
    """JSON has no NaN and no infinity: they become the strings ``nan``, ``inf``, ``-inf``."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
