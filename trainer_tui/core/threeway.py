"""Two texts that both come from a third, put together line by line.

What only one side changed is taken from that side; where both changed the same lines differently
there is a :class:`Conflict` for a person to choose in. Every byte comes from one of the three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trainer_tui.core.linediff import differences

Side = Literal["mine", "theirs"]


@dataclass(frozen=True, slots=True)
class Agreed:
    """Lines that are settled."""

    text: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Lines that both sides changed, each in its own way."""

    base: str
    mine: str
    theirs: str
    line: int
    """The line of the base where it begins, from 1."""


Chunk = Agreed | Conflict


@dataclass(frozen=True, slots=True)
class _Edit:
    """Base lines ``start`` … ``end - 1`` replaced by others."""

    start: int
    end: int
    lines: tuple[str, ...]


def merge(base: str, mine: str, theirs: str) -> list[Chunk]:
    """The pieces of the text that has the changes of both sides."""
    if mine == theirs or theirs == base:
        return [Agreed(mine)]
    if mine == base:
        return [Agreed(theirs)]
    lines = _lines(base)
    groups = _groups(_edits(lines, _lines(mine)), _edits(lines, _lines(theirs)))
    out: list[Chunk] = []
    at = 0
    for start, end, own, other in groups:
        _settle(out, "".join(lines[at:start]))
        was = "".join(lines[start:end])
        ours, others = _applied(lines, start, end, own), _applied(lines, start, end, other)
        if ours == others or not other:
            _settle(out, ours)
        elif not own:
            _settle(out, others)
        else:
            out.append(Conflict(was, ours, others, start + 1))
        at = end
    _settle(out, "".join(lines[at:]))
    return out


def conflicts(chunks: Sequence[Chunk]) -> list[Conflict]:
    """What has to be chosen."""
    return [chunk for chunk in chunks if isinstance(chunk, Conflict)]


def joined(chunks: Sequence[Chunk], choices: Mapping[int, Side] | None = None) -> str:
    """The text, with the sides chosen for its conflicts (by number, from 0); mine if not chosen."""
    choices = choices or {}
    out: list[str] = []
    number = 0
    for chunk in chunks:
        if isinstance(chunk, Agreed):
            out.append(chunk.text)
        else:
            out.append(chunk.theirs if choices.get(number) == "theirs" else chunk.mine)
            number += 1
    return _whole(out)


def _whole(parts: Sequence[str]) -> str:
    """Parts put together; one that lacks its last break, now in the middle, gets it."""
    out: list[str] = []
    for part in parts:
        if part:
            if out and not out[-1].endswith("\n"):
                out.append("\n")
            out.append(part)
    return "".join(out)


def _settle(out: list[Chunk], text: str) -> None:
    if not text:
        return
    if out and isinstance(last := out[-1], Agreed):
        out[-1] = Agreed(_whole([last.text, text]))
    else:
        out.append(Agreed(text))


def _lines(text: str) -> list[str]:
    """Lines with their breaks; only a line feed parts them."""
    parts = text.split("\n")
    lines = [part + "\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _edits(base: Sequence[str], other: Sequence[str]) -> list[_Edit]:
    """What changes the one into the other, as small as can be."""
    out = []
    for i1, i2, j1, j2 in differences(base, other):
        if i2 - i1 == j2 - j1:  # line for line: each is a change of its own
            out += [_Edit(i1 + n, i1 + n + 1, (other[j1 + n],)) for n in range(i2 - i1)]
        else:
            out.append(_Edit(i1, i2, tuple(other[j1:j2])))
    return out


def _groups(
    mine: list[_Edit], theirs: list[_Edit]
) -> list[tuple[int, int, list[_Edit], list[_Edit]]]:
    """Edits that touch the same lines, together: where, mine, theirs."""
    found: list[tuple[int, int, list[_Edit], list[_Edit]]] = []
    both = sorted(
        [(edit.start, edit.end, side, edit) for side, edits in enumerate((mine, theirs))
         for edit in edits],
        key=lambda item: item[:3],
    )  # fmt: skip
    for start, end, side, edit in both:
        if found:
            first, last, own, other = found[-1]
            against = other if side == 0 else own
            overlap = any(_clash(edit, one) for one in against)
            if overlap:
                (own if side == 0 else other).append(edit)
                found[-1] = (first, max(last, end), own, other)
                continue
        found.append((start, end, [edit] if side == 0 else [], [edit] if side else []))
    return found


def _clash(one: _Edit, two: _Edit) -> bool:
    """Whether two edits of different sides are about the same lines."""
    if one.start == one.end and two.start == two.end:
        return one.start == two.start
    if one.start == one.end or two.start == two.end:
        point, span = (one, two) if one.start == one.end else (two, one)
        return span.start < point.start < span.end
    return one.start < two.end and two.start < one.end


def _applied(lines: Sequence[str], start: int, end: int, edits: Sequence[_Edit]) -> str:
    """Some lines of the base with one side's edits in them."""
    out: list[str] = []
    at = start
    for edit in edits:
        out += lines[at : edit.start]
        out += edit.lines
        at = edit.end
    out += lines[at:end]
    return _whole(out)
