"""Any program as a job.

The config::

    job: command
    config:
      name: my_run
      argv: [python, train.py, --epochs, "20"]   # never a shell, unless you name one
      cwd: ~/code/trainer                         # default: a folder of the job's own
      env: {WANDB_MODE: offline}
      progress: 'epoch (?P<current>\\d+)/(?P<total>\\d+).*loss[= ](?P<loss>[\\d.]+)'
      unit: epoch                                 # what `current` counts; default: step
      steps: 20                                   # the last one, where the output does not say

The program finds the folder for its files in ``TRAINER_TUI_OUT`` and, if it wants to write curves
itself (one JSON object a line: step, time, key, value), that file in ``TRAINER_TUI_METRICS``. It is
asked to stop with SIGINT. Started again to resume, it finds in its folder what it left there.
"""

from __future__ import annotations

import os
import re
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
    InvalidConfig,
    JobFolder,
    Launch,
    Observed,
    Slot,
)
from trainer_tui.server.settings import ServerSettings

_KEYS = frozenset({"name", "argv", "cwd", "env", "progress", "unit", "steps"})
_PROGRESS = ("config", "progress")
_MAX_FILES = 2000
"""Artifacts of one kind that are listed."""
_MAX_PATTERN = 2000


@dataclass(frozen=True, slots=True)
class _Options:
    argv: tuple[str, ...]
    cwd: Path | None
    env: Mapping[str, str]
    pattern: str | None
    unit: str
    steps: int | None


@dataclass(frozen=True, slots=True)
class _Mark:
    options: _Options
    config_time: int
    position: progress_log.Position
    reader: progress_log.Reader | None
    total: int | None = None


class CommandRunner:
    """Runs the argv that the config gives."""

    name = "command"
    gpu = GpuUse.ASKED

    def check(self, config: Mapping[str, object], text: str) -> None:
        options = _read(config, text)
        if options.pattern is not None:
            _compile(options.pattern, text)

    def job_name(self, config: Mapping[str, object]) -> str | None:
        return aitk.job_name(config)

    def total_steps(self, config: Mapping[str, object]) -> int | None:
        try:
            return _read(config, "").steps
        except InvalidConfig:
            return None

    def launch(
        self, folder: JobFolder, config_text: str, slot: Slot, settings: ServerSettings
    ) -> Launch:
        from trainer_tui.server import configs

        options = _read(configs.parse(config_text), config_text)
        out = _out(folder)
        out.mkdir(parents=True, exist_ok=True)
        cwd = options.cwd or out
        if not cwd.is_dir():
            raise TrainerError(f"cwd is not a folder: {cwd}", code="NO_CWD")
        env = dict(options.env)
        env |= {"TRAINER_TUI_OUT": str(out), "TRAINER_TUI_METRICS": str(folder.metrics)}
        if not slot.gpus:
            env.setdefault("OMP_NUM_THREADS", str(slot.threads))
        return Launch(options.argv, cwd, env, progress=options.pattern, unit=options.unit)

    def observe(self, folder: JobFolder, previous: Observed) -> Observed:
        mark = _mark(folder, previous)
        if mark is None:
            return previous
        options, position, total = mark.options, mark.position, mark.total
        progress, loss, behind, note = previous.progress, previous.loss, False, None
        if mark.reader is not None:
            news = mark.reader.read(position)
            behind, note = news.behind, news.note
            position = progress_log.append(
                folder, news.found, news.position, position, options.unit
            )
            if position != mark.position:
                progress_log.keep(folder, position)
            for each in news.found:
                total = each.total or total
                progress = _progress(each, total or options.steps, options.unit) or progress
                loss = loss if each.loss is None else each.loss
        out = _out(folder)
        steps = [files.step_in_name(path) or 0 for path in _files(out, files.CHECKPOINTS)]
        return Observed(
            progress=progress,
            loss=loss,
            checkpoint_step=max(steps, default=0),
            behind=behind,
            note=note,
            mark=replace(mark, position=position, total=total),
        )

    def artifacts(self, folder: JobFolder) -> Sequence[FileEntry]:
        kinds: dict[ArtifactKind, list[Path]] = {kind: [] for kind in ArtifactKind}
        for path in _files(_out(folder), None):
            kinds[_kind(path)].append(path)
        checkpoints = kinds[ArtifactKind.CHECKPOINT][-_MAX_FILES:]
        samples = kinds[ArtifactKind.SAMPLE][-_MAX_FILES:]
        others = kinds[ArtifactKind.OTHER][:_MAX_FILES]
        found = files.config_entry(folder)
        found += files.checkpoint_entries(folder, checkpoints)
        found += files.entries(folder, samples, ArtifactKind.SAMPLE)
        found += files.entries(folder, others, ArtifactKind.OTHER)
        return found


