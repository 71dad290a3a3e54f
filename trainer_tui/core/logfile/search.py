"""Searching a log while it is looked at.

A log's lines are searched in other processes, see :mod:`trainer_tui.core.logfile.scanner`. Kept
here are only the numbers of hits by block; which lines of a block they are is asked for when it
matters. So a search with 10⁸ hits takes no more memory than one with none.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from trainer_tui.core.logfile.asking import SPANS_ASKED, Asking
from trainer_tui.core.logfile.blocks import Blocks
from trainer_tui.core.logfile.client import Blockwise
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.hits import Spans
from trainer_tui.core.logfile.index import BLOCK
from trainer_tui.core.logfile.pattern import Pattern
from trainer_tui.core.logfile.scanner import Scanner, shared
from trainer_tui.core.logfile.seen import Seen

_HITS_KEPT = 400_000
_ALL = 1 << 62


class Search(Asking, Blockwise):
    """The lines of a file that match; begins at once.

    Questions are for the one thread that also asks ``log``.

    Args:
        log: Where to look.
        pattern: What to look for; ``None``: errors, see :func:`errors`.
        notify: Called in another thread when more is known, at most 20 times a second.
        origin: A position; from its block it goes on to the end, then from the beginning.
        scanner: What to search with.
    """

    def __init__(
        self,
        log: LogFile,
        pattern: Pattern | None,
        *,
        notify: Callable[[], None],
        origin: int | None = None,
        scanner: Scanner | None = None,
    ) -> None:
        super().__init__(pattern, notify, scanner)
        self._log = log
        self._origin = origin or 0
        with self._lock:
            self._begin()
            self._scanner.add(self)

    # -- what is known ------------------------------------------------------------------------

    @property
    def count(self) -> int:
        return self._blocks.tally.total

    @property
    def done(self) -> bool:
        with self._lock:
            return self._blocks.done

    @property
    def settled(self) -> bool:
        with self._lock:
            return self._blocks.settled

    @property
    def searched(self) -> float:
        with self._lock:
            return self._blocks.part

    # -- what happens -------------------------------------------------------------------------

    def grown(self) -> None:
        log = self._log
        with self._lock:
            if self._stopped:
                return
            old = self._seen
            if old.is_another(log):
                self._scanner.renew(self)
                self._begin()
                self.changed = True
                self._scanner.poke()
                return
            moved = old.moved(log)
            if log.size == old.size and moved is None:
                return
            self._look()
            if moved is not None:
                self._refilled(*moved)
            if log.size > old.size:
                first = (log.at(max(0, old.size - 1)) or 0) // BLOCK
                self._void(first)
                self._blocks.grow(first)
            self._scanner.poke()

    # -- questions ----------------------------------------------------------------------------

    def after(self, position: int, *, wrap: bool = True) -> int | None:
        with self._lock:
            limit = self._limit()
            sure, found = self._below(position, limit)
            if found is None and sure and wrap:
                _, found = self._below(-1, limit)
            return found

    def before(self, position: int, *, wrap: bool = True) -> int | None:
        with self._lock:
            limit = self._limit()
            sure, found = self._above(position, limit)
            if found is None and sure and wrap:
                _, found = self._above(self._seen.size + 1, limit)
            return found

    def known_after(self, position: int) -> int | None:
        with self._lock:
            return self._below(position, self._limit(), known=True)[1]

    def known_before(self, position: int) -> int | None:
        with self._lock:
            return self._above(position, self._limit(), known=True)[1]

    def is_hit(self, position: int) -> bool:
        with self._lock:
            return self._index(position) is not None

    def rank(self, position: int) -> int | None:
        with self._lock:
            block = position // BLOCK
            if self._blocks.first_new(0, block + 1) is not None:
                return None
            index = self._index(position)
            return None if index is None else self._blocks.tally.before(block) + index + 1

    def counted(self, position: int) -> int:
        """How many hits are known in the blocks before that of a position."""
        with self._lock:
            return self._blocks.tally.before(position // BLOCK)

    def nth(self, rank: int) -> int | None:
        with self._lock:
            place = self._blocks.tally.find(rank - 1)
            if place is None:
                return None
            hits = self._of(place[0], self._limit())
            if hits is None or place[1] >= len(hits):
                return None
            return place[0] * BLOCK + hits[place[1]]

    def spans(self, position: int) -> Spans:
        with self._lock:
            if position not in self._kept:
                index = self._index(position)
                if index is None:
                    return ()
                block = position // BLOCK
                hits = self._hits[block][index : index + SPANS_ASKED]
                self._wait(lambda: self._have_spans(position, block, hits), self._limit())
            return self._kept.get(position, ())

    # -- finding a hit ------------------------------------------------------------------------

    def _below(
        self, position: int, limit: float, *, known: bool = False
    ) -> tuple[bool, int | None]:
        """The next hit below, and whether that is certain."""
        block, blocks = max(0, position) // BLOCK, self._blocks
        while True:
            full = blocks.tally.next(block)
            new = blocks.first_new(block, len(blocks) if full is None else full + 1)
            if not known and new is not None and not self._stopped:
                if not self._looked_at(new, 1, limit):
                    return False, None
                continue
            if full is None:
                return True, None
            hits = self._of(full, limit)
            if hits is None:
                return False, None
            index = bisect_right(hits, position - full * BLOCK)
            if index < len(hits):
                return True, full * BLOCK + hits[index]
            block = full + 1

    def _above(
        self, position: int, limit: float, *, known: bool = False
    ) -> tuple[bool, int | None]:
        """The last hit above, and whether that is certain."""
        block, blocks = min(position - 1, self._seen.size) // BLOCK, self._blocks
        while block >= 0:
            full = blocks.tally.previous(block)
            new = blocks.last_new(full or 0, block + 1)
            if not known and new is not None and not self._stopped:
                if not self._looked_at(new, -1, limit):
                    return False, None
                continue
            if full is None:
                break
            hits = self._of(full, limit)
            if hits is None:
                return False, None
            index = bisect_left(hits, position - full * BLOCK)
            if index:
                return True, full * BLOCK + hits[index - 1]
            block = full - 1
        return True, None

    def _looked_at(self, block: int, way: int, limit: float) -> bool:
        """Have a block looked at next, and wait for that; whether it was in time."""
        blocks = self._blocks
        blocks.want(block, way)
        self._scanner.poke()
        return self._wait(lambda: not blocks.is_new(block) or self._stopped, limit)

    def _index(self, position: int) -> int | None:
        """Which hit of its block a line is, from 0."""
        limit, block = self._limit(), position // BLOCK
        if position < 0 or not self._blocks.tally[block]:
            return None
        hits = self._of(block, limit)
        if hits is None:
            return None
        index = bisect_left(hits, position - block * BLOCK)
        found = index < len(hits) and hits[index] == position - block * BLOCK
        return index if found else None

    def _of(self, block: int, limit: float) -> array[int] | None:
        """The hits of a block; ``None`` when they are not known in time."""
        if not self._wait(lambda: self._have_hits(block), limit):
            return None
        hits = self._hits.get(block)
        if hits is not None:
            self._hits.move_to_end(block)
        return hits

    # -- asking a process ---------------------------------------------------------------------

    def _have_hits(self, block: int) -> bool:
        if block in self._hits:
            return True

        def answer(data: bytes | None) -> None:
            valid = self._asked.pop(block, 0)
            if data is not None and (block + 1) * BLOCK <= valid:
                self._keep(block, data)
            self._answered()

        if block not in self._asked and self._scanner.ask(self, "hits", block, answer):
            self._asked[block] = _ALL
        return False

    def _have_spans(self, position: int, block: int, hits: array[int]) -> bool:
        if position in self._kept:
            return True
        key = ~position
        wanted = [block * BLOCK + hit for hit in hits]

        def answer(found: list[tuple[int, int]] | None) -> None:
            valid = self._asked.pop(key, 0)
            if found is not None:
                self._keep_spans(found, wanted, valid)
            self._answered()

        if key not in self._asked and self._scanner.ask(self, "spans", wanted, answer):
            self._asked[key] = _ALL
        return False

    def _keep(self, block: int, data: bytes) -> None:
        hits = array("I")
        hits.frombytes(data)
        self._hits.pop(block, None)
        self._hits[block] = hits
        while len(self._hits) > 1 and sum(map(len, self._hits.values())) > _HITS_KEPT:
            self._hits.popitem(last=False)

    # -- state --------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._blocks = Blocks(self._origin // BLOCK)
        self._hits: OrderedDict[int, array[int]] = OrderedDict()
        self._kept.clear()
        self._asked: dict[int, int] = {}
        """Blocks whose hits were asked for, and the complement of positions whose spans were;
        and the position below which an answer holds: what is above has changed since."""
        self._late = self._stopped = False
        self.failed = None
        self.skipped = 0
        self.later = 0.0
        self.version += 1
        self._look()

    def _look(self) -> None:
        """Take the log as it is now."""
        self._seen = Seen(self._log)
        self._blocks.resize(-(-self._seen.size // BLOCK))

    def _refilled(self, low: int, high: int) -> None:
        """Gaps came or went between two positions."""
        first = (self._log.at(max(0, low - 1)) or 0) // BLOCK
        stop = min(len(self._blocks), high // BLOCK + 1)
        self._void(first)
        self._blocks.forget(first, stop)
        for block in range(first, stop):
            self._hits.pop(block, None)

    def _void(self, first: int) -> None:
        """What was given out or asked for from a block on is of the past."""
        self._scanner.void(self, first)
        start = first * BLOCK
        self._asked = {key: min(valid, start) for key, valid in self._asked.items()}
        for position in [at for at in self._kept if at >= start]:
            del self._kept[position]
        self.version += 1

    def _stop(self) -> None:
        super()._stop()
        self._blocks.stop()

    # -- for the scanner ----------------------------------------------------------------------

    def opening(self) -> tuple[Any, ...]:
        return *self.expression(), self._log.way, self._seen.file, BLOCK

    def view(self) -> tuple[Any, ...]:
        return self._seen.size, self._seen.gaps, self._log.source.notes

    def waiting(self) -> int:
        return self._blocks.waiting

    def next_work(self) -> tuple[int, int, bool] | None:
        return self._blocks.give()

    def took(
        self, first: int, counts: bytes, seconds: float, hits: bytes | None, skipped: int
    ) -> None:
        found = array("I")
        found.frombytes(counts)
        for block in range(first, first + len(found)):
            self._hits.pop(block, None)
        if hits is not None:
            self._keep(first, hits)
        if self._blocks.take(first, found, seconds):
            # The end of a log that grows: never busy with it for more than a fifth of the time.
            self.later = time.monotonic() + min(5.0, 4 * seconds)
        self.skipped += skipped
        self.version += 1
        self.changed = True

    def returned(self, first: int, stop: int) -> None:
        if not self._stopped:
            self._blocks.give_back(first, stop)


def errors(log: LogFile, notify: Callable[[], None], *, origin: int | None = None) -> Search:
    """The lines where an error or a traceback begins; a traceback counts once."""
    return Search(log, None, notify=notify, origin=origin)


def warm() -> None:
    """A search is about to begin: have a process ready for it."""
    shared().warm()
