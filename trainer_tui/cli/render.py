"""Facts as lines of text: tables, durations, colours. Pure; the clock is passed in."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trainer_tui import sanitize
from trainer_tui.core.estimate import resumed
from trainer_tui.core.units import plural
from trainer_tui.model import Job, Progress, Status

_SGR = {
    Status.RUNNING: "32",
    Status.QUEUED: "36",
    Status.PREPARING: "36",
    Status.STOPPING: "33",
    Status.SUCCEEDED: "32;1",
    Status.INTERRUPTED: "33",
    Status.FAILED: "31;1",
    Status.CANCELED: "2",
    Status.UNKNOWN: "2",
}
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    align: Literal["left", "right"] = "left"
    shrinks: bool = False
    """Whether it may be cut where the terminal is too narrow."""


def paint(text: str, sgr: str, on: bool) -> str:
    """Text in a colour, where colour is on."""
    return f"\x1b[{sgr}m{text}\x1b[0m" if on and text else text


def status_text(job: Job, color: bool) -> str:
    """The status, coloured."""
    return paint(str(job.status), _SGR[job.status], color)


def eta(job: Job, now: datetime) -> float | None:
    """Seconds to the end of a running job, by its pace since it began.

    One look has no more to go by than the average, and of a job that was resumed not even that;
    the console, which watches, knows better.
    """
    progress = job.progress
    if job.status is not Status.RUNNING or progress is None or job.started_at is None:
        return None
    if not progress.total or progress.current <= 0 or resumed(job):
        return None
    seconds = (now - job.started_at).total_seconds()
    left = max(0, progress.total - progress.current)
    return left * seconds / progress.current if seconds > 0 else None


def span(seconds: float | None) -> str:
    """A duration in two units at most: ``45s``, ``12m``, ``3h07m``, ``2d4h``."""
    if seconds is None:
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours}h" if days < 10 else f"{days}d"


def age(job: Job, now: datetime) -> str:
    """How long ago the job was made."""
    born = job.created_at or job.started_at
    return NOTHING if born is None else span((now - born).total_seconds())


def percent(progress: Progress | None) -> str:
    """``48%``."""
    if progress is None or progress.percent is None:
        return NOTHING
    return f"{int(progress.percent)}%"


def steps(progress: Progress | None) -> str:
    """``960/2000``, ``3/12 epochs``; a percentage alone has no steps."""
    if progress is None or progress.unit == "percent":
        return NOTHING
    of = "" if progress.total is None else f"/{progress.total}"
    count = progress.total or progress.current
    unit = progress.unit if count == 1 else plural(progress.unit)
    return f"{progress.current}{of}" + ("" if progress.unit == "step" else f" {unit}")


def done(progress: Progress) -> str:
    """``960/2000 · 48%``, as far as it is known."""
    told = (steps(progress), percent(progress))
    return " · ".join(text for text in told if text != NOTHING) or NOTHING


def loss(value: float | None) -> str:
    """Four significant digits."""
    return NOTHING if value is None else f"{value:.4g}"


def size(count: int | None) -> str:
    """Bytes with a binary unit: ``3.1 MiB``."""
    if count is None:
        return NOTHING
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def moment(value: datetime | None) -> str:
    """A time in the local zone, to the second."""
    return NOTHING if value is None else value.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    color: bool = False,
) -> list[str]:
    """Aligned lines with a heading.

    Args:
        columns: The columns.
        rows: One text a column each; colours in them take no room.
        width: Cells that a line may take; ``None`` for as wide as it needs.
        color: Whether the heading may be set off.
    """
    cells = [[column.title for column in columns], *([*row] for row in rows)]
    widths = [max(cell_width(row[i]) for row in cells) for i in range(len(columns))]
    over = sum(widths) + 2 * (len(columns) - 1) - width if width is not None else 0
    for index, column in enumerate(columns):
        if column.shrinks and over > 0:
            cut = min(over, max(0, widths[index] - 12))
            widths[index] -= cut
            over -= cut
    lines = []
    for number, row in enumerate(cells):
        parts = [
            _fit(text, widths[i], columns[i].align, last=i == len(columns) - 1)
            for i, text in enumerate(row)
        ]
        line = "  ".join(parts).rstrip()
        lines.append(paint(line, "2", color and number == 0))
    return lines


def cell_width(text: str) -> int:
    """Terminal cells that a text takes, colours left out."""
    plain = sanitize.text(text, limit=1 << 30) if "\x1b" in text else text
    return sum(_char_width(char) for char in plain)


def _char_width(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _fit(text: str, width: int, align: str, *, last: bool) -> str:
    used = cell_width(text)
    if used > width:
        kept, used = "", 0
        for char in text:
            if used + _char_width(char) > width - 1:
                break
            kept += char
            used += _char_width(char)
        text, used = kept + "…", used + 1
    room = " " * (width - used)
    if align == "right":
        return room + text
    return text if last else text + room
