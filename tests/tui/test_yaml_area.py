"""The editor's text as an IDE has it: completing, help, outline, folding, finding, lines, undo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.editing import FLUX, REF, EditApp, arrive
from tests.tui.waiting import screen_text, until
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.yamlconfig.outline import folds
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.screens.outline import OutlineScreen
from trainer_tui.tui.widgets.find_bar import FindBar
from trainer_tui.tui.widgets.yaml_area import YamlArea

SIZE = (100, 30)
SECTIONS = "job: extension\nconfig:\n  process:\n    - type: sd_trainer\n      train:\n        "


async def opened(pilot: Pilot[Any], app: EditApp, text: str = FLUX) -> EditorScreen:
    """The editor with a text in it, the cursor at its end."""
    screen = EditorScreen(REF)
    app.push_screen(screen)
    await until(pilot, lambda: app.runtime.watched)
    arrive(app, text)
    await until(pilot, lambda: screen.area.has_focus and screen.area.size.height)
    screen.area.move_cursor(screen.area.document.end)
    return screen


def line_of(text: str, part: str) -> int:
    """The line (from 1) that something stands on."""
    return text[: text.index(part)].count("\n") + 1


def offered(area: YamlArea) -> list[str]:
    """The labels of the completions that are shown."""
    return [item.label for item in area._offers.found.items] if area._offers else []


def look(area: YamlArea) -> list[str]:
    """The rows of the area as they are painted."""
    return [area.render_line(y).text.rstrip() for y in range(area.size.height)]


# Completing -----------------------------------------------------------------------------------


async def test_a_key_is_completed_while_it_is_typed(tmp_path: Path) -> None:
    """Letters bring the list, Tab takes the first, its values follow, and undo goes back."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, SECTIONS)
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
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, SECTIONS)
        await pilot.press("o", "p")
        assert offered(screen.area)
        await pilot.press("escape")
        assert offered(screen.area) == []
        assert app.screen is screen
        assert screen.area.text == SECTIONS + "op"


async def test_enter_is_a_new_line_where_nothing_was_meant(tmp_path: Path) -> None:
    """Letters that only happen to be in a key do not turn Enter into a completion."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, SECTIONS)
        await pilot.press("d", "e", "c")
        assert offered(screen.area) and not offered(screen.area)[0].startswith("dec")
        await pilot.press("enter")
        assert screen.area.text == SECTIONS + "dec\n        "


async def test_the_list_on_request_and_none(tmp_path: Path) -> None:
    """ctrl+space (which terminals send as ctrl+@) and ctrl+n open it with nothing typed."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, SECTIONS)
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
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, SECTIONS)
        await pilot.press("s", "t", "e")
        few = offered(screen.area)
        await pilot.press("backspace")
        assert len(offered(screen.area)) >= len(few)
        await pilot.press("backspace", "backspace")
        assert offered(screen.area) == []


async def test_a_block_is_opened(tmp_path: Path) -> None:
    """A key that holds keys begins its block on the next line, with the text's line breaks."""
    text = SECTIONS.replace("\n", "\r\n").removesuffix("  ")
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, text)
        await pilot.press("s", "a", "v", "tab")
        assert screen.area.text == text + "save:\r\n        "


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 18)])
@pytest.mark.parametrize("row", [0, 5, 11, 60, 10_000])
async def test_the_list_never_covers_the_line(
    tmp_path: Path, size: tuple[int, int], row: int
) -> None:
    """Above or below, wherever the cursor is: the line being typed is seen, the list too."""
    app = EditApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, app, FLUX[: FLUX.index("meta:")])
        area = screen.area
        row = min(row, area.document.line_count - 1)
        area.move_cursor((row, len(area.document.get_line(row))))
        await pilot.press("enter", "home")
        column = area.cursor_location[1]
        for _ in range(column):
            await pilot.press("backspace")
        await pilot.press("m")
        panel = area._panel
        assert offered(area) and panel is not None
        y = area.cursor_place.y
        assert not panel.holds(y)
        assert panel.top >= 0 and panel.top + len(panel.strips) <= area.size.height
        assert panel.left + panel.strips[0].cell_length <= area.size.width
        rows = look(area)
        assert any("meta" in line for line in rows[panel.top : panel.top + len(panel.strips)])


