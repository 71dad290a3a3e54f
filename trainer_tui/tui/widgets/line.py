"""A widget of one line, made of coloured pieces, repainted only when they change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from trainer_tui.tui.paint import Paint, paint_of


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text in one colour; ``key`` names what a click on it means."""

    text: str
    colour: str = "foreground"
    bold: bool = False
    ground: str = ""
    """Empty: the line's own ground."""
    key: str = ""

    @property
    def width(self) -> int:
        """Cells that it takes."""
        return len(self.text) if self.text.isascii() else cell_len(self.text)


def width_of(pieces: Sequence[Piece]) -> int:
    """Cells that some pieces take together."""
    return sum(piece.width for piece in pieces)


def abreast(words: Sequence[Piece], chosen: int, room: int, ellipsis: str) -> list[Piece]:
    """Words side by side; where not all fit, those about the chosen one, and signs of the rest."""
    first, end = 0, len(words)

    def wide() -> int:
        signs = (first > 0) + (end < len(words))
        return width_of(words[first:end]) + end - first + 2 * signs

    while end - first > 1 and wide() > room:
        if end - 1 > chosen:
            end -= 1
        else:
            first += 1
    out = [Piece(f"{ellipsis} ", "text-faint")] if first else []
    for word in words[first:end]:
        out += [word, Piece(" ")]
    return [*out, Piece(ellipsis, "text-faint")] if end < len(words) else out


class PieceLine(Widget):
    """One line. Subclasses make the pieces for a width in :meth:`pieces`."""

    DEFAULT_CSS = """
    PieceLine { height: 1; width: 1fr; }
    """
    GROUND = "background"

    _held: tuple[Piece, ...] | None = None

    def pieces(self, width: int) -> Sequence[Piece]:
        """What to show in ``width`` cells."""
        raise NotImplementedError

    def renew(self) -> None:
        """Make the pieces again; repaint if they differ from what is shown."""
        if not self.is_mounted or not self.size.width:
            return
        if tuple(self.pieces(self.size.width)) != self._held:
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        self._held = tuple(self.pieces(width)) if y == 0 else ()
        return draw(self._held, width, paint_of(self.app), self.GROUND)

    def key_at(self, x: int) -> str:
        """What is named by the piece at a column."""
        for piece in self._held or ():
            if x < piece.width:
                return piece.key
            x -= piece.width
        return ""


def draw(pieces: Sequence[Piece], width: int, paint: Paint, ground: str = "background") -> Strip:
    """Pieces as a strip of exactly ``width`` cells."""
    segments = [
        Segment(piece.text, paint(piece.colour, piece.ground or ground, bold=piece.bold))
        for piece in pieces
        if piece.text
    ]
    return Strip(segments).adjust_cell_length(width, paint("foreground", ground))
