"""When a line was written: read from it, found in a log, typed by a person, told in a gutter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from tests.unit.loglines import ListLines
from trainer_tui.core.logfile.moments import since_epoch, time_of
from trainer_tui.core.logfile.stamps import WIDTHS, Stamp, parse_when, stamp
from trainer_tui.core.logfile.times import LineTimes, find_time

NEAR = datetime(2026, 11, 20, 18, tzinfo=UTC)
DAY = datetime(2026, 11, 20, tzinfo=UTC)
MOMENT = DAY.replace(hour=14, minute=3, second=5)


def said(text: str, near: datetime | None = NEAR) -> datetime | None:
    """What a line says, in a place where the clocks show UTC."""
    return time_of(text, near, zone=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20 14:03:05 INFO step 1",
        "2026-11-20T14:03:05Z step 1",
        "2026-11-20T15:03:05+01:00 step 1",
        "2026-11-20 09:03:05 -0500 step 1",
        "20261120T140305Z step 1",
        "2026/11/20 14:03:05 [error] 12#12: open() failed",
        "[2026-11-20 14:03:05] step 1",
        "[rank0]: 2026-11-20 14:03:05 step 1",
        "[INFO|trainer.py:12] 2026-11-20 14:03:05 >> step 1",
        '10.0.0.1 - bob [20/Nov/2026:14:03:05 +0000] "GET / HTTP/1.1" 200',
        "[Fri Nov 20 14:03:05 2026] [core:error] x",
        "Fri Nov 20 14:03:05 UTC 2026",
        "Fri, 20 Nov 2026 14:03:05 GMT",
        "Nov 20 14:03:05 host sshd[1]: x",
        "<34>1 2026-11-20T14:03:05Z host app - x",
        "I1120 14:03:05 123 file.cc:45] x",
        "W20261120 14:03:05 123 file.cc:45] x",
        "11/20/2026 14:03:05 - INFO - __main__ - x",
        "20/11/2026 14:03:05 x",
        "[11/20/26 14:03:05] INFO x",
        "[11/20 14:03:05 d2.engine]: x",
        "14:03:05 x",
        "[14:03:05] x",
        "INFO 14:03:05 x",
        "1795183385 x",
        "1795183385000 x",
        "[1795183385.000] x",
        '{"level":"info","ts":1795183385,"msg":"x"}',
        '{"level":30,"time":1795183385000,"msg":"x"}',
        '{"msg":"2025 was a year","timestamp":"2026-11-20T14:03:05Z"}',
        'time="2026-11-20T14:03:05Z" level=info msg=x',
        "level=info ts=2026-11-20T14:03:05Z msg=x",
        '{"text": "x", "record": {"elapsed": {"repr": "0:00:01", "seconds": 1.0},'
        ' "time": {"repr": "2026-11-20 14:03:05+00:00", "timestamp": 1795183385.0}}}',
    ],
)
def test_the_usual_ways_to_write_a_time(text: str) -> None:
    """Every form gives the same moment, as aware UTC."""
    assert said(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20 14:03:05,123 x", "2026-11-20T14:03:05.123456789Z x", "14:03:05.123 x",
        "I1120 14:03:05.123999 1 f.cc:1] x", "1795183385.123 x", "1795183385123 x",
    ],
)  # fmt: skip
def test_fractions_of_a_second(text: str) -> None:
    """Fractions are kept, whichever character parts them."""
    moment = said(text)
    assert moment is not None
    assert moment.replace(microsecond=moment.microsecond // 1000 * 1000) == MOMENT + timedelta(
        milliseconds=123
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "step 5 loss 0.3", " 50%|#####     | 500/1000 [01:23<01:23, 6.0it/s]",
        "100%|####| 5/5 [01:23:45<00:00, 6.0it/s]", "12:34:56<00:01",
        "2026-02-31 14:03:05 no such day", "saved to /out/2026-11-20_14-03-05/x",
        "12345678901 bytes", "192.168.100.200:8080 up",
        "version 2026.11", "25:61:99 x", "0" * 500, ":" * 500, '{"a": 1}',
    ],
)  # fmt: skip
def test_what_only_looks_like_a_time(text: str) -> None:
    """A progress bar's clock, a number or a path is not when the line was written."""
    assert said(text) is None


