"""Finding things in a log: a pattern, errors and tracebacks, and what to colour in a line.

A :class:`Search` goes through a :class:`~trainer_tui.core.logs.LogBuffer` in slices, so that an
interface can answer between them, and later looks only at what was added.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Literal

from trainer_tui.core.logs import LogBuffer

SLICE = 10_000
"""Lines looked at before the interface gets its turn: 1 to 10 ms."""
_BLOCK = 256


class PatternError(ValueError):
    """A pattern cannot be used; the text says why, for the reader."""


def compile_pattern(text: str) -> re.Pattern[str]:
    """A regular expression with smart case: capitals in it make it case-sensitive.

    Raises:
        PatternError: It is not a regular expression, or one that can take for ever.
    """
    letters = re.sub(r"\\.", "", text)
    flags = re.IGNORECASE if letters == letters.lower() else 0
    try:
        pattern = re.compile(text, flags)
    except re.error as error:
        raise PatternError(str(error)) from None
    except (OverflowError, RecursionError):
        raise PatternError("the pattern is too large") from None
    if _ENDLESS.search(text):
        raise PatternError("a repeat inside a repeat can take for ever")
    return pattern


# (a+)+ and its like: a group that repeats something unbounded and is itself repeated.
_LITERAL = re.compile(r"[\w \"'#%&,/:;<=>@_`~!-]+", re.ASCII)
_ENDLESS = re.compile(r"\((?:[^()\\]|\\.)*[^\\][*+](?:[^()\\]|\\.)*\)(?:[*+]|\{\d+,\})")


class Search:
    """The lines of a log that match a pattern.

    ``hits`` holds their numbers, rising. The unfinished last line is never among them until it is
    finished: it may still change.
    """

    def __init__(self, buffer: LogBuffer, pattern: re.Pattern[str]) -> None:
        self.buffer = buffer
        self.pattern = pattern
        self.hits: list[int] = []
        self._seen = buffer.first
        literal = pattern.pattern if _LITERAL.fullmatch(pattern.pattern) else ""
        self._folds = bool(pattern.flags & re.IGNORECASE)
        self._needles: tuple[str, ...] = (literal,) if literal else ()

    @property
    def done(self) -> bool:
        """Whether every finished line has been looked at."""
        return self._seen >= self.buffer.last_closed

    def advance(self, count: int = SLICE) -> bool:
        """Look at up to ``count`` more lines; whether that found anything."""
        buffer = self.buffer
        self._seen = max(self._seen, buffer.first)
        lines = buffer.closed_lines(self._seen, count)
        before = len(self.hits)
        for index in range(0, len(lines), _BLOCK):
            block = lines[index : index + _BLOCK]
            if self._worth(block):
                self._look(block, self._seen + index)
        self._seen += len(lines)
        return len(self.hits) > before

    def _worth(self, block: list[str]) -> bool:
        """Whether a block of lines can hold a hit: plain searching is ten times as quick."""
        if not self._needles:
            return True
        text = "\n".join(block)
        if self._folds:
            if not text.isascii():
                return True
            text = text.lower()
        return any(needle in text for needle in self._needles)

    def _look(self, lines: list[str], start: int) -> None:
        search = self.pattern.search
        self.hits += [number for number, line in enumerate(lines, start) if search(line)]

    def reset(self) -> None:
        """The log began anew."""
        self.hits.clear()
        self._seen = self.buffer.first

    def drop(self) -> int:
        """Forget hits on lines that the log no longer holds; gives how many those were."""
        gone = bisect_left(self.hits, self.buffer.first)
        del self.hits[:gone]
        return gone

    def after(self, number: int) -> int | None:
        """The first hit below a line; past the last it goes round to the top."""
        if not self.hits:
            return None
        index = bisect_right(self.hits, number)
        return self.hits[index % len(self.hits)]

    def before(self, number: int) -> int | None:
        """The last hit above a line; past the first it goes round to the end."""
        if not self.hits:
            return None
        return self.hits[bisect_left(self.hits, number) - 1]

    def position(self, number: int) -> int:
        """Which hit a line is, counted from 1; 0 when it is none."""
        index = bisect_left(self.hits, number)
        found = index < len(self.hits) and self.hits[index] == number
        return index + 1 if found else 0


_TRACEBACK = "Traceback (most recent call last)"
_ERROR = re.compile(
    r"Traceback \(most recent call last\)"
    r"|\b(?:ERROR|CRITICAL|FATAL|Error|Exception|panic(?:ked)?|Segmentation fault|Killed)\b"
    r"|\b[A-Z]\w*(?:Error|Exception)\b"
    r"|\b(?:error|fatal|out of memory)\b:?(?! ?[=:]? ?0\b)"
)


# Every match of _ERROR holds one of these.
_ERROR_NEEDLES = (
    *("Traceback", "rror", "ERROR", "CRITICAL", "FATAL", "fatal", "xception", "panic"),
    *("egmentation", "Killed", "ut of memory"),
)


class ErrorSearch(Search):
    """The lines where an error begins; a traceback counts once, at its first line."""

    def __init__(self, buffer: LogBuffer) -> None:
        super().__init__(buffer, _ERROR)
        self._needles = _ERROR_NEEDLES
        self._inside = False

    def _worth(self, block: list[str]) -> bool:
        return self._inside or super()._worth(block)

    def reset(self) -> None:
        """The log began anew."""
        super().reset()
        self._inside = False

    def _look(self, lines: list[str], start: int) -> None:
        for number, line in enumerate(lines, start):
            if self._inside:
                # Frames are indented; the first line that is not is the error itself.
                if line.startswith((" ", "\t")) or not line:
                    continue
                self._inside = False
                if _TRACEBACK not in line:
                    continue
            if self.pattern.search(line) and not self.buffer.is_note(number):
                self.hits.append(number)
                self._inside = _TRACEBACK in line


Token = Literal["error", "warning", "info", "debug", "number", "time", "frame", "path"]

_LEXER = re.compile(
    r"(?P<time>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|(?<![\d:.])\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d+)?(?![\d:]))"
    r"|(?P<error>\b(?:ERROR|CRITICAL|FATAL|Traceback(?= \()|[A-Z]\w*(?:Error|Exception)|Killed"
    r"|error(?=:))\b)"
    r"|(?P<warning>\b(?:WARN(?:ING)?|[A-Z]\w*Warning|warning(?=:))\b)"
    r"|(?P<info>\b(?:INFO|NOTICE)\b)"
    r"|(?P<debug>\b(?:DEBUG|TRACE)\b)"
    r"|(?P<number>(?<![\w.])[-+]?(?:\d+(?:[,_]\d{3})*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    r"(?:%|(?:[kMGT]i?B?|B|s|ms|it|h|m)(?:/(?:s|it))?)?(?![\w.]*\w)"
    r"|(?<!\w)nan(?!\w)|(?<!\w)inf(?!\w))"
)
_FRAME = re.compile(r'\s+File "([^"]+)", line (\d+)')


def tokens(text: str) -> list[tuple[int, int, Token]]:
    """The parts of a line that are coloured lightly: start, end (exclusive), what it is."""
    if frame := _FRAME.match(text):
        return [(0, frame.start(1), "frame"), (*frame.span(1), "path"), (*frame.span(2), "number")]
    return [
        (match.start(), match.end(), match.lastgroup)  # type: ignore[misc]
        for match in _LEXER.finditer(text)
    ]
