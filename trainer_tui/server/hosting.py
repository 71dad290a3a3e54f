"""One server on one socket: locks, sockets, the file that says where it is.

Beside the socket lie ``server.lock`` (held while a server lives: the kernel lets go of it however
the server ends, so it alone tells whether there is one) and ``server.json`` (where it is and who
it is; may be stale when nobody holds the lock). The server's own folder has both too, so that two
servers with different sockets never run the same jobs, and so that a server can be found whose
socket was cleared away with other old temporary files.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer_tui.errors import StateError, UsageError
from trainer_tui.paths import private_folder, write_atomic
from trainer_tui.server.procs import Process

_log = logging.getLogger("trainer_tui.server")
BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A server as ``server.json`` tells of it."""

    pid: int
    start_time: str
    socket: str
    tcp: str | None
    version: str
    started_at: str

    @property
    def process(self) -> Process:
        return Process(self.pid, self.start_time)

    def publish(self, folder: Path) -> None:
        """Let it be found, beside its socket and in its folder, where that can be written."""
        for path in (folder / "server.json", info_file(Path(self.socket))):
            try:
                write_atomic(path, json.dumps(asdict(self)))
            except OSError as error:  # a full disk: it answers at its socket all the same
                _log.warning("%s cannot be written: %s", path, error)

    def withdraw(self, folder: Path) -> None:
        """Let it be found no more; another may be there by now, where the folder was taken away."""
        for path in (info_file(Path(self.socket)), folder / "server.json"):
            if _read(path) == self:
                path.unlink(missing_ok=True)


def lock_file(socket_path: Path) -> Path:
    """The lock of the server that listens there."""
    return socket_path.with_name("server.lock")


def info_file(socket_path: Path) -> Path:
    """Where that server says who it is."""
    return socket_path.with_name("server.json")


def find(socket_path: Path, folder: Path | None = None) -> Whereabouts | None:
    """The server that is alive on that socket, or else on that folder."""
    found = _read(info_file(socket_path))
    if found is not None and found.socket == str(socket_path):
        return found
    return _read(folder / "server.json") if folder is not None else None


def _read(path: Path) -> Whereabouts | None:
    """What a file says of a server, where that server is alive."""
    try:
        found = Whereabouts(**json.loads(path.read_bytes()))
        return found if found.process.alive() else None
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def locked(path: Path, what: str, info: Path) -> Iterator[None]:
    """Hold a lock while a server lives.

    Raises:
        StateError: Another process holds it (``SERVER_RUNNING``).
    """
    # The file itself stays: to delete it would let two hold "the" lock at once.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = _read(info)
            who = f"Another server (process {other.pid})" if other else "Another server"
            raise StateError(f"{who} already uses {what}.", code="SERVER_RUNNING") from error
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def unix_socket(path: Path) -> Iterator[socket.socket]:
    """A listening socket (0600) at a path; a stale one is taken away. Only under the lock.

    Raises:
        UsageError: The path is too long for a socket, or there is something else.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise UsageError(f"{path} is there and is no socket; name another path.")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Bound under another name first: nobody meets it before it is private and listens.
        early = path.with_name(f".{path.name[:8]}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            early.unlink()
        try:
            listener.bind(str(early))
        except OSError as error:
            raise UsageError(
                f"A socket cannot be made at {path}: {error.strerror or error}."
            ) from error
        early.chmod(0o600)
        listener.listen(BACKLOG)
        early.rename(path)
        inode = path.lstat().st_ino
        yield listener
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_ino == inode:
                path.unlink()
    finally:
        listener.close()


def tcp_socket(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 is any free one. Raises UsageError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        said = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"Port {port} cannot be listened on: {said}.", hint="Use --port 0 for any free port."
        ) from error
    return listener


@contextlib.contextmanager
def exclusive(folder: Path, socket_path: Path) -> Iterator[None]:
    """Be the one server of a folder and a socket. Raises StateError (``SERVER_RUNNING``)."""
    private_folder(folder)
    private_folder(socket_path.parent)
    places = {  # one only, where the socket lies in the folder
        lock_file(socket_path): (f"the socket {socket_path}", info_file(socket_path)),
        folder / "server.lock": (f"the folder {folder}", folder / "server.json"),
    }
    with contextlib.ExitStack() as stack:
        for lock, (what, info) in places.items():
            stack.enter_context(locked(lock, what, info))
        yield
