"""A new job at Roboflow and at kaos: what it begins from, what is checked, how it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.console import asked, make, running, screen_text, until
from tests.tui.fake import FakeRuntime, job
from trainer_tui.cli import demo_bundle
from trainer_tui.config import Profile
from trainer_tui.model import Status
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.screens.diff import DiffScreen
from trainer_tui.tui.screens.new_job import NewJobScreen
from trainer_tui.tui.screens.new_text import NewTextScreen

pytestmark = pytest.mark.anyio

PROFILES = {"vision": Profile("vision", "roboflow"), "kaos": Profile("kaos", "kaos")}


def console(home: Path, selected: str) -> TrainerApp:
    """The console with a job of each, the cursor on one."""
    jobs = [
        job("vision/shop/carts/3", "carts/3", Status.RUNNING, step=(3, 10), age=60),
        job("kaos/7", "mnist:7", Status.SUCCEEDED, age=900),
    ]
    runtime = FakeRuntime(jobs, profiles=tuple(PROFILES))
    return make(home, runtime=runtime, profiles=PROFILES, session={"selected": selected})


async def form(app: TrainerApp, pilot: Pilot[Any]) -> NewJobScreen:
    """The form for a new job."""
    await pilot.press("n")
    await until(pilot, lambda: isinstance(app.screen, NewJobScreen))
    assert isinstance(app.screen, NewJobScreen)
    return app.screen


async def text_of(app: TrainerApp, pilot: Pilot[Any]) -> NewTextScreen:
    """The text that the form led to, checked."""
    await until(pilot, lambda: isinstance(app.screen, NewTextScreen))
    screen = app.screen
    assert isinstance(screen, NewTextScreen)
    await until(pilot, lambda: screen.checked.text == screen.area.text != "")
    return screen


def titles(screen: NewJobScreen) -> list[str]:
    """What can be begun from."""
    return [source.title for source in screen.sources.sources]


async def test_what_can_be_begun_from_goes_with_the_service(tmp_path: Path) -> None:
    """Roboflow: trainings; kaos: a folder first. Another profile brings its own."""
    app = console(tmp_path, "vision/shop/carts/3")
    async with running(app) as pilot:
        screen = await form(app, pilot)
        assert titles(screen) == [
            "The config of carts/3",
            "A file",
            "A training",
            "A search (NAS)",
        ]
        screen.profile.focus()
        await pilot.press("right")
        assert screen.profile.value == "kaos"
        assert titles(screen) == ["A folder", "A file", "A bundle with parameters"]


async def test_a_search_is_submitted_with_what_it_costs(tmp_path: Path) -> None:
    """The template's own word is refused until it is a project's; the question names the cost."""
    app = console(tmp_path, "vision/shop/carts/3")
    async with running(app) as pilot:
        screen = await form(app, pilot)
        await pilot.press("end", "enter")
        text = await text_of(app, pilot)
        assert text.checked.errors == 1 and "rfdetr-nas" in text.area.text
        text.area.text = text.area.text.replace("my-project", "carts")
        await until(pilot, lambda: text.checked.text == text.area.text)
        assert text.checked.errors == 0
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("y")
        await until(pilot, lambda: any(call[0] == "submit" for call in asked(app)))
        _, profile, submission = next(call for call in asked(app) if call[0] == "submit")
        assert profile == "vision" and "project: carts" in submission.config_text
        assert screen.is_attached is False


async def test_a_folder_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    """What the bundle lacks is said in the form; a whole one is submitted, with its progress."""
    app = console(tmp_path, "kaos/7")
    bundle = tmp_path / "bundle"
    demo_bundle.write(bundle)
    train = bundle / "model" / "train"
    kept = train.read_text()
    train.unlink()
    async with running(app) as pilot:
        screen = await form(app, pilot)
        await pilot.press("enter")
        assert screen.file.has_focus
        screen.file.value = str(bundle)
        await pilot.press("enter")
        await until(pilot, lambda: "train" in screen.said.text)
        assert isinstance(app.screen, NewJobScreen)
        train.write_text(kept)
        train.chmod(0o755)
        await pilot.press("enter")
        text = await text_of(app, pilot)
        assert text.checked.errors == 0 and str(bundle) in text.area.text
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("y")
        await until(pilot, lambda: any(call[0] == "submit" for call in asked(app)))
        submission = next(call[2] for call in asked(app) if call[0] == "submit")
        submission.moved(3_000_000, 6_000_000)
        await until(pilot, lambda: "3.0 MB of 6.0 MB" in screen_text(app))
        assert "Uploading to kaos" in screen_text(app)
