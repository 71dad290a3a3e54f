"""What is measured at the end of an epoch is measured, and says something of the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer_tui.server import configs
from trainer_tui.server.runners.smoke import evaluation, options, train
from trainer_tui.server.runners.smoke.data import load
from trainer_tui.server.runners.smoke.latent import Codec
from trainer_tui.server.runners.smoke.model import Denoiser
from trainer_tui.server.sampledata import make_dataset


def config(folder: Path, **more: object) -> options.Options:
    """A run of ten epochs of twelve steps."""
    process = {
        "type": "sd_trainer",
        "network": {"linear": 8, "linear_alpha": 8},
        "save": {"save_every": 0},
        "evaluate": {"every": 12},
        "datasets": [{"folder_path": str(folder), "resolution": [256]}],
        "train": {"steps": 120, "lr": 1e-3, "seed": 1, "disable_sampling": True},
    } | more
    text = json.dumps({"job": "smoke", "config": {"name": "x", "process": [process]}})
    return options.read(configs.parse(text), text)


def test_an_evaluation_an_epoch(tmp_path: Path) -> None:
    """A run leaves one line an epoch, and training makes the measures better."""
    asked = config(make_dataset(tmp_path / "images", count=12, size=48))
    assert train.run(asked, tmp_path / "out", lambda: False)
    lines = (tmp_path / "out" / "work" / "evaluations.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [each["epoch"] for each in found] == list(range(1, 11))
    first, last = found[0], found[-1]
    losses = ("box_loss", "class_loss", "obj_loss")
    assert sum(last[key] for key in losses) < sum(first[key] for key in losses)
    assert last["map5095"] > first["map5095"]
    for each in found:
        assert 0 < each["map5095"] <= each["map50"] <= 1
        assert 0 <= each["f1"] <= each["map50"], "a find at the first place counts in both"
        assert each["latency"] > 0
    curves = {json.loads(line)["key"] for line in (tmp_path / "out" / "metrics.jsonl").open()}
    assert {"loss", "map50", "map5095", "box_loss"} <= curves


def test_the_same_model_measures_the_same(tmp_path: Path) -> None:
    """The noise is fixed, so that a difference between epochs is one of the model."""
    asked = config(make_dataset(tmp_path / "images", count=6, size=48))
    codec = Codec.for_resolution(asked.resolution)
    examples = load(asked, codec, lambda line: None)
    model = Denoiser(codec.size, asked.rank, asked.alpha, asked.seed)

    def measured() -> dict[str, float]:
        found = evaluation.evaluate(examples, codec, model, 1, epoch=1, step=1).curves
        return {key: value for key, value in found.items() if key != "latency"}

    assert measured() == measured()


def test_a_model_that_diverged_finds_nothing(tmp_path: Path) -> None:
    """NaN weights are a bad model, not a perfect one, and no broken line in the file."""
    asked = config(make_dataset(tmp_path / "images", count=6, size=48))
    codec = Codec.for_resolution(asked.resolution)
    examples = load(asked, codec, lambda line: None)
    model = Denoiser(codec.size, asked.rank, asked.alpha, asked.seed)
    for tensor in model.tensors.values():
        tensor[:] = float("nan")
    found = evaluation.evaluate(examples, codec, model, 1, epoch=1, step=1)
    assert found.map50 == pytest.approx(1 / 6)
    assert found.f1 == 0
    evaluation.append(tmp_path / "e.jsonl", found)
    assert json.loads((tmp_path / "e.jsonl").read_text())["box_loss"] is None
