"""What goes to the terminal is written where it was made, if the terminal takes it at once.

Textual hands every frame to a thread that writes it. Beside a training all processors are busy,
and a thread that is woken waits for its turn: some milliseconds for each key. Here only what the
terminal does not take at once, because the line is slow, is left to the thread.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import Any, TextIO

from textual.drivers._writer_thread import WriterThread


class Writer(WriterThread):
    """Writes at once; while the thread has something left to write, by way of the thread."""

    def __init__(self, file: TextIO) -> None:
        super().__init__(file)
        self._coding = file.encoding, file.errors or "strict"
        self._left: Any = self._queue
        """Bytes for the thread; ``None`` ends it."""
        self._prompt = _without_waiting(file)

    def write(self, text: str) -> None:
        data = text.encode(*self._coding)
        if self._prompt is not None and not self._left.unfinished_tasks:
            with suppress(OSError):  # it takes nothing now, or is gone, as the thread will find
                data = data[os.write(self._prompt, data) :]
        if data:
            self._left.put(data)

    def run(self) -> None:
        file = self._file.fileno() if self._prompt is None else self._prompt
        while (data := self._left.get()) is not None:
            while data:
                select.select([], [file], [])
                try:
                    data = data[os.write(file, data) :]
                except BlockingIOError:
                    continue
                except OSError:
                    break  # the terminal is gone; a signal tells the program
            self._left.task_done()

    def stop(self) -> None:
        super().stop()
        if self._prompt is not None:
            os.close(self._prompt)
            self._prompt = None


def _without_waiting(file: TextIO) -> int | None:
    """The terminal opened once more, so that it is for us alone that it never waits."""
    try:
        name = os.ttyname(file.fileno())
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None


def use() -> None:
    """Let the driver write so from now on. Where the driver is another: nothing."""
    try:
        from textual.drivers import linux_driver
    except ImportError:  # Windows
        return
    linux_driver.WriterThread = Writer  # type: ignore[attr-defined, assignment]
