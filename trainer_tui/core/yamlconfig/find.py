"""Finding and replacing in a text, line by line: a search never spans lines."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from trainer_tui.errors import UsageError

MAX_PATTERN = 1_000
_MOST = 20_000
_LONGEST = 10_000
"""Characters of a line that are looked at."""

_PATIENCE = 0.5
"""Seconds that a search may take. An expression can take for ever on a line of some letters."""

Hit = tuple[int, int, int]
"""Row (from 0), first column, column after the last."""


@contextmanager
def _patience() -> Iterator[None]:
    """Ends a regular expression that takes too long: between its steps Python looks for signals.

    Where there are no such signals, or on another thread than the first, it runs as long as it
    runs.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise UsageError("the expression takes too long")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True, slots=True)
class Finder:
    """What is looked for."""

    pattern: re.Pattern[str]
    regex: bool

    def hits(self, lines: Sequence[str]) -> list[Hit]:
        """All places, in order; an empty match is none.

        Raises:
            UsageError: It takes too long.
        """
        if not self.regex:
            return self._hits(lines)
        with _patience():
            return self._hits(lines)

    def _hits(self, lines: Sequence[str]) -> list[Hit]:
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
        """The places in one line; none where that takes too long."""
        try:
            return tuple((first, last) for _, first, last in self.hits([line]))
        except UsageError:
            return ()

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
        UsageError: It is no regular expression, or one too long.
    """
    if not text:
        return None
    if len(text) > MAX_PATTERN:
        raise UsageError("the pattern is too long")
    letters = re.sub(r"\\.", "", text) if regex else text
    flags = re.IGNORECASE if letters == letters.lower() else 0
    if not regex:
        return Finder(re.compile(re.escape(text), flags), False)
    try:
        return Finder(re.compile(text, flags), True)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{error}") from None
