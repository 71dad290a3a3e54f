"""Zips of folders, judged before anything of them is written; and what a kaos bundle must hold.

A source bundle is a zip with exactly one folder at its root, which holds ``Dockerfile`` and
``model/`` with ``__init__.py``, ``requirements.txt`` and the executable ``train``. Client and
server judge it by the same rules, which are these.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from trainer_tui import sanitize
from trainer_tui.errors import UsageError

INVALID = "INVALID_BUNDLE"
REQUIRED = ("Dockerfile", "model/__init__.py", "model/requirements.txt", "model/train")
"""Below the bundle's root folder."""
TRAIN = REQUIRED[-1]
MAX_ENTRIES = 50_000
MAX_BYTES = 16 * 1024**3
MAX_RATIO = 200
"""Unpacked to packed bytes of the whole. Code and numbers as text rarely shrink to a twentieth."""
_FREE_BYTES = 1024 * 1024  # the ratio counts only beyond this: small texts may shrink a lot
_MAX_DIRECTORY = 16 * 1024 * 1024  # an entry takes 46 bytes and its name
_MAX_NAME = 1000
_MAX_PART = 255
_CHUNK = 1024 * 1024
_KINDS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_LEFT_OUT = frozenset({".git", ".hg", ".svn", "__pycache__", ".venv", "__MACOSX", ".DS_Store"})
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)


# -- reading ---------------------------------------------------------------------------------


@contextmanager
def opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    """A zip, open for reading; its table of contents is read only when it is of a sane size.

    Raises:
        UsageError: It is no zip, or tells of too many entries.
        OSError: It cannot be read.
    """
    try:
        with archive.open("rb") as file, zipfile.ZipFile(_Bounded(file)) as found:
            if len(found.infolist()) > MAX_ENTRIES:
                raise _too_many()
            yield found
    except _UNREADABLE as error:
        raise _invalid(f"not a zip that can be read ({sanitize.line(error)})") from error


class _Bounded(io.RawIOBase):
    """A file of which no single read may be larger than a sane table of contents."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY:
            raise _too_many()
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def judge(
    found: zipfile.ZipFile, *, most: int = MAX_BYTES
) -> list[tuple[PurePosixPath, zipfile.ZipInfo]]:
    """The files of an open zip, each with its path, if the zip is harmless.

    Args:
        most: Bytes that the whole may unpack to.

    Raises:
        UsageError: An entry is absolute, leads out by ``..``, is a link or a device, is encrypted,
            comes twice, or the whole would unpack to too much.
    """
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    folders: set[PurePosixPath] = set()
    for entry in found.infolist():
        path = _judged(entry)
        if entry.is_dir():
            folders.add(path)
            continue
        if path.parts[0] == "__MACOSX" or path.name == ".DS_Store":
            continue
        if entry.flag_bits & 0x1 or entry.compress_type not in _KINDS:
            raise _invalid(f"{_shown(entry)} is encrypted or packed in an unknown way")
        if path in files:
            raise _invalid(f"{_shown(entry)} is in it twice")
        files[path] = entry
        folders.update(path.parents)
    clash = next((path for path in files if path in folders), None)
    if clash is not None:
        raise _invalid(f"{sanitize.line(clash, limit=120)!r} is both a file and a folder in it")
    size = sum(entry.file_size for entry in files.values())
    packed = sum(entry.compress_size for entry in files.values())
    if size > most or size > max(_FREE_BYTES, packed * MAX_RATIO):
        raise _invalid(f"it would unpack to {size:,} bytes from {packed:,}, which is refused")
    return list(files.items())


def _judged(entry: zipfile.ZipInfo) -> PurePosixPath:
    """The path of an entry that stays where it is unpacked."""
    name = entry.orig_filename.replace("\\", "/")
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise _invalid(f"{_shown(entry)} leads out of it")
    good = name.isprintable() and len(name) <= _MAX_NAME
    if not good or any(len(part.encode()) > _MAX_PART for part in path.parts):
        raise _invalid(f"{_shown(entry)} is no name for a file")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _invalid(f"{_shown(entry)} is a link or a device")
    return path


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a zip into a new folder, with its own folders; gives the files.

    Raises:
        UsageError: It is no zip, or one that :func:`judge` refuses; nothing is left behind.
        OSError: The disk is full, or the folder is there already; nothing is left behind either.
    """
    with opened(archive) as found:
        chosen = judge(found)
        growing = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(growing, ignore_errors=True)
        try:
            growing.mkdir(parents=True)
            for path, entry in chosen:
                placed = growing.joinpath(*path.parts)
                write(found, entry, placed)
                if entry.external_attr >> 16 & 0o100:
                    placed.chmod(placed.stat().st_mode | 0o111)
            growing.rename(folder)
        except BaseException:
            shutil.rmtree(growing, ignore_errors=True)
            raise
    return [folder.joinpath(*path.parts) for path, _ in chosen]


