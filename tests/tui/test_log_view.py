"""Reading a log: following, moving, wrapping, times, records, bookmarks, selection."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.geometry import Offset

from tests.tui.logs import Shown, lines
from tests.tui.panes import PaneApp, entry
from tests.tui.waiting import until
from trainer_tui.core.logfile.memory import MemoryLines
from trainer_tui.tui.pulse import Pulse
from trainer_tui.tui.widgets.log_pane import LogPane
from trainer_tui.tui.widgets.log_records import fold
from trainer_tui.tui.widgets.log_rows import LogRows, folds

pytestmark = pytest.mark.anyio

LONG = "".join(f"{n} " + "word " * 30 + "end\n" for n in range(50))


async def test_it_follows_the_end(tmp_path: Path) -> None:
    """The last line is on the screen, and each new one after it."""
    async with Shown(tmp_path) as it:
        assert it.rows[-1] == " 100  line 99"
        it.feed(lines(100, 103))
        await it.pilot.pause()
        assert it.rows[-1] == " 103  line 102"
        assert it.told == "⇣ following   103 lines"


async def test_scrolled_up_it_stays_and_says_how_far_behind(tmp_path: Path) -> None:
    """What the reader looks at does not move; ``f`` follows again."""
    async with Shown(tmp_path) as it:
        await it.press("pageup")
        before = it.rows
        it.feed(lines(100, 200))
        await it.pilot.pause()
        assert it.rows == before
        assert it.told == "110 lines below · f follows   200 lines"
        await it.press("f")
        assert it.rows[-1] == " 200  line 199"


async def test_lines_that_are_not_seen_paint_nothing_but_the_bar(tmp_path: Path) -> None:
    """A reader who is elsewhere pays nothing for what arrives below."""
    async with Shown(tmp_path, text=lines(0, 2_000)) as it:
        await it.press("g")
        it.feed(lines(2_000, 2_001))
        assert not it.view._repaint_regions
        assert not it.view._repaint_required


async def test_moving_back_to_the_end_follows(tmp_path: Path) -> None:
    """Down to the last line is following again, as is ``G``."""
    async with Shown(tmp_path) as it:
        await it.press("k", "k")
        assert not it.view.following
        await it.press("j", "j")
        assert it.view.following
        await it.press("g", "G")
        assert it.view.following


async def test_the_end_can_be_left_without_moving(tmp_path: Path) -> None:
    """``f`` while following stops it: the screen stays as it is."""
    async with Shown(tmp_path) as it:
        await it.press("f")
        before = it.rows
        it.feed(lines(100, 120))
        await it.pilot.pause()
        assert it.rows == before


async def test_progress_bar_repaints_one_line(tmp_path: Path) -> None:
    """A line that changes in place leaves the others alone."""
    async with Shown(tmp_path) as it:
        it.feed("\r10%")
        await it.pilot.pause()
        it.feed("\r20%")
        assert len(it.view._repaint_regions) == 1
        (region,) = it.view._repaint_regions
        assert region.height == 1
        assert it.rows[-1] == " 101  20%"


async def test_the_first_lines_are_painted_when_the_view_appears(tmp_path: Path) -> None:
    """A view that was hidden until its first lines came shows all of them."""
    async with Shown(tmp_path, text=lines(0, 5)) as it:
        await it.pilot.pause()
        assert it.app.seen()[:5] == [f"   {n + 1}  line {n}" for n in range(5)]
        it.feed(lines(5, 30))
        await it.pilot.pause()
        shown = [row.rstrip(" ▐") for row in it.app.seen()[:11]]
        assert shown == [f"{n + 1:>4}  line {n}" for n in range(19, 30)]


async def test_quiet_poll_paints_nothing(tmp_path: Path) -> None:
    """A piece with nothing in it causes no repaint."""
    async with Shown(tmp_path) as it:
        it.feed("")
        assert not it.view._repaint_regions
        assert not it.view._repaint_required


async def test_wrap_keeps_the_place_and_shows_everything(tmp_path: Path) -> None:
    """Wrapped, a long line takes rows and loses nothing; unwrapped, it is cut with a mark."""
    async with Shown(tmp_path, text=LONG) as it:
        assert it.rows[0].endswith("…")
        await it.press("g", "j", "j", "w")
        assert it.rows[0].startswith("   3  2 word")
        assert "".join(row[6:] for row in it.rows[:3]).endswith("end")
        assert "wrapped" in it.told
        await it.press("w")
        assert it.rows[0].startswith("   3  2 word")


async def test_resize_keeps_the_line_at_the_top(tmp_path: Path) -> None:
    """A narrower terminal rewraps, with the same line at the top."""
    async with Shown(tmp_path, text=LONG) as it:
        await it.press("w", "g", *["j"] * 6)
        first = it.rows[0][:8]
        await it.pilot.resize_terminal(60, 16)
        await it.pilot.pause()
        assert it.rows[0][:8] == first


async def test_resize_while_following_stays_at_the_end(tmp_path: Path) -> None:
    """Whatever the size, a followed log shows its end."""
    async with Shown(tmp_path, text=LONG) as it:
        await it.press("w")
        await it.pilot.resize_terminal(40, 20)
        await it.pilot.pause()
        assert it.view.following
        assert it.rows[-1].endswith("end")


async def test_a_page_has_a_line_in_common(tmp_path: Path) -> None:
    """A page down begins with the last line of the page before; a page up goes back."""
    async with Shown(tmp_path) as it:
        await it.press("g")
        last = it.rows[-1]
        await it.press("pagedown")
        assert it.rows[0] == last
        await it.press("pageup")
        assert it.rows[0] == "   1  line 0"


async def test_the_wheel_and_the_bar(tmp_path: Path) -> None:
    """The wheel moves by lines; a press at the top of the bar goes to the beginning."""
    async with Shown(tmp_path) as it:
        before = it.rows
        it.view.scroll_rows(-3)
        assert it.rows[3:] == before[:-3]
        await it.pilot.mouse_down("#log-view", offset=Offset(79, 0))
        await it.pilot.mouse_up("#log-view", offset=Offset(79, 0))
        assert it.rows[0] == "   1  line 0"


async def test_the_bar_says_where_one_is(tmp_path: Path) -> None:
    """The thumb is at the top for the first line, at the bottom for the last, and in between."""
    async with Shown(tmp_path, text=lines(0, 5_000)) as it:
        height = it.view.size.height
        assert it.view.thumb_span() == (height - 1, height)
        await it.press("g")
        assert it.view.thumb_span() == (0, 1)
        await it.press("colon", *"50%", "enter")
        start, _ = it.view.thumb_span()
        assert 3 <= start <= 7


async def test_markup_in_a_log_is_text(tmp_path: Path) -> None:
    """Brackets mean nothing."""
    async with Shown(tmp_path, text="run[v2] [/x] [bold]hi\n") as it:
        assert it.rows[0] == "   1  run[v2] [/x] [bold]hi"


async def test_ended_log_says_so(tmp_path: Path) -> None:
    """When nothing more will come, the line below tells the end."""
    async with Shown(tmp_path) as it:
        it.feed("", complete=True)
        await it.pilot.pause()
        assert it.told.startswith("end of log")


async def test_long_lines_can_be_read_sideways(tmp_path: Path) -> None:
    """The arrow keys move long lines; the line below says from which column."""
    async with Shown(tmp_path, text="0123456789" * 20 + "\n") as it:
        await it.press("right")
        assert it.rows[0].startswith("   1  89012345")
        assert "from column 9" in it.told
        await it.press("left")
        assert it.rows[0].startswith("   1  01234567")


async def test_wide_characters_are_cut_with_a_mark(tmp_path: Path) -> None:
    """A line of few characters that takes more cells than there are is cut as any other."""
    async with Shown(tmp_path, text="漢字" * 30 + "\n") as it:
        assert it.rows[0].startswith("   1  漢字")
        assert it.rows[0].endswith("…")


# Times


STAMPED = "".join(f"2026-03-01 03:{n:02d}:{n:02d} step {n}\n" for n in range(10))


async def test_times_are_told_in_three_ways(tmp_path: Path) -> None:
    """``t`` shows a column: the clock, since the job began, since the line before; then none."""
    async with Shown(tmp_path, text=STAMPED) as it:
        plain = it.rows[1]
        await it.press("t")
        here = datetime(2026, 3, 1, 3, 1, 1).astimezone()
        assert it.rows[1].startswith(f"   2   {here:%m-%d %H:%M:%S} 2026-03-01 03:01:01")
        await it.press("t")
        assert "since the start" in it.told
        assert it.rows[1].split()[1].startswith("+")
        await it.press("t")
        assert it.rows[1].split()[1] == "+1m01s"
        assert "since the line before" in it.told
        await it.press("t")
        assert it.rows[1] == plain


async def test_a_line_that_does_not_say_its_time_has_when_it_was_seen(tmp_path: Path) -> None:
    """Where a log has no times, the moments at which it arrived stand in, marked with ``~``."""
    async with Shown(tmp_path, text=lines(0, 4)) as it:
        seen = datetime(2026, 3, 1, 3, 5, tzinfo=UTC)
        when = seen.timestamp()
        it.feed.tell(arrivals=((0, when - 5), (14, when), (28, when + 6)))
        await it.press("t")
        assert it.rows[0].split()[1] == f"~{seen.astimezone():%m-%d}"
        await it.press("t", "t")
        assert it.rows[2].split()[1] == "~+6.0s"


async def test_a_traceback_does_not_repeat_the_time_of_the_line_above(tmp_path: Path) -> None:
    """Lines below one that says its time are left blank: they belong to it."""
    text = STAMPED + 'Traceback (most recent call last):\n  File "x.py", line 1\n'
    async with Shown(tmp_path, text=text) as it:
        it.feed.tell(arrivals=((len(text), 1.0e9),))
        await it.press("t")
        assert it.rows[9].split()[1] == "Traceback"


# Records


def record(number: int, **more: object) -> str:
    """A line as a structured logger writes it."""
    facts = {"level": "info", "msg": f"step {number}", "loss": 0.5, "host": "gpu-1", **more}
    return json.dumps(facts) + "\n"


async def test_json_lines_are_folded_and_opened(tmp_path: Path) -> None:
    """A JSON line reads ``LEVEL message key=value``; Enter shows its fields below it."""
    text = lines(0, 3) + record(7, note="first\nsecond") + lines(4, 6)
    async with Shown(tmp_path, text=text) as it:
        assert it.rows[3].startswith("   4 ▸INFO     step 7 loss=0.5 host=gpu-1")
        await it.press("enter")
        assert it.rows[3].startswith("   4 ▾INFO     step 7")
        assert [row.split() for row in it.rows[4:8]] == [
            ["loss", "0.5"], ["host", "gpu-1"], ["note", "first"], ["second"],
        ]  # fmt: skip
        assert it.rows[8] == "   5  line 4"
        await it.press("enter")
        assert it.rows[4] == "   5  line 4"


async def test_json_lines_can_be_read_as_they_were_written(tmp_path: Path) -> None:
    """``J`` shows them raw, and folded again."""
    async with Shown(tmp_path, text=record(7)) as it:
        await it.press("J")
        assert it.rows[0].startswith('   1  {"level": "info"')
        assert "raw" in it.told
        await it.press("J")
        assert it.rows[0].startswith("   1 ▸INFO     step 7")


async def test_the_marked_line_is_the_one_that_opens(tmp_path: Path) -> None:
    """shift and the arrows mark a line; Enter opens that one."""
    async with Shown(tmp_path, text="".join(map(record, range(5)))) as it:
        await it.press("shift+up", "shift+up", "enter")
        assert it.rows[3].startswith("   4 ▾")
        assert it.rows[4].split() == ["loss", "0.5"]


async def test_a_click_marks_and_a_second_one_opens(tmp_path: Path) -> None:
    """The mouse does the same."""
    async with Shown(tmp_path, text="".join(map(record, range(5)))) as it:
        await it.pilot.click("#log-view", offset=Offset(10, 1))
        assert it.number(it.view.current) == 1
        await it.pilot.click("#log-view", offset=Offset(10, 1))
        assert it.rows[2].split() == ["loss", "0.5"]


# Bookmarks and selection


async def test_bookmarks(tmp_path: Path) -> None:
    """``B`` sets one and takes it away, ``.`` and ``,`` go round them, the gutter shows them."""
    async with Shown(tmp_path) as it:
        await it.press("full_stop")
        assert it.app.said == ["no bookmark in this log; B sets one"]
        await it.press("g", "B", "G", "B")
        assert it.rows[-1] == " 100◆ line 99"
        assert "◆ 2" in it.told
        await it.press("full_stop")
        assert it.rows[0] == "   1◆ line 0"
        await it.press("comma")
        assert it.rows[-1] == " 100◆ line 99"
        await it.press("B")
        assert it.rows[-1] == " 100  line 99"


async def test_selection_is_copied(tmp_path: Path) -> None:
    """``v`` selects lines, ``y`` copies exactly their text; without a selection y is the app's."""
    async with Shown(tmp_path) as it:
        await it.press("y")
        assert it.app.copied == []
        await it.press("v", "k", "k")
        assert "3 lines selected" in it.told
        await it.press("y")
        assert it.app.copied == ["line 97\nline 98\nline 99"]
        assert it.view.selection is None


