"""The network thread as the interface sees it: messages in, calls out, and an orderly end."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.unit.fakes import T0, FakeProvider, facts, job
from trainer_tui.config import (
    Config,
    DownloadSettings,
    MetricPattern,
    MetricsSettings,
    PollSettings,
    Profile,
    Secret,
)
from trainer_tui.core.acts import Act
from trainer_tui.core.messages import (
    ActDone,
    Aspect,
    AspectFailed,
    BoardChanged,
    DownloadChanged,
    EventsArrived,
    JobEnded,
    LogArrived,
    Message,
    MetricsArrived,
    ProfileChanged,
    Trouble,
)
from trainer_tui.core.rows import DownloadPhase
from trainer_tui.core.runtime import Runtime
from trainer_tui.core.store import Store
from trainer_tui.errors import ConfigError, NetworkError, NotFoundError, TrainerError
from trainer_tui.model import Artifact, ArtifactKind, JobRef, Status
from trainer_tui.paths import Paths
from trainer_tui.providers.base import Context, Facts, Provider, Submission

REF = JobRef("p", "1")


class Rig:
    """A runtime with services in memory; messages are waited for, never slept for."""

    def __init__(self, home: Path, *, read_only: bool = False, **providers: FakeProvider) -> None:
        self.home = home
        self.providers = providers
        self.opened: list[str] = []
        self.refused: dict[str, Exception] = {}
        self.messages: queue.Queue[Message] = queue.Queue()
        self.heard: list[Message] = []
        self.threads: set[str] = set()
        profiles = {name: Profile(name, p.facts.name, timeout=5) for name, p in providers.items()}
        self.config = Config(
            profiles=MappingProxyType(profiles),
            poll=PollSettings(selected=0.02, running=0.02, queued=0.02, unfocused=0.02),
            downloads=DownloadSettings(folder=home / "downloads"),
        )
        self.runtime = Runtime(
            self.config,
            Paths.under(home),
            open_provider=self._open,
            provider_facts=self._facts,
            read_only=read_only,
        )
        self.runtime.subscribe(self._hear)

    def _hear(self, message: Message) -> None:
        self.threads.add(threading.current_thread().name)
        self.messages.put(message)

    def _open(self, context: Context) -> Provider:
        name = context.profile.name
        self.opened.append(name)
        if name in self.refused:
            raise self.refused[name]
        return self.providers[name]

    def _facts(self, provider: str) -> Facts:
        for found in self.providers.values():
            if found.facts.name == provider:
                return found.facts
        raise ConfigError(f"there is no provider {provider!r}")


def until(rig: Rig, when: Callable[[Message], bool], seconds: float = 10.0) -> Message:
    """The next message of this sort."""
    end = time.monotonic() + seconds
    while True:
        message = rig.messages.get(timeout=max(0.01, end - time.monotonic()))
        rig.heard.append(message)
        if when(message):
            return message


Make = Callable[..., Rig]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Rig] = []

    def build(**options: object) -> Rig:
        made.append(Rig(tmp_path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for rig in made:
        rig.runtime.close()


def test_jobs_of_the_last_time_are_there_before_it_starts(make: Make, tmp_path: Path) -> None:
    """The first frame needs no network: the board is filled from the store, as last known."""
    store = Store(Paths.under(tmp_path).store)
    store.save_jobs([job(), job("9", profile="removed")], T0)
    store.set_watched(REF, True)
    store.close()
    rig = make(p=FakeProvider(facts()))
    (entry,) = rig.runtime.board.entries()
    assert entry.job.ref == REF and entry.stale and entry.watched
    assert rig.opened == [] and rig.runtime.states()["p"].phase == "idle"


def test_from_the_service_to_the_message(make: Make) -> None:
    """Polling fills the board; the change, the state and the end are told on the network thread."""
    provider = FakeProvider(facts(), job())
    rig = make(p=provider)
    rig.runtime.start()
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, BoardChanged) and m.delta.added == (REF,))
    until(rig, lambda m: isinstance(m, ProfileChanged) and m.state.phase == "ok")
    assert rig.runtime.states()["p"].running == 1
    provider.set("1", Status.SUCCEEDED)
    ended = until(rig, lambda m: isinstance(m, JobEnded))
    assert isinstance(ended, JobEnded) and ended.job.status is Status.SUCCEEDED
    assert rig.threads == {"network"}
    assert [j.status for j in rig.runtime.store.jobs()] == [Status.SUCCEEDED]


def test_an_act_from_key_to_observed(make: Make) -> None:
    """Perform answers when the service accepted; the mark goes when the poller sees the change."""
    provider = FakeProvider(facts(), job())
    rig = make(p=provider)
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, BoardChanged))
    outcome = rig.runtime.perform(Act.CANCEL, REF).result(5)
    assert outcome.ok
    done = until(rig, lambda m: isinstance(m, ActDone))
    assert isinstance(done, ActDone) and done.outcome == outcome
    provider.set("1", Status.CANCELED)
    until(rig, lambda m: isinstance(m, JobEnded))
    until(rig, lambda m: isinstance(m, BoardChanged) and pending(rig) is None)


def pending(rig: Rig) -> object:
    entry = rig.runtime.board.get(REF)
    assert entry is not None
    return entry.pending


def test_submit_and_track(make: Make) -> None:
    """A new job and one made elsewhere come onto the board; a wrong id leaves nothing. One that
    another process puts into the store is taken up by itself."""
    provider = FakeProvider(facts(lists=False), job("77"))
    rig = make(p=provider)
    rig.runtime.start()
    assert rig.runtime.submit("p", Submission("job: x")).result(5).ok
    assert rig.runtime.track("p", "77").result(5).ref == JobRef("p", "77")
    with pytest.raises(NotFoundError):
        rig.runtime.track("p", "nothing").result(5)
    assert {e.job.ref.id for e in rig.runtime.board.entries()} == {"new", "77"}
    assert [r.id for r in rig.runtime.store.tracked("p")] == ["new", "77"]
    other = Store(rig.runtime.store.path)
    provider.jobs["99"] = job("99", Status.SUCCEEDED)
    other.track(JobRef("p", "99"), "fake")
    other.close()
    until(rig, lambda m: isinstance(m, BoardChanged) and JobRef("p", "99") in m.delta.changed)


def test_an_id_tracked_while_offline_is_kept(make: Make) -> None:
    """The service cannot be asked: the id stays, as a job of unknown state."""
    provider = FakeProvider(facts(lists=False))
    provider.fail = NetworkError("refused")
    rig = make(p=provider)
    rig.runtime.start()
    with pytest.raises(NetworkError):
        rig.runtime.track("p", "77").result(5)
    assert [e.job.status for e in rig.runtime.board.entries()] == [Status.UNKNOWN]
    assert rig.runtime.store.tracked("p") == [JobRef("p", "77")]


def test_one_broken_profile_does_not_touch_another(make: Make) -> None:
    """One cannot be opened, one has no such provider, one hangs; the fourth works."""
    stuck = FakeProvider(facts("stuck"))
    stuck.hang = True
    rig = make(p=FakeProvider(facts(), job()), secret=FakeProvider(facts("s")), stuck=stuck)
    rig.refused["secret"] = ConfigError("env:TOKEN is not set")
    rig.runtime.add_profile(Profile("odd", "nonsense"))
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, BoardChanged))
    until(rig, lambda m: isinstance(m, ProfileChanged) and m.state.phase == "ok")
    for name in ("secret", "odd"):
        if rig.runtime.states()[name].phase != "error":
            until(rig, lambda m: isinstance(m, ProfileChanged) and m.state.phase == "error")
    assert rig.runtime.states()["stuck"].phase == "loading"


def test_sides_of_a_job_are_followed(make: Make) -> None:
    """Watching begins with all there is; what a service cannot give is told with its reason."""
    provider = FakeProvider(facts(), job())
    provider.log = b"hello\n"
    rig = make(p=provider)
    rig.runtime.start()
    rig.runtime.watch(REF, {Aspect.LOGS, Aspect.EVENTS})
    until(rig, lambda m: {LogArrived, EventsArrived} <= {type(h) for h in rig.heard})
    (got,) = (m for m in rig.heard if isinstance(m, LogArrived))
    assert got.source.path.read_bytes() == b"hello\n"
    rig.runtime.unwatch(REF)
    provider.fail = NetworkError("refused")
    rig.runtime.watch(REF, {Aspect.CONFIG})
    failed = until(rig, lambda m: isinstance(m, AspectFailed))
    assert isinstance(failed, AspectFailed) and failed.error is provider.fail


def test_metrics_of_a_log_are_found_by_the_patterns_of_the_config(make: Make) -> None:
    """The config's patterns, taken over while it runs, and the built-in ones."""
    provider = FakeProvider(facts(), job())
    provider.log = b"step 1 loss: 0.5\n<1> fid~31\n"
    rig = make(p=provider)
    own = MetricPattern("mine", r"<(?P<step>\d+)> fid~(?P<fid>\d+)")
    rig.runtime.apply_config(replace(rig.config, metrics=MetricsSettings(patterns=(own,))))
    rig.runtime.start()
    rig.runtime.watch(REF, {Aspect.METRICS})

    def found(_: Message) -> bool:
        told = (m.metrics for m in rig.heard if isinstance(m, MetricsArrived))
        return {"loss", "fid"} <= {point.key for points in told for point in points}

    until(rig, found, 60)


