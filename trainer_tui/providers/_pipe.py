"""A thread's bounded way into the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import Callable

from trainer_tui.providers.base import Download

_QUEUED = 32
"""Items under way: eight MiB of a file at most."""


class Pipe:
    """A thread's bounded way into the event loop, and the loop's way to end the thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: asyncio.Queue[Download | Exception | None] = asyncio.Queue()
        self._room = threading.Semaphore(_QUEUED)
        self._connection: http.client.HTTPConnection | None = None
        self.stopped = False

    def start(self, work: Callable[[], None]) -> None:
        """Run the work in a thread; what it raises comes out of :meth:`next`."""

        def run() -> None:
            outcome: Exception | None = None
            try:
                work()
            except Exception as problem:  # handed to the loop, where it is raised
                outcome = problem
            if not self.stopped:
                with contextlib.suppress(RuntimeError):  # the loop has been closed
                    self._loop.call_soon_threadsafe(self._items.put_nowait, outcome)

        threading.Thread(target=run, name="download", daemon=True).start()

    def put(self, item: Download) -> None:
        """From the thread: hand an item over, waiting while the queue is full."""
        self._room.acquire()
        if self.stopped:
            return
        try:
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)
        except RuntimeError:
            self.stopped = True

    def watch(self, connection: http.client.HTTPConnection | None) -> None:
        """From the thread: the connection to break when the loop has had enough."""
        self._connection = connection

    async def next(self) -> Download | None:
        """The next item, ``None`` at the end; raises what the thread raised."""
        item = await self._items.get()
        self._room.release()
        if isinstance(item, Exception):
            raise item
        return item

    def stop(self) -> None:
        """End the thread: it wakes from a full queue and from its socket."""
        if self.stopped:
            return
        self.stopped = True
        self._room.release()
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                # The plain socket's own shutdown: an SSLSocket's would pull TLS from under
                # the reading thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
