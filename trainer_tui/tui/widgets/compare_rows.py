"""The jobs that are compared, a line each: their colour, state, last and best value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer_tui.core import units
from trainer_tui.core.compare import told_apart
from trainer_tui.core.points import better
from trainer_tui.core.ticks import number
from trainer_tui.model import Job
from trainer_tui.tui.present import fit, percent, status_colour
from trainer_tui.tui.widgets.chart_jobs import COLOURS, JobCurves
from trainer_tui.tui.widgets.chart_look import Look, Row, read
from trainer_tui.tui.widgets.chart_text import cells
from trainer_tui.tui.widgets.chart_view import PictureView

_REF, _STATE = 26, 18
_VALUE, _BEST = 12, 26
_LEAST_NAME = 16


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the jobs."""

    curves: JobCurves
    job: Job | None
    """As the board has it; ``None``: not there any more."""
    trouble: str = ""
    """Why it has no curves."""


class CompareRows(PictureView):
    """The legend of a comparison."""

    DEFAULT_CSS = """
    CompareRows { height: auto; width: 1fr; padding: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.jobs: Sequence[Compared] = ()
        self.key = ""
        self.look = Look()
        """Where its cursor is, values are read."""
        self.more = 0
        """Marked jobs that are not compared."""

    def show(self, jobs: Sequence[Compared], key: str, look: Look, more: int = 0) -> None:
        """List these jobs with their values of a key."""
        changed = len(jobs) != len(self.jobs) or more != self.more
        self.jobs, self.key, self.look, self.more = jobs, key, look, more
        if changed:
            self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Textual: a line of names, a line a job, and a word about those that are left out."""
        return 1 + len(self.jobs) + bool(self.more)

    def draw_rows(self, width: int, height: int) -> list[Row]:
        """A table, whose columns are dropped from the right of the name where room is short."""
        wide = {"ref": _REF, "state": _STATE}
        room = width - 4 - _VALUE * (2 if self.look.cursor is not None else 1) - _BEST
        for column in ("ref", "state"):
            if room - sum(wide.values()) < _LEAST_NAME:
                wide[column] = 0
        # The name has what its longest needs, so that the values stand near it.
        longest = max((cells(one.curves.name) for one in self.jobs), default=0)
        name = min(longest + 2, max(_LEAST_NAME, room - sum(wide.values())))
        names = {"ref": "JOB", "state": "STATE"}
        head = " " * 4 + f"{'NAME':<{name}}"
        head += "".join(f"{names[column]:<{size}}" for column, size in wide.items() if size)
        if self.look.cursor is not None:
            head += f"{'HERE':>{_VALUE - 2}}  "
        head += f"{'LAST':>{_VALUE - 2}}  BEST"
        rows: list[Row] = [[(head[:width].ljust(width), "text-faint")]]
        shown = told_apart([job.curves.name for job in self.jobs], name - 2, self.glyphs.ellipsis)
        rows += [
            self._row(place, one, fit(shown[place] or "", name, self.glyphs), wide, width)
            for place, one in enumerate(self.jobs)
        ]
        if self.more:
            more = f"    and {self.more} more that are marked: at most {len(self.jobs)} fit here"
            rows.append([(more[:width].ljust(width), "text-faint")])
        return rows[:height] + [[(" " * width, "")]] * (height - len(rows))

    def _row(
        self, place: int, one: Compared, name: str, wide: Mapping[str, int], width: int
    ) -> Row:
        glyphs = self.glyphs
        row: Row = [
            (f"  {glyphs.info} ", COLOURS[place % len(COLOURS)]),
            (name, "foreground"),
        ]
        if wide["ref"]:
            row.append((fit(str(one.curves.ref), _REF - 2, glyphs) + "  ", "text-muted"))
        if wide["state"]:
            row += self._state(one.job)
        used = sum(cells(text) for text, _ in row)
        if one.trouble and not len(one.curves.held):
            row.append((fit(one.trouble, max(0, width - used), glyphs), "warning"))
        else:
            row += self._values(one)
            used = sum(cells(text) for text, _ in row)
            row.append((" " * max(0, width - used), ""))
        return row

    def _state(self, job: Job | None) -> Row:
        if job is None:
            return [(f"{'not listed':<{_STATE}}", "text-faint")]
        shape = self.glyphs.status[job.status]
        text = f"{shape} {job.status.value} {percent(job)}"
        return [(f"{text[: _STATE - 1]:<{_STATE}}", status_colour(job.status))]

    def _values(self, one: Compared) -> Row:
        glyphs, held = self.glyphs, one.curves.held
        if self.key not in held:
            text = f"has no {self.key}" if self.key else "no metrics yet"
            return [(f"{glyphs.dash:>{_VALUE - 2}}  {text}", "text-faint")]
        series, way = held[self.key], better(self.key)
        last = series.last
        told = number(last[1]) if last is not None else glyphs.dash
        row: Row = [(f"{told:>{_VALUE - 2}}  ", "foreground")]
        if self.look.cursor is not None:
            value = read(series, self.look)
            here = glyphs.dash if value is None else number(value)
            row.insert(0, (f"{here:>{_VALUE - 2}}  ", "warning"))
        best = series.best(way) if way is not None else None
        if best is not None:
            arrow = glyphs.down if way == "min" else glyphs.up
            told = f"{arrow} {number(best[1])} at {units.at(series.unit, best[0])}"
            row.append((told, "text-muted"))
        return row
