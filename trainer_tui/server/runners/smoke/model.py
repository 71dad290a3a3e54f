"""A small denoiser whose base is frozen and whose low-rank adapter is what trains.

Flow matching: ``z = (1 - t)·x + t·noise``; the model is asked for ``x``. The frozen base is what a
model knows that has seen only the average spectrum of pictures: its answer is the best linear
guess, and its random layers offer features of the noisy latent, the caption and the time. The
adapter adds ``gain · alpha/rank · B·A`` to each of four layers, as LoRA does, with B at zero first,
so that before the first step the model is exactly the base.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer_tui.server.runners.smoke.data import TEXT
from trainer_tui.server.runners.smoke.latent import Array

HIDDEN = 512
_TIME = 32
_BASE_SEED = 20_240_801  # the base is the same in all jobs, as a published base model would be
# Makes the rates that suit real models (1e-4) suit this one: its layers are hundreds of times
# smaller, so each step of an adapter must move it more.
_GAIN = 20.0
LAYERS = ("in", "mid", "out", "gate")
_FREQUENCIES: Array = (np.pi * np.exp(np.linspace(0, 4, _TIME // 2))).astype(np.float32)
Tensors = dict[str, Array]


@dataclass(slots=True)
class _Tape:
    """What the backward pass needs of the forward pass."""

    context: Array
    x: Array
    inner: dict[str, Array]
    first: Array
    h1: Array
    second: Array
    h2: Array
    pass_through: Array
    share: Array


class Denoiser:
    """The base and its adapter. ``tensors`` holds ``{layer}.lora_A`` (rank × in) and ``lora_B``."""

    def __init__(self, size: int, rank: int, alpha: float, seed: int) -> None:
        self.size = size
        self.scale = np.float32(_GAIN * alpha / rank)
        shapes = {
            "in": (HIDDEN, size + TEXT + _TIME),
            "mid": (HIDDEN, HIDDEN),
            "out": (size, HIDDEN),
            "gate": (size, TEXT + _TIME),
        }
        base = np.random.default_rng([_BASE_SEED, size])
        spread = {"in": 1.0, "mid": 1.0, "out": 0.05, "gate": 0.0}
        self._base = {name: _normal(base, shapes[name], spread[name]) for name in LAYERS}
        self._base["in"][:, size:] *= 2.0  # caption and time must be heard beside the latent
        start = np.random.default_rng([seed, 0])
        self.tensors: Tensors = {}
        for name in LAYERS:
            rows, columns = shapes[name]
            self.tensors[f"{name}.lora_A"] = _normal(start, (rank, columns), 1.0)
            self.tensors[f"{name}.lora_B"] = np.zeros((rows, rank), np.float32)

    def predict(self, z: Array, texts: Array, t: Array) -> Array:
        """The clean latents that the model sees in noisy ones; ``t`` is one time a row."""
        return self._forward(z, texts, t)[0]

    def gradient(
        self, clean: Array, noise: Array, texts: Array, t: Array, weights: Array
    ) -> tuple[float, Tensors]:
        """Loss (weighted mean square over all numbers) and its gradient by each tensor."""
        column = t[:, None]
        z = (1 - column) * clean + column * noise
        answer, tape = self._forward(z, texts, t)
        away = answer - clean
        weighted = weights * away
        loss = float((weighted * away).sum() / max(1.0, float(weights.sum())))
        weighted *= 2.0 / max(1.0, float(weights.sum()))
        return loss, self._backward(weighted, tape)

    def _forward(self, z: Array, texts: Array, t: Array) -> tuple[Array, _Tape]:
        context = np.concatenate([texts, _time_vector(t)], axis=1)
        x = np.concatenate([z, context], axis=1)
        inner: dict[str, Array] = {}
        first = self._layer("in", x, inner)
        h1 = _silu(first)
        second = self._layer("mid", h1, inner)
        h2 = _silu(second) + h1
        detail = self._layer("out", h2, inner)
        gate = self._layer("gate", context, inner)
        # The best linear guess of x from z where both x and the noise have variance 1, and the
        # deviation of what it leaves open.
        variance = (1 - t) ** 2 + t**2
        pass_through = ((1 - t) / variance)[:, None] * z
        share = (t / np.sqrt(variance))[:, None]
        answer = pass_through * (1 - gate) + share * detail
        return answer, _Tape(context, x, inner, first, h1, second, h2, pass_through, share)

    def _backward(self, by_answer: Array, tape: _Tape) -> Tensors:
        found: Tensors = {}
        self._layer_back("gate", -by_answer * tape.pass_through, tape.context, tape, found)
        by_h2 = self._layer_back("out", by_answer * tape.share, tape.h2, tape, found)
        by_second = by_h2 * _silu_slope(tape.second)
        by_h1 = by_h2 + self._layer_back("mid", by_second, tape.h1, tape, found)
        self._layer_back("in", by_h1 * _silu_slope(tape.first), tape.x, tape, found, last=True)
        return found

    def _layer(self, name: str, x: Array, inner: dict[str, Array]) -> Array:
        inner[name] = x @ self.tensors[f"{name}.lora_A"].T
        low: Array = self.scale * (inner[name] @ self.tensors[f"{name}.lora_B"].T)
        return low if name == "gate" else x @ self._base[name].T + low

    def _layer_back(
        self, name: str, by_y: Array, x: Array, tape: _Tape, found: Tensors, *, last: bool = False
    ) -> Array:
        by_inner: Array = self.scale * (by_y @ self.tensors[f"{name}.lora_B"])
        found[f"{name}.lora_B"] = self.scale * (by_y.T @ tape.inner[name])
        found[f"{name}.lora_A"] = by_inner.T @ x
        if last or name == "gate":  # nothing below it trains
            return by_inner
        return by_y @ self._base[name] + by_inner @ self.tensors[f"{name}.lora_A"]


class Adam:
    """Adam with decoupled weight decay; ``first`` and ``second`` are its moments."""

    _B1, _B2, _EPS = 0.9, 0.99, 1e-8

    def __init__(self, tensors: Tensors, lr: float, decay: float) -> None:
        self.lr, self.decay, self.count = lr, decay, 0
        self.first = {name: np.zeros_like(tensor) for name, tensor in tensors.items()}
        self.second = {name: np.zeros_like(tensor) for name, tensor in tensors.items()}

    def step(self, tensors: Tensors, gradient: Tensors) -> None:
        """Move ``tensors`` in place."""
        self.count += 1
        rate = np.float32(self.lr / (1 - self._B1**self.count))
        correct = np.float32(1 / (1 - self._B2**self.count))
        for name, tensor in tensors.items():
            slope, first, second = gradient[name], self.first[name], self.second[name]
            first += np.float32(1 - self._B1) * (slope - first)
            second += np.float32(1 - self._B2) * (slope * slope - second)
            if self.decay:
                tensor *= np.float32(1 - self.lr * self.decay)
            tensor -= rate * first / (np.sqrt(second * correct) + np.float32(self._EPS))


def _normal(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> Array:
    drawn: Array = (rng.standard_normal(shape) * (spread / np.sqrt(shape[1]))).astype(np.float32)
    return drawn


def _time_vector(t: Array) -> Array:
    angles: Array = t[:, None] * _FREQUENCIES
    waves: Array = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return waves


def _sigmoid(a: Array) -> Array:
    one = np.float32(1)
    share: Array = one / (one + np.exp(-np.clip(a, -60, 60)))
    return share


def _silu(a: Array) -> Array:
    y: Array = a * _sigmoid(a)
    return y


def _silu_slope(a: Array) -> Array:
    s = _sigmoid(a)
    slope: Array = s * (1 + a * (1 - s))
    return slope
