"""A cancel that is refused because nothing is paid back: asked about, then done all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tui.console import make, running, screen_text, until
from tests.tui.fake import FakeRuntime, job
from tests.unit.fakes import FakeClock, FakeProvider, facts
from tests.unit.fakes import job as core_job
from trainer_tui.config import Profile
from trainer_tui.core.actions import Actions
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.board import Board
from trainer_tui.core.messages import ActDone
from trainer_tui.core.store import Store
from trainer_tui.errors import StateError
from trainer_tui.model import JobRef, Status

pytestmark = pytest.mark.anyio

PROFILES = {"vision": Profile("vision", "roboflow")}


@pytest.mark.parametrize(("answer", "again"), [("y", 1), ("n", 0)])
async def test_no_refund_is_asked_about_once_for_all(
    tmp_path: Path, answer: str, again: int
) -> None:
    """Two of three are refused for want of a refund: one question names both; yes cancels them
    without, no leaves them."""
    jobs = [
        job(f"vision/shop/carts/{n}", f"carts/{n}", Status.QUEUED, age=n * 60) for n in (1, 2, 3)
    ]
    runtime = FakeRuntime(jobs, profiles=("vision",))
    calls: list[tuple[JobRef, dict[str, Any]]] = []
    app = make(tmp_path, runtime=runtime, profiles=PROFILES)
    runtime.perform = lambda act, ref, **wishes: calls.append((ref, wishes))  # type: ignore[assignment,method-assign]
    async with running(app) as pilot:
        await pilot.press("asterisk", "c")
        await until(pilot, lambda: "throws the weights away" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: len(calls) == 3)
        refused = StateError("no credits back", code="NO_REFUND")
        for number, (ref, _) in enumerate(list(calls)):
            ok = number == 1
            runtime.tell(ActDone(Outcome(ref, Act.CANCEL, ok, "told", None if ok else refused)))
        await until(pilot, lambda: "Cancel without a refund?" in screen_text(app))
        text = screen_text(app)
        assert "nothing is paid back any more" in text and "No refund" in text
        await pilot.press(answer)
        await until(pilot, lambda: app.screen is app.main)
        more = calls[3:]
        assert [ref for ref, _ in more] == [calls[0][0], calls[2][0]] * again
        assert all(wishes == {"without_refund": True} for _, wishes in more)


async def test_the_service_is_told_that_no_refund_is_needed(tmp_path: Path) -> None:
    """The second time another call is made, and the job is canceled."""
    provider = FakeProvider(facts(), core_job())
    store, clock = Store(tmp_path / "s.db"), FakeClock()
    board = Board(store)
    board.merge("p", [core_job()], clock.now())

    async def open_(profile: str) -> FakeProvider:
        return provider

    actions = Actions(store, board, clock, provider=open_, facts=lambda profile: provider.facts)
    provider.fail = StateError("no credits back", code="NO_REFUND")
    first = await actions.perform(Act.CANCEL, core_job())
    assert not first.ok and first.error is provider.fail
    provider.fail = None
    second = await actions.perform(Act.CANCEL, core_job(), without_refund=True)
    assert second.ok and second.job is not None and second.job.status is Status.CANCELED
    assert provider.calls == ["cancel 1", "get 1", "cancel 1 without refund"]
    store.close()
