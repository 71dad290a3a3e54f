"""A file as lines: what is looked at is read, nothing else.

A line's place is found by looking for the newlines around it, so the end of a log shows as quickly
as its beginning. Only line numbers need all of it: :meth:`LogFile.start_index` counts newlines in
a thread. Reads are ``pread``, never a mapping: a file that shrinks under us reads short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from trainer_tui.core.logfile.finder import Finder
from trainer_tui.core.logfile.index import FEW, BlockIndex, Indexer
from trainer_tui.core.logfile.kept import KeptLines
from trainer_tui.core.logfile.line import (
    MAX_RAW,
    resolve,
    resolve_long,
)
from trainer_tui.core.logfile.lines import Line, Lines, Sgr
from trainer_tui.core.logfile.lookback import LookBack
from trainer_tui.core.logfile.rawfile import WINDOW, RawFile, as_it_is_now
from trainer_tui.core.logfile.source import NOTE, Gap, LogSource


@dataclass(frozen=True, slots=True)
class Change:
    """What an update did."""

    grown: bool = False
    """There is more at the end."""
    reset: bool = False
    """It is another log: every position is void."""
    first_changed: int | None = None
    """The first line that is new or differs; ``None``: all lines are as they were."""
    stop: int | None = None
    """One past the last byte that is new or differs: the end, or where a gap was filled up to."""

    def __bool__(self) -> bool:
        return self.grown or self.reset or self.first_changed is not None


class LogFile(Lines):
    """The lines of one file. One thread at a time may ask; the index counts in its own.

    Args:
        source: Which file, and how much of it.
    """

    _source: LogSource
    _file: RawFile
    _index: BlockIndex
    _finder: Finder
    _last: int | None
    _numbered: tuple[int, int] | None
    _back: LookBack

    def __init__(self, source: LogSource) -> None:
        self._indexer: Indexer | None = None
        self._notify: Callable[[], None] | None = None
        self._wanted = False
        self._begin(source)

    @classmethod
    def open(cls, path: Path) -> LogFile:
        """A file as it is now. A file that is not there yet is an empty log."""
        return cls(as_it_is_now(LogSource(path, 0)))

    # -- what it is ---------------------------------------------------------------------------

    @property
    def source(self) -> LogSource:
        """The file, as of the last update."""
        return self._source

    @property
    def size(self) -> int:
        """Bytes of the log, gaps included."""
        return self._source.size

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What is missing."""
        return self._source.gaps

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode of the file that is read."""
        return self._file.identity

    @property
    def way(self) -> str:
        """What leads another process to the file that is read, also when it was deleted."""
        return self._file.way(self._source.path)

    @property
    def indexed(self) -> float:
        """How much of it has line numbers, 0 to 1."""
        return self._index.part

    @property
    def few(self) -> bool:
        """Whether its lines are counted in a moment, or are already."""
        return self._index.waiting() <= FEW

    def update(self, source: LogSource | None = None) -> Change:
        """Take what is new; without a source, what the file is now.

        That the file was cut, replaced or written anew is noticed by its inode, its size and the
        bytes at its beginning and at the end that was known.
        """
        old = self._source
        new = as_it_is_now(old) if source is None else source
        another = (new.path, new.generation) != (old.path, old.generation)
        if another or new.size < old.size or self._file.is_another(new):
            return self._reset(new)
        self._source, self.complete = new, new.complete
        if new.gaps != old.gaps:
            return self._refilled(old, new)
        if new.size > old.size:
            return self._grown(old, new)
        if new.complete != old.complete and old.size:
            self._lines.clear()
            return Change(first_changed=self.last(), stop=new.size)
        return Change()

    def start_index(self, notify: Callable[[], None] | None = None) -> None:
        """Count the newlines, from now on, in a thread.

        Args:
            notify: Called in that thread, at most ten times a second and when all is counted.
        """
        self._notify, self._wanted = notify, True
        self._count()

    def close(self) -> None:
        """Stop counting and let the file go; nothing can be read afterwards."""
        self._wanted = False
        self._stop_counting()
        self._file.close()

    # -- bytes --------------------------------------------------------------------------------

    def read(self, start: int, stop: int) -> bytes:
        """Bytes of the file; fewer when it shrank. Those of a gap mean nothing."""
        return self._file.read(max(0, start), min(stop, self.size))

    def raw(self, position: int) -> bytes:
        """A line's bytes without the newline, at most the first :data:`MAX_RAW`."""
        data = self.read(position, min(self.stop(position), position + MAX_RAW + 1))
        return data.removesuffix(b"\n")[:MAX_RAW]

    # -- lines --------------------------------------------------------------------------------

    def first(self) -> int | None:
        return 0 if self.size else None

    def last(self) -> int | None:
        if self._last is None and self.size:
            self._last = self._finder.start(self.size - 1)
        return self._last

    def after(self, position: int) -> int | None:
        if position < 0:
            return self.first()
        if position >= self.size:
            return None
        stop = self._finder.stop(position)
        return stop if stop < self.size else None

    def before(self, position: int) -> int | None:
        return self.at(position - 1) if position > 0 else None

    def at(self, position: int) -> int | None:
        if not self.size:
            return None
        return self._finder.start(min(max(0, position), self.size - 1))

    def stop(self, position: int) -> int:
        """One past the last byte of the line that has a position, its newline included."""
        return self._finder.stop(position)

    def line(self, position: int) -> Line:
        line = self._lines.get(position)
        if line is None:
            gap = self._finder.gap(position)
            line = self._resolve(position) if gap is None else self._tell(gap)
            self._lines.keep(line)
        return line

    def text(self, start: int, stop: int) -> str:
        """The text of the lines that begin at ``start`` or after it and before ``stop``."""
        return "".join(self.texts(start, stop))

    def texts(self, start: int, stop: int) -> Iterator[str]:
        """The same, one line with its newline at a time."""
        position = self.after(start - 1)
        while position is not None and position < stop:
            yield f"{self.line(position).text}\n"
            position = self.after(position)

    # -- places and numbers -------------------------------------------------------------------

    def part(self, position: int) -> float:
        return min(1.0, max(0, position) / self.size) if self.size else 0.0

    def near(self, part: float) -> int | None:
        return self.at(int(min(1.0, max(0.0, part)) * self.size))

    def number(self, position: int) -> int | None:
        number: int | None
        known = self._numbered
        if known is not None and 0 <= position - known[0] <= WINDOW and not self.gaps:
            number = known[1] + self._bytes(known[0], position).count(b"\n")
        else:
            number = self._index.number(position, self._file.read)
        self._numbered = None if number is None else (position, number)
        return number

    def numbered(self, number: int) -> int | None:
        if number <= 0:
            return self.first()
        count = self.count()
        if count is not None and number >= count:
            return self.last()
        return self._index.numbered(number, self._file.read)

    def count(self) -> int | None:
        total = self._index.total()
        if total is None or not self.size or self._finder.gap(self.size - 1) is not None:
            return total
        return total + (self._bytes(self.size - 1, self.size) != b"\n")

    # -- resolving ----------------------------------------------------------------------------

    def _tell(self, gap: Gap) -> Line:
        stop = min(gap.stop, self.size)
        text = f"{stop - gap.start:,} bytes are missing here: {gap.why}"
        return Line(gap.start, text, kind="gap", stop=stop)

    def _resolve(self, position: int) -> Line:
        stop = self._finder.stop(position)
        ended = self._bytes(stop - 1, stop) == b"\n"
        size = stop - position - ended
        if size > MAX_RAW:
            head = self.read(position, position + MAX_RAW)
            tail = self.read(stop - ended - MAX_RAW, stop - ended)
            found = resolve_long(head, tail, size, self._look(position))
        else:
            data = self._bytes(position, position + size)
            if self._source.notes and data.startswith(NOTE):
                return Line(position, resolve(data[1:]).text, kind="note", stop=stop)
            found = resolve(data, self._look(position))
        unfinished = stop == self.size and not ended and not self.complete
        return Line(position, found.text, found.spans, "text", stop, found.more, unfinished)

    def _look(self, position: int) -> Sgr:
        """What the lines before left on."""
        return self._back.at(position, self._finder.floor(position))

    def _bytes(self, start: int, stop: int) -> bytes:
        """A few bytes, read together with those around them."""
        if 0 < stop - start <= WINDOW // 2:
            low, data = self._file.around((start + stop) // 2, self.size)
            if low <= start and stop <= low + len(data):
                return data[start - low : stop - low]
        return self.read(start, stop)

    # -- changes ------------------------------------------------------------------------------

    def _begin(self, source: LogSource) -> None:
        self._file = RawFile.of(source)
        if not self._file.there:
            source = replace(source, size=0, gaps=())
        self._source, self.complete = source, source.complete
        self._index = BlockIndex()
        self._index.resize(source.size, source.gaps, None)
        self._finder = Finder(self._file, self._index, source.size, source.gaps)
        self._lines = KeptLines()
        self._last = self._numbered = None
        self._back = LookBack(self._bytes, notes=source.notes)
        self._file.mark(source)

    def _reset(self, new: LogSource) -> Change:
        had = self.size
        self._stop_counting()
        self._file.close()
        self._begin(new)
        self._count()
        return Change(self.size > had, True, self.first(), self.size)

    def _grown(self, old: LogSource, new: LogSource) -> Change:
        self._lines.drop_open()
        return self._changed(old.size, new.size, grown=True)

    def _refilled(self, old: LogSource, new: LogSource) -> Change:
        moved = set(old.gaps) ^ set(new.gaps)
        start = min(old.size, *(gap.start for gap in moved))
        stop = max(gap.stop for gap in moved)
        self._lines.clear()
        self._file.forget()
        self._back.forget()
        grown = new.size > old.size
        return self._changed(start, new.size if grown else min(stop, new.size), grown=grown)

    def _changed(self, start: int, stop: int, *, grown: bool) -> Change:
        """The bytes from ``start`` to ``stop`` are new."""
        new = self._source
        self._last = self._numbered = None
        self._finder.resize(new.size, new.gaps)
        self._index.resize(new.size, new.gaps, (max(0, start - 1), stop))
        self._file.mark(new)
        self._count()
        return Change(grown, False, self.at(start), stop)

    def _count(self) -> None:
        """Have new blocks counted: few of them here, many in a thread."""
        if not self._wanted or not self._index.waiting():
            return
        if self._indexer is not None and self._indexer.goes_on():
            return
        if self.few:
            while self._index.waiting():
                self._index.count_next(self._file.read)
            return
        self._indexer = Indexer(self._index, self._file.twin(), self._notify)
        self._indexer.start()

    def _stop_counting(self) -> None:
        if self._indexer is not None:
            self._indexer.cancel()
            self._indexer.join()
            self._indexer = None
