"""A job's log as lines that are safe to show.

:class:`LogBuffer` takes the raw text of a log in pieces of any size and keeps clean lines:

* ``\\r`` collapses a line to its last state, so a progress bar is one line however often it moved;
* colours (SGR) are kept as spans beside the text, every other escape sequence is dropped;
* tabs are expanded, other control and bidirectional characters become ``\\ufffd``;
* a line longer than :data:`MAX_LINE` is cut and says by how much;
* beyond :data:`MAX_LINES` the oldest lines go and a note in their place says how many.

How the text was cut into pieces makes no difference: an escape sequence, a carriage return or a
line that is split over two pieces gives what it would have given in one.

Lines have numbers that never change: the first line of the log is 0, and ``first`` grows when old
lines are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from trainer_tui.model import LogChunk

MAX_LINES = 200_000
"""Lines kept; about 50 MB of a usual training log."""
MAX_LINE = 16_384
"""Characters of one line kept for display."""
TAB = 8

# C0 but newline, DEL, C1, bidi controls, line separators, surrogates: see trainer_tui.sanitize.
_SPECIAL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)
_ASCII_SPECIAL = bytes(b for b in range(0x20) if b != 0x0A) + b"\x7f"
# One line is cut into these: an escape sequence (CSI, string, two bytes; a string ends at the
# line's end at the latest), one special character, or a stretch of plain text.
_TOKEN = re.compile(
    r"(?P<csi>(?:\x1b\[|\x9b)(?P<args>[0-?]*)[ -/]*(?P<final>[@-~])?)"
    r"|(?P<string>(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\r]*"
    r"(?P<end>\x07|\x1b\\|\x9c)?)"
    r"|(?P<escape>\x1b[ -/]*(?P<last>[0-Z\\^-~])?)"
    r"|(?P<special>" + _SPECIAL.pattern + r")"
    r"|(?P<plain>[^" + _SPECIAL.pattern[1:-1] + r"]+)"
)
# An escape sequence that has not ended yet is held back; beyond this it is held in short.
_HELD = 512
_DROPPED = "\x07\x08"  # a bell and a backspace leave nothing behind

Colour = int | tuple[int, int, int] | None
"""One of the 256 colours, red-green-blue, or the terminal's own."""


class Sgr(NamedTuple):
    """How the trainer asked some text to be shown."""

    foreground: Colour = None
    background: Colour = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


PLAIN = Sgr()
Span = tuple[int, int, Sgr]
"""Start and end (exclusive) in a line's text, and the look."""


@dataclass(frozen=True, slots=True)
class Change:
    """What feeding a piece did, for a view that repaints only that."""

    first_changed: int
    """Number of the first line that is new or differs; lines before it are as they were."""
    dropped: int = 0
    """Lines that went at the top."""
    reset: bool = False
    """Everything is new."""


