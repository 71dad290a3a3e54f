"""Which file holds a log, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NOTE = b"\x1e"


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes ``start`` … ``stop - 1`` of the file that are not there: shown as one line of ours."""

    start: int
    stop: int
    why: str
    """What a person is told: ``not fetched yet``, ``the service no longer has this part``."""
    fetchable: bool = False
    """Whether it can still be asked for."""


@dataclass(frozen=True, slots=True)
class LogSource:
    """A log as it lies on this machine, at one moment.

    The file may be longer than ``size`` while somebody writes it; what lies beyond is not read.
    """

    path: Path
    size: int
    """Bytes that may be read."""
    complete: bool = False
    """No more will come."""
    gaps: tuple[Gap, ...] = ()
    """What is missing, in order, not touching each other."""
    arrivals: tuple[tuple[int, float], ...] = ()
    """Offsets and the second (since the epoch) at which the file was seen to reach them: rising,
    for lines that do not say their time."""
    generation: int = 0
    """Another number: what was read before is void."""
    notes: bool = False
    """Whether a line that begins with the byte :data:`NOTE` is a remark of ours (a spool writes
    them, and no other line of a spool begins so)."""
