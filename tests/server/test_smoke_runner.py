"""Smoke jobs on a real server: what the engine sees of them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.server.conftest import LocalServer, wait_for
from tests.server.test_smoke_training import CONFIGS, NAME, config, quick
from trainer_tui.errors import TrainerError
from trainer_tui.server import configs
from trainer_tui.server.runners.base import InvalidConfig, JobFolder, Observed
from trainer_tui.server.runners.smoke import RUNNER
from trainer_tui.server.sampledata import make_dataset


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A few pictures."""
    return make_dataset(tmp_path / "images", count=4, size=48)


def test_a_smoke_job_from_queue_to_end(server: LocalServer, images: Path) -> None:
    """AI Toolkit's example, no runner named: progress, loss, curve and files are all there."""
    job = server.submit(
        config(images, 40, save_every="20", sample_every="20", resolution="[ 256 ]")
    )
    assert (job["runner"], job["name"], job["config_name"]) == ("smoke", NAME, NAME)
    ended = server.wait(job["id"])
    assert ended["status"] == "succeeded", server.log(job["id"])
    assert ended["progress"] == {"current": 40, "total": 40, "unit": "step", "percent": 100}
    assert 0 < ended["loss"] < 5
    assert ended["checkpoint_step"] == 40
    points = server.client.get(f"/v1/jobs/{job['id']}/metrics").json()["points"]
    assert [p["step"] for p in points if p["key"] == "loss"] == list(range(1, 41))
    assert {p["value"] for p in points if p["key"] == "lr"} == {1e-4}
    found = server.client.get(f"/v1/jobs/{job['id']}/artifacts").json()["artifacts"]
    assert [(a["kind"], a["step"]) for a in found[:3]] == [
        ("config", None),
        ("checkpoint", 20),
        ("checkpoint", 40),
    ]
    samples = [a for a in found if a["kind"] == "sample"]
    assert len(samples) == 30
    assert samples[0]["prompt"].startswith("woman with red hair")
    assert samples[1]["seed"] == 43


def test_a_stopped_job_goes_on_where_it_was(server: LocalServer, images: Path) -> None:
    """Stopped it has saved its last step; resumed it ends as one that ran through."""
    job = server.submit(quick(images, 100_000))
    wait_for(lambda: (server.get(job["id"])["progress"] or {}).get("current", 0) > 5, "steps")
    server.client.post(f"/v1/jobs/{job['id']}/stop")
    ended = server.wait(job["id"])
    step = ended["checkpoint_step"]
    assert (ended["status"], ended["error"]) == ("interrupted", None)
    assert step == ended["progress"]["current"] > 5
    edited = quick(images, step + 10)
    server.client.put(f"/v1/jobs/{job['id']}/config", content=edited)
    server.client.post(f"/v1/jobs/{job['id']}/resume")
    assert server.wait(job["id"])["progress"]["current"] == step + 10
    points = server.client.get(f"/v1/jobs/{job['id']}/metrics?limit=1000000").json()["points"]
    steps = [p["step"] for p in points if p["key"] == "loss"]
    assert steps == list(range(1, step + 11))


def test_a_killed_process_is_told_and_can_resume(server: LocalServer, images: Path) -> None:
    """SIGKILL from outside is a failure with a checkpoint to go on from."""
    job = server.submit(quick(images, 1_000_000, save_every=10))
    wait_for(lambda: server.get(job["id"])["checkpoint_step"] >= 10, "a checkpoint")
    os.kill(server.get(job["id"])["pid"], signal.SIGKILL)
    ended = server.wait(job["id"])
    assert ended["status"] == "failed"
    assert "SIGKILL" in ended["error"]["message"]
    step = ended["checkpoint_step"]
    edited = quick(images, step + 20, save_every=10)
    server.client.put(f"/v1/jobs/{job['id']}/config", content=edited)
    server.client.post(f"/v1/jobs/{job['id']}/resume")
    assert server.wait(job["id"])["status"] == "succeeded"
    assert f"Resuming from step {step}" in server.log(job["id"])


