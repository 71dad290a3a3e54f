"""What stands over and below the editor's text looks like, on a small and a usual terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.editing import FLUX, REF, EditApp, arrive
from tests.tui.waiting import until
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.screens.outline import OutlineScreen
from trainer_tui.tui.widgets.find_bar import FindBar

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 40)]
LOOSE = FLUX.replace("        optimizer:", "        \n        optimizer:")


def ready(
    app: EditApp, act: Callable[[Pilot[Any], EditorScreen], Awaitable[None]], text: str = FLUX
) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """The editor with a text that was looked at; then something is done."""

    async def before(pilot: Pilot[Any]) -> None:
        screen = EditorScreen(REF)
        app.push_screen(screen)
        await until(pilot, lambda: app.runtime.watched)
        arrive(app, text)
        area = screen.area
        await until(pilot, lambda: area.has_focus and area.size.height)
        await until(pilot, lambda: screen.checked.text == area.text)
        await act(pilot, screen)
        await until(pilot, lambda: screen.checked.text == area.text)
        await until(pilot, lambda: screen.keeper is None or not screen.keeper.waiting)
        await pilot.pause()

    return before


def line_of(text: str, part: str) -> int:
    """The line (from 1) that something stands on."""
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("size", SIZES)
def test_completions(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Keys that fit, the second of them chosen."""
    app = EditApp(tmp_path)

    async def act(pilot: Pilot[Any], screen: EditorScreen) -> None:
        screen.area.go_to(line_of(LOOSE, "        optimizer:") - 1, 9)
        await pilot.press("l", "down")

    assert snap_compare(app, terminal_size=size, run_before=ready(app, act, LOOSE))


@pytest.mark.parametrize("size", SIZES)
def test_values_above_the_line(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    """Values of a key near the end of the text, above it."""
    text = FLUX.replace('sampler: "flowmatch"', "sampler: ")
    app = EditApp(tmp_path, theme="daylight")

    async def act(pilot: Pilot[Any], screen: EditorScreen) -> None:
        line = line_of(text, "sampler: ")
        screen.area.go_to(len(text.split("\n")), 1)
        await pilot.pause()
        screen.area.go_to(line, len("        sampler: ") + 1)
        await pilot.press("ctrl+n")

    assert snap_compare(app, terminal_size=size, run_before=ready(app, act, text))


@pytest.mark.parametrize("size", SIZES)
def test_help(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """All that is known of one key."""
    app = EditApp(tmp_path)

    async def act(pilot: Pilot[Any], screen: EditorScreen) -> None:
        screen.area.go_to(line_of(FLUX, "        optimizer:"), 10)
        await pilot.press("f1")

    assert snap_compare(app, terminal_size=size, run_before=ready(app, act))


@pytest.mark.parametrize("size", SIZES)
def test_outline(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The keys of the text, the cursor's chosen."""
    app = EditApp(tmp_path)

    async def act(pilot: Pilot[Any], screen: EditorScreen) -> None:
        screen.area.go_to(line_of(FLUX, "        optimizer:"), 10)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, OutlineScreen))
        found: Any = app.screen
        await until(
            pilot, lambda: found.list.row < found.list.scroll_offset.y + found.list.size.height
        )

    assert snap_compare(app, terminal_size=size, run_before=ready(app, act))


@pytest.mark.parametrize(("size", "ascii_only"), [((80, 24), True), ((120, 40), False)])
def test_folded(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], ascii_only: bool
) -> None:
    """Four levels of a text, with a problem in one of the folds."""
    text = FLUX.replace("        linear: 16", "        linear: x")
    app = EditApp(tmp_path, ascii_only=ascii_only)

    async def act(pilot: Pilot[Any], screen: EditorScreen) -> None:
        screen.area.go_to(line_of(text, "      train:"), 7)
        await pilot.press("alt+4")

    assert snap_compare(app, terminal_size=size, run_before=ready(app, act, text))


@pytest.mark.parametrize("size", SIZES)
def test_find_and_replace(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """What is looked for is marked, the second selected, and something stands to replace it."""
    app = EditApp(tmp_path)

    async def act(pilot: Pilot[Any], screen: EditorScreen) -> None:
        await pilot.press("ctrl+r")
        await until(pilot, lambda: screen.query(FindBar) and app.focused is not screen.area)
        await pilot.press(*"sample", "down", "tab", *"picture")

    assert snap_compare(app, terminal_size=size, run_before=ready(app, act))
