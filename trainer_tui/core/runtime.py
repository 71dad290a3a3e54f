"""A thread with its own event loop that owns everything that touches the network."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, Unpack

from trainer_tui.config import Config, Profile
from trainer_tui.core import questions
from trainer_tui.core.actions import Actions, Wishes
from trainer_tui.core.acts import Act, Outcome, why_not
from trainer_tui.core.board import Board, Delta, unseen
from trainer_tui.core.clock import SystemClock, utcnow
from trainer_tui.core.downloads import Downloads, folder_of
from trainer_tui.core.faultlog import FaultLog
from trainer_tui.core.follow import Follower
from trainer_tui.core.healthwatch import HealthWatch
from trainer_tui.core.links import Links
from trainer_tui.core.logfile.source import Gap
from trainer_tui.core.lossfeed import LastLosses, LossFeed
from trainer_tui.core.messages import (
    ActDone,
    Aspect,
    BoardChanged,
    DownloadChanged,
    JobEnded,
    Message,
    MetricsArrived,
    ProfileChanged,
    Trouble,
)
from trainer_tui.core.netthread import NetThread
from trainer_tui.core.poller import ProfileState
from trainer_tui.core.pollers import Pollers
from trainer_tui.core.profiles import Profiles
from trainer_tui.core.rows import DownloadRow
from trainer_tui.core.store import Store
from trainer_tui.errors import NotFoundError, TrainerError
from trainer_tui.model import Account, Artifact, Job, JobRef, Model
from trainer_tui.paths import Paths
from trainer_tui.providers import base
from trainer_tui.providers.base import Context, Facts, Provider, Submission

T = TypeVar("T")


class Runtime:
    """The headless console: what the interface shows comes from here, what it asks goes here.

    The board holds the jobs of the store as soon as the runtime is made, before :meth:`start`.
    Every method may be called from any thread and returns at once.
    """

    def __init__(
        self,
        config: Config,
        paths: Paths,
        *,
        store: Store | None = None,
        now: Callable[[], datetime] = utcnow,
        open_provider: Callable[[Context], Provider] = base.open_named,
        provider_facts: Callable[[str], Facts] = base.facts,
        read_only: bool = False,
    ) -> None:
        self.paths = paths
        self._own_store = store is None
        self.store = store if store is not None else Store(paths.store)
        self._clock = SystemClock(now)
        self.board = Board(
            self.store,
            on_trouble=lambda error: self._trouble(error.message),
            monotonic=self._clock.monotonic,
        )
        self._profiles = Profiles(config, self.store, provider_facts, read_only=read_only)
        self._subscribers: list[Callable[[Message], None]] = []
        self._faults = FaultLog(paths.state / "console.log", now, self._profiles.literal_secrets)
        self._net = NetThread(self._faults.write)
        self._links = Links(
            self._profiles.get,
            lambda profile: open_provider(Context(profile, paths, now)),
            self._faults.write,
        )
        self._pollers = Pollers(
            self.board,
            self._clock,
            self._links,
            self._profiles.facts_of,
            on_state=self._state_changed,
            on_bug=self._faults.write,
        )
        self._actions = Actions(
            self.store,
            self.board,
            self._clock,
            provider=self.provider,
            facts=self.facts,
            hurrier=self._pollers,
            observe_within=config.poll.observe_within,
            read_only=self._profiles.why_read_only,
            on_done=self._act_done,
            on_bug=self._faults.write,
        )
        self._follower = Follower(
            self.store,
            self.board,
            self._clock,
            provider=self.provider,
            facts=self.facts,
            publish=self._publish,
            spools=paths.cache / "logs",
            metrics=lambda: self.config.metrics,
            on_bug=self._faults.write,
        )
        self._downloads = Downloads(
            self.store,
            self._clock,
            provider=self.provider,
            on_change=lambda row: self._net.soon(self._publish, DownloadChanged(row)),
            on_bug=self._faults.write,
            parallel=config.downloads.parallel,
        )
        self._health = HealthWatch(
            self.board,
            self.store,
            self._clock,
            config.health,
            publish=self._publish,
            perform=self.perform,
            later=self._later,
            why_not=self.why_not,
            on_bug=self._faults.write,
        )
        self._losses = LossFeed(self._follower.around, self._judge, self._faults.write)
        self._last_losses = LastLosses()
        self.board.stall = config.health.stall
        self._newest = self.store.newest()
        self.board.load(self._profiles.known_jobs(), self.store.watched())
        self.board.subscribe(self._board_changed)

    # Facts.

    @property
    def config(self) -> Config:
        """As last taken over."""
        return self._profiles.config

    def facts(self, profile: str) -> Facts:
        """What the profile's provider can do. Raises ConfigError for an unknown profile."""
        return self._profiles.facts(profile)

    def why_not(self, job: Job, act: Act) -> str | None:
        """Why the act cannot be asked of the job now; minds --read-only and the profile's."""
        reason = self._profiles.why_read_only(job.ref.profile)
        return why_not(job, act, self.facts(job.ref.profile), read_only=reason or False)

    def states(self) -> Mapping[str, ProfileState]:
        """How it stands with every profile."""
        found = {name: ProfileState(name, p.provider) for name, p in self.config.profiles.items()}
        return MappingProxyType(found | self._pollers.states())

    # Life.

    def start(self) -> None:
        """Start the thread; providers are opened in it. Returns at once."""
        self._net.start(self._begin)

    def close(self, timeout: float = 3.0) -> None:
        """Stop: pollers at once, a writing act in flight may finish within the time."""
        if self._net.closing:
            return
        self._net.close(lambda: self._shut_down(timeout), timeout + 2.0)
        if self._own_store:
            self.store.close()

    def subscribe(self, callback: Callable[[Message], None]) -> Callable[[], None]:
        """Call back with every message, on the network thread; gives what ends it."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._subscribers.remove(callback)

        return unsubscribe

    def run(self, factory: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the network loop."""
        return self._net.run(factory)

    async def provider(self, profile: str) -> Provider:
        """The profile's provider, opened when first asked for. Network loop only."""
        self._poll(profile)
        return await self._links.get(profile)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call on the network loop after some time, if the console is still open. There only."""

        async def wait() -> None:
            await self._clock.wait(asyncio.Event(), seconds)
            call()

        if not self._net.closing:
            self._net.spawn(wait())

    # Polling.

    def wake(self, target: str | JobRef | None = None) -> None:
        """Ask now: everyone, one profile, or about one job."""
        if isinstance(target, JobRef):
            self._net.soon(self._pollers.wake, target)
            self._net.soon(lambda: self._follower.poke([target], force=True))
        else:
            self._net.soon(self._pollers.wake_profile, target)

    def pause(self, on: bool) -> None:
        """Stop polling, or go on."""
        self._net.soon(self._pollers.pause, on)
        self._net.soon(self._losses.pause, on)

    def focus(self, on: bool) -> None:
        """The terminal has the focus or not; without it polling relaxes."""
        self._net.soon(self._pollers.focus, on)

    def select(self, ref: JobRef | None) -> None:
        """The job under the cursor is asked about most often."""
        self._net.soon(self._pollers.select, ref)

    def watch(self, ref: JobRef, aspects: Collection[Aspect]) -> None:
        """Follow sides of a job. Each begins with all there is (``reset``), then what is new.

        Watching what is watched already begins it anew.
        """
        self._net.soon(self._follower.watch, ref, tuple(aspects))

    def unwatch(self, ref: JobRef, aspects: Collection[Aspect] | None = None) -> None:
        """Stop following some sides of a job, or all."""
        self._net.soon(self._follower.unwatch, ref, None if aspects is None else tuple(aspects))

    def turn_models(self, ref: JobRef, page: int, sort_by: str | None) -> None:
        """Which page of a job's models is followed, and in what order."""
        self._net.soon(self._follower.turn, ref, page, sort_by)

    def choose_log(self, ref: JobRef, name: str) -> None:
        """Which of a job's logs is followed; ``LogArrived.names`` tells which there may be."""
        self._net.soon(self._follower.choose_log, ref, name)

    def fetch_gap(self, ref: JobRef, name: str, gap: Gap) -> None:
        """Fetch more of what is missing of a followed log."""
        self._net.soon(self._follower.fetch_gap, ref, name, gap)

    # Questions that are asked once.

    def provenance(
        self, ref: JobRef, model_id: str | None = None
    ) -> concurrent.futures.Future[str]:
        """What a model was made of, as Graphviz DOT."""
        return self.run(lambda: questions.provenance(self.provider, ref, model_id))

    def files_of(self, ref: JobRef, model: Model) -> concurrent.futures.Future[Sequence[Artifact]]:
        """What there is to download of one model of a job."""
        return self.run(lambda: questions.files_of(self.provider, ref, model))

    def pipeline(self, profile: str) -> concurrent.futures.Future[Mapping[str, str]]:
        """What a job that is submitted to the profile now would run on."""
        return self.run(lambda: questions.pipeline(self.provider, profile))

    # Acts.

    def perform(
        self, act: Act, ref: JobRef, **wishes: Unpack[Wishes]
    ) -> concurrent.futures.Future[Outcome]:
        """Ask an act of a job. Canceling the future does not cancel the act."""

        async def ask() -> Outcome:
            entry = self.board.get(ref)
            job = entry.job if entry else unseen(ref, "")
            return await self._actions.perform(act, job, **wishes)

        return self.run(ask)

    def submit(self, profile: str, submission: Submission) -> concurrent.futures.Future[Outcome]:
        """Ask for a new job."""
        return self.run(lambda: self._actions.submit(profile, submission))

    def track(self, profile: str, job_id: str) -> concurrent.futures.Future[Job]:
        """Follow a job made elsewhere by its id. NotFoundError leaves nothing behind."""
        return self.run(lambda: self._track(JobRef(profile, job_id)))

    def forget(self, ref: JobRef) -> None:
        """Drop a job from the board and the store; nothing happens at the service."""
        self.perform(Act.FORGET, ref)

    def set_watched(self, ref: JobRef, on: bool) -> None:
        """Whether the end of the job is to be told."""
        self._net.soon(self.board.set_watched, ref, on)

    # Downloads.

    def download(
        self, ref: JobRef, artifacts: Iterable[Artifact], folder: Path | None = None
    ) -> list[int]:
        """Queue artifacts; gives the rows' ids.

        Without a folder: a folder named after the job inside the configured one.
        """
        place = folder if folder is not None else self._folder_of(ref)
        return [row.id for row in self._downloads.add(ref, artifacts, place)]

    def downloads(self) -> list[DownloadRow]:
        """All rows of the queue, oldest first."""
        return self._downloads.rows()

    def pause_download(self, row: int) -> None:
        """Hold a download; what is there stays."""
        self._downloads.pause(row)

    def retry_download(self, row: int) -> None:
        """Go on with a paused, failed or canceled download from the byte already held."""
        self._downloads.retry(row)

    def cancel_download(self, row: int) -> None:
        """Give a download up and remove its partial file."""
        self._downloads.cancel(row)

    def clear_downloads(self) -> None:
        """Forget the rows that have ended (the files stay)."""
        self._downloads.clear()

    # Profiles.

    def add_profile(self, profile: Profile) -> None:
        """Poll one more profile from now on (the config file is not touched)."""
        profiles = MappingProxyType({**self.config.profiles, profile.name: profile})
        self.apply_config(dataclasses.replace(self.config, profiles=profiles))

    def check_profile(self, profile: Profile) -> concurrent.futures.Future[Account]:
        """Prove URL and credential of a profile that need not be known yet."""

        async def check() -> Account:
            provider = await self._links.open(profile)
            try:
                return await provider.check()
            finally:
                await self._links.close(provider)

        return self.run(check)

    def apply_config(self, config: Config) -> None:
        """Take over a changed config: new, changed and removed profiles, intervals."""
        before = self._profiles.replace(config)
        self._net.soon(lambda: self._net.spawn(self._take_over(before, config)))

    # On the network thread.

    def _begin(self) -> None:
        for name in self._profiles.polled():
            self._poll(name)
        self._net.spawn(self._net.serve(self._downloads.run))
        self._net.spawn(self._net.serve(self._losses.run))
        self._net.spawn(self._net.serve(self._look_around))
        for warning in self.store.warnings:
            self._trouble(warning)

    async def _shut_down(self, timeout: float) -> None:
        self._follower.close()
        self._pollers.close()
        await self._actions.finish(timeout)
        await self._net.drop_tasks(0.5)
        await self._links.aclose()

    async def _take_over(self, before: Config, config: Config) -> None:
        self._actions.observe_for(config.poll.observe_within)
        self._downloads.parallel = config.downloads.parallel
        self.board.stall = config.health.stall
        self._health.apply(config.health)
        for name in set(before.profiles) | set(config.profiles):
            if before.profiles.get(name) != config.profiles.get(name):
                self._pollers.drop(name)
                await self._links.drop(name)
        self._pollers.settings_changed(config.poll)
        gone = set(before.profiles) - set(config.profiles)
        self.board.remove([e.job.ref for e in self.board.entries() if e.job.ref.profile in gone])
        self.board.load(self._profiles.known_jobs(), self.store.watched())
        for name in self._profiles.polled():
            self._poll(name)

    async def _look_around(self) -> None:
        """Take up what another console or the command line submits or tracks: not every service
        lists its jobs."""
        told = ""
        while True:
            await self._clock.wait(asyncio.Event(), self.config.poll.selected)
            try:
                self._take_up()
            except TrainerError as error:
                if error.message != told:
                    told = error.message
                    self._trouble(told)

    def _take_up(self) -> None:
        newest = self.store.newest()
        if newest <= self._newest:
            return
        found = self._profiles.known_jobs(after=self._newest)
        self._newest = newest
        for name in {job.ref.profile for job in found}:
            self._poll(name)
        self.board.load(found, self.store.watched())

    async def _track(self, ref: JobRef) -> Job:
        facts = self.facts(ref.profile)
        try:
            job = await (await self.provider(ref.profile)).get_job(ref.id)
        except NotFoundError:
            raise
        except TrainerError:
            self.store.track(ref, facts.name)
            self.board.load([unseen(ref, facts.name)])  # kept: it is asked again by itself
            raise
        self.store.track(ref, facts.name)
        self.board.merge(ref.profile, [job], self._clock.now(), complete=False)
        return job

    def _poll(self, name: str) -> None:
        if not self._net.closing:
            self._pollers.add(self._profiles.get(name), self.config.poll)

    def _state_changed(self, state: ProfileState) -> None:
        self._publish(ProfileChanged(state))
        if state.phase == "ok":
            self._follower.profile_is_back(state.name)

    def _act_done(self, outcome: Outcome) -> None:
        self._publish(ActDone(outcome))
        self._follower.poke([outcome.ref], force=outcome.ok)

    def _board_changed(self, delta: Delta) -> None:
        self._publish(BoardChanged(delta))
        self._health.changed(delta)
        for ref in delta.ended:
            entry = self.board.get(ref)
            if entry is not None:
                self._publish(JobEnded(entry.job))
        refs = (*delta.added, *delta.changed)
        self._follower.poke(refs)
        self._pollers.reconsider(refs)

    def _publish(self, message: Message) -> None:
        if isinstance(message, MetricsArrived):
            self._judge(message)
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(message)
            except Exception as error:  # a fault of the interface must not stop the network
                self._faults.write(error)

    def _judge(self, message: MetricsArrived) -> None:
        self._health.points(message.ref, message.metrics, more=message.more)
        last = self._last_losses.take(message)
        if last is not None:
            step, loss, unit = last
            self.board.set_loss(message.ref, step, loss, self._clock.now(), unit)

    # Helpers.

    def _folder_of(self, ref: JobRef) -> Path:
        entry = self.board.get(ref)
        name = entry.job.name if entry else ref.id
        return folder_of(self.config.downloads.folder, ref, name, self._downloads.rows())

    def _trouble(self, text: str) -> None:
        self._net.soon(self._publish, Trouble(text))