def _kind(path: Path) -> ArtifactKind:
    ending = path.suffix.lower()
    if ending in files.CHECKPOINTS:
        return ArtifactKind.CHECKPOINT
    return ArtifactKind.SAMPLE if ending in files.SAMPLES else ArtifactKind.OTHER


def _out(folder: JobFolder) -> Path:
    return folder.work / "out"


def _files(out: Path, endings: frozenset[str] | None, depth: int = 3) -> list[Path]:
    """Files of the output folder and of folders in it, some levels down, without links."""
    found = [p for p in files.listing(out) if endings is None or p.suffix.lower() in endings]
    if depth:
        try:
            with os.scandir(out) as entries:
                inner = sorted(e.path for e in entries if e.is_dir(follow_symlinks=False))
        except OSError:
            inner = []
        for path in map(Path, inner):
            if not path.name.startswith(".") and files.is_plain(path.name):
                found += _files(path, endings, depth - 1)
    return found


def _progress(found: progress_log.Found, total: int | None, unit: str) -> Progress | None:
    if found.current is not None:
        return Progress.of(found.current, total, unit, found.percent)
    if found.percent is not None:
        return Progress.of(round(found.percent), 100, "percent", found.percent)
    return None


def _mark(folder: JobFolder, previous: Observed) -> _Mark | None:
    """The mark of the last look, with the config read again where it changed."""
    mark = previous.mark if isinstance(previous.mark, _Mark) else None
    try:
        changed = folder.config.stat().st_mtime_ns
        if mark is not None and mark.config_time == changed:
            return mark
        from trainer_tui.server import configs

        text = files.read_whole(folder.config).decode()
        options = _read(configs.parse(text), "")
    except (OSError, ValueError, TrainerError):
        return mark
    position = mark.position if mark else progress_log.load(folder)
    reader = progress_log.Reader(folder.log, options.pattern) if options.pattern else None
    return _Mark(options, changed, position, reader)


def _read(config: Mapping[str, object], text: str) -> _Options:
    inner = config.get("config")
    if not isinstance(inner, Mapping):
        raise aitk.fail(text, ("config",), "missing; expected a mapping with name and argv")
    for key in inner:
        if key not in _KEYS:
            known = ", ".join(sorted(_KEYS))
            raise aitk.fail(text, ("config", key), f"unknown key; known are {known}")
    argv = inner.get("argv")
    if isinstance(argv, str):
        raise aitk.fail(
            text,
            ("config", "argv"),
            "expected a list of words, not one text; for a shell write [sh, -c, '…']",
        )
    if not isinstance(argv, list) or not argv or not all(_plain(word) for word in argv):
        raise aitk.fail(text, ("config", "argv"), "expected a list of words, the program first")
    words = tuple(_word(word) for word in argv)
    if not words[0] or any("\0" in word for word in words):
        raise aitk.fail(text, ("config", "argv"), "the program's name is empty or holds a NUL")
    return _Options(
        argv=words,
        cwd=_cwd(inner.get("cwd"), text),
        env=_env(inner.get("env"), text),
        pattern=_pattern(inner.get("progress"), text),
        unit=str(inner.get("unit") or "step"),
        steps=aitk.integer(inner, ("config",), "steps", 0, text=text, low=1) or None,
    )


def _cwd(value: object, text: str) -> Path | None:
    if value is None:
        return None
    path = Path(value).expanduser() if isinstance(value, str) else None
    if path is None or not path.is_absolute():
        raise aitk.fail(text, ("config", "cwd"), f"expected an absolute path, not {value!r}")
    return path


def _env(value: object, text: str) -> dict[str, str]:
    if value is None:
        return {}
    good = isinstance(value, Mapping) and all(
        isinstance(key, str) and key and "=" not in key and _plain(item)
        for key, item in value.items()
    )
    if not good or not isinstance(value, Mapping):
        raise aitk.fail(text, ("config", "env"), "expected a mapping of names to plain values")
    return {str(key): _word(item) for key, item in value.items()}


def _pattern(value: object, text: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_PATTERN:
        raise aitk.fail(text, _PROGRESS, "expected a regular expression with named groups")
    return value


def _compile(value: str, text: str) -> None:
    """Refuse what is no pattern, or has no group that is known. Nothing is searched for here."""
    try:
        pattern = re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise aitk.fail(text, _PROGRESS, f"not a regular expression: {error}") from None
    if not set(pattern.groupindex) & set(progress_log.GROUPS):
        names = ", ".join(progress_log.GROUPS)
        message = f"expected a named group such as (?P<current>…); known: {names}"
        raise aitk.fail(text, _PROGRESS, message)


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _word(value: object) -> str:
    """A YAML scalar as an argument; true and false in lower case, as they were written."""
    return str(value).lower() if isinstance(value, bool) else str(value)


RUNNER = CommandRunner()
