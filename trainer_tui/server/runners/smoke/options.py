"""What the smoke trainer takes from an AI Toolkit config. Pure; imports no arithmetic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer_tui.sanitize import filename
from trainer_tui.server.runners import ai_toolkit_config as aitk

SaveType = Literal["float32", "float16", "bfloat16"]
_SAVE_TYPES: dict[str, SaveType] = {
    "float32": "float32",
    "fp32": "float32",
    "float": "float32",
    "float16": "float16",
    "fp16": "float16",
    "half": "float16",
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
}
# These find their own step size and are given lr 1; here they become Adam with a usual one.
_SELF_TUNING = re.compile(r"^(prodigy|dadapt)", re.IGNORECASE)
_SELF_TUNED_LR = 1e-4


@dataclass(frozen=True, slots=True)
class Dataset:
    """One folder of images with captions beside them."""

    folder: Path
    caption_ext: str
    default_caption: str
    dropout: float
    """Share of steps that see no caption."""
    resolutions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One picture to make at each sampling."""

    text: str
    seed: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Options:
    """A run, with AI Toolkit's defaults where the config says nothing."""

    name: str
    base_model: str
    steps: int
    lr: float
    optimizer: str
    adam_lr: float
    """``lr`` as the Adam here takes it: another one for optimizers that tune themselves."""
    weight_decay: float
    batch_size: int
    accumulation: int
    seed: int
    rank: int
    alpha: float
    save_every: int
    keep: int
    save_type: SaveType
    sampling: bool
    first_sample: bool
    sample_every: int
    sample_start: int
    sample_steps: int
    prompts: tuple[Prompt, ...]
    trigger: str
    datasets: tuple[Dataset, ...]
    evaluate_every: int = 0
    """Steps of an epoch, at the end of which the model is measured; 0: it never is."""

    @property
    def stem(self) -> str:
        """The name as one safe part of a file name."""
        return filename(self.name, fallback="lora")

    @property
    def resolution(self) -> int:
        """The largest resolution that any dataset asks for."""
        return max(max(dataset.resolutions) for dataset in self.datasets)


def read(config: Mapping[str, object], text: str = "") -> Options:
    """Read a config; ``text`` is its source, for line and column of what is wrong.

    Raises:
        InvalidConfig: A part that matters is missing or cannot be used.
    """
    process = aitk.process(config, text)
    train, train_at = aitk.section(config, "train", text), (*aitk.PROCESS, "train")
    save, save_at = aitk.section(config, "save", text), (*aitk.PROCESS, "save")
    network, network_at = aitk.section(config, "network", text), (*aitk.PROCESS, "network")
    model = aitk.section(config, "model", text)

    width = "rank" if network.get("rank") is not None else "linear"  # two names for one thing
    rank = aitk.integer(network, network_at, width, 4, text=text, low=1, high=512)
    lr = aitk.number(train, train_at, "lr", 1e-6, text=text)
    optimizer = str(train.get("optimizer") or "adamw")
    extra = train.get("optimizer_params")
    extra_at = (*train_at, "optimizer_params")
    decay = (
        aitk.number(extra, extra_at, "weight_decay", 0, text=text)
        if isinstance(extra, Mapping)
        else 0.0
    )
    accumulation = "gradient_accumulation"
    if train.get("gradient_accumulation_steps") is not None:
        accumulation = "gradient_accumulation_steps"
    trigger = str(process.get("trigger_word") or "")
    seed_at = "seed" if train.get("seed") is not None else "training_seed"
    seed_in = train if seed_at == "seed" else process
    return Options(
        name=aitk.job_name(config) or "lora",
        base_model=str(model.get("name_or_path") or "the base model"),
        steps=aitk.integer(train, train_at, "steps", 1000, text=text, low=1),
        lr=lr,
        optimizer=optimizer,
        adam_lr=lr * _SELF_TUNED_LR if _SELF_TUNING.match(optimizer) else lr,
        weight_decay=decay,
        batch_size=aitk.integer(train, train_at, "batch_size", 1, text=text, low=1, high=256),
        accumulation=aitk.integer(train, train_at, accumulation, 1, text=text, low=1, high=1024),
        seed=_seed(seed_in, train_at, seed_at, 42, text) % 2**64,
        rank=rank,
        alpha=aitk.number(network, network_at, "linear_alpha", float(rank), text=text),
        save_every=aitk.integer(save, save_at, "save_every", 1000, text=text),
        keep=aitk.integer(save, save_at, "max_step_saves_to_keep", 5, text=text, low=1),
        save_type=_SAVE_TYPES.get(str(save.get("dtype") or "float16").lower(), "float16"),
        sampling=train.get("disable_sampling") is not True,
        first_sample=train.get("skip_first_sample") is not True,
        trigger=trigger,
        evaluate_every=aitk.integer(
            aitk.section(config, "evaluate", text),
            (*aitk.PROCESS, "evaluate"),
            "every",
            0,
            text=text,
        ),
        datasets=tuple(_datasets(config, text)),
        **_sampling(config, text, trigger),  # type: ignore[arg-type]
    )


