"""What an edit will do, the same edit twice, files changed elsewhere, a full disk."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.tui.editing import FLUX, NOW, REF, EditApp, arrive, job
from tests.tui.test_editor import SIZE, opened, settled, shown, to_question
from tests.tui.test_new_job import to_text
from tests.tui.waiting import until
from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.rows import Draft
from trainer_tui.core.yamlconfig import set_value
from trainer_tui.errors import ServiceError, TrainerError
from trainer_tui.model import Capability, Gpu, Metric, Progress, Status
from trainer_tui.tui.screens import text_flows
from trainer_tui.tui.screens.choose import ChooseScreen
from trainer_tui.tui.screens.confirm import ConfirmScreen
from trainer_tui.tui.screens.diff import DiffScreen
from trainer_tui.tui.screens.editor import EditorScreen
from trainer_tui.tui.screens.new_job_parts import Target
from trainer_tui.tui.screens.new_text import NewTextScreen
from trainer_tui.tui.screens.odds import OddsScreen


def put(file: Path, text: str) -> None:
    """Write a file, as another program does."""
    file.write_text(text)


@pytest.fixture(autouse=True)
def files_are_looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person is not kept from typing by two seconds; these tests would only wait."""
    monkeypatch.setattr(text_flows, "LOOK_EVERY", 0.1)


COMFY = Target("comfy", "runcomfy", "ADA_80_PLUS", 1)


def priced(tmp_path: Path) -> EditApp:
    """A console that knows the job's pace, its GPUs and their price."""
    app = EditApp(tmp_path, jobs=[job(gpu=Gpu("HOPPER_141", 1))])
    app.config = replace(app.config, pricing={"HOPPER_141": 4.0})
    points = [
        Metric("loss", 900 + 10 * n, 0.5, NOW + timedelta(seconds=43.2 * n)) for n in range(7)
    ]
    app.store.save_jobs([entry.job for entry in app.board.entries()], NOW)
    app.store.add_metrics(REF, points)
    return app


async def test_what_it_will_do_is_said_before_sending(tmp_path: Path) -> None:
    """Steps from the checkpoint, checkpoints, samples, time and money, and what the edit adds."""
    app = priced(tmp_path)
    async with app.run_test(size=(120, 50)) as pilot:
        await to_question(pilot, app, 3000)
        text = shown(app)
        for part in (
            "Steps from 2,000 to 3,000, about 1h12m more, about $4.80.",
            "Runs 2,250 steps, from 750 to 3,000 at a learning rate of 0.0001.",
            "Takes about 2h42m at 4.32 s a step so far, and costs about $10.80",
            "Saves 9 checkpoints: at 1,000, 1,250 and so on to 2,750 and at the end",
            "Makes 90 samples: 10 prompts 9 times, every 250 steps.",
            "Trains a LoRA of rank 16 on black-forest-labs/FLUX.1-dev",
        ):
            assert part in text
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        app.runtime.asked[0][3].set_result(Outcome(REF, Act.EDIT, True, "saved"))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: "Runs 2,250 steps" in shown(app))


async def test_the_same_edit_twice_is_noticed(tmp_path: Path) -> None:
    """A text that was sent for this job before is pointed out with its age; F5 compares with it."""
    app = EditApp(tmp_path)
    mine = set_value(FLUX, "train.steps", 50)
    then = NOW - timedelta(hours=3)
    app.store.put_draft(Draft("s", "comfy", mine, then, "edit", REF, FLUX, None, then))
    async with app.run_test(size=(100, 50)) as pilot:
        await to_question(pilot, app, 50)
        assert "This very text was sent for this job before, 3h ago." in shown(app)
        await pilot.press("b")
        await until(pilot, lambda: "(last sent, 3h ago)" in shown(app))


