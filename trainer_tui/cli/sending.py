"""One line that tells how much of something large is sent."""

from __future__ import annotations

from trainer_tui.cli import render
from trainer_tui.cli.context import CliContext


class Sending:
    """Drawn over on a terminal; nothing elsewhere."""

    def __init__(self, context: CliContext) -> None:
        self._on = context.stderr_tty and not context.json
        self._stream = context.stderr
        self._shown = ""

    def moved(self, count: int, size: int, what: str = "sending") -> None:
        """So many bytes of so many are on their way."""
        share = 100 * count // size if size else 100
        line = f"{what} {render.size(count)} of {render.size(size)}, {share}%"
        if self._on and line != self._shown:
            self._draw(line)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._draw("")

    def _draw(self, line: str) -> None:
        self._stream.write("\r" + line.ljust(len(self._shown)) + ("" if line else "\r"))
        self._stream.flush()
        self._shown = line
