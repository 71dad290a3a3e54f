"""The first line of a full-screen view: what it shows of which job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.present import fit, percent, status_colour

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry


class TitleLine(Widget):
    """``● dog_portrait_lora  comfy · 48%            Log``."""

    DEFAULT_CSS = """
    TitleLine { height: 1; width: 1fr; background: $panel; }
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self._pieces: tuple[tuple[str, str, bool], ...] = ()

    def show(self, entry: Entry | None) -> None:
        """Say which job; repaint only when that differs."""
        pieces: tuple[tuple[str, str, bool], ...] = ()
        if entry is not None:
            glyphs, job = glyphs_of(self), entry.job
            facts = (job.ref.profile, job.status.value, percent(job))
            pieces = (
                (f" {glyphs.status[job.status]} ", status_colour(job.status), False),
                (job.name or job.ref.id, "foreground", True),
                ("  " + f" {glyphs.dot} ".join(filter(None, facts)), "text-muted", False),
            )
        if pieces != self._pieces:
            self._pieces = pieces
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line: the job on the left, the title on the right."""
        paint, width = paint_of(self.app), self.size.width
        title = f" {self.title} "
        room = max(0, width - len(title))
        if not self._pieces:
            ink = paint("accent", "panel", bold=True)
            return Strip([Segment(f" {self.title}", ink)]).adjust_cell_length(width, ink)
        segments = []
        for text, colour, bold in self._pieces:
            segments.append(Segment(text, paint(colour, "panel", bold=bold)))
        left = Strip(segments)
        if left.cell_length > room:
            glyphs = glyphs_of(self)
            left = Strip([Segment(fit(left.text, room, glyphs), paint("foreground", "panel"))])
        left = left.adjust_cell_length(room, paint("foreground", "panel") + Style())
        return Strip([*left, Segment(title, paint("text-faint", "panel"))]).crop(0, width)
