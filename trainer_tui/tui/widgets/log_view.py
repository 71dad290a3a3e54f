"""The log itself: a line-API view of a :class:`~trainer_tui.core.logs.LogBuffer`.

It follows the end until the reader moves up; from then on what is on the screen stays where it
is, whatever arrives below or is dropped above.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import ClassVar

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from trainer_tui.core.logs import Change, Colour, LogBuffer, Sgr
from trainer_tui.core.logsearch import ErrorSearch, Search, tokens
from trainer_tui.model import LogChunk
from trainer_tui.tui.widgets.line_view import LineView

_MARGIN = 3
_CACHE = 2_000
_SIDEWAYS = 8

_TOKEN_COLOURS = {
    "error": ("status-failed", ""),
    "warning": ("status-stopping", ""),
    "info": ("status-succeeded", ""),
    "debug": ("text-faint", ""),
    "number": ("chart-1", ""),
    "time": ("text-faint", ""),
    "frame": ("text-faint", ""),
    "path": ("", "underline"),
}
# The trainer's sixteen colours, told in the theme's: readable on a light ground too.
_ANSI = (
    *("text-faint", "error", "success", "warning", "primary", "secondary", "status-running"),
    "foreground",
)


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
        self.wrapping = False
        self.left = 0
        self.search: Search | None = None
        self.filter: Search | None = None
        self.errors = ErrorSearch(self.buffer)
        self.current: int | None = None
        """The line that search or error finding last went to."""
        self.selection: tuple[int, int] | None = None
        """Where the selection began and where its moving end is, as line numbers."""
        self.behind = 0
        """Lines below what is seen."""
        self._strips: dict[tuple[int, int], Strip] = {}
        self._ends: list[int] = []
        self._wrapped_at = 0
        self._pumping = False
        self._wanted: tuple[str, int] | None = None
        self._restore: int | None = None

    # What is shown: items are lines (all, or those of the filter), rows are screen lines

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

    def row_count(self) -> int:
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

    @property
    def lead(self) -> int:
        """Cells for the line number and the space after it."""
        return max(4, len(str(self.buffer.end))) + 2

    @property
    def line_width(self) -> int:
        """Cells for the text of a line."""
        return max(1, self.text_width - self.lead)

    def _measure(self) -> None:
        """Bring the row numbers of wrapped lines up to date: only lines that are new, unless
        the width changed."""
        width, ends = self.line_width, self._ends
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

    def _remeasure_from(self, number: int) -> None:
        del self._ends[self.item_of(number) :]

    # New text

    def clear(self) -> None:
        """Another job is shown: begin with nothing, following."""
        self.buffer.clear()
        self._begin_anew()
        self.following = True
        self.top = self.left = 0
        self.current = self.selection = self.search = self.filter = self._restore = None
        self.refresh()
        self._tell()

    def feed(self, chunk: LogChunk) -> None:
        """Take a piece of the log and repaint what it changed."""
        before, held = self.row_count(), None if self.following else self._held()
        change = self.buffer.feed_chunk(chunk)
        if change.reset:
            # Watched anew, the same log comes again from its start: the reader stays.
            self._restore = held[0] if held else None
            self._begin_anew()
        elif change.first_changed >= self.buffer.end and not change.dropped:
            return
        self._forget(change)
        if change.dropped and held:
            self.top = max(0, min(self.row_of(held[0]) + held[1], self.bottom))
        self._repaint(change, before)
        self._pump()
        self._tell()

    def _held(self) -> tuple[int, int] | None:
        """Line number and sub-row at the top of the screen."""
        return self.at(self.top) if self.top < self.row_count() else None

    def _begin_anew(self) -> None:
        self._strips.clear()
        self._ends.clear()
        self.errors.reset()
        for search in (self.search, self.filter):
            if search:
                search.reset()

    def _forget(self, change: Change) -> None:
        """Drop what was rendered or measured of lines that changed or are gone."""
        if change.dropped:
            self._strips.clear()
            self._ends.clear()
            for search in (self.search, self.filter, self.errors):
                if search:
                    search.drop()
        if not self.filter:
            self._remeasure_from(change.first_changed)
        # Only the line that was unfinished can have been rendered and changed since.
        for key in [key for key in self._strips if key[0] == change.first_changed]:
            del self._strips[key]

    def _repaint(self, change: Change, rows_before: int) -> None:
        if self._restore is not None and self.buffer.end > self._restore + self.size.height:
            self.move_to(self.row_of(self._restore))
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
            self.refresh_rows(self.row_of(change.first_changed), self.row_count() + 1)
        self.refresh_bar()

    # Painting

    def forget_paints(self) -> None:
        """The theme changed."""
        self._strips.clear()

    def on_resize(self) -> None:
        """Keep the line at the top of the screen, or the end."""
        held = None
        if self.wrapping and not self.following and self._ends:
            item = min(bisect_right(self._ends, self.top), len(self._ends) - 1)
            held = self.number_of(item)
        self._strips.clear()
        if self.following:
            self.top = self.bottom
        elif held is not None:
            self.top = min(self.row_of(held), self.bottom)
        super().on_resize()
        self._tell()

    def render_row(self, row: int, width: int) -> Strip:
        """One row of the log: line number and text."""
        number, part = self.at(row)
        key = (number, part)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _CACHE:
                self._strips.clear()
            strip = self._strips[key] = self._line_strip(number, part)
        if self.selection and min(self.selection) <= number <= max(self.selection):
            ground = self.theme_colour("cursor-row")
            strip = strip.adjust_cell_length(width, self.rich_style)
            strip = strip.apply_style(Style(bgcolor=ground))
            strip = Strip([Segment(t, (s or Style()) + Style(bgcolor=ground)) for t, s, _ in strip])
        return strip

    def _line_strip(self, number: int, part: int) -> Strip:
        base, faint = self.rich_style, self.rich_style + self.paint("text-faint")
        text = self.buffer.line(number)
        lead = self.lead
        if self.buffer.is_note(number):
            rule = self.glyphs.h * 2
            note = f"{rule} {text} {rule}"[: self.line_width]
            return Strip([Segment(" " * lead, base), Segment(note, faint + Style(italic=True))])
        label = f"{number + 1:>{lead - 2}}  " if part == 0 else " " * lead
        mark = faint
        if number == self.current:
            mark = base + self.paint("accent", extra="bold")
        width = self.line_width
        if self.wrapping:
            start, stop = _part(text, width, part)
        else:
            start, stop = 0, min(len(text), self.left + width)
        segments = self._text(number, text, start, stop, base)
        body = Strip(segments)
        if not self.wrapping:
            more = len(text) > stop
            body = body.crop(self.left, self.left + width)
            if more and width > 1:
                body = body.adjust_cell_length(width, base).crop(0, width - 1)
                body = Strip([*body, Segment(self.glyphs.ellipsis, faint)])
        return Strip([Segment(label, mark), *body])

    def _text(self, number: int, text: str, start: int, stop: int, base: Style) -> list[Segment]:
        """The text from ``start`` to ``stop`` in its colours."""
        layers: list[tuple[int, int, Style]] = []
        for a, b, kind in tokens(text[:stop]):
            layers.append((a, b, self.paint(*_spread(_TOKEN_COLOURS[kind]))))
        layers += [(a, b, self._look(look)) for a, b, look in self.buffer.spans(number)]
        for search in (self.filter, self.search):
            if search:
                hit = self.paint("background", "warning")
                layers += [(*m.span(), hit) for m in _matches(search.pattern, text[:stop])]
        if not layers:
            return [Segment(text[start:stop], base)]
        edges = {start, stop}
        for a, b, _ in layers:
            edges.update((min(max(a, start), stop), min(max(b, start), stop)))
        cuts = sorted(edges)
        segments = []
        for a, b in pairwise(cuts):
            style = base
            for low, high, layer in layers:
                if low <= a and b <= high:
                    style += layer
            segments.append(Segment(text[a:b], style))
        return segments

    def _look(self, look: Sgr) -> Style:
        return Style(
            color=self._colour(look.foreground),
            bgcolor=self._colour(look.background),
            bold=look.bold or None,
            dim=look.dim or None,
            italic=look.italic or None,
            underline=look.underline or None,
            reverse=look.reverse or None,
        )

    def _colour(self, colour: Colour) -> RichColor | None:
        if colour is None:
            return None
        if isinstance(colour, tuple):
            return RichColor.from_rgb(*colour)
        if colour < 16:
            return self.theme_colour(_ANSI[colour % 8])
        return RichColor.from_ansi(colour)

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
                self.behind = self.item_count() - 1 - self.item_of(self.at(last - 1)[0])
            self.post_message(self.Changed())

    def go(self, number: int) -> None:
        """Show a line in the middle of the screen, unless it is well in sight, and mark it."""
        self._set_current(number)
        row = self.row_of(number)
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
                    row = self.row_of(changed)
                    self.refresh_rows(row, row + 1)

    @property
    def here(self) -> int:
        """The line that looking for the next thing begins at."""
        if not self.row_count():
            return self.buffer.first
        first = self.at(min(self.top, self.row_count() - 1))[0]
        last = self.at(min(self.top + self.size.height, self.row_count()) - 1)[0]
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
        self.filter = Search(self.buffer, pattern) if pattern else None
        self._ends.clear()
        self._strips.clear()
        self.top = min(self.row_of(held[0]), self.bottom) if held else self.bottom
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
                self.top = min(self.row_of(origin), self.bottom)
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
        item = min(max(0, self.item_of(end) + step), self.item_count() - 1)
        end = self.number_of(item)
        self.selection = (start, end)
        self.reveal(self.row_of(end))
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
            self.action_line(-self.item_count())

    def action_end(self) -> None:
        """To the last line; follows from there."""
        if self.selection is None:
            self.move_to(self.bottom)
            self.following = True
            self._tell()
        else:
            self.action_line(self.item_count())

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
        self.wrapping = not self.wrapping
        self.left = 0
        self._strips.clear()
        self._ends.clear()
        self.top = min(self.row_of(held[0]), self.bottom) if held else self.bottom
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
        if self.selection is None and self.item_count():
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
            items = range(self.item_of(first), self.item_of(last) + 1)
            text = "\n".join(self.buffer.line(self.number_of(item)) for item in items)
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


def _part(text: str, width: int, part: int) -> tuple[int, int]:
    starts = folds(text, width)
    start = starts[part] if part < len(starts) else len(text)
    return start, starts[part + 1] if part + 1 < len(starts) else len(text)


def _spread(pair: tuple[str, str]) -> tuple[str, str, str]:
    return pair[0], "", pair[1]


def _matches(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """At most so many matches of one line as can be seen."""
    found = []
    for match in pattern.finditer(text):
        if match.end() > match.start():
            found.append(match)
        if len(found) >= 200:
            break
    return found
