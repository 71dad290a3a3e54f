"""The console with its real network thread against a service that misbehaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.faults.server import ESCAPES, FAULTS, HostileServer, json_answer
from tests.tui.waiting import screen_text, until
from trainer_tui.config import load
from trainer_tui.core.runtime import Runtime
from trainer_tui.core.store import Store
from trainer_tui.model import JobRef
from trainer_tui.paths import Paths
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.glyphs import UNICODE

pytestmark = pytest.mark.anyio
TOKEN = "tok-RECOGNISABLE-faults"
GOOD = json_answer(
    {
        "id": "abc",
        "name": f"dog{ESCAPES}",
        "status": "RUNNING",
        "progress": {"current_step": 10, "total_steps": 100, "percent": 10},
    }
)
TOLD = {
    "unauthorized": "401, token refused",
    "conflict": "409, not in this state",
    "internal-error": "500, its own error",
    "bad-gateway-html": "502, its own error",
    "invalid-json": "answer not understood",
    "endless": "answer not understood",
    "escapes-in-error": "500, its own error",
    "silence": "no answer",
    "hang-up": "connection broke off",
}
"""Faults of the service, and what the status bar says of each."""


@pytest.fixture(scope="module")
def service() -> Iterator[HostileServer]:
    """One service for all tests here."""
    with HostileServer() as server:
        yield server


@asynccontextmanager
async def console(service: HostileServer, home: Path) -> AsyncIterator[Pilot[Any]]:
    """A console that follows one job of the service, which is well at first."""
    (home / "token").write_text(TOKEN)
    (home / "token").chmod(0o600)
    (home / "config.toml").write_text(
        f"""[profiles.bad]
provider = "runcomfy"
base_url = "{service.url}"
token = "file:{home / "token"}"
timeout = 2
[poll]
selected = 1
running = 1
queued = 1
"""
    )
    paths = Paths.under(home)
    paths.state.mkdir(parents=True, exist_ok=True)
    store = Store(paths.store)
    store.track(JobRef("bad", "abc"), "runcomfy")
    service.play(GOOD)
    config = load(paths)
    runtime = Runtime(config, paths, store=store)
    app = TrainerApp(runtime, config, paths, glyphs=UNICODE, env={"TERM": "xterm-256color"})
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: "● running" in screen_text(app))
            yield pilot
    finally:
        runtime.close()
        service.play(GOOD)


async def test_a_fault_is_told_in_its_place_and_passes(
    service: HostileServer, tmp_path: Path
) -> None:
    """The status bar says what is wrong, the job stays as it was last seen, the profiles screen
    says more; when the service is well again, so is the console. The token is nowhere to see."""
    async with console(service, tmp_path) as pilot:
        for fault, words in TOLD.items():
            await told_and_past(pilot, service, fault, words)


async def told_and_past(pilot: Pilot[Any], service: HostileServer, fault: str, words: str) -> None:
    """One fault, from its beginning to its end."""
    app = pilot.app
    service.play(FAULTS[fault])
    await pilot.press("R")
    await until(pilot, lambda: f"bad: {words}" in screen_text(app).splitlines()[0], fault)
    assert "● running" in screen_text(app), fault
    await pilot.press("P")
    await until(
        pilot, lambda: "error " in screen_text(app) and "answered" in screen_text(app), fault
    )
    for line in screen_text(app).splitlines():
        assert line.isprintable(), (fault, line)
    assert TOKEN not in app.export_screenshot(), fault
    await pilot.press("escape")
    service.play(GOOD)
    await pilot.press("R")
    await until(pilot, lambda: words not in screen_text(app).splitlines()[0], fault)


async def test_a_job_that_the_service_does_not_know_is_told_at_the_job(
    service: HostileServer, tmp_path: Path
) -> None:
    """404 is about the job and not the account; acts say so, and the job is not dropped."""
    async with console(service, tmp_path) as pilot:
        app: Any = pilot.app
        service.play(FAULTS["not-found"])
        await pilot.press("R")
        await until(pilot, lambda: "? unknown" in screen_text(app))
        await pilot.press("c")
        await until(pilot, lambda: "is gone at the service: forget it here" in screen_text(app))
        assert app.main and app.screen is app.main


async def test_a_request_to_slow_down_is_obeyed_and_told(
    service: HostileServer, tmp_path: Path
) -> None:
    """429 with Retry-After: the bar says when it goes on, and even R does not ask before."""
    async with console(service, tmp_path) as pilot:
        app: Any = pilot.app
        service.play(FAULTS["rate-limited"])
        await pilot.press("R")
        await until(pilot, lambda: "bad: 429, again at " in screen_text(app).splitlines()[0])
        count = len(service.requests)
        await pilot.press("R", "R")
        await until(pilot, lambda: "bad asked us to wait" in screen_text(app))
        assert len(service.requests) == count


async def test_a_refused_act_leaves_the_row_as_it_was(
    service: HostileServer, tmp_path: Path
) -> None:
    """The mark of the request goes, and what happened is said with what to do."""
    async with console(service, tmp_path) as pilot:
        app: Any = pilot.app
        await pilot.press("c")
        service.play(FAULTS["internal-error"])
        await pilot.press("y")
        await until(pilot, lambda: "cancel failed: RunComfy has an error" in screen_text(app))
        await until(pilot, lambda: "● running" in screen_text(app))
