"""Drawing curves with characters: pure functions, no terminal and no clock.

A :class:`Canvas` holds dots finer than a cell: braille gives 2 × 4 dots a cell, the ASCII form
1 × 3 levels (``. - '``). Each cell remembers one *ink*, a small number that the widget turns into
a colour. Everything that decides where a dot goes is here, so it can be tested without a screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

NO_INK = -1
# Bit of each dot in a braille cell, by column then row (Unicode chapter 21.1).
_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
# What one cell of three ASCII levels looks like, by the bits of top, middle and bottom.
_LEVELS = " '-|.|||"

Run = tuple[str, int]
"""Some characters and the ink that they have in common."""


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
        self.columns = self.width * (1 if plain else 2)
        self.rows = self.height * (3 if plain else 4)
        self._bits = [0] * (self.width * self.height)
        self._inks = [NO_INK] * (self.width * self.height)
        self._chars: dict[int, str] = {}

    def dot(self, x: int, y: int, ink: int) -> None:
        """Set the dot at column ``x`` of row ``y`` (from the top); outside, nothing happens."""
        if not (0 <= x < self.columns and 0 <= y < self.rows):
            return
        if self.plain:
            cell, bit = (y // 3) * self.width + x, 1 << (y % 3)
        else:
            cell, bit = (y // 4) * self.width + x // 2, _BRAILLE[x % 2][y % 4]
        self._bits[cell] |= bit
        self._inks[cell] = ink

    def line(self, x0: int, y0: int, x1: int, y1: int, ink: int) -> None:
        """Join two dots (Bresenham)."""
        dx, dy = abs(x1 - x0), -abs(y1 - y0)
        step_x, step_y = (1 if x0 < x1 else -1), (1 if y0 < y1 else -1)
        slack = dx + dy
        while True:
            self.dot(x0, y0, ink)
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
        out: list[Run] = []
        text, ink = "", NO_INK
        for cell in range(y * self.width, (y + 1) * self.width):
            char = self._chars.get(cell)
            if char is None:
                bits = self._bits[cell]
                char = _LEVELS[bits] if self.plain else chr(0x2800 + bits) if bits else " "
            if self._inks[cell] != ink and char != " ":
                if text:
                    out.append((text, ink))
                text, ink = "", self._inks[cell]
            text += char
        if text:
            out.append((text, ink))
        return out

    def text(self, y: int) -> str:
        """Row ``y`` without its inks."""
        return "".join(text for text, _ in self.runs(y))


@dataclass(frozen=True, slots=True)
class Column:
    """What falls into one column of dots: the extremes survive, whatever the width."""

    first: float
    low: float
    high: float
    last: float


def reduce(
    xs: Sequence[float], ys: Sequence[float], place: Callable[[float], int], columns: int
) -> tuple[dict[int, Column], set[int], set[int]]:
    """Sort points into columns of dots.

    Args:
        xs: Positions, rising.
        ys: As many values; NaN and infinities allowed.
        place: x → column, which may be outside ``range(columns)``.
        columns: How many columns there are.

    Returns:
        The columns that hold finite values; the columns where a value was not finite; the
        columns that are not joined to the one before them, because of what lies between.
    """
    held: dict[int, list[float]] = {}
    bad: set[int] = set()
    broken: set[int] = set()
    gap = False
    for x, y in zip(xs, ys, strict=True):
        column = place(x)
        if not 0 <= column < columns:
            continue
        if not math.isfinite(y):
            bad.add(column)
            gap = True
            continue
        seen = held.get(column)
        if seen is None:
            held[column] = [y, y, y, y]
            if gap:
                broken.add(column)
        else:
            if y < seen[1]:
                seen[1] = y
            if y > seen[2]:
                seen[2] = y
            seen[3] = y
        gap = False
    return {x: Column(*values) for x, values in held.items()}, bad, broken


def draw(
    canvas: Canvas,
    columns: dict[int, Column],
    broken: set[int],
    level: Callable[[float], int],
    ink: int,
) -> None:
    """Draw reduced points: a bar from low to high in each column, joined across gaps of time."""
    before: tuple[int, float] | None = None
    for x in sorted(columns):
        column = columns[x]
        if before is not None and x not in broken:
            canvas.line(before[0], level(before[1]), x, level(column.first), ink)
        canvas.line(x, level(column.low), x, level(column.high), ink)
        before = (x, column.last)


def sparkline(values: Sequence[float], width: int, *, plain: bool = False) -> str:
    """A curve in one line of text, at most ``width`` characters, padded to it.

    Values that are not finite leave a gap. A constant curve is a flat line in the middle.
    """
    canvas = Canvas(width, 1, plain=plain)
    finite = [value for value in values if math.isfinite(value)]
    if not finite or not canvas.columns:
        return " " * max(0, width)
    low, high = min(finite), max(finite)
    last = max(1, len(values) - 1)
    columns, _, broken = reduce(
        range(len(values)),
        values,
        lambda x: round(x * (canvas.columns - 1) / last),
        canvas.columns,
    )
    # With one row of dots a bar from low to high would hide the course: the mean is drawn.
    means = {}
    for x, column in columns.items():
        middle = (column.low + column.high) / 2
        means[x] = Column(middle, middle, middle, middle)
    draw(canvas, means, broken, scale(low, high, canvas.rows), 0)
    return canvas.text(0)


def scale(low: float, high: float, rows: int, *, log: bool = False) -> Callable[[float], int]:
    """value → row of dots from the top, for an axis from ``low`` at the bottom to ``high``."""
    if log:
        low, high = math.log10(low), math.log10(high)
    span = high - low
    bottom = rows - 1

    def level(value: float) -> int:
        if log:
            value = math.log10(value)
        part = (value - low) / span if span > 0 else 0.5
        return bottom - round(min(1.0, max(0.0, part)) * bottom)

    return level


def smooth(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average, corrected for its start; what is not finite stays as it is."""
    out: list[float] = []
    held = mass = 0.0
    for value in values:
        if math.isfinite(value):
            held = weight * held + (1 - weight) * value
            mass = weight * mass + (1 - weight)
            out.append(held / mass)
        else:
            out.append(value)
    return out


