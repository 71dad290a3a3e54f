"""The server over TCP, its token and hosts; ``trainer-tui serve`` as a person runs it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from tests.cli.conftest import Cli, Ran
from tests.server.conftest import WAITS, LocalServer, client_of, release, shell, wait_for
from tests.server.prefork import PROGRAM, SERVER, Forked
from tests.server.prefork import run as run_to_end
from trainer_tui.__main__ import main
from trainer_tui.errors import StateError
from trainer_tui.paths import Paths
from trainer_tui.server import connections, hosting, service
from trainer_tui.server.connections import MOST_SILENT, Connection
from trainer_tui.server.procs import Process
from trainer_tui.server.signing import Signer

TOKEN = "t0p-s3cret-tökén"


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[LocalServer]:
    """A server on TCP with a known token."""
    folder = Path(tempfile.mkdtemp(prefix="tts-"))
    local = LocalServer(folder)
    (folder / "token").write_text(TOKEN + "\n")
    local.start("--port", "0", "--token-file", str(folder / "token"), "--cpu-slots", "2")
    yield local
    local.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def tcp(tcp_server: LocalServer) -> Iterator[httpx.Client]:
    """A client on TCP that sends nothing by itself."""
    origin = json.loads(tcp_server.info_file.read_text())["tcp"]
    with client_of(origin) as client:
        yield client


def bearer(token: str) -> dict[str, bytes]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}".encode()}


def test_tcp_is_on_loopback_only(tcp: httpx.Client, tcp_server: LocalServer) -> None:
    """And it is told in server.json and by info; the socket answers as well, without a token."""
    assert tcp.base_url.host == "127.0.0.1"
    origin = str(tcp.base_url).rstrip("/")
    assert json.loads(tcp_server.info_file.read_text())["tcp"] == origin
    assert tcp_server.client.get("/v1/info").json()["tcp"] == origin


def test_tcp_wants_the_token(tcp: httpx.Client) -> None:
    """With it everything, without it nothing: not even whether a path is there."""
    assert tcp.get("/v1/info", headers=bearer(TOKEN)).status_code == 200
    wrong = ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
    for header in wrong:
        for path in ("/v1/info", "/v1/nothing", "/", "/v1/jobs/x/files/log.txt"):
            answer = tcp.get(path, headers={"Authorization": header.encode()})
            assert answer.status_code == 401, (header, path)
            assert answer.json()["error"]["code"] == "UNAUTHORIZED"
    assert tcp.post("/v1/jobs", json={"config": shell("true")}).status_code == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.", "", "[::2]:1"],
)
def test_a_foreign_host_is_refused(tcp: httpx.Client, host: str) -> None:
    """A web page that made its own name lead here gets nothing, token or not."""
    answer = tcp.get("/v1/info", headers=bearer(TOKEN) | {"Host": host.encode()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN_HOST")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:5", "[::1]"])
def test_loopback_hosts_are_let_in(tcp: httpx.Client, host: str) -> None:
    """Whatever the port says: a tunnel may lead here."""
    answer = tcp.get("/v1/info", headers=bearer(TOKEN) | {"Host": host.encode()})
    assert answer.status_code == 200


def test_a_large_body_is_refused_whether_announced_or_not(tcp: httpx.Client) -> None:
    """413 by its announced length, and after the limit when it comes in pieces."""
    answer = tcp.post("/v1/jobs", content=b"x" * 5_000_000, headers=bearer(TOKEN))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "TOO_LARGE")

    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 100_000

    answer = tcp.post("/v1/jobs", content=pieces(), headers=bearer(TOKEN))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "TOO_LARGE")


def test_silent_connections_keep_nobody_out(tcp_server: LocalServer) -> None:
    """Of those on TCP that say nothing the newest are kept, and further ones are answered."""
    origin = json.loads(tcp_server.info_file.read_text())["tcp"]
    place = ("127.0.0.1", urlsplit(origin).port)
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(place)) for _ in range(MOST_SILENT + 10)
        ]
        assert tcp_server.client.get("/v1/info").status_code == 200

        def closed() -> list[socket.socket]:
            return select.select(silent, [], [], 0)[0]

        wait_for(lambda: len(closed()) >= 10, "those that are too many to be closed")
        with client_of(origin) as one, client_of(origin) as other:
            for client in (one, other, one):
                assert client.get("/v1/info", headers=bearer(TOKEN)).status_code == 200
        assert set(closed()) <= set(silent[:20])


@pytest.mark.anyio
async def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a request ends its connection after a while, a request that is answered does not."""
    config = uvicorn.Config(Mock(), log_config=None, interface="asgi3")
    connection, closed = Connection(config, ServerState(), {}), asyncio.Event()
    transport = Mock(close=closed.set)
    transport.get_extra_info.return_value = None
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0)
    connection.connection_made(transport)
    connection.data_received(b"GET / HT")
    await closed.wait()
    connection.data_received(b"TP/1.1\r\n")
    connection.cycle = Mock(response_complete=False)
    closed.clear()
    connection._too_late()
    assert not closed.is_set()


