"""``trainer-tui bundle``: a job's code, data and models, as one zip."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer_tui import bundles
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.download import fetch, folder_for, report
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.rows import DownloadPhase
from trainer_tui.errors import StateError, TrainerError
from trainer_tui.model import Capability
from trainer_tui.providers.capabilities import HasBundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job, what of it, and where to."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument("--code", action="store_true", help="the source (alone: the default)")
    parser.add_argument("--data", action="store_true", help="what it was trained on")
    parser.add_argument("--models", action="store_true", help="what it made")
    parser.add_argument("--model", metavar="ID", help="of the models only this one")
    parser.add_argument("--output", "-o", metavar="DIR", help="the folder to put it in")
    parser.add_argument("--unpack", action="store_true", help="unpack it there, if it is harmless")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the path of the zip, or of the folder that it was unpacked to."""
    return run_async(_run(args, context))


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    async with Service(context) as service:
        job = await service.find(args.ref)
        provider = service.provider(job.ref.profile)
        if not isinstance(provider, HasBundle):
            raise StateError(provider.facts.why_not(Capability.BUNDLE))
        models = args.models or args.model is not None
        artifact = await provider.bundle(
            job.ref.id,
            code=args.code or not (args.data or models),
            data=args.data,
            model=models,
            model_id=args.model,
        )
        rows = await fetch(service, job, [artifact], folder_for(args, context, job))
    if args.unpack and rows[0].phase is DownloadPhase.DONE:
        _unpack(rows[0].target, context)
        return DONE
    return report(context, rows)


def _unpack(archive: Path, context: CliContext) -> None:
    plain = archive.with_suffix("")
    folder = next(
        (
            place
            for number in range(1, 1000)
            if not (place := plain if number == 1 else Path(f"{plain} ({number})")).exists()
        ),
        None,
    )
    if folder is None:
        raise StateError(
            f"{plain} is there a thousand times already", hint=f"The zip is {archive}."
        )
    try:
        files = bundles.unpack(archive, folder)
    except OSError as error:
        raise TrainerError(f"{archive} cannot be unpacked: {error.strerror or error}") from error
    if context.json:
        context.print_json({"path": str(folder), "zip": str(archive), "files": len(files)})
    else:
        context.out(str(folder))
        context.say(f"{len(files)} file{'' if len(files) == 1 else 's'} unpacked")
