"""The metrics in a job's log, read once and kept: where it was read to is in the store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from trainer_tui.config import MetricsSettings
from trainer_tui.core.clock import Clock
from trainer_tui.core.logmetrics import VERSION, Reader
from trainer_tui.core.ownpatterns import own_patterns
from trainer_tui.core.store import Store
from trainer_tui.model import Capability, JobRef, LogChunk, Metric
from trainer_tui.providers.base import Provider
from trainer_tui.providers.capabilities import HasLogFile, HasLogs

if TYPE_CHECKING:
    from trainer_tui.core.logfile.spool import Spool

PIECE = 1 << 20
"""Bytes that are asked for at once."""
MOST = 256 << 20
"""So much of a log is read, counted from its end when it is first read."""
MOST_BESIDE = 32 << 20
"""The same of a log that must be fetched, where the service has metrics of its own."""
_AT_ONCE = 64 << 10
"""Bytes that are looked through before other work on the loop has its turn."""
_WRITTEN = 2_000
"""Points that are written to the store at once."""
_SAVE = 8 << 20
"""Bytes after which it is kept where the log was read to, although nothing was found."""
_TAIL = 64
"""Bytes before that place which must be the same when it is read on."""

Ask = Callable[[int, int], Awaitable[LogChunk]]
"""Offset (negative: from the end) and bytes at most → a piece."""


class LogPoints:
    """Reads one job's log for its metrics.

    Args:
        store: Keeps the points, and where the log was read to.
        ref: The job.
        settings: The user's own patterns.
        ask: Gives pieces of the log.
        clock: For the time of points that are read as they are written.
        most: Bytes of a log that are read at most.
        began: When the job did, which tells the day of lines with a clock alone.
    """

    def __init__(
        self,
        store: Store,
        ref: JobRef,
        settings: MetricsSettings,
        ask: Ask,
        clock: Clock,
        most: int = MOST,
        began: datetime | None = None,
    ) -> None:
        self._store, self._ref, self._clock = store, ref, clock
        self._ask, self._most, self._began = ask, most, began
        self._own = own_patterns(settings)
        self._regexes = [p.regex for p in settings.patterns]
        self._reader: Reader | None = None
        self._offset = self._saved = 0
        self._tail = b""
        self._live = False
        self._complete = False
        self.behind = 0
        """Bytes that wait to be read, where that is known."""
        self.more = True
        """Whether there is more to be read at once."""

    @property
    def complete(self) -> bool:
        """Whether the log was read to its end and no more will come."""
        return self._complete

    async def look(self) -> list[Metric]:
        """Read the next piece; gives the points that were new and were kept."""
        if self._reader is None:
            await self._begin()
        reader = self._reader
        assert reader is not None
        chunk = await self._ask(self._offset, PIECE)
        if chunk.reset:
            reader = self._anew()
        now = self._clock.now() if self._live and len(chunk.data) < PIECE else None
        found: list[Metric] = []
        if chunk.offset > self._offset and not chunk.reset:  # a part that is no more
            found += reader.finish()
            reader.skip()
        for start in range(0, len(chunk.data), _AT_ONCE):
            found += reader.feed(chunk.data[start : start + _AT_ONCE], now)
            await asyncio.sleep(0)
        self._offset = chunk.next_offset
        self._tail = (self._tail + chunk.data)[-_TAIL:]
        if isinstance(self._ask, FileLog):
            self.behind = self._ask.size - self._offset
        self._live = self._live or len(chunk.data) < PIECE
        self.more = not chunk.complete and len(chunk.data) >= PIECE // 2
        if chunk.complete and not self._complete:
            found += reader.finish(now)
        self._complete = chunk.complete
        if found or self._complete or self._offset - self._saved >= _SAVE:
            return await self._keep(reader, found)
        return []

    async def _begin(self) -> None:
        """Go on where it was read to before, if it is the same log; else begin anew."""
        state = self._store.log_state(self._ref)
        if state is not None and self._usable(state):
            tail = bytes.fromhex(state["tail"])
            before = await self._ask(state["offset"] - len(tail), max(1, len(tail)))
            if not before.reset and before.data[: len(tail)] == tail:
                self._offset = self._saved = state["offset"]
                self._tail = tail
                self._reader = Reader(self._own, state["reader"], self._began)
                return
        reader = self._anew()
        end = await self._ask(-1, 1)
        if end.next_offset > self._most:
            self._offset = self._saved = end.next_offset - self._most
            reader.skip()

    def _usable(self, state: dict[str, Any]) -> bool:
        return (state.get("version"), state.get("patterns")) == (VERSION, self._regexes)

    def _anew(self) -> Reader:
        self._reader = Reader(self._own, near=self._began)
        self._offset = self._saved = 0
        self._tail = b""
        return self._reader

    async def _keep(self, reader: Reader, found: Sequence[Metric]) -> list[Metric]:
        """Keep points and place. What waits for its end is read again by a later program."""
        held = reader.held
        tail = self._tail[: len(self._tail) - held] if held < len(self._tail) else b""
        self._saved = self._offset
        state = {
            "version": VERSION,
            "patterns": self._regexes,
            "offset": self._offset - held,
            "tail": tail.hex(),
            "reader": reader.save(),
        }
        kept: list[Metric] = []
        while len(found) > _WRITTEN:
            kept += self._store.add_log_metrics(self._ref, found[:_WRITTEN])
            found = found[_WRITTEN:]
            await asyncio.sleep(0)
        return kept + self._store.add_log_metrics(self._ref, found, state)


async def opened(
    store: Store,
    ref: JobRef,
    settings: MetricsSettings,
    provider: Provider,
    clock: Clock,
    ended: Callable[[], bool],
    fetched: Callable[[], Spool | None] = lambda: None,
    began: datetime | None = None,
) -> LogPoints:
    """The metrics in the log of a job whose service gives logs.

    Args:
        began: When the job did.
        fetched: What was fetched of the log for a person to read, while that is done.
    """
    path = await provider.log_path(ref.id) if isinstance(provider, HasLogFile) else None
    if path is not None:
        return LogPoints(store, ref, settings, FileLog(path, ended), clock, began=began)
    source = cast(HasLogs, provider)

    async def ask(offset: int, limit: int) -> LogChunk:
        return await source.logs(ref.id, offset=offset, limit=limit)

    beside = Capability.METRICS in provider.facts.capabilities
    most = MOST_BESIDE if beside else MOST
    return LogPoints(store, ref, settings, of_spool(fetched, ask), clock, most, began)


class FileLog:
    """Pieces of a log that is a file of this machine.

    Args:
        path: The file; it need not be there yet.
        ended: Whether nothing writes it any more.
    """

    def __init__(self, path: Path, ended: Callable[[], bool]) -> None:
        self._path, self._ended = path, ended
        self._inode: int | None = None
        self.size = 0
        """As of the last piece."""

    async def __call__(self, offset: int, limit: int) -> LogChunk:
        """A piece: offset (negative: from the end) and bytes at most."""
        complete = self._ended()  # before the size: an ended job's file grows no more
        try:
            with self._path.open("rb") as file:
                stat = os.fstat(file.fileno())
                reset = offset > stat.st_size or self._inode not in (None, stat.st_ino)
                self._inode, self.size = stat.st_ino, stat.st_size
                start = 0 if reset else max(0, stat.st_size + offset) if offset < 0 else offset
                data = os.pread(file.fileno(), limit, start)
        except OSError:  # not there yet, or no more
            return LogChunk(b"", max(0, offset), max(0, offset), complete=complete)
        end = start + len(data)
        return LogChunk(data, start, end, reset, complete and end >= stat.st_size)


def of_spool(fetched: Callable[[], Spool | None], ask: Ask) -> Ask:
    """Pieces of a log out of what was fetched of it, while somebody reads it; what is not there is
    asked for."""
    base: int | None = None

    async def read(offset: int, limit: int) -> LogChunk:
        nonlocal base
        spool = fetched()
        if spool is None or offset < 0:
            base = None
            return await ask(offset, limit)
        anew = base is not None and base != spool.base
        base = spool.base
        chunk = spool.read(0 if anew else offset, limit)
        if chunk is None:
            return await ask(offset, limit)
        return replace(chunk, reset=anew)

    return read
