"""What the configs of some jobs differ in: a key a row, a job a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip

from trainer_tui.core.compare import Difference, differences, told_apart
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.chart_jobs import COLOURS
from trainer_tui.tui.widgets.line_view import LineView
from trainer_tui.tui.widgets.lines_view import wrap

_LEAST = 14
"""Cells below which a column of values cannot be read."""
_GAP = 2
_MORE = 8
_HEAD = 18
"""Cells of ``CONFIG · 12 differ``."""


@dataclass(frozen=True, slots=True)
class JobConfig:
    """One job's config, or why there is none."""

    name: str
    values: dict[str, str] | None = None
    reason: str = ""
    """Why it cannot be had; with neither values nor a reason it is on its way."""


class ConfigTable(LineView):
    """Scrolls up and down over the keys, and sideways over the jobs where not all fit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_by(1)", "down", show=False, id="config_table.down",
                tooltip="The next key."),
        Binding("up,k", "scroll_by(-1)", "up", show=False, id="config_table.up",
                tooltip="The key before."),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False,
                id="config_table.page_down", tooltip="A screen of keys down."),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False,
                id="config_table.page_up", tooltip="A screen of keys up."),
        Binding("home,g", "go(0)", "first", show=False, id="config_table.first",
                tooltip="The first key."),
        Binding("end,G", "go(-1)", "last", show=False, id="config_table.last",
                tooltip="The last key."),
        Binding("right", "across(1)", "right", show=False, id="config_table.right",
                tooltip="The next jobs' values, where not all fit."),
        Binding("left", "across(-1)", "left", show=False, id="config_table.left",
                tooltip="The values of the jobs before."),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.jobs: Sequence[JobConfig] = ()
        self.found: list[Difference] = []
        self.first = 0
        """The first job that is shown."""
        self._reasons: dict[tuple[int, int], list[str]] = {}

    def show(self, jobs: Sequence[JobConfig]) -> None:
        """Compare these configs."""
        if list(jobs) == list(self.jobs):
            return
        self.jobs = jobs
        known = [job.values for job in jobs if job.values is not None]
        self.found = []
        for one in differences(known):
            values = iter(one.values)
            whole = tuple(None if job.values is None else next(values) for job in jobs)
            self.found.append(Difference(one.key, whole))
        self._reasons.clear()
        self.move_to(self.top)
        self.refresh(layout=True)

    @property
    def says(self) -> str:
        """What there is to say instead of differences."""
        known = sum(job.values is not None for job in self.jobs)
        waiting = sum(job.values is None and not job.reason for job in self.jobs)
        if self.found:
            return ""
        if waiting:
            return f"Asking for the configs{self.glyphs.ellipsis}"
        if known < 2:
            return "There are not two configs to compare."
        return "The configs are the same." if known == len(self.jobs) else (
            "The configs that there are are the same."
        )  # fmt: skip

    # Columns

    def layout_for(self, width: int) -> tuple[int, int, int]:
        """Cells of the keys, cells of a job, how many jobs are shown."""
        longest = max((len(one.key) for one in self.found), default=12)
        keys = min(max(longest, _HEAD) + _GAP + 2, max(16, width * 4 // 10))
        room, count = max(_LEAST, width - keys), max(1, len(self.jobs))
        shown = max(1, min(count, room // _LEAST))
        if shown < count:  # how many are hidden is said at the end of the head
            shown = max(1, min(count, (room - _MORE) // _LEAST))
            room = max(_LEAST, room - _MORE)
        return keys, min(room // shown, 40), shown

    def row_count(self) -> int:
        """The head, the keys; or as many as the longest reason takes."""
        width = self.text_width or 80
        _, cells, _ = self.layout_for(width)
        longest = max((len(self._reason(n, cells)) for n in range(len(self.jobs))), default=0)
        return 1 + bool(self.says) + max(len(self.found), longest)

    def _reason(self, job: int, cells: int) -> list[str]:
        """The lines of why a job has no config, for its column."""
        found = self._reasons.get((job, cells))
        if found is None:
            reason = self.jobs[job].reason
            found = list(wrap(reason, max(4, cells - _GAP))) if reason else []
            self._reasons[job, cells] = found
        return found

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Textual: as high as all rows, as far as there is room."""
        return self.row_count()

    def strip_at(self, y: int, width: int) -> Strip | None:
        """The first line is always the head."""
        if y == 0 and self.jobs:
            return self._head(*self._columns(width), width)
        return super().strip_at(y, width)

    def _columns(self, width: int) -> tuple[int, int, range]:
        keys, cells, shown = self.layout_for(width)
        self.first = min(self.first, max(0, len(self.jobs) - shown))
        return keys, cells, range(self.first, min(len(self.jobs), self.first + shown))

    def render_row(self, row: int, width: int) -> Strip:
        """``train.lr   1e-4   5e-5   1e-4``."""
        keys, cells, columns = self._columns(width)
        glyphs, base = self.glyphs, self.rich_style
        place = row - 1 - bool(self.says)
        if place < 0:
            return Strip([Segment(f"  {self.says}"[:width], base + self.paint("text-faint"))])
        one = self.found[place] if place < len(self.found) else None
        label, room = one.key if one is not None else "", max(1, keys - _GAP - 2)
        if len(label) > room:  # the end of a key tells the most
            label = glyphs.ellipsis + label[1 - room :]
        segments = [Segment(f"  {fit(label, keys - 2, glyphs)}", base + self.paint("text-muted"))]
        values = told_apart(one.values if one else (), cells - _GAP, glyphs.ellipsis)
        for job in columns:
            said, colour = "", ""
            if self.jobs[job].values is None:
                lines = self._reason(job, cells)
                said, colour = lines[place] if place < len(lines) else "", "warning"
            elif one is not None:
                same = job > 0 and one.values[job] == one.values[0]
                said, colour = values[job] or "", "text-muted" if same else "foreground"
                if values[job] is None:
                    said, colour = glyphs.dash, "text-faint"
            segments.append(Segment(fit(said, cells, glyphs), base + self.paint(colour)))
        return Strip(segments).crop(0, width)

    def _head(self, keys: int, cells: int, columns: range, width: int) -> Strip:
        base, faint = self.rich_style, self.paint("text-faint")
        count = len(self.found)
        title = f"  CONFIG {self.glyphs.dot} {count} differ{'s' if count == 1 else ''}"
        title = title if count else "  CONFIG"
        segments = [Segment(f"{title:<{keys}}"[:keys], base + faint)]
        room = max(1, cells - _GAP)
        names = told_apart([job.name for job in self.jobs], room, self.glyphs.ellipsis)
        for job in columns:
            name = fit(names[job] or "", room, self.glyphs)
            colour = self.paint(COLOURS[job % len(COLOURS)])
            segments.append(Segment(f"{name:<{cells}}", base + colour))
        hidden = len(self.jobs) - len(columns)
        if hidden:
            segments.append(Segment(f"{hidden} more", base + faint))
        return Strip(segments).crop(0, width)

    # Keys

    def action_scroll_by(self, rows: int) -> None:
        """Up or down."""
        self.move_to(self.top + rows)

    def action_page(self, direction: int) -> None:
        """A screen up or down."""
        self.move_to(self.top + direction * max(1, self.size.height - 1))

    def action_go(self, row: int) -> None:
        """To the first row, or the last (-1)."""
        self.move_to(self.bottom if row < 0 else row)

    def action_across(self, by: int) -> None:
        """Other jobs, where not all fit."""
        _, _, shown = self.layout_for(self.text_width)
        first = min(max(0, self.first + by), max(0, len(self.jobs) - shown))
        if first != self.first:
            self.first = first
            self.refresh()

    def on_focus(self) -> None:
        """The bar beside shows where the keys go."""
        self.refresh()

    def on_blur(self) -> None:
        """Elsewhere."""
        self.refresh()
