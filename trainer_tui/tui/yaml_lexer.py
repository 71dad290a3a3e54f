"""YAML coloured line by line: pure, and cheap enough to colour only what is seen.

A line is coloured from its text and a small state that the line before left (inside a block
text, inside a quote). So a key press colours the lines on the screen and no more, however long
the config is; a grammar that reads the whole text again costs more than the key press itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainer_tui.core.yamlconfig import plain_kind

Span = tuple[int, int, str]
"""Start, end, and what it is: one of the names in :data:`COLOURS`."""

COLOURS = {
    "key": "accent",
    "string": "success",
    "number": "chart-2",
    "constant": "chart-5",
    "comment": "text-faint",
    "punctuation": "text-muted",
    "anchor": "chart-3",
    "plain": "foreground",
}
"""What it is → theme variable."""


@dataclass(frozen=True, slots=True)
class State:
    """What the next line begins inside of."""

    quote: str = ""
    """``'`` or ``"`` of a quoted text that goes on."""
    block: int = -1
    """Lines indented by more than this belong to a block text."""
    flow: int = 0
    """Open brackets."""


START = State()

_INDENT = re.compile(r"[ \t]*")
_DASH = re.compile(r"-(?=[ \t]|$)[ \t]*")
_KEY = re.compile(
    r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^\s#,\[\]{}'\"&*!|>%@`?-][^#:\[\]{},]*?"
    r"|[-?][^\s#:\[\]{},][^#:\[\]{},]*?)[ \t]*(?=:(?:[ \t]|$))"
)
_COMMENT = re.compile(r"(?:(?<=[ \t])|^)#.*$")
_BLOCK = re.compile(r"[|>][-+0-9]{0,2}(?=[ \t]*(?:#.*)?$)")
_ANCHOR = re.compile(r"[&*!][^\s,\[\]{}]*")
_DOUBLE = re.compile(r"(?:[^\"\\]|\\.|\\$)*")
_SINGLE = re.compile(r"(?:[^']|'')*")
_PLAIN = re.compile(r"(?:[^\s#:]|:(?![ \t]|$)|(?<![ \t])#|[ \t]+(?![#\s]))+")
_PLAIN_FLOW = re.compile(r"(?:[^\s#:,\[\]{}]|:(?![ \t,\[\]{}]|$)|(?<![ \t])#|[ \t]+(?![#\s]))+")
_MARKER = re.compile(r"(?:---|\.\.\.)(?=\s|$)|%.*$")


def lex(line: str, state: State = START) -> tuple[list[Span], State]:
    """The coloured parts of a line, in order, and the state that the next line begins in."""
    spans: list[Span] = []
    indent = _INDENT.match(line)
    at = indent.end() if indent else 0
    if state.block >= 0:
        if at == len(line) or at > state.block:
            return ([(at, len(line), "string")] if at < len(line) else []), state
        state = State(flow=state.flow)
    if state.quote:
        end, closed = _quoted(line, 0, state.quote)
        spans.append((0, end, "string"))
        if not closed:
            return spans, state
        at, state = end, State(flow=state.flow)
    elif at == 0 and (marker := _MARKER.match(line)):
        spans.append((0, marker.end(), "punctuation"))
        at = marker.end()
    parent = at - 1
    flow = state.flow
    while at < len(line):
        character = line[at]
        if character in " \t":
            at += 1
        elif character == "#" and (found := _COMMENT.match(line, at)):
            spans.append((at, found.end(), "comment"))
            at = found.end()
        elif not flow and (found := _DASH.match(line, at)):
            spans.append((at, at + 1, "punctuation"))
            parent, at = at, found.end()
        elif key := _KEY.match(line, at):
            spans.append((at, key.end(), "key"))
            spans.append((key.end(), key.end() + 1, "punctuation"))
            parent, at = (parent if flow else at), key.end() + 1
        elif character in "[{":
            flow += 1
            spans.append((at, at + 1, "punctuation"))
            at += 1
        elif character in "]},:?":
            flow = max(0, flow - 1) if character in "]}" else flow
            spans.append((at, at + 1, "punctuation"))
            at += 1
        elif character in "'\"":
            end, closed = _quoted(line, at + 1, character)
            spans.append((at, end, "string"))
            if not closed:
                return spans, State(quote=character, flow=flow)
            at = end
        elif not flow and (found := _BLOCK.match(line, at)):
            spans.append((at, found.end(), "punctuation"))
            if comment := _COMMENT.search(line, found.end()):
                spans.append((comment.start(), comment.end(), "comment"))
            return spans, State(block=max(0, parent))
        elif character in "&*!" and (found := _ANCHOR.match(line, at)):
            spans.append((at, found.end(), "anchor"))
            at = found.end()
        else:
            found = (_PLAIN_FLOW if flow else _PLAIN).match(line, at)
            end = max(found.end() if found else at + 1, at + 1)
            kind = plain_kind(line[at:end].rstrip())
            name = {"int": "number", "float": "number", "bool": "constant", "null": "constant"}
            spans.append((at, end, name.get(kind, "plain")))
            at = end
    return spans, State(flow=flow)


