"""A followed job's curves: from the store, its service, and its log."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from tests.unit.fakes import FakeClock, FakeProvider, facts, job
from trainer_tui.config import MetricPattern, MetricsSettings
from trainer_tui.core import logpoints, metricrows, metricsside
from trainer_tui.core.board import Board
from trainer_tui.core.logfile.spool import Spool, open_spool
from trainer_tui.core.logpoints import PIECE, FileLog, LogPoints, of_spool
from trainer_tui.core.messages import Message, MetricsArrived
from trainer_tui.core.metricsside import MetricsSide
from trainer_tui.core.points import Points
from trainer_tui.core.seriesset import SeriesSet
from trainer_tui.core.sides import METRICS_PIECE, Surroundings
from trainer_tui.core.store import Store
from trainer_tui.errors import NotFoundError, RateLimitError, StateError
from trainer_tui.model import Capability, JobRef, LogChunk, Metric, Status
from trainer_tui.providers.base import Facts

pytestmark = pytest.mark.anyio
REF = JobRef("p", "1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Rig:
    """A side of a job, looked at by hand."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.board = Board(self.store)
        self.clock = FakeClock()
        self.provider = FakeProvider(facts(), job())
        self.settings = MetricsSettings()
        self.told: list[Message] = []
        self.board.merge("p", self.provider.jobs.values(), self.clock.now())
        self.begin()

    def begin(self) -> None:
        """Follow the job anew, as after a start of the program."""
        around = Surroundings(
            self.store,
            self.board,
            self.clock,
            self._open,
            lambda profile: self.facts,
            self.told.append,
            Path("nowhere"),
            lambda: self.settings,
        )
        self.side = MetricsSide(around, REF)

    @property
    def facts(self) -> Facts:
        return self.provider.facts

    async def _open(self, profile: str) -> FakeProvider:
        return self.provider

    def lacks(self, capability: Capability) -> None:
        has = self.provider.facts.capabilities - {capability}
        self.provider.facts = replace(
            facts(capabilities=has), reasons={capability: f"no {capability}"}
        )

    async def looks(self, count: int = 3) -> list[float | None]:
        """Look so many times, each after the time that the last one asked for."""
        waits = []
        for _ in range(count):
            waits.append(await self.side.look())
            self.clock.seconds += waits[-1] or 0.0
        return waits

    def end(self) -> None:
        self.provider.set("1", Status.SUCCEEDED)
        self.board.merge("p", self.provider.jobs.values(), self.clock.now())

    def news(self) -> list[MetricsArrived]:
        seen = [message for message in self.told if isinstance(message, MetricsArrived)]
        self.told.clear()
        return seen

    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """What somebody who heard all that was told since the last look has."""
        held = SeriesSet()
        for message in self.news():
            held.add(message.metrics, reset=message.reset)
        return {key: list(zip(held[key].steps, held[key].values, strict=True)) for key in held}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "s.db")
    yield made
    made.store.close()


async def test_a_service_without_metrics_has_those_of_its_log(rig: Rig) -> None:
    """Lines become points as they are written; they are kept."""
    rig.lacks(Capability.METRICS)
    rig.provider.log = b"step 1 loss: 0.5\nstep 2 loss: 0.4\nstep 3 lo"
    await rig.looks()
    assert rig.curves() == {"loss": [(1, 0.5), (2, 0.4)]}
    rig.provider.log += b"ss: 0.3\n"
    await rig.looks()
    (more,) = rig.news()
    assert [(m.step, m.value) for m in more.metrics if isinstance(m, Metric)] == [(3, 0.3)]
    assert not more.reset
    assert [m.time for m in more.metrics if isinstance(m, Metric)] != [None]
    assert [m.step for m in rig.store.metrics(REF)] == [1, 2, 3]


async def test_it_is_told_when_all_of_the_past_was_read(rig: Rig) -> None:
    """However many pieces it came in; what is written from then on is new."""
    rig.lacks(Capability.METRICS)
    rig.provider.log = b"".join(b"step %d loss: 0.5 %s\n" % (n, b"." * 990) for n in range(2_000))
    assert len(rig.provider.log) > logpoints.PIECE
    await rig.looks(6)
    past = rig.news()
    assert [message.more for message in past] == [True] * (len(past) - 1) + [False]
    assert len(past) > 2
    rig.provider.log += b"step 2000 loss: 0.4\n"
    await rig.looks()
    (new,) = rig.news()
    assert not new.more
    assert rig.store.metric_keys(REF)["loss"].origin == metricrows.LOG


