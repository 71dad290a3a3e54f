"""Queues jobs, starts them when a slot is free, and carries out what people ask for.

Lives on the server's event loop. Its acts are coroutines that raise children of
:class:`~trainer_tui.errors.TrainerError`; between two awaits nothing else changes a job. The part
that starts jobs is :mod:`trainer_tui.server.scheduler`, the one that looks after running jobs
:mod:`trainer_tui.server.watch`.

What is durable, in this order: a job's folder is written whole before the job is queued; a launch
is recorded before its supervisor is started, and claimed by whoever comes first; the end of a job
is written by its supervisor. So wherever the server is killed, the next one finds each job once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trainer_tui import sanitize
from trainer_tui.errors import NotFoundError, StateError, UsageError
from trainer_tui.model import EventKind, Gpu, Progress, Status
from trainer_tui.server import configs
from trainer_tui.server.book import Book
from trainer_tui.server.disk import Disk, config_etag
from trainer_tui.server.events import Hub
from trainer_tui.server.executors.base import Executor
from trainer_tui.server.executors.process import ProcessExecutor
from trainer_tui.server.records import Act, JobRecord
from trainer_tui.server.runners import base as runners_base
from trainer_tui.server.runners.base import FileEntry, InvalidConfig, JobFolder, Runner
from trainer_tui.server.scheduler import Scheduler
from trainer_tui.server.settings import ServerSettings
from trainer_tui.server.slots import GpuInfo, Pool, find_gpus
from trainer_tui.server.watch import Watch

_log = logging.getLogger("trainer_tui.server")


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a new job."""

    config: str
    runner: str | None = None
    """``None``: what the config looks like, see :meth:`Engine.choose_runner`."""
    name: str | None = None
    gpu: Gpu | None = None
    token: str | None = None
    origin: str = "native"
    """The dialect that it came in by."""


def utc_now() -> datetime:
    """The clock, where none is given."""
    return datetime.now(UTC)