def _quoted(line: str, start: int, quote: str) -> tuple[int, bool]:
    match = (_DOUBLE if quote == '"' else _SINGLE).match(line, start)
    end = match.end() if match else start
    if end < len(line):
        return end + 1, True
    return len(line), False


_PLAINLY = re.compile(r"['\"|>\[\]{}%-]")
"""A line without any of these leaves the state that it found, if that is the first one."""


def after(line: str, state: State) -> State:
    """The state that a line leaves; quick for most lines."""
    if state is START and not _PLAINLY.search(line):
        return START
    left = lex(line, state)[1]
    return START if left == START else left


class Lexed:
    """The states of a text's lines, worked out as far down as they are asked for.

    After an edit the states below it are kept and taken again as soon as a line leaves the same
    state as before, so that an edit at the top costs nothing at the bottom.
    """

    def __init__(self) -> None:
        self._states: list[State] = [START]  # what each row begins in
        self._good = 0  # up to this row they are right
        self._touched = 0  # up to this row lines, or what they begin in, have changed since
        self._kept = 0  # up to this row they were right before

    def changed(self, top: int, bottom: int = -1, now: int = -1) -> None:
        """Rows from ``top`` to ``bottom`` have become rows ``top`` to ``now``."""
        states = self._states
        bottom, now = max(top, bottom), max(top, now)
        if top >= len(states) - 1:
            return
        dirty = self._good < self._kept
        if bottom + 1 >= len(states):
            del states[top + 1 :]
            self._kept = min(self._kept, top)
        else:
            states[top + 1 : bottom + 1] = [START] * (now - top)
            shift = now - bottom
            self._kept = self._kept + shift if self._kept > bottom else min(self._kept, top)
            if dirty and self._touched >= bottom:
                now = self._touched + shift
        self._touched = max(now, self._touched) if dirty and self._touched <= top else now
        self._good = min(self._good, top)

    def spans(self, lines: Sequence[str], row: int) -> list[Span]:
        """The coloured parts of one row."""
        return lex(lines[row], self.state(lines, row))[0]

    def state(self, lines: Sequence[str], row: int) -> State:
        """What a row begins in."""
        states = self._states
        while self._good < row:
            at = self._good
            left = after(lines[at], states[at])
            if at + 1 == len(states):
                states.append(left)
                self._good = self._kept = at + 1
            elif at + 1 <= self._kept and at >= self._touched and states[at + 1] == left:
                self._good = self._kept
            else:
                states[at + 1] = left
                self._good = at + 1
                self._kept = max(self._kept, at + 1)
                self._touched = max(self._touched, at + 1)  # the row below began otherwise
        return states[row]


_PICTURES = {code: 0x2400 + code for code in range(0x20) if code != 0x09} | {0x7F: 0x2421}
_HIDDEN = dict.fromkeys(
    [
        *range(0x80, 0xA0),
        0x061C,
        0x200E,
        0x200F,
        0x2028,
        0x2029,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0xFEFF,
        *range(0xD800, 0xE000),
    ],
    0xFFFD,
)
_VISIBLE = _PICTURES | _HIDDEN


def visible(line: str) -> str:
    """A line with whatever a terminal would act on shown as a symbol; as long as it was."""
    return line if line.isascii() and line.isprintable() else line.translate(_VISIBLE)
