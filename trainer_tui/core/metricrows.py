"""Points of curves in the store's file: a row a point, and a row a key that says how it grew."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from trainer_tui.core.jobcodec import number
from trainer_tui.model import Metric

if TYPE_CHECKING:
    from trainer_tui.core.points import Points

SERVICE, LOG = 0, 1
"""Who told a key's points: the service (or they were seen with the job's progress), or lines of
its log. The service's word counts: a key that it tells is not taken from the log."""
PIECE = 10_000
"""Points that are read at once."""
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1
_FEW = 500
"""So many are given as one object each."""


class Key(NamedTuple):
    """How a key's points stand."""

    origin: int
    last: int
    """The greatest step."""
    rewritten: int
    """Times that points were written which did not follow on the last one."""
    unit: str = "step"
    """What the steps count, by the newest point."""


def keys(db: sqlite3.Connection, n: int) -> dict[str, Key]:
    """All keys of a job."""
    rows = db.execute(
        "SELECT key, origin, last, rewritten, unit FROM metric_keys WHERE n = ? ORDER BY key", (n,)
    )
    return {key: Key(*rest) for key, *rest in rows}


def add(db: sqlite3.Connection, n: int, points: Iterable[Metric], origin: int) -> list[Metric]:
    """Keep points: one of the same key and step is replaced. Gives those that were kept.

    Points of the log are not kept for keys of the service; the service's take the place of all
    that the log said of the key.
    """
    by_key: dict[str, list[Metric]] = {}
    for point in points:
        if not _LEAST <= point.step <= _GREATEST:  # SQLite's whole numbers
            continue
        held = by_key.get(point.key)
        if held is None:
            by_key[point.key] = [point]
        else:
            held.append(point)
    if not by_key:
        return []
    known = keys(db, n)
    kept: list[Metric] = []
    for key, added in by_key.items():
        stand = known.get(key)
        steps, unit = [point.step for point in added], added[-1].unit
        low, high = min(steps), max(steps)
        if stand is None:
            new = Key(origin, high, 0, unit)
        elif stand.origin == origin:
            anew = low <= stand.last or unit != stand.unit
            new = Key(origin, max(high, stand.last), stand.rewritten + anew, unit)
        elif origin == LOG:
            continue
        else:
            db.execute("DELETE FROM metrics WHERE n = ? AND key = ?", (n, key))
            new = Key(origin, high, stand.rewritten + 1, unit)
        db.executemany(
            "INSERT INTO metrics VALUES(?, ?, ?, ?, ?) ON CONFLICT(n, key, step)"
            " DO UPDATE SET value = excluded.value, time = excluded.time",
            [
                (n, key, p.step, number(p.value), p.time.timestamp() if p.time else None)
                for p in added
            ],
        )
        db.execute("INSERT OR REPLACE INTO metric_keys VALUES(?, ?, ?, ?, ?, ?)", (n, key, *new))
        kept += added
    return kept


def piece(
    db: sqlite3.Connection, n: int, key: str, after: int | None, limit: int = PIECE
) -> list[tuple[int, float | str, float | None]]:
    """The next points of a key by step: step, value, Unix seconds."""
    further, from_there = ("", ()) if after is None else (" AND step > ?", (after,))
    return db.execute(
        "SELECT step, value, time FROM metrics WHERE n = ? AND key = ?"
        f"{further} ORDER BY step LIMIT ?",
        (n, key, *from_there, limit),
    ).fetchall()


def unit_of(db: sqlite3.Connection, n: int, key: str) -> str:
    """What the steps of a key count."""
    row = db.execute("SELECT unit FROM metric_keys WHERE n = ? AND key = ?", (n, key)).fetchone()
    return str(row[0]) if row else "step"


def points(
    key: str, rows: list[tuple[int, float | str, float | None]], unit: str
) -> list[Metric] | list[Points]:
    """Rows as points: one object each, or many in one."""
    if len(rows) <= _FEW:
        return [
            Metric(key, s, float(v), None if t is None else datetime.fromtimestamp(t, UTC), unit)
            for s, v, t in rows
        ]
    from array import array  # both only where there are many points

    from trainer_tui.core.points import Points

    steps, values, times = zip(*rows, strict=True)
    known = [math.nan if time is None else time for time in times]
    floats = array("d", map(float, values))
    return [Points(key, array("q", steps), floats, array("d", known), unit)]


def changed(before: Mapping[str, Key], now: Mapping[str, Key]) -> dict[str, int | None]:
    """Keys with points that were not there before, and the step that they follow on.

    ``None`` for a key of which all is to be read.
    """
    found: dict[str, int | None] = {}
    for key, stand in now.items():
        held = before.get(key)
        if held is None or held.rewritten != stand.rewritten or held.origin != stand.origin:
            found[key] = None
        elif held.last != stand.last:
            found[key] = held.last
    return found
