"""A runtime without a network: a real board, a store in memory, and a record of what was asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from trainer_tui.config import Config, Profile
from trainer_tui.core.acts import Act, Outcome, why_not
from trainer_tui.core.board import Board, Delta
from trainer_tui.core.messages import ActDone, Aspect, BoardChanged, Message, ProfileChanged
from trainer_tui.core.metricrows import Key
from trainer_tui.core.poller import ProfileState
from trainer_tui.core.rows import DownloadPhase, DownloadRow, Draft
from trainer_tui.errors import ConfigError, NotFoundError
from trainer_tui.model import (
    Account,
    Artifact,
    Capability,
    Event,
    EventKind,
    Gpu,
    Job,
    JobError,
    JobRef,
    Metric,
    Model,
    Progress,
    Status,
)
from trainer_tui.providers.base import Facts, Submission, allowed_in

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
ALL = frozenset(Capability) - {Capability.MODELS, Capability.STAR, Capability.PIPELINE}

FACTS = {
    "comfy": Facts(
        "runcomfy",
        "RunComfy Trainer",
        ALL - {Capability.LOGS, Capability.DELETE, Capability.STOP},
        lists=False,
        reasons={
            Capability.MODELS: "RunComfy keeps no models: checkpoints are under Artifacts.",
            Capability.STOP: "RunComfy has no early stop: c cancels, r resumes later.",
        },
        consequences={Capability.CANCEL: "stops paying at once; checkpoints stay"},
    ),
    "local": Facts("local", "This machine", ALL, lists=True, needs_credential=False),
    "vision": Facts(
        "roboflow",
        "Roboflow",
        frozenset(
            {
                Capability.CANCEL,
                Capability.STOP,
                Capability.SUBMIT,
                Capability.METRICS,
                Capability.ARTIFACTS,
                Capability.MODELS,
                Capability.STAR,
            }
        ),
        lists=True,
        reasons={
            Capability.LOGS: "Roboflow gives no log; Events shows what was seen of the job.",
            Capability.PROVENANCE: "Roboflow keeps no provenance; the version is in Overview.",
        },
        consequences={
            Capability.CANCEL: "Roboflow throws the weights away; s stops and keeps them"
        },
    ),
    "kaos": Facts(
        "kaos",
        "kaos",
        frozenset(
            {
                Capability.CANCEL,
                Capability.SUBMIT,
                Capability.LOGS,
                Capability.METRICS,
                Capability.ARTIFACTS,
                Capability.MODELS,
                Capability.PROVENANCE,
                Capability.PIPELINE,
                Capability.BUNDLE,
            }
        ),
        lists=True,
        reasons={
            Capability.STAR: "kaos cannot star a model; note its id, y copies it.",
            Capability.STOP: "kaos has no early stop; c kills the job.",
        },
        consequences={Capability.CANCEL: "kaos kills the job; models of ended partitions stay"},
    ),
}


class MemoryStore:
    """The part of the store that the console itself uses."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.kept: list[Event] = []
        self.texts: dict[str, Draft] = {}

    def get_value(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def set_value(self, key: str, value: Any) -> None:
        self.values[key] = value

    def events(self, ref: JobRef, limit: int = 500) -> list[Event]:
        return [event for event in self.kept if event.ref == ref][-limit:]

    def metrics(
        self, ref: JobRef, key: str | None = None, since_step: int | None = None
    ) -> list[Metric]:
        return []

    def metric_keys(self, ref: JobRef) -> dict[str, Key]:
        return {}

    def points(self, ref: JobRef) -> Iterable[list[Metric]]:
        return ()

    def drafts(self, ref: JobRef | None = None) -> list[Draft]:
        return [draft for draft in self.texts.values() if ref is None or draft.ref == ref]

    def put_draft(self, draft: Draft) -> None:
        self.texts[draft.id] = draft

    def discard_draft(self, draft_id: str) -> None:
        self.texts.pop(draft_id, None)


class FakeRuntime:
    """Runtime's surface; acts are accepted at once and recorded in ``asked``."""

    def __init__(
        self, jobs: Iterable[Job] = (), *, profiles: Collection[str] = ("comfy", "local")
    ) -> None:
        self.board = Board()
        self.store = MemoryStore()
        self.asked: list[tuple[Any, ...]] = []
        self.read_only = False
        self.rows: list[DownloadRow] = []
        self.refuse: Exception | None = None
        self.watching: dict[JobRef, set[Aspect]] = {}
        self._subscribers: list[Callable[[Message], None]] = []
        self.profile_states = {
            name: ProfileState(name, FACTS[name].name, "ok", last_ok=NOW) for name in profiles
        }
        self.board.load(jobs)
        for name in profiles:
            self.board.merge(name, [j for j in jobs if j.ref.profile == name], NOW)
        self._count()
        self.board.subscribe(self._board_changed)

    def _count(self) -> None:
        for name, state in self.profile_states.items():
            jobs = self.board.jobs(name)
            self.profile_states[name] = ProfileState(
                name,
                state.provider,
                state.phase,
                state.error,
                state.last_ok,
                running=sum(j.status in {Status.RUNNING, Status.STOPPING} for j in jobs),
                queued=sum(j.status in {Status.QUEUED, Status.PREPARING} for j in jobs),
            )

    def _board_changed(self, delta: Delta) -> None:
        self._count()
        self.tell(BoardChanged(delta))

    def tell(self, message: Message) -> None:
        for callback in list(self._subscribers):
            callback(message)

    def set_state(self, state: ProfileState) -> None:
        self.profile_states[state.name] = state
        self.tell(ProfileChanged(state))

    # -- the surface ---------------------------------------------------------------------------

    def facts(self, profile: str) -> Facts:
        if profile not in FACTS:
            raise ConfigError(f"no profile {profile}")
        return FACTS[profile]

    def why_not(self, job: Job, act: Act) -> str | None:
        return why_not(job, act, self.facts(job.ref.profile), read_only=self.read_only)

    def start(self) -> None:
        self.asked.append(("start",))

    def close(self, timeout: float = 3.0) -> None:
        self.asked.append(("close",))

    def subscribe(self, callback: Callable[[Message], None]) -> Callable[[], None]:
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def run(self, factory: Callable[[], Coroutine[Any, Any, Any]]) -> Future[Any]:
        import asyncio
        import threading

        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(asyncio.run(factory()))
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=work).start()
        return future

    async def provider(self, profile: str) -> Any:
        return FakeProvider()

    def states(self) -> Mapping[str, ProfileState]:
        return self.profile_states

    def wake(self, target: str | JobRef | None = None) -> None:
        self.asked.append(("wake", target))

    def pause(self, on: bool) -> None:
        self.asked.append(("pause", on))

    def focus(self, on: bool) -> None:
        self.asked.append(("focus", on))

    def select(self, ref: JobRef | None) -> None:
        self.asked.append(("select", ref))

    def watch(self, ref: JobRef, aspects: Collection[Aspect]) -> None:
        self.watching.setdefault(ref, set()).update(aspects)

    def unwatch(self, ref: JobRef, aspects: Collection[Aspect] | None = None) -> None:
        held = self.watching.pop(ref, set())
        if aspects is not None and held - set(aspects):
            self.watching[ref] = held - set(aspects)

    def turn_models(self, ref: JobRef, page: int, sort_by: str | None) -> None:
        self.asked.append(("turn", ref, page, sort_by))

    def _answer(self, *call: Any, answer: Any) -> Future[Any]:
        self.asked.append(call)
        future: Future[Any] = Future()
        if self.refuse is not None:
            future.set_exception(self.refuse)
        else:
            future.set_result(answer)
        return future

    def provenance(self, ref: JobRef, model_id: str | None = None) -> Future[str]:
        text = f'digraph {{ code -> job -> "{model_id}"; data -> job }}'
        return self._answer("provenance", ref, model_id, answer=text)

    def files_of(self, ref: JobRef, model: Model) -> Future[Sequence[Artifact]]:
        return self._answer("files", ref, model.id, answer=[model.artifact] * bool(model.artifact))

    def pipeline(self, profile: str) -> Future[Mapping[str, str]]:
        inputs = {"image": "team-image:ab12", "data repo": "team-data", "gpu": "not set"}
        return self._answer("pipeline", profile, answer=inputs)

    def perform(self, act: Act, ref: JobRef, **parameters: Any) -> Future[Outcome]:
        self.asked.append((act, ref))
        future: Future[Outcome] = Future()
        entry = self.board.get(ref)
        name = entry.job.name if entry else ref.id
        outcome = Outcome(ref, act, True, f"{name}: {act} accepted")
        future.set_result(outcome)
        self.tell(ActDone(outcome))
        return future

    def submit(self, profile: str, submission: Submission) -> Future[Outcome]:
        self.asked.append(("submit", profile, submission))
        return Future()

    def download(
        self, ref: JobRef, artifacts: Iterable[Artifact], folder: Path | None = None
    ) -> list[int]:
        ids = []
        for artifact in artifacts:
            row = DownloadRow(
                len(self.rows) + 1,
                ref,
                artifact.name,
                artifact.kind,
                Path("/downloads") / ref.id / artifact.name,
                DownloadPhase.RUNNING,
                size=artifact.size,
            )
            self.rows.append(row)
            ids.append(row.id)
        self.asked.append(("download", ref, len(ids)))
        return ids

    def downloads(self) -> list[DownloadRow]:
        return list(self.rows)

    def track(self, profile: str, job_id: str) -> Future[Job]:
        self.asked.append(("track", profile, job_id))
        future: Future[Job] = Future()
        if job_id == "nope":
            future.set_exception(NotFoundError(f"{profile} knows no job nope"))
        else:
            found = job(f"{profile}/{job_id}", "tracked_one", Status.RUNNING)
            self.board.merge(profile, [found], NOW, complete=False)
            future.set_result(found)
        return future

    def forget(self, ref: JobRef) -> None:
        self.asked.append(("forget", ref))
        self.board.remove([ref])

    def set_watched(self, ref: JobRef, on: bool) -> None:
        self.asked.append(("watched", ref, on))
        self.board.set_watched(ref, on)

    def add_profile(self, profile: Profile) -> None:
        self.asked.append(("add_profile", profile.name))
        FACTS.setdefault(profile.name, FACTS["local"])
        self.profile_states[profile.name] = ProfileState(profile.name, profile.provider, "loading")

    def check_profile(self, profile: Profile) -> Future[Account]:
        self.asked.append(("check", profile.name))
        future: Future[Account] = Future()
        if self.refuse is not None:
            future.set_exception(self.refuse)
        else:
            future.set_result(Account("ada@example.org, 3 jobs", 3))
        return future

    def apply_config(self, config: Config) -> None:
        self.asked.append(("apply_config",))


