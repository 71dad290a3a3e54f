"""The text area of the editor: coloured as seen, every byte kept, problems marked in the gutter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import Document, EditResult, Location
from textual.document._edit import Edit
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widgets import TextArea

from trainer_tui.core.yamlconfig import Problem
from trainer_tui.core.yamlconfig.problems import Severity
from trainer_tui.tui.glyphs import UNICODE, Glyphs
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.yaml_lexer import COLOURS, Lexed, visible

_BREAK = re.compile(r"\r\n|\n|\r")
_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
SEVERITY_COLOURS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "accent"}


class ExactDocument(Document):
    """A document that gives back every byte: each line keeps the line break it came with.

    Textual's own joins all lines with one kind of break, and splits also where YAML and other
    editors do not (form feeds, U+2028).
    """

    def __init__(self, text: str) -> None:
        super().__init__("")
        found = _BREAK.search(text)
        if found:
            self._newline = found.group()  # type: ignore[assignment]
        self._lines = _BREAK.split(text)
        self._breaks = [*_BREAK.findall(text), ""]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(
            part for pair in zip(self._lines, self._breaks, strict=True) for part in pair
        )

    def get_size(self, tab_width: int) -> Size:
        """Width and height in cells; plain lines are not measured letter by letter."""
        width = 0
        for line in self._lines:
            if line.isascii() and "\t" not in line:
                cells = len(line)
            else:
                cells = cell_len(line.expandtabs(tab_width))
            if cells > width:
                width = cells
        return Size(width, len(self._lines))

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Put text in place of a range; its line breaks are taken as they are."""
        top, bottom = sorted((start, end))
        lines, breaks = self._lines, self._breaks
        (top_row, top_column), (bottom_row, bottom_column) = top, bottom
        replaced = self.get_text_range(top, bottom)
        bottom_row = min(bottom_row, len(lines) - 1)
        inserted = _BREAK.split(text)
        before, after = lines[top_row][:top_column], lines[bottom_row][bottom_column:]
        inserted[0] = before + inserted[0]
        column = len(inserted[-1])
        inserted[-1] += after
        breaks[top_row : bottom_row + 1] = [*_BREAK.findall(text), breaks[bottom_row]]
        lines[top_row : bottom_row + 1] = inserted
        return EditResult((top_row + len(inserted) - 1, column), replaced)

    def get_text_range(self, start: Location, end: Location) -> str:
        """The text of a range, with its own line breaks."""
        (top_row, top_column), (bottom_row, bottom_column) = sorted((start, end))
        lines, breaks = self._lines, self._breaks
        bottom_row = min(bottom_row, len(lines) - 1)
        if top_row == bottom_row:
            return lines[top_row][top_column:bottom_column]
        parts = [lines[top_row][top_column:], breaks[top_row]]
        for row in range(top_row + 1, bottom_row):
            parts += (lines[row], breaks[row])
        parts.append(lines[bottom_row][:bottom_column])
        return "".join(parts)


class UnwrappedDocument(WrappedDocument):
    """Lines that are never wrapped: their number is the height. Textual adds it up line by line,
    once for every line that it paints."""

    @property
    def height(self) -> int:
        """Rows."""
        return len(self._wrap_offsets)