class LogBuffer:
    """The lines of one log; see the module's text.

    Args:
        max_lines: Lines kept.
        max_line: Characters kept of one line.
    """

    def __init__(self, max_lines: int = MAX_LINES, max_line: int = MAX_LINE) -> None:
        self.max_lines = max(2, max_lines)
        self.max_line = max_line
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.first = 0
        self.complete = False
        self.next_offset: int | None = None
        """Where the next piece should begin in the provider's log; ``None`` before the first."""
        self._lines: list[str] = []
        self._spans: dict[int, tuple[Span, ...]] = {}
        self._notes: dict[int, str] = {}
        self._gone = 0
        self._held = ""
        self._look = PLAIN
        self._now = _Segment()
        self._before: _Segment | None = None

    # Reading

    def __len__(self) -> int:
        """Lines held, the unfinished last one included."""
        return len(self._lines) + self._open

    @property
    def end(self) -> int:
        """One past the number of the last line."""
        return self.first + len(self)

    @property
    def _open(self) -> bool:
        return bool(self._now.text or (self._before and self._before.text))

    @property
    def last_closed(self) -> int:
        """One past the number of the last line that can no longer change."""
        return self.first + len(self._lines)

    def line(self, number: int) -> str:
        """The text of a line. Raises IndexError outside ``first`` … ``end - 1``."""
        index = number - self.first
        if 0 <= index < len(self._lines):
            return self._lines[index]
        if index == len(self._lines) and self._open:
            return self._shown().finish(self.max_line)
        raise IndexError(number)

    def spans(self, number: int) -> tuple[Span, ...]:
        """The coloured parts of a line, in order, without overlap."""
        if number == self.last_closed and self._open:
            return tuple(self._shown().spans)
        return self._spans.get(number, ())

    def is_note(self, number: int) -> bool:
        """Whether the line is our own remark (a gap, dropped lines), not the log's."""
        return number in self._notes

    def closed_lines(self, start: int, count: int) -> list[str]:
        """Up to ``count`` finished lines from number ``start`` on, for a search to go through."""
        index = max(0, start - self.first)
        return self._lines[index : index + count]

    def text(self, start: int | None = None, stop: int | None = None) -> str:
        """Lines ``start`` … ``stop - 1`` as text, each with its newline."""
        start = self.first if start is None else max(start, self.first)
        stop = self.end if stop is None else min(stop, self.end)
        return "".join(f"{self.line(number)}\n" for number in range(start, stop))

    # Writing

    def feed_chunk(self, chunk: LogChunk) -> Change:
        """Take a piece as the provider gave it: starts anew, marks gaps, skips what is known."""
        reset = chunk.reset
        if reset:
            self.clear()
        text, before = chunk.text, self.last_closed
        expected = self.next_offset
        noted = chunk.offset > (expected or 0)
        if expected is None:
            if chunk.offset > 0:
                self._note(f"the log begins {chunk.offset:,} bytes earlier")
        elif chunk.offset > expected:
            self._note(f"{chunk.offset - expected:,} bytes of the log are missing here")
        elif chunk.offset < expected:
            data = text.encode("utf-8", "surrogatepass")
            text = data[expected - chunk.offset :].decode("utf-8", "replace")
        self.next_offset = max(chunk.next_offset, expected or 0)
        change = self.feed(text)
        if chunk.complete and not self.complete:
            self.complete = True
            self._held = ""
        first_changed = before if noted else change.first_changed
        return Change(0 if reset else first_changed, change.dropped, reset)

    def feed(self, text: str) -> Change:
        """Take the next piece of raw text."""
        first_changed = self.last_closed
        if not text:
            return Change(self.end)
        if self._held:
            text, self._held = self._held + text, ""
        if _clean(text):
            head, *rest = text.split("\n")
            if self._look is PLAIN:
                self._plain(head)
                if rest:
                    self._close()
                    self._bulk(rest[:-1])
                    self._plain(rest[-1])
                return Change(first_changed, self._trim())
        pieces = text.split("\n")
        for piece in pieces[:-1]:
            self._take(piece, last=False)
            self._close()
        self._take(pieces[-1], last=True)
        return Change(first_changed, self._trim())

    def _bulk(self, lines: list[str]) -> None:
        """Append finished plain lines."""
        if lines and max(map(len, lines)) > self.max_line:
            lines = [_cut(line, len(line), self.max_line) for line in lines]
        self._lines.extend(lines)

    def _plain(self, text: str) -> None:
        if text:
            self._now.add(text, self._look, self.max_line)

    def _take(self, text: str, *, last: bool) -> None:
        """Take (a part of) one line. ``last``: more of this line may come in the next piece."""
        if not _SPECIAL.search(text):
            self._plain(text)
            return
        for token in _TOKEN.finditer(text):
            kind = token.lastgroup
            group = token.group
            if kind == "plain":
                self._plain(token.group())
            elif (char := group("special")) is not None:
                self._control(char)
            elif last and token.end() == len(text) and not _ended(token):
                self._held = _shorten(token)
            elif group("final") == "m":
                self._look = sgr(group("args"), self._look)

    def _control(self, char: str) -> None:
        if char == "\r":
            if self._now.text:
                self._before, self._now = self._now, _Segment()
        elif char == "\t":
            self._plain(" " * (TAB - self._now.length % TAB))
        elif char not in _DROPPED:
            self._plain("\ufffd")

    def _shown(self) -> _Segment:
        """The state of the unfinished line: what came after the last ``\\r``, or before it."""
        return self._now if self._now.text or self._before is None else self._before

    def _close(self) -> None:
        """End the unfinished line."""
        shown = self._shown()
        if shown.spans:
            self._spans[self.last_closed] = tuple(shown.spans)
        self._lines.append(shown.finish(self.max_line))
        self._now = _Segment()
        self._before = None

    def _note(self, text: str) -> None:
        """Add a remark of our own as a line; an unfinished line is ended first."""
        self._held = ""
        self._look = PLAIN
        if self._open:
            self._close()
        self._notes[self.last_closed] = text
        self._lines.append(text)

    def _trim(self) -> int:
        """Drop the oldest lines when there are too many, a tenth at a time."""
        if len(self._lines) <= self.max_lines:
            return 0
        count = len(self._lines) - self.max_lines + self.max_lines // 10
        self._gone += count - (1 if self._gone else 0)
        del self._lines[:count]
        self.first += count
        self._spans = {n: spans for n, spans in self._spans.items() if n > self.first}
        self._notes = {n: note for n, note in self._notes.items() if n > self.first}
        self._gone += 1  # the line whose place the note takes
        self._lines[0] = self._notes[self.first] = f"{self._gone:,} earlier lines are not kept"
        return count


