"""The losses of jobs that nobody looks at."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes import FakeClock, FakeProvider, facts, job, settle
from trainer_tui.config import MetricsSettings
from trainer_tui.core.board import Board
from trainer_tui.core.lossfeed import EVERY, MOST, TAIL, TAIL_EVERY, LastLosses, LossFeed
from trainer_tui.core.messages import MetricsArrived
from trainer_tui.core.points import Points
from trainer_tui.core.sides import Surroundings
from trainer_tui.core.store import Store
from trainer_tui.errors import NetworkError
from trainer_tui.model import Capability, Job, JobRef, Metric, Progress, Status
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
        self.metrics = MetricsSettings()
        self.seen: dict[JobRef, dict[int, float]] = {}
        around = Surroundings(
            self.store,
            self.board,
            self.clock,
            self._open,
            lambda profile: self.provider.facts,
            lambda message: pytest.fail(f"published: {message}"),
            folder,
            lambda: self.metrics,
        )
        self.losses = LastLosses()
        self.feed = LossFeed(around, self._take, self._fault)
        self.task = asyncio.ensure_future(self.feed.run())
        self.see()

    async def _open(self, profile: str) -> FakeProvider:
        return self.provider

    def _take(self, message: MetricsArrived) -> None:
        if (last := self.losses.take(message)) is not None:
            self.board.set_loss(message.ref, *last[:2], self.clock.now(), last[2])
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

    @property
    def loss(self) -> float | None:
        """As the table shows it."""
        entry = self.board.get(REF)
        assert entry is not None
        return entry.job.loss

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


def far(rig: Rig, log: bytes) -> FakeProvider:
    """The service is on another machine, tells no metrics, and has this log."""
    rig.lacks(Capability.METRICS)
    plain = FakeProvider(rig.provider.facts, *rig.provider.jobs.values())
    plain.log = log
    rig.provider = plain
    return plain


async def test_of_a_log_elsewhere_only_the_end_is_fetched_once_a_minute(rig: Rig) -> None:
    """Its last loss counts for the step that the job is at, as if the status had told it."""
    plain = far(rig, b"step 3 loss: 9.0\n" + b"x\n" * TAIL + b"step 7 loss: 0.25\n")
    rig.provider.set("1", Status.RUNNING, progress=Progress(8, 20))
    rig.see()
    await rig.turns(1 + round(TAIL_EVERY / EVERY))
    fetched = [call for call in plain.calls if call.startswith("log")]
    assert fetched == [f"logs 1 -{TAIL}"] * len(fetched)
    assert 1 <= len(fetched) <= 2
    assert rig.seen == {REF: {8: 0.25}}
    assert rig.loss == 0.25


async def test_the_end_of_a_log_elsewhere_is_fetched_once_more_after_the_job(rig: Rig) -> None:
    """What it said last is what stays; then nobody asks any more."""
    plain = far(rig, b"step 7 loss: 0.25\n")
    await rig.turns()
    assert rig.loss == 0.25
    plain.log += b"step 9 loss: 0.125\n"
    rig.provider.set("1", Status.SUCCEEDED)
    rig.see()
    await rig.turns(9)
    assert rig.loss == 0.125
    asked = len(plain.calls)
    await rig.turns(9)
    assert len(plain.calls) == asked


async def test_no_log_elsewhere_is_fetched_where_logs_are_not_read_for_metrics(rig: Rig) -> None:
    """The config's word holds."""
    plain = far(rig, b"step 7 loss: 0.25\n")
    rig.metrics = MetricsSettings(from_log=False)
    await rig.turns(9)
    assert not [call for call in plain.calls if call.startswith("log")]


async def test_a_job_that_ends_keeps_the_last_loss_of_its_curve(rig: Rig) -> None:
    """Points that came between the last look and the end are looked at too, once."""
    rig.provider.points = [Metric("loss", 1, 0.5)]
    await rig.turns()
    assert rig.loss == 0.5
    rig.provider.points.append(Metric("loss", 2, 0.25))
    rig.provider.set("1", Status.SUCCEEDED)
    rig.see()
    await rig.turns()
    assert rig.loss == 0.25
    asked = rig.asked
    await rig.turns()
    assert rig.asked == asked


async def test_a_job_that_ended_unseen_is_looked_at_once(rig: Rig) -> None:
    """Its loss is shown, whoever was not there when it ended."""
    rig.provider.points = [Metric("train_loss", 1, 0.5), Metric("lr", 1, 1e-4)]
    rig.provider.set("1", Status.SUCCEEDED)
    rig.see()
    await rig.turns(9)
    assert rig.loss == 0.5
    assert 1 <= rig.asked <= 2


def test_the_best_of_several_losses_counts() -> None:
    """``loss`` before what is an average of it, whichever comes last; anew after a reset. After a
    resume it is the newest point's, not that of the greatest step."""
    losses = LastLosses()
    told = (Metric("loss", 1, 0.5), Metric("train_loss", 1, 9.0), Metric("val_loss", 1, 8.0))
    assert losses.take(MetricsArrived(REF, told, reset=True)) == (1, 0.5, "step")
    more = Points("loss", (2, 3), (0.4, 0.3), (1.0, 2.0))
    assert losses.take(MetricsArrived(REF, (more,), more=True)) is None
    assert losses.take(MetricsArrived(REF, ())) == (3, 0.3, "step")
    resumed = Points("loss", (1, 2, 3), (0.5, 0.25, 0.3), (1.0, 9.0, 2.0))
    assert losses.take(MetricsArrived(REF, (resumed,), reset=True)) == (2, 0.25, "step")
    losses.take(MetricsArrived(REF, (Metric("loss", 3, 0.2, unit="epoch"),)))
    assert losses.take(MetricsArrived(REF, ())) == (3, 0.2, "epoch")
    other = MetricsArrived(REF, (Metric("train_loss", 1, 9.0),), reset=True)
    assert losses.take(other) == (1, 9.0, "step")


@pytest.mark.parametrize("status", [Status.QUEUED, Status.STOPPING])
async def test_jobs_that_wait_or_are_about_to_end_are_not_asked_about(
    rig: Rig, status: Status
) -> None:
    """There is no loss yet, or the last one is soon to come."""
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


async def test_nothing_is_asked_while_paused(rig: Rig) -> None:
    """A pause of the polling holds for this too."""
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
