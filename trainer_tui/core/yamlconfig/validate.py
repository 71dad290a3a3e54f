"""A document compared with the schema: ``jsonschema`` finds what is wrong, this says it.

The library is imported when a config is first checked (about 100 ms), never before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from trainer_tui.core.yamlconfig import wrong
from trainer_tui.core.yamlconfig.nodes import Mapping, Scalar, resolve
from trainer_tui.core.yamlconfig.pairs import with_pair
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Found, Problem
from trainer_tui.core.yamlconfig.schema import Schema, at, load
from trainer_tui.core.yamlconfig.values import Path, data
from trainer_tui.core.yamlconfig.walk import Walk

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

TRAINING_JOBS = frozenset({"extension", "train"})
USUAL_TRAINERS = frozenset({"sd_trainer", "diffusion_trainer", "ui_trainer"})
_MAX_ERRORS = 2_000
"""What is looked at of what the library finds; the rest is only counted."""
_MAX_COUNTED = 2_000
_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_ASSERTIONS = _LIMITS | {"type", "enum", "required", "x-usual"}


def compare(document: Document, extra_keys: Iterable[str] = ()) -> Found:
    """Everything that the schema has to say of a document."""
    root = resolve(document.root)
    if not isinstance(root, Mapping):
        found = Found()
        start = root.start if root is not None else 0
        message = "an AI Toolkit config is keys and values"
        found.add(document.problem("error", "type", start, message))
        return found
    job = resolve(root.get("job"))
    shallow = isinstance(job, Scalar) and job.text not in TRAINING_JOBS
    walk = Walk(document, frozenset(extra_keys), shallow)
    walk.run(root)
    return _Comparison(document, walk).run()


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    # A whole number with a fraction of zero is none here: the trainer counts with what it reads.
    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    rules = {"items": _items}
    extended: Any = extend(Draft202012Validator, rules, type_checker=checker)  # type: ignore[no-untyped-call]
    found: Validator = extended(_lazy(load()))
    return found


_RIGHT: set[tuple[int, str]] = set()
"""Items of lists, each with its schema, that nothing was found in: a text that is being edited is
compared again and again, and of a thousand datasets one has changed."""
_MAX_RIGHT = 20_000


def _items(
    validator: Any, items: Schema, instance: object, schema: Schema
) -> Iterator[ValidationError]:
    """Compare each item of a list with its schema, as the library does, but once."""
    if not isinstance(instance, list):
        return
    for index, item in enumerate(instance):
        key = (id(items), repr(item))  # the schema is kept for good; data has no cycles
        if key in _RIGHT:
            continue
        right = True
        for error in validator.descend(instance=item, schema=items, path=index):
            right = False
            yield error
        if right:
            if len(_RIGHT) >= _MAX_RIGHT:
                _RIGHT.clear()
            _RIGHT.add(key)


def _lazy(schema: Schema) -> Schema:
    """A schema that says the same, with each ``anyOf`` decided by the type of the value.

    The library looks at all alternatives before it says anything, and then has something to say
    of each. Ours differ in type, so the type tells which one was meant.
    """
    out = {key: value for key, value in schema.items() if key in _ASSERTIONS}
    if "properties" in schema:
        out["properties"] = {key: _lazy(one) for key, one in schema["properties"].items()}
    if "items" in schema:
        out["items"] = _lazy(schema["items"])
    if "anyOf" in schema:
        choices: list[Schema] = schema["anyOf"]
        out["type"] = [one["type"] for one in choices]
        inner = [(one["type"], _lazy(one)) for one in choices]
        rules = [{"if": {"type": kind}, "then": one} for kind, one in inner if len(one) > 1]
        if rules:
            out["allOf"] = rules
        out["x-alternatives"] = choices
    return out


class _Comparison:
    """The library's findings as problems with their places."""

    def __init__(self, document: Document, walk: Walk) -> None:
        self.document, self.walk = document, walk
        self.missing: set[Path] = set()

    def run(self) -> Found:
        found = self.walk.found
        tree: Any = data(self.document.root)
        errors = iter(_validator().iter_errors(tree))
        for error in islice(errors, _MAX_ERRORS):
            found.extend(self._told(error))
        found.more += sum(1 for _ in islice(errors, _MAX_COUNTED))
        found.endless = next(errors, None) is not None
        return found

    def _told(self, error: ValidationError) -> Iterator[Problem]:
        path: Path = tuple(error.absolute_path)
        if path in self.walk.judged or (self.walk.shallow and path[:1] == ("config",)):
            return
        node = self.document.at(*path)
        if node is None:
            return
        keyword = str(error.validator)
        value: Any = error.validator_value
        schema: Schema = error.schema if isinstance(error.schema, dict) else {}
        problem = None
        if keyword == "required":
            real = resolve(node)
            if isinstance(real, Mapping) and self._is_trainer(path):
                yield from self._missing(real, value, path)
        elif keyword == "type":
            choices = schema.get("x-alternatives", [schema])
            problem = wrong.wrong_type(self.document, node, choices, path)
        elif keyword in _LIMITS and _is_number(error.instance, schema):
            problem = wrong.wrong_number(self.document, node, keyword, value, schema, path)
        elif keyword == "enum":
            problem = wrong.wrong_word(self.document, node, schema, path)
        if problem is not None:
            yield problem

    def _missing(self, node: Mapping, names: Iterable[str], path: Path) -> Iterator[Problem]:
        """The library tells each name in its words alone, so they are found here, all at once."""
        if path in self.missing:
            return
        self.missing.add(path)
        for name in names:
            if node.get(name) is not None:
                continue
            where = ".".join(str(p) for p in (*path, name))
            first = node.items[0][0] if node.items else node
            one = at((*path, name)) or {}
            fix = f"add '{name}:' ({one['description'].lower()})"
            usual = one.get("x-usual")
            edit = with_pair(self.document, node, name, usual) if usual else None
            message = f"{where} is missing"
            yield wrong.problem_at(self.document, "error", "missing-key", first, message, fix, edit)

    def _is_trainer(self, path: Path) -> bool:
        """Other trainers than the usual one (sliders, extractions) need other keys."""
        if len(path) < 3 or path[:2] != ("config", "process"):
            return True
        process = resolve(self.document.at(*path[:3]))
        kind = resolve(process.get("type")) if isinstance(process, Mapping) else None
        return kind is None or (isinstance(kind, Scalar) and kind.text in USUAL_TRAINERS)


def _is_number(value: object, schema: Schema) -> bool:
    """Whether a value has the type that its limits are for; if not, that is said already."""
    return isinstance(value, int) or schema.get("type") != "integer"
