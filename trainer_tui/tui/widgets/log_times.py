"""The column that says when a line was written."""

from __future__ import annotations

from datetime import datetime

from trainer_tui.core.logfile.lines import Line, Lines
from trainer_tui.core.logfile.stamps import WIDTHS, Stamp, stamp
from trainer_tui.core.logfile.times import LineTimes

_KINDS = tuple(Stamp)
_HELD = 2_000
_ABOVE = 20
"""Lines above one without a time that may say it: then it is left blank."""
WORDS = {
    Stamp.OFF: "",
    Stamp.ABSOLUTE: "times",
    Stamp.RELATIVE: "times since the start",
    Stamp.DELTA: "times since the line before",
}


class Times:
    """Labels of lines with their times, in the kind that was chosen."""

    def __init__(self) -> None:
        self.kind = Stamp.OFF
        self.lines: LineTimes | None = None
        """What knows the times; ``None``: nobody does."""
        self._labels: dict[int, str] = {}

    @property
    def width(self) -> int:
        """Cells of the column, with a mark before a time and a space after it."""
        return 0 if self.kind is Stamp.OFF else WIDTHS[self.kind] + 2

    def turn(self) -> None:
        """To the next kind."""
        self.kind = _KINDS[(_KINDS.index(self.kind) + 1) % len(_KINDS)]
        self.forget()

    def forget(self, position: int | None = None) -> None:
        """Lines from a position on, or all, may be others than they were."""
        if position is None:
            self._labels.clear()
        else:
            for key in [key for key in self._labels if key >= position]:
                del self._labels[key]

    def label(self, lines: Lines, line: Line) -> str:
        """What the column says of a line: ``~`` before a time that the line does not tell."""
        if self.kind is Stamp.OFF or self.lines is None:
            return " " * self.width
        found = self._labels.get(line.position)
        if found is None:
            if len(self._labels) >= _HELD:
                self._labels.clear()
            found = self._make(self.lines, lines, line)
            if found.strip():  # what is not known now may be known later
                self._labels[line.position] = found
        return found

    def _make(self, times: LineTimes, lines: Lines, line: Line) -> str:
        moment, guessed = self.moment(times, lines, line)
        since = None
        if moment is not None and self.kind is Stamp.RELATIVE:
            since = times.began or self._first(times, lines)
        elif moment is not None and self.kind is Stamp.DELTA:
            before = lines.before(line.position)
            since = times.at(before) if before is not None else None
        text = stamp(self.kind, moment, since)
        if guessed and text.strip():
            text = f"~{text.lstrip()}"
        return f"{text:>{self.width - 1}} "

    def moment(self, times: LineTimes, lines: Lines, line: Line) -> tuple[datetime | None, bool]:
        """When a line was written, and whether that is only when it was seen."""
        said = times.said(line)
        if said is not None or line.kind != "text":
            return said, False
        above: int | None = line.position
        for _ in range(_ABOVE):
            above = lines.before(above) if above is not None else None
            if above is None:
                break
            other = lines.line(above)
            if other.origin == line.origin and times.said(other) is not None:
                return None, False
        return times.seen(line.position), True

    def _first(self, times: LineTimes, lines: Lines) -> datetime | None:
        """The first time that is known of the log."""
        here = lines.first()
        for _ in range(_ABOVE):
            if here is None:
                return None
            if found := times.said(lines.line(here)) or times.seen(here):
                return found
            here = lines.after(here)
        return None
