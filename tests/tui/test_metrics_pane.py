"""The Metrics tab with the keys that a person presses."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.tui.panes import NOW, REF, PaneApp, entry
from tests.tui.waiting import screen_text, until
from trainer_tui.core.columns import Axis
from trainer_tui.core.messages import ArtifactsArrived, Aspect, AspectFailed, MetricsArrived
from trainer_tui.errors import NetworkError
from trainer_tui.model import Artifact, ArtifactKind, Capability, JobRef, Metric, Status
from trainer_tui.tui.screens.metrics_screen import MetricsScreen
from trainer_tui.tui.screens.save_as import SaveScreen
from trainer_tui.tui.widgets.chart_panel import ChartPanel
from trainer_tui.tui.widgets.metrics_pane import MetricsPane

pytestmark = pytest.mark.anyio


def points(count: int = 50) -> list[Metric]:
    out = []
    for step in range(0, count * 10, 10):
        time = NOW + timedelta(seconds=step)
        out.append(Metric("loss", step, 1 / (1 + step / 100), time))
        out.append(Metric("lr", step, 1e-4, time))
        out.append(Metric("accuracy", step, step / 1000, time))
    return out


def screen(pane: MetricsPane) -> str:
    chart, keys = pane.panel.chart, pane.panel.listing
    return "\n".join(
        [keys.render_line(y).text for y in range(keys.size.height)]
        + [chart.render_line(y).text for y in range(chart.size.height)]
    )


def labels(pane: MetricsPane) -> list[str]:
    return [curve.label for curve in pane.panel.chart.curves]


async def test_what_the_store_knows_is_there_at_once() -> None:
    """History is drawn before the service has answered; the loss first."""
    pane = MetricsPane()
    app = PaneApp(pane)
    app.runtime.store.held = points()
    async with app.run_test(size=(120, 20)) as pilot:
        pane.show(entry())
        assert pane.panel.listing.keys == ["loss", "accuracy", "lr"]
        await until(pilot, lambda: "↓ 0.1695" in screen(pane))
        await until(pilot, lambda: "loss  ◆ 0.1695 at step 490" in screen(pane))


async def test_new_points_are_drawn() -> None:
    """What arrives is added; with reset it is all there is. The loss is drawn also when it comes
    after another key."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        pane.show(entry())
        assert pane.has_class("instead")
        pane.receive(MetricsArrived(REF, [Metric("lr", 1, 1e-4)], reset=True))
        await until(pilot, lambda: labels(pane) == ["lr"])
        pane.receive(MetricsArrived(REF, points(), reset=True))
        pane.receive(MetricsArrived(REF, [Metric("loss", 500, 0.01)]))
        await until(pilot, lambda: "◆ 0.01 at step 500" in screen(pane))
        pane.receive(MetricsArrived(REF, points(3), reset=True))
        await until(pilot, lambda: list(pane.shown.held["loss"].steps) == [0, 10, 20])


async def test_keys_change_the_picture() -> None:
    """Down draws another key, space keeps it, L S X change scale, smoothing and axis."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        pane.show(entry())
        pane.receive(MetricsArrived(REF, points(), reset=True))
        await pilot.press("space", "j")
        await until(pilot, lambda: labels(pane) == ["accuracy", "loss"])
        await pilot.press("L", "S", "X")
        look = pane.panel.chart.look
        assert (look.log, look.weight, look.axis) == (True, 0.9, Axis.RELATIVE)
        await until(pilot, lambda: "since start" in screen(pane))
        await pilot.press("escape")
        await until(pilot, lambda: labels(pane) == ["accuracy"])


async def test_cursor_reads_the_curve() -> None:
    """Left and right move a cursor; escape takes it away."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        pane.show(entry())
        pane.receive(MetricsArrived(REF, points(), reset=True))
        await pilot.press("right", "left")
        await until(pilot, lambda: "step 480   ● loss 0.1724" in screen(pane))
        await pilot.press("escape")
        await until(pilot, lambda: pane.panel.chart.look.cursor is None)


