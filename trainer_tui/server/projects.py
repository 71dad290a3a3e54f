"""Folders of images as workspaces, projects and versions: ``ROOT/WORKSPACE/PROJECT/VERSION/…``.

A version is a folder with a number for a name and images in it at any depth; a folder named
``train``, ``valid`` or ``test`` makes a split. Nothing is written here, hidden files and links to
folders are passed over, and what is told of a folder is read from it whenever it is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trainer_tui.errors import NotFoundError
from trainer_tui.server.records import from_seconds

RESERVED = frozenset({"v1", "prod", "files", "train", "workspace", "data", "models"})
"""First parts of paths that are another dialect's, and can be no workspace."""
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_SPLITS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a project's images."""

    workspace: str
    project: str
    number: str
    folder: Path
    images: int
    splits: dict[str, int]
    """``train``, ``valid``, ``test`` → images; those in no such folder count as ``train``."""
    folders: tuple[Path, ...]
    """The folders that hold images themselves, those of ``valid`` and ``test`` left out unless
    there are no others."""
    created: datetime

    @property
    def id(self) -> str:
        return f"{self.workspace}/{self.project}/{self.number}"


class Projects:
    """What is below one folder; ``None``: nothing."""

    def __init__(self, root: Path | None) -> None:
        # Whole, since jobs read the folders from a working directory of their own.
        self._root = root.expanduser().absolute() if root is not None else None

    def workspaces(self) -> list[str]:
        """Their names, in order."""
        if self._root is None:
            return []
        return [name for name in _names(self._root, _NAME) if name not in RESERVED]

    def projects(self, workspace: str) -> list[str]:
        """The names of a workspace's projects. Raises NotFoundError."""
        return _names(self._folder(workspace), _NAME)

    def numbers(self, workspace: str, project: str) -> list[str]:
        """The versions of a project, the newest first. Raises NotFoundError."""
        found = _names(self._folder(workspace, project), _VERSION)
        return sorted(found, key=int, reverse=True)

    def versions(self, workspace: str, project: str) -> list[Version]:
        """The versions with all that is known of them. Raises NotFoundError."""
        numbers = self.numbers(workspace, project)
        return [self.version(workspace, project, number) for number in numbers]

    def version(self, workspace: str, project: str, number: str) -> Version:
        """One version. Raises NotFoundError."""
        folder = self._folder(workspace, project, number)
        splits: dict[str, int] = {}
        learned: list[Path] = []
        others: list[Path] = []
        total = 0
        for place, split, count in _with_images(folder):
            total += count
            splits[split] = splits.get(split, 0) + count
            (learned if split == "train" else others).append(place)
        return Version(
            workspace=workspace,
            project=project,
            number=number,
            folder=folder,
            images=total,
            splits=splits,
            folders=tuple(learned or others),
            created=changed(folder),
        )

    def _folder(self, *parts: str) -> Path:
        """The folder of a workspace, a project or a version.

        Raises:
            NotFoundError: It, or what it would be in, is not there.
        """
        folder = self._root
        for place, part in enumerate(parts):
            pattern = _VERSION if place == 2 else _NAME
            good = pattern.fullmatch(part) and not (place == 0 and part in RESERVED)
            folder = folder / part if folder is not None and good else None
            if folder is None or not folder.is_dir():
                kind = ("workspace", "project", "version")[place]
                raise NotFoundError(
                    f"There is no {kind} {'/'.join(parts[: place + 1])[:200]!r} here.",
                    hint=None if self._root else "Start the server with --projects DIR.",
                    code=f"{kind.upper()}_NOT_FOUND",
                )
        assert folder is not None
        return folder


def changed(folder: Path) -> datetime:
    """When something was last put into a folder itself."""
    try:
        return from_seconds(folder.stat().st_mtime)
    except OSError:
        return from_seconds(0)


def _names(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if pattern.fullmatch(e.name) and e.is_dir())
    except OSError:
        return []


def _with_images(folder: Path) -> Iterator[tuple[Path, str, int]]:
    """Each folder that holds images, its split and how many."""
    base = len(folder.parts)
    for place, inner, names in os.walk(folder):
        here = Path(place)
        below = here.parts[base:]
        inner[:] = (
            sorted(n for n in inner if not n.startswith(".")) if len(below) < _DEEPEST else []
        )
        count = sum(name.lower().endswith(IMAGES) and not name.startswith(".") for name in names)
        if count:
            split = next(
                (_SPLITS[part.lower()] for part in below if part.lower() in _SPLITS), "train"
            )
            yield here, split, count
