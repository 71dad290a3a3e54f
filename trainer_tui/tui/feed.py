"""From the network thread to the interface: what was learned, gathered and handed over in turn."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message


class Later(Protocol):
    """What the feed needs of the app: run something on its thread, from any thread."""

    def call_later(self, callback: Callable[[], None]) -> bool: ...


class Feed:
    """Takes messages on any thread and gives them, a batch at a time, on the app's own.

    However many come while the app is busy, one call takes them all.
    """

    def __init__(self, app: Later, take: Callable[[Sequence[Message]], None]) -> None:
        self._app = app
        self._take = take
        self._waiting: deque[Message] = deque()
        self._asked = False
        self._lock = threading.Lock()

    def __call__(self, message: Message) -> None:
        """Take a message."""
        with self._lock:
            self._waiting.append(message)
            if self._asked:
                return
            self._asked = True
        self._app.call_later(self.drain)

    def drain(self) -> None:
        """Hand over all that waits."""
        with self._lock:
            batch = list(self._waiting)
            self._waiting.clear()
            self._asked = False
        if batch:
            self._take(batch)
