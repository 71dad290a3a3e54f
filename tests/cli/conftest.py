"""The program against a real local server; whatever is started is ended with the test.

Most commands run in the test's own process, which is quicker; what matters at the outside (streams,
terminals, signals, locales) runs as a process of its own.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.server import prefork
from tests.server.conftest import WAITS, end_leftovers, release, shell, wait_for
from trainer_tui.__main__ import main

PROGRAM = [sys.executable, "-m", "trainer_tui"]
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "XDG_RUNTIME_DIR")


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed, as JSON."""
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        """What was printed, as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The error of ``--json``: the last line of standard error."""
        return json.loads(self.err.splitlines()[-1])["error"]


@dataclass
class Cli:
    """Runs the program on a home of its own."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of the user's own config or terminal."""
        kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
        return kept | {"TRAINER_TUI_HOME": str(self.home)} | self.env | more

    def __call__(self, *args: object, input: str = "") -> Ran:
        """Run a command line without a terminal, in this process: quicker by a second process."""
        given = io.TextIOWrapper(io.BytesIO(input.encode()), "utf-8")
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        with (
            mock.patch.dict(os.environ, self.environment(), clear=True),
            mock.patch.multiple(sys, stdin=given, stdout=out, stderr=err),
            contextlib.chdir(self.home),
        ):
            try:
                code = main([*map(str, args)])
            except SystemExit as ended:
                code = int(ended.code or 0)
        for stream in (out, err):
            stream.flush()
        written = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
        return Ran(code, *written)

    def process(self, *args: object, input: str = "", **env: str) -> Ran:
        """Run a command line without a terminal, as a process of its own."""
        done = subprocess.run(
            [*PROGRAM, *map(str, args)],
            input=input.encode(),
            capture_output=True,
            env=self.environment(**env),
            cwd=self.home,
            timeout=90,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextlib.contextmanager
    def started(self, *args: object) -> Iterator[prefork.Piped]:
        """A command that runs while the test does something else."""
        process = prefork.Piped(
            prefork.PROGRAM, [*map(str, args)], self.environment(), cwd=self.home
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(60)
            process.close()

    def on_terminal(self, *args: object, keys: str = "", **env: str) -> Ran:
        """Run a command in a pseudo-terminal and type something; output and words are one."""
        master, terminal = pty.openpty()
        process = prefork.Forked(
            prefork.PROGRAM,
            [*map(str, args)],
            self.environment(**({"TERM": "xterm-256color"} | env)),
            streams=[terminal] * 3,
            terminal=True,
            cwd=self.home,
        )
        os.close(terminal)
        os.write(master, keys.encode())
        seen = bytearray()
        while select.select([master], [], [], 60)[0]:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        os.close(master)
        code = process.wait(60)
        process.close()
        return Ran(code, seen.decode(errors="replace"), "")

    # -- jobs of the local server ---------------------------------------------------------------

    def config(self, text: str) -> Path:
        """A config file."""
        file = self.home / "job.yaml"
        file.write_text(text)
        return file

    def submit(self, text: str, *more: object) -> dict[str, Any]:
        """Submit a config to the local server; gives the job."""
        file = self.config(text)
        ran = self("submit", file, "--profile", "local", "--yes", "--json", "--no-check", *more)
        assert ran.code == 0, ran.err
        found: dict[str, Any] = ran.json
        return found

    def started_job(self, name: str, script: str = WAITS) -> dict[str, Any]:
        """A job that runs until it is released."""
        job = self.submit(shell(script, name))
        return wait_for(lambda: self.in_status(job["ref"], "running"), f"{name} to run")

    def ended_job(self, name: str, script: str = "echo done") -> dict[str, Any]:
        """A job that has come to its end by itself."""
        job = self.submit(shell(script, name))
        self("wait", job["ref"], "--timeout", "60")
        found: dict[str, Any] = self("show", job["ref"], "--json").json
        return found

    def in_status(self, ref: str, status: str) -> dict[str, Any] | None:
        """The job, when it is in a status now."""
        job: dict[str, Any] = self("show", ref, "--json").json
        return job if job["status"] == status else None

    def folder(self, job: dict[str, Any]) -> Path:
        """A job's folder at the server."""
        return self.home / "state" / "server" / "jobs" / str(job["id"])

    def release(self, job: dict[str, Any]) -> None:
        """Let a waiting job end."""
        wait_for((self.folder(job) / "work" / "out").is_dir, "the job's folder")
        release(self.folder(job))


def _home() -> Path:
    return Path(tempfile.mkdtemp(prefix="ttc-"))  # short, for the socket's path


@pytest.fixture
def cli() -> Iterator[Cli]:
    """The program on an empty home; no server is started."""
    home = _home()
    yield Cli(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def local() -> Iterator[Cli]:
    """The program on a home with a running local server of four slots, shared by a module."""
    home = _home()
    (home / "config.toml").write_text("[local]\ncpu_slots = 4\n[poll]\nrunning = 0.3\n")
    cli = Cli(home)
    ran = cli("profiles", "check", "local")
    assert ran.code == 0, ran.err
    yield cli
    cli("serve", "--stop", "--jobs")
    end_leftovers(home / "state" / "server" / "jobs")
    shutil.rmtree(home, ignore_errors=True)


class Answers(http.server.ThreadingHTTPServer):
    """A service that gives one answer to everything."""

    status = 200
    body = b"{}"
    seen: list[tuple[str, str, str | None]]

    def __init__(self) -> None:
        self.seen = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Answers

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization")))
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def service() -> Iterator[Answers]:
    """A RunComfy that answers as the test says."""
    server = Answers()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def comfy(cli: Cli, url: str, token: str = "env:E_TOKEN") -> None:
    """Put a RunComfy profile into the config."""
    (cli.home / "config.toml").write_text(
        f'[profiles.comfy]\nprovider = "runcomfy"\nbase_url = "{url}"\ntoken = "{token}"\n'
    )
    cli.env["E_TOKEN"] = "secret-token-1"
