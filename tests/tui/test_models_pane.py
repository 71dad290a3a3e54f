"""The Models tab with the keys that a person presses, and what a model tells of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.console import asked, make, running, screen_text, until
from tests.tui.fake import FakeRuntime, job
from trainer_tui.config import Profile
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.messages import ActDone, Aspect, AspectFailed, ModelsArrived
from trainer_tui.errors import StateError
from trainer_tui.model import Artifact, ArtifactKind, JobRef, Model, ModelPage, Status
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.glyphs import ASCII, UNICODE, Glyphs
from trainer_tui.tui.widgets.models_pane import ModelsPane
from trainer_tui.tui.widgets.models_table import columns

pytestmark = pytest.mark.anyio

VISION, KAOS = JobRef("vision", "shop/carts/3"), JobRef("kaos", "team:7")
PROFILES = {"vision": Profile("vision", "roboflow"), "kaos": Profile("kaos", "kaos")}


def nas(starred: Iterable[str] = ()) -> ModelPage:
    """Three children of a search."""
    rows = [("child-a", 0.912, 0.71), ("child-b", 0.874, 0.66), ("child-c [v2]", 0.8, 0.59)]
    found = tuple(
        Model(
            name.split(" ")[0],
            name,
            "finished",
            {"map50": high, "map5095": low, "latency": 3.25},
            starred=name in starred,
            recommended=name == "child-b",
            hyperparameters={"rank": "8", "resolution": "640"},
            group="nas",
            artifact=Artifact(f"{name[:7]}.pt", ArtifactKind.WEIGHTS, "/weights"),
        )
        for name, high, low in rows
    )
    return ModelPage(found, available_metrics=("map50", "map5095", "latency"))


def leaderboard(number: int, sort_by: str | None = None) -> ModelPage:
    """A page of ten partitions, of three."""
    count = 10 if number < 2 else 4
    found = tuple(
        Model(
            f"m{number * 10 + row:02}",
            f"m{number * 10 + row:02}",
            metrics={"accuracy": 0.99 - (number * 10 + row) / 100},
            score=0.99 - (number * 10 + row) / 100,
            hyperparameters={"lr": "0.01", "depth": str(row)},
        )
        for row in range(count)
    )
    return ModelPage(found, number, 3, ("accuracy",), sort_by)


@asynccontextmanager
async def models(
    home: Path, ref: JobRef, size: tuple[int, int] = (120, 40), glyphs: Glyphs = UNICODE
) -> AsyncIterator[tuple[TrainerApp, Pilot[Any], ModelsPane]]:
    """The console with the Models tab of a job open and focused."""
    jobs = [
        job("vision/shop/carts/3", "carts/3", Status.RUNNING, step=(3, 10), age=300),
        job("kaos/team:7", "mnist:7", Status.SUCCEEDED, age=900),
    ]
    runtime = FakeRuntime(jobs, profiles=tuple(PROFILES))
    session = {"selected": str(ref)}
    app = make(home, runtime=runtime, profiles=PROFILES, session=session, glyphs=glyphs)
    async with running(app, size) as pilot:
        await pilot.press("6")
        assert app.main is not None
        main = app.main
        await until(pilot, lambda: isinstance(main.detail.pane, ModelsPane))
        pane = main.detail.pane
        assert isinstance(pane, ModelsPane)
        await until(pilot, lambda: Aspect.MODELS in runtime.watching.get(ref, set()))
        if not main.detail.has_focus_within:
            await pilot.press("tab")
        await until(pilot, lambda: pane.has_focus_within)
        yield app, pilot, pane


def tell(app: TrainerApp, message: object) -> None:
    """As the network thread would."""
    runtime: Any = app.runtime
    runtime.tell(message)


def rows(pane: ModelsPane) -> list[str]:
    """The rows as they are painted."""
    table = pane.table
    return [table.render_line(y).text.rstrip(" ▐") for y in range(len(table.page.models))]


async def arrived(app: TrainerApp, pilot: Pilot[Any], ref: JobRef, page: ModelPage) -> None:
    """A page comes and is shown."""
    assert app.main is not None
    pane = app.main.detail.pane
    assert isinstance(pane, ModelsPane)
    tell(app, ModelsArrived(ref, page))
    await until(pilot, lambda: pane.page == page)
    await pilot.pause()


async def test_a_leaderboard(tmp_path: Path) -> None:
    """Rank, star, name, recommendation, metrics in aligned columns, hyper-parameters; names with
    brackets are text."""
    async with models(tmp_path, VISION) as (app, pilot, pane):
        await arrived(app, pilot, VISION, nas(["child-a"]))
        first, second, third = rows(pane)
        assert first.split() == ["1", "★", "child-a", "finished", "0.912", "0.710", "3.250",
                                 "rank=8", "resolution=640"]  # fmt: skip
        assert second.startswith("  2 ☆   child-b ◈") and "child-c [v2]" in third
        header = pane.table.header(pane.table.text_width)
        assert header.index("map50") + 5 == first.index("0.912") + 5
        assert "child-a · nas · finished" in screen_text(app)


async def test_sorting_goes_through_the_metrics(tmp_path: Path) -> None:
    """``o`` asks for the next metric from the first page; the column that sorts is marked when it
    has come; ``O`` goes back."""
    async with models(tmp_path, VISION) as (app, pilot, _):
        await arrived(app, pilot, VISION, nas())
        await pilot.press("o")
        assert asked(app)[-1] == ("turn", VISION, 0, "map50")
        assert "by map50…" in screen_text(app)
        page = nas()
        await arrived(
            app,
            pilot,
            VISION,
            ModelPage(page.models, available_metrics=page.available_metrics, sort_by="map50"),
        )
        assert "map50↓" in screen_text(app) and "by map50 " in screen_text(app)
        await pilot.press("o", "o", "O")
        assert [call[3] for call in asked(app) if call[0] == "turn"][-3:] == [
            "map5095", "latency", "map5095",
        ]  # fmt: skip


async def test_pages_are_turned(tmp_path: Path) -> None:
    """pgdn and pgup ask for pages; ranks go on from page to page; the ends hold."""
    async with models(tmp_path, KAOS) as (app, pilot, pane):
        await arrived(app, pilot, KAOS, leaderboard(0))
        assert "page 1 of 3" in screen_text(app)
        await pilot.press("pageup")
        assert asked(app)[-1] == ("turn", KAOS, 0, None)
        await pilot.press("pagedown", "pagedown")
        assert asked(app)[-1] == ("turn", KAOS, 2, None)
        await arrived(app, pilot, KAOS, leaderboard(2))
        assert rows(pane)[0].split()[:2] == ["21", "m20"] and "page 3 of 3" in screen_text(app)
        before = len(asked(app))
        await pilot.press("pagedown")
        assert len(asked(app)) == before


async def test_a_star_is_asked_accepted_and_seen(tmp_path: Path) -> None:
    """The row shows each of the three; a refusal takes the mark back and says why."""
    async with models(tmp_path, VISION) as (app, pilot, pane):
        await arrived(app, pilot, VISION, nas())
        runtime: Any = app.runtime
        calls: list[dict[str, Any]] = []
        runtime.perform = lambda act, ref, **wishes: calls.append({"act": act, **wishes})
        await pilot.press("asterisk")
        assert calls == [{"act": Act.STAR, "model_id": "child-a", "starred": True}]
        assert "1 ★…  child-a" in rows(pane)[0]
        tell(app, ActDone(Outcome(VISION, Act.STAR, True, "starred", model_id="child-a")))
        await until(pilot, lambda: "1 ★✓  child-a" in rows(pane)[0])
        await arrived(app, pilot, VISION, nas(["child-a"]))
        assert "1 ★   child-a" in rows(pane)[0]
        await pilot.press("asterisk")
        assert calls[-1]["starred"] is False and "1 ☆…" in rows(pane)[0]
        error = StateError("not a NAS child", code="MODEL_NOT_NAS")
        tell(
            app,
            ActDone(Outcome(VISION, Act.STAR, False, "no stars here", error, model_id="child-a")),
        )
        await until(pilot, lambda: "no stars here" in screen_text(app))
        assert "1 ★   child-a" in rows(pane)[0]


async def test_where_stars_do_not_exist_it_says_so(tmp_path: Path) -> None:
    """kaos has no stars: the key says why, and nothing is asked."""
    async with models(tmp_path, KAOS) as (app, pilot, _):
        await arrived(app, pilot, KAOS, leaderboard(0))
        await pilot.press("asterisk")
        await until(pilot, lambda: "cannot star a model; note its id" in screen_text(app))
        assert not any(call[0] is Act.STAR for call in asked(app))


async def test_a_model_is_downloaded(tmp_path: Path) -> None:
    """Its files are asked for and queued; where there are none, that is said."""
    async with models(tmp_path, VISION) as (app, pilot, _):
        await arrived(app, pilot, VISION, nas())
        await pilot.press("d")
        await until(pilot, lambda: ("download", VISION, 1) in asked(app))
        assert ("files", VISION, "child-a") in asked(app)
    async with models(tmp_path, KAOS) as (app, pilot, _):
        await arrived(app, pilot, KAOS, leaderboard(0))
        await pilot.press("j", "d")
        await until(pilot, lambda: "no files of m01" in screen_text(app))


async def test_the_states_without_models(tmp_path: Path) -> None:
    """Asked, none yet with the service's reason, none at all: each is said."""
    async with models(tmp_path, VISION) as (app, pilot, _):
        assert "Asking for the models" in screen_text(app)
        error = StateError("The job is still running.", hint="They come when it has ended.")
        tell(app, AspectFailed(VISION, Aspect.MODELS, error))
        await until(pilot, lambda: "No models yet. The job is still running." in screen_text(app))
        assert "They come when it has ended." in screen_text(app)
        await arrived(app, pilot, VISION, ModelPage(()))
        assert "They appear here as the job makes them." in screen_text(app)


