"""The console as a whole: states, sizes, session, what comes from the network thread."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any, Never

import pytest

from tests.tui.console import asked, make, running, screen_text, until
from tests.tui.fake import NOW, FakeRuntime, few
from trainer_tui.config import Config, NotifySettings
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.messages import ActDone, Aspect, JobEnded, MetricsArrived
from trainer_tui.core.poller import ProfileState
from trainer_tui.errors import AuthError, NetworkError, StateError, TrainerError
from trainer_tui.model import JobRef, Metric, Status
from trainer_tui.tui import notify, start
from trainer_tui.tui.commands import document
from trainer_tui.tui.glyphs import ASCII, UNICODE, choose
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.session import Session

pytestmark = pytest.mark.anyio
DOG = JobRef("comfy", "tr_01")


async def test_no_profile_welcomes_and_offers_ways_to_begin(tmp_path: Path) -> None:
    """The first start shows the welcome; choosing this machine writes the profile and polls it."""
    app = make(tmp_path, [], profiles={})
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "Welcome to trainer-tui" in screen_text(app))
        await pilot.press("1")
        await until(pilot, lambda: ("apply_config",) in asked(app))
        assert 'provider = "local"' in app.paths.managed_profiles.read_text()
        assert app.config.has_profiles


@pytest.mark.parametrize(
    ("phase", "error", "words"),
    [
        ("unauthorized", AuthError("401: the token is wrong", hint="set RUNCOMFY_TOKEN"),
         ["Not authorised", "401: the token is wrong", "set RUNCOMFY_TOKEN", "P set"]),
        ("offline", NetworkError("connection refused"), ["No connection", "R try again"]),
    ],
)  # fmt: skip
async def test_an_empty_table_says_what_is_wrong_and_what_to_press(
    tmp_path: Path, phase: Any, error: Any, words: list[str]
) -> None:
    """With nothing to show because a service does not answer, its error stands in the table."""
    app = make(tmp_path, [])
    async with running(app) as pilot:
        runtime: Any = app.runtime
        runtime.set_state(ProfileState("comfy", "runcomfy", phase, error))
        await until(pilot, lambda: words[0] in screen_text(app))
        for word in words:
            assert word in screen_text(app)
        runtime.set_state(ProfileState("comfy", "runcomfy", "ok", last_ok=NOW))
        await until(pilot, lambda: "No jobs yet" in screen_text(app))


async def test_the_status_bar_shows_each_profiles_state(tmp_path: Path) -> None:
    """A profile that stops answering says so, and since when its facts are."""
    app = make(tmp_path)
    async with running(app) as pilot:
        assert "● comfy 2" in screen_text(app).splitlines()[0]
        runtime: Any = app.runtime
        runtime.set_state(
            ProfileState("comfy", "runcomfy", "offline", NetworkError("no"), last_ok=NOW)
        )
        await until(pilot, lambda: "✗ comfy · offline" in screen_text(app).splitlines()[0])


async def test_a_narrow_terminal_gives_the_detail_the_screen(tmp_path: Path) -> None:
    """At 80×24 enter opens the detail alone, esc brings the table back."""
    app = make(tmp_path)
    async with running(app, (80, 24)) as pilot:
        assert app.main is not None
        main = app.main
        assert not main.detail.display
        await pilot.press("enter")
        await until(pilot, lambda: main.detail.has_focus_within)
        assert not main.jobs_frame.display
        await pilot.press("escape")
        assert main.jobs_frame.display and main.table.has_focus


async def test_resizing_keeps_selection_and_shows_it(tmp_path: Path) -> None:
    """From small to wide and back the cursor stays on its job and in sight."""
    app = make(tmp_path, session={"selected": "comfy/tr_99"})
    async with running(app, (120, 40)) as pilot:
        for size in ((80, 24), (200, 50), (90, 12), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.selected is not None and app.selected.job.ref.id == "tr_99"
            assert "canceled_try" in screen_text(app)


async def test_a_wide_terminal_has_the_detail_beside_the_table(tmp_path: Path) -> None:
    """From 160 columns both stand side by side."""
    app = make(tmp_path)
    async with running(app, (200, 50)):
        assert app.main is not None
        jobs, detail = app.main.jobs_frame.region, app.main.detail.region
        assert jobs.y == detail.y and jobs.right <= detail.x


async def test_the_session_is_restored(tmp_path: Path) -> None:
    """Selection, filter, order, tab, split and theme are as they were left."""
    runtime = FakeRuntime(few())
    app = make(tmp_path, runtime=runtime)
    async with running(app) as pilot:
        await pilot.press("o", "slash", *"dog", "enter")
        await until(pilot, lambda: app.main is not None and app.main.table.has_focus)
        await pilot.press("down", "7", "plus")
        await pilot.pause()
        held = app.selected
    again = make(tmp_path, runtime=runtime)
    async with running(again):
        assert again.main is not None and held is not None
        assert again.selected is not None and again.selected.job.ref == held.job.ref
        assert again.filter.text == "dog" and again.main.table.jobs.sort == "name"
        assert again.main.detail.tab == "events" and again.session.split == 51


async def test_a_store_that_fails_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the console goes on, and says so; it can be left as always."""
    runtime = FakeRuntime(few())

    def full(*arguments: object) -> Never:
        raise TrainerError("the store cannot be used: database or disk is full")

    app = make(tmp_path, runtime=runtime)
    async with running(app) as pilot:
        for name in ("set_value", "events"):
            monkeypatch.setattr(runtime.store, name, full)
        before = app.selected
        await pilot.press("down")
        await until(pilot, lambda: "disk is full" in screen_text(app))
        await pilot.press("7", "2")
        assert app.selected != before
    assert app.return_code in (None, 0)


