"""When the poller asks, what it asks, and how it bears trouble; the clock is turned by hand."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest

from tests.unit.fakes import FakeClock, FakeProvider, facts, job, settle
from trainer_tui.config import PollSettings, Profile
from trainer_tui.core import schedule
from trainer_tui.core.board import GONE, Board, unseen
from trainer_tui.core.poller import Poller, ProfileState
from trainer_tui.errors import (
    AuthError,
    ConfigError,
    NetworkError,
    ProtocolError,
    RateLimitError,
    ServiceError,
    TrainerError,
)
from trainer_tui.model import JobRef, Status


class Rig:
    """A poller with its surroundings."""

    def __init__(
        self, provider: FakeProvider, *, timeout: float = 20.0, lists: bool = True
    ) -> None:
        self.provider = provider
        self.clock = FakeClock()
        self.board = Board()
        self.states: list[ProfileState] = []
        self.bugs: list[BaseException] = []
        self.opened = 0
        self.refuse: TrainerError | None = None
        self.poller = Poller(
            Profile("p", "fake", timeout=timeout),
            provider.facts,
            self._open,
            self.board,
            self.clock,
            PollSettings(),
            chance=lambda: 1.0,
            on_state=self.states.append,
            on_bug=self.bugs.append,
        )

    async def _open(self) -> FakeProvider:
        self.opened += 1
        if self.refuse is not None:
            raise self.refuse
        return self.provider

    def phase(self) -> str:
        return self.poller.state.phase

    def calls(self) -> list[str]:
        """What was asked since the last look."""
        seen = list(self.provider.calls)
        self.provider.calls.clear()
        return seen

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.poller.run())
        try:
            await self.clock.turn(0.5)
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def listing(*jobs: object) -> Rig:
    return Rig(FakeProvider(facts(lists=True), *jobs))  # type: ignore[arg-type]


def asking(*jobs: object) -> Rig:
    rig = Rig(FakeProvider(facts(lists=False), *jobs))  # type: ignore[arg-type]
    rig.board.load(rig.provider.jobs.values())
    return rig


async def test_a_list_answers_for_all() -> None:
    """One request a round whatever the number of jobs, as often as the busiest of them asks for."""
    rig = listing(*(job(str(i)) for i in range(50)))
    async with rig.running():
        assert rig.calls() == ["list"]
        await rig.clock.turn(20)
        assert rig.calls() == ["list"] * 4
        for i in range(50):
            rig.provider.set(str(i), Status.QUEUED)
        await rig.clock.turn(5)
        rig.calls()
        await rig.clock.turn(45)
        assert rig.calls() == ["list"] * 3
        for i in range(50):
            rig.provider.set(str(i), Status.SUCCEEDED)
        await rig.clock.turn(15)
        rig.calls()
        await rig.clock.turn(60)
        assert rig.calls() == ["list"] * 2
    assert len(rig.board.entries()) == 50


async def test_the_selected_running_job_is_asked_about_every_two_seconds() -> None:
    """Between two lists the job under the cursor is asked about by itself."""
    rig = listing(job("1"), job("2", Status.QUEUED))
    async with rig.running():
        rig.calls()
        rig.poller.select(JobRef("p", "1"))
        await rig.clock.turn(10)
        assert rig.calls() == ["get 1", "get 1", "list", "get 1", "get 1", "list"]
        rig.poller.select(JobRef("other", "1"))
        await rig.clock.turn(10)
        assert rig.calls() == ["list", "list"]


async def test_without_a_list_only_what_can_change_is_asked() -> None:
    """Running jobs every 5 s, queued ones every 15 s, ended ones never."""
    rig = asking(job("r1"), job("r2"), job("q", Status.QUEUED), job("e", Status.SUCCEEDED))
    async with rig.running():
        assert rig.calls() == ["list q,r1,r2"]
        await rig.clock.turn(15)
        assert rig.calls() == ["list r1,r2", "list r1,r2", "list q,r1,r2"]
        assert not any(entry.stale for entry in rig.board.entries())


async def test_without_a_list_and_nothing_to_ask_there_is_one_check() -> None:
    """Nothing but ended jobs: one cheap proof of the credential, then silence."""
    rig = asking(job("e", Status.SUCCEEDED))
    async with rig.running():
        await rig.clock.turn(3600)
        assert rig.calls() == ["check"]
        assert [s.phase for s in rig.states] == ["loading", "ok"]
        assert not rig.board.entries()[0].stale
        rig.poller.wake()
        await settle()
        assert rig.calls() == ["check"]
        rig.poller.wake(JobRef("p", "e"))
        await rig.clock.turn(1)
        assert rig.calls() == ["get e"]


async def test_an_id_never_seen_is_asked_at_once() -> None:
    """A tracked id without a state is asked about in the first round."""
    rig = Rig(FakeProvider(facts(lists=False), job("1")))
    rig.board.load([unseen(JobRef("p", "1"), "fake")])
    async with rig.running():
        assert rig.calls() == ["get 1"]
    assert rig.board.entries()[0].job.status is Status.RUNNING


async def test_a_job_that_vanished_is_marked_and_kept() -> None:
    """404 for one job is an answer about that job, not a failure of the profile."""
    rig = asking(job("1"))
    async with rig.running():
        del rig.provider.jobs["1"]
        await rig.clock.turn(5)
        assert rig.board.entries()[0].job.raw_status == GONE
        assert rig.phase() == "ok"


async def test_an_unfocused_terminal_is_polled_for_slowly() -> None:
    """Without focus a running job is asked about every half minute; focus comes back at once."""
    rig = listing(job())
    async with rig.running():
        rig.calls()
        rig.poller.focus(False)
        await rig.clock.turn(60)
        assert len(rig.calls()) == 2
        await rig.clock.turn(20)
        assert rig.calls() == []
        rig.poller.focus(True)
        await rig.clock.turn(0)
        assert rig.calls() == ["list"]


async def test_nothing_changed_nothing_said() -> None:
    """A minute of the same answers: one state, one delta."""
    rig = listing(job(status=Status.QUEUED))
    deltas: list[object] = []
    rig.board.subscribe(deltas.append)
    async with rig.running():
        await rig.clock.turn(60)
    assert len(deltas) == 1
    assert [(s.phase, s.running, s.queued) for s in rig.states] == [
        ("loading", 0, 0),
        ("ok", 0, 1),
    ]


async def test_failures_back_off_and_recovery_is_noticed() -> None:
    """Waits double up to half a minute; the first good answer brings the usual pace back."""
    rig = listing(job())
    rig.provider.fail = NetworkError("refused")
    async with rig.running():
        times = []
        last = 0
        for _ in range(650):
            await rig.clock.turn(0.2)
            if len(rig.provider.calls) > last:
                last = len(rig.provider.calls)
                times.append(rig.clock.seconds)
        gaps = [round(b - a) for a, b in itertools.pairwise(times)]
        assert gaps[1:7] == [2, 4, 8, 16, 30, 30]
        assert rig.phase() == "offline"
        assert rig.poller.state.error is rig.provider.fail
        assert rig.poller.state.next_at is not None
        rig.provider.fail = None
        await rig.clock.turn(31)
        assert (rig.phase(), rig.poller.state.error is None) == ("ok", True)
        rig.calls()
        await rig.clock.turn(10)
        assert len(rig.calls()) == 2


async def test_an_offline_profile_shows_its_jobs_as_last_known() -> None:
    """After the second failure active jobs are stale; an answer confirms them again."""
    rig = listing(job("1"), job("2", Status.FAILED))
    async with rig.running():
        rig.provider.fail = NetworkError("refused")
        await rig.clock.turn(5)
        assert not any(e.stale for e in rig.board.entries())
        await rig.clock.turn(5)
        assert {e.job.ref.id for e in rig.board.entries() if e.stale} == {"1"}
        rig.provider.fail = None
        await rig.clock.turn(30)
        assert not any(e.stale for e in rig.board.entries())


async def test_retry_after_is_obeyed_even_when_woken() -> None:
    """A service that asks for 40 s of quiet gets them, whatever the person presses."""
    rig = listing(job())
    rig.provider.fail = RateLimitError("slow down", retry_after=40)
    async with rig.running():
        assert rig.phase() == "rate_limited"
        rig.provider.fail = None
        rig.calls()
        rig.poller.wake()
        rig.poller.hurry(JobRef("p", "1"), True)
        await rig.clock.turn(39)
        assert rig.calls() == []
        await rig.clock.turn(1)
        assert rig.calls() == ["list"]
        assert rig.phase() == "ok"


async def test_a_wrong_credential_is_tried_each_minute_or_when_woken() -> None:
    """401: not hammered; waking tries at once."""
    rig = listing(job())
    rig.provider.fail = AuthError("bad token")
    async with rig.running():
        assert rig.phase() == "unauthorized"
        await rig.clock.turn(59)
        assert rig.calls() == ["list"]
        await rig.clock.turn(2)
        assert rig.calls() == ["list"]
        rig.provider.fail = None
        rig.poller.wake()
        await settle()
        assert rig.calls() == ["list"]
        assert rig.phase() == "ok"


async def test_a_provider_that_cannot_be_opened_is_a_state_too() -> None:
    """A secret that cannot be read shows as the profile's error and is tried again."""
    rig = listing(job())
    rig.refuse = ConfigError("env:TOKEN is not set")
    async with rig.running():
        assert rig.poller.state.error is rig.refuse
        assert rig.phase() == "error"
        rig.refuse = None
        rig.poller.wake()
        await rig.clock.turn(0.5)
        assert rig.phase() == "ok"


