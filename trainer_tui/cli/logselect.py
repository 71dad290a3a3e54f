"""Which lines of a log are printed: those of a time, those that match, the last so many."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trainer_tui.cli.logfeed import Feed
from trainer_tui.cli.logprint import Printer, Source
from trainer_tui.core.logfile.lines import Line
from trainer_tui.core.logfile.merge import in_order
from trainer_tui.core.logfile.pattern import Pattern
from trainer_tui.core.logfile.search import Search
from trainer_tui.core.logfile.times import find_time
from trainer_tui.errors import StateError, TrainerError

_BREATH = 200
"""Lines between two looks at whether somebody pressed ctrl-C."""
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    since: datetime | None = None
    until: datetime | None = None
    """The last moment that is wanted."""
    pattern: Pattern | None = None
    context: int = 0
    """Lines before and after each that matches."""
    tail: int | None = None

    @property
    def whole(self) -> bool:
        """Whether all of a log must be there before the first line is known."""
        return self.since is not None or self.until is not None or self.pattern is not None


class Cursor:
    """Goes through the wanted lines of one log.

    Args:
        feed: The log.
        wanted: Which lines.
        source: What the printer knows of it.
    """

    def __init__(self, feed: Feed, wanted: Wanted, source: Source) -> None:
        self.feed, self.file, self.source = feed, feed.file, source
        self._wanted = wanted
        self._search: Search | None = None
        self._known = threading.Event()
        self._shown = -1
        """The last line that was given, with context."""
        self._below = 0
        """Lines of context that are still wanted."""
        self.position = 0
        """Where to go on."""
        self.stop: int | None = None
        """Where ``--until`` ends; ``None``: at the end."""

    def begin(self) -> None:
        """Find the first line and the last. Raises StateError when the log tells no times."""
        wanted, said = self._wanted, self.feed.times.said
        if (wanted.since or wanted.until) and self.file.size:
            if find_time(self.file, _BEGINNING, said) is None:
                raise StateError(
                    f"the lines of {self.feed.job.ref} do not say when they were written",
                    hint="Without --since and --until it can be read: --tail N, --grep REGEX.",
                    code="NO_TIMES",
                )
            if wanted.since is not None:
                found = find_time(self.file, wanted.since, said)
                self.position = self.file.size if found is None else found
            if wanted.until is not None:
                self.stop = find_time(self.file, wanted.until + timedelta(microseconds=1), said)
        if wanted.pattern is not None:
            self._search = Search(
                self.file, wanted.pattern, notify=self._known.set, origin=self.position
            )
        elif wanted.tail is not None:
            self._to_last(wanted.tail)

    def _to_last(self, count: int) -> None:
        """Go to the last lines; no farther up than to where it stands, nor over a gap."""
        here: int | None = self.file.size if self.stop is None else self.stop
        first = here
        for _ in range(count):
            here = self.file.before(here) if here is not None else None
            if here is None or here < self.position or self.file.line(here).kind == "gap":
                break
            first = here
        self.position = first or 0

    def close(self) -> None:
        """Search no more."""
        if self._search is not None:
            self._search.close()

    def anew(self) -> None:
        """The log is another one: from its beginning."""
        self.position, self._shown, self._below = 0, -1, 0
        self.grown()

    def grown(self) -> None:
        """The file went on."""
        if self._search is not None:
            self._search.grown()

    def end(self, *, all: bool) -> int:
        """One past the last byte that may be printed: without the unfinished line, or with it."""
        if self.stop is not None:
            return self.stop
        last = None if all else self.file.last()
        if last is not None and self.file.line(last).open:
            return last
        return self.file.size

    @property
    def bulk(self) -> bool:
        """Whether every line from here to the end is wanted."""
        return self._search is None

    def lines(self, stop: int) -> Iterator[Line | None]:
        """The wanted lines before ``stop``, each once; ``None``: the next is not known yet."""
        if self._search is None:
            here = self.file.after(self.position - 1)
            while here is not None and here < stop:
                line = self.file.line(here)
                self.position = max(here + 1, line.stop)
                yield line
                here = self.file.after(here)
            return
        for hit in self._hits(self._search, stop):
            if hit is None:
                yield None
            else:
                yield from self._around(hit)
        yield from self._context_below(stop)
        self.position = max(self.position, stop)

    def surely(self, stop: int) -> Iterator[Line]:
        """The same, waiting for what is not known yet."""
        for line in self.lines(stop):
            if line is None:
                self.wait()
            else:
                yield line

    def wait(self) -> None:
        """Wait until more is known, but not for long."""
        self._known.wait(0.05)
        self._known.clear()

    @property
    def settled(self) -> bool:
        """Whether all of the log was looked at."""
        return self._search is None or self._search.settled or bool(self._search.failed)

    def _hits(self, search: Search, stop: int) -> Iterator[int | None]:
        at = self.position - 1
        while True:
            sure = search.settled
            hit = search.after(at, wrap=False)
            if search.failed:
                raise TrainerError(search.failed, title="The search failed")
            if hit is not None and hit < stop:
                at, self.position = hit, hit + 1
                yield hit
            elif hit is not None or (sure and self._none_below(search, at)):
                return
            else:
                yield None

    def _none_below(self, search: Search, position: int) -> bool:
        """Whether it is certain that no hit is below."""
        if not search.count:
            return True
        last = search.before(self.file.size + 1, wrap=False)
        return last is not None and last <= position

    # Context

    def _around(self, hit: int) -> Iterator[Line]:
        """A hit with the lines above it, and before them those below the last one."""
        context = self._wanted.context
        yield from self._context_below(hit)
        first = hit
        for _ in range(context):
            above = self.file.before(first)
            if above is None or above <= self._shown:
                break
            first = above
        if context and self._shown >= 0 and self.file.after(self._shown) != first:
            yield Line(first, "--", kind="note")
        here: int | None = first
        while here is not None and here <= hit:
            self._shown = here
            yield self.file.line(here)
            here = self.file.after(here)
        self._below = context

    def _context_below(self, stop: int) -> Iterator[Line]:
        while self._below and self._shown >= 0:
            here = self.file.after(self._shown)
            if here is None or here >= stop:
                return
            self._shown, self._below = here, self._below - 1
            yield self.file.line(here)


async def print_lines(
    cursors: Sequence[Cursor], out: Printer, *, all: bool, tail: int | None = None
) -> None:
    """Print the wanted lines that are there, several logs by time.

    Args:
        all: Unfinished lines too.
        tail: Only the last so many of them.
    """
    stops = [cursor.end(all=all) for cursor in cursors]
    if len(cursors) == 1 and tail is None:
        await _print_one(cursors[0], stops[0], out)
        return
    for cursor in cursors:
        while not cursor.settled:
            await asyncio.to_thread(cursor.wait)
    lines = in_order(
        [cursor.feed.times for cursor in cursors],
        [cursor.surely(stop) for cursor, stop in zip(cursors, stops, strict=True)],
    )
    kept: deque[Line] = deque(maxlen=tail)
    for number, line in enumerate(lines):
        if tail is not None:
            kept.append(line)
        else:
            out.line(cursors[line.origin].source, line)
        if number % _BREATH == 0:
            await asyncio.sleep(0)
    for line in kept:
        out.line(cursors[line.origin].source, line)


async def _print_one(cursor: Cursor, stop: int, out: Printer) -> None:
    if cursor.bulk and out.bulk(cursor.source):
        while cursor.position < stop:
            cursor.position = out.stretch(cursor.source, cursor.position, stop)
            await asyncio.sleep(0)
        return
    for number, line in enumerate(cursor.lines(stop)):
        if line is None:
            out.flush()
            await asyncio.to_thread(cursor.wait)
        else:
            out.line(cursor.source, line)
        if number % _BREATH == 0:
            await asyncio.sleep(0)
