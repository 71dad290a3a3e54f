"""Roboflow's trainings out of the engine's jobs: a training is one smoke job, or several of
different rank where its model type asks for a search (``nas``).

What a training is lies in each job's config, below ``roboflow``, which the trainer passes over; so
a server that starts again finds all of it, and a job that is deleted takes its part along.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer_tui.errors import NotFoundError, StateError, TrainerError, UsageError
from trainer_tui.model import ArtifactKind
from trainer_tui.paths import write_atomic
from trainer_tui.server.dialects.roboflow_model import RANKS, Ask, Child, Training
from trainer_tui.server.engine import Engine, Request
from trainer_tui.server.projects import Version
from trainer_tui.server.records import JobRecord
from trainer_tui.server.runners.base import FileEntry
from trainer_tui.server.runners.files import from_json, read_whole

ORIGIN = "roboflow"
SEARCH = (2, 4, 8, 16)
"""Ranks of the children of a search."""
_MOST = 64 * 1024 * 1024  # bytes of what was measured
_MOST_STEPS = 200  # of an epoch: thousands of images would make one last for minutes


class Trainings:
    """All trainings of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._facts: dict[str, tuple[str, Mapping[str, Any] | None]] = {}
        self._measured: dict[str, tuple[int, list[Mapping[str, Any]]]] = {}
        self._stars = engine.settings.folder / "roboflow-stars.json"

    # -- looking --------------------------------------------------------------------------------

    def of(self, version: str) -> list[Training]:
        """The trainings of a version (``workspace/project/number``), the newest first."""
        return self.below(version).get(version, [])

    def below(self, prefix: str) -> dict[str, list[Training]]:
        """The trainings of all versions of a workspace or a project, the newest first."""
        found: dict[str, dict[str, list[Child]]] = {}
        facts_of: dict[str, Mapping[str, Any]] = {}
        for record in self._engine.book.newest(1_000_000)[0]:
            facts = self._facts_of(record) if record.origin == ORIGIN else None
            if facts is None or not f"{facts['version']}/".startswith(f"{prefix}/"):
                continue
            child = Child(record, facts["model"], facts["rank"], self._epochs(record))
            found.setdefault(facts["version"], {}).setdefault(facts["training"], []).append(child)
            facts_of[facts["training"]] = facts
        return {
            version: [self._training(facts_of[key], some) for key, some in trainings.items()]
            for version, trainings in found.items()
        }

    def get(self, version: str, training: str | None) -> Training:
        """One training; without an id the only one.

        Raises:
            NotFoundError: There is none, or none of that id.
            StateError: ``MULTIPLE_TRAININGS``: there are several and no id.
        """
        found = self.of(version)
        if training is not None:
            found = [each for each in found if each.id == training]
        if not found:
            what = f"training {training[:64]!r}" if training else "training"
            raise NotFoundError(f"{version} has no {what}.", code="TRAINING_NOT_FOUND")
        if len(found) > 1:
            raise StateError(
                f"{version} has {len(found)} trainings.",
                hint="Give a trainingId; v2/trainings lists them.",
                code="MULTIPLE_TRAININGS",
            )
        return found[0]

    def model(self, workspace: str, model: str) -> tuple[Training, Child]:
        """A model by its id. Raises NotFoundError (``MODEL_NOT_IN_WORKSPACE``)."""
        slug = model.removeprefix(f"{workspace}/")
        for trainings in self.below(workspace).values():
            for training in trainings:
                for child in training.children:
                    if child.model == slug:
                        return training, child
        raise NotFoundError(
            f"There is no model {slug[:100]!r} in the workspace {workspace}.",
            code="MODEL_NOT_IN_WORKSPACE",
        )

    def _training(self, facts: Mapping[str, Any], children: list[Child]) -> Training:
        children.sort(key=lambda child: child.record.id)
        return Training(
            id=facts["training"],
            version=facts["version"],
            model_type=facts["model_type"],
            total=facts["epochs"],
            group=facts["group"],
            children=tuple(children),
        )

    def _facts_of(self, record: JobRecord) -> Mapping[str, Any] | None:
        held = self._facts.get(record.id)
        if held is None or held[0] != record.config_etag:
            held = record.config_etag, self._read(record)
            self._facts[record.id] = held
        return held[1]

    def _read(self, record: JobRecord) -> Mapping[str, Any] | None:
        try:
            facts = json.loads(self._engine.config(record.id))["roboflow"]
            return facts if facts.keys() >= _WANTED else None
        except (ValueError, KeyError, TypeError, AttributeError, OSError, TrainerError):
            return None  # edited by hand: a job, but no training any more

    def _epochs(self, record: JobRecord) -> list[Mapping[str, Any]]:
        """What was measured of a job so far; read again when there is more of it."""
        file = self._engine.folder(record.id).work / "evaluations.jsonl"
        try:
            size = file.stat().st_size
            held = self._measured.get(record.id)
            if held is None or held[0] != size:
                held = self._measured[record.id] = size, _evaluations(read_whole(file, _MOST))
        except OSError:
            return []
        return held[1]

    # -- acting ---------------------------------------------------------------------------------

    async def create(self, version: Version, ask: Ask) -> Training:
        """Queue a training. Raises UsageError when there is no image to train on."""
        if not version.images:
            raise UsageError(f"{version.id} has no images.", code="NO_IMAGES")
        training = secrets.token_hex(5)
        stem = f"{version.project}-{version.number}"
        ranks = SEARCH if ask.search else (RANKS[ask.speed],)
        for rank in ranks:
            model = f"{stem}-nas-r{rank}-{training}" if ask.search else f"{stem}-{training}"
            facts = {
                "version": version.id,
                "training": training,
                "model": model,
                "model_type": ask.model_type,
                "epochs": ask.epochs,
                "rank": rank,
                "speed": ask.speed,
                "checkpoint": ask.checkpoint,
                "group": f"{stem}-nas-{training}" if ask.search else None,
            }
            config = _config(version, ask, rank, model) | {"roboflow": facts}
            text = json.dumps(config, indent=1)
            await self._engine.submit(Request(text, runner="smoke", origin=ORIGIN))
        return self.get(version.id, training)

    async def cancel(self, training: Training) -> None:
        """End it for good. Raises StateError (``CANNOT_CANCEL``) when there is nothing to end."""
        if not training.in_flight:
            raise StateError("Cannot cancel non-running train job.", code="CANNOT_CANCEL")
        for child in training.children:
            if child.record.status.active and child.record.requested != "cancel":
                await self._engine.cancel(child.record.id)

    async def stop(self, training: Training) -> None:
        """Let it end early; what has ended stays as it is."""
        for child in training.children:
            await self._engine.stop(child.record.id)

    async def weights(self, child: Child) -> FileEntry:
        """The newest checkpoint of a model. Raises NotFoundError (``NO_WEIGHTS``)."""
        if child.has_weights:
            files = await self._engine.artifacts(child.record.id)
            found = [file for file in files if file.kind is ArtifactKind.CHECKPOINT]
            if found:
                return max(found, key=lambda file: file.step or 0)
        raise NotFoundError(f"{child.model} has no weights ({child.word}).", code="NO_WEIGHTS")

    # -- stars ----------------------------------------------------------------------------------

    def starred(self) -> frozenset[str]:
        """The models that are marked."""
        try:
            return frozenset(json.loads(self._stars.read_bytes()))
        except (OSError, ValueError, TypeError):
            return frozenset()

    def star(self, training: Training, child: Child, on: bool) -> None:
        """Mark a model of a search. Raises UsageError (``MODEL_NOT_NAS``)."""
        if training.group is None:
            raise UsageError("Only models of a search (NAS) can be starred.", code="MODEL_NOT_NAS")
        marked = self.starred() | {child.model} if on else self.starred() - {child.model}
        write_atomic(self._stars, json.dumps(sorted(marked)).encode())


