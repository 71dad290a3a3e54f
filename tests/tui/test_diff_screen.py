"""The difference of two configs on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.editing import FLUX, EditApp
from tests.tui.test_editor import shown
from trainer_tui.core.yamlconfig import set_value
from trainer_tui.tui.screens.diff import DiffScreen


async def test_words_before_lines(tmp_path: Path) -> None:
    """What changes is said by key first, then shown line by line with numbers."""
    new = set_value(set_value(FLUX, "train.steps", 50), "trigger_word", "dog")
    app = EditApp(tmp_path)
    async with app.run_test(size=(120, 50)) as pilot:
        app.push_screen(DiffScreen("Difference", "x", FLUX, new))
        await pilot.pause()
        text = shown(app)
        assert text.index("train.steps  2000 → 50") < text.index("-         steps: 2000")
        assert "trigger_word  (none) → dog" in text
        assert "+2 -1" in text
        assert "unchanged lines" in text
        await pilot.press("y", "enter")
        assert len(app.screen_stack) == 1


async def test_remarks_alone_are_told_as_such(tmp_path: Path) -> None:
    """A difference in layout only says that no value changes."""
    app = EditApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(DiffScreen("Difference", "x", FLUX, FLUX + "# end\n"))
        await pilot.pause()
        assert "Only remarks and layout change." in shown(app)


async def test_the_same_is_said(tmp_path: Path) -> None:
    """Two texts that are the same say so."""
    app = EditApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(DiffScreen("Difference", "x", FLUX, FLUX))
        await pilot.pause()
        assert "the same, byte for byte" in shown(app)


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (("enter",), False),
        (("escape",), False),
        (("n",), False),
        (("y",), True),
        (("right", "enter"), True),
        (("tab", "tab", "enter"), False),
    ],
)
async def test_yes_is_chosen_on_purpose(
    tmp_path: Path, keys: tuple[str, ...], answer: bool
) -> None:
    """Enter takes the default, which is no; y, or moving to yes, sends."""
    answers: list[bool | None] = []
    app = EditApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = DiffScreen("Send", "x", FLUX, FLUX + "a: 1\n", question="Send it?")
        app.push_screen(screen, answers.append)
        await pilot.pause()
        await pilot.press(*keys)
        assert answers == [answer]


async def test_hostile_text_is_drawn(tmp_path: Path) -> None:
    """Escape sequences and markup in either text are shown as what they are."""
    app = EditApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(DiffScreen("D", "x", "a: [b]\x1b[2J[/]\n", "a: \x9b1\u202ex\n"))
        await pilot.pause()
        text = shown(app)
        assert "[b]" in text
        assert not {"\x1b", "\x9b", "\u202e"} & set(text)
