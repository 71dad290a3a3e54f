"""What the editor and its dialogs look like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.editing import FLUX, NOW, REF, EditApp, arrive, job
from tests.tui.test_drafts_screen import fill
from tests.tui.test_editor import opened, settled
from tests.tui.waiting import until
from trainer_tui.core.yamlconfig import set_value
from trainer_tui.model import Gpu, Metric
from trainer_tui.tui.screens.diff import DiffScreen
from trainer_tui.tui.screens.drafts import DraftsScreen
from trainer_tui.tui.screens.merge import MergeScreen
from trainer_tui.tui.screens.odds import OddsScreen

Snap = Callable[..., bool]
LOOKS = [("midnight", (80, 24)), ("midnight", (120, 40)), ("daylight", (120, 40))]
MINE = set_value(set_value(FLUX, "train.steps", 3000), "train.lr", "2e-4")
THEIRS = set_value(set_value(FLUX, "train.lr", "5e-5"), "save.save_every", 100)
Ready = Callable[[Pilot[Any], EditApp], Awaitable[object]]


def look(snap: Snap, folder: Path, theme: str, size: tuple[int, int], ready: Ready) -> bool:
    """Compare the screen, made ready, with the picture that is kept."""
    app = EditApp(folder, theme=theme, jobs=[job(gpu=Gpu("HOPPER_141", 1))])
    app.config = replace(app.config, pricing={"HOPPER_141": 4.0})
    app.store.save_jobs([entry.job for entry in app.board.entries()], NOW)
    app.store.add_metrics(
        REF,
        [Metric("loss", 900 + 10 * n, 0.5, NOW + timedelta(seconds=43.2 * n)) for n in range(7)],
    )

    async def before(pilot: Pilot[Any]) -> None:
        await ready(pilot, app)
        await pilot.pause()

    return snap(app, terminal_size=size, run_before=before)


def case(ready: Ready, looks: Sequence[tuple[str, tuple[int, int]]]) -> Callable[..., None]:
    """A test of one state of the screen in some themes and sizes."""

    @pytest.mark.parametrize(("theme", "size"), looks)
    def test(snap_compare: Snap, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
        assert look(snap_compare, tmp_path, theme, size, ready)

    test.__doc__ = ready.__doc__
    return test


async def problems(pilot: Pilot[Any], app: EditApp) -> None:
    """Problems of each kind below the text, marked in it."""
    screen = await opened(pilot, app)
    text = FLUX.replace("        steps: 2000", "        stepz: 2000")
    text = text.replace("resolution: [ 512,", "resolution: [ 500,").replace(
        "linear: 16", "linear: 0"
    )
    screen.area.replace_all(text)
    await settled(pilot, screen)
    screen.area.go_to(18, 12)


async def question(pilot: Pilot[Any], app: EditApp) -> None:
    """What an edit changes and will do, with time and money, and the question."""
    screen = await opened(pilot, app)
    screen.area.replace_all(MINE)
    await settled(pilot, screen)
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(app.screen, DiffScreen))


async def difference(pilot: Pilot[Any], app: EditApp) -> None:
    """Old and new: beside each other where there is room."""
    app.push_screen(DiffScreen("Difference", "dog_portrait_lora", FLUX, MINE,
                               names=("comfy has", "yours")))  # fmt: skip
    await until(pilot, lambda: isinstance(app.screen, DiffScreen))


async def below(pilot: Pilot[Any], app: EditApp) -> None:
    """The same one below the other, as asked."""
    await difference(pilot, app)
    await pilot.pause()
    if app.size.width >= 120:
        await pilot.press("s")


async def odds(pilot: Pilot[Any], app: EditApp) -> None:
    """Two texts at odds: what each changed, and the choice."""
    screen = await opened(pilot, app)
    screen.area.replace_all(MINE)
    await settled(pilot, screen)
    arrive(app, THEIRS)
    await until(pilot, lambda: screen.odds is not None)
    await pilot.press("ctrl+t")
    await until(pilot, lambda: isinstance(app.screen, OddsScreen))


async def banner(pilot: Pilot[Any], app: EditApp) -> None:
    """The word above the text that somebody else has changed it."""
    screen = await opened(pilot, app)
    screen.area.replace_all(MINE)
    await settled(pilot, screen)
    arrive(app, THEIRS)
    await until(pilot, lambda: screen.odds is not None)


async def merge(pilot: Pilot[Any], app: EditApp) -> None:
    """One of the places that both changed."""
    await odds(pilot, app)
    await pilot.press("m")
    await until(pilot, lambda: isinstance(app.screen, MergeScreen))


async def drafts(pilot: Pilot[Any], app: EditApp) -> None:
    """All drafts, with their kinds and what they change."""
    fill(app)
    screen = DraftsScreen()
    app.push_screen(screen)
    await until(pilot, lambda: screen.is_mounted and screen.list.drafts)
    arrive(app, THEIRS)


async def no_drafts(pilot: Pilot[Any], app: EditApp) -> None:
    """None: what to press."""
    app.push_screen(DraftsScreen())
    await until(pilot, lambda: isinstance(app.screen, DraftsScreen))


# What has colours of its own on a light ground too.
test_problems = case(problems, LOOKS)
test_question = case(question, LOOKS)
test_merge = case(merge, LOOKS)
test_difference = case(difference, LOOKS[:2])
test_below = case(below, LOOKS[:2])
test_odds = case(odds, LOOKS[:2])
test_banner = case(banner, LOOKS[:2])
test_drafts = case(drafts, LOOKS[:2])
test_no_drafts = case(no_drafts, LOOKS[:1])