def write(found: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    """Unpack one judged file; what its header said of its size is held against what comes out.

    Raises:
        UsageError: It holds more than it says.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    left = entry.file_size
    with found.open(entry) as source, path.open("xb") as target:
        while data := source.read(_CHUNK):
            left -= len(data)
            if left < 0:
                raise _invalid("it says less than it holds")
            target.write(data)


# -- source bundles --------------------------------------------------------------------------


def source_root(archive: Path) -> str:
    """The name of a source bundle's one root folder.

    Raises:
        UsageError: It is no harmless zip, or something is missing; the message names what.
    """
    with opened(archive) as found:
        paths = [path for path, _ in judge(found)]
    roots = sorted({path.parts[0] for path in paths})
    if len(roots) != 1 or any(len(path.parts) < 2 for path in paths):
        shown = ", ".join(sanitize.line(root, limit=40) for root in roots[:5]) or "nothing"
        raise _invalid(f"it must hold exactly one folder at its root, and holds {shown}")
    lacking = missing(str(PurePosixPath(*path.parts[1:])) for path in paths)
    if lacking:
        raise _invalid(f"it lacks {_listed(f'{roots[0]}/{name}' for name in lacking)}")
    return roots[0]


def missing(names: Iterable[str]) -> list[str]:
    """What a bundle's root lacks, given the paths of its files."""
    there = set(names)
    return [name for name in REQUIRED if name not in there]


def check_folder(folder: Path) -> list[Path]:
    """The files of a folder that is to be sent as a source bundle.

    Raises:
        UsageError: It is none; the message names what is missing or wrong.
    """
    files = files_of(folder)
    lacking = missing(path.relative_to(folder).as_posix() for path in files)
    if lacking:
        raise _wrong(
            f"{sanitize.line(folder)} is no source bundle: it lacks {_listed(lacking)}",
            hint="A bundle holds Dockerfile, model/__init__.py, model/requirements.txt and "
            "model/train.",
        )
    train = folder / TRAIN
    if not os.access(train, os.X_OK):
        raise _wrong(
            f"{sanitize.line(train)} cannot be executed", hint=f"Make it so: chmod +x {train}"
        )
    return files


def files_of(folder: Path) -> list[Path]:
    """All files below a folder but those of version control and caches, sorted.

    Raises:
        UsageError: It is no folder, is empty, holds a link, or too many files.
    """
    if not folder.is_dir():
        raise _wrong(f"{sanitize.line(folder)} is no folder")
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        here = Path(root)
        for name in sorted([*names, *folders]):
            path = here / name
            if path.is_symlink():
                raise _wrong(f"{sanitize.line(path)} is a link; a bundle holds files only")
        paths = [here / name for name in sorted(names) if name not in _LEFT_OUT]
        odd = next((path for path in paths if not path.is_file()), None)
        if odd is not None:
            raise _wrong(f"{sanitize.line(odd)} is not a file")
        found += paths
        if len(found) > MAX_ENTRIES:
            raise _wrong(f"{sanitize.line(folder)} holds more than {MAX_ENTRIES:,} files")
    if not found:
        raise _wrong(f"{sanitize.line(folder)} holds no file")
    return sorted(found)


def pack(
    folder: Path,
    files: Iterable[Path],
    target: Path,
    *,
    root: str = "",
    comment: str = "",
) -> None:
    """Write a zip of files below a folder.

    Args:
        root: The folder inside the zip that they are put in.
        comment: Kept in the zip, so that two zips of one folder differ.

    Raises:
        OSError: Something cannot be read or written; no zip is left behind.
    """
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made:
            made.comment = comment.encode()
            add(made, folder, files, root=root)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def add(made: zipfile.ZipFile, folder: Path, files: Iterable[Path], *, root: str = "") -> None:
    """Add files below a folder to a zip that is being written; as :func:`pack`."""
    for path in files:
        name = PurePosixPath(root, path.relative_to(folder).as_posix())
        entry = zipfile.ZipInfo.from_file(path, str(name), strict_timestamps=False)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with path.open("rb") as source, made.open(entry, "w", force_zip64=_large(path)) as sink:
            shutil.copyfileobj(source, sink, _CHUNK)


def _large(path: Path) -> bool:
    return path.stat().st_size > 1 << 30


def _listed(names: Iterable[str]) -> str:
    shown = [sanitize.line(name, limit=120) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _shown(entry: zipfile.ZipInfo) -> str:
    return f"its entry {sanitize.line(entry.orig_filename, limit=120)!r}"


def _too_many() -> UsageError:
    return _invalid(f"it tells of more than {MAX_ENTRIES:,} entries")


def _invalid(what: str) -> UsageError:
    return _wrong(f"The zip is refused: {what}.")


def _wrong(message: str, hint: str | None = None) -> UsageError:
    return UsageError(message, hint=hint, code=INVALID, title="Not a bundle")
