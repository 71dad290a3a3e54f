"""How good the model is by now, measured on the training pictures: at the end of each epoch.

The question put to it is one that a detector's measures can be asked of too: *find this picture*.
A picture is drowned in noise, the model says what it sees, and all pictures are ranked by how near
they are to that. The average precision of one such search is one over the rank of the right
picture; its mean over the pictures is the mAP at that level of noise.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from trainer_tui.server.runners.smoke.data import Examples
from trainer_tui.server.runners.smoke.latent import Array, Codec
from trainer_tui.server.runners.smoke.model import Denoiser

LEVELS = tuple(round(0.50 + 0.05 * step, 2) for step in range(10))
"""Shares of noise, from half of what is seen to nearly all: the steps that mAP 50:95 goes in."""
_MOST = 64  # pictures that are looked for; more would cost an epoch of a small run its time
_RUNS = 5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured after an epoch."""

    epoch: int
    step: int
    map50: float
    """Mean average precision of finding a picture under half noise, without its caption."""
    map5095: float
    """The same, averaged over the ten levels of noise."""
    f1: float
    """Share of pictures found first under half noise; with one answer a search, precision and
    recall are the same number."""
    box_loss: float
    """Error of the brightness (where things are), as a part of the whole weighted error."""
    class_loss: float
    """Error of the first colour difference, likewise."""
    obj_loss: float
    """Error of the second colour difference, likewise. The three add up to the loss."""
    latency: float
    """Milliseconds for one answer of the model on this machine."""

    @property
    def curves(self) -> dict[str, float]:
        """What goes into the metrics file."""
        return {key: value for key, value in asdict(self).items() if key not in ("epoch", "step")}


def evaluate(
    examples: Examples, codec: Codec, model: Denoiser, seed: int, *, epoch: int, step: int
) -> Evaluation:
    """Measure the model. The noise is the same each time, so two epochs can be compared."""
    count = min(_MOST, len(examples))
    chosen = np.linspace(0, len(examples) - 1, count).astype(int)
    clean = examples.latents[chosen]
    weights = codec.weights()
    silent = np.zeros_like(examples.texts[chosen])
    found, first, away = [], 0.0, np.zeros(codec.size)
    for number, level in enumerate(LEVELS):
        noise = np.random.default_rng([seed, number]).standard_normal(clean.shape, np.float32)
        noisy = np.float32(1 - level) * clean + np.float32(level) * noise
        seen = model.predict(noisy, silent, np.full(count, level, np.float32))
        ranks = _ranks(seen, clean, weights)
        found.append(float((1 / (1 + ranks)).mean()))
        if number == 0:
            first = float((ranks == 0).mean())
        away += (weights * (seen - clean) ** 2).mean(axis=0) / len(LEVELS)
    box, colour, other = _by_channel(away / weights.sum(), codec)
    return Evaluation(
        epoch=epoch,
        step=step,
        map50=found[0],
        map5095=float(np.mean(found)),
        f1=first,
        box_loss=box,
        class_loss=colour,
        obj_loss=other,
        latency=_latency(model, clean[:1], silent[:1]),
    )


def append(file: Path, evaluation: Evaluation) -> None:
    """Write it down as one JSON line; what is not finite becomes null."""
    kept = {k: v if np.isfinite(v) else None for k, v in asdict(evaluation).items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(kept) + "\n")


def _ranks(seen: Array, clean: Array, weights: Array) -> Array:
    """For each picture seen, how many others are nearer to it than the right one."""
    scale = np.sqrt(weights)
    a, b = seen * scale, clean * scale
    distances = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    right = np.diag(distances)[:, None]
    ranks: Array = (distances < right).sum(axis=1).astype(np.float32)
    ranks[~np.isfinite(right[:, 0])] = len(clean) - 1  # a model that diverged finds nothing
    return ranks


def _by_channel(values: Array, codec: Codec) -> list[float]:
    sums, start = [], 0
    for side, _ in codec.channels:
        sums.append(float(values[start : start + side * side].sum()))
        start += side * side
    return sums


def _latency(model: Denoiser, picture: Array, silent: Array) -> float:
    level = np.full(1, 0.5, np.float32)
    began = time.perf_counter()
    for _ in range(_RUNS):
        model.predict(picture, silent, level)
    return (time.perf_counter() - began) * 1000 / _RUNS
