"""Differing lines as pieces to draw: one below the other, or side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer_tui.core.yamlconfig import Change, DiffLine
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line import Piece, width_of
from trainer_tui.tui.yaml_lexer import visible

SIDE_BY_SIDE = 120
"""Columns from which two texts have room beside each other."""
_SIGNS = {"same": " ", "added": "+", "removed": "-"}
_COLOURS = {"same": "text-muted", "added": "success", "removed": "error"}
_MOST_PAIRED = 50
"""Lines of a block up to which each is compared with its other half."""


@dataclass(frozen=True, slots=True)
class Row:
    """What stands on one row of a side-by-side view; a gap stands on both sides."""

    old: DiffLine | None
    new: DiffLine | None

    @property
    def changed(self) -> bool:
        """Whether the sides differ here."""
        line = self.old or self.new
        return line is not None and line.kind in ("removed", "added")


def rows(lines: Sequence[DiffLine]) -> list[Row]:
    """Lines in pairs: the first taken away beside the first put in, and so on."""
    out: list[Row] = []
    index = 0
    while index < len(lines):
        if lines[index].kind in ("same", "gap"):
            out.append(Row(lines[index], lines[index]))
            index += 1
            continue
        removed: list[DiffLine] = []
        added: list[DiffLine] = []
        while index < len(lines) and lines[index].kind in ("removed", "added"):
            (removed if lines[index].kind == "removed" else added).append(lines[index])
            index += 1
        for number in range(max(len(removed), len(added))):
            out.append(
                Row(
                    removed[number] if number < len(removed) else None,
                    added[number] if number < len(added) else None,
                )
            )
    return out


def changed_values(
    found: Sequence[Change], most: int, width: int, glyphs: Glyphs, label: str = "   "
) -> list[list[Piece]]:
    """``train.steps  2000 → 3000``, a line a value, or two where both values are long, the first
    few; the label before the first."""
    out: list[list[Piece]] = []
    for number, change in enumerate(found[:most]):
        lead = Piece(" " * len(label) if number else label, "text-muted")
        path = Piece(f"{change.path}  ", "foreground", True)
        old = Piece(change.old if change.old is not None else "(none)", "text-muted")
        arrow = Piece(f" {glyphs.right} ", "accent")
        new = Piece(change.new if change.new is not None else "(none)", "foreground", True)
        line = [lead, path, old, arrow, new]
        if width_of(line) <= width:
            out.append(line)
            continue
        below = Piece(" " * (len(label) + 1))
        out.append([lead, path, _cut(old, width - lead.width - path.width, glyphs)])
        out.append([below, arrow, _cut(new, width - below.width - arrow.width, glyphs)])
    if len(found) > most:
        out.append([Piece(f"{' ' * len(label)}and {len(found) - most} more", "text-muted")])
    return out


def _cut(piece: Piece, room: int, glyphs: Glyphs) -> Piece:
    """A piece that is no longer than its room."""
    if piece.width <= room:
        return piece
    return Piece(fit(piece.text, max(1, room), glyphs), piece.colour, piece.bold)


def difference(
    names: tuple[str, str], lines: Sequence[DiffLine], width: int, glyphs: Glyphs, *, beside: bool
) -> list[list[Piece]]:
    """Both texts' names and the lines that differ, side by side or one below the other."""
    old, new = names
    if not beside:
        title = [Piece(f"   - {old}", "error"), Piece(f"   + {new}", "success")]
        return [title, [], *unified(lines, width, glyphs)]
    title = [
        Piece(fit(f"      - {old}", (width - 3) // 2, glyphs), "error"),
        Piece(f" {glyphs.v} ", "frame"),
        Piece(f"      + {new}", "success"),
    ]
    return [title, *side_by_side(lines, width, glyphs)]


def unified(lines: Sequence[DiffLine], width: int, glyphs: Glyphs) -> list[list[Piece]]:
    """One below the other, with a sign before each."""
    partners = _partners(lines)
    out = []
    for index, line in enumerate(lines):
        if line.kind == "gap":
            out.append([Piece(f"         {glyphs.ellipsis} {line.text}", "text-faint")])
            continue
        number = line.new if line.kind == "added" else line.old
        colour = _COLOURS[line.kind]
        lead = [
            Piece(f"{number or '':>6} ", "text-faint"),
            Piece(f"{_SIGNS[line.kind]} ", colour, True),
        ]
        out.append(lead + _text(line, partners.get(index), max(8, width - 9), glyphs))
    return out


def side_by_side(lines: Sequence[DiffLine], width: int, glyphs: Glyphs) -> list[list[Piece]]:
    """Old on the left, new on the right."""
    half = (width - 3) // 2
    bar = Piece(f" {glyphs.v} ", "frame")
    out = []
    for row in rows(lines):
        if row.old is not None and row.old.kind == "gap":
            said = f"{glyphs.ellipsis} {row.old.text}"
            left = Piece(fit(f"       {said}", half, glyphs), "text-faint")
            out.append([left, bar, Piece(f"       {said}", "text-faint")])
            continue
        out.append(
            [
                *_cell(row.old, row.new, half, glyphs, old=True),
                bar,
                *_cell(row.new, row.old, half, glyphs, old=False),
            ]
        )
    return out


def _cell(
    line: DiffLine | None, other: DiffLine | None, width: int, glyphs: Glyphs, *, old: bool
) -> list[Piece]:
    if line is None:
        return [Piece(" " * width)]
    number = line.old if old else line.new
    colour = _COLOURS[line.kind]
    lead = [
        Piece(f"{number or '':>5} ", "text-faint"),
        Piece(f"{_SIGNS[line.kind]} ", colour, True),
    ]
    partner = other if line.kind != "same" else None
    text = _text(line, partner, width - 8, glyphs)
    used = 8 + sum(piece.width for piece in text)
    return [*lead, *text, Piece(" " * max(0, width - used))]


def _text(line: DiffLine, other: DiffLine | None, room: int, glyphs: Glyphs) -> list[Piece]:
    """A line's text, what its other half has not standing out, and in view if it is long."""
    colour = _COLOURS[line.kind]
    text = visible(line.text.expandtabs(4))
    if other is None:
        return [Piece(fit(text, min(room, Piece(text).width), glyphs), colour)]
    partner = visible(other.text.expandtabs(4))
    start, end = differing(text, partner)
    shift = 0
    if max(Piece(text).width, Piece(partner).width) > room and start > room // 2:
        shift = start - room // 3
    lead = glyphs.ellipsis if shift else ""
    pieces: list[Piece] = []
    left = room - len(lead)
    if lead:
        pieces.append(Piece(lead, "text-faint"))
    for part, marked in ((text[shift:start], 0), (text[start:end], 1), (text[end:], 0)):
        shown = fit(part, min(left, Piece(part).width), glyphs)
        left -= Piece(shown).width
        if shown:
            pieces.append(Piece(shown, colour, bool(marked), "cursor-row" if marked else ""))
    return pieces


def _partners(lines: Sequence[DiffLine]) -> dict[int, DiffLine]:
    """The other halves of changed lines, where as many were taken away as put in."""
    found: dict[int, DiffLine] = {}
    index = 0
    while index < len(lines):
        if lines[index].kind not in ("removed", "added"):
            index += 1
            continue
        first = index
        while index < len(lines) and lines[index].kind in ("removed", "added"):
            index += 1
        block = range(first, index)
        removed = [n for n in block if lines[n].kind == "removed"]
        added = [n for n in block if lines[n].kind == "added"]
        if len(removed) == len(added) <= _MOST_PAIRED:
            for one, two in zip(removed, added, strict=True):
                found[one], found[two] = lines[two], lines[one]
    return found


def differing(text: str, other: str) -> tuple[int, int]:
    """The part of a line that its other half has not."""
    start = 0
    while start < min(len(text), len(other)) and text[start] == other[start]:
        start += 1
    end, end_other = len(text), len(other)
    while end > start and end_other > start and text[end - 1] == other[end_other - 1]:
        end -= 1
        end_other -= 1
    return start, end