async def test_a_log_is_not_read_for_a_glance(rig: Rig) -> None:
    """Passing over a job with the cursor asks its service for nothing more."""
    rig.lacks(Capability.METRICS)
    rig.provider.log = b"step 1 loss: 0.5\n"
    assert await rig.side.look() == 1.0
    assert rig.provider.calls == []


async def test_the_services_own_points_stay(rig: Rig) -> None:
    """The log only adds keys that the service does not tell."""
    rig.provider.points = [Metric("loss", 1, 0.5), Metric("loss", 2, 0.4)]
    rig.provider.log = b"step 2 loss: 9 acc: 0.7\nstep 3 loss: 9 acc: 0.8\n"
    await rig.looks(4)
    assert rig.curves() == {"loss": [(1, 0.5), (2, 0.4)], "acc": [(2, 0.7), (3, 0.8)]}


async def test_a_key_that_the_service_tells_later_is_its_own(rig: Rig) -> None:
    """What the log said of it is gone, in the store and for who listens."""
    rig.provider.log = b"step 2 loss: 9 acc: 0.7\nstep 3 loss: 9 acc: 0.8\n"
    await rig.looks(4)
    rig.provider.points = [Metric("loss", 1, 0.5)]
    await rig.looks(2)
    assert rig.curves() == {"loss": [(1, 0.5)], "acc": [(2, 0.7), (3, 0.8)]}


async def test_a_log_is_read_once(rig: Rig) -> None:
    """The next program goes on where it was read to, also inside of an epoch."""
    rig.lacks(Capability.METRICS)
    rig.provider.log = b"Epoch 1/2\n10/10 - 1s - loss: 0.5\nEpoch 2/2\n 5/10 - 1s - loss: 0.4\npart"
    await rig.looks()
    rig.news()
    rig.provider.calls.clear()
    rig.begin()
    rig.provider.log += b"\n10/10 - 1s - loss: 0.3\n"
    await rig.looks()
    assert rig.curves() == {"loss": [(10, 0.5), (15, 0.4), (20, 0.3)]}
    asked = [int(call.split()[2]) for call in rig.provider.calls if call.startswith("logs")]
    assert min(asked) > len(rig.provider.log) - 120


async def test_another_log_is_read_from_its_beginning(rig: Rig) -> None:
    """A log that does not go on where it was left, or is shorter."""
    rig.lacks(Capability.METRICS)
    rig.provider.log = b"step 1 loss: 0.5\nstep 2 loss: 0.4\n"
    await rig.looks()
    rig.provider.log = b"step 1 loss: 0.9\n"
    await rig.looks()
    assert rig.curves() == {"loss": [(1, 0.9), (2, 0.4)]}
    rig.begin()
    rig.provider.log = b"step 7 loss: 7 and longer than before\n"
    await rig.looks()
    assert (7, 7.0) in rig.curves()["loss"]


async def test_other_patterns_read_the_log_anew(rig: Rig) -> None:
    """A pattern that was added to the config finds what was there before."""
    rig.lacks(Capability.METRICS)
    rig.provider.log = b"step 1 loss: 0.5\n[2] fid~31\n"
    await rig.looks()
    rig.begin()
    rig.settings = MetricsSettings(
        patterns=(MetricPattern("mine", r"\[(?P<step>\d+)\] fid~(?P<fid>\d+)"),)
    )
    await rig.looks()
    assert rig.curves() == {"loss": [(1, 0.5)], "fid": [(2, 31.0)]}


async def test_reading_logs_can_be_switched_off(rig: Rig) -> None:
    """Then it is as for a service without a log: the reason, and no request."""
    rig.lacks(Capability.METRICS)
    rig.settings = MetricsSettings(from_log=False)
    rig.provider.log = b"step 1 loss: 0.5\n"
    with pytest.raises(StateError, match="no metrics"):
        await rig.looks()
    assert rig.provider.calls == []


async def test_a_log_without_metrics_says_so_at_its_end(rig: Rig) -> None:
    """While it grows they may still come; complete, there are none."""
    rig.lacks(Capability.METRICS)
    rig.provider.log = b"hello\n"
    await rig.looks(4)
    assert rig.news() == []
    rig.end()
    rig.side.fresh = True
    with pytest.raises(StateError, match="no metrics"):
        await rig.looks()


