"""Drawing curves with characters: pure functions, no terminal and no clock.

A :class:`Canvas` holds dots finer than a cell: braille gives 2 × 4 dots a cell, the ASCII form
1 × 3 levels (``. - '``). Each cell remembers one *ink*, a small number that is turned into a
colour later. Everything that decides where a dot goes is here, so it can be tested without a
screen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from trainer_tui.core.columns import Columns

NO_INK = -1
SOFT = 64
"""Inks from here on are faint: where a stronger one comes into their cell, it has the cell."""

_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of each dot in a braille cell, by column then row (Unicode chapter 21.1)."""
_GLYPHS = " " + "".join(chr(0x2800 + bits) for bits in range(1, 256))
_LEVELS = " '-|.|||"
"""What one cell of three ASCII levels looks like, by the bits of top, middle and bottom."""

Run = tuple[str, int]
"""Some characters and the ink that they have in common."""


def _masks(dots: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """``[a][b]``: the bits of the dots from row a to row b of one column of a cell."""
    rows = range(len(dots))
    return tuple(tuple(sum(dots[a : b + 1]) for b in rows) for a in rows)


_BRAILLE_MASKS = tuple(_masks(dots) for dots in _BRAILLE)
_PLAIN_MASKS = (_masks((1, 2, 4)),)


class Canvas:
    """A grid of cells that dots and characters are drawn into.

    Args:
        width: Cells across.
        height: Cells down.
        plain: ASCII instead of braille.
    """

    def __init__(self, width: int, height: int, *, plain: bool = False) -> None:
        self.width = max(0, width)
        self.height = max(0, height)
        self.plain = plain
        self.wide = 1 if plain else 2
        """Columns of dots in a cell."""
        self.tall = 3 if plain else 4
        """Rows of dots in a cell."""
        self.columns = self.width * self.wide
        self.rows = self.height * self.tall
        self._masks = _PLAIN_MASKS if plain else _BRAILLE_MASKS
        self._bits = bytearray(self.width * self.height)
        self._inks = [NO_INK] * (self.width * self.height)
        self._chars: dict[int, str] = {}

    def dot(self, x: int, y: int, ink: int) -> None:
        """Set the dot at column ``x`` of row ``y`` (from the top); outside, nothing happens."""
        self.bar(x, y, y, ink)

    def bar(self, x: int, y0: int, y1: int, ink: int) -> None:
        """Set the dots of column ``x`` between two rows, both included, as far as they are inside.

        Whole cells are set at once: a chart full of noise costs no more than its cells.
        """
        if y0 > y1:
            y0, y1 = y1, y0
        y0, y1 = max(0, y0), min(self.rows - 1, y1)
        if y0 > y1 or not 0 <= x < self.columns:
            return
        across, column = divmod(x, self.wide)
        masks, tall, last = self._masks[column], self.tall, self.tall - 1
        top, bottom = y0 // tall, y1 // tall
        bits, inks = self._bits, self._inks
        for row in range(top, bottom + 1):
            begin = y0 % tall if row == top else 0
            end = y1 % tall if row == bottom else last
            cell = row * self.width + across
            held = inks[cell]
            if ink >= SOFT and 0 <= held < SOFT:
                continue
            if held >= SOFT > ink:
                bits[cell] = 0
            bits[cell] |= masks[begin][end]
            inks[cell] = ink

    def line(self, x0: int, y0: int, x1: int, y1: int, ink: int, *, dotted: bool = False) -> None:
        """Join two dots; dotted: one of three dots is set."""
        if abs(x1 - x0) <= 1 and not dotted:
            middle = (y0 + y1) // 2
            self.bar(x0, y0, middle, ink)
            self.bar(x1, middle, y1, ink)
            return
        dx, dy = abs(x1 - x0), -abs(y1 - y0)
        step_x, step_y = (1 if x0 < x1 else -1), (1 if y0 < y1 else -1)
        slack, number = dx + dy, 0
        while True:
            if not dotted or number % 3 == 0:
                self.bar(x0, y0, y0, ink)
            number += 1
            if x0 == x1 and y0 == y1:
                return
            twice = 2 * slack
            if twice >= dy:
                slack += dy
                x0 += step_x
            if twice <= dx:
                slack += dx
                y0 += step_y

    def put(self, x: int, y: int, char: str, ink: int) -> None:
        """Write a character over whatever the cell at ``x``, ``y`` holds."""
        if 0 <= x < self.width and 0 <= y < self.height:
            cell = y * self.width + x
            self._chars[cell] = char
            self._inks[cell] = ink

    def blank(self, x: int, y: int) -> bool:
        """Whether nothing was drawn into the cell."""
        cell = y * self.width + x
        return not self._bits[cell] and cell not in self._chars

    def runs(self, y: int) -> list[Run]:
        """Row ``y`` as runs of one ink, exactly ``width`` characters in all."""
        start, stop = y * self.width, (y + 1) * self.width
        glyphs = _LEVELS if self.plain else _GLYPHS
        text = [glyphs[bits] for bits in self._bits[start:stop]]
        for cell, char in self._chars.items():
            if start <= cell < stop:
                text[cell - start] = char
        out: list[Run] = []
        begin, ink = 0, NO_INK
        for at, (held, char) in enumerate(zip(self._inks[start:stop], text, strict=True)):
            if held != ink and char != " ":
                if at > begin:
                    out.append(("".join(text[begin:at]), ink))
                begin, ink = at, held
        if begin < self.width:
            out.append(("".join(text[begin:]), ink))
        return out

    def text(self, y: int) -> str:
        """Row ``y`` without its inks."""
        return "".join(text for text, _ in self.runs(y))


def draw(
    canvas: Canvas,
    columns: Columns,
    level: Callable[[float], int],
    ink: int,
    *,
    above: float | None = None,
    across: Collection[int] = (),
) -> None:
    """Draw a curve that is cut into as many columns as the canvas has.

    Each column gets a bar from its least to its greatest value, so that no extreme is lost, and
    is joined to the one before it where the curve goes on.

    Args:
        canvas: Where to.
        columns: The curve.
        level: Value → row of dots.
        ink: What it is drawn with.
        above: Only values greater than this can be shown (0 on a logarithmic axis).
        across: Columns that lie behind a stall: the line to them is dotted.
    """
    floor = float("-inf") if above is None else above
    before: tuple[int, float] | None = None
    if columns.before is not None and columns.before[1] > floor:
        before = _entry(columns, canvas.columns, columns.before)
    rows = zip(columns.low, columns.high, columns.first, columns.last, columns.joined, strict=True)
    for x, (low, high, first, last, joined) in enumerate(rows):
        if low != low:
            continue
        if high <= floor:
            before = None
            continue
        if before is not None and joined and first > floor:
            canvas.line(before[0], level(before[1]), x, level(first), ink, dotted=x in across)
        canvas.bar(x, level(low), level(high), ink)
        before = (x, last) if last > floor else None
    if columns.after is not None and columns.after[1] > floor and before is not None:
        out = _leave(columns, canvas.columns, columns.after, before)
        canvas.line(before[0], level(before[1]), out[0], level(out[1]), ink)


def _entry(columns: Columns, count: int, point: tuple[float, float]) -> tuple[int, float]:
    """Where a line from a point left of the window comes in: column and value."""
    x, value = point
    inside = next((i for i, low in enumerate(columns.low) if low == low), None)
    width = (columns.right - columns.left) or 1.0
    if inside is not None:
        to_x = columns.left + width * (inside + 0.5) / count
        to = columns.first[inside]
    elif columns.after is not None:
        to_x, to = columns.after
    else:
        return 0, value
    return 0, _between(x, value, to_x, to, columns.left)


def _leave(
    columns: Columns, count: int, point: tuple[float, float], last: tuple[int, float]
) -> tuple[int, float]:
    """Where a line to a point right of the window goes out: column and value."""
    width = (columns.right - columns.left) or 1.0
    x = columns.left + width * (last[0] + 0.5) / count
    if all(low != low for low in columns.low):  # nothing inside: the line only passes through
        x = columns.left
    return count - 1, _between(x, last[1], *point, columns.right)


def _between(x0: float, y0: float, x1: float, y1: float, x: float) -> float:
    part = (x - x0) / (x1 - x0) if x1 > x0 else 1.0
    part = min(1.0, max(0.0, part))
    return y0 * (1 - part) + y1 * part
