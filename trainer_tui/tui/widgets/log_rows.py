"""How the lines of a log lie on the rows of a screen: cut, wrapped, or as a record that is open.

Nothing here counts the rows of a whole log. A place is a line's position and which of the line's
rows it is; moving walks from line to line, so that it costs the rows that are passed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich.cells import cell_len

from trainer_tui.core.logfile.lines import Line, Lines

_HELD = 400
"""Lines whose rows are kept; some screens full."""
_LINE = 64
"""Bytes of a usual line: how wide the numbers will be, before they are known."""
_FIELD_INDENT = 4
_FIELD_NAMES = 24
"""Cells for the names of a record's fields at most."""

Place = tuple[int, int]
"""A line's position, and which of its rows."""
Folded = tuple[str, tuple[tuple[str, str], ...]]
"""A record in one line, and its fields in full."""


class Row(NamedTuple):
    """A piece of text on one row of the screen."""

    kind: Literal["text", "field"]
    text: str
    start: int
    stop: int
    label: int = 0
    """Characters at the beginning that name a field."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A line as it is shown."""

    line: Line
    text: str
    """The line's own text, or its record in one line."""
    folded: bool
    """Whether ``text`` is a record's."""
    opens: bool
    """Whether it has fields that can be shown below it."""
    rows: tuple[Row, ...]


