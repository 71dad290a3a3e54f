"""One search as the searching process does it: blocks in, counts and places out."""

from __future__ import annotations

import os
from array import array

from trainer_tui.core.logfile.bulk import shown, texts
from trainer_tui.core.logfile.chunks import MAX_RAW, OVERLAP, Chunks
from trainer_tui.core.logfile.errorlines import ErrorMatcher
from trainer_tui.core.logfile.matcher import Matcher, numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trainer_tui.core.logfile.matcher import Watch

MAX_LINE = 16_384
"""As in :mod:`trainer_tui.core.logfile.line`."""
_NOTE = b"\x1e"


def matcher_of(text: str | None, flags: int, watch: Watch) -> Matcher:
    """What finds a regular expression, or errors where there is none."""
    return ErrorMatcher(watch) if text is None else Matcher(text, flags, watch)


class FileJob:
    """A search in a file.

    Args:
        matcher: What to look for.
        path: The file.
        identity: Its device and inode; another file is not searched.
        block: Bytes for which hits are counted.

    Raises:
        OSError: It cannot be opened, or is another one.
    """

    def __init__(self, matcher: Matcher, path: str, identity: tuple[int, int], block: int) -> None:
        self.matcher = matcher
        self.block = block
        self.closed = False
        self._notes = False
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise OSError("the log was deleted; what is seen can be saved, not searched") from None
        self._chunks = Chunks(fd)
        stat = os.fstat(fd)
        if (stat.st_dev, stat.st_ino) != identity:
            os.close(fd)
            raise OSError("the file was replaced")

    def close(self) -> None:
        """Let the file go."""
        if not self.closed:
            self.closed = True
            os.close(self._chunks.fd)

    def view(self, size: int, gaps: list[tuple[int, int]], notes: bool) -> None:
        """The file is this long now."""
        self._chunks.size, self._chunks.gaps, self._notes = size, gaps, notes

    def count(self, first: int, stop: int) -> array[int]:
        """How many lines match of those that begin in each block.

        Raises:
            Hopeless: The expression takes too long.
        """
        block = self.block
        counts = array("I", bytes(4 * (stop - first)))
        skip = self.matcher.rules_out
        for position, data, end in self._chunks.lines(first * block, stop * block, skip):
            if data is None:
                counts[position // block - first] += self._long_matches(position, end)
            else:
                for at, part in _by_block(position, data, block):
                    places = self.matcher.lines(self._texts(part), self._before(at))
                    counts[at // block - first] += len(places)
        return counts

    def hits(self, block: int) -> array[int]:
        """Where the matching lines of a block begin, counted from the block's beginning."""
        found = array("I")
        base = block * self.block
        skip = self.matcher.rules_out
        for position, data, end in self._chunks.lines(base, base + self.block, skip):
            if data is None:
                if self._long_matches(position, end):
                    found.append(position - base)
                continue
            text = self._texts(data)
            places = self.matcher.lines(text, self._before(position))
            if places:
                starts = array("I", [position - base])
                at = data.find(b"\n") + 1
                while at:
                    starts.append(position - base + at)
                    at = data.find(b"\n", at) + 1
                found.extend(starts[number] for number in numbers(text, places))
        return found

    def spans(self, positions: Iterable[int]) -> list[tuple[int, int]]:
        """Where the expression matches in the lines at some positions; a list for each, one after
        the other, each begun by its length and its position."""
        found: list[tuple[int, int]] = []
        for position in positions:
            spans = self.matcher.spans(self._shown(position), MAX_LINE)
            found.append((len(spans), position))
            found += spans
        return found

    # -- lines --------------------------------------------------------------------------------

    def _texts(self, data: bytes) -> str:
        if self._notes and _NOTE in data:
            data = b"\n".join(map(self._without_mark, data.split(b"\n")))
        return texts(data)

    def _without_mark(self, line: bytes) -> bytes:
        """A line that may be a note of ours, which is never an error."""
        if not line.startswith(_NOTE):
            return line
        return b"" if isinstance(self.matcher, ErrorMatcher) else line[1:]

    def _before(self, position: int) -> Iterator[str]:
        for line in self._chunks.before(position):
            yield shown(self._without_mark(line) if self._notes else line)

    def _shown(self, position: int) -> str:
        chunks = self._chunks
        stop = chunks.stop(position)
        if stop - position <= MAX_RAW:
            line = chunks.read(position, stop)
            return shown(self._without_mark(line) if self._notes else line)
        from trainer_tui.core.logfile.line import resolve_long

        head = chunks.read(position, position + MAX_RAW)
        return resolve_long(head, chunks.read(stop - MAX_RAW, stop), stop - position).text

    def _long_matches(self, position: int, stop: int) -> bool:
        """Whether a line matches that is not read whole: its last state, else any piece of it."""
        chunks, matches = self._chunks, self.matcher.matches
        tail = chunks.read(max(position, stop - MAX_RAW), stop).rstrip(b"\r")
        cut = tail.find(b"\r")
        if cut >= 0 and (text := shown(tail[cut + 1 :])):
            return matches(text)
        at = position
        while at < stop:
            piece = chunks.read(at, min(stop, at + MAX_RAW))
            if not self.matcher.rules_out(piece) and matches(shown(piece)):
                return True
            at += MAX_RAW - OVERLAP
        return False


def _by_block(position: int, data: bytes, block: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines, parted by the block in which they begin."""
    start = 0
    while start < len(data):
        edge = ((position + start) // block + 1) * block - position
        stop = data.find(b"\n", edge - 1) + 1 if edge < len(data) else 0
        yield position + start, data[start : stop or None]
        start = stop or len(data)


class ListJob:
    """A search in lines that are sent over, in order."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.closed = False
        self._last: list[str] = []

    def close(self) -> None:
        """Nothing more will be asked."""
        self.closed = True

    def find(self, again: bool, lines: list[str]) -> array[int]:
        """Which of the next lines match, from 0; the first may be the last of before ``again``."""
        if again:
            del self._last[-1:]
        text = "".join([line.replace("\n", " ") + "\n" for line in lines])
        places = self.matcher.lines(text, reversed(self._last))
        self._last = (self._last + lines)[-200:]
        return array("I", numbers(text, places))

    def spans(self, lines: Iterable[str]) -> list[tuple[int, int]]:
        """As for a file; instead of a position the line's number among those asked for."""
        found: list[tuple[int, int]] = []
        for number, line in enumerate(lines):
            spans = self.matcher.spans(line, MAX_LINE)
            found.append((len(spans), number))
            found += spans
        return found
