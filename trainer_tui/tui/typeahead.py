"""Keys that come faster than the console moves.

Textual forwards every key at once to whatever has the keys at that moment. A person who types
``/`` and ``s`` within one turn of the event loop, or whose SSH line delivers both in one packet,
would have the ``s`` arrive while the filter line is still being made: it would open the question
whether to stop the job. So keys are handed on one at a time: the next goes out when the one before
has been handled wherever it went, and what it opened has the keys.

How it is known that a key has been handled: a callback is posted behind it to the widget that got
it, and climbs from there to the app as the key itself does. Queues keep their order, so where the
callback is, the key has been.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from textual import events

if TYPE_CHECKING:
    from textual.app import App
    from textual.message_pump import MessagePump
    from textual.screen import Screen

Typed: TypeAlias = events.Key | events.Paste

PATIENCE = 3.0
"""Seconds after which a key goes out although the one before was not seen to be handled."""


class TypeAhead:
    """The keys that were typed and not yet handed on.

    ``forward`` is Textual's own way of giving a key to what has the focus.
    """

    def __init__(
        self, app: App[object], forward: Callable[[events.Event], Awaitable[None]]
    ) -> None:
        self._app = app
        self._forward = forward
        self._typed: deque[Typed] = deque()
        self._turn = 0
        """Counts the keys handed on, so that a late callback of an earlier one is known."""
        self._busy = False
        self._held = False
        self._screen: Screen[object] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    async def take(self, event: Typed) -> None:
        """A key was typed, or text pasted."""
        self._typed.append(event)
        await self._next()

    def hold(self) -> None:
        """What the key at hand opens takes the keys later: keep further ones until ``release``."""
        self._held = True
        self._set_alarm()

    def release(self) -> None:
        """What was opened has the keys, or has asked for them."""
        if self._held:
            self._held = False
            self._app.call_later(self._next)

    async def _next(self) -> None:
        while self._typed and not self._busy and not self._held:
            event = self._typed.popleft()
            self._turn += 1
            self._busy = True
            self._screen = self._app.screen
            target = self._app.focused or self._screen
            self._set_alarm()
            await self._forward(event)
            self._climb(target, self._turn)

    def _climb(self, node: MessagePump | None, turn: int) -> None:
        while node is not None and node is not self._app:
            if node.call_later(self._climb, node._parent, turn):
                return
            node = node._parent  # It is gone, and what it had to do with it.
        self._app.call_later(self._handled, turn)

    def _handled(self, turn: int) -> None:
        screen = self._app.screen
        # A screen that was opened just now has the keys once its first messages are behind it.
        if screen is self._screen or not screen.call_later(self._settled, turn):
            self._settled(turn)

    def _settled(self, turn: int) -> None:
        if turn == self._turn and self._busy:
            self._busy = False
            if not self._held:
                self._drop_alarm()
            if self._typed:
                self._app.call_later(self._next)

    def _set_alarm(self) -> None:
        self._drop_alarm()
        self._alarm = asyncio.get_running_loop().call_later(PATIENCE, self._give_up)

    def _drop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _give_up(self) -> None:
        self._busy = self._held = False
        if self._typed:
            self._app.call_later(self._next)
