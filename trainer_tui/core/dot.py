"""Graphviz DOT as a tree of text: enough of the language for what services tell of provenance.

Read are node and edge statements with quoted, plain and HTML-free names, ``label`` attributes,
edge chains (``a -> b -> c``), groups (``{a b} -> c``) and subgraphs, whose statements count as
the graph's own. Layout, colours and ports are passed over. What cannot be read raises ValueError
from :func:`parse`, and :func:`draw` shows the text itself.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from trainer_tui.sanitize import line as clean

MAX_TEXT = 1 << 20
MAX_LINES = 2_000
_MAX_NODES = 5_000
_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)
    |"(?P<quoted>(?:[^"\\]|\\.)*)"
    |(?P<edge>->|--)
    |(?P<plain>-?(?:\d+(?:\.\d*)?|\.\d+)|[^\W\d][\w.]*)
    |(?P<mark>[{}\[\];,=:])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(slots=True)
class Graph:
    """Nodes with their labels, in the order of the text, and who points to whom."""

    labels: dict[str, str] = field(default_factory=dict)
    edges: dict[tuple[str, str], str] = field(default_factory=dict)
    """(from, to) → the edge's label, empty where it has none."""


def draw(text: str, *, ascii_only: bool = False) -> list[str]:
    """The graph as lines of a tree: what everything leads to on top, below it what it came from.

    A node that was shown already is named again, with a note, not opened again. A text that is
    not DOT is given as its own lines.
    """
    try:
        graph = parse(text)
    except ValueError:
        return [clean(part, limit=400) for part in text[:MAX_TEXT].splitlines()[:MAX_LINES]]
    if not graph.labels:
        return ["(nothing)"]
    below = _below(graph)
    children = {child for found in below.values() for child in found}
    roots = [name for name in graph.labels if name not in children]
    seen: set[str] = set()
    lines: list[str] = []
    for root in [*roots, *graph.labels]:  # the second time round: what is only in circles
        if root not in seen:
            lines += _tree(graph, below, root, seen, ascii_only)
        if len(lines) > MAX_LINES:
            return [*lines[:MAX_LINES], "(there is more)"]
    return lines


def _below(graph: Graph) -> dict[str, list[str]]:
    """Node → what stands below it. The end that fewer nodes are at is the top: one model is made
    of many things, whichever way the arrows are drawn."""
    into: dict[str, list[str]] = {name: [] for name in graph.labels}
    out: dict[str, list[str]] = {name: [] for name in graph.labels}
    for start, end in graph.edges:
        if start != end:
            into[end].append(start)
            out[start].append(end)
    ends = sum(1 for name in out if not out[name] and into[name])
    starts = sum(1 for name in into if not into[name] and out[name])
    return into if ends <= starts else out


def _tree(
    graph: Graph, below: dict[str, list[str]], root: str, seen: set[str], ascii_only: bool
) -> list[str]:
    branch, last, stem = ("|- ", "`- ", "|  ") if ascii_only else ("├ ", "└ ", "│ ")
    lines: list[str] = []
    # (node, what is before it on its line, what is before its children)
    waiting = [(root, "", "")]
    while waiting and len(lines) <= MAX_LINES:
        name, lead, under = waiting.pop()
        label = graph.labels[name]
        if name in seen:
            lines.append(f"{lead}{label}{' (above)' if below[name] else ''}")
            continue
        seen.add(name)
        lines.append(f"{lead}{label}")
        children = below[name]
        for place, child in reversed(list(enumerate(children))):
            end = place == len(children) - 1
            waiting.append(
                (
                    child,
                    under + (last if end else branch),
                    under + (" " * len(last) if end else stem),
                )
            )
    return lines


def parse(text: str) -> Graph:
    """Read a graph.

    Raises:
        ValueError: It is not DOT, or too large.
    """
    if len(text) > MAX_TEXT:
        raise ValueError("the graph is too large")
    reader = _Reader(list(_tokens(text)))
    return reader.graph()


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError(f"not DOT at character {place}")
        place = found.end()
        kind = str(found.lastgroup)
        if kind == "quoted":
            yield "name", found["quoted"]
        elif kind == "plain":
            yield "name", found["plain"]
        elif kind != "skip":
            yield "mark", found[0]


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._place = tokens, 0
        self._found = Graph()

    def graph(self) -> Graph:
        self._word("strict")
        if not (self._word("digraph") or self._word("graph")):
            raise ValueError("no digraph")
        if self._peek()[0] == "name":
            self._next()
        self._expect("{")
        self._statements(depth=0)
        return self._found

    def _statements(self, depth: int) -> list[str]:
        """Up to the closing brace; gives the nodes that were named."""
        if depth > 50:
            raise ValueError("groups inside groups without end")
        named: list[str] = []
        while not self._mark("}"):
            if self._mark(";") or self._mark(","):
                continue
            named += self._statement(depth)
        return named

    def _statement(self, depth: int) -> list[str]:
        kind, text = self._peek()
        if kind == "name" and text.lower() in {"node", "edge", "graph"}:
            after = self._tokens[self._place + 1 : self._place + 2]
            if after == [("mark", "[")]:
                self._next()
                self._attributes()
                return []
        if kind == "name" and self._tokens[self._place + 1 : self._place + 2] == [("mark", "=")]:
            self._place += 2  # an attribute of the graph itself
            self._next()
            return []
        chain = [self._end(depth)]
        while self._mark("->") or self._mark("--"):
            chain.append(self._end(depth))
        label = self._attributes().get("label", "")
        if len(chain) == 1 and label:
            for name in chain[0]:
                self._found.labels[name] = _label(label)
        for starts, ends in itertools.pairwise(chain):
            for start in starts:
                for end in ends:
                    self._found.edges[start, end] = _label(label)
                if len(self._found.edges) > _MAX_NODES * 2:
                    raise ValueError("too many edges")
        return [name for part in chain for name in part]

    def _end(self, depth: int) -> list[str]:
        """One end of an edge: a node, or a group of nodes."""
        if self._word("subgraph"):
            if self._peek()[0] == "name":
                self._next()
            self._expect("{")
            return self._statements(depth + 1)
        if self._mark("{"):
            return self._statements(depth + 1)
        kind, name = self._next()
        if kind != "name":
            raise ValueError(f"a node was expected, not {name!r}")
        while self._mark(":"):  # a port
            self._next()
        if name not in self._found.labels:
            if len(self._found.labels) >= _MAX_NODES:
                raise ValueError("too many nodes")
            self._found.labels[name] = _label(name)
        return [name]

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while self._mark("["):
            while not self._mark("]"):
                if self._mark(",") or self._mark(";"):
                    continue
                kind, key = self._next()
                if kind != "name":
                    raise ValueError(f"an attribute was expected, not {key!r}")
                found[key.lower()] = self._next()[1] if self._mark("=") else "true"
        return found

    def _peek(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise ValueError("it ends too early")
        return self._tokens[self._place]

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._place += 1
        return token

    def _mark(self, text: str) -> bool:
        if self._peek() == ("mark", text):
            self._place += 1
            return True
        return False

    def _word(self, text: str) -> bool:
        kind, found = self._peek()
        if kind == "name" and found.lower() == text:
            self._place += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._mark(text):
            raise ValueError(f"{text!r} was expected")


def _label(text: str) -> str:
    """A label on one line, safe for a terminal; ``\\n``, ``\\l`` and ``\\r`` begin a new one."""
    plain = _ESCAPE.sub(lambda found: " " if found[1] in "nlr" else found[1], text)
    return clean(" ".join(plain.split()), limit=200)
