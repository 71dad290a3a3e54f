"""Files, in a thread: several times faster than through an async HTTP client.

``http.client`` in a thread of its own reads large pieces straight from the socket
and hands them to the event loop through a short queue, so a slow disk holds the download back
and a fast one is not held back by the loop. Idle connections are kept for the next file.

What may be fetched and who gets the credential is decided in ``_origin``; redirects are followed
by hand, so that both questions are asked again for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import threading
import time
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from urllib.parse import urljoin

from trainer_tui import __version__
from trainer_tui.config import Profile
from trainer_tui.errors import (
    NetworkError,
    NotFoundError,
    ProtocolError,
    TrainerError,
)
from trainer_tui.providers import _complaints, _wire
from trainer_tui.providers._connections import UnixConnection, connect
from trainer_tui.providers._counted import Counted, Moved
from trainer_tui.providers._failures import file_failure
from trainer_tui.providers._origin import (
    Address,
    Base,
    Credential,
    Origin,
    may_fetch,
)
from trainer_tui.providers._pipe import Pipe
from trainer_tui.providers.base import Download, DownloadHead

PIECE = 1 << 18
"""Bytes of one read. Larger ones cost more in fresh memory than they save in calls: 0.30 s of CPU a
GiB at a quarter MiB, 0.33 at one MiB, 0.38 at an eighth (loopback)."""
_REDIRECTS = 5
_IDLE_PER_ORIGIN = 4
_FLUSH = 0.1
"""Seconds after which a piece is handed on though it is not full: a slow line still moves."""
_EXPIRED = frozenset({401, 403, 410})


class Fetcher:
    """Downloads and uploads for one profile."""

    def __init__(
        self,
        profile: Profile,
        service: str,
        base: Base,
        credential: Credential,
        socket_path: Path | None,
    ) -> None:
        self._profile = profile
        self._service = service
        self._base = base
        self._credential = credential
        self._socket_path = socket_path
        self._idle: dict[Origin, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()

    async def stream(
        self, url: str, *, own_origin: bool, offset: int, etag: str | None
    ) -> AsyncGenerator[Download]:
        """First the head, then pieces; see :meth:`trainer_tui.providers.http.Http.download`."""
        pipe = Pipe(asyncio.get_running_loop())
        wanted = _Wanted(url, own_origin, offset, etag)
        pipe.start(lambda: self._download(wanted, pipe))
        try:
            while (item := await pipe.next()) is not None:
                yield item
        finally:
            pipe.stop()

    async def upload(
        self, url: str, file: Path, headers: Mapping[str, str], moved: Moved | None = None
    ) -> None:
        """PUT a file to a signed URL of another host. ``moved`` is called from a thread."""
        pipe = Pipe(asyncio.get_running_loop())
        pipe.start(lambda: self._upload(url, file, headers, pipe, moved))
        try:
            while await pipe.next() is not None:
                pass
        finally:
            pipe.stop()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connection in (c for held in idle.values() for c in held):
            connection.close()

    # -- in the thread -----------------------------------------------------------------------

    def _download(self, wanted: _Wanted, pipe: Pipe) -> None:
        offset, etag = wanted.offset, wanted.etag
        for _ in range(3):
            connection, response, origin = self._open(wanted, offset, etag, pipe)
            head = None
            try:
                head = self._head(response, origin, offset, etag, wanted)
            finally:
                if head is None:
                    connection.close()
            if head is not None:
                break
            offset, etag = 0, None  # what is held belongs to another version of the file
        else:
            raise ProtocolError(f"{origin} answers the range of a file in ways that contradict")
        pipe.put(head)
        if response.status != 416:
            got, failure = self._body(response, origin, pipe)
            if failure is not None:
                connection.close()
                raise failure
            promised = None if head.size is None else head.size - head.offset
            if not pipe.stopped and promised is not None and got < promised:
                raise NetworkError(
                    f"the file from {origin} was cut off after {head.offset + got} bytes "
                    f"of {head.size}",
                    hint="Going on continues from there.",
                    code="CUT",
                )
        pipe.watch(None)
        self._give_back(origin, connection, response)

    def _open(
        self, wanted: _Wanted, offset: int, etag: str | None, pipe: Pipe
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, Origin]:
        """Ask, following redirects; every hop is judged anew."""
        url, before = wanted.url, None
        trusted = wanted.own_origin
        for _ in range(_REDIRECTS + 1):
            where = may_fetch(url, self._base, insecure=self._profile.insecure, before=before)
            headers = _Headers({"Accept": "*/*", "Accept-Encoding": "identity"})
            if offset:
                headers["Range"] = f"bytes={offset}-"
                if etag and not etag.startswith("W/"):
                    headers["If-Range"] = etag
            # Once the way has led elsewhere, a stranger chose the path: no credential any more.
            trusted = trusted and where.origin == self._base.origin
            if trusted:
                self._credential.apply(headers)
            connection, response = self._exchange("GET", where, headers, pipe)
            location = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location:
                return connection, response, where.origin
            connection.close()
            url, before = urljoin(url, location), where.origin
        raise ProtocolError(f"the file's address redirects more than {_REDIRECTS} times")

    def _exchange(
        self,
        method: str,
        where: Address,
        headers: _Headers,
        pipe: Pipe,
        body: object = None,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """One request. A kept connection that the server has closed meanwhile is replaced."""
        proxied = ""
        more: dict[str, str] = {}
        kept = self._take(where.origin) if body is None else None
        for connection in (kept, None):
            if connection is None:
                if kept is not None and pipe.stopped:
                    break
                connection, proxied, more = self._connection(where.origin)
            pipe.watch(connection)
            try:
                connection.request(
                    method,
                    proxied + where.target,
                    body=body,  # type: ignore[arg-type]
                    headers=_Headers({**headers, **more, "User-Agent": _AGENT}),
                )
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException, ValueError) as problem:
                connection.close()
                failure = self._failure(problem, where.origin)
            if connection is not kept:
                break
        raise failure

    def _head(
        self,
        response: http.client.HTTPResponse,
        origin: Origin,
        offset: int,
        etag: str | None,
        wanted: _Wanted,
    ) -> DownloadHead | None:
        """What the answer promises; ``None`` when it must be asked again from the beginning."""
        status, found = response.status, _wire.header_value(response.headers.get("ETag"))
        spread = response.headers.get("Content-Range", "")
        if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise ProtocolError(f"{origin} sends the file compressed, though asked not to")
        if status == 200:
            return DownloadHead(0, response.length, found)
        if status == 206:
            parts = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", spread.strip())
            if parts is None or int(parts[1]) != offset:
                raise ProtocolError(f"{origin} sends another part of the file than was asked for")
            if etag and found and found != etag:
                return None
            end = int(parts[2]) + 1
            whole = end if parts[3] == "*" else int(parts[3])
            if response.length is not None and response.length != end - offset:
                raise ProtocolError(f"{origin} contradicts itself about the size of the file")
            return DownloadHead(offset, whole, found)
        if status == 416 and offset:
            parts = re.fullmatch(r"bytes \*/(\d{1,18})", spread.strip())
            if parts and int(parts[1]) == offset and (etag is None or found in (None, etag)):
                return DownloadHead(offset, offset, found)
            return None
        raise self._refusal(response, origin, wanted)

    def _refusal(
        self, response: http.client.HTTPResponse, origin: Origin, wanted: _Wanted
    ) -> TrainerError:
        body = b""
        with contextlib.suppress(OSError, http.client.HTTPException):
            body = response.read1(64 << 10)
        said = _complaints.complaint(body, self._credential.redact)
        foreign = not (wanted.own_origin and origin == self._base.origin)
        expired = response.status in _EXPIRED or (
            response.status == 400 and b"expired" in body.lower()
        )
        if foreign and expired:
            return NotFoundError(
                f"the address of the file at {origin} is no longer good ({response.status})",
                hint="Ask again: what is signed for a while is given anew.",
                code="URL_EXPIRED",
            )
        return _complaints.error_for(
            response.status if response.status >= 400 else 500,
            said,
            service=str(origin) if foreign else self._service,
            profile=self._profile.name,
        )

    def _body(
        self, response: http.client.HTTPResponse, origin: Origin, pipe: Pipe
    ) -> tuple[int, TrainerError | None]:
        """Hand the body on in large pieces; gives how many bytes came, and what ended it early."""
        total = size = 0
        held: list[bytes] = []
        failure: TrainerError | None = None
        began = time.monotonic()
        while not pipe.stopped:
            try:
                piece = response.read1(PIECE)
            except (OSError, http.client.HTTPException, ValueError) as problem:
                piece, failure = b"", self._failure(problem, origin)
            held.append(piece)
            size += len(piece)
            now = time.monotonic()
            if size and (size >= PIECE // 2 or not piece or now - began > _FLUSH):
                pipe.put(piece if len(held) == 1 else b"".join(held))
                total, size, began = total + size, 0, now
                held.clear()
            if not piece:
                break
        return total, failure

    def _upload(
        self, url: str, file: Path, more: Mapping[str, str], pipe: Pipe, moved: Moved | None
    ) -> None:
        where = may_fetch(url, self._base, insecure=self._profile.insecure)
        with file.open("rb") as opened:
            size = file.stat().st_size
            headers = _Headers({**more, "Content-Length": str(size)})
            body = Counted(opened, size, moved)
            connection, response = self._exchange("PUT", where, headers, pipe, body)
        try:
            if response.status >= 300:
                raise self._refusal(response, where.origin, _Wanted(url, False, 0, None))
        finally:
            connection.close()

    # -- connections -------------------------------------------------------------------------

    def _connection(self, origin: Origin) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
        seconds = self._profile.timeout
        if self._socket_path is not None and origin == self._base.origin:
            return UnixConnection(self._socket_path, seconds), "", {}
        return connect(origin, seconds)

    def _take(self, origin: Origin) -> http.client.HTTPConnection | None:
        with self._lock:
            held = self._idle.get(origin)
            return held.pop() if held else None

    def _give_back(
        self, origin: Origin, connection: http.client.HTTPConnection, response: _Response
    ) -> None:
        """Keep a connection whose answer was read to its end, if it goes to the host itself."""
        done = response.isclosed() or response.length == 0
        response.close()
        good = done and not response.will_close and connection.sock is not None
        if good and connection.host == origin.host:
            with self._lock:
                held = self._idle.setdefault(origin, [])
                if len(held) < _IDLE_PER_ORIGIN:
                    held.append(connection)
                    return
        connection.close()

    def _failure(self, problem: Exception, origin: Origin) -> TrainerError:
        return file_failure(problem, origin, self._profile.timeout, self._credential.redact)


_Response = http.client.HTTPResponse
_AGENT = f"trainer-tui/{__version__}"


class _Headers(dict[str, str]):
    """Request headers that do not show themselves: one of them may be the credential."""

    def __repr__(self) -> str:
        return f"<headers {', '.join(self)}>"


class _Wanted:
    """What to fetch."""

    __slots__ = ("etag", "offset", "own_origin", "url")

    def __init__(self, url: str, own_origin: bool, offset: int, etag: str | None) -> None:
        self.url, self.own_origin, self.offset, self.etag = url, own_origin, offset, etag
