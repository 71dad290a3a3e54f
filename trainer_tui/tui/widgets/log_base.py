"""What of a log is on the screen: where it begins, what is repainted, what follows the end.

A screen is walked from its top, line by line, whatever the size of the log; what was painted is
compared with what is to be seen, and only rows that differ are painted again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from trainer_tui.core.logfile.lines import Line, Lines
from trainer_tui.core.logfile.memory import MemoryLines
from trainer_tui.tui.widgets.bar_view import BarView
from trainer_tui.tui.widgets.log_paint import line_strip
from trainer_tui.tui.widgets.log_records import fold
from trainer_tui.tui.widgets.log_rows import LogRows, Place, number_width
from trainer_tui.tui.widgets.log_times import Times

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp

_CACHE = 2_000

Seen = tuple[Place, int | None, str]
"""A row of the screen: its place, the line's number and time as they are shown."""


class LogBase(BarView):
    """Lines of a log on a screen."""

    class Changed(Message):
        """Position, search, filter or mode changed: the line below may say something else."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.document: Lines = MemoryLines()
        """All lines."""
        self.rows = LogRows(self.document, fold)
        self.times = Times()
        self.top: Place | None = None
        """The first row on the screen; ``None`` while there are no lines."""
        self.following = True
        self.left = 0
        """Cells of long lines that are out of sight on the left."""
        self.current: int | None = None
        """The line that the reader went to: by search, by number, by a click."""
        self.bookmarks: set[int] = set()
        self.origins: tuple[int, ...] = ()
        """Where the lines come from several logs: the number of each one's colour."""
        self.selection: tuple[int, int] | None = None
        """The lines where the selection began and where its moving end is."""
        self._seen: list[Seen] = []
        self._strips: dict[Seen, Strip] = {}
        self._lead = 0
        self._laid = Size(0, 0)
        """The size for which rows were laid out."""

    # What is shown

    @property
    def lines(self) -> Lines:
        """The lines that are shown: all, or those of the filter."""
        return self.rows.lines

    @property
    def wrapping(self) -> bool:
        """Whether long lines take several rows."""
        return self.rows.wrapping

    @property
    def empty(self) -> bool:
        """Whether the log has no line at all."""
        return self.document.first() is None

    @property
    def lead(self) -> int:
        """Cells for what stands before the text: origin, number, mark, time."""
        return self.number_width + 2 + self.times.width + bool(self.origins)

    @property
    def number_width(self) -> int:
        """Cells for a line's number."""
        return number_width(self.document, several=bool(self.origins))

    @property
    def line_width(self) -> int:
        """Cells for the text of a line."""
        return max(1, self.text_width - self.lead)

    def open(self, document: Lines) -> None:
        """Show a log, from its end."""
        self.document = self.rows.lines = document
        self.begin_anew()
        self.following = True
        self.top, self.left = None, 0
        self.lay(all=True)

    def begin_anew(self) -> None:
        """What was known of the lines is void."""
        self._strips.clear()
        self.rows.forget()
        self.times.forget()
        self.rows.opened.clear()
        self.bookmarks.clear()
        self.current = self.selection = None

    def grown(self, first: int | None, *, reset: bool = False) -> None:
        """The log went on. Lines from ``first`` on may be others than they were; all, if reset."""
        if reset:
            self.begin_anew()
            self.lay(all=True)
            return
        if first is not None:
            self.rows.forget(first)
            self.times.forget(first)
            for key in [key for key in self._strips if key[0][0] >= first]:
                del self._strips[key]
        self.lay(first)

    # Laying out

    def lay(self, changed: int | None = None, *, all: bool = False) -> None:
        """Find out what is to be seen, and repaint what differs or is at or below ``changed``."""
        before, lead = self._seen, self._lead
        self._measure()
        if all or not before or lead != self._lead:
            self.refresh_all()
        else:
            self._repaint(before, changed)
            self.refresh_bar()
        self.tell()

    def _measure(self) -> None:
        """Find out what is to be seen."""
        self._laid, height = self.size, self.size.height
        if (lead := self.lead) != self._lead:
            self._lead = lead
            self._strips.clear()
        self.rows.width = self.line_width
        bottom = self.rows.bottom(height)
        if bottom is None:
            self.top = None
        elif self.following or self.top is None:
            self.top = bottom
        else:
            self.top = min(self._settled(self.top), bottom)
        self._seen = self._look(height)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual: some lines. The first frame of a new size may come before that is told."""
        self._fit()
        return super().render_lines(crop)

    def _settled(self, place: Place) -> Place:
        """The same place in lines that may be others now."""
        found = self.lines.at(place[0])
        if found is None or found != place[0]:
            return found or 0, 0
        return found, min(place[1], self.rows.size(found) - 1)

    def _look(self, height: int) -> list[Seen]:
        if self.top is None:
            return []
        out: list[Seen] = []
        label: tuple[int, int | None, str] | None = None
        for place in self.rows.screen(self.top, height):
            if label is None or label[0] != place[0]:
                shown = self.rows.shown(place[0])
                number = self.lines.number(place[0])
                label = (place[0], number, self.times.label(self.lines, shown.line))
            out.append((place, label[1], label[2]))
        return out

    def _repaint(self, before: list[Seen], changed: int | None) -> None:
        """Ask for the rows that are not what they were, neighbours as one region."""
        start: int | None = None
        height = max(len(before), len(self._seen))
        for y in range(height + 1):
            differs = y < height and (
                y >= len(before)
                or y >= len(self._seen)
                or before[y] != self._seen[y]
                or (changed is not None and self._seen[y][0][0] >= changed)
            )
            if differs and start is None:
                start = y
            elif not differs and start is not None:
                self.refresh(Region(0, start, self.size.width, y - start))
                start = None

    def repaint_line(self, position: int | None) -> None:
        """Paint a line again, if it is seen."""
        if position is None:
            return
        for key in [key for key in self._strips if key[0][0] == position]:
            del self._strips[key]
        for y, seen in enumerate(self._seen):
            if seen[0][0] == position:
                self.refresh(Region(0, y, self.size.width, 1))

    def repaint_all(self) -> None:
        """Paint everything again: what is drawn into lines is another."""
        self._strips.clear()
        self.lay(all=True)

    def relay(self) -> None:
        """Lines take other rows than they did: keep the top of the screen where it is."""
        held = None
        if self.top is not None and not self.following:
            held = self.rows.mark(self.top)
        self._strips.clear()
        self.rows.forget()
        self.rows.width = self.line_width
        if held is not None:
            self.top = self.rows.find(held)
        self.lay(all=True)

    def on_resize(self) -> None:
        """Keep the line at the top of the screen, or the end."""
        self._fit()
        self.refresh_all()
        self.tell()

    def _fit(self) -> None:
        """Lay out for another size than the last one."""
        if self._laid == self.size:
            return
        held = None
        if self.top is not None and not self.following and self.wrapping:
            held = self.rows.mark(self.top)
        self._strips.clear()
        self.rows.width = self.line_width
        if held is not None:
            self.top = self.rows.find(held)
        self._measure()

    # Painting

    def matches(self, line: Line) -> list[tuple[int, int]]:
        """The parts of a line's text that were looked for."""
        return []

    def forget_paints(self) -> None:
        """The theme changed."""
        self._strips.clear()

    def strip_at(self, y: int, width: int) -> Strip | None:
        """A row of the log: gutter and text."""
        if y >= len(self._seen):
            return None
        seen = self._seen[y]
        strip = self._strips.get(seen)
        if strip is None:
            if len(self._strips) >= _CACHE:
                self._strips.clear()
            strip = self._strips[seen] = line_strip(self, *seen)
        if self.selection and min(self.selection) <= seen[0][0] <= max(self.selection):
            strip = self.on_ground(strip, "cursor-row", width)
        return strip

    def on_ground(self, strip: Strip, name: str, width: int) -> Strip:
        """A row on another ground, whatever grounds its text has."""
        from rich.segment import Segment

        strip = strip.adjust_cell_length(width, self.rich_style)
        ground = self.paint(ground=name)
        return Strip([Segment(text, (style or ground) + ground) for text, style, _ in strip])

    def thumb_span(self) -> tuple[int, int]:
        """Where the thumb of the bar is, by how far along the log the screen is."""
        if not self._seen:
            return (0, 0)
        return self.rows.thumb(self._seen[0][0], self._seen[-1][0], self.size.height)

    # Telling

    def tell(self) -> None:
        """Something that the line below says may have changed."""
        if self.is_mounted:
            self.post_message(self.Changed())

    def say(self, text: str) -> None:
        """Say something over the lower edge of the screen."""
        cast("TrainerApp", self.app).say(text)
