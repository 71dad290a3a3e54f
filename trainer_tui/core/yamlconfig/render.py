"""A value as YAML on one line, quoted where it must be."""

from __future__ import annotations

import math
import re

from trainer_tui.core.yamlconfig.nodes import plain_kind
from trainer_tui.core.yamlconfig.parse import parse
from trainer_tui.errors import UsageError


def render(
    value: object, *, style: str | None = None, flow: bool = False, wants_text: bool = False
) -> str:
    """A value as YAML on one line; see :func:`set_value` for what a ``str`` means."""
    if isinstance(value, str):
        return _typed(value, style=style, flow=flow, wants_text=wants_text)
    return _literal(value)


def _typed(value: str, *, style: str | None, flow: bool, wants_text: bool) -> str:
    source = value.strip()
    if style is None and _reads_alone(source, flow):
        kind = plain_kind(source)
        if not wants_text or (kind in ("str", "null") and source[:1] not in "[{"):
            return source
        return _quote(value, '"')
    if len(source) > 1 and source[0] == source[-1] and source[0] in "'\"" and _is_one(source):
        return source
    return _quote(value, style or '"')


def _reads_alone(source: str, flow: bool) -> bool:
    """Whether a text, written as it is behind ``key: ``, comes back as one whole value."""
    if not source or "\n" in source or "\r" in source or source[0] in "|>&*!%@`#":
        return False
    if source[0] in "[{'\"":
        return _is_one(source)
    if flow and re.search(r"[,\[\]{}]", source):
        return False
    if re.search(r":(?:\s|\Z)|\s#", source) or re.match(r"[-?:](?:\s|\Z)|---|\.\.\.", source):
        return False
    return _is_one(source)


def _is_one(source: str) -> bool:
    document = parse(f"k: {source}\n")
    node = document.at("k")
    return not document.broken and node is not None and node.end == 3 + len(source)


def _quote(text: str, style: str) -> str:
    if style == "'" and not re.search(r"[\x00-\x1f\x7f-\x9f]", text):
        return "'" + text.replace("'", "''") + "'"
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    out = []
    for character in text:
        code = ord(character)
        if character in escapes:
            out.append(escapes[character])
        elif code < 0x20 or 0x7F <= code < 0xA0 or code in (0x2028, 0x2029, 0xFEFF):
            out.append(f"\\u{code:04x}")
        elif 0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF):
            raise UsageError("the value has a character that YAML cannot hold")
        else:
            out.append(character)
    return '"' + "".join(out) + '"'


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return ".nan"
        if math.isinf(value):
            return ".inf" if value > 0 else "-.inf"
        return repr(value)
    if isinstance(value, str):
        return _quote(value, '"')
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(str(k))}: {_literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(v) for v in value) + "]"
    raise UsageError(f"a {type(value).__name__} cannot be written as YAML")
