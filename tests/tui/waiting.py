"""Waiting for what a thread, a timer or several messages bring about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

PATIENCE = 60.0


async def until(
    pilot: Pilot[Any], true: Callable[[], object], what: str = "it", seconds: float = PATIENCE
) -> None:
    """Let the app work until something is so; fail with what the screen shows instead."""
    deadline = time.monotonic() + seconds
    pause: float | None = None  # at first until all that can be done at once is done
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come to be:\n{screen_text(pilot.app)}")
        await pilot.pause(pause)
        pause = min(0.05, 1.5 * pause) if pause else 0.005


def screen_text(app: App[Any]) -> str:
    """What is seen, as lines of text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)
