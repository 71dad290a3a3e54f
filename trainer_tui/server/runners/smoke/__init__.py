"""The built-in trainer: a check of config, dataset and plumbing that really trains, on a CPU.

Nothing here imports arithmetic; the job's own process does (``__main__``).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer_tui.model import ArtifactKind, Progress
from trainer_tui.server.runners import ai_toolkit_config as aitk
from trainer_tui.server.runners import files
from trainer_tui.server.runners.base import (
    FileEntry,
    GpuUse,
    JobFolder,
    Launch,
    Observed,
    Slot,
)
from trainer_tui.server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where to read on, and what is known already."""

    offset: int
    config_time: int
    total: int | None
    stem: str
    checkpoints_time: int


class SmokeRunner:
    """Runs ``python -m trainer_tui.server.runners.smoke``."""

    name = "smoke"
    gpu = GpuUse.NEVER

    def check(self, config: Mapping[str, object], text: str) -> None:
        from trainer_tui.server.runners.smoke import options

        options.read(config, text)

    def job_name(self, config: Mapping[str, object]) -> str | None:
        return aitk.job_name(config)

    def total_steps(self, config: Mapping[str, object]) -> int | None:
        return aitk.total_steps(config)

    def launch(
        self, folder: JobFolder, config_text: str, slot: Slot, settings: ServerSettings
    ) -> Launch:
        from trainer_tui.server.datasets import with_real_folders

        config = folder.config
        placed = with_real_folders(config_text, settings.datasets)
        if placed is not None:
            config = folder.work / "config.yaml"
            config.parent.mkdir(parents=True, exist_ok=True)
            config.write_text(placed, encoding="utf-8")
        argv = (
            sys.executable,
            "-m",
            "trainer_tui.server.runners.smoke",
            str(config),
            "--out",
            str(folder.root),
        )
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        return Launch(argv, folder.root, threads)

    def observe(self, folder: JobFolder, previous: Observed) -> Observed:
        mark = previous.mark if isinstance(previous.mark, _Mark) else None
        config_time = _changed(folder.config)
        total, stem = (mark.total, mark.stem) if mark else (None, "")
        if mark is None or mark.config_time != config_time:
            total, stem = _facts(folder)
        checkpoints_time = _changed(folder.checkpoints)
        checkpoint = previous.checkpoint_step
        if mark is None or mark.checkpoints_time != checkpoints_time:
            checkpoint = files.newest_step(folder.checkpoints, stem)
        lines, offset = files.read_lines(folder.metrics, mark.offset if mark else None)
        step, loss = _last(lines)
        progress = previous.progress
        if step is not None:
            progress = Progress.of(step, total)
        elif progress is not None and progress.total != total:
            progress = Progress.of(progress.current, total)
        return Observed(
            progress=progress,
            loss=previous.loss if loss is None else loss,
            checkpoint_step=checkpoint,
            mark=_Mark(offset, config_time, total, stem, checkpoints_time),
        )

    def artifacts(self, folder: JobFolder) -> Sequence[FileEntry]:
        found = files.config_entry(folder)
        found += files.checkpoint_entries(
            folder,
            [path for path in files.listing(folder.checkpoints) if path.suffix == ".safetensors"],
        )
        facts = _sample_facts(folder.work / "samples.jsonl")
        for path in files.listing(folder.samples):
            about = facts.get(path.name, {})
            step, prompt, seed = about.get("step"), about.get("prompt"), about.get("seed")
            try:
                entry = FileEntry.of(
                    folder,
                    path,
                    ArtifactKind.SAMPLE,
                    step=step if isinstance(step, int) else None,
                    prompt=prompt if isinstance(prompt, str) else None,
                    seed=seed if isinstance(seed, int) else None,
                )
            except OSError:
                continue
            found.append(entry)
        return found


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _facts(folder: JobFolder) -> tuple[int | None, str]:
    """Total steps and the checkpoints' stem, by the config as it is now."""
    from trainer_tui.errors import TrainerError
    from trainer_tui.sanitize import filename
    from trainer_tui.server import configs

    try:
        config = configs.parse(files.read_whole(folder.config).decode())
    except (OSError, ValueError, TrainerError):
        return None, ""
    return aitk.total_steps(config), filename(aitk.job_name(config) or "lora", fallback="lora")


def _last(lines: Sequence[bytes]) -> tuple[int | None, float | None]:
    """Step and loss of the newest point of the loss in lines of the metrics file."""
    for line in reversed(lines):
        try:
            point = files.from_json(line)
            if point["key"] == "loss":
                return int(point["step"]), float(point["value"])
        except (ValueError, KeyError, TypeError, OverflowError):
            continue
    return None, None


def _sample_facts(index: Path) -> dict[str, dict[str, object]]:
    """What the sampler wrote down about each picture, by file name."""
    found: dict[str, dict[str, object]] = {}
    try:
        lines = files.read_whole(index).splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            facts = files.from_json(line)
            found[facts["file"]] = facts
        except (ValueError, KeyError, TypeError):
            continue
    return found


RUNNER = SmokeRunner()
