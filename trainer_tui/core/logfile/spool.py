"""The file that fetched pieces of a log are written into.

A piece lies at the offset that it has at the service, so what was not fetched is a hole. Beside
the file lies a small JSON file that says which bytes are there. It is replaced after the bytes
were written: a program that is killed forgets at most what it fetched in the last seconds, and
fetches it again. A lock keeps two copies of the program out of each other's files.

When a service's log begins anew, what was fetched stays, a note is added, and the new log goes
below it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
from pathlib import Path
from time import monotonic
from typing import Any

from trainer_tui.core.logfile.ranges import Ranges
from trainer_tui.core.logfile.source import NOTE, Gap, LogSource
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef, LogChunk
from trainer_tui.paths import private_folder
from trainer_tui.sanitize import filename

SPOOL_LIMIT = 2 << 30
"""Bytes on disk that all spools together may take; those that were not used longest go first."""
SPOOL_COUNT = 1000
NOT_FETCHED = "not fetched yet"
LOST = "the service no longer has this part"
_SAVE = 2.0
_ARRIVALS = 2048
_SHORT_ARRIVALS = 1.0
_COPIES = 16
_VERSION = 1


class Spool:
    """One log of one job, as far as it was fetched. One thread.

    Args:
        path: The file; its folder exists and nobody else writes it (see :func:`open_spool`).
        fd: A descriptor of it, open for reading and writing; owned from now on.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._beside = path.with_suffix(".json")
        self._held = Ranges()
        self._base = 0
        self._begins = 0
        self._size = 0
        self._complete = False
        self._arrivals: list[tuple[int, float]] = []
        self._looked = (0, 0.0)
        """How long it was when it was last looked at, and when that was."""
        self._saved = monotonic()
        self._unsaved = False
        self._load()

    # -- what is there ------------------------------------------------------------------------

    @property
    def next(self) -> int:
        """The service's offset of the first byte that was never seen."""
        return max(0, self._size - self._base)

    @property
    def held(self) -> int:
        """Bytes of the log as it is now that are there."""
        return sum(b - a for a, b in self._held.within(self._base, self._size))

    @property
    def source(self) -> LogSource:
        """What may be read of it."""
        return LogSource(
            self.path,
            self._size,
            self._complete,
            self._gaps(),
            tuple(self._arrivals),
            notes=True,
        )

    def _gaps(self) -> tuple[Gap, ...]:
        border = min(self._size, self._base + self._begins)
        found = [Gap(a, b, LOST) for a, b in self._held.missing(0, border)]
        fetchable = [
            Gap(a, b, NOT_FETCHED, True) for a, b in self._held.missing(border, self._size)
        ]
        if found and fetchable and found[-1].stop == fetchable[0].start:
            # Two gaps never touch; what cannot be had is seen when the rest was fetched.
            fetchable[0] = Gap(found.pop().start, fetchable[0].stop, NOT_FETCHED, True)
        return (*found, *fetchable)

    def missing(self, limit: int, near: int | None = None) -> tuple[int, int] | None:
        """What to fetch next of what is missing: the service's offset and how many bytes.

        Args:
            limit: Bytes at most.
            near: A position in the file: the gap that has it is filled; else the last one.
        """
        gaps = self._held.missing(min(self._size, self._base + self._begins), self._size)
        if near is not None:
            gaps = [(a, b) for a, b in gaps if a <= near < b]
        if not gaps:
            return None
        start, stop = gaps[-1]
        start = max(start, stop - limit)
        return start - self._base, stop - start

    @property
    def base(self) -> int:
        """Where the log as it is now begins in the file; another number after it began anew."""
        return self._base

    def read(self, offset: int, limit: int) -> LogChunk | None:
        """A piece as the service would give it, of what was fetched; ``None``: it must be asked.

        Args:
            offset: The service's; what was never seen is empty.
            limit: Bytes at most.
        """
        start = self._base + offset
        if start >= self._size:
            return LogChunk(b"", offset, offset, complete=self._complete)
        held = self._held.within(start, min(self._size, start + limit))
        if not held or held[0][0] > start:
            return None
        data = os.pread(self._fd, held[0][1] - start, start)
        end = offset + len(data)
        return LogChunk(data, offset, end, complete=self._complete and end >= self.next)

    # -- writing ------------------------------------------------------------------------------

    def write(self, chunk: LogChunk, now: float | None = None) -> None:
        """Take a piece.

        Args:
            chunk: As the service gave it. Bytes that are here already must be the same: where
                they are not, it is another log, and it begins anew here.
            now: The second at which its end was seen to be there; ``None``: it may be old.

        Raises:
            TrainerError: The disk is full, or the file cannot be written.
        """
        try:
            self._write(chunk, now)
        except OSError as error:
            raise _in_words(error, self.path) from error
        self.save_soon()

    def _write(self, chunk: LogChunk, now: float | None) -> None:
        data = chunk.data.replace(NOTE, b"\x1a")  # no line of a service's is taken for a note
        if (chunk.reset and self._size > self._base) or not self._agrees(chunk.offset, data):
            self._note("the log began anew at the service")
        if chunk.begins > self._begins:
            self._begins = chunk.begins
        start = self._base + chunk.offset
        stop = start + len(data)
        for low, high in self._held.missing(start, stop):
            self._put(data[low - start : high - start], low)
        grown = stop > self._size
        self._size = max(self._size, stop)
        self._complete = chunk.complete and stop >= self._size
        if now is not None:
            if grown:
                self._arrived(now)
            self._looked = (self._size, now)
        self._unsaved = True

    def _agrees(self, offset: int, data: bytes) -> bool:
        """Whether a piece has the same bytes as here, where it overlaps."""
        start = self._base + offset
        return all(
            os.pread(self._fd, high - low, low) == data[low - start : high - start]
            for low, high in self._held.within(start, start + len(data))
        )

    def _note(self, text: str) -> None:
        """Add a line of ours; a log begins below it."""
        last = os.pread(self._fd, 1, self._size - 1) if self._size else b"\n"
        line = (b"" if last == b"\n" else b"\n") + NOTE + text.encode() + b"\n"
        self._put(line, self._size)
        self._size += len(line)
        self._base, self._begins = self._size, 0

    def _put(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        start = at
        while view:
            written = os.pwrite(self._fd, view, at)
            at += written
            view = view[written:]
        self._held.add(start, at)

    def _arrived(self, now: float) -> None:
        arrivals = self._arrivals
        if arrivals and (now - arrivals[-1][1] < _SHORT_ARRIVALS or self._size <= arrivals[-1][0]):
            return
        size, when = self._looked
        if arrivals and size == arrivals[-1][0] and when - arrivals[-1][1] > _SHORT_ARRIVALS:
            arrivals.append((size, when))  # until then nothing had come
        arrivals.append((self._size, now))
        if len(arrivals) > _ARRIVALS:
            del arrivals[1::2]

    # -- keeping ------------------------------------------------------------------------------

    def save_soon(self) -> None:
        """Write down which bytes are there, if that was not done in the last seconds."""
        if self._unsaved and monotonic() - self._saved >= _SAVE:
            try:
                self._save()
            except OSError as error:
                raise _in_words(error, self.path) from error

    def _save(self) -> None:
        told = {
            "version": _VERSION,
            "size": self._size,
            "held": list(self._held),
            "base": self._base,
            "begins": self._begins,
            "complete": self._complete,
            "arrivals": self._arrivals,
        }
        new = self._beside.with_suffix(".new")
        new.write_text(json.dumps(told), encoding="utf-8")
        new.replace(self._beside)
        self._saved, self._unsaved = monotonic(), False

    def close(self) -> None:
        """Write down what is there and let the file go."""
        with contextlib.suppress(OSError):  # it is fetched again
            if self._unsaved:
                self._save()
        os.close(self._fd)

    def _load(self) -> None:
        """Take what an earlier run fetched; nothing of it where that cannot be trusted."""
        try:
            told = json.loads(self._beside.read_text(encoding="utf-8"))
            self._take(told, os.fstat(self._fd).st_size)
        except (OSError, ValueError, KeyError, TypeError):
            self._held, self._arrivals = Ranges(), []
            self._base = self._begins = self._size = 0
            os.ftruncate(self._fd, 0)

    def _take(self, told: dict[str, Any], there: int) -> None:
        held = [(int(a), int(b)) for a, b in told["held"]]
        size, base, begins = int(told["size"]), int(told["base"]), int(told["begins"])
        stops = [0, *(stop for _, stop in held)]
        if told["version"] != _VERSION or max(stops) > min(size, there) or not 0 <= base <= size:
            raise ValueError("not what was written here")
        self._held = Ranges(held)
        self._size, self._base, self._begins = size, base, begins
        self._complete = bool(told["complete"])
        self._arrivals = [(int(at), float(when)) for at, when in told["arrivals"]]


def open_spool(folder: Path, ref: JobRef, name: str) -> Spool:
    """The spool of a log. Where another program has it, one of our own beside it.

    Args:
        folder: Of all spools; made when it is not there.

    Raises:
        TrainerError: It cannot be made.
    """
    key = hashlib.sha256(f"{ref.profile}\0{ref.id}\0{name}".encode()).hexdigest()[:12]
    stem = f"{filename(ref.id, fallback='job')[:60]}-{filename(name)[:20]}-{key}"
    try:
        private_folder(folder)
        for copy in range(1, _COPIES + 1):
            path = folder / f"{stem}{'' if copy == 1 else f'-{copy}'}.log"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _locked(fd):
                return Spool(path, fd)
            os.close(fd)
    except OSError as error:
        raise _in_words(error, folder) from error
    raise TrainerError(f"{_COPIES} programs read this log at once", hint="Close some of them.")


def prune(folder: Path, limit: int = SPOOL_LIMIT, count: int = SPOOL_COUNT) -> None:
    """Remove the spools that were not used longest, until the rest fits; none that is in use.

    Args:
        limit: Bytes on disk.
        count: How many spools.
    """
    found: list[tuple[float, int, Path]] = []
    for path in folder.glob("*.log"):
        with contextlib.suppress(OSError):
            stat = path.stat()
            found.append((stat.st_mtime, stat.st_blocks * 512, path))
    total = sum(size for _, size, _ in found)
    count = len(found) - count
    for _, size, path in sorted(found):
        if total <= limit and count <= 0:
            return
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if _locked(fd):
                    path.with_suffix(".json").unlink(missing_ok=True)
                    path.unlink()
                    total -= size
                    count -= 1
            finally:
                os.close(fd)


def _locked(fd: int) -> bool:
    """Take the lock of a file; the system gives it back when the program ends, however it ends."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(fd).st_nlink > 0  # pruned between opening and locking


def _in_words(error: OSError, path: Path) -> TrainerError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TrainerError(
            f"the disk of {path.parent} is full: no more of the log can be kept",
            title="Not enough room",
            hint="Make room; it goes on by itself from what is there.",
        )
    return TrainerError(
        f"the log cannot be kept in {path.parent}: {error.strerror or error}",
        hint="Check the permissions of that folder.",
    )
