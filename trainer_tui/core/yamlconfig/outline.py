"""A config as a list of its keys, and the parts of it that can be folded: by indentation alone,
so that both are there for a text that is no YAML yet, and quick for one of ten thousand lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.place import tokens

_BREAK = re.compile(r"\r\n|\n|\r")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Entry:
    """One key or list item."""

    depth: int
    """From 0, by how many entries it is inside of."""
    line: int
    """From 1."""
    label: str
    summary: str = ""
    """Its value, or how much is in it."""
    column: int = 1
    """Where it stands (from 1)."""


def outline(source: Document | str | Sequence[str]) -> list[Entry]:
    """The keys and list items of a text, in order."""
    lines = _lines(source)
    found: list[Entry] = []
    stack: list[tuple[int, int, int]] = []  # depth rank, index of the entry, what is in it so far
    counts: dict[int, int] = {}
    text_below = -1
    for row, line in enumerate(lines):
        start = line.lstrip(" ")
        if not start or start[0] in "#\r\n":
            continue
        indent = len(line) - len(start)
        if text_below >= 0:
            if indent > text_below:
                continue
            text_below = -1
        seen = tokens(line)
        if not seen:
            continue
        numbers: list[int] = []
        for place, (column, key, value) in enumerate(seen):
            rank = 2 * column + (key is None)
            while stack and stack[-1][0] >= rank:
                stack.pop()
            if stack:
                counts[stack[-1][1]] = counts.get(stack[-1][1], 0) + 1
            if key is None:
                rest = line[column + 1 :].strip()
                if place + 1 < len(seen) and seen[place + 1][1] is None:
                    rest = ""
                label, summary = f"- {rest[:_LONGEST]}".rstrip(), ""
                if place + 1 < len(seen):
                    name, inner = seen[place + 1][1], seen[place + 1][2]
                    label, summary = (f"- {name}", inner[:_LONGEST]) if name else ("-", "")
            else:
                label, summary = key, value[:_LONGEST]
            if key is None or not numbers or seen[place - 1][1] is not None:
                found.append(Entry(len(stack), row + 1, label, summary, column + 1))
                numbers.append(len(found) - 1)
                stack.append((rank, len(found) - 1, 0))
            else:  # the first key of an item is shown by the item
                stack.append((rank, len(found) - 1, 0))
            if key is not None and value[:1] in ("|", ">"):
                text_below = column
    for index, count in counts.items():
        entry = found[index]
        if not entry.summary:
            words = f"{count} {'entry' if count == 1 else 'entries'}"
            found[index] = Entry(entry.depth, entry.line, entry.label, words, entry.column)
    return found


def folds(source: str | Sequence[str]) -> list[tuple[int, int]]:
    """What can be folded: first line (which stays) and last line (from 1), in order.

    A part ends with its last line that is not blank or a remark further out; a list may stand
    in the same column as its key.
    """
    lines = _lines(source)
    found: list[tuple[int, int]] = []
    stack: list[tuple[int, int]] = []  # rank, row
    last = -1
    last_rank = -1
    for row, line in enumerate(lines):
        start = line.lstrip(" ")
        if not start or (start[0] in "\r\n\t" and not start.strip()):
            continue
        rank = 2 * (len(line) - len(start))
        if start[0] == "-" and start[1:2] in ("", " "):
            rank += 1
        elif start[0] == "#":
            if stack and rank > stack[-1][0]:
                last = row
            continue
        if rank <= last_rank:
            while stack and stack[-1][0] >= rank:
                _, first = stack.pop()
                if last > first:
                    found.append((first + 1, last + 1))
        stack.append((rank, row))
        last, last_rank = row, rank
    while stack:
        _, first = stack.pop()
        if last > first:
            found.append((first + 1, last + 1))
    found.sort()
    return found


def _lines(source: Document | str | Sequence[str]) -> Sequence[str]:
    if isinstance(source, Document):
        source = source.text
    return _BREAK.split(source) if isinstance(source, str) else source
