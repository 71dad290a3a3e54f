"""Finding and replacing in the text, moving its lines, undoing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tui.editing import FLUX, REF
from tests.tui.waiting import screen_text, until
from tests.tui.yaml_editing import editing, line_of
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.widgets.find_bar import FindBar


def bar(screen: EditorScreen) -> FindBar:
    """The bar below the text."""
    return screen.query_one(FindBar)


async def test_finding(tmp_path: Path) -> None:
    """Typing finds at once, Enter and up walk, the count is told, esc leaves the hit selected."""
    async with editing(tmp_path) as (app, pilot, screen):
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
    async with editing(tmp_path, "Lr: 1\nlr: 2\nl.r: 3\n") as (app, pilot, screen):
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
    async with editing(tmp_path, text) as (app, pilot, screen):
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
    async with editing(tmp_path, "a: x1\nb: x2\n") as (app, pilot, screen):
        await pilot.press("ctrl+r")
        await until(pilot, lambda: screen.query(FindBar) and bar(screen).wanted.has_focus)
        await pilot.press("alt+r", *"x(.)", "tab", *r"\1\2", "alt+a")
        await until(pilot, lambda: "the replacement" in screen_text(app))
        await pilot.press("backspace", "backspace", "alt+a")
        await until(pilot, lambda: screen.area.text == "a: 1\nb: 2\n")


async def test_lines_are_moved_and_copied(tmp_path: Path) -> None:
    """alt+up and alt+down move lines, alt+d copies them; line breaks and folds go along."""
    text = "a: 1\r\nb:\n  c: 2\nd: 3\n"
    async with editing(tmp_path, text) as (_app, pilot, screen):
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
    async with editing(tmp_path, "a: dog\n") as (_app, pilot, screen):
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
    async with editing(tmp_path) as (app, pilot, screen):
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
    async with editing(tmp_path) as (_app, pilot, screen):
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


async def test_scrolling_sideways(tmp_path: Path) -> None:
    """Beyond the edge the text is scrolled by more than a letter; on another line it comes back."""
    text = "a: 1  # " + "x" * 200 + "\nb: 2\n# " + "y" * 60 + "\n"
    async with editing(tmp_path, text) as (_app, pilot, screen):
        area = screen.area
        area.go_to(1, 80)
        await pilot.pause()
        seen = set()
        for _ in range(40):
            await pilot.press("right")
            seen.add(area.scroll_offset.x)
            assert 0 <= area.cursor_place.x < area.size.width
        assert len(seen) <= 3
        await pilot.press("down")
        assert area.scroll_offset.x == 0
        area.go_to(1, 190)
        await until(pilot, lambda: area.scroll_offset.x > 0)
        area.go_to(3, 40)
        await until(pilot, lambda: area.scroll_offset.x == 0)
        area.go_to(1, 150)
        left = area.scroll_offset.x
        await pilot.press("left", "left")
        assert area.scroll_offset.x == left
        await pilot.press("home")
        assert area.scroll_offset.x == 0


async def test_to_the_ends_of_the_text(tmp_path: Path) -> None:
    """ctrl+home and ctrl+end go to its ends; with shift what lies between is selected."""
    async with editing(tmp_path, "a: 1\nb: 2\nc: 3") as (_app, pilot, screen):
        area = screen.area
        area.go_to(2, 3)
        await pilot.press("ctrl+end")
        assert area.cursor_location == (2, 4)
        await pilot.press("ctrl+home")
        assert area.cursor_location == (0, 0)
        await pilot.press("ctrl+shift+end")
        assert area.selected_text == area.text
