"""Every key of the main screen does its act."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.console import asked, make, running, screen_text, until
from tests.tui.fake import NOW, FakeRuntime, few, job
from tests.tui.test_typeahead import typed
from trainer_tui.core.acts import Act
from trainer_tui.core.board import Pending
from trainer_tui.core.messages import ConfigArrived
from trainer_tui.model import Capability, JobRef, Status
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.commands import BY_ID, COMMANDS, Scope
from trainer_tui.tui.screens.confirm import ConfirmScreen
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.screens.help import HelpScreen
from trainer_tui.tui.screens.palette import PaletteScreen
from trainer_tui.tui.screens.profiles import ProfilesScreen
from trainer_tui.tui.screens.prompt import TrackScreen
from trainer_tui.tui.screens.theme_picker import ThemePicker
from trainer_tui.tui.widgets.detail import TABS
from trainer_tui.tui.widgets.notice import Notice
from trainer_tui.tui.widgets.yaml_area import YamlArea

pytestmark = pytest.mark.anyio
DOG = JobRef("comfy", "tr_01")
SMOKE = JobRef("local", "0hx2k9")
FAILED = JobRef("comfy", "tr_00")


async def test_movement_keys_move_the_cursor(tmp_path: Path) -> None:
    """Arrows, vi letters, home, end and page keys put the cursor where they say."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        for keys, row in [
            (["down"], 1),
            (["j", "j", "k"], 1),
            (["G"], 7),
            (["end", "up"], 6),
            (["G", "g"], 0),
            (["pagedown"], 7),
            (["pagedown", "pageup"], 0),
            (["end", "home"], 0),
        ]:
            app.main.table.select(app.main.table.jobs.order[0])
            assert app.main.table.row == 0
            await pilot.press(*keys)
            assert app.main.table.row == row, keys


async def put_cursor(pilot: Pilot[Any], app: TrainerApp, ref: JobRef) -> None:
    """The cursor on a job, with nothing said or asked so far."""
    assert app.main is not None
    app.main.table.select(ref)
    await until(pilot, lambda: app.selected and app.selected.job.ref == ref)
    for notice in app.screen.query(Notice):
        notice.hide()
    await pilot.pause()
    cast(FakeRuntime, app.runtime).asked.clear()


async def test_an_act_is_asked_only_after_yes(tmp_path: Path) -> None:
    """The key asks; enter on the default leaves the job alone; y does it."""
    app = make(tmp_path)
    async with running(app) as pilot:
        for key, ref, act in [
            ("c", DOG, Act.CANCEL),
            ("s", SMOKE, Act.STOP),
            ("r", FAILED, Act.RESUME),
            ("x", JobRef("local", "0gz8bb"), Act.DELETE),
        ]:
            await put_cursor(pilot, app, ref)
            await pilot.press(key)
            assert isinstance(app.screen, ConfirmScreen), key
            await pilot.press("enter")
            assert asked(app) == [], key
            await pilot.press(key, "y")
            await until(pilot, lambda: asked(app), key)
            assert asked(app) == [(act, ref)]


async def test_x_forgets_where_the_service_cannot_delete(tmp_path: Path) -> None:
    """Without deletion at the service a job is dropped here alone, and the dialog says so."""
    app = make(tmp_path, session={"selected": str(FAILED)})
    async with running(app) as pilot:
        await pilot.press("x")
        assert "Drops it from this console" in screen_text(app)
        assert "Forget this job?" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: asked(app))
        assert asked(app) == [("forget", FAILED)]
        await until(pilot, lambda: "wan_motion_test" not in screen_text(app))


async def test_an_act_in_the_wrong_state_says_why(tmp_path: Path) -> None:
    """Nothing is asked of the service; the person reads the reason."""
    app = make(tmp_path)
    async with running(app) as pilot:
        for key, ref, words in [
            ("c", FAILED, "already failed"),
            ("s", DOG, "no early stop"),
            ("r", SMOKE, "nothing to resume"),
            ("e", SMOKE, "before editing"),
            ("x", SMOKE, "before deleting"),
            ("w", FAILED, "ended already"),
        ]:
            await put_cursor(pilot, app, ref)
            assert words not in screen_text(app)
            await pilot.press(key)
            await until(pilot, lambda words=words: words in screen_text(app), words)
            assert app.screen is app.main
            assert asked(app) == []


