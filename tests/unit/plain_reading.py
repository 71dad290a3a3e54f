"""A log read the plain way: character by character, with nothing clever, to compare with."""

from __future__ import annotations

from trainer_tui.core.logfile.line import BACK_BYTES, BACK_LINES, MAX_LINE, sgr
from trainer_tui.core.logfile.lines import PLAIN, Sgr
from trainer_tui.core.logfile.source import Gap

_DROPPED = "\x07\x08"
_STRINGS = {"\x9d", "\x90", "\x98", "\x9e", "\x9f"}


def starts(data: bytes, gaps: tuple[Gap, ...] = ()) -> list[int]:
    """Where the lines begin."""
    found, at = [], 0
    while at < len(data):
        found.append(at)
        gap = next((gap for gap in gaps if gap.start == at), None)
        if gap is not None:
            at = gap.stop
            continue
        edge = min((gap.start for gap in gaps if gap.start > at), default=len(data))
        newline = data.find(b"\n", at, edge)
        at = edge if newline < 0 else newline + 1
    return found


def shown(data: bytes, position: int, stop: int, floor: int = 0) -> tuple[str, list[Sgr], int]:
    """A line's text, the look of each of its characters, and how many were cut."""
    low = max(floor, position - BACK_BYTES)
    before = data[low:position].split(b"\n")
    if len(before) > BACK_LINES + 1:
        before = before[-BACK_LINES - 1 :]
    look = PLAIN
    for line in before:
        for state in line.decode("utf-8", "replace").split("\r"):
            _, look = _walk(state, look)
    raw = data[position:stop].removesuffix(b"\n").decode("utf-8", "replace")
    kept: list[tuple[str, Sgr]] = []
    for state in raw.split("\r"):
        cells, look = _walk(state, look)
        kept = cells or kept
    text = "".join(char for char, _ in kept)[:MAX_LINE]
    return text, [way for _, way in kept][:MAX_LINE], max(0, len(kept) - MAX_LINE)


def _walk(text: str, look: Sgr) -> tuple[list[tuple[str, Sgr]], Sgr]:
    cells: list[tuple[str, Sgr]] = []
    at = 0
    while at < len(text):
        char, following = text[at], text[at + 1 : at + 2]
        if char == "\x9b" or (char == "\x1b" and following == "["):
            at += 1 if char == "\x9b" else 2
            begin = at
            while at < len(text) and "0" <= text[at] <= "?":
                at += 1
            arguments = text[begin:at]
            while at < len(text) and " " <= text[at] <= "/":
                at += 1
            if at < len(text) and "@" <= text[at] <= "~":
                if text[at] == "m":
                    look = sgr(arguments, look)
                at += 1
        elif char in _STRINGS or (char == "\x1b" and following and following in "]PX^_"):
            at += 1 if char in _STRINGS else 2
            while at < len(text) and text[at] not in "\x07\x1b\x9c":
                at += 1
            if text[at : at + 2] == "\x1b\\":
                at += 2
            elif text[at : at + 1] in ("\x07", "\x9c"):
                at += 1
        elif char == "\x1b":
            at += 1
            while at < len(text) and " " <= text[at] <= "/":
                at += 1
            if at < len(text) and "0" <= text[at] <= "~":
                at += 1
        else:
            at += 1
            if char == "\t":
                cells += [(" ", look)] * (8 - len(cells) % 8)
            elif char not in _DROPPED:
                cells.append((_clean(char), look))
    return cells, look


def _clean(char: str) -> str:
    code = ord(char)
    bidi = {0x61C, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF}
    bad = code < 0x20 or 0x7F <= code <= 0x9F or 0x202A <= code <= 0x202E
    return "\ufffd" if bad or code in bidi or 0x2066 <= code <= 0x2069 else char
