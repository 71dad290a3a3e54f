"""How often to ask whom, and how long to wait after a failure: pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from trainer_tui.config import PollSettings
from trainer_tui.core.board import GONE
from trainer_tui.errors import AuthError, ConfigError, NetworkError, RateLimitError, TrainerError
from trainer_tui.model import Job, Status

Phase = Literal[
    "idle", "loading", "ok", "offline", "unauthorized", "rate_limited", "error", "paused"
]

HURRIED = 1.0
"""Seconds between two looks at a job of which something was asked and not yet seen."""
MIN_GAP = 0.25
"""Seconds between two rounds of one profile, whatever wakes it."""
BUDGET = 10.0
"""Requests a second that polling one profile may use on average."""
FIRST_RETRY = 1.0
LONGEST_RETRY = 30.0
"""Half a minute: a service that is back is noticed while the person still looks."""
CREDENTIAL_RETRY = 60.0
"""A wrong credential does not mend itself; asking often looks like an attack."""
LONGEST_HOLD = 3600.0
"""A ``Retry-After`` beyond an hour is taken as an hour."""

_GONE_RARER = 10
"""A job that the service does not know hardly comes back; yet a 404 may have been a mistake."""

_BUSY = frozenset({Status.PREPARING, Status.RUNNING, Status.STOPPING})


def interval(
    job: Job, poll: PollSettings, *, selected: bool, hurried: bool, focused: bool
) -> float | None:
    """Seconds between two looks at one job; ``None``: it changes no more by itself."""
    if hurried:
        return HURRIED
    if job.status.ended:
        return None
    if job.status in _BUSY:
        usual = poll.selected if selected else poll.running
    elif job.status is Status.QUEUED:
        usual = poll.running if selected else poll.queued
    elif selected:
        usual = poll.queued
    else:
        usual = poll.unfocused * (_GONE_RARER if job.raw_status == GONE else 1)
    return usual if focused else max(usual, poll.unfocused)


def list_interval(
    jobs: Iterable[Job], poll: PollSettings, *, focused: bool, nearby: bool = False
) -> float:
    """Seconds between two lists of a service that has one: jobs may appear from elsewhere.

    ``nearby``: the service is on this machine, and a list where nothing changed costs nothing.
    """
    if nearby and focused:
        return poll.selected
    usual = poll.unfocused
    for job in jobs:
        if job.status in _BUSY:
            usual = min(usual, poll.running)
        elif job.status is Status.QUEUED:
            usual = min(usual, poll.queued)
    return usual if focused else max(usual, poll.unfocused)


def retry_after(error: TrainerError, failures: int, chance: float) -> float:
    """Seconds to wait after the ``failures``-th failure in a row.

    Args:
        chance: 0 to 1, spreads the clients of a service that comes back.
    """
    if isinstance(error, AuthError | ConfigError):
        return CREDENTIAL_RETRY
    doubled = min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** min(failures - 1, 16))
    wait = doubled * (0.5 + 0.5 * chance)
    if isinstance(error, RateLimitError):
        asked = error.retry_after
        if asked is not None and math.isfinite(asked):
            return min(LONGEST_HOLD, max(1.0, asked))
        return max(5.0, wait)
    return wait


def phase_of(error: TrainerError) -> Phase:
    """The state of a profile whose last question ended in this error."""
    if error.exit_code == AuthError.exit_code:  # refused, or the credential cannot be had
        return "unauthorized"
    if isinstance(error, RateLimitError):
        return "rate_limited"
    if isinstance(error, NetworkError):
        return "offline"
    return "error"
