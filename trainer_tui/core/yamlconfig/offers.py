"""The things that a completion offers: how each is written, worded and ranked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from trainer_tui.core.yamlconfig import schema
from trainer_tui.core.yamlconfig.nodes import plain_kind

Kind = Literal["key", "value", "item"]

_TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "array": "list",
    "object": "keys",
    "null": "null",
}
_MOST = 200


@dataclass(frozen=True, slots=True)
class Completion:
    """One thing that may be written."""

    label: str
    insert: str
    """What takes the place of the word at the cursor; line breaks are ``\\n``."""
    kind: Kind = "key"
    takes: str = ""
    """The type of the value, in words."""
    default: str = ""
    description: str = ""
    deprecated: bool = False


def choices(known: schema.Schema, quote: str = "") -> Iterator[Completion]:
    seen: set[str] = set()
    usual = default_of(known)
    for option in schema.options(known):
        words = words_of(option)
        if option.get("type") == "boolean":
            words = ["true", "false"]
        elif option.get("type") == "null":
            words = ["null"]
        elif usual and not words and plain_kind(usual) != "null":
            words = [usual]
        for word in words:
            if word not in seen:
                seen.add(word)
                yield value(word, option, "value", quote, known)


def words_of(option: schema.Schema) -> list[str]:
    return [written(word) for word in option.get("enum") or option.get("examples") or ()]


def written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(written(v) for v in value)}]"
    return str(value)


def value(
    word: str,
    option: schema.Schema,
    kind: Kind,
    quote: str = "",
    known: schema.Schema | None = None,
) -> Completion:
    insert = word
    if quote:
        insert = f"{quote}{word}{quote}"
    elif option.get("type") == "string" and (plain_kind(word) != "str" or _unsafe(word)):
        insert = f'"{word}"'
    about = known or option
    names = about.get("enumDescriptions") or option.get("enumDescriptions") or {}
    own = names.get(word) if isinstance(names, dict) else None
    return Completion(
        word, insert, kind, "", "", str(own or about.get("description", "")),
    )  # fmt: skip


def _unsafe(word: str) -> bool:
    return word[:1] in "&*!|>%@`'\"[]{}#,?-" or ": " in word or " #" in word


def with_space(item: Completion) -> Completion:
    return Completion(
        item.label, f" {item.insert}", item.kind, item.takes, item.default, item.description
    )


def takes(known: schema.Schema) -> str:
    """The type of a value, in words: ``whole number``, ``list of text``."""
    parts = []
    for option in schema.options(known):
        kind = option.get("type")
        word = _TYPES.get(str(kind), "")
        if kind == "array" and option.get("items"):
            inner = schema.options(option["items"])[0].get("type")
            word = {"object": "list", None: "list"}.get(
                inner, f"list of {_TYPES.get(str(inner), '')}"
            )
        if word:
            parts.append(word)
    return " or ".join(dict.fromkeys(parts))


def default_of(known: schema.Schema) -> str:
    """The value that holds where the key is not written, or that most configs have, if known."""
    for option in (known, *schema.options(known)):
        for name in ("default", "x-usual"):
            if name in option:
                return written(option[name])
    return ""


def ranked(items: Iterable[Completion], typed: str) -> tuple[Completion, ...]:
    """What begins with what is typed, then where a word does, then its letters in order."""
    wanted = typed.lower()
    found = []
    for place, item in enumerate(items):
        rank = fit(wanted, item.label.removeprefix("- ").lower())
        if rank is not None:
            found.append(((item.deprecated, *rank, place), item))
    found.sort(key=lambda pair: pair[0])
    return tuple(item for _, item in found[:_MOST])


def fit(wanted: str, label: str) -> tuple[int, int] | None:
    """How well what is typed fits a label, less is better; ``None`` when it does not."""
    if not wanted:
        return 0, 0
    if label.startswith(wanted):
        return 0, len(label)
    for at in range(1, len(label)):
        if not label[at - 1].isalnum() and label.startswith(wanted, at):
            return 1, at
    if wanted in label:
        return 2, label.index(wanted)
    at = first = -1
    for letter in wanted:
        at = label.find(letter, at + 1)
        if at < 0:
            return None
        first = at if first < 0 else first
    if first > 0 and label[first - 1].isalnum():
        return None  # letters from the middle of a word say nothing
    return 3, at - first
