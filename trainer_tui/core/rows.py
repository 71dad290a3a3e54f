"""What the store keeps besides jobs: drafts of configs, downloads, and values by name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from trainer_tui.model import ArtifactKind, JobRef


class Values(Protocol):
    """The part of the store that keeps anything JSON can say under a name of its own."""

    def get_value(self, key: str, default: Any = None) -> Any: ...
    def set_value(self, key: str, value: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A config being written: an edit of a job's, or one for a new job."""

    id: str
    """Chosen by whoever makes the draft; the same id again replaces it."""
    profile: str
    text: str
    updated_at: datetime
    kind: Literal["edit", "new", "kept"] = "edit"
    """``kept``: a text that was not chosen when two were at odds."""
    ref: JobRef | None = None
    """The job whose config is edited; ``None`` for a new job."""
    base_text: str | None = None
    """What the edit began from."""
    base_etag: str | None = None
    sent_at: datetime | None = None
    """When it was accepted by the service; ``None`` as long as it was not."""


class DownloadPhase(StrEnum):
    """Where a download is."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it by itself (a failed one can be tried again)."""
        return self in {DownloadPhase.DONE, DownloadPhase.FAILED, DownloadPhase.CANCELED}


@dataclass(frozen=True, slots=True)
class DownloadRow:
    """One file on its way, or arrived."""

    id: int
    """0 before the store has given it one."""
    ref: JobRef
    name: str
    """The artifact's name."""
    kind: ArtifactKind
    target: Path
    """Where the file will be, or is."""
    phase: DownloadPhase = DownloadPhase.WAITING
    size: int | None = None
    held: int = 0
    """Bytes on disk."""
    etag: str | None = None
    step: int | None = None
    rate: float | None = None
    """Bytes a second, while it runs."""
    note: str = ""
    """Why it failed or waits, or what was done (``already there``)."""
    created_at: datetime | None = None
    owner: int = 0
    """Process id of the program that carries it out."""

    @property
    def fraction(self) -> float | None:
        """0 to 1, where the size is known."""
        if self.phase is DownloadPhase.DONE:
            return 1.0
        return min(1.0, self.held / self.size) if self.size else None

    @property
    def eta(self) -> float | None:
        """Seconds left, where size and speed are known."""
        if self.size is None or not self.rate or self.phase is not DownloadPhase.RUNNING:
            return None
        return max(0.0, (self.size - self.held) / self.rate)

    def replace(self, **changes: object) -> DownloadRow:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]
