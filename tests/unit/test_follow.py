"""Following sides of a job: all there is, then only what is new, and trouble told once."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes import EVERYTHING, T0, FakeClock, FakeProvider, facts, job
from trainer_tui.core import logside
from trainer_tui.core.board import Board
from trainer_tui.core.follow import Follower
from trainer_tui.core.history import joined
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.source import LogSource
from trainer_tui.core.logside import PIECE
from trainer_tui.core.messages import (
    ArtifactsArrived,
    Aspect,
    AspectFailed,
    ConfigArrived,
    EventsArrived,
    LogArrived,
    Message,
    MetricsArrived,
    ModelsArrived,
)
from trainer_tui.core.sides import METRICS_PIECE
from trainer_tui.core.store import Store
from trainer_tui.errors import NetworkError, RateLimitError, StateError
from trainer_tui.model import Capability, Event, EventKind, JobRef, Metric, Model, Progress, Status
from trainer_tui.providers.base import Facts

REF = JobRef("p", "1")


class Rig:
    """A follower with a service, a board and a store."""

    def __init__(self, path: Path) -> None:
        self.provider = FakeProvider(facts(), job())
        self.store = Store(path)
        self.board = Board(self.store)
        self.clock = FakeClock()
        self.told: list[Message] = []
        self.bugs: list[BaseException] = []
        self.follower = Follower(
            self.store,
            self.board,
            self.clock,
            provider=self._open,
            facts=self._facts,
            publish=self.told.append,
            spools=path.with_name("logs"),
            chance=lambda: 1.0,
            on_bug=self.bugs.append,
        )
        self.board.subscribe(lambda d: self.follower.poke((*d.added, *d.changed)))
        self.merge()

    async def _open(self, profile: str) -> FakeProvider:
        return self.provider

    def _facts(self, profile: str) -> Facts:
        return self.provider.facts

    def merge(self) -> None:
        """What the poller would bring."""
        self.board.merge("p", self.provider.jobs.values(), self.clock.now())

    async def watch(self, aspect: Aspect) -> None:
        self.follower.watch(REF, {aspect})
        await self.clock.turn(0)

    def news(self) -> list[Message]:
        """What was told since the last look."""
        seen = list(self.told)
        self.told.clear()
        return seen

    def calls(self) -> list[str]:
        seen = list(self.provider.calls)
        self.provider.calls.clear()
        return seen

    def lacks(self, capability: Capability, reason: str) -> None:
        self.provider.facts = replace(
            facts(capabilities=EVERYTHING - {capability}), reasons={capability: reason}
        )


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "s.db")
    yield made
    made.follower.close()
    made.store.close()


async def test_a_log_is_followed_by_offset(rig: Rig) -> None:
    """The end at first, then each second what is new; silence when nothing is."""
    rig.provider.log = b"one\n"
    await rig.watch(Aspect.LOGS)
    (first,) = rig.news()
    assert isinstance(first, LogArrived) and (first.name, first.names) == ("log", ("log",))
    assert first.source.path.read_bytes() == b"one\n"
    assert first.source.size == 4 and first.source.gaps == ()
    await rig.clock.turn(3)
    assert rig.news() == [] and len(rig.calls()) == 4
    rig.provider.log += b"two\n"
    await rig.clock.turn(1)
    (more,) = rig.news()
    assert isinstance(more, LogArrived) and more.source.size == 8
    assert more.source.path.read_bytes() == b"one\ntwo\n"
    assert more.source.arrivals == ((8, rig.clock.now().timestamp()),)


async def test_the_end_of_a_long_log_comes_first(rig: Rig) -> None:
    """Its last piece is told at once with a gap before it; the rest is fetched without waiting."""
    rig.provider.log = bytes(range(256)) * (PIECE * 3 // 256) + b"the end"
    await rig.watch(Aspect.LOGS)
    first, last = (m.source for m in rig.news() if isinstance(m, LogArrived))
    size = len(rig.provider.log)
    assert [(gap.start, gap.stop, gap.fetchable) for gap in first.gaps] == [
        (0, PIECE * 2 + 7, True)
    ]
    assert first.size == size
    assert rig.calls()[0] == f"logs 1 {-PIECE}"
    assert last.gaps == () and last.size == size
    assert last.path.read_bytes() == rig.provider.log.replace(b"\x1e", b"\x1a")


async def test_a_log_is_told_at_most_ten_times_a_second(rig: Rig) -> None:
    """However many pieces come; what came last is always told."""
    rig.provider.log = b"x" * (PIECE * 40)
    await rig.watch(Aspect.LOGS)
    told = [m.source for m in rig.news() if isinstance(m, LogArrived)]
    assert len(told) <= 2 and len(rig.calls()) >= 40
    assert told[-1].gaps == ()


async def test_more_than_is_fetched_by_itself_is_fetched_when_asked(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap says that it can be had; asked for, it is filled from its end, so much at a time."""
    monkeypatch.setattr(logside, "BY_ITSELF", PIECE * 2)
    rig.provider.log = b"x" * (PIECE * 5)
    await rig.watch(Aspect.LOGS)
    await rig.clock.turn(1)
    (gap,) = _source(rig).gaps
    assert (gap.start, gap.stop, gap.fetchable) == (0, PIECE * 3, True)
    rig.follower.fetch_gap(REF, "log", gap)
    await rig.clock.turn(1)
    (gap,) = _source(rig).gaps
    assert (gap.start, gap.stop) == (0, PIECE)
    rig.follower.fetch_gap(REF, "log", gap)
    await rig.clock.turn(1)
    assert _source(rig).gaps == ()


