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
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.filtered import Filtered
from trainer_tui.core.logfile.hits import Hits, Spans
from trainer_tui.core.logfile.index import BLOCK
from trainer_tui.core.logfile.listsearch import ListSearch
from trainer_tui.core.logfile.pattern import Pattern
from trainer_tui.core.logfile.scanner import Scanner, shared
from trainer_tui.core.logfile.tally import Tally

__all__ = ["Filtered", "Hits", "ListSearch", "Search", "errors", "warm"]

_PIECE = 0.08  # seconds of one piece of work
_LARGEST = 256
_FEW = 16  # blocks that may be new without the search counting as unfinished
_HITS_KEPT = 400_000
_MARK = 64


class Search(Asking):
    """The lines of a file that match; begins at once.

    Questions are for the one thread that also asks ``log``.

    Args:
        log: Where to look.
        pattern: What to look for; ``None``: errors, see :func:`errors`.
        notify: Called in another thread when more is known, at most 20 times a second.
        origin: A position; from its block it goes on to the end, then from the beginning.
        scanner: What to search with.
    """

    _want: tuple[int, int] | None
    """A block that a question is about, and the way it goes on: looked at first."""

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
        return self._tally.total

    @property
    def done(self) -> bool:
        with self._lock:
            left = self._todo.count(1)
            return not left or (self._passed and left <= _FEW)

    @property
    def settled(self) -> bool:
        with self._lock:
            return not self._todo.count(1) and not self._owed.count(1)

    @property
    def searched(self) -> float:
        with self._lock:
            blocks = len(self._todo)
            return 1.0 if not blocks else 1.0 - self._todo.count(1) / blocks

    # -- what happens -------------------------------------------------------------------------

    def grown(self) -> None:
        source, size = self._log.source, self._log.size
        with self._lock:
            if self._stopped:
                return
            old = self._size
            moved = set(self._gaps) ^ {(gap.start, gap.stop) for gap in self._log.gaps}
            if size < old or source.generation != self._generation or self._is_another():
                self._scanner.renew(self)
                self._begin()
                self.changed = True
                self._scanner.poke()
                return
            if size == old and not moved:
                return
            self._look()
            if moved:
                low = min(start for start, _ in moved)
                high = min(size, max(stop for _, stop in moved))
                first = (self._log.at(max(0, low - 1)) or 0) // BLOCK
                self._forget(first, min(len(self._todo), high // BLOCK + 1))
            if size > old:
                self._again_from((self._log.at(max(0, old - 1)) or 0) // BLOCK)
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
                _, found = self._above(self._size + 1, limit)
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
            if self._todo.find(1, 0, block + 1) >= 0:
                return None
            index = self._index(position)
            return None if index is None else self._tally.before(block) + index + 1

    def nth(self, rank: int) -> int | None:
        with self._lock:
            place = self._tally.find(rank - 1)
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
        block = max(0, position) // BLOCK
        while True:
            full = self._tally.next(block)
            stop = len(self._todo) if full is None else full + 1
            if not known and not self._looked_at(self._todo.find(1, block, stop), 1, limit):
                if self._todo.find(1, block, stop) >= 0:
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
        block = min(position - 1, self._size) // BLOCK
        while block >= 0:
            full = self._tally.previous(block)
            start = 0 if full is None else full
            if not known and not self._looked_at(self._todo.rfind(1, start, block + 1), -1, limit):
                if self._todo.rfind(1, start, block + 1) >= 0:
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
        """Whether there is no block to wait for; waits for it, and has it looked at first."""
        if block < 0 or self._stopped:
            return True
        self._want = block, way
        self._scanner.poke()
        self._wait(lambda: not self._todo[block], limit)
        return False

    def _index(self, position: int) -> int | None:
        """Which hit of its block a line is, from 0."""
        limit, block = self._limit(), position // BLOCK
        if position < 0 or not self._tally[block]:
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
        if block not in self._asked:
            number = self.number

            def answer(data: bytes | None) -> None:
                self._asked.discard(block)
                if data is not None and number == self.number:
                    self._keep(block, data)
                self._answered()

            if self._scanner.ask(self, "hits", block, answer):
                self._asked.add(block)
        return False

    def _have_spans(self, position: int, block: int, hits: array[int]) -> bool:
        if position in self._kept:
            return True
        if -1 - position not in self._asked:
            serial = self._serial
            wanted = [block * BLOCK + hit for hit in hits]

            def answer(found: list[tuple[int, int]] | None) -> None:
                self._asked.discard(-1 - position)
                if found is not None:
                    stop = self._size if serial == self._serial else self._fixed
                    self._keep_spans(found, wanted, stop)
                self._answered()

            if self._scanner.ask(self, "spans", wanted, answer):
                self._asked.add(-1 - position)
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
        self._tally = Tally()
        self._todo = bytearray()
        """1: never looked at."""
        self._again = bytearray()
        """1: to be given out."""
        self._owed = bytearray()
        """1: nothing is known yet of how it is since the last change, whoever looks at it."""
        self._size = self._serial = self._fixed = 0
        self._gaps: tuple[tuple[int, int], ...] = ()
        self._hits: OrderedDict[int, array[int]] = OrderedDict()
        self._kept.clear()
        self._asked: set[int] = set()
        self._want = None
        self._late = self._passed = self._stopped = False
        self._pace = 0.0
        self._given = 0
        self.failed = None
        self.skipped = 0
        self.version += 1
        self._look()
        self._identity = self._file() or (0, 0)
        self._passed = not self._todo

    def _look(self) -> None:
        """Take the log's size and gaps."""
        log = self._log
        self._size = log.size
        self._gaps = tuple((gap.start, gap.stop) for gap in log.gaps)
        self._generation = log.source.generation
        self._marks = [
            (start, log.read(start, start + _MARK))
            for start in (0, max(0, self._size - _MARK))
            if not any(low < start + _MARK and start < high for low, high in self._gaps)
        ]
        self._serial += 1
        blocks = -(-self._size // BLOCK)
        new = blocks - len(self._todo)
        self._tally.resize(blocks)
        self._todo.extend(b"\1" * new)
        self._again.extend(b"\1" * new)
        self._owed.extend(b"\1" * new)

    def _file(self) -> tuple[int, int] | None:
        """The file's device and inode; ``None`` when it is gone."""
        try:
            stat = self._log.source.path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def _is_another(self) -> bool:
        """Whether the file was replaced or written anew."""
        if self._file() not in (None, self._identity):
            return True
        return any(self._log.read(at, at + len(data)) != data for at, data in self._marks)

    def _forget(self, first: int, stop: int) -> None:
        """These blocks are others now."""
        self._scanner.void(self, first)
        for block in range(first, stop):
            self._tally.set(block, 0)
            self._hits.pop(block, None)
        for marks in (self._todo, self._again, self._owed):
            marks[first:stop] = b"\1" * (stop - first)
        for position in [at for at in self._kept if first <= at // BLOCK < stop]:
            del self._kept[position]
        self._fixed = min(self._fixed, first * BLOCK)
        self.version += 1

    def _again_from(self, first: int) -> None:
        """There is more from this block on; what is known of it holds until it was looked at."""
        self._scanner.void(self, first)
        for marks in (self._again, self._owed):
            marks[first:] = b"\1" * (len(marks) - first)
        self._fixed = first * BLOCK
        for position in [at for at in self._kept if at >= self._fixed]:
            del self._kept[position]

    def _stop(self) -> None:
        super()._stop()
        self._again[:] = self._owed[:] = bytes(len(self._again))

    # -- for the scanner ----------------------------------------------------------------------

    def opening(self) -> tuple[Any, ...]:
        return *self.expression(), str(self._log.source.path.absolute()), self._identity, BLOCK

    def view(self) -> tuple[Any, ...]:
        return self._size, self._gaps, self._log.source.notes

    def waiting(self) -> int:
        return self._again.count(1)

    def next_work(self) -> tuple[int, int, bool] | None:
        again = self._again
        if self._want is not None and not self._todo[self._want[0]]:
            self._want = None
        block, way = self._want or (self._origin // BLOCK, 1)
        found = again.rfind(1, 0, block + 1) if way < 0 else again.find(1, block)
        if found < 0:
            self._want = None
            found = again.find(1, min(self._origin // BLOCK, len(again)))
            if found < 0:
                found = again.find(1)
                if found < 0:
                    return None
            way = 1
        eager = self._given == 0
        self._given += 1
        most = 1 if eager else min(_LARGEST, max(4, int(self._pace * _PIECE)))
        if way < 0:
            first = max(again.rfind(0, 0, found) + 1, found - most + 1)
            stop = found + 1
        else:
            first, stop = found, again.find(0, found, found + most)
            if stop < 0:
                stop = min(len(again), found + most)
        again[first:stop] = bytes(stop - first)
        return first, stop, eager

    def took(
        self, first: int, counts: bytes, seconds: float, hits: bytes | None, skipped: int
    ) -> None:
        found = array("I")
        found.frombytes(counts)
        stop = first + len(found)
        for block, count in enumerate(found, first):
            self._tally.set(block, count)
            self._hits.pop(block, None)
        if hits is not None:
            self._keep(first, hits)
        self._todo[first:stop] = self._owed[first:stop] = bytes(stop - first)
        pace = len(found) / max(seconds, 1e-6)
        self._pace = pace if not self._pace else (self._pace + pace) / 2
        if self._passed and stop == len(self._todo):
            # The end of a log that grows: never busy with it for more than a fifth of the time.
            self.later = time.monotonic() + min(5.0, 4 * seconds)
        self._passed = self._passed or not self._todo.count(1)
        self.skipped += skipped
        self.version += 1
        self.changed = True

    def returned(self, first: int, stop: int) -> None:
        if not self._stopped:
            self._again[first:stop] = b"\1" * (min(stop, len(self._again)) - first)


def errors(log: LogFile, notify: Callable[[], None], *, origin: int | None = None) -> Search:
    """The lines where an error or a traceback begins; a traceback counts once."""
    return Search(log, None, notify=notify, origin=origin)


def warm() -> None:
    """A search is about to begin: have a process ready for it."""
    shared().warm()
