"""One SQLite file shared by threads and processes, that survives being damaged."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from trainer_tui.core.schema import migrate
from trainer_tui.errors import TrainerError

_BUSY_MS = 5_000
"""How long to wait for another process's transaction; ours last milliseconds."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """A connection with a lock around it.

    A damaged file is moved aside (kept as ``….damaged-TIME``), what can be read of the jobs' ids
    is carried over, and a fresh file is begun; :attr:`warnings` says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._lock = threading.RLock()
        self._closed = False
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._connection = self._begin_anew()
        except (OSError, sqlite3.Error) as error:
            raise TrainerError(
                f"the store {path} cannot be opened: {error}",
                hint="check the folder's permissions and the free space",
            ) from error

    def close(self) -> None:
        """Let go of the file; calling it again does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._connection.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._mapped():
            yield self._connection

    @contextlib.contextmanager
    def _writing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. ``durable``: on disk, not only safe from the end of this process."""
        with self._lock, self._mapped():
            connection = self._connection
            if durable:
                connection.execute("PRAGMA synchronous = FULL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise
            finally:
                if durable:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("PRAGMA synchronous = NORMAL")

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        if self._closed:
            raise TrainerError("the store is closed")
        try:
            yield
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
                self._connection = self._begin_anew()
                raise TrainerError(self.warnings[-1], title="The store was damaged") from error
            if isinstance(error, sqlite3.OperationalError):
                raise TrainerError(
                    f"the store {self.path} cannot be used: {error}",
                    hint="check the free space; another program may hold the file",
                ) from error
            raise

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin_anew(self) -> sqlite3.Connection:
        aside = self._move_aside()
        connection = self._open()
        saved = _salvage(aside, connection)
        self.warnings.append(
            f"the store was damaged: it is kept as {aside.name}, {saved} job ids were carried over"
        )
        return connection

    def _move_aside(self) -> Path:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        count = 1
        while aside.exists():
            count += 1
            aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{count}")
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{ending}").rename(f"{aside}{ending}")
        return aside


def _salvage(aside: Path, connection: sqlite3.Connection) -> int:
    """Carry over the ids that can still be read: where nothing lists jobs they are all there is."""
    rows: list[tuple[object, ...]] = []
    damaged = sqlite3.connect(aside, isolation_level=None)
    try:
        with contextlib.suppress(sqlite3.Error):
            rows.extend(
                damaged.execute(
                    "SELECT profile, id, provider, name, source, added_at"
                    " FROM refs JOIN tracked USING(n)"
                )
            )
    finally:
        damaged.close()
    for profile, job_id, *rest in rows:
        connection.execute(
            "INSERT OR IGNORE INTO refs(profile, id) VALUES(?, ?)", (profile, job_id)
        )
        connection.execute(
            "INSERT OR IGNORE INTO tracked"
            " SELECT n, ?, ?, ?, ? FROM refs WHERE profile = ? AND id = ?",
            (*rest, profile, job_id),
        )
    return len(rows)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED
