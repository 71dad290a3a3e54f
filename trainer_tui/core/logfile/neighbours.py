"""Characters that stand next to each other in every match of an expression.

``[A-Z]+:`` names no rare string and no long row of one kind. But in every match a capital letter
stands before a colon. Bytes are mapped to which of such kinds they are, at the speed of memory, and
then a capital before a colon is a string of two bytes. Only lines that have it are matched.
"""

from __future__ import annotations

import re
from itertools import product
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_LONGEST = 3
"""Neighbours that are looked for together."""
_MOST_NEEDLES = 12
_MOST_KINDS = 8
_MOST_TRIED = 64
_SPARSE = 4
"""A kind of neighbours is of use where at most every so many'th line has it."""
_USELESS = 16
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_BEGINS = (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING)
_ENDS = (_constants.AT_END, _constants.AT_END_STRING)
_SETS = (_constants.IN, _constants.LITERAL, _constants.NOT_LITERAL)
_EDGE = bytes(code == 10 for code in range(256))
"""The end of a line, and what is before its beginning."""
_WORD = bytes(code > 127 or chr(code).isalnum() or code == 95 for code in range(256))
_NO_WORD = bytes(code > 127 or not _WORD[code] for code in range(256))

_OTHERS = "ſ\u212aİı"
"""What letters of ASCII match too where case does not matter."""

Set = bytes
"""For each byte 1 where a character of a set may be made of it, else 0."""


class Neighbours:
    """Some neighbouring sets of characters, as strings of a text that was translated.

    Args:
        sets: The sets, in order.
    """

    __slots__ = ("ascii", "needles", "table")

    def __init__(self, sets: tuple[Set, ...]) -> None:
        kinds = list(dict.fromkeys(sets))
        self.table = bytes(
            sum(held[code] << bit for bit, held in enumerate(kinds)) for code in range(256)
        )
        """For :meth:`bytes.translate`: the sets that each byte is in, a bit a set."""
        bits = [kinds.index(held) for held in sets]
        self.needles, self.ascii = (
            [bytes(needle) for needle in product(*([k for k in there if k >> b & 1] for b in bits))]
            for there in (set(self.table), set(self.table[:128]))
        )
        """What is looked for, and what of it where all is ASCII."""


class Finder:
    """Finds the lines that may match.

    Args:
        text: A regular expression.
        flags: Its flags.
    """

    def __init__(self, text: str, flags: int) -> None:
        self._kinds = _neighbours(text, flags)
        self._dense = 0

    def lines(self, text: bytes) -> list[tuple[int, int]] | None:
        """Where lines that may match begin and end; ``None`` where it is no use looking.

        Args:
            text: Lines as they are shown, each with its newline.
        """
        simple = text.isascii()
        most = text.count(b"\n") // _SPARSE
        for place, kind in enumerate(self._kinds):
            found = _lines(text, kind.table, kind.ascii if simple else kind.needles, most)
            if found is not None:
                # What is rare here is likely to be rare in what comes next.
                self._kinds.insert(0, self._kinds.pop(place))
                self._dense = 0
                return found
        self._dense += 1
        if self._dense > _USELESS:
            self._kinds.clear()
        return None


def _lines(
    text: bytes, table: bytes, needles: list[bytes], most: float
) -> list[tuple[int, int]] | None:
    """The lines that have one of some strings when translated; ``None``: more than so many."""
    kinds = b"\n".translate(table) + text.translate(table)
    found: dict[int, int] = {}
    for needle in needles:
        at = kinds.find(needle)
        while at >= 0:
            # The second neighbour is in the line, or the end of it; the first may be the end of
            # the line before.
            start, stop = text.rfind(b"\n", 0, at) + 1, text.index(b"\n", at)
            found[start] = stop
            if len(found) > most:
                return None
            at = kinds.find(needle, stop + 1)
    return sorted(found.items())


# What stands next to what


