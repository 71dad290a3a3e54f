"""A job's log as a file on this machine, for a command that prints it.

The log of a job that runs here is read where it lies. Any other is fetched into a temporary file,
as far as it is wanted: all of it from the beginning, or its end first.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from trainer_tui.cli.service import Service
from trainer_tui.core.logfile.document import Change, LogFile
from trainer_tui.core.logfile.source import LogSource
from trainer_tui.core.logfile.spool import Spool
from trainer_tui.core.logfile.times import LineTimes
from trainer_tui.errors import (
    NetworkError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    StateError,
    UsageError,
)
from trainer_tui.model import Capability, Job, LogChunk
from trainer_tui.providers.base import LOG
from trainer_tui.providers.capabilities import HasLogFile, HasLogs

CHUNK = 1 << 20
_LINE = 160
"""Bytes of a usual line: so much of the end is fetched for each line of ``--tail``."""
FIRST_WAIT, LONGEST_WAIT = 0.4, 5.0
"""Seconds between two looks at a log that is being followed."""
_HERE_WAIT = 0.1
_STATUS_WAIT = 1.0


class Feed:
    """One log of one job, and how more of it comes.

    Args:
        service: Who is asked.
        job: Whose log it is.
        source: The job's provider.
        name: Which of its logs.
        path: The file, where it is on this machine.
        folder: For a file that is fetched.
        follow: Whether to go on until the job ends.
    """

    def __init__(
        self,
        service: Service,
        job: Job,
        source: HasLogs,
        name: str,
        path: Path | None,
        folder: Path,
        *,
        follow: bool,
    ) -> None:
        self.service, self.job, self.follow = service, job, follow
        self._source, self._name = source, name
        self._spool: Spool | None = None
        self._offset = 0
        self._ended = job.status.ended
        self._told = False
        self._wait = FIRST_WAIT if path is None else _HERE_WAIT
        self._looked = 0.0
        self.finished = False
        """Nothing more will come, or nothing more is wanted."""
        if path is None:
            path = folder / f"{len(list(folder.iterdir()))}.log"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._spool = Spool(path, fd)
            self.file = LogFile(self._spool.source)
        else:
            self.file = LogFile.open(path)
        self.times = LineTimes(
            self.file,
            began=job.started_at or job.created_at,
            ended=job.finished_at or service.now(),
        )

    def close(self) -> None:
        """Let the file go."""
        self.file.close()
        if self._spool is not None:
            self._spool.close()

    # -- before anything is printed -----------------------------------------------------------

    async def fetch(self) -> None:
        """Have all there is now."""
        if self._spool is not None:
            while await self._fetch_next():
                pass

    async def fetch_end(self, count: int) -> None:
        """Have the last ``count`` lines there are now, or all."""
        if self._spool is None:
            return
        span = max(4096, count * _LINE)
        chunk = await self._ask(-span, CHUNK)
        first = chunk.offset
        self._took(chunk)
        while _full(chunk) and not chunk.complete:
            chunk = await self._ask(self._offset, CHUNK)
            self._took(chunk)
        while first > 0 and self._lines_behind_gap(count) <= count:
            span *= 8
            start, stop = max(0, first - span), first
            first = start
            while start < stop:
                chunk = await self._ask(start, min(CHUNK, stop - start))
                self._write(chunk)
                if chunk.next_offset <= start:
                    return
                start = chunk.next_offset

    def _lines_behind_gap(self, most: int) -> int:
        """How many lines are there below the last gap, at most one more than ``most``."""
        here, count = self.file.last(), 0
        while here is not None and count <= most and self.file.line(here).kind != "gap":
            count += 1
            here = self.file.before(here)
        return count

    # -- what comes ---------------------------------------------------------------------------

    async def advance(self) -> Change:
        """Take what is new. When there is nothing and more is to be expected, wait a while."""
        if self._spool is None:
            change = self._look()
            if change or self.finished:
                return change
            await self._pause()
            return change
        before, size = self.file.source, self.file.size
        more = await self._fetch_next()
        if not more and not self.finished and self.file.source == before:
            await self._pause()
        return Change(grown=self.file.size > size)

    def _look(self) -> Change:
        ended = self._ended  # before the size: the file of an ended job grows no more
        source = self.file.source
        try:
            size = source.path.stat().st_size
        except OSError:
            size = source.size
        change = self.file.update(LogSource(source.path, size, complete=ended))
        self.finished = ended or not self.follow
        return change

    async def _fetch_next(self) -> bool:
        """Fetch a piece; whether there is more at once. Sets ``finished``."""
        ended, offset = self._ended, self._offset
        try:
            chunk = await self._ask(offset, CHUNK)
        except (NetworkError, ServiceError) as error:
            if not self.follow:
                raise
            if not self._told:
                self.service.context.warn(f"{error} (trying again)")
            self._told = True
            asked = error.retry_after if isinstance(error, RateLimitError) else None
            await asyncio.sleep(max(asked or 0, self._wait))
            self._wait = min(LONGEST_WAIT, self._wait * 2)
            return False
        self._told = False
        self._took(chunk)
        moved = chunk.next_offset > offset or chunk.reset
        if moved:
            self._wait = FIRST_WAIT
        self.finished = chunk.complete or (not moved and (ended or not self.follow))
        if self.finished and not self.file.complete and self._spool is not None:
            self.file.update(replace(self._spool.source, complete=chunk.complete or ended))
        return moved and not chunk.complete and (not self.follow or _full(chunk))

    async def _pause(self) -> None:
        """Wait, and see whether the job has ended meanwhile."""
        await asyncio.sleep(self._wait)
        self._looked += self._wait
        if self._spool is not None:
            self._wait = min(LONGEST_WAIT, self._wait * 1.5)
        elif self._looked < _STATUS_WAIT:
            return
        self._looked = 0.0
        try:
            self._ended = (await self.service.observe(self.job.ref)).status.ended
        except (NetworkError, ServiceError):
            self._ended = False

    async def _ask(self, offset: int, limit: int) -> LogChunk:
        ref = self.job.ref
        return await self._source.logs(ref.id, offset=offset, limit=limit, name=self._name)

    def _took(self, chunk: LogChunk) -> None:
        self._offset = chunk.next_offset
        self._write(chunk)

    def _write(self, chunk: LogChunk) -> None:
        if self._spool is not None:
            self._spool.write(chunk)
            self.file.update(replace(self._spool.source, complete=False))


def _full(chunk: LogChunk) -> bool:
    """Whether there is probably more at once."""
    return len(chunk.data) >= CHUNK // 8


async def open_feed(
    service: Service, job: Job, folder: Path, *, name: str | None = None, follow: bool = False
) -> Feed:
    """The log of a job.

    Args:
        folder: An empty one, for what is fetched.
        name: Which of its logs; ``None``: the usual one.

    Raises:
        StateError: The provider has no logs to give.
        UsageError: The job has no log of that name.
        NotFoundError: It had one, and the file is gone.
    """
    provider = service.provider(job.ref.profile)
    if not isinstance(provider, HasLogs) or Capability.LOGS not in provider.facts.capabilities:
        raise StateError(
            provider.facts.why_not(Capability.LOGS),
            hint=f"What was seen to happen: trainer-tui show {job.ref}",
            code="NOT_ALLOWED",
        )
    names = provider.log_names(job)
    if name is not None and name not in names:
        raise UsageError(f"{job.ref} has no log {name!r}; it has: {', '.join(names)}")
    name = name or names[0]
    path = None
    if name == LOG and isinstance(provider, HasLogFile):
        path = await provider.log_path(job.ref.id)
    waited_for = follow and not job.status.ended
    if path is not None and not path.exists() and job.started_at is not None and not waited_for:
        raise NotFoundError(
            f"the log of {job.ref} was deleted: {path} is not there any more",
            hint=f"What else is known of the job: trainer-tui show {job.ref}",
            code="NO_LOG",
        )
    return Feed(service, job, provider, name, path, folder, follow=follow)
