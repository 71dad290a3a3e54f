"""Workspaces: what each was last given to train with.

On the disk, below ``kaos`` in the server's folder, one folder a workspace: ``workspace.json`` and
``bundles/HASH.zip``, every zip that was ever sent, which jobs refer to.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from trainer_tui.paths import private_folder, write_atomic
from trainer_tui.server.dialects.kaos_wire import when
from trainer_tui.server.records import JobRecord
from trainer_tui.server.runners import bundle_config
from trainer_tui.server.runners.base import InvalidConfig, JobFolder
from trainer_tui.server.runners.files import read_whole

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A zip that was sent."""

    commit: str
    root: str
    """The name of its root folder, or of the file."""
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace as it is now."""

    name: str
    user: str | None = None
    created_at: str = ""
    code: Source | None = None
    data: Source | None = None
    hyper: Source | None = None
    params: Mapping[str, Any] | None = None
    """The grid; ``None`` where none was sent."""
    cpu: float | None = None
    memory: str | None = None
    gpu: int | None = None

    def replace(self, **changes: Any) -> Workspace:
        """A copy with some fields changed."""
        return replace(self, **changes)


class Workspaces:
    """All workspaces of a server; its methods read and write files."""

    def __init__(self, folder: Path, now: Callable[[], Any]) -> None:
        self._folder = folder
        self._now = now
        self._lock = threading.Lock()
        for left in folder.glob("*/bundles/.*"):  # that an earlier server did not live to take in
            with contextlib.suppress(OSError):
                left.unlink()

    def names(self) -> list[str]:
        """All there are, sorted."""
        try:
            return sorted(path.parent.name for path in self._folder.glob("*/workspace.json"))
        except OSError:
            return []

    def get(self, name: str) -> Workspace | None:
        """One, or ``None``."""
        try:
            kept = json.loads((self._folder / name / "workspace.json").read_bytes())
            sources = {key: Source(**kept[key]) for key in ("code", "data", "hyper") if kept[key]}
            return Workspace(**{**kept, **sources})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def change(self, name: str, **changes: Any) -> Workspace:
        """Change a workspace, which is made where there is none."""
        with self._lock:
            now = when(self._now())
            old = self.get(name) or Workspace(name, changes.get("user"), now)
            new = old.replace(**{key: value for key, value in changes.items() if key != "user"})
            private_folder(self._folder)
            write_atomic(self._folder / name / "workspace.json", json.dumps(asdict(new)))
            return new

    def bundle(self, name: str, commit: str) -> Path:
        """Where a zip is kept."""
        return self._folder / name / "bundles" / f"{commit}.zip"

    def keep(self, name: str, source: BinaryIO) -> tuple[Path, str]:
        """Take a file in beside the bundles; gives it and its hash. It is not judged here."""
        folder = private_folder(self._folder) / name / "bundles"
        folder.mkdir(parents=True, exist_ok=True)
        arriving = folder / f".{os.urandom(6).hex()}"
        digest = hashlib.sha256()
        source.seek(0)
        try:
            with arriving.open("xb") as target:
                while piece := source.read(_CHUNK):
                    digest.update(piece)
                    target.write(piece)
        except BaseException:
            arriving.unlink(missing_ok=True)
            raise
        return arriving, digest.hexdigest()[:32]

    def place(self, name: str, arriving: Path, commit: str) -> Path:
        """Put a judged zip where jobs will look for it."""
        return arriving.rename(self.bundle(name, commit))


@dataclass(frozen=True, slots=True)
class Life:
    """What does not change of a job of this dialect."""

    workspace: str
    options: bundle_config.Options


class Lives:
    """The workspaces of jobs, each read from its config once."""

    def __init__(self) -> None:
        self._known: dict[str, Life | None] = {}

    def of(self, record: JobRecord, folder: JobFolder) -> Life | None:
        """``None`` for a job that this dialect did not make."""
        if record.origin != "kaos":
            return None
        if record.id not in self._known:
            try:
                options = bundle_config.read(json.loads(read_whole(folder.config)))
            except (OSError, ValueError, InvalidConfig):
                return None
            life = Life(options.workspace, options) if options.workspace else None
            self._known[record.id] = life
        return self._known[record.id]
