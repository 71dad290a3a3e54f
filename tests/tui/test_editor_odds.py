"""Somebody else changed the config too: keep mine, take theirs, merge; nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.editing import FLUX, REF, EditApp, arrive
from tests.tui.test_editor import SIZE, left_behind, opened, settled, shown
from tests.tui.waiting import until
from trainer_tui.core.drafts import unsent_edit
from trainer_tui.core.yamlconfig import set_value
from trainer_tui.errors import TrainerError
from trainer_tui.tui.screens.choose import ChooseScreen
from trainer_tui.tui.screens.diff import DiffScreen
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.screens.merge import MergeScreen
from trainer_tui.tui.screens.odds import Odds, OddsScreen

MINE = set_value(set_value(FLUX, "train.steps", 50), "train.lr", "2e-4")
THEIRS = set_value(set_value(FLUX, "train.lr", "5e-5"), "save.save_every", 100)


@asynccontextmanager
async def at_odds(
    home: Path, size: tuple[int, int] = SIZE
) -> AsyncIterator[tuple[EditApp, Pilot[Any], EditorScreen]]:
    """An edit under way, and then another config at the service; both changed lr; the choice."""
    app = EditApp(home)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, app)
        screen.area.replace_all(MINE)
        await settled(pilot, screen)
        arrive(app, THEIRS)
        await until(pilot, lambda: "not what it was when you began" in shown(app))
        assert app.screen is screen and screen.area.text == MINE
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "keep mine" in shown(app).lower())
        yield app, pilot, screen


def kept(app: EditApp) -> list[str]:
    """Texts that were set aside."""
    return [draft.text for draft in app.store.drafts(REF) if draft.kind == "kept"]


async def test_the_choice_says_what_each_side_changed(tmp_path: Path) -> None:
    """What they changed and what I changed stand in words above the difference; b turns it."""
    async with at_odds(tmp_path, size=(100, 44)) as (app, pilot, _screen):
        text = shown(app)
        for part in (
            "theirs  save.save_every  250 → 100",
            "train.lr  1e-4 → 5e-5",
            "yours   train.steps  2000 → 50",
            "train.lr  1e-4 → 2e-4",
            "- comfy has   + yours",
            "you choose in 1 place changed by both",
        ):
            assert part in text
        await pilot.press("b")
        await pilot.pause()
        assert "- when you began   + comfy has" in shown(app)


async def test_a_conflict_is_seen_before_the_answer(tmp_path: Path) -> None:
    """At ctrl+s the service is asked whether it has another config by now. If so, the question is
    which of the two; if it is taken back, the question is what it was. Nothing is sent."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        screen.area.replace_all(MINE)
        watched = len(app.runtime.watched)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Send it to comfy?" in shown(app))
        assert len(app.runtime.watched) == watched + 1
        arrive(app, FLUX)
        await pilot.pause()
        assert "Send it to comfy?" in shown(app) and "not what it was" not in shown(app)
        arrive(app, THEIRS)
        await until(pilot, lambda: "Choose between the two?" in shown(app))
        text = shown(app)
        assert "not what it was when you began. Yes shows both" in text
        assert "- when you began   + yours" in text
        await pilot.press("b")
        await until(pilot, lambda: "- comfy has   + yours" in shown(app))
        arrive(app, FLUX)
        await until(pilot, lambda: "Send it to comfy?" in shown(app))
        arrive(app, THEIRS)
        await until(pilot, lambda: "Choose between the two?" in shown(app))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))
        assert app.runtime.asked == []


async def test_keep_mine(tmp_path: Path) -> None:
    """My text goes on, now as an edit of theirs; theirs is among the drafts."""
    async with at_odds(tmp_path) as (app, pilot, screen):
        await pilot.press("k")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == MINE
        assert kept(app) == [THEIRS]
        await settled(pilot, screen)
        draft = unsent_edit(app.store, REF)
        assert draft is not None and (draft.text, draft.base_text) == (MINE, THEIRS)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        assert app.runtime.asked[0][2] == {"config_text": MINE, "base_text": THEIRS}


async def test_take_theirs(tmp_path: Path) -> None:
    """Their text is here; mine is among the drafts, and undo brings it back."""
    async with at_odds(tmp_path) as (app, pilot, screen):
        await pilot.press("t")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == THEIRS
        assert kept(app) == [MINE]
        await pilot.press("ctrl+z")
        assert screen.area.text == MINE


async def test_merge_asks_where_both_changed(tmp_path: Path) -> None:
    """What one side alone changed is taken; the shared line is chosen; both texts are kept."""
    async with at_odds(tmp_path) as (app, pilot, screen):
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, MergeScreen))
        await pilot.pause()
        text = shown(app)
        assert "place 1 of 1" in text
        assert "lr: 1e-4" in text and "lr: 2e-4" in text and "lr: 5e-5" in text
        await pilot.press("t")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == set_value(THEIRS, "train.steps", 50)
        assert sorted(kept(app)) == sorted([MINE, THEIRS])


