"""A server that misbehaves on purpose, over a real socket.

    with HostileServer() as server:
        server.play(FAULTS["bad-gateway-html"])      # every request, until told otherwise
        ...
        server.play(json_answer({"jobs": []}))       # it recovered
        server.route("GET", "/v1/jobs", json_answer({"jobs": []}))   # one path behaves

A behaviour is a function of the request and the raw connection, so anything that can happen on a
wire can be played: an endless body, a reset, a silence. ``requests`` holds all that was asked, so
that a test can prove what was sent (and what was not: credentials).
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

_REASONS = {200: "OK", 206: "Partial Content", 302: "Found", 304: "Not Modified", 401: "No"}
ESCAPES = "\x1b[31mred\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07\u202etxt.exe\x9b2J\r\n[bold]x[/y]"
"""A name that would recolour, retitle, steal the clipboard, reverse, clear and mark up."""


@dataclass(frozen=True)
class Request:
    """One request as it came in; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def json(self) -> object:
        """The body, parsed."""
        return json.loads(self.body)


class Connection:
    """The raw connection that a behaviour writes to."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock = sock
        self.closing = closing
        self.keep = True
        """Whether the connection is good for another request."""

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.sock.sendall(data)

    def answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Write a whole, proper answer."""
        named = {"Content-Length": str(len(body)), **(headers or {})}
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'X')}"]
        lines += [f"{name}: {value}" for name, value in named.items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def hang_up(self) -> None:
        """Close after this answer."""
        self.keep = False

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.keep = False

    def wait_for_client_to_leave(self) -> None:
        """Say nothing until the client gives up or the server is closed."""
        self.sock.settimeout(0.05)
        self.keep = False
        while not self.closing.is_set():
            try:
                if not self.sock.recv(65536):
                    return
            except TimeoutError:
                continue
            except OSError:
                return


Behaviour = Callable[[Request, Connection], None]


# -- behaviours ------------------------------------------------------------------------------


def json_answer(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Behaviour:
    """A proper JSON answer."""
    data = json.dumps(body).encode()
    return raw_answer(data, status, {"Content-Type": "application/json", **(headers or {})})


def raw_answer(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Behaviour:
    """An answer of any bytes."""

    def play(request: Request, connection: Connection) -> None:
        connection.answer(status, body, headers)

    return play


def html(status: int, title: str) -> Behaviour:
    """A gateway's error page."""
    page = (
        f"<!doctype html><html><head><title>{title}</title><style>b{{}}</style></head>"
        f"<body><h1>{title}</h1><script>alert(1)</script><hr>nginx</body></html>"
    )
    return raw_answer(page.encode(), status, {"Content-Type": "text/html"})


def redirect(location: str, status: int = 302) -> Behaviour:
    """Go there instead."""
    return raw_answer(b"", status, {"Location": location})


def silence(request: Request, connection: Connection) -> None:
    """Accept, read the request, and never answer."""
    connection.wait_for_client_to_leave()


def reset(request: Request, connection: Connection) -> None:
    """Reset the connection instead of answering."""
    connection.reset()


def hang_up(request: Request, connection: Connection) -> None:
    """Close the connection properly, without a word."""
    connection.hang_up()


def cut_short(
    body: bytes = b'{"jobs": [',
    promised: int = 4096,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Behaviour:
    """Promise more bytes than are sent, then close."""

    def play(request: Request, connection: Connection) -> None:
        connection.answer(status, body, {**(headers or {}), "Content-Length": str(promised)})
        connection.hang_up()

    return play


def endless(start: bytes = b'{"jobs": ["', piece: bytes = b"x" * 65536) -> Behaviour:
    """A body without an end, as fast as the socket takes it."""

    def play(request: Request, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + start)
        connection.hang_up()
        while not connection.closing.is_set():
            connection.send(piece)

    return play


def dripping(piece: bytes = b" ") -> Behaviour:
    """A body of a byte now and then: never silent for long, and never done."""

    def play(request: Request, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        connection.hang_up()
        while not connection.closing.wait(0.05):
            connection.send(piece)

    return play


def garbage_protocol(request: Request, connection: Connection) -> None:
    """Not HTTP at all."""
    connection.send(b"SSH-2.0-OpenSSH_9.9\r\n")
    connection.hang_up()


def tunnel(port: int) -> Behaviour:
    """A proxy that joins whoever says CONNECT with a loopback port, whatever host they name."""

    def play(request: Request, connection: Connection) -> None:
        connection.hang_up()
        with socket.create_connection(("127.0.0.1", port), 5) as other:
            connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(other, connection.sock), daemon=True)
            back.start()
            _pump(connection.sock, other)
            back.join(5)

    return play


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour a request; the last one stays."""
    left = list(behaviours)
    lock = threading.Lock()

    def play(request: Request, connection: Connection) -> None:
        with lock:
            chosen = left.pop(0) if len(left) > 1 else left[0]
        chosen(request, connection)

    return play


def file_answer(data: bytes, *, etag: str | None = '"v1"', ranges: bool = True) -> Behaviour:
    """A file, with Range and If-Range as they should be."""

    def play(request: Request, connection: Connection) -> None:
        headers = {"ETag": etag} if etag else {}
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        condition = request.headers.get("if-range")
        if not (ranges and wanted and condition in (None, etag)):
            connection.answer(200, data, headers)
            return
        first = int(wanted[1])
        if first >= len(data):
            connection.answer(416, b"", {**headers, "Content-Range": f"bytes */{len(data)}"})
            return
        spread = f"bytes {first}-{len(data) - 1}/{len(data)}"
        connection.answer(206, data[first:], {**headers, "Content-Range": spread})

    return play


FAULTS: dict[str, Behaviour] = {
    "unauthorized": json_answer({"error": {"code": "UNAUTHORIZED", "message": "no"}}, 401),
    "forbidden": json_answer({"detail": "scope missing"}, 403),
    "not-found": json_answer({"error_code": 40451, "error_message": "no such job"}, 404),
    "conflict": json_answer({"error": {"code": "JOB_NOT_RUNNING", "message": "it ended"}}, 409),
    "rate-limited": json_answer({"error": "slow down"}, 429, {"Retry-After": "120"}),
    "rate-limited-date": json_answer(
        {"error": "slow down"}, 429, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}
    ),
    "internal-error": json_answer({"error": {"code": "INTERNAL", "message": "boom"}}, 500),
    "bad-gateway-html": html(502, "502 Bad Gateway \x1b[31m"),
    "invalid-json": raw_answer(b'{"jobs": [', 200, {"Content-Type": "application/json"}),
    "html-with-200": html(200, "Sign in"),
    "invalid-utf8": raw_answer(b'{"name": "\xff\xfe"}'),
    "empty-body": raw_answer(b""),
    "deeply-nested": raw_answer(b"[" * 100_000),
    "wrong-shape-list": json_answer([1, "two", None]),
    "wrong-shape-null": json_answer(None),
    "wrong-shape-fields": json_answer({"jobs": {"id": []}, "id": 7, "status": {}, "progress": "x"}),
    "error-with-200": json_answer({"error_code": 50051, "error_message": "queue is down"}),
    "endless": endless(),
    "dripping": dripping(),
    "cut-short": cut_short(),
    "reset": reset,
    "hang-up": hang_up,
    "silence": silence,
    "not-http": garbage_protocol,
    "bad-gzip": raw_answer(b"not gzip at all", 200, {"Content-Encoding": "gzip"}),
    "redirect-elsewhere": redirect("http://localhost:9/steal"),
    "redirect-loop": redirect("/again"),
    "escapes-in-error": json_answer({"error": {"code": ESCAPES, "message": ESCAPES}}, 500),
}
"""Each thing that can go wrong, by name, for parametrised tests."""


# -- the server ------------------------------------------------------------------------------


@dataclass
class _Rule:
    method: str
    pattern: str
    behaviour: Behaviour


@dataclass
class HostileServer:
    """Listens on a loopback port picked by the system, or on a Unix socket.

    Args:
        socket_path: Listen there instead of on TCP.
        tls: Speak TLS with this context.
    """

    socket_path: Path | None = None
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._rules: list[_Rule] = []
        self._default: Behaviour = json_answer({"error": "nothing is set up"}, 500)
        self._played: Behaviour | None = None
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._arrived = threading.Condition()
        self.connections = 0
        """How many connections were accepted."""

    def __enter__(self) -> HostileServer:
        if self.socket_path is not None:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(self.socket_path))
            self.url = "http://localhost"
        else:
            self._listener = socket.socket()
            self._listener.bind(("127.0.0.1", 0))
            scheme = "https" if self.tls else "http"
            self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._listener.listen(64)
        self._spawn(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def play(self, behaviour: Behaviour | None) -> None:
        """Every request is met like this from now on; ``None`` goes back to the routes."""
        self._played = behaviour

    def route(self, method: str, pattern: str, behaviour: Behaviour) -> None:
        """Requests whose path matches (``*`` and ``?``) are met like this; the newest wins."""
        self._rules.insert(0, _Rule(method, pattern, behaviour))

    def wait_for_requests(self, count: int, timeout: float = 5.0) -> None:
        """Until so many requests have come in. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= count, timeout):
                raise TimeoutError(f"{len(self.requests)} of {count} requests came")

    def asked(self, method: str, pattern: str = "*") -> Sequence[Request]:
        """The requests of that method whose path matches."""
        return [r for r in self.requests if r.method == method and fnmatch.fnmatch(r.path, pattern)]

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        self._open.add(sock)
        try:
            if self.tls is not None:
                self._open.discard(sock)
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._open.add(sock)
            connection = Connection(sock, self._closing)
            rest = b""
            while connection.keep and not self._closing.is_set():
                read = _read_request(sock, rest)
                if read is None:
                    break
                request, rest = read
                with self._arrived:
                    self.requests.append(request)
                    self._arrived.notify_all()
                self._behaviour(request)(request, connection)
        except OSError:
            pass  # the client left: that is its right
        finally:
            self._open.discard(sock)
            sock.close()

    def _behaviour(self, request: Request) -> Behaviour:
        if self._played is not None:
            return self._played
        for rule in self._rules:
            if rule.method == request.method and fnmatch.fnmatch(request.path, rule.pattern):
                return rule.behaviour
        return self._default


def _read_request(sock: socket.socket, held: bytes) -> tuple[Request, bytes] | None:
    while b"\r\n\r\n" not in held:
        more = sock.recv(65536)
        if not more:
            return None
        held += more
    head, _, held = held.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    if chunked:
        while not held.endswith(b"0\r\n\r\n"):
            held += sock.recv(65536)
        return Request(method, target, headers, held), b""
    length = int(headers.get("content-length", "0"))
    while len(held) < length:
        more = sock.recv(65536)
        if not more:
            return None
        held += more
    return Request(method, target, headers, held[:length]), held[length:]
