"""Completing keys and values, and help for a key, in the editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.editing import FLUX, EditApp
from tests.tui.waiting import screen_text, until
from tests.tui.yaml_editing import SECTIONS, editing, line_of, look, offered, opened
from trainer_tui.tui.screens.outline import OutlineScreen


async def test_a_key_is_completed_while_it_is_typed(tmp_path: Path) -> None:
    """Letters bring the list, Tab takes the first, its values follow, and undo goes back."""
    async with editing(tmp_path, SECTIONS) as (app, pilot, screen):
        area = screen.area
        await pilot.press("d", "t")
        assert offered(area)[0] == "dtype"
        assert "dtype" in screen_text(app)
        await pilot.press("tab")
        assert area.text == SECTIONS + "dtype: "
        assert "bf16" in offered(area)
        await pilot.press("down", "down", "up", "enter")
        assert area.text == SECTIONS + "dtype: bfloat16"
        assert offered(area) == []
        await pilot.press("ctrl+z")
        assert area.text == SECTIONS + "dtype: "
        await pilot.press("ctrl+z")
        assert area.text == SECTIONS + "dt"


async def test_esc_closes_the_list_and_only_that(tmp_path: Path) -> None:
    """esc takes the completions away; the text stays, and so does the editor."""
    async with editing(tmp_path, SECTIONS) as (app, pilot, screen):
        await pilot.press("o", "p")
        assert offered(screen.area)
        await pilot.press("escape")
        assert offered(screen.area) == []
        assert app.screen is screen
        assert screen.area.text == SECTIONS + "op"


async def test_enter_is_a_new_line_where_nothing_was_meant(tmp_path: Path) -> None:
    """Letters that only happen to be in a key do not turn Enter into a completion."""
    async with editing(tmp_path, SECTIONS) as (_app, pilot, screen):
        await pilot.press("d", "e", "c")
        assert offered(screen.area) and not offered(screen.area)[0].startswith("dec")
        await pilot.press("enter")
        assert screen.area.text == SECTIONS + "dec\n        "


async def test_the_list_on_request_and_none(tmp_path: Path) -> None:
    """ctrl+space (which terminals send as ctrl+@) and ctrl+n open it with nothing typed."""
    async with editing(tmp_path, SECTIONS) as (_app, pilot, screen):
        area = screen.area
        await pilot.press("ctrl+@")
        assert "steps" in offered(area)
        await pilot.press("escape", "ctrl+n")
        assert "steps" in offered(area)
        await pilot.press("left")
        assert offered(area) == []
        area.load_text("a: # remark")
        area.move_cursor((0, 11))
        await pilot.press("ctrl+n")
        assert offered(area) == []


async def test_backspace_widens_the_list(tmp_path: Path) -> None:
    """Taking letters back shows more again; taking all of them back closes it."""
    async with editing(tmp_path, SECTIONS) as (_app, pilot, screen):
        await pilot.press("s", "t", "e")
        few = offered(screen.area)
        await pilot.press("backspace")
        assert len(offered(screen.area)) >= len(few)
        await pilot.press("backspace", "backspace")
        assert offered(screen.area) == []


async def test_a_block_is_opened(tmp_path: Path) -> None:
    """A key that holds keys begins its block on the next line, with the text's line breaks."""
    text = SECTIONS.replace("\n", "\r\n").removesuffix("  ")
    async with editing(tmp_path, text) as (_app, pilot, screen):
        await pilot.press("s", "a", "v", "tab")
        assert screen.area.text == text + "save:\r\n        "


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 18)])
async def test_the_list_never_covers_the_line(tmp_path: Path, size: tuple[int, int]) -> None:
    """Above or below, wherever the cursor is: the line being typed is seen, the list too."""
    lines = FLUX[: FLUX.index("meta:")].splitlines()
    app = EditApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        area = (await opened(pilot, app, "\n".join(lines))).area
        for row in (1, 6, 12, 61, len(lines)):
            area.replace_all("\n".join([*lines[:row], "", *lines[row:]]))
            area.move_cursor((row, 0))
            await pilot.press("m")
            panel = area._panel
            assert offered(area) and panel is not None, row
            y = area.cursor_place.y
            assert not panel.holds(y), row
            assert panel.top >= 0 and panel.top + len(panel.strips) <= area.size.height, row
            assert panel.left + panel.strips[0].cell_length <= area.size.width, row
            rows = look(area)
            shown = rows[panel.top : panel.top + len(panel.strips)]
            assert any("meta" in line for line in shown), row
            await pilot.press("escape")


async def test_a_click_takes_a_completion(tmp_path: Path) -> None:
    """The mouse chooses too."""
    async with editing(tmp_path, SECTIONS) as (_app, pilot, screen):
        area = screen.area
        await pilot.press("o", "p", "t")
        panel = area._panel
        assert panel is not None
        second = offered(area)[1]
        await pilot.click(area, offset=(panel.left + 4, panel.top + 1))
        assert area.text.startswith(SECTIONS + second)


async def test_no_completions_for_configs_of_others(tmp_path: Path) -> None:
    """Where nobody knows the keys nothing is offered."""
    async with editing(tmp_path, SECTIONS) as (_app, pilot, screen):
        screen.area.know("kaos")
        await pilot.press("d", "t", "ctrl+n", "f1")
        assert offered(screen.area) == []
        assert screen.area._panel is None


async def test_help_for_the_key(tmp_path: Path) -> None:
    """F1 shows description, type and range of the key under the cursor until a key is pressed."""
    async with editing(tmp_path) as (app, pilot, screen):
        area = screen.area
        area.go_to(line_of(FLUX, "        linear: "), 10)
        await pilot.press("f1")
        text = screen_text(app)
        assert "network.linear" in text
        assert "whole number" in text
        assert "from 1 to 1024" in text
        await pilot.press("f1")
        assert area._panel is None
        await pilot.press("f1", "right")
        assert area._panel is None
        await pilot.press("f1", "escape")
        assert area._panel is None
        assert app.screen is screen


async def test_outline(tmp_path: Path) -> None:
    """A list of all keys, at the cursor's; typing narrows it, Enter goes there."""
    async with editing(tmp_path) as (app, pilot, screen):
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, OutlineScreen))
        await pilot.press(*"optimizer")
        await until(pilot, lambda: app.screen.list.choices[0].title.strip() == "optimizer")  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.cursor_location[0] + 1 == line_of(FLUX, "        optimizer:")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, OutlineScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