async def test_a_click_takes_a_completion(tmp_path: Path) -> None:
    """The mouse chooses too."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, SECTIONS)
        area = screen.area
        await pilot.press("o", "p", "t")
        panel = area._panel
        assert panel is not None
        second = offered(area)[1]
        await pilot.click(area, offset=(panel.left + 4, panel.top + 1))
        assert area.text.startswith(SECTIONS + second)


async def test_no_completions_for_configs_of_others(tmp_path: Path) -> None:
    """Where nobody knows the keys nothing is offered."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, SECTIONS)
        screen.area.completer = None
        await pilot.press("d", "t", "ctrl+n", "f1")
        assert offered(screen.area) == []
        assert screen.area._panel is None


# Help, outline --------------------------------------------------------------------------------


async def test_help_for_the_key(tmp_path: Path) -> None:
    """F1 shows description, type and range of the key under the cursor until a key is pressed."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
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
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
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


# Folding --------------------------------------------------------------------------------------


async def test_folding_and_unfolding(tmp_path: Path) -> None:
    """A folded part is one line with how many it hides; the cursor steps over it."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
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
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
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
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
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
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, text)
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
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, text)
        area = screen.area
        await until(pilot, lambda: screen.checked.problems)
        area.go_to(line_of(text, "      network:"), 1)
        await pilot.press("f9")
        assert "✗" in next(row for row in look(area) if "network:" in row)
        await pilot.press("f8")
        assert area.cursor_location[0] + 1 == line_of(text, "        linear: x")
        assert not area.view.hidden(area.cursor_location[0])


# Finding --------------------------------------------------------------------------------------


def bar(screen: EditorScreen) -> FindBar:
    """The bar below the text."""
    return screen.query_one(FindBar)


async def test_finding(tmp_path: Path) -> None:
    """Typing finds at once, Enter and up walk, the count is told, esc leaves the hit selected."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        area = screen.area
        area.go_to(1, 1)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(app.focused, type(bar(screen).wanted)))
        await pilot.press(*"steps:")
        await until(pilot, lambda: "1 of" in screen_text(app))
        assert area.selected_text == "steps:"
        first = area.selection
        await pilot.press("enter")
        await until(pilot, lambda: "2 of" in screen_text(app))
        assert area.selection != first
        await pilot.press("up")
        await until(pilot, lambda: area.selection == first)
        await pilot.press("escape")
        await until(pilot, lambda: area.has_focus)
        assert app.screen is screen
        assert area.selected_text == "steps:"
        await pilot.press("f3")
        assert area.selected_text == "steps:" and area.selection != first


async def test_smart_case_and_regular_expressions(tmp_path: Path) -> None:
    """Capitals count when typed; alt+r makes it a regular expression, a bad one is told."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, "Lr: 1\nlr: 2\nl.r: 3\n")
        await pilot.press("ctrl+f")
        await until(pilot, lambda: screen.query(FindBar) and bar(screen).wanted.has_focus)
        await pilot.press(*"lr")
        await until(pilot, lambda: "of 2" in screen_text(app))
        await pilot.press("home", "delete", "L")
        await until(pilot, lambda: "of 1" in screen_text(app))
        await pilot.press("end", "backspace", "backspace", *"l.r")
        await until(pilot, lambda: "of 1" in screen_text(app))
        await pilot.press("alt+r", "backspace", "?", "r", "(")
        await until(pilot, lambda: "unterminated" in screen_text(app))
        await pilot.press("backspace")
        await until(pilot, lambda: "regex  3 of 3" in screen_text(app))


