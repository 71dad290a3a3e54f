"""What the network thread tells: one frozen message a fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer_tui.core.acts import Outcome
    from trainer_tui.core.board import Delta
    from trainer_tui.core.health import Finding
    from trainer_tui.core.logfile.source import LogSource
    from trainer_tui.core.points import Points
    from trainer_tui.core.poller import ProfileState
    from trainer_tui.core.rows import DownloadRow
    from trainer_tui.errors import TrainerError
    from trainer_tui.model import Artifact, Event, Job, JobRef, Metric, ModelPage


class Aspect(StrEnum):
    """A side of a job that can be followed."""

    LOGS = "logs"
    METRICS = "metrics"
    ARTIFACTS = "artifacts"
    CONFIG = "config"
    MODELS = "models"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class BoardChanged:
    """The board is not what it was; read the entries anew."""

    delta: Delta


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """A profile's connection is in another state."""

    state: ProfileState


@dataclass(frozen=True, slots=True)
class ActDone:
    """An act was accepted or refused."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job was seen to go from active to ended."""

    job: Job


@dataclass(frozen=True, slots=True)
class Ailing:
    """Something is wrong with a running job's training; told once a run."""

    ref: JobRef
    finding: Finding


@dataclass(frozen=True, slots=True)
class LogArrived:
    """More of a followed log is on this machine, or what is missing of it differs.

    Told at most ten times a second; what was told before it is void.
    """

    ref: JobRef
    name: str
    """Which of the job's logs."""
    source: LogSource
    names: tuple[str, ...] = ("log",)
    """All logs that the job may have, the usual one first."""


@dataclass(frozen=True, slots=True)
class MetricsArrived:
    """Points of a followed job. With ``reset`` those told before are void; without, they add to
    them."""

    ref: JobRef
    metrics: Sequence[Metric | Points]
    """An object each, or many of one key in one: see :mod:`trainer_tui.core.points`."""
    reset: bool = False
    more: bool = False
    """Whether there is more to be read at once: these are of the past, and not all of it yet."""


@dataclass(frozen=True, slots=True)
class ArtifactsArrived:
    """All artifacts of a followed job as they are now."""

    ref: JobRef
    artifacts: Sequence[Artifact]


@dataclass(frozen=True, slots=True)
class ConfigArrived:
    """The config of a followed job as the service has it."""

    ref: JobRef
    text: str


@dataclass(frozen=True, slots=True)
class ModelsArrived:
    """A page of a followed job's models: the one that was turned to, in the order asked for."""

    ref: JobRef
    page: ModelPage


@dataclass(frozen=True, slots=True)
class EventsArrived:
    """All that is known to have happened to a followed job, oldest first."""

    ref: JobRef
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class AspectFailed:
    """A side of a followed job cannot be had; told once, until it can or the reason changes."""

    ref: JobRef
    aspect: Aspect
    error: TrainerError


@dataclass(frozen=True, slots=True)
class DownloadChanged:
    """A download moved or changed its phase."""

    row: DownloadRow


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong in the program itself or with its own files; worth one notice."""

    text: str


Message = (
    BoardChanged
    | ProfileChanged
    | ActDone
    | JobEnded
    | Ailing
    | LogArrived
    | MetricsArrived
    | ArtifactsArrived
    | ConfigArrived
    | ModelsArrived
    | EventsArrived
    | AspectFailed
    | DownloadChanged
    | Trouble
)
