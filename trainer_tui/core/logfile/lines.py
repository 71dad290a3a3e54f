"""What a view reads of a log: lines in order, each known by its position.

A position is a whole number that grows along the log and stays with its line as long as the log
does not begin anew. For a file it is the byte offset of the line's first byte. Nothing here asks
for the number of a line or how many there are, so the end of a log can be shown before the rest of
it was looked at.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple

Colour = int | tuple[int, int, int] | None
"""One of the 256 colours, red-green-blue, or the terminal's own."""


class Sgr(NamedTuple):
    """How the trainer asked some text to be shown (ECMA-48, Select Graphic Rendition)."""

    foreground: Colour = None
    background: Colour = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


PLAIN = Sgr()
Span = tuple[int, int, Sgr]
"""Start and end (exclusive) in a line's text, and the look."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, safe to show."""

    position: int
    text: str
    spans: tuple[Span, ...] = ()
    kind: Literal["text", "note", "gap"] = "text"
    """``note`` and ``gap`` are remarks of ours, not what the job wrote."""
    stop: int = 0
    """One past the last byte, the newline included; 0 where bytes mean nothing."""
    more: int = 0
    """Characters that were cut off ``text``."""
    open: bool = False
    """The last line, still without its newline: it may change."""
    origin: int = 0
    """Which of several logs it comes from."""


class Lines(ABC):
    """Lines in order. Every question costs about the same, however long the log is."""

    complete: bool = False
    """No more will come."""

    @abstractmethod
    def first(self) -> int | None:
        """Position of the first line; ``None`` when there is none."""

    @abstractmethod
    def last(self) -> int | None:
        """Position of the last line, the unfinished one included."""

    @abstractmethod
    def after(self, position: int) -> int | None:
        """The next line; ``None`` after the last. ``position`` need not be a line's."""

    @abstractmethod
    def before(self, position: int) -> int | None:
        """The line before; ``None`` before the first. ``position`` need not be a line's."""

    @abstractmethod
    def at(self, position: int) -> int | None:
        """The last line that begins at or before a position; else the first there is."""

    @abstractmethod
    def line(self, position: int) -> Line:
        """A line, resolved. ``position`` must be a line's."""

    @abstractmethod
    def part(self, position: int) -> float:
        """How far along the log a position is, 0 to 1."""

    @abstractmethod
    def near(self, part: float) -> int | None:
        """The line that far along the log, 0 to 1."""

    @abstractmethod
    def number(self, position: int) -> int | None:
        """The line's number, from 0; ``None`` while that is not known."""

    @abstractmethod
    def numbered(self, number: int) -> int | None:
        """The line of that number, the last one beyond the end; ``None`` while not known."""

    @abstractmethod
    def count(self) -> int | None:
        """How many lines there are; ``None`` while that is not known."""
