"""Where a number, a percentage or a time leads in a log."""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import datetime

from trainer_tui.core.logfile.stamps import parse_when
from trainer_tui.core.logfile.times import LineTimes, find_time
from trainer_tui.tui.widgets.log_view import LogView

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_LONGEST_NUMBER = 15


def where(view: LogView, text: str, now: datetime) -> int | str:
    """The line that is meant, or why there is none."""
    lines = view.document
    if text.isdecimal() and text.isascii():
        found = lines.numbered(max(0, int(text[:_LONGEST_NUMBER]) - 1))
        if found is None:
            return "lines are still being counted; 50% or a time leads there now"
        return found
    if match := _PERCENT.fullmatch(text):
        found = lines.near(min(1.0, float(match[1]) / 100))
        return "there are no lines" if found is None else found
    times = view.times.lines
    if times is None:
        return "a line number or a percentage, please: these lines have no times"
    return _at_time(times, text, now)


def _at_time(times: LineTimes, text: str, now: datetime) -> int | str:
    lines = times.lines
    last = lines.last()
    ended = times.at(last) if last is not None else None
    # Where the log has ended, a clock without a day and "5m ago" are told from its end. So are
    # they where nothing came for so long that they would be later than every line, and where its
    # clock is ahead of ours.
    final = ended is not None and (lines.complete or text.startswith("-") or ended > now)
    end = ended if ended is not None and final else now
    found = _found(times, text, end)
    if found is None and ended is not None:
        found = _found(times, text, ended)
    if found is None:
        return "no line is that late" if last is not None else "there are no lines"
    return found


def _found(times: LineTimes, text: str, end: datetime) -> int | str | None:
    """The line of a time, or why that cannot be told; ``None``: it is later than every line."""
    lines = times.lines
    try:
        when = parse_when(text.removeprefix("+"), end)
    except ValueError:
        return "a line number, 50%, or a time like 14:03, 2026-11-20 14:03, -5m"
    if text.startswith("+"):
        first = lines.first()
        began = times.began or (times.at(first) if first is not None else None)
        if began is None:
            return "it is not known when the log began"
        when = began + (end - when)
    found = find_time(lines, when, times.said)
    if found is None and times.arrivals:
        index = bisect_left(times.arrivals, when.timestamp(), key=lambda arrival: arrival[1])
        offset = times.arrivals[index - 1][0] if index else 0
        found = lines.at(offset)
    return found
