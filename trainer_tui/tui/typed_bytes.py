"""Bytes from the terminal that are not UTF-8 are shown as such, and end nothing.

Textual reads the terminal with a strict decoder: one byte out of place, from a terminal that is
set to Latin-1 or a paste of something binary, ends its input thread and with it the program.
"""

from __future__ import annotations

import codecs
from functools import partial


def _decoder(encoding: str) -> partial[codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")


def tolerate() -> None:
    """Read what cannot be decoded as U+FFFD from now on. Where the driver is another: nothing."""
    try:
        from textual.drivers import linux_driver
    except ImportError:  # Windows, whose driver reads characters
        return
    linux_driver.getincrementaldecoder = _decoder  # type: ignore[attr-defined, assignment]