def _datasets(config: Mapping[str, object], text: str) -> list[Dataset]:
    found = []
    for at, item in aitk.datasets(config, text):
        folder = item.get("folder_path") or item.get("dataset_path")
        if not isinstance(folder, str) or not folder.strip():
            raise aitk.fail(text, (*at, "folder_path"), "expected the path of a folder of images")
        resolution = item.get("resolution", 512)
        given = resolution if isinstance(resolution, list) and resolution else [resolution]
        sizes = [size for size in given if type(size) is int and 16 <= size <= 8192]
        if len(sizes) < len(given):
            wanted = "expected pixels, a whole number from 16 to 8192 or a list of them"
            raise aitk.fail(text, (*at, "resolution"), f"{wanted}, not {resolution!r}")
        found.append(
            Dataset(
                folder=Path(folder).expanduser(),
                caption_ext=str(item.get("caption_ext") or "txt").lstrip("."),
                default_caption=str(item.get("default_caption") or ""),
                dropout=aitk.number(item, at, "caption_dropout_rate", 0, text=text),
                resolutions=tuple(sizes),
            )
        )
    return found


def _sampling(config: Mapping[str, object], text: str, trigger: str) -> dict[str, object]:
    sample, at = aitk.section(config, "sample", text), (*aitk.PROCESS, "sample")
    width = aitk.integer(sample, at, "width", 512, text=text, low=16, high=8192)
    height = aitk.integer(sample, at, "height", 512, text=text, low=16, high=8192)
    seed = _seed(sample, at, "seed", 42, text)
    walk = sample.get("walk_seed") is True
    key = "samples" if sample.get("samples") else "prompts"
    items = sample.get(key) or []
    if not isinstance(items, list):
        raise aitk.fail(text, (*at, key), "expected a list")
    prompts = []
    for index, item in enumerate(items):
        here: Mapping[str, object] = item if isinstance(item, Mapping) else {"prompt": item}
        words, path = here.get("prompt"), (*at, key, index)
        if not isinstance(words, str | int | float):
            raise aitk.fail(text, path, "expected a prompt")
        prompts.append(
            Prompt(
                text=str(words).replace("[trigger]", trigger),
                seed=_seed(here, path, "seed", seed + index if walk else seed, text),
                width=aitk.integer(here, path, "width", width, text=text, low=16, high=8192),
                height=aitk.integer(here, path, "height", height, text=text, low=16, high=8192),
            )
        )
    return {
        "sample_every": aitk.integer(sample, at, "sample_every", 100, text=text),
        "sample_start": aitk.integer(sample, at, "sample_start_step", 0, text=text),
        "sample_steps": aitk.integer(sample, at, "sample_steps", 20, text=text, low=1, high=1000),
        "prompts": tuple(prompts),
    }


def _seed(
    values: Mapping[str, object], path: tuple[aitk.Key, ...], key: str, default: int, text: str
) -> int:
    return aitk.integer(values, path, key, default, text=text, low=-(2**63), high=2**64)
