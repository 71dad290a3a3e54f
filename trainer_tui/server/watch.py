"""Looks after the jobs that run: sees how far they are, notices their end, finds them again.

One task on the loop. While nothing runs it sleeps without a timer; while something does, it looks
at the files of all running jobs a few times a second, on a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from trainer_tui.model import EventKind, JobError, Status
from trainer_tui.server.executors.base import Phase, Sight
from trainer_tui.server.records import JobRecord, parse_time
from trainer_tui.server.runners.base import JobFolder, Observed, Runner
from trainer_tui.server.runners.files import open_regular
from trainer_tui.server.verdict import TAIL, vanished, verdict

if TYPE_CHECKING:
    from trainer_tui.server.engine import Engine

_REST = 3.0
"""Seconds of rest for every second that the looks at all jobs took."""
CATCH_UP = 10.0
"""Seconds that the end of a job waits for what it printed to be read."""
_log = logging.getLogger("trainer_tui.server")


@dataclass(slots=True)
class _Watched:
    """A running job between two looks."""

    id: str
    launch: int
    runner: Runner | None
    """``None``: one that is there no more; the end is seen all the same."""
    observed: Observed = field(default_factory=Observed)
    orphan_since: float | None = None
    orphan_sent: signal.Signals | None = None
    complaints: set[str] = field(default_factory=set)
    told: str | None = None
    over_since: float | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    watched: _Watched
    sight: Sight
    observed: Observed
    log_tail: str


class Watch:
    """The running jobs of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watched: dict[str, _Watched] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._thread = ThreadPoolExecutor(1, "looks")
        self._took = 0.0

    def __len__(self) -> int:
        return len(self._watched)

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Look no more."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=False)

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def add(self, record: JobRecord) -> None:
        """Look after a job from now on."""
        runner = self._engine.runners.get(record.runner)
        known = Observed(record.progress, record.loss, record.checkpoint_step)
        self._watched[record.id] = _Watched(record.id, record.launch, runner, known)
        self._wake.set()

    def recover(self) -> None:
        """Take up every job that an earlier server left neither queued nor ended."""
        engine = self._engine
        for record in engine.book.with_status(Status.PREPARING, Status.RUNNING, Status.STOPPING):
            folder = engine.disk.folder(record.id)
            if engine.executor.look(folder, record.launch).phase is Phase.UNCLAIMED and (
                engine.executor.void(folder, record.launch)
            ):
                if record.requested is not None:
                    self.end(record, *vanished(record.requested))
                else:
                    engine.book.put_anyway(record.replace(status=Status.QUEUED, slot_gpus=()))
                continue
            engine.pool.hold(record.slot_gpus)
            if record.runner not in engine.runners:
                _log.error("job %s needs the runner %r, which is gone", record.id, record.runner)
            self.add(record)
            if record.requested is not None:
                with contextlib.suppress(OSError):  # it was asked before, and is there to be read
                    engine.executor.ask(folder, record.launch, record.requested)

    def end(self, record: JobRecord, status: Status, error: JobError | None) -> JobRecord:
        """Enter how a job ended."""
        engine = self._engine
        finished = record.finished_at or engine.now()
        # A clock that was set back meanwhile lets no job end before it began.
        finished = max(finished, record.started_at or finished)
        record = engine.book.put_anyway(
            record.replace(status=status, error=error, pid=None, slot_gpus=(), finished_at=finished)
        )
        kind = EventKind.ERROR if status is Status.FAILED else EventKind.STATUS
        text = f"{status}: {error.message}" if error is not None else str(status)
        return engine.book.tell(record, kind, text)

    async def _run(self) -> None:
        settings = self._engine.settings
        saved = True
        while not self._closing:
            scheduler = self._engine.scheduler
            idle = None if saved and not scheduler.no_room else 10 * settings.poll
            # A job with a million files takes long to look at: that must not be all that is done.
            pause = max(settings.poll, _REST * self._took) if self._watched else idle
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._look_once()
                saved = self._engine.book.save_late()
                if scheduler.no_room:
                    scheduler.schedule()
            except Exception:
                _log.exception("looking after the running jobs failed; it goes on")
                await asyncio.sleep(1.0)

    async def _look_once(self) -> None:
        watched = list(self._watched.values())
        if not watched:
            return
        loop, began = asyncio.get_running_loop(), time.monotonic()
        # On a thread of its own: whatever others ask for, the jobs are looked after.
        looks = await loop.run_in_executor(self._thread, self._look_at, watched)
        self._took = time.monotonic() - began
        ended = False
        for look in looks:
            try:
                ended = self._apply(look) or ended
            except Exception:
                # Whatever is wrong with one job, the others must still be looked after.
                self._complain(look.watched, "what became of job %s could not be entered")
        if ended:
            self._engine.scheduler.schedule()

    def _look_at(self, watched: list[_Watched]) -> list[_Look]:
        """On a thread: only reads files and asks for processes."""
        looks = []
        for each in watched:
            folder = self._engine.disk.folder(each.id)
            try:
                sight = self._engine.executor.look(folder, each.launch)
            except OSError:
                self._complain(each, "job %s could not be looked at")
                continue
            # After the sight: what a job wrote last is seen when its end is.
            observed = self._observe(each, folder)
            over = sight.phase in (Phase.ENDED, Phase.VANISHED)
            looks.append(_Look(each, sight, observed, _tail(folder) if over else ""))
        return looks

    def _observe(self, watched: _Watched, folder: JobFolder) -> Observed:
        if watched.runner is None:
            return watched.observed
        try:
            return watched.runner.observe(folder, watched.observed)
        except Exception:
            # A runner's mistake about its files must not end the job, or the server.
            self._complain(watched, "the files of job %s could not be understood")
            return watched.observed

    def _complain(self, watched: _Watched, text: str) -> None:
        """Log the exception that is being handled, once a job and text."""
        if text not in watched.complaints:
            watched.complaints.add(text)
            _log.exception(text, watched.id)

    def _apply(self, look: _Look) -> bool:
        """Enter what was seen; whether the job has ended."""
        watched, sight = look.watched, look.sight
        record = self._engine.get(watched.id)
        watched.observed = look.observed
        record = self._progress(record, look.observed)
        if sight.phase is Phase.UNCLAIMED:
            return False
        record = self._begun(record, sight)
        if look.observed.note not in (None, watched.told):
            watched.told = look.observed.note
            record = self._engine.book.tell(record, EventKind.NOTE, look.observed.note)
        if sight.phase is Phase.ORPHAN:
            self._end_orphan(watched, record, sight)
            return False
        if sight.phase is Phase.ALIVE:
            return False
        if look.observed.behind and self._may_wait(watched):
            return False
        if sight.phase is Phase.ENDED:
            status, error = verdict(sight.state, record.progress, look.log_tail)
            finished = self._moment(sight, "finished_at")
        else:
            status, error = vanished(record.requested)
            finished = self._engine.now()
        del self._watched[record.id]
        self._engine.executor.forget(self._engine.disk.folder(record.id), record.launch)
        self._engine.pool.give_back(record.slot_gpus)
        exit_code = sight.state.get("exit_code")
        self.end(record.replace(finished_at=finished, exit_code=exit_code), status, error)
        return True

    def _may_wait(self, watched: _Watched) -> bool:
        """Whether the end of a job waits for the rest of its files to be read; looks at once."""
        now = time.monotonic()
        if watched.over_since is None:
            watched.over_since = now
        if now - watched.over_since > CATCH_UP:
            text = "its output could not be read to the end in time: its progress and curve are cut"
            self._engine.book.tell(self._engine.get(watched.id), EventKind.NOTE, text)
            return False
        self._wake.set()
        return True

    def _begun(self, record: JobRecord, sight: Sight) -> JobRecord:
        """Enter that the job's process is there."""
        book = self._engine.book
        if record.pid is not None or sight.pid is None:
            return record
        record = record.replace(pid=sight.pid, started_at=self._moment(sight, "started_at"))
        if record.status is Status.PREPARING:
            record = book.put_anyway(record.replace(status=Status.RUNNING))
            return book.tell(record, EventKind.STATUS, f"running (process {sight.pid})")
        return book.put_anyway(record)

    def _moment(self, sight: Sight, key: str) -> datetime:
        """A time that the supervisor wrote; now where it is none."""
        try:
            return parse_time(sight.state[key])
        except (KeyError, TypeError, ValueError):
            return self._engine.now()

    def _progress(self, record: JobRecord, observed: Observed) -> JobRecord:
        """Enter how far it is; in memory only, since the files tell it again."""
        before = (record.progress, record.loss, record.checkpoint_step)
        now = (
            observed.progress or record.progress,
            record.loss if observed.loss is None else observed.loss,
            observed.checkpoint_step,
        )
        if before == now:
            return record
        record = record.replace(progress=now[0], loss=now[1], checkpoint_step=now[2])
        book = self._engine.book
        if now[2] == before[2]:
            return book.put(record, keep=False)
        record = book.put_anyway(record)
        if now[2] > before[2]:
            record = book.tell(record, EventKind.CHECKPOINT, f"checkpoint at step {now[2]}")
        return record

    def _end_orphan(self, watched: _Watched, record: JobRecord, sight: Sight) -> None:
        """End processes whose supervisor was killed: nobody would ever tell how they ended."""
        settings = self._engine.settings
        now = time.monotonic()
        if watched.orphan_since is None:
            watched.orphan_since = now
            text = "its supervisor was killed; its processes are ended"
            self._engine.book.tell(record, EventKind.NOTE, text)
            _log.warning("the supervisor of job %s is gone; its processes are ended", record.id)
        seconds = now - watched.orphan_since
        number = signal.SIGINT
        if seconds >= settings.grace:
            number = signal.SIGTERM
        if seconds >= settings.grace + settings.kill_after:
            number = signal.SIGKILL
        if number is not watched.orphan_sent or number is signal.SIGKILL:
            watched.orphan_sent = number
            folder = self._engine.disk.folder(watched.id)
            self._engine.executor.signal_orphan(folder, sight, number)


def _tail(folder: JobFolder) -> str:
    try:
        with open_regular(folder.log) as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            return file.read(TAIL).decode("utf-8", "replace")
    except OSError:
        return ""
