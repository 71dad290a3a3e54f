"""Pieces of a job's growing files, cut where they may be cut."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer_tui.server.runners.files import from_json, open_regular

MAX_LOG = 8 * 1024 * 1024
MAX_METRICS = 4 * 1024 * 1024
_LARGEST = 1 << 63
"""Whole numbers are below it: whoever keeps them has 64 bits for one."""
MIN_LOG = 4  # the longest UTF-8 character: with less a piece might never get anywhere


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Part of a log; offsets in bytes."""

    data: bytes
    offset: int
    next_offset: int
    size: int
    reset: bool
    complete: bool

    @property
    def text(self) -> str:
        """The bytes as text, errors replaced."""
        return self.data.decode("utf-8", "replace")


def read_raw(path: Path, offset: int, limit: int, *, ended: bool) -> LogPiece:
    """A piece of a log, byte for byte.

    Args:
        offset: Where to begin; negative: that many bytes before the end. Beyond the end: the log
            is another one by now, it is read from its beginning and ``reset`` is set.
        limit: Bytes at most.
        ended: Whether the file grows no more.
    """
    limit = min(max(limit, MIN_LOG), MAX_LOG)
    try:
        file = open_regular(path)
    except OSError:
        return LogPiece(b"", 0, 0, 0, offset > 0, ended)
    with file:
        size = file.seek(0, 2)
        reset = offset > size
        start = 0 if reset else max(0, size + offset) if offset < 0 else offset
        file.seek(start)
        data = file.read(min(limit, max(0, size - start)))
    end = start + len(data)
    return LogPiece(data, start, end, max(size, end), reset, ended and end >= size)


def read_log(path: Path, offset: int, limit: int, *, ended: bool) -> LogPiece:
    """The same, but the piece never begins or ends inside a character."""
    piece = read_raw(path, offset, limit, ended=ended)
    skipped = _leading_rest(piece.data) if piece.offset > 0 else 0
    cut = 0 if piece.complete else _trailing_part(piece.data)
    if cut == len(piece.data) - skipped and piece.next_offset < piece.size:
        cut = 0  # not a character begun but stray bytes: give them, or it would never go on
    return replace(
        piece,
        data=piece.data[skipped : len(piece.data) - cut],
        offset=piece.offset + skipped,
        next_offset=piece.next_offset - cut,
        complete=piece.complete and not cut,
    )


def _leading_rest(data: bytes) -> int:
    """How many bytes at the front continue a character that began before (at most 3)."""
    count = 0
    while count < min(3, len(data)) and data[count] & 0xC0 == 0x80:
        count += 1
    return count


def _trailing_part(data: bytes) -> int:
    """How many bytes at the end begin a character that is not all there (at most 3)."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needs = 4 if byte & 0xF8 == 0xF0 else 3 if byte & 0xF0 == 0xE0 else 2
        return back if byte & 0xC0 == 0xC0 and needs > back else 0
    return 0


def read_metrics(path: Path, since: int, limit: int) -> tuple[list[dict[str, Any]], int]:
    """Points from a byte offset, and the offset to go on from.

    A last line that is still being written waits for the next time; lines that are no points are
    passed over. An offset beyond the end means another file: it is read from its beginning.
    """
    try:
        file = open_regular(path)
    except OSError:
        return [], 0
    with file:
        size = file.seek(0, 2)
        since = 0 if since < 0 or since > size else since
        file.seek(since)
        data = file.read(MAX_METRICS)
    points: list[dict[str, Any]] = []
    position = 0
    while len(points) < limit:
        end = data.find(b"\n", position)
        if end < 0:
            if position == 0 and len(data) == MAX_METRICS:
                position = len(data)  # a line beyond all reason: step over it
            break
        point = _point(data[position:end])
        if point is not None:
            points.append(point)
        position = end + 1
    return points, since + position


def _point(line: bytes) -> dict[str, Any] | None:
    try:
        found = from_json(line)
        step, key, value = found["step"], found["key"], found["value"]
        moment, unit = found.get("time"), found.get("unit")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if isinstance(value, str):
        if value.lower().lstrip("+-") not in ("nan", "inf", "infinity"):
            return None
        value = float(value)
    if not _is_number(value) or not _is_number(step) or not isinstance(key, str):
        return None
    if not abs(step) < _LARGEST:  # NaN neither
        return None
    if isinstance(value, float) and not math.isfinite(value):
        value = "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if not _is_number(moment) or not math.isfinite(moment):
        moment = None
    said = {"unit": unit} if isinstance(unit, str) and unit else {}
    return {"step": int(step), "time": moment, "key": key, "value": value, **said}


def _is_number(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < _LARGEST
    return isinstance(value, float)
