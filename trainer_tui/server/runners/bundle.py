"""A kaos source bundle as a job: its ``train OUT`` is run once for each set of hyper-parameters.

The work is done in the job's own process, :mod:`trainer_tui.server.runners.bundle_child`; what it
is told and what it writes is in :mod:`trainer_tui.server.runners.bundle_config`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer_tui import bundles
from trainer_tui.errors import UsageError
from trainer_tui.model import ArtifactKind, Progress
from trainer_tui.server.runners import bundle_config, files
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

UNIT = "partition"
_MAX_FILES = 2000
"""Artifacts that are listed; all of them are in the bundle that can be downloaded."""


class BundleRunner:
    """Runs ``python -m trainer_tui.server.runners.bundle_child``."""

    name = "bundle"
    gpu = GpuUse.ASKED

    def check(self, config: Mapping[str, object], text: str) -> None:
        options = bundle_config.read(config)
        try:
            if options.bundle.is_dir():
                bundles.check_folder(options.bundle)
            else:
                bundles.source_root(options.bundle)
        except UsageError as error:
            raise InvalidConfig(error.message, hint=error.hint) from error
        except OSError as error:
            why = error.strerror or error
            raise InvalidConfig(f"{options.bundle} cannot be read: {why}.") from error

    def job_name(self, config: Mapping[str, object]) -> str | None:
        try:
            return bundle_config.read(config).name
        except InvalidConfig:
            return None

    def total_steps(self, config: Mapping[str, object]) -> int | None:
        """How many sets of hyper-parameters there are."""
        try:
            return len(bundle_config.combinations(bundle_config.read(config).params))
        except InvalidConfig:
            return None

    def launch(
        self, folder: JobFolder, config_text: str, slot: Slot, settings: ServerSettings
    ) -> Launch:
        from trainer_tui.server import configs

        options = bundle_config.read(configs.parse(config_text))
        folder.work.mkdir(parents=True, exist_ok=True)
        threads = str(max(1, round(options.cpu)) if options.cpu else slot.threads)
        argv = (sys.executable, "-m", "trainer_tui.server.runners.bundle_child", str(folder.root))
        flags = ("--venv",) if settings.bundle_venv else ()
        return Launch(
            (*argv, *flags),
            folder.root,
            {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            unit=UNIT,
        )

    def observe(self, folder: JobFolder, previous: Observed) -> Observed:
        total = previous.mark if isinstance(previous.mark, int) else None
        if total is None:
            found = bundle_config.fixed(folder)
            if found is None:
                return previous
            total = len(found)
        count = len(bundle_config.done(folder))
        return Observed(progress=Progress.of(count, total, UNIT), checkpoint_step=count, mark=total)

    def artifacts(self, folder: JobFolder) -> Sequence[FileEntry]:
        found = files.config_entry(folder)
        paths = regular_files(folder.work / "out")[:_MAX_FILES]
        weights = [path for path in paths if path.suffix.lower() in files.CHECKPOINTS]
        others = [path for path in paths if path.suffix.lower() not in files.CHECKPOINTS]
        found += files.entries(folder, weights, ArtifactKind.WEIGHTS)
        found += files.entries(folder, others, ArtifactKind.OTHER)
        return found


def regular_files(folder: Path) -> list[Path]:
    """The files below a folder, without links and what lies behind them, sorted."""
    found = []
    for root, _, names in os.walk(folder):
        paths = (Path(root, name) for name in names if files.is_plain(f"{root}/{name}"))
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return sorted(found)


RUNNER = BundleRunner()
