"""What all tests share."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# Where Python is told to keep no bytecode, as in many containers, each worker would prepare all
# tests anew, at every run.
sys.dont_write_bytecode = False

# Every run tries the same few examples, whatever the machine is busy with;
# HYPOTHESIS_PROFILE=thorough searches.
settings.register_profile(
    "quick",
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run under asyncio, which is what the program uses."""
    return "asyncio"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers a core, up to 16: most tests wait for a process, a socket or a screen."""
    return min(16, 2 * (os.cpu_count() or 1))
