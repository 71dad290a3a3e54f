"""The jobs table: order, filter, columns, lines, and that only what changed is drawn again."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual._compositor import Compositor
from textual.geometry import Region
from textual.screen import Screen
from textual.scrollbar import ScrollBarRender

from tests.tui.console import make, running, screen_text, until
from tests.tui.fake import NOW, FakeRuntime, few, job, many
from trainer_tui.core.board import Entry, Pending
from trainer_tui.core.estimate import Estimate
from trainer_tui.model import Capability, JobRef, Progress, Status
from trainer_tui.tui import columns, present
from trainer_tui.tui.glyphs import ASCII, UNICODE
from trainer_tui.tui.joblist import JobList
from trainer_tui.tui.paint import Paint
from trainer_tui.tui.widgets.job_row import draw_row
from trainer_tui.tui.widgets.steady_bar import thumb_place

DARK = Paint({"foreground": "#ffffff", "background": "#000000"})


def names(jobs: JobList) -> list[str]:
    """The shown names in order."""
    return [jobs.entries[ref].job.name for ref in jobs.order]


def loaded(*entries: Entry) -> JobList:
    """A list of these."""
    jobs = JobList()
    jobs.load(entries)
    return jobs


def test_newest_comes_first_and_unknown_values_last() -> None:
    """By age the newest is on top; by loss jobs without one come after the rest."""
    jobs = loaded(*(Entry(each) for each in few()))
    assert names(jobs)[0] == "ünïcode 狗狗 portrait"
    jobs.arrange(sort="loss")
    assert names(jobs)[0] == "dog_portrait_small"
    assert jobs.entries[jobs.order[-1]].job.loss is None


def test_an_update_that_moves_nothing_says_so() -> None:
    """Another loss leaves the order by age alone; another status that the filter wants moves."""
    entries = [Entry(each) for each in few()]
    jobs = loaded(*entries)
    changed = dataclasses.replace(entries[0], job=entries[0].job.replace(loss=0.1))
    assert jobs.update([changed]) is False
    jobs.arrange(matches=lambda entry: entry.job.status.active)
    ended = dataclasses.replace(entries[0], job=entries[0].job.replace(status=Status.SUCCEEDED))
    assert jobs.update([ended]) is True
    assert jobs.index(ended.job.ref) is None and jobs.total == 8


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["", "loss", "age", "name"]))))
def test_what_was_done_before_leaves_no_trace_in_the_order(acts: list[tuple[int, str]]) -> None:
    """After any changes, filters and orders the list is that of one begun anew."""
    entries = [Entry(each) for each in few()]
    jobs = loaded(*entries)
    for number, (place, sort) in enumerate(acts):
        at = place % len(entries)
        entries[at] = dataclasses.replace(
            entries[at], job=entries[at].job.replace(loss=float(-number), name=f"n{-number}")
        )
        jobs.update([entries[at]])
        jobs.arrange(matches=lambda e, n=number: n % 3 == 0 or bool(e.job.loss), sort=sort or None)
    jobs.arrange(matches=None)
    anew = JobList()
    anew.sort = jobs.sort
    anew.load(entries)
    assert jobs.order == anew.order


@given(
    st.integers(30, 240),
    st.sets(st.text("a", min_size=3, max_size=20), max_size=3),
)
def test_columns_fit_and_stay_in_order(width: int, profiles: set[str]) -> None:
    """No column leaves the row, none overlaps another, name and status are always there."""
    found = columns.columns(width, profiles)
    assert {"name", "status"} <= {column.name for column in found}
    for one, other in pairwise(found):
        assert one.x + one.width < other.x
    if width >= 60:
        assert found[-1].x + found[-1].width <= width


@pytest.mark.parametrize(
    ("profiles", "order"),
    [
        (("comfy", "local"), ["age", "step", "profile", "loss"]),
        (("local",), ["profile", "age", "step", "loss"]),
    ],
)
def test_columns_drop_in_the_stated_order(profiles: tuple[str, ...], order: list[str]) -> None:
    """The profile goes first where all jobs are of one; at 80 columns nothing that matters is gone:
    the loss is there, and the profile where there are several."""
    gone: list[str] = []
    for width in range(140, 40, -1):
        shown = {column.name for column in columns.columns(width, profiles)}
        gone += [name for name in columns.ALL if name not in shown and name not in gone]
    assert gone[:4] == order
    found = {column.name: column.width for column in columns.columns(77, profiles)}
    assert {"name", "status", "progress", "eta", "loss"} <= set(found)
    assert ("profile" in found) == (len(profiles) > 1)
    assert found["name"] >= 19 and found["progress"] >= 11
    many = {column.name for column in columns.columns(77, ("comfy-local", "vision-local"))}
    assert many == {"name", "profile", "status", "progress", "eta", "loss"}


@pytest.mark.parametrize(
    ("done", "told"),
    [
        (Progress(960, 2000), "960/2000"),
        (Progress(0, 10), "0/10"),
        (Progress(7), "7"),
        (Progress(21, 100, "epoch"), "ep 21/100"),
        (Progress(3, 12, "partition"), "part 3/12"),
        (Progress(1_999_999, 2_000_000), "1.99M/2M"),
        (Progress(999, 100_000_000), "999/100M"),
        (Progress(12_345, 1_000_000), "12.3k/1M"),
        (Progress(37, 100, "percent"), "—"),
        (None, "—"),
    ],
)
def test_steps_fit_their_column(done: Progress | None, told: str) -> None:
    """With their unit where it is another one, and never more than they are."""
    assert present.steps(done, UNICODE) == told
    assert len(told) <= present.STEPS


@given(st.text(max_size=60), st.integers(1, 40))
def test_fit_gives_exactly_the_width(text: str, width: int) -> None:
    """Cut or padded, a text takes the cells it is given, wide characters included."""
    clean = "".join(c for c in text if c.isprintable())
    assert cell_len(present.fit(clean, width, UNICODE)) == width


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("width", [60, 78, 118, 196])
def test_a_row_is_as_wide_as_it_should_be(glyphs: Any, width: int) -> None:
    """Every sort of job gives a row of exactly the width."""
    found = columns.columns(width, ("comfy", "local"))
    for each in few():
        for pending in (None, Pending(Capability.CANCEL, "late", NOW)):
            cells = present.cells(Entry(each, pending=pending), NOW, glyphs)
            strip = draw_row(cells, found, width, glyphs, DARK, cursor=True)
            assert strip.cell_length == width
            if not glyphs.unicode:
                assert strip.text.replace("ünïcode 狗狗", "").isascii()


@pytest.mark.parametrize(
    ("value", "width", "filled"),
    [(0.0, 10, ""), (1.0, 10, "█" * 10), (0.48, 10, "████▊"), (0.0126, 10, "▏"), (2.0, 4, "████")],
)
def test_bars_are_exact_to_an_eighth(value: float, width: int, filled: str) -> None:
    """Never more than is done; the rest is track."""
    text, track = present.bar(value, width, UNICODE)
    assert text == filled and len(text + track) == width


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "<1m"), (61, "1m"), (3599, "59m"), (4320, "1h12m"), (187_200, "2d4h"), (None, "")],
)
def test_spans_read_well(seconds: float | None, text: str) -> None:
    """At most two units, no seconds."""
    assert present.span(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3124, "0.312"), (12.345, "12.35"), (0.00001234, "1.2e-5"), (float("nan"), "nan"),
     (123456.0, "1.2e5"), (0.0, "0.000"), (float("inf"), "inf"), (-0.5, "-0.500")],
)  # fmt: skip
def test_numbers_take_little_room(value: float, text: str) -> None:
    """About four digits, at most seven cells."""
    assert present.number(value) == text and len(text) <= 7


def test_the_three_phases_of_an_act_are_told_apart() -> None:
    """Asked, accepted and late read differently."""
    texts = {
        present.pending_text(Pending(Capability.CANCEL, phase, NOW), UNICODE)
        for phase in ("asked", "acknowledged", "late")
    }
    assert texts == {"canceling…", "canceling ✓", "canceling ?"}


def test_a_stalled_job_is_shown_as_such() -> None:
    """A running job without steps says stalled, in the colour of a warning."""
    entry = Entry(few()[0], estimate=Estimate(stalled=True))
    cells = present.cells(entry, NOW, UNICODE)
    assert (cells.status, cells.colour) == ("stalled", "status-interrupted")


pytestmark = pytest.mark.anyio


async def test_only_lines_that_read_otherwise_are_drawn(tmp_path: Path) -> None:
    """A job off the screen, or one whose texts stay the same, repaints nothing."""
    app = make(tmp_path, many(500))
    async with running(app) as pilot:
        assert app.main is not None
        table = app.main.table
        _assert_rows_are_rendered_as_textual_does(app.main)
        drawn: list[int] = []
        original = table.refresh_line
        table.refresh_line = lambda y: (drawn.append(y), original(y))[1]  # type: ignore[assignment,method-assign,func-returns-value]
        runtime: Any = app.runtime
        shown = table.jobs.entries[table.jobs.order[3]].job
        hidden = table.jobs.entries[table.jobs.order[400]].job
        for each in (hidden.replace(loss=9.0), shown.replace(extra={"note": "new"})):
            runtime.board.merge(each.ref.profile, [each], NOW, complete=False)
        await pilot.pause()
        assert drawn == []
        changed = shown.replace(progress=Progress.of(1999, 2000))
        runtime.board.merge(changed.ref.profile, [changed], NOW, complete=False)
        await until(pilot, lambda: drawn)
        assert drawn == [3]


def _assert_rows_are_rendered_as_textual_does(screen: Screen[Any]) -> None:
    """Whatever rows a frame is about, its pieces are those that Textual's compositor makes."""
    ours, plain = screen._compositor, Compositor()
    assert type(ours) is not Compositor
    plain.__dict__.update(ours.__dict__)
    width, height = ours.size
    for top, bottom in ((0, height), (0, 1), (2, 4), (height // 3, height - 1)):
        crop, shown = Region(0, top, width, bottom - top), range(top, bottom).__contains__
        assert ours._render_chops(crop, shown) == plain._render_chops(crop, shown)


async def test_a_new_job_does_not_move_the_cursor_off_its_job(tmp_path: Path) -> None:
    """A job that comes in on top leaves the selection, and its place on the screen, alone."""
    app = make(tmp_path, many(500), session={"selected": "local/j000201"})
    async with running(app) as pilot:
        assert app.main is not None
        table = app.main.table
        offset = table.row - table.scroll_offset.y
        runtime: Any = app.runtime
        fresh = job("comfy/new", "brand_new", Status.QUEUED, age=1)
        runtime.board.merge("comfy", [fresh], NOW, complete=False)
        await until(pilot, lambda: table.jobs.total == 501)
        assert table.cursor == JobRef("local", "j000201")
        assert table.row - table.scroll_offset.y == offset


async def test_very_many_jobs_move_at_once(tmp_path: Path) -> None:
    """The last of 20,000 rows is drawn when asked for; only what is seen is made."""
    runtime = FakeRuntime(profiles=("comfy", "local"))
    patterns = many(1000)
    runtime.board.load(
        patterns[number % 1000].replace(
            ref=JobRef(("comfy", "local")[number % 2], f"j{number:06d}"),
            name=f"scene_run_{number}",
            created_at=NOW - timedelta(seconds=60 + number),
        )
        for number in range(20_000)
    )
    app = make(tmp_path, runtime=runtime)
    async with running(app) as pilot:
        assert app.main is not None
        await pilot.press("G")
        await until(pilot, lambda: "scene_run_19999" in screen_text(app))
        assert len(app.main.table._lines) < 200


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 30_000), st.floats(0, 1))
def test_a_bar_that_is_not_painted_again_would_look_the_same(
    size: int, window: int, rows: int, part: float
) -> None:
    """Where two positions of a scroll bar have one place, Textual draws one thumb for both."""
    ends = max(0, rows - window)
    position = int(part * ends)
    nearby = min(ends, position + 5)
    if thumb_place(size, window, rows, position) != thumb_place(size, window, rows, nearby):
        return
    bars = [
        ScrollBarRender.render_bar(size, rows, window if window < rows else 0, each).segments
        for each in (position, nearby)
    ]
    assert [str(segment) for segment in bars[0]] == [str(segment) for segment in bars[1]]


