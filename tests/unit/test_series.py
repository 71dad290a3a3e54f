"""The points of a metric: any number, in any order, as columns of dots."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core.columns import Axis, Columns
from trainer_tui.core.points import Points, better, by_time
from trainer_tui.core.pyramid import ABOVE, BELOW, BLOCK, NAN
from trainer_tui.core.series import Series
from trainer_tui.core.seriesset import SeriesSet
from trainer_tui.model import Metric

Point = tuple[int, float, float | None]

_values = st.one_of(
    st.floats(width=32),
    st.integers(-3, 3).map(float),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 1e6]),
)
_times = st.one_of(st.none(), st.integers(0, 4000).map(lambda quarter: 1e9 + quarter / 4))
_points = st.lists(st.tuples(st.integers(-40, 400), _values, _times), max_size=400)


@st.composite
def _runs(draw: st.DrawFn) -> list[Point]:
    """Long rising runs, with odd values thrown in and a resume that repeats steps."""
    length = draw(st.integers(0, 3 * BLOCK * 4))
    flat = draw(st.sampled_from([0.0, 1.0]))
    points: list[Point] = [(i, math.sin(i) + flat, 1e9 + i) for i in range(length)]
    for at, value in draw(
        st.lists(st.tuples(st.integers(0, max(0, length - 1)), _values), max_size=6)
    ):
        if length:
            points[at] = (at, value, points[at][2])
    if length:
        holes = draw(st.tuples(st.integers(0, length - 1), st.integers(0, 300)))
        points[holes[0] : sum(holes)] = [
            (step, math.nan, time) for step, _, time in points[holes[0] : sum(holes)]
        ]
        back = draw(st.integers(0, length))
        points += [(i, -1.0, 1e9 + length + i) for i in range(back, min(length, back + 90))]
    return points


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)


def _plain(points: list[Point], axis: Axis) -> list[tuple[float, int, float, float | None]]:
    """The points along an axis: place, step, value, time; each step once, the later one."""
    by_step = {step: (value, time) for step, value, time in points}
    if axis is Axis.STEP:
        return [(step, step, *by_step[step]) for step in sorted(by_step)]
    timed = [(time, step, value, time) for step, (value, time) in sorted(by_step.items()) if time]
    start = min((time for _, _, time in points if time), default=0.0)
    shift = start if axis is Axis.RELATIVE else 0.0
    return [(place - shift, *rest) for place, *rest in sorted(timed, key=lambda point: point[0])]


def _plain_columns(points: list[Point], axis: Axis, left: float, right: float, n: int) -> Columns:
    """The columns, one point after the other."""
    found = Columns(
        left,
        right,
        *([math.nan] * n for _ in range(4)),
        odd=[0] * n,
        joined=[False] * n,
    )
    along = _plain(points, axis)
    edges = [min(left + (right - left) * i / n, right) for i in range(n)]  # rising
    line: int | None = None
    inside = [i for i, (x, *_) in enumerate(along) if left <= x <= right]
    below = sum(x < left for x, *_ in along)
    if below and math.isfinite(along[below - 1][2]):
        line = below - 1
    for i in inside:
        x, _, value, _ = along[i]
        column = bisect_right(edges, x) - 1
        if not math.isfinite(value):
            found.odd[column] |= NAN if value != value else ABOVE if value > 0 else BELOW
            continue
        if found.first[column] != found.first[column]:
            found.first[column] = found.low[column] = found.high[column] = value
            found.joined[column] = line == i - 1 and i > 0
        found.low[column] = min(found.low[column], value)
        found.high[column] = max(found.high[column], value)
        found.last[column] = value
        line = i
    return found


def _check(series: Series, points: list[Point], axis: Axis, left: float, right: float) -> None:
    """Compare with the plain computation, for several widths."""
    along = _plain(points, axis)
    for count in (1, 7, 60):
        got = series.columns(axis, left, right, count)
        want = _plain_columns(points, axis, left, right, count)
        for name in ("low", "high", "first", "last"):
            pairs = zip(getattr(got, name), getattr(want, name), strict=True)
            assert all(_same(*pair) for pair in pairs), name
        assert got.odd == want.odd
        assert got.joined == want.joined
    below = [i for i, (x, *_) in enumerate(along) if x < left]
    beyond = [i for i, (x, *_) in enumerate(along) if x > right]
    finite = [math.isfinite(value) for _, _, value, _ in along]
    begin, end = len(below), len(along) - len(beyond)
    into = bool(below) and begin < len(along) and finite[begin - 1] and finite[begin]
    out = bool(beyond) and end > 0 and finite[end - 1] and finite[end]
    assert got.before == ((along[begin - 1][0], along[begin - 1][2]) if into else None)
    assert got.after == ((along[end][0], along[end][2]) if out else None)


def _made(points: list[Point]) -> Series:
    series = Series("loss")
    for point in points:
        series.add(*point)
    return series


@HALF
@given(_points, st.integers(-50, 410), st.integers(0, 300), st.integers(0, 3))
def test_columns_are_what_a_look_at_each_point_gives(
    points: list[Point], left: int, width: int, quarter: int
) -> None:
    """Steps in any order and repeated, values of every kind, any window."""
    _check(_made(points), points, Axis.STEP, left + quarter / 4, left + quarter / 4 + width)


@HALF
@given(_points, st.integers(-50, 1010), st.integers(0, 1000), st.sampled_from(Axis))
def test_columns_by_time_are_what_a_look_at_each_point_gives(
    points: list[Point], left: int, width: int, axis: Axis
) -> None:
    """Unknown times are left out; times that fall along the steps are put in order."""
    shift = 1e9 if axis is Axis.TIME else 0
    _check(_made(points), points, axis, left + shift, left + width + shift)


@HALF
@given(_runs(), st.floats(0, 1), st.floats(0, 1), st.sampled_from(Axis))
def test_long_runs_hold_too(points: list[Point], one: float, other: float, axis: Axis) -> None:
    """Windows over many blocks, holes of NaN over whole blocks, and a resume."""
    series = _made(points)
    extent = series.extent(axis) or (0.0, 1.0)
    width = extent[1] - extent[0]
    left, right = sorted((one * width // 1, other * width // 1))
    _check(series, points, axis, extent[0] + left, extent[0] + right)


@HALF
@given(st.lists(_runs(), min_size=2, max_size=4), st.sampled_from(Axis))
def test_what_comes_between_two_looks_is_taken_in(runs: list[list[Point]], axis: Axis) -> None:
    """A series that was drawn and then grew, or changed, is drawn as one that had it all."""
    series = Series("loss")
    points: list[Point] = []
    for shift, run in enumerate(runs):
        for step, value, time in run:
            point = (step + shift * 300, value, time)
            points.append(point)
            series.add(*point)
        left, right = series.extent(axis) or (0.0, 1.0)
        _check(series, points, axis, left, right)


@HALF
@given(_points)
def test_arrays_last_and_best(points: list[Point]) -> None:
    """The arrays are by step; the best is the first of the finite ones that has that value."""
    series = _made(points)
    along = _plain(points, Axis.STEP)
    assert list(series.steps) == [step for _, step, _, _ in along]
    assert all(_same(*pair) for pair in zip(series.values, (p[2] for p in along), strict=True))
    known = [math.nan if p[3] is None else p[3] for p in along]
    assert all(_same(*pair) for pair in zip(series.times, known, strict=True))
    finite = [(value, step) for _, step, value, _ in along if math.isfinite(value)]
    low = min(finite, default=None)
    high = min(((-value, step) for value, step in finite), default=None)
    assert series.best("min") == (low and (low[1], low[0]))
    assert series.best("max") == (high and (high[1], -high[0]))
    last = series.last
    assert (last is None) == (not along)
    if last is not None:
        assert any(step == last[0] and _same(value, last[1]) for _, step, value, _ in along)


@pytest.mark.parametrize("at_once", [False, True])
def test_the_newest_point_is_the_last_also_after_a_resume(at_once: bool) -> None:
    """By its time, whether points come one by one or in the order of their steps."""
    series = Series("loss")
    first = [(step, 1.0, 100.0 + step) for step in range(1000)]
    again = [(step, 0.5, 5000.0 + step) for step in range(800, 850)]
    if at_once:
        kept = [*first[:800], *again, *first[850:]]
        steps, values, times = zip(*kept, strict=True)
        series.extend(Points("loss", steps, values, times))
    else:
        for point in (*first, *again):
            series.add(*point)
    assert series.last == (849, 0.5)
    for step in range(850, 1000):
        series.add(step, 0.25, 5000.0 + step)
    assert series.last == (999, 0.25)
    series.add(1000, 0.125)
    assert series.last == (1000, 0.125), "without a time, but farther"
    made = [
        Metric("loss", step, 1.0, datetime.fromtimestamp(at, UTC))
        for step, at in ((1, 0), (2, 9), (3, 5))
    ]
    assert [point.step for point in by_time(made)] == [1, 3, 2]
    unknown = [*made, Metric("loss", 4, 1.0)]
    assert by_time(unknown) is unknown
    timeless = Series("loss")
    for step in (1, 2, 3, 1):
        timeless.add(step, step / 2)
    assert timeless.last == (1, 0.5)


@HALF
@given(_runs())
def test_the_best_of_many_is_the_first_of_the_best(points: list[Point]) -> None:
    """Also where the best stands in a block that no level above covers yet."""
    series = _made(points)
    along = _plain(points, Axis.STEP)
    finite = [(value, step) for _, step, value, _ in along if math.isfinite(value)]
    high = min(((-value, step) for value, step in finite), default=None)
    low = min(finite, default=None)
    assert series.best("min") == (low and (low[1], low[0]))
    assert series.best("max") == (high and (high[1], -high[0]))


@HALF
@given(_points, st.integers(-60, 420), st.sampled_from(Axis))
def test_the_point_at_a_place_is_the_nearest(points: list[Point], x: int, axis: Axis) -> None:
    """A cursor reads the nearest point, on every axis."""
    place = x + (1e9 if axis is Axis.TIME else 0) + 0.1
    along = _plain(points, axis)
    got = _made(points).at(axis, place)
    if not along:
        assert got is None
        return
    assert got is not None
    nearest = min(abs(where - place) for where, *_ in along)
    near = [
        (step, value, time) for where, step, value, time in along if abs(where - place) == nearest
    ]
    assert any(
        got[0] == step and _same(got[1], value) and got[2] == time for step, value, time in near
    )


def _plain_average(points: list[Point], weight: float) -> list[float]:
    mean, missing, out = 0.0, 1.0, []
    for _, _, value, _ in _plain(points, Axis.STEP):
        if not math.isfinite(value):
            out.append(value)
            continue
        mean = mean * weight + value * (1 - weight)
        missing *= weight
        out.append(mean / (1 - missing))
    return out


@HALF
@given(st.lists(_runs(), min_size=1, max_size=3), st.sampled_from([0.5, 0.9]))
def test_the_moving_average_grows_with_its_series(runs: list[list[Point]], weight: float) -> None:
    """Appended to, replaced, inserted into: the average is as if computed at once."""
    series = Series("loss")
    points: list[Point] = []
    for shift, run in enumerate(runs):
        moved = [(step + shift * 200, value, time) for step, value, time in run]
        points += moved
        for point in moved:
            series.add(*point)
        got = series.smoothed(weight)
        assert list(got.steps) == list(series.steps)
        pairs = zip(got.values, _plain_average(points, weight), strict=True)
        assert all(_same(*pair) for pair in pairs)


def test_an_average_of_many_points_goes_on_where_it_was() -> None:
    """Over the states that it keeps, also after a point far back is replaced."""
    points: list[Point] = [(i, float(i % 17), None) for i in range(9000)]
    series = _made(points)
    series.smoothed(0.9)
    points.append((4500, 100.0, None))
    points.append((9000, 1.0, None))
    for point in points[-2:]:
        series.add(*point)
    assert list(series.smoothed(0.9).values) == _plain_average(points, 0.9)
    for step in (8000, 4095, 10, 4096):
        points.append((step, -1.0, None))
        series.add(*points[-1])
        assert list(series.smoothed(0.9).values) == _plain_average(points, 0.9)


def test_no_smoothing_is_the_series_itself() -> None:
    """A weight of nothing."""
    series = _made([(1, 2.0, None)])
    assert series.smoothed(0.0) is series


@HALF
@given(st.lists(_runs(), min_size=1, max_size=3), st.booleans())
def test_many_points_at_once_are_as_one_by_one(runs: list[list[Point]], shift: bool) -> None:
    """Arrays that follow on, overlap, or are out of order."""
    quick, plain = Series("loss"), Series("loss")
    for number, run in enumerate(runs):
        moved = [(step + shift * number * 800, value, time) for step, value, time in run]
        quick.extend(
            Points(
                "loss",
                array("q", [step for step, _, _ in moved]),
                array("d", [value for _, value, _ in moved]),
                array("d", [math.nan if time is None else time for _, _, time in moved]),
            )
        )
        for point in moved:
            plain.add(*point)
    assert quick.steps == plain.steps
    assert all(_same(*pair) for pair in zip(quick.values, plain.values, strict=True))
    assert all(_same(*pair) for pair in zip(quick.times, plain.times, strict=True))
    assert quick.start == plain.start
    for axis in Axis:
        assert quick.extent(axis) == plain.extent(axis)


def test_a_version_tells_of_every_change() -> None:
    """Whoever draws can see whether there is something new."""
    series = Series("loss")
    seen = [series.version]
    for point in ((1, 1.0), (2, 1.0), (2, 3.0), (0, 1.0)):
        series.add(*point)
        seen.append(series.version)
    assert seen == sorted(set(seen))


def test_a_step_beyond_64_bits_is_not_taken() -> None:
    """No service counts that far; it would fit into no column."""
    series = _made([(1, 1.0, None), (1 << 70, 2.0, None), (-(1 << 70), 2.0, None)])
    assert list(series.steps) == [1]


def test_a_time_that_is_none_is_unknown() -> None:
    """Infinite seconds cannot be drawn."""
    series = _made([(1, 1.0, math.inf), (2, 2.0, None)])
    assert series.extent(Axis.TIME) is None
    assert series.extent(Axis.RELATIVE) is None
    assert series.start is None


@pytest.mark.parametrize(("left", "right"), [(2.0, 1.0), (math.nan, 1.0), (0.0, math.inf)])
def test_a_window_that_is_none_is_refused(left: float, right: float) -> None:
    """What nobody can mean."""
    with pytest.raises(ValueError, match="no such stretch"):
        Series("loss").columns(Axis.STEP, left, right, 10)


def test_a_spike_among_a_million_survives() -> None:
    """One point out of a million is still the top of its column, one NaN still a mark."""
    series = Series("loss")
    count = 1_000_000
    values = array("d", bytes(8 * count))
    values[123_456], values[777_777] = 50.0, math.nan
    series.extend(Points("loss", range(count), values, array("d", [math.nan]) * count))
    columns = series.columns(Axis.STEP, 0, count - 1, 200)
    assert [i for i, high in enumerate(columns.high) if high == 50.0] == [24]
    assert [i for i, odd in enumerate(columns.odd) if odd == NAN] == [155]
    assert series.best("max") == (123_456, 50.0)
    assert columns.bounds == (0.0, 50.0)


def test_the_points_of_a_job_are_gathered_by_key() -> None:
    """The loss comes first; times count from the job's first point, whatever its key."""
    held = SeriesSet()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    later = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert not held.add([])
    assert held.add(
        [
            Metric("lr", 1, 1e-4, at),
            Metric("val_loss", 1, 0.5, later),
            Metric("accuracy", 1, 0.5, later),
            Metric("loss", 1, 0.5, later),
        ]
    )
    assert held.keys() == ["loss", "val_loss", "accuracy", "lr"]
    assert held["loss"].extent(Axis.RELATIVE) == (60.0, 60.0)
    assert better("loss") == "min"
    assert better("accuracy") == "max"
    assert better("lr") is None
    assert "lr" in held
    assert len(held) == 4


def test_points_that_are_all_there_are_replace_those_before() -> None:
    """The service began anew."""
    held = SeriesSet()
    held.add([Metric("loss", 1, 0.5), Metric("lr", 1, 0.5)])
    version = held.version
    assert held.add([Metric("loss", 9, 0.5)], reset=True)
    assert held.keys() == ["loss"]
    assert list(held["loss"].steps) == [9]
    assert held.version > version
