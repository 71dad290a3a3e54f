"""``trainer-tui cancel``, ``stop``, ``resume``, ``delete`` and ``forget``."""

from __future__ import annotations

import argparse

from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import job_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.acts import Act, consequence, why_not
from trainer_tui.errors import NotFoundError, StateError, TrainerError, UsageError
from trainer_tui.model import Event, EventKind, Job
from trainer_tui.providers.base import CanCancel, CanDelete, CanResume, CanStop

_DONE = {
    Act.CANCEL: "cancel asked",
    Act.STOP: "stop asked",
    Act.RESUME: "resume asked",
    Act.DELETE: "deleted",
    Act.FORGET: "forgotten here",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The jobs; for ``resume`` also where to run."""
    parser.add_argument(
        "refs", nargs="+", metavar="REF", help="profile/id, beginning of an id, or a name"
    )
    if getattr(parser, "command", "") == "resume":
        parser.add_argument("--gpu-type", metavar="TYPE", help="run on another kind of GPU")
        parser.add_argument("--gpu-count", metavar="N", type=int, help="how many GPUs")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Ask first, then do it for each job; the exit code is the first failure's."""
    return run_async(_run(args, context, Act(args.command)))


async def _run(args: argparse.Namespace, context: CliContext, act: Act) -> int:
    code = DONE
    async with Service(context) as service:
        jobs: dict[str, Job] = {}
        for text in args.refs:
            try:
                job = await (service.find(text) if act is Act.FORGET else service.find_fresh(text))
                refuse_if_not_allowed(service, job, act)
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
        for job in jobs.values():
            try:
                after = await perform(service, job, act, args)
            except TrainerError as error:
                if not isinstance(error, UsageError):
                    error.message = f"{job.ref}: {error.message}"
                context.print_error(error)
                code = code or error.exit_code
                continue
            told = f"{_DONE[act]}: {job.ref} ({job.name})"
            if act in {Act.DELETE, Act.FORGET}:
                after = job
            else:
                told += f", now {after.status}"
            if context.json:
                context.print_json_line(job_value(after))
            else:
                context.say(told)
    return code


def refuse_if_not_allowed(service: Service, job: Job, act: Act) -> None:
    """Raise StateError with the reason when the act cannot be asked of the job now."""
    profile = service.profile(job.ref.profile)
    read_only: bool | str = service.context.read_only
    if service.context.read_only_flag:
        read_only = "--read-only was given: nothing may be changed"
    elif read_only:
        read_only = "the config says read_only = true: nothing may be changed"
    elif profile.read_only:
        read_only = f"the profile {profile.name} is read-only: nothing may be changed there"
    reason = why_not(job, act, service.facts(profile.name), read_only=read_only)
    if reason:
        raise StateError(reason, code="READ_ONLY" if read_only else "NOT_ALLOWED")


def ask(service: Service, jobs: list[Job], act: Act) -> bool:
    """Confirm an act on some jobs, with what it does to each."""
    lines = [
        f"{job.ref} ({job.name}): {consequence(job, act, service.facts(job.ref.profile))}"
        for job in jobs
    ]
    what = f"{act} {jobs[0].ref}" if len(jobs) == 1 else f"{act} {len(jobs)} jobs"
    return service.context.confirm(
        f"{what[0].upper()}{what[1:]}?", consequence="\n".join(lines), what=what
    )


async def perform(service: Service, job: Job, act: Act, args: argparse.Namespace) -> Job:
    """Do it; gives the job as known right after."""
    store, ref = service.context.store, job.ref
    if act is Act.FORGET:
        store.forget(ref)
        return job
    provider = service.provider(ref.profile)
    after: Job | None = None
    if act is Act.CANCEL and isinstance(provider, CanCancel):
        after = await provider.cancel(ref.id)
    elif act is Act.STOP and isinstance(provider, CanStop):
        after = await provider.stop(ref.id)
    elif act is Act.RESUME and isinstance(provider, CanResume):
        after = await provider.resume(ref.id, gpu_type=args.gpu_type, gpu_count=args.gpu_count)
    elif act is Act.DELETE and isinstance(provider, CanDelete):
        await provider.delete(ref.id)
        store.forget(ref)
        return job
    else:
        raise StateError(f"{provider.facts.title} cannot {act}")
    store.add_event(Event(ref, service.now(), EventKind.ACT, f"{act} asked from the command line"))
    if after is None:
        try:
            return await service.observe(ref)
        except NotFoundError:
            return job
    store.save_jobs([after], service.now())
    return after
