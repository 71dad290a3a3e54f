"""What a service cannot do is seen before a key is pressed: key bar, tabs, palette, help; and what
only some can, the pipeline, has a screen of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tui.console import asked, make, running, screen_text, until
from tests.tui.fake import FACTS, FakeRuntime, job
from trainer_tui.config import Profile, provider_names
from trainer_tui.errors import NotFoundError
from trainer_tui.model import Status
from trainer_tui.providers import table
from trainer_tui.providers.base import facts
from trainer_tui.tui.app import TrainerApp

pytestmark = pytest.mark.anyio

PROFILES = {
    "vision": Profile("vision", "roboflow"),
    "kaos": Profile("kaos", "kaos"),
    "kaos2": Profile("kaos2", "kaos"),
}


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainerApp:
    """A Roboflow training and a kaos job; the cursor is on the first."""
    monkeypatch.setitem(FACTS, "kaos2", FACTS["kaos"])
    jobs = [
        job("vision/shop/carts/3", "carts/3", Status.RUNNING, step=(3, 10), age=60),
        job("kaos/team:7", "mnist:7", Status.SUCCEEDED, age=900),
    ]
    runtime = FakeRuntime(jobs, profiles=tuple(PROFILES))
    session = {"selected": "vision/shop/carts/3"}
    return make(tmp_path, runtime=runtime, profiles=PROFILES, session=session)


async def test_the_key_bar_greys_what_the_service_lacks(console: TrainerApp) -> None:
    """Roboflow can stop and has no log; kaos has a log and cannot stop."""
    async with running(console) as pilot:
        assert console.main is not None
        main = console.main

        def on() -> set[str]:
            return {hint.label for hint in main.hints() if hint.enabled}

        assert {"stop", "cancel", "download"} <= on() and "logs" not in on()
        await pilot.press("j")
        await until(pilot, lambda: "logs" in on())
        assert "stop" not in on() and "resume" not in on()


async def test_the_palette_says_why(console: TrainerApp) -> None:
    """A command that cannot be done has its reason in the place of its help."""
    async with running(console) as pilot:
        await pilot.press("colon", *"logs")
        await until(pilot, lambda: "Roboflow gives no log" in screen_text(console))


async def test_the_help_says_why_and_has_the_table(console: TrainerApp) -> None:
    """Under a greyed key stands the reason; at the end a column for each provider in use."""
    async with running(console, (120, 120)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: "What the services can do" in screen_text(console))
        text = screen_text(console)
        assert "Not here: Roboflow gives no log" in text and ":pipeline" in text
        row = next(line for line in text.splitlines() if "star a model" in line)
        assert row.split("star a model")[1].replace("│", "").split() == ["✓", "—"]


async def test_the_pipeline_of_a_profile(console: TrainerApp) -> None:
    """``:pipeline`` asks the profile of the job, or the first that has one; tab shows the next;
    R asks again."""
    async with running(console) as pilot:
        await pilot.press("colon", *"pipeline", "enter")
        await until(pilot, lambda: "team-image:ab12" in screen_text(console))
        assert ("pipeline", "kaos") in asked(console)
        assert "not set" in screen_text(console)
        await pilot.press("tab")
        await until(pilot, lambda: ("pipeline", "kaos2") in asked(console))
        before = len(asked(console))
        await pilot.press("R")
        assert asked(console)[before:] == [("pipeline", "kaos2")]
        runtime: Any = console.runtime
        runtime.refuse = NotFoundError("nothing was deployed yet", hint="Submit a bundle first.")
        await pilot.press("R")
        await until(pilot, lambda: "nothing was deployed yet" in screen_text(console))
        assert "Submit a bundle first." in screen_text(console)
        await pilot.press("escape")
        await until(pilot, lambda: console.screen is console.main)


async def test_without_a_pipeline_it_says_so(tmp_path: Path) -> None:
    """Where no profile has a pipeline, the reason of the job's own service is said."""
    app = make(tmp_path)
    async with running(app) as pilot:
        app.command("app.pipeline")
        await until(pilot, lambda: "no pipeline" in screen_text(app).lower())
        assert app.screen is app.main


def test_every_provider_explains_what_it_lacks() -> None:
    """A sentence for each capability that a provider does not have."""
    for name in provider_names():
        found = facts(name)
        for capability in table.WORDS:
            if capability not in found.capabilities:
                assert capability in found.reasons, f"{name}: {capability}"


def test_the_document_is_current() -> None:
    """docs/providers/README.md is what the code makes now."""
    path = Path(__file__).parents[2] / "docs" / "providers" / "README.md"
    assert path.read_text() == table.document(), (
        "run: python -m trainer_tui.providers.table > docs/providers/README.md"
    )
