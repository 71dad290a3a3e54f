"""Where in a config a place in the text is, found from the lines above it.

A text that is being typed is rarely YAML at the cursor, so this reads no more than each line's
columns: dashes and keys, and what stands further to the right than what is looked for is passed
over. It is exact for block style, which configs are written in, and sees the innermost bracket of
flow style on the cursor's own line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
Token = tuple[int, str | None, str]
"""Column, the key (``None`` for a dash), and what stands behind the colon."""

_DASH = re.compile(r"-(?:[ \t]+|$)")
_KEY = re.compile(
    r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^\s#,\[\]{}'\"&*!|>%@`?:-][^#:\[\]{},]*?"
    r"|[-?:][^\s#:\[\]{},][^#:\[\]{},]*?)[ \t]*:(?:[ \t]+|$)"
)
_REMARK = re.compile(r"(?:^|[ \t])#.*$")
_QUOTED = re.compile(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*')[ \t]+#")
_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]*)+")
_BLOCK = re.compile(r"[|>][-+0-9]{0,2}[ \t]*$")
_ESCAPE = re.compile(r"\\(.)")


def tokens(line: str) -> list[Token]:
    """The dashes and the key that a line begins with."""
    found: list[Token] = []
    at = len(line) - len(line.lstrip(" "))
    while match := _DASH.match(line, at):
        found.append((at, None, ""))
        at = match.end()
    if at < len(line) and (match := _KEY.match(line, at)):
        found.append((at, unquoted(match[1]), bare(line[match.end() :])))
    return found


def bare(value: str) -> str:
    """A value without the remark behind it, its anchor and its tag."""
    value = value.strip()
    if "#" in value and (quoted := _QUOTED.match(value)):
        value = quoted[1]
    elif "#" in value:
        value = _REMARK.sub("", value).rstrip()
    if value[:1] in ("&", "!"):
        value = _PROPERTIES.sub("", value, count=1)
    return value


def unquoted(text: str) -> str:
    """A key or value as it is meant."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _ESCAPE.sub(r"\1", text[1:-1])
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text


def opens(value: str) -> bool:
    """Whether what stands behind a colon leaves the value to the lines below."""
    return not value or value.startswith("#")


@dataclass(slots=True)
class Above:
    """What the lines above say of a column."""

    path: Path = ()
    """Of the mapping or list that the column belongs to."""
    siblings: list[str] = field(default_factory=list)
    """Keys of that mapping, in the lines above."""
    text: bool = False
    """The column is inside a text of several lines (``key: |``)."""


def above(lines: Sequence[str], row: int, column: int, *, dash: bool = False) -> Above:
    """Read the lines above a row for what a key (or a dash) in a column belongs to.

    Args:
        lines: The text's lines.
        row: The row (from 0) that is not looked at.
        column: Where the key or dash stands.
        dash: Whether it is a dash.
    """
    found = Above()
    path: list[str | int] = []
    index = 0
    deeper = " " * (column + 1)
    item = " " * column + "- " if dash else "\n"  # no line has that
    while row > 0:
        row -= 1
        line = lines[row]
        if line.startswith(deeper):
            continue
        if line.startswith(item):  # told apart at once: lists may be very long
            index += 1
            continue
        start = line.lstrip(" ")
        if not start or start[0] == "#" or start[0] == "\r":
            continue
        if line.startswith(("---", "...", "%")):
            break
        before = column
        for at, key, value in reversed(tokens(line)):
            if at > column or (key is not None and at == column and dash and not opens(value)):
                continue
            if key is None:
                if at == column:
                    if dash:
                        index += 1
                    continue
                if dash:  # a list directly in a list's item
                    path.append(index)
                index, column, dash = 0, at, True
            elif at == column and not dash:
                if not path:
                    found.siblings.append(key)
            else:
                if _BLOCK.match(value):
                    found.text = found.text or not path
                elif not opens(value):
                    continue
                if dash:
                    path.append(index)
                path.append(key)
                index, column, dash = 0, at, False
                item = "\n"
        if column != before or dash:
            deeper = " " * (column + 1)
            item = " " * column + "- " if dash else "\n"
        if column == 0 and not dash and path:
            break
    if dash:
        path.append(index)
    found.path = tuple(reversed(path))
    found.siblings.reverse()
    return found


def below(lines: Sequence[str], row: int, column: int) -> list[str]:
    """The keys that stand in a column further down, in the same mapping."""
    found: list[str] = []
    deeper = " " * (column + 1)
    for at in range(row + 1, len(lines)):
        line = lines[at]
        if line.startswith(deeper):
            continue
        start = line.lstrip(" ")
        if not start or start[0] in "#\r":
            continue
        seen = tokens(line)
        if len(line) - len(start) < column or not seen or seen[0][1] is None:
            break
        found.append(seen[0][1])
    return found


def path_at(lines: Sequence[str], row: int) -> Path | None:
    """The path of the key on a row, or of the list item that begins there."""
    seen = tokens(lines[row])
    if not seen:
        return None
    column, first, _ = seen[0]
    found = above(lines, row, column, dash=first is None)
    if found.text:
        return None
    path = [*found.path]
    for at, key, _ in seen:
        if key is not None:
            path.append(key)
        elif at != column:  # the outer dash's place in its list is known from above
            path.append(0)
    return tuple(path)
