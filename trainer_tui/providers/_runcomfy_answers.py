"""What RunComfy's answers mean: pure functions from JSON to our facts.

The rule that costs the most thought is STOPPED, which is both "finished" and "preempted": it is
finished when the last step was reached (or no progress is told) and the result carries no error;
otherwise it was interrupted and can be resumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from trainer_tui import sanitize
from trainer_tui.model import (
    Artifact,
    ArtifactKind,
    Capability,
    Job,
    JobError,
    JobRef,
    Progress,
    Status,
)
from trainer_tui.providers import _complaints, _wire
from trainer_tui.providers.base import allowed_in

NOTE = "Note"
EDITED = "Edited"
GONE = "RunComfy knows no job with this id. Forget it, or check the account of the profile."

_WORDS: Mapping[str, Status] = {
    "IN_QUEUE": Status.QUEUED,
    "QUEUED": Status.QUEUED,
    "RUNNING": Status.RUNNING,
    "FAILED": Status.FAILED,
    "CANCELED": Status.CANCELED,
    "CANCELLED": Status.CANCELED,
}
STOPPED = "STOPPED"
_ENDED = frozenset({STOPPED, "FAILED", "CANCELED", "CANCELLED"})
_NUMBERED = re.compile(r"_(\d{4,18})\.[A-Za-z0-9]{1,12}$")


@dataclass(frozen=True, slots=True)
class Result:
    """What a result answer says beside the status."""

    error: JobError | None = None
    artifacts: Sequence[Artifact] = ()
    checkpoint_step: int | None = None
    config_url: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


def raw_status(answer: Mapping[str, Any]) -> str:
    """RunComfy's own word, made safe; ``?`` when it says none."""
    return _wire.line(answer.get("status"), limit=40) or "?"


def has_ended(word: str) -> bool:
    """Whether a job with this word can change no more by itself."""
    return word.upper() in _ENDED


def read_result(value: object, total_steps: int | None) -> Result:
    """A result answer.

    Args:
        value: The parsed JSON.
        total_steps: The job's last step, where known: the step of the unnumbered, final
            checkpoint.

    Raises:
        ProtocolError: It is not of the shape that the contract names.
    """
    answer = _wire.mapping(value, "the result")
    found = _wire.optional_mapping(answer.get("artifacts"))
    names = _wire.Names()
    told = found.get("checkpoints")
    checkpoints = list(_files(told, ArtifactKind.CHECKPOINT, names, total_steps))
    config = list(_files([found.get("config")], ArtifactKind.CONFIG, names))
    samples = list(_files(found.get("samples"), ArtifactKind.SAMPLE, names))
    steps = [artifact.step for artifact in checkpoints if artifact.step is not None]
    if steps:
        newest: int | None = max(steps)
    else:
        newest = None if checkpoints else 0
    return Result(
        error=read_error(answer),
        artifacts=(*checkpoints, *config, *samples),
        checkpoint_step=newest,
        config_url=config[0].url if config else None,
        created_at=_wire.moment(answer.get("created_at")),
        started_at=_wire.moment(answer.get("started_at")),
        finished_at=_wire.moment(answer.get("finished_at")),
    )


def read_error(answer: Mapping[str, Any]) -> JobError | None:
    """The job's own error: ``error`` or ``errors``; text, an object, or a list of either."""
    for key in ("error", "errors"):
        value = answer.get(key)
        items = value if isinstance(value, list) else [value]
        said = [found for item in items[:5] if (found := _one_error(item)) is not None]
        if said:
            text = "; ".join(error.message for error in said)
            return JobError(text, next((error.code for error in said if error.code), None))
    return None


def _one_error(value: object) -> JobError | None:
    if isinstance(value, str):
        text = sanitize.text(value, limit=20_000).strip()
        return JobError(text) if text else None
    said = _complaints.complaint_in(value) if isinstance(value, dict) and value else None
    if said is None or not (said.message or said.code):
        return None
    return JobError(said.message or f"error {said.code}", said.code)


def read_progress(answer: Mapping[str, Any]) -> Progress | None:
    """The progress of a status answer, if it tells any."""
    told = _wire.optional_mapping(answer.get("progress"))
    current = _wire.integer(told.get("current_step"))
    total = _wire.integer(told.get("total_steps"))
    percent = _wire.number(told.get("percent"))
    if current is None and percent is None:
        return None
    if percent is not None and not 0 <= percent <= 100:
        percent = None
    return Progress.of(
        max(0, current or 0), total if total and total > 0 else None, "step", percent
    )