def test_what_is_wrong_with_the_dataset_is_the_jobs_error(
    server: LocalServer, tmp_path: Path
) -> None:
    """The one line that the trainer says is what the person reads."""
    job = server.submit(config(tmp_path / "none", 5))
    ended = server.wait(job["id"])
    assert ended["status"] == "failed"
    assert ended["error"]["message"] == f"Error: dataset folder not found: {tmp_path / 'none'}"


def test_a_loss_that_is_no_number_is_seen(server: LocalServer, images: Path) -> None:
    """A rate of 1 diverges: the curve has NaN, the job is still answered as JSON and says so."""
    job = server.submit(quick(images, 12, lr="1.0"))
    ended = server.wait(job["id"])
    assert (ended["status"], ended["loss"]) == ("succeeded", "nan")
    points = server.client.get(f"/v1/jobs/{job['id']}/metrics").json()["points"]
    assert [p["value"] for p in points if p["key"] == "loss"][-1] == "nan"


@pytest.mark.parametrize(
    ("old", "new", "said", "stands"),
    [
        ("lr: 1e-4", "lr: fast", "train.lr: expected a number, not 'fast'", "lr: fast"),
        (
            "steps: 2000",
            "steps: 0",
            "train.steps: expected a whole number from 1, not 0",
            "steps: 0",
        ),
        ("batch_size: 1", "batch_size: 1.5", "train.batch_size: expected a", "batch_size: 1.5"),
        ("linear: 16", "linear: -1", "network.linear: expected a", "linear: -1"),
        ("[ 512, 768, 1024 ]", "big", "datasets.0.resolution: expected pixels", "resolution: big"),
        ('folder_path: "/path/to', 'folder: "/', "datasets.0.folder_path: expected", "- folder: "),
        ('name: "my_first_flux_lora_v1"', "title: x", "config.name: missing", "title: x"),
        ("      train:", "      train: no\n      r:", "train: expected a mapping", "train: no"),
    ],
)
def test_a_wrong_config_is_refused_with_its_place(
    old: str, new: str, said: str, stands: str
) -> None:
    """Each mistake names the key, what was expected, and the line."""
    text = (CONFIGS / "train_lora_flux_24gb.yaml").read_text()
    assert old in text
    text = text.replace(old, new, 1)
    with pytest.raises(InvalidConfig) as caught:
        RUNNER.check(configs.parse(text), text)
    assert said in caught.value.message
    assert caught.value.line == text[: text.index(stands)].count("\n") + 1


@pytest.mark.parametrize("text", ["config: {name: x}", "config: {name: x, process: []}", "a: 1"])
def test_a_config_of_another_kind_is_refused(text: str) -> None:
    """Whatever is missing is named; nothing but InvalidConfig is raised."""
    with pytest.raises(TrainerError):
        RUNNER.check(configs.parse(text), text)


def test_observing_reads_only_what_is_new(tmp_path: Path, images: Path) -> None:
    """A look without news changes nothing, half a line waits, and an edit shows in the total."""
    folder = JobFolder(tmp_path / "job")
    folder.root.mkdir()
    folder.config.write_text(config(images, 40))
    seen = RUNNER.observe(folder, Observed())
    assert (seen.progress, seen.loss, seen.checkpoint_step) == (None, None, 0)
    folder.metrics.write_text('{"step": 3, "time": 1, "key": "loss", "value": 0.5}\n{"step": 4')
    seen = RUNNER.observe(folder, seen)
    assert seen.progress is not None
    assert (seen.progress.current, seen.progress.total, seen.loss) == (3, 40, 0.5)
    assert RUNNER.observe(folder, seen) == seen
    with folder.metrics.open("a") as file:
        file.write(', "time": 1, "key": "loss", "value": "nan"}\n')
    seen = RUNNER.observe(folder, seen)
    assert seen.progress is not None and seen.progress.current == 4
    assert str(seen.loss) == "nan"
    folder.config.write_text(config(images, 50))
    os.utime(folder.config, ns=(1, 1))
    seen = RUNNER.observe(folder, seen)
    assert seen.progress is not None and seen.progress.total == 50
