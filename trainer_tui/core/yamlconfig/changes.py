"""What differs between two configs, as lines and in words; and what one will do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from trainer_tui.core.linediff import differences
from trainer_tui.core.yamlconfig.nodes import Alias, AnyNode, Mapping, Scalar, Sequence, resolve
from trainer_tui.core.yamlconfig.parse import Document, parsed
from trainer_tui.core.yamlconfig.values import ROOTS, Path, values, written
from trainer_tui.sanitize import line as clean

LineKind = Literal["same", "added", "removed", "gap"]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff. Numbers count from 1; a ``gap`` stands for unchanged lines left out."""

    kind: LineKind
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One value that two configs differ in; ``None`` where one has no such value."""

    path: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        return f"{self.path} {self.old or '(none)'} → {self.new or '(none)'}"


def diff(old: str, new: str, *, context: int = 3) -> list[DiffLine]:
    """The lines of both, with what was removed and added; far unchanged ones left out.

    Gives an empty list when the texts are the same.
    """
    if old == new:
        return []
    before, after = _split(old), _split(new)
    out: list[DiffLine] = []
    at = other = 0
    end = (len(before), len(before), len(after), len(after))
    for i1, i2, j1, j2 in [*differences(before, after), end]:
        out += [DiffLine("same", before[i], i + 1, i - at + other + 1) for i in range(at, i1)]
        out += [DiffLine("removed", before[i], old=i + 1) for i in range(i1, i2)]
        out += [DiffLine("added", after[j], new=j + 1) for j in range(j1, j2)]
        at, other = i2, j2
    return _folded(out, context)


def _split(text: str) -> list[str]:
    """Lines with what the eye cannot see made visible: a carriage return, a missing last break."""
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    elif lines:
        lines[-1] += " ⏎̸"
    return [line[:-1] + "␍" if line.endswith("\r") else line for line in lines]


def _folded(lines: list[DiffLine], context: int) -> list[DiffLine]:
    keep = [False] * len(lines)
    for index, line in enumerate(lines):
        if line.kind != "same":
            for near in range(max(0, index - context), min(len(lines), index + context + 1)):
                keep[near] = True
    out: list[DiffLine] = []
    hidden: list[DiffLine] = []
    for index, line in enumerate(lines):
        if keep[index]:
            out += [*_gap(hidden), line]
            hidden = []
        else:
            hidden.append(line)
    return out + _gap(hidden)


def _gap(hidden: list[DiffLine]) -> list[DiffLine]:
    """What stands for lines left out; one line takes no more room than the word for it."""
    return hidden if len(hidden) < 2 else [DiffLine("gap", f"{len(hidden)} unchanged lines")]


def changes(old: str, new: str) -> list[Change]:
    """The values that differ, in the order of the new text; layout and comments do not count."""
    had, has = _values(old), _values(new)
    if had is None or has is None:
        return []
    found = [
        Change(_short(path), had.get(path), value)
        for path, value in has.items()
        if had.get(path) != value
    ]
    found += [Change(_short(path), value, None) for path, value in had.items() if path not in has]
    return found


@lru_cache(maxsize=2)
def _values(text: str) -> dict[Path, str] | None:
    document = parsed(text)
    if document.broken:
        return None  # what cannot be read has no values to compare
    found: dict[Path, str] = {}
    for path, value in values(document):
        node = resolve(value)
        if isinstance(node, Scalar):
            found[path] = clean(node.text, limit=120) if node.kind != "null" else "null"
    return found


def _short(path: Path) -> str:
    for root in reversed(ROOTS):
        if root and path[: len(root)] == root and len(path) > len(root):
            return clean(written(path[len(root) :]), limit=120)
    return clean(written(path), limit=120)


def summary(text: str) -> dict[str, object]:
    """What a config will do, as far as it says so.

    Gives ``name, steps, save_every, sample_every, samples, lr, rank, batch_size, resolution,
    datasets, model``: numbers, strings, lists of them, or ``None``; ``samples`` is images a round.
    """
    document = parsed(text)

    def value(*path: str | int) -> object:
        node = resolve(document.at(*path))
        return node.data if isinstance(node, Scalar) else None

    process: Path = ROOTS[2]
    steps = _count(value(*process, "train", "steps"))
    save_every = _count(value(*process, "save", "save_every"))
    images = document.at(*process, "sample", "samples") or document.at(
        *process, "sample", "prompts"
    )
    real = resolve(images)
    off = value(*process, "train", "disable_sampling") is True
    samples = 0 if off else len(real.items) if isinstance(real, Sequence) else None
    rank = value(*process, "network", "linear")
    name = value("config", "name")
    return {
        "name": None if name is None else clean(name, limit=200),
        "steps": steps,
        "save_every": save_every,
        "sample_every": _count(value(*process, "sample", "sample_every")),
        "samples": samples,
        "lr": _number(value(*process, "train", "lr")),
        "rank": rank if rank is not None else value(*process, "network", "rank"),
        "batch_size": _count(value(*process, "train", "batch_size")),
        "resolution": _resolutions(document, process),
        "datasets": _datasets(document, process),
        "model": _text(value(*process, "model", "name_or_path")),
    }


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _text(value: object) -> str | None:
    return None if value is None else clean(value, limit=200)


def _sets(document: Document, process: Path) -> list[Mapping]:
    found = resolve(document.at(*process, "datasets"))
    items: list[AnyNode] = []
    if isinstance(found, Sequence):
        items = found.items
    elif isinstance(found, Mapping):
        inner = [value for _, value in found.items]
        items = inner if inner and all(isinstance(resolve(i), Mapping) for i in inner) else [found]
    return [real for real in (resolve(item) for item in items[:1000]) if isinstance(real, Mapping)]


def _datasets(document: Document, process: Path) -> list[str]:
    out = []
    for item in _sets(document, process):
        node = resolve(item.get("folder_path") or item.get("dataset_path"))
        if isinstance(node, Scalar):
            out.append(clean(node.text, limit=200))
    return out


def _resolutions(document: Document, process: Path) -> list[int]:
    out: dict[int, None] = {}
    for item in _sets(document, process):
        node = resolve(item.get("resolution"))
        for one in node.items if isinstance(node, Sequence) else [node] if node else []:
            real = resolve(one) if not isinstance(one, Alias) else one.target
            size = _count(real.data) if isinstance(real, Scalar) else None
            if size is not None:
                out[size] = None
    return list(out)
