"""The letters of the filter language: words, quotes, lists, and what a mistake is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from trainer_tui.errors import UsageError
from trainer_tui.model import Job

Match = Callable[[Job, datetime], bool]

FIELD = re.compile(r"([A-Za-z_]+)(!=|<=|>=|[:=<>~])")
WORD = re.compile(r"[^\s()]+")
LIST_ITEM = re.compile(r"[^\s(),]+")
KEYWORD = re.compile(r"(and|or|not)(?=[\s()]|$)", re.IGNORECASE)


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
class Node:
    """A part of a filter: what it lets pass, and its plainest spelling."""

    match: Match
    text: str
    binds: int = 2
    """2: a term or ``not``; 1: terms joined by and; 0: joined by or."""


@dataclass(frozen=True, slots=True)
class Named:
    """A profile or a provider that a filter names."""

    field: str
    """``profile`` or ``provider``."""
    operator: str
    """``:`` for a part of the name, ``=`` or ``!=`` for the whole."""
    value: str
    position: int
    length: int

    def means(self, name: str) -> bool:
        """Whether the name is one that it speaks of."""
        mine, other = self.value.casefold(), name.casefold()
        return mine in other if self.operator == ":" else mine == other


class Scanner:
    """A filter's text and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.named: list[Named] = []

    def keyword(self, word: str) -> bool:
        """Whether ``and``, ``or`` or ``not`` comes next; it is read then."""
        self.blank()
        found = KEYWORD.match(self.text, self.at)
        if found is None or found[1].lower() != word:
            return False
        self.at = found.end()
        return True

    def blank(self) -> None:
        """Read over blanks."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def values(self, expected: str) -> list[tuple[str, int, int]]:
        """Comma-separated values with their position and length."""
        found = []
        while True:
            start = self.at
            if self.text[start : start + 1] in {'"', "'"} and start < len(self.text):
                value = self.quoted()
            else:
                word = LIST_ITEM.match(self.text, start)
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


def quote(text: str) -> str:
    """A text in quotes, so that it reads back as itself."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def quote_item(text: str) -> str:
    """A value of a list, in quotes where it needs them."""
    plain = LIST_ITEM.fullmatch(text) and text[0] not in "\"'"
    return text if plain else quote(text)
