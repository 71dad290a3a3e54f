"""What kaos answers, as our own facts: pure, and lenient where its two versions differ."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from trainer_tui import sanitize
from trainer_tui.errors import ProtocolError
from trainer_tui.model import (
    Capability,
    Job,
    JobError,
    JobRef,
    Model,
    ModelPage,
    Progress,
    Status,
)
from trainer_tui.providers import _wire
from trainer_tui.providers.base import allowed_in

SAID = frozenset(
    {
        "JOB_NOT_FOUND",
        "JOB_NOT_RUNNING",
        "MODEL_NOT_FOUND",
        "METRIC_NOT_FOUND",
        "PIPELINE_NOT_FOUND",
        "ALIEN_PROVENANCE_ERROR",
        "PAGE_ERROR",
        "UNFINISHED_COMMIT",
        "WORKSPACE_NOT_FOUND",
    }
)
"""Error codes that are kaos's answer, rather than that of a router that knows no such path."""
GROUPS = ("training", "building", "ingesting")
"""Of the list; a job that is in several is what the first of them says."""
_SHORT = 12
_STATES = {
    "JOB_STARTING": Status.PREPARING,
    "JOB_RUNNING": Status.RUNNING,
    "JOB_MERGING": Status.RUNNING,
    "JOB_MERGED": Status.RUNNING,
    "JOB_SUCCESS": Status.SUCCEEDED,
    "JOB_FAILURE": Status.FAILED,
    "JOB_KILLED": Status.CANCELED,
}
_NULL = re.compile(r"\bnull\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listed:
    """A job in the list."""

    group: str
    job: Job


def listing(
    answer: object, profile: str, workspace: str, capabilities: frozenset[Capability]
) -> dict[str, Listed]:
    """The jobs of a workspace by their ids, in the order of the answer."""
    groups = _wire.mapping(_wire.mapping(answer, "the list of jobs").get("response"), "`response`")
    found: dict[str, Listed] = {}
    for group in GROUPS:
        entries = groups.get(group)
        for entry in _wire.sequence([] if entries is None else entries, f"`{group}`"):
            told = _wire.mapping(entry, f"a job in `{group}`")
            job_id = told.get("job_id")
            if _wire.is_id(job_id) and job_id not in found:
                ref = JobRef(profile, str(job_id))
                found[ref.id] = Listed(group, _job(told, ref, workspace, group, capabilities))
    return found


def _job(
    told: Mapping[str, Any],
    ref: JobRef,
    workspace: str,
    group: str,
    capabilities: frozenset[Capability],
) -> Job:
    word = _wire.line(told.get("state"), limit=40) or "?"
    status = status_of(word, group)
    started = _wire.moment(told.get("started"))
    seconds = _wire.integer(told.get("duration"))
    finished = None
    if status.ended and started and seconds is not None and 0 <= seconds < 10**9:
        finished = started + timedelta(seconds=seconds)
    extra = {"workspace": workspace}
    if group != "training":
        extra["stage"] = group
    if told.get("hyperopt") in (True, "True", "true"):
        extra["hyper-parameters"] = "a grid: one model for every combination"
    return Job(
        ref=ref,
        provider="kaos",
        name=name_of(workspace, ref.id),
        status=status,
        raw_status=word if group == "training" else f"{group}: {word}",
        progress=progress(told.get("progress")),
        created_at=started,
        started_at=started,
        finished_at=finished,
        error=_error(status, word, group),
        allowed=allowed(status, group, capabilities),
        extra=MappingProxyType(extra),
    )


def name_of(workspace: str, job_id: str) -> str:
    """kaos names no job: the workspace and the beginning of the id."""
    return f"{workspace}:{job_id if len(job_id) <= _SHORT else job_id[:8]}"


def status_of(word: str, group: str) -> Status:
    """Our word for a state; what is not training yet is being prepared."""
    status = _STATES.get(word.upper(), Status.UNKNOWN)
    if group != "training" and status is Status.RUNNING:
        return Status.PREPARING
    return status


def allowed(
    status: Status, group: str, capabilities: frozenset[Capability]
) -> frozenset[Capability]:
    """What may be asked: building and training jobs can be killed, ingesting ones cannot."""
    found = allowed_in(status, capabilities)
    return found - {Capability.CANCEL} if group == "ingesting" else found


def _error(status: Status, word: str, group: str) -> JobError | None:
    if status is not Status.FAILED:
        return None
    what = {"building": "The build failed", "ingesting": "The ingestion failed"}.get(group)
    return JobError(f"{what or 'The training failed'}; its log says why.", word)


def progress(value: object) -> Progress | None:
    """A percentage, ``3/10``, or ``?``."""
    if isinstance(value, str):
        parts = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", value)
        if parts is not None:
            return Progress.of(int(parts[1]), int(parts[2]), "partition")
        value = value.strip().removesuffix("%")
    percent = _wire.number(value)
    if percent is None or not 0 <= percent <= 100:
        return None
    return Progress.of(round(percent), 100, "percent", percent)


def from_info(
    answer: object, ref: JobRef, workspace: str, capabilities: frozenset[Capability]
) -> Job:
    """A job that the list does not have, from its own information."""
    told = _wire.mapping(_wire.mapping(answer, "the job").get("response"), "`response`")
    return _job({"state": told.get("state")}, ref, workspace, "training", capabilities)


def models(answer: object, sort_by: str | None) -> ModelPage:
    """A page of a job's models."""
    whole = _wire.mapping(answer, "the models")
    told = _wire.mapping(whole.get("response"), "`response`")
    names = told.get("available_metrics")
    lines = [_wire.line(name, limit=80) for name in names] if isinstance(names, list) else []
    available = tuple(name for name in lines if name)
    entries = _wire.sequence(told.get("partitions") or [], "`partitions`")
    metric = sort_by or (available[0] if len(available) == 1 else None)
    page = max(0, _wire.integer(whole.get("page_id")) or 0)
    return ModelPage(
        models=tuple(
            _model(_wire.mapping(entry, "a partition"), metric, number)
            for number, entry in enumerate(entries)
        ),
        page=page,
        pages=max(1, page + 1, _wire.integer(whole.get("page_count")) or 1),
        available_metrics=available,
        sort_by=sort_by,
    )


def _model(told: Mapping[str, Any], metric: str | None, number: int) -> Model:
    output = _wire.optional_mapping(told.get("output"))
    path = _wire.line(output.get("path"), limit=300) or ""
    branch, _, model_id = path.rpartition(":")
    datum = _wire.line(told.get("datum_id"), limit=200)
    score = _wire.number(told.get("score"))
    extra = {}
    for kind in ("code", "data", "image"):
        shown = _descriptor(told.get(kind))
        if shown:
            extra[kind] = shown
    if datum:
        extra["datum"] = datum
    name = model_id or datum or f"model {number + 1}"
    return Model(
        id=name,
        name=name,
        metrics=MappingProxyType({metric: score} if metric and score is not None else {}),
        score=score,
        hyperparameters=MappingProxyType(hyperparameters(told.get("hyperparams"))),
        group=branch or None,
        extra=MappingProxyType(extra),
    )


def _descriptor(value: object) -> str:
    told = _wire.optional_mapping(value)
    repo, commit = (_wire.line(told.get(key), limit=120) for key in ("repo", "commit"))
    author = _wire.line(told.get("author"), limit=80)
    where = "@".join(part for part in (repo, commit) if part)
    return f"{where} by {author}" if where and author else where


def hyperparameters(value: object) -> dict[str, str]:
    """Names and values in words, from a mapping or a text that holds one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            shown = _wire.line(value)
            return {"parameters": shown} if shown and not _NULL.fullmatch(shown) else {}
    found = {}
    for key, item in list(_wire.optional_mapping(value).items())[:200]:
        text = item if isinstance(item, str) else json.dumps(item)
        found[sanitize.line(key, limit=80)] = sanitize.line(text, limit=200)
    return found


def pipeline(answer: object) -> dict[str, str]:
    """The pipeline as labels and texts; ``null`` inside a value means that it is not set."""
    told = dict(_wire.mapping(answer, "the pipeline"))
    inner = told.get("response")
    if isinstance(inner, dict):
        told = inner
    values = {sanitize.line(key, limit=80): _setting(value) for key, value in told.items()}
    found = {}
    for key in ("image", "commands", "description", "parallelism", "output_branch"):
        found[key.replace("_", " ")] = values.pop(key, None) or "not set"
    for key in ("cpu", "memory", "gpu"):
        found[key] = values.pop(key, None) or "not set"
    for kind, label in (("data", "data"), ("image", "code image"), ("hyper", "hyper-parameters")):
        parts = {part: values.pop(f"{kind}_{part}", None) for part in ("repo", "branch", "glob")}
        name = values.pop(f"{kind}_name", None)
        where = ", ".join(f"{part} {value}" for part, value in parts.items() if value)
        found[label] = f"{name}: {where}" if name and where else name or where or "not set"
    return found | {key: value or "not set" for key, value in values.items()}


def _setting(value: object) -> str | None:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    shown = sanitize.line(text, limit=300)
    return None if value is None or not shown or _NULL.search(shown) else shown


def text(answer: object, what: str) -> str:
    """A JSON string; not made safe, since a log's colours still mean something to its view."""
    if isinstance(answer, dict) and "response" in answer:
        answer = answer["response"]
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list) and all(isinstance(item, str) for item in answer):
        return "\n".join(answer)
    raise ProtocolError(f"{what} should be a text and is something else")


def workspaces(answer: object) -> list[str]:
    """The names of the workspaces."""
    names = _wire.sequence(_wire.mapping(answer, "the workspaces").get("names"), "`names`")
    return [name for name in (_wire.line(each, limit=100) for each in names) if name]
