"""Where in a log the reader is, and going elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from trainer_tui.tui.widgets.log_base import LogBase
from trainer_tui.tui.widgets.log_rows import Place

_MARGIN = 3
"""Rows at the edges of the screen where a line is not well in sight."""
_COUNTED = 500
"""Lines that are counted one by one, where they have no numbers."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What lies below the screen."""

    lines: int | None
    """``None``: not counted yet; then ``bytes`` says how much it is."""
    bytes: int = 0
    more: bool = False
    """Whether there are more lines than that."""


class LogPlace(LogBase):
    """A log on a screen that can be moved about."""

    # Where the reader is

    @property
    def seen(self) -> range | None:
        """From the first to the last position on the screen."""
        return range(self._seen[0][0][0], self._seen[-1][0][0] + 1) if self._seen else None

    @property
    def behind(self) -> Behind:
        """How much of the log is below what is seen."""
        last = self.document.last()
        if not self._seen or last is None:
            return Behind(0)
        position = self._seen[-1][0][0]
        if self.lines.after(position) is None:
            return Behind(0)
        if not self.origins:
            low, high = self.document.number(position), self.document.number(last)
            if low is not None and high is not None:
                return Behind(high - low)
            stop, end = self.rows.shown(position).line.stop, self.document.line(last).stop
            return Behind(None, max(0, end - stop))
        count, here = 0, self.lines.after(position)
        while here is not None and count < _COUNTED:
            count, here = count + 1, self.lines.after(here)
        return Behind(count, more=here is not None)

    @property
    def here(self) -> int:
        """The line that looking for the next thing begins at."""
        if not self._seen:
            return 0
        first, last = self._seen[0][0][0], self._seen[-1][0][0]
        if self.current is not None and first <= self.current <= last:
            return self.current
        return last if self.following else first

    # Moving

    def move_to(self, place: Place) -> None:
        """Put a row at the top. The reader did that: whether it follows depends on where it is."""
        bottom = self.rows.bottom(self.size.height)
        if bottom is None:
            return
        place = min(place, bottom)
        self.following = place >= bottom
        if place != self.top:
            self.top = place
            self.lay()
        else:
            self.tell()

    def scroll_rows(self, rows: int) -> None:
        """Up or down by rows."""
        if self.top is not None:
            self.move_to(self.rows.step(self.top, rows))

    def put_back(self, top: Place | None, *, following: bool) -> None:
        """To where the reader was."""
        if top is not None:
            self.top = top
        self.following = following
        self.lay()

    def drag_to(self, part: float) -> None:
        """To a part of the log."""
        if part >= 1.0:
            self.follow()
        elif (found := self.lines.near(part)) is not None:
            self.move_to((found, 0))

    def follow(self) -> None:
        """To the end, and stay there."""
        self.following = True
        self.lay()

    def go(self, position: int) -> None:
        """Show a line in the middle of the screen, unless it is well in sight, and mark it."""
        found = self.lines.at(position)
        if found is None:
            return
        self.mark(found)
        # Found by the reader, the place must stay even when it is near the end.
        self.following = False
        places = [seen[0] for seen in self._seen[_MARGIN : self.size.height - _MARGIN]]
        if not any(place == (found, 0) for place in places):
            self.top = self.rows.step((found, 0), -(self.size.height // 2))
        self.lay()

    def reveal(self, position: int) -> None:
        """Move as little as needed for a line to be seen."""
        first, height = (position, 0), self.size.height
        if self.top is None or first < self.top:
            self.move_to(first)
        elif first > self._seen[-1][0]:
            self.move_to(self.rows.step(first, 1 - height))

    def mark(self, position: int | None) -> None:
        """Make a line the current one."""
        before, self.current = self.current, position
        if before != position:
            self.repaint_line(before)
            self.repaint_line(position)
            self.tell()
