"""The filter language of the console and the command line: parse once, match many.

::

    dog status:running,failed age<2h (loss<0.5 or progress>=50) not profile:comfy name~"v[12]$"

Bare words are looked for in name, id and profile. Terms side by side must all hold; ``or`` binds
weaker than ``and``; ``not`` binds strongest. See ``docs/filter.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from trainer_tui.config_problem import did_you_mean
from trainer_tui.model import Job
from trainer_tui.query_terms import Terms
from trainer_tui.query_text import KEYWORD, Match, Named, Node, QuerySyntaxError

LONGEST = 2_000
"""Characters of a filter."""
_DEEPEST = 50
_SHOWN = 8
"""Names that are listed where none is near."""


@dataclass(frozen=True, slots=True)
class Query:
    """A filter, ready to be asked."""

    text: str
    """As it was typed."""
    _match: Match = field(repr=False, compare=False)
    _canonical: str = field(repr=False, compare=False)
    named: tuple[Named, ...] = field(default=(), repr=False, compare=False)
    """The profiles and providers that it names; whether there are such is for others to say."""

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
    parser = _Parser(text)
    node = parser.whole()
    if node is None:
        return Query(text, _everything, "") if text else EMPTY
    return Query(text, node.match, node.text, tuple(parser.named))


def strangers(query: Query, profiles: Iterable[str], providers: Iterable[str]) -> list[str]:
    """What a filter names that is not there, one sentence each.

    Args:
        profiles: The names of all profiles, those of jobs from before included.
        providers: The names of all providers.
    """
    known = {"profile": list(dict.fromkeys(profiles)), "provider": list(dict.fromkeys(providers))}
    said = []
    for named in query.named:
        names = known[named.field]
        if names and not any(map(named.means, names)):
            near = did_you_mean(named.value, names) or f": there are {', '.join(names[:_SHOWN])}"
            said.append(f"no {named.field} is called {named.value!r}{near}")
    return said


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
