"""One line of the editor as it is seen: a picture made from all that it depends on, and kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from trainer_tui.core.yamlconfig import Problem, Severity
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.paint import Paint
from trainer_tui.tui.yaml_lexer import COLOURS, State, lex, visible

SEVERITY_COLOURS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "accent"}
LONGEST = 4_000
"""Lines longer than this are not coloured."""


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that the picture of a line depends on."""

    source: str
    state: State
    number: int
    """From 1; 0 without line numbers."""
    gutter: int
    width: int
    scroll: int = 0
    here: bool = False
    """The cursor's line."""
    cursor: int = -1
    """Column of the cursor, where it is drawn."""
    selected: tuple[int, int] | None = None
    marks: tuple[Problem, ...] = ()
    worst: Severity | None = None
    """Of the problems on the line and, where it is folded, inside of it."""
    brackets: tuple[int, ...] = ()
    hits: tuple[tuple[int, int], ...] = ()
    folded: int = 0
    """How many lines are folded away below this one."""


class Painter:
    """Makes the pictures of lines for one theme, and keeps the last of them."""

    MOST = 512

    def __init__(
        self, paint: Paint, glyphs: Glyphs, console: Console, tab_width: int, *, colour: bool
    ) -> None:
        self.paint = paint
        self.glyphs = glyphs
        self._console, self._tab_width = console, tab_width
        self._kept: dict[Look, Strip] = {}
        self._bodies: dict[Look, Strip] = {}
        ground, accent = paint.colour("background"), paint.colour("accent")
        warning = paint.colour("warning")
        if colour:
            self._selected = Style(bgcolor=ground.blend(accent, 0.35).rich_color)
            self._bracket = Style(bgcolor=ground.blend(accent, 0.3).rich_color)
            self._hit = Style(bgcolor=ground.blend(warning, 0.3).rich_color)
            self._cursor = Style(color=ground.rich_color, bgcolor=accent.rich_color)
            self._line = Style(bgcolor=paint.colour("panel").rich_color)
        else:
            self._selected = self._cursor = Style(reverse=True)
            self._bracket = self._hit = Style(underline=True)
            self._line = Style()
        self._base = paint("foreground", "background")
        self._here = paint("foreground", "panel")

    def strip(self, look: Look) -> Strip:
        """The picture of a line."""
        found = self._kept.get(look)
        if found is None:
            found = self._keep(self._kept, look, self._make(look))
        return found

    def _keep(self, kept: dict[Look, Strip], look: Look, strip: Strip) -> Strip:
        if len(kept) >= self.MOST:
            kept.clear()
        kept[look] = strip
        return strip

    def blank(self, width: int) -> Strip:
        """Below the last line."""
        return Strip.blank(width, self._base)

    def _make(self, look: Look) -> Strip:
        ground = self._here if look.here else self._base
        # A new line above moves the numbers of all below; what they number stays what it was.
        unnumbered = replace(look, number=0, worst=None)
        body = self._bodies.get(unnumbered)
        if body is None:
            body = self._keep(self._bodies, unnumbered, self._body(look, ground))
        return Strip.join([self._gutter(look, ground), body]) if look.gutter else body

    def _body(self, look: Look, ground: Style) -> Strip:
        line = self._text(look, ground)
        line.expand_tabs(self._tab_width)
        room = look.width - look.gutter
        # Rich leaves the ground out where nothing on a line has a style of its own.
        strip = Strip(line.render(self._console), line.cell_len).apply_style(ground)
        strip = strip.crop(look.scroll, look.scroll + room).extend_cell_length(room, ground)
        return strip.simplify()

    def _text(self, look: Look, ground: Style) -> Text:
        source = look.source
        line = Text(visible(source) + " ", style=ground, end="", no_wrap=True)
        line.tab_size = self._tab_width
        if len(source) < LONGEST:
            for start, end, kind in lex(source, look.state)[0]:
                colour = self.paint(COLOURS[kind]).color
                italic = True if kind == "comment" else None
                line.stylize(Style(color=colour, italic=italic), start, end)
        for problem in look.marks:
            colour = self.paint(SEVERITY_COLOURS[problem.severity]).color
            start = problem.column - 1
            style = Style(underline=True, color=colour if problem.severity == "error" else None)
            line.stylize(style, start, max(start + problem.length, start + 1))
        for start, end in look.hits:
            line.stylize(self._hit, start, end)
        if look.selected is not None:
            line.stylize(self._selected, *look.selected)
        for column in look.brackets:
            line.stylize(self._bracket, column, column + 1)
        if look.cursor >= 0:
            line.stylize(self._cursor, look.cursor, look.cursor + 1)
        if look.folded:
            words = f"{self.glyphs.ellipsis} {look.folded} line{'s' * (look.folded != 1)}"
            faint = self.paint("text-faint", "panel" if look.here else "background")
            line.append(words, faint + Style(italic=True))
        return line

    def _gutter(self, look: Look, ground: Style) -> Strip:
        colour = self.paint("foreground" if look.here else "text-faint").color
        style = ground + Style(color=colour)
        glyphs = self.glyphs
        number = f"{look.number:>{look.gutter - 2}}" if look.number else " " * (look.gutter - 2)
        fold = glyphs.cursor if look.folded else " "
        parts = [Segment(number, style)]
        parts.append(Segment(fold, style + Style(color=self.paint("accent").color)))
        sign = " "
        if look.worst is not None:
            sign = {"error": glyphs.bad, "warning": glyphs.warn, "info": glyphs.info}[look.worst]
            worst = self.paint(SEVERITY_COLOURS[look.worst]).color
            style = style + Style(color=worst, bold=True)
        parts.append(Segment(sign, style))
        return Strip(parts, look.gutter)
