"""Where a curve stood still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core.series import Series
from trainer_tui.core.stalls import Stall, Stalls

START = 1_770_000_000.0


def test_a_pause_much_longer_than_usual_is_a_stall() -> None:
    """Ten seconds are usual, an hour is not; a minute might be a checkpoint."""
    series, now = Series("loss"), START
    for step in range(50):
        series.add(step, 1.0, now)
        now += 3600 if step == 20 else 55 if step == 30 else 10
    assert Stalls(series).find() == (Stall(20, START + 200, START + 3800),)


def test_a_stall_that_goes_on_is_one_already() -> None:
    """From the last point to now, until the next one comes; a clock that is behind is known by
    when points came. Asked without now, of a job that does not run, it is none."""
    series = Series("loss")
    for step in range(20):
        series.add(step, 1.0, START + step * 10)
    stalls, last = Stalls(series), START + 190
    assert stalls.find(last + 100) == ()
    assert stalls.find(last + 101) == (Stall(19, last, last + 101, open=True),)
    assert stalls.find(last + 500, heard=last + 450) == ()
    assert stalls.find() == ()
    series.add(20, 1.0, last + 500)
    assert stalls.find(last + 510) == (Stall(19, last, last + 500),)


def test_a_job_that_is_known_to_stand_still_has_a_stall_whatever_its_points_say() -> None:
    """Also where they have no times: then since the last one came, if that was seen."""
    series = Series("loss")
    for step in range(3):
        series.add(step, 1.0)
    stalls = Stalls(series)
    assert stalls.find(START, START - 40, sure=True) == (Stall(2, START - 40, START, open=True),)
    assert stalls.find(START, sure=True) == (Stall(2, START, START, open=True),)
    assert stalls.find(START, START - 4000) == ()
    assert Stalls(Series("loss")).find(START, sure=True) == ()


def test_nobody_knows_how_long_a_curve_of_three_points_pauses() -> None:
    """Nor one without times."""
    short, timeless = Series("loss"), Series("loss")
    for step in range(3):
        short.add(step, 1.0, START + step)
    for step in range(30):
        timeless.add(step, 1.0)
    assert Stalls(short).find(START + 9e9) == ()
    assert Stalls(timeless).find(START + 9e9) == ()


def test_slow_steps_are_not_stalls() -> None:
    """A service that tells a point every ten minutes does not stand still between them."""
    series = Series("loss")
    for step in range(50):
        series.add(step, 1.0, START + step * 600)
    assert Stalls(series).find() == ()


def test_without_times_nothing_is_known() -> None:
    """No stall is made up."""
    series = Series("loss")
    for step in range(50):
        series.add(step, 1.0)
    assert Stalls(series).find() == ()


@HALF
@given(st.lists(st.sampled_from((1.0, 10.0, 500.0, 5000.0)), min_size=4, max_size=60), st.data())
def test_growing_finds_what_looking_at_all_finds(pauses: list[float], data: st.DataObject) -> None:
    """Asked at any time in between, a pause that was found stays found, and none is twice."""
    series, now = Series("loss"), START
    stalls = Stalls(series)
    for step, pause in enumerate(pauses):
        series.add(step, 1.0, now)
        now += pause
        if data.draw(st.booleans()):
            stalls.find()
    found = stalls.find()
    assert len({stall.step for stall in found}) == len(found)
    assert all(stall.seconds > 60 for stall in found)


def test_a_resume_that_writes_again_is_looked_at_again() -> None:
    """Points that were replaced take their old stall with them."""
    series = Series("loss")
    for step in range(30):
        series.add(step, 1.0, START + step * 10 + (5000 if step > 20 else 0))
    stalls = Stalls(series)
    assert len(stalls.find()) == 1
    for step in range(21, 30):
        series.add(step, 1.0, START + step * 10)
    assert stalls.find() == ()