class YamlArea(TextArea):
    """Edits YAML. ``set_problems`` marks lines and underlines what is wrong in them."""

    DEFAULT_CSS = """
    YamlArea {
        border: none;
        padding: 0;
        background: $background;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
    }
    YamlArea:focus { border: none; }
    YamlArea .text-area--gutter { color: $text-faint; background: $background; }
    YamlArea .text-area--cursor-gutter {
        color: $foreground; background: $panel; text-style: none;
    }
    YamlArea .text-area--cursor-line { background: $panel; }
    YamlArea:dark .text-area--cursor, YamlArea:light .text-area--cursor {
        color: $background; background: $accent;
    }
    YamlArea .text-area--selection { background: $accent 35%; }
    YamlArea .text-area--matching-bracket { background: $accent 30%; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+underscore,ctrl+slash", "comment", "comment", show=False, id="editor.comment",
                tooltip="Comment the selected lines out, or in again."),
        Binding("shift+tab", "outdent", "outdent", show=False, id="editor.outdent",
                tooltip="Move the selected lines two columns to the left."),
    ]  # fmt: skip

    def __init__(self, text: str = "", *, read_only: bool = False, id: str | None = None) -> None:
        self._lexed = Lexed()
        self._held_text: str | None = None
        self._marks: Mapping[int, list[Problem]] = {}
        super().__init__(
            text,
            theme="css",
            soft_wrap=False,
            tab_behavior="indent",
            read_only=read_only,
            show_line_numbers=True,
            id=id,
        )
        self.cursor_blink = False
        self.indent_width = 2

    @property
    def glyphs(self) -> Glyphs:
        """The app's symbols."""
        found = getattr(self.app, "glyphs", UNICODE)
        return found if isinstance(found, Glyphs) else UNICODE

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

    def replace_all(self, text: str) -> None:
        """Put another text in place of all, as one edit that can be undone."""
        if text != self.text:
            row, column = self.cursor_location
            last = self.document.line_count - 1
            self.history.checkpoint()
            self.replace(
                text, (0, 0), (last, len(self.document[last])), maintain_selection_offset=False
            )
            self.history.checkpoint()
            row = min(row, self.document.line_count - 1)
            self.move_cursor((row, min(column, len(self.document[row]))))

    def _set_document(self, text: str, language: str | None) -> None:
        self._lexed = Lexed()
        self._held_text = None
        self.document = ExactDocument(text)
        self.wrapped_document = UnwrappedDocument(self.document, tab_width=self.indent_width)
        from textual.document._document_navigator import DocumentNavigator

        self.navigator = DocumentNavigator(self.wrapped_document)
        self._build_highlight_map()
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def edit(self, edit: Edit) -> EditResult:
        """Perform an edit; only rows from its first on are coloured anew."""
        self._lexed.changed(edit.top[0])
        return super().edit(edit)

    def _undo_batch(self, edits: Iterable[Edit]) -> None:
        edits = list(edits)
        self._lexed.changed(min((edit.top[0] for edit in edits), default=0))
        super()._undo_batch(edits)

    def _redo_batch(self, edits: Iterable[Edit]) -> None:
        edits = list(edits)
        self._lexed.changed(min((edit.top[0] for edit in edits), default=0))
        super()._redo_batch(edits)

    def _build_highlight_map(self) -> None:
        # Called after every change. There is no tree to ask: see `get_line`.
        self._line_cache.clear()
        self._highlights.clear()
        self._held_text = None

    # Painting -------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """The theme changed: what was painted in its colours is void."""
        self._line_cache.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """As Textual does, but the cursor's line keeps the colours of its text."""
        theme = self._theme
        theme.apply_css(self)
        if theme.cursor_line_style is not None:
            theme.cursor_line_style = Style(bgcolor=theme.cursor_line_style.bgcolor)
        return super(TextArea, self).render_lines(crop)

    def get_line(self, line_index: int) -> Text:
        """A line in its colours, what is wrong in it underlined; nothing in it reaches the
        terminal as more than a character."""
        source = self.document.get_line(line_index)
        line = Text(visible(source), end="", no_wrap=True)
        paint = paint_of(self.app)
        lines = self.document.lines
        if len(source) < 4_000:
            for start, end, kind in self._lexed.spans(lines, line_index):
                colour = paint(COLOURS[kind]).color
                line.stylize(
                    Style(color=colour, italic=True if kind == "comment" else None), start, end
                )
        for problem in self._marks.get(line_index, ()):
            colour = paint(SEVERITY_COLOURS[problem.severity]).color
            start = problem.column - 1
            style = Style(underline=True, color=colour if problem.severity == "error" else None)
            line.stylize(style, start, max(start + problem.length, start + 1))
        return line

    def _render_line(self, y: int) -> Strip:
        strip = super()._render_line(y)
        if not self._marks or not self.show_line_numbers:
            return strip
        row = y + self.scroll_offset.y
        marks = self._marks.get(row)
        segments = list(strip)
        if not marks or not segments:
            return strip
        worst = min(marks, key=lambda problem: _RANK[problem.severity]).severity
        glyphs = self.glyphs
        sign = {"error": glyphs.bad, "warning": glyphs.warn, "info": glyphs.info}[worst]
        gutter = segments[0]
        colour = paint_of(self.app)(SEVERITY_COLOURS[worst]).color
        style = (gutter.style or Style()) + Style(color=colour, bold=True)
        segments[0] = Segment(gutter.text[:-1] + sign, style)
        return Strip(segments, strip.cell_length)

    @property
    def gutter_width(self) -> int:
        """Line numbers, a space, and the sign of a problem."""
        if not self.show_line_numbers:
            return 0
        return max(3, len(str(self.document.line_count))) + 2

    def set_problems(self, problems: Iterable[Problem]) -> None:
        """Mark these problems; lines whose marks did not change are not painted again."""
        marks: dict[int, list[Problem]] = {}
        for problem in problems:
            marks.setdefault(problem.line - 1, []).append(problem)
        before, self._marks = self._marks, marks
        changed = [row for row in before.keys() | marks.keys() if before.get(row) != marks.get(row)]
        if changed:
            self._line_cache.clear()
            top, height = self.scroll_offset.y, self.size.height
            for row in changed:
                if top <= row < top + height:
                    self.refresh_lines(row - top)

    # Keys -----------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        # Textual goes on to the handler of the base class unless the default is prevented.
        if event.key == "enter" and not self.read_only:
            event.stop()
            event.prevent_default()
            start, end = self.selection
            self._replace_via_keyboard(self.document.newline + self._next_indent(), start, end)
            return
        if event.key == "tab" and not self.read_only and self.selection.start != self.selection.end:
            event.stop()
            event.prevent_default()
            self._each_line(lambda line: "  " + line if line.strip() else line)

    async def _on_paste(self, event: events.Paste) -> None:
        text = _BREAK.sub(self.document.newline, event.text)
        await super()._on_paste(events.Paste(text))
        event.stop()
        event.prevent_default()

    def _next_indent(self) -> str:
        """The indent of a new line below the cursor's: deeper behind a key without a value."""
        row, column = min(self.selection)
        line = self.document.get_line(row)[:column]
        indent = len(line) - len(line.lstrip(" "))
        bare = re.sub(r"\s+#.*$", "", line).rstrip()
        dash = re.match(r" *(- +)+", line)
        if dash and ":" in line[dash.end() :]:
            indent = dash.end()
        if bare.endswith(":"):
            indent += 2
        return " " * indent

    def action_comment(self) -> None:
        """Comment the selected lines out, or in again."""
        if self.read_only:
            return
        (top, _), (bottom, _) = sorted(self.selection)
        lines = [self.document.get_line(row) for row in range(top, bottom + 1)]
        texts = [line for line in lines if line.strip()]
        if texts and all(line.lstrip().startswith("#") for line in texts):
            self._each_line(lambda line: re.sub(r"^(\s*)# ?", r"\1", line))
        else:
            depth = min((len(line) - len(line.lstrip()) for line in texts), default=0)
            self._each_line(
                lambda line: f"{line[:depth]}# {line[depth:]}" if line.strip() else line
            )

    def action_outdent(self) -> None:
        """Move the selected lines two columns to the left."""
        if not self.read_only:
            self._each_line(lambda line: re.sub(r"^ {1,2}", "", line))

    def _each_line(self, change: object) -> None:
        assert callable(change)
        (top, _), (bottom, bottom_column) = sorted(self.selection)
        if bottom > top and bottom_column == 0:
            bottom -= 1
        document = self.document
        old = [document.get_line(row) for row in range(top, bottom + 1)]
        new = [str(change(line)) for line in old]
        if new == old:
            return
        row, column = self.cursor_location
        selected = self.selection.start != self.selection.end
        text = document.newline.join(new)
        self.replace(text, (top, 0), (bottom, len(old[-1])), maintain_selection_offset=False)
        if selected:
            self.select_range((top, 0), (bottom, len(new[-1])))
        else:
            moved = len(new[row - top]) - len(old[row - top]) if row - top < len(new) else 0
            self.move_cursor((row, max(0, column + moved)))

    def select_range(self, start: Location, end: Location) -> None:
        """Select from one place to another."""
        self.move_cursor(start)
        self.move_cursor(end, select=True)

    def go_to(self, line: int, column: int) -> None:
        """Put the cursor at a line and column (from 1), in view."""
        row = min(max(0, line - 1), self.document.line_count - 1)
        place = (row, min(max(0, column - 1), len(self.document.get_line(row))))
        self.move_cursor(place, center=not self._row_seen(row))
        self.focus()

    def _row_seen(self, row: int) -> bool:
        return self.scroll_offset.y <= row < self.scroll_offset.y + self.size.height
