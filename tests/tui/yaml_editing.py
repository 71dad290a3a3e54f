"""The editor with a text in it, and what its text area shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.tui.editing import FLUX, REF, EditApp, arrive
from tests.tui.waiting import until
from trainer_tui.tui.screens.editor import EditorScreen
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


@asynccontextmanager
async def editing(
    home: Path, text: str = FLUX
) -> AsyncIterator[tuple[EditApp, Pilot[Any], EditorScreen]]:
    """A console with the editor open, the cursor at the text's end."""
    app = EditApp(home)
    async with app.run_test(size=SIZE) as pilot:
        yield app, pilot, await opened(pilot, app, text)


def line_of(text: str, part: str) -> int:
    """The line (from 1) that something stands on."""
    return text[: text.index(part)].count("\n") + 1


def offered(area: YamlArea) -> list[str]:
    """The labels of the completions that are shown."""
    return [item.label for item in area._offers.found.items] if area._offers else []


def look(area: YamlArea) -> list[str]:
    """The rows of the area as they are painted."""
    return [area.render_line(y).text.rstrip() for y in range(area.size.height)]
