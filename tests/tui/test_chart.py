"""Drawing curves: what must survive whatever the size is, and what the axes say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

from hypothesis import example, given
from hypothesis import strategies as st

from trainer_tui.core.columns import Axis
from trainer_tui.core.messages import MetricsArrived
from trainer_tui.core.points import Way
from trainer_tui.core.series import Series
from trainer_tui.core.stalls import Stalls
from trainer_tui.core.ticks import scale
from trainer_tui.model import EPOCH_PARTS, JobRef, Metric
from trainer_tui.tui.glyphs import ASCII, UNICODE
from trainer_tui.tui.widgets import plot
from trainer_tui.tui.widgets.chart import picture
from trainer_tui.tui.widgets.chart_jobs import JobCurves
from trainer_tui.tui.widgets.chart_look import Curve, Look, Row

START = 1_770_000_000.0
values = st.lists(
    st.one_of(st.floats(), st.just(math.nan), st.just(math.inf), st.just(-math.inf)),
    min_size=1,
    max_size=80,
)


def series(ys: Sequence[float], xs: Sequence[int] | None = None, key: str = "loss") -> Series:
    """A point a step, ten seconds apart."""
    made = Series(key)
    for step, value in zip(xs or range(len(ys)), ys, strict=True):
        made.add(step, value, START + step * 10)
    return made


def curve(
    ys: Sequence[float],
    xs: Sequence[int] | None = None,
    label: str = "loss",
    colour: str = "chart-1",
    best: Way | None = None,
) -> Curve:
    """A curve with its stalls."""
    made = series(ys, xs, label)
    return Curve(label, made, colour, best, Stalls(made).find())


def text(rows: list[Row]) -> list[str]:
    """Without the colours."""
    return ["".join(piece for piece, _ in row) for row in rows]


def of_colour(rows: list[Row], colour: str) -> list[str]:
    """What is drawn in one colour, a text a row."""
    return ["".join(piece for piece, name in row if name == colour) for row in rows]


@given(
    values,
    st.integers(1, 90),
    st.integers(1, 24),
    st.booleans(),
    st.sampled_from((0.0, 0.9)),
    st.booleans(),
    st.sampled_from(Axis),
    st.one_of(st.none(), st.tuples(st.floats(0, 40), st.floats(41, 90))),
)
@example([1e308, -1e308], 40, 12, False, 0.9, False, Axis.STEP, None)
@example([5e-324, 1.7e308], 40, 12, True, 0.0, False, Axis.STEP, None)
def test_any_curve_fits_any_size(
    ys: list[float],
    width: int,
    height: int,
    log: bool,
    weight: float,
    plain: bool,
    axis: Axis,
    window: tuple[float, float] | None,
) -> None:
    """Whatever the values, the picture has exactly the size that was asked for."""
    glyphs = ASCII if plain else UNICODE
    if window is not None and axis is Axis.TIME:
        window = (window[0] + START, window[1] + START)
    look = Look(axis, log, weight, window, cursor=3.3, checkpoints=(2,), zone=UTC)
    both = [curve(ys, best="min"), curve(ys[::-1], label="lr", colour="chart-2")]
    rows = text(picture(both, width, height, look, glyphs))
    assert [len(row) for row in rows] == [width] * height
    if plain:
        assert all(row.isascii() for row in rows)


@given(values, st.integers(1, 60), st.integers(1, 12), st.booleans(), st.booleans())
def test_every_extreme_is_seen(
    ys: list[float], width: int, height: int, plain: bool, log: bool
) -> None:
    """The least and the greatest value of each column have their dot in that column."""
    canvas = plot.Canvas(width, height, plain=plain)
    points = series(ys)
    columns = points.columns(Axis.STEP, 0, max(1, len(ys) - 1), canvas.columns)
    shown = [y for y in ys if math.isfinite(y) and (y > 0 or not log)]
    low, high = (min(shown), max(shown)) if shown else (1.0, 2.0)
    level = scale(low, high, canvas.rows, log=log)
    plot.draw(canvas, columns, level, 0, above=0.0 if log else None)
    for x, (least, most) in enumerate(zip(columns.low, columns.high, strict=True)):
        if most > (0 if log else -math.inf):
            assert lit(canvas, x, level(most)), "the greatest value is not seen"
            assert lit(canvas, x, level(least)), "the least value is not seen"


def lit(canvas: plot.Canvas, x: int, y: int) -> bool:
    """Whether a dot is set, looking at the character of its cell."""
    char = canvas.text(y // canvas.tall)[x // canvas.wide]
    if canvas.plain:
        bits = {" ": 0, "'": 1, "-": 2, ".": 4}.get(char, 7)
        return bool(bits & (1 << y % 3))
    bits = ord(char) - 0x2800 if char != " " else 0
    return bool(bits & plot._BRAILLE[x % 2][y % 4])


def test_a_spike_survives() -> None:
    """One value among a hundred thousand is seen in a chart of forty cells."""
    ys = [1.0] * 100_000
    ys[50_000] = 9.0
    chart = picture([curve(ys)], 40, 12, Look(), UNICODE)
    assert of_colour(chart, "chart-1")[1].strip()


def test_nan_is_marked_and_breaks_the_curve() -> None:
    """NaN puts a cross on the curve and on the axis, and leaves a gap."""
    chart = picture([curve([1.0, 1.0, math.nan, 1.0, 1.0])], 40, 8, Look(), UNICODE)
    assert sum(row.count("×") for row in of_colour(chart, "status-failed")) == 2
    assert "×" in text(chart)[-2]
    assert "× not finite" in text(chart)[0]


def test_infinity_stands_at_the_edge_that_it_left_by() -> None:
    """An arrow at the top says where the curve went."""
    chart = picture([curve([1.0, 2.0, math.inf, 1.0])], 40, 8, Look(), UNICODE)
    assert "↑" in text(chart)[1]
    chart = picture([curve([1.0, 2.0, -math.inf, 1.0])], 40, 8, Look(), UNICODE)
    assert "↓" in text(chart)[-3]


def test_best_value_is_marked_and_told() -> None:
    """The smallest loss has its mark on the curve and its step in the legend."""
    chart = text(picture([curve([3, 1, 0.5, 2], [0, 10, 20, 30], best="min")], 60, 12, Look(),
                         UNICODE))  # fmt: skip
    assert "loss  ◆ 0.5 at step 20" in chart[0]
    assert sum(row.count("◆") for row in chart[1:]) == 1


def test_checkpoints_are_ticks_on_every_axis() -> None:
    """They stand below the step, or below the time of the step."""
    for axis in Axis:
        look = Look(axis, checkpoints=(50, 500), zone=UTC)
        chart = text(picture([curve([1] * 101)], 60, 10, look, UNICODE))
        assert chart[-2].count("▴") == 1, axis


def test_log_scale_says_that_values_are_left_out() -> None:
    """A curve that goes to 0 or below is not all there."""
    note = "0 and below not shown"
    assert note in text(picture([curve([3, 1, -1])], 60, 12, Look(log=True), UNICODE))[0]
    assert note not in text(picture([curve([3, 1, -1])], 60, 12, Look(), UNICODE))[0]
    assert note not in text(picture([curve([3, 1, 0.1])], 60, 12, Look(log=True), UNICODE))[0]


def test_points_of_the_run_before_a_resume_are_told() -> None:
    """As long as there are some that it did not write over."""
    made = series([1.0] * 200)
    for step in range(100, 120):
        made.add(step, 0.5, START + 9000 + step)
    note = "beyond step 119 an earlier run"
    assert note in text(picture([Curve("lr", made)], 90, 12, Look(), UNICODE))[0]
    for step in range(120, 200):
        made.add(step, 0.5, START + 9000 + step)
    assert "earlier run" not in text(picture([Curve("lr", made)], 90, 12, Look(), UNICODE))[0]


def test_a_single_point_is_a_mark() -> None:
    """One dot is hardly seen."""
    alone = of_colour(picture([curve([0.5], label="lr")], 40, 10, Look(), UNICODE)[1:], "chart-1")
    assert "".join(alone).strip() == "●"


def test_readings_tell_points_of_a_near_constant_curve_apart() -> None:
    """As many digits as the axis has."""
    one = curve([-3.0, -2.99999, -3.00001], best="max")
    chart = text(picture([one], 60, 12, Look(), UNICODE))
    assert "-2.99999 at step 1" in chart[0]
    assert "loss -3.00001" in text(picture([one], 60, 12, Look(cursor=2), UNICODE))[0]


def test_log_scale_without_positive_values_says_so() -> None:
    """Nothing to draw on a logarithmic scale is said with the way out."""
    chart = text(picture([curve([-1, -2])], 60, 10, Look(log=True), UNICODE))
    assert "L shows the linear scale" in "".join(chart)


def test_an_axis_of_time_without_times_says_so() -> None:
    """A curve whose times nobody told is not simply gone."""
    made = Series("loss")
    made.add(1, 2.0)
    chart = text(picture([Curve("loss", made)], 60, 10, Look(Axis.TIME), UNICODE))
    assert "X shows the steps" in "".join(chart)


def test_curves_without_a_common_range_are_scaled_apart() -> None:
    """A learning rate beside a loss is not a flat line, and the legend says why."""
    loss = curve([0.5 - n / 50 for n in range(10)])
    lr = curve([1e-4 * (1 + n / 10) for n in range(10)], label="lr", colour="chart-2")
    chart = picture([loss, lr], 80, 14, Look(), UNICODE)
    assert "each on its own scale" in text(chart)[0]
    assert sum(bool(row.strip()) for row in of_colour(chart[1:-2], "chart-2")) > 5


def test_several_scales_are_said_before_the_best_value() -> None:
    """Without the word the values of one curve would be read off the other's axis."""
    loss = replace(curve([0.5 - n / 50 for n in range(10)]), best="min")
    lr = curve([1e-4 * (1 + n / 10) for n in range(10)], label="lr", colour="chart-2")
    assert "◆ 0.32" in text(picture([loss, lr], 80, 14, Look(), UNICODE))[0]
    narrow = text(picture([loss, lr], 50, 14, Look(), UNICODE))[0]
    assert "each on its own scale" in narrow
    assert "◆" not in narrow


