"""Stand-ins for time and services: nothing waits, everything is counted."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from trainer_tui.model import (
    Account,
    Artifact,
    Capability,
    Event,
    Gpu,
    Job,
    JobRef,
    LogChunk,
    Metric,
    Model,
    ModelPage,
    Progress,
    Status,
)
from trainer_tui.providers.base import Download, DownloadHead, Facts, Submission, allowed_in

T0 = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
EVERYTHING = frozenset(Capability)


async def settle() -> None:
    """Let everything that can run, run until it waits for something."""
    for _ in range(60):
        await asyncio.sleep(0)


class FakeClock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        if event.is_set():
            return True
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        rung = asyncio.ensure_future(event.wait())
        both: set[asyncio.Future[Any]] = {alarm, rung}
        item = (float("inf") if seconds is None else self.seconds + seconds, alarm)
        self._waiting.append(item)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.remove(item)
            rung.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await rung
        return event.is_set()

    async def turn(self, seconds: float) -> None:
        """Let so much time pass, waking who waits in the order of their deadlines."""
        end = self.seconds + seconds
        while True:
            await settle()
            due = [item for item in self._waiting if item[0] <= end and not item[1].done()]
            if not due:
                break
            first = min(due, key=lambda item: item[0])
            self.seconds = max(self.seconds, first[0])
            first[1].set_result(None)
        self.seconds = end
        await settle()


def facts(
    name: str = "fake", *, lists: bool = True, capabilities: frozenset[Capability] = EVERYTHING
) -> Facts:
    """Facts of a service that can do everything, unless told otherwise."""
    return Facts(name, name.title(), capabilities, lists)


def job(
    job_id: str = "1",
    status: Status = Status.RUNNING,
    step: int | None = None,
    *,
    profile: str = "p",
    capabilities: frozenset[Capability] = EVERYTHING - {Capability.METRICS},
    **more: object,
) -> Job:
    """A job of 1000 steps."""
    made = Job(JobRef(profile, job_id), "fake", f"job{job_id}", status, status.value.upper())
    made = made.replace(allowed=allowed_in(status, capabilities), gpu=Gpu("H100"))
    if step is not None:
        made = made.replace(progress=Progress.of(step, 1000))
    return made.replace(**more)


class FakeProvider:
    """A service in memory. ``fail`` is raised by every call until it is taken away."""

    def __init__(self, facts: Facts, *jobs: Job) -> None:
        self.facts = facts
        self.jobs = {j.ref.id: j for j in jobs}
        self.calls: list[str] = []
        self.fail: BaseException | None = None
        self.hang = False
        self.on_call: Callable[[str], Any] = lambda call: None
        self.closed = False
        self.log = b""
        self.more_logs: dict[str, bytes] = {}
        self.points: list[Metric] = []
        self.files: dict[str, bytes] = {}
        self.etag = '"1"'
        self.ignores_etag = False
        self.config = "job: extension\n"
        self.told: list[Event] = []
        self.made: list[Model] = []
        self.silent_stars = False
        """Whether a star is answered without the model."""

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.hang:
            await asyncio.Event().wait()
        said = self.on_call(name)
        if inspect.isawaitable(said):
            await said
        if self.fail is not None:
            raise self.fail

    def set(self, job_id: str, status: Status, **more: object) -> Job:
        old = self.jobs[job_id]
        new = old.replace(
            status=status,
            raw_status=status.value.upper(),
            allowed=allowed_in(status, self.facts.capabilities),
        ).replace(**more)
        self.jobs[job_id] = new
        return new

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        if self.facts.lists:
            await self._call("list")
            return list(self.jobs.values())
        await self._call("list " + ",".join(sorted(j.ref.id for j in known)))
        return [self.jobs.get(j.ref.id, j) for j in known]

    async def get_job(self, job_id: str) -> Job:
        from trainer_tui.errors import NotFoundError

        await self._call(f"get {job_id}")
        if job_id not in self.jobs:
            raise NotFoundError(f"no job {job_id}")
        return self.jobs[job_id]

    async def check(self) -> Account:
        await self._call("check")
        return Account("me", len(self.jobs))

    async def aclose(self) -> None:
        self.closed = True

    async def cancel(self, job_id: str) -> Job | None:
        await self._call(f"cancel {job_id}")
        return None

    async def cancel_without_refund(self, job_id: str) -> Job | None:
        await self._call(f"cancel {job_id} without refund")
        return self.set(job_id, Status.CANCELED)

    async def stop(self, job_id: str) -> Job | None:
        await self._call(f"stop {job_id}")
        return self.set(job_id, Status.STOPPING)

    async def resume(
        self, job_id: str, *, gpu_type: str | None = None, gpu_count: int | None = None
    ) -> Job | None:
        await self._call(f"resume {job_id} {gpu_type} {gpu_count}")
        return None

    async def submit(
        self, submission: Submission, *, accepted: Callable[[str], None] = lambda job_id: None
    ) -> Job:
        await self._call("submit")
        accepted("new")
        await self._call("after accepted")
        made = job("new", Status.QUEUED)
        self.jobs["new"] = made
        return made

    async def edit(
        self, job_id: str, config_text: str, *, base_text: str | None = None
    ) -> Job | None:
        await self._call(f"edit {job_id} {config_text!r} {base_text!r}")
        return None

    async def delete(self, job_id: str) -> None:
        await self._call(f"delete {job_id}")
        self.jobs.pop(job_id, None)

    async def config_text(self, job_id: str) -> str:
        await self._call(f"config {job_id}")
        return self.config

    def log_names(self, job: Job) -> tuple[str, ...]:
        return ("log", *self.more_logs)

    async def logs(
        self, job_id: str, *, offset: int = 0, limit: int = 1 << 20, name: str = "log"
    ) -> LogChunk:
        await self._call(f"logs {job_id} {offset}" + ("" if name == "log" else f" {name}"))
        log = self.log if name == "log" else self.more_logs[name]
        reset = offset > len(log)
        start = 0 if reset else max(0, len(log) + offset) if offset < 0 else offset
        piece = log[start : start + limit]
        ended = job_id in self.jobs and self.jobs[job_id].status.ended
        end = start + len(piece)
        return LogChunk(piece, start, end, reset, complete=ended and end == len(log))

    async def metrics(self, job_id: str, *, since: int = 0) -> tuple[Sequence[Metric], int]:
        await self._call(f"metrics {job_id} {since}")
        return self.points[since:], len(self.points)

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        from trainer_tui.model import ArtifactKind

        await self._call(f"artifacts {job_id}")
        return [
            Artifact(name, ArtifactKind.CHECKPOINT, f"https://cdn/{name}", size=len(data))
            for name, data in self.files.items()
        ]

    async def download(
        self, artifact: Artifact, *, offset: int = 0, etag: str | None = None
    ) -> AsyncIterator[Download]:
        await self._call(f"download {artifact.name} {offset}")
        data = self.files[artifact.name]
        if etag is not None and etag != self.etag and not self.ignores_etag:
            offset = 0
        yield DownloadHead(offset, len(data), self.etag)
        for start in range(offset, len(data), 1000):
            await self._call("chunk")
            yield data[start : start + 1000]

    async def events(self, job_id: str) -> Sequence[Event]:
        await self._call(f"events {job_id}")
        return list(self.told)

    async def models(self, job_id: str, *, page: int = 0, sort_by: str | None = None) -> ModelPage:
        await self._call(f"models {job_id} {page} {sort_by}")
        order = list(self.made)
        if sort_by is not None:
            order.sort(key=lambda model: -model.metrics[sort_by])
        pages = max(1, (len(order) + 1) // 2)
        page = min(page, pages - 1)
        shown = tuple(order[page * 2 : page * 2 + 2])
        return ModelPage(shown, page, pages, ("map",), sort_by)

    async def star(self, job_id: str, model_id: str, on: bool) -> Model | None:
        await self._call(f"star {job_id} {model_id} {on}")
        for place, model in enumerate(self.made):
            if model.id == model_id:
                self.made[place] = replace(model, starred=on)
                return None if self.silent_stars else self.made[place]
        return None

    async def provenance(self, job_id: str, model_id: str | None = None) -> str:
        await self._call(f"provenance {job_id} {model_id}")
        return "digraph { a -> b }"

    async def pipeline(self) -> Mapping[str, str]:
        await self._call("pipeline")
        return {"image": "python:3.11"}

    async def bundle(
        self,
        job_id: str,
        *,
        code: bool = True,
        data: bool = False,
        model: bool = False,
        model_id: str | None = None,
    ) -> Artifact:
        from trainer_tui.model import ArtifactKind

        await self._call(f"bundle {job_id} {model_id}")
        return Artifact("bundle.zip", ArtifactKind.BUNDLE, "/bundle", own_origin=True)
