"""The files of a job in columns: name, size, age, and how far each is downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.tui.amounts import size
from trainer_tui.tui.present import age, fit
from trainer_tui.tui.widgets import transfer
from trainer_tui.tui.widgets.artifact_tree import Node, key_of
from trainer_tui.tui.widgets.line_view import LineList

if TYPE_CHECKING:
    from datetime import datetime

_SIZE, _AGE = 10, 6
BAR = 10
"""Cells of a download's bar."""
_NAME = 72


class FileTree(LineList):
    """The rows of the tree, in columns."""

    class Changed(Message):
        """The cursor or the marks are elsewhere."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.nodes: list[Node] = []
        self.marked: set[str] = set()
        self.downloads: dict[str, DownloadRow] = {}
        self.now: datetime | None = None

    @property
    def current(self) -> Node | None:
        """The row under the cursor."""
        return self.nodes[self.cursor] if self.cursor < len(self.nodes) else None

    def row_count(self) -> int:
        """Groups, steps and files that are shown."""
        return len(self.nodes)

    def cursor_moved(self) -> None:
        """The line below tells of the row under the cursor."""
        self.post_message(self.Changed())

    def transfer_width(self, width: int) -> int:
        """Cells of the download column: bar, percentage and words, or less."""
        if not self.downloads or width < 70:
            return 8
        return 38 if width >= 100 else 26

    def name_width(self, width: int) -> int:
        """Cells of the name: what is left, but not so many that its numbers are far away."""
        room = max(8, width - 3 - _SIZE - _AGE - self.transfer_width(width) - 2)
        return min(room, _NAME)

    def header(self, width: int) -> str:
        """The names of the columns."""
        room = self.name_width(width)
        return f"   {'NAME':<{room}}{'SIZE':>{_SIZE}}{'AGE':>{_AGE}}  DOWNLOAD"

    def render_row(self, row: int, width: int) -> Strip:
        """Mark, name, size, age, download."""
        node, glyphs = self.nodes[row], self.glyphs
        at_cursor = row == self.cursor
        base = self.rich_style + self.paint(ground="cursor-row" if at_cursor else "")
        faint = base + self.paint("text-faint")
        wide, room = self.transfer_width(width), self.name_width(width)
        keys = {key_of(file) for file in node.files}
        whole = keys <= self.marked
        mark = glyphs.mark if whole else glyphs.dot if keys & self.marked else " "
        indent = "  " * node.depth
        made, cut = "", fit
        if node.leaf:
            label, look = indent + node.label, base
            file = node.files[0]
            if node.label == file.name:
                cut = transfer.middle
            if self.now is not None:
                made = age(file.created_at, self.now)
        else:
            arrow = glyphs.folder_open if node.open else glyphs.folder_closed
            label = f"{indent}{arrow} {node.label}  {len(node.files)}"
            look = base + self.paint("foreground" if node.depth else "accent")
        if at_cursor and self.has_focus:
            look += self.paint(extra="bold")
        return Strip(
            [
                Segment(f" {mark} ", base + self.paint("accent")),
                Segment(cut(label, room - 1, glyphs) + " ", look),
                Segment(f"{size(node.size):>{_SIZE}}", base if node.leaf else faint),
                Segment(f"{made:>{_AGE}}  ", faint),
                *self._transfer(node, wide, base),
            ]
        ).adjust_cell_length(width, base)

    def _transfer(self, node: Node, width: int, style: Style) -> list[Segment]:
        held = [self.downloads[k] for k in map(key_of, node.files) if k in self.downloads]
        if not held:
            return [Segment(" " * width, style)]
        row, glyphs = held[0], self.glyphs
        if not node.leaf:
            done = sum(1 for one in held if one.phase is DownloadPhase.DONE)
            text = f"{done} of {len(node.files)} {glyphs.ok}" if done else ""
            return [Segment(fit(text, width, glyphs), style + self.paint("text-faint"))]
        ink = style + self.paint(transfer.colour(row))
        running = row.phase in (DownloadPhase.RUNNING, DownloadPhase.PAUSED)
        if running and row.fraction is not None and width >= 26:
            full, empty = transfer.progress_bar(row, BAR, glyphs)
            said = f"{transfer.percent(row):>5} {transfer.words(row)}"
            if len(said) > width - BAR:
                said = f"{transfer.percent(row):>5} {transfer.speed(row)}"
            return [
                Segment(full, ink),
                Segment(empty, style + self.paint("track")),
                Segment(fit(said, width - BAR, glyphs), style + self.paint("text-muted")),
            ]
        short = transfer.percent(row) if running else ""
        text = f"{transfer.shape(row, glyphs)} {short or transfer.words(row)}"
        return [Segment(fit(text, width, glyphs), ink)]
