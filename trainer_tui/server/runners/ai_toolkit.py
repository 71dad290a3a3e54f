"""AI Toolkit itself: ``python run.py CONFIG`` in a checkout that the user names.

The config is used as it is, but for ``training_folder``, which is pointed into the job's folder.
Progress and loss are read from its tqdm line or, where ``logging.use_ui_logger`` is on, from its
``loss_log.db``; checkpoints and samples from its output folder. Started again with the same
folder it goes on from its newest checkpoint by itself.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainer_tui.errors import TrainerError
from trainer_tui.model import ArtifactKind, Progress
from trainer_tui.server.runners import ai_toolkit_config as aitk
from trainer_tui.server.runners import files, progress_log
from trainer_tui.server.runners.base import (
    FileEntry,
    GpuUse,
    JobFolder,
    Launch,
    Observed,
    Slot,
)
from trainer_tui.server.settings import ServerSettings

# `my_lora:  48%|████▊     | 960/2000 [22:05<23:58,  1.38s/it, lr: 1.0e-04 loss: 3.120e-01]`
# Bars for sampling and caching look alike but have no "lr:" behind them.
TQDM = re.compile(
    r"(?P<percent>\d{1,3})%\|[^|]*\|\s*(?P<current>\d+)/(?P<total>\d+)\s*\[[^\]]*?"
    r"lr:\s*(?P<lr>[0-9.eE+-]+)(?:[^\]]*?loss:\s*(?P<loss>[0-9.eE+-]+|nan|inf))?"
)
# samples/{milliseconds}__{step:09d}_{index}.jpg
_SAMPLE = re.compile(r"\d+__(?P<step>\d+)_\d+$")
_ROWS = 20_000
_VENV_PYTHONS = ("venv/bin/python", ".venv/bin/python", "env/bin/python")


@dataclass(frozen=True, slots=True)
class _Mark:
    position: progress_log.Position
    reader: progress_log.Reader
    config_time: int
    stem: str
    total: int | None


class AiToolkitRunner:
    """Runs the real trainer."""

    name = "ai-toolkit"
    gpu = GpuUse.PREFERRED

    def check(self, config: Mapping[str, object], text: str) -> None:
        process = aitk.process(config, text)
        if not isinstance(config.get("job"), str):
            raise aitk.fail(text, ("job",), "missing; AI Toolkit expects 'extension' or 'train'")
        if not isinstance(process.get("type"), str):
            raise aitk.fail(text, (*aitk.PROCESS, "type"), "missing; usual is 'sd_trainer'")
        name = aitk.job_name(config) or ""
        if name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise aitk.fail(text, ("config", "name"), "it names a folder: no slashes in it")
        train = aitk.section(config, "train", text)
        aitk.integer(train, (*aitk.PROCESS, "train"), "steps", 1000, text=text, low=1)

    def job_name(self, config: Mapping[str, object]) -> str | None:
        return aitk.job_name(config)

    def total_steps(self, config: Mapping[str, object]) -> int | None:
        return aitk.total_steps(config)

    def launch(
        self, folder: JobFolder, config_text: str, slot: Slot, settings: ServerSettings
    ) -> Launch:
        checkout = _checkout(settings)
        config = _placed(config_text, folder, settings)
        folder.work.mkdir(parents=True, exist_ok=True)
        written = folder.work / "config.yaml"
        written.write_text(config, encoding="utf-8")
        python = settings.ai_toolkit_python or _python(checkout)
        return Launch((str(python), "run.py", str(written)), checkout)

    def observe(self, folder: JobFolder, previous: Observed) -> Observed:
        mark = _mark(folder, previous)
        before = mark.position
        progress, loss = previous.progress, previous.loss
        news = mark.reader.read(before)
        position = news.position
        for each in news.found:
            if each.current is not None:
                progress = Progress.of(each.current, each.total or mark.total)
            loss = loss if each.loss is None else each.loss
        output = _output(folder, mark.stem)
        database = output / "loss_log.db"
        if database.is_file():
            position, latest = _from_database(database, folder, position)
            loss = loss if latest is None else latest
        else:
            position = progress_log.append(folder, news.found, position, before)
        if position != before:
            progress_log.keep(folder, position)
        return Observed(
            progress=progress,
            loss=loss,
            checkpoint_step=files.newest_step(output, mark.stem),
            behind=news.behind,
            note=news.note,
            mark=replace(mark, position=position),
        )

    def artifacts(self, folder: JobFolder) -> Sequence[FileEntry]:
        output = _output(folder, _facts(folder)[0])
        checkpoints = [p for p in files.listing(output) if p.suffix == ".safetensors"]
        samples = [
            path
            for path in files.listing(output / "samples")
            if path.suffix.lower() in files.SAMPLES
        ]
        steps = [
            int(match["step"]) if (match := _SAMPLE.search(path.stem)) else None for path in samples
        ]
        found = files.config_entry(folder)
        found += files.checkpoint_entries(folder, checkpoints)
        found += files.entries(folder, samples, ArtifactKind.SAMPLE, steps)
        return found


def _checkout(settings: ServerSettings) -> Path:
    checkout = settings.ai_toolkit
    hint = 'Name a checkout: [local] ai_toolkit = "/path/to/ai-toolkit", then restart the server.'
    if checkout is None:
        raise TrainerError("No AI Toolkit checkout is configured.", hint=hint, code="NO_AI_TOOLKIT")
    if not (checkout / "run.py").is_file():
        message = f"There is no run.py in the AI Toolkit checkout {checkout}."
        raise TrainerError(message, hint=hint, code="NO_AI_TOOLKIT")
    return checkout


def _python(checkout: Path) -> Path:
    """The checkout's own environment, where it has one; else ours."""
    for place in _VENV_PYTHONS:
        if (checkout / place).is_file():
            return checkout / place
    return Path(sys.executable)


