"""The log of a followed job: where it lies on this machine, and how it comes there."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from trainer_tui.core.clock import Clock
from trainer_tui.core.logfile.source import Gap, LogSource
from trainer_tui.core.logfile.spool import Spool, open_spool, prune
from trainer_tui.core.messages import LogArrived
from trainer_tui.core.sides import Side, Surroundings
from trainer_tui.model import Capability, JobRef, LogChunk, Status
from trainer_tui.providers.base import LOG
from trainer_tui.providers.capabilities import HasLogFile, HasLogs

PIECE = 1 << 20
"""Bytes that are asked for at once; so much of the end is fetched first."""
BY_ITSELF = 256 << 20
"""So much of a log is fetched without being asked for, and so much more each time it is."""
OVERLAP = 1024
"""Bytes of an earlier run that are fetched again, to see that it is still the same log."""
_TELL = 0.1
_LOOK = 0.25
_ARRIVAL = 1.0
_ARRIVALS = 2048

Ask = Callable[[int, int], Awaitable[LogChunk]]
"""Offset (negative: from the end) and bytes at most → a piece."""


class _Way(Protocol):
    """How a log comes to this machine."""

    @property
    def source(self) -> LogSource:
        """What may be read by now."""

    async def look(self, *, fresh: bool) -> float | None:
        """Take what is new; seconds until the next look, 0 when there is more at once."""

    def close(self) -> None:
        """Let go of it."""


class LogSide(Side):
    """One of the job's logs: the file itself where it is here, else a spool that it is fetched to.

    Told at most ten times a second. Which log: the first one, until another is chosen.
    """

    capability = Capability.LOGS

    def __init__(self, around: Surroundings, ref: JobRef) -> None:
        super().__init__(around, ref)
        self._name: str | None = None
        self._open: tuple[str, _Way] | None = None
        self._names: tuple[str, ...] = (LOG,)
        self._told: tuple[str, LogSource] | None = None
        self._told_at = -math.inf

    @property
    def name(self) -> str | None:
        """Which log is followed; ``None`` before the first look."""
        return self._open[0] if self._open else None

    def choose(self, name: str) -> bool:
        """Follow this one of the job's logs; whether it is another one than before."""
        moved, self._name = name != self._name, name
        return moved

    def want(self, gap: Gap) -> bool:
        """Fetch what is missing there; whether that can be done."""
        way = self._open[1] if self._open else None
        return isinstance(way, Fetched) and way.want(gap)

    async def look(self) -> float | None:
        fresh, self.fresh = self.fresh, False
        try:
            way = await self._way()
            wait = await way.look(fresh=fresh)
        except BaseException:
            self.fresh = True
            if self._open is not None and self._open[1].source.size:
                self._tell()
            raise
        if wait is None or wait >= _TELL or self.around.clock.monotonic() - self._told_at >= _TELL:
            self._tell()
        return wait

    def close(self) -> None:
        if self._open is not None:
            name, way = self._open
            way.close()
            self._open = None
            if isinstance(way, Fetched):
                self.around.fetched.pop((self.ref, name), None)

    def _tell(self) -> None:
        if self._open is None:
            return
        name, way = self._open
        if (name, way.source) != self._told:
            self._told, self._told_at = (name, way.source), self.around.clock.monotonic()
            self.around.publish(LogArrived(self.ref, name, way.source, self._names))

    async def _way(self) -> _Way:
        provider = cast(HasLogs, await self.provider())
        entry = self.around.board.get(self.ref)
        if entry is not None:
            self._names = provider.log_names(entry.job)
        name = self._name if self._name is not None else self._names[0]
        if self._open is not None and self._open[0] == name:
            return self._open[1]
        self.close()
        path = None
        if name == LOG and isinstance(provider, HasLogFile):
            path = await provider.log_path(self.ref.id)
        way: _Way
        if path is not None:
            way = Written(path, self.around.clock, lambda: self.status)
        else:
            spool = open_spool(self.around.spools, self.ref, name)
            way = Fetched(spool, self._ask(name), self.around.clock, self._pause)
            self.around.fetched[self.ref, name] = spool
        self._open = (name, way)
        if path is None:
            prune(self.around.spools)
        if way.source.size:
            self._tell()  # of an earlier run: shown before the service answers
        return way

    def _ask(self, name: str) -> Ask:
        async def ask(offset: int, limit: int) -> LogChunk:
            provider = cast(HasLogs, await self.provider())
            return await provider.logs(self.ref.id, offset=offset, limit=limit, name=name)

        return ask

    def _pause(self) -> float:
        return self.pace(1.0, 5.0) or 5.0


