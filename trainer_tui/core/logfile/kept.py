"""The lines that were resolved last."""

from __future__ import annotations

from collections import OrderedDict

from trainer_tui.core.logfile.lines import Line

_LINES = 1024
_CHARACTERS = 2 << 20


class KeptLines:
    """A few screens of lines, bounded in number and in characters."""

    def __init__(self) -> None:
        self._lines: OrderedDict[int, Line] = OrderedDict()
        self._characters = 0
        self._open: int | None = None

    def get(self, position: int) -> Line | None:
        """A line, if it is here."""
        line = self._lines.get(position)
        if line is not None:
            self._lines.move_to_end(position)
        return line

    def keep(self, line: Line) -> None:
        """Take a line that is not here yet."""
        if line.open:
            self._open = line.position
        self._lines[line.position] = line
        self._characters += len(line.text)
        while len(self._lines) > _LINES or self._characters > _CHARACTERS:
            _, gone = self._lines.popitem(last=False)
            self._characters -= len(gone.text)

    def drop_open(self) -> None:
        """Forget the unfinished last line."""
        line = self._lines.pop(self._open, None) if self._open is not None else None
        self._open = None
        if line is not None:
            self._characters -= len(line.text)

    def clear(self) -> None:
        """Forget all."""
        self._lines.clear()
        self._characters = 0
        self._open = None
