"""Zips of images and captions, unpacked into one flat folder.

They are judged as every zip from outside is (:mod:`trainer_tui.bundles`): before anything of them
is written, and never past their limits.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from trainer_tui import bundles, sanitize
from trainer_tui.errors import UsageError

MAX_BYTES = 8 * 1024**3


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a zip's files, without its folders, into a new folder.

    Hidden files are left out. Trainers read one flat folder, so two files of one name in different
    folders are an error rather than a surprise.

    Raises:
        UsageError: It is no zip, one that :func:`trainer_tui.bundles.judge` refuses, or holds two
            files of one name. Nothing is left behind.
        OSError: The disk is full. Nothing is left behind.
    """
    with bundles.opened(archive) as opened:
        chosen = _flat(bundles.judge(opened, most=MAX_BYTES))
        folder.mkdir(parents=True)
        try:
            for name, entry in chosen.items():
                bundles.write(opened, entry, folder / name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return [folder / name for name in chosen]


def _flat(
    files: Iterable[tuple[PurePosixPath, zipfile.ZipInfo]],
) -> dict[str, zipfile.ZipInfo]:
    """The entries to unpack, by the plain name each will have."""
    chosen: dict[str, zipfile.ZipInfo] = {}
    for path, entry in files:
        if path.name.startswith("."):
            continue
        name = sanitize.filename(path.name)
        if name in chosen:
            raise UsageError(f"the zip holds two files named {sanitize.line(name, limit=120)!r}.")
        chosen[name] = entry
    return chosen
