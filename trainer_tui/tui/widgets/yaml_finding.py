"""Finding and replacing in the text, the bar that asks for it, and the outline to go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from trainer_tui.core.yamlconfig.find import Finder, Hit
from trainer_tui.errors import UsageError
from trainer_tui.tui.widgets.yaml_folding import FoldingText

if TYPE_CHECKING:
    from trainer_tui.tui.widgets.find_bar import FindBar


class FindingText(FoldingText):
    """The text, searched."""

    _bar: FindBar | None = None
    _hits: list[Hit] | None = None
    _hits_of: tuple[int, Finder | None] = (-1, None)
    _looked_for: Finder | None = None
    search_error = ""
    """Why the last search was given up."""

    def look_for(self, finder: Finder | None) -> None:
        """Mark all places of what is looked for; ``None`` marks nothing."""
        self._looked_for = finder or self._looked_for
        self._finder = finder
        self.hits()  # one that takes too long is not run on each line once more
        self.refresh()

    def hits(self) -> list[Hit]:
        """All places of what is, or was last, looked for."""
        key = (self.version, self._looked_for)
        if self._hits is None or self._hits_of != key:
            finder = self._looked_for
            self.search_error = ""
            try:
                self._hits = finder.hits(self.document.lines) if finder is not None else []
            except UsageError as error:
                self.search_error = error.message
                self._hits, self._finder, self._looked_for = [], None, None
                key = (self.version, None)
            self._hits_of = key
        return self._hits

    def hit_here(self) -> int | None:
        """Which of the hits is selected (from 0)."""
        start, end = sorted(self.selection)
        if start[0] != end[0] or start == end:
            return None
        here = (start[0], start[1], end[1])
        return next((i for i, hit in enumerate(self.hits()) if hit == here), None)

    def go_to_hit(self, step: int, *, stay: bool = False) -> bool:
        """Select the next hit (or the one before, or with ``stay`` the one at the cursor)."""
        found = self.hits()
        if not found:
            return False
        start, end = sorted(self.selection)
        if stay:
            after = [i for i, hit in enumerate(found) if (hit[0], hit[1]) >= start]
        elif step > 0:
            after = [i for i, hit in enumerate(found) if (hit[0], hit[1]) >= end]
            if start == end and after and found[after[0]][:2] == start and len(after) > 1:
                after = after[1:] if self.hit_here() is not None else after
        else:
            after = [i for i, hit in enumerate(found) if (hit[0], hit[1]) < start][::-1]
        index = after[0] if after else (0 if step > 0 else -1)
        row, first, last = found[index]
        self.reveal(row)
        seen = self.row_seen(row)
        self.select_range((row, first), (row, last))
        if not seen:
            self.scroll_cursor_visible(center=True)
        x = self.view.location_to_offset((row, last)).x
        if x + self.gutter_width + 2 < self.size.width:
            self.scroll_to(x=0, animate=False)
        return True

    def replace_hit(self, text: str) -> bool:
        """Replace the hit that is selected and go to the next; tells whether one was.

        Raises:
            UsageError: The replacement names a group that does not exist.
        """
        index, finder = self.hit_here(), self._looked_for
        if index is None or finder is None or self.read_only:
            self.go_to_hit(1)
            return False
        row, first, last = self.hits()[index]
        new = finder.replaced(self.document.get_line(row), first, last, text)
        if new is None:
            return False
        self.one_edit(new, (row, first), (row, last))
        self.go_to_hit(1, stay=True)
        return True

    def replace_hits(self, text: str) -> int:
        """Replace all hits, as one step of the undo history; gives how many there were.

        Raises:
            UsageError: As above.
        """
        found, finder = self.hits(), self._looked_for
        if not found or finder is None or self.read_only:
            return 0
        top, bottom = found[0][0], found[-1][0]
        lines = list(self.document.lines[top : bottom + 1])
        for row in {hit[0] for hit in found}:
            lines[row - top] = finder.replaced_all(lines[row - top], text)
        row, column = self.cursor_location
        end = (bottom, len(self.document.get_line(bottom)))
        folded = dict(self.view.folds)
        self.one_edit(self.exact.joined(top, lines), (top, 0), end)
        if not any("\n" in line or "\r" in line for line in lines):
            self.view.fold(folded)
            row = min(row, self.document.line_count - 1)
            self.move_cursor((row, min(column, len(self.document.get_line(row)))))
        return len(found)

    # The bar -----------------------------------------------------------------------------------

    def action_find(self, replace: bool = False) -> None:
        """Open the bar to find, and to replace."""
        from trainer_tui.tui.widgets.find_bar import FindBar

        selected = self.selected_text
        parent = self.parent
        if self._bar is None and isinstance(parent, Widget):
            self._bar = FindBar(self)
            self._bar.hold_keys()
            parent.mount(self._bar, after=self)
        if self._bar is not None:
            one_line = selected if selected and "\n" not in selected else ""
            self._bar.open(one_line, replace=replace and not self.read_only)

    def action_find_next(self, step: int) -> None:
        """Go to the next place of what was looked for last."""
        if self._looked_for is None:
            self.action_find()
        elif not self.go_to_hit(step):
            self.notify("It is not in the text.", timeout=3)

    def close_bar(self) -> bool:
        """Close the bar; tells whether it was open."""
        bar = self._bar
        if bar is None or not bar.display:
            return False
        bar.display = False
        self.look_for(None)
        self.focus()
        return True

    def action_outline(self) -> None:
        """List the keys of the text and go to one."""
        from trainer_tui.tui.screens.outline import OutlineScreen

        self.app.push_screen(OutlineScreen(self))
