"""Finding and replacing in a text, line by line: a search never spans lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainer_tui.errors import UsageError

MAX_PATTERN = 1_000
_MOST = 20_000
_LONGEST = 10_000
"""Characters of a line that are looked at."""
_NESTED = re.compile(r"\((?:[^()\\]|\\.)*[+*}](?:[^()\\]|\\.)*\)\??[+*{]")

Hit = tuple[int, int, int]
"""Row (from 0), first column, column after the last."""


@dataclass(frozen=True, slots=True)
class Finder:
    """What is looked for."""

    pattern: re.Pattern[str]
    regex: bool

    def hits(self, lines: Sequence[str]) -> list[Hit]:
        """All places, in order; an empty match is none."""
        found: list[Hit] = []
        search = self.pattern.finditer
        for row, line in enumerate(lines):
            for match in search(line[:_LONGEST]):
                if match.end() > match.start():
                    found.append((row, match.start(), match.end()))
            if len(found) > _MOST:
                break
        return found

    def row(self, line: str) -> tuple[tuple[int, int], ...]:
        """The places in one line."""
        matches = self.pattern.finditer(line[:_LONGEST])
        return tuple(match.span() for match in matches if match.end() > match.start())

    def replaced(self, line: str, start: int, end: int, text: str) -> str | None:
        """What takes the place of a hit; ``None`` where there is none.

        Raises:
            UsageError: The replacement names a group that the pattern does not have.
        """
        match = self.pattern.match(line, start)
        if match is None or match.end() != end:
            return None
        return self._expanded(match, text)

    def replaced_all(self, line: str, text: str) -> str:
        """A line with each hit replaced.

        Raises:
            UsageError: As above.
        """
        out: list[str] = []
        at = 0
        for match in self.pattern.finditer(line[:_LONGEST]):
            if match.end() > match.start():
                out += (line[at : match.start()], self._expanded(match, text))
                at = match.end()
        return "".join([*out, line[at:]])

    def _expanded(self, match: re.Match[str], text: str) -> str:
        if not self.regex:
            return text
        try:
            return match.expand(text)
        except (re.error, IndexError) as error:
            raise UsageError(f"the replacement: {error}") from None


def finder(text: str, *, regex: bool = False) -> Finder | None:
    """What is typed to search for; small letters find capitals too. ``None`` for nothing.

    Raises:
        UsageError: It is no regular expression, or one that could take for ever.
    """
    if not text:
        return None
    if len(text) > MAX_PATTERN:
        raise UsageError("the pattern is too long")
    letters = re.sub(r"\\.", "", text) if regex else text
    flags = re.IGNORECASE if letters == letters.lower() else 0
    if not regex:
        return Finder(re.compile(re.escape(text), flags), False)
    if _NESTED.search(text):
        raise UsageError("repetition inside of repetition could take for ever")
    try:
        return Finder(re.compile(text, flags), True)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{error}") from None