class _Segment:
    """Text being gathered for one line; cut at a limit, its full length counted."""

    __slots__ = ("_kept", "_parts", "length", "spans")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._kept = 0
        self.length = 0
        self.spans: list[Span] = []

    @property
    def text(self) -> bool:
        """Whether there is any."""
        return self.length > 0

    def add(self, text: str, look: Sgr, limit: int) -> None:
        """Append text; what goes beyond the limit is only counted."""
        self.length += len(text)
        room = limit - self._kept
        if room <= 0:
            return
        text = text[:room]
        start, stop = self._kept, self._kept + len(text)
        self._parts.append(text)
        self._kept = stop
        if look != PLAIN:
            if self.spans and self.spans[-1][1] == start and self.spans[-1][2] == look:
                start = self.spans.pop()[0]
            self.spans.append((start, stop, look))

    def finish(self, limit: int) -> str:
        """The text, with a mark when it was cut."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return _cut(self._parts[0] if self._parts else "", self.length, limit)


def _cut(text: str, length: int, limit: int) -> str:
    return text if length <= limit else f"{text[:limit]} … {length - limit:,} more characters"


def _clean(text: str) -> bool:
    """Whether there is nothing in the text but printable characters and newlines."""
    if text.isascii():
        # translate() with deletions runs at memory speed, a regular expression does not.
        data = text.encode()
        return len(data.translate(None, _ASCII_SPECIAL)) == len(data)
    return _SPECIAL.search(text) is None


def _ended(token: re.Match[str]) -> bool:
    """Whether an escape sequence has its final character."""
    return any(token.group(name) is not None for name in ("final", "end", "last"))


def _shorten(token: re.Match[str]) -> str:
    """An unfinished escape sequence in a form that never grows, but ends as the long one would."""
    text = token.group()
    if len(text) <= _HELD:
        return text
    opener = text[: 1 if text[0] != "\x1b" else 2]
    if token.group("csi") is not None:
        # Too many arguments: it is ignored in the end, but what may follow still counts.
        between = " " if len(opener) + len(token.group("args")) < len(text) else ""
        return opener + "0" * _HELD + between
    return opener if token.group("string") is not None else "\x1b "


@lru_cache(maxsize=4096)
def sgr(arguments: str, look: Sgr) -> Sgr:
    """What a look becomes by an SGR sequence (``1;31`` of ``ESC[1;31m``)."""
    if len(arguments) >= _HELD:
        return look
    # Colons part the subarguments of a colour (ISO 8613-6); semicolons are what most write.
    parts = re.split("[;:]", arguments.replace(":2::", ":2:"))
    numbers = [int(n) if n.isdecimal() else 0 for n in parts]
    rest = iter(numbers)
    for code in rest:
        if code == 0:
            look = PLAIN
        elif code in _ON:
            look = look._replace(**{_ON[code]: True})
        elif code in _OFF:
            look = look._replace(**dict.fromkeys(_OFF[code], False))
        elif code in (38, 48):
            colour = _extended(rest)
            if colour is not None:
                look = (
                    look._replace(foreground=colour)
                    if code == 38
                    else look._replace(background=colour)
                )
        elif 30 <= code <= 37:
            look = look._replace(foreground=code - 30)
        elif 90 <= code <= 97:
            look = look._replace(foreground=code - 82)
        elif 40 <= code <= 47:
            look = look._replace(background=code - 40)
        elif 100 <= code <= 107:
            look = look._replace(background=code - 92)
        elif code == 39:
            look = look._replace(foreground=None)
        elif code == 49:
            look = look._replace(background=None)
    return PLAIN if look == PLAIN else look


_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}


def _extended(rest: Iterator[int]) -> Colour:
    """The colour after 38 or 48: ``5;n`` or ``2;r;g;b``; ``None`` when it makes no sense."""
    numbers: list[int] = []
    mode = next(rest, 0)
    for _ in range({5: 1, 2: 3}.get(mode, 0)):
        numbers.append(next(rest, -1))
    if not numbers or any(not 0 <= n <= 255 for n in numbers):
        return None
    return numbers[0] if mode == 5 else (numbers[0], numbers[1], numbers[2])
