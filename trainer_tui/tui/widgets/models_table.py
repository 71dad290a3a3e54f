"""The leaderboard of a job's models: a row a model, a column a metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message as TextualMessage
from textual.strip import Strip

from trainer_tui.model import Model, ModelPage
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.present import fit, number
from trainer_tui.tui.widgets.line_view import LineList

Phase = Literal["asked", "acknowledged"]
_LEAD = 4
"""Rank."""
_STAR = 4
_LEAST_NAME, _MOST_NAME = 12, 34
_LEAST_WORDS = 16
"""Cells below which the hyper-parameters are left to the detail."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What fits beside each other, in cells."""

    star: int
    name: int
    status: int
    metrics: tuple[tuple[str, int], ...]
    score: int
    words: int
    """For the hyper-parameters."""


def columns(page: ModelPage, width: int) -> Columns:
    """Share a width out: the name first, then the sorted metric, the score, the other metrics,
    the hyper-parameters, the service's word for the status."""
    models = page.models
    longest = max((cell_len(model.name) for model in models), default=0)
    name = min(_MOST_NAME, max(_LEAST_NAME, longest + 3))
    star = _STAR if any(model.starred is not None for model in models) else 0
    rest = width - _LEAD - star - name - 1
    if rest < 9:
        name = max(8, name + rest - 9)
        rest = width - _LEAD - star - name - 1
    wanted = sorted(metric_names(page), key=lambda key: key != page.sort_by)  # stable
    # kaos scores by the metric that sorts: the same number need not be there twice.
    own = any(model.score not in (None, model.metrics.get(page.sort_by or "")) for model in models)
    score = 9 if own and rest >= 18 else 0
    rest -= score
    taken: dict[str, int] = {}
    for key in wanted:
        cells = min(14, max(9, len(key) + 3))
        if cells > rest:
            break
        taken[key] = cells
        rest -= cells
    shown = tuple((key, taken[key]) for key in metric_names(page) if key in taken)
    most = max((len(words(model)) for model in models), default=0)
    width_of_words = min(rest - 2, most) if most and rest - 2 >= _LEAST_WORDS else 0
    rest -= width_of_words + 2 if width_of_words else 0
    longest = max((len(model.status) for model in models), default=0)
    status = min(14, longest + 2) if longest and rest >= longest + 2 else 0
    return Columns(star, name, status, shown, score, width_of_words)


def metric_names(page: ModelPage) -> tuple[str, ...]:
    """What the page tells of its models, in the service's order, then what only some have."""
    told = {key: None for model in page.models for key in model.metrics}
    if page.sort_by is not None:
        told[page.sort_by] = None
    known = [key for key in page.available_metrics if key in told]
    return tuple(dict.fromkeys([*known, *told]))


def words(model: Model) -> str:
    """Hyper-parameters in one line: ``lr=0.01 depth=4``."""
    return " ".join(f"{key}={value}" for key, value in model.hyperparameters.items())


class ModelsTable(LineList, inherit_bindings=False):
    """The rows of one page; the keys that turn pages are the pane's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("home,g", "cursor_to(0)", "First", show=False),
        Binding("end,G", "cursor_to(-1)", "Last", show=False),
    ]

    class Changed(TextualMessage):
        """The cursor is on another model."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.page = ModelPage(())
        self.first = 0
        """How many models the pages before hold."""
        self.starring: Mapping[str, tuple[bool, Phase]] = {}
        """Model → the star that was asked for, until it is observed."""

    @property
    def current(self) -> Model | None:
        """The model under the cursor."""
        models = self.page.models
        return models[self.cursor] if self.cursor < len(models) else None

    def row_count(self) -> int:
        """Models of the page."""
        return len(self.page.models)

    def cursor_moved(self) -> None:
        """The line below tells of the model under the cursor."""
        self.post_message(self.Changed())

    def header(self, width: int) -> str:
        """The names of the columns; the sorted one has an arrow."""
        found, glyphs = columns(self.page, width), self.glyphs
        text = f"{'#':>{_LEAD - 1}} {'':{found.star}}{'MODEL':<{found.name}}"
        text += f"{'STATUS':<{found.status}}" if found.status else ""
        for key, cells in found.metrics:
            mark = glyphs.down if key == self.page.sort_by else ""
            text += f"{_clipped(key, cells - 1 - len(mark), glyphs) + mark:>{cells}}"
        text += f"{'SCORE':>{found.score}}" if found.score else ""
        text += "  HYPER-PARAMETERS" if found.words else ""
        return text

    def render_row(self, row: int, width: int) -> Strip:
        """``  1 ★  nas-child-3 ◈   finished   0.912   0.731``."""
        model, page, glyphs = self.page.models[row], self.page, self.glyphs
        found = columns(page, width)
        at_cursor = row == self.cursor
        base = self.rich_style + self.paint(ground="cursor-row" if at_cursor else "")
        faint = base + self.paint("text-faint")
        look = base + self.paint(extra="bold") if at_cursor and self.has_focus else base
        star, ink = self._star(model)
        told = fit(model.name, found.name - (3 if model.recommended else 1), glyphs)
        name = told.rstrip() if model.recommended else told
        segments = [
            Segment(f"{self.first + row + 1:>{_LEAD - 1}} ", faint),
            Segment(f"{star:<{found.star}}" if found.star else "", base + self.paint(ink)),
            Segment(name, look),
        ]
        used = found.name - cell_len(name)
        if model.recommended:
            mark = f" {glyphs.recommended}"
            segments.append(Segment(f"{mark:<{used}}", base + self.paint("success")))
        else:
            segments.append(Segment(" " * used, base))
        if found.status:
            segments.append(Segment(fit(model.status, found.status, glyphs), faint))
        for key, cells in found.metrics:
            value = model.metrics.get(key)
            text = glyphs.dash if value is None else number(value)
            colour = "accent" if key == page.sort_by else ""
            bold = "bold" if key == page.sort_by else ""
            shade = faint if value is None else base + self.paint(colour, extra=bold)
            segments.append(Segment(f"{text:>{cells}}", shade))
        if found.score:
            text = glyphs.dash if model.score is None else number(model.score)
            segments.append(Segment(f"{text:>{found.score}}", base))
        if found.words:
            segments.append(Segment("  " + fit(words(model), found.words, glyphs), faint))
        return Strip(segments).adjust_cell_length(width, base)

    def _star(self, model: Model) -> tuple[str, str]:
        """The star with what became of asking for it, and its colour."""
        glyphs = self.glyphs
        asked = self.starring.get(model.id)
        if asked is not None:
            on, phase = asked
            mark = glyphs.ellipsis if phase == "asked" else glyphs.ok
            return f"{glyphs.star if on else glyphs.no_star}{mark}", "text-muted"
        if model.starred is None:
            return "", "text-faint"
        return (glyphs.star, "warning") if model.starred else (glyphs.no_star, "track")


def _clipped(text: str, width: int, glyphs: Glyphs) -> str:
    return text if len(text) <= width else fit(text, width, glyphs)
