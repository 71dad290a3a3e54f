"""The log in the console, with the keys that a person presses."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from tests.tui.panes import REF, PaneApp, entry
from trainer_tui.core.messages import Aspect, AspectFailed, EventsArrived, LogArrived
from trainer_tui.errors import NetworkError
from trainer_tui.model import Capability, Event, EventKind, LogChunk, Status
from trainer_tui.tui.widgets.log_pane import LogPane
from trainer_tui.tui.widgets.log_rows import folds
from trainer_tui.tui.widgets.log_view import LogView

pytestmark = pytest.mark.anyio


class Feeder:
    """Feeds a pane as the provider would, keeping count of the bytes."""

    def __init__(self, pane: LogPane) -> None:
        self.pane, self.offset = pane, 0

    def __call__(self, text: str, *, reset: bool = False, complete: bool = False) -> None:
        start = 0 if reset else self.offset
        self.offset = start + len(text.encode())
        self.pane.receive(LogArrived(REF, LogChunk(text, start, self.offset, reset, complete)))


def rows(view: LogView) -> list[str]:
    return [view.render_line(y).text.rstrip(" ▐#") for y in range(view.size.height)]


def told(pane: LogPane) -> str:
    return str(pane.query_one("#log-told").render()).strip()


def lines(start: int, stop: int) -> str:
    return "".join(f"line {n}\n" for n in range(start, stop))


class Shown:
    """An open pane with a hundred lines in a terminal of 80×12."""

    def __init__(self, size: tuple[int, int] = (80, 12), text: str | None = None) -> None:
        self.pane = LogPane()
        self.app = PaneApp(self.pane)
        self.size = size
        self.text = lines(0, 100) if text is None else text

    async def __aenter__(self) -> Shown:
        self._context = self.app.run_test(size=self.size)
        self.pilot = await self._context.__aenter__()
        self.pane.show(entry())
        self.feed = Feeder(self.pane)
        self.feed(self.text, reset=True)
        await self.pilot.pause()
        self.view = self.pane.view
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._context.__aexit__(*error)  # type: ignore[arg-type]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()


async def test_it_follows_the_end() -> None:
    """The last line is on the screen, and each new one after it."""
    async with Shown() as it:
        assert rows(it.view)[-1] == " 100  line 99"
        it.feed(lines(100, 103))
        await it.pilot.pause()
        assert rows(it.view)[-1] == " 103  line 102"
        assert told(it.pane) == "⇣ following   103 lines"


async def test_scrolled_up_it_stays_and_says_how_far_behind() -> None:
    """What the reader looks at does not move; ``f`` follows again."""
    async with Shown() as it:
        await it.press("pageup")
        before = rows(it.view)
        it.feed(lines(100, 200))
        await it.pilot.pause()
        assert rows(it.view) == before
        assert told(it.pane) == "110 lines below · f follows   200 lines"
        await it.press("f")
        assert rows(it.view)[-1] == " 200  line 199"


async def test_it_stays_when_old_lines_are_dropped() -> None:
    """Even when lines above are dropped, the screen shows what it showed."""
    async with Shown() as it:
        it.view.buffer.max_lines = 150
        await it.press("k", "k")
        before = rows(it.view)
        it.feed(lines(100, 155))
        await it.pilot.pause()
        assert it.view.buffer.first > 0
        assert rows(it.view) == before


async def test_progress_bar_repaints_one_line() -> None:
    """A line that changes in place leaves the others alone."""
    async with Shown() as it:
        it.feed("\r10%")
        await it.pilot.pause()
        it.feed("\r20%")
        assert len(it.view._repaint_regions) == 1
        (region,) = it.view._repaint_regions
        assert region.height == 1
        assert rows(it.view)[-1] == " 101  20%"


async def test_the_first_lines_are_painted_when_the_view_appears() -> None:
    """A view that was hidden until its first lines came shows all of them."""
    async with Shown(text=lines(0, 5)) as it:
        await it.pilot.pause()
        assert it.app.seen()[:5] == [f"   {n + 1}  line {n}" for n in range(5)]
        it.feed(lines(5, 30))
        await it.pilot.pause()
        shown = [row.rstrip(" ▐") for row in it.app.seen()[:11]]
        assert shown == [f"{n + 1:>4}  line {n}" for n in range(19, 30)]


async def test_quiet_poll_paints_nothing() -> None:
    """A piece with nothing in it causes no repaint."""
    async with Shown() as it:
        it.feed("")
        assert not it.view._repaint_regions
        assert not it.view._repaint_required


async def test_search_while_typing() -> None:
    """``/`` finds while typing, counts, walks with n and N and goes round; escape takes it back."""
    async with Shown() as it:
        await it.press("g", "slash", "7", "7")
        assert " 78  line 77" in "\n".join(rows(it.view))
        assert told(it.pane) == "1/1"
        await it.press("backspace", "enter")
        assert told(it.pane).endswith("/7 1/19   100 lines")
        await it.press("n", "n")
        assert "/7 3/19" in told(it.pane)
        await it.press("N", "N", "N")
        assert "/7 19/19" in told(it.pane)
        await it.press("escape")
        assert it.view.search is None


async def test_keys_typed_ahead_belong_to_the_question() -> None:
    """Pasted or typed faster than the focus moves, no letter of a search is a command."""
    async with Shown() as it:
        for key in ("slash", "s", "l", "backspace", "backspace", "7", "7"):
            character = "/" if key == "slash" else key if len(key) == 1 else None
            it.app.post_message(events.Key(key, character))
        await it.pilot.pause()
        await it.pilot.pause()
        assert it.pane.query_one(Input).value == "77"
        assert "s" not in it.app.keys
        assert "l" not in it.app.keys
        for key in ("enter", "k"):
            it.app.post_message(events.Key(key, key[:1] if len(key) == 1 else None))
        await it.pilot.pause()
        await it.pilot.pause()
        assert it.view.search is not None
        assert it.view.search.pattern.pattern == "77"
        assert it.pane.question is None


async def test_search_taken_back_returns() -> None:
    """Escape while typing goes back to where the search began, and to what it was."""
    async with Shown() as it:
        await it.press("k", "k")
        before = rows(it.view)
        await it.press("slash", "1", "2")
        assert rows(it.view) != before
        await it.press("escape")
        assert rows(it.view) == before
        assert it.view.search is None
        assert isinstance(it.app.focused, LogView)


async def test_bad_pattern_says_why_and_keeps_the_last() -> None:
    """Half an expression is no accident: the last good one stays."""
    async with Shown() as it:
        await it.press("slash", *"line", "left_parenthesis")
        assert "missing )" in told(it.pane)
        assert it.view.search is not None
        assert it.view.search.pattern.pattern == "line"


async def test_filter_keeps_line_numbers() -> None:
    """``&`` leaves only lines that match, under their own numbers, and takes new ones."""
    async with Shown() as it:
        await it.press("ampersand", *"9$", "enter")
        shown = [row for row in rows(it.view) if row.strip()]
        assert shown == [f"{n:>4}  line {n - 1}" for n in range(10, 101, 10)]
        assert "&9$ 10 of 100 lines" in told(it.pane)
        it.feed("line 109\nline 110\n")
        await it.pilot.pause()
        assert it.view.rows.item_count() == 11
        await it.press("escape")
        assert it.view.rows.item_count() == 102


async def test_wrap_keeps_the_place_and_shows_everything() -> None:
    """Wrapped, a long line takes rows and loses nothing; unwrapped, it is cut with a mark."""
    text = "".join(f"{n} " + "word " * 30 + "end\n" for n in range(50))
    async with Shown(text=text) as it:
        assert rows(it.view)[0].endswith("…")
        await it.press("g", "j", "j", "w")
        assert rows(it.view)[0].startswith("   3  2 word")
        assert "".join(row[6:] for row in rows(it.view)[:3]).endswith("end")
        assert "wrapped" in told(it.pane)
        await it.press("w")
        assert rows(it.view)[0].startswith("   3  2 word")


async def test_resize_keeps_the_line_at_the_top() -> None:
    """A narrower terminal rewraps, with the same line at the top."""
    text = "".join(f"{n} " + "word " * 30 + "end\n" for n in range(50))
    async with Shown(text=text) as it:
        await it.press("w", "g", *["j"] * 6)
        first = rows(it.view)[0][:8]
        await it.pilot.resize_terminal(60, 16)
        await it.pilot.pause()
        assert rows(it.view)[0][:8] == first


async def test_errors_are_found() -> None:
    """``E`` and ``e`` walk over errors and tracebacks."""
    text = (
        lines(0, 30) + "Traceback (most recent call last):\n  x\nValueError: no\n" + lines(33, 80)
    )
    async with Shown(text=text + "ERROR: late\n" + lines(81, 120)) as it:
        await it.press("g", "E")
        assert it.view.current == 30
        await it.press("E")
        assert it.view.current == 80
        await it.press("e")
        assert it.view.current == 30


async def test_last_error_from_the_end() -> None:
    """While following, ``e`` goes to the last error."""
    async with Shown(text=lines(0, 50) + "ERROR: late\n" + lines(51, 100)) as it:
        await it.press("e")
        assert it.view.current == 50
        assert any("ERROR: late" in row for row in rows(it.view))


async def test_jump_to_a_line() -> None:
    """``:`` goes to a line; what is no number is refused."""
    async with Shown() as it:
        await it.press("colon", *"x", "enter")
        assert "a line number, please" in told(it.pane)
        await it.press("backspace", *"42", "enter")
        assert any(row == "  42  line 41" for row in rows(it.view))
        assert it.view.current == 41
        assert not it.view.following


async def test_selection_is_copied() -> None:
    """``v`` selects lines, ``y`` copies exactly their text; without a selection y is the app's."""
    async with Shown() as it:
        await it.press("y")
        assert it.app.copied == []
        await it.press("v", "k", "k")
        assert "3 lines selected" in told(it.pane)
        await it.press("y")
        assert it.app.copied == ["line 97\nline 98\nline 99"]
        assert it.view.selection is None


