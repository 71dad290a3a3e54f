"""The engine in this process: queue, slots, acts, endings, and what a bad runner cannot do."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Never

import pytest

from tests.server.conftest import WAITS, end_leftovers, release
from trainer_tui.errors import NotFoundError, StateError, TrainerError, UsageError
from trainer_tui.model import Gpu, Progress, Status
from trainer_tui.paths import private_folder
from trainer_tui.server import supervisor
from trainer_tui.server.engine import Engine, Request
from trainer_tui.server.records import JobRecord
from trainer_tui.server.runners.base import (
    FileEntry,
    GpuUse,
    InvalidConfig,
    JobFolder,
    Launch,
    Observed,
    Slot,
)
from trainer_tui.server.settings import ServerSettings
from trainer_tui.server.slots import GpuInfo
from trainer_tui.server.supervisor import group_alive, read_json

pytestmark = pytest.mark.anyio
Open = Callable[..., Any]
TWO_GPUS = (GpuInfo(0, "A"), GpuInfo(1, "B"))


@dataclass
class ShellRunner:
    """Runs a shell script; its files say what the test has them say."""

    name: str = "shell"
    gpu: GpuUse = GpuUse.ASKED
    observed: Observed = field(default_factory=Observed)
    launch_error: Exception | None = None
    observe_error: Exception | None = None

    def check(self, config: Mapping[str, object], text: str) -> None:
        if "script" not in config:
            raise InvalidConfig("There is no script.", line=1, column=1)

    def job_name(self, config: Mapping[str, object]) -> str | None:
        name = config.get("name")
        return name if isinstance(name, str) else None

    def total_steps(self, config: Mapping[str, object]) -> int | None:
        steps = config.get("steps")
        return steps if isinstance(steps, int) else None

    def launch(
        self, folder: JobFolder, config_text: str, slot: Slot, settings: ServerSettings
    ) -> Launch:
        if self.launch_error is not None:
            raise self.launch_error
        from trainer_tui.server.configs import parse

        out = folder.work / "out"
        out.mkdir(parents=True, exist_ok=True)
        return Launch(("sh", "-c", str(parse(config_text)["script"])), out)

    def observe(self, folder: JobFolder, previous: Observed) -> Observed:
        if self.observe_error is not None:
            raise self.observe_error
        return replace(self.observed, mark=None)

    def artifacts(self, folder: JobFolder) -> Sequence[FileEntry]:
        return []


def script(text: str, **more: object) -> Request:
    """A request to run a shell script."""
    import json

    return Request(json.dumps({"job": "shell", "script": text} | more))


@pytest.fixture
def runner() -> ShellRunner:
    """The runner of the engines below."""
    return ShellRunner()


@pytest.fixture
async def make(tmp_path: Path, runner: ShellRunner) -> AsyncIterator[Open]:
    """Start engines, one after the other, on the same folder."""
    engines: list[Engine] = []

    async def start(cpu_slots: int = 1, gpus: Sequence[GpuInfo] = (), **more: Any) -> Engine:
        for engine in engines:
            await engine.close()
        engines.clear()
        settings = ServerSettings(
            private_folder(tmp_path / "server"),
            cpu_slots=cpu_slots,
            poll=0.02,
            **more,
        )
        engine = Engine(settings, runners={runner.name: runner}, gpus=gpus)
        engines.append(engine)
        await engine.start()
        return engine

    yield start
    for engine in engines:
        await engine.close()
    end_leftovers(tmp_path / "server" / "jobs")


async def until(probe: Callable[[], object], what: str = "it") -> None:
    """Let the engine work until the answer is true."""
    async with asyncio.timeout(60):
        while not probe():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.01)


async def ended(engine: Engine, job_id: str) -> JobRecord:
    """Wait for a job's end."""
    await until(lambda: engine.get(job_id).status.ended, f"{job_id} to end")
    return engine.get(job_id)


async def started(engine: Engine, job_id: str) -> JobRecord:
    """Wait until a job runs and has said so."""
    log = engine.folder(job_id).log
    await until(lambda: log.exists() and "started" in log.read_text())
    await until(lambda: engine.get(job_id).status is Status.RUNNING)
    return engine.get(job_id)


async def submit(engine: Engine, text: str = WAITS, gpu: Gpu | None = None, **more: object) -> str:
    """Submit a script; gives the job's id."""
    request = script(text, **more)
    record, new = await engine.submit(replace(request, gpu=gpu))
    assert new
    return record.id


