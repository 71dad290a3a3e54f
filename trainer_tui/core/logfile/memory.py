"""Lines that are held in memory: a job's events, and whatever is short."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from trainer_tui.core.logfile.lines import Line, Lines, Span


class MemoryLines(Lines):
    """Lines one after the other; a line's position is its number.

    Args:
        texts: The first lines, safe to show.
        complete: No more will come.
    """

    def __init__(self, texts: Iterable[str] = (), *, complete: bool = False) -> None:
        self.complete = complete
        self._lines: list[Line] = []
        self.extend(texts)

    # Writing

    def append(
        self,
        text: str,
        *,
        spans: tuple[Span, ...] = (),
        kind: Literal["text", "note", "gap"] = "text",
        open: bool = False,
        origin: int = 0,
    ) -> int:
        """Add a line (in place of the last one, if that was still open); gives its position."""
        if self._lines and self._lines[-1].open:
            self._lines.pop()
        place = len(self._lines)
        line = Line(place, text, spans, kind, stop=place + 1, open=open, origin=origin)
        self._lines.append(line)
        return place

    def extend(self, texts: Iterable[str]) -> None:
        """Add some lines."""
        for text in texts:
            self.append(text)

    def clear(self) -> None:
        """Begin anew."""
        self._lines.clear()

    # Reading

    def first(self) -> int | None:
        return 0 if self._lines else None

    def last(self) -> int | None:
        return len(self._lines) - 1 if self._lines else None

    def after(self, position: int) -> int | None:
        found = max(0, position + 1)
        return found if found < len(self._lines) else None

    def before(self, position: int) -> int | None:
        found = min(position, len(self._lines)) - 1
        return found if found >= 0 else None

    def at(self, position: int) -> int | None:
        return min(max(0, position), len(self._lines) - 1) if self._lines else None

    def line(self, position: int) -> Line:
        return self._lines[position]

    def part(self, position: int) -> float:
        return min(1.0, max(0.0, position / len(self._lines))) if self._lines else 0.0

    def near(self, part: float) -> int | None:
        return self.at(int(part * len(self._lines)))

    def number(self, position: int) -> int | None:
        return position

    def numbered(self, number: int) -> int | None:
        return self.at(number)

    def count(self) -> int | None:
        return len(self._lines)
