"""Regular expressions that a person types into a filter, kept from taking for ever.

Python's matcher backtracks and cannot be interrupted, so a pattern whose time could explode is
refused before it is compiled: a repeat or a choice inside a repeat, and too many variable repeats
one after the other. What is left is at worst a small power of the subject's length, and the
subject is cut at :data:`LONGEST_SUBJECT`.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

LONGEST_PATTERN = 200
LONGEST_SUBJECT = 128
_MOST_WAYS = 8 * LONGEST_SUBJECT**2
"""Ways that a pattern may have to match from one place: two open repeats, and some choices."""
_QUANTIFIER = re.compile(r"[*+?]|\{(\d*)(,?)(\d*)\}")
_GROUP = re.compile(r"\((?:\?(?::|=|!|<=|<!|P<\w+>|P=\w+)?)?")


class PatternError(ValueError):
    """The pattern cannot be used; ``position`` is where in it."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A case-insensitive pattern. Raises PatternError."""
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"the pattern is longer than {LONGEST_PATTERN} characters")
    _refuse_slow(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise PatternError(f"not a regular expression: {error.msg}", error.pos or 0) from None
    except (OverflowError, RecursionError):
        raise PatternError("the pattern is too large") from None


@dataclass(slots=True)
class _Frame:
    """A group that is open: whether something in it may match in more than one way."""

    varies: bool = False


def _refuse_slow(pattern: str) -> None:
    """Walk over the pattern once, atom by atom. Where it is malformed, the compiler says so."""
    stack = [_Frame()]
    group: _Frame | None = None  # the group that has just been closed, if that is the last atom
    ways = 1.0
    at = 0
    while at < len(pattern):
        char = pattern[at]
        quantifier = _QUANTIFIER.match(pattern, at) if at else None
        if quantifier is not None and (char != "{" or quantifier[1] or quantifier[3]):
            low, high = _bounds(quantifier)
            if high > 1 and group is not None and group.varies:
                raise PatternError("could take for ever: a repeat or choice in a repeat", at)
            if high != low:
                stack[-1].varies = True
                ways *= min(high - low + 1, LONGEST_SUBJECT)
            at = quantifier.end()
            if pattern[at : at + 1] in {"?", "+"}:
                at += 1
            continue
        closed = None
        if char == "\\":
            at += 2
        elif char == "[":
            at = _after_class(pattern, at)
        elif char == "(":
            opener = _GROUP.match(pattern, at)
            if opener is not None and opener[0] == "(?":
                raise PatternError("inline flags and comments are not for filters", at)
            at = opener.end() if opener else at + 1
            stack.append(_Frame())
        elif char == ")":
            at += 1
            if len(stack) > 1:
                closed = stack.pop()
                stack[-1].varies |= closed.varies
        else:
            if char == "|":
                stack[-1].varies = True
                ways *= 2 if len(stack) > 1 else 1
            at += 1
        group = closed
    if ways > _MOST_WAYS:
        raise PatternError("could take for ever: too many repeats or choices", 0)


def _bounds(quantifier: re.Match[str]) -> tuple[float, float]:
    """The least and the most of a quantifier."""
    match quantifier[0]:
        case "*":
            return 0, float("inf")
        case "+":
            return 1, float("inf")
        case "?":
            return 0, 1
    low = float(quantifier[1] or 0)
    if not quantifier[2]:
        return low, low
    return low, float(quantifier[3]) if quantifier[3] else float("inf")


def _after_class(pattern: str, at: int) -> int:
    """The index after a character class that opens at ``at``."""
    at += 1
    if pattern[at : at + 1] == "^":
        at += 1
    if pattern[at : at + 1] == "]":
        at += 1
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1
