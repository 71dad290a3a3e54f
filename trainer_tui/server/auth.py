"""Who may ask: over the Unix socket its owner, over TCP whoever has the token."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trainer_tui.errors import TrainerError

Refuse = Callable[[str, int, str, str], Response]
"""Path, HTTP status, code, message → an answer in the shape of the path's dialect."""


class TooLarge(TrainerError):
    """The request's body is larger than it may be."""

    def __init__(self, limit: int) -> None:
        size = f"{limit // 1024 // 1024} MiB" if limit >= 1 << 20 else f"{limit} bytes"
        super().__init__(f"The request is larger than {size}.", code="TOO_LARGE")


class Gate:
    """Lets a request in, or answers it.

    Args:
        app: What is behind the gate.
        token: Asked for on TCP; ``None``: nothing comes in there.
        refuse: Makes the answer of a refusal.
        limit: Path → the bytes that its body may have.
        is_open: Path → whether the URL carries its own proof (a signature) instead of the token.
        token_in: Request → the token where its dialect's clients send it elsewhere, or ``None``.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        refuse: Refuse,
        limit: Callable[[str], int],
        is_open: Callable[[str], bool],
        token_in: Callable[[Scope], str | None] = lambda scope: None,
    ) -> None:
        self._app = app
        self._token = token.encode() if token else None
        self._refuse = refuse
        self._limit = limit
        self._is_open = is_open
        self._token_in = token_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        headers = Headers(scope=scope)
        refusal = None
        if not _is_unix(scope):
            refusal = self._check_tcp(path, headers, scope)
        length = headers.get("content-length", "")
        limit = self._limit(path)
        if refusal is None and length.isdigit() and int(length) > limit:
            refusal = self._refuse(path, 413, "TOO_LARGE", TooLarge(limit).message)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _limited(receive, limit), send)

    def _check_tcp(self, path: str, headers: Headers, scope: Scope) -> Response | None:
        if not is_loopback_host(headers.get("host", "")):
            # A web page can make a browser ask under a name of its own that leads here.
            message = "This server answers only under 127.0.0.1 or localhost."
            return self._refuse(path, 403, "FORBIDDEN_HOST", message)
        if self._is_open(path):
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        sent = given.strip(" \t").encode("latin-1")  # the bytes as they came
        if scheme.lower() != "bearer" or not self._token:
            elsewhere = self._token_in(scope) if self._token else None
            sent = (elsewhere or "").encode("utf-8", "replace")
        if self._token is None or not hmac.compare_digest(sent, self._token):
            message = "A valid token is needed: Authorization: Bearer TOKEN."
            return self._refuse(path, 401, "UNAUTHORIZED", message)
        return None


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine's loopback, with any port."""
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host.strip().lower(), ""
    return name in ("127.0.0.1", "localhost", "[::1]") and (not port or port.isdigit())


def _is_unix(scope: Scope) -> bool:
    """Whether it came in over the Unix socket: it has a path and no port."""
    server = scope.get("server")
    return server is not None and server[1] is None


def _limited(receive: Receive, limit: int) -> Receive:
    """Count a body of which the length was not told beforehand."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise TooLarge(limit)
        return message

    return counted
