"""On a small terminal nothing that matters is cut, and the keys that are shown are there."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

import pytest
from textual.widgets import Input

from tests.tui.console import make, running, screen_text, until
from tests.tui.fake import FakeRuntime, events_of, few, many
from trainer_tui.errors import NetworkError
from trainer_tui.model import JobRef
from trainer_tui.tui.commands import BY_ID
from trainer_tui.tui.glyphs import ASCII
from trainer_tui.tui.screens.profiles import ProfilesScreen
from trainer_tui.tui.widgets.line import Piece, abreast, width_of

SMALL = (80, 24)


async def test_the_question_stays_in_sight_below_a_long_list(tmp_path: Path) -> None:
    """Many jobs to cancel at 80x24: what is asked, and how to leave, are on the screen."""
    app = make(tmp_path, many(60))
    async with running(app, SMALL) as pilot:
        await pilot.press("asterisk", "c")
        await until(pilot, lambda: "Type the word cancel" in screen_text(app))
        assert "esc leaves them alone" in screen_text(app)
        assert "type cancel and press enter" in screen_text(app)


async def test_help_is_not_cut_beside_its_bar(tmp_path: Path) -> None:
    """Every word of a sentence is there, although the list is long enough for a scroll bar."""
    app = make(tmp_path)
    async with running(app, SMALL) as pilot:
        await pilot.press("question_mark")
        sentence = BY_ID["job.compare"].help.replace("Lay", "", 1).split()
        await until(pilot, lambda: "Lay the curves" in screen_text(app))
        told = screen_text(app)
        assert [word for word in sentence if word not in told] == []


async def test_the_key_bar_of_the_filter_offers_its_own_keys(tmp_path: Path) -> None:
    """While a filter is typed, Enter and Escape are offered and not keys that would be typed."""
    app = make(tmp_path)
    async with running(app, SMALL) as pilot:
        await pilot.press("slash")
        await until(pilot, lambda: "enter keep  esc undo" in screen_text(app))
        assert "/ filter" not in screen_text(app).splitlines()[-1]


async def test_the_proposed_name_is_that_of_the_chosen_provider(tmp_path: Path) -> None:
    """Another provider, another name; what was typed stays."""
    app = make(tmp_path)
    async with running(app, SMALL) as pilot:
        await pilot.press("P", "a")
        await until(pilot, lambda: app.screen.query("#field-name"))
        field = app.screen.query_one("#field-name", Input)
        await until(pilot, lambda: field.value == "kaos")
        await pilot.press("pagedown")
        await until(pilot, lambda: field.value == "roboflow")
        field.focus()
        await pilot.press("m", "i", "n", "e", "pagedown")
        await until(pilot, lambda: "runcomfy.net" in screen_text(app))
        assert field.value == "mine"


async def test_a_profile_that_its_owner_wrote_is_not_offered_for_removal(tmp_path: Path) -> None:
    """Removing it cannot work: that is said at once, without a question first."""
    app = make(tmp_path)
    app.paths.config_file.write_text('[profiles.comfy]\nprovider = "runcomfy"\n')
    async with running(app, SMALL) as pilot:
        await pilot.press("P")
        await until(pilot, lambda: "answered" in screen_text(app))
        await pilot.press("x")
        await until(pilot, lambda: "which only you edit" in " ".join(screen_text(app).split()))
        assert "Remove it?" not in screen_text(app)


async def test_a_long_error_of_a_profile_is_read_to_its_end(tmp_path: Path) -> None:
    """The dialog wraps what a service said to its own width."""
    app = make(tmp_path)
    error = NetworkError("no connection", hint="one two three " * 4 + "and the very last word")
    async with running(app, SMALL) as pilot:
        await pilot.press("P")
        states = dict(app.runtime.states())
        states["comfy"] = dataclasses.replace(states["comfy"], phase="offline", error=error)
        app.runtime.states = lambda: states  # type: ignore[method-assign]
        await until(pilot, lambda: "answered" in screen_text(app))
        cast(ProfilesScreen, app.screen).renew()
        await until(pilot, lambda: "last word" in screen_text(app))
        assert "and the very" in screen_text(app)


@pytest.mark.parametrize("keys", [["t"], ["question_mark"], ["colon"], ["n"], ["7"], ["P", "a"]])
async def test_ascii_is_ascii_in_the_dialogs_too(tmp_path: Path, keys: list[str]) -> None:
    """Lists that are longer than the screen, hints, and events: no sign that may be missing."""
    jobs = [job for job in few() if job.name.isascii()]
    app = make(tmp_path, jobs, glyphs=ASCII, session={"selected": "comfy/tr_01"})
    cast(FakeRuntime, app.runtime).store.kept += events_of(JobRef("comfy", "tr_01"))
    async with running(app, SMALL) as pilot:
        before = screen_text(app)
        await pilot.press(*keys)
        await until(pilot, lambda: screen_text(app) != before)
        await pilot.pause()
        assert [sign for sign in screen_text(app) if not sign.isascii()] == []


async def test_the_first_choices_are_not_cut(tmp_path: Path) -> None:
    """The welcome says in full what each choice does."""
    app = make(tmp_path, [], profiles={})
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "needs no account 1" in screen_text(app))
        assert "nothing of yours is touched" in screen_text(app)


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [(0, "one  two  ~"), (1, "one  two  ~"), (2, "~ three  ~"), (3, "~ three  four")],
)
def test_words_that_do_not_fit_are_told(chosen: int, shown: str) -> None:
    """Of words side by side the chosen one is seen, and a sign says that there are more."""
    words = [Piece(f"{word} ") for word in ("one", "two", "three", "four")]
    pieces = abreast(words, chosen, 15, "~")
    assert width_of(pieces) <= 15
    assert "".join(piece.text for piece in pieces).rstrip() == shown
