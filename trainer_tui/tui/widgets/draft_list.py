"""The rows of the list of drafts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message as UiMessage
from textual.strip import Strip

from trainer_tui.core.rows import Draft
from trainer_tui.core.yamlconfig import changes, parsed
from trainer_tui.sanitize import line as clean
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.line import Piece, PieceLine, draw
from trainer_tui.tui.widgets.line_view import LineList

LARGE = 200_000


def kind_of(draft: Draft) -> str:
    """What a draft is, in a word or two."""
    if draft.kind == "kept":
        return "set aside"
    if draft.kind == "new":
        return "new" if draft.sent_at is None else "submitted"
    return "edit" if draft.sent_at is None else "sent"


class DraftList(LineList):
    """One draft a row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", show=False),
    ]

    class Opened(UiMessage):
        """Enter on a draft."""

    class Moved(UiMessage):
        """Another draft is under the cursor."""

    def __init__(self) -> None:
        super().__init__(id="drafts")
        self.drafts: list[Draft] = []
        self.lines: dict[str, list[Piece]] = {}

    def row_count(self) -> int:
        """How many there are."""
        return len(self.drafts)

    @property
    def draft(self) -> Draft | None:
        """The one under the cursor."""
        return self.drafts[self.cursor] if self.cursor < len(self.drafts) else None

    def render_row(self, row: int, width: int) -> Strip:
        """``edit  comfy/j1 dog_portrait   12 min ago   train.steps 2000 → 50 and 1 more``."""
        draft = self.drafts[row]
        chosen = row == self.cursor
        ground = "cursor-row" if chosen else "background"
        sign = self.glyphs.cursor if chosen else " "
        pieces = [Piece(f" {sign} ", "accent", True), *self.lines.get(draft.id, [])]
        out: list[Piece] = []
        room = width
        for piece in pieces:
            shown = fit(piece.text, min(piece.width, room), self.glyphs)
            out.append(Piece(shown, piece.colour, piece.bold, ground))
            room -= Piece(shown).width
        return draw(out, width, paint_of(self.app), ground)

    def cursor_moved(self) -> None:
        """Another draft is under the cursor."""
        self.post_message(self.Moved())

    def action_open(self) -> None:
        """Open it."""
        self.post_message(self.Opened())


class WholeLine(PieceLine):
    """What a draft changes, below the list: its row may have no room for that."""

    GROUND = "panel"

    def __init__(self, said: Callable[[], Sequence[Piece]]) -> None:
        """``said`` gives it in pieces."""
        super().__init__()
        self._said = said

    def pieces(self, width: int) -> Sequence[Piece]:
        return self._said()


class Nothing(LineList):
    """What to press, where there are no drafts."""

    can_focus = False

    def __init__(self, said: Callable[[], tuple[str, str]]) -> None:
        """``said`` gives a colour and the words."""
        super().__init__(id="no-drafts")
        self._said = said

    def row_count(self) -> int:
        """As many lines as the words take."""
        return 2 + len(self._words(self.size.width))

    def _words(self, width: int) -> list[str]:
        from trainer_tui.tui.widgets.lines_view import wrap

        return wrap(self._said()[1], min(72, width - 6))

    def render_row(self, row: int, width: int) -> Strip:
        """One line of it."""
        words = self._words(width)
        text = words[row - 1] if 1 <= row <= len(words) else ""
        return draw([Piece(f"   {text}", self._said()[0])], width, paint_of(self.app))


def first_change(draft: Draft, arrow: str) -> str:
    """The first value that a draft changes, and how many more."""
    if draft.base_text is None or len(draft.text) > LARGE or len(draft.base_text) > LARGE:
        return ""
    if draft.base_text == draft.text:
        return "unchanged"
    if not draft.base_text.strip():
        return f"{draft.text.count(chr(10)) + 1} lines"
    found = changes(draft.base_text, draft.text)
    if not found:
        document = parsed(draft.text)
        if document.broken and document.problems:
            return f"no YAML yet: line {document.problems[-1].line}"
        return "remarks or layout"
    first = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    old, new = first.old or "(none)", first.new or "(none)"
    return clean(f"{first.path} {old} {arrow} {new}", limit=100) + more
