"""The least and the greatest of any stretch of many numbers, at a cost that hardly grows."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import NamedTuple

BLOCK = 64
"""Numbers that one entry of the next level stands for."""
NAN, ABOVE, BELOW = 1, 2, 4
"""Bits: a stretch holds not-a-number, plus infinity, minus infinity."""


class Fold(NamedTuple):
    """A stretch of numbers: least and greatest finite one, and which others it holds."""

    low: float
    """Plus infinity when none is finite."""
    high: float
    """Minus infinity when none is finite."""
    odd: int


NOTHING = Fold(math.inf, -math.inf, 0)


def fold(values: array[float]) -> Fold:
    """Fold a short stretch by looking at each number."""
    if not values:
        return NOTHING
    total = sum(values)
    if total - total == 0.0:  # only a sum of finite numbers is finite
        return Fold(min(values), max(values), 0)
    finite = [value for value in values if value - value == 0.0]
    odd = 0
    for value in values:
        if value - value != 0.0:
            odd |= NAN if value != value else ABOVE if value > 0 else BELOW
    return Fold(min(finite, default=math.inf), max(finite, default=-math.inf), odd)


class _Level:
    """Folds of whole blocks of what lies below."""

    __slots__ = ("high", "low", "odd")

    def __init__(self) -> None:
        self.low = array("d")
        self.high = array("d")
        self.odd = bytearray()

    def of(self, start: int, stop: int) -> Fold:
        """Fold entries ``start`` … ``stop - 1``."""
        if start >= stop:
            return NOTHING
        odd = self.odd[start:stop]
        return Fold(
            min(self.low[start:stop]),
            max(self.high[start:stop]),
            _together(odd) if any(odd) else 0,
        )

    def cut(self, length: int) -> None:
        """Forget all entries from there on."""
        del self.low[length:], self.high[length:], self.odd[length:]

    def put(self, at: int, entry: Fold) -> None:
        """Set an entry, or append it."""
        if at == len(self.low):
            self.low.append(entry.low)
            self.high.append(entry.high)
            self.odd.append(entry.odd)
        else:
            self.low[at], self.high[at], self.odd[at] = entry


class Pyramid:
    """Folds of an array that somebody else appends to, brought up to date when asked.

    The owner tells of every change other than appending: :meth:`replaced` and :meth:`cut`.
    """

    def __init__(self, values: array[float]) -> None:
        self._values = values
        self._levels: list[_Level] = [_Level()]
        self._dirty: set[int] = set()

    def replaced(self, at: int) -> None:
        """The value there is another one."""
        self._dirty.add(at // BLOCK)

    def cut(self, at: int) -> None:
        """All values from there on are others, or moved."""
        for level in self._levels:
            at //= BLOCK
            level.cut(at)

    def update(self) -> None:
        """Take in what was appended and replaced since."""
        bottom = self._levels[0]
        values = self._values
        dirty = {block for block in self._dirty if block < len(bottom.low)}
        self._dirty.clear()
        for block in dirty:
            bottom.put(block, fold(values[block * BLOCK : (block + 1) * BLOCK]))
        for block in range(len(bottom.low), len(values) // BLOCK):
            bottom.put(block, fold(values[block * BLOCK : (block + 1) * BLOCK]))
        depth = 0
        while len(self._levels[depth].low) >= BLOCK:
            below = self._levels[depth]
            depth += 1
            if depth == len(self._levels):
                self._levels.append(_Level())
            level = self._levels[depth]
            dirty = {block // BLOCK for block in dirty if block // BLOCK < len(level.low)}
            for block in (*dirty, *range(len(level.low), len(below.low) // BLOCK)):
                level.put(block, below.of(block * BLOCK, (block + 1) * BLOCK))

    def of(self, start: int, stop: int) -> Fold:
        """Fold values ``start`` … ``stop - 1``. After :meth:`update`."""
        first, end = -(-start // BLOCK), stop // BLOCK
        if end - first < 1:
            return fold(self._values[start:stop])
        parts = [
            fold(self._values[start : first * BLOCK]),
            fold(self._values[end * BLOCK : stop]),
        ]
        for level in self._levels[:-1]:
            above, top = -(-first // BLOCK), end // BLOCK
            if top - above < 1:
                parts.append(level.of(first, end))
                break
            parts += level.of(first, above * BLOCK), level.of(top * BLOCK, end)
            first, end = above, top
        else:
            parts.append(self._levels[-1].of(first, end))
        return Fold(
            min([part.low for part in parts]),
            max([part.high for part in parts]),
            _together(part.odd for part in parts),
        )

    def first_finite(self, start: int, stop: int) -> int | None:
        """Index of the first finite value of a stretch. After :meth:`update`."""
        values, low = self._values, self._levels[0].low
        at = start
        while at < stop:
            if at % BLOCK == 0 and at // BLOCK < len(low) and low[at // BLOCK] == math.inf:
                at += BLOCK
                continue
            value = values[at]
            if value - value == 0.0:
                return at
            at += 1
        return None

    def last_finite(self, start: int, stop: int) -> int | None:
        """Index of the last finite value of a stretch. After :meth:`update`."""
        values, low = self._values, self._levels[0].low
        at = stop
        while at > start:
            if at % BLOCK == 0 and at // BLOCK <= len(low) and low[at // BLOCK - 1] == math.inf:
                at -= BLOCK
                continue
            at -= 1
            value = values[at]
            if value - value == 0.0:
                return at
        return None

    def first(self, value: float, *, greatest: bool) -> int:
        """Where the least (or greatest) finite value of all stands first. After :meth:`update`."""
        start, found = 0, False
        for level in reversed(self._levels):
            folds = level.high if greatest else level.low
            part = folds[start : start + BLOCK] if found else folds[start:]
            if value in part:
                start, found = start + part.index(value), True
            else:
                start = len(folds)  # it stands in what this level does not cover yet
            start *= BLOCK
        return self._values.index(value, start)


def _together(bits: Iterable[int]) -> int:
    """The bits that any of them has."""
    all_of = 0
    for one in set(bits):
        all_of |= one
    return all_of