class LogRows:
    """Which line of a log is on which row.

    Args:
        lines: The lines that are shown.
        fold: Makes a record of a line's text; ``None`` for a line that is none.
    """

    def __init__(self, lines: Lines, fold: Callable[[str], Folded | None]) -> None:
        self.lines = lines
        self.fold = fold
        self.wrapping = False
        self.remark: Callable[[int], str] = lambda position: ""
        """What is added to the line of a gap."""
        self.raw = False
        """Records are shown as they were written."""
        self.opened: set[int] = set()
        """Lines whose fields are shown."""
        self._width = 80
        self._shown: dict[int, Shown] = {}

    @property
    def width(self) -> int:
        """Cells for the text of a line."""
        return self._width

    @width.setter
    def width(self, width: int) -> None:
        if width != self._width:
            self._width = width
            if self.wrapping:
                self.forget()

    def forget(self, position: int | None = None) -> None:
        """Lines from a position on, or all, may be others than they were."""
        if position is None:
            self._shown.clear()
        else:
            for key in [key for key in self._shown if key >= position]:
                del self._shown[key]

    def shown(self, position: int) -> Shown:
        """A line as it is shown."""
        found = self._shown.get(position)
        if found is None:
            while len(self._shown) >= _HELD:
                del self._shown[next(iter(self._shown))]
            found = self._shown[position] = self._make(position)
        return found

    def _make(self, position: int) -> Shown:
        line = self.lines.line(position)
        text, record = line.text, None
        if line.kind == "text" and not self.raw and not line.more:
            record = self.fold(text)
        if record is not None:
            text = record[0]
        elif line.kind == "gap":
            text += self.remark(position)
        elif line.more:
            text += f" … {line.more:,} more characters"
        rows = self._folds(text) if line.kind == "text" else (Row("text", text, 0, len(text)),)
        if record is not None and position in self.opened:
            rows = (*rows, *self._fields(record[1]))
        return Shown(line, text, record is not None, bool(record and record[1]), rows)

    def _folds(self, text: str, kind: Literal["text", "field"] = "text") -> tuple[Row, ...]:
        if not self.wrapping or len(text) * 2 <= self._width:
            return (Row(kind, text, 0, len(text)),)
        starts = folds(text, self._width)
        stops = [*starts[1:], len(text)]
        return tuple(
            Row(kind, text, start, stop) for start, stop in zip(starts, stops, strict=True)
        )

    def _fields(self, fields: tuple[tuple[str, str], ...]) -> list[Row]:
        """A record's fields, a row each; a value of several lines takes several."""
        names = min(_FIELD_NAMES, max((len(name) for name, _ in fields), default=0))
        out: list[Row] = []
        for name, value in fields:
            label = f"{'':{_FIELD_INDENT}}{name:<{names}}  "
            for part in value.split("\n"):
                text = label + part
                rows = self._folds(text, "field")
                out.append(rows[0]._replace(label=len(label)))
                out += rows[1:]
                label = " " * (_FIELD_INDENT + names + 2)
        return out

    # Walking

    def size(self, position: int) -> int:
        """How many rows a line takes."""
        return len(self.shown(position).rows)

    def row(self, place: Place) -> Row:
        """What is on a row."""
        rows = self.shown(place[0]).rows
        return rows[min(place[1], len(rows) - 1)]

    def step(self, place: Place, count: int) -> Place:
        """The place some rows below (above, when negative); the first or last beyond the ends."""
        position, sub = place
        sub += count
        if count >= 0:
            while sub >= (size := self.size(position)):
                after = self.lines.after(position)
                if after is None:
                    return position, size - 1
                position, sub = after, sub - size
        while sub < 0:
            before = self.lines.before(position)
            if before is None:
                return position, 0
            position = before
            sub += self.size(position)
        return position, sub

    def steps(self, start: Place, stop: Place, limit: int) -> int:
        """Rows from one place down to another, at most ``limit``; 0 when that is not below."""
        if stop <= start:
            return 0
        (position, sub), count = start, 0
        while position < stop[0] and count < limit:
            count += self.size(position) - sub
            after, sub = self.lines.after(position), 0
            if after is None:
                return min(limit, count)
            position = after
        return min(limit, count + (stop[1] - sub if position == stop[0] else 0))

    def screen(self, top: Place, height: int) -> list[Place]:
        """The places of a screen that begins with ``top``."""
        out: list[Place] = []
        position: int | None = top[0]
        sub = top[1]
        while position is not None and len(out) < height:
            size = self.size(position)
            out += [(position, row) for row in range(sub, min(size, sub + height - len(out)))]
            position, sub = self.lines.after(position), 0
        return out

    def bottom(self, height: int) -> Place | None:
        """The lowest top that leaves no room below the last row; ``None``: there are no lines."""
        last = self.lines.last()
        if last is None:
            return None
        return self.step((last, self.size(last) - 1), -(max(1, height) - 1))

    def thumb(self, top: Place, bottom: Place, height: int) -> tuple[int, int]:
        """Where the thumb of a bar beside some rows is, by how far along the log they are: its
        first row and one past its last; ``(0, 0)`` when all of the log is seen."""
        if height < 2:
            return (0, 0)
        (first, sub), (last, low) = top, bottom
        below = self.lines.after(last)
        if below is None and low == self.size(last) - 1:
            end = 1.0
            if self.lines.before(first) is None and not sub:
                return (0, 0)
        else:
            end = self.lines.part(last if below is None else below)
        begin = self.lines.part(first)
        length = max(1, int(height * max(0.0, end - begin)))
        if end >= 1.0:
            return (height - length, height)
        most = max(0.0, 1.0 - (end - begin))
        start = round(begin / most * (height - length)) if most else 0
        start = min(max(0, start), height - length - 1)
        return (start, start + length)

    def mark(self, place: Place) -> tuple[int, int, int]:
        """What :meth:`find` needs to find a place again when lines are wrapped otherwise."""
        row = self.row(place)
        return place[0], place[1], row.start if row.kind == "text" else -1

    def find(self, mark: tuple[int, int, int]) -> Place:
        """The row that holds what was at the beginning of a marked one."""
        position, sub, offset = mark
        rows = self.shown(position).rows
        if offset < 0:
            return position, min(sub, len(rows) - 1)
        for index, row in enumerate(rows):
            if row.kind == "text" and row.start <= offset < row.stop:
                return position, index
        return position, 0


def number_width(document: Lines, *, several: bool = False) -> int:
    """Cells for the numbers of a log's lines.

    Args:
        several: The lines come from several logs, each with its own numbers.
    """
    count = document.count()
    if count is None:
        count = 99_999 if several else (document.last() or 0) // _LINE
    return max(4, len(str(count)))


def folds(text: str, width: int) -> list[int]:
    """Where the rows of a wrapped line begin, as character offsets; at least one row.

    A wide character that does not fit goes to the next row whole.
    """
    width = max(1, width)
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
