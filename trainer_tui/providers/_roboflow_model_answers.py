"""What Roboflow's answers tell of models: pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from trainer_tui import sanitize
from trainer_tui.model import Model
from trainer_tui.providers import _wire

_SMALL_IS_GOOD = re.compile(r"loss|latency|error|time", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Results:
    """What a training has made."""

    models: Sequence[Model]
    group: str | None
    """Under which the models of a search (NAS) are filed; ``None``: it was no search."""


def read_results(answer: object) -> Results:
    """The models of a training."""
    fields = _wire.mapping(answer, "the results")
    advised = _wire.optional_mapping(fields.get("recommendedByHardware"))
    best = {slug_of(value) for value in advised.values() if isinstance(value, str)}
    group = _wire.line(fields.get("modelGroup"), limit=200)
    models = []
    for entry in _wire.sequence(fields.get("models") or [], "the list of models"):
        found = _model(_wire.optional_mapping(entry), best, group)
        if found is not None:
            models.append(found)
    return Results(models, group)


def _model(fields: Mapping[str, Any], best: set[str], group: str | None) -> Model | None:
    given = fields.get("modelId") or fields.get("id") or fields.get("url")
    model_id = _wire.line(given, limit=200)
    if model_id is None or model_id != given:
        return None
    told = _wire.optional_mapping(fields.get("metrics"))
    extra = {}
    for label, value in (
        ("type", fields.get("modelType")),
        ("hardware", told.get("hardware")),
        ("best for", told.get("paretoOptimalFor")),
    ):
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        if shown := _wire.line(text, limit=200):
            extra[label] = shown
    tuned = _wire.optional_mapping(fields.get("hyperparameters"))
    return Model(
        id=model_id,
        name=slug_of(model_id),
        status=_wire.line(fields.get("status"), limit=40) or "",
        metrics=MappingProxyType(
            {
                sanitize.line(key, limit=60): number
                for key, value in told.items()
                if not isinstance(value, str) and (number := _wire.number(value)) is not None
            }
        ),
        hyperparameters=MappingProxyType(
            {sanitize.line(k, limit=60): _wire.line(v, limit=80) or "" for k, v in tuned.items()}
        ),
        starred=starred(fields),
        recommended=fields.get("recommended") is True or slug_of(model_id) in best,
        group=_wire.line(fields.get("nasFamily"), limit=80) or group,
        extra=MappingProxyType(extra),
    )


def starred(fields: Mapping[str, Any]) -> bool | None:
    """Whether a model's entry tells of a star; ``None``: it does not say."""
    for key in ("starred", "favorite", "favorites"):
        if key in fields:
            return bool(fields[key])
    return None


def stars_in(answer: object) -> dict[str, bool]:
    """Slug → starred, from the list of a project's models."""
    found = {}
    for entry in answer if isinstance(answer, list) else []:
        fields = _wire.optional_mapping(entry)
        star = starred(fields)
        for key in ("url", "modelId", "id"):
            if star is not None and isinstance(fields.get(key), str):
                found[slug_of(fields[key])] = star
    return found


def slug_of(model_id: str) -> str:
    """The part of ``workspace/slug`` or ``project/3`` by which calls name a model."""
    return model_id.partition("/")[2] or model_id


def best_first(models: Sequence[Model], metric: str) -> list[Model]:
    """Sorted by a metric, those that lack it last; less is better for losses and latencies."""
    sign = 1.0 if _SMALL_IS_GOOD.search(metric) else -1.0

    def rank(model: Model) -> tuple[bool, float]:
        value = model.metrics.get(metric, math.nan)
        return math.isnan(value), sign * value if not math.isnan(value) else 0.0

    return sorted(models, key=rank)


def available(models: Sequence[Model]) -> tuple[str, ...]:
    """What the models can be sorted by, in the order they are told."""
    return tuple(dict.fromkeys(key for model in models for key in model.metrics))
