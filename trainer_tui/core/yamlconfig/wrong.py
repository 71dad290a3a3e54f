"""What to say of a value that the schema does not allow, and what to write in its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

from trainer_tui.config_problem import did_you_mean
from trainer_tui.core.yamlconfig.nodes import (
    AnyNode,
    Mapping,
    Scalar,
    Sequence,
    resolve,
    value_start,
)
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Edit, Problem, Severity
from trainer_tui.core.yamlconfig.schema import Schema, nearest
from trainer_tui.core.yamlconfig.values import Path
from trainer_tui.sanitize import line as clean

VARIABLE = re.compile(r"\$\{[^{}]*\}")
"""What the trainer replaces by an environment variable: nobody knows what it will be."""

_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "nothing",
}
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


class _Got(NamedTuple):
    """What stands where something else belongs."""

    words: str
    fix: str | None = None
    text: str | None = None
    """What to write in its place, where that is plain."""
    severity: Severity = "error"


def named(path: Path) -> str:
    """How a message calls a value: the section and the key, without what all paths share."""
    parts = list(path)
    if parts[:2] == ["config", "process"] and len(parts) > 3:
        parts = parts[3:]
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts)
    return clean(text.lstrip("."), limit=80) or "the config"


def problem_at(
    document: Document,
    severity: Severity,
    code: str,
    node: AnyNode,
    message: str,
    fix: str | None = None,
    edit: Edit | str | None = None,
) -> Problem:
    """A problem with a value; an ``edit`` that is text stands for the whole value."""
    start = value_start(document.text, node)
    if isinstance(edit, str):
        lead = " " if start == node.end and document.text[start - 1 : start] == ":" else ""
        edit = Edit(start, node.end, lead + edit)
    return document.problem(severity, code, start, message, fix, end=node.end, edit=edit)


def refusal(document: Document, code: str, node: AnyNode, message: str, fix: str | None) -> Problem:
    """What a service refuses, said of a value; of a mapping at its first key."""
    if isinstance(node, Mapping) and node.items:
        node = node.items[0][0]
    return problem_at(document, "error", code, node, message, fix)


def unknown_keys(
    document: Document, root: Mapping, known: Collection[str], service: str
) -> Iterator[Problem]:
    """The keys that a service's small config does not have; of many the first thousand."""
    for key, _ in islice(root.pairs(), 1_000):
        if key.text not in known:
            near = did_you_mean(key.text, known)
            message = f"{service} takes no {clean(key.text, limit=60)!r}{near}"
            yield refusal(document, "unknown-key", key, message, f"known are {', '.join(known)}")


def wrong_type(
    document: Document, node: AnyNode, choices: list[Schema], path: Path
) -> Problem | None:
    """A value of a type that none of the alternatives has."""
    value = resolve(node)
    types = [s["type"] for s in choices if s.get("type") not in (None, "null")]
    wanted = " or ".join(dict.fromkeys(_WORDS[t] for t in types))
    if isinstance(value, Sequence):
        bare = bare_list(document, node, types)
        if bare is not None:
            return bare
        got = _Got("a list")
    elif isinstance(value, Mapping):
        got = _Got("keys and values", "begin each item with '- '" if types == ["array"] else None)
    elif isinstance(value, Scalar):
        got = _scalar(document, value, types, node, choices)
    else:
        return None
    message = f"{named(path)} must be {wanted}; this is {got.words}"
    return problem_at(document, got.severity, "type", node, message, got.fix, got.text)


def bare_list(document: Document, node: AnyNode, types: list[str]) -> Problem | None:
    """``[name]`` without quotes where text is wanted."""
    value = resolve(node)
    if not (isinstance(value, Sequence) and value.flow and "string" in types):
        return None
    only = value.items[0] if len(value.items) == 1 else None
    if not (isinstance(only, Scalar) and only.plain):
        return None
    source = document.text[value_start(document.text, node) : node.end]
    message = f"unquoted {clean(source, limit=40)} is a list, not text"
    edit = f'"{source}"' if '"' not in source and "\n" not in source else None
    return problem_at(document, "error", "yaml-list", node, message, "put it in quotes", edit)