# -- the queue and the slots --------------------------------------------------------------------


async def test_jobs_run_in_the_order_they_came(make: Open) -> None:
    """With one slot one job runs at a time; positions move up."""
    engine = await make()
    first, second, third = [await submit(engine) for _ in range(3)]
    await started(engine, first)
    places = [engine.book.position(engine.get(each)) for each in (first, second, third)]
    assert places == [None, 0, 1]
    release(engine.folder(first).root)
    await started(engine, second)
    assert engine.get(third).status is Status.QUEUED
    assert engine.book.position(engine.get(third)) == 0
    for each in (second, third):
        await started(engine, each)
        release(engine.folder(each).root)
        assert (await ended(engine, each)).status is Status.SUCCEEDED


async def test_as_many_run_as_there_are_slots(make: Open) -> None:
    """Two slots, three jobs: two run; and a slot is free again however its job ended."""
    engine = await make(cpu_slots=2)
    jobs = [await submit(engine) for _ in range(3)]
    for each in jobs[:2]:
        await started(engine, each)
    assert engine.pool.cpu_free == 0
    assert engine.get(jobs[2]).status is Status.QUEUED
    await engine.cancel(jobs[0])
    await started(engine, jobs[2])
    for each in jobs[1:]:
        await engine.stop(each)
        await ended(engine, each)
    assert engine.pool.cpu_free == 2


async def test_without_slots_jobs_wait(make: Open) -> None:
    """No CPU slot at all is a queue that does not move, not an error."""
    engine = await make(cpu_slots=0)
    job = await submit(engine)
    assert engine.get(job).status is Status.QUEUED
    assert (await engine.cancel(job)).status is Status.CANCELED


async def test_a_gpu_belongs_to_one_job(make: Open) -> None:
    """Each job sees its own GPU and no other; a CPU job sees none and does not wait for one."""
    engine = await make(gpus=TWO_GPUS)
    text = f"echo gpus=$CUDA_VISIBLE_DEVICES=; {WAITS}"
    jobs = [await submit(engine, text, Gpu("any")) for _ in range(3)]
    cpu = await submit(engine, text)
    for each in (jobs[0], jobs[1], cpu):
        await started(engine, each)
    seen = [engine.folder(each).log.read_text().split("=")[1] for each in (*jobs[:2], cpu)]
    assert seen == ["0", "1", ""]
    assert engine.get(jobs[2]).status is Status.QUEUED
    await engine.stop(jobs[0])
    await started(engine, jobs[2])
    assert engine.folder(jobs[2]).log.read_text().startswith("gpus=0=")


async def test_a_job_of_two_gpus_is_not_overtaken_for_ever(make: Open) -> None:
    """Later GPU jobs wait behind it; CPU jobs are in another line."""
    engine = await make(gpus=TWO_GPUS)
    one = await submit(engine, WAITS, Gpu("any"))
    await started(engine, one)
    both = await submit(engine, WAITS, Gpu("any", 2))
    late = await submit(engine, WAITS, Gpu("any"))
    cpu = await submit(engine, WAITS)
    await started(engine, cpu)
    assert [engine.get(each).status for each in (both, late)] == [Status.QUEUED] * 2
    await engine.stop(one)
    await started(engine, both)
    assert engine.get(both).slot_gpus == (0, 1)
    assert engine.get(late).status is Status.QUEUED


async def test_gpus_that_run_are_held_by_the_next_engine(make: Open) -> None:
    """A job found running keeps its GPU: the next one does not get the same."""
    engine = await make(gpus=TWO_GPUS)
    job = await submit(engine, WAITS, Gpu("any"))
    await started(engine, job)
    engine = await make(gpus=TWO_GPUS)
    assert engine.pool.gpus_free == (1,)
    other = await submit(engine, WAITS, Gpu("any"))
    await started(engine, other)
    assert engine.get(other).slot_gpus == (1,)


