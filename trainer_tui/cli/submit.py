"""``trainer-tui submit``: start a job from a config file."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_tui.cli import forecasts
from trainer_tui.cli.check import dataset_states, folder_of, gpu_of, read_config, whole_paths
from trainer_tui.cli.context import DONE, FAILED, CliContext
from trainer_tui.cli.jsontext import dumps, job_value
from trainer_tui.cli.sending import Sending
from trainer_tui.cli.service import Service, run_async
from trainer_tui.config import LOCAL
from trainer_tui.core.acts import Act, why_not
from trainer_tui.core.board import unseen
from trainer_tui.errors import StateError, TrainerError, UsageError
from trainer_tui.model import Capability, Job, JobRef
from trainer_tui.providers.base import Facts, Submission
from trainer_tui.providers.capabilities import HasLogs

if TYPE_CHECKING:
    from trainer_tui.core.forecast import Forecast
    from trainer_tui.core.yamlconfig import Problem

RUNNERS = ("smoke", "ai-toolkit", "command", "bundle")
_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The config, where it runs, and what to change in it."""
    parser.add_argument("file", metavar="FILE", help="a training config; - reads standard input")
    parser.add_argument(
        "--name", metavar="NAME", help="the job's name, where the service takes one"
    )
    parser.add_argument("--gpu-type", metavar="TYPE", help="the kind of GPU")
    parser.add_argument("--gpu-count", metavar="N", type=int, help="how many GPUs")
    parser.add_argument("--runner", choices=RUNNERS, help="only local: what runs the config")
    parser.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[],
        help="change a value first, such as train.steps=50 (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--no-check", action="store_true", help="send it even where mistakes are found in it"
    )
    add_dry_run(parser)
    parser.add_argument(
        "--follow", "-f", action="store_true", help="print its log and wait until it has ended"
    )


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the new job's ref; its id is in the store before that."""
    return run_async(_run(args, context))


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    text = with_changes(_text(args.file, context), args.set)
    async with Service(context) as service:
        profile = service.profile(_profile_name(context))
        facts = service.facts(profile.name)
        if args.file != "-":
            refuse_folder(args.file, facts)
        read_only = service.why_read_only(profile.name)
        blank = unseen(JobRef(profile.name, "new"), facts.name)
        reason = why_not(blank, Act.SUBMIT, facts, read_only=read_only or False)
        if reason is not None:
            raise StateError(reason, code="READ_ONLY" if read_only else "NOT_ALLOWED")
        text, moved = whole_paths(text, args.file, facts)
        gpu = gpu_of(facts, args.gpu_type, args.gpu_count)
        submission = _submission(args, text, facts)
        if not args.no_check:
            datasets = await known_datasets(service, profile.name)
            refuse_mistakes(
                context, args.file, text, facts.name, submission,
                profile=profile.name, datasets=datasets, base_folder=folder_of(args.file),
            )  # fmt: skip
        will = forecasts.of_new(service, profile.name, text, gpu)
        words = will.words() if will is not None else []
        if gpu is not None:
            words.append(f"gpu: {gpu.type} x{gpu.count}")
        words += moved
        if args.dry_run:
            return dry_run(context, {"profile": profile.name}, will, words)
        if not _confirmed(context, profile.name, facts, words, args.file):
            context.say("nothing was submitted")
            return FAILED
        sending = Sending(context)
        submission = dataclasses.replace(submission, moved=sending.moved)
        outcome = await service.actions().submit(profile.name, submission)
        sending.clear()
        job = outcome.job
        if job is None:
            raise outcome.error or TrainerError(outcome.message)
        if not outcome.ok:  # the service has it, and then something failed: the id is kept
            context.warn(outcome.message)
        if context.json:
            value = job_value(job) | ({"forecast": will.data()} if will is not None else {})
            context.print_json_line(value) if args.follow else context.print_json(value)
        else:
            context.out(str(job.ref))
            context.say(f"submitted: {job.name}, {job.status}")
        context.stdout.flush()
        return await _follow(service, job) if args.follow else 0


def _text(file: str, context: CliContext) -> str:
    """A config's text; of a folder, the one that has it sent as a bundle."""
    if file != "-" and (folder := Path(file).expanduser()).is_dir():
        return f"bundle: {dumps(str(folder.absolute()))}\n"
    return read_config(file, context)


def refuse_folder(file: str, facts: Facts) -> None:
    """A folder is a source bundle, which kaos takes. Raises UsageError."""
    if facts.name != "kaos" and Path(file).expanduser().is_dir():
        raise UsageError(
            f"{file} is a folder; {facts.title} takes a training config",
            hint="The folder of a source bundle can be submitted to a profile of kaos.",
        )


def with_changes(text: str, changes: Sequence[str]) -> str:
    """The config with some values changed, everything else as it was. Raises UsageError."""
    for change in changes:
        from trainer_tui.core.yamlconfig import set_value

        path, equals, value = change.partition("=")
        if not (path.strip() and equals):
            raise UsageError(f"--set takes PATH=VALUE, such as train.steps=50, not {change!r}")
        text = set_value(text, path.strip(), value)
    return text


