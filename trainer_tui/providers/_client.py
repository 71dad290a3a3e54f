"""The HTTP client of one profile: its connections, its proxy, its certificate checks."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path

import httpx

from trainer_tui import __version__
from trainer_tui.config import Profile
from trainer_tui.errors import ConfigError
from trainer_tui.providers import _complaints
from trainer_tui.providers._origin import Base, Credential, empty_tls_context, tls_context


async def new_client(
    profile: Profile, base: Base, credential: Credential, socket: Path | None, connections: int
) -> httpx.AsyncClient:
    """A client for requests to the profile's own origin.

    Raises:
        ConfigError: The proxy that the environment names cannot be used.
    """
    secure = base.origin.scheme == "https" and socket is None
    context = await asyncio.to_thread(tls_context) if secure else empty_tls_context()
    pool = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=60
    )
    transport = None
    if socket is not None:
        transport = httpx.AsyncHTTPTransport(verify=context, uds=str(socket), limits=pool)
    try:
        return httpx.AsyncClient(
            transport=transport,
            verify=context,
            limits=pool,
            timeout=httpx.Timeout(profile.timeout, pool=None),
            follow_redirects=False,
            auth=_InQuery(credential),
            trust_env=socket is None and not base.origin.loopback,
            headers={
                "User-Agent": f"trainer-tui/{__version__}",
                "Accept-Encoding": "identity" if base.origin.loopback else "gzip",
            },
        )
    except (ImportError, ValueError) as problem:
        words = _complaints.tidy(str(problem), credential.redact, 200)
    raise ConfigError(f"the proxy that the environment names cannot be used: {words}")


class _InQuery(httpx.Auth):
    """Puts the credential into the URL where the service wants it there.

    It goes into a request of its own on the way out, so that the URL that others hold, and an
    error might show, is without it.
    """

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        named = self._credential.query
        if named is None:
            yield request
            return
        yield httpx.Request(
            request.method,
            request.url.copy_merge_params({named[0]: named[1]}),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
