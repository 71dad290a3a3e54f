"""All jobs the server knows: in memory for reading, on the disk before anything is said."""

from __future__ import annotations

import logging
from bisect import bisect_left, insort
from collections.abc import Callable
from datetime import datetime

from trainer_tui.errors import NotFoundError
from trainer_tui.model import EventKind, Status
from trainer_tui.server.disk import Disk
from trainer_tui.server.events import Hub, JobEvent
from trainer_tui.server.records import Ids, JobRecord

_log = logging.getLogger("trainer_tui.server")


class Book:
    """The records by id. Used on the loop only."""

    def __init__(self, disk: Disk, hub: Hub, now: Callable[[], datetime]) -> None:
        self.rev = 0
        """Grows with every change; equal numbers mean an equal list."""
        self.ids = Ids(now)
        self._disk = disk
        self._hub = hub
        self._now = now
        self._records: dict[str, JobRecord] = {}
        self._order: list[str] = []
        self._tokens: dict[str, str] = {}
        self._unsaved: set[str] = set()
        self._last_seq = 0
        self._last_key = 0
        self._positions: dict[str, int] | None = None

    def load(self) -> None:
        """Read all jobs from the disk."""
        for record in self._disk.load():
            self._enter(record)
            self.ids.seen(record.id)
            self._last_seq = max(self._last_seq, record.seq)
            self._last_key = max(self._last_key, record.queue_key)

    def __len__(self) -> int:
        return len(self._records)

    def get(self, job_id: str) -> JobRecord:
        """A job. Raises NotFoundError (``JOB_NOT_FOUND``)."""
        found = self._records.get(job_id)
        if found is None:
            raise NotFoundError(f"There is no job {job_id[:64]!r} here.", code="JOB_NOT_FOUND")
        return found

    def by_token(self, token: str) -> JobRecord | None:
        """The job that was made by a request with this token."""
        return self._records.get(self._tokens.get(token, ""))

    def newest(self, limit: int, before: str | None = None) -> tuple[list[JobRecord], str | None]:
        """A page of jobs, newest first, and the cursor (``before``) of the next page."""
        end = len(self._order) if before is None else bisect_left(self._order, before)
        start = max(0, end - limit)
        page = [self._records[job_id] for job_id in reversed(self._order[start:end])]
        return page, self._order[start] if start > 0 else None

    def with_status(self, *statuses: Status) -> list[JobRecord]:
        """The jobs in one of these states, oldest first."""
        return [r for r in map(self._records.__getitem__, self._order) if r.status in statuses]

    def queue(self) -> list[JobRecord]:
        """The queued jobs, the next one first."""
        queued = (record for record in self._records.values() if record.status is Status.QUEUED)
        return sorted(queued, key=lambda record: record.queue_key)

    def position(self, record: JobRecord) -> int | None:
        """The place in the queue from 0; ``None`` when it is not in it."""
        if record.status is not Status.QUEUED:
            return None
        if self._positions is None:
            self._positions = {queued.id: place for place, queued in enumerate(self.queue())}
        return self._positions.get(record.id)

    def next_queue_key(self) -> int:
        """A place behind all others."""
        self._last_key += 1
        return self._last_key

    def add(self, record: JobRecord, config: bytes) -> JobRecord:
        """Enter a new job. Raises OSError: nothing was entered."""
        self._disk.create(record, config)
        self._enter(record)
        return record

    def put(self, record: JobRecord, *, keep: bool = True) -> JobRecord:
        """Replace a job's record, on the disk first where it is to be kept. Raises OSError."""
        if keep:
            self._disk.save(record)
            self._unsaved.discard(record.id)
        return self._enter(record)

    def put_anyway(self, record: JobRecord) -> JobRecord:
        """Replace it though the disk may be full; saved later then (:meth:`save_late`)."""
        try:
            return self.put(record)
        except OSError as error:
            if not self._unsaved:
                _log.error("a job's record could not be written, it is tried again: %s", error)
            self._unsaved.add(record.id)
            return self._enter(record)

    def save_late(self) -> bool:
        """Try again what could not be saved; whether all is saved now."""
        for job_id in list(self._unsaved):
            try:
                self._disk.save(self._records[job_id])
            except OSError:
                return False
            self._unsaved.discard(job_id)
        return True

    def remove(self, job_id: str) -> None:
        """Forget a job that was moved away."""
        record = self._records.pop(job_id)
        del self._order[bisect_left(self._order, job_id)]
        if record.token is not None:
            self._tokens.pop(record.token, None)
        self._unsaved.discard(job_id)
        self._changed()

    def tell(self, record: JobRecord, kind: EventKind, text: str) -> JobRecord:
        """Add to a job's history and tell the listeners."""
        now = self._now()
        self._last_seq = max(self._last_seq + 1, int(now.timestamp() * 1_000_000))
        record = self._enter(record.replace(seq=self._last_seq))
        event = JobEvent(self._last_seq, now, record.id, kind, text, record)
        self._disk.add_event(record.id, event.to_json())
        self._hub.publish(event)
        return record

    def _enter(self, record: JobRecord) -> JobRecord:
        self._changed()
        record = record.replace(rev=self.rev)
        if record.id not in self._records:
            insort(self._order, record.id)
            if record.token is not None:
                self._tokens[record.token] = record.id
        self._records[record.id] = record
        return record

    def _changed(self) -> None:
        self.rev += 1
        self._positions = None