async def test_checkpoints_are_on_the_axis() -> None:
    """Steps of checkpoints are told by the job and by its files, which are followed for that."""
    pane = MetricsPane()
    assert Aspect.ARTIFACTS in pane.ASPECTS
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        pane.show(entry(checkpoint_step=250))
        pane.receive(MetricsArrived(REF, points(), reset=True))
        file = Artifact("a.safetensors", ArtifactKind.CHECKPOINT, "u", step=100)
        pane.receive(ArtifactsArrived(REF, [file]))
        await until(pilot, lambda: screen(pane).count("▴") == 2)


async def test_nan_is_seen_in_the_list_and_on_the_axis() -> None:
    """A loss that became NaN is no secret."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        pane.show(entry())
        pane.receive(MetricsArrived(REF, [*points(), Metric("loss", 500, math.nan)], reset=True))
        await until(pilot, lambda: "nan" in screen(pane))
        await until(pilot, lambda: "×" in screen(pane))


async def test_a_stall_is_marked_while_it_goes_on() -> None:
    """With nothing coming at all; the next point ends it, and so does the end of the job."""
    pane, now = MetricsPane(), NOW + timedelta(seconds=495)
    pane_now = [now.timestamp()]
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        panel = pane.panel
        panel.clock = lambda: pane_now[0]
        pane.show(entry())
        pane.receive(MetricsArrived(REF, points(), reset=True))
        await until(pilot, lambda: "◆ 0.1695" in screen(pane))
        panel.look_for_stalls()
        assert "no step for" not in screen(pane)
        pane_now[0] += 300
        panel.look_for_stalls()
        await until(pilot, lambda: "‖ no step for 5m5s" in screen(pane))
        pane_now[0] += 60
        panel.look_for_stalls()
        await until(pilot, lambda: "‖ no step for 6m5s" in screen(pane))
        time = NOW + timedelta(seconds=860)
        pane.receive(MetricsArrived(REF, [Metric("loss", 500, 0.2, time)]))
        await until(pilot, lambda: "‖ 6m10s without a step" in screen(pane))
        pane_now[0] += 600
        panel.look_for_stalls()
        await until(pilot, lambda: "‖ no step for" in screen(pane))
        pane.show(entry(Status.FAILED))
        panel.look_for_stalls()
        await until(pilot, lambda: "‖ 6m10s without a step" in screen(pane))


async def test_a_quiet_poll_paints_nothing() -> None:
    """No new points, no repaint."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        pane.show(entry())
        pane.receive(MetricsArrived(REF, points(), reset=True))
        await until(pilot, lambda: "◆ 0.1695 at step 490" in screen(pane))
        await pilot.pause()
        pane.receive(MetricsArrived(REF, []))
        pane.show(entry())
        assert not pane.panel.chart._repaint_regions
        assert not pane.panel.listing._repaint_regions


async def test_why_there_are_none() -> None:
    """The provider's reason, an error with its hint, or that it is too early."""
    pane = MetricsPane()
    app = PaneApp(pane)
    async with app.run_test(size=(80, 20)) as pilot:
        pane.show(entry())
        await until(pilot, lambda: "No metrics yet" in pane.instead.text.plain)
        pane.receive(
            AspectFailed(REF, Aspect.METRICS, NetworkError("refused", hint="R asks again"))
        )
        await until(pilot, lambda: "R asks again" in pane.instead.text.plain)
        app.runtime.capabilities = frozenset()
        app.runtime.reasons = {Capability.METRICS: "It has none."}
        pane.show(entry(ref=JobRef("comfy", "x")))
        await until(pilot, lambda: "It has none." in pane.instead.text.plain)


async def test_full_screen_watches_and_lets_go() -> None:
    """The screen has the job watched while it is open."""
    app = PaneApp(None)
    async with app.run_test(size=(120, 30)) as pilot:
        await app.push_screen(MetricsScreen(REF))
        await until(pilot, lambda: ("watch", REF, MetricsPane.ASPECTS) in app.runtime.asked)
        await pilot.press("q")
        await until(pilot, lambda: ("unwatch", REF, MetricsPane.ASPECTS) in app.runtime.asked)


