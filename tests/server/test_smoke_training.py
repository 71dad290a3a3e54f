"""The smoke trainer from outside: its process, its files, what it says."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from safetensors import safe_open

from tests.server.prefork import SMOKE, run
from trainer_tui.server.runners.smoke import data, options
from trainer_tui.server.runners.smoke.latent import Codec
from trainer_tui.server.sampledata import make_dataset

CONFIGS = Path(__file__).parent.parent / "fixtures" / "configs"
FLUX = "train_lora_flux_24gb.yaml"
NAME = "my_first_flux_lora_v1"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of twelve pictures."""
    return make_dataset(tmp_path_factory.mktemp("images"), count=12, size=64)


def config(images: Path, steps: int, name: str = FLUX, **changes: str) -> str:
    """One of AI Toolkit's own examples with the steps and the folder changed, and more if asked."""
    text = (CONFIGS / name).read_text()
    text = re.sub(r"(?m)^( +steps:) \d+", rf"\1 {steps}", text)
    text = text.replace("/path/to/images/folder", str(images))
    for key, value in changes.items():
        text, count = re.subn(rf"(?m)^( +{key}:) [^#\n]+", rf"\1 {value} ", text)
        assert count, key
    return text


def argv(config_text: str, out: Path) -> list[str]:
    """The command line of a run into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.yaml").write_text(config_text)
    module = "trainer_tui.server.runners.smoke"
    return [sys.executable, "-m", module, str(out / "config.yaml"), "--out", str(out)]


def train(config_text: str, out: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    words = argv(config_text, out)
    return run(SMOKE, words[3:], os.environ | env, 60)


def losses(out: Path) -> dict[int, float]:
    """The loss of each step. A line that was cut off is passed over."""
    lines = (out / "metrics.jsonl").read_text().splitlines()
    points = [json.loads(line) for line in lines if line.endswith("}")]
    return {p["step"]: float(p["value"]) for p in points if p["key"] == "loss"}


def quick(images: Path, steps: int, save_every: int = 0, **changes: str) -> str:
    """As :func:`config`, without samples and at a low resolution, where a step is quickest."""
    text = config(images, steps, save_every=str(save_every), resolution="[ 256 ]", **changes)
    return text.replace("#        disable_sampling", "        disable_sampling")


@pytest.fixture(scope="module")
def done(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A finished run of 60 steps: its folder and its log."""
    out = tmp_path_factory.mktemp("done")
    text = config(images, 60, save_every="20", sample_every="30", max_step_saves_to_keep="1")
    ended = train(text, out)
    assert ended.returncode == 0, ended.stderr
    yield out, ended.stdout


def test_it_says_first_what_it_is(done: tuple[Path, str]) -> None:
    """The first lines of the log say that this is a check and no model worth using."""
    first = done[1].splitlines()[:3]
    assert "check config, dataset and plumbing" in first[0]
    assert "does not load black-forest-labs/FLUX.1-dev" in first[1]
    assert "not a model worth using" in first[1]


def test_the_log_has_the_progress_line_of_ai_toolkit(done: tuple[Path, str]) -> None:
    """The bar is one line rewritten with a carriage return, read by AI Toolkit's own pattern."""
    from trainer_tui.server.runners.ai_toolkit import TQDM

    bars = [line for line in re.split(r"[\r\n]", done[1]) if line.startswith(f"{NAME}:")]
    last = TQDM.search(bars[-1])
    assert last is not None
    assert last.group("percent", "current", "total") == ("100", "60", "60")
    assert float(last["lr"]) == 1e-4
    assert float(last["loss"]) > 0


def test_the_checkpoints_open_and_tell_their_step(done: tuple[Path, str]) -> None:
    """As many numbered checkpoints as asked for, and a last one, in the type asked for."""
    out, log = done
    names = sorted(path.name for path in (out / "checkpoints").iterdir())
    assert names == [f"{NAME}.safetensors", f"{NAME}_000000040.safetensors"]
    assert f"Saved checkpoint to {out / 'checkpoints' / names[1]}" in log
    with safe_open(out / "checkpoints" / names[0], "numpy") as opened:
        metadata = opened.metadata()
        assert json.loads(metadata["training_info"])["step"] == 60
        assert metadata["name"] == NAME
        for layer in ("in", "mid", "out", "gate"):
            down = opened.get_tensor(f"smoke.transformer.{layer}.lora_A.weight")
            up = opened.get_tensor(f"smoke.transformer.{layer}.lora_B.weight")
            assert down.shape[0] == up.shape[1] == 16
            assert str(down.dtype) == "float16"
            assert abs(up).max() > 0


def test_the_samples_are_pictures_of_every_prompt(done: tuple[Path, str]) -> None:
    """Ten prompts before the first step, half way and at the end; walk_seed counts the seed up."""
    out, _ = done
    files = sorted((out / "samples").iterdir())
    found = [re.fullmatch(r"\d{13}__(\d{9})_(\d+)\.png", path.name) for path in files]
    steps = sorted((int(match[1]), int(match[2])) for match in found if match)
    assert steps == [(step, index) for step in (0, 30, 60) for index in range(10)]
    with Image.open(files[-1]) as picture:
        picture.load()
        assert picture.size == (384, 384)
        assert picture.text["seed"] == "51"  # type: ignore[attr-defined]
        assert "bulldog" in picture.text["prompt"]  # type: ignore[attr-defined]


