"""Real servers with real jobs; whatever a test starts is ended with it, by pid."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests.server import prefork
from tests.server.prefork import SERVER, Forked
from trainer_tui.server.supervisor import group_alive, read_json, start_time

T = TypeVar("T")
ENDED = ("succeeded", "interrupted", "failed", "canceled")
prefork.take_over()


def wait_for(probe: Callable[[], T], what: str = "it", seconds: float = 60.0) -> T:
    """Ask again and again until the answer is true; gives the answer.

    At first it asks often, then less so: asking takes time from what is waited for.
    """
    deadline, pause = time.monotonic() + seconds, 0.005
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}; last answer: {found!r}")
        time.sleep(pause)
        pause = min(0.05, pause * 1.3)


def run_argv(argv: list[str], name: str = "job", **more: object) -> str:
    """A config that runs a program; ``more`` goes beside ``name`` and ``argv``."""
    return json.dumps({"job": "command", "config": {"name": name, "argv": argv} | more})


def shell(script: str, name: str = "job", **more: object) -> str:
    """A config that runs a shell script."""
    return run_argv(["sh", "-c", script], name, **more)


def python(script: str, name: str = "job", **more: object) -> str:
    """A config that runs a Python script."""
    return run_argv([sys.executable, "-S", "-c", script], name, **more)


# A job that says that it runs and then goes on until it is released; SIGINT ends it with 130, as
# it does a trainer.
WAITS = "trap 'echo stopping; exit 130' INT; echo started; while [ ! -e go ]; do sleep 0.02; done"


def release(folder: Path) -> None:
    """Let a job that WAITS come to its end."""
    (folder / "work" / "out" / "go").touch()


def end_leftovers(jobs: Path) -> None:
    """End every supervisor and process group of the jobs in a folder, by pid and start time."""
    for state in [read_json(path) or {} for path in jobs.glob("*/state.json")]:
        keeper, child = state.get("supervisor") or {}, state.get("child") or {}
        if keeper and start_time(keeper["pid"]) == keeper["start_time"]:
            os.kill(keeper["pid"], signal.SIGKILL)
        if child and (
            start_time(child["pid"]) == child["start_time"]
            or (start_time(child["pid"]) is None and group_alive(child["pid"], keeper["pid"]))
        ):
            os.killpg(child["pid"], signal.SIGKILL)


def client_of(place: Path | str, **more: Any) -> httpx.Client:
    """A client on a Unix socket or at an address.

    It reads no certificates, which nobody asks for here: that would take longer than many a test.
    """
    if isinstance(place, str):
        return httpx.Client(base_url=place, verify=False, timeout=60, **more)
    transport = httpx.HTTPTransport(uds=str(place), verify=False)
    return httpx.Client(transport=transport, base_url="http://localhost", timeout=60, **more)


class LocalServer:
    """A server in a process of its own, with a client on its Unix socket."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / "state"
        self.jobs = self.state / "jobs"
        self.socket = home / "run" / "s.sock"
        self.info_file = home / "run" / "server.json"
        self.process: Forked | None = None
        self.client = client_of(self.socket)

    def arguments(self, *more: str) -> list[str]:
        """The command line of the server."""
        return [
            *(sys.executable, "-m", "trainer_tui.server"),
            *("--state", str(self.state), "--socket", str(self.socket), *more),
        ]

    def environment(self) -> dict[str, str]:
        """The environment of the server: nothing of the user's own."""
        kept = {key: value for key, value in os.environ.items() if key != "TRAINER_TUI_TOKEN"}
        return kept | {"TRAINER_TUI_HOME": str(self.home)}

    def start(self, *more: str, env: dict[str, str] | None = None) -> dict[str, Any]:
        """Start it and wait until it answers; gives what it says of itself on ``--ready-fd``."""
        self.process = process = Forked(
            SERVER, self.arguments(*more)[3:], self.environment() | (env or {}), ready_fd=True
        )
        line = process.ready.readline()
        if not line:
            raise AssertionError(f"the server did not start: {process.said()[1]}")
        found: dict[str, Any] = json.loads(line)
        return found

    def kill(self) -> None:
        """``kill -9``."""
        assert self.process is not None
        self.process.kill()
        self._wait()

    def terminate(self) -> int:
        """SIGTERM; gives the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self._wait()

    def _wait(self) -> int:
        assert self.process is not None
        code = self.process.wait(60)
        self.process.close()
        self.process = None
        return code

    def close(self) -> None:
        """End everything."""
        self.client.close()
        if self.process is not None:
            self.kill()
        end_leftovers(self.jobs)

    # -- the protocol ---------------------------------------------------------------------------

    def submit(self, config: str, **more: object) -> dict[str, Any]:
        """Submit a job; gives it."""
        answer = self.client.post("/v1/jobs", json={"config": config} | more)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, job_id: str) -> dict[str, Any]:
        """A job as it is now."""
        answer = self.client.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Wait until a job is in one of these states (``ENDED`` when none is named)."""

        def there() -> dict[str, Any] | None:
            job = self.get(job_id)
            return job if job["status"] in (statuses or ENDED) else None

        return wait_for(there, f"job {job_id} to be {statuses or ENDED}")  # type: ignore[return-value]

    def raw(self, method: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
        """A request with a target that no client tidies up; gives status and body."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.socket))
            head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.read()

    def log(self, job_id: str) -> str:
        """A job's log."""
        text: str = self.client.get(f"/v1/jobs/{job_id}/logs").json()["log"]
        return text

    def folder(self, job_id: str) -> Path:
        """A job's folder."""
        return self.jobs / job_id

    def supervisor(self, job_id: str) -> dict[str, Any]:
        """What the job's supervisor wrote."""
        return read_json(self.folder(job_id) / "state.json") or {}


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a path that is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="tts-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def idle_server(short_tmp: Path) -> Iterator[LocalServer]:
    """A server that the test starts itself."""
    server = LocalServer(short_tmp)
    yield server
    server.close()


@pytest.fixture
def server(idle_server: LocalServer) -> LocalServer:
    """A server with two CPU slots and little patience."""
    idle_server.start("--cpu-slots", "2", "--grace", "30", "--kill-after", "30")
    return idle_server