def test_a_clock_without_a_date_needs_a_moment_near() -> None:
    """It is placed on the day that brings it nearest, and told by nobody without such a moment."""
    late = DAY.replace(hour=23, minute=59)
    assert said("00:00:10 x", late) == DAY + timedelta(days=1, seconds=10)
    assert said("23:59:50 x", DAY) == DAY - timedelta(seconds=10)
    assert said("14:03:05 x", None) is None
    assert said("Nov 20 14:03:05 host x", None) is None
    assert said("Dec 31 23:59:59 x", datetime(2027, 1, 1, tzinfo=UTC)) == datetime(
        2026, 12, 31, 23, 59, 59, tzinfo=UTC
    )
    assert said("Feb 29 10:00:00 x", datetime(2025, 1, 1, tzinfo=UTC)) == datetime(
        2024, 2, 29, 10, tzinfo=UTC
    )


def test_a_time_without_a_zone_is_meant_where_one_is() -> None:
    """Wall clocks count in the given zone, summer time included; a told zone wins."""
    zone = ZoneInfo("Europe/Berlin")
    assert time_of("2026-07-01 12:00:00 x", zone=zone) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert time_of("2026-07-01 12:00:00Z x", zone=zone) == datetime(2026, 7, 1, 12, tzinfo=UTC)


@given(st.text(max_size=300) | st.from_regex(r"[\d:\-/ .,TZ{}\"=a-z+]{0,80}", fullmatch=True))
def test_any_text_is_survived(text: str) -> None:
    """Whatever a line holds, the answer is a moment or nothing."""
    for near in (None, NEAR, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        moment = time_of(text, near)
        assert moment is None or moment.tzinfo is UTC


@given(st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_what_is_written_is_read(moment: datetime) -> None:
    """A time that Python wrote comes back to the microsecond."""
    assert time_of(f"{moment.isoformat()} x") == moment
    assert time_of(f"{moment:%Y-%m-%d %H:%M:%S,%f} x", zone=UTC) == moment
    assert time_of(f"{moment:%H:%M:%S.%f} x", moment + timedelta(hours=11), zone=UTC) == moment


def test_numbers_since_1970() -> None:
    """Their size tells seconds from milli-, micro- and nanoseconds; nonsense is nothing."""
    for factor in (1, 10**3, 10**6, 10**9):
        assert since_epoch(1_795_183_385 * factor) == MOMENT
    for wrong in (0, -1, float("inf"), float("nan"), 1e300, "x"):
        assert since_epoch(wrong) is None


# In a log


def log_of(entries: Sequence[tuple[int | None, str]]) -> ListLines:
    """Lines that were written so many seconds after the day began, or do not say."""
    return ListLines(
        f"{DAY + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ} {text}" if at is not None else text
        for at, text in entries
    )


@HALF
@given(
    st.lists(st.tuples(st.none() | st.integers(0, 50), st.sampled_from(["x", "", "y" * 30]))),
    st.integers(-1, 52),
)
def test_the_first_line_at_a_time(entries: list[tuple[int | None, str]], seconds: int) -> None:
    """As a look at every line would find it, where the times rise."""
    times = iter(sorted(at for at, _ in entries if at is not None))
    entries = [(next(times) if at is not None else None, text) for at, text in entries]
    lines = log_of(entries)
    wanted = next(
        (n for n, (at, _) in enumerate(entries) if at is not None and at >= seconds), None
    )
    found = find_time(lines, DAY + timedelta(seconds=seconds))
    assert found == (None if wanted is None else lines.positions[wanted])


def test_a_time_is_found_with_few_looks() -> None:
    """In a long log, half of it without times, few thousand lines are read at most."""
    entries: list[tuple[int | None, str]] = [(n, "x") for n in range(25_000)]
    entries[10_000:20_000] = [(None, "progress")] * 10_000
    lines = log_of(entries)
    for seconds in (0, 7, 9_999, 10_000, 20_000, 24_999):
        lines.read = 0
        found = find_time(lines, DAY + timedelta(seconds=seconds))
        assert found is not None
        wanted = seconds if seconds < 10_000 else max(seconds, 20_000)
        assert found == lines.positions[wanted]
        assert lines.read < 8_000
    assert find_time(lines, DAY + timedelta(seconds=25_000)) is None
    entries[22_500:25_000] = [(None, "progress")] * 2_500
    lines = log_of(entries)
    assert find_time(lines, DAY + timedelta(seconds=10_000)) == lines.positions[20_000]


def test_a_log_without_times_is_not_read_to_its_end() -> None:
    """Nothing is found, after a bounded number of lines."""
    lines = log_of([(None, "x")] * 100_000)
    assert find_time(lines, DAY) is None
    assert lines.read < 15_000
    assert find_time(ListLines([]), DAY) is None


def test_lines_that_say_nothing_have_the_time_of_the_one_before() -> None:
    """A traceback belongs to the line it follows; without any, the time it was seen counts."""
    lines = log_of([(3, "step"), (None, "Traceback"), (None, "  File")])
    times = LineTimes(lines, zone=UTC)
    assert times.at(lines.positions[2]) == DAY + timedelta(seconds=3)
    silent = ListLines(["a", "b", "c"])
    early, late = silent.positions[1], silent.positions[2]
    seen = (
        (early, DAY.timestamp()),
        (late, DAY.timestamp() + 2),
        (late + 100, DAY.timestamp() + 9e3),
    )
    times = LineTimes(silent, arrivals=seen)
    assert times.at(silent.positions[0]) is None, "it was there before anybody looked"
    assert times.at(early) == DAY + timedelta(seconds=2)
    assert times.at(late) is None, "for hours nobody looked"


def test_clocks_are_placed_by_how_far_along_the_log_they_stand() -> None:
    """A job of three days whose lines have clocks only: each falls on its own day."""
    lines = ListLines(f"{(DAY + timedelta(hours=h)):%H:%M:%S} x" for h in range(73))
    times = LineTimes(lines, began=DAY, ended=DAY + timedelta(days=3), zone=UTC)
    for hour in (0, 20, 30, 50, 72):
        assert times.at(lines.positions[hour]) == DAY + timedelta(hours=hour)


# What a person types


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("14:03", MOMENT.replace(second=0)),
        ("14:03:05", MOMENT),
        ("19:00", DAY - timedelta(hours=5)),
        ("2026-11-20 14:03", MOMENT.replace(second=0)),
        ("2026-11-20T14:03:05Z", MOMENT),
        ("2026-11-20 15:03:05+01:00", MOMENT),
        ("2026-11-20", DAY),
        ("11-19 14:00", DAY - timedelta(hours=10)),
        ("12-24", datetime(2025, 12, 24, tzinfo=UTC)),
        ("yesterday 14:00", DAY - timedelta(hours=10)),
        ("today", DAY),
        ("-5m", NEAR - timedelta(minutes=5)),
        ("2h", NEAR - timedelta(hours=2)),
        ("1h30m", NEAR - timedelta(minutes=90)),
        ("3 d ago", NEAR - timedelta(days=3)),
        ("now", NEAR),
        ("@1795183385", MOMENT),
    ],
)
def test_moments_as_people_type_them(text: str, moment: datetime) -> None:
    """Clocks mean the last time they showed it; spans mean ago."""
    assert parse_when(text, NEAR, zone=UTC) == moment


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "14", "2026-13-01", "5x", "9" * 30 + "d", "@5"]
)
def test_what_is_no_moment_is_said(text: str) -> None:
    """The message names the text; for most it shows what can be written."""
    with pytest.raises(ValueError) as caught:
        parse_when(text, NEAR)
    assert repr(text)[:20] in str(caught.value)


