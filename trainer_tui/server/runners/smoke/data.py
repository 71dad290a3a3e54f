"""Images and captions from the config's folders, as latents and text vectors in memory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from trainer_tui.errors import TrainerError
from trainer_tui.server.runners.smoke.latent import Array, Codec
from trainer_tui.server.runners.smoke.options import Dataset, Options

TEXT = 64
"""Numbers in a text vector."""
_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
_MAX_PIXELS = 100_000_000
_WORKING = 96  # pixels each way: four for every frequency that the codec keeps


class DataError(TrainerError):
    """A dataset cannot be used; the message names the path."""

    default_title = "The dataset cannot be used"


@dataclass(frozen=True, slots=True)
class Examples:
    """All the training data. Row ``i`` of each belongs to image ``i``."""

    latents: Array
    captions: tuple[str, ...]
    texts: Array
    dropout: Array
    """Chance of each image to be shown without its caption."""
    resolutions: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.captions)


def load(
    options: Options,
    codec: Codec,
    say: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> Examples:
    """Read every image of every dataset, scaled down as it is read.

    Raises:
        DataError: A folder is missing or holds no image, or an image cannot be read.
    """
    aspect = 1.0
    if options.prompts:
        aspect = options.prompts[0].width / options.prompts[0].height
    latents, captions, dropout, resolutions = [], [], [], []
    for dataset in options.datasets:
        files = images(dataset.folder)
        captioned = 0
        for number, file in enumerate(files, 1):
            if stop():
                break
            latents.append(codec.encode(_picture(file, aspect)))
            words = caption(file, dataset, options.trigger)
            captioned += bool(words)
            captions.append(words)
            dropout.append(dataset.dropout)
            resolutions.append(dataset.resolutions)
            if number % 250 == 0:
                say(f"Caching latents: {number}/{len(files)}")
        say(f"Dataset {dataset.folder}: {len(files)} images, {captioned} with captions")
    texts = [text_vector(words) for words in captions]
    return Examples(
        latents=np.stack(latents) if latents else np.zeros((0, codec.size), np.float32),
        captions=tuple(captions),
        texts=np.stack(texts) if texts else np.zeros((0, TEXT), np.float32),
        dropout=np.array(dropout, np.float32),
        resolutions=tuple(resolutions),
    )


def images(folder: Path) -> list[Path]:
    """The image files of a folder, in the order of their names.

    Raises:
        DataError: There is no such folder, or no image in it.
    """
    try:
        names = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        raise DataError(f"dataset folder not found: {folder}") from None
    except NotADirectoryError:
        raise DataError(f"the dataset's folder_path is not a folder: {folder}") from None
    except OSError as error:
        raise DataError(f"dataset folder cannot be read: {folder}: {error.strerror}") from None
    found = [entry for entry in names if entry.suffix.lower() in _ENDINGS and entry.is_file()]
    if not found:
        raise DataError(f"no images (png, jpg, jpeg, webp, bmp) in the dataset folder: {folder}")
    return found


def caption(image: Path, dataset: Dataset, trigger: str) -> str:
    """The caption of an image, with the trigger word in it if there is one."""
    file = image.with_suffix(f".{dataset.caption_ext}")
    try:
        words = file.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        words = dataset.default_caption
    except OSError as error:
        raise DataError(f"caption cannot be read: {file}: {error.strerror}") from None
    words = words.replace("[trigger]", trigger)
    if trigger and trigger not in words:
        words = f"{trigger} {words}".strip()
    return words


def text_vector(words: str) -> Array:
    """A caption as a vector: near to captions that share its words. All zeros for no caption."""
    parts = re.findall(r"\w+", words.lower())
    if not parts:
        return np.zeros(TEXT, np.float32)
    total = np.sum([_word(part) for part in parts], axis=0) / np.sqrt(len(parts))
    total = total + 0.5 * _word(words)
    vector: Array = (total * (np.sqrt(TEXT) / np.linalg.norm(total))).astype(np.float32)
    return vector


@lru_cache(maxsize=4096)
def _word(word: str) -> Array:
    digest = hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=16).digest()
    return np.random.default_rng(list(digest)).standard_normal(TEXT).astype(np.float32)


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 bits as one of 8, which Pillow would cut off at white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))


def _picture(file: Path, aspect: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """An image as RGB from 0 to 1, its middle cut to ``aspect``, then squeezed to a square."""
    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                raise DataError(f"image has more than 100 million pixels: {file}")
            opened.draft("RGB", (2 * _WORKING, 2 * _WORKING))  # JPEG: decode at a fraction
            turned = ImageOps.exif_transpose(opened)
            width, height = turned.size
            keep = min(1.0, width / (height * aspect)), min(1.0, height * aspect / width)
            high, wide = height * keep[0], width * keep[1]
            box = ((width - wide) / 2, (height - high) / 2, (width + wide) / 2, (height + high) / 2)
            rgb = _eight_bits(turned).convert("RGB")
            small = rgb.resize((_WORKING, _WORKING), Image.Resampling.BOX, box=box, reducing_gap=3)
    except UnidentifiedImageError:
        raise DataError(f"not an image that can be read: {file}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"image cannot be read: {file}: {error}") from None
    return np.asarray(small, np.float64) / 255.0
