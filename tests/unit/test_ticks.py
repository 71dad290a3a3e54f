"""Round numbers for axes, and numbers in few characters."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core import ticks

finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (0.31234, "0.3123"), (12, "12"), (1234, "1.23k"), (999.96, "1k"),
        (1_500_000, "1.5M"), (0.0001, "1e-4"), (0.00031, "3.1e-4"), (-2.5, "-2.5"),
        (math.nan, "nan"), (-math.inf, "-inf"), (2e20, "2e20"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: float, shown: str) -> None:
    """SI letters above a thousand; below a thousandth powers of ten, as configs have them."""
    assert ticks.number(value) == shown


@given(finite)
def test_no_number_is_long(value: float) -> None:
    """Whatever the value, it takes at most eleven cells."""
    assert 0 < len(ticks.number(value)) <= 11


@pytest.mark.parametrize(
    ("low", "high", "count", "found"),
    [
        (0, 2000, 5, ["0", "500", "1k", "1.5k", "2k"]),
        (0.28, 0.55, 5, ["0.30", "0.35", "0.40", "0.45", "0.50", "0.55"]),
        (0, 1, 2, ["0.0", "0.5", "1.0"]),
        (0, 1e-4, 4, ["0", "20µ", "40µ", "60µ", "80µ", "100µ"]),
        (1.0e-6, 2.0e-6, 2, ["1.0µ", "1.5µ", "2.0µ"]),
        (0, 3e-9, 3, ["0", "1n", "2n", "3n"]),
        (2e6, 3e6, 2, ["2M", "2.5M", "3M"]),
        (100_000, 100_004, 4, ["100k", "100.001k", "100.002k", "100.003k", "100.004k"]),
    ],
)
def test_ticks_are_round(low: float, high: float, count: int, found: list[str]) -> None:
    """Ticks lie at 1, 2 or 5 times a power of ten, in SI units, each told from the next."""
    assert ticks.labels(ticks.ticks(low, high, count)) == found


@HALF
@given(finite, finite, st.integers(1, 12))
def test_ticks_lie_inside(one: float, other: float, count: int) -> None:
    """Every tick is inside its axis, whatever the axis."""
    low, high = min(one, other), max(one, other)
    assume(high > low)
    room = (high - low) * 1e-6 + max(abs(low), abs(high)) * 1e-12
    for value in ticks.ticks(low, high, count):
        assert low - room <= value <= high + room
    ticks.labels(ticks.ticks(low, high, count))


def test_ascii_has_no_micro_sign() -> None:
    """Where the terminal has no µ, it is a u."""
    assert ticks.labels([1e-4, 2e-4], micro="u") == ["100u", "200u"]


def test_log_ticks() -> None:
    """Powers of ten, with 2 and 5 between where there is room."""
    assert ticks.log_ticks(1e-5, 1e-3, 3) == pytest.approx([1e-5, 1e-4, 1e-3])
    assert ticks.log_ticks(1, 10, 5) == pytest.approx([1, 2, 5, 10])


@given(st.floats(5e-324, 1.7e308), st.floats(5e-324, 1.7e308), st.integers(1, 9))
def test_log_ticks_of_any_range(one: float, other: float, count: int) -> None:
    """There are never many more than were asked for, and all are above 0."""
    found = ticks.log_ticks(min(one, other), max(one, other), count)
    assert all(value > 0 for value in found)
    assert len(found) <= max(count * 3, 3)


def test_durations_and_their_ticks() -> None:
    """Time axes have round times."""
    assert ticks.time_ticks(0, 4000, 4) == [0, 900, 1800, 2700, 3600]
    assert [ticks.duration(s) for s in (0, 45, 600, 5400, 187_200, -90, 0.25)] == [
        "0s", "45s", "10m", "1h30m", "2d4h", "-1m30s", "0.25s",
    ]  # fmt: skip


def test_clock_ticks_are_round_in_the_readers_own_zone() -> None:
    """Half past six is half past six where the reader is; midnight shows the date."""
    zone = timezone(timedelta(hours=5, minutes=30))
    start = datetime(2026, 3, 1, 22, 10, tzinfo=zone).timestamp()
    found = ticks.clock_ticks(start, start + 4 * 3600, 4, zone)
    assert ticks.clock_labels(found, zone) == ["23:00", "02 Mar", "01:00", "02:00"]
    days = ticks.clock_ticks(start, start + 6 * 86400, 6, UTC)
    assert ticks.clock_labels(days, UTC)[0] == "02 Mar"


def test_a_moment_has_its_date_where_that_is_another() -> None:
    """Beside a moment of the same day the hour is enough."""
    start = datetime(2026, 3, 1, 22, 10, 5, tzinfo=UTC).timestamp()
    assert ticks.moment(start, UTC) == "01 Mar 22:10:05"
    assert ticks.moment(start, UTC, near=start + 60) == "22:10:05"


@given(finite, finite, finite, st.booleans(), st.integers(2, 200))
def test_every_value_has_a_row(a: float, b: float, value: float, log: bool, rows: int) -> None:
    """What lies outside an axis is put on its edge."""
    low, high = min(a, b), max(a, b)
    if log:
        low, high = abs(low) or 1.0, abs(high) or 1.0
        low, high = min(low, high), max(low, high)
    assert 0 <= ticks.scale(low, high, rows, log=log)(value) < rows
