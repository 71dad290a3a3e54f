"""The filter language of the console and the command line: parse once, match many.

::

    dog status:running,failed age<2h (loss<0.5 or progress>=50) not profile:comfy name~"v[12]$"

Bare words are looked for in name, id and profile. Terms side by side must all hold; ``or`` binds
weaker than ``and``; ``not`` binds strongest. See ``docs/filter.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from trainer_tui.model import Job
from trainer_tui.query_terms import Terms
from trainer_tui.query_text import KEYWORD, Match, Node, QuerySyntaxError

LONGEST = 2_000
"""Characters of a filter."""
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Query:
    """A filter, ready to be asked."""

    text: str
    """As it was typed."""
    _match: Match = field(repr=False, compare=False)
    _canonical: str = field(repr=False, compare=False)

    def matches(self, job: Job, now: datetime) -> bool:
        """Whether a job passes. ``now`` is aware UTC, for ``age``."""
        return self._match(job, now)

    def __str__(self) -> str:
        """The same filter in its plainest spelling; parses to the same meaning."""
        return self._canonical

    def __bool__(self) -> bool:
        """Whether it keeps anything out at all."""
        return bool(self._canonical)


def parse(text: str) -> Query:
    """Read a filter; an empty one lets everything pass. Raises QuerySyntaxError."""
    if len(text) > LONGEST:
        raise QuerySyntaxError(f"the filter is longer than {LONGEST} characters", LONGEST, 0)
    node = _Parser(text).whole()
    return EMPTY if node is None and not text else _query(text, node)


def _query(text: str, node: Node | None) -> Query:
    return Query(text, node.match, node.text) if node else Query(text, _everything, "")


def _everything(job: Job, now: datetime) -> bool:
    return True


class _Parser(Terms):
    def whole(self) -> Node | None:
        self.blank()
        if self.at == len(self.text):
            return None
        node = self.either()
        if self.at < len(self.text):
            raise QuerySyntaxError("this ')' closes nothing", self.at, 1)
        return node

    def either(self) -> Node:
        nodes = [self.all_of()]
        while self.keyword("or"):
            nodes.append(self.all_of())
        if len(nodes) == 1:
            return nodes[0]
        tests = tuple(node.match for node in nodes)
        return Node(
            lambda job, now: any(test(job, now) for test in tests),
            " or ".join(node.text for node in nodes),
            0,
        )

    def all_of(self) -> Node:
        nodes = [self.one()]
        while self.keyword("and") or self.more():
            nodes.append(self.one())
        if len(nodes) == 1:
            return nodes[0]
        tests = tuple(node.match for node in nodes)
        return Node(
            lambda job, now: all(test(job, now) for test in tests),
            " ".join(f"({node.text})" if node.binds == 0 else node.text for node in nodes),
            1,
        )

    def more(self) -> bool:
        """Whether another term follows without a word between."""
        self.blank()
        if self.at == len(self.text) or self.text[self.at] == ")":
            return False
        word = KEYWORD.match(self.text, self.at)
        return word is None or word[1].lower() == "not"

    def one(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise QuerySyntaxError("the filter is nested too deep", self.at, 1)
        try:
            if self.keyword("not"):
                inner = self.one()
                test = inner.match
                shown = inner.text if inner.binds == 2 else f"({inner.text})"
                return Node(lambda job, now: not test(job, now), f"not {shown}")
            self.blank()
            start = self.at
            if self.text.startswith("(", start):
                self.at += 1
                node = self.either()
                self.blank()
                if not self.text.startswith(")", self.at):
                    raise QuerySyntaxError("this '(' is never closed", start, 1)
                self.at += 1
                return node
            return self.term()
        finally:
            self.depth -= 1


EMPTY = Query("", _everything, "")
"""Lets everything pass."""
