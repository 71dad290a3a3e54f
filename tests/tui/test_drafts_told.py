"""Texts that were not sent, told where somebody comes back: the top line and the Overview."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.tui.console import make, running, screen_text, until
from tests.tui.fake import NOW, FakeRuntime, few
from trainer_tui.core.rows import Draft
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef, Status
from trainer_tui.tui.screens.drafts import DraftsScreen
from trainer_tui.tui.unsent import Unsent


async def test_an_unsent_edit_is_told_at_the_start(tmp_path: Path) -> None:
    """The top line counts what is not sent, but of jobs that are gone, and opens it; the Overview
    of the job says from when its edit is and the key, or why it cannot be sent now; whoever
    resumes the job is told; once it is dropped nobody is."""
    jobs = few()
    failed = next(job for job in jobs if job.status is Status.FAILED)
    running_job = next(job for job in jobs if job.status is Status.RUNNING)
    runtime = FakeRuntime(jobs)
    gone = JobRef("comfy", "gone")
    for number, ref in enumerate((failed.ref, failed.ref, running_job.ref, None, gone)):
        kind = "new" if ref is None else "edit"
        when = NOW - timedelta(minutes=12 + number)
        runtime.store.put_draft(Draft(str(number), "comfy", "a: 2", when, kind, ref, "a: 1"))
    app = make(tmp_path, runtime=runtime, session={"selected": str(failed.ref)})
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: "12m ago: e goes on with it" in screen_text(app))
        assert "3 not sent :drafts" in screen_text(app).split("\n")[0]
        assert app.main is not None
        await pilot.press("r")
        await until(pilot, lambda: "An edit of its config (12m ago) was not" in screen_text(app))
        await pilot.press("escape")
        app.main.table.select(running_job.ref)
        await until(pilot, lambda: "14m ago; dog_portrait_lora is running" in screen_text(app))
        top = screen_text(app).split("\n")[0]
        await pilot.click("#status", offset=(top.index(":drafts"), 0))
        await until(pilot, lambda: isinstance(app.screen, DraftsScreen))
        for draft in runtime.store.drafts():
            runtime.store.discard_draft(draft.id)
        await pilot.press("escape")
        await until(pilot, lambda: "not sent" not in screen_text(app))


def test_a_store_that_cannot_be_read_changes_nothing() -> None:
    """What was known of unsent texts stays while the store cannot be read."""
    store = FakeRuntime().store
    store.put_draft(Draft("n", "comfy", "a: 2", NOW, "new"))
    unsent = Unsent()
    assert unsent.read(store, bool)
    assert not unsent.read(store, bool)

    class Broken:
        def drafts(self, ref: object = None) -> list[Draft]:
            raise TrainerError("the disk is gone")

    assert not unsent.read(Broken(), bool)  # type: ignore[arg-type]
    assert unsent.badge == "1 not sent :drafts"
