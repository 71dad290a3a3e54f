"""The store's tables, as steps from each version of the schema to the next."""

from __future__ import annotations

import sqlite3

from trainer_tui.errors import TrainerError

_FIRST = """
CREATE TABLE refs(
    n INTEGER PRIMARY KEY AUTOINCREMENT, profile TEXT NOT NULL, id TEXT NOT NULL,
    UNIQUE(profile, id));
CREATE TABLE jobs(
    n INTEGER PRIMARY KEY, provider TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
    raw_status TEXT NOT NULL, current INTEGER, total INTEGER, unit TEXT, percent REAL,
    created_at TEXT, started_at TEXT, finished_at TEXT, error TEXT, error_code TEXT,
    gpu_type TEXT, gpu_count INTEGER, config_name TEXT, loss, checkpoint_step INTEGER,
    queue_position INTEGER, allowed TEXT NOT NULL, extra TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE tracked(
    n INTEGER PRIMARY KEY, provider TEXT NOT NULL, name TEXT, source TEXT NOT NULL,
    added_at TEXT NOT NULL);
CREATE TABLE watched(n INTEGER PRIMARY KEY);
CREATE TABLE events(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL, time TEXT NOT NULL,
    kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX events_of_job ON events(n, seq);
CREATE TABLE metrics(
    n INTEGER NOT NULL, key TEXT NOT NULL, step INTEGER NOT NULL, value NOT NULL, time REAL,
    PRIMARY KEY(n, key, step)) WITHOUT ROWID;
CREATE TABLE cursors(n INTEGER PRIMARY KEY, cursor INTEGER NOT NULL);
CREATE TABLE drafts(
    id TEXT PRIMARY KEY, profile TEXT NOT NULL, job TEXT, kind TEXT NOT NULL, text TEXT NOT NULL,
    base_text TEXT, base_etag TEXT, updated_at TEXT NOT NULL, sent_at TEXT);
CREATE TABLE downloads(
    id INTEGER PRIMARY KEY AUTOINCREMENT, profile TEXT NOT NULL, job TEXT NOT NULL,
    name TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, phase TEXT NOT NULL,
    size INTEGER, held INTEGER NOT NULL, etag TEXT, step INTEGER, note TEXT NOT NULL,
    created_at TEXT, owner INTEGER NOT NULL);
CREATE TABLE kv(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_METRIC_KEYS = """
CREATE TABLE metric_keys(
    n INTEGER NOT NULL, key TEXT NOT NULL, origin INTEGER NOT NULL, last INTEGER NOT NULL,
    rewritten INTEGER NOT NULL, PRIMARY KEY(n, key)) WITHOUT ROWID;
INSERT INTO metric_keys SELECT n, key, 0, max(step), 0 FROM metrics GROUP BY n, key;
CREATE TABLE log_readers(n INTEGER PRIMARY KEY, state TEXT NOT NULL);
"""

_UNITS = """
ALTER TABLE metric_keys ADD COLUMN unit TEXT NOT NULL DEFAULT 'step';
UPDATE metric_keys SET unit = coalesce(
    (SELECT unit FROM jobs WHERE jobs.n = metric_keys.n AND unit <> 'percent'), unit)
    WHERE origin = 0;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _METRIC_KEYS, _UNITS)
"""Step ``i`` leads from version ``i`` to ``i + 1``. A step that was released is never changed."""


def migrate(connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring the tables to the newest version, in one transaction; safe for two starters at once.

    Raises:
        TrainerError: The file was written by a newer program.
    """
    if _version(connection) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # again: another process may have been quicker
        if version > len(migrations):
            raise TrainerError(
                "the store was written by a newer trainer-tui",
                hint="update this one, or point TRAINER_TUI_HOME at another folder",
            )
        for step in migrations[version:]:
            for statement in step.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
