"""The console over the real runtime: from a service to the screen, from a key to the service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tui.console import running, screen_text, until
from trainer_tui.config import Config, Profile
from trainer_tui.core.runtime import Runtime
from trainer_tui.model import Account, Capability, Job, JobRef, Progress, Status
from trainer_tui.paths import Paths, private_folder
from trainer_tui.providers.base import Facts, allowed_in
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.glyphs import UNICODE

CAPABLE = frozenset({Capability.CANCEL, Capability.RESUME})
FACTS = Facts("stub", "Stub", CAPABLE, lists=True, needs_credential=False)


class Service:
    """A service with one running job that can be canceled."""

    facts = FACTS

    def __init__(self) -> None:
        self.status = Status.RUNNING

    def job(self) -> Job:
        """The job as it is now."""
        return Job(
            JobRef("stub", "a1"),
            "stub",
            "only_one",
            self.status,
            self.status.value,
            progress=Progress.of(5, 10),
            allowed=allowed_in(self.status, CAPABLE),
        )

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        return [self.job()]

    async def get_job(self, job_id: str) -> Job:
        return self.job()

    async def cancel(self, job_id: str) -> Job | None:
        self.status = Status.CANCELED
        return self.job()

    async def check(self) -> Account:
        return Account("stub", 1)

    async def aclose(self) -> None:
        return None


@pytest.mark.anyio
async def test_a_job_is_listed_canceled_and_seen_to_end(tmp_path: Path) -> None:
    """From the service's list to the row, from c y to the service, and back to the row."""
    paths = Paths.under(tmp_path)
    private_folder(paths.state)
    config = Config(profiles={"stub": Profile("stub", "stub")})
    service = Service()
    runtime = Runtime(
        config, paths, open_provider=lambda context: service, provider_facts=lambda name: FACTS
    )
    app = TrainerApp(runtime, config, paths, glyphs=UNICODE, env={})
    try:
        async with running(app) as pilot:
            await until(pilot, lambda: "only_one" in screen_text(app), 1000)
            await pilot.press("c", "y")
            await until(pilot, lambda: "■ canceled" in screen_text(app), 1000)
    finally:
        runtime.close()
