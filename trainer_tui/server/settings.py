"""What the local server is told when it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MAX_CONFIG = 2 * 1024 * 1024
"""Bytes of a training config. The longest published ones are a few kilobytes."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the server keeps things, what it may use, and how patient it is."""

    folder: Path
    """The server's own folder: jobs, datasets, its log."""
    cpu_slots: int | None = None
    """Jobs without a GPU that run at once; ``None``: one for every two cores."""
    gpus: Literal["auto"] | tuple[int, ...] = "auto"
    """Which GPUs may be used, by index; ``auto``: all that nvidia-smi lists."""
    ai_toolkit: Path | None = None
    """A checkout of AI Toolkit (the folder that holds ``run.py``)."""
    ai_toolkit_python: Path | None = None
    """The interpreter of that checkout's environment; ``None``: its own venv, or ours."""
    projects: Path | None = None
    """Folders of images, ``WORKSPACE/PROJECT/VERSION/…``, that the Roboflow dialect serves."""
    bundle_venv: bool = False
    """Whether a kaos bundle's requirements are installed, into an environment of the job's own."""
    grace: float = 10.0
    """Seconds from SIGINT to SIGTERM."""
    kill_after: float = 5.0
    """Seconds from SIGTERM to SIGKILL."""
    poll: float = 0.3
    """Seconds between two looks at the jobs that run."""

    @property
    def jobs(self) -> Path:
        """One folder a job."""
        return self.folder / "jobs"

    @property
    def trash(self) -> Path:
        """What is being deleted; emptied at the next start at the latest."""
        return self.folder / "trash"

    @property
    def datasets(self) -> Path:
        """Uploaded datasets, one folder each."""
        return self.folder / "datasets"

    @property
    def log(self) -> Path:
        """The server's own log."""
        return self.folder / "server.log"

    @property
    def cores(self) -> int:
        """The cores that this process may use."""
        if hasattr(os, "sched_getaffinity"):
            return max(1, len(os.sched_getaffinity(0)))
        return max(1, os.cpu_count() or 1)

    @property
    def cpu_slot_count(self) -> int:
        """How many jobs without a GPU run at once."""
        return max(1, self.cores // 2) if self.cpu_slots is None else max(0, self.cpu_slots)
