"""The local provider against the real local server, over its socket."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.server import FAULTS, HostileServer, cut_short, in_turn, json_answer, raw_answer
from tests.providers.support import TOKEN, context, eventually
from tests.server import prefork
from trainer_tui.config import Secret
from trainer_tui.errors import (
    AuthError,
    ConfigError,
    NetworkError,
    NotFoundError,
    ProtocolError,
    ServiceError,
    StateError,
    TrainerError,
)
from trainer_tui.model import ArtifactKind, Capability, Job, Status
from trainer_tui.paths import Paths
from trainer_tui.providers import _autostart
from trainer_tui.providers.base import DownloadHead, Submission
from trainer_tui.providers.local import Local, open_provider

QUICK = """
import json, os, pathlib
out = pathlib.Path(os.environ["TRAINER_TUI_OUT"])
with open(os.environ["TRAINER_TUI_METRICS"], "a") as file:
    for step, value in enumerate([0.5, float("nan"), 0.25]):
        print(json.dumps({"step": step, "time": 1.7e9, "key": "loss", "value": value}), file=file)
(out / "quick_000000002.safetensors").write_bytes(b"weights" * 1000)
print("step 3/3", "\\x1b[31mred\\x1b[0m")
"""
WAITING = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("step 1/9", flush=True)
signal.pause()
"""


@dataclass
class Home:
    """A server's home, outside pytest's long paths: a socket's path must be short."""

    path: Path

    def config(self, name: str, program: str) -> str:
        """A config of a job that runs this program."""
        script = self.path / f"{name}.py"
        script.write_text(program)
        return (
            f"job: command\nconfig:\n  name: {name}\n"
            f"  argv: [{sys.executable}, {script}]\n"
            "  progress: 'step (?P<current>\\d+)/(?P<total>\\d+)'\n"
        )


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """One server for all tests of this module, started as in use, supervisors and jobs included;
    it ends with them."""
    with prefork.for_real(), tempfile.TemporaryDirectory(prefix="tt-") as folder:
        path = Path(folder)
        yield Home(path)
        stop_server(path)


def stop_server(path: Path) -> None:
    """End the server of a home, and wait until it has."""

    async def stop() -> None:
        provider = open_provider(context(path, "local", name="local", token=None))
        with contextlib.suppress(TrainerError):
            pid = int((await provider.info())["pid"])
            os.kill(pid, signal.SIGTERM)
            await eventually(lambda: exists(pid), lambda there: not there)
        await provider.aclose()

    asyncio.run(stop())


