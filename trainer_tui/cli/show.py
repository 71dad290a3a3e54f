"""``trainer-tui show``: everything known about a job."""

from __future__ import annotations

import argparse
from datetime import datetime

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import job_value, time_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.clock import utcnow
from trainer_tui.core.estimate import cost
from trainer_tui.core.history import joined
from trainer_tui.errors import NetworkError, ServiceError, StateError, TrainerError
from trainer_tui.model import Capability, Event, Job
from trainer_tui.providers.capabilities import HasConfig, HasEvents

_EVENTS = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument(
        "--config-text", action="store_true", help="print the job's config as the service has it"
    )


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the job, or its config."""
    if args.config_text:
        text = run_async(_config(context, args.ref))
        if context.json:
            context.print_json({"config": text})
        else:
            context.out(text, end="" if text.endswith("\n") else "\n")
        return DONE
    job, events, error = run_async(_look(context, args.ref))
    now = utcnow()
    if context.json:
        context.print_json(full_value(job, events, now))
    else:
        money = cost(job, context.config.pricing, now)
        for line in _lines(job, events, now, context.color, money):
            context.out(line)
    if error is not None:
        error.message += " (shown as last known)"
        context.print_error(error)
        return error.exit_code
    return DONE


async def _config(context: CliContext, text: str) -> str:
    async with Service(context) as service:
        job = await service.find(text)
        provider = service.provider(job.ref.profile)
        if not isinstance(provider, HasConfig):
            raise StateError(provider.facts.why_not(Capability.CONFIG))
        return await provider.config_text(job.ref.id)


async def _look(context: CliContext, text: str) -> tuple[Job, list[Event], TrainerError | None]:
    """The job and its events, fresh where the service answers."""
    async with Service(context) as service:
        job = await service.find(text)
        error: TrainerError | None = None
        told: list[Event] = []
        try:
            job = await service.observe(job.ref)
            provider = service.provider(job.ref.profile)
            if isinstance(provider, HasEvents):
                told = list(await provider.events(job.ref.id))
        except (NetworkError, ServiceError) as failure:
            error = failure
        events = joined(told, context.store.events(job.ref, _EVENTS))
        return job, events[-_EVENTS:], error


def full_value(job: Job, events: list[Event], now: datetime) -> dict[str, object]:
    """The job as ``jobs --json`` gives it, and the rest."""
    loss = job.loss
    return {
        **job_value(job, eta=render.eta(job, now)),
        "loss": loss,
        "checkpoint_step": job.checkpoint_step,
        "queue_position": job.queue_position,
        "extra": dict(job.extra),
        "events": [
            {"time": time_value(event.time), "kind": str(event.kind), "text": event.text}
            for event in events
        ],
    }


def _lines(
    job: Job, events: list[Event], now: datetime, color: bool, money: float | None
) -> list[str]:
    raw = f" ({job.ref.profile}: {job.raw_status})" if job.raw_status else ""
    left = render.eta(job, now)
    facts: list[tuple[str, str]] = [
        ("name", job.name),
        ("ref", str(job.ref)),
        ("provider", job.provider),
        ("status", render.status_text(job, color) + raw),
    ]
    if job.progress is not None:
        facts.append(("progress", render.done(job.progress)))
    if left is not None:
        facts.append(("time left", f"about {render.span(left)}"))
    if job.queue_position is not None:
        facts.append(
            (
                "in the queue",
                "next" if job.queue_position == 0 else f"{job.queue_position} before it",
            )
        )
    if job.loss is not None:
        facts.append(("loss", render.loss(job.loss)))
    if job.checkpoint_step is not None:
        facts.append(
            ("checkpoint", f"step {job.checkpoint_step}" if job.checkpoint_step else "none yet")
        )
    if job.gpu is not None:
        so_far = f" · about {money:.2f} so far" if money is not None else ""
        facts.append(("gpu", f"{job.gpu.type} x{job.gpu.count}{so_far}"))
    if job.config_name is not None:
        facts.append(("config name", job.config_name))
    for label, value in (
        ("created", job.created_at),
        ("started", job.started_at),
        ("finished", job.finished_at),
    ):
        if value is not None:
            ago = render.span((now - value).total_seconds())
            facts.append((label, f"{render.moment(value)} ({ago} ago)"))
    facts += [(label.lower(), text) for label, text in job.extra.items()]
    if job.allowed:
        facts.append(("allowed now", ", ".join(sorted(job.allowed))))
    wide = max(render.cell_width(label) for label, _ in facts)
    lines = []
    for label, text in facts:
        pad = " " * (wide - render.cell_width(label))
        indent = "\n" + " " * (wide + 2)
        lines.append(f"{render.paint(label, '2', color)}{pad}  {text.replace(chr(10), indent)}")
    if job.error is not None:
        code = f" ({job.error.code})" if job.error.code else ""
        lines += ["", render.paint(f"error{code}", "31;1", color), job.error.message]
    if events:
        lines += ["", render.paint("events", "2", color)]
        lines += [f"{render.moment(event.time)}  {event.text}" for event in events]
    return lines
