"""A new job: where it runs, what its config begins from, the text, submitting it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.editing import FLUX, REF, EditApp, arrive, fail
from tests.tui.test_editor import settled, shown
from tests.tui.waiting import until
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.drafts import unsent_new
from trainer_tui.core.templates import TEMPLATES
from trainer_tui.core.yamlconfig import check, set_value
from trainer_tui.errors import NotFoundError, ServiceError
from trainer_tui.model import JobRef
from trainer_tui.tui.screens.diff import DiffScreen
from trainer_tui.tui.screens.new_job import NewJobScreen
from trainer_tui.tui.screens.new_job_parts import Target, completions
from trainer_tui.tui.screens.new_text import NewTextScreen

SIZE = (100, 30)


async def form(pilot: Pilot[Any], app: EditApp, ref: JobRef | None = None) -> NewJobScreen:
    """The form."""
    screen = NewJobScreen(ref)
    app.push_screen(screen)
    await pilot.pause()
    return screen


async def to_text(pilot: Pilot[Any], app: EditApp) -> NewTextScreen:
    """The text screen that the form leads to."""
    await until(pilot, lambda: isinstance(app.screen, NewTextScreen))
    screen = app.screen
    assert isinstance(screen, NewTextScreen)
    await until(pilot, lambda: screen.checked.text == screen.area.text != "")
    return screen


async def test_the_form_offers_what_goes_with_the_profile(tmp_path: Path) -> None:
    """RunComfy asks for GPU type and count, the local server for how it runs."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await form(pilot, app)
        assert screen.profile.value == "comfy"
        assert "ADA_80_PLUS" in shown(app) and "HOPPER_141" in shown(app)
        screen.gpu.focus()
        await pilot.press("right")
        assert not screen.count.display
        screen.profile.focus()
        await pilot.press("right")
        assert screen.profile.value == "local"
        assert not screen.gpu.display
        assert "ai-toolkit" in shown(app)


@pytest.mark.parametrize("index", range(4))
async def test_a_template_is_fitted_to_the_service(tmp_path: Path, index: int) -> None:
    """On RunComfy a template has the fixed folders at once and nothing to object to."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await form(pilot, app)
        await pilot.press("end", *["up"] * (3 - index), "enter")
        screen = await to_text(pilot, app)
        assert screen.area.text == TEMPLATES[index].text("runcomfy")
        assert "job: extension" in shown(app)
        assert [p for p in screen.checked.problems if p.severity == "error"] == []
        assert check(screen.area.text, provider="runcomfy") == list(screen.checked.problems)


async def test_submitting_says_what_it_will_do(tmp_path: Path) -> None:
    """The question says steps, checkpoints, data and GPU in words; y submits with one token."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await form(pilot, app)
        await pilot.press("end", "up", "up", "up", "enter")
        screen = await to_text(pilot, app)
        screen.area.replace_all(set_value(screen.area.text, "train.steps", 50))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.pause()
        text = shown(app)
        assert "50 steps at a learning rate of 0.0001." in text
        assert "Runs on comfy · ADA_80_PLUS ×1." in text
        assert "Submit it to comfy?" in text
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        assert app.runtime.submitted == []
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.submitted)
        profile, submission, future = app.runtime.submitted[0]
        assert profile == "comfy"
        assert submission.config_text == screen.area.text
        assert (submission.gpu_type, submission.gpu_count) == ("ADA_80_PLUS", 1)
        # Refused: text and draft stay, and the next try has the same token.
        future.set_result(Outcome(REF, Act.SUBMIT, False, "no", ServiceError("comfy answered 500")))
        await until(pilot, lambda: "comfy answered 500" in shown(app))
        assert unsent_new(app.store)[0].text == screen.area.text
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("y")
        await until(pilot, lambda: len(app.runtime.submitted) == 2)
        assert app.runtime.submitted[1][1].token == submission.token != ""
        made = JobRef("comfy", "new1")
        app.runtime.submitted[1][2].set_result(Outcome(made, Act.SUBMIT, True, "submitted"))
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert unsent_new(app.store) == []


async def test_the_new_job_is_selected(tmp_path: Path) -> None:
    """After submitting, the cursor of the table stands on the new job."""
    app = EditApp(tmp_path)
    picked: list[JobRef] = []

    class Table:
        def select(self, ref: JobRef) -> None:
            picked.append(ref)

    class Main:
        table = Table()

    app.main = Main()
    async with app.run_test(size=SIZE) as pilot:
        await form(pilot, app)
        await pilot.press("end", "enter")
        await to_text(pilot, app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.submitted)
        made = JobRef("comfy", "new1")
        app.runtime.submitted[0][2].set_result(Outcome(made, Act.SUBMIT, True, "submitted"))
        await until(pilot, lambda: picked == [made])


