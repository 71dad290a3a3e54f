"""``trainer-tui metrics``: the points of a job's curves."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import time_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.metricrows import LOG
from trainer_tui.errors import StateError, TrainerError, UsageError
from trainer_tui.model import Capability, Job, Metric
from trainer_tui.providers.base import HasMetrics


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
    """Print one line a step, a column a curve; ``--csv`` and ``--json`` give the points, and
    ``--svg`` writes a picture."""
    if sum((args.csv, context.json, args.svg is not None)) > 1:
        raise UsageError("--csv, --svg and --json exclude each other")
    if args.svg is not None and os.path.lexists(args.svg):
        raise UsageError(f"{args.svg} exists", hint="It is never written over: another name.")
    job, points = run_async(_fetch(context, args.ref))
    keys = list(dict.fromkeys(point.key for point in points))
    if args.key:
        missing = [key for key in args.key if key not in keys]
        if missing and keys:
            raise UsageError(
                f"{job.ref} has no curve {missing[0]!r}", hint=f"It has: {', '.join(keys)}"
            )
        keys = args.key
    points = [
        point
        for point in points
        if point.key in keys and (args.since is None or point.step > args.since)
    ]
    steps = sorted({point.step for point in points})
    if args.tail is not None:
        steps = steps[-args.tail :] if args.tail > 0 else []
        wanted = set(steps)
        points = [point for point in points if point.step in wanted]
    if args.svg is not None and points:
        _draw(context, args.svg, job, keys, points)
    elif args.csv:
        _print_csv(context, points)
    elif context.json:
        context.print_json([_value(point) for point in points])
    elif not points:
        context.say(f"{job.ref} has no metrics yet")
    else:
        _print_table(context, keys, steps, points)
    return DONE


def _print_csv(context: CliContext, points: Sequence[Metric]) -> None:
    from trainer_tui.core.curvecsv import lines
    from trainer_tui.core.series import SeriesSet

    held = SeriesSet()
    held.add(points)
    for piece in lines([("", held[key]) for key in held]):
        context.out(piece, end="")


def _draw(
    context: CliContext, path: Path, job: Job, keys: Sequence[str], points: Sequence[Metric]
) -> None:
    """One chart a curve, beside each other where there are several."""
    from trainer_tui.core import chartsvg
    from trainer_tui.core.points import better
    from trainer_tui.core.series import SeriesSet

    held = SeriesSet()
    held.add(points)
    shown = [key for key in held if key in keys]
    name = job.name or job.ref.id
    steps = (job.checkpoint_step,) if job.checkpoint_step else ()
    scenes = [
        chartsvg.Scene([chartsvg.Line(key, held[key], better(key), steps)], f"{name}: {key}")
        for key in shown
    ]
    drawn = chartsvg.draw(scenes[0]) if len(scenes) == 1 else chartsvg.sheet(scenes)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(drawn)
    except OSError as error:
        raise TrainerError(f"{path} cannot be written: {error.strerror or error}") from error
    context.say(f"Saved {path.resolve()}")


def _print_table(
    context: CliContext, keys: Sequence[str], steps: Sequence[int], points: Sequence[Metric]
) -> None:
    values = {(point.step, point.key): point.value for point in points}
    columns = [render.Column("STEP", "right"), *(render.Column(key, "right") for key in keys)]
    rows = []
    for step in steps:
        row = [values.get((step, key)) for key in keys]
        rows.append([str(step), *("" if value is None else f"{value:.6g}" for value in row)])
    for line in render.table(columns, rows, color=context.color):
        context.out(line)


async def _fetch(context: CliContext, text: str) -> tuple[Job, list[Metric]]:
    """The job, and its points: all that the service has, what was seen from here, and of the log
    the keys that neither tells."""
    async with Service(context) as service:
        job = await service.find(text)
        provider = service.provider(job.ref.profile)
        facts, store = provider.facts, context.store
        points: list[Metric] = []
        offered = isinstance(provider, HasMetrics) and Capability.METRICS in facts.capabilities
        if isinstance(provider, HasMetrics) and offered:
            points = await _of_service(provider, job)
        if context.config.metrics.from_log and Capability.LOGS in facts.capabilities:
            await _read_log(context, service, job)
        stands = store.metric_keys(job.ref)
        own = {point.key for point in points}
        kept = [
            point
            for point in store.metrics(job.ref)
            if not offered or (stands[point.key].origin == LOG and point.key not in own)
        ]
        if not offered:
            if not kept:
                reason = facts.reasons.get(Capability.METRICS)
                raise StateError(reason or f"{facts.title} has no metrics to give")
            seen = any(stand.origin != LOG for stand in stands.values())
            where = "were seen from here" if seen else "are from the log"
            context.warn(f"{facts.title} has no metrics: these {where}")
        unique = {(point.key, point.step): point for point in (*points, *kept)}
        return job, sorted(unique.values(), key=lambda point: (point.step, point.key))


async def _of_service(provider: HasMetrics, job: Job) -> list[Metric]:
    points: list[Metric] = []
    cursor = 0
    while True:
        new, following = await provider.metrics(job.ref.id, since=cursor)
        points += new
        if following == cursor or not new:
            return points  # a resume writes anew: of two points of a step the later one counts
        cursor = following


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
        )
        while log.more:
            await log.look()
    except TrainerError as error:
        context.warn(f"the log could not be read: {error.message}")


def _value(point: Metric) -> dict[str, object]:
    return {
        "key": point.key,
        "step": point.step,
        "value": point.value,
        "time": time_value(point.time),
    }
