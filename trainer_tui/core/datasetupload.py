"""Filling a dataset: which files of a folder, which of them are there already, sending the rest.

What got through is noted in a file a dataset, since a service need not tell which files it has:
the same upload, asked again, goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainer_tui import sanitize
from trainer_tui.errors import (
    NetworkError,
    RateLimitError,
    ServiceError,
    TrainerError,
    UsageError,
)
from trainer_tui.providers.base import Dataset
from trainer_tui.providers.capabilities import KeepsDatasets

AT_ONCE = 4
"""Files on their way at one time."""
PAUSES = (1.0, 4.0)
"""Seconds before a file is sent again that was lost on the way."""
_HOPELESS = 20
"""Files refused, and none taken, after which no other is tried."""
_PATIENCE = 60.0
"""The longest ``Retry-After`` that is waited for."""

Moved = Callable[[int], None]
"""Told by how many bytes more are on their way (fewer, when a file begins anew)."""


@dataclass(frozen=True, slots=True)
class Found:
    """The files to be sent, and what beside them is not."""

    files: tuple[Path, ...]
    left_out: str
    """``2 folders, 1 hidden file``; empty when nothing is."""


@dataclass(slots=True)
class Upload:
    """How an upload went, by the files' names."""

    sent: list[str] = field(default_factory=list)
    refused: dict[str, TrainerError] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """Not sent, because of what ended it."""
    stopped: TrainerError | None = None
    """What ended it early."""


def gather(paths: Iterable[Path]) -> Found:
    """Files, and the plain files right in folders: a dataset is one flat folder.

    Raises:
        UsageError: One is not there, two have the same name, or there is nothing to send.
    """
    chosen: dict[str, Path] = {}
    others: Counter[str] = Counter()
    named = list(paths)
    for path in named:
        try:
            path.stat()
            inside = sorted(path.iterdir()) if path.is_dir() else [path]
            for file in inside:
                kind = _left_out(file) if path.is_dir() else ""
                if kind:
                    others[kind] += 1
                    continue
                _take(file, chosen)
        except OSError as error:
            why = error.strerror or "cannot be read"
            raise UsageError(f"{sanitize.line(path)}: {why}") from error
    if not chosen:
        shown = ", ".join(sanitize.line(path) for path in named)
        raise UsageError(f"there is no file to send in {shown}{_told(others, ': ')}")
    return Found(tuple(chosen.values()), _told(others))


def _take(file: Path, chosen: dict[str, Path]) -> None:
    name = file.name
    shown = sanitize.line(name, limit=120)
    # A form has no way of naming the last two that every server reads alike.
    if sanitize.text(name) != name or not name.isprintable() or set(name) & {'"', "\\"}:
        raise UsageError(f"{shown!r} has characters in its name that cannot be sent")
    if not file.is_file():
        raise UsageError(f"{shown} is no plain file")
    if name in chosen and not file.samefile(chosen[name]):
        raise UsageError(f"two files are named {shown!r}; a dataset is one flat folder")
    chosen[name] = file


def _left_out(file: Path) -> str:
    """What a thing in a folder is that is not sent; empty when it is."""
    if file.name.startswith("."):
        return "hidden file"
    if file.is_dir():
        return "folder"
    return "" if file.is_file() else "special file"


def _told(others: Mapping[str, int], before: str = "") -> str:
    words = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in others.items()]
    return before + ", ".join(words) if words else ""


class Sent:
    """What was sent to one dataset before, noted as each file gets through.

    Args:
        file: Where it is kept. What cannot be read or written there is as good as not noted.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._noted: dict[str, list[int]] = {}
        with contextlib.suppress(OSError, ValueError):
            for line in file.read_text().splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    told = json.loads(line)
                    self._noted[told["name"]] = told["is"]

    def has(self, file: Path, dataset: Dataset) -> bool:
        """Whether the dataset has the file as it is now, as far as that can be known."""
        now, noted = _stamp(file), self._noted.get(file.name)
        if dataset.files is None:
            return noted == now
        return dataset.files.get(file.name) == now[0] and noted in (None, now)

    def note(self, file: Path, stamp: list[int]) -> None:
        """It got through, as it was then."""
        self._noted[file.name] = stamp
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a") as kept:
                # A line before, for a note that was cut off may be the last thing there.
                kept.write("\n" + json.dumps({"name": file.name, "is": stamp}))

    def forget(self) -> None:
        """The dataset is gone."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)


def _stamp(file: Path) -> list[int]:
    """Size and time of the last change: another one is another file."""
    told = file.stat()
    return [told.st_size, told.st_mtime_ns]


async def send(
    provider: KeepsDatasets,
    dataset: Dataset,
    files: Sequence[Path],
    sent: Sent,
    *,
    moved: Moved = lambda count: None,
    pauses: Sequence[float] = PAUSES,
) -> Upload:
    """Send files, several at once.

    A file that the service refuses is left behind; what concerns all of them (the credential, the
    network) ends the upload when those on their way have come to an end.

    Args:
        pauses: Seconds before each further try of a file that was lost.
    """
    upload, waiting = Upload(), deque(files)

    async def work() -> None:
        while waiting and upload.stopped is None:
            file = waiting.popleft()
            try:
                stamp = _stamp(file)
                await _one(provider, dataset.id, file, moved, pauses)
                sent.note(file, stamp)
                if _stamp(file) != stamp:
                    raise UsageError("it changed while it was sent")
            except OSError as error:
                upload.refused[file.name] = UsageError(error.strerror or "cannot be read")
            except TrainerError as error:
                if _about_the_file(error):
                    upload.refused[file.name] = error
                    if len(upload.refused) >= _HOPELESS and not upload.sent:
                        upload.stopped = error
                else:
                    upload.stopped = upload.stopped or error
                    upload.left.append(file.name)
            else:
                upload.sent.append(file.name)

    await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(waiting)))))
    left = {*upload.left, *(file.name for file in waiting)}
    upload.left = [file.name for file in files if file.name in left]
    return upload


async def _one(
    provider: KeepsDatasets, dataset_id: str, file: Path, moved: Moved, pauses: Sequence[float]
) -> None:
    for pause in (*pauses, None):
        told = 0

        def count(now: int, _size: int) -> None:
            nonlocal told
            moved(now - told)
            told = now

        try:
            return await provider.upload_to_dataset(dataset_id, file, moved=count)
        except TrainerError as error:
            asked = error.retry_after if isinstance(error, RateLimitError) else None
            if pause is None or not _passes(error) or (asked or 0.0) > _PATIENCE:
                raise
        moved(-told)
        await asyncio.sleep(pause if asked is None else asked)


def _passes(error: TrainerError) -> bool:
    """Whether the same request may be answered better a moment later."""
    if isinstance(error, RateLimitError):
        return True
    if isinstance(error, ServiceError):
        return (error.status or 0) >= 500
    if error.code == "URL_EXPIRED":  # each try asks for another signed address
        return True
    return isinstance(error, NetworkError) and error.code != "TLS"


def _about_the_file(error: TrainerError) -> bool:
    """Whether other files may be taken all the same."""
    if isinstance(error, UsageError):
        return True
    inside = error.code or ""
    status = getattr(error, "status", None) or (int(inside[:3]) if inside[:3].isdigit() else 0)
    return type(error) is ServiceError and 400 <= status < 500
