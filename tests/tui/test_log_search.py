"""Finding things in a log: search, filter, errors, in a process of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from tests.tui.logs import Shown, lines
from tests.tui.waiting import until
from trainer_tui.tui.widgets.log_view import LogView

pytestmark = pytest.mark.anyio

TRACEBACK = "Traceback (most recent call last):\n  x\nValueError: no\n"


async def test_search_while_typing(tmp_path: Path) -> None:
    """``/`` finds while typing, counts, walks with n and N and goes round; escape takes it back."""
    async with Shown(tmp_path) as it:
        await it.press("g", "slash", "7", "7")
        await it.until_told("1/1")
        assert " 78  line 77" in "\n".join(it.rows)
        await it.press("backspace", "enter")
        await it.until_told("/7 1/19   100 lines")
        await it.press("n", "n")
        await it.until_told("/7 3/19")
        await it.press("N", "N", "N")
        await it.until_told("/7 19/19")
        await it.press("escape")
        assert it.view.search is None
        assert "/7" not in it.told


async def test_a_search_that_is_pasted(tmp_path: Path) -> None:
    """A pattern whose enter comes in the same moment is sought like one typed slowly."""
    async with Shown(tmp_path) as it:
        await it.press("g", "slash")
        for key in [*"77", "enter"]:
            it.app.post_message(events.Key(key, "\r" if key == "enter" else key))
        await it.until_told("/77 1/1")
        await it.press("ampersand")
        for key in [*"19", "enter"]:
            it.app.post_message(events.Key(key, "\r" if key == "enter" else key))
        await it.until_row(" 20  line 19")


async def test_search_knows_capitals(tmp_path: Path) -> None:
    """Small letters match both cases, capitals only themselves."""
    async with Shown(tmp_path, text="Loss\nloss\nLOSS\n") as it:
        await it.press("slash", *"loss", "enter")
        await it.until_told("/3")
        await it.press("slash", *"Loss", "enter")
        await it.until_told("/Loss 1/1")


async def test_matches_are_marked(tmp_path: Path) -> None:
    """What matches is lit in every line that is seen, and no longer when the search ends."""
    async with Shown(tmp_path, text="a needle here\nnone\n") as it:

        def lit() -> list[str]:
            ground = it.view.theme_colour("warning")
            strip = it.view.render_line(0)
            return [text for text, style, _ in strip if style and style.bgcolor == ground]

        await it.press("slash", *"needle", "enter")
        await until(it.pilot, lambda: lit() == ["needle"], "the match lit")
        await it.press("escape")
        assert lit() == []


async def test_search_taken_back_returns(tmp_path: Path) -> None:
    """Escape while typing goes back to where the search began, and to what it was."""
    async with Shown(tmp_path) as it:
        await it.press("k", "k")
        before = it.rows
        await it.press("slash", "1", "2")
        await it.until_row("line 12")
        await it.press("escape")
        assert it.rows == before
        assert it.view.search is None
        assert isinstance(it.app.focused, LogView)


async def test_an_empty_search_is_the_last_one_again(tmp_path: Path) -> None:
    """``/`` and Enter look for the same as before."""
    async with Shown(tmp_path) as it:
        await it.press("g", "slash", *"5$", "enter")
        await it.until_told("1/10")
        await it.press("slash", "enter")
        await it.until_told("/5$ 1/10")


async def test_bad_pattern_says_why_and_keeps_the_last(tmp_path: Path) -> None:
    """Half an expression is no accident: the last good one stays."""
    async with Shown(tmp_path) as it:
        await it.press("slash", *"line", "left_parenthesis")
        assert "missing )" in it.told
        assert it.view.search is not None
        assert it.view.search.pattern is not None
        assert it.view.search.pattern.text == "line"


async def test_nothing_found_is_said(tmp_path: Path) -> None:
    """When all was looked at and there is nothing, that is told; the place stays."""
    async with Shown(tmp_path) as it:
        before = it.rows
        await it.press("slash", *"absent")
        await it.until_told("no match")
        assert it.rows == before


async def test_a_pattern_without_end_holds_nothing_up(tmp_path: Path) -> None:
    """An expression that would run for ages leaves the keys working, and escape ends it."""
    async with Shown(tmp_path, text=("a" * 40 + "!\n") * 200) as it:
        await it.press("slash", *"(a+)+b")
        await it.press("escape")
        assert it.view.search is None
        await it.press("g")
        assert it.rows[0].startswith("   1  aaaa")


async def test_hits_in_new_lines_are_counted(tmp_path: Path) -> None:
    """A search goes on in what arrives."""
    async with Shown(tmp_path) as it:
        await it.press("slash", *"9$", "enter")
        await it.until_told("/10")
        it.feed(lines(100, 130))
        await it.until_told("/13")


async def test_filter_keeps_line_numbers(tmp_path: Path) -> None:
    """``&`` leaves only lines that match, under their own numbers, and takes new ones."""
    async with Shown(tmp_path) as it:
        await it.press("ampersand", *"9$", "enter")
        await it.until_told("&9$ 10 of 100 lines")
        await until(it.pilot, lambda: len([row for row in it.rows if row]) == 10, "ten lines")
        assert [row for row in it.rows if row] == [
            f"{n:>4}  line {n - 1}" for n in range(10, 101, 10)
        ]
        it.feed("line 109\nline 110\n")
        await it.until_row(" 101  line 109")
        await it.press("escape")
        assert it.rows[-1] == " 102  line 110"


async def test_filter_with_context(tmp_path: Path) -> None:
    """``+`` shows a line more around each that matches, with a rule between the groups."""
    async with Shown(tmp_path) as it:
        await it.press("ampersand", *"[37]0$", "enter")
        await it.until_told("&[37]0$ 2 of 100 lines")
        await it.press("plus")
        await it.until_told("±1")
        await it.until_row("line 69")
        seen = [row for row in it.rows if row]
        assert [row for row in seen if "line" in row] == [
            f"{n + 1:>4}  line {n}" for n in (29, 30, 31, 69, 70, 71)
        ]
        assert len(seen) == 7
        await it.press("minus")
        await until(it.pilot, lambda: len([row for row in it.rows if row]) == 2, "two lines")


async def test_the_line_in_sight_stays_when_the_filter_goes(tmp_path: Path) -> None:
    """Filter, read, let go: the line at the top is the one that was there."""
    async with Shown(tmp_path, text=lines(0, 1_000)) as it:
        await it.press("ampersand", *"5$", "enter")
        await it.until_told("100 of 1,000 lines")
        await it.press("g", "j", "j")
        await it.until_row("  26  line 25")
        assert it.rows[0] == "  26  line 25"
        await it.press("escape")
        assert it.rows[0] == "  26  line 25"


async def test_a_filter_taken_back_shows_all(tmp_path: Path) -> None:
    """Escape while typing a filter leaves things as they were."""
    async with Shown(tmp_path) as it:
        before = it.rows
        await it.press("ampersand", *"77")
        await until(it.pilot, lambda: [r for r in it.rows if r] == ["  78  line 77"], "one line")
        await it.press("escape")
        assert it.rows == before


async def test_search_within_a_filter_goes_over_what_is_shown(tmp_path: Path) -> None:
    """``n`` skips hits that the filter hides."""
    async with Shown(tmp_path) as it:
        await it.press("ampersand", *"9$", "enter")
        await it.until_told("10 of 100")
        await it.press("g", "slash", *"[12]", "enter")
        await until(it.pilot, lambda: it.number(it.view.current) == 19, "the first")
        await it.press("n")
        await until(it.pilot, lambda: it.number(it.view.current) == 29, "the second")


async def test_what_the_filter_shows_can_be_saved(tmp_path: Path) -> None:
    """With a filter its lines are what is offered first."""
    async with Shown(tmp_path) as it:
        await it.press("ampersand", *"9$", "enter")
        await it.until_told("10 of 100")
        await it.press("ctrl+s")
        assert "save shown as" in str(it.pane.query_one("#log-sign").render())
        it.pane.answer.value = str(tmp_path / "nines.log")
        await it.press("enter")
        await until(it.pilot, lambda: it.app.said, "a word that it is saved")
        expected = "".join(f"line {n}\n" for n in range(9, 100, 10))
        assert (tmp_path / "nines.log").read_text() == expected


async def test_errors_are_found(tmp_path: Path) -> None:
    """``E`` and ``e`` walk over errors and tracebacks, each traceback once."""
    text = lines(0, 30) + TRACEBACK + lines(33, 80) + "ERROR: late\n" + lines(81, 120)
    async with Shown(tmp_path, text=text) as it:
        await it.press("g", "E")
        await until(it.pilot, lambda: it.number(it.view.current) == 30, "the traceback")
        await it.press("E")
        await until(it.pilot, lambda: it.number(it.view.current) == 80, "the error")
        await it.press("e")
        await until(it.pilot, lambda: it.number(it.view.current) == 30, "the traceback again")


async def test_last_error_from_the_end(tmp_path: Path) -> None:
    """While following, ``e`` goes to the last error."""
    text = lines(0, 20) + "ERROR: early\n" + lines(21, 50) + "ERROR: late\n" + lines(51, 100)
    async with Shown(tmp_path, text=text) as it:
        await it.press("e")
        await until(it.pilot, lambda: it.number(it.view.current) == 50, "the last error")
        assert any("ERROR: late" in row for row in it.rows)


async def test_no_error_is_said(tmp_path: Path) -> None:
    """Where nothing went wrong, ``E`` says so."""
    async with Shown(tmp_path) as it:
        await it.press("E")
        await until(it.pilot, lambda: it.app.said, "a word")
        assert it.app.said == ["no error and no traceback in this log"]


async def test_a_record_is_lit_where_its_match_is_told(tmp_path: Path) -> None:
    """In a folded JSON line the text that matched is lit where the folded line has it."""
    async with Shown(tmp_path, text='{"level": "info", "msg": "a needle", "n": 1}\n') as it:
        await it.press("slash", *"needle", "enter")
        ground = it.view.theme_colour("warning")

        def lit() -> list[str]:
            strip = it.view.render_line(0)
            return [text for text, style, _ in strip if style and style.bgcolor == ground]

        await until(it.pilot, lambda: lit() == ["needle"], "the match lit")