@pytest.mark.anyio
@pytest.mark.parametrize("end", [FileNotFoundError(), Mock(st_ino=2, st_dev=1)])
async def test_a_server_notices_that_its_folder_is_gone(
    monkeypatch: pytest.MonkeyPatch, end: object
) -> None:
    """Its lock is looked for again and again while it is there, or a network's folder does not
    answer; the server ends where it is gone or another's."""
    monkeypatch.setattr(service, "LOOK_FOR_LOCK", 0)
    ours = Mock(st_ino=1, st_dev=1)
    lock = Mock(stat=Mock(side_effect=[ours, ours, OSError(errno.ESTALE, "stale"), end]))
    await service.vanished(lock)
    assert lock.stat.call_count == 4


def test_a_server_is_alone_in_its_folder(tmp_path: Path) -> None:
    """Its socket may lie there too; and it does not take away what tells of a later one."""
    socket_path = tmp_path / "s.sock"
    with (
        hosting.exclusive(tmp_path, socket_path),
        pytest.raises(StateError, match="already uses"),
        hosting.exclusive(tmp_path, socket_path),
    ):
        pass
    here = Process.current()
    one = hosting.Whereabouts(here.pid, here.start_time, str(socket_path), None, "1", "then")
    replace(one, started_at="now").publish(tmp_path)
    one.withdraw(tmp_path)
    assert hosting.find(socket_path) is not None
    replace(one, started_at="now").withdraw(tmp_path)
    assert hosting.find(socket_path) is None


def test_the_token_is_written_nowhere(idle_server: LocalServer) -> None:
    """Not in server.json, not in any log, not in the environment of a job."""
    path = idle_server.home / "token"
    path.write_text(TOKEN)
    said = idle_server.start("--port", "0", "--token-file", str(path))
    for token in (TOKEN, TOKEN + "wrong"):
        httpx.get(said["tcp"] + "/v1/info", headers=bearer(token), verify=False)
    job = idle_server.submit(shell("env"))
    assert idle_server.wait(job["id"])["status"] == "succeeded"
    assert idle_server.terminate() == 0
    for path in idle_server.home.rglob("*"):
        if path.is_file() and path.name != "token":
            assert TOKEN.encode() not in path.read_bytes(), path


def test_a_token_from_the_environment_is_not_handed_to_jobs(idle_server: LocalServer) -> None:
    """It is a variable of the server's, and the jobs are none of its clients."""
    said = idle_server.start("--port", "0", env={"TRAINER_TUI_TOKEN": "from-env"})
    answer = httpx.get(said["tcp"] + "/v1/info", headers=bearer("from-env"), verify=False)
    assert answer.status_code == 200
    job = idle_server.submit(shell("env"))
    idle_server.wait(job["id"])
    assert "TRAINER_TUI_JOB=" in idle_server.log(job["id"])
    assert "from-env" not in idle_server.log(job["id"])


def test_a_signed_url_needs_no_token_and_is_good_for_one_file(
    tcp: httpx.Client, tcp_server: LocalServer
) -> None:
    """For its path until its time; with Range; 403 for any other, so that it is asked again."""
    job = tcp_server.submit(shell("echo 0123456789"))
    tcp_server.wait(job["id"])
    signer = Signer.open(tcp_server.state / "signing.key")
    path = f"/files/{job['id']}/log.txt"
    good = signer.sign(path, int(time.time()) + 60)
    assert tcp.get(good).text == "0123456789\n"
    part = tcp.get(good, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.text) == (206, "234")
    assert tcp.head(good).status_code == 200
    query = urlsplit(good).query
    for bad in (
        signer.sign(path, int(time.time()) - 1),
        f"/files/{job['id']}/config.yaml?{query}",
        path,
        f"{path}?exp=x&sig=y",
        f"{path}?exp=99999999999999999999&sig=",
        good + "0",
        good.replace("sig=", "sig=é"),
    ):
        answer = tcp.get(bad)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "URL_EXPIRED"), bad
    assert tcp.get(good, headers={"Host": "evil.example"}).status_code == 403


def test_a_signed_url_outlives_the_server(idle_server: LocalServer) -> None:
    """The key is kept, so a link that was given out stays good."""
    idle_server.start()
    job = idle_server.submit(shell("echo 0123456789"))
    idle_server.wait(job["id"])
    signer = Signer.open(idle_server.state / "signing.key")
    good = signer.sign(f"/files/{job['id']}/log.txt", int(time.time()) + 60)
    idle_server.kill()
    again = idle_server.start("--port", "0")
    assert httpx.get(again["tcp"] + good, verify=False).text == "0123456789\n"


