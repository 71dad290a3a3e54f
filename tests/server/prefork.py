"""Programs that are forked from a process that has imported them already.

Most of the time to start a server or a trainer goes into importing it. Here one process imports
them once and is forked for each run, which is a process like any other: with a pid, an environment
and streams of its own, to be killed at any moment. It outlives nobody: when the tests end, however
they do, so does what they started.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryFile
from typing import IO, Any, NoReturn

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
PROGRAM = ("trainer_tui.__main__", "trainer_tui.cli", "trainer_tui.core", *SERVER)
SMOKE = ("trainer_tui.server.runners.smoke.__main__", "trainer_tui.server.runners.smoke")
"""A program: the module with its ``main``, then what ``main`` imports. Of a package, all of it."""


# -- in the tests -------------------------------------------------------------------------------


class Forked:
    """A run of a program; what of :class:`subprocess.Popen` its users need."""

    def __init__(
        self,
        program: Sequence[str],
        arguments: Sequence[str],
        env: Mapping[str, str],
        *,
        ready_fd: bool = False,
        streams: Sequence[int] | None = None,
        terminal: bool = False,
        cwd: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            program: One of the tuples above.
            arguments: Its command line, without its name.
            env: All its variables.
            ready_fd: There is a pipe ``ready`` that the program writes to.
            streams: Its standard input, output and error; else nothing, and what ``said`` reads.
            terminal: They are a terminal, which it is to have for itself.
            cwd: Where it runs; else here.
        """
        self.returncode: int | None = None
        with contextlib.ExitStack() as stack:
            self._out = stack.enter_context(TemporaryFile())
            self._err = stack.enter_context(TemporaryFile())
            nothing = stack.enter_context(Path(os.devnull).open("rb"))
            given = [nothing.fileno(), self._out.fileno(), self._err.fileno()]
            if streams is not None:
                given = list(streams)
            self._ended, ended = _pipe(stack)
            writers = [ended]
            if ready_fd:
                self.ready, ready = _pipe(stack)
                writers.append(ready)
            wish = {
                **{"program": program, "argv": arguments, "env": dict(env)},
                **{"cwd": str(cwd or Path.cwd()), "terminal": terminal},
            }
            try:
                self.pid = _Original.here().fork(wish, [*given, *writers])
            finally:
                for fd in writers:
                    os.close(fd)
            self._streams = stack.pop_all()

    def poll(self, seconds: float = 0) -> int | None:
        """How it ended, as of a ``Popen``; ``None`` while it runs."""
        if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
            self.returncode = int(self._ended.read())
        return self.returncode

    def wait(self, seconds: float) -> int:
        """Wait for its end."""
        code = self.poll(seconds)
        if code is None:
            raise TimeoutError(f"process {self.pid} still runs after {seconds:.0f} s")
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
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """SIGINT, as of ctrl-C."""
        self._signal(signal.SIGINT)

    def _signal(self, number: signal.Signals) -> None:
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


class _Original:
    """The process that is forked."""

    _one: _Original | None = None

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wishes, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.server.prefork", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )
        atexit.register(self._close)

    @classmethod
    def here(cls) -> _Original:
        """The one of this process, started when it is first wanted."""
        if cls._one is None:
            cls._one = cls()
        return cls._one

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

    def _close(self) -> None:
        self._wishes.close()
        self._process.wait(60)


# -- in the process that is forked --------------------------------------------------------------


def _read(wishes: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next wish and what came with it; ``None``: there will be none."""
    head, fds, _, _ = socket.recv_fds(wishes, 8, 8)
    if not head:
        return None
    text = b""
    while len(text) < int.from_bytes(head):
        text += wishes.recv(int.from_bytes(head) - len(text))
    for fd in fds:
        os.set_inheritable(fd, False)
    return json.loads(text), fds


def _import(name: str) -> None:
    """Import a module; of a package also the modules that are directly in it."""
    for _, inner, _ in iter_modules(getattr(import_module(name), "__path__", ())):
        import_module(f"{name}.{inner}")


def _become(wish: Mapping[str, Any], fds: Sequence[int]) -> NoReturn:
    """Be what was wished for, to its end."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(wish["env"])
    os.chdir(wish["cwd"])
    *streams, ended = fds[:4]
    ready = fds[4:]
    if wish["terminal"]:
        os.setsid()
        fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
    for place, fd in enumerate(streams):
        os.dup2(fd, place)
    _open_streams()
    argv = list(wish["argv"])
    for fd in ready:
        argv += ["--ready-fd", str(fd)]
    for fd in {*streams, ended}:
        os.close(fd)
    sys.exit(import_module(wish["program"][0]).main(argv))


def _open_streams() -> None:
    """As Python does it at its start: a line at a time to a terminal."""
    for place, name in enumerate(("stdin", "stdout", "stderr")):
        stream = os.fdopen(
            place,
            "w" if place else "r",
            buffering=1 if place == 2 or os.isatty(place) else -1,
            encoding="utf-8",
            errors="backslashreplace" if place == 2 else "strict",
            closefd=False,
        )
        for each in (name, f"__{name}__"):
            setattr(sys, each, stream)


def _reap(running: dict[int, int]) -> None:
    """Tell how those ended that did."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        told = running.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(told)


def main(fd: int) -> None:
    """Fork at every wish, until nobody is there to wish."""
    import gc

    running: dict[int, int] = {}  # where to tell how each ended
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wishes = socket.socket(fileno=fd)
    while True:
        ready, _, _ = select.select([fd, reader], [], [])
        if reader in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(reader, 4096)
            _reap(running)
        if fd not in ready:
            continue
        found = _read(wishes)
        if found is None:
            break
        wish, fds = found
        for name in wish["program"]:
            _import(name)
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            wishes.close()
            for each in (reader, writer, *running.values()):
                os.close(each)
            _become(wish, fds)
        running[pid] = fds[3]
        for each in (*fds[:3], *fds[4:]):
            os.close(each)
        wishes.sendall(pid.to_bytes(8))
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    limit = time.monotonic() + 10
    while running and time.monotonic() < limit:
        _reap(running)
        time.sleep(0.01)


if __name__ == "__main__":
    main(int(sys.argv[1]))