async def test_another_of_the_logs_can_be_chosen(rig: Rig) -> None:
    """The chosen one is followed, also when the following begins anew."""
    rig.provider.log = b"one\n"
    rig.provider.more_logs["build"] = b"built\n"
    await rig.watch(Aspect.LOGS)
    rig.follower.choose_log(REF, "build")
    await rig.clock.turn(0)
    log, build = (m for m in rig.news() if isinstance(m, LogArrived))
    assert (log.name, build.name, build.names) == ("log", "build", ("log", "build"))
    assert build.source.path.read_bytes() == b"built\n"
    await rig.watch(Aspect.LOGS)
    (again,) = rig.news()
    assert isinstance(again, LogArrived) and again.name == "build"


async def test_a_log_that_began_anew_is_kept_above_the_new_one(rig: Rig) -> None:
    """A note of ours stands between the two."""
    rig.provider.log = b"a long first log"
    await rig.watch(Aspect.LOGS)
    rig.provider.log = b"new\n"
    await rig.clock.turn(1)
    log = LogFile(_source(rig))
    assert _shown(log) == [
        ("text", "a long first log"),
        ("note", "the log began anew at the service"),
        ("text", "new"),
    ]
    rig.provider.log += b"more\n"
    await rig.clock.turn(1)
    log.update(_source(rig))
    assert _shown(log)[-1] == ("text", "more")
    log.close()


async def test_what_was_fetched_is_there_the_next_time(rig: Rig) -> None:
    """Only a little of it is fetched again, to see that it is the same log."""
    rig.provider.log = b"0123456789" * 1000
    await rig.watch(Aspect.LOGS)
    rig.follower.unwatch(REF)
    rig.provider.log += b"more"
    rig.calls()
    await rig.watch(Aspect.LOGS)
    assert rig.calls() == ["logs 1 8976"]
    assert _source(rig).path.read_bytes() == rig.provider.log
    rig.follower.unwatch(REF)
    rig.provider.log = b"another log as long " * 1000
    await rig.watch(Aspect.LOGS)
    await rig.clock.turn(1)
    assert rig.provider.log in _source(rig).path.read_bytes()
    assert ("note", "the log began anew at the service") in _shown(LogFile(_source(rig)))


async def test_a_log_that_is_here_is_not_fetched(rig: Rig, tmp_path: Path) -> None:
    """A job of this machine: only the file's size is looked at, and told when it changes."""
    path = tmp_path / "log.txt"
    path.write_bytes(b"one\n")
    os.utime(path, (T0.timestamp(), T0.timestamp()))
    rig.provider = FileProvider(path)
    rig.merge()
    await rig.watch(Aspect.LOGS)
    assert (_source(rig).path, _source(rig).size) == (path, 4)
    assert not [call for call in rig.calls() if call.startswith("logs")]
    rig.news()
    await rig.clock.turn(1)
    assert rig.news() == []
    with path.open("ab") as file:
        file.write(b"two\n")
    await rig.clock.turn(0.25)
    (told,) = rig.news()
    assert isinstance(told, LogArrived)
    assert (told.source.size, told.source.complete) == (8, False)
    assert told.source.arrivals[-1] == (8, rig.clock.now().timestamp())
    rig.provider.set("1", Status.SUCCEEDED)
    rig.merge()
    await rig.clock.turn(0)
    assert _source(rig).complete


