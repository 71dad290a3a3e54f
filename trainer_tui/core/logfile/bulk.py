"""The text of many lines at once: what ``line.resolve`` makes of each.

Most lines of a log are plain; others hold colours, carriage returns or tabs, and only few anything
that has to be looked at line by line.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = 1 << 62
"""A limit for ``resolve`` that cuts nothing."""

_ASCII_SPECIAL = bytes(b for b in range(0x20) if b != 0x0A) + b"\x7f"
# C1 controls, bidi controls, line separators and the zero-width no-break space in UTF-8, and how
# each begins: looked for alone, a string goes at the speed of memory.
_SPECIAL = tuple(
    (lead, re.compile(lead + rest))
    for lead, rest in (
        *((b"\xc2", rb"[\x80-\x9f]"), (b"\xd8\x9c", b""), (b"\xef\xbb\xbf", b"")),
        *((b"\xe2\x80", rb"[\x8e\x8f\xa8-\xae]"), (b"\xe2\x81", rb"[\xa6-\xa9]")),
    )
)
_COLOUR = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]?")
_RARE_COLOUR = re.compile("(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?")
_FORMER_STATES = re.compile("^[^\n]*\r(?=[^\r\n])", re.MULTILINE)
_LEFT = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def plain(data: bytes) -> bool:
    """Whether every line is shown just as it is written."""
    if len(data.translate(None, _ASCII_SPECIAL)) != len(data):
        return False
    return data.isascii() or not any(
        lead in data and special.search(data) for lead, special in _SPECIAL
    )


def texts(data: bytes) -> str:
    """Lines as they are shown, uncut, each with a newline.

    Args:
        data: Whole lines; the last newline may be missing.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    if b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    text = data.decode("utf-8", "replace")
    if plain(data):
        return text
    if "\x9b" in text:
        text = _RARE_COLOUR.sub("", text)
    elif "\x1b" in text:
        text = _COLOUR.sub("", text)
    if "\r" in text:
        text = _FORMER_STATES.sub("", text).replace("\r", "")
    if "\t" in text:
        text = text.expandtabs(8)
    if not plain(text.encode("utf-8", "surrogatepass")) and _LEFT.search(text):
        lines = data.split(b"\n")
        text = "\n".join(
            shown(lines[index]) if _LEFT.search(line) else line
            for index, line in enumerate(text.split("\n"))
        )
    return text


def shown(line: bytes) -> str:
    """One line as it is shown, uncut."""
    return line.decode("utf-8", "replace") if plain(line) else _resolve()(line)


def _resolve() -> Callable[[bytes], str]:
    global _text
    if _text is None:
        # Imported when first needed: most logs are searched without, and it takes a while.
        from trainer_tui.core.logfile.line import resolve

        def text(line: bytes) -> str:
            return resolve(line, limit=WHOLE).text

        _text = text
    return _text


_text: Callable[[bytes], str] | None = None
