"""Searching lines that lie in no one file: events, several logs by time."""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any

from trainer_tui.core.logfile.asking import SPANS_ASKED, Asking
from trainer_tui.core.logfile.client import Asker
from trainer_tui.core.logfile.hits import Spans
from trainer_tui.core.logfile.lines import Line, Lines
from trainer_tui.core.logfile.pattern import Pattern
from trainer_tui.core.logfile.scanner import Scanner

_BATCH = 2_000
_SLICE = 0.005
_AT_ONCE = 0.01


class ListSearch(Asking, Asker):
    """The lines of any :class:`Lines` that match, as :class:`Search` does it for a file's.

    Lines are read by the thread that asks: some at the beginning, the rest a slice of 5 ms at each
    :meth:`grown`, which is to be called after each ``notify``. They are looked at in order; where
    the reader is does not matter. Hits are kept, eight bytes each.

    Args:
        lines: Where to look. What was read must stay, but for a last line that is ``open``.
        pattern: What to look for; ``None``: errors.
        notify: Called in another thread when more is known, at most 20 times a second.
        scanner: What to search with.
    """

    def __init__(
        self,
        lines: Lines,
        pattern: Pattern | None,
        *,
        notify: Callable[[], None],
        scanner: Scanner | None = None,
    ) -> None:
        super().__init__(pattern, notify, scanner)
        self._lines = lines
        self._hits = array("q")
        self._batch: list[Line] = []
        self._read: int | None = None
        """The last line that was read for good."""
        self._open = False
        """The last line that was looked at was unfinished, and is read again."""
        self._under_way = False
        self._ended = False
        with self._lock:
            self._scanner.add(self)
            self._scanner.warm()
            self._go_on(_AT_ONCE)

    @property
    def count(self) -> int:
        return len(self._hits)

    @property
    def done(self) -> bool:
        return self._ended and not self._under_way and not self._batch

    @property
    def settled(self) -> bool:
        return self.done

    @property
    def searched(self) -> float:
        if self.done or self._read is None:
            return float(self.done)
        return self._lines.part(self._read)

    def grown(self) -> None:
        with self._lock:
            if not self._stopped:
                self._go_on(_SLICE)

    # -- questions ----------------------------------------------------------------------------

    def after(self, position: int, *, wrap: bool = True) -> int | None:
        with self._lock:
            if not self.done and not self._hits[bisect_right(self._hits, position) :]:
                self._wait(lambda: not self._under_way, self._limit())
            found = self.known_after(position)
            if found is None and wrap and self._hits and (self.done or self._stopped):
                return self._hits[0]
            return found

    def before(self, position: int, *, wrap: bool = True) -> int | None:
        with self._lock:
            found = self.known_before(position)
            if found is None and wrap and self._hits and (self.done or self._stopped):
                return self._hits[-1]
            return found

    def known_after(self, position: int) -> int | None:
        with self._lock:
            index = bisect_right(self._hits, position)
            return self._hits[index] if index < len(self._hits) else None

    def known_before(self, position: int) -> int | None:
        with self._lock:
            index = bisect_left(self._hits, position)
            return self._hits[index - 1] if index else None

    def is_hit(self, position: int) -> bool:
        return self.rank(position) is not None

    def rank(self, position: int) -> int | None:
        with self._lock:
            index = bisect_left(self._hits, position)
            found = index < len(self._hits) and self._hits[index] == position
            return index + 1 if found else None

    def nth(self, rank: int) -> int | None:
        with self._lock:
            return self._hits[rank - 1] if 1 <= rank <= len(self._hits) else None

    def spans(self, position: int) -> Spans:
        with self._lock:
            if position not in self._kept:
                rank = self.rank(position)
                if rank is None:
                    return ()
                wanted = list(self._hits[rank - 1 : rank - 1 + SPANS_ASKED])
                asked = [False]
                self._wait(lambda: self._have_spans(position, wanted, asked), self._limit())
            return self._kept.get(position, ())

    def _have_spans(self, position: int, wanted: list[int], asked: list[bool]) -> bool:
        if position in self._kept or asked[0]:
            return position in self._kept

        def answer(found: list[tuple[int, int]] | None) -> None:
            if found is not None:
                self._keep_spans(found, wanted, 1 << 62)
            self._answered()

        texts = [self._lines.line(at).text for at in wanted]
        asked[0] = self._scanner.ask(self, "spans", texts, answer)
        return False

    # -- reading ------------------------------------------------------------------------------

    def _go_on(self, seconds: float) -> None:
        """Read some lines and send them, unless some are under way."""
        if not self._under_way and not self._batch:
            limit = time.monotonic() + seconds
            self._batch = self._next(limit)
            if self._batch:
                self._hits = self._hits[: bisect_left(self._hits, self._batch[0].position)]
                self._send()
            self._scanner.poke()

    def _next(self, limit: float) -> list[Line]:
        lines = self._lines
        batch: list[Line] = []
        at = lines.first() if self._read is None else lines.after(self._read)
        while at is not None and len(batch) < _BATCH and time.monotonic() < limit:
            batch.append(lines.line(at))
            at = lines.after(at)
        self._ended = at is None
        return batch

    def _send(self) -> None:
        batch = self._batch
        number = self.number

        def answer(found: bytes | None) -> None:
            self._under_way = False
            if number == self.number and found is not None:
                self._took(batch, found)
            self._answered()

        only = ("text",) if self.pattern is None else ("text", "note")
        texts = [line.text if line.kind in only else "" for line in batch]
        what = self._open, texts
        self._under_way = self._scanner.ask(self, "find", what, answer, matters=True)

    def _took(self, batch: list[Line], found: bytes) -> None:
        numbers = array("I")
        numbers.frombytes(found)
        for number in numbers:
            if batch[number].kind != "gap":
                self._hits.append(batch[number].position)
        last = batch[-1]
        self._open = last.open
        sure = batch[:-1] if last.open else batch
        if sure:
            self._read = sure[-1].position
        self._kept.pop(last.position, None)
        self._batch = []
        self.version += 1
        self.changed = True

    # -- for the scanner ----------------------------------------------------------------------

    def opening(self) -> tuple[Any, ...]:
        return self.expression()

    def go_on(self) -> None:
        # A process may just have been started.
        if self._batch and not self._under_way and not self._stopped:
            self._send()
