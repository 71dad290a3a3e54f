"""What a config will do: steps, checkpoints, samples, time, money; and what an edit changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core.estimate import Estimate
from trainer_tui.core.forecast import compared, forecast, resume_words, span
from trainer_tui.core.pace import Pace, pace_of
from trainer_tui.core.yamlconfig import set_value
from trainer_tui.model import Gpu, Job, JobRef, Metric, Progress, Status

CONFIGS = Path(__file__).parent.parent / "fixtures" / "configs"
FLUX = (CONFIGS / "train_lora_flux_24gb.yaml").read_text()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def job(**changes: object) -> Job:
    """A failed job at step 960 of 2000 with a checkpoint at 750."""
    made = Job(
        JobRef("comfy", "j1"), "runcomfy", "dogs", Status.FAILED, "failed",
        progress=Progress.of(960, 2000), checkpoint_step=750, gpu=Gpu("HOPPER_141", 2),
    )  # fmt: skip
    return made.replace(**changes)


def test_from_the_start() -> None:
    """All steps, every checkpoint with its step, how many stay, samples before the first step."""
    found = forecast(FLUX)
    assert found is not None
    assert list(found.checkpoints) == [250, 500, 750, 1000, 1250, 1500, 1750]
    assert found.rounds == 9  # before the first step, at seven multiples, at the end
    assert found.words() == [
        "Runs 2,000 steps at a learning rate of 0.0001.",
        "Saves 8 checkpoints: at 250, 500 and so on to 1,750 and at the end;"
        " the last 4 of the numbered ones are kept.",
        "Makes 90 samples: 10 prompts 9 times, every 250 steps.",
        "Trains a LoRA of rank 16 on black-forest-labs/FLUX.1-dev"
        " with /path/to/images/folder at 512, 768, 1024 px.",
    ]


def test_from_a_checkpoint_with_time_and_money() -> None:
    """On a resume only the steps that are left count, with what they take and cost."""
    found = forecast(
        FLUX, start=750, pace=Pace(2.0), gpu=Gpu("HOPPER_141", 2), pricing={"HOPPER_141": 4.5}
    )
    assert found is not None
    assert found.words()[:3] == [
        "Runs 1,250 steps, from 750 to 2,000 at a learning rate of 0.0001.",
        "Takes about 42m at 2.00 s a step so far, and costs about $6.25"
        " (2 HOPPER_141 at $4.50 an hour each).",
        "Saves 5 checkpoints: at 1,000, 1,250, 1,500, 1,750 and at the end.",
    ]
    data = found.data()
    assert (data["start_step"], data["steps_to_run"], data["seconds"]) == (750, 1250, 2500.0)
    assert data["money"] == 6.25
    assert data["checkpoint_steps"] == [1000, 1250, 1500, 1750]
    assert data["sample_rounds"] == 5


def test_without_price_or_pace_nothing_is_guessed() -> None:
    """No pace: no time; a pace without a price: the time alone; an unknown start says so."""
    timed = forecast(FLUX, start=None, pace=Pace(0.5, "as in dogs"), gpu=Gpu("H"), pricing={"X": 1})
    assert timed is not None
    assert timed.words()[:2] == [
        "Runs 2,000 steps at a learning rate of 0.0001, less those before its newest checkpoint.",
        "Takes about 17m at most at 2.0 steps a second as in dogs.",
    ]
    assert timed.money is None
    untimed = forecast(FLUX)
    assert untimed is not None and untimed.seconds is None


def test_a_checkpoint_beyond_the_steps() -> None:
    """When the checkpoint is at or beyond train.steps nothing would run: that is said."""
    found = forecast(set_value(FLUX, "train.steps", 500), start=750)
    assert found is not None
    assert found.words()[0] == "Runs no step: the checkpoint is at 750 and train.steps is 500."
    assert "Saves" not in " ".join(found.words())


def test_batch_and_accumulation() -> None:
    """Images a step are the batch times the accumulated steps."""
    text = set_value(set_value(FLUX, "train.batch_size", 2), "train.gradient_accumulation_steps", 4)
    found = forecast(text)
    assert found is not None
    assert found.images == 8
    assert "8 images each (batch of 2, accumulated 4 times)" in found.words()[0]


def test_rare_checkpoints_and_no_samples() -> None:
    """A save_every beyond the steps, and sampling that is switched off, are said as such."""
    text = set_value(set_value(FLUX, "save.save_every", 5000), "train.disable_sampling", True)
    found = forecast(text)
    assert found is not None
    words = found.words()
    assert "Saves at the end only (train.steps comes before save_every 5,000)." in words
    assert "Makes no samples." in words


@pytest.mark.parametrize("text", ["a: [", "", "a: 1\n", "config:\n  process: 3\n"])
def test_what_is_no_config_has_no_forecast(text: str) -> None:
    """Broken YAML and configs of another kind give none."""
    assert forecast(text) is None


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_real_config_is_told(file: Path) -> None:
    """Each of the real configs gives steps, checkpoints, samples and a subject."""
    found = forecast(file.read_text())
    assert found is not None
    assert [line.split()[0] for line in found.words()] == ["Runs", "Saves", "Makes", "Trains"]


WILD = st.sampled_from(
    ["", "0", "-3", "5", "2000", "1e-4", ".nan", ".inf", "true", "[]", "[1, x]", "{}", "{a: [b]}",
     "text", "0x10", "1:30", "null", "99999999999999999999"]
)  # fmt: skip
KEYS = (
    "train.steps", "train.lr", "train.batch_size", "train.gradient_accumulation",
    "train.skip_first_sample", "train.disable_sampling", "save.save_every",
    "save.max_step_saves_to_keep", "sample.sample_every", "sample.prompts", "sample.samples",
    "network.type", "network.linear", "network.rank", "model.name_or_path", "datasets",
)  # fmt: skip


@HALF
@given(
    st.dictionaries(st.sampled_from(KEYS), WILD),
    st.dictionaries(st.sampled_from(KEYS), WILD),
    st.none() | st.integers(0, 3000),
)
@example({"train.steps": "9", "save.save_every": ""}, {}, None)
@example({"train.steps": "99999999999999999999", "save.save_every": "5"}, {}, None)
def test_whatever_a_config_says_or_leaves_out(
    old: dict[str, str], new: dict[str, str], start: int | None
) -> None:
    """No missing key, and no value that makes no sense, keeps the others from being told."""
    texts = []
    for values in (old, new):
        sections: dict[str, list[str]] = {}
        for path, value in values.items():
            section, _, key = path.partition(".")
            sections.setdefault(section, []).append(f"        {key}: {value}\n" if key else value)
        text = "config:\n  process:\n    - type: sd_trainer\n"
        for section, lines in sections.items():
            inline = section == "datasets"
            text += f"      {section}: {lines[0]}\n" if inline else f"      {section}:\n"
            text += "" if inline else "".join(lines)
        texts.append(text)
    found = [
        forecast(text, start=start, pace=Pace(2.0), gpu=Gpu("A", 2), pricing={"A": 1.0})
        for text in texts
    ]
    for one in found:
        assert one is not None
        assert all(word.endswith(".") for word in one.words())
        assert one.data()
    compared(*found)


def test_no_checkpoints_named() -> None:
    """A config that says nothing of checkpoints is told as one that saves at the end."""
    text = FLUX.replace("        save_every: 250", "        #")
    found = forecast(text)
    assert found is not None and "Saves at the end only." in found.words()


def test_what_an_edit_changes() -> None:
    """More steps are told with the time and money that they add."""
    gpu, pricing, pace = Gpu("H"), {"H": 4.0}, Pace(4.32)

    def of(text: str) -> list[str]:
        old = forecast(FLUX, start=750, pace=pace, gpu=gpu, pricing=pricing)
        return compared(old, forecast(text, start=750, pace=pace, gpu=gpu, pricing=pricing))

    assert of(set_value(FLUX, "train.steps", 3000)) == [
        "Steps from 2,000 to 3,000, about 1h12m more, about $4.80.",
        "Checkpoints from 5 to 9.",
        "Samples from 50 to 90.",
    ]
    assert of(set_value(FLUX, "train.steps", 1900))[0].endswith("about 7m less, about $0.48.")
    assert of(FLUX) == []
    assert of("a: [") == []


def test_other_work_makes_the_time_a_guess() -> None:
    """When the batch changes, the old pace is said to be no more than a guess."""
    pace = Pace(1.0)
    new = forecast(set_value(FLUX, "train.batch_size", 4), pace=pace)
    said = compared(forecast(FLUX, pace=pace), new)
    assert said == [
        "Images a step from 1 to 4.",
        "A step is other work than before, so the time is a guess from its old pace.",
    ]


def points(times: list[float]) -> list[Metric]:
    """A curve with a point each ten steps, at these seconds."""
    return [
        Metric("loss", 10 * n, 0.5, NOW + timedelta(seconds=at)) for n, at in enumerate(times, 1)
    ]


def test_the_pace_of_a_job() -> None:
    """The present pace counts first, then the curve without its pauses, then the whole time."""
    assert pace_of(job(), Estimate(rate=0.5), [], NOW) == Pace(2.0)
    assert pace_of(job(), Estimate(rate=0.5, unit="epoch"), [], NOW) is None
    curve = points([0, 20, 40, 3640, 3660, 3680])  # an hour in which nothing ran
    assert pace_of(job(), None, curve, NOW) == Pace(2.0)
    ran = job(started_at=NOW - timedelta(seconds=1920), finished_at=NOW)
    assert pace_of(ran, None, points([0, 20]), NOW) == Pace(2.0)
    assert pace_of(job(), None, [], NOW) is None


def test_a_resume_in_words() -> None:
    """Without the config the job's own numbers tell what a resume runs."""
    assert resume_words(job(), Pace(2.0), {"HOPPER_141": 4.5}) == (
        "Runs 1,250 steps, from 750 to 2,000. Takes about 42m at 2.00 s a step so far,"
        " and costs about $6.25 (2 HOPPER_141 at $4.50 an hour each)."
    )
    assert resume_words(job(checkpoint_step=None), None, {}) == ""
    assert resume_words(job(progress=None), None, {}) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1s"), (59, "59s"), (60, "1m"), (4320, "1h12m"), (187_200, "2d4h")]
)
def test_durations(seconds: float, words: str) -> None:
    """At most two units."""
    assert span(seconds) == words