async def test_an_act_on_its_way_is_not_asked_once_more(tmp_path: Path) -> None:
    """While the service has not answered; once it has, the act may be asked again."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        pending = Pending(Capability.CANCEL, "asked", NOW)
        app.runtime.board.set_pending(DOG, pending)
        await pilot.press("c")
        await until(pilot, lambda: "cancel is being asked already" in screen_text(app))
        assert app.screen is app.main
        app.runtime.board.set_pending(DOG, replace(pending, phase="late"))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))


async def test_a_reason_keeps_the_name_of_the_job_as_it_is(tmp_path: Path) -> None:
    """A sentence begins with a capital letter, the name of a job with its own."""
    app = make(tmp_path, session={"selected": str(SMOKE)})
    async with running(app) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: "nothing to resume" in screen_text(app))
        assert "Smoke_check" not in screen_text(app)


async def test_canceling_several_running_jobs_asks_for_the_word(tmp_path: Path) -> None:
    """y is not enough; another word is not enough; the word cancels those that can be canceled."""
    app = make(tmp_path)
    async with running(app) as pilot:
        await pilot.press("asterisk", "c")
        text = screen_text(app)
        assert "dog_portrait_lora" in text and "smoke_check" in text and "Left out (4)" in text
        await pilot.press("y", "enter")
        assert isinstance(app.screen, ConfirmScreen) and asked(app) == []
        await pilot.press(*"cancel", "enter")
        await until(pilot, lambda: len(asked(app)) == 4)
        assert {call[0] for call in asked(app)} == {Act.CANCEL}
        assert app.main is not None and not app.main.table.marks
        await until(pilot, lambda: "4 jobs: all accepted" in screen_text(app))


async def test_marks_are_set_by_space_and_taken_by_u(tmp_path: Path) -> None:
    """space marks and goes down, * marks all shown, u unmarks; the title counts them."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        await pilot.press("space", "space")
        assert len(app.main.table.marks) == 2 and app.main.table.row == 2
        assert "2 marked" in screen_text(app)
        await pilot.press("asterisk")
        assert len(app.main.table.marks) == 8
        await pilot.press("u")
        assert not app.main.table.marks


async def test_o_sorts_by_the_next_column_and_capital_o_reverses(tmp_path: Path) -> None:
    """From age, the next is name; the heading shows it; reversing turns it round."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        jobs = app.main.table.jobs
        await pilot.press("o")
        names = [jobs.entries[ref].job.name for ref in jobs.order]
        assert jobs.sort == "name" and names == sorted(names, key=str.casefold)
        assert "NAME ↓" in screen_text(app)
        await pilot.press("O")
        assert [jobs.entries[ref].job.name for ref in jobs.order] == names[::-1]
        assert "NAME ↑" in screen_text(app)


async def test_sorting_keeps_the_cursor_on_its_job(tmp_path: Path) -> None:
    """The job under the cursor is the same one after another order."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        for _ in range(8):
            await pilot.press("o")
            assert app.selected is not None and app.selected.job.ref == DOG


async def test_numbers_open_tabs(tmp_path: Path) -> None:
    """1 to 7 open the tabs of the detail."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        detail = app.main.detail
        for tab in [*(tab for tab in TABS if tab not in {"models", "overview"}), "overview"]:
            assert detail.tab != tab
            await pilot.press(str(TABS.index(tab) + 1))
            await until(pilot, lambda tab=tab: detail.pane is not None and detail.tab == tab, tab)
            assert detail.pane is not None and tab == detail.pane.TAB


async def test_the_models_tab_says_why_it_is_grey(tmp_path: Path) -> None:
    """6 does not open what the provider lacks; it tells the provider's reason."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "keeps no models" in screen_text(app))
        assert app.main is not None and app.main.detail.tab == "overview"


async def test_brackets_step_through_tabs_that_can_be_opened(tmp_path: Path) -> None:
    """[ from the first goes to the last; ] skips the grey one."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        assert app.main is not None
        await pilot.press("left_square_bracket")
        assert app.main.detail.tab == "events"
        await pilot.press("right_square_bracket", "5", "right_square_bracket")
        assert app.main.detail.tab == "events"


async def test_enter_goes_into_the_detail_and_escape_back(tmp_path: Path) -> None:
    """The keys belong to the detail, then to the table again; tab does the same."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        main = app.main
        await pilot.press("enter")
        await until(pilot, lambda: main.detail.has_focus_within)
        await pilot.press("escape")
        assert main.table.has_focus
        await pilot.press("tab")
        await until(pilot, lambda: main.detail.has_focus_within)
        await pilot.press("shift+tab")
        await until(pilot, lambda: main.table.has_focus)