async def known_datasets(service: Service, profile: str) -> Mapping[str, str] | None:
    """The account's datasets, or ``None``: that they cannot be asked for stops no submit."""
    try:
        return await dataset_states(service, profile)
    except TrainerError:
        return None


def refuse_mistakes(
    context: CliContext,
    file: str,
    text: str,
    provider: str,
    submission: Submission | None = None,
    *,
    profile: str | None = None,
    datasets: Mapping[str, str] | None = None,
    base_text: str | None = None,
    checkpoint_step: int | None = None,
    base_folder: Path | None = None,
) -> None:
    """Tell what the editor would say of a config; errors keep it from being sent.

    ``profile`` is where it goes; ``base_text`` and ``checkpoint_step`` are of the job that is
    edited; relative paths are meant from ``base_folder``.

    Raises:
        UsageError: There are errors in it.
    """
    from trainer_tui.core.yamlconfig import check

    problems = check(
        text,
        provider=provider,
        extra_keys=context.config.schema_extra_keys,
        gpu_type=submission.gpu_type if submission else None,
        gpu_count=submission.gpu_count if submission else None,
        datasets=datasets,
        base_text=base_text,
        checkpoint_step=checkpoint_step,
        base_folder=base_folder,
    )
    told = [problem for problem in problems if problem.severity != "info"]
    told.sort(key=lambda problem: problem.severity != "error")
    errors = [problem for problem in told if problem.severity == "error"]
    where = f" --profile {shlex.quote(profile)}" if profile is not None else ""
    if submission is not None and submission.gpu_type is not None:
        where += f" --gpu-type {shlex.quote(submission.gpu_type)}"
    if submission is not None and submission.gpu_count is not None:
        where += f" --gpu-count {submission.gpu_count}"
    check_all = f"trainer-tui check{where} {shlex.quote(file)}" if Path(file).is_file() else ""
    if not errors:
        for problem in told[:_SHOWN]:
            context.warn(_line(file, problem))
        if len(told) > _SHOWN:
            context.warn(f"{len(told) - _SHOWN} more" + (f": {check_all}" if check_all else ""))
        return
    if check_all:
        check_all = f"All of them: {check_all}. "
    more = f"\n  and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    raise UsageError(
        "the config has mistakes:\n  "
        + "\n  ".join(_line(file, problem) for problem in errors[:_SHOWN])
        + more,
        title="The config has mistakes",
        hint=f"{check_all}To send it all the same: --no-check",
        code="INVALID_CONFIG",
    )


def _line(file: str, problem: Problem) -> str:
    fix = f" ({problem.fix})" if problem.fix else ""
    return f"{file}:{problem.line}:{problem.column}: {problem.message}{fix}"


def _profile_name(context: CliContext) -> str:
    if context.profile is not None:
        return context.profile
    names = list(context.config.profiles)
    if names and LOCAL not in names and context.store.jobs(LOCAL):
        names.append(LOCAL)  # what ran here so far must not go to a service that costs money
    if len(names) > 1:
        raise UsageError(
            "which profile should it run on?", hint=f"Add --profile with one of {', '.join(names)}"
        )
    return names[0] if names else LOCAL


def _submission(args: argparse.Namespace, text: str, facts: Facts) -> Submission:
    if args.runner is not None and facts.name != LOCAL:
        raise UsageError("--runner is for the local server; other services have one runner only")
    return Submission(
        config_text=text,
        name=args.name,
        gpu_type=args.gpu_type,
        gpu_count=args.gpu_count,
        runner=args.runner,
    )


def _confirmed(
    context: CliContext, profile: str, facts: Facts, words: Sequence[str], file: str
) -> bool:
    told = facts.consequences.get(Capability.SUBMIT) or f"Starts a new job at {facts.title}."
    what = "standard input" if file == "-" else file
    return context.confirm(
        f"Submit {what} to {profile}?",
        consequence="\n".join([told, *words]),
        what=f"submit {what} to {profile}",
    )


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """``--dry-run``, as ``submit`` and ``edit`` have it."""
    parser.add_argument(
        "--dry-run", action="store_true", help="check it, say what it would do, and send nothing"
    )


def dry_run(
    context: CliContext, value: Mapping[str, object], will: Forecast | None, words: Sequence[str]
) -> int:
    """Say what would be done, on standard output: that is what was asked for."""
    if context.json:
        context.print_json({**value, "forecast": will.data() if will is not None else None})
    else:
        for line in words or ["What this config does is not known here."]:
            context.out(line)
        context.say("nothing was sent")
    return DONE


async def _follow(service: Service, job: Job) -> int:
    """The log where there is one, then how it ended."""
    from trainer_tui.cli.wait import wait_for

    provider = service.provider(job.ref.profile)
    if isinstance(provider, HasLogs) and not service.context.json:
        from trainer_tui.cli.logs import print_log

        await print_log(service, job, follow=True)
    return await wait_for(service, [job.ref], timeout=None)
