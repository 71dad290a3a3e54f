"""``trainer-tui metrics``: the points of a job's curves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import time_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.errors import StateError, UsageError
from trainer_tui.model import Capability, Job, Metric
from trainer_tui.providers.base import HasMetrics


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job, and which points."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument(
        "--key", metavar="KEY", action="append", help="only this curve (repeatable)"
    )
    parser.add_argument("--since", metavar="STEP", type=int, help="only steps after this one")
    parser.add_argument("--tail", metavar="N", type=int, help="only the last N steps")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print one line a step, a column a curve; with ``--json`` an array of points."""
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
    if context.json:
        context.print_json([_value(point) for point in points])
    elif not points:
        context.say(f"{job.ref} has no metrics yet")
    else:
        _print_table(context, keys, steps, points)
    return DONE


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
    """The job, and its points: all that the service has, else those seen from here."""
    async with Service(context) as service:
        job = await service.find(text)
        provider = service.provider(job.ref.profile)
        kept = context.store.metrics(job.ref)
        offered = Capability.METRICS in provider.facts.capabilities
        if not isinstance(provider, HasMetrics) or not offered:
            if kept:
                context.warn(f"{provider.facts.title} has no metrics: these were seen from here")
                return job, kept
            reason = provider.facts.reasons.get(Capability.METRICS)
            raise StateError(reason or f"{provider.facts.title} has no metrics to give")
        points: list[Metric] = []
        cursor = 0
        while True:
            new, following = await provider.metrics(job.ref.id, since=cursor)
            points += new
            if following == cursor or not new:
                break
            cursor = following
        unique = {(point.key, point.step): point for point in points}  # a resume writes anew
        return job, sorted(unique.values(), key=lambda point: (point.step, point.key))


def _value(point: Metric) -> dict[str, object]:
    return {
        "key": point.key,
        "step": point.step,
        "value": point.value,
        "time": time_value(point.time),
    }
