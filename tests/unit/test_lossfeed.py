"""The losses of running jobs that nobody looks at."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes import FakeClock, FakeProvider, facts, job, settle
from trainer_tui.config import HealthSettings, MetricsSettings
from trainer_tui.core.board import Board
from trainer_tui.core.lossfeed import EVERY, MOST, LossFeed
from trainer_tui.core.messages import MetricsArrived
from trainer_tui.core.sides import Surroundings
from trainer_tui.core.store import Store
from trainer_tui.errors import NetworkError
from trainer_tui.model import Capability, Job, JobRef, Metric, Status
from trainer_tui.providers.base import Facts

pytestmark = pytest.mark.anyio
REF = JobRef("p", "1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class LocalFake(FakeProvider):
    """A service on this machine, whose logs are files here."""

    def __init__(self, facts: Facts, folder: Path, *jobs: Job) -> None:
        super().__init__(facts, *jobs)
        self.folder = folder

    async def log_path(self, job_id: str) -> Path | None:
        """The log as a file."""
        return self.folder / job_id


class Rig:
    """A board with running jobs, and a feed that nobody else reads."""

    def __init__(self, folder: Path, *jobs: Job) -> None:
        self.folder = folder
        self.store = Store(folder / "s.db")
        self.board = Board(self.store)
        self.clock = FakeClock()
        self.provider: FakeProvider = LocalFake(facts(), folder, *(jobs or (job(),)))
        self.settings = HealthSettings()
        self.seen: dict[JobRef, dict[int, float]] = {}
        around = Surroundings(
            self.store,
            self.board,
            self.clock,
            self._open,
            lambda profile: self.provider.facts,
            lambda message: pytest.fail(f"published: {message}"),
            folder,
            MetricsSettings,
        )
        self.feed = LossFeed(around, self._take, lambda: self.settings, self._fault)
        self.task = asyncio.ensure_future(self.feed.run())
        self.see()

    async def _open(self, profile: str) -> FakeProvider:
        return self.provider

    def _take(self, message: MetricsArrived) -> None:
        held = self.seen.setdefault(message.ref, {})
        for one in message.metrics:
            points = [(one.step, one.value)] if isinstance(one, Metric) else [p[:2] for p in one]
            if one.key == "loss":
                held.update(points)

    def _fault(self, error: BaseException) -> None:
        raise error

    @property
    def asked(self) -> int:
        """How often the service was asked for metrics."""
        return sum(call.startswith("metrics") for call in self.provider.calls)

    def see(self) -> None:
        """The services are asked for their jobs."""
        self.board.merge("p", self.provider.jobs.values(), self.clock.now())

    def lacks(self, capability: Capability) -> None:
        """The service does not give this."""
        held = self.provider.facts
        self.provider.facts = replace(held, capabilities=held.capabilities - {capability})

    async def turns(self, times: int = 4) -> None:
        """Some time passes."""
        for _ in range(times):
            await self.clock.turn(EVERY)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.task.cancel()
    await settle()
    made.store.close()


async def test_a_loss_in_the_metrics_is_seen_without_anybody_looking(rig: Rig) -> None:
    """Of a running job whose status tells none; old points first, then those that come."""
    rig.provider.points = [Metric("loss", 1, 0.5), Metric("loss", 2, 0.4)]
    await rig.turns()
    assert rig.seen == {REF: {1: 0.5, 2: 0.4}}
    rig.provider.points.append(Metric("loss", 3, math.inf))
    await rig.turns()
    assert rig.seen[REF][3] == math.inf


async def test_a_loss_in_a_log_of_this_machine_is_seen(rig: Rig) -> None:
    """Also where the service has no metrics at all."""
    rig.lacks(Capability.METRICS)
    (rig.folder / "1").write_bytes(b"step 7 loss: 0.25\n")
    await rig.turns()
    assert rig.seen == {REF: {7: 0.25}}


async def test_no_log_is_fetched_for_it(rig: Rig) -> None:
    """What another machine has of a log is fetched only when somebody looks at the job."""
    plain = FakeProvider(rig.provider.facts, job())
    plain.log = b"step 7 loss: 0.25\n"
    rig.provider = plain
    await rig.turns()
    assert rig.asked
    assert not [call for call in plain.calls if call.startswith("log")]
    assert not rig.seen.get(REF)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUCCEEDED, Status.STOPPING])
async def test_only_running_jobs_are_asked_about(rig: Rig, status: Status) -> None:
    """A job that waits has no loss, one that ended needs no judging."""
    rig.provider.set("1", status)
    rig.see()
    await rig.turns()
    assert not rig.asked


async def test_a_loss_told_with_the_status_is_enough(rig: Rig) -> None:
    """Nothing is asked twice of a service."""
    rig.provider.set("1", Status.RUNNING, loss=0.5)
    rig.see()
    await rig.turns()
    assert not rig.asked


async def test_nothing_is_asked_where_nothing_is_watched_for_or_while_paused(rig: Rig) -> None:
    """A stall alone needs no points; a pause holds for this too."""
    rig.settings = HealthSettings(nan=False, divergence=0, plateau=0)
    await rig.turns()
    rig.settings = HealthSettings()
    rig.feed.pause(True)
    await rig.turns()
    assert not rig.asked
    rig.feed.pause(False)
    rig.provider.points = [Metric("loss", 1, 0.5)]
    await rig.turns()
    assert rig.seen == {REF: {1: 0.5}}


async def test_a_service_that_fails_is_left_alone_for_a_while(rig: Rig) -> None:
    """It is asked less often, and again later."""
    rig.provider.fail = NetworkError("gone")
    await rig.turns(9)
    assert 1 <= rig.asked <= 3
    rig.provider.fail = None
    rig.provider.points = [Metric("loss", 1, 0.5)]
    await rig.turns(9)
    assert rig.seen == {REF: {1: 0.5}}


async def test_many_jobs_are_not_all_asked_about(tmp_path: Path) -> None:
    """The newest ones are."""
    rig = Rig(tmp_path, *(job(str(n)) for n in range(MOST + 10)))
    rig.provider.points = [Metric("loss", 1, 0.5)]
    await rig.turns()
    assert len(rig.seen) == MOST
    rig.task.cancel()
    await settle()
    rig.store.close()
