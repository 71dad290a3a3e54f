"""Numbers as people read them; nothing else is imported for it."""

from __future__ import annotations


def size(count: float | None) -> str:
    """Bytes for people: ``512 B``, ``1.4 MB``."""
    if count is None:
        return ""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