def meaning(word: str, progress: Progress | None, error: JobError | None) -> Status:
    """Our status for RunComfy's word; see the module for STOPPED."""
    word = word.upper()
    if word != STOPPED:
        return _WORDS.get(word, Status.UNKNOWN)
    if error is not None:
        return Status.INTERRUPTED
    return Status.SUCCEEDED if reached_end(progress) else Status.INTERRUPTED


def reached_end(progress: Progress | None) -> bool:
    """Whether the progress is that of a finished job; no progress told counts as finished."""
    if progress is None:
        return True
    if progress.total is not None:
        return progress.current >= progress.total
    return progress.percent is None or progress.percent >= 100


def allowed(
    status: Status, capabilities: frozenset[Capability], edited: bool
) -> frozenset[Capability]:
    """What RunComfy accepts: the usual rule; and a finished job resumes once it was edited."""
    acts = allowed_in(status, capabilities)
    if status is Status.SUCCEEDED and edited:
        acts |= capabilities & {Capability.RESUME}
    return acts


def build_job(
    ref: JobRef,
    answer: Mapping[str, Any],
    *,
    capabilities: frozenset[Capability],
    previous: Job | None,
    result: Result | None,
) -> Job:
    """A job out of a status answer, what was known before, and the result where one was asked.

    A status answer carries little, so what it does not tell is kept: the name, the GPU, times.
    """
    word = raw_status(answer)
    result = result or Result()
    progress = read_progress(answer)
    error = read_error(answer) or result.error
    status = meaning(word, progress, error)
    if progress is None and previous is not None:
        progress = previous.progress
    extra = {k: v for k, v in (previous.extra if previous else {}).items() if k != NOTE}
    if not status.ended:
        extra.pop(EDITED, None)
    name = _wire.line(answer.get("name"), limit=300)
    job = Job(
        ref=ref,
        provider="runcomfy",
        name=name or (previous.name if previous else ref.id),
        status=status,
        raw_status=word,
        progress=progress,
        created_at=_time(answer, result, previous, "created_at"),
        started_at=_time(answer, result, previous, "started_at"),
        finished_at=_time(answer, result, previous, "finished_at") if status.ended else None,
        error=error if status.ended or status is Status.UNKNOWN else None,
        gpu=previous.gpu if previous else None,
        config_name=name or (previous.config_name if previous else None),
        checkpoint_step=result.checkpoint_step,
        allowed=allowed(status, capabilities, EDITED in extra),
        extra=MappingProxyType(extra),
    )
    if job.checkpoint_step is None and previous is not None:
        job = job.replace(checkpoint_step=previous.checkpoint_step)
    return job


def gone(job: Job) -> Job:
    """A job whose id RunComfy does not know."""
    return job.replace(
        status=Status.UNKNOWN,
        raw_status="not found",
        allowed=frozenset(),
        extra=MappingProxyType({**job.extra, NOTE: GONE}),
    )


def unseen(ref: JobRef) -> Job:
    """A job of which only the id is known."""
    return Job(ref, "runcomfy", ref.id, Status.UNKNOWN, "?")


def _time(
    answer: Mapping[str, Any], result: Result, previous: Job | None, key: str
) -> datetime | None:
    told: datetime | None = _wire.moment(answer.get(key)) or getattr(result, key)
    return told or (getattr(previous, key) if previous else None)


def _files(
    value: object, kind: ArtifactKind, names: _wire.Names, total_steps: int | None = None
) -> Iterable[Artifact]:
    """The artifacts of one list; entries without a usable URL are passed over."""
    for entry in value if isinstance(value, list) else []:
        fields = _wire.optional_mapping(entry)
        url = fields.get("path") or fields.get("url")
        if not isinstance(url, str) or _scheme(url) not in ("http", "https"):
            continue
        name, step = sanitize.filename(url, fallback=kind.value), _wire.integer(fields.get("step"))
        if step is None and kind is ArtifactKind.CHECKPOINT:
            step = _step_of(name, total_steps)
        prompt = fields.get("prompt")
        yield Artifact(
            name=names.unique(name),
            kind=kind,
            url=url,
            step=step,
            size=_wire.integer(fields.get("size")),
            prompt=sanitize.text(prompt, limit=4_000) if isinstance(prompt, str) else None,
            seed=_wire.integer(fields.get("seed")),
        )


def _scheme(url: str) -> str:
    """The scheme of a URL, or nothing when it cannot be read."""
    try:
        return urlsplit(url).scheme.lower()
    except ValueError:
        return ""


def _step_of(name: str, total_steps: int | None) -> int | None:
    """A checkpoint's step: the number in its name; the unnumbered one is the last."""
    numbered = _NUMBERED.search(name)
    if numbered:
        return int(numbered[1])
    # An optimizer state or an archive is not a checkpoint of a step.
    return total_steps if name.endswith((".safetensors", ".ckpt", ".pth")) else None
