"""The keys of an AI Toolkit config, as data, and the walk that compares a document with them.

The data is ``ai_toolkit.json`` beside this file: JSON Schema (2020-12) with the keywords
``type, properties, required, items, anyOf, enum, examples, minimum, maximum, exclusiveMinimum,
exclusiveMaximum, deprecated, description, $ref``, and ``x-instead``, the newer spelling of a
deprecated key. The walk is our own because every finding needs a place in the text, and because
an unknown key is a warning here: the trainer gets new ones every week.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any

from trainer_tui.core.yamlconfig.nodes import (
    AnyNode,
    Mapping,
    Scalar,
    Sequence,
    is_octal,
    is_sexagesimal,
    resolve,
    value_start,
)
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Edit, Problem
from trainer_tui.sanitize import line as clean

Schema = dict[str, Any]

TRAINING_JOBS = frozenset({"extension", "train"})
USUAL_TRAINERS = frozenset({"sd_trainer", "diffusion_trainer", "ui_trainer"})
_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "nothing",
}
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt ].*)?\Z")


@cache
def load() -> Schema:
    """The schema, read once."""
    import json
    from importlib.resources import files

    data = files("trainer_tui.core.yamlconfig").joinpath("ai_toolkit.json").read_bytes()
    schema: Schema = json.loads(data)
    return schema


def follow(schema: Schema) -> Schema:
    """A schema with its ``$ref`` looked up; the description where it is used wins."""
    ref = schema.get("$ref")
    if ref is None:
        return schema
    own = {key: schema[key] for key in schema if key != "$ref"}
    return {**load()["$defs"][ref.rsplit("/", 1)[1]], **own}


def options(schema: Schema) -> list[Schema]:
    """The alternatives of a schema; itself when there are none."""
    return [follow(s) for s in follow(schema).get("anyOf", [schema])]


def at(path: Iterable[str | int]) -> Schema | None:
    """The schema of the value at a path from the top of a document, or ``None``."""
    schema: Schema | None = load()
    for step in path:
        found = None
        for option in options(schema or {}):
            if isinstance(step, int):
                found = option.get("items")
            else:
                found = option.get("properties", {}).get(step)
            if found is not None:
                break
        if found is None:
            return None
        schema = follow(found)
    return schema


@cache
def homes() -> dict[str, tuple[str, ...]]:
    """Key → the paths that it is known at, the way they are written for ``--set``."""
    found: dict[str, list[str]] = {}
    for path, _ in _known(load(), ()):
        found.setdefault(path[-1], []).append(".".join(path))
    return {key: tuple(paths) for key, paths in found.items()}


def _known(schema: Schema, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Schema]]:
    for option in options(schema):
        if "items" in option:
            yield from _known(option["items"], path)
        for key, inner in option.get("properties", {}).items():
            # config.process[0] is where nearly everything lives, so paths begin below it.
            below = () if key == "process" and path == ("config",) else (*path, key)
            if below:
                yield below, follow(inner)
            yield from _known(inner, below)


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The known word that a mistyped one was most likely meant to be."""
    match = get_close_matches(key.lower()[:80], list(known), n=1, cutoff=0.72)
    return match[0] if match else None