async def test_another_job_begins_on_its_first_page(tmp_path: Path) -> None:
    """The page and the order belong to the job that they were chosen for."""
    async with models(tmp_path, KAOS) as (app, pilot, pane):
        await arrived(app, pilot, KAOS, leaderboard(0))
        await pilot.press("pagedown")
        assert app.main is not None
        app.main.table.select(VISION)
        await until(pilot, lambda: pane.job is not None and pane.job.ref == VISION)
        assert asked(app)[-1] == ("turn", VISION, 0, None) and pane.page is None


async def test_the_detail_of_a_model(tmp_path: Path) -> None:
    """Enter shows every number, the hyper-parameters and the provenance as a tree; ctrl+s saves
    it, and never over another file."""
    async with models(tmp_path, KAOS) as (app, pilot, _):
        await arrived(app, pilot, KAOS, leaderboard(0))
        app.config = type(app.config)(**{
            **{name: getattr(app.config, name) for name in app.config.__slots__},
            "downloads": type(app.config.downloads)(folder=tmp_path / "down"),
        })  # fmt: skip
        await pilot.press("enter")
        await until(pilot, lambda: "└─ data" in screen_text(app))
        text = screen_text(app)
        assert "m00" in text and "accuracy" in text and "0.990" in text and "depth" in text
        assert "└─ job" in text and "├─ code" in text
        await pilot.press("ctrl+s", "ctrl+s")
        found = sorted(path.name for path in (tmp_path / "down").iterdir())
        assert found == ["m00-provenance (2).dot", "m00-provenance.dot"]
        assert (tmp_path / "down" / found[1]).read_text().startswith("digraph")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        runtime: Any = app.runtime
        await until(pilot, lambda: Aspect.MODELS in runtime.watching.get(KAOS, set()))


