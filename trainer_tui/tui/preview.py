"""The end of a log file, painted before Textual is imported.

What is painted is what the view shows first: the same rows from the same classes, in the colours
that it had last. The view draws over it a moment later, and nothing on the screen moves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size

from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.lines import Colour, Sgr
from trainer_tui.tui import splash
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.widgets.log_marks import ANSI, Mark, layered, marks
from trainer_tui.tui.widgets.log_records import fold
from trainer_tui.tui.widgets.log_rows import LogRows, Place, number_width

_ATTRIBUTES = {"bold": "1", "dim": "2", "italic": "3", "underline": "4", "reverse": "7"}


def show(log: LogFile, names: Sequence[str], colours: Mapping[str, str], glyphs: Glyphs) -> bool:
    """Paint a log's end, and below it the names of all that are open, the first one shown."""
    try:
        width, height = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        return False
    if height < 2 or width < 8:
        return False
    splash.paint(Preview(log, colours, glyphs, width, height).frame(names))
    return True


class Preview:
    """A screen of the end of a log, with a line below it.

    Args:
        log: The log.
        colours: Theme variables as codes; see :mod:`trainer_tui.tui.palette`.
        glyphs: The symbols.
        width: Cells of the terminal.
        height: Its rows.
    """

    def __init__(
        self, log: LogFile, colours: Mapping[str, str], glyphs: Glyphs, width: int, height: int
    ) -> None:
        self.log, self.colours, self.glyphs = log, colours, glyphs
        self.width, self.height = width, height - 1
        self.rows = LogRows(log, fold)
        ground = self._codes(colours.get("foreground"), colours.get("on background"))
        self.base = f"\x1b[0;{ground}m" if ground else "\x1b[0m"

    def frame(self, names: Sequence[str]) -> bytes:
        """All of it. Each row is cut by the terminal itself, which knows best how wide text is."""
        out = [f"{self.base}\x1b[2J\x1b[?7l"]
        top = self.rows.bottom(self.height)
        places = [] if top is None else self.rows.screen(top, self.height)
        thumb = range(*self.rows.thumb(places[0], places[-1], self.height)) if places else range(0)
        for y, place in enumerate(places):
            out.append(f"\x1b[{y + 1};1H{self._row(place)}")
            if y in thumb:
                bar = "▐" if self.glyphs.unicode else "#"
                out.append(f"\x1b[{y + 1};{self.width}H{self._in('scrollbar')}{bar}{self.base}")
        out.append(f"\x1b[{self.height + 1};1H{self._below(names)}\x1b[?7h")
        return "".join(out).encode("utf-8", "replace")

    def _row(self, place: Place) -> str:
        shown, row = self.rows.shown(place[0]), self.rows.row(place)
        wide = number_width(self.log)
        number = self.log.number(place[0]) if shown.line.kind == "text" else None
        label = " " * wide if number is None else f"{number + 1:>{wide}}"
        opens = self.glyphs.folder_closed if shown.opens else " "
        gutter = f"{self._in('text-faint')}{label} {opens}{self.base}"
        room = max(1, self.width - 1 - wide - 2)
        if shown.line.kind != "text":
            rule = self.glyphs.h * 2
            colour = "status-stopping" if shown.line.kind == "gap" else "text-faint"
            return f"{gutter}{self._in(colour, 'italic')}{rule} {shown.text} {rule}{self.base}"
        text, end = row.text[:room], ""
        if len(row.text) > room or cell_len(text) > room:
            text = set_cell_size(text, room - 1)
            end = f"{self._in('text-faint')}{self.glyphs.ellipsis}{self.base}"
        parts = [
            f"{''.join(map(self._look, looks))}{text[a:b]}{self.base if looks else ''}"
            for a, b, looks in layered(marks(shown, row, text), 0, len(text))
        ]
        return gutter + "".join(parts) + end

    def _below(self, names: Sequence[str]) -> str:
        """What the line below the log says before anything is counted."""
        words = f" {self._in('status-running')}{self.glyphs.follow} following{self.base}"
        tabs = [f" {name} " for name in names]
        start = self.width - sum(map(cell_len, tabs)) + 1
        if start < self.width // 2:
            return words
        looks = [self._in("accent", "bold", "panel")] + [self._in("text-muted")] * len(names)
        pieces = [f"{look}{tab}{self.base}" for look, tab in zip(looks, tabs, strict=False)]
        return f"{words}\x1b[{start}G{''.join(pieces)}"

    # Colours

    def _in(self, colour: str, extra: str = "", ground: str = "") -> str:
        """What switches a colour on; nothing where it is not known."""
        codes = self._codes(
            *(_ATTRIBUTES[word] for word in extra.split()),
            self.colours.get(colour),
            self.colours.get(f"on {ground}"),
        )
        return f"\x1b[{codes}m" if codes else ""

    def _look(self, look: Mark | Sgr) -> str:
        if isinstance(look, Mark):
            return self._in(look.colour, look.extra)
        extra = " ".join(name for name in _ATTRIBUTES if getattr(look, name))
        name = _name(look.foreground)
        return self._in(name, extra) if name or extra else ""

    @staticmethod
    def _codes(*codes: str | None) -> str:
        return ";".join(filter(None, codes))


def _name(colour: Colour) -> str:
    """The theme variable of one of the sixteen colours; others show a moment later."""
    return ANSI[colour % 8] if isinstance(colour, int) and colour < 16 else ""
