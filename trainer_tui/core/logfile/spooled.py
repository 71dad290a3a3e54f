"""What another program writes into a pipe, kept in a file so that it can be read like a log."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_PIECE = 1 << 20


class Spooled:
    """Copies a pipe into a file, in a thread, until the pipe ends.

    Args:
        fd: The pipe; closed at its end.
        path: The file; made anew.
    """

    def __init__(self, fd: int, path: Path) -> None:
        self.path = path
        self.size = 0
        """Bytes that are in the file."""
        self.ended = False
        """Whether no more will come."""
        self.trouble = ""
        """Why it ended before its time."""
        self._fd = fd
        self._out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        threading.Thread(target=self._run, name="log-spool", daemon=True).start()

    def _run(self) -> None:
        try:
            while data := os.read(self._fd, _PIECE):
                while data:
                    written = os.write(self._out, data)
                    self.size += written
                    data = data[written:]
        except OSError as error:  # the disk is full
            self.trouble = error.strerror or str(error)
        finally:
            os.close(self._fd)
            os.close(self._out)
            self.ended = True