class FakeProvider:
    """A provider with two artifacts a job."""

    async def artifacts(self, job_id: str) -> list[Artifact]:
        from trainer_tui.model import ArtifactKind

        return [
            Artifact("a.safetensors", ArtifactKind.CHECKPOINT, "/a", size=1000),
            Artifact("b.png", ArtifactKind.SAMPLE, "/b", size=10),
        ]

    def download(self, artifact: Artifact, *, offset: int = 0, etag: str | None = None) -> Any:
        """By having this a provider says that it gives files; the queue is the runtime's."""
        raise AssertionError("the interface takes no file from a provider itself")


def job(
    ref: str,
    name: str,
    status: Status,
    *,
    step: tuple[int, int] | None = None,
    age: float = 3600,
    loss: float | None = None,
    raw: str | None = None,
    **more: Any,
) -> Job:
    """A job as a service would tell it, made ``age`` seconds ago."""
    parsed = JobRef.parse(ref)
    facts = FACTS.get(parsed.profile, FACTS["local"])
    created = NOW - timedelta(seconds=age)
    started = created + timedelta(seconds=40) if status is not Status.QUEUED else None
    ended = NOW - timedelta(seconds=age * 0.4) if status.ended else None
    return Job(
        parsed,
        facts.name,
        name,
        status,
        raw or status.value.upper(),
        progress=Progress.of(*step) if step else None,
        created_at=created,
        started_at=started,
        finished_at=ended,
        loss=loss,
        allowed=allowed_in(status, facts.capabilities),
        **more,
    )


