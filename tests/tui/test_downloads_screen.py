"""The download queue with the keys that a person presses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.panes import REF, PaneApp
from trainer_tui.core.messages import DownloadChanged
from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.model import ArtifactKind
from trainer_tui.tui.glyphs import UNICODE
from trainer_tui.tui.screens.downloads import DownloadsScreen
from trainer_tui.tui.widgets.transfer import middle

pytestmark = pytest.mark.anyio


def row(number: int, phase: DownloadPhase, **more: object) -> DownloadRow:
    made = DownloadRow(
        number,
        REF,
        f"file{number}.png",
        ArtifactKind.SAMPLE,
        Path(f"/d/dog/file{number}.png"),
        phase=phase,
        size=1_000_000,
        held=500_000,
    )
    return made.replace(**more)


ROWS = [
    row(1, DownloadPhase.DONE, target=Path("/d/dog/file1 (2).png"), held=1_000_000),
    row(2, DownloadPhase.FAILED, note="the disk is full"),
    row(3, DownloadPhase.PAUSED),
    row(4, DownloadPhase.RUNNING, rate=100_000.0),
]


def rows(screen: DownloadsScreen) -> list[str]:
    queue = screen.queue
    return [queue.render_line(y).text.rstrip() for y in range(len(queue.rows))]


def line(screen: DownloadsScreen, where: str) -> str:
    return str(screen.query_one(where).render()).strip()


async def test_a_row_each_newest_first() -> None:
    """Bar, share, size, speed and time left; the title sums up."""
    app = PaneApp(None)
    app.runtime.rows = ROWS
    async with app.run_test(size=(120, 20)) as pilot:
        screen = DownloadsScreen()
        await app.push_screen(screen)
        await pilot.pause()
        text = rows(screen)
        assert text[0].split() == [
            *("↓", "file4.png", "dog", "████████········", "50%", "1.0", "MB", "100", "kB/s"),
            *("<1m", "running"),
        ]
        assert text[2].endswith("the disk is full")
        assert (
            line(screen, "#queue-title")
            == "Downloads   1 running · 1 failed · 100 kB/s · 1.0 MB to go"
        )


async def test_a_taken_name_is_told() -> None:
    """Where a file was there already, both names are said."""
    app = PaneApp(None)
    app.runtime.rows = ROWS
    async with app.run_test(size=(120, 20)) as pilot:
        screen = DownloadsScreen()
        await app.push_screen(screen)
        await pilot.press("G")
        assert (
            line(screen, "#queue-line") == "/d/dog/file1 (2).png  file1.png was there already: kept"
        )


async def test_keys_act_on_the_row() -> None:
    """p holds and lets go, r tries again, x gives up; what a row does not allow does nothing."""
    app = PaneApp(None)
    app.runtime.rows = ROWS
    async with app.run_test(size=(120, 20)) as pilot:
        await app.push_screen(DownloadsScreen())
        await pilot.press("r", "p", "x", "j", "p", "j", "r", "p", "j", "r", "x", "C", "y")
        assert app.runtime.asked == [
            ("pause_download", 4),
            ("cancel_download", 4),
            ("retry_download", 3),
            ("retry_download", 2),
            ("clear_downloads",),
        ]
        assert app.copied == ["/d/dog/file1 (2).png"]


async def test_only_what_changed_is_painted() -> None:
    """A step too small to be seen causes no repaint; a new row does not move the cursor."""
    app = PaneApp(None)
    app.runtime.rows = ROWS
    async with app.run_test(size=(120, 20)) as pilot:
        screen = DownloadsScreen()
        await app.push_screen(screen)
        await pilot.pause()
        screen.receive(DownloadChanged(ROWS[3].replace(held=500_010)))
        assert not screen.queue._repaint_regions
        screen.receive(DownloadChanged(ROWS[3].replace(held=750_000)))
        await pilot.pause()
        assert "75%" in rows(screen)[0]
        screen.receive(DownloadChanged(row(5, DownloadPhase.WAITING)))
        await pilot.pause()
        current = screen.queue.current
        assert current is not None
        assert current.id == 4


async def test_empty_says_what_to_press() -> None:
    """With nothing in the queue, how to fill it."""
    app = PaneApp(None)
    async with app.run_test(size=(80, 20)) as pilot:
        screen = DownloadsScreen()
        await app.push_screen(screen)
        await pilot.pause()
        assert screen.has_class("empty")
        assert "press d" in line(screen, "#queue-empty")
        screen.receive(DownloadChanged(ROWS[3]))
        await pilot.pause()
        assert not screen.has_class("empty")


def test_long_names_keep_their_ends() -> None:
    """A cut file name still shows its step."""
    name = "dog_portrait_lora_of_my_dog_000000750.safetensors"
    cut = middle(name, 30, UNICODE)
    assert len(cut) == 30
    assert cut.endswith("750.safetensors")
    assert cut.startswith("dog_")
    # A long ending that all share goes before what tells one from the next.
    assert middle("hills-1-nas-r8-d5dc3d8d0b.safetensors", 28, UNICODE).strip() == (
        "hills-1-nas-r8-d5dc3d8d0b…"
    )
