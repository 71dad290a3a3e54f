"""The one place that speaks HTTP: clients, limits, retries, and what went wrong in words.

:class:`Http` belongs to one profile. It sends the credential to the profile's own origin only,
follows no redirect elsewhere, reads no more than a bounded answer within a bounded time, asks
again only where asking twice is harmless (GET), and turns every failure into one of our errors,
without secrets and safe for a terminal.

Sources of the numbers: httpx's pool costs more than the request beyond ten connections; three
tries with a short, jittered wait bridge a restart of a gateway and stay below what a person
notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

import httpx

from trainer_tui.config import Profile
from trainer_tui.errors import (
    AuthError,
    NetworkError,
    ProtocolError,
    RateLimitError,
    ServiceError,
    TrainerError,
)
from trainer_tui.providers import _complaints
from trainer_tui.providers._bodies import pieces, read
from trainer_tui.providers._client import new_client
from trainer_tui.providers._counted import Moved
from trainer_tui.providers._failures import network_failure, too_slow
from trainer_tui.providers._origin import (
    Base,
    Credential,
    address,
    base_of,
)
from trainer_tui.providers._stream import Fetcher
from trainer_tui.providers.base import Download, DownloadHead

CONNECTIONS = 10
RETRIES = 2
BACKOFF = 0.2
"""Seconds before the first retry; doubled for the second; each jittered by half."""
PATIENCE = 3.0
"""The longest ``Retry-After`` in seconds that is waited out here; longer ones are the poller's."""
BODY_LIMIT = 32 << 20
_ERROR_BODY_LIMIT = 64 << 10
_REDIRECTS = 3
_WHOLE_ANSWER = 3.0
"""Times the profile's timeout: how long a whole answer may take, however it trickles."""
_AGAIN = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of status 2xx (or 304), read whole. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """HTTP for one profile.

    Args:
        profile: Whose requests these are; its ``timeout`` is in seconds.
        service: The service's title, for the beginning of error sentences.
        base_url: Where its API lives, with or without a path.
        socket: A Unix socket to speak to instead of the URL's host.
        needs_credential: Whether a missing token is an error of its own.
        credential_in: ``bearer``, ``header:NAME`` or ``query:NAME``: where the service wants it.
        now: The clock, for ``Retry-After`` dates.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        service: str,
        base_url: str,
        socket: Path | None = None,
        needs_credential: bool = True,
        credential_in: str = "bearer",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.profile = profile
        self.service = service
        self._base_url = base_url
        self._socket = socket
        self._now = now
        self._base: Base | None = None
        self._credential = Credential(profile, needs_credential, credential_in)
        self._client: httpx.AsyncClient | None = None
        self._preparing = asyncio.Lock()
        self._turn = asyncio.Semaphore(CONNECTIONS)
        self._fetcher: Fetcher | None = None

    # -- asking ------------------------------------------------------------------------------

    async def json(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Any:
        """Ask, and parse the answer's JSON; an error inside a 200 answer is raised too."""
        return self.parse(await self.ask(method, path, json=body, params=params))

    def parse(self, answer: Answer) -> Any:
        """The JSON of an answer. Raises ProtocolError, or the error that it carries."""
        try:
            value = _complaints.parse_json(answer.body, self.service)
        except ProtocolError as problem:
            failure = ProtocolError(self.clean(problem.message), hint=problem.hint)
        else:
            inside = _complaints.complaint_inside(value, self.clean)
            if inside is None:
                return value
            raise _complaints.error_inside(inside, service=self.service, profile=self.profile.name)
        raise failure

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        files: Any = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
        total: float | None = None,
    ) -> Answer:
        """One request to the profile's own origin, tried again where that is harmless.

        Args:
            method: Only GET and HEAD are ever tried twice.
            path: Below the base URL, beginning with a slash, its segments already quoted.
            json: A body to be sent as JSON.
            content: A body to be sent as it is.
            files: A multipart form, as httpx takes it.
            params: The query.
            headers: More headers.
            limit: The most bytes of a body that are read (after decompression); 32 MiB.
            total: Seconds for the whole answer; three times the profile's timeout by default.

        Raises:
            TrainerError: One of its children, always. ``NetworkError.code`` tells ``CONNECT``
                (nothing was sent) from ``LOST`` and ``TIMEOUT`` (it may have been carried out).
        """
        client, base = await self._ready()
        url = httpx.URL(base.url(path), params=dict(params) if params else None)
        named = {"Accept": "application/json", **(headers or {})}
        if json is not None:
            body: dict[str, Any] = {"json": json}
        elif files is not None:
            body = {"files": files}
        else:
            body = {"content": content}
        seconds = total or self.profile.timeout * _WHOLE_ANSWER
        harmless = method in ("GET", "HEAD")
        for attempt in range(RETRIES + 1):
            failure: TrainerError
            wait: float | None = None
            try:
                async with self._turn, asyncio.timeout(seconds):
                    request = client.build_request(method, url, headers=named, **body)
                    self._credential.apply(request.headers)
                    return await self._exchange(client, base, request, limit or BODY_LIMIT)
            except TimeoutError:
                failure = too_slow(self.service, seconds)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
                failure = self._failure(problem)
            except _Again as again:
                failure, wait = again.failure, again.wait
                if wait is not None and wait > PATIENCE:
                    break
            if not (harmless and attempt < RETRIES and self._worth_another_try(failure)):
                break
            await asyncio.sleep(_backoff(attempt) if wait is None else wait)
        raise failure

    async def _exchange(
        self, client: httpx.AsyncClient, base: Base, request: httpx.Request, limit: int
    ) -> Answer:
        """Send, follow redirects within the origin, read within the limit, judge the status."""
        for _ in range(_REDIRECTS + 1):
            response = await client.send(request, stream=True)
            try:
                status = response.status_code
                if response.has_redirect_location:
                    request = self._redirected(client, base, request, response)
                    continue
                if status < 400:
                    body = b"" if status in (204, 304) else await read(response, limit)
                    return Answer(status, dict(response.headers.items()), body)
                said = await self._complaint(response)
                wait = _complaints.retry_after(response.headers.get("retry-after"), self._now())
            finally:
                await response.aclose()
            failure = _complaints.error_for(
                status, said, service=self.service, profile=self.profile.name, wait=wait
            )
            if isinstance(failure, AuthError):
                self._credential.forget()
            if status == 503 and wait is not None and wait > PATIENCE:
                failure = RateLimitError(failure.message, retry_after=wait, status=status)
            if status in _AGAIN or status == 429:
                raise _Again(failure, wait)
            raise failure
        raise ProtocolError(f"{self.service} redirects in a circle")

    async def _complaint(self, response: httpx.Response) -> _complaints.Complaint:
        """The words of an error answer; however its body ends, the status is what counts."""
        body = b""
        with contextlib.suppress(httpx.HTTPError, ProtocolError):
            async for piece in pieces(response):
                body += piece
                if len(body) > _ERROR_BODY_LIMIT:
                    break
        return _complaints.complaint(body, self.clean)

    def _redirected(
        self,
        client: httpx.AsyncClient,
        base: Base,
        request: httpx.Request,
        response: httpx.Response,
    ) -> httpx.Request:
        """The request that a redirect asks for, if it stays within the profile's origin."""
        location = urljoin(str(request.url), response.headers["location"])
        try:
            where = address(location).origin
        except ValueError:
            raise ProtocolError(f"{self.service} redirects to something not an address") from None
        if where != base.origin or request.method not in ("GET", "HEAD"):
            raise ServiceError(
                f"{self.service} redirects to {where.scheme}://{where}, which is not followed: "
                "the credential belongs to this service alone",
                status=response.status_code,
                hint=f"If it has moved, change base_url of the profile {self.profile.name}.",
                code="REDIRECT",
            )
        following = client.build_request(request.method, location, headers={"Accept": "*/*"})
        self._credential.apply(following.headers)
        return following

    # -- files -------------------------------------------------------------------------------

    async def download(
        self, url: str, *, own_origin: bool = False, offset: int = 0, etag: str | None = None
    ) -> AsyncGenerator[Download]:
        """Stream a file: first a :class:`DownloadHead`, then bytes in large pieces.

        Args:
            url: Absolute, or a path on the profile's own origin.
            own_origin: Whether the credential belongs on it (checked against the origin again).
            offset: The first byte wanted.
            etag: Of the bytes already held; when the file has changed it begins at 0.
        """
        fetcher, base = await self._files()
        absolute = base.root + url if url.startswith("/") else url
        stream = fetcher.stream(absolute, own_origin=own_origin, offset=offset, etag=etag)
        try:
            async for item in stream:
                yield item
        finally:
            await stream.aclose()

    async def fetch(self, url: str, *, own_origin: bool = False, limit: int = 8 << 20) -> bytes:
        """A small file, whole. Raises ProtocolError beyond the limit."""
        held: list[bytes] = []
        size = promised = 0
        async with contextlib.aclosing(self.download(url, own_origin=own_origin)) as stream:
            async for item in stream:
                if isinstance(item, DownloadHead):
                    promised = item.size or 0
                else:
                    held.append(item)
                    size += len(item)
                if max(size, promised) > limit:
                    raise ProtocolError(f"the file is larger than {limit >> 20} MiB: not read")
        return b"".join(held)

    async def upload(
        self,
        url: str,
        file: Path,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        moved: Moved | None = None,
    ) -> None:
        """PUT a file to a signed URL, without the credential."""
        fetcher, _ = await self._files()
        await fetcher.upload(url, file, headers, moved)

    # -- the rest ----------------------------------------------------------------------------

    def clean(self, text: str) -> str:
        """The text without the credential."""
        return self._credential.redact(text)

    async def aclose(self) -> None:
        """Close what is open; a later request opens it anew."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        fetcher, self._fetcher = self._fetcher, None
        if fetcher is not None:
            fetcher.close()

    async def _ready(self) -> tuple[httpx.AsyncClient, Base]:
        async with self._preparing:
            base = await self._prepared()
            if self._client is None:
                self._client = await new_client(
                    self.profile, base, self._credential, self._socket, CONNECTIONS
                )
            return self._client, base

    async def _files(self) -> tuple[Fetcher, Base]:
        async with self._preparing:
            base = await self._prepared()
            if self._fetcher is None:
                self._fetcher = Fetcher(
                    self.profile, self.service, base, self._credential, self._socket
                )
            return self._fetcher, base

    async def _prepared(self) -> Base:
        """The address, with the credential at hand for it."""
        if self._base is None:
            self._base = base_of(self.profile, self._base_url)
        await self._credential.resolve()
        return self._base

    def _failure(self, problem: Exception) -> TrainerError:
        where = str(self._socket) if self._socket else str(self._base.origin if self._base else "")
        return network_failure(
            problem,
            service=self.service,
            where=where,
            seconds=self.profile.timeout,
            clean=self.clean,
        )

    def _worth_another_try(self, failure: TrainerError) -> bool:
        if isinstance(failure, RateLimitError):
            return failure.retry_after is not None
        if isinstance(failure, NetworkError):
            # Nobody at a Unix socket is an answer: the local server is not running.
            refused = failure.code == "CONNECT" and self._socket is None
            return refused or failure.code == "LOST"
        if isinstance(failure, ServiceError):
            return failure.code == "CUT" or failure.status in _AGAIN
        return False


class _Again(Exception):
    """An answer that may be better next time."""

    def __init__(self, failure: TrainerError, wait: float | None) -> None:
        super().__init__()
        self.failure = failure
        self.wait = wait


def _backoff(attempt: int) -> float:
    return BACKOFF * 2.0**attempt * random.uniform(0.5, 1.5)