async def test_the_same_new_job_twice_is_noticed(tmp_path: Path) -> None:
    """So is the text of a new job that was submitted before."""
    app = EditApp(tmp_path)
    then = NOW - timedelta(minutes=5)
    app.store.put_draft(Draft("s", "comfy", FLUX, then, "new", None, "", None, then))
    async with app.run_test(size=(100, 50)) as pilot:
        app.push_screen(NewTextScreen(COMFY, FLUX))
        await to_text(pilot, app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await until(pilot, lambda: "submitted before, 5m ago." in shown(app))


async def test_a_refusal_keeps_cursor_and_history(tmp_path: Path) -> None:
    """After a refused send the cursor is where it was, and undo still leads back to the start."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        screen.area.go_to(42, 12)
        await pilot.press("#", "x")
        await settled(pilot, screen)
        text, cursor = screen.area.text, screen.area.cursor_location
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        error = ServiceError("comfy answered 500")
        app.runtime.asked[0][3].set_result(Outcome(REF, Act.EDIT, False, "no", error))
        await until(pilot, lambda: "comfy answered 500" in shown(app))
        assert (screen.area.text, screen.area.cursor_location) == (text, cursor)
        await pilot.press("ctrl+z", "ctrl+z")
        assert screen.area.text == FLUX


async def test_undo_survives_a_send(tmp_path: Path) -> None:
    """Opened again after it was sent, the editor still knows the way back to the text before."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await to_question(pilot, app, 3000)
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        app.runtime.asked[0][3].set_result(Outcome(REF, Act.EDIT, True, "saved"))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        screen = await opened(pilot, app, set_value(FLUX, "train.steps", 3000))
        await pilot.press("ctrl+z")
        assert screen.area.text == FLUX
        # Where the service has another text meanwhile there is nothing to go back to.
        await settled(pilot, screen)
        await pilot.press("ctrl+y", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        screen = await opened(pilot, app, FLUX + "# theirs\n")
        await pilot.press("ctrl+z")
        assert screen.area.text == FLUX + "# theirs\n"


async def test_leaving_with_a_full_disk_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that could not be saved is not left behind without a question; staying is first."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)

        def full(draft: Draft) -> None:
            raise TrainerError("no space left on the disk")

        monkeypatch.setattr(app.store, "put_draft", full)
        screen.area.go_to(1, 1)
        await pilot.press("#")
        await until(pilot, lambda: "draft not saved" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert screen.area.text == "#" + FLUX
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert "copied the text" in app.said
        monkeypatch.undo()


async def test_the_accounts_datasets_are_checked(tmp_path: Path) -> None:
    """RunComfy is asked for its datasets; one that is not READY is a problem in the text."""
    app = EditApp(tmp_path)
    app.runtime.datasets = {"dogs": "UPLOADING"}
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await until(pilot, lambda: any("dogs" in p.message for p in screen.checked.problems))
        app.runtime.datasets = {"dogs": "READY"}
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        screen = await opened(pilot, app)
        await until(pilot, lambda: screen.datasets == {"dogs": "READY"})
        await settled(pilot, screen)
        assert not any("dogs" in p.message for p in screen.checked.problems)


# Files ---------------------------------------------------------------------------------------


async def from_file(pilot: object, app: EditApp, file: Path) -> NewTextScreen:
    """A new job whose text came from a file."""
    from trainer_tui.core.drafts import Place

    put(file, FLUX)
    app.push_screen(NewTextScreen(COMFY, FLUX, place=Place(file=str(file))))
    return await to_text(pilot, app)  # type: ignore[arg-type]


async def test_a_file_changed_on_disk_is_a_choice(tmp_path: Path) -> None:
    """Changed there and here: the three-way choice; merged, both changes are in."""
    app = EditApp(tmp_path / "state")
    file = tmp_path / "mine.yaml"
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await from_file(pilot, app, file)
        screen.area.replace_all(set_value(FLUX, "train.steps", 50))
        await settled(pilot, screen)
        put(file, set_value(FLUX, "train.lr", "5e-5"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))
        await until(pilot, lambda: "mine.yaml was changed on disk" in shown(app))
        await pilot.press("m")
        await until(pilot, lambda: app.screen is screen)
        both = set_value(set_value(FLUX, "train.steps", 50), "train.lr", "5e-5")
        assert screen.area.text == both
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))


async def test_a_file_changed_only_on_disk_is_taken_over(tmp_path: Path) -> None:
    """Where nothing was changed here its new text is shown; undo leads back."""
    app = EditApp(tmp_path / "state")
    file = tmp_path / "mine.yaml"
    async with app.run_test(size=SIZE) as pilot:
        screen = await from_file(pilot, app, file)
        put(file, set_value(FLUX, "train.lr", "5e-5"))
        await until(pilot, lambda: screen.area.text == file.read_text())
        await until(pilot, lambda: "has changed on disk" in shown(app))
        await pilot.press("ctrl+z")
        assert screen.area.text == FLUX


def editor_script(tmp_path: Path, *lines: str) -> dict[str, str]:
    """$EDITOR as a few lines of Python; ``p`` is the file."""
    script = tmp_path / "editor.py"
    head = "import os, sys, pathlib\np = pathlib.Path(sys.argv[1])\n"
    script.write_text(head + "\n".join(lines) + "\n")
    return {"EDITOR": f"{sys.executable} {script}"}


async def test_the_result_of_an_editor_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes back is checked at once, before any key."""
    env = editor_script(
        tmp_path, "p.write_bytes(p.read_bytes().replace(b'steps: 2000', b'stepz: 0'))"
    )
    app = EditApp(tmp_path / "state", env=env)
    monkeypatch.setattr(app, "suspend", nullcontext)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("f4")
        await until(pilot, lambda: "stepz" in screen.area.text)
        assert any("stepz" in p.message for p in screen.checked.problems)


async def test_the_file_changed_while_the_editor_was_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F4 on a text from a file that somebody writes meanwhile: both are kept, and asked about."""
    file = tmp_path / "mine.yaml"
    env = editor_script(
        tmp_path,
        "p.write_bytes(p.read_bytes().replace(b'steps: 2000', b'steps: 77'))",
        f"f = pathlib.Path({str(file)!r})",
        "f.write_bytes(f.read_bytes().replace(b'linear: 16', b'linear: 8'))",
    )
    app = EditApp(tmp_path / "state", env=env)
    monkeypatch.setattr(app, "suspend", nullcontext)
    async with app.run_test(size=SIZE) as pilot:
        screen = await from_file(pilot, app, file)
        await pilot.press("f4")
        await until(pilot, lambda: screen.odds is not None)
        assert "steps: 77" in screen.area.text
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))
        await pilot.press("m")
        await until(pilot, lambda: app.screen is screen)
        assert "steps: 77" in screen.area.text and "linear: 8" in screen.area.text


