"""A small app around one pane, with a fixed clock and a runtime that only remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from textual.app import ComposeResult
from textual.theme import Theme

from trainer_tui.core.board import Entry
from trainer_tui.core.rows import DownloadRow
from trainer_tui.model import Artifact, Capability, Event, Job, JobRef, Metric, Progress, Status
from trainer_tui.providers.base import Facts
from trainer_tui.tui import themes
from trainer_tui.tui.glyphs import ASCII, UNICODE
from trainer_tui.tui.output import LeanApp
from trainer_tui.tui.widgets.pane import JobPane

NOW = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
REF = JobRef("local", "j1")

LIGHT = Theme(
    name="light",
    dark=False,
    primary="#2f5fd0",
    secondary="#7a4fc0",
    accent="#2f5fd0",
    foreground="#20242c",
    background="#fbfaf7",
    surface="#f2f0ea",
    panel="#e8e5dc",
    success="#2c7a3f",
    warning="#9a5b00",
    error="#b3261e",
)
LIGHT.variables = themes.derived(LIGHT)


def job(status: Status = Status.RUNNING, **changes: object) -> Job:
    """A job at step 960 of 2000."""
    made = Job(
        ref=REF,
        provider="local",
        name="dog_portrait_lora",
        status=status,
        raw_status=status.value,
        progress=Progress.of(960, 2000),
    )
    return made.replace(**changes)


def entry(status: Status = Status.RUNNING, **changes: object) -> Entry:
    """The job as the board has it."""
    return Entry(
        job=job(status, **changes), pending=None, estimate=None, stale=False, watched=False
    )


class FakeStore:
    """Holds metrics."""

    def __init__(self) -> None:
        self.held: list[Metric] = []
        self.happened: list[Event] = []

    def events(self, ref: JobRef, limit: int = 500) -> list[Event]:
        return self.happened

    def metrics(self, ref: JobRef, key: str | None = None, **_: object) -> list[Metric]:
        return [m for m in self.held if key in (None, m.key)]

    def points(self, ref: JobRef) -> Iterable[list[Metric]]:
        yield self.held


class FakeBoard:
    """Holds one entry."""

    def __init__(self) -> None:
        self.entry: Entry | None = entry()

    def get(self, ref: JobRef) -> Entry | None:
        return self.entry


class FakeRuntime:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.board = FakeBoard()
        self.store = FakeStore()
        self.rows: list[DownloadRow] = []
        self.asked: list[tuple[object, ...]] = []
        self.capabilities = frozenset(Capability)
        self.reasons: Mapping[Capability, str] = MappingProxyType({})

    def facts(self, profile: str) -> Facts:
        return Facts("local", "Local", self.capabilities, True, reasons=self.reasons)

    def downloads(self) -> list[DownloadRow]:
        return list(self.rows)

    def __getattr__(self, name: str) -> Any:
        def remember(*values: object) -> None:
            self.asked.append((name, *values))

        if name.startswith("_"):
            raise AttributeError(name)
        return remember


class PaneApp(LeanApp):
    """Shows one pane, or nothing but screens."""

    CSS = "Screen { background: $background; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self, pane: JobPane | None = None, *, ascii_only: bool = False, light: bool = False
    ) -> None:
        super().__init__()
        self.pane = pane
        self.glyphs = ASCII if ascii_only else UNICODE
        self.runtime: Any = FakeRuntime()
        self.said: list[str] = []
        self.copied: list[str] = []
        self.asked: list[tuple[JobRef, list[Artifact]]] = []
        self.keys: list[str] = []
        _title, theme = themes.parse(
            "midnight", (themes.shipped_folder() / "midnight.toml").read_text()
        )
        self.register_theme(theme)
        self.register_theme(LIGHT)
        self.theme = "light" if light else theme.name

    def compose(self) -> ComposeResult:
        if self.pane is not None:
            yield self.pane

    def on_mount(self) -> None:
        if self.pane is not None:
            self.pane.focus()

    def past_events(self, ref: JobRef) -> list[Event]:
        """What the store holds of a job's history."""
        return list(self.runtime.store.events(ref))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.derived(self.current_theme)

    def now(self) -> datetime:
        return NOW

    @property
    def store(self) -> Any:
        return self.runtime.store

    def say(self, text: str, severity: str = "information") -> None:
        self.said.append(text)

    def copy(self, text: str, what: str) -> None:
        self.copied.append(text)

    def download(
        self, ref: JobRef, artifacts: Iterable[Artifact], folder: Path | None = None
    ) -> None:
        self.asked.append((ref, list(artifacts)))

    def seen(self) -> list[str]:
        """The lines of the screen, as they were painted."""
        strips = self.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def on_key(self, event: Any) -> None:
        self.keys.append(event.key)
