"""Paths to the values of a document, and the values as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trainer_tui.core.yamlconfig.nodes import Alias, AnyNode, Mapping, Scalar, Sequence, resolve
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.errors import UsageError
from trainer_tui.sanitize import line as clean

Path = tuple[str | int, ...]
ROOTS: tuple[Path, ...] = ((), ("config",), ("config", "process", 0))
"""Where a path is looked up: from the top, and where nearly everything lives."""

_STEP = re.compile(r"\.?(?:\[(\d{1,6})\]|([^.\[\]]+))")
_MAX_DATA = 150_000


def split(path: str) -> Path:
    """The steps of a path.

    Raises:
        UsageError: It is empty or cannot be read.
    """
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if not match:
            raise UsageError(
                f"'{clean(path, limit=80)}' is no path to a value",
                hint="Write it like train.steps or datasets[0].folder_path.",
            )
        steps.append(int(match[1]) if match[1] is not None else match[2].strip())
        position = match.end()
    if not steps:
        raise UsageError("the path to the value is empty", hint="Write it like train.steps.")
    return tuple(int(s) if isinstance(s, str) and s.isdigit() else s for s in steps)


def values(document: Document, *, leaves: bool = True) -> list[tuple[Path, AnyNode]]:
    """All values in a document with their paths (aliases not followed), from the top.

    Of a key that is there twice only the last counts.
    """
    found: list[tuple[Path, AnyNode]] = []
    stack: list[tuple[Path, AnyNode | None]] = [((), document.root)]
    while stack:
        path, node = stack.pop()
        inner: list[tuple[Path, AnyNode | None]] = []
        if isinstance(node, Mapping):
            inner = [((*path, key.text), value) for key, value in node.pairs()]
            if len(inner) > 1:
                inner = list({one: (one, value) for one, value in inner}.values())
        elif isinstance(node, Sequence):
            inner = [((*path, index), item) for index, item in enumerate(node.items)]
        if path and node is not None and (not leaves or isinstance(node, Scalar | Alias)):
            found.append((path, node))
        stack.extend(reversed(inner))
    return found


def paths(document: Document, *, leaves: bool = True) -> list[Path]:
    """The paths of all values in a document (aliases not followed), from the top."""
    return list(dict.fromkeys(path for path, _ in values(document, leaves=leaves)))


def written(path: Iterable[str | int]) -> str:
    """A path as a person writes it: ``datasets[0].folder_path``."""
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
    return text.lstrip(".")


def data(node: AnyNode | None) -> object:
    """A node as plain Python data; what aliases repeat is counted, so a bomb ends here.

    Raises:
        UsageError: It would be larger than any config.
    """
    budget = [_MAX_DATA]

    def build(one: AnyNode | None, depth: int) -> object:
        budget[0] -= 1
        if budget[0] < 0 or depth > 200:
            raise UsageError("the value is too large", hint="Aliases in it repeat too much.")
        real = resolve(one)
        if isinstance(real, Mapping):
            merged: dict[str, object] = {}
            own: dict[str, object] = {}
            for key, value in real.pairs():
                if key.text == "<<" and key.plain:
                    source = build(value, depth + 1)
                    for part in source if isinstance(source, list) else [source]:
                        if isinstance(part, dict):
                            merged = {**part, **merged}
                else:
                    own[key.text] = build(value, depth + 1)
            return {**merged, **own}
        if isinstance(real, Sequence):
            return [build(item, depth + 1) for item in real.items]
        return real.data if real is not None else None

    return build(node, 0)