async def test_filter_is_live_and_escape_brings_the_old_one_back(tmp_path: Path) -> None:
    """While typing the table narrows; esc undoes; enter keeps; esc in the table clears."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        jobs = app.main.table.jobs
        await pilot.press("slash", *"status:failed")
        await until(pilot, lambda: len(jobs) == 1)
        await pilot.press("escape")
        await until(pilot, lambda: len(jobs) == 8)
        await pilot.press("slash", *"dog", "enter")
        await until(pilot, lambda: len(jobs) == 2 and app.main.table.has_focus)
        assert "2 of 8" in screen_text(app) and app.filter.text == "dog"
        await pilot.press("escape")
        assert len(jobs) == 8


async def test_a_filter_by_age_lets_go_of_what_grew_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time passes and nothing else happens: the row leaves the table all the same."""
    young = few()[0].replace(created_at=NOW - timedelta(minutes=50))
    app = make(tmp_path, [young], session={"filter": "age<1h"})
    async with running(app) as pilot:
        assert app.main is not None
        app.tick()
        assert len(app.main.table.jobs) == 1
        monkeypatch.setattr("tests.tui.console.NOW", NOW + timedelta(minutes=11))
        app.tick()
        assert len(app.main.table.jobs) == 0
        await until(pilot, lambda: "0 of 1" in screen_text(app))


async def test_a_bad_filter_keeps_the_last_good_one_and_says_where(tmp_path: Path) -> None:
    """The rows stay as they were; the mistake stands beside what is typed."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        jobs = app.main.table.jobs
        await pilot.press("slash", *"dog")
        await until(pilot, lambda: len(jobs) == 2)
        await pilot.press("space", "left_parenthesis")
        await until(pilot, lambda: "column" in screen_text(app))
        assert len(jobs) == 2 and app.filter.text == "dog"
        field = app.screen.query_one("#filter-text", Input)
        field.value = "status:runing"
        said = "no status is called 'runing'; did you mean 'running'?"
        await until(pilot, lambda: said in screen_text(app))
        assert f"column 8: {said}" not in screen_text(app), "it can be seen what is meant"
        field.value = "profile:confy"
        said = "no profile is called 'confy'; did you mean 'comfy'?"
        await until(pilot, lambda: screen_text(app).count(said) == 2, "beside it and in the table")
        assert len(jobs) == 0
        field.value = f"profile:{'x' * 120}"
        await until(pilot, lambda: "': there are comfy" in screen_text(app), "wrapped in the table")


async def test_zoom_gives_a_pane_the_screen(tmp_path: Path) -> None:
    """z hides the other pane; again shares the screen."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        await pilot.press("z")
        assert not app.main.detail.display and app.main.jobs_frame.display
        await pilot.press("z", "enter")
        await until(pilot, lambda: app.main is not None and app.main.detail.has_focus_within)
        await pilot.press("z")
        assert app.main.detail.display and not app.main.jobs_frame.display


async def test_plus_and_minus_move_the_split(tmp_path: Path) -> None:
    """The table grows and shrinks, and the session remembers."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert app.main is not None
        before = app.main.table.size.height
        await pilot.press("plus", "plus")
        await until(pilot, lambda: app.main is not None and app.main.table.size.height > before)
        await pilot.press("minus", "minus", "minus")
        await until(pilot, lambda: app.main is not None and app.main.table.size.height < before)
        assert app.session.split


async def test_refresh_and_pause_reach_the_runtime(tmp_path: Path) -> None:
    """R asks everyone; p stops and goes on, and the status bar says so."""
    app = make(tmp_path)
    async with running(app) as pilot:
        await pilot.press("R", "p")
        assert asked(app) == [("wake", None), ("pause", True)]
        assert "paused" in screen_text(app).splitlines()[0]
        await pilot.press("p")
        assert asked(app)[-1] == ("pause", False)
        await until(pilot, lambda: "Polling goes on." in screen_text(app))


async def test_watch_is_set_and_shown(tmp_path: Path) -> None:
    """w marks the row with a note; again takes it away."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: "♪" in screen_text(app))
        await pilot.press("w")
        assert [call[2] for call in asked(app)] == [True, False]