def test_a_port_that_is_taken_is_said(tcp: httpx.Client, tmp_path: Path) -> None:
    """With what to do, exit code 2."""
    argv = ["serve", "--state", str(tmp_path / "s")]
    argv += ["--socket", str(tmp_path / "s.sock"), "--port", str(tcp.base_url.port)]
    done = run_to_end(PROGRAM, argv, os.environ | {"TRAINER_TUI_HOME": str(tmp_path)}, 60)
    assert done.returncode == 2
    assert "cannot be listened on" in done.stderr
    assert "--port 0" in done.stderr


# -- the command --------------------------------------------------------------------------------


Serve = Callable[..., Ran]


@pytest.fixture
def home(short_tmp: Path) -> Iterator[LocalServer]:
    """A home of its own for the command line; the server below it, once one runs."""
    local = LocalServer(short_tmp)
    paths = Paths.under(short_tmp)
    local.state, local.socket = paths.server, paths.socket
    local.jobs, local.info_file = paths.server / "jobs", paths.socket.with_name("server.json")
    local.client.close()
    local.client = client_of(paths.socket)
    yield local
    local.close()


@pytest.fixture
def serve(home: LocalServer) -> Serve:
    """Run ``trainer-tui serve …`` to its end: what only asks, in this process."""
    cli = Cli(home.home)

    def run(*arguments: str) -> Ran:
        if not {"--status", "--stop"}.isdisjoint(arguments):
            return cli("serve", *arguments)
        done = run_to_end(PROGRAM, ["serve", *arguments], cli.environment(), 60)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


Foreground = Callable[..., Forked]


@pytest.fixture
def foreground(home: LocalServer) -> Iterator[Foreground]:
    """Run ``trainer-tui serve …`` until it is ready and has said so."""
    started: list[Forked] = []

    def run(*arguments: str) -> Forked:
        process = Forked(PROGRAM, ["serve", *arguments], home.environment())
        started.append(process)
        wait_for(home.info_file.exists, "the server to be ready")
        wait_for(lambda: process.said()[0].endswith("\n"), "the server to say where")
        return process

    yield run
    for process in started:
        process.kill()
        process.wait(60)
        process.close()


@pytest.fixture
def real_process(home: LocalServer) -> Iterator[subprocess.Popen[str]]:
    """``trainer-tui serve`` as a shell starts it, on a port and with one slot."""
    argv = [sys.executable, "-m", "trainer_tui", "serve", "--port", "0", "--cpu-slots", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, env=home.environment(), stdout=pipe, stderr=pipe, text=True
    ) as process:
        wait_for(home.info_file.exists, "the server to be ready")
        yield process
        if process.poll() is None:
            process.kill()


def test_serve_tells_where_and_ctrl_c_what_goes_on(
    home: LocalServer, real_process: subprocess.Popen[str]
) -> None:
    """The socket, the address and a token that works; at the end, how many jobs go on."""
    process = real_process
    job = home.submit(shell(WAITS))
    home.wait(job["id"], "running")
    home.submit(shell("true"))
    assert process.stdout is not None
    said = dict(process.stdout.readline().split() for _ in range(3))
    assert said["socket"] == str(home.socket)
    answer = httpx.get(said["tcp"] + "/v1/info", headers=bearer(said["token"]), verify=False)
    assert answer.json()["jobs"] == {"queued": 1, "running": 1}
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "1 job goes on without it, 1 queued waits for the next server" in words


def test_serve_json_is_one_line(home: LocalServer, foreground: Foreground) -> None:
    """For a program that starts it: where, and the token that was made."""
    process = foreground("--port", "0", "--json")
    (line,) = process.said()[0].splitlines()
    said = json.loads(line)
    assert set(said) == {"pid", "socket", "tcp", "token"}
    assert said["pid"] == process.pid


def test_a_given_token_is_not_shown(home: LocalServer, foreground: Foreground) -> None:
    """Who gave it knows it."""
    process = foreground("--port", "0", "--token", "given-token-1")
    process.terminate()
    process.wait(60)
    data, words = process.said()
    assert re.search(r"^tcp +http://127.0.0.1:\d+$", data, re.M)
    assert "given-token-1" not in data + words


def test_a_second_serve_says_what_to_do(home: LocalServer, serve: Serve) -> None:
    """Exit code 3: there is one."""
    home.start()
    done = serve()
    assert done.code == 3
    assert "--stop" in done.err


