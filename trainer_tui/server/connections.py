"""Connections that cost something while nobody has said who they are, kept few and short.

Whoever is on this machine can connect to the TCP port and say nothing. Without bounds that takes
all file descriptors there are, and nobody is answered any more, not at the Unix socket either.
"""

from __future__ import annotations

import asyncio
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_SILENT = 128
"""Connections on the TCP port without a request at once; of more the oldest is closed."""
REQUEST_SECONDS = 30.0
"""Seconds that a request's head may take to come; also what is left of one that was refused."""


class Connection(H11Protocol):
    """One connection to the server."""

    _on_tcp = False
    _since = 0.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        opened = transport.get_extra_info("socket")
        self._on_tcp = opened is not None and opened.family == socket.AF_INET
        self._since = self.loop.time()
        self._await_request()
        if self._on_tcp:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    @property
    def _silent(self) -> bool:
        """Whether no request is being answered. One that is refused is answered in no time."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        known = (each for each in self.connections if isinstance(each, Connection))
        silent = [each for each in known if each._on_tcp and each._silent]
        if len(silent) > MOST_SILENT:
            # Rather one that never asked for anything than a client's idle one.
            oldest = min(silent, key=lambda each: (each.cycle is not None, each._since))
            oldest._on_tcp = False  # it counts no more
            oldest.transport.abort()

    def _await_request(self) -> None:
        """Be patient with a head that is on its way, but not for ever."""
        if not self._silent:
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._too_late)

    def _too_late(self) -> None:
        self._deadline = None
        if self._silent:
            self.transport.close()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
