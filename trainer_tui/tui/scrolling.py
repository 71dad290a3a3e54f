"""Lets the terminal move rows that scrolled, instead of sending them again.

A log that follows moves every row up by one for each new line: told cell by cell that is some
kilobytes, told as "scroll these rows" it is some thirty bytes and the new line. The rows are
found by comparing what the terminal shows with what is wanted, so every view that scrolls gains,
and nothing has to announce itself. Only what every terminal since the VT100 does is used: a
scrolling region (DECSTBM), index and reverse index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer_tui.tui.output import Shadow

# Columns on both sides that do not move with the text: frame and scroll bar.
_SIDE = 2
# Rows that must be spared for a scroll to be worth it.
_LEAST = 4
_UNKNOWN = "\0"  # no cell equals it: the row is sent whole


def scroll(shadow: Shadow) -> str:
    """The sequence that moves rows on the terminal; empty where nothing moved.

    What the shadow holds as sent is moved alike, and the rows that came free are unknown.
    """
    if len(shadow._dirty) < _LEAST:
        return ""
    found = find(
        ["".join(row[_SIDE:-_SIDE]) for row in shadow._wanted],
        ["".join(row[_SIDE:-_SIDE]) for row in shadow._sent],
        sorted(shadow._dirty),
    )
    if found is None:
        return ""
    top, bottom, by = found
    _rotate(shadow._sent, top, bottom, by)
    _rotate(shadow._sent_looks, top, bottom, by)
    fresh = range(bottom - by + 1, bottom + 1) if by > 0 else range(top, top - by)
    for y in fresh:
        shadow._sent[y][:] = [_UNKNOWN] * shadow.width
    shadow._dirty.update(range(top, bottom + 1))
    step, row = ("\x1bD", bottom) if by > 0 else ("\x1bM", top)
    return f"\x1b[0m\x1b[{top + 1};{bottom + 1}r\x1b[{row + 1};1H{step * abs(by)}\x1b[r"


def find(wanted: list[str], sent: list[str], dirty: list[int]) -> tuple[int, int, int] | None:
    """The rows that moved: first and last row of the region, and how far up (down below 0).

    Args:
        wanted: The rows as they shall be.
        sent: The rows as they are.
        dirty: Which of them may differ.
    """
    changed = [y for y in dirty if wanted[y] != sent[y]]
    if len(changed) < _LEAST:
        return None
    places: dict[str, list[int]] = {}
    for y in range(changed[0], changed[-1] + 1):
        places.setdefault(sent[y], []).append(y)
    votes: dict[int, int] = {}
    for y in changed:
        # A row that is there more than once (a blank one) says nothing about where it came from.
        places_of = places.get(wanted[y], [])
        if len(places_of) == 1 and places_of[0] != y:
            by = places_of[0] - y
            votes[by] = votes.get(by, 0) + 1
    if not votes:
        return None
    by = max(votes, key=lambda key: (votes[key], -abs(key)))
    run = _longest(wanted, sent, changed[0], changed[-1], by)
    if run is None:
        return None
    first, last = run
    spared = sum(1 for y in range(first, last + 1) if wanted[y] != sent[y])
    if spared < _LEAST or spared <= abs(by):
        return None
    return (first, last + by, by) if by > 0 else (first + by, last, by)


def _longest(
    wanted: list[str], sent: list[str], low: int, high: int, by: int
) -> tuple[int, int] | None:
    """The longest stretch of rows that are what was ``by`` rows below them."""
    best: tuple[int, int] | None = None
    start: int | None = None
    for y in range(low, high + 2):
        same = y <= high and low <= y + by <= high and wanted[y] == sent[y + by]
        if same and start is None:
            start = y
        elif not same and start is not None:
            if best is None or y - 1 - start > best[1] - best[0]:
                best = (start, y - 1)
            start = None
    return best


def _rotate(rows: list[Any], top: int, bottom: int, by: int) -> None:
    part = rows[top : bottom + 1]
    rows[top : bottom + 1] = part[by:] + part[:by]
