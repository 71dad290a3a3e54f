"""The Config tab: what the service has, to be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult

from tests.tui.editing import FLUX, REF, EditApp, job
from tests.tui.test_editor import shown
from tests.tui.waiting import until
from trainer_tui.core.board import Entry
from trainer_tui.core.messages import Aspect, AspectFailed, ConfigArrived
from trainer_tui.errors import NotFoundError
from trainer_tui.model import JobRef
from trainer_tui.tui.widgets.config_pane import ConfigPane


class PaneApp(EditApp):
    """Shows the pane alone."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.pane = ConfigPane()

    def compose(self) -> ComposeResult:
        yield self.pane


def entry(ref: JobRef = REF) -> Entry:
    return Entry(job=job(ref=ref), pending=None, estimate=None, stale=False, watched=False)


async def test_it_waits_then_shows(tmp_path: Path) -> None:
    """Until the config comes it says whom it asks; then text, facts and problems are there."""
    app = PaneApp(tmp_path)
    async with app.run_test(size=(120, 30)) as pilot:
        app.pane.show(entry())
        await pilot.pause()
        assert "Asking comfy for the config" in shown(app)
        app.pane.receive(ConfigArrived(REF, FLUX.replace("steps: 2000", "steps: 0")))
        await until(pilot, lambda: "1 error" in shown(app))
        assert "name:" in shown(app) and "rank 16" in shown(app)
        app.pane.view.focus()
        await pilot.press("G")
        assert "version: '1.0'" in shown(app)


async def test_another_jobs_config_is_not_shown(tmp_path: Path) -> None:
    """What arrives for a job that is no longer shown is dropped."""
    app = PaneApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.show(entry(JobRef("comfy", "other")))
        app.pane.receive(ConfigArrived(REF, FLUX))
        await pilot.pause()
        assert "name:" not in shown(app)


async def test_why_it_cannot_be_had(tmp_path: Path) -> None:
    """The reason and the hint stand in the text's place; no job at all is said too."""
    app = PaneApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.show(None)
        await pilot.pause()
        assert "No job is selected." in shown(app)
        app.pane.show(entry())
        error = NotFoundError("comfy has none yet", hint="It comes with the first checkpoint.")
        app.pane.receive(AspectFailed(REF, Aspect.CONFIG, error))
        await pilot.pause()
        assert "comfy has none yet" in shown(app)
        assert "It comes with the first checkpoint." in shown(app)


async def test_the_same_again_repaints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the service answers with the text that is shown, no line is drawn again."""
    app = PaneApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.show(entry())
        app.pane.receive(ConfigArrived(REF, FLUX))
        await until(pilot, lambda: app.pane.foot.checked is not None)
        await pilot.pause()
        drawn: list[int] = []
        before = app.pane.view.render_row

        def counted(row: int, width: int) -> Any:
            drawn.append(row)
            return before(row, width)

        monkeypatch.setattr(app.pane.view, "render_row", counted)
        app.pane.receive(ConfigArrived(REF, FLUX))
        await pilot.pause()
        assert drawn == []


async def test_hostile_config_is_drawn(tmp_path: Path) -> None:
    """Escape sequences in a config never reach the terminal."""
    app = PaneApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.show(entry())
        app.pane.receive(ConfigArrived(REF, "a: \x1b[2J\u202e[red]\tx\n"))
        await pilot.pause()
        assert not {"\x1b", "\u202e"} & set(shown(app))
        assert "[red]" in shown(app)