def test_status_without_a_server(serve: Serve, home: LocalServer) -> None:
    """Exit code 3, also after a kill -9 that left everything lying about."""
    assert serve("--status").code == 3
    assert json.loads(serve("--status", "--json").out)["running"] is False
    home.start()
    home.kill()


def test_status_and_stop(serve: Serve, home: LocalServer, foreground: Foreground) -> None:
    """What runs; then its end, which leaves the job; then nothing to end."""
    process = foreground("--cpu-slots", "1")
    job = home.submit(shell(WAITS))
    home.wait(job["id"], "running")
    status = serve("--status")
    assert status.code == 0
    assert "1 running, 0 queued" in status.out
    found = json.loads(serve("--status", "--json").out)
    assert (found["running"], found["pid"]) == (True, process.pid)
    done = serve("--stop")
    assert done.code == 0
    assert "1 job goes on without it" in done.err
    assert process.wait(60) == 0
    assert home.supervisor(job["id"])["finished_at"] is None
    release(home.folder(job["id"]))
    wait_for(lambda: home.supervisor(job["id"])["finished_at"], "the job to end by itself")
    again = serve("--stop")
    assert again.code == 3
    assert "no server runs" in again.err


def test_stop_with_the_jobs(serve: Serve, home: LocalServer) -> None:
    """Every job is ended first, the queued ones without ever starting."""
    home.start("--cpu-slots", "1")
    running = home.submit(shell(WAITS))
    home.wait(running["id"], "running")
    queued = home.submit(shell("true"))
    done = serve("--stop", "--jobs", "--json")
    assert done.code == 0
    assert json.loads(done.out) == {"stopped": True, "running": 0, "queued": 0}
    records = [
        json.loads((home.folder(j["id"]) / "job.json").read_text()) for j in (running, queued)
    ]
    assert [record["status"] for record in records] == ["interrupted"] * 2
    assert not (home.folder(queued["id"]) / "log.txt").exists()


def test_a_server_whose_socket_was_cleared_away_is_found(serve: Serve, home: LocalServer) -> None:
    """Old temporary files are deleted under it: it is named, it can be ended, jobs go on."""
    home.start("--cpu-slots", "1")
    process = home.process
    assert process is not None
    shutil.rmtree(home.socket.parent)
    second = serve()
    assert second.code == 3
    assert f"process {process.pid}" in second.err
    done = serve("--stop")
    assert done.code == 0, done.err
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--cpu-slots", "-1"],
        ["--gpus", "some"],
        ["--grace", "soon"],
        ["--jobs"],
        ["--token", "x"],
        ["--port", "0", "--token", " "],
        ["--port", "0", "--token-file", "/nowhere/at/all"],
        ["--stop", "--status"],
    ],
)
def test_wrong_usage_is_exit_code_2(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And starts nothing."""
    monkeypatch.setenv("TRAINER_TUI_HOME", str(tmp_path))
    assert main(["serve", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["trainer_tui", "trainer_tui.server"])
def test_without_the_extra_it_says_what_to_install(home: LocalServer, module: str) -> None:
    """The packages of the extra `local` are not there: exit code 2 and the pip command."""
    arguments = ["serve"] if module == "trainer_tui" else []
    script = (
        "import sys, runpy\n"
        "for name in ('starlette', 'uvicorn', 'numpy', 'PIL'): sys.modules[name] = None\n"
        f"sys.argv = ['x', *{arguments}]\n"
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=home.environment(),
    )
    assert done.returncode == 2, done.stderr
    assert "pip install 'trainer-tui[local]'" in done.stderr


@pytest.mark.parametrize(("text", "slots"), [("cpu_slots = 7", 7), ("cpu_slots = 'many'", None)])
def test_the_config_is_heeded_where_it_can_be(
    home: LocalServer, text: str, slots: int | None
) -> None:
    """[local] sets the slots; a config with mistakes means the defaults, not no server."""
    (home.home / "config.toml").write_text(f"[local]\n{text}\n")
    home.process = Forked(SERVER, [], home.environment())
    wait_for(home.info_file.exists, "the server to be ready")
    total = home.client.get("/v1/info").json()["slots"]["cpu"]["total"]
    assert total == slots if slots else total >= 1


def test_an_idle_server_does_nothing(idle_server: LocalServer) -> None:
    """Not one voluntary wake-up while nobody asks and nothing runs."""
    status = Path(f"/proc/{idle_server.start()['pid']}/status")
    if not status.exists():
        pytest.skip("needs /proc")

    def switches() -> int:
        found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.M)
        assert found is not None
        return int(found[1])

    idle_server.client.get("/v1/info")
    before = wait_for(lambda: (a := switches()) == switches() and a, "the server to settle")
    deadline = time.monotonic() + 0.5
    wait_for(lambda: time.monotonic() > deadline, "half a second to pass")
    assert switches() - before <= 1
