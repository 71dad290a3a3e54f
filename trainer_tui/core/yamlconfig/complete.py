"""What may be written at the cursor: keys that fit there, values of a key, items of a list.

Pure. The place is found from the lines around the cursor (:mod:`place`), never by parsing, so it
works on a text that is broken where it is being typed, and costs the same however long it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from trainer_tui.core.yamlconfig import schema
from trainer_tui.core.yamlconfig.offers import (
    Completion,
    choices,
    default_of,
    ranked,
    takes,
    value,
    with_space,
    words_of,
)
from trainer_tui.core.yamlconfig.place import Path, above, below, tokens, unquoted

_BREAK = re.compile(r"\r\n|\n|\r")
_DASHES = re.compile(r" *((?:-(?:[ \t]+|$))*)")
_KEY = re.compile(r"(\"[^\"]*\"|'[^']*'|[^\s#:\[\]{},'\"][^#:\[\]{},'\"]*?)[ \t]*:([ \t]+|$)")
_WORD = re.compile(r"[^\s:,\[\]{}#'\"]*")
_VALUE = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s,\[\]{}#]*")


@dataclass(frozen=True, slots=True)
class Completions:
    """What may take the place of a part of the cursor's line."""

    start: int
    """First column of that part (from 1)."""
    end: int
    """Column after its last."""
    items: tuple[Completion, ...] = ()
    typed: str = ""
    """What of it stands before the cursor."""
    path: Path = ()
    """Of the mapping (for keys) or of the value."""


def complete(
    text: str | Sequence[str], line: int, column: int, *, extra_keys: Iterable[str] = ()
) -> Completions:
    """What fits at a place.

    Args:
        text: The config, or its lines.
        line: Where (from 1).
        column: Where (from 1); the cursor stands before that character.
        extra_keys: Keys (``my_key`` or ``train.my_key``) that are known besides the schema's.
    """
    lines = _BREAK.split(text) if isinstance(text, str) else text
    row, at = line - 1, column - 1
    nothing = Completions(column, column)
    if not 0 <= row < len(lines):
        return nothing
    source = lines[row]
    at = max(0, min(at, len(source)))
    head = source[:at]
    if "\t" in head[: len(head) - len(head.lstrip())] or _in_remark(head):
        return nothing
    start = _DASHES.match(head)
    begin = start.end() if start else 0
    dashes = [i for i in range(begin) if head[i] == "-"]
    outer = dashes[0] if dashes else begin
    found = above(lines, row, outer, dash=bool(dashes))
    if found.text:
        return nothing
    path: Path = (*found.path, *([0] * (len(dashes) - 1) if dashes else []))
    key = _KEY.match(source, begin)
    if key and at >= key.end(1) + 1 and head[key.end(1) :].lstrip()[:1] == ":":
        name = unquoted(key[1])
        return _values(source, at, key.end(), (*path, name))
    if head[begin:].lstrip()[:1] in ("[", "{"):
        return _flow(source, at, begin, path)
    siblings = [] if dashes else found.siblings
    taken = {*siblings, *below(lines, row, begin)}
    return _keys(source, at, begin, path, taken, dashed=bool(dashes), extra=extra_keys)


def _in_remark(head: str) -> bool:
    quote = ""
    for place, letter in enumerate(head):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and (place == 0 or head[place - 1] in " \t[{,:-"):
            quote = letter
        elif letter == "#" and (place == 0 or head[place - 1] in " \t"):
            return True
    return False


# Keys ---------------------------------------------------------------------------------------------


def _keys(
    source: str,
    at: int,
    begin: int,
    path: Path,
    taken: set[str],
    *,
    dashed: bool,
    extra: Iterable[str],
) -> Completions:
    """Keys of the mapping at a path; items, where a list stands there."""
    typed = source[begin:at]
    word = _WORD.match(source, begin)
    end = max(at, word.end() if word else at)
    blank = Completions(at + 1, at + 1)
    if typed.strip() != typed or " " in typed:
        return blank
    closed = re.match(r"[ \t]*:(?:[ \t]|$)", source[end:]) is not None
    rest = source[end:].strip()
    if rest and not closed:
        return blank
    known = schema.at(path)
    items: list[Completion] = []
    indent = " " * begin
    for option in schema.options(known) if known is not None else ():
        properties = option.get("properties")
        if properties is not None:
            for name, inner in properties.items():
                if name not in taken:
                    items.append(_key(name, inner, indent, closed=closed))
        elif "items" in option and not dashed:
            items += _list_items(option["items"], indent)
        elif "enum" in option or "examples" in option:
            items += [value(v, option, "item" if dashed else "value") for v in words_of(option)]
    items += _extra(extra, path, taken, closed=closed)
    items = list({item.label: item for item in reversed(items)}.values())[::-1]
    return Completions(begin + 1, end + 1, ranked(items, typed), typed, path)


def _extra(
    keys: Iterable[str], path: Path, taken: set[str], *, closed: bool
) -> Iterator[Completion]:
    section = ".".join(step for step in path if isinstance(step, str))
    for dotted in keys:
        where, _, name = dotted.rpartition(".")
        if where and (section == where or section.endswith(f".{where}")) and name not in taken:
            yield Completion(name, name if closed else f"{name}: ", "key", "", "", "A key of yours")


