"""Which columns the jobs table has at a width, and how wide each is. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from trainer_tui.tui.present import STEPS

GAP = 2
GUTTER = 3
"""Cells before the first column: cursor or mark, watched, a space."""

DROP = ("age", "step", "profile", "loss")
"""What goes when it gets narrow, first to last; the profile at once where all jobs are of one, and
else not before name, profile and bar have their least width."""

ALL = ("name", "profile", "status", "progress", "step", "eta", "loss", "age")
SORTABLE = ALL
_NAME_LEAST = 16
_NAME_MIN = 20
_NAME_MAX = 48
_BAR_LEAST = 6
_PROFILE_LEAST = 8
_BAR_MIN = 10
_BAR_MAX = 24
_PERCENT = 5
_WIDTHS = {"status": 13, "step": STEPS, "eta": 6, "loss": 7, "age": 5}
RIGHT = frozenset({"step", "eta", "loss", "age"})
"""Columns of numbers, flush right."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, where it starts, how wide it is."""

    name: str
    x: int
    width: int

    @property
    def title(self) -> str:
        """The heading."""
        return self.name.upper()


def columns(
    width: int, profiles: Collection[str], wanted: Collection[str] = ()
) -> tuple[Column, ...]:
    """The columns that fit in ``width`` cells.

    Args:
        width: Cells of a row.
        profiles: The names of those that have jobs.
        wanted: Columns the user chose; empty means all. Name and status always stay.
    """
    profile = min(max(map(len, ("profile", *profiles))), 14)
    widths = {**_WIDTHS, "profile": profile, "name": _NAME_MIN, "progress": _BAR_MIN + _PERCENT}
    shown = [name for name in ALL if not wanted or name in wanted or name in {"name", "status"}]

    def total() -> int:
        return GUTTER + sum(widths[name] for name in shown) + GAP * (len(shown) - 1) + 1

    for name in DROP if len(profiles) > 1 else ("profile", *DROP):
        if name == "profile" and len(profiles) > 1 and total() > width:
            widths |= {"name": _NAME_LEAST, "progress": _BAR_LEAST + _PERCENT}
            widths["profile"] = min(profile, _PROFILE_LEAST)
        if total() <= width:
            break
        if name in shown:
            shown.remove(name)
    spare = width - total()
    usual = {"profile": profile, "name": _NAME_MIN, "progress": _BAR_MIN + _PERCENT}
    for name in usual:
        if spare > 0 and name in shown:
            grow = min(spare, usual[name] - widths[name])
            widths[name] += grow
            spare -= grow
    if spare > 0 and "progress" in shown:
        # The name grows first, then the bar takes a share of what is left.
        grow = min(spare // 3 if spare > 9 else 0, _BAR_MAX - _BAR_MIN)
        widths["progress"] += grow
        spare -= grow
    if spare > 0:
        widths["name"] += min(spare, _NAME_MAX - _NAME_MIN)
    elif spare < 0:
        widths["name"] = max(8, widths["name"] + spare)
    # What is left over on a very wide screen becomes room between the columns.
    left = width - total()
    gaps = max(1, len(shown) - 1)
    extra = min(3, max(0, left // gaps))
    found, x = [], GUTTER
    for name in shown:
        found.append(Column(name, x, widths[name]))
        x += widths[name] + GAP + extra
    return tuple(found)
