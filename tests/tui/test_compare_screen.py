"""Jobs side by side, with the keys that a person presses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.charts import CONFIG, REFS, Jobs, answer, compare, points
from tests.tui.panes import PaneApp
from tests.tui.waiting import screen_text, until
from trainer_tui.core.messages import ConfigArrived, MetricsArrived
from trainer_tui.model import JobRef, Metric
from trainer_tui.tui.screens.compare_screen import CompareScreen
from trainer_tui.tui.screens.save_as import SaveScreen

pytestmark = pytest.mark.anyio


async def opened(app: PaneApp, pilot: Pilot[Any], count: int = 3) -> CompareScreen:
    """The comparison with all that the services said, drawn."""
    screen = await compare(app, count)
    answer(screen)
    await until(pilot, lambda: "0.3047" in screen_text(app))
    await until(pilot, lambda: screen.panel.listing.has_focus)
    return screen


async def test_each_job_is_watched_while_it_is_open() -> None:
    """Their whole history and their configs are asked for, and let go of at the end."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await compare(app)
        for ref in REFS[:3]:
            await until(pilot, lambda ref=ref: any(
                call[:2] == ("watch", ref) for call in app.runtime.asked))  # fmt: skip
        await pilot.press("q")
        await until(pilot, lambda: app.screen is not screen)
        for ref in REFS[:3]:
            assert any(call[:2] == ("unwatch", ref) for call in app.runtime.asked)


async def test_curves_of_several_services_lie_over_each_other() -> None:
    """The same key of each job, each in its colour, last and best below; a key that was chosen
    stays when others come."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        assert [curve.label for curve in screen.panel.chart.curves] == [
            "dog_portrait_lora", "dog_portrait_higher_lr", "forklift-detector/7",
        ]  # fmt: skip
        text = screen_text(app)
        assert "0.3047  ↓ 0.274 at step 928" in text
        assert "vision/forklift/7" in text
        fresh = [Metric(key, 1, 0.5) for key in ("aloss", "zloss")]
        await pilot.press("j")
        await until(pilot, lambda: "has no val/loss" in screen_text(app))
        screen.receive(MetricsArrived(REFS[1], fresh))  # one before and one behind, in the list
        await until(pilot, lambda: "zloss" in screen.panel.listing.keys)
        assert screen.panel.listing.current == "val/loss"
        assert len(screen.panel.chart.curves) == 2


async def test_points_that_come_later_are_drawn() -> None:
    """Of each job that is compared, and of no other."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        more = points(125, nan=False)
        screen.receive(MetricsArrived(REFS[0], [p for p in more if p.key == "loss"][-5:]))
        screen.receive(MetricsArrived(JobRef("local", "another"), more, reset=True))
        series = screen.jobs[0].held["loss"]
        assert series.steps[-1] == 124 * 8
        await until(pilot, lambda: f"{series.values[-1]:.4f}" in screen_text(app))
        assert len(screen.jobs) == 3


async def test_only_the_keys_that_differ() -> None:
    """Side by side, a job a column; a config that cannot be had says why in its column."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        text = screen_text(app)
        assert [one.key for one in screen.table.found] == [
            "config.name", "network.linear", "network.linear_alpha", "train.lr",
            "sample.prompts[0]",
        ]  # fmt: skip
        assert "CONFIG · 5 differ" in text
        assert "Roboflow does not give" in text
        screen.receive(
            ConfigArrived(
                REFS[1],
                CONFIG.format(
                    name="dog_portrait_lora",
                    rank=16,
                    lr="0.0001",
                    optimizer="adamw8bit",
                    when="dawn",
                ),
            )
        )
        await until(pilot, lambda: "are the same" in screen_text(app))


async def test_what_cannot_be_had_says_why_in_its_place() -> None:
    """A job without curves keeps its line, its colour and its reason."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, 4)
        await until(pilot, lambda: "the run was deleted there" in screen_text(app))


async def test_a_job_that_is_gone_from_the_list_is_still_compared() -> None:
    """What the store has of it is shown under its id."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        app.runtime.board = Jobs(gone=[REFS[1]])
        app.runtime.store.held = points(30)
        await app.push_screen(CompareScreen(REFS[:2]))
        await until(pilot, lambda: "not listed" in screen_text(app))
        assert "8f31" in screen_text(app)


async def test_jobs_of_one_name_are_told_apart() -> None:
    """The ref stands beside the name then."""
    app = PaneApp(None)
    async with app.run_test(size=(160, 40)) as pilot:
        await app.push_screen(CompareScreen([JobRef("a", "x"), JobRef("b", "x")]))
        await until(pilot, lambda: "dog_portrait_lora a/x" in screen_text(app))
        assert "dog_portrait_lora b/x" in screen_text(app)


async def test_more_jobs_than_fit() -> None:
    """Six are compared, and it says how many are not."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, 8)
        assert len(screen.refs) == 6
        await until(pilot, lambda: "and 2 more that are marked" in screen_text(app))


async def test_configs_alone_or_not_at_all() -> None:
    """C goes from below to alone to not at all; tab goes to the table, arrows scroll it."""
    app = PaneApp(None)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, 4)
        await pilot.press("C")
        await until(pilot, lambda: screen.table.has_focus and not screen.panel.display)
        await until(pilot, lambda: "1 more" in screen_text(app))
        await pilot.press("right")
        await until(pilot, lambda: "mnist:e23a2" in screen_text(app))
        await pilot.press("C")
        await until(pilot, lambda: not screen.table.display and screen.panel.listing.has_focus)
        await pilot.press("C")
        await until(pilot, lambda: screen.table.display and screen.panel.display)
        await pilot.press("tab")
        await until(pilot, lambda: screen.table.has_focus)
        await pilot.press("end", "home", "pagedown", "up", "tab")
        await until(pilot, lambda: screen.panel.listing.has_focus)


async def test_the_cursor_reads_every_job() -> None:
    """Values where it stands are in a column of their own; a shorter run has none."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("left", "left")
        await until(pilot, lambda: "HERE" in screen_text(app))
        await until(pilot, lambda: "step 944" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "HERE" not in screen_text(app))
        assert app.screen is screen
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)


async def test_saving_a_comparison(tmp_path: Path) -> None:
    """The table says whose point each is."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        field = app.screen.query_one(Input)
        assert field.value == "3-jobs-loss.svg"
        field.value = str(tmp_path / "all.csv")
        await pilot.press("enter")
        await until(pilot, lambda: app.said)
        found = (tmp_path / "all.csv").read_text().splitlines()
        assert found[0] == "step,time,key,value,job"
        assert len(found) == 1 + 120 + 90 + 40
        assert found[-1].endswith("forklift-detector/7")
        assert app.screen is screen
