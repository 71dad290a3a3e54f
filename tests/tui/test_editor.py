"""The editor of a job's config: typing, problems, drafts, the difference, sending, failing."""

from __future__ import annotations

import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.editing import FLUX, REF, EditApp, arrive, fail, job
from tests.tui.waiting import until
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.drafts import Spot, put_spot, spot_of, unsent_edit
from trainer_tui.core.rows import Draft
from trainer_tui.core.store import Store
from trainer_tui.core.yamlconfig import Change, set_value
from trainer_tui.errors import ServiceError, StateError, TrainerError
from trainer_tui.model import Status
from trainer_tui.tui.screens import text_screen
from trainer_tui.tui.screens.choose import ChooseScreen
from trainer_tui.tui.screens.confirm import ConfirmScreen
from trainer_tui.tui.screens.diff import DiffScreen
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.screens.odds import OddsScreen
from trainer_tui.tui.screens.text_lines import StateLine
from trainer_tui.tui.screens.text_screen import TextScreen
from trainer_tui.tui.widgets.find_bar import FindBar

SIZE = (100, 30)


def gone(path: str) -> bool:
    """Whether nothing is there."""
    return not Path(path).exists()


async def opened(pilot: Pilot[Any], app: EditApp, text: str = FLUX) -> EditorScreen:
    """The editor with the service's text in it."""
    screen = EditorScreen(REF)
    app.push_screen(screen)
    await pilot.pause()
    arrive(app, text)
    await pilot.pause()
    return screen


async def typed(pilot: Pilot[Any], screen: EditorScreen, line: int, text: str) -> None:
    """Text typed at the end of a line, checked and on disk."""
    row = screen.area.document.get_line(line - 1)
    screen.area.go_to(line, len(row) + 1)
    await pilot.press(*text)
    await settled(pilot, screen)


async def settled(pilot: Pilot[Any], screen: TextScreen) -> None:
    """Whatever was typed is checked and kept."""
    await until(pilot, lambda: screen.checked.text == screen.area.text)
    await until(pilot, lambda: screen.keeper is None or not screen.keeper.waiting)


def shown(app: EditApp) -> str:
    """All text on the screen."""
    screen = app.screen
    lines = screen._compositor.render_strips() if hasattr(screen, "_compositor") else []
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def test_the_text_waits_for_the_service(tmp_path: Path) -> None:
    """Until the config has come the editor says whom it asks; then it shows the text."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = EditorScreen(REF)
        app.push_screen(screen)
        await pilot.pause()
        assert "Asking comfy for the config" in shown(app)
        assert app.runtime.watched[0][0] == REF
        arrive(app, FLUX)
        await pilot.pause()
        assert screen.area.text == FLUX
        assert "steps 2,000" in shown(app)
        assert "unchanged" in shown(app)


async def test_every_byte_is_kept(tmp_path: Path) -> None:
    """Line breaks of any kind, mixed too, come back as they came; so do they after an undo."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        for text in (
            "a: 1\r\nb: 2\r\n",
            "a: 1\nb: 2",
            "a: 1\r\nb: 2\nc: 3\r",
            "a: \x0c1\u2028\nb\x85: 2\n",
            "\ufeffa: 1\n",
            "",
        ):
            screen = await opened(pilot, app, text)
            assert app.screen is screen
            assert screen.area.text == text
            screen.area.go_to(1, 1)
            await pilot.press("x", "enter", "y")
            assert screen.area.text != text
            for _ in range(4):
                await pilot.press("ctrl+z")
            assert screen.area.text == text
            screen.area.select_all()
            await pilot.press("delete", "ctrl+z")
            assert screen.area.text == text
            await settled(pilot, screen)
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_problems_appear_while_typing(tmp_path: Path) -> None:
    """A mistake is listed with its place as soon as typing rests, and the line that one types in
    stays in sight above the list; F8 goes there; F2 mends it."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        assert not screen.problem_list.display
        area, height = screen.area, screen.area.size.height
        area.move_cursor((60, 0))
        area.scroll_to(y=61 - height, animate=False, immediate=True)
        area.replace_all(FLUX.replace("        steps: 2000", "        stepz: 2000"))
        await settled(pilot, screen)
        await until(pilot, lambda: area.size.height < height)
        assert area.cursor_location[0] == 60
        await until(pilot, lambda: area.scroll_offset.y + area.size.height > 60)
        assert [p.code for p in screen.checked.problems] == ["unknown-key"]
        assert "the trainer knows no 'stepz' in train" in shown(app)
        screen.area.go_to(1, 1)
        await pilot.press("f8")
        line = FLUX[: FLUX.index("        steps: 2000")].count("\n")
        assert screen.area.cursor_location == (line, 8)
        await pilot.press("f2")
        await settled(pilot, screen)
        assert screen.area.text == FLUX
        assert not screen.problem_list.display


async def test_f8_walks_round(tmp_path: Path) -> None:
    """From the last problem F8 goes on to the first."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, "a: 1\na: 2\nb: 1\nb: 2\njob: x\nconfig: 1\n")
        places = [(p.line, p.column) for p in screen.checked.problems]
        screen.area.go_to(1, 1)
        seen = []
        for _ in range(len(set(places)) + 1):
            await pilot.press("f8")
            row, column = screen.area.cursor_location
            seen.append((row + 1, column + 1))
        assert seen[-1] == seen[0] or set(seen) == set(places)


