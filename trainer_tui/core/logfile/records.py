"""Lines of a log that are records: what a JSON object says, and how serious it says it is.

Names of fields are those of Python's logging and python-json-logger, structlog, loguru, pino,
bunyan, winston, zap, zerolog, logrus, Serilog, ECS, OpenTelemetry, Google Cloud and Docker.
Everything given back is safe to show: an escape that JSON spelled as ``\\u001b`` is taken out too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trainer_tui import sanitize
from trainer_tui.core.logfile.moments import value_time

LONGEST = 1 << 16
"""Characters of a line beyond which it is not taken for a record."""
MOST_FIELDS = 200
_LONGEST_VALUE = 4_000


class Level(StrEnum):
    """How serious a line says it is."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Record:
    """What a structured line says."""

    level: Level | None
    time: datetime | None
    message: str
    """On one line; empty when the record has none."""
    fields: tuple[tuple[str, str], ...]
    """The rest, in the order of the line; texts may have several lines."""


_WORDS: dict[str, Level] = {
    word: level
    for level, words in {
        Level.TRACE: "trace trc verbose finest finer silly",
        Level.DEBUG: "debug dbug dbg fine config",
        Level.INFO: "info inf information informational notice success http",
        Level.WARNING: "warning warn wrn",
        Level.ERROR: "error err eror severe exception",
        Level.CRITICAL: "critical crit fatal ftl panic dpanic emergency emerg alert",
    }.items()
    for word in words.split()
}
_LETTERS = {
    "T": Level.TRACE,
    "V": Level.TRACE,
    "D": Level.DEBUG,
    "I": Level.INFO,
    "W": Level.WARNING,
    "E": Level.ERROR,
    "F": Level.CRITICAL,
    "C": Level.CRITICAL,
}


def record_of(text: str) -> Record | None:
    """The record that a line is, a JSON object; ``None`` for any other line.

    Never raises. A line longer than :data:`LONGEST`, or nested beyond what the parser takes, is
    no record; of more than :data:`MOST_FIELDS` fields the rest is not told.
    """
    if len(text) > LONGEST:
        return None
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")):
        return None
    try:
        value = json.loads(body)
        if not isinstance(value, dict) or not value:
            return None
        return _loguru(value) or _flat(value)
    except (ValueError, RecursionError):
        return None


_LEVEL_KEYS = (
    "level", "levelname", "level_name", "severity", "log.level", "loglevel", "lvl", "levelno",
    "level_number", "@l", "severityText", "SeverityText", "severity_text", "severityNumber",
    "SeverityNumber",
)  # fmt: skip
_TIME_KEYS = (
    "time", "timestamp", "ts", "@timestamp", "asctime", "datetime", "date", "@t", "t", "created",
    "Timestamp", "TimeStamp", "timeUnixNano",
)  # fmt: skip
_MESSAGE_KEYS = (
    "message",
    "msg",
    "event",
    "@m",
    "@mt",
    "log",
    "text",
    "body",
    "Body",
    "textPayload",
)
_PYTHON_NUMBERS = frozenset({"levelno", "level_number"})
_OTEL_NUMBERS = frozenset({"severityNumber", "SeverityNumber"})


def _loguru(value: dict[str, object]) -> Record | None:
    """loguru's ``serialize=True``: the formatted text, and a record with all the facts."""
    inner = value.get("record")
    if set(value) != {"text", "record"} or not isinstance(inner, dict) or "message" not in inner:
        return None
    fields = {**inner, **extra} if isinstance(extra := inner.pop("extra", None), dict) else inner
    return _flat(fields)


def _flat(value: dict[str, object]) -> Record | None:
    level_key, level = _first_level(value)
    time_key = next((key for key in _TIME_KEYS if key in value), None)
    time = None if time_key is None else value_time(value[time_key])
    message_key = next((key for key in _MESSAGE_KEYS if isinstance(value.get(key), str)), None)
    message = "" if message_key is None else sanitize.line(value[message_key])
    taken = {message_key if message else None, level_key, time_key if time else None}
    rest = [(key, part) for key, part in value.items() if key not in taken]
    fields = tuple(
        (sanitize.line(key, limit=200), _shown(part)) for key, part in rest[:MOST_FIELDS]
    )
    return Record(level, time, message, fields)


def _first_level(value: Mapping[str, object]) -> tuple[str | None, Level | None]:
    for key in _LEVEL_KEYS:
        if key in value and (level := _level(key, value[key])) is not None:
            return key, level
    if isinstance(log := value.get("log"), dict) and (level := _level("level", log.get("level"))):
        return None, level
    return None, None


def _level(key: str, value: object) -> Level | None:
    if isinstance(value, dict):  # loguru, and log4j's JSON layout
        value = value.get("name")
    if isinstance(value, str):
        if value.isdecimal() and len(value) <= 3:
            return _level(key, int(value))
        return _WORDS.get(value.strip().lower()) or _LETTERS.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if key in _OTEL_NUMBERS:
        steps = (1, 5, 9, 13, 17, 21)
    elif key in _PYTHON_NUMBERS:
        steps = (1, 10, 20, 30, 40, 50)
    elif value <= 7:  # RFC 5424: 0 is the worst
        return _SYSLOG[int(value)] if value >= 0 else None
    else:
        steps = (1, 20, 30, 40, 50, 60)
    ranks = [level for step, level in zip(steps, Level, strict=True) if value >= step]
    return ranks[-1] if ranks else None


_SYSLOG = (
    Level.CRITICAL, Level.CRITICAL, Level.CRITICAL, Level.ERROR,
    Level.WARNING, Level.INFO, Level.INFO, Level.DEBUG,
)  # fmt: skip


def _shown(value: object) -> str:
    """A field's value: a text as it is, anything else as JSON."""
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return sanitize.text(value, limit=_LONGEST_VALUE)