async def test_saving_never_replaces_a_file(tmp_path: Path) -> None:
    """``ctrl+s`` writes the clean log to a new file only."""
    taken = tmp_path / "taken.log"
    taken.write_text("precious")
    async with Shown() as it:
        await it.press("ctrl+s")
        answer = it.pane.query_one(Input)
        assert answer.value == "dog_portrait_lora.log"
        answer.value = str(taken)
        await it.press("enter")
        assert "that file exists" in told(it.pane)
        assert taken.read_text() == "precious"
        answer.value = str(tmp_path / "new.log")
        await it.press("enter")
        assert (tmp_path / "new.log").read_text() == lines(0, 100)
        assert it.app.said == [f"log saved to {tmp_path / 'new.log'}"]


async def test_another_job_begins_anew() -> None:
    """Nothing of one job's log is shown under another's name."""
    async with Shown() as it:
        await it.press("slash", *"9", "enter", "g")
        other = entry(ref=REF.__class__("local", "j2"))
        it.pane.show(other)
        await it.pilot.pause()
        assert it.pane.has_class("instead")
        assert it.view.search is None
        assert it.view.following


async def test_the_same_log_again_keeps_the_place() -> None:
    """Watched anew, the log comes from its start; a reader who scrolled up stays."""
    async with Shown() as it:
        await it.press(*["pageup"] * 3)
        before = rows(it.view)
        it.feed(lines(0, 30), reset=True)
        it.feed(lines(30, 120))
        await it.pilot.pause()
        assert rows(it.view) == before


