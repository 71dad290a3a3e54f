"""Change one value of a config and leave every other byte as it was.

A path is keys and list indexes with dots between: ``train.steps``, ``datasets.0.folder_path``
or ``datasets[0].folder_path``. It is looked up from the top, else under ``config``, else under
``config.process[0]``, where nearly everything of an AI Toolkit config lives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

import trainer_tui.core.yamlconfig.schema as schema  # the package may wait for this
from trainer_tui.core.yamlconfig.nodes import (
    Alias,
    AnyNode,
    Mapping,
    Scalar,
    Sequence,
    plain_kind,
    resolve,
    value_start,
)
from trainer_tui.core.yamlconfig.pairs import content_end, newline
from trainer_tui.core.yamlconfig.parse import Document, parsed
from trainer_tui.core.yamlconfig.render import render
from trainer_tui.core.yamlconfig.values import ROOTS, Path, data, paths, split, values, written
from trainer_tui.errors import UsageError
from trainer_tui.sanitize import line as clean

_BLANK = re.compile(r"(?:\s|#[^\n]*\n)*")


def get_value(text: str, path: str) -> object:
    """The value at a path, in Python: scalars, lists and dicts.

    Raises:
        UsageError: The text is not YAML, or there is no such value; it names the nearest.
    """
    document = _read(text)
    steps = split(path)
    for root in ROOTS:
        node = document.at(*root, *steps)
        if node is not None:
            return data(node)
    raise _no_such(document, path, steps)


def set_value(text: str, path: str, value: object) -> str:
    """The text with one value changed, or added where its parent exists.

    Args:
        text: The config.
        path: Where; see the module.
        value: A ``str`` is taken as it would be typed after ``key:`` (``50``, ``1e-4``, ``true``,
            ``[512, 768]``, ``some text``), and quoted where it must be; a value that stood in
            quotes stays in such quotes. Anything else (``None``, numbers, bools, lists, dicts) is
            written as that value.

    Raises:
        UsageError: No such place (names the nearest), or the value cannot be written there.
    """
    document = _read(text)
    steps = split(path)
    for root in ROOTS:
        node = document.at(*root, *steps)
        if node is not None:
            change = _replace(document, node, value, (*root, *steps))
            break
    else:
        change = _add(document, path, steps, value)
    changed = text[: change.start] + change.text + text[change.end :]
    again = parsed(changed)
    if again.broken or _others(again, change.path) != _others(document, change.path):
        raise UsageError(
            f"'{clean(str(value), limit=60)}' cannot be written at {clean(path, limit=80)}",
            hint="Change it in the editor.",
        )
    return changed


def _others(document: Document, path: Path) -> dict[Path, str]:
    """All values that are not at or below a path: what a change there must not touch."""
    return {
        one: node.text
        for one, node in values(document)
        if one[: len(path)] != path and one != path[: len(one)] and isinstance(node, Scalar)
    }


# Writing -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Change:
    start: int
    end: int
    text: str
    path: Path


def _replace(document: Document, node: AnyNode, value: object, path: Path) -> _Change:
    text = document.text
    start, end = value_start(text, node), node.end
    old = node if isinstance(node, Scalar) else None
    inside_flow = _inside_flow(document, path)
    style = old.style if old is not None and old.style in ("'", '"') else None
    wants_text = _is_text(path)
    new = render(value, style=style, flow=inside_flow, wants_text=wants_text)
    if old is not None and old.style in ("|", ">"):
        end = len(text[:end].rstrip()) if text[start:end].strip() else end
    if old is not None and start == end and start and text[start - 1] not in " \t\n":
        new = " " + new  # `key:` with nothing behind it
    elif isinstance(node, Mapping | Sequence) and not node.flow:
        # A block below its key: the new value goes on the line of the key itself.
        behind = text.rfind(":", 0, start)
        if behind >= 0 and _BLANK.fullmatch(text, behind + 1, start):
            start, new = behind + 1, " " + new
    return _Change(start, end, new, path)


def _add(document: Document, path: str, steps: Path, value: object) -> _Change:
    key = steps[-1]
    parent_steps = steps[:-1]
    if isinstance(key, int):
        raise _no_such(document, path, steps)
    parents = [
        (root, parent)
        for root in ROOTS
        if (parent := document.at(*root, *parent_steps)) is not None
    ]
    known = [
        (root, parent)
        for root, parent in parents
        if (found := schema.at((*root, *parent_steps, key))) is not None or found == {}
    ]
    if known:
        root, parent = known[0]
    elif parents and parent_steps and _nearest(document, steps, own_section=True) is None:
        root, parent = parents[0]
    else:
        raise _no_such(document, path, steps)
    whole = (*root, *parent_steps, key)
    real = resolve(parent)
    name = key if re.fullmatch(r"[A-Za-z_][\w.-]*", key) and plain_kind(key) == "str" else None
    name = name or render(key, style='"')
    if isinstance(real, Mapping):
        if isinstance(parent, Alias):
            raise UsageError(
                f"{clean(written((*root, *parent_steps)))} is an alias of another section",
                hint="Change it in the editor.",
            )
        return _insert(document, real, name, value, whole)
    if isinstance(real, Scalar) and real.kind == "null" and not real.text:
        indent = _line_indent(document, real) + 2
        new = f"{newline(document.text)}{' ' * indent}{name}: {_new(value, whole)}"
        return _Change(real.end, real.end, new, whole)
    raise UsageError(
        f"{clean(written((*root, *parent_steps)))} is a value, not a section",
        hint="A key can be added only to a section.",
    )


def _insert(document: Document, mapping: Mapping, name: str, value: object, whole: Path) -> _Change:
    text = document.text
    if mapping.flow:
        last = mapping.items[-1] if mapping.items else None
        at = max(last[0].end, last[1].end) if last else value_start(text, mapping) + 1
        new = (
            f"{', ' if last else ''}{name}: {render(value, flow=True, wants_text=_is_text(whole))}"
        )
        return _Change(at, at, new, whole)
    first = mapping.items[0][0]
    indent = first.column - 1
    at = content_end(document, mapping)
    line_end = re.compile(r"\r\n|\n|\r|\Z").search(text, at)
    position = line_end.start() if line_end else len(text)
    pad = " " * indent
    new = f"{newline(text)}{pad}{name}: {_new(value, whole)}"
    return _Change(position, position, new, whole)


def _new(value: object, whole: Path) -> str:
    return render(value, wants_text=_is_text(whole))


def _line_indent(document: Document, node: AnyNode) -> int:
    start = document.lines.starts[node.line - 1]
    line = document.text[start : node.end]
    match = re.match(r"[ ]*(?:- +)*", line)
    return len(match.group()) if match else 0


def _inside_flow(document: Document, path: Path) -> bool:
    return any(
        isinstance(node, Mapping | Sequence) and node.flow
        for node in (resolve(document.at(*path[:depth])) for depth in range(len(path)))
    )


def _is_text(path: Path) -> bool:
    found = schema.at(path)
    types = {s.get("type") for s in schema.options(found)} if found else set()
    return "string" in types and not types & {"array", "object", "number", "integer", None}


# Not found ---------------------------------------------------------------------------------


def _read(text: str) -> Document:
    document = parsed(text)
    if document.broken:
        first = document.problems[-1]
        raise UsageError(
            f"the config is not YAML: line {first.line}, column {first.column}: {first.message}",
            hint=first.fix,
        )
    return document


def _short(path: Path) -> str:
    return written(path[3:] if path[:3] == ROOTS[2] and len(path) > 3 else path)


def _nearest(document: Document, steps: Path, *, own_section: bool = False) -> str | None:
    wanted = written(steps)
    there = {_short(p) for p in paths(document, leaves=False)}
    there |= {p for places in schema.homes().values() for p in places}
    if own_section:
        section = written(steps[:-1]) + "."
        leaves = {p[len(section) :]: p for p in there if p.startswith(section)}
        close = get_close_matches(str(steps[-1]), sorted(leaves), n=1, cutoff=0.75)
        return leaves[close[0]] if close else None
    leaf = str(steps[-1])
    same = sorted(p for p in there if p.rsplit(".", 1)[-1] == leaf)
    present = [p for p in same if _present(document, p)]
    if present or (same and wanted not in same):
        return min(present or same, key=len)
    there.discard(wanted)
    match = get_close_matches(wanted, sorted(there), n=1, cutoff=0.75)
    if not match and len(steps) == 1:
        leaves = {p.rsplit(".", 1)[-1]: p for p in sorted(there, reverse=True)}
        near = get_close_matches(wanted, sorted(leaves), n=1, cutoff=0.75)
        return leaves[near[0]] if near else None
    return match[0] if match else None


def _present(document: Document, path: str) -> bool:
    steps = split(path)
    return any(document.at(*root, *steps) is not None for root in ROOTS)


def _known(path: str) -> bool:
    return path in schema.homes().get(path.rsplit(".", 1)[-1], ())


def _no_such(document: Document, path: str, steps: Path) -> UsageError:
    shown = clean(path, limit=80)
    for root in ROOTS:
        for depth in range(len(steps) - 1, -1, -1):
            parent = resolve(document.at(*root, *steps[:depth]))
            if isinstance(parent, Sequence) and isinstance(steps[depth], int) and depth:
                count = len(parent.items)
                return UsageError(
                    f"there is no {shown}: {clean(written(steps[:depth]))} has {count} "
                    f"item{'' if count == 1 else 's'}",
                    hint="Indexes count from 0.",
                )
    section = written(steps[:-1])
    if section and not _present(document, section) and _known(section):
        hint = f"There is no {section} section yet; add one in the editor."
        return UsageError(f"there is no {shown} in the config", hint=hint, code="NO_SUCH_KEY")
    guess = _nearest(document, steps)
    hint = f"Did you mean {guess}?" if guess else "`trainer-tui check FILE` knows the keys."
    return UsageError(f"there is no {shown} in the config", hint=hint, code="NO_SUCH_KEY")
