"""YAML text → tree with places, safely: hostile input ends in one clear problem, quickly.

Built from the parser's events with a stack of our own, so depth costs no recursion; with
limits on size, depth, number of values and aliases. Aliases stay aliases: nothing is ever
expanded, so a bomb of them is only as large as its text. libyaml's parser is used where PyYAML
has it (about 30 times faster than the pure one), else the pure one, with the same limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from trainer_tui.core.yamlconfig.events import events
from trainer_tui.core.yamlconfig.nodes import Alias, AnyNode, Lines, Mapping, Scalar, Sequence
from trainer_tui.core.yamlconfig.problems import Edit, Found, Problem, Severity
from trainer_tui.sanitize import line as clean

MAX_SIZE = 2_000_000
"""Characters. The largest real config is some thousands."""
MAX_DEPTH = 100
"""Levels. AI Toolkit's own configs have about eight; libyaml needs time quadratic in it."""
MAX_NODES = 40_000
"""Keys, values and lists. 10,000 lines have about 20,000."""
MAX_ALIASES = 1_000
MAX_MEANT = 100_000
"""Values when each alias is written out: what reads the tree may follow aliases freely. A text
counts as one for each hundred characters."""

_MAX_EDITS = 50

# What YAML 1.1 allows in a stream, less the byte-order mark, which is dropped beforehand.
_UNPRINTABLE = re.compile(
    "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


@dataclass(slots=True)
class Document:
    """A parsed text: its tree (``None`` when empty or broken) and what is wrong as YAML."""

    text: str
    lines: Lines
    root: AnyNode | None = None
    problems: list[Problem] = field(default_factory=list)
    more: int = 0
    """Problems beyond those, which were only counted."""
    broken: bool = False
    """The text is not YAML: the tree is missing, and rules about keys make no sense."""

    def at(self, *path: str | int) -> AnyNode | None:
        """The node at a path of keys and indexes, or ``None``."""
        node: AnyNode | None = self.root
        for step in path:
            real = node.target if isinstance(node, Alias) else node
            if isinstance(step, int):
                items = real.items if isinstance(real, Sequence) else []
                node = items[step] if 0 <= step < len(items) else None
            else:
                node = real.get(step) if isinstance(real, Mapping) else None
            if node is None:
                return None
        return node

    def problem(
        self,
        severity: Severity,
        code: str,
        start: int,
        message: str,
        fix: str | None = None,
        *,
        end: int | None = None,
        edit: Edit | None = None,
    ) -> Problem:
        """A problem at an offset of this text."""
        line, column = self.lines.place(start)
        stop = start + 1 if end is None else end
        if line < len(self.lines.starts):
            stop = min(stop, self.lines.starts[line] - 1)
        return Problem(severity, code, line, column, message, fix, max(1, stop - start), edit)


@dataclass(slots=True)
class _Extent:
    """How large a list or mapping is with its aliases written out."""

    size: int = 1
    height: int = 1


class _Stop(Exception):
    """A limit was passed."""

    def __init__(self, code: str, offset: int, message: str) -> None:
        super().__init__(message)
        self.code, self.offset, self.message = code, offset, message


def parse(text: str, *, mend: bool = True) -> Document:
    """Read a text; never raises, whatever the text is.

    ``mend`` looks for a change that makes a broken text readable, at the cost of trying some.
    """
    if len(text) > MAX_SIZE:
        document = Document("", Lines(""), broken=True)
        message = f"the text has more than {MAX_SIZE:,} characters; no config is that long"
        document.problems.append(Problem("error", "yaml-too-large", 1, 1, message))
        return document
    document = Document(text, Lines(text))
    bad = _UNPRINTABLE.search(text, 1 if text.startswith("\ufeff") else 0)
    if bad:
        message = f"the character U+{ord(bad.group()):04X} cannot stand in YAML"
        document.problems.append(
            document.problem(
                "error",
                "yaml-character",
                bad.start(),
                message,
                "delete it",
                edit=Edit(bad.start(), bad.end(), ""),
            )
        )
        document.broken = True
        return document
    import yaml

    builder = _Builder(document)
    wrong: Problem | None = None
    try:
        for event in events(text):
            builder.take(event)
    except _Stop as stop:
        offset = builder.shift + stop.offset
        wrong = document.problem("error", stop.code, offset, stop.message)
    except yaml.YAMLError as error:
        from trainer_tui.core.yamlconfig.syntax import explained

        wrong = explained(document, error, builder.shift, mend=mend)
    builder.finish(whole=wrong is None)
    if wrong is None:
        document.root = builder.root
    else:
        document.problems.append(wrong)
        document.broken = True
    return document


@lru_cache(maxsize=3)
def parsed(text: str) -> Document:
    """As :func:`parse`, for whoever only reads the tree; the last three texts' are kept.

    An edit is looked at from many sides: its problems, what it changes, what it will do.
    """
    return parse(text)


class _Builder:
    """Puts the tree together, event by event."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.shift = 1 if document.text.startswith("\ufeff") else 0
        self.root: AnyNode | None = None
        self.open: list[Sequence | Mapping] = []
        self.keys: list[AnyNode | None] = []
        self.seen: list[dict[str, int]] = []
        self.anchors: dict[str, Scalar | Sequence | Mapping] = {}
        self.extents: list[_Extent] = []
        self.known: dict[int, _Extent] = {}
        self.found = Found()
        self.twice: list[tuple[Mapping, int, int]] = []
        self.documents = self.nodes = self.aliases = 0

    def take(self, event: Any) -> None:
        name = type(event).__name__
        if name == "ScalarEvent":
            self._scalar(event)
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            closed = self.open.pop()
            self.keys.pop()
            self.seen.pop()
            closed.end = self._end(closed, event)
            extent = self.extents.pop()
            if closed.anchor is not None:
                self.known[id(closed)] = extent
            self._extend(extent.size, extent.height, event)
        elif name == "MappingStartEvent":
            place = self._place(event)
            flow = bool(event.flow_style)
            self._begin(Mapping(*place, event.tag, event.anchor, flow=flow), event)
        elif name == "SequenceStartEvent":
            place = self._place(event)
            flow = bool(event.flow_style)
            self._begin(Sequence(*place, event.tag, event.anchor, flow=flow), event)
        elif name == "AliasEvent":
            self._alias(event)
        elif name == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                message = "there is a second document; a config is one"
                raise _Stop("yaml-documents", event.start_mark.index, message)

    def _scalar(self, event: Any) -> None:
        text = event.value
        node = Scalar(*self._place(event), event.tag, event.anchor, text, event.style or None)
        self._count(node)
        self._put(node)
        self._extend(1 + len(text) // 100, 0, event)

    def _begin(self, opened: Sequence | Mapping, event: Any) -> None:
        self._count(opened)
        self._put(opened)
        self.open.append(opened)
        self.keys.append(None)
        self.seen.append({})
        self.extents.append(_Extent())
        if len(self.open) > MAX_DEPTH:
            message = f"values are nested more than {MAX_DEPTH} levels deep"
            raise _Stop("yaml-too-deep", event.start_mark.index, message)

    def _end(self, closed: Sequence | Mapping, event: Any) -> int:
        """Where a list or mapping really ends: a block's end mark is where the next thing is."""
        if closed.flow:
            return int(event.end_mark.index) + self.shift
        last = closed.items[-1] if closed.items else closed
        node = last[1] if isinstance(last, tuple) else last
        end = max(node.end, last[0].end) if isinstance(last, tuple) else node.end
        return end

    def _place(self, event: Any) -> tuple[int, int, int, int]:
        start = event.start_mark.index + self.shift
        return (start, event.end_mark.index + self.shift, *self.document.lines.place(start))

    def _count(self, node: AnyNode) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            message = f"there are more than {MAX_NODES:,} values"
            raise _Stop("yaml-too-large", node.start - self.shift, message)
        if node.anchor is not None and not isinstance(node, Alias):
            self.anchors[node.anchor] = node

    def _alias(self, event: Any) -> None:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            message = f"there are more than {MAX_ALIASES:,} aliases"
            raise _Stop("yaml-aliases", event.start_mark.index, message)
        name = str(event.anchor)
        node = Alias(*self._place(event), name=name, target=self.anchors.get(name))
        self._count(node)
        if node.target is None:
            self._unknown_alias(node)
        elif node.target in self.open:
            message = f"*{clean(name)} stands inside what it stands for"
            self._say("yaml-alias", node, message, "write out what is meant")
            node.target = None
        else:
            target = node.target
            size = 1 + len(target.text) // 100 if isinstance(target, Scalar) else 1
            known = self.known.get(id(target)) or _Extent(size, 0)
            self._extend(known.size, known.height, event)
        self._put(node)

    def _unknown_alias(self, node: Alias) -> None:
        name, edit = clean(node.name, limit=80), None
        names = [] if len(self.found.kept) > _MAX_EDITS else list(self.anchors)[-_MAX_EDITS:]
        near = get_close_matches(node.name[:80], names, n=1)
        if near:
            edit = Edit(node.start, node.end, f"*{near[0]}")
            fix = f"did you mean *{clean(near[0])}?"
        elif names:
            fix = "anchors so far: " + ", ".join(f"&{clean(a, limit=40)}" for a in names[:5])
        else:
            if not self.anchors:
                source = self.document.text[node.start : node.end]
                edit = Edit(node.start, node.end, f'"{source}"')
            fix = "quote it if '*' is part of the text"
        self._say("yaml-alias", node, f"nothing above is named &{name}", fix, edit)

    def _extend(self, size: int, height: int, event: Any) -> None:
        """Count what a list, a mapping or an alias of one adds to the one that it stands in."""
        if not self.extents:
            return
        around = self.extents[-1]
        around.size += size
        if height >= around.height:
            around.height = height + 1
        if around.size > MAX_MEANT:
            message = f"with its aliases written out it has more than {MAX_MEANT:,} values"
            raise _Stop("yaml-aliases", event.start_mark.index, message)
        if around.height + len(self.open) - 1 > MAX_DEPTH:
            message = f"with its aliases written out it is more than {MAX_DEPTH} levels deep"
            raise _Stop("yaml-too-deep", event.start_mark.index, message)

    def _put(self, node: AnyNode) -> None:
        if not self.open:
            if self.root is None:
                self.root = node
            return
        parent = self.open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self.keys[-1]
        if key is None:
            self.keys[-1] = node
            return
        self.keys[-1] = None
        parent.items.append((key, node))
        if isinstance(key, Scalar) and not (key.text == "<<" and key.plain):
            index = len(parent.items) - 1
            first = self.seen[-1].setdefault(key.text, index)
            if first != index:
                self._duplicate(key, parent, first)

    def _duplicate(self, key: Scalar, parent: Mapping, first: int) -> None:
        if self.found.full:
            self.found.more += 1
            return
        self.twice.append((parent, first, len(self.found.kept)))
        name, line = clean(key.text, limit=80), parent.items[first][0].line
        message = f"the key '{name}' is here twice; the first is in line {line}"
        self._say("yaml-duplicate-key", key, message, "only the last one counts: delete the first")

    def _say(
        self, code: str, node: AnyNode, message: str, fix: str | None, edit: Edit | None = None
    ) -> None:
        start, end = node.start, node.end
        self.found.add(
            self.document.problem("error", code, start, message, fix, end=end, edit=edit)
        )

    def finish(self, *, whole: bool) -> None:
        """Hand over what was found; in a whole text every value has its end now."""
        from trainer_tui.core.yamlconfig.pairs import without_pair

        for mapping, first, number in self.twice[:_MAX_EDITS] if whole else []:
            edit = without_pair(self.document, mapping, first)
            self.found.kept[number] = replace(self.found.kept[number], edit=edit)
        self.document.problems += self.found.kept
        self.document.more += self.found.more
