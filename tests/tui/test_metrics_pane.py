"""The Metrics tab with the keys that a person presses."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from tests.tui.panes import NOW, REF, PaneApp, entry
from tests.tui.waiting import until
from trainer_tui.core.messages import ArtifactsArrived, Aspect, AspectFailed, MetricsArrived
from trainer_tui.core.series import Axis
from trainer_tui.errors import NetworkError
from trainer_tui.model import Artifact, ArtifactKind, Capability, JobRef, Metric
from trainer_tui.tui.screens.metrics_screen import MetricsScreen
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
    """What arrives is added; with reset it is all there is."""
    pane = MetricsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        pane.show(entry())
        assert pane.has_class("instead")
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
    """Steps of checkpoints are told by the job and by its files."""
    pane = MetricsPane()
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