def _key(name: str, inner: schema.Schema, indent: str, *, closed: bool) -> Completion:
    real = inner
    insert = name
    if not closed:
        insert += ":" + _opened(real, indent)
    return Completion(
        name,
        insert,
        "key",
        takes(real),
        default_of(real),
        str(real.get("description", "")),
        bool(real.get("deprecated")),
    )


def _opened(real: schema.Schema, indent: str) -> str:
    """What follows a key's colon: a space, or the line that its block begins on."""
    kinds = [option.get("type") for option in schema.options(real)]
    if not kinds or any(kind not in ("object", "array", "null") for kind in kinds):
        return " "
    if kinds[0] == "object":
        return f"\n{indent}  "
    inner = schema.options(real)[0].get("items")
    first = schema.options(inner)[0].get("type") if inner else None
    return f"\n{indent}  - " if first in ("object", "string") else " "


def _list_items(inner: schema.Schema, indent: str) -> Iterator[Completion]:
    """A new item of a list, by the key or value that it begins with."""
    for option in schema.options(inner):
        for name, own in option.get("properties", {}).items():
            made = _key(name, own, indent + "  ", closed=False)
            yield Completion(
                f"- {name}", f"- {made.insert}", "item", made.takes, made.default,
                made.description, made.deprecated,
            )  # fmt: skip
        if "properties" not in option:
            words = words_of(option)
            for word in words:
                made = value(word, option, "item")
                yield Completion(f"- {word}", f"- {made.insert}", "item", made.takes)
            if not words:
                text = str(inner.get("description", "")) or "One more of the list"
                yield Completion("- ", "- ", "item", takes(option), "", text)


# Values -------------------------------------------------------------------------------------------


def _values(source: str, at: int, begin: int, path: Path) -> Completions:
    """Values of the key at a path, behind its colon."""
    known = schema.at(path)
    rest = source[begin:at].lstrip()
    if rest[:1] in ("[", "{"):
        return _flow(source, at, source.index(rest[0], begin), path)
    spaced = at > 0 and source[at - 1] in " \t"
    start = at if not rest else at - len(rest)
    word = _VALUE.match(source, start)
    end = max(at, word.end() if word else at)
    quote = rest[:1] if rest[:1] in ("'", '"') else ""
    typed = rest[len(quote) :]
    if known is None or source[end:].strip()[:1] not in ("", "#", ",") or " " in typed:
        return Completions(at + 1, at + 1)
    items = list(choices(known, quote))
    if not rest and not spaced:  # the cursor is right behind the colon
        items = [with_space(item) for item in items]
    return Completions(start + 1, end + 1, ranked(items, typed), typed, path)


def _flow(source: str, at: int, begin: int, path: Path) -> Completions:
    """Inside of brackets on the cursor's line."""
    stack: list[tuple[str, Path, int]] = []
    here: Path = path
    key_start = begin
    for place in range(begin, at):
        letter = source[place]
        if letter == "[":
            stack.append(("[", here, place))
            here, key_start = (*here, 0), place + 1
        elif letter == "{":
            stack.append(("{", here, place))
            key_start = place + 1
        elif letter in "]}" and stack:
            _, here, _ = stack.pop()
        elif letter == "," and stack:
            here = (*stack[-1][1], 0) if stack[-1][0] == "[" else stack[-1][1]
            key_start = place + 1
        elif letter == ":" and stack and stack[-1][0] == "{" and source[place + 1 :][:1] in " ":
            here = (*stack[-1][1], source[key_start:place].strip().strip("'\""))
            key_start = place + 1
    nothing = Completions(at + 1, at + 1)
    if not stack:
        return nothing
    typed = source[key_start:at].lstrip()
    start = at - len(typed)
    word = _VALUE.match(source, start)
    end = max(at, word.end() if word else at)
    kind, owner, _ = stack[-1]
    if " " in typed:
        return nothing
    if kind == "{" and here == owner:
        known = schema.at(owner)
        taken = set(re.findall(r"([\w-]+)[ \t]*:", source[begin:]))
        items = [
            Completion(name, f"{name}: ", "key", takes(inner), "", inner.get("description", ""))
            for option in (schema.options(known) if known is not None else ())
            for name, inner in option.get("properties", {}).items()
            if name not in taken
        ]
    else:
        known = schema.at(here)
        quote = typed[:1] if typed[:1] in ("'", '"') else ""
        items = list(choices(known, quote)) if known is not None else []
        typed = typed[len(quote) :]
    return Completions(start + 1, end + 1, ranked(items, typed), typed, here)


def value_due(lines: Sequence[str], line: int, column: int) -> bool:
    """Whether the cursor stands right behind ``key:`` and a space, where nothing is written yet."""
    source = lines[line - 1]
    head = source[: column - 1]
    seen = tokens(head)
    return bool(seen) and seen[-1][1] is not None and head.endswith(" ") and seen[-1][2] == ""
