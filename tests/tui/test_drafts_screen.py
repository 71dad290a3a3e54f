"""The list of drafts: what they are, reopening, the difference, dropping one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.tui.editing import FLUX, NOW, REF, EditApp, arrive
from tests.tui.test_editor import SIZE, settled, shown
from tests.tui.waiting import until
from trainer_tui.core.drafts import Place, put_place, set_aside
from trainer_tui.core.rows import Draft
from trainer_tui.core.yamlconfig import set_value
from trainer_tui.tui.screens.confirm import ConfirmScreen
from trainer_tui.tui.screens.diff import DiffScreen
from trainer_tui.tui.screens.drafts import DraftsScreen
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.screens.new_text import NewTextScreen
from trainer_tui.tui.screens.odds import OddsScreen
from trainer_tui.tui.widgets.draft_list import first_change

MINE = set_value(set_value(FLUX, "train.steps", 50), "train.lr", "2e-4")


def fill(app: EditApp) -> None:
    """An edit, a new job, a sent edit, and a text that was not chosen."""
    store = app.store
    minutes = [NOW - timedelta(minutes=n) for n in (12, 40, 90, 600)]
    store.put_draft(Draft("e", "comfy", MINE, minutes[0], "edit", REF, FLUX))
    new = set_value(FLUX, "config.name", "my_idea")
    store.put_draft(Draft("n", "comfy", new, minutes[1], "new", None, FLUX))
    put_place(store, "n", Place("HOPPER_141", 8))
    sent = set_value(FLUX, "train.steps", 70)
    store.put_draft(Draft("s", "comfy", sent, minutes[2], "edit", REF, FLUX, None, minutes[2]))
    set_aside(store, minutes[3], profile="comfy", ref=REF, text=MINE + "#\n", base_text=FLUX)
    store.put_draft(Draft("same", "comfy", FLUX, minutes[3], "new", None, FLUX))


async def test_every_draft_is_listed(tmp_path: Path) -> None:
    """Newest first, with kind, job, age, what changes first; and whether the base has changed."""
    app = EditApp(tmp_path)
    fill(app)
    async with app.run_test(size=(120, 24)) as pilot:
        app.push_screen(DraftsScreen())
        await until(pilot, lambda: "4 in all" in shown(app))
        lines = shown(app).split("\n")
        assert "edit" in lines[1] and "dog_portrait_lora  comfy/j1" in lines[1]
        assert "12m ago" in lines[1] and "train.steps 2000 → 50 and 1 more" in lines[1]
        assert "new" in lines[2] and "my_idea" in lines[2]
        assert "sent" in lines[3] and "set aside" in lines[4]
        assert "2 not sent, 4 in all" in lines[0]
        arrive(app, FLUX)
        await until(pilot, lambda: "same base" in shown(app))


async def test_a_changed_base_is_seen_before_opening(tmp_path: Path) -> None:
    """When the service's config is another than the draft's base, the row says so."""
    app = EditApp(tmp_path)
    fill(app)
    async with app.run_test(size=(120, 24)) as pilot:
        app.push_screen(DraftsScreen())
        await until(pilot, lambda: "4 in all" in shown(app))
        arrive(app, FLUX + "# theirs\n")
        await until(pilot, lambda: "base changed" in shown(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        arrive(app, FLUX + "# theirs\n")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))


async def test_enter_reopens_an_edit(tmp_path: Path) -> None:
    """The editor of the job opens with the text; going on replaces the draft."""
    app = EditApp(tmp_path)
    fill(app)
    async with app.run_test(size=SIZE) as pilot:
        app.push_screen(DraftsScreen())
        await until(pilot, lambda: "4 in all" in shown(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        screen = app.screen
        assert isinstance(screen, EditorScreen)
        await pilot.pause()
        arrive(app, FLUX)
        await until(pilot, lambda: screen.area.text == MINE)
        screen.area.insert("#")
        await settled(pilot, screen)
        assert next(d for d in app.store.drafts() if d.id == "e").text == screen.area.text


async def test_enter_reopens_a_new_job_where_it_was(tmp_path: Path) -> None:
    """The text of a new job opens with its GPU and count; it stays the same draft."""
    app = EditApp(tmp_path)
    fill(app)
    async with app.run_test(size=SIZE) as pilot:
        app.push_screen(DraftsScreen())
        await until(pilot, lambda: "4 in all" in shown(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, NewTextScreen))
        screen = app.screen
        assert isinstance(screen, NewTextScreen)
        assert (screen.target.gpu_type, screen.target.gpu_count) == ("HOPPER_141", 8)
        assert screen.area.text == set_value(FLUX, "config.name", "my_idea")
        assert screen.token == "n"


@pytest.mark.parametrize("downs", [2, 3])
async def test_what_was_sent_or_set_aside_begins_another_edit(tmp_path: Path, downs: int) -> None:
    """Opening such a text makes an edit of it; the draft itself stays as it is."""
    app = EditApp(tmp_path)
    fill(app)
    async with app.run_test(size=SIZE) as pilot:
        app.push_screen(DraftsScreen())
        await until(pilot, lambda: "4 in all" in shown(app))
        before = app.store.drafts()
        await pilot.press(*["down"] * downs, "enter")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        screen = app.screen
        assert isinstance(screen, EditorScreen)
        await pilot.pause()
        arrive(app, FLUX)
        wanted = [d for d in before if d.id != "same"][downs].text
        await until(pilot, lambda: screen.area.text == wanted)
        await settled(pilot, screen)
        assert {d.id for d in before} < {d.id for d in app.store.drafts()}


async def test_the_difference_and_dropping(tmp_path: Path) -> None:
    """Where the rows are short, the line below says what the draft under the cursor changes; d
    shows it; x asks, and no keeps it. Of a job that is gone the text begins a new one."""
    app = EditApp(tmp_path)
    fill(app)
    async with app.run_test(size=SIZE) as pilot:
        screen = DraftsScreen()
        app.push_screen(screen)
        await until(pilot, lambda: "train.steps 2000 → 50 and 1 more" in shown(app))
        await pilot.press("down", "down")
        await until(pilot, lambda: "train.steps 2000 → 70 " in shown(app).split("\n")[-2])
        await pilot.press("home")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.pause()
        assert "train.steps  2000 → 50" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert len(screen.list.drafts) == 4
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: len(screen.list.drafts) == 3)
        assert "e" not in {d.id for d in app.store.drafts()}
        app.board.held.clear()
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, NewTextScreen))
        assert "comfy/j1 is gone" in app.said[-1]


def test_what_a_draft_changes_is_said_in_a_few_words() -> None:
    """The first value and how many more; what is no YAML names the line where that is."""

    def said(text: str, base: str | None) -> str:
        return first_change(Draft("d", "comfy", text, NOW, base_text=base), ">")

    assert said("a: 2\nb: 2", "a: 1\nb: 1") == "a 1 > 2 and 1 more"
    assert said("a: 1 # x", "a: 1") == "remarks or layout"
    assert said("a: 1\nb\n", "a: 1\n") == "no YAML yet: line 2"
    assert said("a: 1\nb: 2", "") == "2 lines"


@pytest.mark.parametrize("ascii_only", [True, False])
async def test_no_drafts_says_what_to_press(tmp_path: Path, ascii_only: bool) -> None:
    """An empty list explains how drafts come to be; its keys do nothing."""
    app = EditApp(tmp_path, ascii_only=ascii_only)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(DraftsScreen())
        await until(pilot, lambda: "No drafts." in shown(app))
        assert "n writes a new one" in shown(app)
        await pilot.press("enter", "d", "x")
        assert isinstance(app.screen, DraftsScreen)
        if ascii_only:
            assert {c for c in shown(app) if not c.isascii()} == set()
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
