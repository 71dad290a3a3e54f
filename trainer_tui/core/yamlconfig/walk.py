"""A document compared with the schema, key by key: what no validator of data can see.

Unknown keys and older spellings, which need the key's own place, and what YAML 1.1 makes of
unquoted words and numbers, which is gone once they are data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from trainer_tui.core.yamlconfig import wrong
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
from trainer_tui.core.yamlconfig.problems import Edit, Found, Problem, Severity
from trainer_tui.core.yamlconfig.schema import Schema, homes, load, nearest, options
from trainer_tui.core.yamlconfig.values import Path
from trainer_tui.core.yamlconfig.wrong import VARIABLE
from trainer_tui.sanitize import line as clean

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt ].*)?\Z")
_MAX_GUESSES = 100
"""Unknown keys whose nearest known one is looked for: each costs a tenth of a millisecond."""


@dataclass(slots=True)
class Walk:
    """Goes through one document.

    ``shallow`` leaves the section ``config`` alone: jobs that train nothing have other keys.
    """

    document: Document
    extra_keys: frozenset[str] = frozenset()
    shallow: bool = False
    found: Found = field(default_factory=Found)
    judged: set[Path] = field(default_factory=set)
    """Where something was said of a value already, so that its type needs no word more."""
    _guesses: dict[str, str | None] = field(default_factory=dict)

    def run(self, root: Mapping) -> None:
        """Fill ``found`` and ``judged``."""
        self._mapping(root, load(), ())

    def _value(self, node: AnyNode, schema: Schema, path: Path) -> None:
        real = resolve(node)
        if real is None:
            return
        choices = options(schema)
        if isinstance(real, Mapping):
            fit = [s for s in choices if s.get("type", "object") == "object"]
            if fit:
                self._mapping(real, fit[0], path)
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
            self._scalar(node, real, choices, path)

    def _mapping(self, node: Mapping, schema: Schema, path: Path) -> None:
        known: dict[str, Schema] | None = schema.get("properties")
        if known is None:
            for _, value in node.items:
                self._free(value)
            return
        for key, value in node.pairs():
            if key.kind == "bool":
                message = f"the key {clean(key.text)} is read as {str(key.data).lower()}"
                quoted = f'"{key.text}"'
                self._say("warning", "yaml-boolean", key, message, f"write {quoted}", quoted)
            inner = known.get(key.text)
            if inner is None:
                if not schema.get("additionalProperties"):
                    self._unknown(key, known, path)
                self._free(value)
                continue
            if inner.get("deprecated"):
                self._deprecated(key, inner, node)
            if not (self.shallow and path == () and key.text == "config"):
                self._value(value, inner, (*path, key.text))

    def _unknown(self, key: Scalar, known: dict[str, Schema], path: Path) -> None:
        name = key.text
        dotted = ".".join([*(p for p in path if isinstance(p, str)), name])
        if (
            not name
            or name == "<<"
            or any(dotted == extra or dotted.endswith(f".{extra}") for extra in self.extra_keys)
        ):
            return
        if self.found.full:
            self.found.more += 1
            return
        shown = clean(name, limit=60)
        guess = self._nearest(name, [*known, *self._extras(path)])
        edit = None
        elsewhere = homes().get(name)
        if guess is not None:
            fix: str | None = f"did you mean '{guess}'?"
            edit = guess
        elif elsewhere:
            fix = f"'{shown}' is known as {elsewhere[0]}"
        else:
            fix = None
        section = next((p for p in reversed(path) if isinstance(p, str)), None)
        where = f"in {section}" if section else "at the top"
        message = f"the trainer knows no '{shown}' {where}"
        self._say("warning", "unknown-key", key, message, fix, edit)

    def _extras(self, path: Path) -> Iterator[str]:
        """The extra keys that fit in a section."""
        section = ".".join(p for p in path if isinstance(p, str))
        for extra in self.extra_keys:
            inside, _, name = extra.rpartition(".")
            if not inside or f".{section}".endswith(f".{inside}"):
                yield name

    def _nearest(self, name: str, known: Collection[str]) -> str | None:
        if name not in self._guesses:
            if len(self._guesses) >= _MAX_GUESSES:
                return None
            self._guesses[name] = nearest(name, known)
        guess = self._guesses[name]
        return guess if guess in known else None

    def _deprecated(self, key: Scalar, schema: Schema, node: Mapping) -> None:
        instead = schema["x-instead"]
        if node.pair(instead) is None:
            message = f"'{key.text}' is the older name of '{instead}'"
            self._say("info", "deprecated", key, message, f"write '{instead}'", instead)

    # One value -------------------------------------------------------------------------------

    def _scalar(self, node: AnyNode, value: Scalar, choices: list[Schema], path: Path) -> None:
        types = {s.get("type") for s in choices}
        if VARIABLE.search(value.text):
            self.judged.add(path)
            return
        kind = value.kind
        if kind == "str":
            if value.plain and "string" in types and _DATE.match(value.text):
                self._surprise(node, value, types)
            for one in choices:
                if "examples" in one:
                    self._tell(wrong.wrong_word(self.document, node, one, path))
        elif kind != "null":
            if self._surprise(node, value, types):
                self.judged.add(path)
            elif kind == "float" and types & {"integer", "number"}:
                data = value.data
                if data != data or data in (float("inf"), float("-inf")):
                    self._tell(wrong.no_quantity(self.document, node, choices, path))
                    self.judged.add(path)

    # What YAML 1.1 makes of things -------------------------------------------------------------

    def _surprise(self, node: AnyNode, value: Scalar, types: set[str | None]) -> bool:
        """Say what YAML reads a value as where that is not what it looks like."""
        if not value.plain:
            return False
        text, kind = value.text, value.kind
        number = "integer" in types or "number" in types
        quoted = f'"{text}"'
        if kind == "bool" and "string" in types and "boolean" not in types:
            message = f"{text} without quotes is read as {str(value.data).lower()}"
            self._say("warning", "yaml-boolean", node, message, f"write {quoted}", quoted)
            return True
        if kind == "int" and is_octal(text):
            edit = re.sub(r"\A([-+]?)[0_]+", r"\1", text) if number else quoted
            message = f"{text} is read in base 8, as {value.data}"
            self._say("warning", "yaml-octal", node, message, f"write {edit}", edit)
            return True
        if kind in ("int", "float") and is_sexagesimal(text):
            shown = clean(text, limit=40)
            read = clean(str(value.data), limit=40)
            message = f"{shown} is read in base 60, as {read}"
            edit = str(value.data) if number else quoted
            fix = f"write {clean(edit, limit=40)}" + (" if that is meant" if number else "")
            self._say("warning", "yaml-sexagesimal", node, message, fix, edit)
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
                if isinstance(only, Scalar) and only.text in ("name", "trigger"):
                    self._tell(wrong.bare_list(self.document, one, ["string"]))
            elif isinstance(one, Scalar) and one.plain:
                if one.kind == "bool" and one.text.lower() not in ("true", "false"):
                    self._surprise(one, one, {"string"})
                elif one.kind in ("int", "float"):
                    self._surprise(one, one, {"number"})

    def _tell(self, problem: Problem | None) -> None:
        if problem is not None:
            self.found.add(problem)

    def _say(
        self,
        severity: Severity,
        code: str,
        node: AnyNode,
        message: str,
        fix: str | None,
        text: str | None = None,
    ) -> None:
        if self.found.full:
            self.found.more += 1
            return
        start = value_start(self.document.text, node)
        edit = None if text is None else Edit(start, node.end, text)
        self.found.add(
            self.document.problem(severity, code, start, message, fix, end=node.end, edit=edit)
        )
