"""The process that is forked for each run of a program; ``prefork.py`` asks it to.

It has one thread only. Whom it forks can ask it in turn, as a server does for its supervisors; a
supervisor forks its job itself, which is to be in its session.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
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
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import Any, NoReturn

from tests.server import prefork
from trainer_tui.server import supervisor

_CAUGHT = (signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM)


def _read(wishes: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next wish and what came with it; ``None``: there will be none.

    Who asks may be killed over it.
    """
    fds: list[int] = []
    text = b""
    try:
        head, fds, _, _ = socket.recv_fds(wishes, 8, 8)
        while head and len(text) < int.from_bytes(head):
            text += (more := wishes.recv(int.from_bytes(head) - len(text)))
            if not more:
                head = b""
    except ConnectionResetError:
        head = b""
    if not head:
        for fd in fds:
            os.close(fd)
        return None
    for fd in fds:
        os.set_inheritable(fd, False)
    return json.loads(text), fds


def _import(name: str) -> None:
    """Import a module; of a package also the modules that are directly in it."""
    for _, inner, _ in iter_modules(getattr(import_module(name), "__path__", ())):
        import_module(f"{name}.{inner}")


def _serve_wish(wish: Mapping[str, Any], fds: Sequence[int]) -> NoReturn:
    """Be what was wished for, to its end."""
    *streams, ended = fds[:4]
    ready = fds[4:]
    if wish["terminal"] or wish["session"]:
        os.setsid()
    if wish["terminal"]:
        fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
    argv = list(wish["argv"])
    for fd in ready:
        argv += ["--ready-fd", str(fd)]
    prefork.take_over()
    supervisor.subprocess = SimpleNamespace(  # type: ignore[assignment]
        **{**vars(subprocess), "Popen": _popen}
    )
    _become(wish["program"][0], argv, wish["env"], wish["cwd"], streams, close=[*streams, ended])


def _become(
    module: str,
    argv: list[str],
    env: Mapping[str, str],
    cwd: str,
    streams: Sequence[int],
    close: Sequence[int],
) -> NoReturn:
    """Run the ``main`` of a module as a process does that has just begun, and end."""
    signal.set_wakeup_fd(-1)
    for number in _CAUGHT:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for place, fd in enumerate(streams):
        os.dup2(fd, place)
    for fd in set(close):
        os.close(fd)
    _open_streams()
    _leave(_run(module, argv))


def _run(module: str, argv: list[str]) -> int:
    """The exit code of a module's ``main``, as Python itself makes it."""
    try:
        code = import_module(module).main(argv)
    except SystemExit as ended:
        code = ended.code
    except KeyboardInterrupt:
        traceback.print_exc()
        code = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    return code or 0


def _leave(code: int) -> NoReturn:
    """End as Python does, but without taking all apart that was imported."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    finally:
        os._exit(code & 0xFF)


def _open_streams() -> None:
    """As Python does it at its start: a line at a time to a terminal."""
    at_once = bool(os.environ.get("PYTHONUNBUFFERED"))
    for place, name in enumerate(("stdin", "stdout", "stderr")):
        stream = os.fdopen(
            place,
            "w" if place else "r",
            buffering=1 if place == 2 or os.isatty(place) else -1,
            encoding="utf-8",
            errors="backslashreplace" if place == 2 else "strict",
            closefd=False,
        )
        if place and at_once:
            stream.reconfigure(write_through=True)
        for each in (name, f"__{name}__"):
            setattr(sys, each, stream)


class _Child:
    """A job that its supervisor forked; what of :class:`subprocess.Popen` that needs."""

    def __init__(
        self,
        program: tuple[str, ...],
        argv: list[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        stdout: int,
    ) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            _become(program[0], argv, env, cwd, [nothing, stdout, stdout], [nothing, stdout])
        with contextlib.suppress(OSError):
            os.setpgid(self.pid, self.pid)

    def poll(self) -> int | None:
        """How it ended; ``None`` while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _popen(argv: Sequence[str], **how: Any) -> Any:
    """What a supervisor starts its job by."""
    found = prefork.program_of(argv)
    if found is None:
        return subprocess.Popen(argv, **how)
    return _Child(*found, cwd=how["cwd"], env=how["env"], stdout=how["stdout"])


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


class _Forker:
    """Whom to listen to, and who runs."""

    def __init__(self, first: socket.socket) -> None:
        self.running: dict[int, int] = {}  # where to tell how each ended
        self.askers = {first.fileno(): first}
        self.first = first.fileno()
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)

    def work(self) -> None:
        """Fork at every wish, until the tests have none any more."""
        while self.first in self.askers:
            ready, _, _ = select.select([*self.askers, self.reader], [], [])
            if self.reader in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.reader, 4096)
                _reap(self.running)
                ready.remove(self.reader)
            for fd in ready:
                found = _read(self.askers[fd])
                if found is None:
                    self.askers.pop(fd).close()
                else:
                    self.fork(self.askers[fd], *found)

    def fork(self, asker: socket.socket, wish: Mapping[str, Any], fds: Sequence[int]) -> None:
        """Fork once, and tell the pid."""
        for name in wish["program"]:
            _import(name)
        ours, theirs = socket.socketpair()
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            gc.enable()
            for each in self.askers.values():
                each.close()
            ours.close()
            for fd in (self.reader, self.writer, *self.running.values()):
                os.close(fd)
            prefork.Original(theirs)
            _serve_wish(wish, fds)
        theirs.close()
        self.askers[ours.fileno()] = ours
        self.running[pid] = fds[3]
        for fd in (*fds[:3], *fds[4:]):
            os.close(fd)
        with contextlib.suppress(OSError):  # it may be killed by now
            asker.sendall(pid.to_bytes(8))

    def end(self) -> None:
        """End who is left."""
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)
        limit = time.monotonic() + 10
        while self.running and time.monotonic() < limit:
            select.select([self.reader], [], [], max(0.0, limit - time.monotonic()))
            with contextlib.suppress(BlockingIOError):
                os.read(self.reader, 4096)
            _reap(self.running)


def main(fd: int) -> None:
    """Fork at the wishes that come from there."""
    gc.disable()  # what is imported stays
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # numpy's threads are made when it is imported, and are not forked
    forker = _Forker(socket.socket(fileno=fd))
    signal.set_wakeup_fd(forker.writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forker.work()
    finally:
        forker.end()


if __name__ == "__main__":
    main(int(sys.argv[1]))