async def test_a_selection_reaches_over_screens(tmp_path: Path) -> None:
    """Selecting goes by pages and to the ends as moving does."""
    async with Shown(tmp_path) as it:
        await it.press("v", "g")
        assert "100 lines selected" in it.told
        assert it.rows[0] == "   1  line 0"
        await it.press("y")
        assert it.app.copied == [lines(0, 100).rstrip("\n")]


# Rows


def test_folds_keep_wide_characters_whole() -> None:
    """A wide character is never split over two rows."""
    assert folds("漢字漢字", 3) == [0, 1, 2, 3]
    assert folds("abcdef", 3) == [0, 3]
    assert folds("", 3) == [0]


def test_walking_goes_over_rows_and_stops_at_the_ends() -> None:
    """A step counts rows of wrapped lines, not lines, and never leaves the log."""
    rows = LogRows(MemoryLines(["abc", "abcdefgh", "x"]), fold)
    rows.width, rows.wrapping = 4, True
    assert [rows.size(n) for n in range(3)] == [1, 2, 1]
    assert rows.step((0, 0), 2) == (1, 1)
    assert rows.step((0, 0), 99) == (2, 0)
    assert rows.step((2, 0), -2) == (1, 0)
    assert rows.step((2, 0), -99) == (0, 0)
    assert rows.bottom(2) == (1, 1)
    assert rows.screen((1, 1), 5) == [(1, 1), (2, 0)]


