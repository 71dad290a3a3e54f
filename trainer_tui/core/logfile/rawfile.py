"""The bytes of a file that others write, cut and replace."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from trainer_tui.core.logfile.source import LogSource

WINDOW = 128 << 10
"""Bytes that are kept around the last place that was read."""
MARK = 256
"""Bytes by which it is seen that a file is still the one that it was."""


class RawFile:
    """An open file, read with ``pread``; all reads come back short rather than fail.

    Args:
        fd: A descriptor, owned from now on; ``None``: a file that is not there.
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._window: tuple[int, bytes] = (0, b"")
        self._marks: tuple[tuple[int, bytes], ...] = ()
        self.identity = (0, 0)
        """Device and inode."""
        if fd is not None:
            stat = os.fstat(fd)
            self.identity = (stat.st_dev, stat.st_ino)

    @classmethod
    def of(cls, source: LogSource) -> RawFile:
        """The file of a source."""
        try:
            return cls(os.open(source.path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return cls(None)

    @property
    def there(self) -> bool:
        """Whether there was a file."""
        return self._fd is not None

    def twin(self) -> RawFile:
        """The same open file, for another thread."""
        return RawFile(None if self._fd is None else os.dup(self._fd))

    def way(self, path: Path) -> str:
        """What leads another process to this very file: its path, or where it was deleted or
        another took its place, the descriptor that is open here (Linux)."""
        with contextlib.suppress(OSError):
            stat = path.stat()
            if (stat.st_dev, stat.st_ino) == self.identity:
                return str(path.absolute())
        held = Path(f"/proc/{os.getpid()}/fd/{self._fd}")
        return str(held if held.exists() else path.absolute())

    def close(self) -> None:
        """Let it go; reads are empty from now on."""
        fd, self._fd = self._fd, None
        self.forget()
        if fd is not None:
            os.close(fd)

    def forget(self) -> None:
        """Drop the bytes that are kept: the file changed where it was read."""
        self._window = (0, b"")

    def read(self, start: int, stop: int) -> bytes:
        """Bytes from ``start`` to ``stop``; fewer when the file is shorter or cannot be read."""
        fd = self._fd
        if fd is None or stop <= start:
            return b""
        try:
            data = os.pread(fd, stop - start, start)
            while data and len(data) < stop - start:
                more = os.pread(fd, stop - start - len(data), start + len(data))
                if not more:
                    break
                data += more
        except OSError:
            return b""
        return data

    def around(self, position: int, size: int) -> tuple[int, bytes]:
        """Bytes of which a position is in the middle, and where they begin; kept until later."""
        start, data = self._window
        if not start <= position < start + len(data):
            start = max(0, position - WINDOW // 2)
            data = self.read(start, min(size, start + WINDOW))
            self._window = (start, data)
        return start, data

    def mark(self, source: LogSource) -> None:
        """Remember the first and the last bytes, where they are there."""
        self._marks = tuple(
            (at, self.read(at, min(source.size, at + MARK)))
            for at in {0, max(0, source.size - MARK)}
            if not any(gap.start < at + MARK and at < gap.stop for gap in source.gaps)
        )

    def is_another(self, source: LogSource) -> bool:
        """Whether a source's file is not this one any more, or was written anew."""
        if self._fd is None:
            return source.size > 0
        try:
            stat = source.path.stat()
        except OSError:
            return False  # gone or not to be reached: what is open can still be read
        if (stat.st_dev, stat.st_ino) != self.identity:
            return True
        return any(self.read(at, at + len(data)) != data for at, data in self._marks)


def as_it_is_now(source: LogSource) -> LogSource:
    """The source with the size that its file has now; as it was when the file is gone."""
    try:
        size = source.path.stat().st_size
    except OSError:
        return source
    return replace(source, size=size)
