"""``trainer-tui pipeline``: what a job that is submitted now would be trained on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.service import Service, run_async
from trainer_tui.errors import StateError, UsageError
from trainer_tui.model import Capability
from trainer_tui.providers.capabilities import HasPipeline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--profile`` says where."""


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print one line a setting; with ``--json`` an object."""
    profile, found = run_async(_fetch(context))
    if context.json:
        context.print_json({"profile": profile, "pipeline": dict(found)})
        return DONE
    wide = max((render.cell_width(label) for label in found), default=0)
    for label, text in found.items():
        pad = " " * (wide - render.cell_width(label))
        context.out(f"{render.paint(label, '2', context.color)}{pad}  {text}")
    return DONE


async def _fetch(context: CliContext) -> tuple[str, Mapping[str, str]]:
    async with Service(context) as service:
        name = context.profile or _only(service)
        provider = service.provider(name)
        if not isinstance(provider, HasPipeline):
            raise StateError(provider.facts.why_not(Capability.PIPELINE))
        return name, await provider.pipeline()


def _only(service: Service) -> str:
    """The one profile that has pipelines. Raises UsageError."""
    names = [
        name
        for name in service.usual_profiles()
        if Capability.PIPELINE in service.facts(name).capabilities
    ]
    if len(names) == 1:
        return names[0]
    if not names:
        raise UsageError("no profile here has pipelines; those of kaos do")
    raise UsageError("which profile?", hint=f"Add --profile with one of {', '.join(names)}")