def test_a_broken_session_is_forgotten() -> None:
    """Values of the wrong kind have their defaults."""
    runtime = FakeRuntime()
    runtime.store.values["session"] = {"split": "wide", "sort": "name", "zoom": 3}
    assert Session.read(runtime.store) == Session(sort="name")
    runtime.store.values["session"] = "nonsense"
    assert Session.read(runtime.store) == Session()


async def test_changes_come_in_from_another_thread(tmp_path: Path) -> None:
    """The network thread's deltas reach the table, however many, and none is lost."""
    app = make(tmp_path)
    async with running(app, (120, 40)) as pilot:
        runtime: Any = app.runtime
        base = few()[0]

        def work() -> None:
            for loss in range(50):
                each = base.replace(loss=loss / 100)
                runtime.board.merge("comfy", [each], NOW, complete=False)

        thread = threading.Thread(target=work)
        thread.start()
        await until(pilot, lambda: "0.490" in screen_text(app))
        thread.join()


async def test_refusals_are_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An act that the service refused tells its message and its hint; a screen that waits for the
    answer says it itself, and it is not said twice."""
    app = make(tmp_path)
    async with running(app) as pilot:
        runtime: Any = app.runtime
        error = StateError("gone", hint="R asks again")
        outcome = Outcome(DOG, Act.CANCEL, False, "it had already finished", error)
        runtime.tell(ActDone(outcome))
        await until(pilot, lambda: "it had already finished" in screen_text(app))
        assert "R asks again" in screen_text(app)
        said: list[str] = []
        monkeypatch.setattr(app, "say", lambda text, *_, **__: said.append(text))
        await app.push_screen(EditorScreen(DOG))
        runtime.tell(ActDone(Outcome(DOG, Act.EDIT, False, "it is another by now", error)))
        runtime.tell(ActDone(outcome))
        await until(pilot, lambda: said)
        assert said == ["it had already finished"]


async def test_a_watched_job_that_ends_is_told(tmp_path: Path) -> None:
    """The end of a watched job is said; of another one it is not."""
    app = make(tmp_path)
    async with running(app) as pilot:
        runtime: Any = app.runtime
        job = few()[0].replace(status=Status.SUCCEEDED)
        runtime.tell(JobEnded(job))
        await pilot.pause()
        assert "dog_portrait_lora succeeded" not in screen_text(app)
        runtime.set_watched(DOG, True)
        runtime.tell(JobEnded(job))
        await until(pilot, lambda: "dog_portrait_lora succeeded" in screen_text(app))


async def test_the_shown_tab_is_watched_and_no_other(tmp_path: Path) -> None:
    """What the open pane needs of the selected job is watched; zooming the table lets go."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        runtime: Any = app.runtime
        await until(pilot, lambda: runtime.watching == {DOG: {Aspect.METRICS}})
        await pilot.press("7")
        await until(pilot, lambda: runtime.watching == {DOG: {Aspect.EVENTS}})
        await pilot.press("z")
        await until(pilot, lambda: not runtime.watching)


