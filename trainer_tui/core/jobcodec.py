"""Jobs as rows of the store, and back; and what a change of a job is worth telling."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from trainer_tui.core.board import GONE
from trainer_tui.model import (
    Capability,
    Event,
    EventKind,
    Gpu,
    Job,
    JobError,
    JobRef,
    Progress,
    Status,
)

COLUMNS = (
    "provider, name, status, raw_status, current, total, unit, percent, created_at, started_at,"
    " finished_at, error, error_code, gpu_type, gpu_count, config_name, loss, checkpoint_step,"
    " queue_position, allowed, extra"
)
COUNT = COLUMNS.count(",") + 1
_STATUS = {status.value: status for status in Status}
_NO_EXTRA: MappingProxyType[str, str] = MappingProxyType({})


def encode(job: Job) -> tuple[object, ...]:
    """The values of :data:`COLUMNS`."""
    progress, error, gpu = job.progress, job.error, job.gpu
    return (
        job.provider,
        job.name,
        job.status.value,
        job.raw_status,
        *(
            (progress.current, progress.total, progress.unit, progress.percent)
            if progress
            else (None, None, None, None)
        ),
        time_text(job.created_at),
        time_text(job.started_at),
        time_text(job.finished_at),
        *((error.message, error.code) if error else (None, None)),
        *((gpu.type, gpu.count) if gpu else (None, None)),
        job.config_name,
        number(job.loss),
        job.checkpoint_step,
        job.queue_position,
        ",".join(sorted(job.allowed)),
        json.dumps(dict(job.extra), ensure_ascii=False) if job.extra else "",
    )


def decode(ref: JobRef, row: Sequence[Any]) -> Job:
    """The job of a row of :data:`COLUMNS`."""
    (
        provider,
        name,
        status,
        raw_status,
        current,
        total,
        unit,
        percent,
        created_at,
        started_at,
        finished_at,
        error,
        error_code,
        gpu_type,
        gpu_count,
        config_name,
        loss,
        checkpoint_step,
        queue_position,
        allowed,
        extra,
    ) = row
    return Job(
        ref,
        provider,
        name,
        _STATUS.get(status, Status.UNKNOWN),
        raw_status,
        Progress(current, total, unit, percent) if current is not None else None,
        time_of(created_at),
        time_of(started_at),
        time_of(finished_at),
        JobError(error, error_code) if error is not None else None,
        Gpu(gpu_type, gpu_count) if gpu_type is not None else None,
        config_name,
        float(loss) if loss is not None else None,
        checkpoint_step,
        queue_position,
        _allowed(allowed),
        MappingProxyType(json.loads(extra)) if extra else _NO_EXTRA,
    )


def changes(old: Job | None, job: Job, now: datetime) -> Iterator[Event]:
    """What happened between two observations of a job, as events."""
    if old is None or (old.status is Status.UNKNOWN and not old.raw_status):
        yield Event(job.ref, now, EventKind.SEEN, f"first seen: {_state(job)}")
    elif old.status is not job.status:
        when = now
        if job.status.ended and job.finished_at is not None:
            when = min(now, job.finished_at)
        yield Event(job.ref, when, EventKind.STATUS, f"{old.status} → {_state(job)}")
    step = job.checkpoint_step
    if step and (old is None or step != old.checkpoint_step):
        yield Event(job.ref, now, EventKind.CHECKPOINT, f"checkpoint at {job.counts} {step}")
    if job.error and (old is None or old.error != job.error) and job.raw_status != GONE:
        code = f" ({job.error.code})" if job.error.code else ""
        yield Event(job.ref, now, EventKind.ERROR, job.error.message + code)


def number(value: float | None) -> float | str | None:
    """A float as SQLite can keep it: its own NaN would come back as nothing."""
    return "nan" if value is not None and value != value else value


def time_text(value: datetime | None) -> str | None:
    """A moment as text that sorts by time."""
    return None if value is None else value.astimezone(UTC).isoformat()


def time_of(value: str | None) -> datetime | None:
    """The moment of :func:`time_text`."""
    return None if value is None else datetime.fromisoformat(value)


def _state(job: Job) -> str:
    if job.raw_status and job.raw_status.lower() != job.status.value:
        return f"{job.status} ({job.raw_status})"
    return job.status.value


@lru_cache(maxsize=256)
def _allowed(text: str) -> frozenset[Capability]:
    known = set(Capability)
    return frozenset(Capability(word) for word in text.split(",") if word in known)
