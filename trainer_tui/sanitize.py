"""Remote text made safe for a terminal.

A terminal acts on what it is sent: escape sequences move the cursor, set the title, write the
clipboard; bidirectional controls make text read as something else. So whatever came from outside
passes through here before it reaches a screen, a file name or a message.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

# ECMA-48 sequences: CSI, OSC/DCS/SOS/PM/APC strings up to BEL or ST, two-byte escapes,
# and the same openers as single C1 bytes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 but tab and newline, DEL, C1, bidi embeddings/overrides/isolates/marks, line and paragraph
# separators, zero-width no-break space, and lone surrogates (which cannot be written as UTF-8).
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)
_MAX_LINE = 4_000


def text(value: object, *, limit: int = 200_000) -> str:
    """Many-line text with nothing in it that a terminal would act on.

    Escape sequences vanish; ``\\r\\n`` becomes a newline; other control and bidi characters
    become ``\\ufffd``. Longer than ``limit`` characters, it is cut and says so.
    """
    raw = value if isinstance(value, str) else str(value)
    if len(raw) <= limit and raw.isprintable():
        return raw  # most of what comes: nothing that is looked for below is printable
    cut = len(raw) > limit
    raw = raw[:limit].replace("\r\n", "\n")
    clean = _FORBIDDEN.sub("\ufffd", _ESCAPES.sub("", raw))
    return clean + f"… (cut at {limit} characters)" if cut else clean


def line(value: object, *, limit: int = _MAX_LINE) -> str:
    """One line: as :func:`text`, with tabs and newlines turned into single spaces."""
    return " ".join(text(value, limit=limit).split())


def filename(value: str, *, fallback: str = "file") -> str:
    """One safe path component out of a URL, a path or a name.

    Only the last component counts; percent escapes are decoded first, so an encoded slash cannot
    smuggle a folder. Never empty, never ``.``, ``..`` or hidden, never longer than 200 bytes; the
    ending is kept when it is shortened.
    """
    path = urlsplit(value).path if "://" in value else value
    name = unquote(path).replace("\\", "/").rstrip("/")
    name = PurePosixPath(name).name if name else ""
    name = unicodedata.normalize("NFC", _FORBIDDEN.sub("_", _ESCAPES.sub("", name)))
    name = re.sub(r'[\t\n<>:"|?*/\x00]', "_", name).strip(" .")
    if not name:
        return fallback
    if len(name.encode()) > 200:
        stem, dot, suffix = name.rpartition(".")
        keep = dot + suffix if dot and len(suffix) <= 16 else ""
        head = (stem if keep else name).encode()[: 200 - len(keep.encode())]
        name = head.decode(errors="ignore") + keep
    return name
