"""What happens to jobs, told to whoever listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from trainer_tui.model import EventKind
from trainer_tui.server.records import JobRecord, format_time

KEPT = 2000
"""Events that a listener who was away can catch up on."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One thing that happened to one job."""

    seq: int
    """Microseconds since the epoch, made to grow always."""
    time: datetime
    job_id: str
    kind: EventKind
    text: str
    job: JobRecord
    """The job right after it happened."""

    def to_json(self) -> dict[str, object]:
        """The form in the job's history and on the wire."""
        return {
            "seq": self.seq,
            "time": format_time(self.time),
            "kind": str(self.kind),
            "text": self.text,
        }


class Hub:
    """Hands every event to every listener; a listener that does not keep up is let go."""

    def __init__(self) -> None:
        self._kept: deque[JobEvent] = deque(maxlen=KEPT)
        self._listeners: set[asyncio.Queue[JobEvent | None]] = set()
        self._closed = False

    def publish(self, event: JobEvent) -> None:
        """Tell of an event. Called on the loop."""
        self._kept.append(event)
        for queue in list(self._listeners):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._drop(queue)

    async def listen(self, since: int | None, heartbeat: float) -> AsyncIterator[JobEvent | None]:
        """Events as they come; ``None`` whenever ``heartbeat`` seconds passed without one.

        With ``since``, those kept with a greater number come first. Ends when the server stops or
        when the listener is too slow; it may then come again with the last number it saw.
        """
        queue: asyncio.Queue[JobEvent | None] = asyncio.Queue(KEPT)
        past = [] if since is None else [event for event in self._kept if event.seq > since]
        if self._closed:
            return
        self._listeners.add(queue)
        try:
            for event in past:
                yield event
            while True:
                try:
                    found = await asyncio.wait_for(queue.get(), heartbeat)
                except TimeoutError:
                    yield None
                    continue
                if found is None:
                    return
                yield found
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """Let all listeners go."""
        self._closed = True
        for queue in list(self._listeners):
            self._drop(queue)

    def _drop(self, queue: asyncio.Queue[JobEvent | None]) -> None:
        self._listeners.discard(queue)
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(None)
