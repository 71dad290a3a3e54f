"""What a program shows, when, and what it costs together with the processes that it started."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

import pyte
from terminal import Session, for_pyte

_QUIET = 0.02
_BUSY = 0.25


class Eye:
    """Rebuilds a session's screen as it grows, and remembers which bytes brought what.

    The screen is rebuilt while the program is quiet, so that what is measured is not disturbed.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._screen = pyte.Screen(*session.size)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0
        self._moment = session.began

    @property
    def rows(self) -> list[str]:
        """The screen, a line a row."""
        self._feed(None)
        return [row.rstrip() for row in self._screen.display]

    def press(self, keys: str) -> float:
        """Send keys; gives when."""
        self._feed(None)
        began = time.perf_counter()
        self.session.press(keys)
        return began

    def skip(self, most: int = 1 << 20) -> None:
        """Where more bytes than this came since the last look, leave the first of them out."""
        chunks = self.session.chunks
        kept = 0
        for at in range(len(chunks) - 1, self._fed - 1, -1):
            kept += len(chunks[at][1])
            if kept > most:
                self._fed = at
                return

    def wait(self, pattern: str, since: float, timeout: float) -> float | None:
        """Seconds from ``since`` to the bytes that brought ``pattern`` to the screen; ``None``
        when nothing did in time. What is on the screen already came with the last bytes."""
        wanted = re.compile(pattern)
        limit = time.perf_counter() + timeout
        looked = time.perf_counter()
        if any(wanted.search(row) for row in self._screen.display):
            return max(0.0, self._moment - since)
        while time.perf_counter() < limit and not self.session.ended:
            if self.session.read(_QUIET) and time.perf_counter() - looked < _BUSY:
                continue
            looked = time.perf_counter()
            moment = self._feed(wanted)
            if moment is not None:
                return max(0.0, moment - since)
        return None

    def _feed(self, wanted: re.Pattern[str] | None) -> float | None:
        """Show what came; when that brought a row that matches."""
        found = None
        chunks = self.session.chunks
        while self._fed < len(chunks):
            moment, data = chunks[self._fed]
            self._fed += 1
            self._moment = moment
            self._screen.dirty.clear()
            self._stream.feed(for_pyte(data))
            if wanted is not None and found is None:
                display = self._screen.display
                if any(wanted.search(display[row]) for row in self._screen.dirty):
                    found = moment
        return found


def family(pid: int) -> list[int]:
    """A process and all that it started, directly or not (Linux)."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def cpu(pid: int) -> float:
    """CPU seconds so far of a process and all that it started, those that ended included."""
    ticks = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> tuple[float, float]:
    """Resident MB of a process, and of those that it started; shared pages count in each."""
    sizes = []
    for each in family(pid):
        with contextlib.suppress(OSError):
            pages = int(Path(f"/proc/{each}/statm").read_text().split()[1])
            sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20))
    return (sizes[0], sum(sizes[1:])) if sizes else (0.0, 0.0)
