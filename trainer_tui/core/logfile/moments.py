"""When a line was written, read from its text.

Understood: ISO 8601 and its relatives (``2026-11-20 14:03:05,123``, ``2026/11/20 14:03:05``,
``20261120T140305Z``), dates as Hugging Face, Rich and detectron2 write them (month first), syslog,
``ctime``, RFC 5322, nginx and Apache, glog, a clock alone at a line's beginning, seconds or
milliseconds since 1970 at a line's beginning, and the time field of a JSON or logfmt line.

What a line does not say is taken from elsewhere: the day of a clock from a moment that is known to
be near, the zone from the machine.
"""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache

HEAD = 160
"""Characters of a line in which its time is looked for."""
_FIELDS = 4096
"""The same of a JSON line, whose time may be its last field."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?P<h>[01]\d|2[0-3]):(?P<mi>[0-5]\d):(?P<s>[0-5]\d|60)(?:[.,](?P<f>\d{1,9}))?"
_SHORT = r"(?P<h>[01]\d|2[0-3]):(?P<mi>[0-5]\d)(?::(?P<s>[0-5]\d|60)(?:[.,](?P<f>\d{1,9}))?)?"
_ZONE = r"(?:\s?(?P<z>Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d(?!\d)))?"
_MONTH = r"(?P<mon>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
# Expressions of this size take milliseconds to compile: when the first line is asked for its time.


@cache
def _dated() -> tuple[re.Pattern[str], ...]:
    """With a date."""
    return tuple(
        re.compile(pattern, re.IGNORECASE)
        for pattern in (
            # 2026-11-20 14:03:05,123  2026/11/20T14:03Z
            r"(?<![\d.])(?P<y>[12]\d{3})(?P<sep>[-/.])(?P<mo>[01]\d)(?P=sep)(?P<d>[0-3]\d)"
            r"(?:T|[ _-]{1,3})" + _SHORT + r"(?![\d:])" + _ZONE,
            # 20261120T140305Z
            r"(?<!\d)(?P<y>[12]\d{3})(?P<mo>[01]\d)(?P<d>[0-3]\d)T"
            r"(?P<h>[01]\d|2[0-3])(?P<mi>[0-5]\d)(?P<s>[0-5]\d)(?:[.,](?P<f>\d{1,9}))?" + _ZONE,
            # 20/Nov/2026:14:03:05 +0000  20 Nov 2026 14:03:05 GMT
            r"(?<!\d)(?P<d>[0-3]?\d)(?P<sep>[/ -])" + _MONTH + r"(?P=sep)(?P<y>[12]\d{3})[: ]"
            r"+" + _CLOCK + _ZONE,
            # Nov 20 14:03:05, with a year before the clock or behind it
            r"(?<![a-z])" + _MONTH + r"\.?\s{1,2}(?P<d>[0-3]?\d),?\s(?:(?P<y>[12]\d{3}),?\s)?"
            r"\s?" + _CLOCK + r"(?:\s(?P<z>UTC|GMT|Z|[+-]\d\d:?\d\d))?"
            r"(?:\s[A-Z]{3,5})?(?:\s(?P<y2>[12]\d{3})(?![\d:]))?",
            # 11/20/2026 14:03:05  11/20/26 14:03:05 (month first, as strftime's %x writes it)
            r"(?<![\d/])(?P<mo>[0-3]\d)/(?P<d>[0-3]\d)/(?P<y>[12]\d{3}|\d\d)[ ,-]{1,3}" + _CLOCK,
            # 11/20 14:03:05 (detectron2, mmengine)
            r"^\W{0,2}(?P<mo>[01]\d)/(?P<d>[0-3]\d) " + _CLOCK,
        )
    )


@cache
def _clocks() -> tuple[re.Pattern[str], ...]:
    """At the beginning of a line: with the year at most, or without any date."""
    # I1120 14:03:05.123456  W20261120 14:03:05 (the letter is the level)
    glog = re.compile(r"\W?[IWEFDC](?P<y>[12]\d{3})?(?P<mo>[01]\d)(?P<d>[0-3]\d)\s{1,2}" + _CLOCK)
    # 14:03:05  [14:03:05.123]  INFO [14:03:05]  (rank0) 14:03:05
    bare = re.compile(
        r"\W{0,3}(?:(?:[A-Z]{4,8}|\w{1,12}\d)\W{1,4})?"
        + _CLOCK
        + r"(?![\d:<])(?!\s?(?:/|elapsed|<|left))"
    )
    return glog, bare


@cache
def _field() -> re.Pattern[str]:
    """A time as the value of a field."""
    return re.compile(
        r"(?:\"(?P<j>@?timestamp|@?time|ts|@t|asctime|datetime|date|created|t)\"\s{0,8}:\s{0,8}"
        r"|(?:^|\s)(?:timestamp|time|ts|t)=)"
        r"(?:\"(?P<text>[^\"]{6,64})\"|(?P<n>\d{9,19}(?:\.\d{1,9})?(?:[eE]\+?\d{1,2})?)"
        r"|(?P<word>[^\s\"{},]{6,64}))"
    )


_EPOCH = re.compile(r"\W{0,2}(?P<n>[1-3]\d{9}(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?)(?![\w.]*\w)")
NUMBER = re.compile(r"[1-3]\d{9}(?:\.\d+|\d{3}|\d{6}|\d{9})?")
Zone = tzinfo | None
"""Where a time without a zone is meant; ``None`` is this machine's."""


