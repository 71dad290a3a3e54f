"""Doing what was asked of a job: intent → call → observed.

Asked → acknowledged → observed: an act is *asked* when the person confirms it, *acknowledged* when
the service accepts it, *observed* when the job is seen to have changed. The board shows which.
"""

from __future__ import annotations

from trainer_tui.core.acts import Act, Outcome, consequence, why_not
from trainer_tui.model import Job
from trainer_tui.providers.base import Submission

__all__ = ["Act", "Actions", "Outcome", "consequence", "why_not"]


class Actions:
    """Carries out acts; used by the runtime and, without a poller, by the command line."""

    async def perform(
        self,
        act: Act,
        job: Job,
        *,
        config_text: str | None = None,
        base_text: str | None = None,
        gpu_type: str | None = None,
        gpu_count: int | None = None,
    ) -> Outcome:
        """Ask an act of a job; never raises a TrainerError, the outcome carries it."""
        raise NotImplementedError

    async def submit(self, profile: str, submission: Submission) -> Outcome:
        """Ask for a new job; its id is in the store before anything else happens."""
        raise NotImplementedError