async def test_the_key_under_the_cursor_is_explained(tmp_path: Path) -> None:
    """The line below the text says what the key means and takes."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        screen.area.go_to(FLUX[: FLUX.index("        lr: ")].count("\n") + 1, 10)
        await pilot.pause()
        assert "train.lr  Learning rate (number, above 0)" in shown(app)


async def test_a_new_line_takes_the_indent(tmp_path: Path) -> None:
    """Enter keeps the column of the keys, one level deeper behind a bare key."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, "a:\n  - b: 1\n")
        screen.area.go_to(1, 3)
        await pilot.press("enter", "x")
        assert screen.area.text == "a:\n  x\n  - b: 1\n"
        screen.area.go_to(3, 9)
        await pilot.press("enter", "c", ":", "enter", "tab", "d")
        assert screen.area.text == "a:\n  x\n  - b: 1\n    c:\n        d\n"


async def test_lines_are_commented_and_moved(tmp_path: Path) -> None:
    """ctrl+/ comments the selected lines and back; tab and shift+tab move them."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, "a:\n  b: 1\n  c: 2\n")
        screen.area.select_range((1, 0), (2, 6))
        await pilot.press("ctrl+underscore")
        assert screen.area.text == "a:\n  # b: 1\n  # c: 2\n"
        await pilot.press("ctrl+underscore", "tab")
        assert screen.area.text == "a:\n    b: 1\n    c: 2\n"
        await pilot.press("shift+tab")
        assert screen.area.text == "a:\n  b: 1\n  c: 2\n"


# Drafts --------------------------------------------------------------------------------------


async def test_what_is_typed_is_on_disk_soon(tmp_path: Path) -> None:
    """Without leaving the editor, another program finds the draft in the store; that it is there
    is told apart from how many lines there are, however much was changed."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await typed(pilot, screen, 2, " # mine")
        assert "draft saved" in shown(app)
        draft = unsent_edit(Store(app.paths.store), REF)
        assert draft is not None
        assert draft.text == screen.area.text
        assert draft.base_text == FLUX
        line = screen.query_one(StateLine)
        line.state = replace(line.state, changes=(Change("x" * 200, "1", "2"),))
        told = "".join(piece.text for piece in line.pieces(80))
        assert "… · draft saved  " in told and len(told) == 80


async def test_esc_closes_one_thing_at_a_time(tmp_path: Path) -> None:
    """Completions, the find bar, then the focus of the list of problems; then the editor."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        area = screen.area
        await pilot.press("ctrl+f", *"rank")
        await until(pilot, lambda: len(screen.query(FindBar)) == 1)
        area.focus()
        area.go_to(42, 1)
        await pilot.press("end", "enter", "o", "p")
        await until(pilot, lambda: area._offers is not None)
        await until(pilot, lambda: screen.problem_list.display)
        await pilot.press("escape")
        assert area._offers is None and screen.query_one(FindBar).display
        await pilot.press("escape")
        assert not screen.query_one(FindBar).display and app.screen is screen
        area.go_to(42, 1)
        await pilot.press("f1")
        assert area._panel is not None
        await pilot.press("escape")
        assert area._panel is None and app.screen is screen
        screen.problem_list.focus()
        await until(pilot, lambda: screen.problem_list.has_focus)
        await pilot.press("escape")
        assert area.has_focus and app.screen is screen
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)


async def test_leaving_keeps_the_draft_and_says_so(tmp_path: Path) -> None:
    """esc with something unsent keeps it; without, it says nothing."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)
        assert app.said == []
        screen = await opened(pilot, app)
        screen.area.go_to(1, 1)
        await pilot.press("#", "escape")
        await until(pilot, lambda: app.screen is not screen)
        assert "kept as a draft" in app.said[-1]
        assert app.said_on[-1] is app.screen, "it stays to be read when the editor is gone"
        assert unsent_edit(app.store, REF) is not None


