"""How a training is doing: what is said of a loss, when, and what a rule does about it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakes import T0, FakeClock, facts, job
from trainer_tui.config import HealthRule, HealthSettings, load
from trainer_tui.core.acts import Act, Outcome, why_not
from trainer_tui.core.board import Board
from trainer_tui.core.health import WARM_UP, Ailment, LossWatch
from trainer_tui.core.healthwatch import HealthWatch
from trainer_tui.core.messages import Ailing, Message
from trainer_tui.core.store import Store
from trainer_tui.errors import ConfigError, NetworkError, StateError, TrainerError
from trainer_tui.model import Job, JobRef, Metric, Progress, Status
from trainer_tui.paths import Paths

DEFAULTS = HealthSettings()
REF = JobRef("p", "1")


def watched(losses: list[float], settings: HealthSettings = DEFAULTS) -> LossWatch:
    """A watch that has seen these losses, one a step."""
    watch = LossWatch(settings)
    for step, loss in enumerate(losses):
        watch.add(step, loss)
    return watch


def falling(count: int, seed: int = 1) -> list[float]:
    """A noisy loss that falls, as of a diffusion training."""
    noise = random.Random(seed)
    return [0.3 + 0.5 * math.exp(-i / 80) + noise.uniform(-0.1, 0.1) for i in range(count)]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_said_at_once(bad: float) -> None:
    """The first step that is not finite is named, and stays the one that is named."""
    watch = watched([*falling(30), bad, bad])
    assert watch.finding is not None
    assert watch.finding.ailment is Ailment.NAN
    assert watch.finding.step == 30
    assert "since step 30" in watch.finding.text
    watch.add(3, bad, "epoch")
    watch.add(4, 0.5, "epoch")
    for epoch in range(5, 10):
        watch.add(epoch, 0.5, "epoch")
    watch.add(10, bad, "epoch")
    assert watch.finding is not None and "since epoch 10" in watch.finding.text


def test_a_loss_that_recovers_is_well_again() -> None:
    """One finite value does not end it, several do."""
    watch = watched([*falling(30), math.nan, 0.3])
    assert watch.finding is not None
    for step in range(40, 50):
        watch.add(step, 0.3)
    assert watch.finding is None


def test_divergence_is_said_of_the_average_and_not_of_a_spike() -> None:
    """A single huge loss is noise; a loss that stays up is not."""
    spiky = falling(300)
    spiky[200] = 6.0
    assert watched(spiky).finding is None
    risen = watched([*falling(300), *[2.0] * 60])
    assert risen.finding is not None
    assert risen.finding.ailment is Ailment.DIVERGENCE
    assert risen.finding.step >= 300


def test_a_plateau_needs_as_many_steps_as_the_config_says() -> None:
    """Below the threshold nothing is said; 0 switches it off."""
    flat = falling(400) + [0.3] * 600
    assert watched(flat, replace(DEFAULTS, plateau=2000)).finding is None
    assert watched(flat, replace(DEFAULTS, plateau=0)).finding is None
    found = watched(flat, replace(DEFAULTS, plateau=300)).finding
    assert found is not None
    assert found.ailment is Ailment.PLATEAU


def test_everything_can_be_switched_off() -> None:
    """With all thresholds at 0 the worst loss is not remarked on."""
    off = HealthSettings(nan=False, divergence=0, plateau=0, stall=0)
    assert watched([*falling(100), math.nan, *[9e9] * 100], off).finding is None


def test_a_resume_from_an_earlier_step_begins_anew() -> None:
    """What was found of the part that is trained again is forgotten once it is well."""
    watch = watched([*falling(300), *[5.0] * 60])
    assert watch.finding is not None
    for step in range(100, 100 + 3 * WARM_UP):
        watch.add(step, 0.4)
    assert watch.finding is None


@given(st.lists(st.floats(0.015625, 10, width=32), max_size=200))
def test_points_that_come_again_change_nothing(losses: list[float]) -> None:
    """History that arrives twice, as when a curve is opened, gives the same finding."""
    once = watched(losses)
    twice = watched(losses)
    last = len(losses) - 1
    for step in range(max(0, last - max(1, last // 50) + 1), last + 1):
        twice.add(step, losses[step])
    assert once.finding == twice.finding


class Ward:
    """A board with one running job, watched."""

    def __init__(self, path: Path, *rules: HealthRule, read_only: bool = False) -> None:
        self.store = Store(path / "store.db")
        self.board = Board(self.store)
        self.clock = FakeClock()
        self.told: list[Message] = []
        self.acts: list[tuple[Act, JobRef]] = []
        self.answers: list[TrainerError | None] = []
        """How the next acts fail; one that is not among them succeeds."""
        self.due: list[tuple[float, Callable[[], None]]] = []
        """What is to be called later, and in how many seconds."""
        self.read_only = read_only
        self.health = self.watch(*rules)

    def watch(self, *rules: HealthRule) -> HealthWatch:
        """A watch as a console that was just started has it."""
        health = HealthWatch(
            self.board,
            self.store,
            self.clock,
            HealthSettings(rules=rules),
            publish=self.told.append,
            perform=self._perform,
            later=lambda seconds, call: self.due.append((seconds, call)),
            why_not=self._why_not,
            on_bug=self._fault,
        )
        self.board.subscribe(health.changed)
        return health

    def _perform(self, act: Act, ref: JobRef) -> Future[Outcome]:
        self.acts.append((act, ref))
        error = self.answers.pop(0) if self.answers else None
        done: Future[Outcome] = Future()
        done.set_result(Outcome(ref, act, error is None, "", error))
        return done

    def _why_not(self, of: Job, act: Act) -> str | None:
        return why_not(of, act, facts("fake"), read_only=self.read_only)

    def _fault(self, error: BaseException) -> None:
        raise error

    def step(self, step: int, loss: float) -> None:
        """The service tells another step."""
        self.clock.seconds += 5
        seen = replace(job(status=Status.RUNNING), progress=Progress(step, 1000, "step"), loss=loss)
        self.board.merge(seen.ref.profile, [seen], self.clock.now())

    @property
    def entry(self):  # type: ignore[no-untyped-def]
        """The job's row."""
        (entry,) = self.board.entries()
        return entry