def nice_step(span: float, count: int) -> float:
    """The round distance (1, 2 or 5 × a power of ten) that makes about ``count`` ticks."""
    if span <= 0 or count < 1 or not math.isfinite(span):
        return 1.0
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    # The borders are the geometric means: as far from one round number as from the next.
    for factor, border in ((1.0, 1.41), (2.0, 3.16), (5.0, 7.07)):
        if rough <= border * power:
            return factor * power
    return 10.0 * power


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values inside [low, high]."""
    step = nice_step(high - low, count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)] if last - first < 1000 else []


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values inside [low, high] for a logarithmic axis; both above 0."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1.0, 2.0, 5.0), (1.0,)):
        found = [f * 10.0**d for d in decades for f in factors]
        found = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(found) <= count + 1:
            break
    if len(found) < 2:
        return [value for value in ticks(low, high, count) if value > 0]
    return found[:: math.ceil(len(found) / (count + 1))]


# Round distances on an axis of time, in seconds: up to a day, then whole days.
_DURATIONS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)


def time_ticks(low: float, high: float, count: int) -> list[float]:
    """Round durations, in seconds, inside [low, high]."""
    rough = (high - low) / max(1, count)
    step = next((d for d in _DURATIONS if d >= rough), None)
    step = step or max(1, math.ceil(rough / 86400)) * 86400
    return [float(n * step) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float, digits: int = 4) -> str:
    """A value in few characters: ``0.3123``, ``12.5k``, ``3e-04`` → ``3e-4``, ``nan``."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-3:
        mantissa, _, power = f"{value:.{max(0, digits - 2)}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(power)}"
    for unit, letter in _UNITS:
        # A value that rounds up to the next unit is written in that unit.
        if round(size / unit, max(0, digits - 1)) >= 1 and size >= unit * 0.9999:
            return _decimals(value / unit, digits - 1) + letter
    return _decimals(value, digits)


def _decimals(value: float, digits: int) -> str:
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    text = f"{value:.{max(0, digits - whole)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def labels(values: Sequence[float]) -> list[str]:
    """Tick labels with the same number of decimals, so that they line up."""
    texts = [number(value) for value in values]
    plain = [text for text in texts if text != "0" and text[-1].isdigit() and "e" not in text]
    most = max((len(text.partition(".")[2]) for text in plain), default=0)
    return [
        f"{value:.{most}f}" if text in plain or (text == "0" and plain and most) else text
        for value, text in zip(values, texts, strict=True)
    ]


def duration(seconds: float) -> str:
    """A time span in its two largest units: ``45s``, ``10m``, ``1h30m``, ``2d4h``."""
    left = round(seconds)
    parts = []
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount}{letter}")
    return "".join(parts[:2]) or "0s"


def finite(values: Iterable[float]) -> list[float]:
    """Only the finite ones."""
    return [value for value in values if math.isfinite(value)]
