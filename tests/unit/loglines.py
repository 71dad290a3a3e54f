"""A log in memory, for tests of what is told about lines."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from trainer_tui.core.logfile.lines import Line, Lines


class ListLines(Lines):
    """Texts as lines, at the positions they would have in a file of ASCII."""

    complete = True

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts: list[str] = []
        self.positions: list[int] = []
        self.size = 0
        self.read = 0
        """How often a line was asked for."""
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add a line at the end."""
        self.texts.append(text)
        self.positions.append(self.size)
        self.size += len(text) + 1

    def first(self) -> int | None:
        return self.positions[0] if self.positions else None

    def last(self) -> int | None:
        return self.positions[-1] if self.positions else None

    def after(self, position: int) -> int | None:
        index = bisect_right(self.positions, position)
        return self.positions[index] if index < len(self.positions) else None

    def before(self, position: int) -> int | None:
        index = bisect_left(self.positions, position)
        return self.positions[index - 1] if index else None

    def at(self, position: int) -> int | None:
        if not self.positions:
            return None
        return self.positions[max(0, bisect_right(self.positions, position) - 1)]

    def line(self, position: int) -> Line:
        self.read += 1
        text = self.texts[self._index(position)]
        return Line(position, text, stop=position + len(text) + 1)

    def part(self, position: int) -> float:
        return position / self.size if self.size else 0.0

    def near(self, part: float) -> int | None:
        return self.at(int(part * self.size))

    def number(self, position: int) -> int | None:
        return self._index(position)

    def numbered(self, number: int) -> int | None:
        return self.positions[min(number, len(self.positions) - 1)] if self.positions else None

    def count(self) -> int | None:
        return len(self.positions)

    def _index(self, position: int) -> int:
        index = bisect_left(self.positions, position)
        assert self.positions[index] == position, "not the position of a line"
        return index