def _scalar(
    document: Document, value: Scalar, types: list[str], node: AnyNode, choices: list[Schema]
) -> _Got:
    shown = clean(value.text, limit=40)
    kind, data = value.kind, value.data
    number = "integer" in types or "number" in types
    if kind == "null":
        usual = _usual(choices)
        if usual is not None:
            return _Got("empty", f"write {usual}, or delete the line", usual)
        return _Got("empty", "give it a value, or delete the line")
    if kind == "float" and "integer" in types:
        if isinstance(data, float) and data.is_integer() and abs(data) < 1e15:
            whole = str(int(data))
            return _Got(f"{shown}, with a fraction", f"write {whole}", whole)
        if isinstance(data, float) and abs(data) < 1e15:  # not nan: that compares with nothing
            whole = str(round(data))
            return _Got(f"{shown}, with a fraction", f"write {whole}", whole)
        return _Got(f"{shown}, with a fraction")
    if kind == "str" and number:
        plain = Scalar(0, 0, 1, 1, text=value.text.strip())
        if not value.plain and plain.kind in ("int", "float"):
            return _Got(f"'{shown}' in quotes, so text", "take the quotes off", plain.text)
        return _Got(f"text, '{shown}'")
    if types == ["boolean"]:
        word = value.text.strip().lower()
        guess = {"1": "true", "0": "false", "true": "true", "false": "false"}.get(word)
        words = f"text, '{shown}'" if kind == "str" else shown
        fix = f"write {guess}" if guess else "write true or false"
        return _Got(words, fix, guess, "warning" if guess else "error")
    if "string" in types and kind in ("int", "float", "bool"):
        quoted = f'"{value.text}"'
        word = "true or false" if kind == "bool" else "a number"
        return _Got(f"{shown}, {word}", f"write {clean(quoted)}", quoted, "warning")
    if types == ["array"]:
        source = document.text[value_start(document.text, node) : node.end]
        single = "\n" not in source and (kind != "str" or value.style in ("'", '"'))
        return _Got(shown, f"write [{shown}]", f"[{source}]" if single else None)
    return _Got(shown)


def wrong_number(
    document: Document, node: AnyNode, keyword: str, limit: float, schema: Schema, path: Path
) -> Problem | None:
    """A number beyond one of its limits."""
    value = resolve(node)
    if not isinstance(value, Scalar):
        return None
    shown = clean(value.text, limit=30)
    message = f"{named(path)} is {shown}; it must be {_LIMITS[keyword]} {limit}"
    write = _usual([schema]) or (None if keyword.startswith("exclusive") else str(limit))
    fix = f"write {write}" if write is not None else None
    return problem_at(document, "error", "range", node, message, fix, write)


def no_quantity(document: Document, node: AnyNode, choices: list[Schema], path: Path) -> Problem:
    """``.nan`` or ``.inf``, which no setting of the trainer means."""
    value = resolve(node)
    shown = clean(value.text, limit=30) if isinstance(value, Scalar) else ""
    message = f"{named(path)} is {shown}, which is no quantity"
    usual = _usual(choices)
    fix = f"write {usual}" if usual is not None else None
    return problem_at(document, "error", "range", node, message, fix, usual)


def wrong_word(document: Document, node: AnyNode, schema: Schema, path: Path) -> Problem | None:
    """A word that is none of those known (``enum``), or much like one of them (``examples``)."""
    value = resolve(node)
    known: list[str] = schema.get("enum") or schema.get("examples") or []
    if not isinstance(value, Scalar) or not known or value.text in known:
        return None
    guess = nearest(value.text, known)
    if guess is None and "enum" not in schema:
        return None
    edit = None
    if guess is not None:
        quote = value.style if value.style in ("'", '"') else ""
        edit = f"{quote}{guess}{quote}"
        fix = f"did you mean '{guess}'?"
    else:
        fix = "known are " + ", ".join(known)
    message = f"'{clean(value.text, limit=40)}' is no value of {named(path)} that is known here"
    return problem_at(document, "warning", "enum", node, message, fix, edit)


def _usual(choices: list[Schema]) -> str | None:
    """What most configs have there, as it is written."""
    return next((str(s["x-usual"]) for s in choices if "x-usual" in s), None)
