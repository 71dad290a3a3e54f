"""Moving about a log: by lines, screens, bookmarks and places that are asked for."""

from __future__ import annotations

from trainer_tui.tui.widgets.log_place import LogPlace

_SIDEWAYS = 8


class LogMotion(LogPlace):
    """The keys that move."""

    def action_line(self, step: int) -> None:
        """A line up or down."""
        if self.selection is None:
            self.scroll_rows(step)
        else:
            self._extend(step)

    def action_page(self, direction: int) -> None:
        """A page up or down, with a line in common."""
        step = max(1, self.size.height - 1) * direction
        if self.selection is None:
            self.scroll_rows(step)
        else:
            self._extend(step)

    def action_top(self) -> None:
        """To the first line."""
        first = self.lines.first()
        if first is None:
            return
        if self.selection is None:
            self.move_to((first, 0))
        else:
            self._select_to(first)

    def action_end(self) -> None:
        """To the last line; follows from there."""
        if self.selection is None:
            self.follow()
        elif (last := self.lines.last()) is not None:
            self._select_to(last)

    def action_follow(self) -> None:
        """Follow, or stop."""
        if self.following:
            self.following = False
            self.tell()
        else:
            self.follow()

    def action_sideways(self, direction: int) -> None:
        """Show another part of long lines."""
        left = max(0, self.left + direction * _SIDEWAYS)
        if left != self.left and not self.wrapping:
            self.left = left
            self.repaint_all()

    def action_cursor(self, step: int) -> None:
        """Mark the next line, or the one before."""
        if not self._seen:
            return
        current, seen = self.current, self.seen
        if current is None or seen is None or current not in seen:
            found: int | None = self.here
        else:
            found = self.lines.after(current) if step > 0 else self.lines.before(current)
        if found is not None:
            self.following = False
            self.mark(found)
            self.reveal(found)

    # Selecting

    def action_select(self) -> None:
        """Begin to select lines, or stop."""
        if self.selection is None and self._seen:
            self.selection = (self.here, self.here)
            self.following = False
        else:
            self.selection = None
        self.refresh()
        self.tell()

    def _extend(self, step: int) -> None:
        assert self.selection is not None
        end = self.selection[1]
        for _ in range(abs(step)):
            found = self.lines.after(end) if step > 0 else self.lines.before(end)
            if found is None:
                break
            end = found
        self._select_to(end)

    def _select_to(self, position: int) -> None:
        assert self.selection is not None
        self.selection = (self.selection[0], position)
        self.reveal(position)
        self.following = False
        self.refresh()
        self.tell()

    # Bookmarks

    def action_bookmark(self) -> None:
        """Set a bookmark, or take it away."""
        if not self._seen:
            return
        position = self.here if self.following or self._marked else self._seen[0][0][0]
        self.bookmarks ^= {position}
        self.repaint_line(position)
        self.tell()

    def action_to_bookmark(self, direction: int) -> None:
        """To the next bookmark, or the one before; round at the ends."""
        if not self.bookmarks:
            self.say("no bookmark in this log; B sets one")
            return
        marks, here = sorted(self.bookmarks), self.here
        if direction > 0:
            found = next((mark for mark in marks if mark > here), marks[0])
        else:
            found = next((mark for mark in reversed(marks) if mark < here), marks[-1])
        self.go(found)

    @property
    def _marked(self) -> bool:
        """Whether the marked line is on the screen."""
        return self.current is not None and self.seen is not None and self.current in self.seen
