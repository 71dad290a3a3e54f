"""What a runner is: how a job's process is made from its config, and how its files are read.

A runner is one module in this folder that defines ``RUNNER``, a :class:`Runner`. The module's
name is the runner's name with ``_`` for ``-``. It imports nothing heavy at its top: the server
imports all runners when it starts, and what a job's process needs is imported in that process.

The engine parses the config (:func:`trainer_tui.server.configs.parse`: safe, limited, ``1e-4`` is
a number), calls :meth:`Runner.check` on submit and on edit, :meth:`Runner.launch` when a slot is
free, and :meth:`Runner.observe` a few times a second, on a thread of its own, while the job runs
and once more when it has ended. The supervisor starts ``Launch.argv`` with stdout and stderr
appended to ``log.txt`` and stdin closed; the graceful stop is SIGINT to the process group.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from trainer_tui.errors import TrainerError
from trainer_tui.model import ArtifactKind, Progress
from trainer_tui.server.records import from_seconds
from trainer_tui.server.settings import ServerSettings


class InvalidConfig(TrainerError):
    """A config that this runner cannot run. ``line`` and ``column`` count from 1."""

    default_title = "The training config needs a look"
    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code="INVALID_CONFIG")
        self.line = line
        self.column = column


class GpuUse(StrEnum):
    """What a runner does with GPUs."""

    NEVER = "never"
    """Runs on a CPU slot whatever was asked; a request for a GPU is kept for show."""
    ASKED = "asked"
    """Takes as many as the submission asks for; without a request, a CPU slot."""
    PREFERRED = "preferred"
    """As asked; without a request one GPU where this machine has any, else a CPU slot."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The files of one job. The folder's name is the job's id."""

    root: Path

    @property
    def id(self) -> str:
        return self.root.name

    @property
    def config(self) -> Path:
        """The config as it was sent, byte for byte."""
        return self.root / "config.yaml"

    @property
    def log(self) -> Path:
        """All that the job's processes wrote, attempts one after the other."""
        return self.root / "log.txt"

    @property
    def metrics(self) -> Path:
        """One JSON object a line: ``step``, ``time`` (epoch seconds), ``key``, ``value``."""
        return self.root / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def samples(self) -> Path:
        return self.root / "samples"

    @property
    def work(self) -> Path:
        """For whatever else a runner keeps; not shown as artifacts by itself."""
        return self.root / "work"

    @property
    def record(self) -> Path:
        """What the engine knows of the job; written by the engine alone."""
        return self.root / "job.json"

    @property
    def events(self) -> Path:
        """What happened to the job, one JSON object a line."""
        return self.root / "events.jsonl"

    @property
    def launch(self) -> Path:
        """What the supervisor is to start; written by the engine before it starts one."""
        return self.root / "launch.json"

    @property
    def state(self) -> Path:
        """What became of it; written by the supervisor alone."""
        return self.root / "state.json"

    @property
    def request(self) -> Path:
        """What the supervisor is asked to do; written by the engine alone."""
        return self.root / "request.json"


@dataclass(frozen=True, slots=True)
class Slot:
    """The part of the machine that a job has to itself.

    ``CUDA_VISIBLE_DEVICES`` is set by the engine; to the job its GPUs are 0, 1, …
    """

    gpus: tuple[int, ...] = ()
    """Indexes of the machine's GPUs; empty for a CPU slot."""
    threads: int = 1
    """How many threads a CPU job may fairly use."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Added to the server's own environment. ``PYTHONUNBUFFERED`` is set already."""
    progress: str | None = None
    """A regular expression with named groups, kept in ``launch.json`` for whoever looks there."""
    unit: str = "step"


@dataclass(frozen=True, slots=True)
class Observed:
    """What a job's files tell about it."""

    progress: Progress | None = None
    loss: float | None = None
    checkpoint_step: int = 0
    """Where a resume would go on; 0 when there is nothing to go on from."""
    behind: bool = False
    """Whether the files tell more than was read of them; an end waits for it, for a while."""
    note: str | None = None
    """What a person should know of how the files are read; told once, in the job's history."""
    mark: object = None
    """Whatever the runner needs to read on from here (offsets, modification times). Kept in
    memory only; ``None`` at first and after a restart of the server."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file that a job made."""

    path: str
    """Inside the job's folder, with slashes."""
    kind: ArtifactKind
    size: int
    created_at: datetime
    etag: str
    step: int | None = None
    prompt: str | None = None
    seed: int | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @classmethod
    def of(
        cls,
        folder: JobFolder,
        path: Path,
        kind: ArtifactKind,
        *,
        step: int | None = None,
        prompt: str | None = None,
        seed: int | None = None,
    ) -> FileEntry:
        """Look at a file inside the job's folder.

        Raises:
            OSError: It is gone.
            ValueError: It is not inside the job's folder.
        """
        info = path.stat()
        return cls(
            path=path.relative_to(folder.root).as_posix(),
            kind=kind,
            size=info.st_size,
            created_at=from_seconds(info.st_mtime),
            etag=f'"{info.st_mtime_ns:x}-{info.st_size:x}"',
            step=step,
            prompt=prompt,
            seed=seed,
        )


class Runner(Protocol):
    """How jobs of one kind are run."""

    name: str
    gpu: GpuUse

    def check(self, config: Mapping[str, object], text: str) -> None:
        """Refuse a config that cannot be run. Raises :class:`InvalidConfig`."""

    def job_name(self, config: Mapping[str, object]) -> str | None:
        """The name that the config gives the job, if any."""

    def total_steps(self, config: Mapping[str, object]) -> int | None:
        """The last step, if the config tells."""

    def launch(
        self, folder: JobFolder, config_text: str, slot: Slot, settings: ServerSettings
    ) -> Launch:
        """What to start. Must itself start nothing; may write below ``folder.work``.

        Called for every attempt: where checkpoints are there, the process is to go on from them.

        Raises:
            TrainerError: It cannot be started; the job fails with this message.
        """

    def observe(self, folder: JobFolder, previous: Observed) -> Observed:
        """What the files tell now; reads only what is new. Missing files are no error."""

    def artifacts(self, folder: JobFolder) -> Sequence[FileEntry]:
        """What can be downloaded now: config, checkpoints, samples, in this order."""


def load_all() -> dict[str, Runner]:
    """All runners there are, by name, in the order of their names."""
    found: dict[str, Runner] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name == "base":
            continue
        loaded = importlib.import_module(f"trainer_tui.server.runners.{module.name}")
        runner = getattr(loaded, "RUNNER", None)
        if runner is not None:
            found[runner.name] = cast(Runner, runner)
    return found
