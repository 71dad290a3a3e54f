"""The merged live picture: jobs, what was asked of them, and what is to be expected.

Thread-safe. Where nothing changed nothing is published; subscribers are called on the thread that
made the change, outside the lock.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from trainer_tui.core.estimate import STALL_STEPS, Estimate, Sample, add_sample, estimate
from trainer_tui.core.health import Finding
from trainer_tui.errors import TrainerError
from trainer_tui.model import Capability, Event, Job, JobError, JobRef, Metric, Status

GONE = "gone at the service"
"""``raw_status`` of a job that the service no longer knows though it had not ended."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Something asked of a job that is not yet seen to have happened."""

    act: Capability | Literal["forget"]
    phase: Literal["asked", "acknowledged", "late"]
    since: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the picture."""

    job: Job
    pending: Pending | None = None
    estimate: Estimate | None = None
    stale: bool = False
    """As last known: not confirmed by the service in this session, or the service is away."""
    watched: bool = False
    """The user wants to be told when it ends."""
    finding: Finding | None = None
    """What is wrong with its training."""
    borrowed: bool = False
    """The job's loss is not of its status: it is that of its curve, or was told before."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What one change of the board did."""

    added: tuple[JobRef, ...] = ()
    changed: tuple[JobRef, ...] = ()
    removed: tuple[JobRef, ...] = ()
    ended: tuple[JobRef, ...] = ()
    """Those of the changed that went from active to ended."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class Recorder(Protocol):
    """Where the board writes what it learned (the store)."""

    def save_jobs(self, jobs: Iterable[Job], now: datetime) -> list[Event]: ...

    def add_metrics(self, ref: JobRef, metrics: Iterable[Metric]) -> None: ...

    def set_watched(self, ref: JobRef, on: bool) -> None: ...


class Board:
    """Jobs by ref, with their entries."""

    def __init__(
        self,
        recorder: Recorder | None = None,
        *,
        on_trouble: Callable[[TrainerError], None] = lambda error: None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        """
        Args:
            on_trouble: Hears of what could not be written; the picture goes on without.
            monotonic: Seconds that only go forward, and not while the machine sleeps: a clock that
                is set, or a night's sleep, makes no stall then. By default the calendar's.
        """
        self._monotonic = monotonic
        self._recorder = recorder
        self._on_trouble = on_trouble
        self.stall = STALL_STEPS
        """So many times its own pace without a step is a stall; 0: never."""
        self._changing = threading.RLock()
        """Held by whoever changes the board, be it while the store writes."""
        self._lock = threading.Lock()
        """Held for moments only, so that who reads never waits for a disk."""
        self._entries: dict[JobRef, Entry] = {}
        self._open: dict[JobRef, None] = {}
        """Those that have not ended: of thousands of jobs the few that are looked at often."""
        self._samples: dict[JobRef, tuple[Sample, ...]] = {}
        self._revisions: dict[JobRef, int] = {}
        self._revision = 0
        self._subscribers: list[Callable[[Delta], None]] = []

    def entries(self) -> list[Entry]:
        """All rows, as they are now, in no particular order."""
        with self._lock:
            return list(self._entries.values())

    def get(self, ref: JobRef) -> Entry | None:
        """One row."""
        with self._lock:
            return self._entries.get(ref)

    def jobs(self, profile: str) -> list[Job]:
        """The jobs of one profile."""
        with self._lock:
            return [e.job for ref, e in self._entries.items() if ref.profile == profile]

    def open_jobs(self, profile: str) -> list[Job]:
        """The jobs of one profile that have not ended."""
        with self._lock:
            return [self._entries[ref].job for ref in self._open if ref.profile == profile]

    def load(self, jobs: Iterable[Job], watched: Iterable[JobRef] = ()) -> Delta:
        """Put in jobs as the store knew them; what is already there is newer and stays."""
        marked = set(watched)
        with self._changing:
            new = {
                job.ref: Entry(job, stale=True, watched=job.ref in marked)
                for job in jobs
                if job.ref not in self._entries
            }
            self._put(new)
        return self._publish(Delta(added=tuple(new)))

    def mark(self) -> int:
        """A point in the board's history, taken before a request is sent (see :meth:`merge`)."""
        with self._changing:
            return self._revision

    def merge(
        self,
        profile: str,
        jobs: Iterable[Job],
        now: datetime,
        complete: bool = True,
        *,
        mark: int | None = None,
    ) -> Delta:
        """Take in what a service answered.

        Args:
            jobs: As observed now.
            complete: Whether these are all jobs that the service has. A job that is missing then
                and had not ended is marked as gone, never dropped; an ended one is kept as it is.
            mark: :meth:`mark` as it was when the request was sent. A job about which something
                newer has come in meanwhile is left alone, so that a slow list cannot undo what
                the answer to an act told.
        """
        with self._changing:
            fresh = {job.ref: job for job in jobs if job.ref.profile == profile}
            if complete:
                for ref, entry in self._entries.items():
                    if ref.profile == profile and ref not in fresh:
                        fresh[ref] = entry.job if entry.job.status.ended else gone(entry.job)
            added, changed, ended, write = [], [], [], []
            put: dict[JobRef, Entry] = {}
            for ref, job in fresh.items():
                old = self._entries.get(ref)
                told, job = job, _with_loss(old, job)
                if old is not None and _settled(old) and (old.job is job or old.job == job):
                    continue
                if mark is not None and self._revisions.get(ref, 0) > mark:
                    continue
                new = self._updated(old, job, now, borrowed=told.loss is None)
                self._revision += 1
                self._revisions[ref] = self._revision
                if old is None:
                    added.append(ref)
                elif new != old:
                    changed.append(ref)
                    if old.job.status.active and job.status.ended:
                        ended.append(ref)
                else:
                    continue
                put[ref] = new
                if old is None or old.job != job:
                    write.append((job, observed_loss(old.job if old else None, told, now)))
            if write and self._recorder is not None:
                self._record(self._recorder, write, now)  # on disk before it is shown
            self._put(put)
        return self._publish(Delta(tuple(added), tuple(changed), (), tuple(ended)))

    def remove(self, refs: Iterable[JobRef]) -> Delta:
        """Drop rows: forgotten, deleted, or of a profile that is no more."""
        with self._changing:
            with self._lock:
                removed = tuple(ref for ref in refs if self._entries.pop(ref, None) is not None)
                for ref in removed:
                    self._open.pop(ref, None)
            for ref in removed:
                self._samples.pop(ref, None)
                self._revisions.pop(ref, None)
        return self._publish(Delta(removed=removed))

    def set_pending(self, ref: JobRef, pending: Pending) -> Delta:
        """Show that something was asked of a job."""
        return self._change([ref], pending=pending)

    def clear_pending(self, ref: JobRef) -> Delta:
        """Show that nothing is asked of it any more."""
        return self._change([ref], pending=None)

    def set_watched(self, ref: JobRef, on: bool) -> Delta:
        """Mark a job as one whose end is to be told."""
        if self._recorder is not None:
            try:
                self._recorder.set_watched(ref, on)
            except TrainerError as error:
                self._on_trouble(error)
        return self._change([ref], watched=on)

    def set_finding(self, ref: JobRef, finding: Finding | None) -> Delta:
        """Show what is wrong with a job's training, or that nothing is any more."""
        return self._change([ref], finding=finding)

    def set_loss(
        self, ref: JobRef, step: int, loss: float, now: datetime, unit: str = "step"
    ) -> Delta:
        """Show the last point of a job's curve, where its status tells no loss.

        Where it tells no progress either, the curve's steps are what the job's pace is known by.
        """
        with self._changing:
            entry = self._entries.get(ref)
            if entry is None or not (entry.borrowed or entry.job.loss is None):
                return Delta()
            if entry.job.status is Status.RUNNING and entry.job.progress is None:
                self._sampled(ref, Sample(self._moment(now), step, unit))
            before, job = entry.job.loss, entry.job.replace(loss=loss)
            if before == loss or (before is not None and math.isnan(before) and math.isnan(loss)):
                return Delta()
            if self._recorder is not None:
                self._record(self._recorder, [(job, None)], now)
        return self._change([ref], job=job, borrowed=True)

    def set_stale(self, profile: str) -> Delta:
        """The profile does not answer: what may change by itself is only as last known."""
        with self._changing:
            refs = [ref for ref in self._open if ref.profile == profile]
        return self._change(refs, stale=True)

    def subscribe(self, callback: Callable[[Delta], None]) -> Callable[[], None]:
        """Call back on every change; gives what ends it."""
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe

    def _updated(self, old: Entry | None, job: Job, now: datetime, *, borrowed: bool) -> Entry:
        moment = self._moment(now)
        if job.status is Status.RUNNING and job.progress is not None:
            self._sampled(job.ref, Sample(moment, job.progress.current, job.progress.unit))
        elif not job.status.active:
            self._samples.pop(job.ref, None)
        samples = self._samples.get(job.ref, ())
        guess = estimate(samples, job.progress, now, job.status, stall=self.stall, moment=moment)
        if old is None:
            return Entry(job, estimate=guess, borrowed=borrowed)
        return dataclasses.replace(old, job=job, estimate=guess, stale=False, borrowed=borrowed)

    def _moment(self, now: datetime) -> float:
        return self._monotonic() if self._monotonic is not None else now.timestamp()

    def _sampled(self, ref: JobRef, sample: Sample) -> None:
        self._samples[ref] = add_sample(self._samples.get(ref, ()), sample)

    def _record(
        self, recorder: Recorder, write: list[tuple[Job, Metric | None]], now: datetime
    ) -> None:
        try:
            recorder.save_jobs([job for job, _ in write], now)
            for job, point in write:
                if point is not None:
                    recorder.add_metrics(job.ref, [point])
        except TrainerError as error:
            self._on_trouble(error)

    def _put(self, entries: dict[JobRef, Entry]) -> None:
        with self._lock:
            self._entries.update(entries)
            for ref, entry in entries.items():
                if entry.job.status.ended:
                    self._open.pop(ref, None)
                else:
                    self._open[ref] = None

    def _change(self, refs: Iterable[JobRef], **fields: object) -> Delta:
        with self._changing:
            changed = {}
            for ref in refs:
                old = self._entries.get(ref)
                if old is not None:
                    new = dataclasses.replace(old, **fields)  # type: ignore[arg-type]
                    if new != old:
                        changed[ref] = new
            self._put(changed)
        return self._publish(Delta(changed=tuple(changed)))

    def _publish(self, delta: Delta) -> Delta:
        if delta:
            with self._lock:
                subscribers = tuple(self._subscribers)
            for subscriber in subscribers:
                subscriber(delta)
        return delta