async def test_no_logs_here_says_why_and_what_was_seen() -> None:
    """Where the provider has no logs, its reason and the history stand in their place."""
    pane = LogPane()
    app = PaneApp(pane)
    app.runtime.capabilities = frozenset()
    app.runtime.reasons = {Capability.LOGS: "RunComfy has no log API."}
    async with app.run_test(size=(80, 12)) as pilot:
        pane.show(entry())
        event = Event(REF, app.now(), EventKind.STATUS, "queued → [running]")
        pane.receive(EventsArrived(REF, [event]))
        await pilot.pause()
        text = str(pane.query_one("#log-reason").render())
        assert "RunComfy has no log API." in text
        assert "queued → [running]" in text


async def test_failure_is_told_with_its_hint() -> None:
    """A log that cannot be had says so in its place, and goes when it can."""
    pane = LogPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show(entry())
        error = NetworkError("connection refused", hint="is the server up?")
        pane.receive(AspectFailed(REF, Aspect.LOGS, error))
        await pilot.pause()
        text = str(pane.query_one("#log-reason").render())
        assert "connection refused" in text
        assert "is the server up?" in text
        Feeder(pane)("back\n", reset=True)
        await pilot.pause()
        assert rows(pane.view)[0] == "   1  back"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.QUEUED, "waits for its turn"),
        (Status.RUNNING, "Nothing has been written"),
        (Status.FAILED, "The log is empty"),
    ],
)
async def test_empty_log_fits_the_status(status: Status, words: str) -> None:
    """An empty log reads as what it means for the job's state."""
    pane = LogPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show(entry(status))
        await pilot.pause()
        assert words in str(pane.query_one("#log-reason").render())


async def test_markup_in_a_log_is_text() -> None:
    """Brackets mean nothing."""
    async with Shown(text="run[v2] [/x] [bold]hi\n") as it:
        assert rows(it.view)[0] == "   1  run[v2] [/x] [bold]hi"


async def test_ended_log_says_so() -> None:
    """When nothing more will come, the line below tells the end."""
    async with Shown() as it:
        it.feed("", complete=True)
        await it.pilot.pause()
        assert told(it.pane).startswith("end of log")


async def test_long_lines_can_be_read_sideways() -> None:
    """The arrow keys move long lines; the line below says from which column."""
    async with Shown(text="0123456789" * 20 + "\n") as it:
        await it.press("right")
        assert rows(it.view)[0].startswith("   1  89012345")
        assert "from column 9" in told(it.pane)
        await it.press("left")
        assert rows(it.view)[0].startswith("   1  01234567")


def test_folds_keep_wide_characters_whole() -> None:
    """A wide character is never split over two rows."""
    assert folds("漢字漢字", 3) == [0, 1, 2, 3]
    assert folds("abcdef", 3) == [0, 3]
    assert folds("", 3) == [0]
