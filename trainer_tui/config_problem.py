"""A mistake in a TOML file that a person wrote, and words for what is not known there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a config file."""

    file: Path
    message: str
    """Without the place."""
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1."""
    key: str = ""
    """Dotted name, or empty for the whole file."""

    def __str__(self) -> str:
        place = self.file.name
        if self.line is not None:
            place += f":{self.line}"
        return f"{place}: {self.key + ': ' if self.key else ''}{self.message}"


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``; did you mean 'provider'?`` when one of the known names is near, else nothing."""
    from difflib import get_close_matches

    names = {str(each).lower(): str(each) for each in known}
    near = get_close_matches(name.lower(), names, n=1, cutoff=cutoff)
    return f"; did you mean {names[near[0]]!r}?" if near else ""


def unknown(name: str, known: Iterable[str]) -> str:
    """The message for a key that does not exist."""
    known = sorted(known)
    near = did_you_mean(name, known)
    return f"unknown key{near}" if near else f"unknown key; known are {', '.join(known)}"
