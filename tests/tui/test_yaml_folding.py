"""Folding parts of the text, and the outline."""

from __future__ import annotations

from pathlib import Path

from tests.tui.editing import FLUX
from tests.tui.waiting import until
from tests.tui.yaml_editing import editing, line_of, look
from trainer_tui.core.yamlconfig.outline import folds


async def test_folding_and_unfolding(tmp_path: Path) -> None:
    """A folded part is one line with how many it hides; the cursor steps over it."""
    async with editing(tmp_path) as (_app, pilot, screen):
        area = screen.area
        line = line_of(FLUX, "      network:")
        last = dict(folds(FLUX))[line]
        area.go_to(line, 9)
        await pilot.press("f9")
        await pilot.pause()
        seen = next(row for row in look(area) if "network:" in row)
        assert f"… {last - line} lines" in seen
        assert not any("linear_alpha" in row for row in look(area))
        await pilot.press("down")
        assert area.cursor_location == (last, 8)
        await pilot.press("up")
        assert area.cursor_location == (line - 1, 8)
        await pilot.press("end", "right")
        assert area.cursor_location == (last, 0)
        await pilot.press("left")
        assert area.cursor_location == (line - 1, len(area.document.get_line(line - 1)))
        assert area.text == FLUX
        await pilot.press("f9")
        assert any("linear_alpha" in row for row in look(area))


async def test_folding_from_inside_and_all(tmp_path: Path) -> None:
    """Inside of a part F9 folds that part; levels and all go at once."""
    async with editing(tmp_path) as (_app, pilot, screen):
        area = screen.area
        line = line_of(FLUX, "      network:")
        area.go_to(line + 2, 12)
        await pilot.press("f9")
        assert area.cursor_location[0] == line - 1
        await pilot.press("alt+1")
        assert area.view.height < 12
        assert area.cursor_location[0] + 1 == line_of(FLUX, "config:")
        await pilot.press("alt+4")
        shown = area.view.height
        assert 12 < shown < area.document.line_count
        await pilot.press("alt+0")
        assert area.view.height == area.document.line_count


async def test_an_edit_or_a_jump_opens_a_fold(tmp_path: Path) -> None:
    """go_to, search and undo inside of a fold unfold it; an edit above keeps it."""
    async with editing(tmp_path) as (_app, pilot, screen):
        area = screen.area
        line = line_of(FLUX, "      train:")
        inside = line_of(FLUX, "        optimizer:")
        area.go_to(inside, 9)
        await pilot.press("x")
        area.go_to(line, 1)
        await pilot.press("f9")
        assert area.view.hidden(inside - 1)
        area.go_to(1, 1)
        await pilot.press("enter")
        assert area.view.hidden(inside)
        await pilot.press("ctrl+z")
        assert area.view.hidden(inside - 1)
        await pilot.press("ctrl+z")
        assert area.text == FLUX
        assert not area.view.hidden(inside - 1)
        area.go_to(line, 1)
        await pilot.press("f9")
        area.go_to(inside, 3)
        assert not area.view.hidden(inside - 1)
        assert area.cursor_location == (inside - 1, 2)


async def test_backspace_behind_a_fold_takes_one_line_break(tmp_path: Path) -> None:
    """What is hidden is never deleted by a key that was meant for what is seen."""
    text = "a:\n  b: 1\n  c: 2\nd: 3\n"
    async with editing(tmp_path, text) as (_app, pilot, screen):
        area = screen.area
        area.go_to(1, 1)
        await pilot.press("f9")
        area.move_cursor((3, 0))
        await pilot.press("backspace")
        assert area.text == "a:\n  b: 1\n  c: 2d: 3\n"
        assert area.view.height == area.document.line_count


async def test_folded_problems_are_seen_on_the_fold(tmp_path: Path) -> None:
    """The sign of a problem inside stands on the folded line, and F8 opens it."""
    text = FLUX.replace("        linear: 16", "        linear: x")
    async with editing(tmp_path, text) as (_app, pilot, screen):
        area = screen.area
        await until(pilot, lambda: screen.checked.problems)
        area.go_to(line_of(text, "      network:"), 1)
        await pilot.press("f9")
        assert "✗" in next(row for row in look(area) if "network:" in row)
        await pilot.press("f8")
        assert area.cursor_location[0] + 1 == line_of(text, "        linear: x")
        assert not area.view.hidden(area.cursor_location[0])
