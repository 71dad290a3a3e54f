"""One loop a profile: when to ask it, how often, and how to back off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trainer_tui.errors import TrainerError

Phase = Literal[
    "idle", "loading", "ok", "offline", "unauthorized", "rate_limited", "error", "paused"
]


@dataclass(frozen=True, slots=True)
class ProfileState:
    """How it stands with a profile, for the status bar."""

    name: str
    provider: str
    phase: Phase = "idle"
    error: TrainerError | None = None
    last_ok: datetime | None = None
    next_at: datetime | None = None
    """When it is asked again; ``None`` for not until something wakes it."""
    running: int = 0
    queued: int = 0