async def test_the_detail_says_why_there_is_no_provenance(tmp_path: Path) -> None:
    """Where a service keeps none, its reason stands in the place of the tree."""
    async with models(tmp_path, VISION) as (app, pilot, _):
        await arrived(app, pilot, VISION, nas())
        await pilot.press("enter")
        await until(pilot, lambda: "Roboflow keeps no provenance" in screen_text(app))
        await pilot.press("asterisk")
        assert asked(app)[-1] == (Act.STAR, VISION)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
async def test_columns_fit_every_width(width: int) -> None:
    """No row is wider than there is room; the metric that sorts is the last to go."""
    page = nas()
    page = ModelPage(page.models, available_metrics=page.available_metrics, sort_by="latency")
    found = columns(page, width)
    used = 8 + found.name + found.status + sum(cells for _, cells in found.metrics) + found.score
    used += found.words + 2 if found.words else 0
    assert used <= width
    assert "latency" in dict(found.metrics)


async def test_without_unicode(tmp_path: Path) -> None:
    """In ASCII nothing else is drawn."""
    async with models(tmp_path, VISION, (80, 24), ASCII) as (app, pilot, _):
        await arrived(app, pilot, VISION, nas(["child-a"]))
        assert screen_text(app).isascii()
        await pilot.press("enter")
        await until(pilot, lambda: "Hyper-parameters" in screen_text(app))
        assert screen_text(app).isascii()
