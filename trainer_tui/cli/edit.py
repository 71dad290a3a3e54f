"""``trainer-tui edit``: change the config of a job that does not run."""

from __future__ import annotations

import argparse

from trainer_tui.cli import forecasts, render
from trainer_tui.cli.acts import refuse_if_not_allowed, report
from trainer_tui.cli.by_hand import ByHand
from trainer_tui.cli.check import folder_of, read_config, whole_paths
from trainer_tui.cli.context import DONE, FAILED, CliContext
from trainer_tui.cli.jsontext import job_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.cli.submit import (
    add_dry_run,
    dry_run,
    known_datasets,
    refuse_mistakes,
    with_changes,
)
from trainer_tui.core.acts import Act, consequence, resume_point
from trainer_tui.core.forecast import compared
from trainer_tui.errors import UsageError
from trainer_tui.model import Capability, Job
from trainer_tui.providers.capabilities import HasConfig

_SIGNS = {"same": " ", "added": "+", "removed": "-", "gap": " "}
_SGR = {"added": "32", "removed": "31", "gap": "2"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job, and what its config shall be."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument(
        "file", metavar="FILE", nargs="?",
        help="the new config, - for standard input; without it $EDITOR opens the present one",
    )  # fmt: skip
    parser.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[],
        help="change a value, such as train.steps=50 (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--no-check", action="store_true", help="send it even where mistakes are found in it"
    )
    add_dry_run(parser)


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Show what changes, ask, send the text byte for byte."""
    if args.file == "-" and not context.yes and not args.dry_run:
        raise UsageError("standard input is the config, so nobody can be asked: add --yes")
    return run_async(_run(args, context))


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    async with Service(context) as service:
        job = await service.find_fresh(args.ref)
        refuse_if_not_allowed(service, job, Act.EDIT)
        provider = service.provider(job.ref.profile)
        base = await provider.config_text(job.ref.id) if isinstance(provider, HasConfig) else None
        hand = None
        if args.file is None and base is not None and not args.set:
            hand = ByHand(context, service, job, base)
            text = hand.write(hand.first())
        else:
            text = with_changes(_new_text(args, context, job, base), args.set)
            text, _ = whole_paths(text, args.file, provider.facts)
        if not args.no_check:
            right = await _without_mistakes(args, service, job, text, base, hand)
            if right is None:
                return UsageError.exit_code
            text = right
        if text == base:
            context.say("the config is as it was: nothing to send")
            return DONE
        if not context.yes and base is not None and context.can_ask:
            _show_diff(context, base, text)
        old, will = forecasts.of_edit(service, job, base, text)
        words = [*compared(old, will), *(will.words() if will is not None else ())]
        if args.dry_run:
            if hand is not None:
                hand.say_kept()
            return dry_run(context, job_value(job), will, words)
        if not context.confirm(
            f"Send the new config of {job.ref}?",
            consequence="\n".join([consequence(job, Act.EDIT, provider.facts), *words]),
            what=f"edit {job.ref}",
        ):
            context.say("nothing was changed")
            if hand is not None:
                hand.say_kept()
            return FAILED
        outcome = await service.actions().perform(Act.EDIT, job, config_text=text, base_text=base)
        if hand is not None:
            hand.sent() if outcome.ok else hand.say_kept()
    code = report(context, outcome, job, will)
    after = outcome.job or job
    if code == DONE and not context.json and Capability.RESUME in after.allowed:
        context.say(f"it {resume_point(after)}: trainer-tui resume {job.ref}")
    return code


async def _without_mistakes(
    args: argparse.Namespace,
    service: Service,
    job: Job,
    text: str,
    base: str | None,
    hand: ByHand | None,
) -> str | None:
    """The text when it has none; one from an editor goes back there, or is left: ``None``."""
    context, facts = service.context, service.facts(job.ref.profile)
    datasets = await known_datasets(service, job.ref.profile)
    while text != base:
        try:
            refuse_mistakes(
                context,
                args.file or str(job.ref),
                text,
                facts.name,
                profile=job.ref.profile,
                datasets=datasets,
                base_text=base,
                checkpoint_step=job.checkpoint_step,
                base_folder=folder_of(args.file),
            )
            break
        except UsageError as error:
            if hand is None:
                raise
            context.print_error(error)
            if context.yes or not context.confirm("Open the editor again?"):
                hand.say_kept()
                return None
            text = hand.write(text)
    return text


def _new_text(args: argparse.Namespace, context: CliContext, job: Job, base: str | None) -> str:
    if args.file is not None:
        return read_config(args.file, context)
    if base is None:
        raise UsageError(f"{job.ref} has no config to begin from; name a file")
    return base


def _show_diff(context: CliContext, old: str, new: str) -> None:
    from trainer_tui.core.yamlconfig import diff

    for line in diff(old, new):
        shown = f"{_SIGNS[line.kind]} {line.text}"
        context.say(render.paint(shown, _SGR.get(line.kind, "0"), context.color))
