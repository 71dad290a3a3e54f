"""Files that a log view must bear: growing, cut, replaced, and far too large."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.logs import Shown, lines
from tests.tui.waiting import until

pytestmark = pytest.mark.anyio

HUGE = 100 << 20


async def test_a_growing_log_is_followed_through_every_piece(tmp_path: Path) -> None:
    """Pieces that end anywhere, within a character too, give the lines that one piece gives."""
    data = "".join(f"漢字 {n} é\r\n" for n in range(60)).encode()
    async with Shown(tmp_path, text="") as it:
        for start in range(0, len(data), 7):
            it.feed(data[start : start + 7])
        await it.pilot.pause()
        assert it.rows[-1] == "  60  漢字 59 é"


async def test_a_file_that_is_cut_begins_anew(tmp_path: Path) -> None:
    """When the file is written anew, its new lines are shown, and that is said."""
    async with Shown(tmp_path) as it:
        await it.press("k")
        it.feed.anew("a new beginning\n")
        await it.pilot.pause()
        assert it.rows[0] == "   1  a new beginning"
        assert it.rows[1] == ""
        assert "began anew" in it.app.said[0]


async def test_a_file_that_is_replaced_is_noticed(tmp_path: Path) -> None:
    """A rotated log goes on with the new file, though that is longer than the old one."""
    async with Shown(tmp_path) as it:
        it.feed.rotate(lines(500, 1_000))
        await it.pilot.pause()
        assert it.rows[-1] == " 500  line 999"


async def test_a_line_of_100_mb(tmp_path: Path) -> None:
    """It is shown cut, with how much is missing; lines around it are reached as ever."""
    path = tmp_path / "log.txt"
    with path.open("wb") as file:
        file.write(b"first\n" + b"x" * 1_000)
        file.seek(HUGE)
        file.write(b"y\nlast\n")
    async with Shown(tmp_path, text="") as it:
        it.feed.tell()
        await it.pilot.pause()
        assert it.rows[0].endswith("first")
        assert it.rows[2].endswith("last")
        await it.press("w", "g", "pagedown", "pagedown")
        await it.press("G")
        assert it.rows[-1].endswith("last")
        await it.press("w")
        assert it.rows[1].endswith("…")


async def test_the_end_shows_before_lines_are_counted(tmp_path: Path) -> None:
    """A large log opens at its end with blank numbers; they come when they are known."""
    path = tmp_path / "log.txt"
    with path.open("wb") as file:
        block = lines(10_000, 90_000).encode()
        for _ in range(30):
            file.write(block)
    async with Shown(tmp_path, text="") as it:
        it.feed.tell()
        await it.until_row("line 89999")
        await until(it.pilot, lambda: it.view.document.count() == 2_400_000, "the count")
        await it.until_told("2,400,000 lines")
        assert it.rows[-1] == "2400000  line 89999"


async def test_random_bytes_are_shown_without_harm(tmp_path: Path) -> None:
    """Nothing in a file can move the cursor or change a colour beyond its own line."""
    import random

    data = random.Random(7).randbytes(20_000)
    async with Shown(tmp_path, text=data) as it:
        for _ in range(4):
            await it.press("pageup")
            assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in "".join(it.rows))
