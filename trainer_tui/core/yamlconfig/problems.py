"""What can be wrong with a config, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
_RANK: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that would put a problem right: characters ``start`` to ``end`` become ``text``."""

    start: int
    end: int
    text: str

    def apply(self, text: str) -> str:
        """The text with the change made."""
        return text[: self.start] + self.text + text[self.end :]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to know about a config.

    ``code`` begins with its level: ``yaml-…``, ``missing-key``, ``unknown-key``, ``type``,
    ``range``, ``enum``, ``deprecated``, ``provider-…``, ``advice-…``.
    """

    severity: Severity
    code: str
    line: int
    column: int
    message: str
    fix: str | None = None
    length: int = 1
    """Characters of the line that it is about, for underlining."""
    edit: Edit | None = None
    """The fix as a change of the text, where it can be made by itself."""

    def as_json(self) -> dict[str, object]:
        """The stable form that ``check --json`` prints."""
        return {
            "severity": self.severity,
            "code": self.code,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "fix": self.fix,
        }

    def __str__(self) -> str:
        fix = f" ({self.fix})" if self.fix else ""
        return f"{self.line}:{self.column}: {self.severity} {self.code} {self.message}{fix}"


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By place; at one place the worst first; exact repetitions dropped."""
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.line, p.column, _RANK[p.severity], p.code))


def worst(problems: Iterable[Problem]) -> Severity | None:
    """The highest severity there is, or ``None``."""
    return min((p.severity for p in problems), key=_RANK.__getitem__, default=None)
