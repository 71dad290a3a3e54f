"""Fixtures of the provider tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.server import HostileServer
from trainer_tui.providers import http


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries happen, and nobody waits for them."""
    monkeypatch.setattr(http, "BACKOFF", 0.001)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    """A server to be told how to behave."""
    with HostileServer() as running:
        yield running