async def test_a_full_disk_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which disk; with room again it goes on by itself."""

    def full(fd: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    rig.provider.log = b"one\n"
    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", full)
        await rig.watch(Aspect.LOGS)
    failed = rig.news()[-1]
    assert isinstance(failed, AspectFailed) and "is full" in failed.error.message
    await rig.clock.turn(10)
    assert _source(rig).path.read_bytes() == b"one\n"


class FileProvider(FakeProvider):
    """A service whose jobs write on this machine."""

    def __init__(self, path: Path) -> None:
        super().__init__(facts(), job())
        self.path = path

    async def log_path(self, job_id: str) -> Path | None:
        return self.path


def _source(rig: Rig) -> LogSource:
    """As it was told last."""
    return [m.source for m in rig.told if isinstance(m, LogArrived)][-1]


def _shown(log: LogFile) -> list[tuple[str, str]]:
    found, position = [], log.first()
    while position is not None:
        line = log.line(position)
        found.append((line.kind, line.text))
        position = log.after(position)
    return found


async def test_the_end_of_a_log_is_the_end_of_asking(rig: Rig) -> None:
    """An ended job's log is complete: told once, not asked again until the job runs again."""
    rig.provider.log = b"bye\n"
    rig.provider.set("1", Status.SUCCEEDED)
    rig.merge()
    await rig.watch(Aspect.LOGS)
    (last,) = rig.news()
    assert isinstance(last, LogArrived) and last.source.complete
    rig.calls()
    await rig.clock.turn(600)
    assert rig.calls() == []
    rig.provider.set("1", Status.RUNNING)
    rig.provider.log += b"hello again\n"
    rig.merge()
    await rig.clock.turn(0)
    (again,) = rig.news()
    assert isinstance(again, LogArrived) and not again.source.complete
    assert again.source.path.read_bytes() == b"bye\nhello again\n"


async def test_metrics_begin_with_the_store_and_go_on_with_the_service(rig: Rig) -> None:
    """Known points at once, then from the cursor; new ones are kept with it."""
    rig.store.set_metrics_cursor(REF, 1, [Metric("loss", 1, 0.9)])
    rig.provider.points = [Metric("loss", 1, 0.9), Metric("loss", 2, 0.8)]
    await rig.watch(Aspect.METRICS)
    known, new = rig.news()
    assert isinstance(known, MetricsArrived) and known.reset and len(known.metrics) == 1
    assert isinstance(new, MetricsArrived) and not new.reset
    assert [m.step for m in new.metrics] == [2]
    assert rig.store.metrics_cursor(REF) == 2 and len(rig.store.metrics(REF)) == 2
    await rig.clock.turn(10)
    assert rig.news() == []
    rig.provider.points.append(Metric("loss", 3, 0.7))
    await rig.clock.turn(2)
    assert [m.step for n in rig.news() if isinstance(n, MetricsArrived) for m in n.metrics] == [3]


async def test_no_points_yet_is_told_too(rig: Rig) -> None:
    """An empty curve is an answer: the pane need not look as if it still loaded."""
    await rig.watch(Aspect.METRICS)
    (none,) = rig.news()
    assert isinstance(none, MetricsArrived) and none.reset and none.metrics == ()


async def test_many_points_come_in_pieces_without_waiting(rig: Rig) -> None:
    """A full answer is followed by the next question at once."""
    rig.provider.points = [Metric("loss", i, 0.5) for i in range(METRICS_PIECE)]
    await rig.watch(Aspect.METRICS)
    assert rig.calls() == ["metrics 1 0", f"metrics 1 {METRICS_PIECE}"]


async def test_a_curve_that_began_anew_is_told_whole(rig: Rig) -> None:
    """The service's log of points is shorter than the cursor: everything is shown afresh."""
    rig.store.set_metrics_cursor(REF, 5, [Metric("loss", 9, 0.1)])
    await rig.watch(Aspect.METRICS)
    told = [m for m in rig.news() if isinstance(m, MetricsArrived)]
    assert told[-1].reset and [m.step for m in told[-1].metrics] == [9]


