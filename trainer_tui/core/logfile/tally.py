"""How many hits there are in each block of a log, and where the next ones are."""

from __future__ import annotations

from array import array

_GROUP = 256


class Tally:
    """Counts by block, with sums by group of blocks: nothing here looks at every block.

    Four bytes a block.
    """

    def __init__(self) -> None:
        self.total = 0
        self._counts = array("I")
        self._groups: list[int] = []

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, block: int) -> int:
        return self._counts[block] if 0 <= block < len(self._counts) else 0

    def resize(self, blocks: int) -> None:
        """There are so many blocks now."""
        for block in range(blocks, len(self._counts)):
            self.set(block, 0)
        if blocks < len(self._counts):
            del self._counts[blocks:]
        self._counts.extend(bytes(blocks - len(self._counts)))
        groups = -(-blocks // _GROUP)
        del self._groups[groups:]
        self._groups.extend([0] * (groups - len(self._groups)))

    def set(self, block: int, count: int) -> None:
        """So many hits are in a block."""
        more = count - self._counts[block]
        if more:
            self._counts[block] = count
            self._groups[block // _GROUP] += more
            self.total += more

    def before(self, block: int) -> int:
        """How many hits are in the blocks before one."""
        group = block // _GROUP
        return sum(self._groups[:group]) + sum(self._counts[group * _GROUP : block])

    def next(self, block: int) -> int | None:
        """The first block at or after one that has hits."""
        counts, end = self._counts, len(self._counts)
        block = max(block, 0)
        while block < end:
            stop = min(end, (block // _GROUP + 1) * _GROUP)
            if self._groups[block // _GROUP]:
                for found in range(block, stop):
                    if counts[found]:
                        return found
            block = stop
        return None

    def previous(self, block: int) -> int | None:
        """The last block at or before one that has hits."""
        counts = self._counts
        block = min(block, len(counts) - 1)
        while block >= 0:
            start = block // _GROUP * _GROUP
            if self._groups[block // _GROUP]:
                for found in range(block, start - 1, -1):
                    if counts[found]:
                        return found
            block = start - 1
        return None

    def find(self, rank: int) -> tuple[int, int] | None:
        """The block of the hit of some rank, from 0, and its rank in that block."""
        if not 0 <= rank < self.total:
            return None
        group = 0
        while rank >= self._groups[group]:
            rank -= self._groups[group]
            group += 1
        block = group * _GROUP
        while rank >= self._counts[block]:
            rank -= self._counts[block]
            block += 1
        return block, rank