async def test_replacing_one_and_all(tmp_path: Path) -> None:
    """Enter replaces the selected one and goes on; all of them are one step to undo."""
    text = "a: dog\nb: dog\r\nc: dog dog\n"
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, text)
        area = screen.area
        area.go_to(1, 1)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: screen.query(FindBar) and bar(screen).wanted.has_focus)
        await pilot.press(*"dog")
        await until(pilot, lambda: "1 of 4" in screen_text(app))
        await pilot.press("tab", *"cat", "enter")
        await until(pilot, lambda: area.text == "a: cat\nb: dog\r\nc: dog dog\n")
        await pilot.press("alt+a")
        await until(pilot, lambda: area.text == "a: cat\nb: cat\r\nc: cat cat\n")
        await until(pilot, lambda: "3 replaced" in screen_text(app))
        await pilot.press("ctrl+z")
        await until(pilot, lambda: area.text == "a: cat\nb: dog\r\nc: dog dog\n")
        await pilot.press("ctrl+z")
        await until(pilot, lambda: area.text == text)


async def test_groups_in_the_replacement(tmp_path: Path) -> None:
    r"""With a regular expression \1 is the first group; one that is not there is told."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, "a: x1\nb: x2\n")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: screen.query(FindBar) and bar(screen).wanted.has_focus)
        await pilot.press("alt+r", *"x(.)", "tab", *r"\1\2", "alt+a")
        await until(pilot, lambda: "the replacement" in screen_text(app))
        await pilot.press("backspace", "backspace", "alt+a")
        await until(pilot, lambda: screen.area.text == "a: 1\nb: 2\n")


# Lines and undo -------------------------------------------------------------------------------


async def test_lines_are_moved_and_copied(tmp_path: Path) -> None:
    """alt+up and alt+down move lines, alt+d copies them; line breaks and folds go along."""
    text = "a: 1\r\nb:\n  c: 2\nd: 3\n"
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, text)
        area = screen.area
        area.go_to(1, 2)
        await pilot.press("alt+down")
        assert area.text == "b:\r\na: 1\n  c: 2\nd: 3\n"
        assert area.cursor_location == (1, 1)
        await pilot.press("alt+up", "alt+up")
        assert area.text == text
        area.go_to(2, 1)
        await pilot.press("f9", "alt+up")
        assert area.text == "b:\r\n  c: 2\na: 1\nd: 3\n"
        assert area.view.folds == {0: 1}
        await pilot.press("alt+down", "alt+down")
        assert area.text == "a: 1\r\nd: 3\nb:\n  c: 2\n"
        assert area.view.folds == {2: 3}
        area.go_to(1, 3)
        await pilot.press("alt+d")
        assert area.text == "a: 1\r\na: 1\r\nd: 3\nb:\n  c: 2\n"
        assert area.cursor_location == (1, 2)
        await pilot.press(*["ctrl+z"] * 6)
        assert area.text == text


async def test_quotes_go_around_what_is_selected(tmp_path: Path) -> None:
    """A quote or bracket typed over a selection surrounds it; alone it is just typed."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, "a: dog\n")
        area = screen.area
        area.select_range((0, 3), (0, 6))
        await pilot.press('"')
        assert area.text == 'a: "dog"\n'
        assert area.selected_text == "dog"
        area.move_cursor((1, 0))
        await pilot.press("[")
        assert area.text == 'a: "dog"\n['


async def test_undo_survives_sending(tmp_path: Path) -> None:
    """After the service has accepted the text, what was typed before can still be undone."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        area = screen.area
        area.go_to(line_of(FLUX, "        steps: 2000"), 16)
        await pilot.press("1")
        changed = area.text
        assert changed != FLUX
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is not screen)
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        app.runtime.asked[0][3].set_result(Outcome(REF, Act.EDIT, True, "saved"))
        await until(pilot, lambda: not screen.sending)
        area.undo()
        assert area.text == FLUX
        area.redo()
        assert area.text == changed


async def test_only_rows_that_changed_are_painted(tmp_path: Path) -> None:
    """A key in a line paints that line; moving down paints the two lines that are concerned."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        area = screen.area
        area.go_to(10, 1)
        await until(pilot, lambda: screen.checked.text == area.text)
        await pilot.pause()
        painted: list[int] = []
        paint = area.render_line

        def counted(y: int) -> Any:
            painted.append(y)
            return paint(y)

        area.render_line = counted  # type: ignore[method-assign]
        await pilot.press("down")
        await pilot.pause()
        assert 0 < len(painted) <= 4
        painted.clear()
        await pilot.press("#")
        await pilot.pause()
        assert 0 < len(painted) <= 4
