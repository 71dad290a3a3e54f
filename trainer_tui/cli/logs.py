"""``trainer-tui logs``: print a job's log, or follow it to its end."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator

from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.logs import LogBuffer
from trainer_tui.errors import (
    NetworkError,
    RateLimitError,
    ServiceError,
    StateError,
    UsageError,
)
from trainer_tui.model import Capability, Job, LogChunk
from trainer_tui.providers.base import HasLogs

CHUNK = 1 << 20
_LINES = 1_200_000  # more than one chunk can hold, so that nothing unprinted is dropped
_GUESS = 160  # bytes of a usual line, to find the last N without reading all
FIRST_WAIT, LONGEST_WAIT = 0.4, 5.0
"""Seconds between two looks at a log that is being followed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job, and how much of its log."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    parser.add_argument("--tail", metavar="N", type=int, help="only the last N lines")
    parser.add_argument(
        "--raw", action="store_true", help="byte for byte as written, to a file or a pipe only"
    )


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the log's lines; with ``--json`` each as ``{"line": …}``."""
    if args.raw and (context.stdout_tty or context.json):
        raise UsageError(
            "--raw gives what the job wrote, escape sequences too: not to a terminal, not as JSON",
            hint="Send it to a file: trainer-tui logs REF --raw > log.txt",
        )
    if args.tail is not None and args.tail < 0:
        raise UsageError("--tail takes a number of lines, 0 or more")
    return run_async(_run(args, context))


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    async with Service(context) as service:
        job = await service.find(args.ref)
        await print_log(service, job, follow=args.follow, tail=args.tail, raw=args.raw)
    return DONE


async def print_log(
    service: Service, job: Job, *, follow: bool, tail: int | None = None, raw: bool = False
) -> None:
    """Write a job's log to standard output.

    Raises:
        StateError: The provider has no log to give.
    """
    source = _source(service, job)
    out = _Printer(service.context, raw=raw)
    offset = 0
    if tail is not None:
        offset = await _print_tail(source, job.ref.id, tail, out)
    async for chunk in _chunks(service, source, job, offset, follow=follow):
        if chunk.reset:
            service.context.warn("the log began anew")
            out.end()
        out.feed(chunk.text)
    out.end()


def _source(service: Service, job: Job) -> HasLogs:
    provider = service.provider(job.ref.profile)
    if not isinstance(provider, HasLogs) or Capability.LOGS not in provider.facts.capabilities:
        reason = provider.facts.reasons.get(Capability.LOGS)
        raise StateError(
            reason or f"{provider.facts.title} has no logs to give",
            hint=f"What was seen to happen: trainer-tui show {job.ref}",
            code="NOT_ALLOWED",
        )
    return provider


async def _chunks(
    service: Service, source: HasLogs, job: Job, offset: int, *, follow: bool
) -> AsyncIterator[LogChunk]:
    """The pieces of a log from an offset to its end; with ``follow`` to the job's."""
    wait = FIRST_WAIT
    ended = job.status.ended
    told = False
    while True:
        try:
            chunk = await source.logs(job.ref.id, offset=offset, limit=CHUNK)
        except (NetworkError, ServiceError) as error:
            if not follow:
                raise
            if not told:
                service.context.warn(f"{error} (trying again)")
            told = True
            asked = error.retry_after if isinstance(error, RateLimitError) else None
            await asyncio.sleep(max(asked or 0, wait))
            wait = min(LONGEST_WAIT, wait * 2)
            continue
        told = False
        if chunk.text or chunk.reset:
            yield chunk
        moved = chunk.next_offset > offset or chunk.reset
        offset = chunk.next_offset
        if chunk.complete:
            return
        if moved:
            wait = FIRST_WAIT
            if not follow or len(chunk.text) >= CHUNK // 8:  # there is more to catch up with
                continue
        elif not follow or ended:
            return
        else:
            wait = min(LONGEST_WAIT, wait * 1.5)
            try:
                ended = (await service.observe(job.ref)).status.ended
            except (NetworkError, ServiceError):
                ended = False
            if ended:
                continue  # one last look: what was written before the end
        await asyncio.sleep(wait)


async def _print_tail(source: HasLogs, job_id: str, count: int, out: _Printer) -> int:
    """Print the last lines there are now; gives the offset after them."""
    span = max(4096, count * _GUESS)
    while True:
        parts: list[str] = []
        first = await source.logs(job_id, offset=-span, limit=CHUNK)
        chunk = first
        parts.append(chunk.text)
        while not chunk.complete and len(chunk.text) >= CHUNK // 8:
            chunk = await source.logs(job_id, offset=chunk.next_offset, limit=CHUNK)
            if not chunk.text:
                break
            parts.append(chunk.text)
        text = "".join(parts)
        if text.count("\n") > count or first.offset <= 0:
            break
        span *= 8
    out.feed(_last(text, count))
    return chunk.next_offset


def _last(text: str, count: int) -> str:
    """The last lines of a text; an unfinished one counts."""
    if count == 0:
        return "" if text.endswith("\n") or not text else text[text.rfind("\n") + 1 :]
    at = len(text) - 1 if text.endswith("\n") else len(text)
    for _ in range(count):
        at = text.rfind("\n", 0, at)
        if at < 0:
            return text
    return text[at + 1 :]


class _Printer:
    """Log text to lines on standard output: clean, each progress bar in its last state only."""

    def __init__(self, context: CliContext, *, raw: bool) -> None:
        self.context = context
        self.raw = raw
        self.live = context.stdout_tty and context.stderr_tty and not context.json
        self._buffer = LogBuffer(max_lines=_LINES)
        self._printed = 0
        self._shown = ""

    def feed(self, text: str) -> None:
        """Take the next piece; finished lines are printed at once."""
        if self.raw:
            self.context.stdout.write(text)
            self.context.stdout.flush()
            return
        self._buffer.feed(text)
        self._print_until(self._buffer.last_closed)
        if self.live and self._buffer.end > self._printed:
            self._show(self._buffer.line(self._printed))
        self.context.stdout.flush()

    def end(self) -> None:
        """Print the unfinished line, if there is one, and begin anew."""
        if not self.raw:
            self._print_until(self._buffer.end)
            self._buffer = LogBuffer(max_lines=_LINES)
            self._printed = 0
        self.context.stdout.flush()

    def _print_until(self, stop: int) -> None:
        if self._printed < stop:
            self._hide()
        for number in range(self._printed, stop):
            line = self._buffer.line(number)
            if self.context.json:
                self.context.print_json_line({"line": line})
            else:
                self.context.stdout.write(line + "\n")
        self._printed = stop

    def _show(self, line: str) -> None:
        """Draw the unfinished line (a progress bar) in place, on a terminal."""
        line = line[: max(1, self.context.width - 1)]
        if line != self._shown:
            self.context.stdout.write(f"\r\x1b[K{line}")
            self._shown = line

    def _hide(self) -> None:
        if self._shown:
            self.context.stdout.write("\r\x1b[K")
            self._shown = ""
