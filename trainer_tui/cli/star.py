"""``trainer-tui star``: mark one of a job's models as a favourite, or unmark it."""

from __future__ import annotations

import argparse

from trainer_tui.cli.acts import refuse_if_not_allowed, report
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.acts import Act, consequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job and its model."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument("model", metavar="MODEL", help="the model's id, as `models` prints it")
    parser.add_argument("--unstar", action="store_true", help="take the star away")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Ask first; gives the exit code."""
    return run_async(_run(args, context))


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    on = not args.unstar
    async with Service(context) as service:
        job = await service.find(args.ref)
        refuse_if_not_allowed(service, job, Act.STAR)
        word = "Star" if on else "Unstar"
        told = consequence(job, Act.STAR, service.facts(job.ref.profile)) if on else None
        what = f"{word.lower()} {args.model}"
        if not context.confirm(f"{word} {args.model} of {job.ref}?", consequence=told, what=what):
            context.say("nothing was changed")
            return 1
        outcome = await service.actions().perform(Act.STAR, job, model_id=args.model, starred=on)
    if not (outcome.ok and context.json):
        return report(context, outcome, job)
    context.print_json({"ref": str(job.ref), "model": args.model, "starred": on})
    return DONE
