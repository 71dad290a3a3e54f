"""F8, F2 and sending on a long text that is still being checked: they wait, nobody else does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.tui.editing import FLUX, EditApp
from tests.tui.test_editor import SIZE, opened, settled
from tests.tui.waiting import until
from trainer_tui.tui import checking
from trainer_tui.tui.checking import Checked, Rules
from trainer_tui.tui.screens.diff import DiffScreen

PROMPTS = "".join(f'          - "prompt {number}"\n' for number in range(4_000))
LONG = FLUX.replace("        prompts:\n", "        prompts:\n" + PROMPTS)
WRONG = LONG.replace("steps: 2000", "steps: 0")
LINE = WRONG[: WRONG.index("steps: 0")].count("\n") + 1


@pytest.fixture(autouse=True)
def lookers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Threads on which long texts were checked in this process."""
    found: list[str] = []
    look = checking.look

    def watched(text: str, rules: Rules) -> Checked:
        if len(text) > len(FLUX) * 2:
            found.append(threading.current_thread().name)
        return look(text, rules)

    monkeypatch.setattr(checking, "look", watched)
    return found


async def test_f8_waits_for_the_check_of_a_long_text(tmp_path: Path, lookers: list[str]) -> None:
    """Pressed before the check is through it goes to the new problem as soon as it is known,
    pressed twice to the second one."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, LONG)
        await settled(pilot, screen)
        screen.area.replace_all(WRONG)
        screen.area.go_to(LINE - 1, 1)
        screen.action_next_problem(1)
        assert screen.waits
        await until(pilot, lambda: not screen.waits)
        assert screen.area.cursor_location[0] + 1 == LINE
        two = WRONG.replace("batch_size: 1", "batch_sise: 1")
        screen.area.replace_all(two)
        screen.area.go_to(1, 1)
        screen.action_next_problem(1)
        screen.action_next_problem(1)
        assert screen.waits
        await until(pilot, lambda: not screen.waits)
        second = screen.checked.problems[1]
        assert screen.area.cursor_location == (second.line - 1, second.column - 1)
        assert threading.main_thread().name not in lookers


async def test_a_fix_that_waits_falls_when_one_types_on(tmp_path: Path) -> None:
    """What was asked of one text is not done to another; on the text itself it is done."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, LONG.replace("batch_size: 1", "batch_sise: 1"))
        await settled(pilot, screen)
        line = next(p.line for p in screen.checked.problems if p.code == "unknown-key")
        screen.area.go_to(line, 1)
        screen.area.insert("# one\n")
        screen.area.go_to(line + 1, 9)
        screen.action_fix()
        assert screen.waits
        screen.area.go_to(1, 1)
        await pilot.press("#")
        assert not screen.waits
        await settled(pilot, screen)
        assert "batch_sise" in screen.area.text
        screen.area.go_to(line + 1, 9)
        await pilot.press("f2")
        assert "batch_size: 1" in screen.area.text


async def test_sending_waits_and_holds_the_text(tmp_path: Path, lookers: list[str]) -> None:
    """ctrl+s says that it checks; nothing can be typed until the question is there."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, LONG)
        await settled(pilot, screen)
        screen.area.replace_all(WRONG)
        screen.action_send()
        assert screen.waits
        assert screen.area.read_only
        assert any("checking" in piece.text for piece in screen.state.pieces(100))
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        assert not screen.area.read_only
        assert "it must be at least 1" in "\n".join(text for _, text in app.screen._notes)
        assert threading.main_thread().name not in lookers


async def test_esc_ends_the_waiting_only(tmp_path: Path) -> None:
    """esc while ctrl+s waits takes that back: the editor stays, and can be typed in."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, LONG)
        await settled(pilot, screen)
        screen.area.replace_all(WRONG)
        screen.action_send()
        screen.action_leave()
        assert not screen.waits
        assert not screen.area.read_only
        await settled(pilot, screen)
        assert app.screen is screen