async def exists(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def opened(home: Home, autostart: bool = True) -> Local:
    """A provider of that home; the server is started when it is first asked."""
    timeout = 60.0
    ctx = context(home.path, "local", autostart, name="local", token=None, timeout=timeout)
    return open_provider(ctx)


@pytest.fixture
async def local(home: Home) -> AsyncIterator[Local]:
    """The provider, with the real server behind it."""
    provider = opened(home)
    yield provider
    await provider.aclose()


async def until(local: Local, job_id: str, *statuses: Status) -> Job:
    """The job, once it is in one of these states."""
    return await eventually(lambda: local.get_job(job_id), lambda job: job.status in statuses)


async def finished(local: Local, home: Home) -> Job:
    """A quick job that has run."""
    job = await local.submit(Submission(home.config("quick", QUICK)))
    return await until(local, job.ref.id, Status.SUCCEEDED, Status.FAILED)


async def test_the_server_is_started_and_found(home: Home) -> None:
    """The first question starts a server; the next console finds it; check says what it does."""
    first, second = opened(home), opened(home)
    account = await first.check()
    assert "0 running" in account.summary
    assert (await first.info())["pid"] == (await second.info())["pid"]
    await first.aclose()
    await second.aclose()


async def test_a_socket_needs_no_certificates(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's authorities are not read for it: that takes longer than all else."""
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: pytest.fail("were read"))
    assert (await local.info())["server"] == "trainer-tui"


async def test_a_job_from_submit_to_its_files(local: Local, home: Home) -> None:
    """A job is queued, runs, and shows progress, log, curve and files."""
    told: list[str] = []
    job = await local.submit(
        Submission(home.config("quick", QUICK), name="my run"), accepted=told.append
    )
    assert told == [job.ref.id]
    assert (job.name, job.provider, job.ref.profile) == ("my run", "local", "local")
    job = await until(local, job.ref.id, Status.SUCCEEDED)
    assert job.progress is not None and job.progress.percent == 100
    assert job.started_at is not None and job.finished_at is not None
    chunk = await local.logs(job.ref.id)
    assert "step 3/3" in chunk.text and "\x1b[31m" in chunk.text
    assert chunk.complete
    tail = await local.logs(job.ref.id, offset=-5)
    assert tail.next_offset == chunk.next_offset
    assert local.log_names(job) == ("log",)
    with pytest.raises(NotFoundError):
        await local.logs(job.ref.id, name="build")
    path = await local.log_path(job.ref.id)
    assert path is not None and path.read_bytes() == chunk.data
    points, cursor = await local.metrics(job.ref.id)
    loss = [point.value for point in points if point.key == "loss"]
    assert loss[0] == 0.5 and math.isnan(loss[1]) and loss[2] == 0.25
    assert await local.metrics(job.ref.id, since=cursor) == ([], cursor)
    assert [event.ref for event in await local.events(job.ref.id)]
    (weights,) = [a for a in await local.artifacts(job.ref.id) if a.name.endswith(".safetensors")]
    assert (weights.kind, weights.step, weights.size) == (ArtifactKind.CHECKPOINT, 2, 7000)
    items = [item async for item in local.download(weights, offset=3500, etag=weights.etag)]
    assert isinstance(items[0], DownloadHead)
    assert (items[0].offset, items[0].size, items[0].etag) == (3500, 7000, weights.etag)
    assert b"".join(item for item in items if isinstance(item, bytes)) == b"weights" * 500


async def test_an_unchanged_list_is_not_parsed_again(local: Local, home: Home) -> None:
    """A 304 gives back the very same jobs."""
    job = await finished(local, home)
    first = await local.list_jobs([])
    second = await local.list_jobs(first)
    assert job.ref in {j.ref for j in first}
    assert all(a is b for a, b in zip(first, second, strict=True))


async def test_the_list_has_pages(
    local: Local, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page is asked for, and nothing is lost or doubled."""
    for size in ("FIRST", "PAGE"):
        monkeypatch.setattr(f"trainer_tui.providers._native_pages.{size}", 1)
    for _ in range(2):
        await finished(local, home)
    jobs = await local.list_jobs([])
    assert len(jobs) == len({job.ref for job in jobs}) >= 2
    created = [job.created_at for job in jobs if job.created_at]
    assert created == sorted(created, reverse=True)


async def test_the_same_token_makes_one_job(local: Local, home: Home) -> None:
    """A submit that is repeated with its token gives the first job again."""
    wanted = Submission(home.config("quick", QUICK), token="once-only")
    first, second = await local.submit(wanted), await local.submit(wanted)
    assert first.ref == second.ref


async def test_cancel_resume_stop(local: Local, home: Home) -> None:
    """A running job is canceled, resumed and stopped; each ends as it should."""
    job = await local.submit(Submission(home.config("waiting", WAITING)))
    await eventually(
        lambda: local.get_job(job.ref.id),
        lambda j: j.progress is not None and j.progress.current == 1,
    )
    with pytest.raises(StateError):
        await local.resume(job.ref.id)
    with pytest.raises(StateError):
        await local.edit(job.ref.id, home.config("waiting", WAITING))
    with pytest.raises(StateError):
        await local.delete(job.ref.id)
    await local.cancel(job.ref.id)
    ended = await until(local, job.ref.id, Status.CANCELED)
    assert {Capability.RESUME, Capability.EDIT, Capability.DELETE} <= ended.allowed
    with pytest.raises(StateError) as caught:
        await local.cancel(job.ref.id)
    assert caught.value.code == "JOB_NOT_RUNNING"
    await local.resume(job.ref.id)
    await until(local, job.ref.id, Status.RUNNING)
    await local.stop(job.ref.id)
    stopped = await until(local, job.ref.id, Status.INTERRUPTED, Status.SUCCEEDED)
    again = await local.stop(job.ref.id)
    assert again is not None and again.status is stopped.status


async def test_edit_notices_a_conflict(local: Local, home: Home) -> None:
    """Two edits that began from the same text: the second is told so, and nothing is lost."""
    job = await finished(local, home)
    base = await local.config_text(job.ref.id)
    other = opened(home)
    theirs = base + "# theirs, with a ü\r\n"
    await other.edit(job.ref.id, theirs, base_text=base)
    for provider in (local, other):
        with pytest.raises(StateError) as caught:
            await provider.edit(job.ref.id, base + "# ours\n", base_text=base)
        assert caught.value.code == "CONFLICT"
    assert await local.config_text(job.ref.id) == theirs
    await local.edit(job.ref.id, base, base_text=theirs)
    assert await local.config_text(job.ref.id) == base
    await other.aclose()


async def test_a_bad_config_names_the_line(local: Local) -> None:
    """What is wrong with a config is said with its line."""
    with pytest.raises(ServiceError, match=r"line \d") as caught:
        await local.submit(Submission("job: command\nconfig: [unclosed\n"))
    assert caught.value.code == "INVALID_CONFIG"


async def test_delete(local: Local, home: Home) -> None:
    """A deleted job is gone from the list and cannot be asked any more."""
    job = await finished(local, home)
    await local.delete(job.ref.id)
    with pytest.raises(NotFoundError):
        await local.get_job(job.ref.id)
    assert job.ref not in {j.ref for j in await local.list_jobs([])}


async def test_a_killed_server_is_started_again(local: Local, home: Home) -> None:
    """After kill -9 of the server the next question starts one, and no job is lost."""
    job = await finished(local, home)
    pid = int((await local.info())["pid"])
    os.kill(pid, signal.SIGKILL)
    again = await local.get_job(job.ref.id)
    assert again.ref == job.ref
    assert (await local.info())["pid"] != pid


async def test_a_download_starts_a_killed_server(local: Local, home: Home) -> None:
    """A download that goes on after the server was killed finds one again."""
    job = await finished(local, home)
    (weights, *_) = [a for a in await local.artifacts(job.ref.id) if a.size == 7000]
    for _ in range(2):
        os.kill(int((await local.info())["pid"]), signal.SIGKILL)
        items = [item async for item in local.download(weights)]
        assert b"".join(item for item in items if isinstance(item, bytes)) == b"weights" * 1000


async def test_many_consoles_start_one_server(home: Home) -> None:
    """However many ask at once, one server runs afterwards."""
    stop = opened(home)
    os.kill(int((await stop.info())["pid"]), signal.SIGKILL)
    consoles = [opened(home) for _ in range(5)]
    pids = {info["pid"] for info in await asyncio.gather(*(c.info() for c in consoles))}
    assert len(pids) == 1
    for console in (stop, *consoles):
        await console.aclose()


async def test_no_autostart(tmp_path: Path) -> None:
    """Where it is not to be started, the error says how to."""
    provider = open_provider(context(tmp_path, "local", token=None))
    with pytest.raises(NetworkError) as caught:
        await provider.list_jobs([])
    assert "trainer-tui serve" in (caught.value.hint or "")
    assert not (tmp_path / "state").exists()


async def test_a_server_that_cannot_start_shows_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error holds what the server said before it died, and is not repeated at once."""
    starts = []

    def command(paths: Paths) -> list[str]:
        starts.append(1)
        return [sys.executable, "-c", "import sys; sys.exit('no room on the \\x1b[31mdisk')"]

    monkeypatch.setattr(_autostart, "command", command)
    provider = open_provider(context(tmp_path, "local", True, token=None))
    for _ in range(2):
        with pytest.raises(NetworkError, match="no room on the disk") as caught:
            await provider.list_jobs([])
        assert caught.value.code == "SERVER_START"
    assert len(starts) == 1


async def test_a_socket_in_a_foreign_folder_is_not_asked(
    tmp_path: Path, server: HostileServer
) -> None:
    """Where the runtime folder is not ours but somebody's link, no config is sent there."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    ctx = context(tmp_path / "home", "local", token=None)
    (tmp_path / "home").mkdir()
    ctx.paths.socket.parent.symlink_to(theirs)
    provider = open_provider(ctx)
    try:
        with pytest.raises(ConfigError, match="not a folder of yours"):
            await provider.submit(Submission("job: command\n"))
    finally:
        ctx.paths.socket.parent.unlink()


async def test_a_folder_that_takes_no_lock_is_said(tmp_path: Path) -> None:
    """A read-only disk: the starters' lock cannot be made, and the error says where."""
    paths = Paths.under(tmp_path)
    (paths.runtime / "start.lock").mkdir(parents=True)

    async def nobody() -> bool:
        return False

    with pytest.raises(ConfigError, match=r"no folder to live in.*start\.lock"):
        await _autostart.Starter(paths, nobody).start()


async def test_missing_packages_name_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the error is the command that installs it."""
    monkeypatch.setattr(_autostart, "_PACKAGES", ("starlette", "surely_not_installed"))
    provider = open_provider(context(tmp_path, "local", True, token=None))
    with pytest.raises(ConfigError, match="surely_not_installed") as caught:
        await provider.list_jobs([])
    assert caught.value.hint == "pip install 'trainer-tui[local]'"


async def test_a_lost_submit_is_asked_for_once_more(server: HostileServer, tmp_path: Path) -> None:
    """The request carries a token, so asking twice makes one job: a lost answer is repaired."""
    server.route(
        "POST",
        "/v1/jobs",
        in_turn(FAULTS["reset"], json_answer({"id": "j1", "name": "n", "status": "queued"})),
    )
    provider = open_provider(context(tmp_path, "local", base_url=server.url))
    job = await provider.submit(Submission("job: command\n"))
    first, second = (request.json() for request in server.asked("POST"))
    assert first == second and isinstance(first, dict) and first["token"]
    assert job.ref.id == "j1"
    await provider.aclose()


async def test_tcp_asks_for_the_token(home: Home) -> None:
    """Another server over TCP is asked with the profile's token."""
    with HostileServer() as server:
        server.play(json_answer({"jobs": [], "next": None}))
        ctx = context(home.path, "local", base_url=server.url, token=Secret(TOKEN))
        provider = open_provider(ctx)
        assert await provider.list_jobs([]) == []
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        server.play(FAULTS["unauthorized"])
        with pytest.raises(AuthError):
            await provider.list_jobs([])
        await provider.aclose()


async def test_a_piece_of_log_that_is_cut_or_misshapen_is_not_taken(
    server: HostileServer, tmp_path: Path
) -> None:
    """Fewer bytes than were promised, or than the headers say, are an error and no text."""
    provider = open_provider(context(tmp_path, "local", base_url=server.url))
    headers = {
        "Content-Type": "application/octet-stream",
        "X-Log-Offset": "0",
        "X-Log-Next": "9",
        "X-Log-Size": "9",
    }
    server.play(cut_short(b"half", 9, headers=headers))
    with pytest.raises(ProtocolError, match="cut off"):
        await provider.logs("j1")
    for wrong in (headers, {**headers, "X-Log-Next": "-4"}, {"Content-Type": "text/html"}):
        server.play(raw_answer(b"half", 200, wrong))
        with pytest.raises(ProtocolError):
            await provider.logs("j1")
    server.play(raw_answer(b"all of it", 200, headers))
    chunk = await provider.logs("j1")
    assert (chunk.data, chunk.offset, chunk.next_offset) == (b"all of it", 0, 9)
    assert await provider.log_path("j1") is None  # another machine, for all we know
    await provider.aclose()


async def test_a_server_of_an_earlier_version_gives_text(
    server: HostileServer, tmp_path: Path
) -> None:
    """Its JSON is taken; text that is not as long as the bytes it stands for is made to fit."""
    provider = open_provider(context(tmp_path, "local", base_url=server.url))
    told = {"offset": 5, "next_offset": 9, "size": 9, "reset": False, "complete": True}
    for text, data in (("abcd", b"abcd"), ("a\ufffdb", b"a\xef\xbf\xbd"), ("ab", b"ab??")):
        server.play(json_answer({"log": text, **told}))
        chunk = await provider.logs("j1", offset=5)
        assert (chunk.data, chunk.offset, chunk.complete) == (data, 5, True)
    await provider.aclose()


async def test_a_forwarded_socket_is_not_taken_for_this_machine(local: Local, home: Home) -> None:
    """Who listens there is not the server: its folder may be another machine's."""
    job = await finished(local, home)
    assert await local.log_path(job.ref.id) is not None

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(str(Paths.under(home.path).socket))
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    place = home.path / "forwarded.sock"
    async with await asyncio.start_unix_server(forward, str(place)):
        ctx = context(home.path, "local", name="local", token=None, socket=place)
        provider = open_provider(ctx)
        assert (await provider.logs(job.ref.id)).complete
        assert await provider.log_path(job.ref.id) is None
        await provider.aclose()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
