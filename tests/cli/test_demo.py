"""The demo as a person has it: one command, jobs at all four services, models to look at."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.cli.conftest import Cli
from trainer_tui.cli import demo as demo_command
from trainer_tui.cli import demo_bundle

pytest.importorskip("starlette")


class Demo:
    """A demo that was set up, and the program on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.run = Cli(home)

    def json(self, *args: str) -> Any:
        """What a command prints as JSON."""
        ran = self.run(*args, "--json")
        assert ran.code == 0, ran.err
        return ran.json


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """Set up without the console; ended and removed with everything in it.

    As it is, but for the time it takes: a quarter of the pictures and of the epochs.
    """
    from trainer_tui.server.sampledata import make_dataset

    home = Path(tempfile.mkdtemp(prefix="ttd-"))
    made = Demo(home / "d")
    jobs = demo_command.submissions

    def fewer(home: Path) -> list[tuple[str, str]]:
        found = [(name, text.replace("epochs: 12", "epochs: 3")) for name, text in jobs(home)]
        assert found != jobs(home)
        return found

    train = demo_bundle._TRAIN.replace("EPOCHS = 40", "EPOCHS = 10")
    assert train != demo_bundle._TRAIN
    with (
        mock.patch.object(demo_bundle, "_TRAIN", train),
        mock.patch.object(demo_command, "submissions", fewer),
        mock.patch.object(demo_command, "_paint", lambda folder: make_dataset(folder, 6, 96)),
    ):
        done = Cli(home)("demo", "--folder", str(made.home), "--setup-only")
    try:
        assert done.code == 0, done.err
        yield made
    finally:
        if made.home.is_dir():
            made.run("serve", "--stop", "--jobs", "--yes")
        shutil.rmtree(home, ignore_errors=True)


def test_jobs_at_each_service(demo: Demo) -> None:
    """Five jobs; each profile lists its own, and one waits behind the others."""
    jobs = demo.json("jobs")
    assert sorted(job["profile"] for job in jobs) == [
        "comfy-local", "kaos-local", "local", "local", "vision-local",
    ]  # fmt: skip
    assert all(job["status"] not in ("failed", "unknown") for job in jobs)
    # They have shown that they run; the processor is wanted for the searches below.
    lora = [job["ref"] for job in jobs if job["profile"] in ("local", "comfy-local")]
    assert demo.run("cancel", *lora, "--yes").code == 0


def test_kaos_gives_a_leaderboard_of_two_pages(demo: Demo) -> None:
    """The grid is trained for real; the best by accuracy is first, provenance names its parts."""
    (job,) = [job for job in demo.json("jobs") if job["profile"] == "kaos-local"]
    end = time.monotonic() + 120
    while time.monotonic() < end:
        done = demo.run("wait", job["ref"], "--timeout", "60s")
        if done.code == 0:
            break
    first = demo.json("models", job["ref"], "--sort", "accuracy")
    second = demo.json("models", job["ref"], "--sort", "accuracy", "--page", "2")
    assert (first["page"], first["pages"], len(first["models"])) == (1, 2, 10)
    assert len(second["models"]) == 2 and {"accuracy", "loss"} <= set(first["metrics"])
    scores = [model["score"] for page in (first, second) for model in page["models"]]
    assert scores == sorted(scores, reverse=True) and 0.5 < scores[0] <= 1
    assert set(first["models"][0]["hyperparameters"]) == {"hidden", "rate"}
    refused = demo.run("star", job["ref"], first["models"][0]["id"], "--yes")
    assert refused.code == 3 and "cannot star" in refused.err


def test_a_search_has_children_to_star(demo: Demo) -> None:
    """The NAS training ends with several models; one is starred, and not any more."""
    ref = "vision-local/hills/1"
    done = demo.run("wait", ref, "--timeout", "120s")
    assert done.code == 0, done.err
    models = demo.json("models", ref, "--sort", "map50")["models"]
    assert len(models) > 1 and sum(model["recommended"] for model in models) >= 1
    name = models[-1]["id"]

    def starred() -> list[str]:
        found = demo.json("models", ref)["models"]
        return [model["id"] for model in found if model["starred"]]

    assert starred() == []
    assert demo.run("star", ref, name, "--yes").code == 0
    assert starred() == [name]
    assert demo.run("star", ref, name, "--unstar", "--yes").code == 0
    assert starred() == []
