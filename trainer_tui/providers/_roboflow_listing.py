"""Finding Roboflow's trainings with few requests: there is no call that lists them.

A workspace names its projects (one call), a project its versions (one call each), and a version
tells of its newest training. So a workspace is asked every half minute, a project when it has
changed or has not been asked for a while, a version only while it is being trained, and the list
of a version's trainings once, and again when one of them ends.
"""

from __future__ import annotations

import asyncio
import operator
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from trainer_tui.errors import (
    AuthError,
    NetworkError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TrainerError,
)
from trainer_tui.model import Job, Status
from trainer_tui.providers import _roboflow_answers as answers
from trainer_tui.providers._roboflow_answers import Name, Training, Version

T = TypeVar("T")
_Basis = tuple[Version, Sequence[Training], str | None]
Fetch = Callable[..., Awaitable[object]]
"""``fetch(path, params={})``: GET below the workspace, parsed JSON."""

WORKSPACE_EVERY = 30.0
"""Seconds between two looks at the list of projects."""
BUSY_EVERY = 120.0
"""Seconds between two looks at a project that was trained on within the last day."""
QUIET_EVERY = 900.0
"""The same for any other project."""
QUIET_AT_ONCE = 5
"""Projects that are asked again in one round only because they have not been for long."""
ENDED_AT_ONCE = 10
"""Versions without a training in flight whose list of trainings is asked for in one round."""
_AT_ONCE = 6
_BUSY_FOR = timedelta(days=1)
_FATAL = (AuthError, NetworkError, RateLimitError)


@dataclass(slots=True)
class _Known:
    """A version and its trainings as last seen."""

    facts: Version
    trainings: Sequence[Training] = ()
    """As ``v2/trainings`` lists them, oldest first."""
    asked: bool = False
    """Whether ``trainings`` is what the service has."""
    made: tuple[_Basis, list[Job]] | None = None
    """The jobs that were made of it last, and what of."""

    @property
    def rows(self) -> Sequence[Training]:
        """The trainings that there are, as fresh as each is known."""
        newest = self.facts.training
        if not self.trainings:
            return [newest] if newest is not None else []
        return [self._freshest(each) for each in self.trainings]

    def _freshest(self, row: Training) -> Training:
        """A version that is being trained is asked more often than its list of trainings."""
        told = self.facts.training
        if told is None or not self.is_current(row) or row.status.ended:
            return row
        return Training(
            row.id,
            told.word,
            row.model_type or told.model_type,
            row.group or told.group,
            row.start or told.start,
            told.end or row.end,
            row.epochs or told.epochs,
            told.error,
        )

    def is_current(self, row: Training) -> bool:
        """Whether the version's own facts are about this training."""
        told = self.facts.training
        if len(self.trainings) < 2 or told is None:
            return True
        if told.id is not None:
            return told.id == row.id
        return row is self.trainings[-1]

    @property
    def in_flight(self) -> bool:
        return any(not row.status.ended for row in self.rows)


@dataclass(slots=True)
class _Project:
    mark: tuple[object, ...] | None = None
    asked_at: float = -float("inf")
    versions: dict[str, _Known] = field(default_factory=dict)