def _neighbours(text: str, flags: int) -> list[Neighbours]:
    """What is worth looking for, first what is looked for quickest."""
    tree = _parser.parse(text, flags)
    seen: dict[tuple[Set, ...], None] = {}
    for row in _rows(tree, flags):
        for size in range(2, _LONGEST + 1):
            seen.update((tuple(row[at : at + size]), None) for at in range(len(row) - size + 1))
    usable = [sets for sets in seen if not all(map(all, sets))][:_MOST_TRIED]
    made = list(map(Neighbours, usable))
    made.sort(key=lambda kind: (len(kind.ascii), -len(kind.needles[0]) if kind.needles else 0))
    return [kind for kind in made if len(kind.needles) <= _MOST_NEEDLES][:_MOST_KINDS]


def _rows(tree: Any, flags: int) -> Iterator[list[Set]]:
    """Rows of sets whose characters follow each other in every match."""
    row: list[Set] = []
    for held in _elements(tree, flags):
        if held is None:
            yield row
            row = []
        elif isinstance(held, list):  # so many or more: the row ends with them, and begins anew
            yield row + held
            row = held[:]
        else:
            row.append(held)
    yield row


def _elements(tree: Any, flags: int) -> Iterator[Set | list[Set] | None]:
    """The sets of an expression in order; a list where there may be more of them in a row, and
    ``None`` for what else may stand between."""
    items = list(tree.data)
    for place, (op, value) in enumerate(items):
        if op in _SETS:
            yield _set(tree.state, op, value, flags)
        elif op is _constants.AT:
            yield from _edge(value, items[:place][-1:], items[place + 1 :][:1])
        elif op is _constants.SUBPATTERN and not (value[1] or value[2]):
            yield from _elements(value[3], flags)
        elif op in _REPEATS and value[0] > 0 and len(value[2].data) == 1:
            inner, operand = value[2].data[0]
            if inner not in _SETS:
                yield None
                continue
            each = [_set(tree.state, inner, operand, flags)] * min(value[0], _LONGEST)
            if value[0] == value[1] and value[0] <= _LONGEST:
                yield from each
            else:
                yield each
        else:
            yield None


def _edge(at: Any, before: list[Any], after: list[Any]) -> Iterator[Set | None]:
    """What stands beyond a place: the end of the line, or what is no part of a word. With what
    stands elsewhere in the expression it has nothing to do."""
    if not before:
        yield None
        if at in _BEGINS:
            yield _EDGE
        elif at is _constants.AT_BOUNDARY and after and _in_word(*after[0]):
            yield _NO_WORD
    else:
        if at in _ENDS:
            yield _EDGE
        elif not after and at is _constants.AT_BOUNDARY and _in_word(*before[0]):
            yield _NO_WORD
        yield None


def _in_word(op: Any, value: Any) -> bool:
    """Whether only letters of words match, told for the simplest."""
    if op is _constants.LITERAL:
        return value < 128 and bool(_WORD[value])
    if op in _REPEATS and value[0] > 0 and len(value[2].data) == 1:
        return _in_word(*value[2].data[0])
    return op is _constants.IN and all(_is_word_set(*each) for each in value)


def _is_word_set(op: Any, value: Any) -> bool:
    if op is _constants.RANGE:
        return value[1] < 128 and all(_WORD[value[0] : value[1] + 1])
    if op is _constants.CATEGORY:
        return value in (_constants.CATEGORY_WORD, _constants.CATEGORY_DIGIT)
    return op is _constants.LITERAL and value < 128 and bool(_WORD[value])


def _set(state: Any, op: Any, value: Any, flags: int) -> Set:
    """Which bytes may be one of a set of characters, or a part of one."""
    kind: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [(op, value)]), flags)
    beyond = not _is_ascii(op, value) or any(map(kind.match, _OTHERS))
    return bytes(
        beyond if code > 127 else code != 10 and kind.match(chr(code)) is not None
        for code in range(256)
    )


def _is_ascii(op: Any, value: Any) -> bool:
    """Whether a set is told as characters of ASCII."""
    if op is _constants.IN:
        return all(_is_ascii(*each) for each in value)
    if op is _constants.RANGE:
        return bool(value[1] < 128)
    return op is _constants.LITERAL and value < 128
