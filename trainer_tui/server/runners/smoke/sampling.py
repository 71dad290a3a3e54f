"""Pictures made by running the model from noise to a clean latent."""

from __future__ import annotations

import itertools
import json
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from trainer_tui.server.runners.smoke.data import text_vector
from trainer_tui.server.runners.smoke.latent import Array, Codec
from trainer_tui.server.runners.smoke.model import Denoiser
from trainer_tui.server.runners.smoke.options import Options, Prompt

MAX_SIDE = 384
"""Pixels of a sample's longer side: the latents hold no more detail than that shows."""
_MAX_STEPS = 50
_SHIFT = 3.0  # more of the steps where there is most noise, as flow-matching samplers do
_BATCH = 16


def make(
    options: Options,
    model: Denoiser,
    codec: Codec,
    folder: Path,
    index: Path,
    step: int,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Path]:
    """Make one picture a prompt, yielding each as it is written.

    ``index`` gets one JSON line a picture: file, step, index, prompt, seed.
    """
    from PIL import Image, PngImagePlugin

    folder.mkdir(parents=True, exist_ok=True)
    index.parent.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(options.prompts), _BATCH):
        prompts = options.prompts[start : start + _BATCH]
        latents = _integrate(model, prompts, min(options.sample_steps, _MAX_STEPS))
        for number, (prompt, latent) in enumerate(zip(prompts, latents, strict=True), start):
            if stop():
                return
            width, height = shown_size(prompt.width, prompt.height)
            facts = {"step": step, "index": number, "prompt": prompt.text, "seed": prompt.seed}
            notes = PngImagePlugin.PngInfo()
            for key, value in facts.items():
                notes.add_itxt(key, str(value).encode(errors="replace").decode())
            name = f"{time.time_ns() // 1_000_000}__{step:09d}_{number}.png"
            part = folder / f".{name}.part"
            picture = Image.fromarray(codec.decode(latent, width, height))
            # Run lengths alone: of soft clouds a smaller file than a search at level 3, and sooner.
            picture.save(part, "PNG", compress_level=1, compress_type=zlib.Z_RLE, pnginfo=notes)
            with index.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"file": name, **facts}) + "\n")
            part.replace(folder / name)
            yield folder / name


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the picture made for a size that was asked for."""
    scale = min(1.0, MAX_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _integrate(model: Denoiser, prompts: tuple[Prompt, ...], steps: int) -> Array:
    """Euler's method from t = 1 (noise) to t = 0."""
    texts = np.stack([text_vector(prompt.text) for prompt in prompts])
    noise = [
        np.random.default_rng(prompt.seed % 2**32).standard_normal(model.size) for prompt in prompts
    ]
    z = np.stack(noise).astype(np.float32)
    even = np.linspace(1, 0, steps + 1)
    times = _SHIFT * even / (1 + (_SHIFT - 1) * even)
    for now, then in itertools.pairwise(times):
        clean = model.predict(z, texts, np.full(len(prompts), now, np.float32))
        z = z + np.float32((then - now) / now) * (z - clean)
    return z
