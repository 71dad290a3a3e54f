"""YAML text → tree with places, safely: hostile input ends in one clear problem, quickly.

Built from the parser's events with a stack of our own, so depth costs no recursion; with
limits on size, depth, number of values and aliases. Aliases stay aliases: nothing is ever
expanded, so a bomb of them is only as large as its text. libyaml's parser is used where PyYAML
has it (about 30 times faster than the pure one), else the pure one, with the same limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from trainer_tui.core.yamlconfig.nodes import Alias, AnyNode, Lines, Mapping, Scalar, Sequence
from trainer_tui.core.yamlconfig.problems import Edit, Problem
from trainer_tui.sanitize import line as clean

MAX_SIZE = 4_000_000
"""Characters. The largest real config is some thousands."""
MAX_DEPTH = 100
"""Levels. AI Toolkit's own configs have about eight; libyaml needs time quadratic in it."""
MAX_NODES = 100_000
"""Keys, values and lists. 10,000 lines have about 20,000."""
MAX_ALIASES = 1_000

# What YAML 1.1 allows in a stream, less the byte-order mark, which is dropped beforehand.
_UNPRINTABLE = re.compile(
    "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
# Behind a key or a dash, a bracketed word and then more text.
_BRACKETED = re.compile(r"[ ]*(?:- +|[\w.-]+: +)+(\[\w+\][ \t]+[^\s#,\]}][^\r\n]{0,500})")
_PLAIN_WORDS = {
    "mapping values are not allowed in this context": (
        "a second ': ' in one line, or a line that is indented too far",
        "quote the value, or put the key on the column of its neighbours",
    ),
    "could not find expected ':'": ("the line before is a key without ':'", "add ':' to the key"),
    "did not find expected key": (
        "this line fits neither the block above nor the one around it",
        "put it on the column of the keys that it belongs to",
    ),
    "did not find expected '-' indicator": (
        "a list item was expected here",
        "begin the line with '- ' on the column of the list, or move it out of the list",
    ),
    "did not find expected ',' or ']'": ("the '[' is never closed", "add ']'"),
    "did not find expected ',' or '}'": ("the '{' is never closed", "add '}'"),
    "found unexpected end of stream": ("the quote is never closed", "add the closing quote"),
    "did not find expected node content": ("a value was expected here", None),
    "found unknown escape character": (
        "a backslash in double quotes begins an escape, and there is none like this",
        "double the backslash, or use single quotes",
    ),
    "did not find expected <document start>": (
        "the text goes on after the document has ended",
        "put it on the column of the keys that it belongs to",
    ),
    "block sequence entries are not allowed in this context": (
        "a list cannot begin here",
        "put '- ' on a line of its own",
    ),
}


@dataclass(slots=True)
class Document:
    """A parsed text: its tree (``None`` when empty or broken) and what is wrong as YAML."""

    text: str
    lines: Lines
    root: AnyNode | None = None
    problems: list[Problem] = field(default_factory=list)
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
        severity: Any,
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


class _Stop(Exception):
    """A limit was passed."""

    def __init__(self, code: str, offset: int, message: str) -> None:
        super().__init__(message)
        self.code, self.offset, self.message = code, offset, message


def parse(text: str) -> Document:
    """Read a text; never raises, whatever the text is."""
    if len(text) > MAX_SIZE:
        size = f"{len(text) / 1e6:.1f} million characters"
        document = Document("", Lines(""), broken=True)
        message = f"the text has {size}; a config of more than {MAX_SIZE // 10**6} is not read"
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
    try:
        for event in _events(text):
            builder.take(event)
    except _Stop as stop:
        document.problems.append(
            document.problem("error", stop.code, builder.shift + stop.offset, stop.message)
        )
        document.broken = True
    except yaml.YAMLError as error:
        document.problems.append(_told(document, error, builder.shift))
        document.broken = True
    document.root = None if document.broken else builder.root
    return document


def _events(text: str) -> Iterator[Any]:
    import yaml

    text = text.removeprefix("\ufeff")
    try:
        parser: Any = yaml.cyaml.CParser(text)  # type: ignore[attr-defined]
    except AttributeError:
        parser = _pure_parser(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


def _pure_parser(text: str) -> Any:
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class PureParser(Reader, Scanner, Parser, Composer):
        def __init__(self, stream: str) -> None:
            Reader.__init__(self, stream)
            Scanner.__init__(self)
            Parser.__init__(self)

    return PureParser(text)


class _Builder:
    """Puts the tree together, event by event."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.shift = 1 if document.text.startswith("\ufeff") else 0
        self.root: AnyNode | None = None
        self.open: list[Sequence | Mapping] = []
        self.keys: list[AnyNode | None] = []
        self.seen: list[dict[str, Scalar]] = []
        self.anchors: dict[str, Scalar | Sequence | Mapping] = {}
        self.documents = self.nodes = self.aliases = 0

    def take(self, event: Any) -> None:
        name = type(event).__name__
        if name == "ScalarEvent":
            node = Scalar(
                *self._place(event), event.tag, event.anchor, event.value, event.style or None
            )
            self._count(node)
            self._name(node)
            self._put(node)
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            make = Mapping if name == "MappingStartEvent" else Sequence
            opened = make(*self._place(event), event.tag, event.anchor, flow=bool(event.flow_style))
            self._count(opened)
            self._name(opened)
            self._put(opened)
            self.open.append(opened)
            self.keys.append(None)
            self.seen.append({})
            if len(self.open) > MAX_DEPTH:
                message = f"values are nested more than {MAX_DEPTH} levels deep"
                raise _Stop("yaml-too-deep", event.start_mark.index, message)
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            closed = self.open.pop()
            self.keys.pop()
            self.seen.pop()
            closed.end = self._end(closed, event)
        elif name == "AliasEvent":
            self._alias(event)
        elif name == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                message = "there is a second document; a config is one"
                raise _Stop("yaml-documents", event.start_mark.index, message)

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

    def _name(self, node: Scalar | Sequence | Mapping) -> None:
        if node.anchor is not None:
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
            known = ", ".join(f"&{clean(a)}" for a in list(self.anchors)[:5])
            fix = f"anchors so far: {known}" if known else "quote it if '*' is part of the text"
            self._say("yaml-alias", node, f"nothing above is named &{clean(name)}", fix)
        elif node.target in self.open:
            self._say("yaml-alias", node, f"*{clean(name)} stands inside what it stands for", None)
            node.target = None
        self._put(node)

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
        self._duplicate(key)

    def _duplicate(self, key: AnyNode) -> None:
        if not isinstance(key, Scalar) or key.text == "<<":
            return
        first = self.seen[-1].setdefault(key.text, key)
        if first is not key:
            name = clean(key.text, limit=80)
            message = f"the key '{name}' is here twice; the first is in line {first.line}"
            self._say("yaml-duplicate-key", key, message, "only the last one counts: delete one")

    def _say(self, code: str, node: AnyNode, message: str, fix: str | None) -> None:
        self.document.problems.append(
            self.document.problem("error", code, node.start, message, fix, end=node.end)
        )


def _told(document: Document, error: Any, shift: int) -> Problem:
    """A parser's error in plain words, at the place where a person must look."""
    text = document.text
    problem = str(getattr(error, "problem", None) or error)
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None)
    offset = min(len(text), (mark.index if mark is not None else 0) + shift)
    place = document.lines.place(offset)
    tail = text[offset : offset + 1]
    words, fix = _PLAIN_WORDS.get(problem, (problem, None))
    code = "yaml-syntax"
    edit = None
    bracket = _bracketed(document, offset)
    if bracket is not None:
        start, end = bracket
        source = text[start:end]
        edit = Edit(start, end, f'"{source}"') if '"' not in source else None
        words, fix = "text that begins with '[' is read as a list", "put it all in quotes"
        place = document.lines.place(start)
    elif problem == "found character that cannot start any token":
        if tail == "\t":
            code, words = "yaml-tab", "a tab cannot indent YAML"
            run = re.compile(r"\t+").match(text, offset)
            width = "  " * len(run.group()) if run else "  "
            edit = Edit(offset, run.end() if run else offset + 1, width)
            fix = "use spaces"
        else:
            words = f"a value cannot begin with '{clean(tail)}'"
            fix = "put the value in quotes"
    elif problem == "found undefined alias":
        code = "yaml-alias"
    elif context is not None and (
        "never closed" in words or problem in ("could not find expected ':'",)
    ):
        # The opening is what must be looked at, not the end of the file where it was noticed.
        offset = min(len(text), context.index + shift)
        place = document.lines.place(offset)
        if problem == "could not find expected ':'":
            name = clean(text[offset:].split("\n", 1)[0], limit=40)
            words = f"'{name}' is a key without ':'"
    elif offset >= len(text) and text.strip():
        offset = len(text.rstrip())
        place = document.lines.place(offset)
    return Problem("error", code, *place, clean(words), fix, 1, edit)


def _bracketed(document: Document, offset: int) -> tuple[int, int] | None:
    """Where a value like ``[trigger] holding a sign`` stands, on the line of an error or before."""
    line = document.lines.place(offset)[0]
    for number in (line, line - 1):
        if number < 1:
            continue
        start = document.lines.starts[number - 1]
        match = _BRACKETED.match(document.text, start)
        if match:
            return match.start(1), match.end(1)
    return None
