"""Which lines of the text are seen: all but those that are folded away.

Textual's own view keeps lists with an entry for every line, made anew from an edit down to the
end. Lines are never wrapped here, so only the folds need to be known.
"""

from __future__ import annotations

from bisect import bisect_right

from textual.document._document import DocumentBase, Location
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset

from textual._cells import cell_len, cell_width_to_column_index  # isort: skip


class FoldedView(WrappedDocument):
    """The lines that are seen, and where. A fold keeps its first line and hides the others."""

    def __init__(self, document: DocumentBase, tab_width: int = 2) -> None:
        self.folds: dict[int, int] = {}
        """First row → last row of what is folded; inner ones stay folded inside outer ones."""
        self._starts: list[int] = []  # rows where a hidden stretch begins
        self._ends: list[int] = []  # the row after it
        self._sums: list[int] = []  # rows hidden up to there
        self._count = document.line_count
        super().__init__(document, tab_width=tab_width)

    # What Textual asks for ---------------------------------------------------------------------

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        """Nothing is wrapped, whatever the width."""
        if tab_width:
            self._tab_width = tab_width
        if self._count != self.document.line_count:
            self.folds.clear()
            self._arrange()

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        """Move the folds below an edit; one that was edited inside is opened."""
        shift = self.document.line_count - self._count
        self._count = self.document.line_count
        if not self.folds:
            return
        top, bottom = start[0], max(old_end[0], new_end[0] - shift)
        kept: dict[int, int] = {}
        for first, last in self.folds.items():
            if last < top:
                kept[first] = last
            elif first > bottom or (first == bottom and not shift and top == bottom):
                kept[first + shift] = last + shift
            elif first < top and bottom <= last and not self._hides(first, top):
                kept[first] = last + shift
        if kept != self.folds:
            self.folds = kept
            self._arrange()

    def _hides(self, first: int, row: int) -> bool:
        return first < row <= self.folds[first]

    @property
    def height(self) -> int:
        """Rows that are seen."""
        hidden = self._sums[-1] if self._sums else 0
        return self.document.line_count - hidden

    def offset_to_location(self, offset: Offset) -> Location:
        """The place in the text of a place in the view."""
        row = self.row_at(min(max(0, offset.y), self.height - 1))
        line = self.document.get_line(row)
        return row, cell_width_to_column_index(line, max(0, offset.x), self._tab_width)

    def location_to_offset(self, location: Location) -> Offset:
        """The place in the view of a place in the text; of a hidden one, the line it is under."""
        row, column = location
        row = min(max(0, row), self.document.line_count - 1)
        head = self.document.get_line(row)[:column]
        if not head.isascii() or "\t" in head:
            return Offset(cell_len(head.expandtabs(self._tab_width)), self.y_of(row))
        return Offset(len(head), self.y_of(row))

    def get_sections(self, line_index: int) -> list[str]:
        """The line, in one."""
        return [self.document.get_line(line_index)]

    def get_offsets(self, line_index: int) -> list[int]:
        """No line is wrapped."""
        return []

    def get_tab_widths(self, line_index: int) -> list[int]:
        """Only asked for where lines are wrapped."""
        return []

    # Folds -----------------------------------------------------------------------------------

    def fold(self, parts: dict[int, int]) -> None:
        """Fold these besides what is folded."""
        self.folds.update(parts)
        self._arrange()

    def unfold(self, first: int) -> None:
        """Open what begins at a row."""
        if self.folds.pop(first, None) is not None:
            self._arrange()

    def unfold_all(self) -> None:
        """Open everything."""
        self.folds.clear()
        self._arrange()

    def reveal(self, row: int) -> bool:
        """Open what hides a row; tells whether something did."""
        if not self.hidden(row):
            return False
        for first in [f for f, last in self.folds.items() if f < row <= last]:
            del self.folds[first]
        self._arrange()
        return True

    def hidden(self, row: int) -> bool:
        """Whether a row is folded away."""
        at = bisect_right(self._starts, row) - 1
        return at >= 0 and row < self._ends[at]

    def row_at(self, y: int) -> int:
        """The row of the text that is shown in a row of the view."""
        low, high = 0, len(self._starts)
        while low < high:  # the last hidden stretch that begins at or above
            middle = (low + high) // 2
            before = self._sums[middle - 1] if middle else 0
            if self._starts[middle] - before <= y:
                low = middle + 1
            else:
                high = middle
        return y + (self._sums[low - 1] if low else 0)

    def y_of(self, row: int) -> int:
        """The row of the view that shows a row of the text, or the line that it is under."""
        at = bisect_right(self._starts, row) - 1
        if at < 0:
            return row
        if row < self._ends[at]:
            row = self._starts[at] - 1
            return row - (self._sums[at - 1] if at else 0)
        return row - self._sums[at]

    def next_seen(self, row: int, step: int) -> int:
        """The next row that is seen, below or above; the row itself at the ends."""
        y = self.y_of(row) + step
        return self.row_at(min(max(0, y), self.height - 1))

    def _arrange(self) -> None:
        self._count = self.document.line_count
        last_row = self._count - 1
        self._starts, self._ends, self._sums = [], [], []
        end = -1
        total = 0
        for first in sorted(self.folds):
            last = min(self.folds[first], last_row)
            if last <= first or last < end:  # inside of the one before
                continue
            if first < end:  # reaches out of the one before: the text was edited since
                total += last + 1 - end
                end = self._ends[-1] = last + 1
                self._sums[-1] = total
                continue
            total += last - first
            end = last + 1
            self._starts.append(first + 1)
            self._ends.append(end)
            self._sums.append(total)