def left_behind(app: EditApp, text: str, base: str = FLUX) -> None:
    """A draft of an earlier run."""
    from datetime import timedelta

    app.store.put_draft(
        Draft("d1", "comfy", text, app.now() - timedelta(minutes=12), "edit", REF, base)
    )


async def test_an_unsent_edit_is_offered_and_restored(tmp_path: Path) -> None:
    """Opening again says how old the edit is; restoring brings it back, with cursor and scroll
    where they were, and undo leads out of it. Where the cursor goes is kept, too."""
    app = EditApp(tmp_path)
    mine = set_value(FLUX, "train.steps", 50)
    left_behind(app, mine)
    put_spot(app.store, "d1", Spot(61, 4, 11))
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        assert isinstance(app.screen, ChooseScreen)
        assert "unsent edit of this config, 12m ago" in shown(app)
        await pilot.resize_terminal(60, 30)
        await until(pilot, lambda: "against what the service h…" in shown(app))
        await pilot.resize_terminal(*SIZE)
        await until(pilot, lambda: "against what the service has now" in shown(app))
        await pilot.press("r")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == mine
        await until(pilot, lambda: screen.area.scroll_offset.y == 50)
        await pilot.press("down")
        assert screen.area.cursor_location == (62, 4)
        await until(pilot, lambda: spot_of(app.store, "d1") == Spot(62, 4, 12))
        await pilot.press("ctrl+z")
        assert screen.area.text == FLUX
        await settled(pilot, screen)
        assert unsent_edit(app.store, REF) is None


async def test_beginning_anew_is_a_choice(tmp_path: Path) -> None:
    """x sets the draft aside, where the list of drafts has it; esc only closes the offer and the
    draft is offered again."""
    app = EditApp(tmp_path)
    left_behind(app, set_value(FLUX, "train.steps", 50))
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert unsent_edit(app.store, REF) is not None
        await pilot.press("escape")
        screen = await opened(pilot, app)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        assert "train.steps  2000 → 50" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("x")
        await until(pilot, lambda: app.screen is screen)
        assert [draft.kind for draft in app.store.drafts()] == ["kept"]
        assert screen.area.text == FLUX


async def test_a_changed_base_is_said(tmp_path: Path) -> None:
    """When the service's config changed since the draft was begun, the offer says so."""
    app = EditApp(tmp_path)
    left_behind(app, set_value(FLUX, "train.steps", 50), set_value(FLUX, "train.steps", 1))
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        assert "has changed since it was begun" in shown(app)


async def test_a_disk_that_is_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the draft cannot be written the state line says so and it is tried again."""
    monkeypatch.setattr(text_screen, "AGAIN_AFTER", 0.1)
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)

        def full(draft: Draft) -> None:
            raise TrainerError("no space left on the disk")

        with monkeypatch.context() as disk:
            disk.setattr(app.store, "put_draft", full)
            screen.area.go_to(1, 1)
            await pilot.press("#")
            await until(pilot, lambda: "draft not saved: no space left" in shown(app))
        await settled(pilot, screen)
        await until(pilot, lambda: "draft saved" in shown(app))


# Sending -------------------------------------------------------------------------------------


async def to_question(pilot: Pilot[Any], app: EditApp, steps: object = 50) -> EditorScreen:
    """An edit of the steps, up to the question."""
    screen = await opened(pilot, app)
    screen.area.replace_all(set_value(FLUX, "train.steps", steps))
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(app.screen, DiffScreen))
    await pilot.pause()
    return screen


async def test_sending_shows_the_difference_first(tmp_path: Path) -> None:
    """ctrl+s says what changes in words and lines, and no is the default."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await to_question(pilot, app)
        text = shown(app)
        assert "train.steps  2000 → 50" in text
        assert "-         steps: 2000" in text and "+         steps: 50" in text
        assert "Send it to comfy?" in text
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert app.runtime.asked == []