def test_downloads_go_to_a_folder_of_the_job(make: Make, tmp_path: Path) -> None:
    """Files arrive in the configured folder under the job's name, and each stage is told."""
    provider = FakeProvider(facts(), job())
    provider.files["a.txt"] = b"x" * 5000
    rig = make(p=provider)
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, BoardChanged))
    artifact = Artifact("a.txt", ArtifactKind.OTHER, "https://cdn/a.txt", size=5000)
    (row,) = rig.runtime.download(REF, [artifact])
    until(rig, lambda m: isinstance(m, DownloadChanged) and m.row.phase is DownloadPhase.DONE)
    assert (tmp_path / "downloads" / "job1" / "a.txt").read_bytes() == b"x" * 5000
    assert [r.id for r in rig.runtime.downloads()] == [row]
    rig.runtime.clear_downloads()
    assert rig.runtime.downloads() == []


def test_the_folder_of_a_name_with_slashes_has_all_of_it(make: Make, tmp_path: Path) -> None:
    """Roboflow's ``carts/3`` is downloaded to ``carts-3``: two versions stay apart."""
    provider = FakeProvider(facts(), job(name="carts/3"))
    provider.files["a.txt"] = b"x"
    rig = make(p=provider)
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, BoardChanged))
    rig.runtime.download(REF, [Artifact("a.txt", ArtifactKind.OTHER, "https://cdn/a.txt", size=1)])
    until(rig, lambda m: isinstance(m, DownloadChanged) and m.row.phase is DownloadPhase.DONE)
    assert (tmp_path / "downloads" / "carts-3" / "a.txt").is_file()


