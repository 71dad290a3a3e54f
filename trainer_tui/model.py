"""The facts of the domain: frozen, without I/O, without a clock.

All times are timezone-aware UTC, all durations seconds, all sizes bytes. Every string that came
from outside has been through :mod:`trainer_tui.sanitize` before it is put in here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    """Where a job is in its life, in one vocabulary for every service."""

    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    INTERRUPTED = "interrupted"
    """Ended before its last step without an error of its own: preempted, stopped, server gone."""
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @property
    def active(self) -> bool:
        """Whether the job can still change by itself (queued, preparing, running, stopping)."""
        return self in _ACTIVE

    @property
    def ended(self) -> bool:
        """Whether the job has come to an end (succeeded, interrupted, failed, canceled)."""
        return self in _ENDED


_ACTIVE = frozenset({Status.QUEUED, Status.PREPARING, Status.RUNNING, Status.STOPPING})
_ENDED = frozenset({Status.SUCCEEDED, Status.INTERRUPTED, Status.FAILED, Status.CANCELED})


class Capability(StrEnum):
    """What a provider can do at all; what a job allows now is this and its status."""

    CANCEL = "cancel"
    STOP = "stop"
    RESUME = "resume"
    EDIT = "edit"
    SUBMIT = "submit"
    DELETE = "delete"
    LOGS = "logs"
    METRICS = "metrics"
    ARTIFACTS = "artifacts"
    CONFIG = "config"
    MODELS = "models"
    STAR = "star"
    PROVENANCE = "provenance"
    PIPELINE = "pipeline"
    BUNDLE = "bundle"


@dataclass(frozen=True, slots=True, order=True)
class JobRef:
    """Names one job everywhere: the profile it belongs to and the provider's own id."""

    profile: str
    id: str

    def __str__(self) -> str:
        return f"{self.profile}/{self.id}"

    def __hash__(self) -> int:
        # Thousands are looked up at a time, and few ids are of two profiles.
        return hash(self.id)

    @classmethod
    def parse(cls, text: str) -> JobRef:
        """Read ``profile/id`` (the id may itself hold slashes).

        Raises:
            ValueError: There is no slash, or one side is empty.
        """
        profile, slash, job_id = text.partition("/")
        if not (slash and profile and job_id):
            raise ValueError(f"{text!r} is not of the form profile/id")
        return cls(profile, job_id)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. ``total`` is ``None`` when the service does not say."""

    current: int
    total: int | None = None
    unit: str = "step"
    percent: float | None = None
    """0 to 100. Given by the service, or computed from current and total by :meth:`of`."""

    @classmethod
    def of(
        cls, current: int, total: int | None, unit: str = "step", percent: float | None = None
    ) -> Progress:
        """Build a progress, working the percentage out where the service gives none."""
        if percent is None and total:
            percent = 100.0 * current / total
        if percent is not None:
            percent = min(100.0, max(0.0, percent))
        return cls(current, total, unit, percent)


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed, in the service's words."""

    message: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Gpu:
    """The accelerator of a job: the service's name for it and how many."""

    type: str
    count: int = 1


ATTEMPT = "Attempt"
"""Label in :attr:`Job.extra` of how many times a job was started, where the service counts."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training run as last observed."""

    ref: JobRef
    provider: str
    name: str
    status: Status
    raw_status: str
    progress: Progress | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: JobError | None = None
    gpu: Gpu | None = None
    config_name: str | None = None
    loss: float | None = None
    checkpoint_step: int | None = None
    """Step of the newest checkpoint, where a resume would continue; 0 when there is none yet and
    the service says so; ``None`` when nobody knows."""
    queue_position: int | None = None
    """0 for the next in line."""
    allowed: frozenset[Capability] = frozenset()
    """What the provider would accept for this job in its present state."""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """More facts for the detail pane, in the order to show them: label → text."""

    @property
    def counts(self) -> str:
        """What its steps count, those of its checkpoints too; a percentage is no place."""
        unit = self.progress.unit if self.progress is not None else "step"
        return "step" if unit == "percent" else unit

    def replace(self, **changes: object) -> Job:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


class ArtifactKind(StrEnum):
    """What sort of file a job made."""

    CHECKPOINT = "checkpoint"
    SAMPLE = "sample"
    CONFIG = "config"
    BUNDLE = "bundle"
    WEIGHTS = "weights"
    LOG = "log"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a job made and that can be downloaded."""

    name: str
    """One safe path component (no slash, no control character): the name to save it under."""
    kind: ArtifactKind
    url: str
    """Absolute URL, or a path on the profile's own origin when ``own_origin`` is true."""
    own_origin: bool = False
    """Whether the profile's credential belongs on the request. Never true for another host."""
    size: int | None = None
    step: int | None = None
    created_at: datetime | None = None
    etag: str | None = None
    prompt: str | None = None
    seed: int | None = None


EPOCH_PARTS = "epoch/1000"
"""Unit of points whose place was told as a fraction of an epoch."""
POINTS = "point"
"""Unit of points whose place nobody told: they are numbered as they came."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One point of one curve. ``value`` may be NaN or infinite: that is worth showing."""

    key: str
    step: int
    value: float
    time: datetime | None = None
    unit: str = "step"
    """What ``step`` counts: ``epoch``, ``partition``, …; the same in all points of a curve."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model that a job made, where a job makes several (a search, a grid) or names its one."""

    id: str
    name: str
    status: str = ""
    """The service's own word, made safe; empty when it says none."""
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    score: float | None = None
    """The one number that the service ranks it by, where there is one."""
    hyperparameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    starred: bool | None = None
    """``None``: the service does not say, or cannot star this one."""
    recommended: bool = False
    """Whether the service itself recommends it."""
    group: str | None = None
    """What the service files it under (a NAS family, a partition of the data, …)."""
    created_at: datetime | None = None
    artifact: Artifact | None = None
    """Its files, where they can be had without asking further."""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """More facts, in the order to show them: label → text."""


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A page of a job's models, in the order that was asked for."""

    models: tuple[Model, ...]
    page: int = 0
    """Counted from 0."""
    pages: int = 1
    """How many there are; at least 1."""
    available_metrics: tuple[str, ...] = ()
    """What they can be sorted by."""
    sort_by: str | None = None
    """The metric that they are sorted by here; ``None``: the service's own order."""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a job's log, as the provider gave it.

    ``data`` is what the job wrote, byte for byte: carriage returns and colours still mean something
    to the log model, which cleans it. ``offset`` and ``next_offset`` count bytes in the provider's
    log. ``reset`` says that the log began anew and what is held is void.
    """

    data: bytes
    offset: int
    next_offset: int
    reset: bool = False
    complete: bool = False
    """No more will come: the job has ended and this reaches the end."""
    begins: int = 0
    """The provider no longer has what was before this offset."""

    @property
    def text(self) -> str:
        """The bytes as text, errors replaced; **not** sanitised."""
        return self.data.decode("utf-8", "replace")


class EventKind(StrEnum):
    """What sort of thing happened to a job, as we saw it or as the service told it."""

    SEEN = "seen"
    STATUS = "status"
    ACT = "act"
    CHECKPOINT = "checkpoint"
    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job, for the Events tab and the history in the store."""

    ref: JobRef
    time: datetime
    kind: EventKind
    text: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a live check of a profile found out."""

    summary: str
    """One line: who we are there and what is to be seen."""
    jobs: int | None = None
