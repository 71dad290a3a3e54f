"""``trainer-tui metrics``: the points of a job's curves."""

from __future__ import annotations

import argparse
import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import time_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.curvecsv import by_step, lines
from trainer_tui.core.metricrows import LOG
from trainer_tui.core.points import Points, better
from trainer_tui.core.series import Series
from trainer_tui.core.seriesset import SeriesSet
from trainer_tui.errors import StateError, TrainerError, UsageError
from trainer_tui.model import ArtifactKind, Capability, Job
from trainer_tui.providers.base import Provider
from trainer_tui.providers.capabilities import HasArtifacts, HasMetrics

if TYPE_CHECKING:
    from trainer_tui.core.store import Store

_PIECE = 5_000
"""Points that are written to standard output at once."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job, and which points."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument(
        "--key", metavar="KEY", action="append", help="only this curve (repeatable)"
    )
    parser.add_argument("--since", metavar="STEP", type=int, help="only steps after this one")
    parser.add_argument("--csv", action="store_true", help="one line a point: step,time,key,value")
    parser.add_argument(
        "--svg", metavar="FILE", type=Path, help="a picture in a new file, a chart a curve"
    )
    parser.add_argument("--tail", metavar="N", type=int, help="only the last N steps")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print one line a step (an epoch, …), a column a curve; ``--csv`` and ``--json`` give the
    points, and ``--svg`` writes a picture."""
    if sum((args.csv, context.json, args.svg is not None)) > 1:
        raise UsageError("--csv, --svg and --json exclude each other")
    if args.tail is not None and args.tail < 0:
        raise UsageError("--tail takes a number of steps, 0 or more")
    if args.svg is not None and os.path.lexists(args.svg):
        raise UsageError(f"{args.svg} exists", hint="It is never written over: another name.")
    files = args.svg is not None
    job, held, steps = run_async(_fetch(context, args.ref, args.key or (), args.since, files=files))
    curves = [held[key] for key in args.key or held if key in held]
    groups = _by_unit(curves, args.tail)
    curves = [series for group in groups for series in group]
    if args.svg is not None and curves:
        _draw(context, args.svg, job, curves, steps)
    elif args.csv:
        for piece in lines([("", series) for series in curves]):
            context.out(piece, end="")
    elif context.json:
        context.print_json_pieces(piece for group in groups for piece in _values(group))
    elif not curves:
        context.say(f"{job.ref} has no metrics yet")
    else:
        for place, group in enumerate(groups):
            if place:
                context.out("")
            _print_table(context, group)
    return DONE


def _by_unit(curves: Sequence[Series], tail: int | None) -> list[list[Series]]:
    """Curves that count the same together, of each the last so many steps that any of them has;
    those without a point are left out."""
    groups: dict[str, list[Series]] = {}
    for series in curves:
        if len(series):
            groups.setdefault(series.unit, []).append(series)
    if tail is None:
        return list(groups.values())
    return [cut for group in groups.values() if (cut := _cut(group, tail))]


def _cut(curves: Sequence[Series], tail: int) -> list[Series]:
    last = (
        sorted({step for one in curves for step in one.steps[-tail:]})[-tail:] if tail > 0 else []
    )
    found = []
    for one in curves:
        begin = bisect_left(one.steps, last[0]) if last else len(one)
        if begin < len(one):
            rest = Series(one.key)
            rest.unit = one.unit
            rest.extend(Points(one.key, one.steps[begin:], one.values[begin:], one.times[begin:]))
            found.append(rest)
    return found


def _draw(
    context: CliContext,
    path: Path,
    job: Job,
    curves: Sequence[Series],
    steps: tuple[int, ...],
) -> None:
    """One chart a curve, beside each other where there are several; ticks at the steps of
    checkpoints."""
    from trainer_tui.core import chartsvg
    from trainer_tui.core.stalls import Stalls

    name = job.name or job.ref.id
    scenes = []
    for series in curves:
        ticks = steps if series.unit == job.counts else ()
        stalls = Stalls(series).find()
        line = chartsvg.Line(series.key, series, better(series.key), ticks, stalls)
        scenes.append(chartsvg.Scene([line], f"{name}: {series.key}"))
    drawn = chartsvg.draw(scenes[0]) if len(scenes) == 1 else chartsvg.sheet(scenes)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(drawn)
    except OSError as error:
        raise TrainerError(f"{path} cannot be written: {error.strerror or error}") from error
    context.say(f"Saved {path.resolve()}")