async def test_without_a_metrics_api_the_observed_loss_is_the_curve(rig: Rig) -> None:
    """First the reason why there is none; as soon as a loss was seen, the curve, growing."""
    rig.lacks(Capability.METRICS, "RunComfy has no metrics API")
    await rig.watch(Aspect.METRICS)
    (why,) = rig.news()
    assert isinstance(why, AspectFailed) and why.error.message == "RunComfy has no metrics API"
    for step in (1, 2):
        rig.provider.set("1", Status.RUNNING, progress=Progress.of(step, 9), loss=1.0 / step)
        rig.merge()
        await rig.clock.turn(5)
    told = [m for m in rig.news() if isinstance(m, MetricsArrived)]
    assert [(m.reset, [p.step for p in m.metrics]) for m in told] == [(True, [1]), (False, [2])]
    assert not any(call.startswith("metrics") for call in rig.calls())


async def test_what_a_service_cannot_give_is_said_once(rig: Rig) -> None:
    """The reason of the facts, and no request ever."""
    rig.lacks(Capability.LOGS, "RunComfy has no log API; here is what we saw happen")
    await rig.watch(Aspect.LOGS)
    await rig.clock.turn(600)
    (why,) = rig.news()
    assert isinstance(why, AspectFailed) and isinstance(why.error, StateError)
    assert "no log API" in why.error.message and rig.calls() == []


async def test_artifacts_are_told_when_they_differ(rig: Rig) -> None:
    """Every ten seconds while it runs; a URL that is only signed anew is not news."""
    rig.provider.files["a"] = b"1"
    await rig.watch(Aspect.ARTIFACTS)
    (first,) = rig.news()
    assert isinstance(first, ArtifactsArrived) and [a.name for a in first.artifacts] == ["a"]
    await rig.clock.turn(30)
    assert rig.news() == [] and len(rig.calls()) == 4
    rig.provider.files["b"] = b"22"
    await rig.clock.turn(10)
    (more,) = rig.news()
    assert isinstance(more, ArtifactsArrived) and len(more.artifacts) == 2
    rig.provider.set("1", Status.SUCCEEDED)
    rig.merge()
    await rig.clock.turn(0)
    rig.calls()
    await rig.clock.turn(600)
    assert rig.calls() == []


async def test_the_config_is_asked_once_and_after_an_edit(rig: Rig) -> None:
    """Not polled; a forced look brings the new text."""
    await rig.watch(Aspect.CONFIG)
    await rig.clock.turn(600)
    assert rig.calls() == ["config 1"]
    assert rig.news() == [ConfigArrived(REF, "job: extension\n")]
    rig.provider.config = "job: other\n"
    rig.follower.poke([REF], force=True)
    await rig.clock.turn(0)
    assert rig.news() == [ConfigArrived(REF, "job: other\n")]


async def test_events_are_the_service_s_and_ours(rig: Rig) -> None:
    """The service tells its own history; what was asked from here is added, by time."""
    rig.provider.told = [Event(REF, T0, EventKind.STATUS, "submitted")]
    await rig.watch(Aspect.EVENTS)
    rig.store.add_event(Event(REF, T0, EventKind.ACT, "cancel asked"))
    rig.follower.poke([REF])
    await rig.clock.turn(0)
    last = rig.news()[-1]
    assert isinstance(last, EventsArrived)
    assert [e.text for e in last.events] == ["submitted", "cancel asked"]
    assert rig.calls() == ["events 1"]
    await rig.clock.turn(30)
    assert rig.news() == [] and rig.calls() == ["events 1"] * 3


def test_an_error_is_told_once_in_a_history() -> None:
    """What the service tells of a failure is not told again as seen; what was found from here,
    and is not in its history, is."""
    theirs = [Event(REF, T0, EventKind.ERROR, "failed: ValueError: boom")]
    ours = [
        Event(REF, T0, EventKind.ERROR, "ValueError: boom (EXIT_3)"),
        Event(REF, T0, EventKind.ERROR, "nan loss: the loss is not a number since step 9"),
        Event(REF, T0, EventKind.STATUS, "running → failed"),
    ]
    assert joined(theirs, ours) == [theirs[0], ours[1]]
    assert joined([], ours) == ours


async def test_our_own_history_needs_no_service(rig: Rig) -> None:
    """The service does not answer: what we saw is shown all the same, and the trouble told."""
    rig.provider.fail = NetworkError("refused")
    await rig.watch(Aspect.EVENTS)
    seen, failed = rig.news()
    assert isinstance(seen, EventsArrived) and seen.events[0].text == "first seen: running"
    assert isinstance(failed, AspectFailed)