def test_cursor_reads_all_curves() -> None:
    """The legend tells the value of every curve, in as many lines as that takes."""
    many = [curve([n, n + 1, n + 2], [0, 100, 200], f"curve-number-{n}") for n in range(5)]
    chart = text(picture(many, 60, 20, Look(cursor=100), UNICODE))
    assert chart[0].startswith(" step 100   ● curve-number-0 1")
    assert all(f"curve-number-{n} {n + 1}" in "\n".join(chart[:3]) for n in range(5))


def test_the_cursor_reads_the_raw_value_beside_the_smoothed_one() -> None:
    """What the trainer said is there too, not its average alone."""
    one = curve([1.0, 1.0, 3.0], [0, 100, 200], "loss")
    chart = text(picture([one], 60, 20, Look(cursor=200, weight=0.5), UNICODE))
    assert "(raw 3)" in chart[0] and "loss 3" not in chart[0]
    assert "raw" not in text(picture([one], 60, 20, Look(cursor=200), UNICODE))[0]


def test_beyond_the_end_of_a_curve_nothing_is_read() -> None:
    """A shorter run has no value where it did not come to."""
    short, long = curve([1, 2], [0, 10], "short"), curve([1, 2], [0, 100], "long")
    chart = text(picture([short, long], 60, 12, Look(cursor=60), UNICODE))
    assert "short —" in chart[0]
    assert "long 2" in chart[0]