async def test_the_last_line_of_a_complete_log_counts(rig: Rig) -> None:
    """Although it has no end; and then nothing is asked any more."""
    rig.provider.log = b"a: |x| 5/9 [00:01<00:01,  1.95it/s, loss=0.5]"
    rig.end()
    waits = await rig.looks(4)
    assert rig.curves() == {"loss": [(5, 0.5)]}
    assert waits[-1] is None


async def test_a_log_that_cannot_be_read_leaves_the_curves(rig: Rig) -> None:
    """The service's points are told; the log is tried again later."""
    rig.provider.points = [Metric("loss", 1, 0.5)]

    def refuse(call: str) -> None:
        if call.startswith("logs"):
            raise NotFoundError("no log yet")

    rig.provider.on_call = refuse
    await rig.looks(4)
    assert rig.curves() == {"loss": [(1, 0.5)]}
    rig.provider.on_call = lambda call: None
    rig.provider.log = b"step 2 acc: 0.7\n"
    rig.clock.seconds += 20
    await rig.looks(2)
    assert rig.curves() == {"acc": [(2, 0.7)]}


async def test_patience_that_a_service_asks_for_is_kept(rig: Rig) -> None:
    """Whoever follows hears of it: the wait is not ours to choose."""
    rig.lacks(Capability.METRICS)

    def refuse(call: str) -> None:
        raise RateLimitError("slower", retry_after=30.0)

    rig.provider.on_call = refuse
    with pytest.raises(RateLimitError):
        await rig.looks()


async def test_history_is_told_in_pieces_that_leave_the_loop_to_others(rig: Rig) -> None:
    """Much history comes as arrays, in several messages, with other work in between."""
    count = 40_000
    rig.store.set_metrics_cursor(
        REF, 0, [Metric("loss", step, step / 2) for step in range(count)] + [Metric("lr", 1, 0.1)]
    )
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    rig.settings = MetricsSettings(from_log=False)
    task = asyncio.ensure_future(other())
    await rig.side.look()
    task.cancel()
    messages = rig.news()
    assert [message.reset for message in messages] == [True] + [False] * (len(messages) - 1)
    assert len(messages) >= 4
    assert turns >= 4
    assert all(isinstance(one, Points) for message in messages for one in message.metrics[:-1])
    held = SeriesSet()
    for message in messages:
        held.add(message.metrics, reset=message.reset)
    assert (len(held["loss"]), held["loss"].last, len(held["lr"])) == (
        count,
        (count - 1, (count - 1) / 2),
        1,
    )


async def test_points_that_were_told_are_not_told_again(rig: Rig) -> None:
    """However much history there is, a look tells only what is new; what was written over too."""
    rig.lacks(Capability.METRICS)
    rig.settings = MetricsSettings(from_log=False)
    rig.store.add_metrics(REF, [Metric("loss", step, 0.5) for step in range(20_000)])
    await rig.side.look()
    rig.news()
    await rig.side.look()
    assert rig.news() == []
    rig.store.add_metrics(REF, [Metric("loss", 20_000, 0.4), Metric("acc", 1, 0.1)])
    await rig.side.look()
    told = [m for message in rig.news() for m in message.metrics]
    assert sorted((m.key, m.step) for m in told if isinstance(m, Metric)) == [
        ("acc", 1),
        ("loss", 20_000),
    ]
    rig.store.add_metrics(REF, [Metric("acc", 1, math.inf)])
    await rig.side.look()
    assert rig.curves() == {"acc": [(1, math.inf)]}


async def test_a_resume_that_repeats_steps_tells_only_these(rig: Rig) -> None:
    """A long curve is not sent anew with every answer of a service that goes over it again."""
    rig.settings = MetricsSettings(from_log=False)
    rig.store.set_metrics_cursor(REF, 0, [Metric("loss", step, 0.5) for step in range(9_000)])
    rig.provider.points = [Metric("loss", step, 0.6) for step in range(4_000, 4_010)]
    await rig.side.look()
    rig.news()
    rig.provider.points += [Metric("loss", step, 0.6) for step in range(4_010, 4_013)]
    await rig.side.look()
    assert rig.curves() == {"loss": [(4_010, 0.6), (4_011, 0.6), (4_012, 0.6)]}