def _print_table(context: CliContext, curves: Sequence[Series]) -> None:
    """A row a step, of which no more than some thousand are held."""
    titles = (curves[0].unit.upper(), *(series.key for series in curves))
    shown = [max(len(str(one.steps[at])) for one in curves for at in (0, -1))]
    shown += [max(len(_cell(value)) for value in one.values) for one in curves]
    widths = list(map(max, shown, map(render.cell_width, titles)))
    columns = [
        render.Column(" " * (width - render.cell_width(title)) + title, "right")
        for title, width in zip(titles, widths, strict=True)
    ]
    rows = render.table(columns, [], color=context.color)
    held = [series.values for series in curves]
    for step, found in by_step(curves):
        cells = [str(step)]
        for values, at in zip(held, found, strict=True):
            cells.append("" if at is None else _cell(values[at]))
        rows.append("  ".join(map(str.rjust, cells, widths)).rstrip())
        if len(rows) >= _PIECE:
            context.out("\n".join(rows))
            rows = []
    if rows:
        context.out("\n".join(rows))


def _cell(value: float) -> str:
    return f"{value:.6g}"


def _values(curves: Sequence[Series]) -> Iterator[list[object]]:
    """The points as JSON gives them, by step, in pieces."""
    piece: list[object] = []
    curves = sorted(curves, key=lambda series: series.key)
    held = [(one.key, one.unit, one.values, one.times) for one in curves]
    for step, found in by_step(curves):
        for (key, unit, values, times), at in zip(held, found, strict=True):
            if at is not None:
                time = times[at]
                moment = None if time != time else datetime.fromtimestamp(time, UTC)
                piece.append(
                    {
                        **{"key": key, "step": step, "unit": unit},
                        **{"value": values[at], "time": time_value(moment)},
                    }
                )
        if len(piece) >= _PIECE:
            yield piece
            piece = []
    yield piece


async def _fetch(
    context: CliContext, text: str, wanted: Sequence[str], since: int | None, *, files: bool
) -> tuple[Job, SeriesSet, tuple[int, ...]]:
    """The job, its points, and with ``files`` the steps of its checkpoints.

    The points are all that the service has, what was seen from here, and of the log the keys that
    neither tells. All goes through the store, so the second time is quick.
    """
    async with Service(context) as service:
        job = await service.find(text)
        provider, store = service.provider(job.ref.profile), context.store
        facts = provider.facts
        offered = isinstance(provider, HasMetrics) and Capability.METRICS in facts.capabilities
        if isinstance(provider, HasMetrics) and offered:
            await _ask(store, provider, job)
        if context.config.metrics.from_log and Capability.LOGS in facts.capabilities:
            await _read_log(context, service, job)
        keys = store.metric_keys(job.ref)
        if not offered and not keys:
            raise StateError(facts.why_not(Capability.METRICS))
        missing = [key for key in wanted if key not in keys]
        if missing and keys:
            raise UsageError(
                f"{job.ref} has no curve {missing[0]!r}", hint=f"It has: {', '.join(keys)}"
            )
        if not offered:
            seen = any(key.origin != LOG for key in keys.values())
            where = "were seen from here" if seen else "are from the log"
            context.warn(f"{facts.title} has no metrics: these {where}")
        held = SeriesSet()
        for piece in store.points(job.ref, {key: since for key in keys if key in (wanted or keys)}):
            held.add(piece)
        return job, held, await _checkpoints(context, provider, job) if files else ()


async def _checkpoints(context: CliContext, provider: Provider, job: Job) -> tuple[int, ...]:
    """The steps of the checkpoints that there are."""
    steps = {job.checkpoint_step} if job.checkpoint_step else set()
    if isinstance(provider, HasArtifacts):
        try:
            found = await provider.artifacts(job.ref.id)
        except TrainerError as error:
            context.warn(f"the checkpoints could not be listed: {error.message}")
        else:
            steps |= {one.step for one in found if one.kind is ArtifactKind.CHECKPOINT and one.step}
    return tuple(sorted(steps))


async def _ask(store: Store, provider: HasMetrics, job: Job) -> None:
    """Bring what the store has of the service's metrics up to date."""
    cursor = store.metrics_cursor(job.ref)
    while True:
        points, following = await provider.metrics(job.ref.id, since=cursor)
        if points or following != cursor:
            store.set_metrics_cursor(job.ref, following, points)
        if not points and following >= cursor:
            return
        cursor = following  # less than before: the service's list of points began anew


async def _read_log(context: CliContext, service: Service, job: Job) -> None:
    """Bring what the store has of the log's metrics up to date."""
    from trainer_tui.core.logpoints import opened

    try:
        log = await opened(
            context.store,
            job.ref,
            context.config.metrics,
            service.provider(job.ref.profile),
            service.clock,
            lambda: job.status.ended,
            began=job.started_at or job.created_at,
        )
        while log.more:
            await log.look()
    except TrainerError as error:
        context.warn(f"the log could not be read: {error.message}")
