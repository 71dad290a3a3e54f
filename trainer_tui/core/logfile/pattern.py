"""What a person types to search for: a regular expression with smart case.

Here it is only looked at, never run: a regular expression can take for ever, so that is done in
another process, see :mod:`trainer_tui.core.logfile.scan`.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

MAX_PATTERN = 2_000
"""Characters of a pattern; compiling a longer one could be felt."""


class PatternError(ValueError):
    """A pattern cannot be used; the text says why, for the reader."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that compiles; see :func:`compile_pattern`."""

    text: str
    ignore_case: bool = False

    @property
    def flags(self) -> int:
        """For :func:`re.compile`."""
        return int(re.IGNORECASE) if self.ignore_case else 0


def compile_pattern(text: str) -> Pattern:
    """A regular expression with smart case: capitals in it make it case-sensitive.

    Raises:
        PatternError: It is not a regular expression, or one too large.
    """
    if len(text) > MAX_PATTERN:
        raise PatternError("the pattern is too large")
    letters = re.sub(r"\\.", "", text, flags=re.DOTALL)
    pattern = Pattern(text, ignore_case=letters == letters.lower())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text, pattern.flags)
    except re.error as error:
        raise PatternError(str(error)) from None
    except (OverflowError, RecursionError, MemoryError):
        raise PatternError("the pattern is too large") from None
    return pattern
