"""How long steps took before, found for a job that does the same work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trainer_tui.core.pastwork import like_pace, other_work, own_pace, remember, work_of
from trainer_tui.core.store import Store
from trainer_tui.core.yamlconfig import set_value
from trainer_tui.model import Gpu, Job, JobRef, Metric, Progress, Status

FLUX = (Path(__file__).parent.parent / "fixtures/configs/train_lora_flux_24gb.yaml").read_text()
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
H100 = Gpu("HOPPER_141", 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    store = Store(tmp_path / "store.db")
    yield store
    store.close()


def job(name: str, seconds: float = 2.0, *, hours_ago: int = 5, gpu: Gpu | None = H100) -> Job:
    """A finished job of 1,000 steps of so many seconds."""
    began = NOW - timedelta(hours=hours_ago)
    return Job(
        ref=JobRef("comfy", name),
        provider="runcomfy",
        name=name,
        status=Status.SUCCEEDED,
        raw_status="done",
        progress=Progress.of(1000, 1000),
        started_at=began,
        finished_at=began + timedelta(seconds=1000 * seconds),
        gpu=gpu,
    )


def pace(store: Store, jobs: list[Job], text: str = FLUX, gpu: Gpu | None = H100) -> object:
    """Seconds a step and where they come from."""
    found = like_pace(store, jobs, "comfy", text, gpu, NOW)
    return (found.seconds, found.source) if found is not None else None


def test_the_newest_job_of_the_same_work_tells(store: Store) -> None:
    """Of two that did the same the newer one is taken, by name and GPU."""
    jobs = [job("older", 3.0, hours_ago=9), job("newer", 2.0)]
    for each in jobs:
        remember(store, each.ref, FLUX)
    assert pace(store, jobs) == (2.0, "as in newer on HOPPER_141")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("train.batch_size", 2),
        ("datasets[0].resolution", 512),
        ("model.name_or_path", "other/model"),
        ("datasets[0].num_frames", 41),
    ],
)
def test_other_work_tells_nothing(store: Store, path: str, value: object) -> None:
    """Another batch, resolution, model or number of frames is another time a step."""
    past = job("past")
    remember(store, past.ref, FLUX)
    other = set_value(FLUX, path, value)
    assert pace(store, [past], other) is None
    assert other_work(store, past.ref, other) and not other_work(store, past.ref, FLUX)


def test_more_steps_and_another_rate_are_the_same_work(store: Store) -> None:
    """What does not change a step does not count."""
    past = job("past")
    remember(store, past.ref, FLUX)
    longer = set_value(set_value(FLUX, "train.steps", 9000), "train.lr", "3e-4")
    assert pace(store, [past], longer) == (2.0, "as in past on HOPPER_141")


def test_another_gpu_or_profile_tells_nothing(store: Store) -> None:
    """Where the GPU is known and another, or the profile is, nothing is guessed."""
    past = job("past")
    remember(store, past.ref, FLUX)
    assert pace(store, [past], gpu=Gpu("ADA_80_PLUS", 1)) is None
    assert pace(store, [past], gpu=Gpu("HOPPER_141", 8)) is None
    assert pace(store, [past], gpu=None) is not None
    assert like_pace(store, [past], "elsewhere", FLUX, H100, NOW) is None
    unknown = replace(past, gpu=None)
    assert pace(store, [unknown]) == (2.0, "as in past")


def test_the_curve_says_it_better_than_the_whole_time(store: Store) -> None:
    """Where points with times are kept the pace is theirs; without them it is the job's time."""
    past = job("past", 9.0)
    points = [Metric("loss", n * 10, 1.0, NOW + timedelta(seconds=n * 15)) for n in range(20)]
    before = own_pace(store, past, None, NOW)
    assert before is not None and before.seconds == 9.0
    store.add_metrics(past.ref, points)
    found = own_pace(store, past, None, NOW)
    assert found is not None and found.seconds == 1.5


def test_a_job_of_two_works_tells_nothing_of_others(store: Store) -> None:
    """A job that was edited to other work took time for both; its own pace says so."""
    past = job("past")
    remember(store, past.ref, FLUX)
    other = set_value(FLUX, "train.batch_size", 4)
    remember(store, past.ref, other)
    remember(store, past.ref, other)
    assert pace(store, [past]) is None and pace(store, [past], other) is None
    found = own_pace(store, past, None, NOW)
    assert found is not None and found.source == "so far, partly of other work"


def test_no_note_of_what_is_no_training_config(store: Store) -> None:
    """A command, a bundle and a broken text are no work that could be compared."""
    for text in ("command: [true]\n", "bundle: /x\n", "a: [\n", ""):
        assert work_of(text) is None
        remember(store, JobRef("local", "a"), text)
    assert store.get_value("pace.works") is None


def test_only_the_last_few_hundred_notes_are_kept(store: Store) -> None:
    """The notes stay small however many jobs there were."""
    store.set_value("pace.works", {f"comfy/{n}": "x" for n in range(400)})
    remember(store, JobRef("comfy", "new"), FLUX)
    kept = store.get_value("pace.works")
    assert len(kept) == 300 and "comfy/new" in kept and "comfy/0" not in kept
