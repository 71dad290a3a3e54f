"""What the console looks like, at the three sizes it is made for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from tests.tui.console import make, until
from tests.tui.fake import NOW, FakeRuntime, events_of, few, many
from trainer_tui.core.board import Pending
from trainer_tui.core.estimate import Estimate
from trainer_tui.core.messages import MetricsArrived
from trainer_tui.model import Capability, JobRef, Metric
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.glyphs import ASCII

Compare = Callable[..., bool]
DOG = JobRef("comfy", "tr_01")
SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clock times are shown in the zone of the machine; here that is UTC."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def runtime() -> FakeRuntime:
    """Seven jobs; one is watched and estimated, one is being canceled, one is as last known."""
    made = FakeRuntime(few())
    for ref, changes in {
        DOG: {
            "watched": True,
            "estimate": Estimate(0.72, 4332.0, NOW + timedelta(seconds=4332), False),
        },
        JobRef("local", "0hx2k9"): {"pending": Pending(Capability.CANCEL, "acknowledged", NOW)},
        JobRef("comfy", "tr_02"): {"stale": True},
    }.items():
        entry = made.board.get(ref)
        assert entry is not None
        made.board._entries[ref] = dataclasses.replace(entry, **changes)  # type: ignore[arg-type]
    made.store.kept += events_of(DOG)
    return made


def ready(app: TrainerApp, *keys: str) -> Callable[[Any], Any]:
    """Wait for the pane, draw a curve, press some keys."""

    async def before(pilot: Any) -> None:
        await until(pilot, lambda: app.main is not None and app.main.detail.pane is not None)
        await until(pilot, lambda: app.begun)
        assert app.main is not None
        main, fake = app.main, cast(FakeRuntime, app.runtime)
        points = [Metric("loss", n, 1.2 * 0.99**n + 0.3) for n in range(0, 960, 10)]

        async def told() -> None:
            """The pane has shown the job once the job is watched; then the curve comes."""
            hidden = not main.detail.display
            await until(pilot, lambda: fake.watching or app.selected is None or hidden)
            fake.tell(MetricsArrived(DOG, points, True))

        await told()
        await pilot.press(*keys)
        main.settle()
        await pilot.pause()
        await told()
        await pilot.pause()

    return before


@pytest.mark.parametrize(
    ("theme", "size"), [*(("midnight", size) for size in SIZES), ("daylight", (120, 40))]
)
def test_main_screen(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], theme: str
) -> None:
    """Table and detail of a running job."""
    session = {"theme": theme, "selected": str(DOG)}
    app = make(tmp_path, runtime=runtime(), session=session)
    assert snap_compare(app, terminal_size=size, run_before=ready(app))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_thousands_of_jobs(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Far down in a long table, sorted by status."""
    session = {"sort": "status", "selected": "local/j001201"}
    app = make(tmp_path, many(3000), session=session)
    assert snap_compare(app, terminal_size=size, run_before=ready(app))


@pytest.mark.parametrize("size", SIZES[:2])
def test_no_jobs(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Nothing yet, and what to press."""
    app = make(tmp_path, [])
    assert snap_compare(app, terminal_size=size, run_before=ready(app))


def test_detail_on_a_small_terminal(snap_compare: Compare, tmp_path: Path) -> None:
    """The detail has the whole screen at 80×24."""
    app = make(tmp_path, runtime=runtime(), session={"selected": str(DOG)})
    assert snap_compare(app, terminal_size=(80, 24), run_before=ready(app, "enter"))


def test_ascii(snap_compare: Compare, tmp_path: Path) -> None:
    """The main screen in ASCII."""
    app = make(tmp_path, runtime=runtime(), session={"selected": str(DOG)}, glyphs=ASCII)
    assert snap_compare(app, terminal_size=(100, 30), run_before=ready(app))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("help", ["question_mark"]),
        ("palette", ["colon", "c", "a", "n"]),
        ("confirm_one", ["c"]),
        ("confirm_many", ["asterisk", "c"]),
        ("profiles", ["P"]),
        ("track", ["T"]),
        ("filter_mistake", ["slash", "d", "o", "g", "space", "left_parenthesis"]),
        ("events", ["7"]),
    ],
)
def test_dialogs(snap_compare: Compare, tmp_path: Path, name: str, keys: list[str]) -> None:
    """Each dialog over the main screen."""
    app = make(tmp_path, runtime=runtime(), session={"selected": str(DOG)})
    assert snap_compare(app, terminal_size=(120, 40), run_before=ready(app, *keys))


def test_welcome(snap_compare: Compare, tmp_path: Path) -> None:
    """The first start."""
    app = make(tmp_path, [], profiles={})

    async def before(pilot: Any) -> None:
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.pause()

    assert snap_compare(app, terminal_size=(100, 30), run_before=before)
