"""Rate, ETA, finish, stall and cost from observations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_tui.core.estimate import MAX_SAMPLES, Sample, add_sample, cost, elapsed, estimate
from trainer_tui.model import Gpu, Job, JobRef, Progress, Status

T0 = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def samples(*pairs: tuple[float, int]) -> tuple[Sample, ...]:
    found: tuple[Sample, ...] = ()
    for seconds, step in pairs:
        found = add_sample(found, Sample(at(seconds).timestamp(), step))
    return found


def test_rate_time_left_and_finish() -> None:
    """Two steps a second with a thousand to go: 500 s, to the minute on the wall clock."""
    seen = samples((0, 0), (10, 20), (20, 40))
    found = estimate(seen, Progress.of(40, 1040), at(20), Status.RUNNING)
    assert found is not None
    assert (found.rate, found.eta, found.stalled) == (2.0, 500.0, False)
    assert found.finish == datetime(2026, 3, 1, 18, 9, tzinfo=UTC)


def test_one_look_gives_no_rate() -> None:
    """With a single observation nothing is promised."""
    found = estimate(samples((0, 5)), Progress.of(5, 10), at(1), Status.RUNNING)
    assert found is not None and (found.rate, found.eta, found.finish) == (None, None, None)


def test_steps_that_were_told_late_are_no_pace() -> None:
    """A server that was away tells of its steps at once; time left goes by the usual pace."""
    seen = samples((0, 10), (1, 1000), (3, 1004), (5, 1008), (7, 1012))
    found = estimate(seen, Progress.of(1012, 1212), at(7), Status.RUNNING)
    assert found is not None
    assert (found.rate, found.eta) == (2.0, 100.0)


def test_a_clock_that_is_set_back_leaves_the_rate() -> None:
    """The one pair that seems to go backwards is passed over."""
    seen = samples((9000, 0), (9010, 20), (10, 22), (20, 42))
    found = estimate(seen, Progress.of(42, 1042), at(20), Status.RUNNING)
    assert found is not None
    assert (found.rate, found.stalled) == (2.0, False)


def test_the_window_slides() -> None:
    """Only the last ten minutes count, so a change of speed shows."""
    slow = [(i * 100.0, i) for i in range(20)]
    fast = [(1900 + i * 10.0, 19 + i * 10) for i in range(1, 80)]
    found = estimate(samples(*slow, *fast), Progress.of(809, 2000), at(2690), Status.RUNNING)
    assert found is not None and found.rate == 1.0


def test_slow_steps_have_a_rate_too() -> None:
    """Steps further apart than the window are still measured."""
    seen = samples((0, 1), (1000, 2), (2000, 3))
    found = estimate(seen, Progress.of(3, 13), at(2000), Status.RUNNING)
    assert found is not None and (found.rate, found.eta) == (0.001, 10_000 // 60 * 60 + 60)


def test_a_step_that_goes_back_begins_anew() -> None:
    """A resume from a checkpoint makes the old pace void."""
    assert samples((0, 100), (10, 200), (20, 50)) == samples((20, 50))


def test_the_same_step_keeps_its_first_time() -> None:
    """Seeing a step again does not make the job look slower or alive."""
    assert samples((0, 1), (5, 1), (9, 1)) == samples((0, 1))


def test_samples_are_bounded() -> None:
    """A run of a million steps holds a fixed number of samples."""
    assert len(samples(*((float(i), i) for i in range(MAX_SAMPLES * 2)))) == MAX_SAMPLES


@pytest.mark.parametrize(
    ("pace", "silent", "stalled"),
    [(1.0, 59.0, False), (1.0, 61.0, True), (20.0, 190.0, False), (20.0, 201.0, True)],
)
def test_stalled_is_measured_by_its_own_pace(pace: float, silent: float, stalled: bool) -> None:
    """No step for a minute, or for ten of its usual steps where those are slower."""
    seen = samples(*((i * pace, i) for i in range(8)))
    found = estimate(seen, Progress.of(7, 100), at(7 * pace + silent), Status.RUNNING)
    assert found is not None and found.stalled is stalled
    assert (found.finish is None) is stalled


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.RUNNING])
def test_only_what_runs_is_estimated(status: Status) -> None:
    """A queued, ended or unknown job has no estimate."""
    assert estimate(samples((0, 1), (1, 2)), Progress.of(2, 9), at(1), status) is None


def test_no_progress_no_estimate_no_total_no_eta() -> None:
    """Without steps nothing is said; without a total only the rate is."""
    seen = samples((0, 0), (1, 5))
    assert estimate((), None, at(1), Status.RUNNING) is None
    found = estimate(seen, None, at(1), Status.RUNNING)
    assert found is not None and (found.rate, found.eta) == (5.0, None)
    assert estimate((), Progress.of(1, 2), at(1), Status.RUNNING) is None
    found = estimate(seen, Progress.of(5, None), at(1), Status.RUNNING)
    assert found is not None and (found.rate, found.eta) == (5.0, None)


@given(
    st.lists(st.tuples(st.floats(0, 1e7), st.integers(0, 10**9)), max_size=30),
    st.integers(0, 10**9),
    st.none() | st.integers(0, 10**9),
)
def test_never_fails_and_never_promises_the_past(
    pairs: list[tuple[float, int]], current: int, total: int | None
) -> None:
    """Whatever is observed, clocks that jump included, an estimate is sane."""
    seen = samples(*pairs)
    found = estimate(seen, Progress.of(current, total), at(1e7), Status.RUNNING)
    if found is not None:
        assert found.rate is None or found.rate > 0
        assert found.eta is None or found.eta >= 0


def running(**fields: object) -> Job:
    base = Job(JobRef("p", "1"), "x", "n", Status.RUNNING, "R", started_at=T0, gpu=Gpu("H100", 2))
    return base.replace(**fields)


def test_cost_is_price_by_gpus_by_hours() -> None:
    """Half an hour on two GPUs at 3.00 an hour costs 3.00; an ended job stops costing."""
    assert cost(running(), {"H100": 3.0}, at(1800)) == 3.0
    done = running(status=Status.SUCCEEDED, finished_at=at(1800))
    assert cost(done, {"H100": 3.0}, at(9999)) == 3.0
    assert cost(running(), {}, at(1800)) is None
    assert cost(running(gpu=None), {"H100": 3.0}, at(1800)) is None
    assert cost(running(started_at=None), {"H100": 3.0}, at(1800)) is None


def test_elapsed_needs_both_ends() -> None:
    """An ended job without an end time says nothing rather than growing for ever."""
    assert elapsed(running(), at(60)) == 60
    assert elapsed(running(), at(-60)) == 0
    assert elapsed(running(status=Status.FAILED), at(60)) is None