def test_a_finding_is_a_mark_an_event_and_a_message(tmp_path: Path) -> None:
    """Told once, marked as long as it holds."""
    ward = Ward(tmp_path)
    ward.step(1, 0.5)
    ward.step(2, math.nan)
    ward.step(3, math.nan)
    assert ward.entry.finding.ailment is Ailment.NAN
    assert [type(m) for m in ward.told] == [Ailing]
    texts = [event.text for event in ward.store.events(ward.entry.job.ref)]
    assert [t for t in texts if "nan loss" in t] == [
        "nan loss: the loss is not a number since step 2"
    ]
    assert ward.acts == []


def test_a_second_console_tells_nothing_twice(tmp_path: Path) -> None:
    """What was told of this run stays told when the console is started again."""
    ward = Ward(tmp_path)
    ward.step(1, 0.5)
    ward.step(2, math.nan)
    again = Ward(tmp_path)
    again.step(3, math.nan)
    assert again.entry.finding is not None
    assert again.told == []


def test_a_rule_acts_once(tmp_path: Path) -> None:
    """``on = "nan" do = "stop"`` asks for the stop, and the history says who did."""
    ward = Ward(tmp_path, HealthRule("nan", "stop"))
    ward.step(1, 0.5)
    ward.step(2, math.nan)
    ward.step(3, math.nan)
    ref = ward.entry.job.ref
    assert ward.acts == [(Act.STOP, ref)]
    assert "rule: on nan do stop" in [event.text for event in ward.store.events(ref)]


def test_an_act_that_did_not_get_through_is_asked_again(tmp_path: Path) -> None:
    """Less and less often, as long as the job is as badly off; by another console at once."""
    rule = HealthRule("nan", "stop")
    ward = Ward(tmp_path, rule)
    ward.answers = [NetworkError("no route"), NetworkError("no route")]
    ward.step(1, math.nan)
    assert len(ward.acts) == 1
    (first, again) = ward.due.pop()
    again()
    assert len(ward.acts) == 2
    (second, again) = ward.due.pop()
    assert second == 2 * first
    again()
    assert len(ward.acts) == 3 and ward.due == []
    ward.step(2, math.nan)
    other = Ward(tmp_path, rule)
    other.step(3, math.nan)
    assert len(ward.acts) == 3 and other.acts == []


def test_an_act_is_not_asked_again_of_a_job_that_is_well(tmp_path: Path) -> None:
    """What failed is not made up for when the loss is a number again, or the job has ended."""
    ward = Ward(tmp_path, HealthRule("nan", "stop"))
    ward.answers = [NetworkError("no route")]
    ward.step(1, math.nan)
    for step in range(2, 10):
        ward.step(step, 0.5)
    ward.due.pop()[1]()
    assert len(ward.acts) == 1


def test_an_act_that_is_refused_is_not_asked_again(tmp_path: Path) -> None:
    """The service has answered: it may not be."""
    ward = Ward(tmp_path, HealthRule("nan", "stop"))
    ward.answers = [StateError("not now")]
    ward.step(1, math.nan)
    assert len(ward.acts) == 1 and ward.due == []


def test_a_rule_never_acts_in_read_only(tmp_path: Path) -> None:
    """It is said why nothing was done."""
    ward = Ward(tmp_path, HealthRule("nan", "stop"), read_only=True)
    ward.step(1, math.nan)
    assert ward.acts == []
    texts = [event.text for event in ward.store.events(ward.entry.job.ref)]
    assert any("not possible" in text and "read-only" in text for text in texts)


