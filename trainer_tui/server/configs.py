"""Training configs read on the server: safe, limited, numbers as AI Toolkit reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import yaml

from trainer_tui.server.runners.base import InvalidConfig
from trainer_tui.server.settings import MAX_CONFIG

MAX_DEPTH = 64
MAX_ALIASES = 200
MAX_NODES = 100_000


class _Loader(yaml.SafeLoader):
    """The safe loader, with bounds on what a text of a few bytes can blow up to."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._aliases = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._nodes += 1
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
        if self._depth >= MAX_DEPTH or self._aliases > MAX_ALIASES or self._nodes > MAX_NODES:
            raise yaml.composer.ComposerError(
                None, None, "nested too deep, too many aliases or too large", mark
            )
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


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
        found: Any = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InvalidConfig(
            f"The config is not valid YAML: {error.problem or error.context or error}.",
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidConfig(f"The config is not valid YAML: {error}.") from error
    if not isinstance(found, dict):
        kind = "empty" if found is None else f"a {type(found).__name__}"
        raise InvalidConfig(f"The config must be a mapping; this is {kind}.", line=1, column=1)
    _refuse_expansion(found)
    return cast("dict[str, object]", found)


def _refuse_expansion(value: object) -> None:
    """Raise where aliases make the value endless or huge to whoever walks it."""
    seen = 0
    stack = [value]
    while stack:
        here = stack.pop()
        seen += 1
        if seen > MAX_NODES:
            raise InvalidConfig("The config's aliases expand to too much, or to themselves.")
        if isinstance(here, dict):
            stack.extend(here.values())
        elif isinstance(here, list):
            stack.extend(here)
