"""The editor's text: lines and the line breaks they came with; edits cost what they change."""

from __future__ import annotations

import re
from collections.abc import Callable

from rich.cells import cell_len
from textual.document._document import Document, EditResult, Location
from textual.geometry import Size

BREAK = re.compile(r"\r\n|\n|\r")


def _nobody(top: int, bottom: int, now: int) -> None:
    """Nobody is told."""


class ExactDocument(Document):
    """A document that gives back every byte: each line keeps the line break it came with.

    Textual's own joins all lines with one kind of break, and splits also where YAML and other
    editors do not (form feeds, U+2028).
    """

    def __init__(self, text: str) -> None:
        super().__init__("")
        found = BREAK.search(text)
        if found:
            self._newline = found.group()  # type: ignore[assignment]
        self._lines = BREAK.split(text)
        self._breaks = [*BREAK.findall(text), ""]
        # Line breaks that are not the usual one: while there are none, joining is quick.
        self._odd = sum(1 for one in self._breaks[:-1] if one != self._newline)
        self._width: int | None = None
        self._tab_width = 0
        self.changed: Callable[[int, int, int], None] = _nobody
        """Told after each change: rows from the first to the second are now first to third."""

    @property
    def text(self) -> str:
        """All of it."""
        if not self._odd:
            return self._newline.join(self._lines)
        return "".join(
            part for pair in zip(self._lines, self._breaks, strict=True) for part in pair
        )

    @property
    def breaks(self) -> list[str]:
        """The line break behind each line; behind the last there is none."""
        return self._breaks

    def get_size(self, tab_width: int) -> Size:
        """Width and height in cells; measured whole only when the widest line became shorter."""
        if self._width is None or self._tab_width != tab_width:
            self._tab_width = tab_width
            self._width = self._widest(self._lines)
        return Size(self._width, len(self._lines))

    def _widest(self, lines: list[str]) -> int:
        width = 0
        for line in lines:
            if line.isascii() and "\t" not in line:
                cells = len(line)
            else:
                cells = cell_len(line.expandtabs(self._tab_width))
            if cells > width:
                width = cells
        return width

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Put text in place of a range; its line breaks are taken as they are."""
        top, bottom = sorted((start, end))
        lines, breaks = self._lines, self._breaks
        (top_row, top_column), (bottom_row, bottom_column) = top, bottom
        replaced = self.get_text_range(top, bottom)
        bottom_row = min(bottom_row, len(lines) - 1)
        inserted = BREAK.split(text)
        before, after = lines[top_row][:top_column], lines[bottom_row][bottom_column:]
        inserted[0] = before + inserted[0]
        column = len(inserted[-1])
        inserted[-1] += after
        if self._width is not None:
            added = self._widest(inserted)
            if added >= self._width:
                self._width = added
            elif self._widest(lines[top_row : bottom_row + 1]) == self._width:
                self._width = None
        came = BREAK.findall(text)
        newline = self._newline
        self._odd += sum(1 for one in came if one != newline)
        self._odd -= sum(1 for one in breaks[top_row:bottom_row] if one != newline)
        breaks[top_row : bottom_row + 1] = [*came, breaks[bottom_row]]
        lines[top_row : bottom_row + 1] = inserted
        last = top_row + len(inserted) - 1
        self.changed(top_row, bottom_row, last)
        return EditResult((last, column), replaced)

    def get_text_range(self, start: Location, end: Location) -> str:
        """The text of a range, with its own line breaks."""
        (top_row, top_column), (bottom_row, bottom_column) = sorted((start, end))
        lines, breaks = self._lines, self._breaks
        bottom_row = min(bottom_row, len(lines) - 1)
        if top_row == bottom_row:
            return lines[top_row][top_column:bottom_column]
        parts = [lines[top_row][top_column:], breaks[top_row]]
        for row in range(top_row + 1, bottom_row):
            parts += (lines[row], breaks[row])
        parts.append(lines[bottom_row][:bottom_column])
        return "".join(parts)

    def joined(self, first: int, lines: list[str]) -> str:
        """Other lines with the line breaks of those from ``first`` on; none behind the last."""
        breaks = self._breaks[first : first + len(lines) - 1]
        return "".join(a + b for a, b in zip(lines, [*breaks, ""], strict=True))

    def difference(self, text: str) -> tuple[Location, Location, str] | None:
        """The one range, in whole lines, in which another text differs, and what stands there."""
        lines, breaks = self._lines, self._breaks
        others, other_breaks = BREAK.split(text), [*BREAK.findall(text), ""]
        most = min(len(lines), len(others)) - 1
        top = 0
        while top < most and lines[top] == others[top] and breaks[top] == other_breaks[top]:
            top += 1
        end = 0
        while (
            end < most - top
            and lines[-1 - end] == others[-1 - end]
            and breaks[-1 - end] == other_breaks[-1 - end]
        ):
            end += 1
        # The break behind the range stays: it must be the same in both.
        while end and breaks[-1 - end] != other_breaks[-1 - end]:
            end -= 1
        last, other_last = len(lines) - 1 - end, len(others) - 1 - end
        same = lines[top : last + 1] == others[top : other_last + 1]
        if same and breaks[top : last + 1] == other_breaks[top : other_last + 1]:
            return None
        parts = [a + b for a, b in zip(others[top:other_last], other_breaks[top:], strict=False)]
        return (top, 0), (last, len(lines[last])), "".join(parts) + others[other_last]