@pytest.mark.parametrize(
    ("use", "gpu", "here", "expected"),
    [
        (GpuUse.NEVER, Gpu("H100", 8), (), 0),
        (GpuUse.NEVER, Gpu("H100", 1), TWO_GPUS, 0),
        (GpuUse.ASKED, None, TWO_GPUS, 0),
        (GpuUse.ASKED, Gpu("any", 2), TWO_GPUS, 2),
        (GpuUse.PREFERRED, None, TWO_GPUS, 1),
        (GpuUse.PREFERRED, None, (), 0),
        (GpuUse.PREFERRED, Gpu("any", 2), TWO_GPUS, 2),
        (GpuUse.PREFERRED, Gpu("cpu", 0), TWO_GPUS, 0),
    ],
    ids=range(8),
)
async def test_how_many_gpus_a_job_gets(
    make: Open,
    runner: ShellRunner,
    use: GpuUse,
    gpu: Gpu | None,
    here: Sequence[GpuInfo],
    expected: int,
) -> None:
    """By what its runner does with them, what is asked, and what is there."""
    runner.gpu = use
    engine = await make(cpu_slots=0, gpus=())
    engine.pool.gpus = tuple(here)
    record, _ = await engine.submit(replace(script("true"), gpu=gpu))
    assert record.gpu_count == expected
    assert record.gpu == gpu


@pytest.mark.parametrize("here", [(), TWO_GPUS], ids=["none", "two"])
async def test_more_gpus_than_there_are_is_refused(make: Open, here: Sequence[GpuInfo]) -> None:
    """With what there is, and no job is made."""
    engine = await make(gpus=here)
    with pytest.raises(UsageError, match=r"no GPU|only 2 GPUs") as caught:
        await submit(engine, "true", Gpu("any", 3))
    assert caught.value.code == "NO_GPU"
    assert len(engine.book) == 0


async def test_a_gpu_job_on_a_machine_that_lost_its_gpus_fails(make: Open) -> None:
    """Rather than wait for ever; what comes after it runs."""
    engine = await make(cpu_slots=0, gpus=TWO_GPUS)
    blocker = await submit(engine, WAITS, Gpu("any", 2))
    await started(engine, blocker)
    job = await submit(engine, "true", Gpu("any"))
    await engine.stop(blocker)
    engine.pool.gpus = ()
    record = await ended(engine, job)
    assert (record.status, record.error.code) == (Status.FAILED, "NO_GPU")


# -- acts ---------------------------------------------------------------------------------------


async def test_queued_jobs_end_at_once(make: Open) -> None:
    """There is no process to ask: canceled is canceled, stopped is interrupted."""
    engine = await make(cpu_slots=0)
    assert (await engine.cancel(await submit(engine))).status is Status.CANCELED
    record = await engine.stop(await submit(engine))
    assert record.status is Status.INTERRUPTED
    assert record.finished_at is not None
    assert record.started_at is None


async def test_a_resume_of_a_job_that_never_ran_runs_it(make: Open) -> None:
    """Canceled in the queue, resumed: it takes its place at the end."""
    engine = await make()
    blocker, first, second = [await submit(engine, WAITS) for _ in range(3)]
    await engine.cancel(first)
    await engine.resume(first)
    assert [record.id for record in engine.book.queue()] == [second, first]
    await engine.cancel(blocker)
    await engine.cancel(second)
    await started(engine, first)


async def test_resume_of_a_finished_job_needs_more_steps(make: Open, runner: ShellRunner) -> None:
    """Refused at its last step; an edit that raises the steps gives it something to do. Until
    then it has made all the steps that it ran for."""
    engine = await make()
    runner.observed = Observed(Progress.of(10, 10), 0.5, 10)
    job = await submit(engine, "true", name="n", steps=10)
    assert (await ended(engine, job)).status is Status.SUCCEEDED
    with pytest.raises(StateError) as caught:
        await engine.resume(job)
    assert caught.value.code == "JOB_FINISHED"
    record = await engine.edit(job, script("true", name="n", steps=20).config)
    assert record.progress == Progress(10, 20, percent=100)
    record = await engine.resume(job)
    assert (record.attempt, record.checkpoint_step) == (2, 10)
    assert record.progress == Progress.of(10, 20)
    await ended(engine, job)
    assert "attempt 2, " in engine.folder(job).log.read_text()
    assert "from step 10" in engine.folder(job).log.read_text()


async def test_a_stop_that_comes_at_the_end_is_a_success(make: Open, runner: ShellRunner) -> None:
    """All steps made and exit code 0: it finished, whatever was asked in its last moment."""
    engine = await make()
    runner.observed = Observed(Progress.of(10, 10))
    job = await submit(engine, "trap 'exit 0' INT; echo started; while :; do sleep 0.02; done")
    await started(engine, job)
    await engine.stop(job)
    assert (await ended(engine, job)).status is Status.SUCCEEDED