def test_read_only_is_told_and_kept(make: Make) -> None:
    """``--read-only`` refuses before anything is sent."""
    provider = FakeProvider(facts(), job())
    rig = make(p=provider, read_only=True)
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, BoardChanged))
    outcome = rig.runtime.perform(Act.CANCEL, REF).result(5)
    assert outcome.message == "this console is read-only (--read-only)"
    assert rig.runtime.why_not(job(), Act.CANCEL) == outcome.message
    assert "cancel 1" not in provider.calls


def test_the_profile_s_own_read_only_counts(make: Make) -> None:
    """``read_only = true`` on a profile holds for its jobs."""
    rig = make(p=FakeProvider(facts(), job()))
    profile = replace(rig.config.profiles["p"], read_only=True)
    rig.runtime.apply_config(replace(rig.config, profiles=MappingProxyType({"p": profile})))
    assert "profile p is read-only" in (rig.runtime.why_not(job(), Act.CANCEL) or "")


def test_config_changes_are_taken_over(make: Make) -> None:
    """A removed profile's rows go, a new one's come, a changed one is opened anew."""
    first, second = FakeProvider(facts(), job()), FakeProvider(facts("q"), job("2", profile="q"))
    rig = make(p=first, q=second)
    rig.runtime.start()
    until(rig, lambda m: len(rig.runtime.board.entries()) == 2)
    changed = replace(rig.config.profiles["p"], timeout=7.0)
    rig.runtime.apply_config(replace(rig.config, profiles=MappingProxyType({"p": changed})))
    until(rig, lambda m: isinstance(m, BoardChanged) and m.delta.removed == (JobRef("q", "2"),))
    until(rig, lambda m: isinstance(m, ProfileChanged) and m.state.phase == "ok")
    assert second.closed and set(rig.runtime.states()) == {"p"}
    rig.runtime.add_profile(Profile("q", "q"))
    until(
        rig,
        lambda m: isinstance(m, ProfileChanged) and (m.state.name, m.state.phase) == ("q", "ok"),
    )
    assert JobRef("q", "2") in {e.job.ref for e in rig.runtime.board.entries()}
    assert rig.opened.count("q") == 2 and rig.opened.count("p") == 2


def test_a_profile_can_be_checked_before_it_is_kept(make: Make) -> None:
    """The form's live check uses a connection of its own and closes it."""
    provider = FakeProvider(facts())
    rig = make(p=provider)
    rig.runtime.start()
    assert rig.runtime.check_profile(Profile("p", "fake")).result(5).summary == "me"
    provider.fail = NetworkError("refused")
    with pytest.raises(NetworkError):
        rig.runtime.check_profile(Profile("p", "fake")).result(5)
    assert provider.closed