async def test_copying_puts_ref_and_id_on_the_clipboard(tmp_path: Path) -> None:
    """Y copies profile/id, I the id alone."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        await pilot.press("Y")
        assert app.clipboard == "comfy/tr_01"
        await pilot.press("I")
        assert app.clipboard == "tr_01"


async def test_track_asks_for_profile_and_id(tmp_path: Path) -> None:
    """T follows a job made elsewhere and puts the cursor on it; an unknown id is told."""
    app = make(tmp_path)
    async with running(app) as pilot:
        await pilot.press("T")
        assert isinstance(app.screen, TrackScreen)
        await pilot.press(*"comfy/zz9", "enter")
        await until(pilot, lambda: ("track", "comfy", "zz9") in asked(app))
        await until(pilot, lambda: app.selected and app.selected.job.ref.id == "zz9")
        await pilot.press("T", *"nope", "enter")
        await until(pilot, lambda: "knows no job nope" in screen_text(app))


async def test_d_queues_all_artifacts(tmp_path: Path) -> None:
    """The artifacts are listed by the service, then queued; where to is said."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        await pilot.press("d")
        await until(pilot, lambda: ("download", DOG, 2) in asked(app))
        await until(pilot, lambda: "Downloading 2 files to /downloads/tr_01" in screen_text(app))


async def test_keys_open_screens_and_escape_closes_them(tmp_path: Path) -> None:
    """Each opens over the main screen and goes by esc."""
    app = make(tmp_path)
    async with running(app) as pilot:
        for key, screen in [
            ("question_mark", HelpScreen),
            ("colon", PaletteScreen),
            ("ctrl+p", PaletteScreen),
            ("t", ThemePicker),
            ("P", ProfilesScreen),
        ]:
            await pilot.press(key)
            await until(pilot, lambda screen=screen: isinstance(app.screen, screen), key)
            await pilot.pause()
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main, key)


async def test_keys_open_the_full_screens(tmp_path: Path) -> None:
    """Logs, curves, downloads and the form for a new job open by their keys, and go by esc."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        for key, name in [
            ("l", "LogScreen"),
            ("m", "MetricsScreen"),
            ("D", "DownloadsScreen"),
            ("n", "NewJobScreen"),
            ("y", "NewJobScreen"),
        ]:
            await pilot.press(key)
            await until(pilot, lambda name=name: type(app.screen).__name__ == name, key)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main, key)


async def test_e_opens_the_editor_of_a_job_that_ended(tmp_path: Path) -> None:
    """The editor opens for a job whose config may be replaced."""
    app = make(tmp_path, session={"selected": str(FAILED)})
    async with running(app) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: type(app.screen).__name__ == "EditorScreen")


async def test_compare_needs_two_marks(tmp_path: Path) -> None:
    """= with nothing marked says what to do; with marks it lays the jobs side by side."""
    app = make(tmp_path)
    async with running(app) as pilot:
        await pilot.press("equals_sign")
        await until(pilot, lambda: "Mark two or more" in screen_text(app))
        await pilot.press("space", "space", "equals_sign")
        await until(pilot, lambda: type(app.screen).__name__ == "CompareScreen")
        await until(pilot, lambda: "2 jobs" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_q_quits_and_says_so_when_downloads_run(tmp_path: Path) -> None:
    """With downloads under way q asks first; y leaves."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        await pilot.press("d")
        await until(pilot, lambda: app.runtime.downloads())
        await pilot.press("q")
        await until(pilot, lambda: "2 downloads run" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: not app.is_running or app._exit)
    assert app.return_code == 0


async def test_the_palette_runs_a_command(tmp_path: Path) -> None:
    """A few letters and enter do what the key does; letters that fit nothing are told."""
    app = make(tmp_path)
    async with running(app) as pilot:
        await pilot.press("colon", *"zq", "enter")
        await until(pilot, lambda: "nothing has these letters" in screen_text(app))
        await pilot.press("backspace", "backspace", *"pause", "enter")
        await until(pilot, lambda: ("pause", True) in asked(app))