async def test_acts_on_jobs_that_are_not_there(make: Open) -> None:
    """Every act says the same."""
    engine = await make()
    for act in (engine.cancel, engine.stop, engine.resume, engine.delete):
        with pytest.raises(NotFoundError) as caught:
            await act("nope")
        assert caught.value.code == "JOB_NOT_FOUND"


async def test_the_same_request_twice_at_once_is_one_job(make: Open) -> None:
    """Sent together by an impatient client."""
    engine = await make(cpu_slots=0)
    request = replace(script("true"), token="t")
    both = await asyncio.gather(engine.submit(request), engine.submit(request))
    assert both[0][0].id == both[1][0].id
    assert [new for _, new in both] == [True, False]


# -- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [TrainerError("no checkout"), OSError(13, "denied"), KeyError("a mistake")]
)
async def test_a_runner_that_cannot_launch_fails_its_job_only(
    make: Open, runner: ShellRunner, error: Exception
) -> None:
    """The reason is the job's error, the slot is free for the next."""
    engine = await make()
    runner.launch_error = error
    record = await ended(engine, await submit(engine, "true"))
    assert record.status is Status.FAILED
    assert "could not be started" in record.error.message
    runner.launch_error = None
    assert (await ended(engine, await submit(engine, "true"))).status is Status.SUCCEEDED


async def test_a_runner_that_cannot_read_its_files_ends_nothing(
    make: Open, runner: ShellRunner
) -> None:
    """A mistake about files is logged; the job goes on to its true end."""
    engine = await make()
    runner.observe_error = ZeroDivisionError()
    assert (await ended(engine, await submit(engine, "true"))).status is Status.SUCCEEDED
    assert (await ended(engine, await submit(engine, "exit 4"))).exit_code == 4


