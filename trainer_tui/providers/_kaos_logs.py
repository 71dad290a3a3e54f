"""A log that a service only gives whole: asked for rarely, told piece by piece.

The whole text comes each time, so a long log is asked for less often, and what is told is only
what was not told before. Whether the text still begins as it did is seen by its hash.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from trainer_tui.model import LogChunk

PAUSE = 0.8
"""Seconds between two fetches of a short log."""
BYTES_A_SECOND = 256 * 1024
"""A log of this size is fetched once in a second more, of twice the size in two, and so on."""
MAX_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class _Held:
    """The text as it was last fetched, and what was known of it before."""

    job_id: str
    data: bytes
    fetched: float
    ended: bool
    """Whether the job had ended before it was fetched: then it is complete."""


class WholeLogs:
    """The logs of one profile; the text of one job is held at a time.

    Args:
        fetch: Job id → its log's whole text, and whether the job had ended before it was asked.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[tuple[str, bool]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: _Held | None = None
        self._begins: dict[str, tuple[int, bytes]] = {}

    async def read(self, job_id: str, offset: int, limit: int) -> LogChunk:
        """A piece from a byte offset; a negative one counts from the end."""
        held = self._held if self._held and self._held.job_id == job_id else None
        reset = False
        due = held is None or self._clock() - held.fetched >= self._pause(len(held.data))
        if offset < 0 or held is None or (offset >= len(held.data) and due and not held.ended):
            held, reset = await self._fresh(job_id, offset)
        size = len(held.data)
        if reset:
            start = 0
        elif offset < 0:
            start = max(0, size + offset)
        else:
            start = min(offset, size)
        start = _boundary(held.data, start)
        end = _boundary(held.data, min(size, start + max(4, limit)))
        return LogChunk(
            text=held.data[start:end].decode("utf-8", errors="replace"),
            offset=start,
            next_offset=end,
            reset=reset,
            complete=held.ended and end == size,
        )

    async def _fresh(self, job_id: str, offset: int) -> tuple[_Held, bool]:
        """Fetch it; whether it is another text than the one that was told of before."""
        text, ended = await self._fetch(job_id)
        data = text.encode("utf-8", errors="replace")
        length, digest = self._begins.get(job_id, (0, b""))
        asked_on = offset > 0
        changed = asked_on and (
            offset > len(data)
            or (length <= len(data) and _hash(memoryview(data)[:length]) != digest)
        )
        self._begins[job_id] = (len(data), _hash(data))
        while len(self._begins) > 64:
            self._begins.pop(next(iter(self._begins)))
        self._held = _Held(job_id, data, self._clock(), ended)
        return self._held, changed

    @staticmethod
    def _pause(size: int) -> float:
        return min(MAX_PAUSE, PAUSE + size / BYTES_A_SECOND)


def _hash(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest() if data else b""


def _boundary(data: bytes, at: int) -> int:
    """The place itself, or the beginning of the character that it is inside of."""
    while 0 < at < len(data) and data[at] & 0xC0 == 0x80:
        at -= 1
    return at
