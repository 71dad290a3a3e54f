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
_HEAD = 256
"""Bytes by which it is seen that a text is the end of another one."""


Key = tuple[str, str]
"""A job's id and the name of one of its logs."""


@dataclass(frozen=True, slots=True)
class _Held:
    """The text as it was last fetched, and what was known of it before."""

    key: Key
    data: bytes
    lost: int
    """Bytes at its beginning that the service had and has no more."""
    fetched: float
    ended: bool
    """Whether the job had ended before it was fetched: then it is complete."""

    @property
    def size(self) -> int:
        """Where it ends, counted from where it once began."""
        return self.lost + len(self.data)


class WholeLogs:
    """The logs of one profile; the text of one log is held at a time.

    Args:
        fetch: Job id and name → the log's whole text, and whether the job had ended before it was
            asked.
    """

    def __init__(self, fetch: Callable[[str, str], Awaitable[tuple[bytes, bool]]]) -> None:
        self._fetch = fetch
        self._held: _Held | None = None
        self._begins: dict[Key, tuple[int, int, bytes]] = {}

    async def read(self, key: Key, offset: int, limit: int) -> LogChunk:
        """A piece from a byte offset; a negative one counts from the end."""
        held = self._held if self._held and self._held.key == key else None
        reset = False
        due = held is None or time.monotonic() - held.fetched >= self._pause(len(held.data))
        if offset < 0 or held is None or (offset >= held.size and due and not held.ended):
            held, reset = await self._fresh(key, offset)
        size = held.size
        if reset:
            start = 0
        elif offset < 0:
            start = max(held.lost, size + offset)
        else:
            start = min(max(held.lost, offset), size)
        end = min(size, start + max(1, limit))
        return LogChunk(
            data=held.data[start - held.lost : end - held.lost],
            offset=start,
            next_offset=end,
            reset=reset,
            complete=held.ended and end == size,
            begins=held.lost,
        )

    async def _fresh(self, key: Key, offset: int) -> tuple[_Held, bool]:
        """Fetch it; whether it is another text than the one that was told of before."""
        data, ended = await self._fetch(*key)
        lost, length, digest = self._begins.get(key, (0, 0, b""))
        lost += self._cut_off(key, data)
        changed = False
        if offset > 0 and lost == self._begins.get(key, (0,))[0]:
            changed = offset > lost + len(data) or (
                length <= len(data) and _hash(memoryview(data)[:length]) != digest
            )
        if changed:
            lost = 0
        self._begins[key] = (lost, len(data), _hash(data))
        while len(self._begins) > 64:
            self._begins.pop(next(iter(self._begins)))
        self._held = _Held(key, data, lost, time.monotonic(), ended)
        return self._held, changed

    def _cut_off(self, key: Key, data: bytes) -> int:
        """How many bytes at the beginning of the text that is held are no more."""
        held = self._held
        head = data[:_HEAD]
        if held is None or held.key != key or len(head) < _HEAD or held.data.startswith(head):
            return 0
        at = held.data.find(head)
        return at if at > 0 and data.startswith(held.data[at:]) else 0

    @staticmethod
    def _pause(size: int) -> float:
        return min(MAX_PAUSE, PAUSE + size / BYTES_A_SECOND)


def _hash(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest() if data else b""