async def test_a_record_that_cannot_be_written_is_written_later(
    make: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at a job's end: its end is known, and on the disk once there is room."""
    engine = await make()
    job = await submit(engine)
    await started(engine, job)
    real = engine.disk.save
    full = True

    def save(record: JobRecord) -> None:
        if full:
            raise OSError(28, "No space left on device")
        real(record)

    monkeypatch.setattr(engine.disk, "save", save)
    release(engine.folder(job).root)
    assert (await ended(engine, job)).status is Status.SUCCEEDED
    full = False
    await until(lambda: '"succeeded"' in engine.folder(job).record.read_text())


async def test_a_queued_job_waits_for_room(
    make: Open, runner: ShellRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk fails no job that has not begun: it is started when there is room; nor does a
    system with no room for another process."""
    engine = await make()
    runner.launch_error = OSError(28, "No space left on device")
    job = await submit(engine, "true")
    other = await submit(engine, "true")
    assert engine.scheduler.no_room
    assert [engine.get(each).status for each in (job, other)] == [Status.QUEUED, Status.QUEUED]
    runner.launch_error = None
    for each in (job, other):
        assert (await ended(engine, each)).status is Status.SUCCEEDED

    def full(folder: JobFolder, number: int) -> Never:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    with monkeypatch.context() as patch:
        patch.setattr(engine.executor, "start", full)
        job = await submit(engine, "true")
        assert engine.get(job).status is Status.QUEUED
    record = await ended(engine, job)
    assert (record.status, record.launch) == (Status.SUCCEEDED, 2)


@pytest.mark.parametrize(
    ("act", "status"), [("cancel", Status.CANCELED), ("stop", Status.INTERRUPTED)]
)
async def test_a_job_can_be_ended_on_a_full_disk(
    make: Open, monkeypatch: pytest.MonkeyPatch, act: str, status: Status
) -> None:
    """One that runs and one that waits, though no file can be made or replaced."""
    engine = await make()
    running, waiting = await submit(engine), await submit(engine)
    await started(engine, running)

    def full(*arguments: object) -> Never:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(engine.disk, "save", full)
    monkeypatch.setattr(supervisor, "write_json", full)
    for job in (waiting, running):
        await getattr(engine, act)(job)
        assert (await ended(engine, job)).status is status


async def test_a_submit_that_cannot_be_written_makes_no_job(
    make: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is queued that is not on the disk."""
    engine = await make(cpu_slots=0)
    from trainer_tui.server import disk

    def full(path: Path, data: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write_atomic", full)
    with pytest.raises(OSError, match="No space"):
        await submit(engine)
    assert len(engine.book) == 0
    assert list(engine.settings.jobs.iterdir()) == []


async def test_a_job_whose_folder_is_taken_away_ends(
    make: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted by hand under a running job: its processes are ended, wherever there is a /proc to
    find them by, its slot is free again, the engine goes on. It does not end before it began,
    though the clock is set back meanwhile."""
    engine = await make()
    job = await submit(engine)
    record = await started(engine, job)
    state = read_json(engine.folder(job).state)
    assert state is not None
    monkeypatch.setattr(engine, "now", lambda: record.started_at - timedelta(hours=1))
    shutil.rmtree(engine.folder(job).root)
    if sys.platform != "linux":
        os.killpg(record.pid, signal.SIGKILL)
        os.kill(state["supervisor"]["pid"], signal.SIGKILL)
    found = await ended(engine, job)
    assert (found.status, found.finished_at) == (Status.INTERRUPTED, record.started_at)
    assert not group_alive(record.pid, state["supervisor"]["pid"])
    assert (await ended(engine, await submit(engine, "true"))).status is Status.SUCCEEDED


async def test_an_unknown_runner_is_refused_with_those_there_are(make: Open) -> None:
    """And a job that needs one which is gone is not lost."""
    engine = await make()
    with pytest.raises(UsageError) as caught:
        await engine.submit(Request("job: shell", runner="gone"))
    assert caught.value.hint == "Known are shell."


# -- progress and events ------------------------------------------------------------------------


async def test_progress_is_seen_while_it_runs_and_kept_at_the_end(
    make: Open, runner: ShellRunner
) -> None:
    """Steps, loss and checkpoints; a checkpoint is an event; all of it outlives the engine."""
    engine = await make()
    job = await submit(engine)
    await started(engine, job)
    runner.observed = Observed(Progress.of(5, 10), 0.25, 4)
    await until(lambda: engine.get(job).loss == 0.25)
    assert engine.get(job).progress == Progress.of(5, 10)
    release(engine.folder(job).root)
    await ended(engine, job)
    texts = [str(event["text"]).partition(" (")[0] for event in engine.events(job)]
    assert texts == ["queued", "preparing", "running", "checkpoint at step 4", "succeeded"]
    engine = await make()
    record = engine.get(job)
    assert (record.progress, record.loss, record.checkpoint_step) == (Progress.of(5, 10), 0.25, 4)


async def test_unchanged_files_change_nothing(make: Open) -> None:
    """Looking at a running job again and again leaves the list as it is."""
    engine = await make()
    job = await submit(engine)
    await started(engine, job)
    looks = 0
    real = engine.executor.look

    def counted(folder: JobFolder, number: int) -> Any:
        nonlocal looks
        looks += 1
        return real(folder, number)

    engine.executor.look = counted
    rev = engine.book.rev
    await until(lambda: looks >= 5)
    assert engine.book.rev == rev


async def test_an_idle_engine_looks_at_nothing(make: Open) -> None:
    """While nothing runs there is no timer; the watch sleeps until it is woken."""
    engine = await make(cpu_slots=0)
    await submit(engine)
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    timers = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    assert timers == []


async def test_a_listener_that_does_not_keep_up_is_let_go(make: Open) -> None:
    """It holds up nobody; the others hear everything."""
    engine = await make(cpu_slots=0)
    slow = engine.hub.listen(None, 60.0)
    first = asyncio.ensure_future(anext(slow))
    await asyncio.sleep(0)
    job = await submit(engine)
    assert (await first).job_id == job
    record = engine.get(job)
    from trainer_tui.model import EventKind
    from trainer_tui.server.events import KEPT

    for _ in range(KEPT + 5):
        engine.book.tell(record, EventKind.NOTE, "much to tell")
    heard = [event async for event in slow]
    assert len(heard) <= KEPT
    caught_up = engine.hub.listen(heard[-1].seq, 60.0)
    assert (await anext(caught_up)).seq > heard[-1].seq
    await caught_up.aclose()


async def test_a_quiet_stream_shows_that_it_is_alive(make: Open) -> None:
    """Nothing happened for the length of a heartbeat."""
    engine = await make(cpu_slots=0)
    listening = engine.hub.listen(None, 0.01)
    assert await anext(listening) is None
    await listening.aclose()
