"""What the tests of the console share: they wait for quiet, not for time to pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from textual import app, pilot
from textual._context import active_app

# Timers that are due so soon belong to what was just done.
_SOON = 0.06


async def quiet(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Return once the program has nothing left to do at once and nothing to paint.

    Textual's own pilot sleeps in steps of 20 ms until the process uses little time, twice and
    more for every key. Here the loop itself is asked: nothing is ready to run, no timer is about
    to ring, and the screen is painted.
    """
    loop: Any = asyncio.get_running_loop()
    deadline = time.monotonic() + max_sleep
    idle = 0
    while idle < 3 and time.monotonic() < deadline:
        await asyncio.sleep(0)
        due = _next_timer(loop)
        if loop._ready or _paint():
            idle = 0
        elif due is not None:
            idle = 0
            await asyncio.sleep(max(0.0, due))
        else:
            idle += 1


def _next_timer(loop: Any) -> float | None:
    """Seconds until the next timer that is due soon."""
    now = loop.time()
    times = [h.when() - now for h in loop._scheduled if not h.cancelled()]
    soon = [seconds for seconds in times if seconds < _SOON]
    return min(soon) if soon else None


def _paint() -> bool:
    """Paint what waits for the next frame; whether there was any."""
    console = active_app.get(None)
    if console is None or not console._screen_stack:
        return False
    screen = console.screen
    waiting = bool(
        screen._dirty_widgets
        or screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._callbacks
    )
    if waiting:
        screen._on_timer_update()
    return waiting


@pytest.fixture(autouse=True, scope="session")
def waits_for_quiet() -> Iterator[None]:
    """Make the pilot of Textual wait for quiet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pilot, "wait_for_idle", quiet)
        patch.setattr(app, "wait_for_idle", quiet)
        yield
