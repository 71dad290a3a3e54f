"""Where the engine has its jobs run."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from trainer_tui.server.records import Act
from trainer_tui.server.runners.base import JobFolder, Launch


class Phase(StrEnum):
    """What there is to see of one launch of a job."""

    UNCLAIMED = "unclaimed"
    """Asked for, but nothing has begun."""
    ALIVE = "alive"
    ENDED = "ended"
    """With a word on how."""
    ORPHAN = "orphan"
    """Its supervisor is gone without a word, its processes are not."""
    VANISHED = "vanished"
    """All of it is gone, without a word."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a launch."""

    phase: Phase
    state: Mapping[str, Any]
    """What the supervisor wrote, as far as it did."""

    @property
    def pid(self) -> int | None:
        """The job's own process."""
        child = self.state.get("child")
        return child.get("pid") if isinstance(child, Mapping) else None


@dataclass(frozen=True, slots=True)
class Order:
    """All that is needed to start a job once."""

    number: int
    """Of the launch; never used twice in one job."""
    launch: Launch
    env: Mapping[str, str]
    """The engine's own additions; the runner's win."""
    marker: str | None
    """A line for the log before anything else."""
    grace: float
    kill_after: float


class Executor(Protocol):
    """Starts jobs and tells what becomes of them. Called on threads; holds no lock for long."""

    def record(self, folder: JobFolder, order: Order) -> None:
        """Write down what is about to be started. Nothing is started yet."""

    def start(self, folder: JobFolder, number: int) -> None:
        """Start what was written down. Raises OSError."""

    def look(self, folder: JobFolder, number: int) -> Sight:
        """What there is to see of that launch."""

    def void(self, folder: JobFolder, number: int) -> bool:
        """See to it that a launch nobody has claimed never begins; ``False``: it has begun."""

    def ask(self, folder: JobFolder, number: int, act: Act) -> None:
        """Ask it to end. May be asked again, and for something else."""

    def signal_orphan(self, folder: JobFolder, sight: Sight, number: signal.Signals) -> None:
        """Send a signal to the processes that a lost supervisor left."""

    def forget(self, folder: JobFolder, number: int) -> None:
        """The launch is over and its end is recorded."""
