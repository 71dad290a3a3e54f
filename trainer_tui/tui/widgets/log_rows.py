"""Which line of a log is on which row: all lines or those of a filter, cut or wrapped."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from rich.cells import cell_len

from trainer_tui.core.logs import LogBuffer
from trainer_tui.core.logsearch import Search


class LogRows:
    """Items are the lines that are shown, rows are lines of the screen.

    Wrapped, the rows are counted once a line and again only when the width or the lines change.
    """

    def __init__(self, buffer: LogBuffer) -> None:
        self.buffer = buffer
        self.filter: Search | None = None
        self.wrapping = False
        self.width = 80
        """Cells for the text of a line."""
        self._ends: list[int] = []
        self._wrapped_at = 0

    def item_count(self) -> int:
        """How many lines are shown."""
        return len(self.filter.hits) if self.filter else len(self.buffer)

    def number_of(self, item: int) -> int:
        """The line number of an item."""
        return self.filter.hits[item] if self.filter else self.buffer.first + item

    def item_of(self, number: int) -> int:
        """The item that is a line, or the next one below it."""
        if self.filter:
            return bisect_left(self.filter.hits, number)
        return max(0, number - self.buffer.first)

    def count(self) -> int:
        """Rows of all lines that are shown."""
        if not self.wrapping:
            return self.item_count()
        self._measure()
        return self._ends[-1] if self._ends else 0

    def row_of(self, number: int) -> int:
        """The first row of a line."""
        item = self.item_of(number)
        if not self.wrapping:
            return item
        self._measure()
        return self._ends[min(item, len(self._ends)) - 1] if item and self._ends else 0

    def at(self, row: int) -> tuple[int, int]:
        """The line number at a row, and which of the line's rows that is."""
        if not self.wrapping:
            return self.number_of(row), 0
        self._measure()
        item = bisect_right(self._ends, row)
        return self.number_of(item), row - (self._ends[item - 1] if item else 0)

    def line_before_measuring(self, row: int) -> int | None:
        """The line at a row as it was at the last width; ``None`` when nothing was wrapped."""
        if not self.wrapping or not self._ends:
            return None
        return self.number_of(min(bisect_right(self._ends, row), len(self._ends) - 1))

    def forget(self, number: int | None = None) -> None:
        """Count again from a line on, or everything."""
        del self._ends[0 if number is None else self.item_of(number) :]

    def _measure(self) -> None:
        width, ends = self.width, self._ends
        if width != self._wrapped_at:
            ends.clear()
            self._wrapped_at = width
        total = self.item_count()
        if len(ends) < total:
            row = ends[-1] if ends else 0
            line, number_of = self.buffer.line, self.number_of
            for item in range(len(ends), total):
                text = line(number_of(item))
                row += (-(-len(text) // width) or 1) if text.isascii() else len(folds(text, width))
                ends.append(row)


def folds(text: str, width: int) -> list[int]:
    """Where the rows of a wrapped line begin, as character offsets; at least one row.

    A wide character that does not fit goes to the next row whole.
    """
    if text.isascii() or cell_len(text) == len(text):
        return list(range(0, len(text), width)) or [0]
    starts, used = [0], 0
    for offset, char in enumerate(text):
        size = cell_len(char)
        if used + size > width and used:
            starts.append(offset)
            used = 0
        used += size
    return starts


def part_of(text: str, width: int, part: int) -> tuple[int, int]:
    """Start and end of one row of a wrapped line."""
    starts = folds(text, width)
    start = starts[part] if part < len(starts) else len(text)
    return start, starts[part + 1] if part + 1 < len(starts) else len(text)
