"""``trainer-tui wait``: until jobs have ended, one line a change."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence
from datetime import datetime

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, FAILED, INTERRUPTED, CliContext
from trainer_tui.cli.jsontext import job_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.errors import (
    NetworkError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TrainerError,
)
from trainer_tui.model import Job, JobRef, Status

FIRST_WAIT = 0.3
"""Seconds after a change until the next look; it grows up to the config's pace."""
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The jobs, and how long."""
    parser.add_argument(
        "refs", nargs="+", metavar="REF", help="profile/id, beginning of an id, or a name"
    )
    parser.add_argument(
        "--timeout", metavar="TIME", type=seconds, help="give up after this long: 90, 30m, 2h"
    )


def seconds(text: str) -> float:
    """A duration of the command line."""
    parts = _SPAN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"expected a duration such as 90, 30m or 2h, not {text!r}")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def run(args: argparse.Namespace, context: CliContext) -> int:
    """0 all succeeded, 1 one failed or was canceled, 7 one was interrupted; else the error's."""
    return run_async(_run(args, context))


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    async with Service(context) as service:
        refs = list(dict.fromkeys([(await service.find(text)).ref for text in args.refs]))
        return await wait_for(service, refs, timeout=args.timeout)


async def wait_for(service: Service, refs: Sequence[JobRef], *, timeout: float | None) -> int:
    """Wait until all have ended; gives the exit code that tells how."""
    try:
        async with asyncio.timeout(timeout):
            ends = await asyncio.gather(*(_wait_one(service, ref) for ref in refs))
    except TimeoutError:
        raise TrainerError(
            f"not all had ended after {render.span(timeout)}",
            title="Still running",
            hint="They go on; wait again, or watch them: trainer-tui",
            code="TIMEOUT",
        ) from None
    if any(end in {Status.FAILED, Status.CANCELED} for end in ends):
        return FAILED
    if any(end is Status.UNKNOWN for end in ends):
        return NotFoundError.exit_code
    return INTERRUPTED if Status.INTERRUPTED in ends else DONE


async def _wait_one(service: Service, ref: JobRef) -> Status:
    """Watch one job to its end. UNKNOWN: the service no longer knows it."""
    before: Status | None = None
    pause = FIRST_WAIT
    away = False
    while True:
        wanted = 0.0
        try:
            job = await service.observe(ref)
        except NotFoundError as error:
            service.context.print_error(error)
            return Status.UNKNOWN
        except (NetworkError, ServiceError) as error:
            if not away:
                service.context.warn(f"{ref}: {error} (trying again)")
            away = True
            wanted = (error.retry_after or 0.0) if isinstance(error, RateLimitError) else 0.0
            slowest = 60.0
        else:
            if away:
                service.context.say(f"{ref}: answers again")
            away = False
            if job.status is not before:
                _tell(service.context, job, before, service.now())
                before, pause = job.status, FIRST_WAIT
            if job.status.ended:
                return job.status
            poll = service.context.config.poll
            slowest = poll.queued if job.status is Status.QUEUED else poll.running
        await asyncio.sleep(max(wanted, pause))
        pause = min(slowest, pause * 1.5)


def _tell(context: CliContext, job: Job, before: Status | None, now: datetime) -> None:
    if context.json:
        context.print_json_line(job_value(job, eta=render.eta(job, now)))
        return
    parts = [now.astimezone().strftime("%H:%M:%S"), str(job.ref)]
    if before is not None:
        parts.append(f"{before} ->")
    parts.append(render.status_text(job, context.color))
    if job.progress is not None:
        parts.append(f"({render.done(job.progress)})")
    if job.error is not None:
        parts.append(f": {job.error.message}")
    context.out(" ".join(parts).replace(" : ", ": "))
    context.stdout.flush()
