"""AI Toolkit configs: the parts that runners and dialects must understand, and where they stand.

A config has ``job`` and ``config: {name, process: [one mapping]}``; the process holds ``network``,
``save``, ``datasets``, ``train``, ``sample``. Source: ``toolkit/config.py`` and
``toolkit/config_modules.py`` of github.com/ostris/ai-toolkit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from trainer_tui.server.runners.base import InvalidConfig

Key = str | int
PROCESS: tuple[Key, ...] = ("config", "process", 0)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def position(text: str, path: Sequence[Key]) -> tuple[int | None, int | None]:
    """Line and column, from 1, of the value at ``path``, or of its nearest parent that is there."""
    import yaml

    from trainer_tui.server.configs import SAFE

    try:
        node = yaml.compose(text, Loader=SAFE)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None, None
    for key in path:
        if isinstance(node, yaml.MappingNode):
            found = next((value for name, value in node.value if name.value == str(key)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            found = node.value[key] if 0 <= key < len(node.value) else None
        else:
            found = node if key == 0 else None  # one mapping where a list of them is usual
        if found is None:
            break
        node = found
    if node is None:
        return None, None
    return node.start_mark.line + 1, node.start_mark.column + 1


def fail(text: str, path: Sequence[Key], message: str) -> InvalidConfig:
    """The error to raise about the value at ``path``: ``train.lr: expected a number …``."""
    line, column = position(text, path) if text else (None, None)
    shown = path[len(PROCESS) :] if tuple(path[: len(PROCESS)]) == PROCESS else path
    words = ".".join(str(key) for key in shown) or "config.process"
    return InvalidConfig(f"{words}: {message}.", line=line, column=column)


def job_name(config: Mapping[str, object]) -> str | None:
    """``config.name`` as text, or ``None`` where there is none."""
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    if isinstance(name, bool) or not isinstance(name, str | int | float):
        return None
    return str(name).strip() or None


def process(config: Mapping[str, object], text: str = "") -> Mapping[str, object]:
    """The first process of the config, which is the one that trains.

    Raises:
        InvalidConfig: ``config``, ``config.name`` or ``config.process`` is missing or misshapen.
    """
    inner = config.get("config")
    if not isinstance(inner, Mapping):
        raise fail(text, ("config",), "missing; expected a mapping with name and process")
    if job_name(config) is None:
        raise fail(text, ("config", "name"), "missing; expected the name of the run")
    found = inner.get("process")
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, Mapping):
        raise fail(text, ("config", "process"), "expected a list with one mapping")
    return cast("Mapping[str, object]", found)


def section(config: Mapping[str, object], name: str, text: str = "") -> Mapping[str, object]:
    """One mapping of the process (``train``, ``save``, …), empty where it is not given."""
    found = process(config, text).get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise fail(text, (*PROCESS, name), "expected a mapping")
    return cast("Mapping[str, object]", found)


def datasets(
    config: Mapping[str, object], text: str = ""
) -> Iterator[tuple[tuple[Key, ...], Mapping[str, object]]]:
    """Each dataset with its path in the config. A mapping in place of a list counts as one."""
    found = process(config, text).get("datasets")
    if isinstance(found, Mapping):
        yield (*PROCESS, "datasets"), found
        return
    if not isinstance(found, list) or not found:
        raise fail(text, (*PROCESS, "datasets"), "expected a list of datasets with a folder_path")
    for index, item in enumerate(found):
        path = (*PROCESS, "datasets", index)
        if not isinstance(item, Mapping):
            raise fail(text, path, "expected a mapping with a folder_path")
        yield path, item


def integer(
    values: Mapping[str, object],
    path: Sequence[Key],
    key: str,
    default: int,
    *,
    text: str = "",
    low: int = 0,
    high: int = 10**9,
) -> int:
    """A whole number between ``low`` and ``high``; ``default`` where it is missing or null."""
    value = values.get(key)
    if value is None:
        return default
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        expected = f"expected a whole number from {low}" + (f" to {high}" if high < 10**9 else "")
        raise fail(text, (*path, key), f"{expected}, not {value!r}")
    return value


def number(
    values: Mapping[str, object], path: Sequence[Key], key: str, default: float, *, text: str = ""
) -> float:
    """A number (NaN and infinity are refused); ``default`` where it is missing or null."""
    value = values.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise fail(text, (*path, key), f"expected a number, not {value!r}")
    return float(value)


def total_steps(config: Mapping[str, object]) -> int | None:
    """``train.steps``, or ``None`` where it cannot be told."""
    try:
        train = section(config, "train")
        return integer(train, (*PROCESS, "train"), "steps", 1000, low=1)
    except InvalidConfig:
        return None


def expand(config: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, object]:
    """``[name]`` replaced by ``config.name`` and ``${VAR}`` by that variable, everywhere.

    Raises:
        InvalidConfig: A variable is not set.
    """
    name = job_name(config) or ""

    def variable(match: re.Match[str]) -> str:
        value = environment.get(match[1])
        if value is None:
            raise InvalidConfig(f"${{{match[1]}}}: this environment variable is not set.")
        return value

    def walk(value: object) -> object:
        if isinstance(value, str):
            return _VARIABLE.sub(variable, value.replace("[name]", name))
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, Mapping):
            return {key: walk(item) for key, item in value.items()}
        return value

    return cast("dict[str, object]", walk(config))
