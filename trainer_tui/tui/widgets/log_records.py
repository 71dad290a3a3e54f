"""A JSON line folded to what a person reads of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer_tui.tui.widgets.log_rows import Folded

_LEVEL = 8
"""Characters of the longest level: messages stand below each other."""


def fold(text: str) -> Folded | None:
    """``LEVEL message key=value …`` and the fields in full; ``None`` where it is no JSON record."""
    if not text.lstrip().startswith("{"):
        return None
    from trainer_tui.core.logfile.records import record_of
    from trainer_tui.sanitize import line

    record = record_of(text)
    if record is None:
        return None
    parts = [f"{record.level.value.upper():<{_LEVEL}}"] if record.level else []
    if record.message:
        parts.append(record.message)
    parts += [f"{name}={line(value)}" for name, value in record.fields if value]
    fields = list(record.fields)
    if record.time is not None:
        fields.insert(0, ("time", f"{record.time:%Y-%m-%d %H:%M:%S.%f} UTC"))
    return " ".join(parts).rstrip(), tuple(fields)
