"""Connections that cost something while nobody has said who they are, kept few and short.

Whoever is on this machine can connect to the TCP port and say nothing. Without bounds that takes
all file descriptors there are, and nobody is answered any more, not at the Unix socket either.
"""

from __future__ import annotations

import asyncio
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_ON_TCP = 128
"""Connections on the TCP port at once; further ones are closed at once."""
REQUEST_SECONDS = 30.0
"""Seconds that a request's head may take to come; also what is left of one that was refused."""


class Connection(H11Protocol):
    """One connection to the server."""

    on_tcp = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        opened = transport.get_extra_info("socket")
        self.on_tcp = opened is not None and opened.family == socket.AF_INET
        on_tcp = (each for each in self.connections if getattr(each, "on_tcp", False))
        if self.on_tcp and sum(1 for _ in on_tcp) > MOST_ON_TCP:
            transport.abort()
            return
        self._await_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        """Be patient with a head that is on its way, but not for ever."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._too_late)

    def _too_late(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
