"""Curves of one job or of several: a list of keys beside a chart, or small charts of all keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from trainer_tui.tui.widgets import chart_moves as moves
from trainer_tui.tui.widgets.chart_grid import ChartGrid, Tile
from trainer_tui.tui.widgets.chart_jobs import JobCurves, cell_of, colour_of, curves_of, keys_of
from trainer_tui.tui.widgets.chart_look import Curve, Look, extent
from trainer_tui.tui.widgets.chart_view import Chart
from trainer_tui.tui.widgets.key_list import KeyList

_NARROW, _WIDE = 76, 110
_LOOK = 5.0
"""Seconds between two looks for a stall."""


class ChartPanel(Widget):
    """What the Metrics tab and the comparison have in common: the curves and their keys."""

    DEFAULT_CSS = """
    ChartPanel {
        layout: horizontal;
        height: 1fr;
        width: 1fr;
        & KeyList { width: 28; margin: 0 1 0 0; }
        &.wide KeyList { width: 42; }
        &.several KeyList { width: 28; }
        & Chart { width: 1fr; }
        & ChartGrid { display: none; padding: 0 0 0 1; }
        &.narrow { layout: vertical; }
        &.narrow KeyList { width: 1fr; height: auto; max-height: 4; margin: 0; }
        &.grid KeyList, &.grid Chart { display: none; }
        &.grid ChartGrid { display: block; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "overlay", "overlay", id="metrics.overlay",
                tooltip="Keep this curve while looking at others, or let it go."),
        Binding("L", "scale", "log", id="metrics.log",
                tooltip="Logarithmic scale, or linear."),
        Binding("S", "smooth", "smooth", id="metrics.smooth",
                tooltip="A moving average, the raw values faint behind it."),
        Binding("full_stop", "weight(1)", "smoother", show=False, id="metrics.smoother",
                tooltip="Smooth more."),
        Binding("comma", "weight(-1)", "rougher", show=False, id="metrics.rougher",
                tooltip="Smooth less, at last not at all."),
        Binding("X", "axis", "axis", id="metrics.time",
                tooltip="Below the curve: steps, the time since the start, the clock."),
        Binding("A", "grid", "all", id="metrics.grid",
                tooltip="Small charts of all keys side by side, or one chart."),
        Binding("right", "read(1)", "read", show=False, id="metrics.read_right",
                tooltip="A cursor on the chart that reads values: to the right."),
        Binding("left", "read(-1)", "read", show=False, id="metrics.read_left",
                tooltip="A cursor on the chart that reads values: to the left."),
        Binding("greater_than_sign,shift+up", "zoom(1)", "nearer", show=False,
                id="metrics.zoom_in", tooltip="Look nearer, around the cursor."),
        Binding("less_than_sign,shift+down", "zoom(-1)", "farther", show=False,
                id="metrics.zoom_out", tooltip="Look from farther."),
        Binding("right_parenthesis,shift+right", "pan(1)", "later", show=False,
                id="metrics.later", tooltip="Looking near: a piece to the right."),
        Binding("left_parenthesis,shift+left", "pan(-1)", "earlier", show=False,
                id="metrics.earlier", tooltip="Looking near: a piece to the left."),
        Binding("0", "whole", "whole", show=False, id="metrics.whole",
                tooltip="Show the whole curve again."),
        Binding("ctrl+s", "export", "export", id="metrics.export",
                tooltip="Save what is shown to a file of your choice, as a picture (SVG) or a "
                "table (CSV)."),
        Binding("escape", "leave", "leave", show=False, id="metrics.leave",
                tooltip="Back from the small charts; take the cursor off the chart; then show the "
                "whole curve; then let the kept curves go."),
    ]  # fmt: skip

    class Drawn(Message):
        """Other curves are shown, or they are shown in another way."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.jobs: Sequence[JobCurves] = ()
        self.look = Look()
        self.clock: Callable[[], float] = time.time
        """Unix seconds now."""
        self._whole: tuple[float, float] | None = None
        self._stale = False
        self._stalled = False

    def compose(self) -> ComposeResult:
        """Keys, chart, small charts."""
        yield KeyList(id="metrics-keys")
        yield Chart(id="metrics-chart")
        yield ChartGrid(id="metrics-grid")

    @property
    def listing(self) -> KeyList:
        """The keys."""
        return self.query_one(KeyList)

    @property
    def chart(self) -> Chart:
        """The chart."""
        return self.query_one(Chart)

    @property
    def grid(self) -> ChartGrid:
        """The small charts."""
        return self.query_one(ChartGrid)

    @property
    def has_curves(self) -> bool:
        """Whether there is anything to draw."""
        return any(len(job.held) for job in self.jobs)

    @property
    def chosen(self) -> list[str]:
        """The keys that are drawn: the one under the cursor first, then those that are kept."""
        listing = self.listing
        if listing.current is None:
            return []
        kept = [key for key in listing.keys if key in listing.marked and key != listing.current]
        return [listing.current, *(kept if len(self.jobs) == 1 else ())]

    @property
    def curves(self) -> list[Curve]:
        """What the chart shows."""
        return self._curves_of(self.chosen)

    def _curves_of(self, keys: Sequence[str]) -> list[Curve]:
        return curves_of(self.jobs, keys, self.listing.keys, self.clock())

    def focus(self, scroll_visible: bool = True, **_: object) -> ChartPanel:
        """The list, or the small charts, have the keys."""
        target = self.grid if self.has_class("grid") else self.listing
        target.focus(scroll_visible)
        return self

    def on_mount(self) -> None:
        """Stalls begin and grow while nothing comes."""
        self.set_interval(_LOOK, self.look_for_stalls)

    def on_resize(self, event: events.Resize) -> None:
        """Narrow: the keys above the chart."""
        self.set_class(event.size.width < _NARROW, "narrow")
        self.set_class(event.size.width >= _WIDE, "wide")

    # What is shown

    def show(self, jobs: Sequence[JobCurves]) -> None:
        """Other jobs: nothing of the look at the last ones is kept but how curves are drawn."""
        self.jobs = jobs
        self._whole = None
        self.look = replace(self.look, cursor=None, window=None)
        self.set_class(len(jobs) > 1, "several")
        self.listing.marked.clear()
        self.renew()

    def renew_soon(self) -> None:
        """Bring all up to date once for everything that arrives now."""
        if not self._stale:
            self._stale = True
            self.call_later(self.renew)

    def renew(self) -> None:
        """Bring keys and charts up to date."""
        self._stale = False
        keys, listing = keys_of(self.jobs), self.listing
        # Who reads values or looks near at something is not shown something else.
        listing.chosen |= self.look.cursor is not None or self.look.window is not None
        listing.show(keys, {key: cell_of(self.jobs, key, listing.glyphs) for key in keys})
        self._draw()

    def _draw(self) -> None:
        listing, chosen = self.listing, self.chosen
        curves = self._curves_of(chosen)
        self._stalled = _going(curves)
        whole = extent(curves, self.look.axis)
        if whole is not None:
            self.look = moves.followed(self.look, self._whole, whole)
        self._whole = whole
        drawn = {key: colour_of(key, listing.keys) for key in chosen}
        if len(self.jobs) > 1:
            drawn = {key: "foreground" for key in chosen}
        if drawn != listing.drawn:
            listing.drawn = drawn
            listing.refresh()
        one = len(self.jobs) == 1  # of several jobs there is a list below
        alike = one and bool(curves) and curves[0].series.unit == self.jobs[0].counts
        steps = self.jobs[0].checkpoints if alike else ()
        look = replace(self.look, checkpoints=tuple(sorted(steps)), named=one)
        if self.has_class("grid"):
            self.grid.show(self._tiles(), replace(look, window=None, cursor=None))
        else:
            self.chart.show(curves, look)
        self.post_message(self.Drawn())

    def _tiles(self) -> list[Tile]:
        listing = self.listing
        return [
            Tile(key, self._curves_of([key]), "  ".join(filter(None, listing.cells[key])))
            for key in listing.keys
        ]

    def look_for_stalls(self) -> None:
        """Mark a curve that stands still as long as it does."""
        if self._stalled or (self.is_on_screen and _going(self.curves)):
            self._draw()

    # Keys

    @on(KeyList.Moved)
    def _moved(self, event: KeyList.Moved) -> None:
        event.stop()
        self._whole = None
        self._draw()

    @on(ChartGrid.Opened)
    def _opened(self, event: ChartGrid.Opened) -> None:
        event.stop()
        self.listing.put_cursor(self.listing.keys.index(event.key))
        self._show_grid(False)

    @on(Chart.Pointed)
    def _pointed(self, event: Chart.Pointed) -> None:
        event.stop()
        if self._whole is not None:
            self.take_look(moves.pointed(self.look, self._whole, event.part))

    @on(Chart.Wheeled)
    def _wheeled(self, event: Chart.Wheeled) -> None:
        event.stop()
        if self._whole is not None:
            left, right = self.look.window or self._whole
            at = left + event.part * (right - left)
            self.take_look(moves.zoomed(self.look, self._whole, event.direction, at))

    def take_look(self, look: Look) -> None:
        """Look at the curves in another way."""
        if look != self.look:
            self.look = look
            self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing now are left to the app."""
        grid = self.has_class("grid")
        if action == "leave":
            look = self.look
            zoomed = look.cursor is not None or look.window is not None
            return grid or zoomed or bool(self.listing.marked)
        if action == "overlay":
            return self.has_curves and not grid and len(self.jobs) == 1
        if action in {"read", "zoom", "pan", "whole"}:
            return self.has_curves and not grid
        if action in {"scale", "smooth", "weight", "axis", "grid", "export"}:
            return self.has_curves
        return True

    def action_overlay(self) -> None:
        """Keep the curve under the cursor, or let it go."""
        listing = self.listing
        if listing.current is not None:
            listing.marked ^= {listing.current}
            listing.refresh_row(listing.cursor)
            self._draw()

    def action_scale(self) -> None:
        """Logarithmic or linear."""
        self.take_look(replace(self.look, log=not self.look.log))

    def action_smooth(self) -> None:
        """A moving average or not."""
        weight = 0.0 if self.look.weight else moves.USUAL_WEIGHT
        self.take_look(replace(self.look, weight=weight))

    def action_weight(self, by: int) -> None:
        """Smooth more or less."""
        self.take_look(moves.weighted(self.look, by))

    def action_axis(self) -> None:
        """Another axis below the curve."""
        self._whole = None
        self.take_look(moves.next_axis(self.look, self.curves))

    def action_read(self, direction: int) -> None:
        """Move the cursor on the chart."""
        curves = self.curves
        if self._whole is not None and curves:
            cells, series = self.chart.plot[1], curves[0].series
            self.take_look(moves.stepped(self.look, self._whole, cells, direction, series))

    def action_zoom(self, direction: int) -> None:
        """Nearer or farther."""
        if self._whole is not None:
            self.take_look(moves.zoomed(self.look, self._whole, direction))

    def action_pan(self, direction: int) -> None:
        """Earlier or later."""
        if self._whole is not None:
            self.take_look(moves.panned(self.look, self._whole, direction))

    def action_whole(self) -> None:
        """All there is."""
        self.take_look(replace(self.look, window=None))

    def action_grid(self) -> None:
        """Small charts, or one."""
        self._show_grid(not self.has_class("grid"))

    def _show_grid(self, on: bool) -> None:
        focused = self.has_focus_within
        current = self.listing.current
        self.set_class(on, "grid")
        self._draw()
        if on and current is not None:
            self.grid.put_cursor(current)
        if focused:
            self.focus()

    def action_export(self) -> None:
        """Ask for a file, and save what is shown."""
        from trainer_tui.tui.export import ask_where

        ask_where(self)

    def action_leave(self) -> None:
        """One thing after the other."""
        look = self.look
        if self.has_class("grid"):
            self._show_grid(False)
        elif look.cursor is not None:
            self.take_look(replace(look, cursor=None))
        elif look.window is not None:
            self.action_whole()
        else:
            self.listing.marked.clear()
            self.listing.refresh()
            self._draw()


def _going(curves: Sequence[Curve]) -> bool:
    """Whether any of them stands still now."""
    return any(curve.stalls[-1].open for curve in curves if curve.stalls)
