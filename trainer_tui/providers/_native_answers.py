"""What the local server's answers mean: pure functions from JSON to our facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from trainer_tui import sanitize
from trainer_tui.errors import ProtocolError
from trainer_tui.model import (
    ATTEMPT,
    Artifact,
    ArtifactKind,
    Capability,
    Event,
    EventKind,
    Gpu,
    Job,
    JobError,
    JobRef,
    LogChunk,
    Metric,
    Progress,
    Status,
)
from trainer_tui.providers import _wire
from trainer_tui.providers.base import allowed_in

HAS = frozenset(
    {
        Capability.CANCEL,
        Capability.STOP,
        Capability.RESUME,
        Capability.EDIT,
        Capability.SUBMIT,
        Capability.DELETE,
        Capability.LOGS,
        Capability.METRICS,
        Capability.ARTIFACTS,
        Capability.CONFIG,
    }
)


ORIGIN = "Came by"
"""Label of the dialect that a job was submitted through."""
FOLDER = "Folder"
"""Label of where the server keeps the job."""


def job(value: object, profile: str) -> Job:
    """A job. Raises ProtocolError when it has no usable id."""
    told = _wire.mapping(value, "a job")
    job_id = told.get("id")
    if not isinstance(job_id, str) or not _wire.is_id(job_id):
        raise ProtocolError("the local server answers with a job that has no usable id")
    status = _word(told.get("status"), Status, Status.UNKNOWN)
    progress = _progress(told.get("progress"))
    name = _wire.line(told.get("name"), limit=300) or job_id
    return Job(
        ref=JobRef(profile, job_id),
        provider="local",
        name=name,
        status=status,
        raw_status=_wire.line(told.get("raw_status"), limit=80) or str(status),
        progress=progress,
        created_at=_wire.moment(told.get("created_at")),
        started_at=_wire.moment(told.get("started_at")),
        finished_at=_wire.moment(told.get("finished_at")),
        error=_error(told.get("error")),
        gpu=_gpu(told.get("gpu")),
        config_name=_wire.line(told.get("config_name"), limit=300),
        loss=_wire.number(told.get("loss")),
        checkpoint_step=_wire.integer(told.get("checkpoint_step")),
        queue_position=_wire.integer(told.get("queue_position")),
        allowed=_allowed(status, progress),
        extra=MappingProxyType(
            {
                label: text
                for label, key in (
                    ("Runner", "runner"),
                    (ORIGIN, "origin"),
                    (ATTEMPT, "attempt"),
                    ("Process", "pid"),
                    (FOLDER, "folder"),
                )
                if (text := _wire.line(told.get(key))) is not None
            }
        ),
    )


def _allowed(status: Status, progress: Progress | None) -> frozenset[Capability]:
    """The usual rule; and a finished job whose config now asks for more steps can go on."""
    acts = allowed_in(status, HAS)
    more = progress is not None and progress.total is not None and progress.current < progress.total
    if status is Status.SUCCEEDED and more:
        acts |= {Capability.RESUME}
    return acts


def _progress(value: object) -> Progress | None:
    told = _wire.optional_mapping(value)
    current = _wire.integer(told.get("current"))
    if current is None:
        return None
    total = _wire.integer(told.get("total"))
    unit = _unit(told.get("unit"))
    percent = _wire.number(told.get("percent"))
    return Progress.of(max(0, current), total if total and total > 0 else None, unit, percent)


def _unit(value: object) -> str:
    """What is counted, in the singular; whoever writes a config may say ``epochs``."""
    unit = _wire.line(value, limit=20) or "step"
    return {"steps": "step", "epochs": "epoch"}.get(unit, unit)


def _error(value: object) -> JobError | None:
    told = _wire.optional_mapping(value)
    message, code = told.get("message"), _wire.line(told.get("code"), limit=80)
    if isinstance(message, str) and message.strip():
        return JobError(sanitize.text(message, limit=20_000), code)
    return JobError(code, code) if code else None


def _gpu(value: object) -> Gpu | None:
    told = _wire.optional_mapping(value)
    kind = _wire.line(told.get("type"), limit=80)
    return Gpu(kind, max(1, _wire.integer(told.get("count")) or 1)) if kind else None


def slots(value: object) -> str:
    """The slots of an info answer, in words: ``1 of 2 CPU slots free``."""
    said = []
    for key, title in (("cpu", "CPU"), ("gpu", "GPU")):
        told = _wire.optional_mapping(_wire.optional_mapping(value).get(key))
        total = _wire.integer(told.get("total")) or 0
        if total:
            plural = "" if total == 1 else "s"
            said.append(f"{_wire.integer(told.get('free')) or 0} of {total} {title} slot{plural}")
    return ", ".join(said) + " free" if said else "no slots"


def log(headers: Mapping[str, str], data: bytes) -> LogChunk:
    """A piece of a log, raw: where it lies is told in the headers."""
    told = {name: headers.get(f"x-log-{name}", "") for name in ("offset", "next", "size")}
    if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in told.values()):
        raise ProtocolError("the local server answers with a piece of log of the wrong shape")
    offset, following = int(told["offset"]), int(told["next"])
    if following - offset != len(data):
        raise ProtocolError("the local server answers with a piece of log of another length")
    return LogChunk(
        data,
        offset,
        following,
        reset=headers.get("x-log-reset") == "true",
        complete=headers.get("x-log-complete") == "true",
    )


def log_text(value: object) -> LogChunk:
    """A piece of a log as text in JSON: bytes that are no UTF-8 are lost, so it is made to fit."""
    told = _wire.mapping(value, "a piece of the log")
    text = told.get("log")
    offset, following = (_wire.integer(told.get(key)) for key in ("offset", "next_offset"))
    if not isinstance(text, str) or offset is None or following is None or following < offset:
        raise ProtocolError("the local server answers with a piece of log of the wrong shape")
    size = following - offset
    return LogChunk(
        text.encode("utf-8", "replace")[:size].ljust(size, b"?"),
        offset,
        following,
        reset=told.get("reset") is True,
        complete=told.get("complete") is True,
    )


def metrics(value: object, since: int) -> tuple[Sequence[Metric], int]:
    """Points and the next cursor; points that make no sense are passed over."""
    told = _wire.mapping(value, "the metrics")
    points = []
    for entry in _wire.sequence(told.get("points"), "the points"):
        fields = _wire.optional_mapping(entry)
        key = _wire.line(fields.get("key"), limit=200)
        step, number = _wire.integer(fields.get("step")), _wire.number(fields.get("value"))
        if key is not None and step is not None and number is not None:
            unit = _unit(fields.get("unit"))
            points.append(Metric(key, step, number, _wire.moment(fields.get("time")), unit))
    following = _wire.integer(told.get("next"))
    return points, since if following is None else following


def artifacts(value: object) -> Sequence[Artifact]:
    """The files of a job, each under a name of its own."""
    told = _wire.mapping(value, "the artifacts")
    names = _wire.Names()
    found = []
    for entry in _wire.sequence(told.get("artifacts"), "the artifacts"):
        fields = _wire.optional_mapping(entry)
        path = fields.get("path")
        if not isinstance(path, str) or not path.startswith("/v1/"):
            continue
        name = fields.get("name")
        prompt = fields.get("prompt")
        found.append(
            Artifact(
                name=names.unique(sanitize.filename(name if isinstance(name, str) else path)),
                kind=_word(fields.get("kind"), ArtifactKind, ArtifactKind.OTHER),
                url=path,
                own_origin=True,
                size=_wire.integer(fields.get("size")),
                step=_wire.integer(fields.get("step")),
                created_at=_wire.moment(fields.get("created_at")),
                etag=_wire.header_value(fields.get("etag")),
                prompt=sanitize.text(prompt, limit=4_000) if isinstance(prompt, str) else None,
                seed=_wire.integer(fields.get("seed")),
            )
        )
    return found


def events(value: object, profile: str, job_id: str) -> Sequence[Event]:
    """What happened to a job; entries without a time are passed over."""
    told = _wire.mapping(value, "the events")
    found = []
    for entry in _wire.sequence(told.get("events"), "the events"):
        fields = _wire.optional_mapping(entry)
        when, text = _wire.moment(fields.get("time")), _wire.line(fields.get("text"), limit=2_000)
        if when is not None and text is not None:
            kind = _word(fields.get("kind"), EventKind, EventKind.NOTE)
            found.append(Event(JobRef(profile, job_id), when, kind, text))
    return found


def _word(value: Any, words: Any, otherwise: Any) -> Any:
    """A member of an enumeration of words, or the one for everything else."""
    try:
        return words(value)
    except ValueError:
        return otherwise