def test_a_fault_goes_to_the_log_without_secrets_and_stops_nothing(
    make: Make, tmp_path: Path
) -> None:
    """An exception in a provider and one in a subscriber: logged, shown as a state, survived."""
    provider = FakeProvider(facts(), job())
    provider.fail = ZeroDivisionError("with hunter2-literal and Bearer abc.def-123")
    rig = make(p=provider)
    profile = replace(rig.config.profiles["p"], token=Secret("hunter2-literal"))
    rig.runtime.apply_config(replace(rig.config, profiles=MappingProxyType({"p": profile})))

    def broken(message: Message) -> None:
        raise KeyError("subscriber")

    end = rig.runtime.subscribe(broken)
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, ProfileChanged) and m.state.phase == "error")
    with pytest.raises(TrainerError, match="fault of this program"):
        rig.runtime.run(lambda: provider.check()).result(5)
    end()
    provider.fail = None
    rig.runtime.wake()
    until(rig, lambda m: isinstance(m, ProfileChanged) and m.state.phase == "ok")
    log = (Paths.under(tmp_path).state / "console.log").read_text()
    assert "ZeroDivisionError" in log and "KeyError" in log and "Traceback" in log
    assert "hunter2" not in log and "abc.def" not in log


def test_waking_pausing_and_selecting_reach_the_poller(make: Make) -> None:
    """Paused, nothing is asked; woken for one ended job, it is asked."""
    provider = FakeProvider(facts(lists=False), job("1", Status.SUCCEEDED))
    rig = make(p=provider)
    rig.runtime.board.load([provider.jobs["1"]])
    rig.runtime.pause(True)
    rig.runtime.select(REF)
    rig.runtime.focus(False)
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, ProfileChanged) and m.state.phase == "paused")
    provider.set("1", Status.RUNNING)
    rig.runtime.wake(REF)
    until(rig, lambda m: isinstance(m, BoardChanged))
    assert provider.calls == ["get 1"]
    rig.runtime.wake("p")
    rig.runtime.pause(False)
    until(rig, lambda m: isinstance(m, ProfileChanged) and m.state.phase == "ok")


def test_watched_and_forget_go_through_the_network_thread(make: Make) -> None:
    """Marks and forgetting are told like any other change."""
    rig = make(p=FakeProvider(facts(lists=False), job()))
    rig.runtime.board.load([job()])
    rig.runtime.start()
    rig.runtime.set_watched(REF, True)
    until(rig, lambda m: isinstance(m, BoardChanged) and rig.runtime.store.watched() == {REF})
    rig.runtime.forget(REF)
    until(rig, lambda m: isinstance(m, BoardChanged) and m.delta.removed == (REF,))
    assert rig.runtime.store.jobs() == []


def test_closing_lets_an_act_in_flight_finish(make: Make) -> None:
    """Quit while a cancel is on the wire: it is carried out, then the service is let go."""
    provider = FakeProvider(facts(), job())
    rig = make(p=provider)
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, BoardChanged))
    sent, answered = threading.Event(), threading.Event()

    async def slow() -> None:
        sent.set()
        await asyncio.to_thread(answered.wait, 5)

    provider.on_call = lambda call: slow() if call.startswith("cancel") else None
    future = rig.runtime.perform(Act.CANCEL, REF)
    assert sent.wait(5)
    closer = threading.Thread(target=rig.runtime.close)
    closer.start()
    answered.set()
    closer.join(10)
    assert future.result(1).ok and provider.closed
    assert not any(thread.name == "network" for thread in threading.enumerate())
    with pytest.raises(TrainerError, match="closing"):
        rig.runtime.perform(Act.CANCEL, REF).result(1)
    rig.runtime.close()


def test_closing_does_not_wait_for_what_hangs(make: Make) -> None:
    """A service that never answers does not hold the end up beyond the given time."""
    provider = FakeProvider(facts(), job())
    rig = make(p=provider)
    rig.runtime.start()
    until(rig, lambda m: isinstance(m, BoardChanged))
    provider.hang = True
    rig.runtime.perform(Act.CANCEL, REF)
    began = time.monotonic()
    rig.runtime.close(timeout=0.05)
    assert time.monotonic() - began < 3


def test_closing_without_having_started(make: Make) -> None:
    """A console that failed before its first frame closes all the same."""
    rig = make(p=FakeProvider(facts()))
    rig.runtime.close()


def test_a_damaged_store_is_told(tmp_path: Path, make: Make) -> None:
    """The person reads that the history was moved aside."""
    path = Paths.under(tmp_path).store
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, " * 500)
    rig = make(p=FakeProvider(facts()))
    rig.runtime.start()
    told = until(rig, lambda m: isinstance(m, Trouble))
    assert isinstance(told, Trouble) and "damaged" in told.text