async def test_leaving_a_merge_or_the_choice_changes_nothing(tmp_path: Path) -> None:
    """esc goes back step by step; the choice stays open, and ctrl+s asks for it."""
    async with at_odds(tmp_path) as (app, pilot, screen):
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, MergeScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == MINE and kept(app) == []
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))


async def test_the_place_before_can_be_chosen_anew(tmp_path: Path) -> None:
    """In a merge of two places u goes back to the first."""
    app = EditApp(tmp_path)
    mine = FLUX.replace("steps: 2000", "steps: 50").replace("linear: 16", "linear: 8")
    theirs = FLUX.replace("steps: 2000", "steps: 70").replace("linear: 16", "linear: 32")
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        screen.area.replace_all(mine)
        await settled(pilot, screen)
        arrive(app, theirs)
        await pilot.pause()
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, MergeScreen))
        await pilot.press("t", "u", "k", "t")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == mine.replace("steps: 50", "steps: 70")


async def test_without_an_edit_of_mine_theirs_is_simply_shown(tmp_path: Path) -> None:
    """Who has changed nothing is asked nothing, and told."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        arrive(app, THEIRS)
        await until(pilot, lambda: screen.area.text == THEIRS)
        await until(pilot, lambda: "has changed: this is it now" in shown(app))
        assert screen.odds is None
        await settled(pilot, screen)
        assert unsent_edit(app.store, REF) is None


async def test_the_same_change_is_no_conflict(tmp_path: Path) -> None:
    """When the service has just what I wrote there is nothing to choose, nor to send."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        screen.area.replace_all(MINE)
        arrive(app, MINE)
        await pilot.pause()
        assert screen.odds is None
        await pilot.press("ctrl+s")
        assert "Nothing has changed" in app.said[-1]


async def test_a_change_that_is_taken_back_ends_the_choice(tmp_path: Path) -> None:
    """When the service has again what it had, the edit simply goes on."""
    async with at_odds(tmp_path) as (app, pilot, screen):
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        arrive(app, FLUX)
        await pilot.pause()
        assert screen.odds is None
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))


async def test_a_third_text_asks_anew(tmp_path: Path) -> None:
    """When the service changes once more while one chooses, the new ones are asked about."""
    third = set_value(THEIRS, "train.steps", 7)
    async with at_odds(tmp_path) as (app, pilot, screen):
        before = app.screen
        arrive(app, third)
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen) and app.screen is not before)
        assert app.screen.odds.theirs == third  # type: ignore[attr-defined]
        await pilot.press("k")
        await until(pilot, lambda: app.screen is screen)
        assert screen.edit_base == third


async def test_a_draft_of_an_older_config_is_a_conflict(tmp_path: Path) -> None:
    """Restoring an edit whose base has changed at the service leads to the choice at once."""
    app = EditApp(tmp_path)
    left_behind(app, MINE)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, THEIRS)
        assert isinstance(app.screen, ChooseScreen)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == MINE
        draft = unsent_edit(app.store, REF)
        assert draft is not None and draft.base_text == FLUX


async def test_nothing_is_replaced_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the losing text cannot be kept, nothing is taken and the choice stays open."""
    async with at_odds(tmp_path) as (app, pilot, screen):

        def full(draft: object) -> None:
            raise TrainerError("no space left on the disk")

        monkeypatch.setattr(app.store, "put_draft", full)
        await pilot.press("t")
        await until(pilot, lambda: app.screen is screen)
        assert "no space left" in app.said[-1]
        assert screen.area.text == MINE and screen.odds is not None
        monkeypatch.undo()


async def test_long_texts_are_compared_beside_the_interface(tmp_path: Path) -> None:
    """Of texts of thousands of lines the choice is there at once; what changed follows."""
    lines = [f"    - folder_path: /data/part_{number}\n" for number in range(6_000)]
    text = "config:\n  steps: 10\n  datasets:\n" + "".join(lines)
    mine, theirs = text.replace("steps: 10", "steps: 20"), text.replace("part_5000\n", "other\n")
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        odds = Odds(text, theirs, "comfy has", "It has changed.", lambda theirs: None)
        screen = OddsScreen(odds, "a job", mine)
        await app.push_screen(screen)
        assert any("Comparing the values" in piece.text for row in screen.lines() for piece in row)
        await until(pilot, lambda: "steps  10 → 20" in shown(app))
        assert "datasets[5000].folder_path" in shown(app)
        await pilot.press("m")
        await until(pilot, lambda: app.screen is not screen)
