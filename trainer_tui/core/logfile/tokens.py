"""What to colour lightly in a line of a log: times, levels, numbers, a traceback's frames."""

from __future__ import annotations

import re
from typing import Literal

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
