"""A file that is being sent, and how much of it is on its way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import IO

from trainer_tui.errors import UsageError

Moved = Callable[[int, int], None]
"""Told the bytes sent, and how many there are."""


class Counted:
    """A file that tells how much of it was read: what httpx reads it sends.

    It is as long as it was said to be: what is written to it meanwhile is not sent.
    """

    def __init__(self, file: IO[bytes], size: int, moved: Moved | None) -> None:
        self._file = file
        self._size = size
        self._moved = moved

    def read(self, size: int = -1) -> bytes:
        """Some bytes. Raises UsageError where some are no longer there."""
        left = max(0, self._size - self._file.tell())
        data = self._file.read(left if size < 0 else min(size, left))
        if left and size and not data:
            raise UsageError("it became shorter while it was sent")
        if self._moved is not None:
            self._moved(self._file.tell(), self._size)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file; httpx looks how long it is."""
        if whence == os.SEEK_END:
            return self._file.seek(self._size + offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of a file."""
        return self._file.tell()

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(64 * 1024):
            yield data
