"""``trainer-tui jobs``: what there is, asked of every profile at once."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import job_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.config import LOCAL, provider_names
from trainer_tui.core.clock import utcnow
from trainer_tui.errors import TrainerError
from trainer_tui.model import Job
from trainer_tui.query import Query, parse, strangers
from trainer_tui.query_text import QuerySyntaxError

RECENT = timedelta(days=7)
"""Ended jobs older than this are left out unless they are asked for."""

_EXCERPT = 70
"""Characters of a filter that are shown about a mistake."""

_COLUMNS = (
    render.Column("REF"),  # whole, so that it can be copied
    render.Column("NAME", shrinks=True),
    render.Column("STATUS"),
    render.Column("DONE", "right"),
    render.Column("STEP", "right"),
    render.Column("ETA", "right"),
    render.Column("LOSS", "right"),
    render.Column("AGE", "right"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The filter's words, and which jobs."""
    parser.add_argument(
        "filter", nargs="*", metavar="FILTER", help="such as: status:active 'age<2h' dog"
    )
    parser.add_argument(
        "--filter", metavar="FILTER", dest="also", action="append", default=[], help="the same"
    )
    parser.add_argument(
        "--all", action="store_true", help="those that ended more than 7 days ago too"
    )
    parser.add_argument(
        "--offline", action="store_true", help="as last known, without asking the services"
    )


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the jobs that match, newest first."""
    query = parse_filter(" ".join([*args.filter, *args.also]))
    profiles, errors = run_async(_refresh(context, offline=args.offline))
    jobs = context.store.jobs(context.profile)
    now = utcnow()
    profiles_known = [*context.config.profiles, LOCAL, *(job.ref.profile for job in jobs)]
    for sentence in strangers(query, profiles_known, provider_names()):
        context.warn(sentence)
    shown, hidden = select(jobs, query, now, everything=args.all)
    if context.json:
        context.print_json([job_value(job, eta=render.eta(job, now)) for job in shown])
    elif shown:
        rows = [_row(job, now, context.color) for job in shown]
        width = context.width if context.stdout_tty else None
        for line in render.table(_COLUMNS, rows, width=width, color=context.color):
            context.out(line)
    elif not errors:
        context.say(_nothing(context, bool(jobs), profiles))
    if hidden and not context.json:
        context.say(f"{hidden} ended more than 7 days ago: --all shows them")
    return report(context, errors, len(profiles))


async def _refresh(
    context: CliContext, *, offline: bool
) -> tuple[list[str], dict[str, TrainerError]]:
    async with Service(context) as service:
        profiles = service.usual_profiles()
        return profiles, {} if offline else await service.refresh(profiles)


def parse_filter(text: str) -> Query:
    """The filter; a mistake is shown with a mark under it."""
    try:
        return parse(text)
    except QuerySyntaxError as error:
        start = max(0, error.position - _EXCERPT // 2) if len(text) > _EXCERPT else 0
        marks = "^" * min(max(1, error.length), start + _EXCERPT - error.position)
        error.hint = f"{text[start : start + _EXCERPT]}\n  {' ' * (error.position - start)}{marks}"
        raise


def select(
    jobs: Iterable[Job], query: Query, now: datetime, *, everything: bool
) -> tuple[list[Job], int]:
    """The jobs to show, newest first, and how many old ones were left out.

    A filter is an answer to the question of which; only without one are old jobs left out.
    """
    matching = [job for job in jobs if query.matches(job, now)]
    shown = [job for job in matching if everything or query or not _is_old(job, now)]
    oldest = datetime.min.replace(tzinfo=UTC)
    shown.sort(key=lambda job: str(job.ref))
    shown.sort(key=lambda job: job.created_at or job.started_at or oldest, reverse=True)
    return shown, len(matching) - len(shown)


def report(context: CliContext, errors: dict[str, TrainerError], asked: int) -> int:
    """Say which profiles did not answer; the exit code is theirs only when none did."""
    failed = bool(errors) and len(errors) == asked
    for name, error in errors.items():
        error.message = f"{name}: {error.message}"
        if failed:
            context.print_error(error)
        else:
            context.warn(f"{error.message} (its jobs are shown as last known)")
    return next(iter(errors.values())).exit_code if failed else DONE


def _is_old(job: Job, now: datetime) -> bool:
    end = job.finished_at or job.started_at or job.created_at
    return job.status.ended and end is not None and now - end > RECENT


def _row(job: Job, now: datetime, color: bool) -> tuple[str, ...]:
    return (
        str(job.ref),
        job.name,
        render.status_text(job, color),
        render.percent(job.progress),
        render.steps(job.progress),
        render.span(render.eta(job, now)),
        render.loss(job.loss),
        render.age(job, now),
    )


def _nothing(context: CliContext, any_jobs: bool, profiles: list[str]) -> str:
    if any_jobs:
        return "no job matches"
    if not profiles:
        return "no profiles yet: trainer-tui demo shows how it looks, profiles add adds one"
    return "no jobs yet: trainer-tui submit FILE starts one"
