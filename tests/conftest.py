"""What all tests share."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

# Where Python is told to keep no bytecode, as in many containers, each worker would prepare all
# tests anew, at every run.
sys.dont_write_bytecode = False

# For numpy, before it is imported: threads that wait for one another make matrices this small
# slower. What a test starts inherits it.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# What is imported and collected stays: looking through it for garbage is for nothing.
gc.disable()


def pytest_configure() -> None:
    """Every run tries the same few examples, whatever the machine is busy with.

    HYPOTHESIS_PROFILE=thorough searches.
    """
    from hypothesis import HealthCheck, settings

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


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Each worker begins with other test modules, and finds those of the rest prepared.

    pytest writes its assertions anew in each module that is not prepared yet, as in a fresh
    clone. In one order all workers would do that with all modules, beside each other.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None:
        return
    paths = [Path(argument.partition("::")[0]) for argument in session.config.args]
    files = sorted(file for path in paths for file in path.rglob("test_*.py"))
    begin = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for file in files[begin:] + files[:begin]:
        with suppress(Exception, pytest.skip.Exception):  # told when it is collected
            name = file.resolve().relative_to(session.config.rootpath).with_suffix("")
            import_module(".".join(name.parts))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """From here on garbage is collected, among what the tests make, and in few big steps."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)
    gc.enable()


def pytest_unconfigure() -> None:
    """What a finalizer has to say is said now; the rest is left for the end of the process to drop.

    pytest goes through all of it five times more, and Python again.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run under asyncio, which is what the program uses."""
    return "asyncio"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three workers a core, up to 16: most tests wait for a process, a socket or a screen."""
    return min(16, 3 * (os.cpu_count() or 1))