async def test_a_full_answer_is_followed_at_once(rig: Rig) -> None:
    """Many points wait for no pause."""
    rig.provider.points = [Metric("loss", step, 0.5) for step in range(METRICS_PIECE)]
    assert await rig.side.look() == 0.0


def _points(store: Store, ask: logpoints.Ask, most: int = logpoints.MOST) -> LogPoints:
    return LogPoints(store, REF, MetricsSettings(), ask, FakeClock(), most)


async def _all(points: LogPoints) -> list[tuple[str, int, float]]:
    found = [*await points.look()]
    while points.more:
        found += await points.look()
    return [(point.key, point.step, point.value) for point in found]


async def test_a_log_of_this_machine_is_read_as_a_file(tmp_path: Path) -> None:
    """In pieces, as it grows, and anew when it was replaced."""
    path = tmp_path / "log.txt"
    store = Store(tmp_path / "s.db")
    points = _points(store, FileLog(path, lambda: False))
    assert await _all(points) == []
    with path.open("wb") as file:
        for step in range(6_000):  # more than one piece
            file.write(b"step %d loss: 0.5 %s\n" % (step, b"." * 180))
    assert path.stat().st_size > PIECE
    assert len(await _all(points)) == 6_000
    with path.open("ab") as file:
        file.write(b"step 6000 loss: 0.25\n")
    assert await _all(points) == [("loss", 6_000, 0.25)]
    path.unlink()
    path.write_bytes(b"step 3 loss: 0.125\n")
    assert await _all(points) == [("loss", 3, 0.125)]
    store.close()


async def test_of_a_very_long_log_the_end_is_read(tmp_path: Path) -> None:
    """From the first whole line of it."""
    path = tmp_path / "log.txt"
    path.write_bytes(
        b"".join(b"a: |x| %d/90 [00:01<00:01, 1it/s, loss=1]\n" % s for s in range(90))
    )
    store = Store(tmp_path / "s.db")
    found = await _all(_points(store, FileLog(path, lambda: True), most=100))
    assert found == [("loss", 88, 1.0), ("loss", 89, 1.0)]
    store.close()


async def test_what_somebody_reads_of_a_log_is_not_fetched_twice(tmp_path: Path) -> None:
    """While a log is fetched to be read, its metrics come out of the same file; only what is
    missing there is asked for. A log that begins anew there begins anew here."""
    log = b"".join(b"step %d loss: 0.5\n" % step for step in range(1000))
    asked: list[tuple[int, int]] = []

    async def ask(offset: int, limit: int) -> LogChunk:
        asked.append((offset, limit))
        start = max(0, len(log) + offset) if offset < 0 else offset
        data = log[start : start + min(limit, 4_000)]
        return LogChunk(data, start, start + len(data))

    held: list[Spool] = []
    store = Store(tmp_path / "s.db")
    points = _points(store, of_spool(lambda: held[0] if held else None, ask))
    await points.look()
    assert asked == [(-1, 1), (0, logpoints.PIECE)]
    held.append(open_spool(tmp_path / "spools", REF, "log"))
    held[0].write(LogChunk(log, 0, len(log)))
    await points.look()
    assert len(asked) == 2
    assert {point.step for point in store.metrics(REF)} == set(range(1000))
    held[0].write(LogChunk(b"step 3 loss: 0.25\n", 0, 18, reset=True))
    assert [(p.step, p.value) for p in await points.look()] == [(3, 0.25)]
    held.pop().close()
    await points.look()
    assert len(asked) == 3
    store.close()


async def test_a_log_that_is_printed_faster_than_it_is_read_falls_not_ever_more_behind(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading rests long after each piece, and shorter where much waits to be read."""
    log = Mock(behind=0, more=True, complete=False, look=AsyncMock(return_value=[]))
    monkeypatch.setattr(rig.side, "_open_log", AsyncMock(return_value=log))
    monkeypatch.setattr(metricsside, "time", Mock(thread_time=count(0.0, 1.0).__next__))
    rig.lacks(Capability.METRICS)
    _, rest, _ = await rig.looks()
    log.behind = 1 << 30
    short, *_ = await rig.looks()
    assert rest is not None and short is not None
    assert rest >= 2 * short > 0.0
