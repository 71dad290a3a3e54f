"""A small console around the editor's screens: fixed clock, real store, a service on a string."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from trainer_tui.config import Config, Profile
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.acts import why_not as decide
from trainer_tui.core.board import Entry
from trainer_tui.core.messages import Aspect, AspectFailed, ConfigArrived
from trainer_tui.core.store import Store
from trainer_tui.errors import NetworkError, TrainerError
from trainer_tui.model import Capability, Job, JobRef, Progress, Status
from trainer_tui.paths import Paths
from trainer_tui.providers.base import Facts, Submission
from trainer_tui.tui import themes
from trainer_tui.tui.glyphs import ASCII, UNICODE

NOW = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
REF = JobRef("comfy", "j1")
CONFIGS = Path(__file__).parent.parent / "fixtures" / "configs"
FLUX = (
    (CONFIGS / "train_lora_flux_24gb.yaml")
    .read_bytes()
    .decode()
    .replace('training_folder: "output"', 'training_folder: "/app/ai-toolkit/output"')
    .replace("/path/to/images/folder", "/app/ai-toolkit/datasets/dogs")
)

COMFY = Facts(
    "runcomfy",
    "RunComfy Trainer",
    frozenset(Capability),
    lists=False,
    gpu_types=("ADA_80_PLUS", "HOPPER_141"),
)
LOCAL = Facts("local", "Local server", frozenset(Capability), lists=True, needs_credential=False)


def job(status: Status = Status.FAILED, ref: JobRef = REF, **changes: object) -> Job:
    """A job at step 960 of 2000 that may be edited and resumed."""
    made = Job(
        ref=ref,
        provider="runcomfy",
        name="dog_portrait_lora",
        status=status,
        raw_status=status.value,
        progress=Progress.of(960, 2000),
        checkpoint_step=750,
        allowed=frozenset({Capability.EDIT, Capability.RESUME}),
    )
    return made.replace(**changes)


class FakeBoard:
    """Holds entries."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.held = {
            j.ref: Entry(job=j, pending=None, estimate=None, stale=False, watched=False)
            for j in jobs
        }

    def get(self, ref: JobRef) -> Entry | None:
        return self.held.get(ref)

    def entries(self) -> list[Entry]:
        return list(self.held.values())


class Account:
    """A provider that tells its datasets."""

    def __init__(self, datasets: dict[str, str] | None) -> None:
        self._datasets = datasets

    async def dataset_states(self) -> dict[str, str]:
        if self._datasets is None:
            raise NetworkError("comfy cannot be reached")
        return self._datasets


class FakeRuntime:
    """Remembers what it was asked; the test answers."""

    def __init__(self, store: Store, jobs: Iterable[Job]) -> None:
        self.store = store
        self.board = FakeBoard(jobs)
        self.watched: list[tuple[JobRef, frozenset[Aspect]]] = []
        self.asked: list[tuple[Act, JobRef, dict[str, Any], Future[Outcome]]] = []
        self.submitted: list[tuple[str, Submission, Future[Outcome]]] = []
        self.datasets: dict[str, str] | None = None
        """What RunComfy tells when it is asked for its datasets; none: it cannot be asked."""

    def watch(self, ref: JobRef, aspects: Iterable[Aspect]) -> None:
        self.watched.append((ref, frozenset(aspects)))

    def unwatch(self, ref: JobRef, aspects: Iterable[Aspect] | None = None) -> None:
        pass

    def states(self) -> dict[str, object]:
        return {"comfy": None, "local": None}

    async def provider(self, profile: str) -> object:
        return Account(self.datasets)

    def run(self, factory: Callable[[], Coroutine[Any, Any, Any]]) -> Future[Any]:
        future: Future[Any] = Future()

        async def answer() -> None:
            try:
                future.set_result(await factory())
            except TrainerError as error:
                future.set_exception(error)

        asyncio.get_running_loop().create_task(answer())
        return future

    def perform(self, act: Act, ref: JobRef, **parameters: Any) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        self.asked.append((act, ref, parameters, future))
        return future

    def submit(self, profile: str, submission: Submission) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        self.submitted.append((profile, submission, future))
        return future


class EditApp(App[None]):
    """What the screens need of the console."""

    CSS_PATH = Path(themes.__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        folder: Path,
        *,
        jobs: Iterable[Job] | None = None,
        ascii_only: bool = False,
        theme: str = "midnight",
        env: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.paths = Paths.under(folder)
        self.paths.state.mkdir(parents=True, exist_ok=True)
        self.config = Config(
            profiles={
                "comfy": Profile("comfy", "runcomfy"),
                "local": Profile("local", "local"),
            }
        )
        self.glyphs = ASCII if ascii_only else UNICODE
        self.runtime: Any = FakeRuntime(Store(self.paths.store), [job()] if jobs is None else jobs)
        self.env = env or {}
        self.said: list[str] = []
        self.said_on: list[Screen[Any]] = []
        self.performed: list[tuple[Act, list[JobRef]]] = []
        self.selected_ref: JobRef | None = None
        self.main: Any = None
        self.selected: Entry | None = next(iter(self.runtime.board.entries()), None)
        path = themes.shipped_folder() / f"{theme}.toml"
        _title, found = themes.parse(theme, path.read_text())
        self.register_theme(found)
        self.theme = found.name

    @property
    def store(self) -> Store:
        store: Store = self.runtime.store
        return store

    @property
    def board(self) -> FakeBoard:
        board: FakeBoard = self.runtime.board
        return board

    def compose(self) -> ComposeResult:
        yield Static("below")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.derived(self.current_theme)

    def now(self) -> datetime:
        return NOW

    def facts(self, profile: str) -> Facts | None:
        return {"comfy": COMFY, "local": LOCAL}.get(profile)

    def why_not(self, job: Job, act: Act) -> str | None:
        facts = self.facts(job.ref.profile)
        return "unknown" if facts is None else decide(job, act, facts)

    def perform(self, act: Act, refs: Iterable[JobRef], **parameters: Any) -> None:
        self.performed.append((act, list(refs)))

    def say(self, text: str, severity: str = "information", **_: Any) -> None:
        self.said.append(text)
        self.said_on.append(self.screen)

    def say_error(self, error: TrainerError, *, about: str = "") -> None:
        self.said.append(error.message)

    def copy(self, text: str, what: str) -> None:
        self.said.append(f"copied {what}")


def arrive(app: EditApp, text: str, ref: JobRef = REF) -> None:
    """The service's config comes."""
    for screen in app.screen_stack:
        if receive := getattr(screen, "receive", None):
            receive(ConfigArrived(ref, text))


def fail(app: EditApp, error: TrainerError, ref: JobRef = REF) -> None:
    """The service's config does not come."""
    for screen in app.screen_stack:
        if receive := getattr(screen, "receive", None):
            receive(AspectFailed(ref, Aspect.CONFIG, error))