async def test_an_editor_that_returns_at_once_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor with a window of its own comes back unchanged; what it saves later is noticed."""
    seen = tmp_path / "seen"
    env = editor_script(tmp_path, f"pathlib.Path({str(seen)!r}).write_text(str(p))")
    app = EditApp(tmp_path / "state", env=env)
    monkeypatch.setattr(app, "suspend", nullcontext)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("f4")
        await until(pilot, lambda: app.said and "noticed here" in app.said[-1])
        left = Path(seen.read_text())
        put(left, set_value(FLUX, "train.steps", 77))
        await until(pilot, lambda: "steps: 77" in screen.area.text)
        screen.area.replace_all(set_value(FLUX, "train.steps", 78))
        put(left, set_value(FLUX, "train.steps", 79))
        await until(pilot, lambda: screen.odds is not None)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, OddsScreen))
        await pilot.press("k")
        await until(pilot, lambda: app.screen is screen)
        await settled(pilot, screen)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: not left.exists())


async def test_a_dropped_line_leaves_the_draft(tmp_path: Path) -> None:
    """When the console is closed while something is sent, the draft is on the disk before."""
    app = EditApp(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        screen = await to_question(pilot, app, 50)
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        assert isinstance(screen, EditorScreen)
        assert [d.text for d in app.store.drafts(REF)] == [screen.area.text]
        app.runtime.asked[0][3].cancel()
        await until(pilot, lambda: "the console is closing" in shown(app))
        arrive(app, FLUX)
        assert screen.area.text == set_value(FLUX, "train.steps", 50)


@pytest.mark.parametrize(
    "steps, says",
    [
        (3000, "It runs only when the job is resumed; you will be asked."),
        (1900, "Nothing runs by itself then: dog_portrait_lora has already succeeded"),
    ],
)
async def test_more_steps_make_a_finished_job_resumable(
    tmp_path: Path, steps: int, says: str
) -> None:
    """Before sending it is said rightly whether the edited job can be resumed: with steps left.
    After that a resume is offered only then, whatever the service would allow."""
    done = job(
        Status.SUCCEEDED, checkpoint_step=2000, progress=Progress.of(2000, 2000),
        allowed=frozenset({Capability.EDIT}),
    )  # fmt: skip
    app = EditApp(tmp_path, jobs=[done])
    async with app.run_test(size=(120, 50)) as pilot:
        await to_question(pilot, app, steps)
        await until(pilot, lambda: says in shown(app))
        await pilot.press("y")
        await until(pilot, lambda: app.runtime.asked)
        resumable = done.replace(allowed=frozenset({Capability.EDIT, Capability.RESUME}))
        app.board.held[REF] = replace(app.board.held[REF], job=resumable)
        app.runtime.asked[0][3].set_result(Outcome(REF, Act.EDIT, True, "saved"))
        if steps > 2000:
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        else:
            await until(pilot, lambda: "no step is left to run" in "".join(app.said))