def test_the_raw_values_are_faint_behind_the_smoothed_ones() -> None:
    """Both are seen, and the strong colour has the cells that they share."""
    ys = [1.5] * 100 + [1 + n % 2 for n in range(500)]
    chart = picture([curve(ys)], 60, 14, Look(weight=0.95), UNICODE)
    strong, faint = of_colour(chart[1:-2], "chart-1"), of_colour(chart[1:-2], "~chart-1")
    assert sum(map(len, faint)) > sum(map(len, strong)) > 20
    assert sum(bool(row.strip()) for row in strong) <= 4, "the average lies in the middle"
    assert "smoothed 0.95" in text(chart)[0]


def test_a_stall_is_marked_on_the_axis() -> None:
    """An hour without a step is told, and on an axis of time the line across it is dotted."""
    made = Series("loss")
    for step in range(100):
        made.add(step, 1.0, START + step * 10 + (3600 if step > 60 else 0))
    one = Curve("loss", made, stalls=Stalls(made).find())
    chart = text(picture([one], 80, 10, Look(), UNICODE))
    assert chart[-2].count("‖") == 1
    assert "‖ 1h10s without a step" in chart[0]
    timed = picture([one], 80, 10, Look(Axis.RELATIVE), UNICODE)
    assert text(timed)[-2].count("╌") > 40
    drawn = "".join(of_colour(timed, "chart-1"))
    assert "⠤" not in drawn[12:60] or "⠂" in drawn


