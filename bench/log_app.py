"""The console's log pane over a file, in an app of nothing else.

The app's size and colours, its way of painting and the pane are the console's. Left out is what the
console has besides: jobs, store, network thread. The file is looked at four times a second, as
:mod:`trainer_tui.core.logside` does it, and the garbage collector is off while it starts, as in
:mod:`trainer_tui.tui.start`.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from textual.app import ComposeResult

from trainer_tui.core.board import Entry
from trainer_tui.core.logfile.source import Gap, LogSource
from trainer_tui.core.messages import LogArrived
from trainer_tui.model import Capability, Event, Job, JobRef, Status
from trainer_tui.providers.base import Facts
from trainer_tui.tui import themes
from trainer_tui.tui.glyphs import UNICODE
from trainer_tui.tui.output import LeanApp
from trainer_tui.tui.widgets.log_pane import LogPane

REF = JobRef("local", "bench")
LOOK = 0.25


class Runtime:
    """What the pane asks of the console's runtime."""

    @property
    def store(self) -> Runtime:
        """Where events are."""
        return self

    def events(self, ref: JobRef, limit: int = 500) -> Sequence[Event]:
        """None."""
        return ()

    def facts(self, profile: str) -> Facts:
        """A provider with logs."""
        return Facts("local", "Local", frozenset(Capability), True)

    def choose_log(self, ref: JobRef, name: str) -> None:
        """There is one."""

    def fetch_gap(self, ref: JobRef, name: str, gap: Gap) -> None:
        """There is none."""


class LogApp(LeanApp):
    """The pane and the file's size."""

    CSS = "Screen { background: $background; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.runtime = Runtime()
        self.glyphs = UNICODE
        _title, theme = themes.parse(
            "midnight", (themes.shipped_folder() / "midnight.toml").read_text()
        )
        self.register_theme(theme)
        self.theme = theme.name

    def compose(self) -> ComposeResult:
        yield LogPane()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.derived(self.current_theme)

    def on_mount(self) -> None:
        """Show the file from its end, and look at it from time to time."""
        job = Job(REF, "local", "bench", Status.RUNNING, "running", started_at=self.now())
        pane = self.query_one(LogPane)
        pane.show(Entry(job=job, pending=None, estimate=None, stale=False, watched=False))
        pane.focus()
        self.look()
        self.set_interval(LOOK, self.look)
        self.call_after_refresh(self.started)

    def started(self) -> None:
        """The first frame is there."""
        gc.freeze()
        gc.enable()

    def look(self) -> None:
        """Tell the pane how long the file is."""
        source = LogSource(self.path, self.path.stat().st_size)
        self.query_one(LogPane).receive(LogArrived(REF, "log", source, ("log",)))

    def now(self) -> datetime:
        """The clock."""
        return datetime.now(UTC)

    def say(self, text: str, severity: str = "information") -> None:
        """Nobody listens."""

    def copy(self, text: str, what: str) -> None:
        """Nothing is copied."""


def main() -> None:
    """Show the file."""
    LogApp(Path(sys.argv[-1])).run()
