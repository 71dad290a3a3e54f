"""Jobs of all four services in one table: filter, sort, marks across them, one bulk cancel."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tui import fake
from tests.tui.console import make, running, screen_text, until
from tests.tui.fake import NOW, FakeRuntime
from trainer_tui.config import Profile
from trainer_tui.core.acts import Act, Outcome, ended_already
from trainer_tui.core.board import Pending
from trainer_tui.core.messages import ActDone
from trainer_tui.errors import StateError
from trainer_tui.model import Capability, JobRef, Progress, Status
from trainer_tui.providers.base import facts
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.screens.confirm import ConfirmScreen

pytestmark = pytest.mark.anyio

PROVIDERS = {"local": "local", "comfy": "runcomfy", "vision": "roboflow", "kaos": "kaos"}
PROFILES = {name: Profile(name, provider) for name, provider in PROVIDERS.items()}
HILLS, DOG = JobRef("local", "0hx2"), JobRef("comfy", "tr_01")
CARTS, MOONS = JobRef("vision", "carts/3"), JobRef("kaos", "e23a2")


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainerApp:
    """The console with the real facts of every provider, and jobs at each."""
    for name, provider in PROVIDERS.items():
        monkeypatch.setitem(fake.FACTS, name, facts(provider))
    epochs = Progress.of(21, 100, "epoch")
    jobs = [
        fake.job(str(HILLS), "hills_lora", Status.RUNNING, step=(900, 2000), age=600, loss=0.31),
        fake.job(str(DOG), "dog_portrait", Status.RUNNING, step=(50, 100), age=3000),
        fake.job(str(CARTS), "carts/3", Status.RUNNING, age=60).replace(progress=epochs),
        fake.job(str(MOONS), "team:e23a2", Status.PREPARING, age=1200),
        fake.job("vision/carts/2", "carts/2", Status.SUCCEEDED, step=(100, 100), age=9000),
        fake.job("kaos/f00d", "team:f00d", Status.FAILED, age=20000),
    ]
    return make(tmp_path, runtime=FakeRuntime(jobs, profiles=tuple(PROFILES)), profiles=PROFILES)


def order(app: TrainerApp) -> list[str]:
    """The names in the table, from the top."""
    assert app.main is not None
    jobs = app.main.table.jobs
    return [jobs.entries[ref].job.name for ref in jobs.order]


async def test_one_table_is_filtered_and_sorted(console: TrainerApp) -> None:
    """A filter and an order go over all services at once; each keeps its own units."""
    async with running(console) as pilot:
        text = screen_text(console)
        for name in PROVIDERS:
            assert f"● {name}" in text
        assert "ep 21/100" in text and "900/2000" in text
        await pilot.press("slash", *"status:active", "enter")
        assert set(order(console)) == {"hills_lora", "dog_portrait", "carts/3", "team:e23a2"}
        console.command("view.sort")
        for _ in range(12):
            assert console.main is not None
            if console.main.table.jobs.sort == "profile":
                break
            await pilot.press("o")
        assert order(console) == ["dog_portrait", "team:e23a2", "hills_lora", "carts/3"]
        await pilot.press("O")
        assert order(console) == ["carts/3", "hills_lora", "team:e23a2", "dog_portrait"]
        await pilot.press("slash", *" profile:kaos", "enter")
        assert order(console) == ["team:e23a2"]


async def test_one_cancel_for_all_says_what_each_service_does(console: TrainerApp) -> None:
    """The question has every job with what cancel means there, and what is left out with the
    reason; it asks for the word; the rows then tell one by one how it went."""
    runtime: Any = console.runtime
    asked: list[JobRef] = []

    def perform(act: Act, ref: JobRef, **wishes: Any) -> Future[Outcome]:
        assert act is Act.CANCEL
        asked.append(ref)
        runtime.board.set_pending(ref, Pending(Capability.CANCEL, "asked", NOW))
        return Future()

    runtime.perform = perform
    async with running(console, (120, 50)) as pilot:
        assert console.main is not None
        await pilot.press("asterisk", "c")
        await until(pilot, lambda: "Type the word cancel" in screen_text(console))
        question = console.screen
        assert isinstance(question, ConfirmScreen)
        lines = ["".join(piece.text for piece in line) for line in question.lines()]
        text = " ".join(" ".join(lines).split())
        for ref, provider in ((HILLS, "local"), (DOG, "runcomfy"), (CARTS, "roboflow"),
                              (MOONS, "kaos")):  # fmt: skip
            name = runtime.board.get(ref).job.name
            assert f"{name} {ref.profile}" in text
            assert " ".join(facts(provider).consequences[Capability.CANCEL].split()) in text
        assert "Left out (2)" in text and "carts/2 has already succeeded" in text
        await pilot.press(*"cancel", "enter")
        await until(pilot, lambda: len(asked) == 4)
        assert set(asked) == {HILLS, DOG, CARTS, MOONS}
        assert screen_text(console).count("canceling…") >= 4

        def finish(ref: JobRef, ok: bool, status: Status) -> None:
            before = runtime.board.get(ref).job
            after = before.replace(status=status, raw_status=str(status))
            runtime.board.clear_pending(ref)
            runtime.board.merge(ref.profile, [after], NOW, complete=False)
            message = f"{before.name}: cancel was accepted" if ok else ended_already(after)
            error = None if ok else StateError(message, code="CANNOT_CANCEL")
            runtime.tell(ActDone(Outcome(ref, Act.CANCEL, ok, message, error, after)))

        runtime.board.set_pending(
            DOG, replace(runtime.board.get(DOG).pending, phase="acknowledged")
        )
        await until(pilot, lambda: "canceling ✓" in screen_text(console))
        finish(HILLS, True, Status.CANCELED)
        finish(CARTS, False, Status.SUCCEEDED)
        await until(pilot, lambda: "carts/3: it had already finished" in screen_text(console))
        seen = screen_text(console).splitlines()
        rows = {
            name: next(row for row in seen if name in row)
            for name in ("hills_lora", "dog_portrait", "team:e23a2")
        }
        assert "canceled" in rows["hills_lora"] and "canceling" in rows["team:e23a2"]
        finish(DOG, True, Status.CANCELED)
        finish(MOONS, True, Status.CANCELED)
        await until(pilot, lambda: "3 accepted, 1 refused" in screen_text(console))
        assert not console.main.table.marks
