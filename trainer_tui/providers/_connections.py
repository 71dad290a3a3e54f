"""Connections for files: to a host, to a Unix socket, or through the environment's proxy."""

from __future__ import annotations

import http.client
import socket
import urllib.request
from base64 import b64encode
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trainer_tui.errors import ConfigError
from trainer_tui.providers._origin import Origin, address, tls_context


def connect(
    origin: Origin, seconds: float
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """A new connection; what goes before the path, and more headers, where a proxy wants it."""
    proxy = _proxy(origin)
    if proxy is None:
        if origin.scheme == "https":
            secure = http.client.HTTPSConnection(
                origin.host, origin.port, timeout=seconds, context=tls_context()
            )
            return secure, "", {}
        return http.client.HTTPConnection(origin.host, origin.port, timeout=seconds), "", {}
    hop, login = proxy
    if origin.scheme == "https":
        tunnel = http.client.HTTPSConnection(
            hop.host, hop.port, timeout=seconds, context=tls_context()
        )
        tunnel.set_tunnel(origin.host, origin.port, headers=login)
        return tunnel, "", {}
    plain = http.client.HTTPConnection(hop.host, hop.port, timeout=seconds)
    return plain, f"{origin.scheme}://{origin}", login


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.timeout)
        try:
            sock.connect(str(self._path))
        except BaseException:
            sock.close()
            raise
        self.sock = sock


def _proxy(origin: Origin) -> tuple[Origin, dict[str, str]] | None:
    """The proxy that the environment names for a host, and the header that it wants."""
    if origin.loopback or urllib.request.proxy_bypass(origin.host):
        return None
    found = urllib.request.getproxies()
    url = found.get(origin.scheme) or found.get("all")
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigError(
            f"files cannot be fetched through a proxy of the kind {parts.scheme!r}",
            hint="Name an http:// proxy in HTTPS_PROXY, or the host in NO_PROXY.",
        )
    login = {}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        login["Proxy-Authorization"] = "Basic " + b64encode(pair).decode()
    return address(f"http://{parts.hostname}:{parts.port or 80}").origin, login
