"""Stretches of one kind of character that every match of an expression holds.

``\\d{9}`` names no string to look for. But bytes can be mapped to *may be a digit* and *is none* at
the speed of memory, and then nine of the first kind in a row are a string.
"""

from __future__ import annotations

import re
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LEAST = 3
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_NO, _YES = b"01"


class Run:
    """So many characters of a kind in a row.

    ``table``   for :meth:`bytes.translate`: ``1`` for bytes of which such a character may be made
    ``needle``  the ones to look for
    ``spaces``  a space is such a character, and a tab may stand for several
    """

    __slots__ = ("needle", "spaces", "table")

    def __init__(self, table: bytes, length: int) -> None:
        self.table = table
        self.needle = bytes([_YES]) * length
        self.spaces = table[32] == _YES


def longest_run(text: str, flags: int) -> Run | None:
    """The longest such stretch of an expression, if there is one that is worth looking for."""
    tree = _parser.parse(text, flags)
    best: tuple[int, bytes] = 0, b""
    table, length = b"", 0
    for item, count in _items(tree):
        kind = b"" if item is None else _table(tree.state, item, flags)
        if kind == table:
            length += count
        else:
            table, length = kind, count
        if table:
            best = max(best, (length, table))
    return Run(best[1], best[0]) if best[0] >= LEAST else None


def _items(tree: Any) -> Iterator[tuple[Any, int]]:
    """The sets of characters that follow each other, and how many times each is there at least;
    ``None`` for what else may stand between them."""
    for op, value in tree.data:
        if op is _constants.IN:
            yield (op, value), 1
        elif op is _constants.AT:
            pass
        elif op is _constants.SUBPATTERN and not (value[1] or value[2]):
            yield from _items(value[3])
        elif op in _REPEATS and value[0] > 0 and _is_set(value[2]):
            yield value[2].data[0], min(value[0], 64)
        else:
            yield None, 0


def _is_set(tree: Any) -> bool:
    return len(tree.data) == 1 and tree.data[0][0] is _constants.IN


def _table(state: Any, item: Any, flags: int) -> bytes:
    """Which bytes may be one of a set of characters, or a part of one."""
    kind: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [item]), flags)
    control = kind.match("\ufffd") is not None  # what control characters are shown as
    table = bytearray([_YES]) * 256
    for code in range(128):
        shown = control if code < 32 or code == 127 else kind.match(chr(code)) is not None
        table[code] = _YES if shown and code not in (9, 10, 13) else _NO
    return bytes(table)
