"""One SQLite file shared by threads and processes, that survives being damaged."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from trainer_tui.core.schema import migrate
from trainer_tui.errors import TrainerError

_BUSY_MS = 5_000
"""How long to wait for another process's transaction; ours last milliseconds."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_UNWRITABLE = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
_NO_PLACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
_CARRIED = ("refs", "jobs", "tracked", "watched", "events", "drafts", "downloads", "kv")
"""What is known though nothing can be written; curves may be large, and are asked for again."""


class Database:
    """A connection with a lock around it.

    A damaged file is moved aside (kept as ``….damaged-TIME``), what can be read of the jobs' ids
    is carried over, and a fresh file is begun; :attr:`warnings` says so. Where the file cannot be
    written (a full disk, a read-only folder) what it holds is read into memory: the jobs can still
    be looked at and ended, and the warning says that nothing is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._lock = threading.RLock()
        self._closed = False
        self._passing = False
        """Whether it is in memory only."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._connection = self._begin_anew()
        except (OSError, sqlite3.Error) as error:
            if path.is_dir() or not _is_unwritable(error):
                why = getattr(error, "strerror", None) or error
                raise TrainerError(
                    f"the store {path} cannot be opened: {why}",
                    hint="check the folder's permissions and the free space",
                ) from error
            self._connection = self._open_in_memory(error)

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
        if durable and self._passing:
            raise TrainerError(self.warnings[-1], hint="make room, or note the id")
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

    def _open_in_memory(self, why: Exception) -> sqlite3.Connection:
        self._passing = True
        self.warnings.append(
            f"the store {self.path} cannot be written ({why}): what happens now is not kept"
        )
        connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, uri=True
        )
        migrate(connection)
        with contextlib.suppress(sqlite3.Error):
            # Immutable: a WAL file's index cannot be made here, and nobody else is writing.
            source = f"file:{quote(str(self.path))}?immutable=1"
            connection.execute("ATTACH ? AS kept", (source,))
            for table in _CARRIED:
                connection.execute(f"INSERT INTO {table} SELECT * FROM kept.{table}")
            connection.execute("DETACH kept")
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


def _is_unwritable(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_PLACE
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNWRITABLE


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED
