"""The HTTP client: who gets the credential, what is asked twice, and how much is read."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import faults
from tests.faults.server import (
    FAULTS,
    HostileServer,
    html,
    in_turn,
    json_answer,
    raw_answer,
    redirect,
    silence,
    tunnel,
)
from tests.providers.support import TOKEN, all_that_it_shows, profile
from trainer_tui.config import Secret
from trainer_tui.errors import (
    AuthError,
    ConfigError,
    NetworkError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServiceError,
)
from trainer_tui.providers import _origin
from trainer_tui.providers.http import Http

OK = json_answer({"ok": True})


@pytest.fixture
async def http(server: HostileServer, patience: float) -> AsyncIterator[Http]:
    """A client of the server."""
    client = Http(profile(timeout=patience), service="RunComfy", base_url=server.url)
    yield client
    await client.aclose()


async def test_the_credential_goes_to_its_own_origin(server: HostileServer, http: Http) -> None:
    """Each request carries the bearer token in a header, and never in the URL."""
    server.play(OK)
    assert await http.json("GET", "/v1", params={"a": "b c"}) == {"ok": True}
    request = server.requests[0]
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.target == "/v1?a=b+c"


async def test_a_base_url_may_have_a_path(server: HostileServer) -> None:
    """What the API's paths are below is kept."""
    server.play(OK)
    client = Http(profile(), service="S", base_url=server.url + "/below/here/")
    await client.json("GET", "/v1")
    await client.aclose()
    assert server.requests[0].target == "/below/here/v1"


async def test_redirects_within_the_origin_are_followed(server: HostileServer, http: Http) -> None:
    """A GET that is sent elsewhere on the same origin arrives there, credential included."""
    server.route("GET", "/old", redirect("/new"))
    server.route("GET", "/new", OK)
    assert await http.json("GET", "/old") == {"ok": True}
    assert server.asked("GET", "/new")[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_redirects_elsewhere_are_not_followed(server: HostileServer, http: Http) -> None:
    """Another host never learns of the request, and the error names it."""
    with HostileServer() as other:
        other.play(OK)
        server.play(redirect(other.url + "/steal"))
        with pytest.raises(ServiceError, match="redirects to") as caught:
            await http.json("GET", "/v1")
        assert caught.value.code == "REDIRECT"
        assert other.requests == []


async def test_a_post_is_not_redirected(server: HostileServer, http: Http) -> None:
    """An act is never carried out at an address that a redirect names."""
    server.play(redirect("/elsewhere", 307))
    with pytest.raises(ServiceError):
        await http.json("POST", "/v1", body={})
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", ["bad-gateway-html", "reset", "hang-up", "cut-short"])
async def test_a_get_is_tried_again(fault: str, server: HostileServer, http: Http) -> None:
    """A gateway's hiccup or a broken connection is bridged, twice if need be."""
    server.play(in_turn(FAULTS[fault], FAULTS[fault], OK))
    assert await http.json("GET", "/v1") == {"ok": True}
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", ["bad-gateway-html", "reset", "hang-up", "silence"])
async def test_an_act_is_never_tried_again(fault: str, server: HostileServer, http: Http) -> None:
    """A POST whose answer is lost may have been carried out: it is sent once."""
    server.play(in_turn(FAULTS[fault], OK))
    with pytest.raises((ServiceError, NetworkError)):
        await http.json("POST", "/v1", body={})
    assert len(server.requests) == 1


async def test_a_short_retry_after_is_waited_out(server: HostileServer, http: Http) -> None:
    """When the service asks for a moment, the request simply takes that moment longer."""
    server.play(in_turn(json_answer({"error": "wait"}, 429, {"Retry-After": "0.01"}), OK))
    assert await http.json("GET", "/v1") == {"ok": True}


@pytest.mark.parametrize("status", [429, 503])
async def test_a_long_retry_after_is_the_pollers(
    status: int, server: HostileServer, http: Http
) -> None:
    """A long wait is not slept away in here, but told, after one request."""
    server.play(json_answer({"error": "wait"}, status, {"Retry-After": "90"}))
    with pytest.raises(RateLimitError) as caught:
        await http.json("GET", "/v1")
    assert caught.value.retry_after == 90
    assert caught.value.status == status
    assert len(server.requests) == 1


async def test_what_was_sent_is_told_from_what_was_not() -> None:
    """A refused connection says CONNECT: nothing can have happened at the other end."""
    with HostileServer() as gone:
        url = gone.url
    client = Http(profile(), service="RunComfy", base_url=url)
    with pytest.raises(NetworkError, match="refused") as caught:
        await client.json("POST", "/v1", body={})
    assert caught.value.code == "CONNECT"


async def test_silence_ends_in_time(server: HostileServer, http: Http) -> None:
    """The profile's timeout is kept, and the sentence says how long it was."""
    server.play(silence)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(NetworkError, match=r"0\.4 s") as caught:
        await http.json("GET", "/v1")
    assert caught.value.code == "TIMEOUT"
    assert loop.time() - began < 5


async def test_a_compressed_answer_is_read(server: HostileServer, http: Http) -> None:
    """gzip is understood."""
    server.play(raw_answer(gzip.compress(b'{"ok": true}'), 200, {"Content-Encoding": "gzip"}))
    assert await http.json("GET", "/v1") == {"ok": True}


async def test_a_compression_bomb_is_given_up(server: HostileServer, http: Http) -> None:
    """The limit counts what comes out of the compression, in bounded steps."""
    bomb = gzip.compress(b" " * (64 << 20))
    server.play(raw_answer(bomb, 200, {"Content-Encoding": "gzip"}))
    with pytest.raises(ProtocolError) as caught:
        await http.json("GET", "/v1")
    assert caught.value.code == "TOO_LARGE"


async def test_a_huge_error_page_is_still_an_error(server: HostileServer, http: Http) -> None:
    """The body of an error is read as far as it helps; the status is what counts."""

    server.play(html(500, "x" * 500_000))
    with pytest.raises(ServiceError) as caught:
        await http.json("GET", "/v1")
    assert caught.value.status == 500
    assert len(caught.value.message) < 1000


async def test_connections_are_kept_and_bounded(server: HostileServer, http: Http) -> None:
    """Fifty questions at once use at most ten connections, and the next ones the same."""
    server.play(OK)
    for _ in range(2):
        await asyncio.gather(*(http.json("GET", "/v1") for _ in range(50)))
    assert server.connections <= 10


@pytest.mark.parametrize("echo", [TOKEN, "percent", "json"])
async def test_an_echoed_token_is_taken_out(echo: str, server: HostileServer, http: Http) -> None:
    """A service that repeats the token, as it is or encoded, does not get it into our errors."""
    from urllib.parse import quote

    said = quote(TOKEN, safe="") if echo == "percent" else TOKEN
    server.play(json_answer({"error": {"code": said, "message": f"bad token {said}"}}, 401))
    with pytest.raises(AuthError) as caught:
        await http.json("GET", "/v1")
    assert TOKEN not in all_that_it_shows(caught.value)


async def test_an_unauthorized_answer_reads_the_credential_afresh(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a 401 a token that was renewed meanwhile is found without a restart."""
    monkeypatch.setenv("C_TOKEN", "old-token")
    client = Http(profile(token=Secret("env:C_TOKEN")), service="S", base_url=server.url)
    server.play(in_turn(FAULTS["unauthorized"], OK))
    with pytest.raises(AuthError):
        await client.json("GET", "/v1")
    monkeypatch.setenv("C_TOKEN", "new-token")
    await client.json("GET", "/v1")
    await client.aclose()
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer old-token", "Bearer new-token"]


async def test_a_missing_token_asks_nobody(server: HostileServer) -> None:
    """Without a credential nothing is sent; the hint says where to put one."""
    client = Http(profile(token=None), service="S", base_url=server.url)
    with pytest.raises(AuthError, match="no token") as caught:
        await client.json("GET", "/v1")
    assert "profiles.comfy" in (caught.value.hint or "")
    assert server.requests == []


async def test_a_token_that_no_header_can_hold(server: HostileServer) -> None:
    """A token with a line break is refused, without being shown."""
    client = Http(profile(token=Secret("sk-a\nb: c")), service="S", base_url=server.url)
    with pytest.raises(ConfigError) as caught:
        await client.json("GET", "/v1")
    assert "sk-a" not in all_that_it_shows(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com", "plain http"),
        ("http://192.168.1.5:8000", "plain http"),
        ("http://127.0.0.1.example.com", "plain http"),
        ("ftp://example.com", "not an http"),
        ("example.com", "not an http"),
        ("https://user:secret@example.com", "user name"),
        ("https://example.com/?key=1", "query"),
        ("https://exa mple.com", "odd characters"),
    ],
)
async def test_base_urls_that_are_refused(url: str, words: str) -> None:
    """A base URL that would give the credential away, or is none, is a mistake in the config."""
    client = Http(profile(), service="S", base_url=url)
    with pytest.raises(ConfigError, match=words) as caught:
        await client.json("GET", "/v1")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "http://localhost",
        "http://127.8.9.1",
    ],
)
def test_base_urls_that_are_taken(url: str) -> None:
    """Https anywhere, and plain http on this machine."""
    assert _origin.base_of(profile(), url).url("/v1").endswith("/v1")


def test_insecure_is_a_choice() -> None:
    """Plain http to another machine is possible for those who say so."""
    base = _origin.base_of(profile(insecure=True), "http://10.0.0.1:99")
    assert base.url("/v1") == "http://10.0.0.1:99/v1"


async def test_loopback_never_goes_through_a_proxy(
    server: HostileServer, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxy variables are for other hosts; requests to this machine stay on it."""
    with HostileServer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        server.play(OK)
        await http.json("GET", "/v1")
        assert proxy.requests == []


async def test_other_hosts_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote service is asked through the proxy that the environment names."""
    with HostileServer() as proxy:
        proxy.play(json_answer({"through": "proxy"}))
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        client = Http(profile(insecure=True), service="S", base_url="http://svc.invalid:81")
        assert await client.json("GET", "/v1") == {"through": "proxy"}
        await client.aclose()
        assert proxy.requests[0].target == "http://svc.invalid:81/v1"


async def test_tls_goes_through_the_proxy_unopened(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With https the proxy sees CONNECT and no header: questions and files alike."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with HostileServer(tls=trusted) as service, HostileServer() as proxy:
        service.play(OK)
        proxy.play(tunnel(int(service.url.rpartition(":")[2])))
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url.replace("://", "://me:word@"))
        client = Http(profile(), service="S", base_url="https://service.test")
        assert await client.json("GET", "/v1") == {"ok": True}
        assert await client.fetch("/file", own_origin=True) == b'{"ok": true}'
        await client.aclose()
        assert [request.method for request in proxy.requests] == ["CONNECT", "CONNECT"]
        assert {request.target for request in proxy.requests} == {"service.test:443"}
        assert "Bearer" not in str(proxy.requests)
        assert all("proxy-authorization" in request.headers for request in proxy.requests)
        assert [request.headers["authorization"] for request in service.requests] == [
            f"Bearer {TOKEN}"
        ] * 2
        proxy.play(html(407, "who are you"))
        client = Http(profile(), service="S", base_url="https://service.test")
        with pytest.raises(NetworkError, match="407"):
            await client.json("GET", "/v1")
        with pytest.raises(NetworkError, match="407"):
            await client.fetch("/file", own_origin=True)
        await client.aclose()


async def test_a_proxy_that_cannot_be_used_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A SOCKS proxy in the environment is a mistake in the config, not a crash."""
    for name in ("ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    client = Http(profile(insecure=True), service="S", base_url="http://svc.invalid:81")
    with pytest.raises(ConfigError, match="proxy"):
        await client.json("GET", "/v1")


async def test_an_untrusted_certificate_is_refused() -> None:
    """TLS is verified: a server that nobody vouches for is not talked to."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(Path(faults.__file__).with_name("loopback.pem"))
    with HostileServer(tls=serving) as server:
        client = Http(profile(), service="S", base_url=server.url)
        for ask in (client.json("GET", "/v1"), client.fetch("/file", own_origin=True)):
            with pytest.raises(NetworkError, match="cannot be trusted") as caught:
                await ask
            assert caught.value.code == "TLS"
        await client.aclose()
        assert server.requests == []


async def test_a_trusted_certificate(trusted: ssl.SSLContext) -> None:
    """A server whose authority SSL_CERT_FILE names is talked to over TLS."""
    with HostileServer(tls=trusted) as server:
        server.play(OK)
        client = Http(profile(), service="S", base_url=server.url)
        assert await client.json("GET", "/v1") == {"ok": True}
        assert await client.fetch("/file", own_origin=True) == b'{"ok": true}'
        await client.aclose()


async def test_a_name_that_does_not_resolve() -> None:
    """An unknown host is a network error that names it."""
    client = Http(profile(), service="S", base_url="https://no-such-host.invalid")
    with pytest.raises((NetworkError, ServiceError), match=r"no-such-host|S "):
        await client.json("GET", "/v1")
    await client.aclose()


async def test_closing_twice_and_asking_again(server: HostileServer, http: Http) -> None:
    """A closed client opens anew when it is asked again."""
    server.play(OK)
    await http.json("GET", "/v1")
    await http.aclose()
    await http.aclose()
    assert await http.json("GET", "/v1") == {"ok": True}


async def test_not_found_is_not_found(server: HostileServer, http: Http) -> None:
    """A 404 with an error code keeps the code."""
    server.play(FAULTS["not-found"])
    with pytest.raises(NotFoundError) as caught:
        await http.json("GET", "/v1")
    assert caught.value.code == "40451"


def test_what_is_loaded_when() -> None:
    """The first frame reads the facts of all services: httpx and the rest are not loaded for that;
    nor the command line of httpx with it, ever."""
    heavy = ["httpx", "textual", "yaml", "starlette", "ssl", "http.client", "certifi", "keyring"]
    code = (
        "import sys\n"
        "from trainer_tui.config import provider_names\n"
        "from trainer_tui.providers import base\n"
        "for name in provider_names(): base.facts(name)\n"
        f"print([m for m in {heavy!r} if m in sys.modules])\n"
        "import trainer_tui.providers.http\n"
        "print([m for m in ('httpx', 'click', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    facts, http = done.stdout.splitlines()
    # asyncio brings ssl; everything that uses it does.
    assert set(eval(facts)) <= {"ssl"}
    assert eval(http) == ["httpx"]
