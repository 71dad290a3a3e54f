"""The last main screen, painted from a file before anything heavy is imported.

Importing Textual takes a third of a second; reading 10 kB and writing them to the terminal takes
a few milliseconds. What is painted is what was seen last, at the same size, and it is painted
over as soon as the console itself draws. Only the standard library's lightest parts are imported.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAME = "first-frame"
_ENTER = b"\x1b[?1049h\x1b[?25l\x1b[H"
_LEAVE = b"\x1b[0m\x1b[?25h\x1b[?1049l"
_LIMIT = 400_000


def terminal() -> str:
    """What kind of terminal this is, and whether colours are wanted."""
    term = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    colour = "plain" if "NO_COLOR" in os.environ else "colour"
    return f"{term[0]} {term[1]} {colour}".replace("\n", " ")


def _mark(width: int, height: int) -> bytes:
    # Another terminal, size or choice of colours: another frame.
    return f"1 {width} {height} {terminal()}\n".encode()


def show(cache: Path) -> bool:
    """Paint the kept frame if there is one for this terminal; says whether it did."""
    try:
        width, height = os.get_terminal_size(sys.stdout.fileno())
        data = (cache / _NAME).read_bytes()
    except (OSError, ValueError):
        return False
    mark = _mark(width, height)
    if not data.startswith(mark) or len(data) > _LIMIT:
        return False
    paint(data[len(mark) :])
    return True


def paint(frame: bytes) -> None:
    """Paint a frame on the screen that the console has to itself."""
    _write(_ENTER + frame)


def hide() -> None:
    """Give the terminal back, where the console never came to draw itself."""
    _write(_LEAVE)


def keep(cache: Path, width: int, height: int, frame: str) -> None:
    """Keep a frame for the next start; a disk that is full is no reason to fail."""
    from trainer_tui.paths import private_folder, write_atomic

    try:
        private_folder(cache)
        write_atomic(cache / _NAME, _mark(width, height) + frame.encode())
    except OSError:
        return


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(sys.stdout.fileno(), view) :]
        except OSError:
            return