@given(
    texts=st.lists(st.text("ab 漢é", max_size=30), min_size=1, max_size=12),
    width=st.integers(1, 12),
    wrapping=st.booleans(),
    start=st.integers(0, 99),
    steps=st.integers(-99, 99),
)
def test_walking_is_as_in_a_list_of_all_rows(
    texts: list[str], width: int, wrapping: bool, start: int, steps: int
) -> None:
    """Every motion leads where it would lead if all rows of the log were laid out."""
    rows = LogRows(MemoryLines(texts), fold)
    rows.width, rows.wrapping = width, wrapping
    every = [(n, part) for n in range(len(texts)) for part in range(rows.size(n))]
    here = start % len(every)
    there = min(max(0, here + steps), len(every) - 1)
    assert rows.step(every[here], steps) == every[there]
    assert rows.screen(every[here], 5) == every[here : here + 5]
    assert rows.bottom(5) == every[max(0, len(every) - 5)]
    whole = "".join(
        row.text[row.start : row.stop] for n in range(len(texts)) for row in rows.shown(n).rows
    )
    assert whole == "".join(texts)


async def test_looks_are_gathered() -> None:
    """However often something stirs, from any thread, it is looked at once now and once later."""
    view = LogPane()
    looks: list[float] = []
    async with PaneApp(view).run_test(size=(60, 8)) as pilot:
        pulse = Pulse(view, lambda: looks.append(monotonic()), pause=0.2)

        def stir() -> None:
            for _ in range(1_000):
                pulse()

        thread = Thread(target=stir)
        thread.start()
        thread.join()
        stir()
        await until(pilot, lambda: len(looks) == 1, "the first look")
        stir()
        await until(pilot, lambda: len(looks) == 2, "the second look")
        assert looks[1] - looks[0] >= 0.2


async def test_a_view_of_lines_in_memory() -> None:
    """The view shows any lines, a file's or not; an open last line is replaced by the next."""
    pane = LogPane()
    async with PaneApp(pane).run_test(size=(60, 8)) as pilot:
        pane.show(entry())
        held = MemoryLines(["one"])
        held.append("10%", open=True)
        pane.view.open(held)
        pane.renew()
        await pilot.pause()
        last = held.last()
        held.append("20%")
        pane.view.grown(last)
        shown = [pane.view.render_line(y).text.strip() for y in range(3)]
        assert shown == ["1  one", "2  20%", ""]


async def test_keys_before_the_first_line_do_nothing(tmp_path: Path) -> None:
    """No key of the view fails where there is no log."""
    async with Shown(tmp_path, text="") as it:
        for key in ("j", "k", "g", "G", "pageup", "v", "B", "enter", "t", "w", "J", "shift+up"):
            it.view.post_message(events.Key(key, None))
            await it.pilot.press(key)
        assert "Nothing has been written" in str(it.pane.instead.text)
