"""What all tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run under asyncio, which is what the program uses."""
    return "asyncio"