def test_the_loss_falls(images: Path, tmp_path: Path) -> None:
    """The mean of the last tenth of a run is well below that of the first."""
    assert train(quick(images, 150, lr="3e-4"), tmp_path).returncode == 0
    curve = list(losses(tmp_path).values())
    assert len(curve) == 150
    assert sum(curve[-15:]) < 0.5 * sum(curve[:15])


def test_the_same_seed_gives_the_same_losses(images: Path, tmp_path: Path) -> None:
    """Two runs of one config agree to the last bit; another seed differs."""
    text = quick(images, 25)
    other = text.replace("batch_size: 1", "batch_size: 1\n        seed: 7")
    for name, each in (("a", text), ("b", text), ("c", other)):
        assert train(each, tmp_path / name).returncode == 0
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
    assert losses(tmp_path / "a") != losses(tmp_path / "c")


def test_a_stopped_run_resumes_as_if_it_had_never_stopped(images: Path, tmp_path: Path) -> None:
    """SIGINT finishes the step, saves and ends with 130; the resumed run repeats no loss and ends
    with the same weights as a run that was left alone. Half-written files do not matter."""
    out = tmp_path / "stopped"
    process = subprocess.Popen(
        argv(quick(images, 100_000, save_every=10), out), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = ""
    while "Saved optimizer" not in said:
        said += process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    stopped = max(losses(out))
    assert stopped >= 10
    assert f"Saved checkpoint to {out}/checkpoints/{NAME}_{stopped:09d}.safetensors" in said + rest

    (out / "checkpoints" / f"{NAME}_000099999.safetensors").write_bytes(b"half")
    (out / "checkpoints" / f".{NAME}_000099998.safetensors.x1").write_bytes(b"part")
    with (out / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 9')
    text = quick(images, stopped + 20)
    again = train(text, out)
    assert again.returncode == 0
    assert not list((out / "checkpoints").glob(".*"))
    assert f"Resuming from step {stopped}" in again.stdout
    assert train(text, tmp_path / "whole").returncode == 0
    assert losses(out) == losses(tmp_path / "whole")
    last = f"checkpoints/{NAME}.safetensors"
    assert (out / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()


def test_a_lost_state_file_resumes_from_the_checkpoint(images: Path, tmp_path: Path) -> None:
    """Without the optimizer's state the newest checkpoint's weights are taken, bfloat16 too."""
    text = quick(images, 20, dtype="bf16", save_every=10)
    assert train(text, tmp_path).returncode == 0
    (tmp_path / "work" / "state.safetensors").write_bytes(b"broken")
    (tmp_path / "checkpoints" / f"{NAME}.safetensors").unlink()
    again = train(text, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "Resuming from step 10" in again.stdout


def test_wherever_it_is_killed_the_state_fits_the_newest_checkpoint(
    images: Path, tmp_path: Path
) -> None:
    """Killed between the two files of a save it goes on from the checkpoint that is there, with
    the state of that checkpoint: the losses are those of a run that was left alone."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train(quick(images, 30, save_every=10), whole).returncode == 0
    shutil.copytree(whole, killed)
    state = killed / "work" / "state.safetensors"
    state.rename(state.with_name("next-state.safetensors"))  # the checkpoint came, then the end
    assert train(quick(images, 40), killed).returncode == 0
    assert train(quick(images, 40), tmp_path / "again").returncode == 0
    assert losses(killed) == losses(tmp_path / "again")

    last = killed / "checkpoints" / f"{NAME}.safetensors"
    state.rename(state.with_name("next-state.safetensors"))
    last.unlink()  # the new state came, the checkpoint did not
    back = train(quick(images, 40), killed)
    assert "Resuming from step 20" in back.stdout


def test_another_rank_cannot_resume(images: Path, tmp_path: Path) -> None:
    """A config that no longer fits what is saved is refused with the way out."""
    text = quick(images, 5)
    assert train(text, tmp_path).returncode == 0
    changed = train(
        text.replace("linear: 16", "linear: 8").replace("steps: 5", "steps: 9"), tmp_path
    )
    assert changed.returncode == 2
    assert "undo the change of network.linear" in changed.stderr


def test_a_finished_run_has_nothing_to_do(done: tuple[Path, str]) -> None:
    """Started again at its last step it says so and ends well."""
    out, _ = done
    again = train((out / "config.yaml").read_text(), out)
    assert again.returncode == 0
    assert "Already at step 60 of 60" in again.stdout


@pytest.mark.parametrize("name", [path.name for path in sorted(CONFIGS.glob("train_lora_*.yaml"))])
def test_it_reads_ai_toolkits_examples(name: str, images: Path, tmp_path: Path) -> None:
    """Each example runs with only its steps and the dataset's folder changed."""
    ended = train(config(images, 3, name), tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert len(losses(tmp_path)) == 3
    assert list((tmp_path / "samples").iterdir())
    if "wan21" in name:
        with Image.open(next((tmp_path / "samples").iterdir())) as picture:
            assert picture.size == (384, 222)


def test_a_rate_of_one_shows_as_nan(images: Path, tmp_path: Path) -> None:
    """A diverging run goes on, ends with 0 and has NaN in its metrics and its log."""
    ended = train(quick(images, 12, lr="1.0"), tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert math.isnan(losses(tmp_path)[12])
    assert '"nan"' in (tmp_path / "metrics.jsonl").read_text()
    assert "loss: nan" in ended.stdout


def test_what_is_wrong_with_a_dataset_is_one_line(images: Path, tmp_path: Path) -> None:
    """A missing folder, an empty one and a broken image: exit code 2, the last line names it."""
    empty, broken = tmp_path / "empty", tmp_path / "broken"
    empty.mkdir()
    broken.mkdir()
    (broken / "a.png").write_bytes(b"\x89PNG no more")
    for folder, said in (
        (tmp_path / "missing", f"Error: dataset folder not found: {tmp_path / 'missing'}"),
        (empty, f"Error: no images (png, jpg, jpeg, webp, bmp) in the dataset folder: {empty}"),
        (broken, f"Error: not an image that can be read: {broken / 'a.png'}"),
    ):
        ended = train(config(folder, 3), tmp_path / "out")
        assert ended.returncode == 2
        assert ended.stderr.splitlines()[-1] == said


def test_a_variable_that_is_not_set_is_named(images: Path, tmp_path: Path) -> None:
    """``${VAR}`` is taken from the environment; where it is missing, the error names it."""
    text = quick(Path("${IMAGES_HERE}"), 2)
    missing = train(text, tmp_path)
    assert missing.returncode == 2
    assert "${IMAGES_HERE}: this environment variable is not set" in missing.stderr
    assert train(text, tmp_path, IMAGES_HERE=str(images)).returncode == 0


def test_pictures_of_every_sort_are_read(tmp_path: Path) -> None:
    """Every colour mode, turned by EXIF, tiny, narrow: read, scaled, and seen right."""
    colours = Image.new("RGB", (90, 60), "teal")
    colours.paste("white", (0, 0, 45, 60))
    turn = Image.Exif()
    turn[0x0112] = 3  # upside down
    for mode in ("L", "1", "P", "RGBA", "LA"):
        colours.convert(mode).save(tmp_path / f"{mode}.png")
    colours.convert("CMYK").save(tmp_path / "cmyk.jpg")
    colours.rotate(180).save(tmp_path / "exif.jpg", exif=turn)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGB", (2000, 2)).save(tmp_path / "wide.webp")
    grey = Image.new("I;16", (60, 60), 32768)
    grey.save(tmp_path / "deep.png")
    found = options.read(
        {
            "config": {
                "name": "x",
                "process": [
                    {
                        "train": {"steps": 1},
                        "datasets": [{"folder_path": str(tmp_path), "resolution": 512}],
                    }
                ],
            }
        }
    )
    codec = Codec.for_resolution(512)
    names = [path.name for path in data.images(tmp_path)]
    examples = data.load(found, codec, lambda line: None)
    assert examples.latents.shape == (10, codec.size)

    def painted(name: str) -> tuple[int, ...]:
        picture = codec.decode(examples.latents[names.index(name)], 8, 8)
        left, right = picture[4, 1], picture[4, 6]
        return (*(left > 200).tolist(), *(right > 200).tolist())

    for name in ("RGBA.png", "exif.jpg", "P.png"):
        assert painted(name) == (True, True, True, False, False, False), name
    middle = codec.decode(examples.latents[names.index("deep.png")], 8, 8)
    assert abs(middle.astype(int) - 128).max() < 8


def test_captions_and_the_trigger_word(tmp_path: Path) -> None:
    """Captions come from beside the image or from the default; the trigger word is put in."""
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "a.caption").write_text("a [trigger] here\n")
    (tmp_path / "b.caption").write_text("nobody")
    dataset = {"folder_path": str(tmp_path), "caption_ext": ".caption", "default_caption": "none"}
    process = {
        "trigger_word": "p3r",
        "datasets": dataset,
        "sample": {"prompts": ["[trigger] runs"]},
    }
    found = options.read({"config": {"name": "x", "process": [process]}})
    texts = [data.caption(path, found.datasets[0], found.trigger) for path in data.images(tmp_path)]
    assert texts == ["a p3r here", "p3r nobody", "p3r none"]
    assert found.prompts[0].text == "p3r runs"


def test_optimizers_that_tune_themselves_get_a_usual_rate() -> None:
    """Prodigy with lr 1 is Adam with 1e-4 here; others keep their rate."""

    def rate(optimizer: str) -> float:
        train = {"optimizer": optimizer, "lr": 1.0, "seed": 2**40}
        process = {"train": train, "datasets": {"folder_path": "/x"}}
        return options.read({"config": {"name": "x", "process": process}}).adam_lr

    assert rate("prodigy") == 1e-4
    assert rate("adamw8bit") == 1.0
