"""The log itself: a line-API view of a :class:`~trainer_tui.core.logs.LogBuffer`.

It follows the end until the reader moves up; from then on what is on the screen stays where it
is, whatever arrives below or is dropped above.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from trainer_tui.core.logs import Change, LogBuffer
from trainer_tui.core.logsearch import ErrorSearch, Search
from trainer_tui.model import LogChunk
from trainer_tui.tui.widgets.line_view import LineView
from trainer_tui.tui.widgets.log_paint import line_strip
from trainer_tui.tui.widgets.log_rows import LogRows

_MARGIN = 3
_CACHE = 2_000
_SIDEWAYS = 8


class LogView(LineView):
    """Lines of a log, with search, filter, wrap and line selection."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "line(1)", "Down", show=False, id="logs.down",
                tooltip="One line down; while selecting, extend the selection."),
        Binding("up,k", "line(-1)", "Up", show=False, id="logs.up",
                tooltip="One line up; the view stops following the end."),
        Binding("pagedown,ctrl+f,space", "page(1)", "Page down", show=False,
                id="logs.page_down", tooltip="A screen down."),
        Binding("pageup,ctrl+b,b", "page(-1)", "Page up", show=False, id="logs.page_up",
                tooltip="A screen up."),
        Binding("home,g", "top", "Top", show=False, id="logs.top", tooltip="To the first line."),
        Binding("end,G", "end", "End", show=False, id="logs.end",
                tooltip="To the last line, and follow."),
        Binding("right", "sideways(1)", "Right", show=False, id="logs.right",
                tooltip="Show more of long lines."),
        Binding("left", "sideways(-1)", "Left", show=False, id="logs.left",
                tooltip="Back to the beginning of long lines."),
        Binding("f", "follow", "follow", id="logs.follow",
                tooltip="Follow the end of the log, or stop following."),
        Binding("n", "hit(1)", "next", show=False, id="logs.next",
                tooltip="To the next line that matches the search."),
        Binding("N", "hit(-1)", "previous", show=False, id="logs.previous",
                tooltip="To the previous line that matches the search."),
        Binding("E", "error(1)", "next error", id="logs.next_error",
                tooltip="To the next error or traceback."),
        Binding("e", "error(-1)", "previous error", show=False, id="logs.previous_error",
                tooltip="To the previous error or traceback."),
        Binding("w", "wrap", "wrap", id="logs.wrap", tooltip="Wrap long lines, or cut them."),
        Binding("v", "select", "select", show=False, id="logs.select",
                tooltip="Select lines from here; y copies them."),
        Binding("y", "copy", "copy", show=False, id="logs.copy",
                tooltip="Copy the selected lines to your own clipboard (OSC 52)."),
        Binding("escape", "leave", "leave", show=False, id="logs.leave",
                tooltip="End the selection, then the search, then the filter."),
    ]  # fmt: skip

    class Changed(Message):
        """Position, search, filter or mode changed: the line below may say something else."""

    class Copied(Message):
        """Lines were selected for the clipboard."""

        def __init__(self, text: str, lines: int) -> None:
            super().__init__()
            self.text = text
            self.lines = lines

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.buffer = LogBuffer()
        self.following = True
        self.rows = LogRows(self.buffer)
        self.left = 0
        self.search: Search | None = None
        self.errors = ErrorSearch(self.buffer)
        self.current: int | None = None
        """The line that search or error finding last went to."""
        self.selection: tuple[int, int] | None = None
        """Where the selection began and where its moving end is, as line numbers."""
        self.behind = 0
        """Lines below what is seen."""
        self._strips: dict[tuple[int, int], Strip] = {}
        self.first_look: Callable[[events.Key], bool] | None = None
        """Is shown each key first; says whether it took it."""
        self._pumping = False
        self._wanted: tuple[str, int] | None = None
        self._restore: int | None = None

    def on_key(self, event: events.Key) -> None:
        """Keys that open a question, or were typed ahead to an open one, go there at once."""
        if self.first_look is not None and self.first_look(event):
            event.stop()
            event.prevent_default()

    @property
    def filter(self) -> Search | None:
        """What decides which lines are shown; ``None``: all."""
        return self.rows.filter

    @property
    def wrapping(self) -> bool:
        """Whether long lines take several rows."""
        return self.rows.wrapping

    def row_count(self) -> int:
        """Rows of all lines that are shown."""
        self.rows.width = self.line_width
        return self.rows.count()

    @property
    def lead(self) -> int:
        """Cells for the line number and the space after it."""
        return max(4, len(str(self.buffer.end))) + 2

    @property
    def line_width(self) -> int:
        """Cells for the text of a line."""
        return max(1, self.text_width - self.lead)

    # New text

    def clear(self) -> None:
        """Another job is shown: begin with nothing, following."""
        self.buffer.clear()
        self._begin_anew()
        self.following = True
        self.top = self.left = 0
        self.current = self.selection = self.search = self.rows.filter = self._restore = None
        self.refresh()
        self._tell()

    def feed(self, chunk: LogChunk) -> None:
        """Take a piece of the log and repaint what it changed."""
        before, held = self.row_count(), None if self.following else self._held()
        lead = self.lead
        change = self.buffer.feed_chunk(chunk)
        self.rows.width = self.line_width
        if lead != self.lead:
            # The line numbers have one digit more: every row moves to the right.
            self._strips.clear()
            self.refresh()
        if change.reset:
            # Watched anew, the same log comes again from its start: the reader stays.
            self._restore = held[0] if held else None
            self._begin_anew()
        elif change.first_changed >= self.buffer.end and not change.dropped:
            return
        self._forget(change)
        if change.dropped and held:
            self.top = max(0, min(self.rows.row_of(held[0]) + held[1], self.bottom))
        self._repaint(change, before)
        self._pump()
        self._tell()

    def _held(self) -> tuple[int, int] | None:
        """Line number and sub-row at the top of the screen."""
        return self.rows.at(self.top) if self.top < self.row_count() else None

    def _begin_anew(self) -> None:
        self._strips.clear()
        self.rows.forget()
        self.errors.reset()
        for search in (self.search, self.filter):
            if search:
                search.reset()

    def _forget(self, change: Change) -> None:
        """Drop what was rendered or measured of lines that changed or are gone."""
        if change.dropped:
            self._strips.clear()
            self.rows.forget()
            for search in (self.search, self.filter, self.errors):
                if search:
                    search.drop()
        if not self.filter:
            self.rows.forget(change.first_changed)
        # Only the line that was unfinished can have been rendered and changed since.
        for key in [key for key in self._strips if key[0] == change.first_changed]:
            del self._strips[key]

    def _repaint(self, change: Change, rows_before: int) -> None:
        if self._restore is not None and self.buffer.end > self._restore + self.size.height:
            self.move_to(self.rows.row_of(self._restore))
            self._restore = None
        if self.following and self.bottom != self.top:
            self.top = self.bottom
            self._thumb = self._thumb_span()
            self.refresh()
            return
        if change.reset or change.dropped:
            self.top = min(self.top, self.bottom)
            self.refresh()
        elif not self.filter:
            self.refresh_rows(self.rows.row_of(change.first_changed), self.row_count() + 1)
        self.refresh_bar()

    # Painting

    def forget_paints(self) -> None:
        """The theme changed."""
        self._strips.clear()

    def on_resize(self) -> None:
        """Keep the line at the top of the screen, or the end."""
        held = None if self.following else self.rows.line_before_measuring(self.top)
        self.rows.width = self.line_width
        self._strips.clear()
        if self.following:
            self.top = self.bottom
        elif held is not None:
            self.top = min(self.rows.row_of(held), self.bottom)
        super().on_resize()
        self._tell()

    def render_row(self, row: int, width: int) -> Strip:
        """One row of the log: line number and text."""
        number, part = self.rows.at(row)
        key = (number, part)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _CACHE:
                self._strips.clear()
            strip = self._strips[key] = line_strip(self, number, part)
        if self.selection and min(self.selection) <= number <= max(self.selection):
            ground = self.theme_colour("cursor-row")
            strip = strip.adjust_cell_length(width, self.rich_style)
            strip = strip.apply_style(Style(bgcolor=ground))
            strip = Strip([Segment(t, (s or Style()) + Style(bgcolor=ground)) for t, s, _ in strip])
        return strip

    # Position

    def moved(self) -> None:
        """Reaching the end follows again; leaving it stops that."""
        self._tell()

    def move_to(self, top: int) -> None:
        """Put a row at the top; the reader did that, so following depends on where it is."""
        self._restore = None
        super().move_to(top)
        following = self.top >= self.bottom
        if following != self.following:
            self.following = following
            self._tell()

    def _tell(self) -> None:
        if self.is_mounted:
            count, last = self.row_count(), self.top + self.size.height
            if last >= count:
                self.behind = 0
            else:
                self.behind = (
                    self.rows.item_count() - 1 - self.rows.item_of(self.rows.at(last - 1)[0])
                )
            self.post_message(self.Changed())

    def go(self, number: int) -> None:
        """Show a line in the middle of the screen, unless it is well in sight, and mark it."""
        self._set_current(number)
        row = self.rows.row_of(number)
        if not self.top + _MARGIN <= row < self.top + self.size.height - _MARGIN:
            self.move_to(row - self.size.height // 2)
        # Found by the reader, the place must stay even when it is near the end.
        self.following = False
        self._tell()

    def _set_current(self, number: int | None) -> None:
        before, self.current = self.current, number
        for changed in (before, number):
            if changed is not None:
                for key in [key for key in self._strips if key[0] == changed]:
                    del self._strips[key]
                if self.buffer.first <= changed < self.buffer.end:
                    row = self.rows.row_of(changed)
                    self.refresh_rows(row, row + 1)

    @property
    def here(self) -> int:
        """The line that looking for the next thing begins at."""
        if not self.row_count():
            return self.buffer.first
        first = self.rows.at(min(self.top, self.row_count() - 1))[0]
        last = self.rows.at(min(self.top + self.size.height, self.row_count()) - 1)[0]
        if self.current is not None and first <= self.current <= last:
            return self.current
        return last if self.following else first

    # Search and filter, in slices

    def set_search(self, pattern: re.Pattern[str] | None, origin: int | None = None) -> None:
        """Mark what matches, and go to the first hit at or below ``origin``."""
        self.search = Search(self.buffer, pattern) if pattern else None
        self._strips.clear()
        self.refresh()
        self._wanted = None
        if pattern:
            self._wanted = ("search", (self.here if origin is None else origin) - 1)
        self._pump()
        self._tell()

    def forget_wanted(self) -> None:
        """Stay here, whatever a search that still runs will find."""
        self._wanted = None

    def set_filter(self, pattern: re.Pattern[str] | None) -> None:
        """Show only lines that match; ``None``: all again, the same line in sight."""
        held = None if self.following else self._held()
        self.rows.filter = Search(self.buffer, pattern) if pattern else None
        self.rows.forget()
        self._strips.clear()
        self.top = min(self.rows.row_of(held[0]), self.bottom) if held else self.bottom
        self._wanted = ("filter", held[0] if held else -1) if pattern else None
        self.refresh()
        self._pump()
        self._tell()

    def _pump(self) -> None:
        """Look at the next slice of lines now, and at the rest when the keys had their turn."""
        self._pumping = False
        busy = False
        for search in (self.search, self.filter):
            if search and not search.done:
                before = self.row_count() if search is self.filter else 0
                if search.advance() and search is self.filter:
                    self._filtered(before)
                busy = busy or not search.done
        if self._wanted:
            self._arrive()
        if busy and not self._pumping:
            self._pumping = True
            self.call_later(self._pump_on)
        if self.search or self.filter:
            self._tell()

    def _pump_on(self) -> None:
        if self._pumping:
            self._pump()

    def _filtered(self, rows_before: int) -> None:
        """The filter found more lines."""
        if self.following:
            self.top = self.bottom
            self.refresh()
        else:
            self.refresh_rows(rows_before, self.row_count())
            self.refresh_bar()

    def _arrive(self) -> None:
        """Go to what a search was started for, as soon as it is known."""
        assert self._wanted is not None
        what, origin = self._wanted
        if what == "search" and self.search:
            hit = self.search.after(origin)
            if hit is not None and (hit > origin or self.search.done):
                self._wanted = None
                self.go(hit)
            elif self.search.done:
                self._wanted = None
        elif what == "filter" and self.filter:
            if origin >= 0:
                self.top = min(self.rows.row_of(origin), self.bottom)
                self.refresh()
            if self.filter.done:
                self._wanted = None

    @property
    def position(self) -> int:
        """Which hit of the search the current line is, from 1; 0 when it is none."""
        if self.search is None or self.current is None:
            return 0
        return self.search.position(self.current)

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing now are left to the app."""
        if action == "hit":
            return self.search is not None
        if action == "copy":
            return self.selection is not None
        if action == "leave":
            return any((self.selection, self.search, self.filter))
        return True

    def action_line(self, step: int) -> None:
        """A line up or down."""
        if self.selection is None:
            self.move_to(self.top + step)
            return
        start, end = self.selection
        item = min(max(0, self.rows.item_of(end) + step), self.rows.item_count() - 1)
        end = self.rows.number_of(item)
        self.selection = (start, end)
        self.reveal(self.rows.row_of(end))
        self.refresh()
        self._tell()

    def action_page(self, direction: int) -> None:
        """A page up or down, with a line in common."""
        step = max(1, self.size.height - 1) * direction
        if self.selection is None:
            self.move_to(self.top + step)
        else:
            self.action_line(step)

    def action_top(self) -> None:
        """To the first line."""
        if self.selection is None:
            self.move_to(0)
        else:
            self.action_line(-self.rows.item_count())

    def action_end(self) -> None:
        """To the last line; follows from there."""
        if self.selection is None:
            self.move_to(self.bottom)
            self.following = True
            self._tell()
        else:
            self.action_line(self.rows.item_count())

    def action_follow(self) -> None:
        """Follow, or stop."""
        if self.following:
            self.following = False
        else:
            self.move_to(self.bottom)
            self.following = True
        self._tell()

    def action_sideways(self, direction: int) -> None:
        """Show another part of long lines."""
        left = max(0, self.left + direction * _SIDEWAYS)
        if left != self.left and not self.wrapping:
            self.left = left
            self._strips.clear()
            self.refresh()
            self._tell()

    def action_wrap(self) -> None:
        """Wrap, or cut; the line at the top stays there."""
        held = None if self.following else self._held()
        self.rows.wrapping = not self.wrapping
        self.left = 0
        self._strips.clear()
        self.rows.forget()
        self.top = min(self.rows.row_of(held[0]), self.bottom) if held else self.bottom
        self.refresh()
        self._tell()

    def action_hit(self, direction: int) -> None:
        """To the next or previous hit of the search."""
        if self.search:
            here = self.here
            hit = self.search.after(here) if direction > 0 else self.search.before(here)
            if hit is not None:
                self.go(hit)

    def action_error(self, direction: int) -> None:
        """To the next or previous error."""
        while not self.errors.done:
            self.errors.advance()
        # While following, the next error is looked for from the top of the log.
        here = self.here
        if direction > 0:
            hit = self.errors.after(here)
        else:
            hit = self.errors.before(here + (1 if self.current is None else 0))
        if hit is None:
            self.app.notify("no error and no traceback in this log", markup=False)
        else:
            self.go(hit)

    def action_select(self) -> None:
        """Begin to select lines, or stop."""
        if self.selection is None and self.rows.item_count():
            self.selection = (self.here, self.here)
            self.following = False
        else:
            self.selection = None
        self.refresh()
        self._tell()

    def action_copy(self) -> None:
        """Hand the selected lines out."""
        if self.selection:
            first, last = min(self.selection), max(self.selection)
            items = range(self.rows.item_of(first), self.rows.item_of(last) + 1)
            text = "\n".join(self.buffer.line(self.rows.number_of(item)) for item in items)
            self.post_message(self.Copied(text, len(items)))
            self.selection = None
            self.refresh()
            self._tell()

    def action_leave(self) -> None:
        """Out of the selection, the search, the filter, in that order."""
        if self.selection:
            self.selection = None
            self.refresh()
        elif self.search:
            self._set_current(None)
            self.set_search(None)
        elif self.filter:
            self.set_filter(None)
        self._tell()