# In a gutter


@given(st.floats(-1e12, 1e12) | st.floats(-100_000, 100_000), st.sampled_from(list(Stamp)))
def test_stamps_are_always_as_wide(seconds: float, kind: Stamp) -> None:
    """Whatever the time between two lines, the gutter does not move."""
    try:
        moment = MOMENT + timedelta(seconds=seconds)
    except OverflowError:
        return
    assert len(stamp(kind, moment, MOMENT, zone=UTC)) == WIDTHS[kind]
    assert stamp(kind, None) == " " * WIDTHS[kind]


def test_stamps() -> None:
    """Absolute on the clock here, relative and delta with a sign and the units that matter."""
    later = MOMENT + timedelta(hours=1, minutes=2, seconds=3)
    assert stamp(Stamp.ABSOLUTE, MOMENT, zone=UTC) == "11-20 14:03:05"
    assert stamp(Stamp.RELATIVE, later, MOMENT) == " +1h02m03s"
    assert stamp(Stamp.DELTA, later, MOMENT) == "  +1h02m"
    assert stamp(Stamp.DELTA, MOMENT + timedelta(seconds=0.3), MOMENT) == "   +0.3s"
    assert stamp(Stamp.DELTA, MOMENT, MOMENT + timedelta(seconds=70)) == "  -1m10s"
    assert stamp(Stamp.RELATIVE, MOMENT, None) == " " * 10