async def test_a_failed_check_is_tried_again() -> None:
    """Without jobs there is only the check; when it fails, it is repeated until it succeeds."""
    rig = asking()
    async with rig.running():
        assert rig.phase() == "ok"
        rig.provider.fail = ServiceError("down", status=502)
        rig.poller.wake()
        await settle()
        assert rig.phase() == "error"
        rig.provider.fail = None
        await rig.clock.turn(2)
        assert rig.phase() == "ok"
        rig.calls()
        await rig.clock.turn(600)
        assert rig.calls() == []


async def test_a_fault_of_the_program_is_reported_and_survived() -> None:
    """An exception that is no TrainerError becomes a state, is handed on, and polling goes on."""
    rig = listing(job())
    rig.provider.fail = ZeroDivisionError("oops")
    async with rig.running():
        assert rig.bugs == [rig.provider.fail]
        assert rig.phase() == "error"
        rig.provider.fail = None
        await rig.clock.turn(2)
        assert rig.phase() == "ok"


async def test_a_hanging_profile_is_offline_and_slows_nobody() -> None:
    """One service never answers: it is given up by its own limit; the other is polled as usual."""
    stuck, fine = Rig(FakeProvider(facts()), timeout=0.001), listing(job())
    stuck.provider.hang = True
    failed = asyncio.Event()
    stuck.poller._on_state = lambda s: failed.set() if s.phase == "offline" else None
    async with stuck.running(), fine.running():
        await fine.clock.turn(20)
        assert len(fine.calls()) == 5
        await failed.wait()
        assert isinstance(stuck.poller.state.error, NetworkError)


