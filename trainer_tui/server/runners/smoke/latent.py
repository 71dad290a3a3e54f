"""Pictures as short vectors: the stand-in for a latent diffusion model's autoencoder.

A picture becomes its lowest two-dimensional cosine frequencies, in luma and (half as many) in two
chroma channels, each divided by how large that frequency usually is in photographs. So a latent
of white noise decodes to soft clouds, and any latent can be painted at any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]

# ITU-R BT.601, as in JPEG: RGB to luma and two colour differences.
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
_TO_RGB = np.linalg.inv(_TO_YCC)
# Amplitudes fall with frequency as 1/f^1.5; the two levels make latents of common pictures have a
# standard deviation near 1.
_FALL = 1.5
_LUMA, _CHROMA = 0.14, 0.05


@dataclass(frozen=True, slots=True)
class Codec:
    """Turns pictures to latents and back. ``side`` is the number of luma frequencies each way."""

    side: int

    @classmethod
    def for_resolution(cls, resolution: int) -> Codec:
        """The codec for a training resolution in pixels: 12 to 24 frequencies."""
        return cls(frequencies(resolution))

    @property
    def channels(self) -> tuple[tuple[int, float], ...]:
        """Frequencies each way and amplitude of luma and the two chromas."""
        return ((self.side, _LUMA), (self.side // 2, _CHROMA), (self.side // 2, _CHROMA))

    @property
    def size(self) -> int:
        """Numbers in a latent."""
        return sum(side * side for side, _ in self.channels)

    def encode(self, picture: Exact) -> Array:
        """Latent of a picture given as height × width × RGB from 0 to 1."""
        height, width = picture.shape[:2]
        planes = picture @ _TO_YCC.T
        planes[..., 0] -= 0.5
        parts = []
        for index, (side, amplitude) in enumerate(self.channels):
            waves = _cosines(side, height) @ planes[..., index] @ _cosines(side, width).T
            parts.append((waves / (height * width * _spread(side, amplitude))).ravel())
        latent: Array = np.concatenate(parts).astype(np.float32)
        return latent

    def decode(self, latent: Array, width: int, height: int) -> npt.NDArray[np.uint8]:
        """Paint a latent as height × width × RGB bytes; one that is not all numbers is black."""
        if not np.isfinite(latent).all():
            return np.zeros((height, width, 3), np.uint8)
        # The few waves are mixed to red, green and blue, not the many pixels that they make.
        waves, start = np.zeros((3, self.side, self.side)), 0
        for (side, amplitude), shares in zip(self.channels, _TO_RGB.T, strict=True):
            block = latent[start : start + side * side].reshape(side, side)
            start += side * side
            # Lanczos' sigma factors: no ripples beside edges where the frequencies end.
            sigma = np.sqrt(np.sinc(np.arange(side) / side))
            softened = block * _spread(side, amplitude) * sigma[:, None] * sigma
            waves[:, :side, :side] += shares[:, None, None] * softened
        waves[:, 0, 0] += 0.5 * _TO_RGB[:, 0]
        waves *= 255
        waves[:, 0, 0] += 0.5  # rounds
        planes = _cosines(self.side, height).T @ waves @ _cosines(self.side, width)
        painted: npt.NDArray[np.uint8] = np.clip(planes, 0, 255, out=planes).astype(np.uint8)
        return np.moveaxis(painted, 0, -1)

    def weights(self) -> Array:
        """How much each number of a latent counts in the loss: more where the eye sees more."""
        parts = [np.sqrt(_spread(side, 1.0)).ravel() for side, _ in self.channels]
        weights = np.concatenate(parts)
        even: Array = (weights / weights.mean()).astype(np.float32)
        return even

    def mask(self, resolution: int) -> Array:
        """1 for the numbers that a picture of this resolution can tell, 0 for finer ones."""
        parts = []
        for side, _ in self.channels:
            limit = side * frequencies(resolution) / self.side
            rank = np.arange(side)
            parts.append(np.maximum(rank[:, None], rank) < limit)
        return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def frequencies(resolution: int) -> int:
    """Luma frequencies kept at a resolution: one for every 32 pixels, even, 12 to 24."""
    return min(24, max(12, resolution // 64 * 2))


@lru_cache(maxsize=64)
def _cosines(count: int, pixels: int) -> Exact:
    waves = np.cos(np.pi * np.arange(count)[:, None] * (np.arange(pixels) + 0.5) / pixels)
    waves *= np.sqrt(2)
    waves[0] = 1.0
    return waves


@lru_cache(maxsize=8)
def _spread(side: int, amplitude: float) -> Exact:
    across = np.arange(side)
    spread: Exact = amplitude / (1 + np.hypot(across[:, None], across)) ** _FALL
    return spread
