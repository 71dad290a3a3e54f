"""What two or more configs differ in, as a table: a key a row, a job a column. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from trainer_tui.sanitize import line as clean

_LONGEST = 200
"""Characters of a value that are kept: a prompt is told apart by its beginning."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that is not the same everywhere."""

    key: str
    """Dotted, as in ``config.process[0].train.lr``; what all keys begin with is left out."""
    values: tuple[str | None, ...]
    """One a config, as it is written there; ``None``: it has no such key."""


def flatten(text: str) -> dict[str, str]:
    """The values of a config by their dotted keys, in the config's order; aliases are followed.

    Raises:
        UsageError: It cannot be read as YAML.
    """
    from trainer_tui.core.yamlconfig import Scalar, parse, paths, resolve, written
    from trainer_tui.errors import UsageError

    document = parse(text)
    if document.broken:
        raise UsageError("its config cannot be read as YAML")
    found = {}
    for path in paths(document):
        node = resolve(document.at(*path))
        if isinstance(node, Scalar):
            value = "null" if node.kind == "null" else node.text
            found[clean(written(path), limit=_LONGEST)] = clean(value, limit=_LONGEST)
    return found


def differences(configs: Sequence[Mapping[str, str]]) -> list[Difference]:
    """Only the keys that differ, in the order of the first config that has each.

    ``1e-4`` and ``0.0001`` are the same number and no difference.
    """
    if len(configs) < 2:
        return []
    keys: dict[str, None] = {}
    for config in configs:
        _merge(keys, list(config))
    found = []
    for key in keys:
        values = tuple(config.get(key) for config in configs)
        if len({_meaning(value) for value in values}) > 1:
            found.append((key, values))
    lead = _common_lead(list(keys))
    return [Difference(key.removeprefix(lead), values) for key, values in found]


def _merge(keys: dict[str, None], more: list[str]) -> None:
    """Put new keys beside the known ones that they stand beside in their own config."""
    fresh = [key for key in more if key not in keys]
    if not fresh:
        return
    if not keys:
        keys.update(dict.fromkeys(more))
        return
    before: dict[str | None, list[str]] = {}
    anchor: str | None = None
    for key in more:
        if key in keys:
            anchor = key
        else:
            before.setdefault(anchor, []).append(key)
    order = list(before.get(None, ()))
    for key in keys:
        order.append(key)
        order += before.get(key, ())
    keys.clear()
    keys.update(dict.fromkeys(order))


def _meaning(value: str | None) -> object:
    """What makes two written values the same."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def _common_lead(keys: Sequence[str]) -> str:
    """``config.process[0].`` where most keys that there are begin so; else nothing.

    ``config.name`` stands outside and keeps its own short form.
    """
    for lead in ("config.process[0].", "config."):
        if keys and sum(key.startswith(lead) for key in keys) > len(keys) // 2:
            return lead
    return ""


def told_apart(values: Sequence[str | None], width: int, ellipsis: str) -> list[str | None]:
    """Values cut to a width, so that those that differ look different where that can be.

    Of those that would look the same the beginnings that they share are left out, as far as there
    is no room.
    """
    alike: dict[str, set[str]] = {}
    shown: dict[str, str] = {}
    for value in values:
        if value is not None:
            shown[value] = _cut(value, width, ellipsis)
            alike.setdefault(shown[value], set()).add(value)
    for group in alike.values():
        lead = _shared(group) - width // 3
        if len(group) > 1 and lead > 0:
            shown |= {value: _cut(ellipsis + value[lead:], width, ellipsis) for value in group}
    return [value if value is None else shown[value] for value in values]


def _shared(values: Collection[str]) -> int:
    """How many characters all begin with."""
    first, last = min(values), max(values)
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return at
    return min(len(first), len(last))


def _cut(text: str, width: int, ellipsis: str) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + ellipsis
