"""A small image dataset with captions, painted on the spot: suns and moons over hills.

The demo and the tests train on it, so that neither needs a download. Every picture is a function
of its number alone, and its caption says what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Canvas = npt.NDArray[np.float64]
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Hour:
    """How one time of day looks."""

    words: str
    zenith: Colour
    horizon: Colour
    disc: Colour
    disc_words: str
    hills: Colour


_HOURS = (
    _Hour("at dawn", (94, 108, 168), (250, 196, 170), (255, 240, 200), "a pale sun", (70, 82, 120)),
    _Hour(
        "at noon", (52, 132, 214), (190, 226, 246), (255, 250, 220), "a white sun", (64, 128, 88)
    ),
    _Hour("at dusk", (74, 42, 106), (248, 130, 74), (255, 214, 110), "an orange sun", (58, 34, 72)),
    _Hour("at night", (10, 14, 42), (44, 62, 116), (232, 236, 250), "a moon", (14, 22, 50)),
)
_SIDES = ((0.26, "on the left"), (0.5, "in the middle"), (0.74, "on the right"))
_LANDS = (("low hills", 0.06, 1.5), ("high mountains", 0.15, 2.6))


def make_dataset(folder: Path, count: int = 24, size: int = 96) -> Path:
    """Paint ``count`` pictures of ``size`` pixels square, each with a ``.txt`` caption beside it.

    Returns the folder. Files that are there under the same names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        canvas, caption = _paint(index, size)
        pixels = np.clip(canvas * 255.0 + 0.5, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"scene_{index:03d}.png")
        (folder / f"scene_{index:03d}.txt").write_text(caption + "\n", encoding="utf-8")
    return folder


def _paint(index: int, size: int) -> tuple[Canvas, str]:
    rng = np.random.default_rng([0, index])
    hour = _HOURS[index % 4]
    side, side_words = _SIDES[(index // 4) % 3]
    land_words, height, waves = _LANDS[(index // 12) % 2]
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    canvas = _mix(_rgb(hour.zenith), _rgb(hour.horizon), np.clip(y / 0.72, 0, 1) ** 1.3)

    centre_y = 0.3 + 0.06 * rng.random()
    away = np.hypot(x - side, y - centre_y)
    disc = _rgb(hour.disc)
    canvas = _mix(canvas, disc, 0.55 * np.exp(-((away / 0.2) ** 2)))
    canvas = _mix(canvas, disc, _edge(0.11 - away, size))

    for layer in range(3):
        depth = layer / 2
        phase = rng.random(2) * 2 * np.pi
        ridge = (
            0.6
            + 0.13 * layer
            + height * np.sin(2 * np.pi * waves * x + phase[0]) * (0.75 - 0.3 * depth)
            + 0.02 * np.sin(2 * np.pi * 5 * x + phase[1])
        )
        haze = _mix(_rgb(hour.hills), _rgb(hour.horizon), np.array(0.5 - 0.45 * depth))
        canvas = _mix(canvas, haze, _edge(y - ridge, size))
    return canvas, f"{hour.disc_words} {side_words} over {land_words} {hour.words}"


def _rgb(colour: Colour) -> Canvas:
    return np.array(colour, dtype=np.float64) / 255.0


def _mix(under: Canvas, over: Canvas, share: npt.NDArray[np.float64]) -> Canvas:
    return under + (over - under) * share[..., None]


def _edge(inside: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Coverage of a pixel by a shape: a soft edge one pixel wide."""
    return np.clip(inside * size + 0.5, 0.0, 1.0)