def few() -> list[Job]:
    """Seven jobs in every sort of state."""
    return [
        job("comfy/tr_01", "dog_portrait_lora", Status.RUNNING, step=(960, 2000), age=11000,
            loss=0.312, gpu=Gpu("H100", 1), checkpoint_step=750),
        job("comfy/tr_02", "flux_style_v3", Status.QUEUED, age=130, queue_position=1),
        job("local/0hx2k9", "smoke_check", Status.RUNNING, step=(37, 200), age=300, loss=1.94,
            checkpoint_step=0),
        job("local/0hx1aa", "ünïcode 狗狗 portrait", Status.PREPARING, step=(0, 500), age=90),
        job("comfy/tr_00", "wan_motion_test", Status.FAILED, step=(1320, 2000), age=90000,
            error=JobError("CUDA out of memory. Tried to allocate 2.50 GiB", "OOM")),
        job("local/0gz8bb", "dog_portrait_small", Status.SUCCEEDED, step=(500, 500), age=250000,
            loss=0.087),
        job("local/0gz7cc", "kitchen_scene_sdxl_with_a_rather_long_name_v12", Status.INTERRUPTED,
            step=(410, 1000), age=400000, loss=0.41, checkpoint_step=400),
        job("comfy/tr_99", "canceled_try", Status.CANCELED, step=(20, 2000), age=700000),
    ]  # fmt: skip


def many(count: int) -> list[Job]:
    """So many jobs, a mixture that is the same every time."""
    statuses = list(Status)
    found = []
    for number in range(count):
        status = statuses[(number * 7) % len(statuses)]
        profile = ("comfy", "local")[number % 2]
        found.append(
            job(
                f"{profile}/j{number:06d}",
                f"{('dog', 'style', 'motion', 'scene')[number % 4]}_run_{number}",
                status,
                step=((number * 37) % 2000, 2000) if status is not Status.QUEUED else None,
                age=60.0 + number * 431,
                loss=((number * 13) % 997) / 500 if number % 3 else None,
            )
        )
    return found


def events_of(ref: JobRef) -> list[Event]:
    """A short history."""
    return [
        Event(ref, NOW - timedelta(hours=3), EventKind.SEEN, "first seen, QUEUED"),
        Event(ref, NOW - timedelta(hours=2, minutes=58), EventKind.STATUS, "queued → running"),
        Event(ref, NOW - timedelta(hours=1), EventKind.CHECKPOINT, "checkpoint at step 750"),
        Event(ref, NOW - timedelta(minutes=4), EventKind.ACT, "cancel asked"),
        Event(ref, NOW - timedelta(minutes=3), EventKind.ERROR, "cancel refused: try again later"),
    ]
