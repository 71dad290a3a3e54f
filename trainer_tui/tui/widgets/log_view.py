"""The log itself: the lines that are seen, with search, filter, times, records and selection.

It follows the end until the reader moves up; from then on what is on the screen stays where it
is, whatever arrives below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from trainer_tui.tui.widgets.log_finding import LogFinding
from trainer_tui.tui.widgets.log_keys import KEYS

_MOST_COPIED = 1_000_000
"""Characters that are copied: no terminal takes more at once."""
_MOST_COUNTED = 100_000
"""Selected lines that are counted one by one."""


class LogView(LogFinding):
    """Lines of a log, with search, filter, wrap and line selection."""

    BINDINGS: ClassVar[list[BindingType]] = KEYS

    class Copied(Message):
        """Lines were selected for the clipboard."""

        def __init__(self, text: str, lines: int, cut: bool) -> None:
            super().__init__()
            self.text = text
            self.lines = lines
            self.cut = cut
            """Whether more were selected than can be copied."""

    class GapAsked(Message):
        """What a gap lacks shall be fetched."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.first_look: Callable[[events.Key], bool] | None = None
        """Is shown each key first; says whether it took it."""

    def on_key(self, event: events.Key) -> None:
        """Keys that open a question, or were typed ahead to an open one, go there at once."""
        if self.first_look is not None and self.first_look(event):
            event.stop()
            event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        """A click marks a line; on the marked one it opens it."""
        if event.y >= len(self._seen) or event.x >= self.size.width - 1:
            return
        position = self._seen[event.y][0][0]
        if position == self.current:
            self._open(position)
        else:
            self.mark(position)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing now are left to the app."""
        if action == "hit":
            return self.search is not None
        if action == "context":
            return self.filter is not None
        if action == "copy":
            return self.selection is not None
        if action == "leave":
            return any((self.selection, self.search, self.filter))
        return True

    # How lines are shown

    def action_wrap(self) -> None:
        """Wrap, or cut; the line at the top stays there."""
        self.rows.wrapping = not self.wrapping
        self.left = 0
        self.relay()

    def action_times(self) -> None:
        """Tell the times of lines in another way, or not."""
        self.times.turn()
        self.relay()

    def action_raw(self) -> None:
        """Records as they were written, or folded."""
        self.rows.raw = not self.rows.raw
        self.relay()

    def action_open(self) -> None:
        """Open or close the marked line, else the nearest one that can be opened."""
        places = [seen[0][0] for seen in self._seen]
        if self.current in places and self._open(self.current):
            return
        for position in reversed(places) if self.following else places:
            if self._can_open(position):
                self.mark(position)
                self._open(position)
                return

    def _can_open(self, position: int | None) -> bool:
        if position is None:
            return False
        shown = self.rows.shown(position)
        return shown.opens or shown.line.kind == "gap"

    def _open(self, position: int | None) -> bool:
        """Open a line or close it; whether there was anything to open."""
        if position is None or not self._can_open(position):
            return False
        if self.rows.shown(position).line.kind == "gap":
            self.post_message(self.GapAsked(position))
            return True
        self.rows.opened ^= {position}
        self.following = False
        self.relay()
        if position in self.rows.opened:
            self._bring_in(position)
        return True

    def _bring_in(self, position: int) -> None:
        """Have all rows of a line on the screen, or as many as there is room for."""
        last = self.rows.size(position) - 1
        lowest = self.rows.step((position, last), 1 - self.size.height)
        if self.top is not None and self.top < lowest:
            self.put_back(min(lowest, (position, 0)), following=False)

    # Copying

    def selected(self) -> int | None:
        """How many lines are selected; ``None``: more than are worth counting."""
        if self.selection is None:
            return 0
        first, last = min(self.selection), max(self.selection)
        if self.filter is None and not self.origins:
            low, high = self.document.number(first), self.document.number(last)
            if low is not None and high is not None:
                return high - low + 1
        count, here = 0, self.lines.at(first)
        while here is not None and here <= last:
            count += 1
            if count > _MOST_COUNTED:
                return None
            here = self.lines.after(here)
        return count

    def action_copy(self) -> None:
        """Hand the selected lines out."""
        if self.selection is None:
            return
        first, last = min(self.selection), max(self.selection)
        here, texts, size = self.lines.at(first), [], 0
        while here is not None and here <= last and size <= _MOST_COPIED:
            line = self.lines.line(here)
            if line.kind == "text":
                texts.append(line.text)
                size += len(line.text) + 1
            here = self.lines.after(here)
        cut = here is not None and here <= last
        self.post_message(self.Copied("\n".join(texts), len(texts), cut))
        self.selection = None
        self.refresh()
        self.tell()

    def action_leave(self) -> None:
        """Out of the selection, the search, the filter, in that order."""
        if self.selection is not None:
            self.selection = None
            self.refresh()
        elif self.search is not None:
            self.mark(None)
            self.set_search(None)
        elif self.filter is not None:
            self.set_filter(None)
        self.tell()
