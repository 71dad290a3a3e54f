"""Downloads: ranges, redirects, expiry, and where the credential does not go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.server import (
    FAULTS,
    Behaviour,
    Connection,
    HostileServer,
    Request,
    cut_short,
    endless,
    file_answer,
    html,
    in_turn,
    json_answer,
    raw_answer,
    redirect,
    silence,
)
from tests.providers.support import TOKEN, all_that_it_shows, profile
from trainer_tui.errors import NetworkError, NotFoundError, ProtocolError, TrainerError
from trainer_tui.providers.base import DownloadHead
from trainer_tui.providers.http import Http

DATA = bytes(range(256)) * 20_000


@pytest.fixture
async def http(server: HostileServer, patience: float) -> AsyncIterator[Http]:
    """A client whose profile lives at the server."""
    client = Http(profile(timeout=patience), service="RunComfy", base_url=server.url)
    yield client
    await client.aclose()


@pytest.fixture
def cdn() -> object:
    """Another host, where artifacts lie."""
    with HostileServer() as running:
        yield running


async def get(
    http: Http, url: str, offset: int = 0, etag: str | None = None, own: bool = False
) -> tuple[DownloadHead, bytes]:
    """A whole download: its head and its bytes."""
    head: DownloadHead | None = None
    data = b""
    stream = http.download(url, own_origin=own, offset=offset, etag=etag)
    async with contextlib.aclosing(stream):
        async for item in stream:
            if isinstance(item, DownloadHead):
                assert head is None, "one head, and first"
                head = item
            else:
                assert head is not None
                data += item
    assert head is not None
    return head, data


async def test_a_whole_file(cdn: HostileServer, http: Http) -> None:
    """Head first, then all the bytes; the credential stays at home."""
    cdn.play(file_answer(DATA))
    head, data = await get(http, cdn.url + "/output/a%20b.safetensors?sig=x%2Fy")
    assert head == DownloadHead(0, len(DATA), '"v1"')
    assert data == DATA
    assert cdn.requests[0].target == "/output/a%20b.safetensors?sig=x%2Fy"
    assert "authorization" not in cdn.requests[0].headers
    assert TOKEN not in str(cdn.requests)


async def test_going_on_from_an_offset(cdn: HostileServer, http: Http) -> None:
    """With the ETag of what is held only the rest is sent."""
    cdn.play(file_answer(DATA))
    head, data = await get(http, cdn.url + "/f", 5_000_000, '"v1"')
    assert head == DownloadHead(5_000_000, len(DATA), '"v1"')
    assert data == DATA[5_000_000:]
    assert cdn.requests[0].headers["if-range"] == '"v1"'


async def test_a_file_that_changed_begins_anew(cdn: HostileServer, http: Http) -> None:
    """When the ETag is another one now, the download begins at 0 and says so."""
    cdn.play(file_answer(DATA, etag='"v2"'))
    head, data = await get(http, cdn.url + "/f", 1000, '"v1"')
    assert (head.offset, data) == (0, DATA)


async def test_a_server_that_ignores_if_range(cdn: HostileServer, http: Http) -> None:
    """A range of another version is not taken, though the server sends it."""

    def careless(request: Request, connection: Connection) -> None:
        headers = {"ETag": '"v2"'}
        if "range" in request.headers:
            headers["Content-Range"] = f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"
            connection.answer(206, DATA[1000:], headers)
        else:
            connection.answer(200, DATA, headers)

    cdn.play(careless)
    head, data = await get(http, cdn.url + "/f", 1000, '"v1"')
    assert (head.offset, data) == (0, DATA)


async def test_a_server_without_ranges(cdn: HostileServer, http: Http) -> None:
    """A server that always sends everything is taken at its word."""
    cdn.play(file_answer(DATA, ranges=False))
    head, data = await get(http, cdn.url + "/f", 1000, '"v1"')
    assert (head.offset, data) == (0, DATA)


async def test_nothing_is_left(cdn: HostileServer, http: Http) -> None:
    """Asked from the very end, the answer is that all is there."""
    cdn.play(file_answer(DATA))
    head, data = await get(http, cdn.url + "/f", len(DATA), '"v1"')
    assert head == DownloadHead(len(DATA), len(DATA), '"v1"')
    assert data == b""


async def test_more_is_held_than_there_is(cdn: HostileServer, http: Http) -> None:
    """Beyond the end means another file: it begins anew."""
    cdn.play(file_answer(DATA))
    head, data = await get(http, cdn.url + "/f", len(DATA) + 5, None)
    assert (head.offset, data) == (0, DATA)


@pytest.mark.parametrize(
    "spread", ["bytes 7-99/5120000", "bytes 1000-99/*", "items 1-2/3", "", "bytes 1000-2000/9"]
)
async def test_a_wrong_range_is_refused(spread: str, cdn: HostileServer, http: Http) -> None:
    """Bytes from another place are never appended to what is held."""
    cdn.play(raw_answer(b"x" * 50, 206, {"Content-Range": spread}))
    with pytest.raises(ProtocolError):
        await get(http, cdn.url + "/f", 1000, None)


async def test_a_file_cut_short(cdn: HostileServer, http: Http) -> None:
    """What came is handed over, and then the error says how far it got."""
    cdn.play(cut_short(DATA[:3_000_000], len(DATA)))
    got = b""
    with pytest.raises(NetworkError, match="3000000 bytes of 5120000") as caught:
        async for item in http.download(cdn.url + "/f"):
            got += item if isinstance(item, bytes) else b""
    assert caught.value.code == "CUT"
    assert got == DATA[:3_000_000]


@pytest.mark.parametrize("status", [401, 403, 410])
async def test_an_expired_address(status: int, cdn: HostileServer, http: Http) -> None:
    """A signed URL that is no longer good asks for a fresh list, not for a new credential."""
    cdn.play(html(status, "AccessDenied"))
    with pytest.raises(NotFoundError) as caught:
        await get(http, cdn.url + "/f?sig=1")
    assert caught.value.code == "URL_EXPIRED"


async def test_a_file_that_is_gone(cdn: HostileServer, http: Http) -> None:
    """404 is not expiry."""
    cdn.play(html(404, "NoSuchKey"))
    with pytest.raises(NotFoundError, match="NoSuchKey") as caught:
        await get(http, cdn.url + "/f")
    assert caught.value.code is None


async def test_redirects_to_other_hosts(
    server: HostileServer, cdn: HostileServer, http: Http
) -> None:
    """An artifact may be handed on to another host, which gets no credential; neither does the
    own origin once the way has led elsewhere."""
    server.route("GET", "/a", redirect(cdn.url + "/b"))
    cdn.route("GET", "/b", redirect(server.url + "/c"))
    server.route("GET", "/c", file_answer(DATA))
    _, data = await get(http, "/a", own=True)
    assert data == DATA
    assert "authorization" in server.asked("GET", "/a")[0].headers
    assert "authorization" not in cdn.requests[0].headers
    assert "authorization" not in server.asked("GET", "/c")[0].headers


async def test_a_redirect_loop_ends(cdn: HostileServer, http: Http) -> None:
    """Five hops are enough."""
    cdn.play(redirect("/again"))
    with pytest.raises(ProtocolError, match="redirects more than"):
        await get(http, cdn.url + "/f")
    assert len(cdn.requests) == 6


async def test_own_origin_is_checked_again(cdn: HostileServer, http: Http) -> None:
    """An artifact that claims to be at home and is not gets no credential."""
    cdn.play(file_answer(DATA))
    await get(http, cdn.url + "/f", own=True)
    assert "authorization" not in cdn.requests[0].headers


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/private",
        "https://localhost/private",
        "http://[::1]/x",
        "http://cdn.example/plain",
        "file:///etc/passwd",
        "ftp://cdn.example/f",
        "https://u:p@cdn.example/f",
    ],
)
async def test_addresses_that_a_remote_service_may_not_name(url: str) -> None:
    """A remote service cannot make us fetch from this machine, or in the open."""
    client = Http(profile(), service="S", base_url="https://api.example")
    with pytest.raises(ProtocolError):
        await get(client, url)
    await client.aclose()


@pytest.mark.parametrize(
    "fault", ["silence", "reset", "hang-up", "not-http", "internal-error", "bad-gzip"]
)
async def test_faults_end_in_errors(fault: str, cdn: HostileServer, http: Http) -> None:
    """Whatever goes wrong is one of our errors, in time, and shows no credential."""
    cdn.play(FAULTS[fault])
    with pytest.raises(TrainerError) as caught:
        async with asyncio.timeout(60):
            await get(http, cdn.url + "/f", own=True)
    assert TOKEN not in all_that_it_shows(caught.value)


async def test_leaving_early_closes_the_connection(cdn: HostileServer, http: Http) -> None:
    """A download that nobody reads any more does not go on in the background."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def play(request: Request, connection: Connection) -> None:
        try:
            endless(b"x")(request, connection)
        finally:
            loop.call_soon_threadsafe(ended.set)

    cdn.play(play)
    async with contextlib.aclosing(http.download(cdn.url + "/f")) as stream:
        async for item in stream:
            if isinstance(item, bytes):
                break
    await asyncio.wait_for(ended.wait(), 20)


