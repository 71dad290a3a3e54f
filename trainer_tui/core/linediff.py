"""What makes one list of lines into another, quickly for long ones.

The ends that are the same are set aside; a long middle is cut at the lines that stand in both
exactly once, in the same order (as in the patience diff of Bram Cohen), and only what is left
between two of them is compared line by line with :mod:`difflib`. Two texts of 10,000 lines with
some hundred differences take a few hundredths of a second.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

Span = tuple[int, int, int, int]
"""Lines ``i1`` … ``i2 - 1`` of the old and ``j1`` … ``j2 - 1`` of the new."""

_SMALL = 40_000
"""Pairs of lines up to which all are compared."""
_MANY = 1_000
"""Lines beyond which those that stand there again and again are not looked for everywhere."""


def differences(old: Sequence[str], new: Sequence[str]) -> list[Span]:
    """The places that differ, in order; between two of them all lines are the same."""
    out: list[Span] = []
    i = j = 0
    for start, other, size in [*_same(old, new), (len(old), len(new), 0)]:
        if (start, other) != (i, j):
            out.append((i, start, j, other))
        i, j = start + size, other + size
    return out


def _same(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """Stretches that are the same: where in the old, where in the new, how many lines."""
    found: list[tuple[int, int, int]] = []
    todo: list[Span] = [(0, len(old), 0, len(new))]
    while todo:
        i1, i2, j1, j2 = todo.pop()
        head = 0
        while head < min(i2 - i1, j2 - j1) and old[i1 + head] == new[j1 + head]:
            head += 1
        if head:
            found.append((i1, j1, head))
        i1, j1 = i1 + head, j1 + head
        tail = 0
        while tail < min(i2 - i1, j2 - j1) and old[i2 - 1 - tail] == new[j2 - 1 - tail]:
            tail += 1
        i2, j2 = i2 - tail, j2 - tail
        if tail:
            found.append((i2, j2, tail))
        if i1 == i2 or j1 == j2:
            continue
        anchors = _anchors(old[i1:i2], new[j1:j2]) if (i2 - i1) * (j2 - j1) > _SMALL else []
        if not anchors:
            found += _compared(old[i1:i2], new[j1:j2], i1, j1)
            continue
        for i, j in [*((i1 + a, j1 + b) for a, b in anchors), (i2, j2)]:
            todo.append((i1, i, j1, j))
            i1, j1 = i, j  # the anchor is the head of what follows
    return sorted(found)


def _compared(old: Sequence[str], new: Sequence[str], i: int, j: int) -> list[tuple[int, int, int]]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > _MANY)
    return [(i + m.a, j + m.b, m.size) for m in matcher.get_matching_blocks() if m.size]


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Lines that stand once in each, the longest row of them that is in the same order."""
    had, has = Counter(old), Counter(new)
    where = {line: j for j, line in enumerate(new) if has[line] == 1 and had[line] == 1}
    pairs = [(i, where[line]) for i, line in enumerate(old) if line in where]
    ends: list[int] = []  # least last place in the new, of a row of each length
    last: list[int] = []  # which pair that is
    before: list[int] = []  # the pair before each, in its row
    for number, (_, j) in enumerate(pairs):
        at = bisect_left(ends, j)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1] = [j]
        last[at : at + 1] = [number]
    row: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        row.append(pairs[number])
        number = before[number]
    return row[::-1]
