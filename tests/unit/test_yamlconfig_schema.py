"""The schema of AI Toolkit's configs is sound, explains every key, and knows the real configs."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_tui.core import yamlconfig
from trainer_tui.core.yamlconfig import check, parse, schema, validate
from trainer_tui.core.yamlconfig.keyhelp import describe
from trainer_tui.core.yamlconfig.values import data, paths, written

FIXTURES = Path(__file__).parent.parent / "fixtures" / "configs"
CONFIGS = sorted(FIXTURES.glob("*.yaml"))
STARTERS = sorted((Path(yamlconfig.__file__).parent.parent / "starters").glob("*.yaml"))
KEYWORDS = {
    "$schema", "$id", "$ref", "$defs", "title", "type", "description", "properties", "required",
    "additionalProperties", "items", "anyOf", "enum", "examples", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "deprecated", "x-instead", "x-usual",
}  # fmt: skip
OPTIONS = [
    "job", "config.name", "meta", "type", "training_folder", "device",
    "trigger_word", "performance_log_every", "sqlite_db_path", "network.type", "network.linear",
    "network.linear_alpha", "network.conv", "network.conv_alpha", "network.dropout",
    "network.network_kwargs", "network.lokr_factor", "network.lokr_full_rank", "save.dtype",
    "save.save_every", "save.max_step_saves_to_keep", "save.save_format", "save.push_to_hub",
    "save.hf_repo_id", "save.hf_private", "datasets.folder_path", "datasets.caption_ext",
    "datasets.caption_dropout_rate", "datasets.resolution", "datasets.shuffle_tokens",
    "datasets.cache_latents_to_disk", "datasets.num_repeats", "datasets.is_reg",
    "datasets.control_path", "datasets.mask_path", "datasets.num_frames", "datasets.flip_x",
    "datasets.flip_y", "train.batch_size", "train.steps", "train.gradient_accumulation",
    "train.gradient_accumulation_steps", "train.train_unet", "train.train_text_encoder",
    "train.gradient_checkpointing", "train.noise_scheduler", "train.optimizer",
    "train.optimizer_params", "train.lr", "train.lr_scheduler", "train.lr_scheduler_params",
    "train.dtype", "train.ema_config.use_ema", "train.ema_config.ema_decay",
    "train.skip_first_sample", "train.disable_sampling", "train.linear_timesteps",
    "train.content_or_style", "train.timestep_type", "train.unload_text_encoder",
    "train.cache_text_embeddings", "train.max_grad_norm", "train.loss_type",
    "train.min_denoising_steps", "train.max_denoising_steps", "train.start_step",
    "train.loss_target", "model.name_or_path", "model.arch", "model.is_flux", "model.quantize",
    "model.quantize_te", "model.qtype", "model.low_vram", "model.assistant_lora_path",
    "model.lora_path", "model.vae_path", "model.dtype", "sample.sampler", "sample.sample_every",
    "sample.width", "sample.height", "sample.prompts", "sample.samples", "sample.neg",
    "sample.seed", "sample.walk_seed", "sample.guidance_scale", "sample.sample_steps",
    "sample.num_frames", "sample.fps", "sample.format", "sample.network_multiplier",
    "logging.log_every", "logging.verbose", "logging.use_wandb", "logging.use_ui_logger",
]  # fmt: skip
"""What the trainer documents, in the paths that ``--set`` takes."""


def keys(one: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of the file with what it says of it."""
    for name, inner in one.get("$defs", {}).items():
        yield from keys(inner, f"{path}{name}.")
    for name, inner in one.get("properties", {}).items():
        yield f"{path}{name}", inner
        yield from keys(inner, f"{path}{name}.")
    for inner in [*one.get("anyOf", []), *([one["items"]] if "items" in one else [])]:
        yield from keys(inner, path)