def test_a_read_only_console_keeps_no_other_from_acting(tmp_path: Path) -> None:
    """What it has told is told, but what it may not do is still to be done, once."""
    rule = HealthRule("nan", "stop")
    Ward(tmp_path, rule, read_only=True).step(1, math.nan)
    other = Ward(tmp_path, rule)
    other.step(2, math.nan)
    assert other.told == []
    assert other.acts == [(Act.STOP, REF)]
    third = Ward(tmp_path, rule)
    third.step(3, math.nan)
    assert third.acts == []


def test_a_rule_of_another_profile_does_not_count(tmp_path: Path) -> None:
    """``profile`` narrows a rule."""
    ward = Ward(tmp_path, HealthRule("nan", "cancel", profile="other"))
    ward.step(1, math.nan)
    assert ward.acts == []


def test_a_followed_curve_counts_too(tmp_path: Path) -> None:
    """A NaN between two looks at the job is seen in its points, if they count what the service
    counts: two counts in turn would be a new beginning each time."""
    ward = Ward(tmp_path)
    ward.step(10, 0.5)
    ref = ward.entry.job.ref
    ward.health.points(ref, [Metric("loss", 120, math.nan, unit="epoch")])
    assert ward.entry.finding is None
    ward.health.points(ref, [Metric("lr", 11, math.nan), Metric("loss", 11, math.nan)])
    assert ward.entry.finding.ailment is Ailment.NAN


def test_what_is_past_is_not_said_while_it_is_read(tmp_path: Path) -> None:
    """A curve that is read from its beginning was ill once and is well: no mark, no act."""
    ward = Ward(tmp_path, HealthRule("nan", "stop"))
    ward.board.merge("p", [job(status=Status.RUNNING)], ward.clock.now())
    ward.health.points(REF, [Metric("loss", 1, 0.5), Metric("loss", 2, math.nan)], more=True)
    ward.board.merge("p", [job(status=Status.RUNNING, step=90)], ward.clock.now())
    assert ward.entry.finding is None
    ward.health.points(REF, [Metric("loss", step, 0.4) for step in range(3, 20)], more=True)
    ward.health.points(REF, [])
    assert (ward.entry.finding, ward.acts) == (None, [])
    ward.health.points(REF, [Metric("loss", 20, math.nan)], more=True)
    ward.health.points(REF, [])
    assert ward.entry.finding is not None
    assert ward.acts == [(Act.STOP, REF)]


def test_history_in_the_store_is_judged_at_the_start(tmp_path: Path) -> None:
    """A console that was away sees what happened meanwhile."""
    ward = Ward(tmp_path)
    ref = job().ref
    points = [Metric("loss", step, 0.4, T0) for step in range(300)]
    points += [Metric("loss", step, 3.0, T0) for step in range(300, 400)]
    ward.store.add_metrics(ref, points)
    ward.step(401, 3.0)
    assert ward.entry.finding.ailment is Ailment.DIVERGENCE


def test_a_stall_is_a_finding_and_goes_with_the_next_step(tmp_path: Path) -> None:
    """No step for far longer than the job's own pace."""
    ward = Ward(tmp_path)
    for step in range(1, 8):
        ward.step(step, 0.5)
    for _ in range(40):
        ward.step(7, 0.5)
    assert ward.entry.finding.ailment is Ailment.STALL
    ward.step(8, 0.5)
    assert ward.entry.finding is None


def test_the_end_takes_the_mark_away(tmp_path: Path) -> None:
    """A job that has ended is judged by how it ended."""
    ward = Ward(tmp_path)
    ward.step(1, math.nan)
    ended = replace(ward.entry.job, status=Status.FAILED)
    ward.board.merge(ended.ref.profile, [ended], ward.clock.now())
    assert ward.entry.finding is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[health.rules]]\non = "nam"\ndo = "stop"', "rule 1: on: expected one of"),
        ('[[health.rules]]\non = "nan"', "rule 1: do is missing"),
        ('[[health.rules]]\non = "nan"\ndo = "delete"', "expected one of stop, cancel"),
        ('[[health.rules]]\non = "nan"\ndo = "stop"\nprofil = "x"', "did you mean 'profile'"),
        ("[health]\ndivergense = 2", "did you mean 'divergence'"),
    ],
)
def test_mistakes_in_the_config_are_named(tmp_path: Path, text: str, said: str) -> None:
    """File, line, what was expected."""
    paths = Paths.under(tmp_path)
    paths.config_file.parent.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.toml:\d") as caught:
        load(paths)
    assert said in str(caught.value)


def test_rules_are_read(tmp_path: Path) -> None:
    """Thresholds and rules as the documentation has them."""
    paths = Paths.under(tmp_path)
    paths.config_file.parent.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text(
        '[health]\ndivergence = 3\n[[health.rules]]\non = "nan"\ndo = "stop"\nprofile = "comfy"\n'
    )
    health = load(paths).health
    assert health.divergence == 3
    assert health.rules == (HealthRule("nan", "stop", "comfy"),)
