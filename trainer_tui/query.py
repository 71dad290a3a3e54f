"""The filter language of the console and the command line: parse once, match many.

::

    dog status:running,failed age<2h (loss<0.5 or progress>=50) not profile:comfy name~"v[12]$"

Bare words are looked for in name, id and profile. Terms side by side must all hold; ``or`` binds
weaker than ``and``; ``not`` binds strongest. See ``docs/filter.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from trainer_tui.errors import NotFoundError, UsageError
from trainer_tui.model import Job, JobRef, Status

Match = Callable[[Job, datetime], bool]

LONGEST = 2_000
"""Characters of a filter."""
_DEEPEST = 50

GROUPS = {
    "active": frozenset(status for status in Status if status.active),
    "ended": frozenset(status for status in Status if status.ended),
}
"""Names for several statuses at once."""

_TEXT: dict[str, Callable[[Job], str]] = {
    "name": lambda job: job.name,
    "id": lambda job: job.ref.id,
    "profile": lambda job: job.ref.profile,
    "provider": lambda job: job.provider,
    "gpu": lambda job: job.gpu.type if job.gpu else "",
    "config": lambda job: job.config_name or "",
    "error": lambda job: job.error.message if job.error else "",
}
_NUMBER: dict[str, Callable[[Job], float | None]] = {
    "progress": lambda job: job.progress.percent if job.progress else None,
    "step": lambda job: job.progress.current if job.progress else None,
    "loss": lambda job: job.loss,
}
FIELDS = ("status", *_TEXT, *_NUMBER, "age")
"""What may stand before an operator."""

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    ":": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

_FIELD = re.compile(r"([A-Za-z_]+)(!=|<=|>=|[:=<>~])")
_WORD = re.compile(r"[^\s()]+")
_LIST_ITEM = re.compile(r"[^\s(),]+")
_KEYWORD = re.compile(r"(and|or|not)(?=[\s()]|$)", re.IGNORECASE)
_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?\Z", re.IGNORECASE)
_SPANS = re.compile(r"(\d+(?:\.\d+)?[smhdw])+\Z", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.IGNORECASE)


class QuerySyntaxError(UsageError):
    """The filter cannot be read.

    ``position`` (from 0) and ``length`` say where in the text; the length may be 0, at its end.
    """

    default_title = "That filter cannot be read"

    def __init__(self, message: str, position: int, length: int = 0) -> None:
        super().__init__(
            message, hint=f"At character {position + 1} of the filter.", code="BAD_FILTER"
        )
        self.position = position
        self.length = length


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


@dataclass(frozen=True, slots=True)
class _Node:
    match: Match
    text: str
    binds: int = 2
    """2: a term or ``not``; 1: terms joined by and; 0: joined by or."""


def _query(text: str, node: _Node | None) -> Query:
    return Query(text, node.match, node.text) if node else Query(text, _everything, "")


def _everything(job: Job, now: datetime) -> bool:
    return True


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    # -- structure -----------------------------------------------------------------------------

    def whole(self) -> _Node | None:
        self.blank()
        if self.at == len(self.text):
            return None
        node = self.either()
        if self.at < len(self.text):
            raise QuerySyntaxError("this ')' closes nothing", self.at, 1)
        return node

    def either(self) -> _Node:
        nodes = [self.all_of()]
        while self.keyword("or"):
            nodes.append(self.all_of())
        if len(nodes) == 1:
            return nodes[0]
        tests = tuple(node.match for node in nodes)
        return _Node(
            lambda job, now: any(test(job, now) for test in tests),
            " or ".join(node.text for node in nodes),
            0,
        )

    def all_of(self) -> _Node:
        nodes = [self.one()]
        while self.keyword("and") or self.more():
            nodes.append(self.one())
        if len(nodes) == 1:
            return nodes[0]
        tests = tuple(node.match for node in nodes)
        return _Node(
            lambda job, now: all(test(job, now) for test in tests),
            " ".join(f"({node.text})" if node.binds == 0 else node.text for node in nodes),
            1,
        )

    def more(self) -> bool:
        """Whether another term follows without a word between."""
        self.blank()
        if self.at == len(self.text) or self.text[self.at] == ")":
            return False
        word = _KEYWORD.match(self.text, self.at)
        return word is None or word[1].lower() == "not"

    def one(self) -> _Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise QuerySyntaxError("the filter is nested too deep", self.at, 1)
        try:
            if self.keyword("not"):
                inner = self.one()
                test = inner.match
                shown = inner.text if inner.binds == 2 else f"({inner.text})"
                return _Node(lambda job, now: not test(job, now), f"not {shown}")
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

    def keyword(self, word: str) -> bool:
        self.blank()
        found = _KEYWORD.match(self.text, self.at)
        if found is None or found[1].lower() != word:
            return False
        self.at = found.end()
        return True

    def blank(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    # -- terms ---------------------------------------------------------------------------------

    def term(self) -> _Node:
        start = self.at
        if start == len(self.text):
            raise QuerySyntaxError("expected a word or a term such as status:running", start)
        found = _KEYWORD.match(self.text, start)
        if found is not None or self.text[start] == ")":
            length = len(found[0]) if found else 1
            raise QuerySyntaxError(
                f"expected a word or a term before {self.text[start : start + length]!r}",
                start,
                length,
            )
        if self.text[start] in "\"'":
            return _bare(self.quoted())
        named = _FIELD.match(self.text, start)
        if named is not None and self.known_field(named):
            self.at = named.end()
            return self.field_term(named[1].lower(), named[2], named.start())
        word = _WORD.match(self.text, start)
        assert word is not None
        self.at = word.end()
        return _bare(word[0])

    def known_field(self, named: re.Match[str]) -> bool:
        """Whether ``word:`` names a field; names of jobs may hold a colon themselves."""
        name = named[1].lower()
        if name in FIELDS:
            return True
        from difflib import get_close_matches

        near = get_close_matches(name, FIELDS, n=1, cutoff=0.7)
        if not near and named[2] in {":", "="}:
            return False
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise QuerySyntaxError(
            f"there is no field {named[1]!r}, known are {', '.join(FIELDS)}{hint}",
            named.start(),
            len(named[1]),
        )

    def field_term(self, name: str, operator: str, start: int) -> _Node:
        if name == "status":
            return self.status_term(operator, start)
        if name in _TEXT:
            return self.text_term(name, operator, start)
        if operator == "~" or (name == "age" and operator in {":", "=", "!="}):
            use = "<, <=, >, >=" + ("" if name == "age" else ", =, !=")
            raise QuerySyntaxError(f"{name} is compared with {use}", start, self.at - start)
        value_at = self.at
        found = _WORD.match(self.text, value_at)
        raw = found[0] if found else ""
        self.at = value_at + len(raw)
        if name == "age":
            return self.age_term(operator, raw, value_at)
        number = raw.removesuffix("%") if name == "progress" else raw
        if not _REAL.match(number):
            raise QuerySyntaxError(
                f"expected a number after '{name}{operator}'", value_at, len(raw)
            )
        get, compare, limit = _NUMBER[name], _COMPARE[operator], float(number)

        def test(job: Job, now: datetime) -> bool:
            value = get(job)
            return value is not None and compare(value, limit)

        return _Node(test, f"{name}{operator}{number}")

    def age_term(self, operator: str, raw: str, value_at: int) -> _Node:
        if not _SPANS.match(raw):
            raise QuerySyntaxError(
                f"expected a duration after 'age{operator}', such as 30s, 5m, 2h, 1d, 1w or 1h30m",
                value_at,
                len(raw),
            )
        limit = sum(float(count) * _SECONDS[unit.lower()] for count, unit in _SPAN.findall(raw))
        compare = _COMPARE[operator]

        def test(job: Job, now: datetime) -> bool:
            born = job.created_at or job.started_at
            return born is not None and compare((now - born).total_seconds(), limit)

        return _Node(test, f"age{operator}{raw.lower()}")

    def status_term(self, operator: str, start: int) -> _Node:
        words = [*Status, *GROUPS]
        if operator not in {":", "=", "!="}:
            raise QuerySyntaxError(
                "status is asked for with ':', as in status:running,failed",
                start,
                self.at - start,
            )
        wanted: set[Status] = set()
        names = []
        for value, position, length in self.values(
            f"expected a status after 'status{operator}', one of {', '.join(words)}"
        ):
            name = value.lower()
            if name not in words:
                from difflib import get_close_matches

                near = get_close_matches(name, words, n=1, cutoff=0.5)
                hint = f"; did you mean {str(near[0])!r}?" if near else ""
                raise QuerySyntaxError(
                    f"expected a status after 'status{operator}', one of {', '.join(words)}{hint}",
                    position,
                    length,
                )
            wanted |= GROUPS.get(name) or {Status(name)}
            names.append(name)
        found = frozenset(wanted)
        shown = f"status{operator}{','.join(names)}"
        if operator == "!=":
            return _Node(lambda job, now: job.status not in found, shown)
        return _Node(lambda job, now: job.status in found, shown)

    def text_term(self, name: str, operator: str, start: int) -> _Node:
        get = _TEXT[name]
        if operator == "~":
            return self.pattern_term(name, get)
        if operator not in {":", "=", "!="}:
            raise QuerySyntaxError(
                f"{name} is asked for with ':', '=', '!=' or '~'", start, self.at - start
            )
        values = [v for v, _, _ in self.values(f"expected a text after '{name}{operator}'")]
        folded = tuple(value.casefold() for value in values)
        shown = f"{name}{operator}{','.join(map(_quote_item, values))}"
        if operator == ":":
            if len(folded) == 1:
                only = folded[0]
                return _Node(lambda job, now: only in get(job).casefold(), shown)

            def has(job: Job, now: datetime) -> bool:
                text = get(job).casefold()
                return any(value in text for value in folded)

            return _Node(has, shown)
        if operator == "=":
            return _Node(lambda job, now: get(job).casefold() in folded, shown)
        return _Node(lambda job, now: get(job).casefold() not in folded, shown)

    def pattern_term(self, name: str, get: Callable[[Job], str]) -> _Node:
        from trainer_tui.query_pattern import LONGEST_SUBJECT, PatternError, compile_pattern

        start = self.at
        quoted = self.text[start : start + 1] in {'"', "'"} and start < len(self.text)
        pattern = self.quoted() if quoted else self.raw_pattern()
        if not pattern:
            raise QuerySyntaxError(
                f"expected a regular expression after '{name}~'", start, self.at - start
            )
        try:
            search = compile_pattern(pattern).search
        except PatternError as error:
            where = (start, self.at - start) if quoted else (start + error.position, 1)
            raise QuerySyntaxError(str(error), *where) from None
        return _Node(
            lambda job, now: search(get(job)[:LONGEST_SUBJECT]) is not None,
            f"{name}~{_quote(pattern)}",
        )

    # -- values --------------------------------------------------------------------------------

    def values(self, expected: str) -> list[tuple[str, int, int]]:
        """Comma-separated values with their position and length."""
        found = []
        while True:
            start = self.at
            if self.text[start : start + 1] in {'"', "'"} and start < len(self.text):
                value = self.quoted()
            else:
                word = _LIST_ITEM.match(self.text, start)
                value = word[0] if word else ""
                self.at = start + len(value)
            if not value:
                raise QuerySyntaxError(expected, start, self.at - start)
            found.append((value, start, self.at - start))
            if not self.text.startswith(",", self.at):
                return found
            self.at += 1

    def quoted(self) -> str:
        """A text in quotes; a backslash makes the quote or a backslash itself plain."""
        start = self.at
        quote = self.text[start]
        out: list[str] = []
        at = start + 1
        while at < len(self.text):
            char = self.text[at]
            if char == "\\" and self.text[at + 1 : at + 2] in {quote, "\\"}:
                out.append(self.text[at + 1])
                at += 2
                continue
            at += 1
            if char == quote:
                self.at = at
                return "".join(out)
            out.append(char)
        raise QuerySyntaxError("this quote is never closed", start, 1)

    def raw_pattern(self) -> str:
        """A pattern without quotes: up to a blank, or a ``)`` that it did not open itself."""
        start = at = self.at
        depth = 0
        while at < len(self.text) and not self.text[at].isspace():
            char = self.text[at]
            if char == "\\":
                at = min(at + 2, len(self.text))
                continue
            depth += (char == "(") - (char == ")")
            if depth < 0:
                break
            at += 1
        self.at = at
        return self.text[start:at]


def _bare(word: str) -> _Node:
    folded = word.casefold()

    def test(job: Job, now: datetime) -> bool:
        return (
            folded in job.name.casefold()
            or folded in job.ref.id.casefold()
            or folded in job.ref.profile.casefold()
        )

    plain = (
        _WORD.fullmatch(word)
        and word[0] not in "\"'"
        and not _FIELD.match(word)
        and not _KEYWORD.fullmatch(word)
    )
    return _Node(test, word if plain else _quote(word))


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _quote_item(text: str) -> str:
    plain = _LIST_ITEM.fullmatch(text) and text[0] not in "\"'"
    return text if plain else _quote(text)


EMPTY = Query("", _everything, "")
"""Lets everything pass."""


def resolve_ref(text: str, jobs: Iterable[Job]) -> Job:
    """The one job that a person means: ``profile/id``, a unique id prefix, or a unique name.

    A whole ref or id wins over a name, a name over a beginning of an id; ``profile/`` before an
    id prefix or a name looks in that profile only.

    Raises:
        NotFoundError: No job is called that.
        UsageError: Several are; the message lists them.
    """
    everything = list(jobs)
    if not text.strip():
        raise UsageError("expected a job: profile/id, the beginning of an id, or a name")
    profile, slash, rest = text.partition("/")
    inside = [job for job in everything if job.ref.profile == profile] if slash and rest else []
    tiers: Sequence[Callable[[], list[Job]]] = (
        lambda: [job for job in everything if str(job.ref) == text],
        lambda: [job for job in everything if job.ref.id == text],
        lambda: [job for job in everything if job.name == text],
        lambda: [job for job in inside if job.name == rest],
        lambda: [job for job in everything if job.name.casefold() == text.casefold()],
        lambda: [job for job in inside if job.ref.id.startswith(rest)],
        lambda: [job for job in everything if job.ref.id.startswith(text)],
    )
    for tier in tiers:
        found = tier()
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(text, found)
    raise _unknown(text, everything)


def _ambiguous(text: str, found: Sequence[Job]) -> UsageError:
    shown = [f"{job.ref} ({job.name}, {job.status})" for job in found[:8]]
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return UsageError(
        f"{text!r} could be {len(found)} jobs: {', '.join(shown)}{more}",
        hint="Say which, as profile/id.",
        code="AMBIGUOUS_REF",
    )


def _unknown(text: str, jobs: Sequence[Job]) -> NotFoundError:
    from difflib import get_close_matches

    known = [name for job in jobs for name in (job.name, str(job.ref))]
    near = get_close_matches(text, known, n=1, cutoff=0.6)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    return NotFoundError(
        f"no job is called {text!r}{guess}",
        hint="List them with: trainer-tui jobs --all. One made elsewhere: trainer-tui track.",
        code="JOB_NOT_FOUND",
    )


def ref_of(text: str) -> JobRef | None:
    """``profile/id`` as a ref, or ``None`` when it does not look like one."""
    try:
        return JobRef.parse(text)
    except ValueError:
        return None