def parts(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all schemas in it."""
    yield one
    inner = [*one.get("properties", {}).values(), *one.get("$defs", {}).values()]
    inner += [*one.get("anyOf", []), *([one["items"]] if "items" in one else [])]
    for each in inner:
        yield from parts(each)


def test_the_file_is_a_sound_schema() -> None:
    """It is JSON Schema of 2020-12, with no keyword that is misspelt and would mean nothing."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema.read())
    for part in parts(schema.read()):
        assert set(part) <= KEYWORDS
    Draft202012Validator.check_schema(validate._lazy(schema.load()))


def test_every_key_is_explained() -> None:
    """Each key has a type and a description that fits on a line."""
    found = dict(keys(schema.read()))
    assert len(found) > 300
    for path, one in found.items():
        assert "type" in one or "anyOf" in one or "$ref" in one, path
        assert 5 <= len(one["description"]) <= 90, path
        assert not one["description"].endswith("."), path


def test_alternatives_differ_in_type() -> None:
    """The type of a value tells which of several alternatives was meant."""
    for part in parts(schema.load()):
        types = [one["type"] for one in part.get("anyOf", [])]
        assert len(set(types)) == len(types)
        assert not {"integer", "number"} <= set(types)


def test_older_spellings_and_usual_values_fit() -> None:
    """What a fix writes is known and allowed."""
    from jsonschema import Draft202012Validator

    for part in parts(schema.load()):
        for name, one in part.get("properties", {}).items():
            if one.get("deprecated"):
                assert one["x-instead"] in part["properties"], name
            if "x-usual" in one:
                usual = data(parse(str(one["x-usual"])).root)
                assert Draft202012Validator(one).is_valid(usual), name


@pytest.mark.parametrize("path", OPTIONS)
def test_the_trainers_options_are_known(path: str) -> None:
    """Job, process, network, save, datasets, train, model, sample and logging are covered."""
    assert path in schema.homes()[path.rsplit(".", 1)[-1]]


@pytest.mark.parametrize("file", [*CONFIGS, *STARTERS], ids=lambda file: file.stem)
def test_every_key_of_the_real_configs_is_known(file: Path) -> None:
    """Each key of the examples and the starting points is explained, and nothing is wrong."""
    document = parse(file.read_text())
    for path in paths(document, leaves=False):
        assert schema.at(path) is not None, written(path)
        assert isinstance(path[-1], int) or describe(path), written(path)
    found = check(file.read_text())
    assert [p for p in found if p.severity == "error" or p.code == "unknown-key"] == []


def test_arguments_of_the_optimizer_may_have_any_name() -> None:
    """The usual ones are explained and have a type; one that nobody knows is not objected to."""
    text = (
        (CONFIGS[0])
        .read_text()
        .replace(
            "        steps: ",
            "        optimizer_params:\n"
            "          my_argument: 3\n"
            "          weight_decay: wd\n"
            "        steps: ",
        )
    )
    found = [p for p in check(text) if p.code in ("unknown-key", "type")]
    assert [(p.code, p.message.partition(" ")[0]) for p in found] == [
        ("type", "train.optimizer_params.weight_decay")
    ]


def spots(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a tree."""
    if path:
        yield path
    if isinstance(tree, dict | list):
        for step, inner in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from spots(inner, (*path, step))


@cache
def tree_of(config: Path) -> object:
    """A config as data."""
    return data(parse(config.read_text()).root)


ODD = st.sampled_from(
    [None, True, 0, -1, 5, 512, 10**9, 0.5, -0.5, "x", "lora", [], [1], ["x"], [[1]], {}, {"a": 1},
     [{"folder_path": "x"}], {"folder_path": 1}]
)  # fmt: skip


@given(st.data())
@settings(deadline=None)
def test_deciding_by_type_says_the_same_as_the_file(draw: st.DataObject) -> None:
    """The schema that is validated with finds fault with the same trees as the one in the file."""
    from jsonschema import Draft202012Validator

    tree: Any = copy.deepcopy(tree_of(draw.draw(st.sampled_from(CONFIGS))))
    for _ in range(draw.draw(st.integers(0, 2))):
        found = list(spots(tree))
        path = found[draw.draw(st.integers(0, len(found) - 1))]
        holder = tree
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = draw.draw(ODD)
    lazy = Draft202012Validator(validate._lazy(schema.load()))
    plain = Draft202012Validator(schema.load())  # alternatives as the file has them
    assert lazy.is_valid(tree) == plain.is_valid(tree)


def test_nothing_heavy_is_imported_before_a_config_is_checked() -> None:
    """Neither the package nor reading a text loads the validator; the first check does."""
    code = """
import sys
import trainer_tui.core.yamlconfig as yamlconfig, trainer_tui.core.yamlconfig.validate
assert not {"yaml", "jsonschema"} & set(sys.modules)
yamlconfig.parse("a: 1")
assert "jsonschema" not in sys.modules
yamlconfig.check("a: 1")
assert "jsonschema" in sys.modules
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_what_was_right_in_another_text_hides_nothing() -> None:
    """A list's items that were compared before are not again, and only those that are the same."""
    text = "job: extension\nconfig:\n  name: x\n  process:\n  - type: sd_trainer\n    datasets:\n"
    first = "    - folder_path: a\n      num_repeats: 1\n"
    for wrong in ("true", '"1"', "1.5", "[1]"):
        assert not [p for p in check(text + first) if p.code == "type"]
        other = f"    - folder_path: a\n      num_repeats: {wrong}\n"
        found = [p for p in check(text + first + other) if p.code == "type"]
        assert [p.line for p in found] == [10]