class Written:
    """A file of this machine that the job writes: only its size is looked at.

    Args:
        path: The file; it need not be there yet.
        clock: For when the file grew.
        status: The job's, as last seen.
    """

    def __init__(self, path: Path, clock: Clock, status: Callable[[], Status]) -> None:
        self.source = LogSource(path, 0)
        self._clock = clock
        self._status = status
        self._inode = 0
        self._looked = 0.0

    async def look(self, *, fresh: bool) -> float | None:
        """Look at the file's size."""
        status = self._status()  # before the size: an ended job's file grows no more
        old = self.source
        size, inode, when = old.size, self._inode, 0.0
        try:
            stat = old.path.stat()
            size, inode, when = stat.st_size, stat.st_ino, stat.st_mtime
        except OSError:
            size = 0 if not self._inode else size  # gone: who has it open can still read it
        anew = inode != self._inode or size < old.size
        arrivals = () if anew else old.arrivals
        self._inode = inode
        if anew and size:
            arrivals = ((size, when),)
        elif size > old.size:
            arrivals = self._arrived(arrivals, old.size, size)
        self._looked = self._clock.now().timestamp()
        self.source = replace(old, size=size, complete=status.ended, arrivals=arrivals)
        if status.ended:
            return None
        return _LOOK if status in {Status.RUNNING, Status.STOPPING} else _LOOK * 4

    def _arrived(
        self, arrivals: tuple[tuple[int, float], ...], before: int, size: int
    ) -> tuple[tuple[int, float], ...]:
        now = self._clock.now().timestamp()
        if arrivals and now - arrivals[-1][1] < _ARRIVAL:
            return arrivals
        if len(arrivals) >= _ARRIVALS:
            arrivals = arrivals[::2]
        if arrivals and before == arrivals[-1][0] and self._looked - arrivals[-1][1] > _ARRIVAL:
            arrivals = (*arrivals, (before, self._looked))  # until then nothing had come
        return (*arrivals, (size, now))

    def close(self) -> None:
        """Nothing is open."""


class Fetched:
    """A log that is fetched: its end first, then what comes, and meanwhile what was before.

    Args:
        spool: Where it goes; owned from now on.
        ask: The service.
        clock: Seconds.
        pause: Seconds between two questions for what is new.
    """

    def __init__(
        self,
        spool: Spool,
        ask: Ask,
        clock: Clock,
        pause: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._ask = ask
        self._clock = clock
        self._pause = pause
        self._begun = False
        self._behind = True
        self._due = -math.inf
        self._room = BY_ITSELF
        self._near: int | None = None
        self._stuck = False

    @property
    def source(self) -> LogSource:
        """What is there."""
        return self._spool.source

    def want(self, gap: Gap) -> bool:
        """Fetch this next, as much of it as is fetched at a time."""
        self._near, self._stuck = gap.start, False
        self._room = max(self._room, self._spool.held + BY_ITSELF)
        return True

    async def look(self, *, fresh: bool) -> float | None:
        """Fetch what is new if that is due, else a piece of what is missing."""
        if fresh or self._clock.monotonic() >= self._due:
            self._stuck = self._stuck and not fresh
            await self._forward()
        elif (missing := self._missing()) is not None:
            await self._back(*missing)
        if self._missing() is not None:
            return 0.0
        self._spool.save_soon()
        if math.isinf(self._due) and self._due > 0:
            return None
        return max(0.0, self._due - self._clock.monotonic())

    def close(self) -> None:
        """Keep what there is."""
        self._spool.close()

    async def _forward(self) -> None:
        spool = self._spool
        if self._begun:
            chunk = await self._ask(spool.next, PIECE)
        elif spool.next:
            chunk = await self._ask(max(0, spool.next - OVERLAP), PIECE)
            if _full(chunk):
                spool.write(chunk)
                chunk = await self._ask(-PIECE, PIECE)
        else:
            chunk = await self._ask(-PIECE, PIECE)
        more = chunk.next_offset - chunk.offset >= PIECE
        seen = self._begun and not self._behind and not more
        spool.write(chunk, self._clock.now().timestamp() if seen else None)
        self._begun, self._behind = True, more
        now = self._clock.monotonic()
        self._due = now if _full(chunk) else math.inf if chunk.complete else now + self._pause()

    def _missing(self) -> tuple[int, int] | None:
        """What to fetch next of what was before; ``None`` when that is enough."""
        if self._stuck or self._spool.held >= self._room:
            return None
        if self._near is not None:
            found = self._spool.missing(PIECE, self._near)
            if found is not None:
                return found
            self._near = None
        return self._spool.missing(PIECE)

    async def _back(self, offset: int, size: int) -> None:
        before = self._spool.held
        self._spool.write(await self._ask(offset, size))
        # A service that does not give what it should have is asked again when the job changes.
        self._stuck = self._spool.held <= before


def _full(chunk: LogChunk) -> bool:
    """Whether there is probably more."""
    return not chunk.complete and chunk.next_offset - chunk.offset >= PIECE // 2
