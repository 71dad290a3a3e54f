"""What the tests of the console share: they wait for quiet, not for time to pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

import pytest
from textual import app, pilot
from textual._context import active_app
from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen

from trainer_tui.tui import typeahead
from trainer_tui.tui.widgets.notice import Notice

# Timers that are due so soon belong to what was just done.
_SOON = 0.06

# An app that never comes to rest is not waited for longer than this: seconds of the processor
# when it works all the time, so that a busy machine makes no difference, and seconds in all.
_WORK = 3.0
_PATIENCE = 30.0


async def quiet(min_sleep: float = 0.0, max_sleep: float = _PATIENCE) -> None:
    """Return once the program has nothing left to do at once and nothing to paint.

    Textual's own pilot sleeps in steps of 20 ms until the process uses little time, twice and
    more for every key. Here the loop itself is asked: nothing is ready to run, no thread of its
    works, no timer is about to ring, and the screen is painted.
    """
    loop: Any = asyncio.get_running_loop()
    deadline, enough = time.monotonic() + max(max_sleep, _PATIENCE), time.thread_time() + _WORK
    idle = 0
    while idle < 3 and time.monotonic() < deadline and time.thread_time() < enough:
        await asyncio.sleep(0)
        if loop._ready or _paint():
            idle = 0
        elif _threads_work(loop):
            idle = 0
            await asyncio.sleep(0.001)
        elif (due := _next_timer(loop)) is not None:
            idle = 0
            await asyncio.sleep(max(0.0, due))
        else:
            idle += 1


def _threads_work(loop: Any) -> bool:
    """Whether a thread of the loop's own pool (thread workers, ``to_thread``) is at work."""
    pool = loop._default_executor
    if pool is None:
        return False
    return bool(pool._work_queue.qsize() or pool._idle_semaphore._value < len(pool._threads))


def _next_timer(loop: Any) -> float | None:
    """Seconds until the next timer that is due soon; those of an app that has ended do nothing."""
    if (console := active_app.get(None)) is not None and console._exit:
        return None
    now = loop.time()
    times = [h.when() - now for h in loop._scheduled if not h.cancelled()]
    soon = [seconds for seconds in times if seconds < _SOON]
    return min(soon) if soon else None


def _paint() -> bool:
    """Paint what waits for the next frame; whether there was any."""
    console = active_app.get(None)
    if console is None or console._exit or not console._screen_stack:
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
    """Make the pilot of Textual wait for quiet, and the screen be painted when it has come.

    Textual paints after every layout, several times for one key. What rests is what a test can
    see: only that is painted, from all that changed since.
    """
    paint = Screen._compositor_refresh
    unpainted: WeakSet[Screen[Any]] = WeakSet()

    def later(self: Screen[Any]) -> None:
        if not self.app.is_headless or self.app.is_inline or self is not self.app.screen:
            paint(self)  # a screen beneath another hands its changes on and paints nothing
            return
        self._dirty_widgets.clear()  # the compositor has noted where they are
        unpainted.add(self)

    async def quiet_and_painted(*patience: float) -> None:
        await quiet(*patience)
        console = active_app.get(None)
        if console is None or console._exit or not console._screen_stack:
            return
        if console.screen in unpainted:
            unpainted.discard(console.screen)
            paint(console.screen)
            await quiet(*patience)  # what is told only while it is drawn

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screen, "_compositor_refresh", later)
        patch.setattr(pilot, "wait_for_idle", quiet_and_painted)
        patch.setattr(app, "wait_for_idle", quiet)
        yield


@pytest.fixture(autouse=True, scope="session")
def stylesheets_are_parsed_once() -> Iterator[None]:
    """The apps of all tests share what they parse, as far as their themes are the same.

    Textual keeps parsed rules with each app, by their text and place; rules are never changed.
    """
    begin, change = Stylesheet.__init__, Stylesheet.set_variables
    kept: dict[frozenset[tuple[str, str]], LRUCache[Any, Any]] = {}

    def share(sheet: Stylesheet) -> None:
        variables = frozenset(sheet._variables.items())
        sheet._parse_cache = kept.setdefault(variables, LRUCache(1024))

    def begun(self: Stylesheet, **variables: Any) -> None:
        begin(self, **variables)
        share(self)

    def changed(self: Stylesheet, variables: dict[str, str]) -> None:
        self._parse_cache = LRUCache(1)  # it is this one that is emptied
        change(self, variables)
        share(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "__init__", begun)
        patch.setattr(Stylesheet, "set_variables", changed)
        yield


@pytest.fixture(autouse=True, scope="session")
def hours_of_patience() -> Iterator[None]:
    """A message, and a key that waits for a dialog, last until a slow machine has come to them."""
    say = Notice.say

    def lasting(self: Notice, *what: Any) -> None:
        say(self, *what[:-1], 3600.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Notice, "say", lasting)
        patch.setattr(typeahead, "PATIENCE", 30.0)
        yield
