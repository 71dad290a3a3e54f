"""Which bytes of a file are there."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """Stretches of whole numbers, in order, that neither touch nor overlap.

    Args:
        held: Pairs of a start and an end that is not part of it.
    """

    def __init__(self, held: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for start, stop in held:
            self.add(start, stop)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts, self._stops, strict=True))

    @property
    def total(self) -> int:
        """How much is held."""
        return sum(self._stops) - sum(self._starts)

    def add(self, start: int, stop: int) -> None:
        """Hold a stretch too."""
        if stop <= start:
            return
        first = bisect_left(self._stops, start)
        last = bisect_right(self._starts, stop)
        if first < last:
            start = min(start, self._starts[first])
            stop = max(stop, self._stops[last - 1])
        self._starts[first:last] = [start]
        self._stops[first:last] = [stop]

    def within(self, start: int, stop: int) -> list[tuple[int, int]]:
        """What is held of a stretch."""
        first = bisect_right(self._stops, start)
        last = bisect_left(self._starts, stop)
        return [
            (max(start, self._starts[i]), min(stop, self._stops[i])) for i in range(first, last)
        ]

    def missing(self, start: int, stop: int) -> list[tuple[int, int]]:
        """What is not held of a stretch."""
        found, at = [], start
        for low, high in self.within(start, stop):
            if low > at:
                found.append((at, low))
            at = high
        if at < stop:
            found.append((at, stop))
        return found