@dataclass(slots=True)
class Walk:
    """Compares one document with the schema."""

    document: Document
    extra_keys: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)

    def run(self) -> list[Problem]:
        """Everything that the schema has to say."""
        root = resolve(self.document.root)
        if not isinstance(root, Mapping):
            start = root.start if root is not None else 0
            self._say("error", "type", start, "an AI Toolkit config is keys and values", None)
            return self.problems
        job = resolve(root.get("job"))
        kind = job.text if isinstance(job, Scalar) else "extension"
        self._mapping(root, load(), (), shallow=kind not in TRAINING_JOBS)
        return self.problems

    def _value(self, node: AnyNode, schema: Schema, path: tuple[str | int, ...]) -> None:
        real = resolve(node)
        if real is None:
            return
        choices = options(schema)
        if isinstance(real, Mapping):
            fit = [s for s in choices if s.get("type", "object") == "object"]
            if fit:
                self._mapping(real, fit[0], path)
            else:
                self._wrong(node, choices, path)
        elif isinstance(real, Sequence):
            fit = [s for s in choices if s.get("type", "array") == "array"]
            if fit:
                items = fit[0].get("items")
                for index, item in enumerate(real.items):
                    if items is None:
                        self._free(item)
                    else:
                        self._value(item, items, (*path, index))
            else:
                self._wrong(node, choices, path)
        else:
            self._scalar(node, real, choices, path)

    def _mapping(
        self, node: Mapping, schema: Schema, path: tuple[str | int, ...], *, shallow: bool = False
    ) -> None:
        known: dict[str, Schema] | None = schema.get("properties")
        if known is None:
            for _, value in node.items:
                self._free(value)
            return
        for key, value in node.pairs():
            if key.kind == "bool":
                message = f"the key {clean(key.text)} is read as {str(key.data).lower()}"
                self._say("warning", "yaml-boolean", key, message, "quote it")
            inner = known.get(key.text)
            if inner is None:
                self._unknown(key, known, path)
                self._free(value)
                continue
            if inner.get("deprecated"):
                self._deprecated(key, inner, node)
            if not shallow or key.text in ("job", "meta"):
                self._value(value, inner, (*path, key.text))
        if self._is_trainer(node, path):
            for name in schema.get("required", ()):
                if node.get(name) is None:
                    self._missing(node, name, known[name], path)

    def _is_trainer(self, node: Mapping, path: tuple[str | int, ...]) -> bool:
        """Other trainers than the usual one (sliders, extractions) need other keys."""
        if len(path) < 3 or path[:2] != ("config", "process"):
            return True
        process = resolve(self.document.at(*path[:3]))
        kind = resolve(process.get("type")) if isinstance(process, Mapping) else None
        return kind is None or (isinstance(kind, Scalar) and kind.text in USUAL_TRAINERS)

    def _missing(
        self, node: Mapping, name: str, schema: Schema, path: tuple[str | int, ...]
    ) -> None:
        where = ".".join(str(p) for p in (*path, name))
        first = node.items[0][0] if node.items else node
        what = follow(schema).get("description", "").lower()
        fix = f"add '{name}:' ({what})" if what else f"add '{name}:'"
        self._say("error", "missing-key", first, f"{where} is missing", fix)

    def _unknown(self, key: Scalar, known: dict[str, Schema], path: tuple[str | int, ...]) -> None:
        name = key.text
        dotted = ".".join([*(p for p in path if isinstance(p, str)), name])
        if (
            not name
            or name == "<<"
            or any(dotted == extra or dotted.endswith(f".{extra}") for extra in self.extra_keys)
        ):
            return
        shown = clean(name, limit=60)
        guess = nearest(name, known)
        edit = None
        elsewhere = homes().get(name)
        if guess is not None:
            fix: str | None = f"did you mean '{guess}'?"
            edit = Edit(value_start(self.document.text, key), key.end, guess)
        elif elsewhere:
            fix = f"'{shown}' is known as {elsewhere[0]}"
        else:
            fix = None
        section = next((p for p in reversed(path) if isinstance(p, str)), None)
        where = f"in {section}" if section else "at the top"
        message = f"the trainer knows no '{shown}' {where}"
        self._say("warning", "unknown-key", key, message, fix, edit)

    def _deprecated(self, key: Scalar, schema: Schema, node: Mapping) -> None:
        instead = schema["x-instead"]
        if node.pair(instead) is None:
            edit = Edit(value_start(self.document.text, key), key.end, instead)
            message = f"'{key.text}' is the older name of '{instead}'"
            self._say("info", "deprecated", key, message, f"write '{instead}'", edit)

    # One value -------------------------------------------------------------------------------

    def _scalar(
        self, node: AnyNode, value: Scalar, choices: list[Schema], path: tuple[str | int, ...]
    ) -> None:
        types = {s.get("type") for s in choices}
        if None in types or _VARIABLE.search(value.text):
            if None in types:
                self._free(node)
            return
        if self._surprise(node, value, types):
            return
        kind = value.kind
        fits = {
            "null": {"null"},
            "bool": {"boolean"},
            "int": {"integer", "number"},
            "float": {"number"},
            "str": {"string"},
        }[kind]
        match = next((s for s in choices if s.get("type") in fits), None)
        if match is None:
            self._wrong(node, choices, path)
        elif kind in ("int", "float"):
            self._range(node, value, match, path)
        elif kind == "str":
            self._word(node, value, match, path)

    def _wrong(self, node: AnyNode, choices: list[Schema], path: tuple[str | int, ...]) -> None:
        value = resolve(node)
        name = _name(path)
        types = [s["type"] for s in choices if s.get("type") not in (None, "null")]
        wanted = " or ".join(dict.fromkeys(_WORDS[t] for t in types))
        fix: str | None = None
        edit: Edit | None = None
        severity = "error"
        if isinstance(value, Sequence):
            got = "a list"
            only = value.items[0] if len(value.items) == 1 else None
            if value.flow and "string" in types and isinstance(only, Scalar) and only.plain:
                start, end = value_start(self.document.text, node), node.end
                source = self.document.text[start:end]
                message = f"unquoted {clean(source, limit=40)} is a list, not text"
                edit = Edit(start, end, f'"{source}"') if '"' not in source else None
                self._say("error", "yaml-list", node, message, "put it in quotes", edit)
                return
        elif isinstance(value, Mapping):
            got = "keys and values"
            if types == ["array"]:
                fix = "begin each item with '- '"
        elif isinstance(value, Scalar):
            got, fix, edit, severity = self._wrong_scalar(value, types, node)
        else:
            return
        self._say(severity, "type", node, f"{name} must be {wanted}; this is {got}", fix, edit)

    def _wrong_scalar(
        self, value: Scalar, types: list[str], node: AnyNode
    ) -> tuple[str, str | None, Edit | None, str]:
        shown = clean(value.text, limit=40)
        start = value_start(self.document.text, node)
        kind = value.kind
        number = "integer" in types or "number" in types
        if kind == "null":
            return "empty", "give it a value, or delete the line", None, "error"
        if kind == "float" and "integer" in types:
            data = value.data
            if isinstance(data, float) and data.is_integer() and abs(data) < 1e15:
                whole = str(int(data))
                return (
                    f"{shown}, with a fraction",
                    f"write {whole}",
                    self._edit(start, node, whole),
                    "error",
                )
            return f"{shown}, with a fraction", None, None, "error"
        if kind == "str" and number:
            plain = Scalar(0, 0, 1, 1, text=value.text.strip())
            if not value.plain and plain.kind in ("int", "float"):
                edit = self._edit(start, node, value.text.strip())
                return f"'{shown}' in quotes, so text", "take the quotes off", edit, "error"
            return f"text, '{shown}'", None, None, "error"
        if types == ["boolean"]:
            guess = {"1": "true", "0": "false"}.get(value.text.strip()) or {
                b: b for b in ("true", "false")
            }.get(value.text.strip().lower())
            got = f"text, '{shown}'" if kind == "str" else shown
            fix = f"write {guess}" if guess else "write true or false"
            return got, fix, self._edit(start, node, guess), "warning" if guess else "error"
        if "string" in types and kind in ("int", "float", "bool"):
            quoted = f'"{value.text}"'
            word = {"int": "a number", "float": "a number", "bool": "true or false"}[kind]
            return (
                f"{shown}, {word}",
                f"write {clean(quoted)}",
                self._edit(start, node, quoted),
                "warning",
            )
        if types == ["array"]:
            edit = self._edit(start, node, f"[{self.document.text[start : node.end]}]")
            return shown, f"write [{shown}]", edit if kind != "str" else None, "error"
        return shown, None, None, "error"

    def _edit(self, start: int, node: AnyNode, text: str | None) -> Edit | None:
        return None if text is None else Edit(start, node.end, text)

    def _range(
        self, node: AnyNode, value: Scalar, schema: Schema, path: tuple[str | int, ...]
    ) -> None:
        data = value.data
        if not isinstance(data, int | float):
            return
        shown, name = clean(value.text, limit=30), _name(path)
        if data != data or data in (float("inf"), float("-inf")):
            self._say("error", "range", node, f"{name} is {shown}, which is no quantity", None)
            return
        limits = (
            ("minimum", operator.lt, "at least"),
            ("maximum", operator.gt, "at most"),
            ("exclusiveMinimum", operator.le, "more than"),
            ("exclusiveMaximum", operator.ge, "less than"),
        )
        for keyword, beyond, words in limits:
            limit = schema.get(keyword)
            if limit is not None and beyond(data, limit):
                message = f"{name} is {shown}; it must be {words} {limit}"
                self._say("error", "range", node, message, None)
                return

    def _word(
        self, node: AnyNode, value: Scalar, schema: Schema, path: tuple[str | int, ...]
    ) -> None:
        known = schema.get("enum") or schema.get("examples")
        if not known or value.text in known:
            return
        guess = nearest(value.text, known)
        if guess is None and "enum" not in schema:
            return
        shown = clean(value.text, limit=40)
        start = value_start(self.document.text, node)
        edit = None
        if guess is not None:
            quote = value.style if value.style in ("'", '"') else ""
            edit = self._edit(start, node, f"{quote}{guess}{quote}")
            fix = f"did you mean '{guess}'?"
        else:
            fix = "known are " + ", ".join(known)
        message = f"'{shown}' is no value of {_name(path)} that is known here"
        self._say("warning", "enum", node, message, fix, edit)

    # What YAML 1.1 makes of things -------------------------------------------------------------

    def _surprise(self, node: AnyNode, value: Scalar, types: set[str | None]) -> bool:
        """Say what YAML reads a value as where that is not what it looks like."""
        if not value.plain:
            return False
        text, start = value.text, value_start(self.document.text, node)
        number = "integer" in types or "number" in types
        quoted = Edit(start, node.end, f'"{text}"')
        if value.kind == "bool" and "string" in types and "boolean" not in types:
            message = f"{text} without quotes is read as {str(value.data).lower()}"
            self._say("warning", "yaml-boolean", node, message, f'write "{text}"', quoted)
            return True
        if value.kind == "int" and is_octal(text):
            plain = re.sub(r"\A([-+]?)[0_]+", r"\1", text)
            fix = f"write {plain}" if number else f'write "{text}"'
            edit = Edit(start, node.end, plain) if number else quoted
            message = f"{text} is read in base 8, as {value.data}"
            self._say("warning", "yaml-octal", node, message, fix, edit)
            return True
        if value.kind in ("int", "float") and is_sexagesimal(text):
            message = f"{text} is read in base 60, as {value.data}"
            fix = "write the number itself" if number else f'write "{text}"'
            self._say("warning", "yaml-sexagesimal", node, message, fix, None if number else quoted)
            return True
        if "string" in types and _DATE.match(text):
            message = f"{clean(text, limit=40)} without quotes is read as a date"
            self._say("warning", "yaml-date", node, message, "put it in quotes", quoted)
            return True
        return False

    def _free(self, node: AnyNode) -> None:
        """What nobody knows the type of: only readings that surprise anybody."""
        stack = [node]
        while stack:
            one = stack.pop()
            if isinstance(one, Mapping):
                stack.extend(value for _, value in one.items)
            elif isinstance(one, Sequence):
                stack.extend(one.items)
                only = one.items[0] if one.flow and len(one.items) == 1 else None
                if isinstance(only, Scalar) and only.plain and only.text in ("name", "trigger"):
                    self._wrong(one, [{"type": "string"}], ())
            elif isinstance(one, Scalar) and one.plain:
                if one.kind == "bool" and one.text.lower() not in ("true", "false"):
                    self._surprise(one, one, {"string"})
                elif one.kind in ("int", "float"):
                    self._surprise(one, one, {"number"})

    def _say(
        self,
        severity: str,
        code: str,
        node: AnyNode | int,
        message: str,
        fix: str | None,
        edit: Edit | None = None,
    ) -> None:
        if isinstance(node, int):
            start, end = node, node + 1
        else:
            start, end = value_start(self.document.text, node), node.end
        self.problems.append(
            self.document.problem(severity, code, start, message, fix, end=end, edit=edit)
        )


def _name(path: tuple[str | int, ...]) -> str:
    """How a message calls a value: the section and the key, without what all paths share."""
    parts = list(path)
    if parts[:2] == ["config", "process"] and len(parts) > 3:
        parts = parts[3:]
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts)
    return clean(text.lstrip("."), limit=80) or "the config"