async def test_waking_often_does_not_ask_often() -> None:
    """A key held down cannot flood the service."""
    rig = listing(job(status=Status.SUCCEEDED))
    async with rig.running():
        rig.calls()
        for _ in range(100):
            rig.poller.wake()
            await rig.clock.turn(0.01)
        assert len(rig.calls()) <= 5


async def test_many_jobs_stretch_the_interval() -> None:
    """400 jobs without a list: never more than ten requests a second on average."""
    rig = asking(*(job(str(i)) for i in range(400)))
    async with rig.running():
        await rig.clock.turn(200)
        asked = sum(call.count(",") + 1 for call in rig.calls())
        assert 1600 <= asked <= 200 * schedule.BUDGET + 400


async def test_paused_asks_only_what_is_woken_or_hurried() -> None:
    """Pausing ends polling; R still works, and an act is still followed to its end."""
    rig = listing(job("1"), job("2"))
    async with rig.running():
        rig.poller.pause(True)
        rig.calls()
        await rig.clock.turn(60)
        assert rig.calls() == [] and rig.phase() == "paused"
        rig.poller.wake()
        await rig.clock.turn(1)
        assert rig.calls() == ["list"] and rig.phase() == "paused"
        rig.poller.hurry(JobRef("p", "1"), True)
        await rig.clock.turn(2.5)
        assert rig.calls() == ["get 1"] * 3
        rig.poller.hurry(JobRef("p", "1"), False)
        await rig.clock.turn(60)
        assert rig.calls() == []
        rig.poller.pause(False)
        await settle()
        assert rig.calls() == ["list"] and rig.phase() == "ok"


async def test_a_hurried_job_is_looked_at_every_second() -> None:
    """After an act the job is watched closely, an ended one too (it was resumed)."""
    rig = asking(job("e", Status.FAILED))
    async with rig.running():
        rig.calls()
        rig.poller.hurry(JobRef("p", "e"), True)
        await rig.clock.turn(3.5)
        assert rig.calls() == ["get e"] * 4
        rig.poller.hurry(JobRef("p", "e"), False)
        await rig.clock.turn(60)
        assert rig.calls() == []


async def test_a_job_that_runs_again_is_not_waited_for() -> None:
    """A resume makes an ended job active: the next list comes by its pace, not the idle one."""
    rig = listing(job(status=Status.FAILED))
    async with rig.running():
        await rig.clock.turn(20)
        rig.calls()
        again = rig.provider.set("1", Status.RUNNING)
        rig.board.merge("p", [again], rig.clock.now())
        rig.poller.reconsider()
        await rig.clock.turn(1)
        assert rig.calls() == ["list"]


async def test_other_intervals_apply_at_once() -> None:
    """Settings from a changed config are used without a restart."""
    rig = listing(job())
    async with rig.running():
        rig.calls()
        rig.poller.settings_changed(PollSettings(running=1.0))
        await rig.clock.turn(10)
        assert len(rig.calls()) == 10


@pytest.mark.parametrize(
    ("error", "failures", "low", "high"),
    [
        (NetworkError("x"), 1, 0.5, 1.0),
        (NetworkError("x"), 4, 4.0, 8.0),
        (ProtocolError("x"), 99, 15.0, 30.0),
        (RateLimitError("x", retry_after=7.5), 5, 7.5, 7.5),
        (RateLimitError("x", retry_after=0), 1, 1.0, 1.0),
        (RateLimitError("x", retry_after=float("inf")), 1, 5.0, 5.0),
        (RateLimitError("x", retry_after=1e12), 1, 3600.0, 3600.0),
        (RateLimitError("x"), 1, 5.0, 5.0),
        (AuthError("x"), 1, 60.0, 60.0),
        (ConfigError("x"), 3, 60.0, 60.0),
    ],
)
def test_how_long_to_wait(error: TrainerError, failures: int, low: float, high: float) -> None:
    """Backoff doubles with jitter; what the service says counts, within reason."""
    assert schedule.retry_after(error, failures, 0.0) == low
    assert schedule.retry_after(error, failures, 1.0) == high