def _settled(entry: Entry) -> bool:
    """Whether only another job, and not the mere passing of time, could change the entry."""
    return not entry.stale and entry.job.status is not Status.RUNNING


def _with_loss(old: Entry | None, job: Job) -> Job:
    """The job with the loss that was last known of this run, where no loss is told any more."""
    before = old.job if old is not None else None
    if before is None or before.loss is None or job.loss is not None:
        return job
    again = before.status.ended and job.status.active
    if again or (before.started_at and job.started_at and before.started_at != job.started_at):
        return job
    return job.replace(loss=before.loss)


def gone(job: Job) -> Job:
    """The job as it is once the service no longer knows it."""
    if job.raw_status == GONE:
        return job
    return job.replace(
        status=Status.UNKNOWN,
        raw_status=GONE,
        queue_position=None,
        allowed=frozenset(),
        error=JobError("the service no longer has this job"),
    )


def unseen(ref: JobRef, provider: str, name: str | None = None) -> Job:
    """A job of which only the id is known so far."""
    return Job(ref, provider, name or ref.id, Status.UNKNOWN, "")


def observed_loss(old: Job | None, job: Job, now: datetime) -> Metric | None:
    """The point of the loss curve that an observation of the job gives, if it is a new one.

    Only for services without a metrics API: elsewhere the true curve comes from there.
    """
    if job.loss is None or job.progress is None or Capability.METRICS in job.allowed:
        return None
    if old is not None and (old.loss, old.progress) == (job.loss, job.progress):
        return None
    done = job.progress
    return Metric("loss", done.current, job.loss, now, done.unit)
