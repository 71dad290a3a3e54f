"""What a Roboflow training is: what it was asked for with, its models, what became of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trainer_tui.errors import UsageError
from trainer_tui.model import Status
from trainer_tui.server.records import JobRecord

RANKS = {"fast": 4, "medium": 8, "accurate": 16}
"""Rank of the adapter by ``speed``."""
USUAL_TYPE = "rfdetr-base"
USUAL_EPOCHS = 100
_MODEL_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORDS = {
    Status.QUEUED: "queued",
    Status.PREPARING: "queued",
    Status.RUNNING: "running",
    Status.STOPPING: "running",
    Status.SUCCEEDED: "finished",
    Status.FAILED: "failed",
    Status.CANCELED: "cancelled",
    Status.UNKNOWN: "failed",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """What a training is asked for with."""

    model_type: str = USUAL_TYPE
    epochs: int = USUAL_EPOCHS
    speed: str = "fast"
    checkpoint: str | None = None
    lr: float = 1e-3
    batch_size: int = 1

    @property
    def search(self) -> bool:
        """Whether it makes several models."""
        return "nas" in self.model_type.lower()

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Ask:
        """From a request's body, in either spelling. Raises UsageError."""
        recipe = body.get("trainRecipe")
        tuned = recipe.get("hyperparameters") if isinstance(recipe, dict) else None
        tuned = tuned if isinstance(tuned, dict) else {}
        kind = body.get("modelType", body.get("model_type")) or USUAL_TYPE
        if not isinstance(kind, str) or not _MODEL_TYPE.fullmatch(kind):
            raise UsageError("model_type is a name such as rfdetr-base or rfdetr-nas.")
        speed = body.get("speed") or "fast"
        if speed not in RANKS:
            raise UsageError(f"speed is one of {', '.join(RANKS)}.")
        checkpoint = body.get("checkpoint")
        if checkpoint is not None and not isinstance(checkpoint, str):
            raise UsageError("checkpoint is a name.")
        return cls(
            model_type=kind,
            epochs=_whole(tuned.get("epochs", body.get("epochs")), "epochs", USUAL_EPOCHS, 10_000),
            speed=speed,
            checkpoint=checkpoint,
            lr=_rate(tuned.get("lr")),
            batch_size=_whole(tuned.get("batch_size"), "batch_size", 1, 64),
        )


@dataclass(frozen=True, slots=True)
class Child:
    """One model of a training: a job, what it was made for, and what was measured of it."""

    record: JobRecord
    model: str
    """Its public id: a slug."""
    rank: int
    epochs: Sequence[Mapping[str, Any]] = ()
    """One evaluation an epoch, oldest first; see the smoke trainer's ``evaluation``."""

    @property
    def word(self) -> str:
        """Its status in Roboflow's words."""
        record = self.record
        if record.requested == "cancel":
            return "cancelled"
        if record.status is Status.INTERRUPTED:
            if record.requested == "stop":
                return "finished" if record.checkpoint_step else "cancelled"
            return "failed"
        return _WORDS[record.status]

    @property
    def has_weights(self) -> bool:
        """Whether there is something to download; canceling throws it away."""
        return self.word == "finished" and self.record.checkpoint_step > 0


@dataclass(frozen=True, slots=True)
class Training:
    """One training of a version."""

    id: str
    version: str
    """``workspace/project/number``."""
    model_type: str
    total: int
    """Epochs asked for."""
    group: str | None
    """Under which the models of a search are filed."""
    children: tuple[Child, ...]

    @property
    def status(self) -> str:
        """As a whole: it runs while any of it does."""
        words = [child.word for child in self.children]
        if all(word == "queued" for word in words):
            return "queued"
        for word in ("running", "queued", "finished", "failed"):
            if word in words:
                return "running" if word == "queued" else word
        return "cancelled"

    @property
    def in_flight(self) -> bool:
        """Whether it can be canceled."""
        return self.status in ("queued", "running")

    @property
    def created(self) -> datetime:
        return min(child.record.created_at for child in self.children)

    @property
    def started(self) -> datetime | None:
        return min((m for c in self.children if (m := c.record.started_at)), default=None)

    @property
    def ended(self) -> datetime | None:
        if self.in_flight:
            return None
        return max((m for c in self.children if (m := c.record.finished_at)), default=None)

    @property
    def best(self) -> Child | None:
        """The model with the highest mAP 50:95 of those that can be had."""
        done = [child for child in self.children if child.has_weights and child.epochs]
        return max(done, key=lambda child: child.epochs[-1]["map5095"] or 0.0, default=None)

    @property
    def shown(self) -> Child:
        """The model whose epochs are the training's: the best, else the one that came furthest."""
        return self.best or max(self.children, key=lambda child: len(child.epochs))


def _whole(value: object, name: str, default: int, most: int) -> int:
    if value is None:
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:10])
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise UsageError(f"{name} is a whole number from 1 to {most}.")
    return value


def _rate(value: object) -> float:
    if value is None:
        return 1e-3
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise UsageError("lr is a number above 0, up to 1.")
    return float(value)
