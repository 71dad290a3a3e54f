"""Time as the loops of the core see it: one object, so that tests can turn the hands."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


def utcnow() -> datetime:
    """The machine's clock, aware UTC."""
    return datetime.now(UTC)


class Clock(Protocol):
    """What the loops need of time."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait for an event at most so long; whether it came."""


class SystemClock:
    """The machine's own clock; the calendar may be another."""

    def __init__(self, now: Callable[[], datetime] = utcnow) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now()

    def monotonic(self) -> float:
        return time.monotonic()

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        return event.is_set()
