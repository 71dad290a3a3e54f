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
    from typing import Any

_NEWLINE = 10
_MOST_NEEDLES = 16
_SPACE = ((9, 9), (11, 13), (28, 31), (32, 32))
_WIDE_SPACE = (
    *((0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
_ASCII_SPACE = ((9, 9), (11, 13), (32, 32))
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


class _Unsafe(Exception):
    """Nothing is known about this part of an expression."""


class Plan:
    """What is known about an expression.

    ``regex``    for one line
    ``blocks``   for lines that each end in a newline: matches from a hit to its newline;
                 ``None`` when only one line at a time will do
    ``literal``  the expression is just this string; folded to small letters if ``folds``
    ``needles``  every match holds one of these; folded to small letters if ``folds``
    ``folds``    case does not matter
    """

    __slots__ = ("blocks", "folds", "literal", "needles", "regex")

    def __init__(self, text: str, flags: int) -> None:
        self.regex = re.compile(text, flags)
        flags = self.regex.flags
        self.folds = bool(flags & re.IGNORECASE)
        tree = _parser.parse(text, flags)
        self.literal = _whole(tree, self.folds)
        try:
            self.needles = _best(_required(tree, self.folds))
        except _Unsafe:
            self.needles = ()
        self.blocks: re.Pattern[str] | None = None
        with contextlib.suppress(_Unsafe, RecursionError):
            self.blocks = _for_blocks(tree, flags)


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
            if char == "\ufffd" or (folds and not char.isascii()):
                _flush(run, found)  # stands for bytes that are something else
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
                    found.append(tuple(dict.fromkeys(needle for them in each for needle in them)))


def _flush(run: list[str], found: list[tuple[str, ...]]) -> None:
    if run:
        found.append(("".join(run),))
        run.clear()


def _best(found: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The set whose strings are rarest, as far as their length tells; empty when none will do."""
    usable = [needles for needles in found if len(needles) <= _MOST_NEEDLES]
    return max(usable, key=lambda them: (min(map(len, them)), -len(them)), default=())


# Many lines at once


def _for_blocks(tree: Any, flags: int) -> re.Pattern[str]:
    """An expression that matches, in lines that each end in a newline, the rest of a line from
    where ``tree`` would match in that line alone.

    That is so when no part of it can match a newline: then a match stays in its line, and what it
    looks at beyond the line's ends is a newline where else there would be nothing.
    """
    _confine(tree, flags)
    tree.data.append(
        (
            _constants.MAX_REPEAT,
            (0, _constants.MAXREPEAT, _items(tree, [(_constants.NOT_LITERAL, _NEWLINE)])),
        )
    )
    tree.data.append((_constants.LITERAL, _NEWLINE))
    tree.width = None
    made: re.Pattern[str] = _compiler.compile(tree, flags | re.MULTILINE)
    return made


def _items(tree: Any, data: list[Any]) -> Any:
    return _parser.SubPattern(tree.state, data)


def _confine(tree: Any, flags: int) -> None:
    """Change an expression so that no part of it matches a newline, as no line holds one."""
    tree.data[:] = [_confined(op, value, flags) for op, value in tree.data]
    tree.width = None


def _confined(op: Any, value: Any, flags: int) -> tuple[Any, Any]:
    if op is _constants.LITERAL:
        if value == _NEWLINE:
            raise _Unsafe
    elif op is _constants.NOT_LITERAL:
        items = [(_constants.NEGATE, None), (_constants.LITERAL, value)]
        return _constants.IN, [*items, (_constants.LITERAL, _NEWLINE)]
    elif op is _constants.ANY:
        return _constants.NOT_LITERAL, _NEWLINE
    elif op is _constants.IN:
        return op, _set(value, flags)
    elif op is _constants.AT:
        return op, _place(value)
    elif op is _constants.BRANCH:
        for branch in value[1]:
            _confine(branch, flags)
    elif op is _constants.SUBPATTERN:
        if (value[1] | value[2]) & ~re.IGNORECASE:
            raise _Unsafe
        _confine(value[3], flags)
    elif op in _REPEATS:
        _confine(value[2], flags)
    elif op is _constants.ASSERT or op is _constants.ASSERT_NOT:
        _confine(value[1], flags)
    elif op is _constants.ATOMIC_GROUP:
        _confine(value, flags)
    elif op is _constants.GROUPREF_EXISTS:
        _confine(value[1], flags)
        if value[2] is not None:
            _confine(value[2], flags)
    elif op is not _constants.GROUPREF:
        raise _Unsafe
    return op, value


def _place(at: Any) -> Any:
    """``\\A`` is the beginning of the line, ``\\Z`` its end."""
    if at in (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING):
        return _constants.AT_BEGINNING
    if at in (_constants.AT_END, _constants.AT_END_STRING):
        return _constants.AT_END
    if at is _constants.AT_BOUNDARY:
        return at
    raise _Unsafe  # \B differs between an empty line alone and one among others


def _set(items: list[Any], flags: int) -> list[Any]:
    """A set of characters without the newline."""
    if items[0][0] is _constants.NEGATE:
        return [*items, (_constants.LITERAL, _NEWLINE)]
    kept: list[Any] = []
    for op, value in items:
        if op is _constants.LITERAL:
            if value == _NEWLINE:
                raise _Unsafe
            kept.append((op, value))
        elif op is _constants.RANGE:
            low, high = value
            if low <= _NEWLINE <= high:
                raise _Unsafe
            kept.append((op, value))
        elif op is not _constants.CATEGORY:
            raise _Unsafe
        elif value is _constants.CATEGORY_SPACE:
            wide = () if flags & re.ASCII else _WIDE_SPACE
            narrow = _ASCII_SPACE if flags & re.ASCII else _SPACE
            kept += [(_constants.RANGE, pair) for pair in (*narrow, *wide)]
        elif value in (_constants.CATEGORY_NOT_DIGIT, _constants.CATEGORY_NOT_WORD):
            if len(items) > 1:
                raise _Unsafe
            digits = value is _constants.CATEGORY_NOT_DIGIT
            other = _constants.CATEGORY_DIGIT if digits else _constants.CATEGORY_WORD
            kept += [(_constants.NEGATE, None), (_constants.CATEGORY, other)]
            kept.append((_constants.LITERAL, _NEWLINE))
        else:
            kept.append((op, value))
    return kept
