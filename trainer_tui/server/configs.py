"""Training configs read on the server: safe, limited, numbers as AI Toolkit reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import yaml

from trainer_tui import sanitize
from trainer_tui.server.runners.base import InvalidConfig
from trainer_tui.server.settings import MAX_CONFIG

MAX_DEPTH = 64
MAX_ALIASES = 200
MAX_NODES = 100_000
MAX_DIGITS = 400
"""Characters of a number; the largest that a float can hold has 309 digits."""
SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's loader where it is there: ten times as fast, which whoever waits for it feels."""


class _Loader(SAFE):  # type: ignore[misc]
    """The safe loader, with bounds on what a text of a few bytes can blow up to."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what ``<<`` names into a mapping; merges of merges can double with every line."""
        super().flatten_mapping(node)
        if len(node.value) > MAX_NODES:
            raise yaml.constructor.ConstructorError(
                None, None, "what is merged into it is too large", node.start_mark
            )

    def number(self, node: yaml.ScalarNode) -> int | float:
        """A number, unless it takes for ever to read (``1:1:1:…`` is one, to the base of 60)."""
        whole = node.tag.endswith(":int")
        try:
            if len(node.value) > MAX_DIGITS:
                raise ValueError
            read = self.construct_yaml_int if whole else self.construct_yaml_float
            found: int | float = read(node)
        except (ValueError, OverflowError):
            shown = sanitize.line(node.value, limit=40)
            raise yaml.constructor.ConstructorError(
                None, None, f"{shown!r} is no number that can be read", node.start_mark
            ) from None
        return found


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.number)
# YAML 1.1 wants a dot in a float; AI Toolkit's loader, like YAML 1.2, reads 1e-4 as a number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"""^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)
        |\.[0-9_]+(?:[eE][-+]?[0-9]+)?
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN))$""",
        re.X,
    ),
    list("-+0123456789."),
)


def parse(text: str) -> Mapping[str, object]:
    """Read a config: a mapping at the top, YAML or JSON.

    Raises:
        InvalidConfig: It is no YAML, no mapping, or beyond the limits; with line and column.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_CONFIG:
        raise InvalidConfig(f"The config is larger than {MAX_CONFIG // 1024 // 1024} MiB.")
    try:
        found = _json(text)
        if found is None:
            _refuse_excess(text)
            found = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What is missing at the end is missing in the last line, not in one after it.
        raise InvalidConfig(
            f"The config is not valid YAML: {error.problem or error.context or error}.",
            line=min(mark.line, text.count("\n")) + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidConfig(f"The config is not valid YAML: {error}.") from error
    if not isinstance(found, dict):
        kind = "empty" if found is None else f"a {type(found).__name__}"
        raise InvalidConfig(f"The config must be a mapping; this is {kind}.", line=1, column=1)
    _refuse_expansion(found)
    return cast("dict[str, object]", found)


def _json(text: str) -> Any:
    """What a JSON object says, ``None`` where it is none. libyaml knows not all of JSON's escapes
    (a character beyond 65,535 may be written as two), and is not as quick."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def dump(value: object) -> str:
    """A config as YAML, in the order of its keys."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=1000)
    return text


def _refuse_excess(text: str) -> None:
    """Raise where a text nests too deep or holds too much, before anything is made of it."""
    depth = aliases = nodes = 0
    for event in yaml.parse(text, Loader=SAFE):
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            aliases += isinstance(event, yaml.AliasEvent)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or aliases > MAX_ALIASES or nodes > MAX_NODES:
            problem = "nested too deep, too many aliases or too large"
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _refuse_expansion(value: object) -> None:
    """Raise where the value is too deep or, by its aliases, too large for whoever walks it, or
    holds a whole number that no float can hold."""
    seen = 0
    stack = [(value, 0)]
    while stack:
        here, depth = stack.pop()
        seen += 1
        if seen > MAX_NODES or depth > MAX_DEPTH:
            raise InvalidConfig("The config is too deep or too large, or its aliases are.")
        if isinstance(here, int) and here.bit_length() > 1023:
            raise InvalidConfig("The config holds a number that is too large.")
        if isinstance(here, dict):
            stack.extend((each, depth + 1) for each in here.values())
        elif isinstance(here, list):
            stack.extend((each, depth + 1) for each in here)
