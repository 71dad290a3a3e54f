"""Keys typed faster than the console moves go to what the key before them opened."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from textual import events
from textual.keys import _character_to_key

from tests.tui.console import asked, make, running, until
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.screens.confirm import ConfirmScreen
from trainer_tui.tui.screens.prompt import TrackScreen
from trainer_tui.tui.screens.theme_picker import ThemePicker

pytestmark = pytest.mark.anyio
_NAMED = {"enter", "escape", "tab", "space", "down", "up", "backspace", "ctrl+f"}


def typed(app: TrainerApp, keys: Iterable[str]) -> None:
    """All keys at once, as one packet of an SSH line brings them."""
    for key in keys:
        name = key if key in _NAMED else _character_to_key(key)
        character = key if len(key) == 1 else None
        app.post_message(events.Key(name, character))


async def test_letters_of_a_filter_are_never_commands(tmp_path: Path) -> None:
    """``/`` and a filter with s, t and c in one go filter; nothing opens."""
    app = make(tmp_path)
    async with running(app) as pilot:
        typed(app, ["/", *"status:failed", "enter"])
        await until(pilot, lambda: app.filter.text == "status:failed")
        await until(pilot, lambda: app.main and app.main.table.has_focus)
        assert app.screen is app.main
        assert asked(app) == []


async def test_a_command_right_after_a_filter_is_a_command(tmp_path: Path) -> None:
    """What follows the enter that ends the filter goes to the table again."""
    app = make(tmp_path)
    async with running(app) as pilot:
        typed(app, ["/", *"dog", "enter", "c"])
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert app.filter.text == "dog"


async def test_keys_after_a_question_answer_it(tmp_path: Path) -> None:
    """``c`` and ``n`` in one go ask and answer no; they do not open the new job."""
    app = make(tmp_path)
    async with running(app) as pilot:
        typed(app, ["c", "n", "T"])
        await until(pilot, lambda: isinstance(app.screen, TrackScreen))
        assert asked(app) == []


async def test_a_field_of_a_dialog_gets_what_is_typed_after_it(tmp_path: Path) -> None:
    """The theme picker's field gets the letters that follow the key that opens it, in order."""
    app = make(tmp_path)
    async with running(app) as pilot:
        typed(app, ["t", *"linen"])
        await until(pilot, lambda: isinstance(app.screen, ThemePicker))
        await until(pilot, lambda: app.theme == "linen")


async def test_keys_after_a_tab_of_the_detail_go_to_it(tmp_path: Path) -> None:
    """Into the detail, to the logs, a search: all in one go, and no letter is a command."""
    app = make(tmp_path)
    async with running(app) as pilot:
        typed(app, ["enter", "2", "j", "escape", "j"])
        await until(pilot, lambda: app.main and app.main.table.has_focus)
        await until(pilot, lambda: app.main and app.main.table.row == 1)
        assert app.main
        assert app.main.detail.tab == "logs"


async def test_pasted_text_keeps_its_place_among_keys(tmp_path: Path) -> None:
    """Text pasted right after the filter's key lands in the filter."""
    app = make(tmp_path)
    async with running(app) as pilot:
        typed(app, ["/"])
        app.post_message(events.Paste("do"))
        typed(app, ["g"])
        await until(pilot, lambda: app.filter.text == "dog")


async def test_a_prompt_that_never_comes_does_not_keep_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where what was to open fails to, keys work again after a while."""
    monkeypatch.setattr("trainer_tui.tui.typeahead.PATIENCE", 0.01)
    app = make(tmp_path)
    async with running(app) as pilot:
        app.typed.hold()
        typed(app, ["j"])
        await until(pilot, lambda: app.main and app.main.table.row == 1)
