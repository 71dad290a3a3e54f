"""Edits of whole lines: indent, comment, move, duplicate; and what Enter begins a line with."""

from __future__ import annotations

import re
from collections.abc import Callable

from textual.document._document import Location
from textual.widgets import TextArea

from trainer_tui.tui.widgets.yaml_document import ExactDocument
from trainer_tui.tui.widgets.yaml_view import FoldedView

_PAIRS = {'"': '"', "'": "'", "[": "]", "{": "}", "(": ")"}


class LineEdits(TextArea):
    """What :class:`YamlArea` does to whole lines."""

    @property
    def exact(self) -> ExactDocument:
        """The document, by its own type."""
        assert isinstance(self.document, ExactDocument)
        return self.document

    @property
    def view(self) -> FoldedView:
        """The view, by its own type."""
        assert isinstance(self.wrapped_document, FoldedView)
        return self.wrapped_document

    def select_range(self, start: Location, end: Location) -> None:
        """Select from one place to another."""
        self.move_cursor(start)
        self.move_cursor(end, select=True)

    def action_far(self, end: int, select: bool = False) -> None:
        """To the beginning or the end of the text."""
        document = self.document
        self.move_cursor(document.end if end else document.start, select=select)

    def replace_all(self, text: str) -> None:
        """Put another text in place of all, as one edit that can be undone.

        Only the lines between the first and the last that differ are replaced, so folds stay.
        """
        found = self.exact.difference(text)
        if found is None:
            return
        row, column = self.cursor_location
        start, end, part = found
        self.one_edit(part, start, end)
        row = min(row, self.document.line_count - 1)
        self.move_cursor((row, min(column, len(self.document[row]))))

    def one_edit(self, text: str, start: Location, end: Location) -> None:
        """Replace a range as one step of the undo history."""
        self.history.checkpoint()
        self.replace(text, start, end, maintain_selection_offset=False)
        self.history.checkpoint()

    def next_indent(self) -> str:
        """The indent of a new line below the cursor's: deeper behind a key without a value."""
        row, column = min(self.selection)
        line = self.document.get_line(row)[:column]
        indent = len(line) - len(line.lstrip(" "))
        bare = re.sub(r"\s+#.*$", "", line).rstrip()
        dash = re.match(r" *(- +)+", line)
        if dash and ":" in line[dash.end() :]:
            indent = dash.end()
        if bare.endswith(":"):
            indent += 2
        return " " * indent

    def surround(self, character: str) -> bool:
        """Put quotes or brackets around what is selected on a line; only there."""
        start, end = sorted(self.selection)
        closing = _PAIRS.get(character)
        if closing is None or start == end or start[0] != end[0]:
            return False
        inner = self.document.get_text_range(start, end)
        self.one_edit(f"{character}{inner}{closing}", start, end)
        row = start[0]
        self.select_range((row, start[1] + 1), (row, end[1] + 1))
        return True

    def action_comment(self) -> None:
        """Comment the selected lines out, or in again."""
        if self.read_only:
            return
        top, bottom = self.selected_rows()
        texts = [line for line in self.document.lines[top : bottom + 1] if line.strip()]
        if texts and all(line.lstrip().startswith("#") for line in texts):
            self.each_line(lambda line: re.sub(r"^(\s*)# ?", r"\1", line))
        else:
            depth = min((len(line) - len(line.lstrip()) for line in texts), default=0)
            self.each_line(lambda line: f"{line[:depth]}# {line[depth:]}" if line.strip() else line)

    def action_outdent(self) -> None:
        """Move the selected lines two columns to the left."""
        if not self.read_only:
            self.each_line(lambda line: re.sub(r"^ {1,2}", "", line))

    def selected_rows(self) -> tuple[int, int]:
        """First and last row of the selection; one that ends before a line leaves that out."""
        (top, _), (bottom, column) = sorted(self.selection)
        if bottom > top and column == 0:
            bottom -= 1
        return top, bottom

    def each_line(self, change: Callable[[str], str]) -> None:
        """Change the selected lines one by one, as one edit."""
        top, bottom = self.selected_rows()
        old = list(self.document.lines[top : bottom + 1])
        new = [change(line) for line in old]
        if new == old:
            return
        start, end = self.selection
        folds = self._folds_in(top, bottom)
        self.one_edit(self.exact.joined(top, new), (top, 0), (bottom, len(old[-1])))
        self.view.fold(folds)

        def moved(place: Location) -> Location:
            row, column = place
            if not column or not top <= row <= bottom:
                return place
            return row, max(0, column + len(new[row - top]) - len(old[row - top]))

        self.select_range(moved(start), moved(end))

    # Moving and copying ------------------------------------------------------------------------

    def _block(self) -> tuple[int, int]:
        """The selected rows with what is folded below them."""
        top, bottom = self.selected_rows()
        return top, max(bottom, self.view.folds.get(bottom, bottom))

    def _folds_in(self, top: int, bottom: int, shift: int = 0) -> dict[int, int]:
        folds = self.view.folds.items()
        return {a + shift: b + shift for a, b in folds if top <= a and b <= bottom}

    def action_move_lines(self, step: int) -> None:
        """Move the selected lines, with what is folded in them, above or below the next."""
        if self.read_only:
            return
        top, bottom = self._block()
        last = self.document.line_count - 1
        if (step < 0 and top == 0) or (step > 0 and bottom >= last):
            return
        if step < 0:
            other_top = self.view.row_at(self.view.y_of(top - 1))
            other_bottom = top - 1
        else:
            other_top = bottom + 1
            other_bottom = self.view.folds.get(other_top, other_top)
        own = list(self.document.lines[top : bottom + 1])
        other = list(self.document.lines[other_top : other_bottom + 1])
        first, end = min(top, other_top), max(bottom, other_bottom)
        shift = -len(other) if step < 0 else len(other)
        back = len(own) if step < 0 else -len(own)
        folds = self._folds_in(top, bottom, shift)
        folds |= self._folds_in(other_top, other_bottom, back)
        lines = own + other if step < 0 else other + own
        (start_row, start_column), (row, column) = self.selection
        text = self.exact.joined(first, lines)
        self.one_edit(text, (first, 0), (end, len(self.document[end])))
        self.view.fold(folds)
        self.select_range((start_row + shift, start_column), (row + shift, column))

    def action_duplicate(self, step: int) -> None:
        """Copy the selected lines below (or above) themselves."""
        if self.read_only:
            return
        top, bottom = self._block()
        lines = list(self.document.lines[top : bottom + 1])
        (start_row, start_column), (row, column) = self.selection
        folds = self._folds_in(top, bottom)
        newline = self.document.newline
        text = self.exact.joined(top, lines)
        end = (bottom, len(lines[-1]))
        self.one_edit(newline + text, end, end)
        shift = len(lines)
        self.view.fold(folds | {a + shift: b + shift for a, b in folds.items()})
        if step < 0:
            shift = 0
        self.select_range((start_row + shift, start_column), (row + shift, column))
