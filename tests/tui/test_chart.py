"""Drawing curves: what must survive whatever the size is, and what the axes say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_tui.model import Metric
from trainer_tui.tui.glyphs import ASCII, UNICODE
from trainer_tui.tui.widgets import plot
from trainer_tui.tui.widgets.chart import Options, Series, best_index, nearest, picture, sparkline
from trainer_tui.tui.widgets.curves import Curve, Curves, better

values = st.lists(
    st.one_of(st.floats(width=32), st.just(math.nan), st.just(math.inf)), min_size=1, max_size=80
)


def text(rows: list[list[tuple[str, str]]]) -> list[str]:
    return ["".join(piece for piece, _ in row) for row in rows]


@given(values, st.integers(1, 90), st.integers(1, 24), st.booleans(), st.booleans(), st.booleans())
def test_any_curve_fits_any_size(
    ys: list[float], width: int, height: int, log: bool, smooth: bool, plain: bool
) -> None:
    """Whatever the values, the picture has exactly the size that was asked for."""
    xs = [float(n) for n in range(len(ys))]
    glyphs = ASCII if plain else UNICODE
    options = Options(log=log, smooth=smooth, ticks=(2.0,), cursor=0.3)
    rows = text(picture([Series("loss", xs, ys, best="min")], width, height, options, glyphs))
    assert [len(row) for row in rows] == [width] * height
    if plain:
        assert all(row.isascii() for row in rows)


@given(values, st.integers(0, 40), st.booleans())
def test_any_sparkline_fits(ys: list[float], width: int, plain: bool) -> None:
    """A sparkline takes exactly its width."""
    assert len(sparkline(ys, width, plain=plain)) == width


def test_a_spike_survives() -> None:
    """One value among ten thousand is seen in a chart of forty cells."""
    ys = [1.0] * 10_000
    ys[5_000] = 9.0
    chart = text(picture([Series("x", range(10_000), ys)], 40, 12, Options(), UNICODE))
    assert any(char not in " ·⠀" for char in chart[1][6:])


def test_nan_is_marked_and_breaks_the_curve() -> None:
    """NaN puts a cross on the axis and leaves a gap in the curve."""
    ys = [1.0, 1.0, math.nan, 1.0, 1.0]
    chart = text(picture([Series("x", range(5), ys)], 40, 8, Options(), UNICODE))
    assert "×" in chart[-2]
    columns, bad, broken = plot.reduce(range(5), ys, lambda x: int(x), 5)
    assert (sorted(columns), bad, broken) == ([0, 1, 3, 4], {2}, {3})


def test_best_value_is_marked_and_told() -> None:
    """The smallest loss has its mark on the curve and its step in the legend."""
    series = Series("loss", [0, 10, 20, 30], [3.0, 1.0, 0.5, 2.0], best="min")
    chart = text(picture([series], 60, 12, Options(), UNICODE))
    assert "loss  ◆ 0.5 at step 20" in chart[0]
    assert sum(row.count("◆") for row in chart[1:]) == 1


def test_checkpoints_are_ticks() -> None:
    """Steps of checkpoints stand on the axis."""
    chart = picture([Series("x", [0, 100], [1, 2])], 60, 10, Options(ticks=(50.0, 500.0)), UNICODE)
    assert text(chart)[-2].count("▴") == 1


def test_log_scale_without_positive_values_says_so() -> None:
    """Nothing to draw on a logarithmic scale is said with the way out."""
    chart = text(picture([Series("x", [0, 1], [-1, -2])], 60, 10, Options(log=True), UNICODE))
    assert "L shows the linear scale" in "".join(chart)


def test_curves_without_a_common_range_are_scaled_apart() -> None:
    """A learning rate beside a loss is not a flat line, and the legend says why."""
    loss = Series("loss", range(10), [0.5 - n / 50 for n in range(10)])
    lr = Series("lr", range(10), [1e-4 * (1 - n / 10) for n in range(10)], "chart-2")
    chart = picture([loss, lr], 80, 14, Options(), UNICODE)
    assert "each on its own scale" in text(chart)[0]
    rows_with_lr = [row for row in chart[1:-2] if any(colour == "chart-2" for _, colour in row)]
    assert len(rows_with_lr) > 5


def test_cursor_reads_values() -> None:
    """With the cursor, the legend tells the values where it stands."""
    series = Series("loss", [0, 100, 200], [3.0, 1.5, 0.5])
    chart = text(picture([series], 60, 10, Options(cursor=0.5), UNICODE))
    assert chart[0].startswith(" step 100   ● loss 1.5")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (0.31234, "0.3123"), (12, "12"), (1234, "1.23k"), (999.96, "1k"),
        (1_500_000, "1.5M"), (0.0001, "1e-4"), (0.00031, "3.1e-4"), (-2.5, "-2.5"),
        (math.nan, "nan"), (-math.inf, "-inf"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: float, shown: str) -> None:
    """SI letters above a thousand, powers of ten below a thousandth."""
    assert plot.number(value) == shown


@pytest.mark.parametrize(
    ("low", "high", "count", "found"),
    [
        (0, 2000, 5, ["0", "500", "1k", "1.5k", "2k"]),
        (0.28, 0.55, 5, ["0.30", "0.35", "0.40", "0.45", "0.50", "0.55"]),
        (0, 1, 2, ["0.0", "0.5", "1.0"]),
    ],
)
def test_ticks_are_round(low: float, high: float, count: int, found: list[str]) -> None:
    """Ticks lie at 1, 2 or 5 times a power of ten, with as many decimals each."""
    assert plot.labels(plot.ticks(low, high, count)) == found


def test_log_ticks() -> None:
    """Powers of ten, with 2 and 5 between where there is room."""
    assert plot.log_ticks(1e-5, 1e-3, 3) == pytest.approx([1e-5, 1e-4, 1e-3])
    assert plot.log_ticks(1, 10, 5) == pytest.approx([1, 2, 5, 10])


def test_durations_and_their_ticks() -> None:
    """Time axes have round times."""
    assert plot.time_ticks(0, 4000, 4) == [0, 1800, 3600]
    assert [plot.duration(s) for s in (0, 45, 600, 5400, 187_200)] == [
        "0s", "45s", "10m", "1h30m", "2d4h",
    ]  # fmt: skip


def test_smoothing_keeps_nan_and_start() -> None:
    """The average begins at the first value, not at 0, and steps over NaN."""
    smoothed = plot.smooth([2.0, math.nan, 2.0, 2.0])
    assert smoothed[0] == pytest.approx(2.0)
    assert math.isnan(smoothed[1])
    assert smoothed[3] == pytest.approx(2.0)


def test_sparkline_draws_the_course() -> None:
    """It falls where the values fall; ASCII has three levels."""
    assert sparkline([3, 2, 1], 3, plain=True) == "'-."
    assert sparkline([1.0, 1.0], 4) == "⠒⠒⠒⠒"
    assert sparkline([], 4) == "    "


def test_best_and_nearest() -> None:
    """The first of equals is the best; NaN never is."""
    assert best_index([2.0, 1.0, 1.0, math.nan], "min") == 1
    assert best_index([2.0, 3.0, 3.0], "max") == 1
    assert best_index([math.nan], "min") is None
    assert [nearest([0, 10, 20], x) for x in (-5, 4, 6, 100)] == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("key", "way"),
    [("loss", "min"), ("val/mAP50", "max"), ("accuracy", "max"), ("lr", None), ("rmse", "min")],
)
def test_which_way_is_better(key: str, way: str | None) -> None:
    """Known from the usual names; nothing is claimed of others."""
    assert better(key) == way


def test_points_again_after_a_resume() -> None:
    """A resumed job writes steps again: each step has one point, the newest, in order."""
    curve = Curve("loss")
    for step, value in [(1, 5.0), (2, 4.0), (3, 3.0), (2, 4.5), (1, 5.5), (4, 2.0), (0, 6.0)]:
        curve.add(Metric("loss", step, value))
    assert curve.steps == [0, 1, 2, 3, 4]
    assert curve.values == [6.0, 5.5, 4.5, 3.0, 2.0]


def test_the_loss_comes_first() -> None:
    """Keys are in the order in which one looks at them."""
    curves = Curves()
    curves.add([Metric(key, 1, 1.0) for key in ("lr", "accuracy", "val_loss", "loss")])
    assert curves.keys() == ["loss", "val_loss", "accuracy", "lr"]
