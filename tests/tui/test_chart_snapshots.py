"""What every form of a chart looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from textual.pilot import Pilot

from tests.tui.charts import END, answer, compare, points
from tests.tui.panes import REF, PaneApp, entry
from tests.tui.waiting import until
from trainer_tui.core.messages import ArtifactsArrived, MetricsArrived
from trainer_tui.model import Artifact, ArtifactKind
from trainer_tui.tui.screens.compare_screen import CompareScreen
from trainer_tui.tui.widgets.chart_panel import ChartPanel
from trainer_tui.tui.widgets.metrics_pane import MetricsPane

SIZES = [(80, 24), (120, 40), (200, 50)]
Snap = Callable[..., bool]


async def drawn(pilot: Pilot[None], panel: ChartPanel) -> None:
    """Wait until the panel has its size and shows what it was given."""
    view = panel.grid if panel.has_class("grid") else panel.chart

    def is_drawn() -> bool:
        if not view.size.height or not panel.has_curves:
            return False
        return view._rows == view.draw_rows(*view.size)

    await until(pilot, is_drawn, "the chart")
    await pilot.pause()


def look(
    snap_compare: Snap, size: tuple[int, int], *keys: str, ascii_only: bool = False,
    light: bool = False, now: datetime = END
) -> bool:  # fmt: skip
    """Compare a job's curves, after some keys, with the picture that is kept."""
    pane = MetricsPane()
    app = PaneApp(pane, ascii_only=ascii_only, light=light)

    async def prepare(pilot: Pilot[None]) -> None:
        pane.panel.clock = now.timestamp
        pane.panel.look = replace(pane.panel.look, zone=UTC)
        pane.show(entry(checkpoint_step=750))
        pane.receive(MetricsArrived(REF, points(), reset=True))
        files = [Artifact(f"{n}", ArtifactKind.CHECKPOINT, "", step=n) for n in (250, 500)]
        pane.receive(ArtifactsArrived(REF, files))
        await until(pilot, lambda: pane.panel.listing.has_focus)
        await drawn(pilot, pane.panel)
        for key in keys:
            await pilot.press(key)
        await drawn(pilot, pane.panel)

    return snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.parametrize("size", SIZES)
def test_single(snap_compare: Snap, size: tuple[int, int]) -> None:
    """The loss with its best value, a NaN, a spike, a stall and checkpoints."""
    assert look(snap_compare, size)


@pytest.mark.parametrize("size", SIZES[:2])
def test_several_keys(snap_compare: Snap, size: tuple[int, int]) -> None:
    """Two losses on one axis."""
    assert look(snap_compare, size, "space", "j")


def test_several_keys_apart(snap_compare: Snap) -> None:
    """The loss and the learning rate, each on its own scale, read by the cursor."""
    assert look(snap_compare, (120, 40), "space", "G", "left", "left")


@pytest.mark.parametrize("axis", [(), ("X", "X")], ids=["steps", "clock"])
def test_a_stall_that_goes_on(snap_compare: Snap, axis: tuple[str, ...]) -> None:
    """At the end of the steps, or up to now on the clock."""
    assert look(snap_compare, (120, 40), *axis, now=END + timedelta(minutes=20))


def test_logarithmic(snap_compare: Snap) -> None:
    """A norm over two powers of ten."""
    assert look(snap_compare, (80, 24), "j", "j", "j", "L")


def test_smoothed(snap_compare: Snap) -> None:
    """The raw values faint behind."""
    assert look(snap_compare, (80, 24), "S", "comma")


def test_wall_time(snap_compare: Snap) -> None:
    """The clock below; the stall is dotted."""
    assert look(snap_compare, (120, 40), "X", "X")


def test_relative_time(snap_compare: Snap) -> None:
    """Time since the start."""
    assert look(snap_compare, (120, 40), "X")


def test_near_with_cursor(snap_compare: Snap) -> None:
    """A part of the curve, with a cursor on a point."""
    near = ["left"] * 20 + ["greater_than_sign"] * 3
    assert look(snap_compare, (120, 40), *near, "left", "left")


@pytest.mark.parametrize("size", SIZES)
def test_small_charts(snap_compare: Snap, size: tuple[int, int]) -> None:
    """All keys side by side, the cursor on the second."""
    assert look(snap_compare, size, "A", "right")


def test_ascii(snap_compare: Snap) -> None:
    """Without a single character beyond ASCII."""
    assert look(snap_compare, (80, 24), ascii_only=True)


def test_ascii_several(snap_compare: Snap) -> None:
    """Two curves, smoothed, with a cursor, in ASCII."""
    keys = ("space", "j", "S", "left", "left")
    assert look(snap_compare, (120, 40), *keys, ascii_only=True)


def test_ascii_small_charts(snap_compare: Snap) -> None:
    """Small charts in ASCII."""
    assert look(snap_compare, (80, 24), "A", ascii_only=True)


def test_light(snap_compare: Snap) -> None:
    """On a light ground: smoothed, two keys, a cursor."""
    assert look(snap_compare, (120, 40), "space", "j", "S", "left", "left", light=True)


def side_by_side(
    snap_compare: Snap, size: tuple[int, int], *keys: str, count: int = 3,
    ascii_only: bool = False, light: bool = False
) -> bool:  # fmt: skip
    """Compare the comparison of some jobs with the picture that is kept."""
    app = PaneApp(None, ascii_only=ascii_only, light=light)

    async def prepare(pilot: Pilot[None]) -> None:
        screen: CompareScreen = await compare(app, count)
        screen.panel.look = replace(screen.panel.look, zone=UTC)
        answer(screen)
        await drawn(pilot, screen.panel)
        for key in keys:
            await pilot.press(key)
        if not screen.has_class("config"):
            await drawn(pilot, screen.panel)
        await pilot.pause()

    return snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.parametrize("size", SIZES)
def test_comparison(snap_compare: Snap, size: tuple[int, int]) -> None:
    """Three jobs of three services: curves, last and best, what the configs differ in."""
    assert side_by_side(snap_compare, size)


def test_comparison_with_a_job_that_has_nothing(snap_compare: Snap) -> None:
    """Why there are no curves and no config stands where they would."""
    assert side_by_side(snap_compare, (120, 40), "S", "left", "left", count=4)


def test_comparison_of_too_many(snap_compare: Snap) -> None:
    """A word about those that do not fit."""
    assert side_by_side(snap_compare, (120, 40), count=8)


def test_comparison_of_configs_alone(snap_compare: Snap) -> None:
    """The table of keys with the whole screen."""
    assert side_by_side(snap_compare, (80, 24), "C", count=4)


def test_comparison_of_all_keys(snap_compare: Snap) -> None:
    """Small charts, the jobs over each other in each."""
    assert side_by_side(snap_compare, (120, 40), "A")


def test_comparison_ascii(snap_compare: Snap) -> None:
    """In ASCII."""
    assert side_by_side(snap_compare, (80, 24), ascii_only=True)


def test_comparison_light(snap_compare: Snap) -> None:
    """On a light ground."""
    assert side_by_side(snap_compare, (120, 40), light=True)
