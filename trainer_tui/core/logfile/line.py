"""One raw line made safe to show.

* ``\\r`` collapses a line to its last state that has text, so a progress bar is one line however
  often it moved; a ``\\r`` at the end is part of the newline;
* colours (SGR) are kept as spans beside the text, every other escape sequence is dropped;
* tabs are expanded, bells and backspaces leave nothing, other control characters, bidirectional
  controls and bytes that are no UTF-8 become ``\\ufffd``;
* a line longer than :data:`MAX_LINE` is cut and says by how much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from trainer_tui.core.logfile.lines import PLAIN, Colour, Sgr, Span

MAX_LINE = 16_384
"""Characters of one line that are shown."""
MAX_RAW = 1 << 20
"""A line of more bytes is not read whole, see :func:`resolve_long`."""
BACK_BYTES = 32 << 10
BACK_LINES = 200
"""So far is looked back for a colour that an earlier line left on."""
TAB = 8

# C0 but newline, DEL, C1, bidi controls, line separators, surrogates: see trainer_tui.sanitize.
_SPECIAL_CLASS = (
    "\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff"
)
_SPECIAL = re.compile(f"[{_SPECIAL_CLASS}]")
_ASCII_SPECIAL = bytes(b for b in range(0x20) if b != 0x0A) + b"\x7f"
# An escape sequence: CSI, a string (which ends at the line's end at the latest), two bytes.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<args>[0-?]*)[ -/]*(?P<final>[@-~])?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\r\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_OPENER = re.compile("[\x1b\x90\x98\x9b\x9d-\x9f]")
_SGR = re.compile(rb"(?:\x1b\[|\xc2\x9b)[0-?]*[ -/]*m")
_LONGEST_ARGUMENTS = 512
_STATES = 8


class Resolved(NamedTuple):
    """What :func:`resolve` makes of a line."""

    text: str
    spans: tuple[Span, ...]
    look: Sgr
    """How the text after this line is to be shown."""
    more: int
    """Characters that were cut off."""


def resolve(raw: bytes, look: Sgr = PLAIN, limit: int = MAX_LINE) -> Resolved:
    """Make a line safe to show.

    Args:
        raw: Its bytes, without the newline.
        look: What the lines before left on.
        limit: Characters that are kept.
    """
    if raw.endswith(b"\r"):
        raw = raw.rstrip(b"\r")
    if look == PLAIN and _clean(raw):
        text = raw.decode()
        return Resolved(text[:limit], (), PLAIN, max(0, len(text) - limit))
    start, end = _last_state(raw)
    text, spans, more = _segment(
        raw[start:end].decode("utf-8", "replace"), _fold(raw, start, look), limit
    )
    return Resolved(text, spans, _fold(raw, len(raw), look), more)


def resolve_long(head: bytes, tail: bytes, size: int, look: Sgr = PLAIN) -> Resolved:
    """Make a line of more than :data:`MAX_RAW` bytes safe to show, from its two ends.

    Its last state is looked for in its last :data:`MAX_RAW` bytes. When it has no ``\\r`` there,
    the line's beginning is shown, and each byte that was not read counts as one character.

    Args:
        head: Its first :data:`MAX_RAW` bytes.
        tail: Its last :data:`MAX_RAW` bytes, without the newline.
        size: How many bytes it has.
        look: What the lines before left on.
    """
    cut = tail.rstrip(b"\r").find(b"\r")
    if cut >= 0:
        found = resolve(tail[cut + 1 :])
        if found.text:
            return found
    found = resolve(head, look)
    after = _fold(tail, len(tail), PLAIN)
    return found._replace(look=after, more=found.more + size - len(head))


def is_plain_after(before: bytes) -> bool:
    """Whether it is seen at once that the text before a line left nothing on."""
    last = before.rfind(b"\x1b[")
    if before.find(b"\xc2\x9b", max(0, last)) >= 0:
        return False
    return last < 0 or before.startswith((b"\x1b[0m", b"\x1b[m"), last)


def look_after(before: bytes) -> Sgr:
    """What is left on by the text that comes before a line (its last :data:`BACK_BYTES`)."""
    return _fold(before, len(before), PLAIN)


def _last_state(raw: bytes) -> tuple[int, int]:
    """Where the last state of a line that has text is; the first one when none has any."""
    end = len(raw)
    for _ in range(_STATES):
        start = raw.rfind(b"\r", 0, end) + 1
        if start == 0 or _seen(raw[start:end]):
            return start, end
        end = start - 1
    # Many states without text: all at once. No escape sequence has a return in it.
    seen = _seen(raw[:end])
    empty = len(seen) - len(seen.rstrip("\r"))
    if empty == len(seen):
        end = raw.index(b"\r")
    elif empty:
        end = len(raw[:end].rsplit(b"\r", empty)[0])
    return raw.rfind(b"\r", 0, end) + 1, end


def _seen(raw: bytes) -> str:
    """What of some text is not dropped."""
    text = raw.decode("utf-8", "replace")
    return text if _clean(raw) else _drop(_ESCAPE.sub("", text))


def _drop(text: str) -> str:
    """Text without bells and backspaces."""
    return text.replace("\x07", "").replace("\x08", "")


def _clean(raw: bytes) -> bool:
    """Whether there is nothing but printable ASCII.

    translate() with deletions runs at memory speed, a regular expression does not.
    """
    return raw.isascii() and len(raw.translate(None, _ASCII_SPECIAL)) == len(raw)


def _segment(text: str, look: Sgr, limit: int) -> tuple[str, tuple[Span, ...], int]:
    """A stretch without ``\\r``: its text, the coloured parts, how much was cut."""
    if not _SPECIAL.search(text):
        kept = text[:limit]
        coloured = kept and look != PLAIN
        return kept, ((0, len(kept), look),) if coloured else (), len(text) - len(kept)
    parts: list[str] = []
    found: list[Span] = []
    at = column = 0
    escapes = _ESCAPE.finditer(text) if _OPENER.search(text) else iter(())
    for escape in escapes:
        if escape.start() > at:
            column = _add(_expand(text[at : escape.start()], column), look, column, parts, found)
        at = escape.end()
        if escape["final"] == "m":
            look = sgr(escape["args"], look)
        if column >= limit:
            break
    rest = text[at:]
    if column >= limit and rest:
        rest = _ESCAPE.sub("", rest)
    column = _add(_expand(rest, column), look, column, parts, found)
    kept = _SPECIAL.sub("\ufffd", "".join(parts)[:limit])
    spans = tuple((a, min(b, limit), way) for a, b, way in found if a < limit)
    return kept, spans, column - len(kept)


def _add(text: str, look: Sgr, column: int, parts: list[str], spans: list[Span]) -> int:
    """Append text; gives the column after it."""
    stop = column + len(text)
    if text:
        parts.append(text)
        if look != PLAIN:
            if spans and spans[-1][1] == column and spans[-1][2] == look:
                column = spans.pop()[0]
            spans.append((column, stop, look))
    return stop


def _expand(text: str, column: int) -> str:
    """Text without escapes as it stands from a column on, control characters still in it."""
    text = _drop(text)
    if "\t" in text:
        lead = column % TAB
        text = (" " * lead + text).expandtabs(TAB)[lead:]
    return text


def _fold(raw: bytes, stop: int, look: Sgr) -> Sgr:
    """What a look becomes over the bytes before ``stop``."""
    reset = max(raw.rfind(b"\x1b[0m", 0, stop), raw.rfind(b"\x1b[m", 0, stop))
    start = 0
    if reset >= 0:  # ESC [ begins a sequence wherever it stands: what was before is void
        start, look = raw.index(b"m", reset) + 1, PLAIN
    if raw.find(b"\x1b[", start, stop) < 0 and raw.find(b"\xc2\x9b", start, stop) < 0:
        return look
    if not _SGR.search(raw, start, stop):
        return look
    for escape in _ESCAPE.finditer(raw[start:stop].decode("utf-8", "replace")):
        if escape["final"] == "m":
            look = sgr(escape["args"], look)
    return look


@lru_cache(maxsize=1024)
def sgr(arguments: str, look: Sgr) -> Sgr:
    """What a look becomes by an SGR sequence (``1;31`` of ``ESC[1;31m``)."""
    if len(arguments) >= _LONGEST_ARGUMENTS:
        return look
    # Colons part the subarguments of a colour (ISO 8613-6); semicolons are what most write.
    parts = re.split("[;:]", arguments.replace(":2::", ":2:"))
    rest = iter([int(n) if n.isdecimal() else 0 for n in parts])
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
    return look


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
