"""The terms of the filter language: a word, or a field compared with something."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from trainer_tui.config_problem import did_you_mean
from trainer_tui.model import Job, Status
from trainer_tui.query_text import (
    FIELD,
    KEYWORD,
    WORD,
    Named,
    Node,
    QuerySyntaxError,
    Scanner,
    quote,
    quote_item,
)

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

_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?\Z", re.IGNORECASE)
_SPANS = re.compile(r"(\d+(?:\.\d+)?[smhdw])+\Z", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.IGNORECASE)


class Terms(Scanner):
    """Reads one term at a time."""

    def term(self) -> Node:
        """The next word or field. Raises QuerySyntaxError."""
        start = self.at
        if start == len(self.text):
            raise QuerySyntaxError("expected a word or a term such as status:running", start)
        found = KEYWORD.match(self.text, start)
        if found is not None or self.text[start] == ")":
            length = len(found[0]) if found else 1
            raise QuerySyntaxError(
                f"expected a word or a term before {self.text[start : start + length]!r}",
                start,
                length,
            )
        if self.text[start] in "\"'":
            return _bare(self.quoted())
        named = FIELD.match(self.text, start)
        if named is not None and self.known_field(named):
            self.at = named.end()
            return self.field_term(named[1].lower(), named[2], named.start())
        word = WORD.match(self.text, start)
        assert word is not None
        self.at = word.end()
        return _bare(word[0])

    def known_field(self, named: re.Match[str]) -> bool:
        """Whether ``word:`` names a field; names of jobs may hold a colon themselves."""
        name = named[1].lower()
        if name in FIELDS:
            return True
        near = did_you_mean(name, FIELDS, cutoff=0.7)
        if not near and named[2] in {":", "="}:
            return False
        known = near or f": there are {', '.join(FIELDS)}"
        raise QuerySyntaxError(
            f"no field is called {named[1]!r}{known}", named.start(), len(named[1])
        )

    def field_term(self, name: str, operator: str, start: int) -> Node:
        if name == "status":
            return self.status_term(operator, start)
        if name in _TEXT:
            return self.text_term(name, operator, start)
        if operator == "~" or (name == "age" and operator in {":", "=", "!="}):
            use = "<, <=, >, >=" + ("" if name == "age" else ", =, !=")
            raise QuerySyntaxError(f"{name} is compared with {use}", start, self.at - start)
        value_at = self.at
        found = WORD.match(self.text, value_at)
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

        return Node(test, f"{name}{operator}{number}")

    def age_term(self, operator: str, raw: str, value_at: int) -> Node:
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

        return Node(test, f"age{operator}{raw.lower()}")

    def status_term(self, operator: str, start: int) -> Node:
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
                known = did_you_mean(name, words, cutoff=0.5) or f": there are {', '.join(words)}"
                raise QuerySyntaxError(f"no status is called {value!r}{known}", position, length)
            wanted |= GROUPS.get(name) or {Status(name)}
            names.append(name)
        found = frozenset(wanted)
        shown = f"status{operator}{','.join(names)}"
        if operator == "!=":
            return Node(lambda job, now: job.status not in found, shown)
        return Node(lambda job, now: job.status in found, shown)

    def text_term(self, name: str, operator: str, start: int) -> Node:
        get = _TEXT[name]
        if operator == "~":
            return self.pattern_term(name, get)
        if operator not in {":", "=", "!="}:
            raise QuerySyntaxError(
                f"{name} is asked for with ':', '=', '!=' or '~'", start, self.at - start
            )
        told = self.values(f"expected a text after '{name}{operator}'")
        if name in {"profile", "provider"}:
            self.named += [Named(name, operator, *each) for each in told]
        values = [value for value, _, _ in told]
        folded = tuple(value.casefold() for value in values)
        shown = f"{name}{operator}{','.join(map(quote_item, values))}"
        if operator == ":":
            if len(folded) == 1:
                only = folded[0]
                return Node(lambda job, now: only in get(job).casefold(), shown)

            def has(job: Job, now: datetime) -> bool:
                text = get(job).casefold()
                return any(value in text for value in folded)

            return Node(has, shown)
        if operator == "=":
            return Node(lambda job, now: get(job).casefold() in folded, shown)
        return Node(lambda job, now: get(job).casefold() not in folded, shown)

    def pattern_term(self, name: str, get: Callable[[Job], str]) -> Node:
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
        return Node(
            lambda job, now: search(get(job)[:LONGEST_SUBJECT]) is not None,
            f"{name}~{quote(pattern)}",
        )


def _bare(word: str) -> Node:
    folded = word.casefold()

    def test(job: Job, now: datetime) -> bool:
        return (
            folded in job.name.casefold()
            or folded in job.ref.id.casefold()
            or folded in job.ref.profile.casefold()
        )

    plain = (
        WORD.fullmatch(word)
        and word[0] not in "\"'"
        and not FIELD.match(word)
        and not KEYWORD.fullmatch(word)
    )
    return Node(test, word if plain else quote(word))