async def test_the_overview_draws_the_loss(tmp_path: Path) -> None:
    """Points that arrive become a curve with the last value and its direction."""
    app = make(tmp_path, session={"selected": str(DOG)})
    async with running(app) as pilot:
        runtime: Any = app.runtime
        points = [Metric("loss", step, 1.0 - step / 100) for step in range(90)]
        runtime.tell(MetricsArrived(DOG, points, True))
        await until(pilot, lambda: "0.110" in screen_text(app))
        line = next(line for line in screen_text(app).splitlines() if "0.110" in line)
        assert "↓" in line and any("\u2800" < c <= "\u28ff" for c in line)


def test_no_colour_means_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR the filter takes every colour away, greys included."""
    from textual.filter import Monochrome, NoColor

    monkeypatch.setenv("NO_COLOR", "1")
    app = make(tmp_path)
    assert any(isinstance(each, NoColor) for each in app._filters)
    assert not any(isinstance(each, Monochrome) for each in app._filters)


async def test_ascii_draws_nothing_else(tmp_path: Path) -> None:
    """With --ascii every cell of the main screen is ASCII, but for what names hold themselves."""
    jobs = [job for job in few() if job.name.isascii()]
    app = make(tmp_path, jobs, glyphs=ASCII)
    async with running(app):
        assert screen_text(app).isascii(), [c for c in screen_text(app) if not c.isascii()]


@pytest.mark.parametrize(
    ("env", "glyphs"),
    [
        ({"LANG": "en_US.UTF-8", "TERM": "xterm"}, UNICODE),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8", "TERM": "xterm"}, ASCII),
        ({"LANG": "en_US.UTF-8", "TERM": "linux"}, ASCII),
        ({}, ASCII),
    ],
)
def test_the_locale_decides_on_symbols(env: dict[str, str], glyphs: object) -> None:
    """Unicode only where the terminal is known to show it."""
    assert choose(None, env) is glyphs


def test_notifications_fit_the_terminal() -> None:
    """OSC 9 or 777 by terminal, wrapped inside tmux, nothing on a bare console, text made safe."""
    job = dataclasses.replace(few()[0], name="do\x1bg; x")
    auto = NotifySettings(bell=False)
    assert notify.sequence("run succeeded", job, auto, {"TERM": "xterm-kitty"}).startswith(
        "\x1b]9;"
    )
    foot = notify.sequence("run succeeded", job, auto, {"TERM": "foot"})
    assert foot.startswith("\x1b]777;notify;") and foot.count(";") == 3
    inside = notify.sequence(
        "run succeeded", job, auto, {"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0"}
    )
    assert inside.startswith("\x1bPtmux;\x1b\x1b]9;") and inside.endswith("\x1b\\")
    assert notify.sequence("run succeeded", job, auto, {"TERM": "linux"}) == ""
    assert (
        notify.sequence("run succeeded", job, NotifySettings(desktop="off"), {"TERM": "foot"})
        == "\a"
    )


def test_without_a_terminal_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Started with its output in a pipe, the console points to the command line."""
    from trainer_tui.paths import Paths

    assert start.start(Paths.under(tmp_path), config=Config()) == 2
    assert "trainer-tui jobs" in capsys.readouterr().err


def test_a_crash_is_written_down(tmp_path: Path) -> None:
    """The traceback goes to the log in the state folder, without any variable's value."""
    from trainer_tui.paths import Paths

    def broken(token: str) -> None:
        raise RuntimeError("oh")

    try:
        broken("s3cret-" + "value")
    except RuntimeError as error:
        log = start.write_crash(Paths.under(tmp_path), error)
    text = log.read_text()
    assert "RuntimeError: oh" in text and "s3cret-value" not in text
    start.write_crash(Paths.under(tmp_path), RuntimeError("Bearer abcdef \x1b[31mred"))
    assert "Bearer [secret] red" in log.read_text()


def test_the_document_of_keys_is_up_to_date() -> None:
    """docs/keys.md is what the command table and the panes make now."""
    path = Path(__file__).parents[2] / "docs" / "keys.md"
    assert path.read_text(encoding="utf-8") == document()
