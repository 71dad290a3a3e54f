"""Our own SQLite file: every job ever seen, its events, metrics, drafts and downloads.

Thread-safe, and two processes may use one file at once. What changed since the last look at a job
becomes an event in the same transaction as the job itself, so two consoles never tell it twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trainer_tui.core import metricrows
from trainer_tui.core.board import unseen
from trainer_tui.core.database import Database
from trainer_tui.core.jobcodec import (
    COLUMNS,
    COUNT,
    changes,
    decode,
    encode,
    time_of,
    time_text,
)
from trainer_tui.core.rows import DownloadPhase, DownloadRow, Draft
from trainer_tui.model import ArtifactKind, Event, EventKind, Job, JobRef, Metric

if TYPE_CHECKING:
    from trainer_tui.core.points import Points

_SAVE_JOB = (
    f"INSERT INTO jobs(n, {COLUMNS}, updated_at) VALUES({', '.join('?' * (COUNT + 2))})"
    f" ON CONFLICT(n) DO UPDATE SET updated_at = excluded.updated_at,"
    f" {', '.join(f'{c.strip()} = excluded.{c.strip()}' for c in COLUMNS.split(','))}"
)
_PER_JOB = (
    *("jobs", "tracked", "watched", "events", "metrics", "metric_keys", "cursors", "log_readers"),
    "refs",
)
_DOWNLOAD_COLUMNS = (
    "profile, job, name, kind, target, phase, size, held, etag, step, note, created_at, owner"
)
_DRAFT_COLUMNS = "id, profile, job, kind, text, base_text, base_etag, updated_at, sent_at"


class Store(Database):
    """The registry and history. Every method raises TrainerError when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)

    # Which jobs are ours.

    def track(
        self,
        ref: JobRef,
        provider: str,
        *,
        name: str | None = None,
        source: Literal["submitted", "tracked"] = "tracked",
    ) -> None:
        """Remember an id for good: it is on disk when this returns."""
        with self._writing(durable=True) as db:
            db.execute(
                "INSERT INTO tracked VALUES(?, ?, ?, ?, ?) ON CONFLICT(n) DO UPDATE SET"
                " provider = excluded.provider, name = coalesce(excluded.name, name)",
                (_number_of(db, ref), provider, name, source, time_text(datetime.now(UTC))),
            )

    def forget(self, ref: JobRef) -> None:
        """Drop a job and its history. Drafts and downloads stay."""
        with self._writing() as db:
            n = _find(db, ref)
            if n is not None:
                for table in _PER_JOB:
                    db.execute(f"DELETE FROM {table} WHERE n = ?", (n,))

    def tracked(self, profile: str) -> list[JobRef]:
        """The ids submitted or tracked from here, oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT id FROM tracked JOIN refs USING(n) WHERE profile = ? ORDER BY n", (profile,)
            ).fetchall()
        return [JobRef(profile, row[0]) for row in rows]

    def save_jobs(self, jobs: Iterable[Job], now: datetime) -> list[Event]:
        """Write jobs as last observed; gives what is new about them as events (kept as well)."""
        told: list[Event] = []
        with self._writing() as db:
            for job in jobs:
                n = _number_of(db, job.ref)
                row = db.execute(f"SELECT {COLUMNS} FROM jobs WHERE n = ?", (n,)).fetchone()
                new = list(changes(decode(job.ref, row) if row else None, job, now))
                db.execute(_SAVE_JOB, (n, *encode(job), time_text(now)))
                _add_events(db, n, new)
                told += new
        return told

    def newest(self) -> int:
        """The number of the id tracked last, by whatever process; later ones have greater ones."""
        with self._reading() as db:
            return int(db.execute("SELECT coalesce(max(n), 0) FROM tracked").fetchone()[0])

    def jobs(self, profile: str | None = None, *, after: int = 0) -> list[Job]:
        """Every job as last known, those of which only the id is known included.

        ``after``: only those that are newer than this number (see :meth:`newest`).
        """
        where = "WHERE n > :after" + (" AND profile = :profile" if profile is not None else "")
        args = {"after": after, "profile": profile}
        with self._reading() as db:
            rows = db.execute(
                f"SELECT profile, id, {COLUMNS} FROM jobs CROSS JOIN refs USING(n) {where}", args
            ).fetchall()
            bare = db.execute(
                "SELECT profile, id, provider, name FROM tracked JOIN refs USING(n)"
                f" {where} AND n NOT IN (SELECT n FROM jobs)",
                args,
            ).fetchall()
        found = [decode(JobRef(row[0], row[1]), row[2:]) for row in rows]
        found += [unseen(JobRef(p, i), provider, name) for p, i, provider, name in bare]
        return found

    def profiles(self) -> set[str]:
        """The names of profiles that have ever had a job here."""
        with self._reading() as db:
            return {row[0] for row in db.execute("SELECT DISTINCT profile FROM refs")}

    def watched(self) -> set[JobRef]:
        """Jobs whose end is to be told."""
        with self._reading() as db:
            rows = db.execute("SELECT profile, id FROM watched JOIN refs USING(n)").fetchall()
        return {JobRef(*row) for row in rows}

    def set_watched(self, ref: JobRef, on: bool) -> None:
        """Whether the end of a job is to be told."""
        with self._writing() as db:
            n = _number_of(db, ref)
            if on:
                db.execute("INSERT OR IGNORE INTO watched VALUES(?)", (n,))
            else:
                db.execute("DELETE FROM watched WHERE n = ?", (n,))

    # What happened to them.

    def add_event(self, event: Event) -> None:
        """Keep something that happened."""
        with self._writing() as db:
            _add_events(db, _number_of(db, event.ref), [event])

    def events(self, ref: JobRef, limit: int = 500) -> list[Event]:
        """The newest events of a job, oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT time, kind, text FROM events JOIN refs USING(n)"
                " WHERE profile = ? AND id = ? ORDER BY time DESC, seq DESC LIMIT ?",
                (ref.profile, ref.id, limit),
            ).fetchall()
        return [
            Event(ref, datetime.fromisoformat(time), EventKind(kind), text)
            for time, kind, text in reversed(rows)
        ]

    def add_metrics(self, ref: JobRef, metrics: Iterable[Metric]) -> None:
        """Keep points of curves; a point of the same key and step is replaced."""
        with self._writing() as db:
            metricrows.add(db, _number_of(db, ref), metrics, metricrows.SERVICE)

    def add_log_metrics(
        self, ref: JobRef, metrics: Iterable[Metric], state: dict[str, Any] | None = None
    ) -> list[Metric]:
        """Keep points that were found in the job's log, and how far it was read with them.

        Gives those that were kept: none of keys that the service tells.
        """
        with self._writing() as db:
            n = _number_of(db, ref)
            if state is not None:
                kept = json.dumps(state)
                db.execute("INSERT OR REPLACE INTO log_readers VALUES(?, ?)", (n, kept))
            return metricrows.add(db, n, metrics, metricrows.LOG)

    def log_state(self, ref: JobRef) -> dict[str, Any] | None:
        """How far the job's log was read for its metrics."""
        with self._reading() as db:
            row = db.execute(
                "SELECT state FROM log_readers JOIN refs USING(n) WHERE profile = ? AND id = ?",
                (ref.profile, ref.id),
            ).fetchone()
        return json.loads(row[0]) if row else None

    def metric_keys(self, ref: JobRef) -> dict[str, metricrows.Key]:
        """The keys of a job's metrics, and how each stands: see :func:`metricrows.changed`."""
        with self._reading() as db:
            n = _find(db, ref)
            return {} if n is None else metricrows.keys(db, n)

    def points(
        self, ref: JobRef, after: Mapping[str, int | None] | None = None
    ) -> Iterator[list[Metric] | list[Points]]:
        """Points by key and step, in pieces of which each is read when it is asked for.

        Args:
            ref: The job.
            after: Keys, and the step that is wanted no more (``None``: all); else all keys.
        """
        if after is None:
            after = dict.fromkeys(self.metric_keys(ref))
        for key, step in after.items():
            while True:
                with self._reading() as db:
                    n = _find(db, ref)
                    rows = [] if n is None else metricrows.piece(db, n, key, step)
                    unit = "" if n is None or not rows else metricrows.unit_of(db, n, key)
                if rows:
                    yield metricrows.points(key, rows, unit)
                    step = rows[-1][0]
                if len(rows) < metricrows.PIECE:
                    break

    def metrics(
        self, ref: JobRef, key: str | None = None, since_step: int | None = None
    ) -> list[Metric]:
        """Points of a job's curves by key and step; with ``since_step`` only later ones."""
        sql = (
            "SELECT key, step, value, time, unit FROM metrics JOIN metric_keys USING(n, key)"
            " WHERE n = (SELECT n FROM refs WHERE profile = ? AND id = ?)"
        )
        args: list[object] = [ref.profile, ref.id]
        if key is not None:
            sql += " AND key = ?"
            args.append(key)
        if since_step is not None:
            sql += " AND step > ?"
            args.append(since_step)
        with self._reading() as db:
            rows = db.execute(sql + " ORDER BY key, step", args).fetchall()
        return [
            Metric(k, step, float(v), None if t is None else datetime.fromtimestamp(t, UTC), unit)
            for k, step, v, t, unit in rows
        ]

    def metrics_cursor(self, ref: JobRef) -> int:
        """Where the service's metrics are to be read on from; 0 at first."""
        with self._reading() as db:
            row = db.execute(
                "SELECT cursor FROM cursors JOIN refs USING(n) WHERE profile = ? AND id = ?",
                (ref.profile, ref.id),
            ).fetchone()
        return int(row[0]) if row else 0

    def set_metrics_cursor(self, ref: JobRef, cursor: int, metrics: Iterable[Metric] = ()) -> None:
        """Keep the cursor, and the points that led to it, in one transaction."""
        with self._writing() as db:
            n = _number_of(db, ref)
            metricrows.add(db, n, metrics, metricrows.SERVICE)
            db.execute("INSERT OR REPLACE INTO cursors VALUES(?, ?)", (n, cursor))

    # Drafts, downloads, and what else must outlive a crash.

    def put_draft(self, draft: Draft) -> None:
        """Keep a draft; one of the same id is replaced."""
        row = (
            draft.id,
            draft.profile,
            draft.ref.id if draft.ref else None,
            draft.kind,
            draft.text,
            draft.base_text,
            draft.base_etag,
            time_text(draft.updated_at),
            time_text(draft.sent_at),
        )
        with self._writing() as db:
            db.execute(f"INSERT OR REPLACE INTO drafts VALUES({', '.join('?' * len(row))})", row)

    def drafts(self, ref: JobRef | None = None) -> list[Draft]:
        """Drafts, newest first: all, or those of one job."""
        where, args = "", tuple[str, ...]()
        if ref is not None:
            where, args = " WHERE profile = ? AND job = ?", (ref.profile, ref.id)
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_DRAFT_COLUMNS} FROM drafts{where} ORDER BY updated_at DESC", args
            ).fetchall()
        return [_draft(row) for row in rows]

    def discard_draft(self, draft_id: str) -> None:
        """Drop a draft."""
        with self._writing() as db:
            db.execute("DELETE FROM drafts WHERE id = ?", (draft_id,))

    def put_download(self, row: DownloadRow) -> DownloadRow:
        """Keep a download; gives it back with its id (a new one where it had 0)."""
        values = (
            row.ref.profile,
            row.ref.id,
            row.name,
            row.kind.value,
            str(row.target),
            row.phase.value,
            row.size,
            row.held,
            row.etag,
            row.step,
            row.note,
            time_text(row.created_at),
            row.owner,
        )
        marks = ", ".join("?" * (len(values) + 1))
        with self._writing() as db:
            cursor = db.execute(
                f"INSERT OR REPLACE INTO downloads(id, {_DOWNLOAD_COLUMNS}) VALUES({marks})",
                (row.id or None, *values),
            )
            return row if row.id else row.replace(id=cursor.lastrowid)

    def downloads(self) -> list[DownloadRow]:
        """All downloads, oldest first."""
        with self._reading() as db:
            rows = db.execute(
                f"SELECT id, {_DOWNLOAD_COLUMNS} FROM downloads ORDER BY id"
            ).fetchall()
        return [_download(row) for row in rows]

    def drop_download(self, row_id: int) -> None:
        """Forget a download (its file stays)."""
        with self._writing() as db:
            db.execute("DELETE FROM downloads WHERE id = ?", (row_id,))

    def get_value(self, key: str, default: Any = None) -> Any:
        """A value kept by :meth:`set_value`."""
        with self._reading() as db:
            row = db.execute("SELECT value FROM kv WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else default

    def set_value(self, key: str, value: Any) -> None:
        """Keep anything that JSON can say."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO kv VALUES(?, ?)", (key, json.dumps(value)))


def _find(db: sqlite3.Connection, ref: JobRef) -> int | None:
    row = db.execute(
        "SELECT n FROM refs WHERE profile = ? AND id = ?", (ref.profile, ref.id)
    ).fetchone()
    return int(row[0]) if row else None


def _number_of(db: sqlite3.Connection, ref: JobRef) -> int:
    n = _find(db, ref)
    if n is None:
        cursor = db.execute("INSERT INTO refs(profile, id) VALUES(?, ?)", (ref.profile, ref.id))
        n = cursor.lastrowid
    assert n is not None
    return n


def _add_events(db: sqlite3.Connection, n: int, events: Iterable[Event]) -> None:
    db.executemany(
        "INSERT INTO events(n, time, kind, text) VALUES(?, ?, ?, ?)",
        [(n, time_text(e.time), e.kind.value, e.text) for e in events],
    )


def _draft(row: tuple[Any, ...]) -> Draft:
    id_, profile, job, kind, text, base_text, base_etag, updated_at, sent_at = row
    return Draft(
        id=id_,
        profile=profile,
        text=text,
        updated_at=datetime.fromisoformat(updated_at),
        kind=kind,
        ref=JobRef(profile, job) if job is not None else None,
        base_text=base_text,
        base_etag=base_etag,
        sent_at=time_of(sent_at),
    )


def _download(row: tuple[Any, ...]) -> DownloadRow:
    id_, profile, job, name, kind, target, phase, size, held, etag, step, note, created, owner = row
    return DownloadRow(
        id=id_,
        ref=JobRef(profile, job),
        name=name,
        kind=ArtifactKind(kind),
        target=Path(target),
        phase=DownloadPhase(phase),
        size=size,
        held=held,
        etag=etag,
        step=step,
        note=note,
        created_at=time_of(created),
        owner=owner,
    )