async def test_what_is_sent_is_the_text_and_its_base(tmp_path: Path) -> None:
    """y sends text and base byte for byte; accepted, the draft is gone and resume is offered."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await to_question(pilot, app, 3000)
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        act, ref, parameters, future = app.runtime.asked[0]
        assert (act, ref) == (Act.EDIT, REF)
        assert parameters == {
            "config_text": set_value(FLUX, "train.steps", 3000),
            "base_text": FLUX,
        }
        assert screen.area.read_only
        await pilot.pause()
        assert "Sending to comfy" in shown(app)
        future.set_result(Outcome(REF, Act.EDIT, True, "saved"))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.pause()
        assert "Continues from step 750." in shown(app)
        assert unsent_edit(app.store, REF) is None
        await pilot.press("y")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.performed == [(Act.RESUME, [REF])]


async def test_a_refusal_keeps_text_and_draft(tmp_path: Path) -> None:
    """The service's error and its hint stay above the text; nothing typed is lost."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await to_question(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        error = ServiceError("comfy answered 500", hint="Try again in a minute.")
        app.runtime.asked[0][3].set_result(Outcome(REF, Act.EDIT, False, "no", error))
        await until(pilot, lambda: "comfy answered 500" in shown(app))
        assert "Try again in a minute." in shown(app)
        assert not screen.area.read_only
        assert screen.area.text == set_value(FLUX, "train.steps", 50)
        assert unsent_edit(app.store, REF) is not None
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))


async def test_a_conflict_is_shown_against_the_present_config(tmp_path: Path) -> None:
    """When the service's config changed meanwhile, it is fetched and compared with the text."""
    app = EditApp(tmp_path)
    theirs = set_value(FLUX, "train.lr", "5e-5")
    async with app.run_test(size=SIZE) as pilot:
        screen = await to_question(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        watched = len(app.runtime.watched)
        error = StateError("the config was changed by someone else", code="CONFLICT")
        app.runtime.asked[0][3].set_result(Outcome(REF, Act.EDIT, False, "no", error))
        await until(pilot, lambda: len(app.runtime.watched) > watched)
        arrive(app, theirs)
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))
        await pilot.pause()
        text = shown(app)
        assert "not what it was when you began" in text
        assert "train.lr  1e-4 → 5e-5" in text and "train.steps  2000 → 50" in text
        assert screen.area.text == set_value(FLUX, "train.steps", 50)
        await pilot.press("m")
        await until(pilot, lambda: app.screen is screen)
        both = set_value(theirs, "train.steps", 50)
        assert screen.area.text == both
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("y")
        await until(pilot, lambda: len(app.runtime.asked) == 2)
        assert app.runtime.asked[1][2] == {"config_text": both, "base_text": theirs}


async def test_errors_are_asked_about(tmp_path: Path) -> None:
    """A text with errors can be sent, but the question says what is wrong."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await to_question(pilot, app, 0)
        text = shown(app)
        assert "Error in line" in text and "it must be at least 1" in text
        assert "Send it all the same?" in text


async def test_nothing_changed_sends_nothing(tmp_path: Path) -> None:
    """ctrl+s on the service's own text says that there is nothing to send."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("ctrl+s")
        assert app.screen is screen
        assert "Nothing has changed" in app.said[-1]