async def test_the_palette_does_what_the_place_does(tmp_path: Path) -> None:
    """Opened in the editor, it offers the editor's own acts with their keys and runs them. The
    key bar names its key, on a narrow terminal in the place of what is needed least. What is
    typed at once after the key to find is looked for, and no letter of it is put in the text."""
    app = make(tmp_path)
    async with running(app, (80, 24)) as pilot:
        await put_cursor(pilot, app, FAILED)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        app.screen.receive(ConfigArrived(FAILED, "job: extension\n"))
        await until(pilot, lambda: isinstance(app.focused, YamlArea) and app.focused.text)
        await until(pilot, lambda: "$EDITOR  esc leave  ctrl+p commands" in screen_text(app))
        await pilot.press("ctrl+p", *"comment")
        await until(pilot, lambda: "ctrl+/" in screen_text(app))
        await pilot.press("enter")
        await until(
            pilot,
            lambda: isinstance(app.focused, YamlArea) and app.focused.text.startswith("# job"),
        )
        typed(app, ["ctrl+f", *"ext"])
        await until(pilot, lambda: "1 of 1" in screen_text(app))
        assert app.screen.area.selected_text == "ext"
        assert app.screen.area.text == "# job: extension\n"


async def test_keys_are_remapped_by_the_config(tmp_path: Path) -> None:
    """[keys] gives a command other keys: the new one works, the old one no longer does."""
    app = make(tmp_path, keys={"app.pause": "f9"})
    async with running(app) as pilot:
        await pilot.press("p")
        assert asked(app) == []
        await pilot.press("f9")
        assert asked(app) == [("pause", True)]


async def test_read_only_takes_writing_acts_away(tmp_path: Path) -> None:
    """The key says that the console is read-only and opens nothing."""
    app = make(tmp_path, read_only=True)
    async with running(app) as pilot:
        for key in ("c", "s", "r", "e", "x", "n", "y"):
            await put_cursor(pilot, app, DOG)
            assert "read-only" not in screen_text(app).splitlines()[-2]
            await pilot.press(key)
            await until(pilot, lambda: "read-only" in screen_text(app).splitlines()[-2], key)
            assert app.screen is app.main and asked(app) == []
            assert "cancel" not in screen_text(app).splitlines()[-1]


async def test_help_shows_every_key_that_works_here(tmp_path: Path) -> None:
    """Each command of the main screen is in the help, which a click on its key opens too."""
    app = make(tmp_path)
    async with running(app, (120, 40)) as pilot:
        x = screen_text(app).splitlines()[-1].index("? help")
        await pilot.click("#keys", offset=(x, 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        screen = app.screen
        assert isinstance(screen, HelpScreen)
        words = (word for line in screen.lines() for piece in line for word in piece.text.split())
        text = " ".join(words)
        for command in COMMANDS:
            if not command.id.startswith("tab."):
                assert command.help in text, command.id


def test_every_command_has_a_handler_and_words() -> None:
    """No command leads nowhere, and no two of one scope share a key."""
    import importlib

    taken: dict[tuple[str, str], str] = {}
    for command in COMMANDS:
        module, function, *_ = command.run.split(":")
        assert callable(getattr(importlib.import_module(f"trainer_tui.tui.{module}"), function))
        assert (command.title and command.help.endswith(".")) or "…" in command.help
        for key in command.keys.split(","):
            for scope in {command.scope, Scope.MAIN, Scope.APP} - {Scope.TABLE}:
                if key:
                    assert taken.setdefault((scope, key), command.id) == command.id
    assert BY_ID["job.cancel"].write and not BY_ID["job.watch"].write


async def test_nothing_is_under_the_cursor(tmp_path: Path) -> None:
    """With no job at all every act says so and nothing breaks."""
    app = make(tmp_path, [])
    async with running(app) as pilot:
        for key in ("c", "s", "r", "e", "d", "l", "m", "x", "w", "y", "space", "enter", "z"):
            await pilot.press(key)
        assert app.screen is app.main
        assert asked(app) == []


async def test_an_act_on_a_job_of_a_forgotten_profile_says_so(tmp_path: Path) -> None:
    """A job whose profile is gone from the config can be looked at, and the act is explained."""
    runtime = FakeRuntime([*few(), job("old/a1", "left_over", Status.RUNNING)])
    app = make(tmp_path, runtime=runtime, session={"selected": "old/a1"})
    async with running(app) as pilot:
        await pilot.press("c")
        await until(pilot, lambda: "not configured any more" in screen_text(app))


async def test_a_key_for_what_is_not_there_is_told_with_the_nearest_that_is(tmp_path: Path) -> None:
    """A misspelt id in ``[keys]`` would else be a key that does nothing; ids of panes are known."""
    app = make(tmp_path, keys={"job.cancl": "C", "logs.search": "f7", "job.stop": "S"})
    async with running(app) as pilot:
        await until(pilot, lambda: "job.cancl (did you mean job.cancel?)" in screen_text(app))
        assert "logs.search" not in screen_text(app)
