"""One key with its value, put into a text or taken out of it, with every other byte kept."""

from __future__ import annotations

import re

from trainer_tui.core.yamlconfig.nodes import AnyNode, Mapping, Scalar, Sequence, value_start
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Edit

_BREAK = re.compile(r"\r\n|\n|\r|\Z")


def newline(text: str) -> str:
    """The line break that a text uses."""
    match = re.search(r"\r\n|\n|\r", text)
    return match.group() if match else "\n"


def content_end(document: Document, node: AnyNode) -> int:
    """Where the last thing inside a block really ends, blank lines and all not counted."""
    last: AnyNode = node
    while isinstance(last, Mapping | Sequence) and last.items and not last.flow:
        item = last.items[-1]
        if isinstance(item, tuple):
            last = item[1] if item[1].end >= item[0].end else item[0]
        else:
            last = item
    end = max(last.end, value_start(document.text, last))
    if isinstance(last, Scalar) and last.style in ("|", ">"):
        return len(document.text[:end].rstrip())
    return end


def line_end(text: str, position: int) -> int:
    """Where the line of a position ends, before its break."""
    match = _BREAK.search(text, position)
    return match.start() if match else len(text)


def without_pair(document: Document, mapping: Mapping, index: int) -> Edit | None:
    """A change that takes one key and its value out; ``None`` where more would go with it."""
    text = document.text
    key, value = mapping.items[index]
    behind = mapping.items[index + 1][0] if index + 1 < len(mapping.items) else None
    start = document.lines.starts[key.line - 1]
    end = max(key.end, content_end(document, value))
    if "&" in text[key.start : end] or len(mapping.items) == 1:
        return None  # what other places may refer to
    if not mapping.flow and not text[start : key.start].strip(" "):
        match = _BREAK.search(text, end)
        return Edit(start, match.end() if match else len(text), "")
    if behind is not None:
        return Edit(key.start, behind.start, "")
    if mapping.flow:
        before = mapping.items[index - 1]
        return Edit(max(before[0].end, before[1].end), max(key.end, value.end), "")
    return None


def with_pair(document: Document, mapping: Mapping, key: str, value: str) -> Edit | None:
    """A change that puts a key and its value before the others; both as they are written."""
    if not mapping.items:
        at = value_start(document.text, mapping) + 1
        return Edit(at, at, f"{key}: {value}") if mapping.flow else None
    first = mapping.items[0][0]
    if mapping.flow:
        return Edit(first.start, first.start, f"{key}: {value}, ")
    start = document.lines.starts[first.line - 1]
    if document.text[start : first.start].strip(" -"):
        return None
    pad = " " * (first.column - 1)
    return Edit(first.start, first.start, f"{key}: {value}{newline(document.text)}{pad}")
