"""From any thread to the interface: something stirred, look at it, but not too often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from textual.widget import Widget

PAUSE = 0.2
"""Seconds between two looks: five a second."""


class Pulse:
    """Calls a widget on its own thread some time after it was asked to, once for many askings.

    Args:
        widget: Whose thread it is; when it is gone nothing is called any more.
        look: What is called.
        pause: Seconds between two calls at least.
    """

    def __init__(self, widget: Widget, look: Callable[[], None], pause: float = PAUSE) -> None:
        self._widget = widget
        self._look = look
        self.pause = pause
        self._asked = False
        self._last = float("-inf")
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Something stirred. From any thread; returns at once."""
        with self._lock:
            if self._asked:
                return
            self._asked = True
        if not self._widget.call_later(self._arrived):
            self._asked = False

    def _arrived(self) -> None:
        left = self._last + self.pause - monotonic()
        if left > 0:
            self._widget.set_timer(left, self._due)
        else:
            self._due()

    def _due(self) -> None:
        self._asked = False
        if self._widget.is_mounted:
            self._last = monotonic()
            self._look()