async def test_nearer_farther_and_the_whole() -> None:
    """> looks nearer around the cursor, ) goes on, 0 shows all; escape goes back step by step."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        panel = await filled(pilot, pane)
        await pilot.press("left", "left", "greater_than_sign", "greater_than_sign")
        await until(pilot, lambda: panel.look.window is not None)
        assert "zoomed in" in screen(pane)
        window, cursor = panel.look.window, panel.look.cursor
        assert window is not None and cursor is not None
        assert window[1] - window[0] == pytest.approx(490 / 4)
        assert window[0] <= cursor <= window[1]
        await pilot.press("left_parenthesis")
        assert panel.look.window is not None and panel.look.window[0] < window[0]
        await pilot.press("0")
        assert panel.look.window is None
        await pilot.press("shift+up", "escape")
        assert (panel.look.cursor, panel.look.window is None) == (None, False)
        await pilot.press("escape")
        assert panel.look.window is None


async def test_smoothing_is_turned_up_and_down() -> None:
    """S turns it on; . and , change how much; below the least there is none."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        panel = await filled(pilot, pane)
        await pilot.press("S", "full_stop")
        assert panel.look.weight == 0.95
        await until(pilot, lambda: "smoothed 0.95" in screen(pane))
        await pilot.press(*["comma"] * 6)
        assert panel.look.weight == 0


async def test_small_charts_of_all_keys() -> None:
    """A shows them, arrows move, enter opens one, escape goes back."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 30)) as pilot:
        panel = await filled(pilot, pane)
        await pilot.press("A")
        await until(pilot, lambda: panel.grid.has_focus)
        await until(pilot, lambda: "accuracy" in shown(pilot) and "lr" in shown(pilot))
        await pilot.press("right", "right", "left")
        assert panel.grid.current == "accuracy"
        await pilot.press("enter")
        await until(pilot, lambda: panel.listing.has_focus)
        assert panel.listing.current == "accuracy"
        assert labels(pane) == ["accuracy"]
        await pilot.press("A", "escape")
        await until(pilot, lambda: not panel.has_class("grid"))


async def test_a_click_reads_and_the_wheel_looks_nearer() -> None:
    """The mouse does what the keys do, where it points."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        panel = await filled(pilot, pane)
        margin, width = panel.chart.plot
        await pilot.click(panel.chart, offset=(margin + width // 2, 5))
        await until(pilot, lambda: panel.look.cursor is not None)
        assert panel.look.cursor == pytest.approx(245, abs=10)
        panel.post_message(panel.chart.Wheeled(1, 0.0))
        await until(pilot, lambda: panel.look.window == (0.0, 245.0))


async def test_saving_what_is_shown(tmp_path: Path) -> None:
    """Ctrl+S asks for a file: a picture or a table by its ending, never over another file."""
    pane = MetricsPane()
    app = PaneApp(pane)
    async with app.run_test(size=(120, 30)) as pilot:
        await filled(pilot, pane)

        async def ask(name: str) -> SaveScreen:
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, SaveScreen))
            screen = app.screen
            assert isinstance(screen, SaveScreen)
            field = screen.query_one(Input)
            assert field.value == "dog_portrait_lora-loss.svg"
            field.value = str(tmp_path / name)
            await pilot.press("enter")
            return screen

        await ask("curves.svg")
        picture, table = tmp_path / "curves.svg", tmp_path / "curves.csv"
        await until(pilot, lambda: f"Saved {picture}" in app.said)
        assert picture.read_text().startswith("<svg")
        await ask("curves.csv")
        await until(pilot, lambda: f"Saved {table}" in app.said)
        assert len(table.read_text().splitlines()) == 51
        screen = await ask("curves.csv")
        words = screen.query_one("#save-trouble", Static)
        await until(pilot, lambda: "exists" in str(words.render()))
        await pilot.press("tab")
        assert screen.query_one(Input).value.endswith("curves.svg")
        screen.query_one(Input).value = str(tmp_path / "no" / "x.svg")
        await pilot.press("enter")
        await until(pilot, lambda: "no folder" in str(words.render()))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, SaveScreen))
    assert names(tmp_path) == ["curves.csv", "curves.svg"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def shown(pilot: Pilot[Any]) -> str:
    return screen_text(pilot.app)


async def filled(pilot: Pilot[Any], pane: MetricsPane) -> ChartPanel:
    """The pane with its points, drawn, with the keys on its list."""
    pane.show(entry())
    pane.receive(MetricsArrived(REF, points(), reset=True))
    await until(pilot, lambda: "◆ 0.1695 at step 490" in screen(pane))
    await until(pilot, lambda: pane.panel.listing.has_focus)
    return pane.panel
