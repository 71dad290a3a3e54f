"""The keys of an AI Toolkit config, as data.

The data is ``ai_toolkit.json`` beside this file: JSON Schema (2020-12) with a description of
every key, and two words of our own: ``x-instead``, the newer spelling of a deprecated key, and
``x-usual``, what most configs have there, for fixes. ``validate.py`` compares a document with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

Schema = dict[str, Any]


def read() -> Schema:
    """The schema as the file has it."""
    import json
    from importlib.resources import files

    data = files("trainer_tui.core.yamlconfig").joinpath("ai_toolkit.json").read_bytes()
    schema: Schema = json.loads(data)
    return schema


_CLOSED = ("additionalProperties", False)


@cache
def load() -> Schema:
    """The schema, read once, with each ``$ref`` replaced by what it names.

    Without ``"additionalProperties": false``: an unknown key is a warning, as the trainer gets
    new ones every week, and is found by ``walk.py``; where they are allowed it finds none.
    """
    whole = read()
    definitions: dict[str, Schema] = whole.pop("$defs")
    done: dict[str, Schema] = {}

    def inline(schema: Schema) -> Schema:
        ref = schema.get("$ref")
        if ref is not None:
            name = ref.rsplit("/", 1)[1]
            if name not in done:
                done[name] = inline(definitions[name])
            # The description where it is used wins.
            return {**done[name], **{key: schema[key] for key in schema if key != "$ref"}}
        out = {key: value for key, value in schema.items() if (key, value) != _CLOSED}
        if "properties" in out:
            out["properties"] = {key: inline(one) for key, one in out["properties"].items()}
        if "items" in out:
            out["items"] = inline(out["items"])
        if "anyOf" in out:
            out["anyOf"] = [inline(one) for one in out["anyOf"]]
        return out

    return inline(whole)


def options(schema: Schema) -> list[Schema]:
    """The alternatives of a schema; itself when there are none."""
    found: list[Schema] = schema.get("anyOf") or [schema]
    return found


def at(path: Iterable[str | int]) -> Schema | None:
    """The schema of the value at a path from the top of a document, or ``None``."""
    schema = load()
    for step in path:
        for option in options(schema):
            if isinstance(step, int):
                found = option.get("items")
            else:
                found = option.get("properties", {}).get(step)
            if found is not None:
                schema = found
                break
        else:
            return None
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
                yield below, inner
            yield from _known(inner, below)


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The known word that a mistyped one was most likely meant to be."""
    match = get_close_matches(key.lower()[:80], list(known), n=1, cutoff=0.72)
    return match[0] if match else None
