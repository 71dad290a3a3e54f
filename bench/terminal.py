"""Runs a program in a pseudo-terminal and measures it from outside.

Times are taken at the read that brings the bytes; the screen is rebuilt afterwards, so that
emulation never disturbs a measurement. No terminal query is answered.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType, TracebackType

KEYS = {
    "down": b"\x1b[B",
    "up": b"\x1b[A",
    "pgdn": b"\x1b[6~",
    "enter": b"\r",
    "esc": b"\x1b",
    "tab": b"\t",
}
_ESCAPES = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    rb"|\x1b[P_^X][^\x1b]*\x1b\\"
    rb"|\x1b\[[0-9;:?<=>!$ \"']*[@-~]"
    rb"|\x1b[()][A-Z0-9]|\x1b."
)
# What pyte does not know and would print.
_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P_^X][^\x1b]*\x1b\\"
    rb"|\x1b\[[<=>][0-9;:]*[@-~]|\x1b\[[0-9;?]*[ !\"#$%&'()*+,\-./]+[@-~]"
)
_DRIVER_BEGAN = b"\x1b[?1004h"  # focus events: the first thing that only the driver asks for
_TICK = os.sysconf("SC_CLK_TCK")


class Session:
    """One program in one pseudo-terminal; use it as a context manager.

    Args:
        argv: The program and its arguments.
        size: Columns and rows.
        env: Additions to the environment.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        size: tuple[int, int] = (120, 40),
        env: Mapping[str, str] | None = None,
    ) -> None:
        _emulator()  # said before anything is measured
        self.size = size
        self.chunks: list[tuple[float, bytes]] = []
        self.ended = False
        environment = {
            **{k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LC_ALL": "C.UTF-8",
            **(env or {}),
        }
        self.began = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execvpe(argv[0], list(argv), environment)
        os.set_blocking(self._fd, False)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, sign)
            limit = time.perf_counter() + 2
            while time.perf_counter() < limit:
                self.read(0.02)
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    os.close(self._fd)
                    return

    @property
    def bytes(self) -> int:
        """How much the program has written so far."""
        return sum(len(data) for _, data in self.chunks)

    def read(self, timeout: float) -> int:
        """Take what is there, waiting at most ``timeout`` seconds; gives the byte count."""
        ready, _, _ = select.select([self._fd], [], [], max(0.0, timeout))
        if not ready or self.ended:
            return 0
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return 0
        self.chunks.append((time.perf_counter(), data))
        return len(data)

    def press(self, key: str) -> None:
        """Send one key by name, or literal text."""
        os.write(self._fd, KEYS.get(key, key.encode()))

    def read_for(self, seconds: float) -> None:
        """Read for a fixed time."""
        limit = time.perf_counter() + seconds
        while (left := limit - time.perf_counter()) > 0:
            self.read(left)

    def quit(self, key: str, timeout: float = 3.0) -> None:
        """Press the key that leaves the program, and wait until it has left."""
        self.press(key)
        limit = time.perf_counter() + timeout
        while not self.ended and time.perf_counter() < limit:
            self.read(0.05)

    def settle(self, silence: float = 0.3, timeout: float = 20.0) -> None:
        """Read until nothing has come for ``silence`` seconds after Textual's first frame."""
        limit = time.perf_counter() + timeout
        while time.perf_counter() < limit and not self.ended:
            if not self.read(silence) and self.drawn() is not None:
                return

    def wait_for(self, pattern: str, timeout: float = 30.0) -> float:
        """Milliseconds from the start until the screen shows ``pattern``.

        Raises:
            TimeoutError: It never did; the message holds the screen.
        """
        limit = time.perf_counter() + timeout
        wanted = re.compile(pattern)
        while time.perf_counter() < limit and not self.ended:
            if self.read(0.2) and wanted.search("\n".join(self.screen())):
                return (self.chunks[-1][0] - self.began) * 1000
        raise TimeoutError(f"{pattern!r} never came:\n" + "\n".join(self.screen()))

    def first_paint(self) -> float | None:
        """Milliseconds from the start until the first visible character."""
        return self._visible_after(b"")

    def drawn(self) -> float | None:
        """Milliseconds until the first frame of the running app, which then answers to keys.

        What stands on the screen before Textual's driver has begun is a picture of the last time.
        """
        return self._visible_after(_DRIVER_BEGAN)

    def _visible_after(self, mark: bytes) -> float | None:
        seen = b""
        for moment, data in self.chunks:
            seen += data
            _, found, after = seen.partition(mark) if mark else (b"", True, seen)
            if found and re.search(rb"[!-~\x80-\xff]", _ESCAPES.sub(b"", after)):
                return (moment - self.began) * 1000
        return None

    def time_of(self, pattern: str) -> float | None:
        """Milliseconds until the rebuilt screen first showed ``pattern``, or ``None``."""
        pyte = _emulator()
        screen = pyte.Screen(*self.size)
        stream = pyte.ByteStream(screen)
        wanted = re.compile(pattern)
        for moment, data in self.chunks:
            stream.feed(for_pyte(data))
            if wanted.search("\n".join(screen.display)):
                return (moment - self.began) * 1000
        return None

    def screen(self) -> list[str]:
        """The rebuilt screen, a line a row."""
        pyte = _emulator()
        screen = pyte.Screen(*self.size)
        stream = pyte.ByteStream(screen)
        stream.feed(for_pyte(b"".join(data for _, data in self.chunks)))
        return [line.rstrip() for line in screen.display]

    def cpu(self) -> float:
        """CPU seconds of the program so far (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:13]) / _TICK

    def memory(self) -> float:
        """Resident memory in MB (Linux)."""
        for row in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if row.startswith("VmRSS:"):
                return int(row.split()[1]) / 1024
        return 0.0


def _emulator() -> ModuleType:
    try:
        import pyte
    except ImportError:
        raise SystemExit("the benchmarks need an extra: pip install '.[bench]'") from None
    return pyte


def for_pyte(data: bytes) -> bytes:
    """What a program wrote, without the sequences that pyte would print."""
    return _UNKNOWN_TO_PYTE.sub(b"", data)


MINIMAL_APP = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("ready")
Minimal().run()
"""


def minimal_argv() -> list[str]:
    """The floor to compare with: a Textual app of one Static."""
    return [sys.executable, "-c", MINIMAL_APP]


def console_argv(*arguments: str) -> list[str]:
    """The console under this interpreter."""
    return [sys.executable, "-m", "trainer_tui", *arguments]


def median(values: Sequence[float]) -> float:
    """The median, or NaN of nothing."""
    return statistics.median(values) if values else float("nan")


def report(name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print a table and write the same as JSON to ``bench-NAME.json`` in the working folder."""
    columns = list(rows[0])
    shown = [[_cell(row[c]) for c in columns] for row in rows]
    widths = [max(len(c), *(len(row[i]) for row in shown)) for i, c in enumerate(columns)]
    print("  ".join(c.ljust(w) for c, w in zip(columns, widths, strict=True)))
    for row in shown:
        print("  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)))
    target = Path(f"bench-{name}.json")
    target.write_text(json.dumps(list(rows), indent=1) + "\n")
    print(f"(also in {target})")


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