async def test_trouble_is_told_once_and_passes(rig: Rig) -> None:
    """The same failure again is not news; another one is; then the log goes on."""
    rig.provider.fail = NetworkError("refused")
    await rig.watch(Aspect.LOGS)
    await rig.clock.turn(60)
    assert [type(m) for m in rig.news()] == [AspectFailed]
    rig.provider.fail = NetworkError("timed out")
    await rig.clock.turn(31)
    assert [type(m) for m in rig.news()] == [AspectFailed]
    rig.provider.fail = None
    rig.follower.profile_is_back("p")
    await rig.clock.turn(0)
    assert [type(m) for m in rig.news()] == [LogArrived]


async def test_retry_after_is_not_cut_short(rig: Rig) -> None:
    """429 holds even when the job changes or the profile is back."""
    rig.provider.fail = RateLimitError("slow down", retry_after=40)
    await rig.watch(Aspect.LOGS)
    rig.provider.fail = None
    rig.calls()
    rig.provider.set("1", Status.SUCCEEDED)
    rig.merge()
    rig.follower.profile_is_back("p")
    await rig.clock.turn(39)
    assert rig.calls() == []
    await rig.clock.turn(1)
    assert len(rig.calls()) == 1


async def test_a_fault_of_the_program_is_told_and_survived(rig: Rig) -> None:
    """An unforeseen exception is handed on, told as trouble, and tried again."""
    rig.provider.fail = ZeroDivisionError("oops")
    await rig.watch(Aspect.LOGS)
    assert [type(m) for m in rig.news()] == [AspectFailed] and rig.bugs == [rig.provider.fail]
    rig.provider.fail = None
    await rig.clock.turn(31)
    assert [type(m) for m in rig.news()] == [LogArrived]


async def test_watching_again_begins_anew_and_unwatching_ends(rig: Rig) -> None:
    """A second watch brings everything again; after unwatch nothing is asked."""
    await rig.watch(Aspect.CONFIG)
    await rig.watch(Aspect.CONFIG)
    assert len(rig.news()) == 2
    rig.follower.watch(REF, {Aspect.LOGS})
    rig.follower.unwatch(REF, {Aspect.CONFIG})
    await rig.clock.turn(1)
    rig.follower.unwatch(REF)
    rig.calls()
    await rig.clock.turn(600)
    assert rig.calls() == []


def models(*scores: float) -> list[Model]:
    """Models with a metric each."""
    return [Model(f"m{n}", f"m{n}", metrics={"map": score}) for n, score in enumerate(scores)]


def shown(message: Message) -> list[str]:
    """The models of a page, by id."""
    assert isinstance(message, ModelsArrived)
    return [model.id for model in message.page.models]


async def test_models_are_followed_a_page_at_a_time(rig: Rig) -> None:
    """The first page at first; told again only when it differs; turning asks at once."""
    rig.provider.made = models(0.1, 0.5, 0.9)
    await rig.watch(Aspect.MODELS)
    (first,) = rig.news()
    assert shown(first) == ["m0", "m1"] and rig.calls() == ["models 1 0 None"]
    await rig.clock.turn(5)
    assert rig.news() == [] and rig.calls() == ["models 1 0 None"]
    rig.follower.turn(REF, 1, "map")
    await rig.clock.turn(0)
    (second,) = rig.news()
    assert shown(second) == ["m0"] and rig.calls() == ["models 1 1 map"]
    rig.follower.turn(REF, 1, "map")
    await rig.clock.turn(0)
    assert rig.calls() == []


async def test_the_page_holds_when_following_begins_anew(rig: Rig) -> None:
    """Another screen covered the models: back on them, the page and the order are as before."""
    rig.provider.made = models(0.1, 0.5, 0.9)
    rig.follower.turn(REF, 1, "map")
    await rig.watch(Aspect.MODELS)
    rig.follower.unwatch(REF)
    rig.calls()
    await rig.watch(Aspect.MODELS)
    assert rig.calls() == ["models 1 1 map"]


async def test_a_page_that_comes_back_after_a_failure_is_told(rig: Rig) -> None:
    """No models while the job is at it, then the same ones again: both are told."""
    rig.provider.made = models(0.1)
    await rig.watch(Aspect.MODELS)
    rig.provider.fail = StateError("not while it runs")
    await rig.clock.turn(5)
    rig.provider.fail = None
    await rig.clock.turn(60)
    first, failed, again = rig.news()
    assert isinstance(failed, AspectFailed) and failed.aspect is Aspect.MODELS
    assert shown(first) == shown(again) == ["m0"]
