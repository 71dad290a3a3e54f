"""Saving the curves that are shown: as a picture (SVG) or as a table (CSV)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_tui.core import chartsvg, curvecsv
from trainer_tui.sanitize import filename
from trainer_tui.tui.screens.save_as import SaveScreen
from trainer_tui.tui.widgets.chart_jobs import curves_of

if TYPE_CHECKING:
    from trainer_tui.core.series import Series
    from trainer_tui.tui.widgets.chart_look import Curve
    from trainer_tui.tui.widgets.chart_panel import ChartPanel

_GRID_SIZE = (640, 320)


def ask_where(panel: ChartPanel) -> None:
    """Ask for a file, write it, and say where it is."""

    def answered(path: Path | None) -> None:
        if path is None:
            return
        table = path.suffix.lower() == ".csv"
        pieces = tables(panel) if table else [picture(panel)]
        say = getattr(panel.app, "say", panel.app.notify)

        def work() -> None:
            panel.app.call_from_thread(say, *write(path, pieces))

        panel.app.run_worker(work, thread=True, group="save", exit_on_error=False)

    panel.app.push_screen(SaveScreen("Save curves", suggestion(panel), (".svg", ".csv")), answered)


def suggestion(panel: ChartPanel) -> str:
    """A name for the file: of the job, or of the comparison, and the key."""
    job = panel.jobs[0].name if len(panel.jobs) == 1 else f"{len(panel.jobs)} jobs"
    keys = panel.listing.keys if panel.has_class("grid") else panel.chosen
    key = keys[0] if len(keys) == 1 else "metrics"
    return filename(f"{job}-{key}".replace("/", "-").replace(" ", "-")) + ".svg"


def picture(panel: ChartPanel) -> str:
    """What the panel shows, as SVG."""
    if panel.has_class("grid"):
        keys = panel.listing.keys
        scenes = [
            _scene(panel, curves_of(panel.jobs, [key], keys), key, size=_GRID_SIZE) for key in keys
        ]
        return chartsvg.sheet(scenes)
    key = panel.chosen[0] if panel.chosen else ""
    title = panel.jobs[0].name if len(panel.jobs) == 1 else key
    return chartsvg.draw(_scene(panel, panel.curves, title))


def _scene(
    panel: ChartPanel, curves: Iterable[Curve], title: str, size: tuple[int, int] = (960, 480)
) -> chartsvg.Scene:
    look, grid = panel.look, panel.has_class("grid")
    steps = tuple(sorted(panel.jobs[0].checkpoints)) if len(panel.jobs) == 1 else ()
    lines = [chartsvg.Line(one.label, one.series, one.best, steps, one.stalls) for one in curves]
    return chartsvg.Scene(
        lines,
        title,
        look.axis,
        None if grid else look.window,
        look.log,
        look.weight,
        look.zone,
        *size,
    )


def tables(panel: ChartPanel) -> Iterable[str]:
    """The points that the panel shows, as CSV."""
    grid = panel.has_class("grid")
    keys = panel.listing.keys if grid else panel.chosen
    several = len(panel.jobs) > 1
    found: list[tuple[str, Series]] = [
        (job.name if several else "", job.held[key])
        for key in keys
        for job in panel.jobs
        if key in job.held
    ]
    return curvecsv.lines(found, panel.look.axis, None if grid else panel.look.window)


def write(path: Path, pieces: Iterable[str]) -> tuple[str, str]:
    """Write a new file; gives what to say of it, and how grave that is."""
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            try:
                file.writelines(pieces)
            except OSError:
                with contextlib.suppress(OSError):
                    path.unlink()
                raise
    except FileExistsError:
        return f"Not saved: {path} has come into being meanwhile", "error"
    except OSError as error:
        return f"Not saved: {error.strerror or error}", "error"
    return f"Saved {path.resolve()}", "success"