def time_of(text: str, near: datetime | None = None, *, zone: Zone = None) -> datetime | None:
    """When a line says that it was written, as aware UTC; ``None`` when it does not say.

    Args:
        text: The line, resolved. Only its first characters are looked at.
        near: A moment that cannot be far: tells the day of a clock without a date and the year of
            a date without one. Without it such times are not known.
        zone: Of a time that tells none.
    """
    head = text[:HEAD]
    if head.startswith("{"):
        return _field_time(text[:_FIELDS], near, zone)
    if match := _USUAL.match(head):
        with contextlib.suppress(ValueError, OverflowError, OSError):
            second = _second(match[1], zone)
            fraction = match[2]
            return (
                second.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else second
            )
    if not _DIGITS.search(head):
        return None
    for pattern in _dated():
        if (match := pattern.search(head)) and (found := _moment(match, near, zone)):
            return found
    for pattern in _clocks():
        if (match := pattern.match(head)) and (found := _moment(match, near, zone)):
            return found
    if match := _EPOCH.match(head):
        return since_epoch(match["n"])
    return _field_time(head, near, zone) if "=" in head else None


_DIGITS = re.compile(r"\d\d:?\d\d")
# The first form of all, at a line's beginning and without a zone: most lines with a time.
_USUAL = re.compile(
    r"([12]\d{3}-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d:[0-5]\d)(?:[.,](\d{1,9}))?"
    r"(?![\d:.,+-])(?!\s?(?:Z\b|UTC\b|GMT\b|[+-]\d\d))"
)


@lru_cache(maxsize=256)
def _second(text: str, zone: Zone) -> datetime:
    """A second that many lines name. Raises ValueError where there is none."""
    return wall(datetime.fromisoformat(text), zone)


def value_time(value: object) -> datetime | None:
    """The time in a field of a record: a text in any form, or a number since 1970."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return since_epoch(value)
    if isinstance(value, str):
        return since_epoch(value) if NUMBER.fullmatch(value) else time_of(value[:64])
    if isinstance(value, dict):  # protobuf's form, and loguru's
        if isinstance(seconds := value.get("seconds", value.get("timestamp")), int | float | str):
            return since_epoch(seconds)
        return value_time(text) if isinstance(text := value.get("repr"), str) else None
    return None


def since_epoch(number: float | str) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by their size."""
    try:
        seconds = float(number)
        for _ in range(3):
            if seconds >= 1e11:
                seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC) if seconds >= 1e8 else None
    except (ValueError, OverflowError, OSError):
        return None


def _field_time(text: str, near: datetime | None, zone: Zone) -> datetime | None:
    """The time in the fields of a JSON or logfmt line."""
    for match in _field().finditer(text):
        said = match["n"] or match["text"] or match["word"]
        if match["n"] or NUMBER.fullmatch(said):
            found = since_epoch(said)
        else:
            found = None if said.startswith("{") else time_of(said, near, zone=zone)
        if found is not None:
            return found
    return None


def _moment(match: re.Match[str], near: datetime | None, zone: Zone) -> datetime | None:
    """What a match means; ``None`` when there is no such day, or no telling which."""
    part = match.groupdict()
    clock = (int(part["h"]), int(part["mi"]), min(59, int(part["s"] or 0)))
    micro = int((part["f"] or "").ljust(6, "0")[:6])
    told = zone_of(part.get("z")) or zone
    day = part.get("d")
    if day is None:
        return near and _nearest_day(time(*clock, micro), near, told)
    mon = part.get("mon")
    month = _MONTHS.index(mon[:3].lower()) + 1 if mon else int(part["mo"])
    number = int(day)
    if month > 12 and number <= 12:
        month, number = number, month  # the day first after all
    year = part.get("y") or part.get("y2")
    try:
        if year:
            full = int(year) + (2000 if len(year) == 2 else 0)
            return wall(datetime(full, month, number, *clock, micro), told)
        if near is None:
            return None
        here = local(near, told)
        years = (here.year - 1, here.year, here.year + 1)
        found = [
            wall(datetime(y, month, number, *clock, micro), told)
            for y in years
            if _is_day(y, month, number)
        ]
    except (ValueError, OverflowError):
        return None
    return min(found, key=lambda moment: abs(moment - near), default=None)


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _nearest_day(clock: time, near: datetime, zone: Zone) -> datetime | None:
    """The moment at which a clock showed this, no more than half a day from ``near``."""
    try:
        here = local(near, zone).replace(tzinfo=None)
        days = (here.date() + timedelta(days) for days in (-1, 0, 1))
        found = [wall(datetime.combine(day, clock), zone) for day in days]
    except (ValueError, OverflowError):
        return None
    return min(found, key=lambda moment: abs(moment - near))


@lru_cache(maxsize=64)
def zone_of(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if not text.startswith(("+", "-")):
        return UTC
    digits = text[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if away >= timedelta(days=1):
        return None
    return timezone(-away if text[0] == "-" else away)


def wall(naive: datetime, zone: Zone) -> datetime:
    """A wall clock's reading as UTC."""
    return (naive if zone is None else naive.replace(tzinfo=zone)).astimezone(UTC)


def local(moment: datetime, zone: Zone) -> datetime:
    """A moment on a wall clock: this machine's, or of a zone."""
    return moment.astimezone(zone)
