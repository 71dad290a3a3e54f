"""What was typed and not sent, as the store has it: told at the start and with the job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from trainer_tui.core.drafts import DraftTable, ago, unsent
from trainer_tui.errors import TrainerError

if TYPE_CHECKING:
    from trainer_tui.model import JobRef
    from trainer_tui.tui.app import TrainerApp


class Unsent:
    """Texts that wait for somebody to go on with them."""

    def __init__(self) -> None:
        self.count = 0
        self.edits: dict[JobRef, datetime] = {}
        """Job → when its newest edit was typed last."""

    def read(self, store: DraftTable, known: Callable[[JobRef], object]) -> bool:
        """Look again; whether that differs. A store that cannot be read leaves it as it was.

        Edits of jobs that are not ``known`` any more wait for nobody.
        """
        try:
            found = [draft for draft in unsent(store) if draft.ref is None or known(draft.ref)]
        except TrainerError:
            return False
        before = self.count, self.edits
        self.edits = {draft.ref: draft.updated_at for draft in reversed(found) if draft.ref}
        self.count = len(self.edits) + sum(1 for draft in found if draft.ref is None)
        return before != (self.count, self.edits)

    @property
    def badge(self) -> str:
        """For the line at the top: ``2 not sent :drafts``; nothing where there is none."""
        return f"{self.count} not sent :drafts" if self.count else ""


def of_job(app: TrainerApp, ref: JobRef, key: str) -> str:
    """For a job's Overview: from when its unsent edit is, and what opens it; else nothing."""
    from trainer_tui.core.acts import Act

    when, entry = app.unsent.edits.get(ref), app.board.get(ref)
    if when is None or entry is None:
        return ""
    said = f"an edit of its config, {ago(when, app.now())}"
    why = "this console is read-only" if app.read_only else app.why_not(entry.job, Act.EDIT)
    return f"{said}: {key} goes on with it" if why is None else f"{said}; {why}"