class Engine:
    """All jobs of one server.

    Args:
        settings: Where things are kept and what may be used.
        runners: By name; ``None``: all there are.
        executor: Where jobs run; ``None``: processes on this machine.
        gpus: ``None``: those that nvidia-smi lists, asked for on start.
        now: The clock: aware UTC.
    """

    def __init__(
        self,
        settings: ServerSettings,
        *,
        runners: Mapping[str, Runner] | None = None,
        executor: Executor | None = None,
        gpus: Sequence[GpuInfo] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings = settings
        self.runners = runners_base.load_all() if runners is None else dict(runners)
        self.hub = Hub()
        self.disk = Disk(settings)
        self.book = Book(self.disk, self.hub, now)
        self.now = now
        self._executor = ProcessExecutor() if executor is None else executor
        self._gpus = gpus
        self._threads = max(1, settings.cores // max(1, settings.cpu_slot_count))
        self.pool = Pool(settings.cpu_slot_count, gpus or (), self._threads)
        self.watch = Watch(self)
        self.scheduler = Scheduler(self)
        self._tasks: set[asyncio.Task[None]] = set()

    # -- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read what is there, find again what runs, and begin to work."""
        self.disk.prepare()
        if self._gpus is None:
            self._gpus = await asyncio.to_thread(find_gpus, self.settings)
        self.pool = Pool(self.settings.cpu_slot_count, self._gpus, self._threads)
        self.book.load()
        self.watch.recover()
        self.scheduler.schedule()
        self.watch.start()
        self._spawn(asyncio.to_thread(self.disk.empty_trash))

    async def close(self) -> None:
        """Let go. Jobs go on; the next server finds them."""
        self.hub.close()
        await self.watch.close()
        for task in list(self._tasks):
            await asyncio.wait({task}, timeout=2.0)
        self.book.save_late()

    @property
    def executor(self) -> Executor:
        """Where jobs run."""
        return self._executor

    def _spawn(self, work: object) -> None:
        async def finish() -> None:
            await work  # type: ignore[misc]

        task = asyncio.get_running_loop().create_task(finish())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- reading --------------------------------------------------------------------------------

    def get(self, job_id: str) -> JobRecord:
        """A job. Raises NotFoundError (``JOB_NOT_FOUND``)."""
        return self.book.get(job_id)

    def folder(self, job_id: str) -> JobFolder:
        """The folder of a job that exists. Raises NotFoundError."""
        return self.disk.folder(self.book.get(job_id).id)

    def config(self, job_id: str) -> str:
        """The config as it was sent. Raises NotFoundError, also where the job took it away."""
        record = self.book.get(job_id)
        try:
            return self.disk.read_config(record.id).decode()
        except (OSError, UnicodeDecodeError) as error:
            said = f"The job's config cannot be read: {sanitize.line(error, limit=200)}."
            raise NotFoundError(said, code="FILE_NOT_FOUND") from error

    def events(self, job_id: str) -> list[dict[str, object]]:
        """What happened to a job: ``seq, time, kind, text``, oldest first."""
        return self.disk.events(self.book.get(job_id).id)

    async def artifacts(self, job_id: str) -> Sequence[FileEntry]:
        """The files that a job has made so far."""
        record = self.book.get(job_id)
        runner = self.runner(record.runner)
        return await asyncio.to_thread(runner.artifacts, self.disk.folder(record.id))

    def runner(self, name: str) -> Runner:
        """A runner by its name. Raises UsageError."""
        found = self.runners.get(name)
        if found is None:
            raise UsageError(
                f"There is no runner {sanitize.line(name, limit=64)!r} here.",
                hint=f"Known are {', '.join(self.runners)}.",
                code="BAD_REQUEST",
            )
        return found

    def choose_runner(self, config: Mapping[str, object]) -> str:
        """The runner of a config that names none: a ``job:`` that is a runner's name is meant for
        it, any other is AI Toolkit's, run where its checkout is known and imitated elsewhere."""
        job = config.get("job")
        if isinstance(job, str) and job in self.runners:
            return job
        return "smoke" if self.settings.ai_toolkit is None else "ai-toolkit"

    # -- acts -----------------------------------------------------------------------------------

    async def submit(self, request: Request) -> tuple[JobRecord, bool]:
        """Enter a new job and queue it.

        Gives the job, and whether it is new: a request whose token was seen makes none.

        Raises:
            InvalidConfig: The runner cannot run it.
            UsageError: There is no such runner (``BAD_REQUEST``), or no such GPU (``NO_GPU``).
        """
        if request.token is not None and (known := self.book.by_token(request.token)):
            return known, False
        data = _encode(request.config)
        runner, config_name, total = await asyncio.to_thread(
            self._judge, request.config, request.runner
        )
        if request.token is not None and (known := self.book.by_token(request.token)):
            return known, False  # the same request again came meanwhile
        job_id = self.book.ids.new()
        record = JobRecord(
            id=job_id,
            name=_line(request.name) or config_name or job_id,
            runner=runner.name,
            status=Status.QUEUED,
            created_at=self.now(),
            config_etag=config_etag(data),
            config_name=config_name,
            total=total,
            gpu=request.gpu,
            gpu_count=self.scheduler.gpu_count(runner, request.gpu),
            token=request.token,
            origin=request.origin,
            queue_key=self.book.next_queue_key(),
        )
        record = self.book.add(record, data)
        record = self.book.tell(record, EventKind.STATUS, "queued")
        self.scheduler.schedule()
        return self.book.get(record.id), True

    async def cancel(self, job_id: str) -> JobRecord:
        """End a job for good. Raises StateError (``JOB_NOT_RUNNING``) when it had ended."""
        record = self.book.get(job_id)
        if record.status.ended:
            raise StateError(
                f"The job had already ended ({record.status}).", code="JOB_NOT_RUNNING"
            )
        return self._end(record, "cancel")

    async def stop(self, job_id: str) -> JobRecord:
        """End a job early and keep what it has made; a job that has ended is given as it is."""
        record = self.book.get(job_id)
        return record if record.status.ended else self._end(record, "stop")

    async def resume(self, job_id: str, gpu: Gpu | None = None) -> JobRecord:
        """Queue an ended job again; it goes on from its newest checkpoint.

        Raises:
            StateError: ``JOB_RUNNING``, or ``JOB_FINISHED`` when there is no step left.
        """
        record = self.book.get(job_id)
        if record.status.active:
            raise StateError(f"The job is still {record.status}.", code="JOB_RUNNING")
        if record.status is Status.SUCCEEDED and not _has_more(record):
            raise StateError(
                "The job has reached its last step; there is nothing to go on with.",
                hint="Raise the number of steps in its config first, or submit it anew.",
                code="JOB_FINISHED",
            )
        runner = self.runner(record.runner)
        gpu = record.gpu if gpu is None else gpu
        record = self.book.put(
            record.replace(
                status=Status.QUEUED,
                attempt=record.attempt + 1,
                queue_key=self.book.next_queue_key(),
                gpu=gpu,
                gpu_count=self.scheduler.gpu_count(runner, gpu),
                progress=_with_more(record),
                requested=None,
                started_at=None,
                finished_at=None,
                error=None,
                exit_code=None,
            )
        )
        where = f"from step {record.checkpoint_step}" if record.checkpoint_step else "from step 0"
        self.book.tell(record, EventKind.ACT, f"resume asked for, {where}")
        self.scheduler.schedule()
        return self.book.get(job_id)

    async def edit(self, job_id: str, text: str, *, if_match: str | None = None) -> JobRecord:
        """Replace the config of a job that is not active. It takes effect with a resume.

        Args:
            if_match: The ``config_etag`` that the edit began from.

        Raises:
            StateError: ``JOB_RUNNING``, or ``CONFLICT`` when the config is another by now.
            InvalidConfig: The runner cannot run it, or it renames the job's files.
        """
        record = self._editable(job_id, if_match)
        data = _encode(text)
        _, name, total = await asyncio.to_thread(self._judge, text, record.runner)
        record = self._editable(job_id, if_match)
        if record.config_name is not None and name != record.config_name:
            raise InvalidConfig(
                f"The config's name must stay {record.config_name!r}: checkpoints are found by it.",
                hint="Submit it as a new job to give it another name.",
            )
        self.disk.write_config(record.id, data)
        record = self.book.put(
            record.replace(
                config_etag=config_etag(data), total=total, progress=_out_of(record, total)
            )
        )
        return self.book.tell(record, EventKind.ACT, "config edited")

    async def delete(self, job_id: str) -> None:
        """Delete a job and its files. Raises StateError (``JOB_RUNNING``) while it is active."""
        record = self.book.get(job_id)
        if record.status.active:
            raise StateError(
                f"The job is still {record.status}.", hint="Cancel it first.", code="JOB_RUNNING"
            )
        left: Path = self.disk.discard(record.id)
        self.book.tell(record, EventKind.ACT, "deleted")
        self.book.remove(record.id)
        self._spawn(asyncio.to_thread(self.disk.empty_trash, [left]))

    def _judge(self, text: str, runner_name: str | None) -> tuple[Runner, str | None, int | None]:
        """On a thread, for it may take a while: a config's runner, its name, its last step.

        Raises:
            InvalidConfig, UsageError: As :meth:`submit`.
        """
        config = configs.parse(text)
        runner = self.runner(runner_name or self.choose_runner(config))
        runner.check(config, text)
        return runner, _line(runner.job_name(config)), runner.total_steps(config)

    def _editable(self, job_id: str, if_match: str | None) -> JobRecord:
        """A job whose config may be replaced now. Raises StateError."""
        record = self.book.get(job_id)
        if record.status.active:
            raise StateError(
                f"The config cannot be edited while the job is {record.status}.",
                hint="Stop it first, then edit and resume.",
                code="JOB_RUNNING",
            )
        if if_match is not None and if_match != config_etag(self.config(job_id).encode()):
            raise StateError(
                "The config has been changed by somebody else since.",
                hint="Look at what is there now, and edit that.",
                code="CONFLICT",
            )
        return record

    def _end(self, record: JobRecord, act: Act) -> JobRecord:
        """Ask a job that has not ended to end."""
        if record.status is Status.QUEUED:
            record = record.replace(requested=act, finished_at=self.now())
            ended = Status.CANCELED if act == "cancel" else Status.INTERRUPTED
            return self.watch.end(record, ended, None)
        if record.requested in (act, "cancel"):
            return record
        self._executor.ask(self.disk.folder(record.id), record.launch, act)
        # A full disk must not keep anybody from ending what fills it.
        record = self.book.put_anyway(record.replace(status=Status.STOPPING, requested=act))
        record = self.book.tell(record, EventKind.ACT, f"{act} asked for")
        self.watch.wake()
        return record


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidConfig("The config holds half a character (a lone surrogate).") from error


def _line(text: str | None) -> str | None:
    return (sanitize.line(text, limit=200) or None) if text is not None else None


def _out_of(record: JobRecord, total: int | None) -> Progress | None:
    """How far a job is once its config asks for another number of steps.

    One that succeeded has made all that it ran for, until it is resumed.
    """
    told = record.progress
    if told is None or total is None or told.total in (None, total) or told.total != record.total:
        return told
    percent = told.percent if record.status is Status.SUCCEEDED else None
    return Progress.of(told.current, total, told.unit, percent)


def _with_more(record: JobRecord) -> Progress | None:
    """How far a job is that goes on."""
    told = record.progress
    return Progress.of(told.current, told.total, told.unit) if told is not None else None


def _has_more(record: JobRecord) -> bool:
    """Whether an edit has given a job that succeeded more steps than it made."""
    return (
        record.total is not None
        and record.progress is not None
        and record.progress.current < record.total
    )