async def test_cancelling_while_nothing_comes(cdn: HostileServer, http: Http) -> None:
    """A silent host does not hold up a cancelled download."""
    cdn.play(silence)
    task = asyncio.create_task(get(http, cdn.url + "/f"))
    await asyncio.to_thread(cdn.wait_for_requests, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


async def test_connections_are_used_again(cdn: HostileServer, http: Http) -> None:
    """Many small files of one host come over one connection; one that was closed is replaced."""
    cdn.play(file_answer(b"small"))
    for _ in range(5):
        assert (await get(http, cdn.url + "/f"))[1] == b"small"
    assert cdn.connections == 1

    def last(request: Request, connection: Connection) -> None:
        connection.answer(200, b"last")
        connection.hang_up()

    cdn.play(in_turn(last, file_answer(b"small")))
    assert (await get(http, cdn.url + "/f"))[1] == b"last"
    assert (await get(http, cdn.url + "/f"))[1] == b"small"


async def test_a_slow_line_still_moves(cdn: HostileServer, http: Http) -> None:
    """Bytes are handed over before a large piece is full."""

    def trickle(request: Request, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.hang_up()
        while not connection.closing.wait(0.03):
            connection.send(b"x" * 100)

    cdn.play(trickle)
    async with contextlib.aclosing(http.download(cdn.url + "/f")) as stream:
        sizes = [len(item) async for item in _first(stream, 3) if isinstance(item, bytes)]
    assert sizes and max(sizes) < 10_000


async def _first(stream: AsyncIterator[object], count: int) -> AsyncIterator[object]:
    async for item in stream:
        yield item
        count -= 1
        if not count:
            return


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    """Files of the local server come over its socket."""
    path = tmp_path / "s"
    with HostileServer(socket_path=path) as server:
        server.play(file_answer(DATA))
        client = Http(
            profile(token=None),
            service="Local server",
            base_url="http://localhost",
            socket=path,
            needs_credential=False,
        )
        head, data = await get(client, "/v1/jobs/a/files/x%20y", 100, '"v1"', own=True)
        assert (head.offset, data) == (100, DATA[100:])
        assert server.requests[0].target == "/v1/jobs/a/files/x%20y"
        await client.aclose()


async def test_a_small_file_is_bounded(cdn: HostileServer, http: Http) -> None:
    """A config that turns out to be huge is not read into memory."""
    behaviours: list[Behaviour] = [endless(), file_answer(DATA)]
    for behaviour in behaviours:
        cdn.play(behaviour)
        with pytest.raises(ProtocolError, match="larger"):
            await http.fetch(cdn.url + "/f", limit=1 << 20)


async def test_uploading_to_a_signed_url(cdn: HostileServer, http: Http, tmp_path: Path) -> None:
    """A file is PUT whole, without the credential; a refusal is an error."""
    file = tmp_path / "set.zip"
    file.write_bytes(DATA)
    cdn.play(json_answer({}))
    await http.upload(cdn.url + "/put?sig=1", file)
    (request,) = cdn.requests
    assert (request.method, request.body) == ("PUT", DATA)
    assert "authorization" not in request.headers
    cdn.play(html(403, "expired"))
    with pytest.raises(NotFoundError):
        await http.upload(cdn.url + "/put?sig=1", file)


async def test_the_loop_is_never_late(cdn: HostileServer, http: Http) -> None:
    """While a file pours in, the event loop keeps answering: the work is in a thread."""
    cdn.play(file_answer(bytes(100_000_000)))
    loop = asyncio.get_running_loop()
    gaps = []

    async def tick() -> None:
        while True:
            began = loop.time()
            await asyncio.sleep(0)
            gaps.append(loop.time() - began)

    ticking = asyncio.create_task(tick())
    async with contextlib.aclosing(http.download(cdn.url + "/f")) as stream:
        assert sum([len(item) async for item in stream if isinstance(item, bytes)]) == 100_000_000
    ticking.cancel()
    gaps.sort()
    assert gaps[int(len(gaps) * 0.99)] < 0.02
