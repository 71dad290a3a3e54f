"""What searches have in common: asking a process, and waiting for its answer, but not for long."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from trainer_tui.core.logfile.client import Client
from trainer_tui.core.logfile.hits import Hits, Spans
from trainer_tui.core.logfile.pattern import Pattern
from trainer_tui.core.logfile.scanner import Scanner, shared

PATIENCE = 0.1
"""Seconds that a question may wait for a process."""
SPANS_ASKED = 64
_SPANS_KEPT = 4_096


class Asking(Hits, Client):
    """A search whose questions other processes answer.

    Args:
        pattern: What to look for; ``None``: errors.
        notify: Called in another thread when more is known, at most 20 times a second.
        scanner: What to search with.
    """

    def __init__(
        self, pattern: Pattern | None, notify: Callable[[], None], scanner: Scanner | None
    ) -> None:
        self.pattern = pattern
        self._notify: Callable[[], None] | None = notify
        self._scanner = scanner or shared()
        self._lock = self._scanner.lock
        self._late = self._stopped = False
        self._kept: OrderedDict[int, Spans] = OrderedDict()

    def cancel(self) -> None:
        with self._lock:
            self._stop()
            self._scanner.renew(self)

    def close(self) -> None:
        with self._lock:
            self._stop()
            self._notify = None
            self._scanner.remove(self)
            self._kept.clear()

    def fail(self, why: str) -> None:
        self.failed = why
        self._stop()
        self.changed = True

    def notify(self) -> None:
        tell = self._notify
        if tell is not None:
            tell()

    def expression(self) -> tuple[str | None, int]:
        """The regular expression and its flags; none for errors."""
        return (None, 0) if self.pattern is None else (self.pattern.text, self.pattern.flags)

    def _stop(self) -> None:
        self._stopped = True

    def _limit(self) -> float:
        """A question begins: until when it may wait; not at all while an answer is overdue."""
        self.sure = True
        return time.monotonic() + (0 if self._late else PATIENCE * self.patience)

    def _wait(self, until: Callable[[], bool], limit: float) -> bool:
        if until() or self._scanner.wait(until, limit - time.monotonic()):
            return True
        self._late = True
        self.sure = False
        return False

    def _answered(self) -> None:
        if self._late:
            self._late = False
            self.version += 1
            self.changed = True

    def _keep_spans(self, found: list[tuple[int, int]], positions: list[int], stop: int) -> None:
        """Take spans: for each line one pair of how many there are and the line, then they."""
        at = 0
        for position in positions:
            if at >= len(found):
                break
            length = found[at][0]
            if position < stop:
                self._kept[position] = tuple(found[at + 1 : at + 1 + length])
            at += length + 1
        while len(self._kept) > _SPANS_KEPT:
            self._kept.popitem(last=False)
