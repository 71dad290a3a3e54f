"""``trainer-tui cancel``, ``stop``, ``resume``, ``delete`` and ``forget``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from trainer_tui.cli import forecasts
from trainer_tui.cli.check import gpu_of
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import job_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.acts import Act, Outcome, consequence, why_not
from trainer_tui.errors import StateError, TrainerError
from trainer_tui.model import Job

if TYPE_CHECKING:
    from trainer_tui.core.forecast import Forecast


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The jobs; for ``resume`` also where to run."""
    parser.add_argument(
        "refs", nargs="+", metavar="REF", help="profile/id, beginning of an id, or a name"
    )
    if getattr(parser, "command", "") == "resume":
        parser.add_argument("--gpu-type", metavar="TYPE", help="run on another kind of GPU")
        parser.add_argument("--gpu-count", metavar="N", type=int, help="how many GPUs")
    if getattr(parser, "command", "") == "cancel":
        parser.add_argument(
            "--without-refund",
            action="store_true",
            help="also where nothing is paid back any more (Roboflow)",
        )


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Ask first, then do it for each job; the exit code is the first failure's."""
    return run_async(_run(args, context, Act(args.command)))


async def _run(args: argparse.Namespace, context: CliContext, act: Act) -> int:
    gpu_count = getattr(args, "gpu_count", None)
    code = DONE
    async with Service(context) as service:
        jobs: dict[str, Job] = {}
        for text in args.refs:
            try:
                job = await (service.find(text) if act is Act.FORGET else service.find_fresh(text))
                refuse_if_not_allowed(service, job, act)
                gpu_of(service.facts(job.ref.profile), getattr(args, "gpu_type", None), gpu_count)
                jobs[str(job.ref)] = job
            except TrainerError as error:
                if len(args.refs) == 1:
                    raise
                context.print_error(error)
                code = code or error.exit_code
        if not jobs:
            return code
        if not ask(service, list(jobs.values()), act):
            context.say("nothing was changed")
            return 1
        actions = service.actions()
        for job in jobs.values():
            outcome = await actions.perform(
                act,
                job,
                gpu_type=getattr(args, "gpu_type", None),
                gpu_count=getattr(args, "gpu_count", None),
                without_refund=getattr(args, "without_refund", False),
            )
            code = report(context, outcome, job) or code
    return code


def report(context: CliContext, outcome: Outcome, job: Job, will: Forecast | None = None) -> int:
    """Tell how an act went, and in JSON what it will do; gives its exit code."""
    if not outcome.ok:
        error = outcome.error or TrainerError(outcome.message)
        error.message = f"{job.ref}: {outcome.message}"
        context.print_error(error)
        return error.exit_code
    after = outcome.job or job
    if context.json:
        more = {"forecast": will.data()} if will is not None else {}
        context.print_json_line(job_value(after) | more)
    else:
        now = f" (now {after.status})" if after.status is not job.status else ""
        context.say(f"{job.ref}: {outcome.message}{now}")
    return DONE


def refuse_if_not_allowed(service: Service, job: Job, act: Act) -> None:
    """Raise StateError with the reason when the act cannot be asked of the job now."""
    profile = job.ref.profile
    read_only = service.why_read_only(profile)
    reason = why_not(job, act, service.facts(profile), read_only=read_only or False)
    if reason:
        raise StateError(reason, code="READ_ONLY" if read_only else "NOT_ALLOWED")


def ask(service: Service, jobs: list[Job], act: Act) -> bool:
    """Confirm an act on some jobs, with what it does to each."""
    lines = []
    for job in jobs:
        said = consequence(job, act, service.facts(job.ref.profile))
        if act is Act.RESUME and (will := forecasts.of_resume(service, job)):
            said = f"{said} {will}"
        lines.append(f"{job.ref} ({job.name}): {said}")
    what = f"{act} {jobs[0].ref}" if len(jobs) == 1 else f"{act} {len(jobs)} jobs"
    return service.context.confirm(
        f"{what[0].upper()}{what[1:]}?", consequence="\n".join(lines), what=what
    )
