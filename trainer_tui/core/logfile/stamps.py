"""Moments as a person types them, and as they stand in the gutter of a log."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from trainer_tui.core.logfile.moments import NUMBER, Zone, local, since_epoch, wall, zone_of

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"-?\s*((?:\d+(?:\.\d+)?\s*[smhdw]\s*)+)(?:ago)?", re.IGNORECASE)
_WHEN_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,6}))?)?")
_WHEN_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)|(today|yesterday)|(?:(\d\d)-(\d\d))")
WHEN_FORMS = "14:03, 2026-11-20 14:03, yesterday 14:00, 2h (two hours ago), now"


def parse_when(text: str, now: datetime, *, zone: Zone = None) -> datetime:
    """The moment that a person means, as aware UTC.

    ``14:03`` is the last time that clocks showed it; ``5m``, ``-5m``, ``1h30m`` are so long ago;
    a day alone is its beginning; ``@1700000000`` counts from 1970.

    Raises:
        ValueError: It is none of :data:`WHEN_FORMS`; the message can be shown.
    """
    said = " ".join(text.split())
    wrong = ValueError(f"{said!r} is no time; write for example {WHEN_FORMS}")
    if said.lower() == "now":
        return now.astimezone(UTC)
    if match := _AGO.fullmatch(said):
        parts = re.findall(r"([\d.]+)\s*([smhdw])", match[1].lower())
        try:
            return now.astimezone(UTC) - timedelta(
                seconds=sum(float(number) * _UNITS[unit] for number, unit in parts)
            )
        except OverflowError:
            raise wrong from None
    if said.startswith("@"):
        moment = since_epoch(said[1:]) if NUMBER.fullmatch(said[1:]) else None
        if moment is None:
            raise wrong
        return moment
    try:
        return _calendar(said, now, zone, wrong)
    except OverflowError:
        raise wrong from None


def _calendar(said: str, now: datetime, zone: Zone, wrong: ValueError) -> datetime:
    here = local(now, zone)
    day_text, rest = _split_day(said)
    day: date | None = None
    if match := _WHEN_DAY.fullmatch(day_text.lower()):
        try:
            if match[1]:
                day = date(int(match[1]), int(match[2]), int(match[3]))
            elif match[4]:
                day = here.date() - timedelta(days=match[4] == "yesterday")
            else:
                day = date(here.year, int(match[5]), int(match[6]))
                if day > here.date():
                    day = day.replace(year=here.year - 1)
        except ValueError:
            raise ValueError(f"{said!r}: there is no such day") from None
    else:
        rest = said
    if day is not None and not rest:
        return wall(datetime.combine(day, time()), zone)
    if zone_match := re.search(r"\s?(Z|UTC|[+-]\d\d:?\d\d)$", rest, re.IGNORECASE):
        zone = zone_of(zone_match[1].upper()) or zone
        rest = rest[: zone_match.start()]
    match = _WHEN_CLOCK.fullmatch(rest)
    if match is None or int(match[1]) > 23:
        raise wrong
    clock = time(
        int(match[1]), int(match[2]), int(match[3] or 0), int((match[4] or "").ljust(6, "0"))
    )
    if day is not None:
        return wall(datetime.combine(day, clock), zone)
    today = local(now, zone).date()
    moment = wall(datetime.combine(today, clock), zone)
    if moment > now:
        moment = wall(datetime.combine(today - timedelta(days=1), clock), zone)
    return moment


def _split_day(said: str) -> tuple[str, str]:
    """What may be a day, and the rest."""
    between = "T" if "T" in said and said[:1].isdigit() else " "
    day, _, rest = said.partition(between)
    return day, rest


# In a gutter


class Stamp(StrEnum):
    """How a line's time is told."""

    OFF = "off"
    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    """Since the first line, or since the job began."""
    DELTA = "delta"
    """Since the line before."""


WIDTHS = {Stamp.OFF: 0, Stamp.ABSOLUTE: 14, Stamp.RELATIVE: 10, Stamp.DELTA: 8}
"""Cells that a stamp takes, whatever the time."""


def stamp(
    kind: Stamp, moment: datetime | None, since: datetime | None = None, *, zone: Zone = None
) -> str:
    """A line's time in exactly the cells of its kind, blank where it is not known.

    Args:
        since: What ``RELATIVE`` counts from, or the time of the line before for ``DELTA``.
    """
    width = WIDTHS[kind]
    if kind is Stamp.OFF or moment is None:
        return " " * width
    if kind is Stamp.ABSOLUTE:
        return clock_text(moment, zone=zone)
    if since is None:
        return " " * width
    seconds = (moment - since).total_seconds()
    return (relative_text(seconds) if kind is Stamp.RELATIVE else delta_text(seconds)).rjust(width)


def clock_text(moment: datetime, *, zone: Zone = None) -> str:
    """``11-20 14:03:05`` on this machine's clock."""
    here = local(moment, zone)
    return f"{here.month:02}-{here.day:02} {here.hour:02}:{here.minute:02}:{here.second:02}"


def relative_text(seconds: float) -> str:
    """``+0.3s``, ``+12m03s``, ``+1h02m03s``, ``+3d02h03m``: at most ten characters."""
    return _span(seconds, long=True)


def delta_text(seconds: float) -> str:
    """``+0.3s``, ``+12m03s``, ``+1h02m``, ``+3d02h``: at most eight characters."""
    return _span(seconds, long=False)


def _span(seconds: float, *, long: bool) -> str:
    sign = "-" if seconds < 0 else "+"
    size = abs(seconds)
    if round(size, 1) < 60:
        return f"{sign}{size:.1f}s"
    whole = round(size)
    minutes, s = divmod(whole, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if not hours:
        return f"{sign}{m}m{s:02}s"
    if not days:
        return f"{sign}{h}h{m:02}m" + (f"{s:02}s" if long else "")
    if days > 99:
        return f"{sign}{min(days, 9999)}d" + (f"{h:02}h" if long else "")
    return f"{sign}{days}d{h:02}h" + (f"{m:02}m" if long else "")
