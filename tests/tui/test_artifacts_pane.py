"""The Artifacts tab with the keys that a person presses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.tui.panes import NOW, REF, PaneApp, entry
from tests.tui.waiting import until
from trainer_tui.core.messages import ArtifactsArrived, Aspect, AspectFailed, DownloadChanged
from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.errors import NetworkError
from trainer_tui.model import Artifact, ArtifactKind, Capability, Status
from trainer_tui.tui.widgets.artifact_tree import rows
from trainer_tui.tui.widgets.artifacts_pane import ArtifactsPane

pytestmark = pytest.mark.anyio

SECRET = "https://files.test/x?sig=SECRET"


def artifacts() -> list[Artifact]:
    out = [
        Artifact(
            f"dog_{step:09d}.safetensors",
            ArtifactKind.CHECKPOINT,
            SECRET,
            size=171_000_000,
            step=step,
            created_at=NOW - timedelta(minutes=90 - step // 10),
        )
        for step in (250, 500, 750)
    ]
    for step in (250, 500):
        for number, prompt in enumerate(("a [dog] on the beach", "a dog in oil")):
            name = f"17__{step:09d}_{number}.png"
            out.append(
                Artifact(
                    name, ArtifactKind.SAMPLE, SECRET, size=1_300_000, step=step, prompt=prompt
                )
            )
    out.append(Artifact("config.yaml", ArtifactKind.CONFIG, SECRET, size=2_312))
    return out


def download(name: str, kind: ArtifactKind, phase: DownloadPhase, **more: object) -> DownloadRow:
    row = DownloadRow(1, REF, name, kind, Path("/d/dog") / name, phase=phase, size=1000, held=500)
    return row.replace(**more)


def screen(pane: ArtifactsPane) -> list[str]:
    tree = pane.tree_view
    return [tree.render_line(y).text.rstrip(" ▐") for y in range(tree.size.height)]


def told(pane: ArtifactsPane) -> str:
    return str(pane.query_one("#files-line").render()).strip()


async def shown(pane: ArtifactsPane, pilot: object) -> None:
    pane.show(entry())
    pane.receive(ArtifactsArrived(REF, artifacts()))
    await pilot.pause()  # type: ignore[attr-defined]


def test_newest_first_and_old_samples_closed() -> None:
    """Groups in their order, the newest step first, only the newest step of samples open."""
    shown = [(node.depth, node.label) for node in rows(artifacts(), ())]
    assert shown == [
        (0, "Checkpoints"),
        (1, "dog_000000750.safetensors"),
        (1, "dog_000000500.safetensors"),
        (1, "dog_000000250.safetensors"),
        (0, "Samples"),
        (1, "step 500"),
        (2, "a [dog] on the beach"),
        (2, "a dog in oil"),
        (1, "step 250"),
        (0, "Config"),
        (1, "config.yaml"),
    ]


async def test_columns_line_up() -> None:
    """Sizes end in one column whatever the depth; markup in a prompt is text; no URL is shown."""
    pane = ArtifactsPane()
    app = PaneApp(pane)
    async with app.run_test(size=(100, 20)) as pilot:
        await shown(pane, pilot)
        await pilot.pause()
        text = screen(pane)
        ends = {row.index("MB") for row in text if "MB" in row}
        assert len(ends) == 1
        assert any("a [dog] on the beach" in row for row in text)
        assert "SECRET" not in "".join(text) + told(pane)
        head = app.seen()[0]
        assert head.index("SIZE") + 4 == ends.pop() + 2


async def test_marked_files_are_downloaded() -> None:
    """Space marks a file or a whole group; the line below says how much; ``d`` takes them."""
    pane = ArtifactsPane()
    app = PaneApp(pane)
    async with app.run_test(size=(100, 20)) as pilot:
        await shown(pane, pilot)
        await pilot.press("j", "space", *"jj", "space")
        assert told(pane) == "5 files marked · 176 MB · d downloads"
        await pilot.press("d")
        ((ref, files),) = app.asked
        assert ref == REF
        assert sorted({file.kind for file in files}) == ["checkpoint", "sample"]
        assert len(files) == 5
        assert not pane.tree_view.marked


async def test_without_marks_what_the_cursor_is_on() -> None:
    """A file or all of a group, from elsewhere all of the job; the line below says which."""
    pane = ArtifactsPane()
    app = PaneApp(pane)
    async with app.run_test(size=(100, 20)) as pilot:
        await shown(pane, pilot)
        assert told(pane) == "3 files · d downloads them"
        app.set_focus(None)
        await until(pilot, lambda: told(pane) == "8 files · d downloads them")
        pane.tree_view.focus()
        await until(pilot, lambda: told(pane) == "3 files · d downloads them")
        await pilot.press("d", "j", "d")
        assert [len(files) for _, files in app.asked] == [3, 1]
        await pilot.press("asterisk")
        assert told(pane).startswith("8 files marked")
        await pilot.press("u", "d")
        assert len(app.asked[-1][1]) == 1


async def test_groups_open_and_close() -> None:
    """Enter, left and right fold; left on a file goes to its group."""
    pane = ArtifactsPane()
    async with PaneApp(pane).run_test(size=(100, 20)) as pilot:
        await shown(pane, pilot)
        await pilot.press("enter")
        assert "▸ Checkpoints" in screen(pane)[0]
        await pilot.press("right", "j", "left")
        assert pane.tree_view.cursor == 0


async def test_progress_is_shown_in_the_row() -> None:
    """A bar with speed while it runs, a tick and the path when it is done."""
    pane = ArtifactsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        await shown(pane, pilot)
        name = "dog_000000750.safetensors"
        running = download(name, ArtifactKind.CHECKPOINT, DownloadPhase.RUNNING, rate=12_400_000.0)
        pane.receive(DownloadChanged(running))
        await pilot.pause()
        assert "█████·····  50% 12.4 MB/s" in screen(pane)[1]
        pane.receive(DownloadChanged(running.replace(held=501)))
        assert not pane.tree_view._repaint_regions
        done = running.replace(phase=DownloadPhase.DONE, held=1000)
        pane.receive(DownloadChanged(done))
        await pilot.press("j")
        assert "✓ saved" in screen(pane)[1]
        assert "1 of 3 ✓" in screen(pane)[0]
        assert told(pane) == f"✓ /d/dog/{name}"


async def test_downloads_from_before_are_known() -> None:
    """What was downloaded earlier is ticked when the job is shown."""
    pane = ArtifactsPane()
    app = PaneApp(pane)
    app.runtime.rows = [download("config.yaml", ArtifactKind.CONFIG, DownloadPhase.DONE)]
    async with app.run_test(size=(120, 20)) as pilot:
        await shown(pane, pilot)
        assert any("config.yaml" in row and "✓ saved" in row for row in screen(pane))
        await pilot.press("G", "y")
        assert app.copied == ["/d/dog/config.yaml"]


async def test_the_cursor_stays_on_its_file() -> None:
    """New files above do not move the cursor to another file."""
    pane = ArtifactsPane()
    async with PaneApp(pane).run_test(size=(120, 20)) as pilot:
        await shown(pane, pilot)
        await pilot.press("j", "j")
        more = Artifact("dog_000001000.safetensors", ArtifactKind.CHECKPOINT, SECRET, step=1000)
        pane.receive(ArtifactsArrived(REF, [*artifacts(), more]))
        await pilot.pause()
        node = pane.tree_view.current
        assert node is not None
        assert node.label == "dog_000000500.safetensors"


async def test_why_there_is_nothing() -> None:
    """Too early, none made, an error, or a provider that has none: each is said."""
    pane = ArtifactsPane()
    app = PaneApp(pane)
    async with app.run_test(size=(100, 20)) as pilot:

        def reason() -> str:
            return str(pane.instead.text)

        pane.show(entry())
        pane.receive(ArtifactsArrived(REF, []))
        await pilot.pause()
        assert "Nothing made yet" in reason()
        pane.show(entry(Status.FAILED))
        await pilot.pause()
        assert "made no files" in reason()
        pane.receive(AspectFailed(REF, Aspect.ARTIFACTS, NetworkError("refused", hint="press R")))
        await pilot.pause()
        assert "press R" in reason()
        app.runtime.capabilities = frozenset()
        app.runtime.reasons = {Capability.ARTIFACTS: "There are none to have."}
        pane.show(entry())
        await pilot.pause()
        assert "There are none to have." in reason()
        await pilot.press("d")
        assert "d" in app.keys
