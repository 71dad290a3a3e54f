"""Which blocks of a log were searched, which are to be searched next, and what was found."""

from __future__ import annotations

from array import array

from trainer_tui.core.logfile.tally import Tally

_PIECE = 0.08  # seconds of one piece of work
_SMALLEST = 4
_LARGEST = 256
_FEW = 16  # blocks that may be new without the search counting as unfinished


class Blocks:
    """Seven bytes a block, whatever was found.

    A block of which something is known and that is to be looked at again, because a log grows,
    counts as looked at meanwhile.

    Args:
        origin: The block to begin at.
    """

    def __init__(self, origin: int) -> None:
        self.tally = Tally()
        self._origin = origin
        self._new = bytearray()
        """1: never looked at."""
        self._waiting = bytearray()
        """1: to be given out."""
        self._owed = bytearray()
        """1: not looked at since it changed last, whether it was given out or not."""
        self._want: tuple[int, int] | None = None
        self._passed = False
        self._pace = 0.0
        self._begun = False

    def __len__(self) -> int:
        return len(self._new)

    # -- how far it is ------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether all were looked at, but for a few that are new."""
        left = self._new.count(1)
        return not left or (self._passed and left <= _FEW)

    @property
    def settled(self) -> bool:
        """Whether all were looked at as they are now."""
        return not self._owed.count(1)

    @property
    def part(self) -> float:
        """How much was looked at, 0 to 1."""
        return 1.0 - self._new.count(1) / len(self._new) if self._new else 1.0

    @property
    def waiting(self) -> int:
        """How many are to be given out."""
        return self._waiting.count(1)

    def is_new(self, block: int) -> bool:
        """Whether nothing is known of a block."""
        return bool(self._new[block])

    def first_new(self, low: int, high: int) -> int | None:
        """The first in a range of which nothing is known."""
        found = self._new.find(1, low, high)
        return None if found < 0 else found

    def last_new(self, low: int, high: int) -> int | None:
        """The last in a range of which nothing is known."""
        found = self._new.rfind(1, low, high)
        return None if found < 0 else found

    # -- changes ------------------------------------------------------------------------------

    def resize(self, count: int) -> None:
        """There are so many blocks now, not fewer than before."""
        if not count and not self._new:
            self._passed = True
        self.tally.resize(count)
        more = b"\1" * (count - len(self._new))
        for marks in (self._new, self._waiting, self._owed):
            marks.extend(more)

    def forget(self, first: int, stop: int) -> None:
        """These are others now."""
        for block in range(first, stop):
            self.tally.set(block, 0)
        for marks in (self._new, self._waiting, self._owed):
            marks[first:stop] = b"\1" * (stop - first)

    def grow(self, first: int) -> None:
        """There is more from a block on; what is known of it holds until it was looked at."""
        for marks in (self._waiting, self._owed):
            marks[first:] = b"\1" * (len(marks) - first)

    def stop(self) -> None:
        """No more are to be looked at."""
        self._waiting[:] = self._owed[:] = bytes(len(self._new))

    # -- work ---------------------------------------------------------------------------------

    def want(self, block: int, way: int) -> None:
        """Look at a block next, and then on from it: down (1) or up (-1)."""
        self._want = block, way

    def give(self) -> tuple[int, int, bool] | None:
        """What to look at next: the first block, one past the last, and whether it is the first
        piece of all, for which somebody waits."""
        waiting = self._waiting
        if self._want is not None and not self._new[self._want[0]]:
            self._want = None
        block, way = self._want or (self._origin, 1)
        found = waiting.rfind(1, 0, block + 1) if way < 0 else waiting.find(1, block)
        if found < 0:
            self._want, way = None, 1
            found = waiting.find(1, self._origin)
            found = waiting.find(1) if found < 0 else found
            if found < 0:
                return None
        most = min(_LARGEST, max(_SMALLEST, int(self._pace * _PIECE))) if self._begun else 1
        if way < 0:
            first, stop = max(waiting.rfind(0, 0, found) + 1, found - most + 1), found + 1
        else:
            first, stop = found, waiting.find(0, found, found + most)
            stop = min(len(waiting), found + most) if stop < 0 else stop
        waiting[first:stop] = bytes(stop - first)
        eager, self._begun = not self._begun, True
        return first, stop, eager

    def take(self, first: int, counts: array[int], seconds: float) -> bool:
        """Blocks were looked at; whether that was the end of a log that was searched before."""
        stop = first + len(counts)
        for block, count in enumerate(counts, first):
            self.tally.set(block, count)
        self._new[first:stop] = self._owed[first:stop] = bytes(len(counts))
        pace = len(counts) / max(seconds, 1e-6)
        self._pace = (self._pace + pace) / 2 if self._pace else pace
        again = self._passed and stop == len(self._new)
        self._passed = self._passed or not self._new.count(1)
        return again

    def give_back(self, first: int, stop: int) -> None:
        """These were given out, but not looked at."""
        stop = min(stop, len(self._waiting))
        self._waiting[first:stop] = b"\1" * (stop - first)