async def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    """Markup in names is shown as it is and breaks nothing."""
    jobs = [job("local/a", "run[v2] [/x] [bold]b[/]", Status.RUNNING)]
    app = make(tmp_path, jobs)
    async with running(app) as pilot:
        assert "run[v2] [/x] [bold]b[/]" in screen_text(app)
        app.say("done [/x] [red]", "error")
        await pilot.pause()
        assert "done [/x] [red]" in screen_text(app)


async def test_a_click_selects_and_a_double_click_opens(tmp_path: Path) -> None:
    """The mouse does what the keys do."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        main = app.main
        await pilot.click(main.table, offset=(10, 3))
        assert main.table.row == 3
        await pilot.click(main.table, offset=(10, 2), times=2)
        await until(pilot, lambda: main.detail.has_focus_within)


@pytest.mark.parametrize(
    ("rate", "unit", "told"),
    [
        (1 / 1.38, "step", "1.38 s/step"),
        (4.2, "step", "4.2 steps/s"),
        (12_345.0, "step", "12,345.0 steps/s"),
        (1 / 420, "epoch", "7m/epoch"),
        (1 / 30, "epoch", "30.00 s/epoch"),
        (2.0, "percent", ""),
        (0.0, "step", ""),
        (None, "step", ""),
    ],
)
def test_pace_is_told_in_what_is_counted(rate: float | None, unit: str, told: str) -> None:
    """Each so many seconds or so many a second; a slow epoch in minutes."""
    assert present.pace(rate, unit) == told