def _placed(config_text: str, folder: JobFolder, settings: ServerSettings) -> str:
    """The config with its folders where they are on this machine."""
    from trainer_tui.server import configs
    from trainer_tui.server.datasets import with_real_folders

    text = with_real_folders(config_text, settings.datasets) or config_text
    config = configs.parse(text)
    process = dict(aitk.process(config, text))
    process["training_folder"] = str(folder.work / "output")
    inner = config["config"]
    assert isinstance(inner, Mapping)
    given = inner.get("process")
    rest = given[1:] if isinstance(given, list) else []
    placed = {**config, "config": {**inner, "process": [process, *rest]}}
    return configs.dump(placed)


def _output(folder: JobFolder, name: str) -> Path:
    return folder.work / "output" / name


def _mark(folder: JobFolder, previous: Observed) -> _Mark:
    mark = previous.mark if isinstance(previous.mark, _Mark) else None
    try:
        changed = folder.config.stat().st_mtime_ns
    except OSError:
        changed = 0
    if mark is not None and mark.config_time == changed:
        return mark
    stem, total = _facts(folder)
    if mark is not None:
        return replace(mark, config_time=changed, stem=stem, total=total)
    reader = progress_log.Reader(folder.log, TQDM.pattern)
    return _Mark(progress_log.load(folder), reader, changed, stem, total)


def _facts(folder: JobFolder) -> tuple[str, int | None]:
    """Name and total steps, by the config as it is now."""
    from trainer_tui.server import configs

    try:
        config = configs.parse(files.read_whole(folder.config).decode())
    except (OSError, ValueError, TrainerError):
        return "", None
    return aitk.job_name(config) or "", aitk.total_steps(config)


def _from_database(
    database: Path, folder: JobFolder, position: progress_log.Position
) -> tuple[progress_log.Position, float | None]:
    """Append the rows that are new; gives the position after them and the newest loss."""
    import sqlite3

    query = (
        "SELECT m.step, s.wall_time, m.key, m.value_real FROM metrics m"
        " LEFT JOIN steps s ON s.step = m.step"
        " WHERE m.step > ? AND m.value_real IS NOT NULL ORDER BY m.step LIMIT ?"
    )
    try:
        # Read only, and never waiting: the trainer writes to it.
        with contextlib.closing(
            sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=0.05)
        ) as connection:
            rows = connection.execute(query, (position.row, _ROWS)).fetchall()
    except sqlite3.Error:
        return position, None
    if len(rows) == _ROWS:  # the last step may be cut in the middle
        rows = [row for row in rows if row[0] != rows[-1][0]]
    loss, lines = None, []
    for step, moment, key, value in rows:
        name = str(key)
        if name == "loss/loss" or name == "loss":
            name, loss = "loss", float(value)
        lines.append(progress_log.point(int(step), float(moment or 0), name, float(value)))
    if lines and progress_log.write_points(folder.metrics, lines):
        position = replace(position, row=int(rows[-1][0]))
    return position, loss


RUNNER = AiToolkitRunner()