async def test_a_job_that_cannot_be_resumed_is_not_offered_it(tmp_path: Path) -> None:
    """After the edit of a job that has nothing to resume the editor simply closes."""
    made = job(Status.SUCCEEDED, allowed=frozenset())
    app = EditApp(tmp_path, jobs=[made])
    async with app.run_test(size=SIZE) as pilot:
        await to_question(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        app.runtime.asked[0][3].set_result(Outcome(REF, Act.EDIT, True, "saved"))
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.performed == []


async def test_without_the_services_text_the_draft_is_still_there(tmp_path: Path) -> None:
    """When the service cannot be reached an unsent edit can be gone on with all the same."""
    app = EditApp(tmp_path)
    mine = set_value(FLUX, "train.steps", 50)
    left_behind(app, mine)
    async with app.run_test(size=SIZE) as pilot:
        screen = EditorScreen(REF)
        app.push_screen(screen)
        await pilot.pause()
        fail(app, ServiceError("comfy answered 502"))
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("r")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == mine
        assert "comfy answered 502" in shown(app)


async def test_no_text_and_no_draft_says_why(tmp_path: Path) -> None:
    """Why the config cannot be had stands in the text's place, with what to do."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.push_screen(EditorScreen(REF))
        await pilot.pause()
        fail(app, ServiceError("[b]comfy\x1b answered 502", hint="R tries again."))
        await pilot.pause()
        assert "answered 502" in shown(app) and "R tries again." in shown(app)
        await pilot.press("ctrl+s", "f8", "f4")
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_hostile_text_reaches_the_terminal_as_symbols(tmp_path: Path) -> None:
    """Escape sequences in a config are drawn, not obeyed; the text itself is kept."""
    text = "a: \x1b]0;owned\x07 [bold]x[/] \u202e\n"
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, text)
        assert screen.area.text == text
        assert "\x1b" not in shown(app) and "\u202e" not in shown(app)
        assert "[bold]x[/]" in shown(app)


async def test_the_external_editor_gets_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F4 runs $EDITOR on a 0600 file, takes the text back as one edit, and leaves no file."""
    script = tmp_path / "editor.py"
    seen = tmp_path / "seen"
    script.write_text(
        "import os, sys, pathlib\n"
        "p = pathlib.Path(sys.argv[1])\n"
        f"pathlib.Path({str(seen)!r}).write_text(f'{{p}}\\n{{os.stat(p).st_mode}}')\n"
        "p.write_bytes(p.read_bytes().replace(b'steps: 2000', b'steps: 77'))\n"
    )
    app = EditApp(tmp_path, env={"EDITOR": f"{sys.executable} {script}"})

    class Lent:
        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(app, "suspend", Lent)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("f4")
        await settled(pilot, screen)
        assert screen.area.text == FLUX.replace("steps: 2000", "steps: 77")
        path, mode = seen.read_text().split("\n")
        assert stat.S_IMODE(int(mode)) == 0o600
        assert gone(path)
        await pilot.press("ctrl+z")
        assert screen.area.text == FLUX


@pytest.mark.parametrize(
    ("editor", "says"),
    [("/nonexistent/editor", "cannot be started"), ("false", "ended with code 1")],
)
async def test_a_failing_editor_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, editor: str, says: str
) -> None:
    """An editor that is not there, or fails, leaves the text as it was and says so."""
    from contextlib import nullcontext

    app = EditApp(tmp_path, env={"VISUAL": editor})
    monkeypatch.setattr(app, "suspend", nullcontext)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("f4")
        await pilot.pause()
        assert says in app.said[-1]
        assert screen.area.text == FLUX


async def test_a_long_config_stays_quick(tmp_path: Path) -> None:
    """In ten thousand lines a key press costs little of the processor, checking included."""
    import time

    app = EditApp(tmp_path)
    prompts = "".join(f'          - "prompt {n}"\n' for n in range(10_000))
    text = FLUX.replace("        prompts:\n", "        prompts:\n" + prompts)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app, text)
        screen.area.go_to(5_000, 12)
        await pilot.pause()
        times = []
        for _ in range(20):
            start = time.thread_time()
            screen.area.insert("x")
            times.append(time.thread_time() - start)
        assert sorted(times)[10] < 0.05
        await settled(pilot, screen)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_sizes_and_symbols(tmp_path: Path, size: tuple[int, int], ascii_only: bool) -> None:
    """Text, problems, state and keys are all there on a small and a large terminal."""
    app = EditApp(tmp_path, ascii_only=ascii_only)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, app)
        screen.area.replace_all(FLUX.replace("steps: 2000", "steps: 0"))
        await settled(pilot, screen)
        parts = ("dog_portrait_lora", "it must be at least 1", "ctrl+s", "1 error")
        await until(pilot, lambda: all(part in shown(app) for part in parts))
        if ascii_only:
            assert {c for c in shown(app) if not c.isascii()} == set()
