"""The queue: what is to be started next, on which part of the machine, and the start itself."""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING

from trainer_tui import sanitize
from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.model import EventKind, Gpu, JobError, Status
from trainer_tui.server.executors.base import Order
from trainer_tui.server.records import JobRecord, format_time
from trainer_tui.server.runners.base import GpuUse, Runner, Slot

if TYPE_CHECKING:
    from trainer_tui.server.engine import Engine

# Of the disk, for files that are open, for processes, of the memory.
_NO_ROOM = (
    *(errno.ENOSPC, errno.EDQUOT),
    *(errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM),
)
_log = logging.getLogger("trainer_tui.server")


class Scheduler:
    """The queued jobs of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.no_room = False
        """Whether a job waits because the system had no room for its start."""

    def gpu_count(self, runner: Runner, gpu: Gpu | None) -> int:
        """How many GPUs a job gets. Raises UsageError (``NO_GPU``)."""
        engine = self._engine
        here = len(engine.pool.gpus)
        if runner.gpu is GpuUse.NEVER:
            return 0
        asked = gpu.count if gpu is not None else 0
        if asked > here:
            what = "no GPU" if here == 0 else f"only {here} GPU{'s' if here > 1 else ''}"
            raise UsageError(
                f"The job asks for {asked} GPU{'s' if asked > 1 else ''}; nvidia-smi lists {what} "
                "on this machine.",
                hint="Submit it without a GPU, or as a smoke job, which needs none.",
                code="NO_GPU",
            )
        if asked == 0 and gpu is None and runner.gpu is GpuUse.PREFERRED and here > 0:
            return 1
        return asked

    def schedule(self) -> None:
        """Start what can be started: in order, CPU and GPU jobs each in a line of their own."""
        before, self.no_room = self.no_room, False
        self._start_queued()
        if self.no_room and not before:
            _log.warning("the system is full: jobs wait in the queue until there is room")
            self._engine.watch.wake()

    def _start_queued(self) -> None:
        engine = self._engine
        blocked: set[bool] = set()
        for record in engine.book.queue():
            on_gpu = record.gpu_count > 0
            if on_gpu in blocked:
                if len(blocked) == 2:
                    return
                continue
            if record.gpu_count > len(engine.pool.gpus):
                message = f"It needs {record.gpu_count} GPUs, which this machine no longer has."
                engine.watch.end(record, Status.FAILED, JobError(message, "NO_GPU"))
                continue
            slot = engine.pool.take(record.gpu_count)
            if slot is None:
                blocked.add(on_gpu)
                continue
            self._launch(record, slot)
            if self.no_room:
                return

    def _launch(self, record: JobRecord, slot: Slot) -> None:
        """Record a launch, then start it."""
        engine = self._engine
        folder = engine.disk.folder(record.id)
        number = record.launch + 1
        record = record.replace(slot_gpus=slot.gpus)
        try:
            engine.executor.record(folder, self._order(record, number, slot))
            record = engine.book.put(
                record.replace(status=Status.PREPARING, launch=number, requested=None)
            )
            engine.executor.start(folder, number)
        except Exception as error:
            # Also a runner's own mistake: it must not hold up the jobs behind this one.
            engine.pool.give_back(slot.gpus)
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                if record.status is Status.PREPARING:
                    engine.book.put_anyway(record.replace(status=Status.QUEUED, slot_gpus=()))
                self.no_room = True  # nobody's fault, and it may pass: the job keeps its place
                return
            expected = isinstance(error, TrainerError | OSError)
            _log.warning("job %s could not be started", record.id, exc_info=not expected)
            why = sanitize.line(error if expected else repr(error))
            said = JobError(f"It could not be started: {why}", "START")
            engine.watch.end(record, Status.FAILED, said)
            return
        engine.book.tell(record, EventKind.STATUS, "preparing")
        engine.watch.add(record)

    def _order(self, record: JobRecord, number: int, slot: Slot) -> Order:
        """All that the executor needs to know."""
        engine = self._engine
        runner = engine.runner(record.runner)
        folder = engine.disk.folder(record.id)
        return Order(
            number=number,
            launch=runner.launch(folder, engine.config(record.id), slot, engine.settings),
            env=engine.pool.environment(slot),
            marker=self._marker(record),
            grace=engine.settings.grace,
            kill_after=engine.settings.kill_after,
        )

    def _marker(self, record: JobRecord) -> str | None:
        """The line in the log that parts two attempts."""
        if record.attempt == 1:
            return None
        where = f"step {record.checkpoint_step}" if record.checkpoint_step else "step 0"
        now = format_time(self._engine.now())
        return f"\n===== attempt {record.attempt}, {now}, from {where} ====="
