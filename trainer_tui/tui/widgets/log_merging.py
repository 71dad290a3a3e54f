"""Several logs in one view, by time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from trainer_tui.core.logfile.document import Change, LogFile
from trainer_tui.core.logfile.lines import Line
from trainer_tui.core.logfile.merge import Merged
from trainer_tui.core.logfile.times import LineTimes
from trainer_tui.tui.widgets.log_view import LogView

MOST = 6
"""Logs that are merged: more colours cannot be told apart."""


class MergedTimes(LineTimes):
    """The times of merged lines: what each log's own lines tell."""

    def __init__(self, merged: Merged, each: Sequence[LineTimes]) -> None:
        began = [times.began for times in each if times.began is not None]
        super().__init__(merged, began=min(began, default=None))
        self.merged, self.each = merged, each

    def said(self, line: Line) -> datetime | None:
        """What the line itself says."""
        origin, position = self.merged.origin(line.position)
        return self.each[origin].said(replace(line, position=position))

    def seen(self, position: int) -> datetime | None:
        """When its log was first seen to hold a line."""
        origin, place = self.merged.origin(position)
        return self.each[origin].seen(place)


class Merging:
    """Some logs, merged.

    Args:
        logs: Name, file and times of each.
    """

    def __init__(self, logs: Sequence[tuple[str, LogFile, LineTimes]]) -> None:
        self._files = [file for _, file, _ in logs]
        self._times = [times for _, _, times in logs]
        self.merged = Merged([(name, times) for name, _, times in logs])

    def show(self, view: LogView, colours: Iterable[int]) -> None:
        """Show them, from their end, each with its colour in the gutter."""
        view.origins = tuple(colours)
        view.times.lines = MergedTimes(self.merged, self._times)
        view.files = self._files
        view.open(self.merged)

    def changed(self, number: int, change: Change) -> Change:
        """One of them changed: the same in merged positions."""
        if not change or number >= len(self._files):
            return Change()
        return self.merged.changed(number, change)
