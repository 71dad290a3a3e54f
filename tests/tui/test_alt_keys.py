"""Alt with a letter or a digit, as terminals send it: ESC and the character."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.widgets import Input

from tests.tui.console import make, running
from tests.tui.waiting import until
from trainer_tui.tui.screens.ask_file import AskFileScreen


def parsed(sequence: str) -> list[events.Key]:
    """The keys that a terminal's bytes are."""
    parser = XTermParser()
    found = [*parser.feed(sequence), *parser.feed("")]
    return [event for event in found if isinstance(event, events.Key)]


@pytest.mark.parametrize("character", ["1", "2", "0", "d", "r"])
def test_a_character_with_alt_is_a_key(tmp_path: Path, character: str) -> None:
    """Digits too, for which Textual has a character of a terminal on macOS."""
    make(tmp_path)
    assert [key.key for key in parsed(f"\x1b{character}")] == [f"alt+{character}"]


async def test_alt_with_a_letter_writes_nothing(tmp_path: Path) -> None:
    """A field is not given the letter; the letter alone is."""
    app = make(tmp_path)
    async with running(app) as pilot:
        await app.push_screen(AskFileScreen("Compare with a file"))
        field = app.screen.query_one(Input)
        await until(pilot, lambda: field.has_focus)
        for key in ("\x1br", "\x1b2", "x"):
            for event in parsed(key):
                app.post_message(event)
        await until(pilot, lambda: field.value)
        assert field.value == "x"
