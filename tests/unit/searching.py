"""A search in a test: what it should find, and waiting for what it finds."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from tests.unit import plain_reading
from trainer_tui.core.logfile import asking, search
from trainer_tui.core.logfile.hits import Hits
from trainer_tui.core.logfile.pattern import Pattern
from trainer_tui.core.logfile.source import Gap

LIMIT = 60.0
"""Seconds after which something has not happened; it takes milliseconds on an idle machine."""


class Told:
    """A search's ``notify``, and waiting for it."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._told = threading.Condition()

    def __call__(self) -> None:
        with self._told:
            self.times.append(time.monotonic())
            self._told.notify_all()

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds; it is looked at after each ``notify``."""
        limit = time.monotonic() + LIMIT
        while not condition():
            with self._told:
                self._told.wait(0.05)  # what is waited for may hold without a call
            assert time.monotonic() < limit, "it did not happen"


def settle(hits: Hits, told: Told) -> None:
    """Wait until a search has looked at everything."""
    told.until(lambda: hits.settled or hits.failed)
    assert hits.failed is None


def texts(data: bytes, gaps: tuple[Gap, ...] = ()) -> dict[int, str]:
    """The text of each line, by its position, read the plain way; no gaps."""
    starts = plain_reading.starts(data, gaps)
    begun = {gap.start for gap in gaps}
    stops = [*starts[1:], len(data)][: len(starts)]
    return {
        start: plain_reading.shown(data, start, stop)[0]
        for start, stop in zip(starts, stops, strict=True)
        if start not in begun
    }


def hits(pattern: Pattern, lines: dict[int, str]) -> list[int]:
    """The positions of the lines that match."""
    compiled = re.compile(pattern.text, pattern.flags)
    return [position for position, text in lines.items() if compiled.search(text)]


def spans(pattern: Pattern, text: str) -> tuple[tuple[int, int], ...]:
    """Where a pattern matches something in a text."""
    found = re.compile(pattern.text, pattern.flags).finditer(text)
    return tuple(match.span() for match in found if match.group())


def walk(step: Callable[[int], int | None], position: int) -> list[int]:
    """Positions, one step after the other."""
    found: list[int] = []
    at = step(position)
    while at is not None:
        found.append(at)
        at = step(at)
    return found


@contextmanager
def small_and_patient(block: int) -> Iterator[None]:
    """Blocks so small that a few lines have several, and questions that wait for their answers."""
    with (
        mock.patch.object(search, "BLOCK", block),
        mock.patch.object(asking, "PATIENCE", LIMIT),
    ):
        yield
