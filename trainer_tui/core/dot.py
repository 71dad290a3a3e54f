"""Graphviz DOT as a tree of lines: what something was made from, below it. Pure.

Only what graphs of provenance use is understood: nodes, edges, attributes, subgraphs, comments.
An arrow leads from what was used to what was made, so the tree begins where no arrow leaves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from trainer_tui import sanitize
from trainer_tui.errors import ProtocolError

MAX_NODES = 5_000
MAX_LINES = 2_000
_MAX_DEPTH = 60
_MAX_TEXT = 4_000_000
_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|^\#[^\n]*)
    |"(?P<quoted>(?:[^"\\]|\\.)*)"
    |(?P<html><[^<>]*>)
    |(?P<mark>->|--|[{}\[\];,=:])
    |(?P<word>[^\s{}\[\];,=:"<>]+?(?=->|--|[\s{}\[\];,=:"<>]|$))""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_ESCAPES = {"n": " ", "l": " ", "r": " "}


@dataclass(slots=True)
class Graph:
    """Nodes in the order they were named, with what each was made from."""

    labels: dict[str, str] = field(default_factory=dict)
    sources: dict[str, list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    """What something else was made from."""

    def node(self, name: str) -> str:
        """Take a node in."""
        if name not in self.labels:
            if len(self.labels) >= MAX_NODES:
                raise ProtocolError(f"the graph has more than {MAX_NODES:,} nodes")
            self.labels[name] = name
            self.sources[name] = []
        return name

    def edge(self, tail: str, head: str) -> None:
        """Take an arrow in."""
        if tail not in self.sources[head]:
            self.sources[head].append(tail)
            self.used.add(tail)


def parse(text: str) -> Graph:
    """The graph of a DOT text.

    Raises:
        ProtocolError: It is no DOT text, or an unreasonably large one.
    """
    if len(text) > _MAX_TEXT:
        raise ProtocolError("the graph is too large")
    tokens = list(_tokens(text))
    begin = next(
        (i for i, (kind, value) in enumerate(tokens) if (kind, value) == ("mark", "{")), -1
    )
    head = {value.lower() for kind, value in tokens[: max(0, begin)] if kind == "word"}
    if begin < 0 or not head & {"digraph", "graph"}:
        raise ProtocolError("the provenance is not a graph in the DOT language")
    graph = Graph()
    _Reader(tokens[begin + 1 :], graph).statements()
    return graph


def tree(text: str, *, ascii_only: bool = False) -> list[str]:
    """The lines of a DOT text's graph as a tree, safe for a terminal.

    Raises:
        ProtocolError: As :func:`parse`.
    """
    graph = parse(text)
    roots = [name for name in graph.labels if name not in graph.used] or list(graph.labels)[:1]
    marks = ("|- ", "`- ", "|  ", "   ") if ascii_only else ("├─ ", "└─ ", "│  ", "   ")
    lines: list[str] = []
    told: set[str] = set()
    for root in roots:
        # Depth first by hand: a long chain must not exhaust the interpreter's stack.
        todo: list[tuple[str, str, str, int]] = [(root, "", "", 0)]
        while todo and len(lines) < MAX_LINES:
            name, before, below, depth = todo.pop()
            sources = graph.sources[name]
            again = name in told and bool(sources)
            deep = depth >= _MAX_DEPTH and bool(sources)
            note = " (as above)" if again else " …" if deep else ""
            lines.append(before + sanitize.line(graph.labels[name], limit=200) + note)
            told.add(name)
            if again or deep:
                continue
            for place, source in reversed(list(enumerate(sources))):
                last = place == len(sources) - 1
                todo.append(
                    (
                        source,
                        below + marks[1 if last else 0],
                        below + marks[3 if last else 2],
                        depth + 1,
                    )
                )
    if len(lines) >= MAX_LINES:
        lines.append("…")
    return lines


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            at += 1
            continue
        at = found.end()
        kind = found.lastgroup or "skip"
        if kind == "quoted":
            yield "name", re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), found[kind])
        elif kind == "html":
            yield "name", re.sub(r"[<>]", "", found[kind])
        elif kind != "skip":
            yield kind, found[kind]


class _Reader:
    """Reads the statements between the graph's braces."""

    def __init__(self, tokens: Sequence[tuple[str, str]], graph: Graph) -> None:
        self._tokens = tokens
        self._graph = graph
        self._at = 0

    def statements(self) -> None:
        """All of them; subgraphs only group, so their braces are passed over."""
        names: list[str] = []
        joined = False
        while self._at < len(self._tokens):
            kind, value = self._tokens[self._at]
            self._at += 1
            if kind == "mark":
                if value in ("->", "--"):
                    joined = True
                elif value == "[":
                    self._attributes(names)
                elif value == ":":
                    self._at += 1  # a port
                elif value == "=":
                    self._at += 1  # an attribute of the graph
                    names = []
                else:
                    names, joined = [], False
                continue
            if kind == "word" and value.lower() in ("node", "edge", "graph", "subgraph", "strict"):
                names, joined = [], False
                if value.lower() == "subgraph" and self._next() != "{":
                    self._at += 1
                elif self._next() == "[":
                    self._at += 1
                    self._attributes([])
                continue
            if self._next() == "=":
                continue
            self._graph.node(value)
            if joined and names:
                self._graph.edge(names[-1], value)
            names, joined = [*names, value] if joined else [value], False

    def _next(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _attributes(self, names: Sequence[str]) -> None:
        """A list in brackets; of a node's own, the label is kept."""
        key = ""
        while self._at < len(self._tokens):
            kind, value = self._tokens[self._at]
            self._at += 1
            if (kind, value) == ("mark", "]"):
                return
            if kind != "mark" and self._next() == "=":
                key = value
            elif kind != "mark":
                if key.lower() == "label" and len(names) == 1 and value.strip():
                    self._graph.labels[names[0]] = value
                key = ""
