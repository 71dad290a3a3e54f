"""How the editor's text is painted: each row from all that it depends on, and a row that looks as
it did is not painted again. Textual paints a whole text area anew at every key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from textual.document._document import Location
from textual.geometry import Offset, Region, Size
from textual.strip import Strip
from textual.widgets import TextArea

from trainer_tui.core.yamlconfig import Problem, worst
from trainer_tui.core.yamlconfig.find import Finder
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.widgets.yaml_document import ExactDocument
from trainer_tui.tui.widgets.yaml_lines import LineEdits
from trainer_tui.tui.widgets.yaml_paint import Look, Painter
from trainer_tui.tui.widgets.yaml_panels import Panel
from trainer_tui.tui.widgets.yaml_view import FoldedView
from trainer_tui.tui.yaml_lexer import Lexed

_BRACKET = re.compile(r"[\[\](){}]")
_PARTNERS = {"[": "]", "{": "}", "(": ")"}
_BRACKET_ROWS = 400
"""How far the partner of a bracket is looked for."""
_STEP = 32
_AHEAD = 24
"""Columns that are scrolled beyond the cursor: each scroll sideways paints every row anew."""

Shown = tuple[Look | None, Strip | None]


class Frame(NamedTuple):
    """What the pictures of all rows depend on, looked up once for all of them."""

    left: int
    top: int
    width: int
    height: int
    """Rows of the text that are not folded away."""
    gutter: int
    numbered: bool
    start: Location
    end: Location
    """The selection, in order."""
    cursor: Location
    has_cursor: bool
    draw_cursor: bool
    partner: Location | None


class SeenText(LineEdits):
    """The text as it is seen: colours, problems, folds, what was found, a panel over it."""

    def __init__(self, text: str, *, read_only: bool, id: str | None) -> None:
        self._lexed = Lexed()
        self._held_text: str | None = None
        self._marks: Mapping[int, tuple[Problem, ...]] = {}
        self._finder: Finder | None = None
        self._painter: Painter | None = None
        self._panel: Panel | None = None
        self._shown: dict[int, Shown] | None = None
        self._row_seen_last = 0
        self._framed: Frame | None = None  # while rows are painted
        self.version = 0
        """Counts the changes of the text."""
        super().__init__(
            text,
            theme="css",
            soft_wrap=False,
            tab_behavior="indent",
            read_only=read_only,
            show_line_numbers=True,
            max_checkpoints=1_000,
            id=id,
        )
        self.cursor_blink = False
        self.indent_width = 2

    @property
    def glyphs(self) -> Glyphs:
        """The app's symbols."""
        return glyphs_of(self)

    @property
    def painter(self) -> Painter:
        """What paints lines in the present theme."""
        paint, glyphs = paint_of(self.app), self.glyphs
        held = self._painter
        if held is None or held.paint is not paint or held.glyphs is not glyphs:
            colour = not self.app.no_color
            held = Painter(paint, glyphs, self.app.console, self.indent_width, colour=colour)
            self._painter = held
        return held

    # Text -----------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """All of the text, byte for byte what was loaded but for what was edited."""
        if self._held_text is None:
            self._held_text = self.document.text
        return self._held_text

    @text.setter
    def text(self, value: str) -> None:
        self.load_text(value)

    def _set_document(self, text: str, language: str | None) -> None:
        # Textual's own makes its own kinds of document and view here.
        from textual.document._document_navigator import DocumentNavigator

        self._lexed = Lexed()
        self._held_text = None
        self._marks = {}
        self._shown = None
        self.version += 1
        document = ExactDocument(text)
        document.changed = self._lines_changed
        self.document = document
        self.wrapped_document = FoldedView(document, self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self.move_cursor((0, 0))
        self._refresh_size()
        self.refresh()

    def _lines_changed(self, top: int, bottom: int, now: int) -> None:
        """Rows from ``top`` to ``bottom`` have become rows ``top`` to ``now``."""
        self._lexed.changed(top, bottom, now)
        self._held_text = None
        self.version += 1
        if now != bottom and self._marks:
            shift = now - bottom
            self._marks = {
                row + shift if row > bottom else row: marks for row, marks in self._marks.items()
            }

    def _build_highlight_map(self) -> None:
        # Textual empties its caches of painted lines here, after every change; there are none.
        pass

    def _refresh_size(self) -> None:
        # In steps, and no less than the room there is: another width has the screen laid out.
        width = self.exact.get_size(self.indent_width).width + self.gutter_width + 1
        room = self.scrollable_content_region.width
        width = room if width <= room else -(-width // _STEP) * _STEP
        size = Size(width, self.view.height)
        was, height = self.virtual_size, self.size.height
        if size == was:
            return
        if size.width == was.width and size.height > height and was.height > height > 0:
            # The scroll bar stays: its length is all there is to change. Setting the reactive
            # would lay out the whole screen, for every new line.
            self.set_reactive(TextArea.virtual_size, size)
            self._scroll_update(size)
        else:
            self.virtual_size = size
            self._refresh_scrollbars()

    @property
    def gutter_width(self) -> int:
        """Line numbers, the sign of a fold, and the sign of a problem."""
        if not self.show_line_numbers:
            return 0
        return max(3, len(str(self.document.line_count))) + 2

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Scroll to the cursor, before anything is painted: a key paints the text once.

        Sideways it is scrolled further than it needs, not for every letter. On another line the
        beginnings of the lines come back, where the cursor is seen then.
        """
        row = self.selection.end[0]
        room = self.scrollable_content_region.size
        width, height = room.width - self.gutter_width, room.height
        if width <= 0 or not height or not self._has_cursor:
            return super().scroll_cursor_visible(center, animate)
        at, left = self.view.location_to_offset(self.selection.end), self.scroll_offset.x
        top, ahead = self.scroll_offset.y, min(_AHEAD, width // 3)
        x, y = left, min(max(top, at.y - height + 1), at.y)
        if at.x >= left + width - 2:
            x = at.x + 3 - width + ahead
        elif at.x < width - 2 and (at.x < left or row != self._row_seen_last):
            x = 0
        elif at.x < left:
            x = at.x - ahead
        if center:
            y = at.y - (height - 1) // 2
        self._row_seen_last = row
        self._recompute_cursor_offset()  # type: ignore[no-untyped-call]
        x, y = min(x, self.max_scroll_x), max(0, min(y, self.max_scroll_y))
        if (x, y) != (left, top):
            self.scroll_to(x, y, animate=False, force=True, immediate=True)
        return Offset(x - left, y - top)

    def set_problems(self, problems: Iterable[Problem]) -> None:
        """Mark these problems."""
        marks: dict[int, list[Problem]] = {}
        for problem in problems:
            marks.setdefault(problem.line - 1, []).append(problem)
        self._marks = {row: tuple(found) for row, found in marks.items()}
        self.refresh()

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """The partner of a bracket, where it is not too far off."""
        if not bracket or bracket not in "[](){}":
            return None
        row, column = search_from
        forward = bracket in _PARTNERS
        depth = 0
        lines = self.document.lines
        step = 1 if forward else -1
        end = row + step * _BRACKET_ROWS
        for at in range(row, max(-1, min(end, len(lines))), step):
            found = [m.start() for m in _BRACKET.finditer(lines[at])]
            for place in found if forward else reversed(found):
                if at == row and (place < column if forward else place > column):
                    continue
                opening = lines[at][place] in _PARTNERS
                depth += 1 if opening == forward else -1
                if depth == 0:
                    fits = _PARTNERS.get(bracket) or next(
                        a for a, b in _PARTNERS.items() if b == bracket
                    )
                    return (at, place) if lines[at][place] == fits else None
        return None

    # Painting -------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """The theme changed: what was painted in its colours is void."""
        self._shown = None
        super().notify_style_update()

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> SeenText:
        """Paint again; when it is not said what, only the rows that look another way now."""
        if regions or not repaint or layout or recompose or self._shown is None:
            super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
            return self
        shown, width, frame = self._shown, self.size.width, self._frame()
        rows = range(self.size.height)
        changed = [y for y in rows if y in shown and shown[y] != self._looks(y, frame)]
        if changed:
            super().refresh(*[Region(0, y, width, 1) for y in changed])
        return self

    def render_lines(self, crop: Region) -> list[Strip]:
        """As any widget does it; Textual's text area asks its stylesheet for colours first."""
        if self._shown is None:
            self._shown = {}
        self._framed = self._frame()
        try:
            return super(TextArea, self).render_lines(crop)
        finally:
            self._framed = None

    def render_line(self, y: int) -> Strip:
        """One row."""
        shown = self._looks(y, self._framed or self._frame())
        if self._shown is not None:
            self._shown[y] = shown
        look, over = shown
        painter = self.painter
        strip = painter.strip(look) if look is not None else painter.blank(self.size.width)
        panel = self._panel
        return panel.over(y, strip) if over is not None and panel is not None else strip

    def _frame(self) -> Frame:
        scroll, selection = self.scroll_offset, self.selection
        start, end = sorted(selection)
        return Frame(
            scroll.x,
            scroll.y,
            self.size.width,
            self.view.height,
            self.gutter_width,
            self.show_line_numbers,
            start,
            end,
            selection.end,
            self._has_cursor,
            self._draw_cursor,
            self._matching_bracket_location,
        )

    def _looks(self, y: int, frame: Frame) -> Shown:
        """All that a row's picture depends on."""
        over = self._panel.row(y) if self._panel is not None else None
        place = y + frame.top
        if place >= frame.height:
            return None, over
        view, lines = self.view, self.document.lines
        row = view.row_at(place)
        source = lines[row]
        at, column = frame.cursor
        here = at == row
        brackets: tuple[int, ...] = ()
        partner = frame.partner
        if partner is not None and frame.start == frame.end:
            brackets = (column,) if here else ()
            brackets += (partner[1],) if partner[0] == row else ()
        last = view.folds.get(row, row)
        marks = self._marks.get(row, ())
        inside = marks
        if last > row and self._marks:
            for other, found in self._marks.items():
                if row < other <= last:
                    inside += found
        return Look(
            source,
            self._lexed.state(lines, row),
            row + 1 if frame.numbered else 0,
            frame.gutter,
            frame.width,
            frame.left,
            here and frame.has_cursor,
            column if here and frame.draw_cursor else -1,
            _selected(frame, row, len(source)),
            marks,
            worst(inside),
            brackets,
            self._finder.row(source) if self._finder is not None else (),
            last - row,
        ), over


def _selected(frame: Frame, row: int, length: int) -> tuple[int, int] | None:
    start, end = frame.start, frame.end
    if start == end or not start[0] <= row <= end[0]:
        return None
    first = start[1] if row == start[0] else 0
    last = end[1] if row == end[0] else length + 1
    return (first, last) if last > first else None
