"""Searching several logs at once, each in its own file, as lines of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.hits import Hits, Spans
from trainer_tui.core.logfile.merge import Merged
from trainer_tui.core.logfile.pattern import Pattern
from trainer_tui.core.logfile.search import Search


class MergedSearch(Hits):
    """The lines of merged logs that match. The lines of each log keep their order among the
    others', so the next hit is the nearest of the next ones in each log.

    Args:
        merged: Where hits have their positions.
        logs: The files, in the order in which they were merged.
        pattern: What to look for; ``None``: errors.
        notify: Called in another thread when more is known.
        origin: A position of the merged log to begin at.
    """

    def __init__(
        self,
        merged: Merged,
        logs: Sequence[LogFile],
        pattern: Pattern | None,
        *,
        notify: Callable[[], None],
        origin: int | None = None,
    ) -> None:
        self.pattern = pattern
        self._merged = merged
        starts = [None if origin is None else merged.below(origin, n) for n in range(len(logs))]
        self._each = [
            Search(log, pattern, notify=notify, origin=start)
            for log, start in zip(logs, starts, strict=True)
        ]
        self.patience = 1.0

    @property
    def patience(self) -> float:
        """All logs together keep the reader waiting no longer than one would."""
        return self._patience

    @patience.setter
    def patience(self, part: float) -> None:
        self._patience = part
        for search in self._each:
            search.patience = part / len(self._each)

    @property
    def failed(self) -> str | None:  # type: ignore[override]
        """Why one of the searches does not go on."""
        return next((search.failed for search in self._each if search.failed), None)

    @property
    def skipped(self) -> int:  # type: ignore[override]
        """Lines that were given up."""
        return sum(search.skipped for search in self._each)

    @property
    def sure(self) -> bool:  # type: ignore[override]
        """Whether the last question was answered for good, in each log."""
        return all(search.sure for search in self._each)

    @property
    def version(self) -> int:  # type: ignore[override]
        """Another number after each change of what is known."""
        return sum(search.version for search in self._each)

    @property
    def count(self) -> int:
        return sum(search.count for search in self._each) - sum(self._outside())

    @property
    def done(self) -> bool:
        return all(search.done for search in self._each)

    @property
    def settled(self) -> bool:
        return all(search.settled for search in self._each)

    @property
    def searched(self) -> float:
        return sum(search.searched for search in self._each) / max(1, len(self._each))

    def grown(self) -> None:
        for search in self._each:
            search.grown()

    def cancel(self) -> None:
        for search in self._each:
            search.cancel()

    def close(self) -> None:
        for search in self._each:
            search.close()

    # Questions

    def after(self, position: int, *, wrap: bool = True) -> int | None:
        found = min(self._next(position, Search.after), default=None)
        if found is None and wrap and self.sure and self.done:
            found = min(self._next(-1, Search.after), default=None)
        return found if self.sure else None  # one not known yet may be nearer

    def before(self, position: int, *, wrap: bool = True) -> int | None:
        found = max(self._last(position, Search.before), default=None)
        last = self._merged.last()
        if found is None and wrap and self.sure and self.done and last is not None:
            found = max(self._last(last + 1, Search.before), default=None)
        return found if self.sure else None

    def known_after(self, position: int) -> int | None:
        return min(self._next(position, Search.known_after), default=None)

    def known_before(self, position: int) -> int | None:
        return max(self._last(position, Search.known_before), default=None)

    def is_hit(self, position: int) -> bool:
        origin, place = self._merged.origin(position)
        return self._each[origin].is_hit(place)

    def spans(self, position: int) -> Spans:
        origin, place = self._merged.origin(position)
        return self._each[origin].spans(place)

    def rank(self, position: int) -> int | None:
        if not self.is_hit(position):
            return None
        total = 1 - sum(self._outside())
        for origin, search in enumerate(self._each):
            place = self._merged.below(position, origin)
            hit = None if place is None else search.before(place + 1, wrap=False)
            if hit is None or hit < self._merged.start(origin):
                total += self._before(origin)
            elif (rank := search.rank(hit)) is None:
                return None
            else:
                total += rank
        return total

    def nth(self, rank: int) -> int | None:
        return None

    # In each log

    def _before(self, origin: int) -> int:
        """Hits of a log that lie before the part that is merged."""
        return self._each[origin].counted(self._merged.start(origin))

    def _outside(self) -> list[int]:
        return [self._before(origin) for origin in range(len(self._each))]

    def _next(self, position: int, ask: Callable[..., int | None]) -> Iterator[int]:
        """The next hit of each log."""
        for origin, search in enumerate(self._each):
            place = self._merged.below(position + 1, origin)
            start = self._merged.start(origin) - 1  # hits before it are not merged
            hit = _asked(ask, search, start if place is None else max(place, start))
            found = None if hit is None else self._merged.position(origin, hit)
            if found is not None and found > position:
                yield found

    def _last(self, position: int, ask: Callable[..., int | None]) -> Iterator[int]:
        """The last hit of each log."""
        for origin, search in enumerate(self._each):
            place = self._merged.below(position, origin)
            hit = None if place is None else _asked(ask, search, place + 1)
            found = None if hit is None else self._merged.position(origin, hit)
            if found is not None and found < position:
                yield found


def _asked(ask: Callable[..., int | None], search: Search, position: int) -> int | None:
    if ask in (Search.after, Search.before):
        return ask(search, position, wrap=False)
    return ask(search, position)
