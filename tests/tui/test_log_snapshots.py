"""What the files and the downloads look like."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.panes import NOW, REF, PaneApp, entry
from trainer_tui.core.messages import ArtifactsArrived
from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.model import Artifact, ArtifactKind
from trainer_tui.tui.screens.downloads import DownloadsScreen
from trainer_tui.tui.widgets.artifacts_pane import ArtifactsPane
from trainer_tui.tui.widgets.pane import JobPane

SIZES = [(80, 24), (120, 40), (200, 50)]
Snap = Callable[..., bool]


def artifacts() -> list[Artifact]:
    """Checkpoints, samples with prompts, a config."""
    out = [
        Artifact(
            f"dog_portrait_lora_{step:09d}.safetensors",
            ArtifactKind.CHECKPOINT,
            "",
            size=171_000_000,
            step=step,
            created_at=NOW - timedelta(minutes=90 - step // 10),
        )
        for step in (250, 500, 750)
    ]
    for step in (250, 500):
        for number, prompt in enumerate(("a photo of a [dog]", "a dog 漢字 in oil")):
            name = f"17__{step:09d}_{number}.png"
            kind = ArtifactKind.SAMPLE
            out.append(Artifact(name, kind, "", size=1_300_000, step=step, prompt=prompt))
    return [*out, Artifact("config.yaml", ArtifactKind.CONFIG, "", size=2_312)]


def downloads() -> list[DownloadRow]:
    """One in each phase."""
    kind = ArtifactKind.CHECKPOINT
    rows = []
    for number, phase in enumerate(DownloadPhase, 1):
        name = f"dog_portrait_lora_{(number % 3 + 1) * 250:09d}.safetensors"
        held = 171_000_000 if phase is DownloadPhase.DONE else 106_000_000
        note = "the disk is full" if phase is DownloadPhase.FAILED else ""
        rows.append(
            DownloadRow(
                number, REF, name, kind, Path("/home/me/Downloads/dog") / name, phase=phase,
                size=171_000_000, held=held, note=note,
                rate=12_400_000.0 if phase is DownloadPhase.RUNNING else None,
            )
        )  # fmt: skip
    return rows


def fill(pane: JobPane) -> None:
    """Show the job with all that was learned of it."""
    pane.show(entry(checkpoint_step=750))
    pane.receive(ArtifactsArrived(REF, artifacts()))


def look(
    snap_compare: Snap, pane: JobPane, size: tuple[int, int], *keys: str, **options: bool
) -> bool:
    """Compare a filled pane, after some keys, with the picture that is kept."""
    app = PaneApp(pane, **options)
    app.runtime.rows = downloads()

    async def prepare(pilot: Pilot[None]) -> None:
        fill(pane)
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()

    return snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.parametrize("size", SIZES)
def test_artifacts(snap_compare: Snap, size: tuple[int, int]) -> None:
    """Files in columns, some of them on their way."""
    assert look(snap_compare, ArtifactsPane(), size, "j", "space")


@pytest.mark.parametrize("size", SIZES)
def test_downloads(snap_compare: Snap, size: tuple[int, int]) -> None:
    """One download in each phase."""
    app = PaneApp(None)
    app.runtime.rows = downloads()

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.app.push_screen(DownloadsScreen())
        await pilot.pause()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=prepare)
