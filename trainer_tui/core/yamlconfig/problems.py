"""What can be wrong with a config, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning", "info"]
_RANK: dict[str, int] = {"error": 0, "warning": 1, "info": 2}

MAX_TOLD = 500
"""Problems of one text that are told one by one; nobody reads more, and each takes its time."""
_MAX_KEPT = 2_000


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
    ``range``, ``enum``, ``deprecated``, ``provider-…``, ``advice-…``; all are in ``codes.py``.
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


@dataclass(slots=True)
class Found:
    """Problems as they are found: the first few thousand are kept, the others only counted."""

    kept: list[Problem] = field(default_factory=list)
    more: int = 0
    endless: bool = False
    """Counting was given up: there are at least so many."""

    @property
    def full(self) -> bool:
        """Whether another problem would only be counted."""
        return len(self.kept) >= _MAX_KEPT

    def extend(self, problems: Iterable[Problem]) -> None:
        """Keep or count each."""
        for problem in problems:
            self.add(problem)

    def add(self, problem: Problem) -> None:
        """Keep a problem, or count it."""
        if self.full:
            self.more += 1
        else:
            self.kept.append(problem)


def told(
    problems: Iterable[Problem],
    more: int = 0,
    always: Problem | None = None,
    *,
    endless: bool = False,
) -> list[Problem]:
    """What a person is shown: in order, at most ``MAX_TOLD``, and then how many more there are.

    The worst are kept. ``more`` counts those that were found and not given here; ``always`` is
    shown whatever else there is; ``endless``: there are at least so many.
    """
    ordered = in_order(problems)
    left = len(ordered) - MAX_TOLD
    if left > 0:
        by_rank = sorted(ordered, key=lambda p: _RANK[p.severity])  # keeps the order of places
        kept, dropped = by_rank[:MAX_TOLD], by_rank[MAX_TOLD:]
    else:
        kept, dropped = ordered, []
    count = more + len(dropped)
    shown = kept if always is None else [*kept, always]
    if not count:
        return in_order(shown)
    severity = worst(dropped or kept) or "info"
    place = dropped[0] if dropped else ordered[-1]
    least = "at least " if endless else ""
    message = f"{least}{count:,} more problem{' is' if count == 1 else 's are'} not listed"
    fix = "put these right first"
    last = Problem(severity, "more-problems", place.line, place.column, message, fix)
    return in_order([*shown, last])


def worst(problems: Iterable[Problem]) -> Severity | None:
    """The highest severity there is, or ``None``."""
    return min((p.severity for p in problems), key=_RANK.__getitem__, default=None)
