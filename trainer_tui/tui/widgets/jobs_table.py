"""The jobs table: only the lines that are seen are made, only those that changed are repainted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip

from trainer_tui.model import JobRef
from trainer_tui.tui import columns as layout
from trainer_tui.tui import present
from trainer_tui.tui.commands import Scope, bindings
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.joblist import JobList
from trainer_tui.tui.paint import Paint, paint_of
from trainer_tui.tui.widgets.job_row import draw_row
from trainer_tui.tui.widgets.steady_bar import SteadyBar

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry

_CACHE = 600
"""Lines kept; more than any screen is high, with both looks of each."""

Line = Sequence[tuple[str, str]]
"""Pieces of an empty-state line: text and theme variable."""


class TableHeader(ScrollView):
    """The headings of the columns, with the order shown at the one that gives it."""

    can_focus = False
    DEFAULT_CSS = """
    TableHeader { height: 1; overflow: hidden; }
    """

    def __init__(self, table: JobsTable) -> None:
        super().__init__(id="jobs-header")
        self.table = table

    def render_line(self, y: int) -> Strip:
        table, paint = self.table, paint_of(self.app)
        table.ensure_columns()
        muted = paint("text-faint")
        segments = [Segment(" " * layout.GUTTER, muted)]
        x = layout.GUTTER
        arrow = table.glyphs.up if table.jobs.reverse else table.glyphs.down
        for column in table.columns:
            segments.append(Segment(" " * (column.x - x), muted))
            sorted_by = column.name == table.jobs.sort
            title = column.title
            if sorted_by:
                title = f"{arrow} {title}" if column.name in layout.RIGHT else f"{title} {arrow}"
                if len(title) > column.width:
                    title = title.replace(" ", "")
            title = title[: column.width]
            pad = " " * (column.width - len(title))
            text = pad + title if column.name in layout.RIGHT else title + pad
            segments.append(Segment(text, paint("accent", bold=True) if sorted_by else muted))
            x = column.x + column.width
        segments.append(Segment(" " * max(0, self.size.width - x), muted))
        return Strip(segments).crop(0, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """A click on a heading sorts by it; on the one that sorts, reverses."""
        for column in self.table.columns:
            if column.x <= event.x < column.x + column.width + layout.GAP:
                self.post_message(JobsTable.SortAsked(column.name))


class JobsTable(ScrollView, can_focus=True):
    """A table of jobs over a :class:`JobList`, with one cursor and any number of marks."""

    DEFAULT_CSS = """
    JobsTable {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.TABLE)

    cursor: reactive[JobRef | None] = reactive(None, repaint=False)

    class Moved(Message):
        """The cursor is on another job."""

        def __init__(self, ref: JobRef | None) -> None:
            super().__init__()
            self.ref = ref

    class Opened(Message):
        """A job was double-clicked."""

    class SortAsked(Message):
        """A heading was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(
        self,
        *,
        glyphs: Glyphs,
        now: Callable[[], datetime],
        wanted: Collection[str] = (),
    ) -> None:
        super().__init__(id="jobs")
        self.jobs = JobList()
        self.glyphs = glyphs
        self.marks: set[JobRef] = set()
        self.columns: tuple[layout.Column, ...] = layout.columns(80, (), wanted)
        self.empty: Sequence[Line] = ()
        self._now = now
        self._wanted = wanted
        self._row = 0
        self._laid_width = -1
        self._lines: dict[JobRef, tuple[object, Strip]] = {}

    # -- what is shown ------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """Cells of a row, beside the scroll bar."""
        return self.scrollable_content_region.width

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """Textual: the bar, made when it is first asked for."""
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = bar = SteadyBar(name="vertical")
            bar.display = False
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar

    @property
    def row(self) -> int:
        """The cursor's row."""
        return self._row

    @property
    def selected(self) -> Entry | None:
        """The entry under the cursor."""
        return self.jobs.entries.get(self.cursor) if self.cursor is not None else None

    def load(self, entries: Sequence[Entry]) -> None:
        """Show these jobs and no others."""
        self.jobs.load(entries)
        self.rearranged()

    def update(self, changed: Sequence[Entry], removed: Sequence[JobRef] = ()) -> None:
        """Take in what changed; repaint what now reads otherwise."""
        self.marks.difference_update(removed)
        if self.jobs.update(changed, removed):
            self.rearranged()
            return
        for entry in changed:
            self._refresh_ref(entry.job.ref)

    def tick(self) -> None:
        """Time has passed: repaint the lines whose ages read otherwise now."""
        top = self.scroll_offset.y
        for row in range(top, min(top + self.size.height, len(self.jobs))):
            self._refresh_ref(self.jobs.order[row])

    def refiltered(self) -> bool:
        """Ask the filter anew of every job; whether rows came or went."""
        before = self.jobs.order
        self.jobs.arrange()
        if self.jobs.order == before:
            return False
        self.rearranged()
        return True

    def rearranged(self) -> None:
        """Rows moved, came or went: keep the cursor on its job and its place on the screen."""
        offset = self._row - self.scroll_offset.y
        row = self.jobs.index(self.cursor)
        if row is None:
            row = max(0, min(self._row, len(self.jobs) - 1))
            entry = self.jobs.at(row)
            self._set_cursor(row, entry.job.ref if entry else None)
        moved, self._row = row != self._row, row
        self._lay_out()
        self.virtual_size = Size(self.width, len(self.jobs))
        if moved and 0 <= offset < self.size.height and self.scroll_offset.y:
            self.scroll_to(y=max(0, row - offset), animate=False, immediate=True)
        self._show_cursor()
        self.refresh()

    def set_empty(self, lines: Sequence[Line]) -> None:
        """What to say when there is no row to show."""
        if lines != self.empty:
            self.empty = lines
            if not self.jobs:
                self.refresh()

    def restyled(self) -> None:
        """The theme is another one."""
        self._lines.clear()
        self.refresh()

    # -- cursor and marks -----------------------------------------------------------------------

    def select(self, ref: JobRef) -> bool:
        """Put the cursor on a job, if it is shown."""
        row = self.jobs.index(ref)
        if row is None:
            return False
        self.move_to(row)
        return True

    def move_to(self, row: int) -> None:
        """Put the cursor on a row; beyond the ends means at them."""
        count = len(self.jobs)
        if not count:
            return
        row = max(0, min(row, count - 1))
        before = self._row
        entry = self.jobs.at(row)
        self._set_cursor(row, entry.job.ref if entry else None)
        if before != row:
            self.refresh_line(before)
            self.refresh_line(row)
        self._show_cursor()

    def move(self, rows: int) -> None:
        """Move the cursor by some rows."""
        self.move_to(self._row + rows)

    @property
    def page(self) -> int:
        """Rows that a page key moves by."""
        return max(1, self.size.height - 1)

    def toggle_mark(self) -> None:
        """Mark or unmark the job under the cursor and go one down."""
        if self.cursor is None:
            return
        self.marks.symmetric_difference_update({self.cursor})
        self.refresh_line(self._row)
        self.move(1)

    def mark_all(self) -> None:
        """Mark every job that is shown."""
        self.marks.update(self.jobs.order)
        self.refresh()

    def unmark_all(self) -> None:
        """Take every mark away."""
        self.marks.clear()
        self.refresh()

    def _set_cursor(self, row: int, ref: JobRef | None) -> None:
        self._row = row
        if ref != self.cursor:
            self.cursor = ref
            self.screen.post_message(self.Moved(ref))

    def _show_cursor(self) -> None:
        height, top = self.size.height, self.scroll_offset.y
        if height <= 0:
            return
        if self._row < top:
            self.scroll_to(y=self._row, animate=False, immediate=True)
        elif self._row >= top + height:
            self.scroll_to(y=self._row - height + 1, animate=False, immediate=True)

    # -- events -----------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Lay the columns out for the new width; the cursor stays in sight."""
        self._lay_out()
        self.virtual_size = Size(self.width, len(self.jobs))
        self.call_after_refresh(self._show_cursor)

    def on_focus(self) -> None:
        """The cursor shows where the keys go."""
        self.refresh_line(self._row)

    def on_blur(self) -> None:
        """The cursor fades where the keys no longer go."""
        self.refresh_line(self._row)

    def on_click(self, event: events.Click) -> None:
        """A click selects; a second one opens."""
        row = event.y + self.scroll_offset.y
        if row < len(self.jobs):
            self.move_to(row)
            if event.chain == 2:
                self.post_message(self.Opened())

    # -- lines ------------------------------------------------------------------------------------

    def ensure_columns(self) -> None:
        """Columns for the width there is, also before the resize event has come."""
        if self.width != self._laid_width:
            self._lay_out()

    def _lay_out(self) -> None:
        if not self.width:
            return
        self._laid_width = self.width
        found = layout.columns(self.width, self.jobs.profiles, self._wanted)
        if found != self.columns:
            self.columns = found
            self._lines.clear()
            if self.parent is not None:
                for header in self.screen.query(TableHeader):
                    header.refresh()

    def _refresh_ref(self, ref: JobRef) -> None:
        row = self.jobs.index(ref)
        if row is None:
            return
        y = row - self.scroll_offset.y
        if not 0 <= y < self.size.height:
            return
        held = self._lines.get(ref)
        strip = self._line(row)
        if held is None or held[1] is not strip:
            self.refresh_line(row)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual: some lines. The table has neither edge nor padding: its strips are handed on as
        they are held, and what was found of a strip once is not looked for when it scrolls."""
        self.ensure_columns()
        width, ground = self.outer_size.width, self.background_colors[1]
        beside = Style(bgcolor=ground.rich_color)
        strips = [self.render_line(y).adjust_cell_length(width, beside) for y in crop.line_range]
        for each in self.get_line_filters():
            strips = [strip.apply_filter(each, ground) for strip in strips]
        if crop.column_span != (0, width):
            strips = [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        if row < len(self.jobs):
            return self._line(row)
        paint = paint_of(self.app)
        if not self.jobs and self.empty:
            lines = [part for line in self.empty for part in _wrapped(line, self.width - 2)]
            first = max(1, (self.size.height - len(lines)) // 3)
            if 0 <= y - first < len(lines):
                return _centred(lines[y - first], self.width, paint)
        return Strip.blank(self.width, paint())

    def _line(self, row: int) -> Strip:
        entry = self.jobs.entries[self.jobs.order[row]]
        ref = entry.job.ref
        cursor = row == self._row
        cells = present.cells(entry, self._now(), self.glyphs)
        key = (cells, cursor, cursor and self.has_focus, ref in self.marks, self._laid_width)
        held = self._lines.get(ref)
        if held is not None and held[0] == key:
            return held[1]
        strip = draw_row(
            cells,
            self.columns,
            self.width,
            self.glyphs,
            paint_of(self.app),
            cursor=cursor,
            focused=self.has_focus,
            marked=ref in self.marks,
        )
        if len(self._lines) > _CACHE:
            self._lines.clear()
        self._lines[ref] = (key, strip)
        return strip


def _wrapped(line: Line, width: int) -> Sequence[Line]:
    """A line, and where a sentence is longer than it may be the lines that it goes on in."""
    if len(line) != 1 or len(line[0][0]) <= width:
        return (line,)
    from trainer_tui.tui.widgets.lines_view import wrap

    text, colour = line[0]
    return [((part, colour),) for part in wrap(text, width)]


def _centred(line: Line, width: int, paint: Paint) -> Strip:
    from rich.cells import cell_len

    length = sum(cell_len(text) for text, _ in line)
    left = max(0, (width - length) // 2)
    segments = [Segment(" " * left, paint())]
    segments += [Segment(text, paint(name)) for text, name in line]
    segments.append(Segment(" " * max(0, width - left - length), paint()))
    return Strip(segments).crop(0, width)
