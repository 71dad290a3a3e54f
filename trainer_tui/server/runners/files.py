"""Reading what a job's process writes: the growing end of a file, the step of a checkpoint."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from trainer_tui.model import ArtifactKind
from trainer_tui.server.runners.base import FileEntry, JobFolder

FIRST_READ = 256 * 1024
"""Bytes of a file's end that are read when nothing is known of it yet."""
_MAX_READ = 4 * 1024 * 1024
_MAX_HEADER = 1024 * 1024
CHECKPOINTS = frozenset({".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf"})
SAMPLES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".webm", ".wav", ".mp3"})
_STEP_AT_END = re.compile(r"(?:^|[^0-9])(\d{1,12})$")


def open_regular(path: Path, flags: int = 0) -> BinaryIO:
    """A file to read, unbuffered. A job may have left a pipe in its place: that is not waited for.

    Raises:
        OSError: It is not there, or is no regular file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return cast(BinaryIO, os.fdopen(handle, "rb", buffering=0))


def read_whole(path: Path, most: int = _MAX_READ) -> bytes:
    """A small file. Raises OSError where it is none."""
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, "too large", str(path))
    return data


def from_json(data: bytes | str) -> Any:
    """What a JSON text from a job says. Raises ValueError, however it is wrong."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_new(path: Path, offset: int | None) -> tuple[bytes, int]:
    """What was added to a file since ``offset``, and the offset after it.

    With ``None`` only the end of the file is read, from the start of a line. A file that became
    shorter is read anew. A missing one gives nothing.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            start = offset
            if start is None or start > size:
                start = max(0, size - FIRST_READ) if offset is None else 0
            if start == size:
                return b"", size
            file.seek(start)
            data = file.read(min(size - start, _MAX_READ))
    except OSError:
        return b"", offset or 0
    end = start + len(data)
    if offset is None and start:
        data = data[data.find(b"\n") + 1 :]
    return data, end


def read_lines(path: Path, offset: int | None) -> tuple[list[bytes], int]:
    """Whole new lines, as :func:`read_new`; a half one at the end is left for the next time."""
    data, end = read_new(path, offset)
    whole = data.rfind(b"\n") + 1
    if not whole and len(data) >= _MAX_READ:
        return [], end  # a line without end is no line of ours
    return data[:whole].splitlines(), end - (len(data) - whole)


def step_in_header(path: Path) -> int | None:
    """The step in a safetensors file's metadata (``training_info``), as AI Toolkit writes it."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _MAX_HEADER:
                return None
            header = from_json(file.read(length))
        return int(from_json(header["__metadata__"]["training_info"])["step"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def step_in_name(path: Path) -> int | None:
    """The number that a file's name ends with: ``lora_000000500.safetensors`` is step 500."""
    match = _STEP_AT_END.search(path.stem)
    return int(match[1]) if match else None


def newest_step(folder: Path, stem: str) -> int:
    """The highest step of the safetensors checkpoints of a run; 0 when there is none."""
    steps = [0]
    for path in listing(folder):
        if path.suffix == ".safetensors" and re.fullmatch(
            rf"{re.escape(stem)}(_\d{{6,}})?", path.stem
        ):
            step = step_in_name(path) if path.stem != stem else None
            steps.append(step if step is not None else step_in_header(path) or 0)
    return max(steps)


def listing(folder: Path) -> list[Path]:
    """The files of a folder, sorted by name; empty where it is missing.

    Hidden ones are left out, and those with names that nobody could ask for.
    """
    try:
        with os.scandir(folder) as found:
            names = sorted(
                entry.name
                for entry in found
                if not entry.name.startswith(".")
                and entry.is_file(follow_symlinks=False)
                and is_plain(entry.name)
            )
    except OSError:
        return []
    return [folder / name for name in names]


def is_plain(name: str) -> bool:
    """Whether a file's name is UTF-8, and one line."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\n" not in name


def entries(
    folder: JobFolder, paths: Iterable[Path], kind: ArtifactKind, steps: Sequence[int | None] = ()
) -> list[FileEntry]:
    """File entries of paths; one that vanished meanwhile is left out."""
    found = []
    for index, path in enumerate(paths):
        try:
            step = steps[index] if index < len(steps) else None
            found.append(FileEntry.of(folder, path, kind, step=step))
        except (OSError, ValueError):
            continue
    return found


def config_entry(folder: JobFolder) -> list[FileEntry]:
    """The config as an artifact."""
    return entries(folder, [folder.config], ArtifactKind.CONFIG)


def checkpoint_entries(folder: JobFolder, paths: Iterable[Path]) -> list[FileEntry]:
    """Checkpoints with their steps, in the order of the steps."""
    found = [(path, _checkpoint_step(path)) for path in paths]
    found.sort(key=lambda pair: (pair[1] is None, pair[1] or 0, pair[0].name))
    return entries(
        folder, [path for path, _ in found], ArtifactKind.CHECKPOINT, [step for _, step in found]
    )


def _checkpoint_step(path: Path) -> int | None:
    if path.suffix == ".safetensors":
        step = step_in_header(path)
        if step is not None:
            return step
    return step_in_name(path)
