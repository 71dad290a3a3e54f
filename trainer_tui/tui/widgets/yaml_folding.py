"""Folding: parts of the text shown as their first line; the cursor steps over what is hidden."""

from __future__ import annotations

from textual.document._document import Location, Selection
from textual.geometry import Offset

from trainer_tui.core.yamlconfig.outline import folds
from trainer_tui.tui.widgets.yaml_seen import SeenText


class FoldingText(SeenText):
    """The text with parts of it folded away. Whoever goes or edits inside a fold opens it."""

    _parts: dict[int, int] | None = None
    _parts_of = -1

    def parts(self) -> dict[int, int]:
        """What can be folded: first row → last row."""
        if self._parts is None or self._parts_of != self.version:
            found = folds(self.document.lines)
            self._parts = {first - 1: last - 1 for first, last in found}
            self._parts_of = self.version
        return self._parts

    def action_fold(self) -> None:
        """Fold the part that begins at the cursor, or that it is in; unfold what is folded."""
        row = self.cursor_location[0]
        if self.fold_at(row):
            return
        around = [first for first, last in self.parts().items() if first < row <= last]
        if around:
            self.fold_at(max(around))

    def fold_at(self, row: int) -> bool:
        """Fold or unfold what begins at a row; tells whether something does."""
        if row in self.view.folds:
            self.view.unfold(row)
        elif row in self.parts():
            self.view.fold({row: self.parts()[row]})
        else:
            return False
        self._folded()
        return True

    def action_fold_level(self, level: int) -> None:
        """Show so many levels and fold what is below."""
        self.view.unfold_all()
        deep: list[int] = []  # ends of the parts that a part is in
        chosen = {}
        for first, last in self.parts().items():
            while deep and deep[-1] < first:
                deep.pop()
            if len(deep) + 1 >= level:
                chosen[first] = last
            deep.append(last)
        self.view.fold(chosen)
        self._folded()

    def action_unfold_all(self) -> None:
        """Unfold everything."""
        self.view.unfold_all()
        self._folded()

    def _folded(self) -> None:
        """Other lines are seen: the cursor comes out of what is hidden."""
        (start_row, _), (row, column) = self.selection
        view = self.view
        if view.hidden(row) or view.hidden(start_row):
            row = view.row_at(view.y_of(row))
            self.move_cursor((row, min(column, len(self.document.get_line(row)))))
        self._refresh_size()
        self.scroll_cursor_visible()
        self.refresh()

    def _watch_selection(self, previous_selection: Selection, selection: Selection) -> None:
        if self.view.reveal(selection.end[0]):
            self._refresh_size()
        super()._watch_selection(previous_selection, selection)

    def reveal(self, row: int) -> None:
        """Open what hides a row."""
        if self.view.reveal(row):
            self._refresh_size()
            self.refresh()

    def go_to(self, line: int, column: int) -> None:
        """Put the cursor at a line and column (from 1), in view."""
        row = min(max(0, line - 1), self.document.line_count - 1)
        place = (row, min(max(0, column - 1), len(self.document.get_line(row))))
        self.reveal(row)
        self.move_cursor(place, center=not self.row_seen(row))
        self.focus()

    def row_seen(self, row: int) -> bool:
        """Whether a row is on the screen."""
        y = self.view.y_of(row) - self.scroll_offset.y
        return not self.view.hidden(row) and 0 <= y < self.size.height

    @property
    def cursor_place(self) -> Offset:
        """The cursor's cell in the area."""
        x, y = self.view.location_to_offset(self.cursor_location)
        return Offset(x + self.gutter_width, y) - self.scroll_offset

    # Moving over folds -------------------------------------------------------------------------

    def get_cursor_up_location(self) -> Location:
        """The place above, as it is seen."""
        return self._beside(-1) if self.view.folds else super().get_cursor_up_location()

    def get_cursor_down_location(self) -> Location:
        """The place below, as it is seen."""
        return self._beside(1) if self.view.folds else super().get_cursor_down_location()

    def _beside(self, step: int) -> Location:
        view = self.view
        row, column = self.cursor_location
        x, y = view.location_to_offset((row, column))
        y += step
        if y < 0:
            return 0, 0
        if y >= view.height:
            return row, len(self.document.get_line(row))
        return view.offset_to_location(Offset(max(x, self.navigator.last_x_offset), y))

    def action_cursor_left(self, select: bool = False) -> None:
        """A character to the left; from behind a fold to the end of its line."""
        if select or self.selection.is_empty:
            row = self.get_cursor_left_location()[0]
            if self.view.hidden(row):
                row = self.view.row_at(self.view.y_of(row))
                self.move_cursor((row, len(self.document.get_line(row))), select=select)
                return
        super().action_cursor_left(select)

    def action_cursor_right(self, select: bool = False) -> None:
        """A character to the right; from the end of a folded line to behind what it hides."""
        if select or self.selection.is_empty:
            row = self.get_cursor_right_location()[0]
            if self.view.hidden(row):
                below = self.view.next_seen(self.cursor_location[0], 1)
                if below != self.cursor_location[0]:
                    self.move_cursor((below, 0), select=select)
                return
        super().action_cursor_right(select)
