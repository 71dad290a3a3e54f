"""Fixtures of the provider tests."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import faults
from tests.faults.server import HostileServer
from trainer_tui.providers import _origin, http


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries happen, and nobody waits for them."""
    monkeypatch.setattr(http, "BACKOFF", 0.001)


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> float:
    """The profile's timeout: short where a test is about silence, long on a busy machine."""
    return 0.4 if "silence" in request.node.name else 60.0


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A certificate that is trusted for this test; gives the context to serve with."""
    certificate = Path(faults.__file__).with_name("loopback.pem")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    _origin.tls_context.cache_clear()
    yield serving
    _origin.tls_context.cache_clear()


@pytest.fixture
def server() -> Iterator[HostileServer]:
    """A server to be told how to behave."""
    with HostileServer() as running:
        yield running
