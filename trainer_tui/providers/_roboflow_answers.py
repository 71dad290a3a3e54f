"""What Roboflow's answers mean: pure.

A job is a training of a version of a project. Its id is ``project/version`` for a version's first
training, and ``project/version/training`` for each further one, so that ids stay as they are when
a version is trained again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from trainer_tui import sanitize
from trainer_tui.errors import NotFoundError
from trainer_tui.model import (
    Capability,
    Job,
    JobError,
    JobRef,
    Metric,
    Progress,
    Status,
)
from trainer_tui.providers import _complaints, _wire
from trainer_tui.providers.base import allowed_in

HAS = frozenset(
    {
        Capability.CANCEL,
        Capability.STOP,
        Capability.SUBMIT,
        Capability.METRICS,
        Capability.ARTIFACTS,
        Capability.CONFIG,
        Capability.MODELS,
        Capability.STAR,
    }
)
TRAINING = "training"
MODEL_TYPE = "model type"
_WORDS = {
    "queued": Status.QUEUED,
    "pending": Status.QUEUED,
    "starting": Status.PREPARING,
    "preparing": Status.PREPARING,
    "running": Status.RUNNING,
    "training": Status.RUNNING,
    "mining": Status.RUNNING,
    "stopping": Status.STOPPING,
    "finished": Status.SUCCEEDED,
    "complete": Status.SUCCEEDED,
    "completed": Status.SUCCEEDED,
    "stopped": Status.INTERRUPTED,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "cancelled": Status.CANCELED,
    "canceled": Status.CANCELED,
}
_TRAINING_ID = re.compile(r"[!-~]{1,200}")
_MILLISECONDS = 1e11  # such a number of seconds is beyond the year 5000
_MOST_EPOCHS = 100_000


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """What a job id names."""

    project: str
    version: str
    training: str | None = None

    @classmethod
    def parse(cls, job_id: str) -> Name:
        """Read a job id. Raises NotFoundError: nothing can have such an id."""
        project, _, rest = job_id.partition("/")
        version, _, training = rest.partition("/")
        good = _wire.is_id(project) and _wire.is_id(version)
        if good and (not training or _TRAINING_ID.fullmatch(training)):
            return cls(project, version, training or None)
        raise NotFoundError(
            f"{sanitize.line(job_id, limit=80)!r} is not a training at Roboflow",
            hint="An id is project/version, or project/version/training, as in Roboflow's URLs.",
        )

    def __str__(self) -> str:
        return "/".join(part for part in (self.project, self.version, self.training) if part)


@dataclass(frozen=True, slots=True)
class Project:
    """A project as the workspace lists it."""

    id: str
    """Without the workspace."""
    mark: tuple[object, ...] = ()
    """Changes when the project did."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training, from whichever answer tells of it."""

    id: str | None
    word: str
    model_type: str | None = None
    group: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    epochs: int | None = None
    """Asked for."""
    error: str | None = None

    @property
    def status(self) -> Status:
        return _WORDS.get(self.word.lower(), Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Version:
    """A version, with its newest training where it tells of one."""

    number: str
    name: str | None = None
    images: int | None = None
    training: Training | None = None
    epochs: Sequence[Mapping[str, float]] = field(default=())
    """One an epoch, oldest first: ``epoch`` and what was measured."""

    @property
    def loss(self) -> float | None:
        """The newest epoch's."""
        return _loss(self.epochs[-1]) if self.epochs else None


def _loss(epoch: Mapping[str, float]) -> float | None:
    """An epoch's losses, added up as Roboflow's own client does, where it does not tell the sum."""
    if "loss" in epoch:
        return epoch["loss"]
    losses = [value for key, value in epoch.items() if key.endswith("loss")]
    return sum(losses) if losses else None


# -- reading ---------------------------------------------------------------------------------


def read_projects(answer: object) -> list[Project]:
    """The projects of a workspace; those with an unusable id are passed over."""
    workspace = _wire.mapping(_wire.mapping(answer, "the answer").get("workspace"), "the workspace")
    found = []
    for entry in _wire.sequence(workspace.get("projects") or [], "the list of projects"):
        fields = _wire.optional_mapping(entry)
        slug = _last(fields.get("id"))
        if slug is not None:
            told = tuple(_wire.line(fields.get(key)) for key in ("updated", "versions"))
            found.append(Project(slug, told))
    return found


def read_versions(answer: object) -> list[Version]:
    """The versions of a project."""
    fields = _wire.mapping(answer, "the project")
    entries = _wire.sequence(fields.get("versions") or [], "the list of versions")
    return [found for entry in entries if (found := _version(entry)) is not None]


def read_version(answer: object) -> Version:
    """One version. Raises NotFoundError when the answer holds none."""
    found = _version(_wire.mapping(answer, "the version").get("version"))
    if found is None:
        raise NotFoundError("Roboflow's answer holds no version")
    return found


def _version(value: object) -> Version | None:
    fields = _wire.optional_mapping(value)
    number = _last(fields.get("id"))
    if number is None:
        return None
    train = fields.get("train")
    trained = fields.get("model") or fields.get("trainings")
    training = None
    if isinstance(train, dict) and train:
        training = _training(train, "finished" if "results" in train else "queued")
    elif trained:
        training = _training(_wire.optional_mapping(fields.get("model")), "finished", named=False)
    models = _wire.optional_mapping(fields.get("models"))
    told = _wire.optional_mapping(models.get("roboflow-train")).get("epochs")
    return Version(
        number=number,
        name=_wire.line(fields.get("name"), limit=200),
        images=_wire.integer(fields.get("images")),
        training=training,
        epochs=tuple(_epochs(told)) if isinstance(told, list) else (),
    )


def _epochs(entries: Iterable[object]) -> list[Mapping[str, float]]:
    found: dict[int, Mapping[str, float]] = {}
    for entry in list(entries)[:_MOST_EPOCHS]:
        fields = _wire.optional_mapping(entry)
        epoch = _wire.integer(fields.get("epoch"))
        if epoch is None:
            continue
        told = {"epoch": float(epoch)}
        for key, value in fields.items():
            number = _wire.number(value)
            if key != "epoch" and number is not None:
                told[sanitize.line(key, limit=60)] = number
        found[epoch] = told
    return [found[epoch] for epoch in sorted(found)]


def read_trainings(answer: object) -> list[Training]:
    """The trainings of a version, as ``v2/trainings`` lists them; those without id left out."""
    entries = _wire.mapping(answer, "the list of trainings").get("trainings") or []
    found = [
        _training(entry, "?")
        for entry in _wire.sequence(entries, "the list of trainings")
        if isinstance(entry, dict)
    ]
    return [each for each in found if each.id is not None]


def _training(fields: Mapping[str, Any], word: str, *, named: bool = True) -> Training:
    name = (fields.get("trainingId") or fields.get("id")) if named else None
    said = _complaints.complaint_in(fields.get("error"))
    return Training(
        id=name if isinstance(name, str) and _TRAINING_ID.fullmatch(name) else None,
        word=_wire.line(fields.get("status"), limit=40) or word,
        model_type=_wire.line(fields.get("modelType") or fields.get("model_type"), limit=80),
        group=_wire.line(fields.get("modelGroup"), limit=200),
        start=_time(fields.get("start") or fields.get("created")),
        end=_time(fields.get("end")),
        epochs=_wire.integer(fields.get("epochs")),
        error=said.message if said else None,
    )


def training_id(answer: object) -> str | None:
    """The id of a training that was just created, where the answer names it."""
    found = _wire.optional_mapping(answer).get("trainingId")
    return found if isinstance(found, str) and _TRAINING_ID.fullmatch(found) else None


def _last(value: object) -> str | None:
    """The last part of an id such as ``workspace/project/3``."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    last = value.rpartition("/")[2] if isinstance(value, str) else None
    return last if _wire.is_id(last) else None


def _time(value: object) -> datetime | None:
    number = _wire.number(value) if not isinstance(value, str) else None
    if number is not None and math.isfinite(number) and abs(number) > _MILLISECONDS:
        return _wire.moment(number / 1000)
    return _wire.moment(value)


# -- making ----------------------------------------------------------------------------------


def build_job(
    profile: str,
    name: Name,
    version: Version,
    training: Training,
    *,
    current: bool,
    previous: Job | None,
) -> Job:
    """A job.

    Args:
        current: Whether the version's epochs are those of this training.
        previous: As last known, for what is no longer told.
    """
    status = training.status
    extra = {key: value for key, value in (previous.extra if previous else {}).items()}
    for key, value in (
        (TRAINING, training.id),
        (MODEL_TYPE, training.model_type),
        ("models", training.group),
        ("images", version.images),
    ):
        if value is not None:
            extra[key] = str(value)
    ended = status.ended or status is Status.UNKNOWN
    return Job(
        ref=JobRef(profile, str(name)),
        provider="roboflow",
        name=str(name) if len(str(name)) <= 60 else f"{name.project}/{name.version}",
        status=status,
        raw_status=training.word,
        progress=_progress(version, training, previous, current=current),
        created_at=training.start or (previous.created_at if previous else None),
        started_at=training.start if status is not Status.QUEUED else None,
        finished_at=training.end if ended else None,
        error=JobError(training.error) if training.error and ended else None,
        loss=version.loss if current else previous.loss if previous else None,
        allowed=allowed_in(status, HAS),
        extra=MappingProxyType(extra),
    )


def _progress(
    version: Version, training: Training, previous: Job | None, *, current: bool
) -> Progress | None:
    before = previous.progress if previous else None
    total = training.epochs or (before.total if before else None)
    if current and version.epochs:
        return Progress.of(int(version.epochs[-1]["epoch"]), total, "epoch")
    if before is not None and (before.current or total is None):
        return before
    if training.status.ended:
        return None  # how far it came is told by the version's own call alone
    return Progress.of(0, total, "epoch") if total else None


def unseen(ref: JobRef) -> Job:
    """A job of which only the id is known."""
    return Job(ref, "roboflow", ref.id, Status.UNKNOWN, "?")


def metrics(version: Version, since: int) -> tuple[list[Metric], int]:
    """The points of the epochs after ``since``, and the number of the last epoch.

    The sum of the losses is one more key, ``loss``: it is what the job's status tells.
    """
    found, last = [], since
    for epoch in version.epochs:
        step = int(epoch["epoch"])
        if step > since:
            last = max(last, step)
            whole = _loss(epoch)
            told = dict(epoch) if whole is None else {**epoch, "loss": whole}
            found += [
                Metric(key, step, value, unit="epoch")
                for key, value in told.items()
                if key != "epoch"
            ]
    return found, last