class Listing:
    """What is known of one workspace.

    Args:
        fetch: Asks Roboflow.
        profile: Whose jobs these are.
        only: The projects to look at; empty: all.
        clock: Seconds that never go back.
        now: The time of day.
    """

    def __init__(
        self,
        fetch: Fetch,
        profile: str,
        only: Collection[str],
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._fetch = fetch
        self._profile = profile
        self._only = tuple(only)
        self._clock = clock
        self._now = now
        self._projects: dict[str, _Project] = {}
        self._workspace_at = -float("inf")
        self._first: dict[tuple[str, str], str] = {}
        """(project, version) → the training whose id is ``project/version``."""
        self._last: dict[str, Job] = {}

    # -- all of it ---------------------------------------------------------------------------

    async def jobs(self, known: Sequence[Job]) -> list[Job]:
        """All trainings; asks what can have changed."""
        self.remember(known)
        await self._find_projects()
        await _each(self._due_projects(), self._read_project)
        everything = list(self._everything())
        await _each([k for k, v in everything if v.in_flight or self._ran(k)], self._follow)
        unasked = [(key, v) for key, v in everything if not v.asked and v.rows]
        unasked.sort(key=lambda pair: (not pair[1].in_flight, -_number(pair[0][1])))
        flying = sum(v.in_flight for _, v in unasked)
        await _each([key for key, _ in unasked[: flying + ENDED_AT_ONCE]], self._ask_trainings)
        return [job for key, v in self._everything() for job in self._jobs(key, v)]

    def _ran(self, key: tuple[str, str]) -> bool:
        """Whether a training of the version was active when last seen; how it ended is told by
        the version's own call."""
        names = (str(Name(*key, row.id)) for row in self._projects[key[0]].versions[key[1]].rows)
        seen = (self._last.get(name) for name in (str(Name(*key)), *names))
        return any(job is not None and job.status.active for job in seen)

    async def _find_projects(self) -> None:
        if self._only:
            for name in self._only:
                self._projects.setdefault(name, _Project())
            return
        if self._clock() - self._workspace_at < WORKSPACE_EVERY:
            return
        told = answers.read_projects(await self._fetch(""))
        held = self._projects
        self._projects = {each.id: held.get(each.id) or _Project() for each in told}
        for each in told:
            project = self._projects[each.id]
            if project.mark != each.mark:
                project.mark, project.asked_at = each.mark, -float("inf")
        self._workspace_at = self._clock()

    def _due_projects(self) -> list[str]:
        now = self._clock()
        new = [name for name, p in self._projects.items() if p.asked_at == -float("inf")]
        old = [
            (p.asked_at, name)
            for name, p in self._projects.items()
            if name not in new
            and now - p.asked_at >= (BUSY_EVERY if self._busy(p) else QUIET_EVERY)
        ]
        return new + [name for _, name in sorted(old)[:QUIET_AT_ONCE]]

    def _busy(self, project: _Project) -> bool:
        if self._only:
            return True
        since = self._now() - _BUSY_FOR
        rows = [row for known in project.versions.values() for row in known.rows]
        return any(not row.status.ended or (row.start or since) > since for row in rows)

    async def _read_project(self, name: str) -> None:
        project = self._projects[name]
        try:
            versions = answers.read_versions(await self._fetch(f"/{name}"))
        except NotFoundError:
            versions = []
        held = project.versions
        project.versions = {}
        for facts in versions:
            known = held.get(facts.number)
            if known is None:
                known = _Known(facts)
            elif facts.training is not None and not known.in_flight:
                changed = known.facts.training != facts.training
                known.asked = known.asked and not changed
                known.facts = facts
            project.versions[facts.number] = known
        project.asked_at = self._clock()

    def _everything(self) -> Iterable[tuple[tuple[str, str], _Known]]:
        for name, project in self._projects.items():
            for number, known in project.versions.items():
                if known.rows:
                    yield (name, number), known

    # -- one version -------------------------------------------------------------------------

    async def look(self, name: Name) -> Job:
        """One training, asked for afresh. Raises NotFoundError."""
        key = (name.project, name.version)
        known = await self._read_version(key)
        several = len(known.trainings) > 1
        if name.training is not None or several or not known.asked:
            await self._ask_trainings(key)
        jobs = self._jobs(key, known)
        wanted = str(name)
        for job in jobs:
            if job.ref.id == wanted or (
                name.training and job.extra.get(answers.TRAINING) == name.training
            ):
                return job
        raise NotFoundError(
            f"Roboflow knows no training {wanted}", hint="The version may not be trained yet."
        )

    def of(self, name: Name) -> list[Job]:
        """All trainings of a version, as last seen."""
        known = self._held(name.project, name.version)
        return self._jobs((name.project, name.version), known) if known is not None else []

    async def version(self, name: Name) -> tuple[Version, bool]:
        """A version asked for afresh, and whether its epochs are this training's."""
        known = await self._read_version((name.project, name.version))
        wanted = self.training_of(name)
        row = next((r for r in known.rows if r.id == wanted), None)
        return known.facts, row is None or known.is_current(row)

    def training_of(self, name: Name) -> str | None:
        """The id of the training that a job is, where it is known."""
        return name.training or self._first.get((name.project, name.version))

    def needs_naming(self, name: Name) -> bool:
        """Whether a call must say which of a version's trainings is meant."""
        known = self._held(name.project, name.version)
        return name.training is not None or (known is not None and len(known.trainings) > 1)

    def last(self, job_id: str) -> Job | None:
        """A job as last seen."""
        return self._last.get(job_id)

    def changed(self, name: Name) -> None:
        """Something was done to a version: ask for its trainings again."""
        known = self._held(name.project, name.version)
        if known is not None:
            known.asked = False

    async def _follow(self, key: tuple[str, str]) -> None:
        """Ask for a version that is being trained; another's fault keeps it as it was."""
        try:
            known = await self._read_version(key)
        except (NotFoundError, ServiceError) as problem:
            if isinstance(problem, _FATAL):
                raise
            return
        if len(known.trainings) > 1 or not known.asked:
            await self._ask_trainings(key)
        elif not known.in_flight:
            known.asked = False  # for the last time: what came of it

    async def _read_version(self, key: tuple[str, str]) -> _Known:
        project, number = key
        answer = await self._fetch(f"/{project}/{number}", {"nocache": "true"})
        facts = answers.read_version(answer)
        known = self._held(project, number)
        if known is None:
            known = _Known(facts)
            self._projects.setdefault(project, _Project(asked_at=self._clock())).versions[
                number
            ] = known
        elif facts.training is not None:
            before = known.facts.training
            # Trained anew meanwhile: there is a training that the list does not have yet.
            known.asked = known.asked and before is not None and before.id == facts.training.id
        known.facts = facts
        return known

    async def _ask_trainings(self, key: tuple[str, str]) -> None:
        project, number = key
        known = self._held(project, number)
        if known is None:
            return
        try:
            answer = await self._fetch(f"/{project}/{number}/v2/trainings")
            rows = answers.read_trainings(answer)
        except (NotFoundError, ServiceError) as problem:
            if isinstance(problem, _FATAL):
                raise
            rows = []  # a service without them: the version tells of its one training
        known.trainings = sorted(rows, key=lambda row: (row.start is None, _stamp(row.start)))
        known.asked = True

    def _held(self, project: str, number: str) -> _Known | None:
        found = self._projects.get(project)
        return found.versions.get(number) if found is not None else None

    # -- jobs --------------------------------------------------------------------------------

    def _jobs(self, key: tuple[str, str], known: _Known) -> list[Job]:
        rows = known.rows
        first = self._first.get(key)
        if first is None and known.asked and rows and rows[0].id is not None:
            first = self._first[key] = rows[0].id
        basis = (known.facts, known.trainings, first)
        if known.made is not None and all(map(operator.is_, known.made[0], basis)):
            return known.made[1]
        jobs = []
        for place, row in enumerate(rows):
            is_first = row.id == first if first is not None else place == 0
            name = Name(*key, None if is_first or row.id is None else row.id)
            job = answers.build_job(
                self._profile,
                name,
                known.facts,
                row,
                current=known.is_current(row),
                previous=self._last.get(str(name)),
            )
            self._last[job.ref.id] = job
            jobs.append(job)
        known.made = basis, jobs
        return jobs

    def remember(self, known: Sequence[Job]) -> None:
        """Take over what an earlier run of the console knew; what is known here stays."""
        for job in known:
            self._remember(job)

    def _remember(self, job: Job) -> None:
        if job.ref.id in self._last or job.status is Status.UNKNOWN:
            return
        self._last[job.ref.id] = job
        try:
            name = Name.parse(job.ref.id)
        except NotFoundError:
            return
        training = job.extra.get(answers.TRAINING)
        if name.training is None and training:
            self._first.setdefault((name.project, name.version), training)


async def _each(keys: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do it for each, a few at once; the first error ends it when the others have come back."""
    waiting = deque(keys)
    failures: list[TrainerError] = []

    async def one() -> None:
        while waiting and not failures:
            try:
                await work(waiting.popleft())
            except TrainerError as problem:
                failures.append(problem)

    await asyncio.gather(*(one() for _ in range(min(_AT_ONCE, len(waiting)))))
    if failures:
        raise failures[0]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _stamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else 0.0
