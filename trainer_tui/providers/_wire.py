"""Reading what services send: hostile until proven otherwise, and pure.

Shapes that must be there raise :class:`~trainer_tui.errors.ProtocolError`; values that may be
missing or odd become ``None``. Every string that leaves here is safe for a terminal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from trainer_tui import sanitize
from trainer_tui.errors import ProtocolError, UsageError

_MAX_INTEGER = 1 << 62
_ID = re.compile(r"[A-Za-z0-9_~][A-Za-z0-9._~:-]{0,199}")


# -- values ----------------------------------------------------------------------------------


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object, or ProtocolError naming what was expected."""
    if isinstance(value, dict):
        return value
    raise ProtocolError(f"{what} should be an object and is {_kind(value)}")


def sequence(value: object, what: str) -> Sequence[Any]:
    """A JSON array, or ProtocolError naming what was expected."""
    if isinstance(value, list):
        return value
    raise ProtocolError(f"{what} should be a list and is {_kind(value)}")


def optional_mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def line(value: object, *, limit: int = 500) -> str | None:
    """One safe line of a string or number; ``None`` for anything else or for nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return sanitize.line(value, limit=limit) or None


def integer(value: object) -> int | None:
    """A whole number of a sane size; ``None`` for anything else."""
    found = number(value)
    if found is None or not math.isfinite(found) or abs(found) > _MAX_INTEGER:
        return None
    return int(value) if isinstance(value, int) else int(found)


def number(value: object) -> float | None:
    """A float; ``"nan"``, ``"inf"`` and ``"-inf"`` are read too. ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if found == found else math.nan  # one object: a job that has it equals itself


def moment(value: object) -> datetime | None:
    """A time as aware UTC, from RFC 3339 or epoch seconds; no timezone means UTC."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        if found.tzinfo is None:
            return found.replace(tzinfo=UTC)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            return None
    seconds = number(value)
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_id(value: object) -> bool:
    """Whether this can be an id that goes into a URL path as one segment."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def path_id(value: str, what: str = "job") -> str:
    """An id, safe as one segment of a URL path.

    Raises:
        UsageError: It holds a slash, a space or anything else that no id holds.
    """
    if not is_id(value):
        shown = sanitize.line(value, limit=80)
        raise UsageError(
            f"{shown!r} is not a {what} id",
            hint="An id is letters, digits, dots, dashes and underscores, as the service shows it.",
        )
    return value


def _kind(value: object) -> str:
    names = {type(None): "null", dict: "an object", list: "a list", str: "text", bool: "a boolean"}
    return names.get(type(value), "a number")


@dataclass(slots=True)
class Names:
    """Gives each artifact of a job a name of its own."""

    taken: set[str] = field(default_factory=set)

    def unique(self, name: str) -> str:
        """The name, or the name with a number where it is taken (however it is cased)."""
        path, count, found = PurePosixPath(name), 1, name
        while found.casefold() in self.taken:
            count += 1
            found = f"{path.stem}-{count}{path.suffix}"
        self.taken.add(found.casefold())
        return found


def header_value(value: object) -> str | None:
    """A short value that may be sent back in a header, or ``None``."""
    if isinstance(value, str) and re.fullmatch(r"[!-~]{1,200}", value):
        return value
    return None