def test_words_say_what_the_points_count() -> None:
    """Axis, cursor, best value, stalls: epochs are not called steps, and parts of them are told
    as epochs."""
    made = Series("loss")
    made.unit = "epoch"
    for epoch in range(40):
        made.add(epoch, 40.0 - epoch, START + epoch * 10 + (3600 if epoch > 20 else 0))
    one = Curve("loss", made, best="min", stalls=Stalls(made).find())
    chart = text(picture([one], 90, 12, Look(), UNICODE))
    assert "at epoch 39" in chart[0] and "1h10s without an epoch" in chart[0]
    assert chart[-1].rstrip().endswith("epoch")
    assert "epoch 7" in text(picture([one], 90, 12, Look(cursor=7), UNICODE))[0]
    made.unit = EPOCH_PARTS
    chart = text(picture([one], 90, 12, Look(cursor=7), UNICODE))
    assert (
        "epoch 0.007" in chart[0] and "0.010" in chart[-1] and chart[-1].rstrip().endswith("epoch")
    )


def test_steps_and_epochs_on_one_axis_are_told_apart() -> None:
    """The axis has both names, however narrow it is, and a word says how to compare by time."""
    one, other = series([3, 2, 1]), series([5, 4, 3])
    other.unit = "epoch"
    both = [Curve("a", one), Curve("b", other)]
    chart = text(picture(both, 100, 12, Look(), UNICODE))
    assert "steps beside epochs: X shows time" in chart[0]
    assert chart[-1].rstrip().endswith("step / epoch")
    assert "beside" not in text(picture(both, 100, 12, Look(Axis.RELATIVE), UNICODE))[0]
    small = text(picture(both, 34, 8, Look(), UNICODE, heading=False))
    assert small[-1].rstrip().endswith("step / epoch")


def test_looking_near_shows_what_is_between_two_points() -> None:
    """Where no point is inside the window, the line between its neighbours is."""
    chart = picture([curve([0, 100], [0, 1000])], 60, 10, Look(window=(400, 410)), UNICODE)
    assert any(row.strip() for row in of_colour(chart[1:-2], "chart-1"))
    assert "zoomed in" in text(chart)[0]


def test_a_column_of_noise_costs_no_more_than_its_cells() -> None:
    """A bar sets all its dots, from the middle of a cell to the middle of another."""
    canvas = plot.Canvas(2, 3)
    canvas.bar(1, 2, 9, 0)
    assert [canvas.text(y) for y in range(3)] == ["⢠ ", "⢸ ", "⠘ "]


def test_an_axis_of_time_says_how_many_points_have_none() -> None:
    """They are not on it; where none has, there is nothing to draw, and the key that leads back."""
    made = Series("loss")
    for step in range(2000):
        made.add(step, 1 / (step + 1), START + step if step >= 1500 else None)
    curves, look = [Curve("loss", made)], Look(axis=Axis.TIME, zone=UTC)
    assert "1,500 points without a time" in text(picture(curves, 80, 20, look, UNICODE))[0]
    assert "without a time" not in text(picture(curves, 80, 20, Look(), UNICODE))[0]
    unknown = Series("loss")
    unknown.add(1, 0.5)
    rows = text(picture([Curve("loss", unknown)], 60, 10, look, UNICODE))
    assert any("no times are known: X shows the steps" in row for row in rows)


def test_curves_told_anew_in_pieces_never_become_shorter_meanwhile() -> None:
    """What is shown stays until the new ones are as long or all there; the last are the new ones,
    also where they have less."""
    ref = JobRef("local", "1")
    held = JobCurves(ref, "one")

    def told(steps: range, value: float, *, reset: bool = False, more: bool = False) -> bool:
        points = tuple(Metric("loss", step, value) for step in steps)
        return held.take(MetricsArrived(ref, points, reset, more), START)

    assert told(range(3), 1.0, reset=True, more=True) and told(range(3, 5), 1.0)
    assert not told(range(3), 2.0, reset=True, more=True)
    assert held.held.points == 5 and held.held["loss"].last == (4, 1.0)
    assert told(range(3, 6), 2.0, more=True) and held.held["loss"].last == (5, 2.0)
    assert told(range(6, 7), 2.0) and held.held.points == 7
    assert not told(range(2), 3.0, reset=True, more=True) and told(range(0), 3.0)
    assert held.held.points == 2 and held.held["loss"].last == (1, 3.0)