def _evaluations(data: bytes) -> list[Mapping[str, Any]]:
    found = {}
    for line in data.splitlines():
        try:
            each = from_json(line)
            found[int(each["epoch"])] = each  # one that was run again counts once
        except (ValueError, KeyError, TypeError, OverflowError):
            continue  # the last line, half written
    return [found[epoch] for epoch in sorted(found)]


_WANTED = frozenset({"version", "training", "model", "model_type", "epochs", "rank", "group"})


def steps_of_an_epoch(images: int, batch_size: int) -> int:
    """As many draws as there are images, within bounds."""
    return max(1, min(_MOST_STEPS, -(-images // batch_size)))


def _config(version: Version, ask: Ask, rank: int, name: str) -> dict[str, object]:
    """What the smoke trainer is to do."""
    epoch = steps_of_an_epoch(version.images, ask.batch_size)
    folders: Sequence[Path] = version.folders
    process = {
        "type": "sd_trainer",
        "network": {"type": "lora", "linear": rank, "linear_alpha": rank},
        "save": {"save_every": max(1, ask.epochs // 5) * epoch, "max_step_saves_to_keep": 2},
        "evaluate": {"every": epoch},
        "datasets": [{"folder_path": str(each), "resolution": [256]} for each in folders],
        "train": {
            "steps": ask.epochs * epoch,
            "batch_size": ask.batch_size,
            "lr": ask.lr,
            "seed": 1,
            "disable_sampling": True,
        },
    }
    return {"job": "smoke", "config": {"name": name, "process": [process]}}
