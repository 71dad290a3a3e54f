"""What Roboflow's answers look like: pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from trainer_tui.server.dialects.roboflow_model import RANKS, Ask, Child, Training
from trainer_tui.server.dialects.roboflow_wire import seconds
from trainer_tui.server.projects import Version

HARDWARE = "cpu"
FAMILY = "smoke-lora"
KIND = "object-detection"
EXPORTS = ("coco", "folder", "jsonl", "png-mask-semantic", "video-coco", "yolov5pytorch")
"""What clients make sure of before they start a training. Nothing is exported here: the trainer
reads the folder itself, so all of them count as done."""
_LOSSES = ("box_loss", "class_loss", "obj_loss")
_MEASURES = ("map50", "map5095", "f1", "latency")


def workspace(name: str) -> dict[str, Any]:
    """A workspace without its projects."""
    return {"name": name, "url": name, "members": 1}


def project(
    ws: str, name: str, versions: int, newest: Version | None, trainings: Sequence[Training]
) -> dict[str, Any]:
    """A project; its images are those of its newest version."""
    splits = newest.splits if newest else {}
    images = newest.images if newest else 0
    moments = [newest.created] if newest else []
    for each in trainings:
        moments += [m for m in (each.created, each.started, each.ended) if m]
    return {
        "id": f"{ws}/{name}",
        "type": KIND,
        "name": name,
        "created": seconds(newest.created) if newest else 0,
        "updated": seconds(max(moments)) if moments else 0,
        "images": images,
        "unannotated": images,
        "annotation": name,
        "versions": versions,
        "public": False,
        "splits": splits,
        "classes": {},
        "colors": {},
    }


def version(
    found: Version, trainings: Sequence[Training], *, whole: bool = False
) -> dict[str, Any]:
    """A version, with its newest training; ``whole`` adds what only the version's own call has."""
    told: dict[str, Any] = {
        "id": found.id,
        "name": found.number,
        "created": seconds(found.created),
        "images": found.images,
        "splits": found.splits,
        "preprocessing": {},
        "augmentation": {},
        "exports": list(EXPORTS),
    }
    if whole:
        told |= {"generating": False, "progress": 1, "models": {}}
    if not trainings:
        return told
    newest = trainings[0]
    told["train"] = _train(newest)
    best = newest.best
    if best is not None:
        told["model"] = {
            "id": found.id,
            "model": best.model,
            "map": _percent(best.epochs[-1]["map5095"]),
            "modelType": newest.model_type,
        }
    if whole and newest.shown.epochs:
        told["models"] = {"roboflow-train": {"epochs": [_epoch(e) for e in newest.shown.epochs]}}
    return told


def _train(training: Training) -> dict[str, Any]:
    told: dict[str, Any] = {
        "status": training.status,
        "trainingId": training.id,
        "modelType": training.model_type,
        "epochs": training.total,
        **_times(training),
        "requestedStop": any(child.record.requested == "stop" for child in training.children),
    }
    failed = next((c.record.error for c in training.children if c.record.error), None)
    if training.status == "failed" and failed is not None:
        told["error"] = failed.message
    best = training.best
    if training.status == "finished" and best is not None:
        told["results"] = {"map": _percent(best.epochs[-1]["map5095"]), **metrics(training, best)}
    return told


def _times(training: Training) -> dict[str, float | None]:
    begun: datetime = training.started or training.created
    return {"start": seconds(begun), "end": seconds(training.ended)}


def _epoch(measured: Mapping[str, Any]) -> dict[str, Any]:
    """One epoch, of which what was not finite is left out."""
    told = {"epoch": measured["epoch"], "mAP": measured["map5095"]}
    told |= {key: measured[key] for key in _LOSSES}
    return {key: value for key, value in told.items() if value is not None}


def metrics(training: Training, child: Child) -> dict[str, Any]:
    """What was measured of a model last."""
    if not child.epochs:
        return {}
    last = child.epochs[-1]
    told: dict[str, Any] = {key: last[key] for key in _MEASURES if last[key] is not None}
    best_for = [HARDWARE] if child.has_weights and _is_pareto(training, child) else []
    return told | {"hardware": HARDWARE, "paretoOptimalFor": best_for}


def _is_pareto(training: Training, child: Child) -> bool:
    """Whether no other model of the training is both quicker and better."""
    mine = child.epochs[-1]
    for other in training.children:
        if other is child or not (other.has_weights and other.epochs):
            continue
        last = other.epochs[-1]
        if (last["map5095"] or 0) > (mine["map5095"] or 0) and last["latency"] < mine["latency"]:
            return False
    return True


def training(found: Training) -> dict[str, Any]:
    """An entry of a version's list of trainings."""
    return {
        "id": found.id,
        "trainingId": found.id,
        "versionId": found.version,
        "status": found.status,
        **_times(found),
        "jobType": job_type(found),
        "modelType": found.model_type,
        "modelGroup": found.group,
        "modelIds": [child.model for child in found.children],
        "epochs": found.total,
    }


def job_type(found: Training) -> str:
    """``nas`` for a search, else ``fine-tune``."""
    return "fine-tune" if found.group is None else "nas"


def results(found: Training, stars: Collection[str], *, before: str = "") -> dict[str, Any]:
    """A training's models. ``before`` goes before their ids: v2 names them ``workspace/slug``."""
    best = found.best
    return {
        "trainingId": found.id,
        "versionId": found.version,
        "status": found.status,
        "jobType": job_type(found),
        "modelType": found.model_type,
        "modelGroup": found.group,
        "modelCount": len(found.children),
        "modelIds": [child.model for child in found.children],
        "recommendedByHardware": {HARDWARE: best.model} if best else {},
        "epochs": found.total,
        **_times(found),
        "models": [
            {
                "modelId": before + child.model,
                "modelType": found.model_type,
                "status": child.word,
                "nasFamily": FAMILY if found.group else None,
                "metrics": metrics(found, child),
                "hyperparameters": {"rank": child.rank},
                "recommended": child is best,
                "starred": child.model in stars,
            }
            for child in found.children
        ],
    }


def row(found: Training, child: Child, stars: Collection[str]) -> dict[str, Any]:
    """A model as the list of a project's models has it."""
    starred = child.model in stars
    return {
        "id": child.model,
        "modelId": child.model,
        "url": child.model,
        "name": child.model,
        "modelType": found.model_type,
        "status": child.word,
        "versionId": found.version,
        "trainingId": found.id,
        "group": found.group,
        "nasFamily": FAMILY if found.group else None,
        "metrics": metrics(found, child),
        "recommended": child is found.best,
        "starred": starred,
        "favorite": starred,
    }


def recipe(ask: Ask) -> dict[str, Any]:
    """What can be tuned, and a recipe to be changed and sent."""
    usual = {"epochs": ask.epochs, "lr": ask.lr, "batch_size": ask.batch_size}
    return {
        "modelType": ask.model_type,
        "schema": {
            "hyperparameters": {
                "epochs": {"type": "integer", "minimum": 1, "maximum": 10_000},
                "lr": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                "batch_size": {"type": "integer", "minimum": 1, "maximum": 64},
            },
            "online_augmentation": {},
            "preprocessing": {},
            "speeds": list(RANKS),
        },
        "template": {"hyperparameters": usual, "online_augmentation": [], "preprocessing": []},
    }


def _percent(share: float | None) -> float | None:
    """A share as Roboflow's per cent."""
    return None if share is None else round(100 * share, 1)
