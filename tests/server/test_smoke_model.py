"""The arithmetic inside the smoke trainer, held against definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from trainer_tui.server.runners import files
from trainer_tui.server.runners.smoke import checkpoints
from trainer_tui.server.runners.smoke.data import TEXT, text_vector
from trainer_tui.server.runners.smoke.latent import Array, Codec, frequencies
from trainer_tui.server.runners.smoke.model import Adam, Denoiser
from trainer_tui.server.runners.smoke.options import SaveType
from trainer_tui.server.runners.smoke.sampling import shown_size

SIZE = Codec(8).size


def model_with_weights(rank: int = 4) -> Denoiser:
    """A model whose adapter is not at its start."""
    model = Denoiser(SIZE, rank, rank, seed=1)
    rng = np.random.default_rng(2)
    for name, tensor in model.tensors.items():
        if name.endswith("lora_B"):
            tensor[...] = rng.standard_normal(tensor.shape) * 0.01
    return model


def batch(count: int = 6) -> tuple[Array, Array, Array, Array, Array]:
    """Clean latents, noise, texts, times and weights."""
    rng = np.random.default_rng(3)
    clean, noise, weights = rng.standard_normal((3, count, SIZE)).astype(np.float32)
    texts = rng.standard_normal((count, TEXT)).astype(np.float32)
    times = rng.uniform(0.1, 0.95, count).astype(np.float32)
    return clean, noise, texts, times, np.abs(weights)


@pytest.mark.parametrize("layer", ["in", "mid", "out", "gate"])
@pytest.mark.parametrize("half", ["lora_A", "lora_B"])
def test_the_gradient_is_the_slope_of_the_loss(layer: str, half: str) -> None:
    """Along a random direction in each tensor the loss changes as its gradient says."""
    model, data, name = model_with_weights(), batch(), f"{layer}.{half}"
    _, gradient = model.gradient(*data)
    tensor = model.tensors[name]
    direction = gradient[name] / np.linalg.norm(gradient[name])
    step = np.float32(1e-3 * np.linalg.norm(tensor))
    start = tensor.copy()
    tensor[...] = start + step * direction
    above, _ = model.gradient(*data)
    tensor[...] = start - step * direction
    below, _ = model.gradient(*data)
    slope = (above - below) / (2 * float(step))
    assert slope == pytest.approx(float((gradient[name] * direction).sum()), rel=0.03)


def test_a_fresh_adapter_changes_nothing() -> None:
    """Before the first step any adapter gives the answers of the frozen base."""
    clean, _, texts, times, _ = batch()
    small, large = Denoiser(SIZE, 4, 8, seed=1), Denoiser(SIZE, 16, 8, seed=2)
    assert np.array_equal(small.predict(clean, texts, times), large.predict(clean, texts, times))


def test_adam_is_adam() -> None:
    """Three steps agree with the definition written out."""
    rng = np.random.default_rng(4)
    tensors = {"x": rng.standard_normal(5).astype(np.float32)}
    expected, first, second = tensors["x"].astype(float), np.zeros(5), np.zeros(5)
    adam = Adam(tensors, lr=0.01, decay=0.1)
    for count in (1, 2, 3):
        slope = rng.standard_normal(5).astype(np.float32)
        adam.step(tensors, {"x": slope})
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope.astype(float) ** 2
        expected *= 1 - 0.01 * 0.1
        root = np.sqrt(second / (1 - 0.99**count)) + 1e-8
        expected -= 0.01 * first / (1 - 0.9**count) / root
    assert np.allclose(tensors["x"], expected, rtol=1e-5)


@pytest.mark.parametrize(("width", "height"), [(96, 96), (64, 128)])
def test_a_smooth_picture_survives_the_codec(width: int, height: int) -> None:
    """What has no fine detail comes back as it was, at any size."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([0.3 + 0.4 * x / width, 0.5 + 0.2 * y / height, 0.4 + 0 * x], axis=-1)
    codec = Codec(24)
    painted = codec.decode(codec.encode(picture), width, height) / 255
    assert np.abs(painted - picture)[4:-4, 4:-4].max() < 0.02


def test_a_latent_that_is_no_number_is_black() -> None:
    """What a model that diverged makes can be painted and looks like what it is."""
    codec = Codec(24)
    latent = np.zeros(codec.size, np.float32)
    assert (codec.decode(latent, 8, 6) == 128).all(), "grey"
    latent[3] = np.nan
    painted = codec.decode(latent, 8, 6)
    assert painted.shape == (6, 8, 3) and not painted.any()


def test_the_resolution_decides_what_is_kept() -> None:
    """A lower resolution knows fewer frequencies; the mask of a codec's own keeps all."""
    assert [frequencies(pixels) for pixels in (64, 256, 512, 768, 1024)] == [12, 12, 16, 24, 24]
    codec = Codec.for_resolution(768)
    assert codec.mask(768).all()
    assert codec.mask(512).sum() == Codec.for_resolution(512).size


def test_captions_that_share_words_are_near() -> None:
    """The text vector of a caption is nearer to one with most of its words than to another's."""
    dusk, dawn, other = map(text_vector, ("a sun at dusk", "a sun at dawn", "three green boats"))
    assert dusk @ dawn > 2 * abs(dusk @ other)
    assert not text_vector(" ").any()


@pytest.mark.parametrize(
    ("kind", "dtype", "tolerance"),
    [("float32", "F32", 0), ("float16", "F16", 1e-3), ("bfloat16", "BF16", 8e-3)],
)
def test_files_open_with_the_library(
    kind: SaveType, dtype: str, tolerance: float, tmp_path: Path
) -> None:
    """What is written by hand is read by safetensors, and by ourselves with the same values."""
    tensor = np.random.default_rng(5).standard_normal((3, 4)).astype(np.float32)
    tensor[0, 0] = np.nan
    path = tmp_path / "x.safetensors"
    checkpoints._write(path, {"a": tensor}, kind, {"training_info": '{"step": 7}'})
    with safe_open(path, "numpy") as opened:
        assert opened.get_slice("a").get_dtype() == dtype
        assert opened.get_slice("a").get_shape() == [3, 4]
    loaded = checkpoints.read(path)
    assert loaded is not None
    assert loaded.step == files.step_in_header(path) == 7
    assert np.isnan(loaded.tensors["a"][0, 0])
    assert np.allclose(loaded.tensors["a"], tensor, rtol=tolerance, equal_nan=True)
    path.write_bytes(path.read_bytes()[:-1])
    assert checkpoints.read(path) is None


def test_samples_keep_their_proportions() -> None:
    """The longer side is 384 pixels at most."""
    assert shown_size(1024, 1024) == (384, 384)
    assert shown_size(832, 480) == (384, 222)
    assert shown_size(64, 32) == (64, 32)
