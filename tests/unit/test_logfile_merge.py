"""Several logs as one, by time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from tests.unit.loglines import ListLines
from trainer_tui.core.logfile import stream
from trainer_tui.core.logfile.document import Change, LogFile
from trainer_tui.core.logfile.lines import Lines
from trainer_tui.core.logfile.merge import Merged, in_order
from trainer_tui.core.logfile.times import LineTimes

DAY = datetime(2026, 11, 20, tzinfo=UTC)
Entry = tuple[int | None, str]


def told(at: int | None, text: str) -> str:
    """A line that was written so many seconds after the day began, or does not say."""
    return text if at is None else f"{DAY + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ} {text}"


def log_of(entries: Sequence[Entry]) -> ListLines:
    """A log of such lines."""
    return ListLines(told(*entry) for entry in entries)


def merged(*logs: Lines, **options: int) -> Merged:
    """Logs called a, b, c …"""
    return Merged(
        [
            (name, LineTimes(lines, began=DAY))
            for name, lines in zip("abcdefgh", logs, strict=False)
        ],
        **options,
    )


def walked(lines: Lines) -> list[int]:
    """All positions, from the first on."""
    found = []
    here = lines.first()
    while here is not None:
        found.append(here)
        here = lines.after(here)
    return found


def texts(lines: Lines) -> list[str]:
    """All lines."""
    return [lines.line(position).text for position in walked(lines)]


def plainly(logs: Sequence[Sequence[Entry]]) -> list[tuple[int, str]]:
    """The same by sorting: the highest time so far in each log counts, what comes before any is
    written with the first that has one."""
    rows = []
    for origin, entries in enumerate(logs):
        now = next((at for at, _ in entries if at is not None), 0)
        for index, (at, text) in enumerate(entries):
            now = max(now, at if at is not None else now)
            rows.append((now, origin, index, told(at, text)))
    return [(origin, text) for _, origin, _, text in sorted(rows)]


entries = st.lists(
    st.tuples(st.none() | st.integers(0, 30), st.sampled_from(["x", "", "y" * 40])), max_size=40
)


@HALF
@given(st.lists(entries, min_size=1, max_size=4))
def test_lines_come_in_the_order_of_time(logs: list[list[Entry]]) -> None:
    """As sorting all of them would give it; what says no time stays with the one before."""
    lines = merged(*(log_of(log) for log in logs))
    positions = walked(lines)
    got = [(lines.line(position).origin, lines.line(position).text) for position in positions]
    assert got == plainly(logs)
    assert positions == sorted(set(positions))


@HALF
@given(st.lists(entries, min_size=1, max_size=4))
def test_read_in_one_go_it_is_the_same(logs: list[list[Entry]]) -> None:
    """The generator for printing gives the lines that the view shows."""
    times = [LineTimes(log_of(log), began=DAY) for log in logs]
    assert [(line.origin, line.text) for line in in_order(times)] == plainly(logs)


@HALF
@given(
    st.lists(entries, min_size=1, max_size=3),
    st.lists(st.floats(0, 1), max_size=8),
    st.integers(20, 200),
)
def test_wherever_it_is_looked_at_first(
    logs: list[list[Entry]], parts: list[float], chunk: int
) -> None:
    """Chunks are read in any order: each line comes once, before and after are each other's
    opposite, positions stay, and each log keeps its own order."""
    with mock.patch.object(stream, "CHUNK", chunk), mock.patch.object(stream, "_CHUNKS_KEPT", 2):
        lines = merged(*(log_of(log) for log in logs))
        seen = [lines.near(part) for part in parts]
        forward = walked(lines)
        assert {position for position in seen if position is not None} <= set(forward)
        backward = []
        here = lines.last()
        while here is not None:
            backward.append(here)
            here = lines.before(here)
        assert backward[::-1] == forward == walked(lines)
        for position in forward:
            assert lines.at(position) == position
            assert 0 <= lines.part(position) <= 1
        for origin, log in enumerate(logs):
            mine = [lines.line(p).text for p in forward if lines.origin(p)[0] == origin]
            assert mine == [told(*entry) for entry in log]


@HALF
@given(st.lists(entries, min_size=1, max_size=3), st.data())
def test_what_grows_keeps_its_positions(logs: list[list[Entry]], data: st.DataObject) -> None:
    """Lines that come later never move those that are there, and fall where their time says."""
    with mock.patch.object(stream, "CHUNK", 90):
        held = [log_of(log[: len(log) // 2]) for log in logs]
        lines = merged(*held)
        before = {p: lines.line(p).text for p in walked(lines)} if data.draw(st.booleans()) else {}
        for origin, log in enumerate(logs):
            for entry in log[len(log) // 2 :]:
                first = held[origin].size
                held[origin].append(told(*entry))
                change = lines.changed(origin, Change(grown=True, first_changed=first))
                assert change.first_changed is not None
                assert lines.line(change.first_changed).text == told(*entry)
        after = {p: lines.line(p).text for p in walked(lines)}
        assert before.items() <= after.items()
        assert sorted(after.values()) == sorted(told(*entry) for log in logs for entry in log)


def test_a_traceback_is_not_torn() -> None:
    """Lines of another log do not come between a line and those that follow it without a time."""
    a = log_of([(1, "start"), (3, "broke"), (None, "Traceback"), (None, "  File"), (9, "end")])
    b = log_of([(2, "one"), (3, "two"), (4, "three")])
    lines = merged(a, b)
    assert [text.split()[-1] for text in texts(lines)] == [
        "start", "one", "broke", "Traceback", "File", "two", "three", "end",
    ]  # fmt: skip


def test_only_the_end_of_each_log_is_merged() -> None:
    """What lies before the window is told in one line, in its place in time."""
    a = log_of([(n, "a") for n in range(100)])
    b = log_of([(n, "b") for n in range(90, 100)])
    lines = merged(a, b, window=500)
    first = lines.first()
    assert first is not None
    gap = lines.line(first)
    assert (gap.kind, gap.origin) == ("gap", 0)
    assert gap.text.endswith("bytes of a before this are not merged")
    assert lines.number(first) is None
    second = lines.after(first)
    assert second is not None
    start = lines.origin(second)[1]
    assert f"{start:,} bytes" in gap.text and 500 <= a.size - start <= 600
    kept = [text for text in texts(lines)[1:] if text.endswith("a")]
    assert kept == a.texts[-len(kept) :]
    assert lines.number(second) == 100 - len(kept)
    assert lines.count() is None and lines.numbered(3) is None


def test_a_line_knows_where_it_comes_from() -> None:
    """Which log, where in it, and by which time it was sorted in."""
    lines = merged(log_of([(5, "x")]), log_of([(4, "y"), (None, "z")]))
    last_of_b = walked(lines)[1]
    assert lines.origin(last_of_b) == (1, 23)
    assert lines.time(last_of_b) == DAY + timedelta(seconds=4)
    assert lines.names == ("a", "b")


def test_logs_without_any_time_come_one_after_the_other() -> None:
    """They are as old as their jobs; a percentage still leads somewhere."""
    early, late = ListLines(["1", "2"]), ListLines(["3", "4"])
    lines = Merged(
        [
            ("late", LineTimes(late, began=DAY + timedelta(hours=1))),
            ("early", LineTimes(early, began=DAY)),
        ]
    )
    assert texts(lines) == ["1", "2", "3", "4"]
    lines = merged(early, late)
    assert texts(lines) == ["1", "2", "3", "4"]
    for part, text in ((0.0, "1"), (0.3, "2"), (0.6, "3"), (0.9, "4"), (1.0, "4")):
        position = lines.near(part)
        assert position is not None and lines.line(position).text == text
    silent = ListLines(["seen"])
    seen = ((1, (DAY + timedelta(minutes=30)).timestamp()),)
    lines = Merged([("a", LineTimes(late, began=DAY + timedelta(hours=1))),
                    ("s", LineTimes(silent, began=DAY, arrivals=seen))])  # fmt: skip
    assert texts(lines) == ["seen", "3", "4"]


def test_a_log_that_begins_anew_is_read_anew() -> None:
    """The change says so, and the complete flag follows the logs."""
    a, b = log_of([(1, "old")]), log_of([(2, "b")])
    b.complete = False
    lines = merged(a, b)
    assert not lines.complete
    assert texts(lines)[0].endswith("old")
    a.texts, b.complete = ["2026-11-20T00:00:01Z new"], True
    assert lines.changed(0, Change(reset=True)).reset
    assert texts(lines)[0].endswith("new")
    assert lines.complete


def test_nothing_to_merge() -> None:
    """No logs, or logs without a line, have no position."""
    for lines in (merged(), merged(ListLines([]), ListLines([]))):
        assert (lines.first(), lines.last(), lines.near(0.5), lines.at(7)) == (None,) * 4
        assert lines.after(0) is None and lines.before(10**30) is None


@pytest.fixture(scope="module")
def long_logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two logs of 30,000 lines, one a second."""
    folder = tmp_path_factory.mktemp("long")
    found = [folder / f"{origin}.txt" for origin in range(2)]
    text = "".join(f"{told(second, f'? {second}')}\n" for second in range(30_000))
    for origin, path in enumerate(found):
        path.write_text(text.replace("?", str(origin)))
    return found


@pytest.mark.parametrize("place", [0.0, 0.3, 1.0])
def test_long_logs_are_not_read_whole(long_logs: list[Path], place: float) -> None:
    """A screen anywhere in two logs of 30,000 lines takes a small part of them."""
    logs = [LogFile.open(path) for path in long_logs]
    asked = 0

    class Counting(LineTimes):
        def said(self, line: object) -> datetime | None:
            nonlocal asked
            asked += 1
            return super().said(line)  # type: ignore[arg-type]

    lines = Merged([(str(n), Counting(log)) for n, log in enumerate(logs)])
    here = lines.near(place)
    assert here is not None
    shown = [here]
    for _ in range(50):
        step = lines.before(shown[-1]) if place > 0.5 else lines.after(shown[-1])
        assert step is not None
        shown.append(step)
    second = 29_999 * place
    assert abs((lines.time(here) - DAY).total_seconds() - second) <= 1
    assert asked < 15_000
    for log in logs:
        log.close()
