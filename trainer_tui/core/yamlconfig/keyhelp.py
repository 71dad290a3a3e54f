"""What the key on a line means: for the editor's status line, later for completion."""

from __future__ import annotations

from trainer_tui.core.yamlconfig import schema
from trainer_tui.core.yamlconfig.nodes import AnyNode, Mapping, Sequence
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.values import ROOTS, Path, written


def keys_by_line(document: Document) -> dict[int, Path]:
    """Line → path of the key written on it (of several, the last)."""
    found: dict[int, Path] = {}
    stack: list[tuple[Path, AnyNode | None]] = [((), document.root)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, Mapping):
            for key, value in node.pairs():
                inner = (*path, key.text)
                found[key.line] = inner
                stack.append((inner, value))
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                found.setdefault(item.line, (*path, index))
                stack.append(((*path, index), item))
    return found


def shown(path: Path) -> str:
    """A path as ``--set`` takes it."""
    for root in reversed(ROOTS):
        if root and path[: len(root)] == root and len(path) > len(root):
            return written(path[len(root) :])
    return written(path)


def describe(path: Path) -> str | None:
    """What the key at a path means and takes, one line; ``None`` when nobody knows."""
    found = schema.at(path)
    if found is None:
        return None
    text = str(found.get("description", ""))
    takes = _takes(found)
    return f"{text} ({takes})" if text and takes else text or None


def _takes(found: schema.Schema) -> str:
    parts = []
    for option in schema.options(found):
        known = option.get("enum") or option.get("examples")
        kind = option.get("type")
        if known:
            shown_words = ", ".join(known[:6])
            parts.append(shown_words + (", …" if len(known) > 6 else ""))
        elif kind in ("integer", "number"):
            low = option.get("minimum", option.get("exclusiveMinimum"))
            high = option.get("maximum", option.get("exclusiveMaximum"))
            word = "whole number" if kind == "integer" else "number"
            if low is not None and high is not None:
                word += f", {low} to {high}"
            elif low is not None:
                word += f", {'from' if 'minimum' in option else 'above'} {low}"
            parts.append(word)
        elif kind == "boolean":
            parts.append("true or false")
        elif kind == "array":
            parts.append("a list")
    return " or ".join(dict.fromkeys(parts))
