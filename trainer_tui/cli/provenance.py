"""``trainer-tui provenance``: what a model was made from."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core import dot
from trainer_tui.errors import StateError, TrainerError, UsageError
from trainer_tui.model import Capability, Job
from trainer_tui.paths import write_atomic
from trainer_tui.providers.capabilities import HasProvenance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job, the model, and the form."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="of the job; the first by default"
    )
    parser.add_argument("--dot", action="store_true", help="print it as Graphviz DOT")
    parser.add_argument("--output", "-o", metavar="FILE", help="write the DOT text to a file")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print a tree: the model, and below it what it was made from."""
    job, text = run_async(_fetch(context, args.ref, args.model))
    if args.output is not None:
        _write(Path(args.output).expanduser(), text)
    if context.json:
        tree = dot.tree(text)
        context.print_json({"ref": str(job.ref), "model": args.model, "dot": text, "tree": tree})
    elif args.output is not None:
        context.out(args.output)
    elif args.dot:
        context.out(text, end="" if text.endswith("\n") else "\n")
    else:
        plain = "utf" not in (getattr(context.stdout, "encoding", "") or "").lower()
        for line in dot.tree(text, ascii_only=plain):
            context.out(line)
    return DONE


async def _fetch(context: CliContext, ref: str, model: str | None) -> tuple[Job, str]:
    async with Service(context) as service:
        job = await service.find(ref)
        provider = service.provider(job.ref.profile)
        if not isinstance(provider, HasProvenance):
            raise StateError(provider.facts.why_not(Capability.PROVENANCE))
        return job, await provider.provenance(job.ref.id, model)


def _write(path: Path, text: str) -> None:
    if path.exists():
        raise UsageError(f"{path} is there already: not written over")
    try:
        write_atomic(path, text, mode=0o644)
    except OSError as error:
        raise TrainerError(f"{path} cannot be written: {error.strerror or error}") from error
