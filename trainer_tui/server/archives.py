"""Zips from outside, unpacked only after every entry was judged, and never past their limits."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from trainer_tui import bundles, sanitize
from trainer_tui.errors import UsageError

MAX_FILES = 50_000
MAX_BYTES = 8 * 1024**3
MAX_RATIO = 200
"""Unpacked to packed bytes of the whole; pictures hardly shrink, captions rarely more than 10."""
_FREE_BYTES = 1024 * 1024  # the ratio counts only beyond this: small texts may shrink a lot
_CHUNK = 1024 * 1024
_KINDS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a zip's files, without its folders, into a new folder.

    Hidden entries and what macOS adds are left out. Trainers read one flat folder, so two files
    of one name in different folders are an error rather than a surprise.

    Raises:
        UsageError: It is no zip, or an entry is absolute, leads out by ``..``, is a link, is
            encrypted, or the whole is too large. Nothing is left behind.
    """
    try:
        with bundles.opened(archive) as opened:
            chosen = _judge(opened)
            folder.mkdir(parents=True)
            return _write(opened, chosen, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        _remove(folder)
        raise UsageError(f"not a zip that can be read ({sanitize.line(error)}).") from error
    except BaseException:
        _remove(folder)
        raise


def _judge(opened: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The entries to unpack, by the plain name each will have."""
    entries = opened.infolist()
    if len(entries) > MAX_FILES:
        raise UsageError(f"the zip holds more than {MAX_FILES:,} entries.")
    chosen: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        shown = sanitize.line(entry.filename, limit=120)
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
            raise UsageError(f"the zip's entry {shown!r} leads out of it.")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UsageError(f"the zip's entry {shown!r} is a link or a device.")
        if entry.is_dir() or path.parts[0] == "__MACOSX":
            continue
        name = sanitize.filename(path.name)
        if path.name.startswith("."):
            continue
        if entry.flag_bits & 0x1 or entry.compress_type not in _KINDS:
            raise UsageError(f"the zip's entry {shown!r} is encrypted or packed in an unknown way.")
        if name in chosen:
            raise UsageError(f"the zip holds two files named {sanitize.line(name, limit=120)!r}.")
        chosen[name] = entry
    size = sum(entry.file_size for entry in chosen.values())
    packed = sum(entry.compress_size for entry in chosen.values())
    if size > MAX_BYTES or size > max(_FREE_BYTES, packed * MAX_RATIO):
        raise UsageError(
            f"the zip would unpack to {size:,} bytes from {packed:,}; that is refused."
        )
    return chosen


def _write(opened: zipfile.ZipFile, chosen: dict[str, zipfile.ZipInfo], folder: Path) -> list[Path]:
    """Unpack; what an entry's header said about its size is held against what comes out."""
    written = []
    for name, entry in chosen.items():
        path = folder / name
        left = entry.file_size
        with opened.open(entry) as source, path.open("xb") as target:
            while data := source.read(_CHUNK):
                left -= len(data)
                if left < 0:
                    raise UsageError("the zip says less than it holds.")
                target.write(data)
        written.append(path)
    return written


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
