"""What is coloured in a line of a log, told in theme variables: not yet by whom it is drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from trainer_tui.core.logfile.lines import Sgr
from trainer_tui.core.logfile.tokens import Token, tokens
from trainer_tui.tui.widgets.log_rows import Row, Shown


class Mark(NamedTuple):
    """A theme variable, and words of a style."""

    colour: str
    extra: str = ""


_TOKENS: dict[Token, Mark] = {
    "error": Mark("status-failed"),
    "warning": Mark("status-stopping"),
    "info": Mark("status-succeeded"),
    "debug": Mark("text-faint"),
    "number": Mark("chart-1"),
    "time": Mark("text-faint"),
    "frame": Mark("text-faint"),
    "path": Mark("", "underline"),
}
"""What is coloured lightly: theme variable, and words of a style."""
# The trainer's sixteen colours, told in the theme's: readable on a light ground too.
ANSI = (
    *("text-faint", "error", "success", "warning", "primary", "secondary", "status-running"),
    "foreground",
)
_NAMES = re.compile(r"(?<=[\s,])[\w.@/-]+=")
"""Names of fields in a record's line."""
_FAINT = Mark("text-faint")
_LABEL = Mark("text-muted")
Look = TypeVar("Look")


def marks(shown: Shown, row: Row, seen: str) -> list[tuple[int, int, Mark | Sgr]]:
    """The parts of a row's text that are coloured, from where to where; later ones lie on top.

    Args:
        shown: The line.
        row: One of its rows.
        seen: As much of the row's text as is looked at.
    """
    found: list[tuple[int, int, Mark | Sgr]] = [
        (a, b, _TOKENS[kind]) for a, b, kind in tokens(seen)
    ]
    if row.kind == "field":
        found.append((0, row.label, _LABEL))
    elif shown.folded:
        found += [(*name.span(), _FAINT) for name in _NAMES.finditer(seen)]
    else:
        found += shown.line.spans
        if shown.line.more:
            found.append((len(shown.line.text), len(shown.text), _FAINT))
    return found


def layered(
    layers: Sequence[tuple[int, int, Look]], start: int, stop: int
) -> Iterator[tuple[int, int, list[Look]]]:
    """A text from ``start`` to ``stop`` in pieces, each with the layers that lie on it."""
    edges = {start, stop}
    for a, b, _ in layers:
        edges.update((min(max(a, start), stop), min(max(b, start), stop)))
    for a, b in pairwise(sorted(edges)):
        yield a, b, [look for low, high, look in layers if low <= a and b <= high]
