"""The console over a fake runtime, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.tui.fake import NOW, FakeRuntime, few
from tests.tui.waiting import screen_text, until
from trainer_tui.config import Config, Profile, UiSettings
from trainer_tui.model import Job
from trainer_tui.paths import Paths
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.glyphs import UNICODE, Glyphs

__all__ = ["asked", "make", "running", "screen_text", "until"]

PROFILES = {"comfy": Profile("comfy", "runcomfy"), "local": Profile("local", "local")}


def make(
    home: Path,
    jobs: Iterable[Job] | None = None,
    *,
    runtime: FakeRuntime | None = None,
    session: Mapping[str, object] | None = None,
    keys: Mapping[str, str] | None = None,
    read_only: bool = False,
    profiles: Mapping[str, Profile] = PROFILES,
    glyphs: Glyphs = UNICODE,
    **settings: Any,
) -> TrainerApp:
    """A console, ready to be run by a pilot."""
    if runtime is None:
        runtime = FakeRuntime(few() if jobs is None else list(jobs), profiles=tuple(profiles))
    if session is not None:
        runtime.store.values["session"] = dict(session)
    config = Config(profiles=profiles, keys=keys or {}, ui=UiSettings(**settings))
    return TrainerApp(
        runtime,  # type: ignore[arg-type]
        config,
        Paths.under(home),
        now=lambda: NOW,
        glyphs=glyphs,
        read_only=read_only,
        env={"TERM": "xterm-256color"},
    )


@asynccontextmanager
async def running(app: TrainerApp, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Pilot[Any]]:
    """The console with its first frame painted and its detail open."""
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main is not None and app.main.detail.pane is not None)
        await pilot.pause()
        yield pilot


def asked(app: TrainerApp) -> list[tuple[Any, ...]]:
    """What the runtime was asked, without what the cursor's moves ask."""
    runtime: Any = app.runtime
    return [call for call in runtime.asked if call[0] not in {"start", "select", "focus"}]
