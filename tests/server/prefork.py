"""Programs that are forked from a process that has imported them already.

Most of the time to start a server or a trainer goes into importing it. Here one process imports
them once and is forked for each run (``original.py``), which is a process like any other: with a
pid, an environment and streams of its own, to be killed at any moment. It outlives nobody: when the
tests end, however they do, so does what they started.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import IO, Any

from trainer_tui.providers import _autostart
from trainer_tui.server import supervisor
from trainer_tui.server.executors import process as executor

SERVER = (
    "trainer_tui.server.__main__",
    "trainer_tui.server",
    "trainer_tui.server.dialects",
    "trainer_tui.server.runners",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.h11_impl",
    "python_multipart.multipart",
    "PIL.Image",
)
PROGRAM = (
    "trainer_tui.__main__",
    "trainer_tui.cli",
    "trainer_tui.core",
    "trainer_tui.core.yamlconfig",
    "trainer_tui.providers",
    "jsonschema.validators",
    *SERVER,
)
SMOKE = ("trainer_tui.server.runners.smoke.__main__", "trainer_tui.server.runners.smoke")
BUNDLE = ("trainer_tui.server.runners.bundle_child",)
SUPERVISOR = ("trainer_tui.server.supervisor",)
"""A program: the module with its ``main``, then what ``main`` imports. Of a package, all of it."""
_BY_COMMAND = {
    ("-m", "trainer_tui.server"): SERVER,
    ("-m", "trainer_tui.server.runners.smoke"): SMOKE,
    ("-m", "trainer_tui.server.runners.bundle_child"): BUNDLE,
    ("-I", "-S", supervisor.__file__): SUPERVISOR,
}


def program_of(argv: Sequence[str]) -> tuple[tuple[str, ...], list[str]] | None:
    """The program that a command line would start, and its arguments; ``None`` for others."""
    for words, program in _BY_COMMAND.items():
        if tuple(argv[: 1 + len(words)]) == (sys.executable, *words):
            return program, list(argv[1 + len(words) :])
    return None


def popen(argv: Sequence[str], **how: Any) -> Any:
    """As :class:`subprocess.Popen`, but forked where it is one of the programs above."""
    found = program_of(argv)
    if found is None:
        return subprocess.Popen(argv, **how)
    program, arguments = found
    if program is SUPERVISOR:  # what it will start is imported too, so that it can fork that
        launch = json.loads((Path(arguments[0]) / "launch.json").read_bytes())
        program += (program_of(launch["argv"]) or ((), []))[0]
    ready = None
    if "--ready-fd" in arguments:
        at = arguments.index("--ready-fd")
        ready = int(arguments[at + 1])
        del arguments[at : at + 2]
    with Path(os.devnull).open("r+b") as nothing:
        streams = []
        for place, name in enumerate(("stdin", "stdout", "stderr")):
            given = how.get(name)
            if given is None:
                given = place
            elif given == subprocess.DEVNULL:
                given = nothing.fileno()
            elif given == subprocess.STDOUT:
                given = streams[1]
            streams.append(given if isinstance(given, int) else given.fileno())
        return Forked(
            program,
            arguments,
            os.environ if how.get("env") is None else how["env"],
            ready_fd=ready,
            streams=streams,
            session=how.get("start_new_session", False),
            cwd=how.get("cwd"),
        )


def take_over() -> None:
    """Have this process fork the servers and supervisors that it starts."""
    shim = SimpleNamespace(**{**vars(subprocess), "Popen": popen})
    for module in (_autostart, executor):
        module.subprocess = shim  # type: ignore[attr-defined]


@contextlib.contextmanager
def for_real() -> Iterator[None]:
    """Start them as they are started in use."""
    for module in (_autostart, executor):
        module.subprocess = subprocess  # type: ignore[attr-defined]
    try:
        yield
    finally:
        take_over()


class Forked:
    """A run of a program; what of :class:`subprocess.Popen` its users need."""

    def __init__(
        self,
        program: Sequence[str],
        arguments: Sequence[str],
        env: Mapping[str, str],
        *,
        ready_fd: bool | int | None = False,
        streams: Sequence[int] | None = None,
        terminal: bool = False,
        session: bool = False,
        cwd: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            program: One of the tuples above.
            arguments: Its command line, without its name.
            env: All its variables.
            ready_fd: There is a pipe ``ready`` that the program writes to; or the one to use.
            streams: Its standard input, output and error; else nothing, and what ``said`` reads.
            terminal: They are a terminal, which it is to have for itself.
            session: It leads a session of its own.
            cwd: Where it runs; else here.
        """
        self.returncode: int | None = None
        self._lock = threading.Lock()
        with contextlib.ExitStack() as stack:
            if streams is None:
                self._out = stack.enter_context(TemporaryFile())
                self._err = stack.enter_context(TemporaryFile())
                nothing = stack.enter_context(Path(os.devnull).open("rb"))
                streams = [nothing.fileno(), self._out.fileno(), self._err.fileno()]
            given = list(streams)
            self._ended, ended = _pipe(stack)
            writers = [ended]
            if ready_fd is True:
                self.ready, ready = _pipe(stack)
                writers.append(ready)
            elif ready_fd:
                writers.append(os.dup(ready_fd))
            wish = {
                **{"program": program, "argv": arguments, "env": dict(env)},
                **{"cwd": str(cwd or Path.cwd()), "terminal": terminal, "session": session},
            }
            try:
                self.pid = Original.here().fork(wish, [*given, *writers])
            finally:
                for fd in writers:
                    os.close(fd)
            self._streams = stack.pop_all()

    def poll(self, seconds: float | None = 0) -> int | None:
        """How it ended, as of a ``Popen``; ``None`` while it runs."""
        if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
            with self._lock:
                if self.returncode is None:
                    # Nothing is told where the process that is forked was ended first.
                    self.returncode = int(self._ended.read() or -signal.SIGKILL)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        code = self.poll(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def said(self) -> tuple[str, str]:
        """What it has written to its standard output and error."""
        size = [os.fstat(file.fileno()).st_size for file in (self._out, self._err)]
        out, err = (
            os.pread(file.fileno(), length, 0).decode()
            for file, length in zip((self._out, self._err), size, strict=True)
        )
        return out, err

    def kill(self) -> None:
        """``kill -9``."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """SIGINT, as of ctrl-C."""
        self.send_signal(signal.SIGINT)

    def send_signal(self, number: signal.Signals) -> None:
        """Any signal, while it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def close(self) -> None:
        """Close its streams."""
        self._streams.close()


class Piped(Forked):
    """A run of a program whose words are read as they come."""

    def __init__(
        self, program: Sequence[str], arguments: Sequence[str], env: Mapping[str, str], cwd: Path
    ) -> None:
        """Start it; ``stdout`` and ``stderr`` are its words."""
        with contextlib.ExitStack() as stack:
            nothing = stack.enter_context(Path(os.devnull).open("rb"))
            (out, theirs), (err, their_errors) = _pipe(stack), _pipe(stack)
            try:
                streams = [nothing.fileno(), theirs, their_errors]
                super().__init__(program, arguments, env, streams=streams, cwd=cwd)
            finally:
                for fd in (theirs, their_errors):
                    os.close(fd)
            self._pipes = stack.pop_all()
        self.stdout, self.stderr = io.TextIOWrapper(out), io.TextIOWrapper(err)

    def close(self) -> None:
        """Close its streams."""
        super().close()
        self._pipes.close()


def run(
    program: Sequence[str], arguments: Sequence[str], env: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as :func:`subprocess.run` does."""
    process = Forked(program, arguments, env)
    try:
        code = process.wait(seconds)
        return subprocess.CompletedProcess(arguments, code, *process.said())
    finally:
        process.kill()
        process.close()


def _pipe(stack: contextlib.ExitStack) -> tuple[IO[bytes], int]:
    """Both ends of a pipe; the one to read from is closed with the stack."""
    reader, writer = os.pipe()
    return stack.enter_context(os.fdopen(reader, "rb")), writer


class Original:
    """A way to the process that is forked."""

    _one: Original | None = None

    def __init__(self, wishes: socket.socket) -> None:
        self._lock = threading.Lock()
        self._wishes = wishes
        Original._one = self

    @classmethod
    def here(cls) -> Original:
        """The one of this process; where it was not forked itself, started when first wanted."""
        return cls._one or cls._started()

    @classmethod
    def _started(cls) -> Original:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.server.original", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )

        def close() -> None:
            ours.close()
            process.wait(60)

        atexit.register(close)
        return cls(ours)

    def fork(self, wish: Mapping[str, object], fds: Sequence[int]) -> int:
        """Fork it; gives the pid."""
        text = json.dumps(wish).encode()
        with self._lock:
            socket.send_fds(self._wishes, [len(text).to_bytes(8)], fds)
            self._wishes.sendall(text)
            answer = self._wishes.recv(8)
        if not answer:
            raise AssertionError("the process to fork is gone")
        return int.from_bytes(answer)
