"""A YAML parser's error in plain words, where a person must look, with a change that mends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from trainer_tui.core.yamlconfig.pairs import line_end, newline
from trainer_tui.core.yamlconfig.parse import Document, parse
from trainer_tui.core.yamlconfig.problems import Edit, Problem
from trainer_tui.sanitize import line as clean

_MAX_TRIED = 100_000
"""Characters of a text in which changes are tried: each means to read all of it again."""

# Behind a key or a dash, a bracketed word and then more text.
_BRACKETED = re.compile(r"[ ]*(?:- +|[\w.-]+: +)+(\[\w+\][ \t]+[^\s#,\]}][^\r\n]{0,500})")
_PLAIN_WORDS = {
    "mapping values are not allowed in this context": (
        "a second ': ' in one line, or a line that is indented too far",
        "quote the value, or put the key on the column of its neighbours",
    ),
    "could not find expected ':'": ("the line before is a key without ':'", "add ':' to the key"),
    "did not find expected key": (
        "this line fits neither the block above nor the one around it",
        "put it on the column of the keys that it belongs to",
    ),
    "did not find expected '-' indicator": (
        "a list item was expected here",
        "begin the line with '- ' on the column of the list, or move it out of the list",
    ),
    "did not find expected ',' or ']'": ("the '[' is never closed", "add ']'"),
    "did not find expected ',' or '}'": ("the '{' is never closed", "add '}'"),
    "found unexpected end of stream": ("the quote is never closed", "add the closing quote"),
    "did not find expected node content": ("a value was expected here", None),
    "found unknown escape character": (
        "a backslash in double quotes begins an escape, and there is none like this",
        "double the backslash, or use single quotes",
    ),
    "did not find expected <document start>": (
        "the text goes on after the document has ended",
        "put it on the column of the keys that it belongs to",
    ),
    "block sequence entries are not allowed in this context": (
        "a list cannot begin here",
        "put '- ' on a line of its own",
    ),
}


def explained(document: Document, error: Any, shift: int, *, mend: bool = True) -> Problem:
    """A parser's error as a problem.

    Args:
        document: The text that it was found in.
        error: PyYAML's.
        shift: What its places lack: 1 where a byte-order mark was dropped, else 0.
        mend: Look for a change that puts it right, and try it.
    """
    text = document.text
    problem = str(getattr(error, "problem", None) or error)
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None)
    offset = min(len(text), (mark.index if mark is not None else 0) + shift)
    tail = text[offset : offset + 1]
    words, fix = _PLAIN_WORDS.get(problem, (problem, None))
    code = "yaml-syntax"
    bracket = _bracketed(document, offset)
    if bracket is not None:
        problem, offset = "bracket", bracket[0]
        words, fix = "text that begins with '[' is read as a list", "put it all in quotes"
    elif tail == "\t" and ("cannot start any token" in problem or "tab character" in problem):
        problem = code = "yaml-tab"
        words, fix = "a tab cannot indent YAML", "use spaces"
    elif problem == "found character that cannot start any token":
        words = f"a value cannot begin with '{clean(tail)}'"
        fix = "put the value in quotes"
    elif problem == "found undefined alias":
        code = "yaml-alias"
    elif context is not None and (
        "never closed" in words or problem in ("could not find expected ':'",)
    ):
        # The opening is what must be looked at, not the end of the file where it was noticed.
        offset = min(len(text), context.index + shift)
        if problem == "could not find expected ':'":
            name = clean(text[offset:].split("\n", 1)[0], limit=40)
            words = f"'{name}' is a key without ':'"
    elif offset >= len(text) and text.strip():
        offset = len(text.rstrip())
    place = document.lines.place(offset)
    edit = _mended(document, problem, offset) if mend and len(text) <= _MAX_TRIED else None
    return Problem("error", code, *place, clean(words), fix, 1, edit)


def _mended(document: Document, problem: str, offset: int) -> Edit | None:
    """The first change that makes the text readable at least beyond this line."""
    line = document.lines.place(offset)[0]
    for edit in _candidates(document, problem, offset):
        again = parse(edit.apply(document.text), mend=False)
        if not again.broken or again.problems[-1].line > line + edit.text.count("\n"):
            return edit
    return None


def _candidates(document: Document, problem: str, offset: int) -> Iterator[Edit]:
    text = document.text
    line = document.lines.place(offset)[0]
    start, end = document.lines.starts[line - 1], line_end(text, offset)
    if problem == "yaml-tab":
        yield _spaced(document, line)
        yield from _shifted(document, line)
    elif problem in ("bracket", "found character that cannot start any token"):
        yield _quoted(text, offset, end)
    elif problem == "mapping values are not allowed in this context":
        match = re.compile(r"[ ]*(?:- +)*[^\s:#'\"\[{][^:#\r\n]*: +(?=[^'\"\s])").match(text, start)
        if match:
            yield _quoted(text, match.end(), end)
        yield from _shifted(document, line)
    elif problem == "could not find expected ':'":
        at = start + len(text[start:end].rstrip())
        yield Edit(at, at, ":")
    elif problem in ("did not find expected key", "did not find expected <document start>"):
        yield from _shifted(document, line)
    elif "never closed" in _PLAIN_WORDS.get(problem, ("",))[0]:
        close = {"[": "]", "{": "}"}.get(text[offset : offset + 1], text[offset : offset + 1])
        at = start + len(_without_remark(text[start:end]))
        yield Edit(at, at, close)
        at = len(text.rstrip())
        yield Edit(at, at, close)
    elif problem == "found unknown escape character":
        yield Edit(offset, offset, "\\")
    elif problem == "block sequence entries are not allowed in this context":
        at = start + len(text[start:offset].rstrip())
        indent = len(text[start:end]) - len(text[start:end].lstrip(" "))
        yield Edit(at, offset, newline(text) + " " * (indent + 2))


def _quoted(text: str, start: int, end: int) -> Edit:
    """A value up to the end of its line, less a remark, put in quotes."""
    value = _without_remark(text[start:end])
    plain = not re.search(r'["\\]', value)
    shown = f'"{value}"' if plain else "'" + value.replace("'", "''") + "'"
    return Edit(start, start + len(value), shown)


def _without_remark(words: str) -> str:
    remark = re.search(r"\s#", words)
    return words[: remark.start() if remark else len(words)].rstrip()


def _shifted(document: Document, line: int) -> Iterator[Edit]:
    """A line on the column of one of those above it, the nearest first."""
    text, starts = document.text, document.lines.starts
    start = starts[line - 1]
    words = text[start : line_end(text, start)]
    own = len(words) - len(words.lstrip(" \t"))
    above: dict[int, None] = {}
    for number in range(line - 1, max(0, line - 40), -1):
        words = text[starts[number - 1] : starts[number]]
        if words.strip() and not words.lstrip().startswith("#"):
            above.setdefault(len(words) - len(words.lstrip(" ")))
            above.setdefault(len(words) - len(words.lstrip(" -")))
    for column in sorted(above, key=lambda c: abs(c - own))[:4]:
        if column != own:
            yield Edit(start, start + own, " " * column)


def _spaced(document: Document, line: int) -> Edit:
    """Two spaces for each tab that this line and those right below it begin with."""
    text, starts = document.text, document.lines.starts
    out, last = [], line
    for number in range(line, len(starts) + 1):
        end = starts[number] if number < len(starts) else len(text)
        words = text[starts[number - 1] : end]
        rest = words.lstrip(" \t")
        indent = words[: len(words) - len(rest)]
        if "\t" not in indent:
            break
        out.append(indent.replace("\t", "  ") + rest)
        last = number
    end = starts[last] if last < len(starts) else len(text)
    return Edit(starts[line - 1], end, "".join(out))


def _bracketed(document: Document, offset: int) -> tuple[int, int] | None:
    """Where a value like ``[trigger] holding a sign`` stands, on the line of an error or before."""
    line = document.lines.place(offset)[0]
    for number in (line, line - 1):
        if number < 1:
            continue
        start = document.lines.starts[number - 1]
        match = _BRACKETED.match(document.text, start)
        if match:
            return match.start(1), match.end(1)
    return None
