"""``trainer-tui track``: a job that was made elsewhere."""

from __future__ import annotations

import argparse

from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import job_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.errors import UsageError
from trainer_tui.model import Job, JobRef


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The profile and the service's own id."""
    parser.add_argument("name", metavar="PROFILE", help="the profile that it belongs to")
    parser.add_argument("id", metavar="ID", help="the id that the service gave it")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Ask the service for it, keep it, and print it."""
    if not args.id.strip() or not args.id.isprintable():
        raise UsageError("that is not the id of a job")
    job = run_async(_track(context, JobRef(args.name, args.id.strip())))
    if context.json:
        context.print_json(job_value(job))
    else:
        context.out(str(job.ref))
        context.say(f"tracked: {job.name}, {job.status}")
    return DONE


async def _track(context: CliContext, ref: JobRef) -> Job:
    async with Service(context) as service:
        profile = service.profile(ref.profile)
        job = await service.provider(ref.profile).get_job(ref.id)
        context.store.track(job.ref, profile.provider, name=job.name)
        context.store.save_jobs([job], service.now())
        return job
