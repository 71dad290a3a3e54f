"""Watching the health of every running job, and the rules that act on it.

A job is judged by the loss that its service tells with its status, and by all the points of its
curve once that is followed. What is found is a mark on the board, an event in the job's history, a
message, and, where the config has a rule for it, an act. A finding is told once for each run of a
job, also when the console is closed and opened again meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from trainer_tui.config import HealthRule, HealthSettings
from trainer_tui.core import units
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.board import Board, Delta, Entry
from trainer_tui.core.clock import Clock
from trainer_tui.core.health import WORDS, Ailment, Finding, LossWatch
from trainer_tui.core.messages import Ailing, Message
from trainer_tui.core.rows import Values
from trainer_tui.errors import NotFoundError, StateError, TrainerError
from trainer_tui.model import Event, EventKind, Job, JobRef, Metric, Status

if TYPE_CHECKING:
    from concurrent.futures import Future

    from trainer_tui.core.points import Points

LOSSES = (
    *("loss", "train_loss", "train/loss", "training_loss"),
    *("loss_step", "train_loss_step", "train/loss_step"),
)
"""Keys that are the loss that is trained on, best first."""
_HISTORY = 2_000
"""Steps of stored history that are looked at when a running job is first seen."""


_AGAIN, _AGAIN_AT_MOST = 15.0, 300.0
"""Seconds until an act that a rule asked for, and that failed, is asked for again; then twice as
many each time."""


class History(Values, Protocol):
    """What the store knows and keeps."""

    def metrics(
        self, ref: JobRef, key: str | None = None, since_step: int | None = None
    ) -> Sequence[Metric]: ...

    def add_event(self, event: Event) -> None: ...


class HealthWatch:
    """The health of the jobs on a board. Network thread only."""

    def __init__(
        self,
        board: Board,
        store: History,
        clock: Clock,
        settings: HealthSettings,
        *,
        publish: Callable[[Message], None],
        perform: Callable[[Act, JobRef], Future[Outcome]],
        later: Callable[[float, Callable[[], None]], object],
        why_not: Callable[[Job, Act], str | None],
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._board, self._store, self._clock = board, store, clock
        self._publish, self._perform, self._why_not = publish, perform, why_not
        self._later = later
        self._on_bug = on_bug
        self.settings = settings
        self._watches: dict[JobRef, LossWatch] = {}
        self._keys: dict[JobRef, str] = {}
        self._reading: set[JobRef] = set()
        """Jobs of which only a part of the past was seen so far."""
        self._pauses: dict[JobRef, float] = {}
        """Seconds until the next try, of jobs whose rule's act failed."""

    def apply(self, settings: HealthSettings) -> None:
        """Judge by other thresholds from now on."""
        if settings != self.settings:
            self.settings = settings
            self._watches.clear()
            self.changed(Delta(changed=tuple(e.job.ref for e in self._board.entries())))

    def changed(self, delta: Delta) -> None:
        """Look at the jobs that changed."""
        for ref in delta.removed:
            self._watches.pop(ref, None)
            self._pauses.pop(ref, None)
            self._reading.discard(ref)
        for ref in (*delta.added, *delta.changed):
            entry = self._board.get(ref)
            if entry is not None:
                self._look(entry)

    def points(
        self, ref: JobRef, metrics: Iterable[Metric | Points], *, more: bool = False
    ) -> None:
        """Look at points of a curve that is followed. With ``more`` to come at once they are of the
        past, and what they alone would mean is not said: it may be over."""
        entry = self._board.get(ref)
        if entry is None or entry.stale or entry.job.status is not Status.RUNNING:
            return
        watch, done = self._watch(entry.job), entry.job.progress
        told = done is not None and entry.job.loss is not None and not entry.borrowed
        for metric in metrics:
            if metric.key not in LOSSES or metric.key != self._keys.setdefault(ref, metric.key):
                continue
            if done is not None and told and metric.unit != done.unit:
                continue  # one loss cannot be judged by two counts, and that one always comes
            if isinstance(metric, Metric):
                watch.add(metric.step, metric.value, metric.unit)
            else:
                for step, value, _ in metric:
                    watch.add(step, value, metric.unit)
        if more:
            self._reading.add(ref)
        else:
            self._reading.discard(ref)
            self._settle(entry, watch.finding)

    def _look(self, entry: Entry) -> None:
        job = entry.job
        if job.status is not Status.RUNNING:
            self._watches.pop(job.ref, None)
            self._keys.pop(job.ref, None)
            self._pauses.pop(job.ref, None)
            self._reading.discard(job.ref)
            if entry.finding is not None and not job.status.active:
                self._board.set_finding(job.ref, None)
            return
        if entry.stale:
            return
        watch = self._watch(job)
        told = job.loss if not entry.borrowed else None
        if told is not None and job.progress is not None:
            watch.add(job.progress.current, told, job.progress.unit)
        if told is not None or job.ref not in self._reading:
            self._settle(entry, watch.finding)

    def _watch(self, job: Job) -> LossWatch:
        watch = self._watches.get(job.ref)
        if watch is None:
            watch = self._watches[job.ref] = LossWatch(self.settings)
            if job.progress is not None:
                span = max(_HISTORY, self.settings.plateau)
                since = max(-1, job.progress.current - 2 * span)
                try:
                    for metric in self._store.metrics(job.ref, "loss", since):
                        watch.add(metric.step, metric.value, metric.unit)
                except TrainerError as error:
                    self._on_bug(error)
        return watch

    def _settle(self, entry: Entry, finding: Finding | None) -> None:
        job = entry.job
        stalled = entry.estimate is not None and entry.estimate.stalled
        if finding is None and stalled and self.settings.stall:
            watch = self._watches.get(job.ref)
            done = job.progress
            step = done.current if done is not None else watch.step if watch is not None else 0
            place = units.at(done.unit if done is not None else "step", step)
            finding = Finding(Ailment.STALL, step, f"no progress after {place} for a while")
        before = entry.finding
        if finding == before:
            return
        self._board.set_finding(job.ref, finding)
        if finding is None or (before is not None and before.ailment is finding.ailment):
            return
        first = True
        try:
            first = self._first(job, finding)
            if first:
                text = f"{WORDS[finding.ailment]}: {finding.text}"
                self._store.add_event(Event(job.ref, self._clock.now(), EventKind.ERROR, text))
        except TrainerError as error:  # a full disk must not keep a rule from acting
            self._on_bug(error)
        if first:
            self._publish(Ailing(job.ref, finding))
        self._act(job, finding, first=first)

    def _first(self, job: Job, finding: Finding, what: str = "") -> bool:
        """Whether this is the first time that it is told of this run, or done about it."""
        key = f"health/{job.ref}"
        run = job.started_at.isoformat() if job.started_at else ""
        held = self._store.get_value(key, {})
        known = held.get("told", []) if held.get("run") == run else []
        mark = self._mark(finding, what)
        if mark in known:
            return False
        self._store.set_value(key, {"run": run, "told": [*known[-40:], mark]})
        return True

    @staticmethod
    def _mark(finding: Finding, what: str) -> str:
        # A job that stalls, goes on and stalls again has news each time; a loss has it once.
        step = f"@{finding.step}" if finding.ailment is Ailment.STALL else ""
        return f"{what}{finding.ailment.value}{step}"

    def _act(self, job: Job, finding: Finding, *, first: bool) -> None:
        for rule in self.settings.rules:
            if rule.on != finding.ailment or rule.profile not in (None, job.ref.profile):
                continue
            self._follow_rule(job, finding, rule, first=first)
            return

    def _follow_rule(self, job: Job, finding: Finding, rule: HealthRule, *, first: bool) -> None:
        act, text = Act(rule.do), f"rule: on {rule.on} do {rule.do}"
        reason = self._why_not(job, act)
        due = first
        try:
            if reason is None:
                due = self._first(job, finding, "done/")
            else:  # another console may be allowed what this one is not
                text += f", which is not possible: {reason}"
        except TrainerError as error:
            self._on_bug(error)
        if not due:
            return
        try:
            self._store.add_event(Event(job.ref, self._clock.now(), EventKind.ACT, text))
        except TrainerError as error:
            self._on_bug(error)
        if reason is None:
            asked = self._perform(act, job.ref)
            asked.add_done_callback(lambda done: self._performed(job, finding, done))

    def _performed(self, job: Job, finding: Finding, done: Future[Outcome]) -> None:
        """An act that did not get through is asked for again: a job that burns money must not go
        on because the network was away for a moment. What the service refuses is not."""
        if done.cancelled():
            return
        outcome = done.result() if done.exception() is None else None
        refused = outcome and isinstance(outcome.error, StateError | NotFoundError)
        if outcome is not None and (outcome.ok or refused):
            self._pauses.pop(job.ref, None)
            return
        key = f"health/{job.ref}"
        try:
            held = self._store.get_value(key, {})
            mark = self._mark(finding, "done/")
            told = [known for known in held.get("told", []) if known != mark]
            self._store.set_value(key, {**held, "told": told})
        except TrainerError as error:
            self._on_bug(error)
        pause = self._pauses.get(job.ref, _AGAIN)
        self._pauses[job.ref] = min(2 * pause, _AGAIN_AT_MOST)
        self._later(pause, lambda: self._act_again(job.ref, finding))

    def _act_again(self, ref: JobRef, finding: Finding) -> None:
        """Ask again for what a rule wants, if the job is still as badly off."""
        entry = self._board.get(ref)
        now = entry.finding if entry is not None else None
        if entry is not None and now is not None and now.ailment is finding.ailment:
            self._act(entry.job, finding, first=False)