async def test_from_a_job_takes_its_config(tmp_path: Path) -> None:
    """y on a job asks its service for the config and begins with it, byte for byte."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await form(pilot, app, REF)
        await pilot.press("enter")
        assert "Asking comfy for the config" in shown(app)
        arrive(app, FLUX)
        screen = await to_text(pilot, app)
        assert screen.area.text == FLUX
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))


async def test_a_config_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    """When the job's config does not come, the form stays and says why."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await form(pilot, app, REF)
        await pilot.press("enter")
        fail(app, NotFoundError("comfy has no config of it yet"))
        await pilot.pause()
        assert "comfy has no config of it yet" in shown(app)
        assert app.screen is screen


async def test_what_was_changed_so_far_is_told(tmp_path: Path) -> None:
    """The line below the text says which values differ from what the new job began from."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = NewTextScreen(Target("comfy", "runcomfy"), FLUX)
        await app.push_screen(screen)
        screen.area.replace_all(set_value(FLUX, "train.steps", 50))
        await until(pilot, lambda: "train.steps 2000 → 50" in shown(app))


async def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    """A path is typed, completed, and its bytes are the text; a wrong one is told. To this
    machine, images that are named from the file's folder are sent by their whole path."""
    (tmp_path / "configs").mkdir()
    file = tmp_path / "configs" / "my.yaml"
    file.write_bytes(FLUX.replace("\n", "\r\n").encode())
    (tmp_path / "configs" / "notes.txt").touch()
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await form(pilot, app)
        await pilot.press("down", "enter")
        assert screen.file.has_focus
        screen.file.value = str(tmp_path / "configs" / "nothing.yaml")
        await pilot.press("enter")
        assert "cannot be read" in shown(app)
        screen.file.value = f"{tmp_path}/conf"
        await pilot.pause()
        assert "configs/" in shown(app)
        screen.file.value = str(file)
        await pilot.press("enter")
        text = await to_text(pilot, app)
        assert text.area.text.encode() == file.read_bytes()
        (tmp_path / "configs" / "dog").mkdir()
        text.target = Target("local", "local")
        text.area.replace_all(FLUX.replace("/app/ai-toolkit/datasets/dogs", "./dog"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "./dog is sent as" in shown(app))
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.submitted)
        assert f'"{tmp_path}/configs/dog"' in app.runtime.submitted[0][1].config_text
        assert '"./dog"' in text.area.text


def test_completions_are_folders_and_yaml(tmp_path: Path) -> None:
    """Only what can lead to a config is offered, hidden files only when asked for."""
    for name in ("b.yaml", "a.yml", "c.txt", ".hidden.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    assert completions(f"{tmp_path}/") == [
        f"{tmp_path}/a.yml",
        f"{tmp_path}/b.yaml",
        f"{tmp_path}/sub/",
    ]
    assert completions(f"{tmp_path}/.h") == [f"{tmp_path}/.hidden.yaml"]
    assert completions(f"{tmp_path}/nothing/x") == []
    assert completions("\x00") == []


async def test_an_unsubmitted_text_is_offered_again(tmp_path: Path) -> None:
    """Leaving keeps the text as a draft; the form offers it with its name and age, also while
    a mistake keeps it from being read."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await form(pilot, app)
        await pilot.press("end", "enter")
        screen = await to_text(pilot, app)
        mine = set_value(screen.area.text, "config.name", "my_idea") + "oops"
        screen.area.replace_all(mine)
        await settled(pilot, screen)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert "kept as a draft" in app.said[-1]
        again = await form(pilot, app)
        assert "Draft: my_idea" in shown(app)
        titles = [source.title for source in again.sources.sources]
        again.sources.put_cursor(titles.index("Draft: my_idea"))
        await pilot.press("enter")
        screen = await to_text(pilot, app)
        assert screen.area.text == mine
        assert len(unsent_new(app.store)) == 1


async def test_a_profile_less_console_says_so(tmp_path: Path) -> None:
    """Where nothing takes new jobs the form says what to press."""
    app = EditApp(tmp_path)
    app.facts = lambda profile: None  # type: ignore[method-assign]
    async with app.run_test(size=SIZE) as pilot:
        await form(pilot, app)
        assert "P adds one" in shown(app)
        await pilot.press("enter")
        assert not isinstance(app.screen, NewTextScreen)


@pytest.mark.parametrize("ascii_only", [True, False])
async def test_it_fits_a_small_terminal(tmp_path: Path, ascii_only: bool) -> None:
    """At 80×24 the whole form is seen."""
    app = EditApp(tmp_path, ascii_only=ascii_only)
    async with app.run_test(size=(80, 24)) as pilot:
        await form(pilot, app)
        text = shown(app)
        for part in ("Profile", "GPUs", "Smoke test", "enter opens the text"):
            assert part in text
        if ascii_only:
            assert {c for c in text if not c.isascii()} == set()
