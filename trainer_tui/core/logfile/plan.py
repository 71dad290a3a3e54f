"""How to look for a regular expression in many lines at once.

Two things are read off its parsed form: strings of which every match holds one, which a plain
search finds at the speed of memory; and a second expression that finds in lines joined by newlines
exactly the lines in which the first one matches. Imported by the process that searches: only the
standard library, and little of it.
"""

from __future__ import annotations

import contextlib
import re
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_NEWLINE = 10
_MOST_NEEDLES = 16
_MOST_SETS = 6
_ASCII_SPACE = ((9, 9), (11, 13), (32, 32))
_SPACE = (
    *((9, 9), (11, 13), (28, 32)),
    *((0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
_OPPOSITES = {
    _constants.CATEGORY_NOT_DIGIT: _constants.CATEGORY_DIGIT,
    _constants.CATEGORY_NOT_WORD: _constants.CATEGORY_WORD,
}
_IN_LINES = (*(_constants.CATEGORY_DIGIT, _constants.CATEGORY_WORD, _constants.CATEGORY_NOT_SPACE),)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


# What has parts, and which.
_HOLDING: dict[Any, Callable[[Any], Iterable[Any]]] = {
    **dict.fromkeys(_REPEATS, lambda value: value[2:]),
    _constants.BRANCH: lambda value: value[1],
    _constants.SUBPATTERN: lambda value: value[3:],
    _constants.ASSERT: lambda value: value[1:],
    _constants.ASSERT_NOT: lambda value: value[1:],
    _constants.ATOMIC_GROUP: lambda value: (value,),
    _constants.GROUPREF_EXISTS: lambda value: value[1:],
    _constants.GROUPREF: lambda value: (),
}


class _Unsafe(Exception):
    """Nothing is known about this part of an expression."""


class Plan:
    """What is known about an expression.

    ``regex``    for one line
    ``blocks``   for lines that each end in a newline: matches from a hit to the newline after it;
                 ``None`` when only one line at a time will do
    ``quick``    the same for lines of ASCII only, in small letters if ``folds``
    ``needles``  sets of strings: every match holds one of each, in small letters if ``folds``
    ``literal``  the expression is just its one needle
    ``folds``    case does not matter
    """

    __slots__ = ("blocks", "folds", "literal", "needles", "quick", "regex")

    def __init__(self, text: str, flags: int) -> None:
        self.regex = re.compile(text, flags)
        flags = self.regex.flags
        self.folds = bool(flags & re.IGNORECASE)
        self.needles = _best(_required(_parser.parse(text, flags), self.folds))[:_MOST_SETS]
        whole = _whole(_parser.parse(text, flags), self.folds)
        self.literal = self.needles == [(whole,)]
        self.blocks: re.Pattern[str] | None = None
        self.quick: re.Pattern[str] | None = None
        with contextlib.suppress(_Unsafe, RecursionError):
            self.blocks = _Confiner(flags).made(_parser.parse(text, flags))
            self.quick = _AsciiConfiner(flags).made(_parser.parse(text, flags))


# Strings that every match holds


def _whole(tree: Any, folds: bool) -> str | None:
    """The string that an expression is, if it is no more than that."""
    if not tree.data or any(op is not _constants.LITERAL for op, _ in tree.data):
        return None
    text = "".join(chr(code) for _, code in tree.data)
    if folds and not text.isascii():
        return None
    return text.lower() if folds else text


def _required(tree: Any, folds: bool) -> list[tuple[str, ...]]:
    """Sets of strings; every match holds one of each set."""
    found: list[tuple[str, ...]] = []
    run: list[str] = []
    _gather(tree, folds, run, found)
    _flush(run, found)
    return found


def _gather(tree: Any, folds: bool, run: list[str], found: list[tuple[str, ...]]) -> None:
    for op, value in tree.data:
        if op is _constants.LITERAL:
            char = chr(value)
            if char in "\n\ufffd" or (folds and not char.isascii()):
                _flush(run, found)  # in no line, or stands for other bytes there
            else:
                run.append(char.lower() if folds else char)
        elif op is _constants.AT or op is _constants.ASSERT_NOT:
            pass
        elif op is _constants.SUBPATTERN and not (value[1] or value[2]):
            _gather(value[3], folds, run, found)
        elif op is _constants.ATOMIC_GROUP:
            _gather(value, folds, run, found)
        else:
            _flush(run, found)
            if op in _REPEATS and value[0] > 0:
                found += _required(value[2], folds)
            elif op is _constants.BRANCH:
                each = [_best(_required(branch, folds)) for branch in value[1]]
                if all(each):
                    found.append(
                        tuple(dict.fromkeys(needle for sets in each for needle in sets[0]))
                    )


def _flush(run: list[str], found: list[tuple[str, ...]]) -> None:
    if run:
        found.append(("".join(run),))
        run.clear()


def _best(found: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The sets of few strings; first those whose strings are rarest, as far as length tells."""
    usable = [needles for needles in dict.fromkeys(found) if len(needles) <= _MOST_NEEDLES]
    return sorted(usable, key=lambda them: (-min(map(len, them)), len(them)))


# Many lines at once


class _Confiner:
    """Changes an expression so that no part of it matches a newline, as no line holds one.

    Then a match in lines that each end in a newline stays in its line; and what it looks at beyond
    its line's ends is a newline where in that line alone there would be nothing.
    """

    def __init__(self, flags: int) -> None:
        self.flags = flags | re.MULTILINE

    def made(self, tree: Any) -> re.Pattern[str]:
        """An expression that matches from where ``tree`` would in a line to that line's end."""
        self.confine(tree)
        rest = _parser.SubPattern(tree.state, [(_constants.NOT_LITERAL, _NEWLINE)])
        tree.data.append((_constants.MAX_REPEAT, (0, _constants.MAXREPEAT, rest)))
        tree.data.append((_constants.LITERAL, _NEWLINE))
        tree.width = None
        tree.state.flags = self.flags
        made: re.Pattern[str] = _compiler.compile(tree, self.flags)
        return made

    def confine(self, tree: Any) -> None:
        """Change a part of it."""
        tree.data[:] = [self._confined(op, value) for op, value in tree.data]
        tree.width = None

    def _confined(self, op: Any, value: Any) -> tuple[Any, Any]:
        if op is _constants.LITERAL:
            return op, self.character(value)
        if op is _constants.NOT_LITERAL:
            return _constants.IN, self._set(
                [(_constants.NEGATE, None), (_constants.LITERAL, value)]
            )
        if op is _constants.ANY:
            return _constants.NOT_LITERAL, _NEWLINE
        if op is _constants.IN:
            return op, self._set(value)
        if op is _constants.AT:
            return op, _place(value)
        if op is _constants.SUBPATTERN and self.scopes(value[1] | value[2]):
            raise _Unsafe
        if op not in _HOLDING:
            raise _Unsafe
        for part in _HOLDING[op](value):
            if part is not None:
                self.confine(part)
        return op, value

    def scopes(self, flags: int) -> bool:
        """Whether flags for a part of the expression are too much."""
        return bool(flags & ~re.IGNORECASE)

    def character(self, code: int) -> int:
        """A character that is to match."""
        if code == _NEWLINE:
            raise _Unsafe
        return code

    def range(self, low: int, high: int) -> list[tuple[Any, Any]]:
        """Characters that are to match."""
        pairs = [(low, high)]
        if low <= _NEWLINE <= high:
            pairs = [(low, _NEWLINE - 1), (_NEWLINE + 1, high)]
        return [(_constants.RANGE, pair) for pair in pairs if pair[0] <= pair[1]]

    def _set(self, items: list[Any]) -> list[Any]:
        negated = items[0][0] is _constants.NEGATE
        kept: list[Any] = items[:1] if negated else []
        for op, value in items[negated:]:
            if op is _constants.LITERAL:
                kept += [] if value == _NEWLINE else [(op, self.character(value))]
            elif op is _constants.RANGE:
                kept += self.range(*value)
            elif op is not _constants.CATEGORY:
                raise _Unsafe
            elif negated or value in _IN_LINES:
                kept.append((op, value))
            elif value is _constants.CATEGORY_SPACE:
                space = _ASCII_SPACE if self.flags & re.ASCII else _SPACE
                kept += [(_constants.RANGE, pair) for pair in space]
            elif len(items) == 1 and value in _OPPOSITES:
                negated = True
                kept = [(_constants.NEGATE, None), (_constants.CATEGORY, _OPPOSITES[value])]
            else:
                raise _Unsafe
        if negated:
            kept.append((_constants.LITERAL, _NEWLINE))
        if not kept:
            raise _Unsafe
        return kept


class _AsciiConfiner(_Confiner):
    """The same for lines of ASCII only, which takes half the time; and where case does not matter,
    for lines in small letters, which then are just compared."""

    def __init__(self, flags: int) -> None:
        super().__init__((flags | re.ASCII) & ~re.UNICODE & ~re.IGNORECASE)
        self._folds = bool(flags & re.IGNORECASE)

    def scopes(self, flags: int) -> bool:
        """Case may matter here and not there: too much."""
        return bool(flags)

    def character(self, code: int) -> int:
        """A character that is to match, as a small letter."""
        if not self._folds:
            return super().character(code)
        if code > 127:
            raise _Unsafe  # may stand for one of ASCII
        return ord(chr(super().character(code)).lower())

    def range(self, low: int, high: int) -> list[tuple[Any, Any]]:
        """Characters that are to match, and the small letters for the capitals among them."""
        found = super().range(low, high)
        if not self._folds:
            return found
        if high > 127:
            raise _Unsafe
        low, high = max(low, ord("A")), min(high, ord("Z"))
        return found + ([(_constants.RANGE, (low + 32, high + 32))] if low <= high else [])


def _place(at: Any) -> Any:
    """``\\A`` is the beginning of the line, ``\\Z`` its end."""
    if at in (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING):
        return _constants.AT_BEGINNING
    if at in (_constants.AT_END, _constants.AT_END_STRING):
        return _constants.AT_END
    if at is _constants.AT_BOUNDARY:
        return at
    raise _Unsafe  # \B differs between an empty line alone and one among others
