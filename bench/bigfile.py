"""A training log of any length, with two lines that are worth looking for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

LINE = 100
"""Bytes of a line: ten million are 1 GB."""
LITERAL = "fallen off"
"""Is in one line only, 93% along."""
REGEX = "loss=[0-9]+[.][0-9]+e[+][0-9]"
"""Matches one line only, 96% along; the part of it that is a plain string is in every line."""
_BEGAN = datetime(2026, 1, 1)
_AT_ONCE = 20_000


@dataclass(frozen=True)
class BigFile:
    """A log that was made, and what is where in it."""

    path: Path
    lines: int

    @property
    def literal_line(self) -> int:
        """The line with :data:`LITERAL`."""
        return self.lines * 93 // 100

    @property
    def regex_line(self) -> int:
        """The line that :data:`REGEX` matches."""
        return self.lines * 96 // 100


def step_text(number: int) -> str:
    """What tells a line on the screen."""
    return f"step {number:09d}"


def lines_of(start: int, stop: int) -> bytes:
    """Lines as a trainer prints them, a hundred a second of its clock."""
    parts = []
    for second in range(start // 100, -(-stop // 100)):
        clock = (_BEGAN + timedelta(seconds=second)).isoformat(" ")
        parts += [
            f"{clock},{n % 100:02d}0 step {n:09d} | INFO  trainer | loss=0.{n * 7919 % 89999:05d}"
            f" | lr=9.9e-05 | {n % 9}.21 it/s | ok\n"
            for n in range(max(start, second * 100), min(stop, second * 100 + 100))
        ]
    return "".join(parts).encode()


def _marked(file: BigFile, start: int, stop: int) -> bytes:
    text = lines_of(start, stop)
    marks = (  # the later one first: a mark moves what follows it
        (file.regex_line, b"loss=0.", b"loss=4.2e+08 0."),
        (file.literal_line, b"INFO  trainer", b"ERROR the GPU has fallen off the bus: trainer"),
    )
    for line, old, new in marks:
        if start <= line < stop:
            at = (line - start) * LINE
            text = text[:at] + text[at:].replace(old, new, 1)
    return text


def pieces(file: BigFile) -> Iterator[bytes]:
    """Its bytes, some megabytes at a time."""
    for start in range(0, file.lines, _AT_ONCE):
        yield _marked(file, start, min(file.lines, start + _AT_ONCE))


def make(folder: Path, size: int) -> BigFile:
    """Write a file of about ``size`` bytes.

    Raises:
        SystemExit: The folder has no room for it and what is appended to it.
    """
    free = shutil.disk_usage(folder).free
    if free < size * 1.2 + (256 << 20):
        raise SystemExit(f"{folder}: {free / 1e9:.1f} GB free, too little for {size / 1e9:.1f} GB")
    file = BigFile(folder / "train.log", size // LINE)
    with file.path.open("wb") as out:
        for piece in pieces(file):
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    return file
