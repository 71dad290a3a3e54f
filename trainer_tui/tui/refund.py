"""A cancel that was refused because nothing would be paid back: whether to go on all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer_tui.core.acts import Act

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp


def ask_without_refund(app: TrainerApp) -> None:
    """Ask once about all jobs that it is true of; *yes* cancels them without a refund."""
    refs, app.unrefunded = app.unrefunded, []
    jobs = [entry.job for ref in refs if (entry := app.board.get(ref)) is not None]
    if not jobs:
        return
    from trainer_tui.tui.screens.confirm import ConfirmScreen, Item

    told = "nothing is paid back any more, and nothing was canceled; the weights would be discarded"
    items = [
        Item(f"{job.name or job.ref.id}  {job.ref.profile}", told, str(job.status)) for job in jobs
    ]

    def answered(yes: bool | None) -> None:
        if yes:
            app.perform(Act.CANCEL, [job.ref for job in jobs], without_refund=True)

    question = "Cancel without a refund?"
    app.push_screen(ConfirmScreen("No refund", items, question=question), answered)
