"""``trainer-tui logs``: print the logs of jobs, follow them, look for something in them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from trainer_tui import sanitize
from trainer_tui.cli.context import DONE, FAILED, CliContext
from trainer_tui.cli.logfeed import Feed, open_feed
from trainer_tui.cli.logprint import Printer, Source
from trainer_tui.cli.logselect import Cursor, Wanted, print_lines
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.logfile.pattern import Pattern, PatternError, compile_pattern
from trainer_tui.core.logfile.stamps import WHEN_FORMS, Stamp, parse_when
from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.model import Job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The jobs, and which lines of their logs."""
    parser.add_argument(
        "refs", metavar="REF", nargs="+", help="profile/id, beginning of an id, or a name"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    parser.add_argument("--tail", metavar="N", type=int, help="only the last N lines")
    parser.add_argument(
        "--since", metavar="WHEN", help=f"only lines written then or later: {WHEN_FORMS}"
    )
    parser.add_argument("--until", metavar="WHEN", help="only lines written then or earlier")
    parser.add_argument(
        "--grep",
        metavar="REGEX",
        help="only lines that match; capitals in it make it case-sensitive",
    )
    parser.add_argument(
        "-C", "--context", metavar="N", type=int, help="with --grep, N lines around each too"
    )
    parser.add_argument("--name", metavar="LOG", help="which log: log, or build where there is one")
    parser.add_argument(
        "--timestamps",
        choices=[kind.value for kind in Stamp if kind is not Stamp.OFF],
        help="tell when each line was written",
    )
    parser.add_argument(
        "--raw", action="store_true", help="byte for byte as written, to a file or a pipe only"
    )


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the lines; with ``--json`` each as ``{"line": …}``."""
    _check(args, context)
    return run_async(_run(args, context))


def _check(args: argparse.Namespace, context: CliContext) -> None:
    """Raises UsageError for what does not go together."""
    if args.raw and (context.stdout_tty or context.json):
        raise UsageError(
            "--raw gives what the job wrote, escape sequences too: not to a terminal, not as JSON",
            hint="Send it to a file: trainer-tui logs REF --raw > log.txt",
        )
    if args.raw and (len(args.refs) > 1 or args.timestamps):
        raise UsageError("--raw gives one log with nothing added: one REF, no --timestamps")
    for flag, value in (("--tail", args.tail), ("--context", args.context)):
        if value is not None and value < 0:
            raise UsageError(f"{flag} takes a number of lines, 0 or more")
    if args.context is not None and args.grep is None:
        raise UsageError("--context is the lines around those that --grep finds")
    if args.until is not None and args.follow:
        raise UsageError("--until ends in the past, --follow goes on: one of the two")


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    async with Service(context) as service:
        wanted = Wanted(
            _when("--since", args.since, service.now()),
            _when("--until", args.until, service.now()),
            _pattern(args.grep),
            args.context or 0,
            args.tail,
        )
        if wanted.since is not None and wanted.until is not None and wanted.since > wanted.until:
            raise UsageError("--since is after --until: no line lies between them")
        found = [await service.find(ref) for ref in args.refs]
        jobs = list({job.ref: job for job in found}.values())
        stamps = Stamp(args.timestamps) if args.timestamps else Stamp.OFF
        out = Printer(context, stamps=stamps, raw=args.raw)
        async with _feeds(service, jobs, args.name, follow=args.follow) as (feeds, code):
            await _print(feeds, wanted, out, follow=args.follow, labels=len(jobs) > 1)
    if code != DONE:
        return code
    return FAILED if wanted.pattern is not None and not out.printed else DONE


async def print_log(service: Service, job: Job, *, follow: bool) -> None:
    """Write a job's log to standard output.

    Raises:
        StateError: The provider has no log to give.
    """
    async with _feeds(service, [job], None, follow=follow) as (feeds, _):
        await _print(feeds, Wanted(), Printer(service.context), follow=follow)


def _when(flag: str, text: str | None, now: datetime) -> datetime | None:
    try:
        return None if text is None else parse_when(text, now)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def _pattern(text: str | None) -> Pattern | None:
    try:
        return None if text is None else compile_pattern(text)
    except PatternError as error:
        raise UsageError(f"--grep: {error}", code="BAD_PATTERN") from None


@contextlib.asynccontextmanager
async def _feeds(
    service: Service, jobs: Sequence[Job], name: str | None, *, follow: bool
) -> AsyncIterator[tuple[list[Feed], int]]:
    """The jobs' logs, and a folder for what has to be fetched.

    Of several, one that cannot be had is told and left out: the exit code is then its.
    """
    with tempfile.TemporaryDirectory(prefix="trainer-tui-logs-") as folder:
        feeds: list[Feed] = []
        code = DONE
        try:
            for number, job in enumerate(jobs, 1):
                try:
                    feed = await open_feed(service, job, Path(folder), name=name, follow=follow)
                except TrainerError as error:
                    if number == len(jobs) and not feeds:
                        raise
                    service.context.print_error(error)
                    code = code or error.exit_code
                else:
                    feeds.append(feed)
            yield feeds, code
        finally:
            for feed in feeds:
                feed.close()


async def _print(
    feeds: Sequence[Feed], wanted: Wanted, out: Printer, *, follow: bool, labels: bool = False
) -> None:
    """Print what is there, then what comes; with labels before the lines, where there are
    several logs or might have been."""
    sources = _sources(feeds, labels)
    cursors = [Cursor(feed, wanted, source) for feed, source in zip(feeds, sources, strict=True)]
    several = len(feeds) > 1
    try:
        if wanted.whole or wanted.tail is not None or several:
            for feed in feeds:
                if wanted.tail is not None and not wanted.whole:
                    await feed.fetch_end(wanted.tail)
                else:
                    await feed.fetch()
            for cursor in cursors:
                cursor.begin()
            tail = wanted.tail if several or wanted.pattern is not None else None
            await print_lines(cursors, out, all=not follow, tail=tail)
            out.flush()
            if not follow:
                return
        await _go_on(cursors, out)
    finally:
        for cursor in cursors:
            cursor.close()


def _sources(feeds: Sequence[Feed], labels: bool) -> list[Source]:
    """The logs, each with a label: the job's name, or its ref where names are the same."""
    if not labels:
        return [Source(feed.file, feed.times) for feed in feeds]
    names = [sanitize.line(feed.job.name or str(feed.job.ref)) for feed in feeds]
    words = [
        name if names.count(name) == 1 else sanitize.line(feed.job.ref)
        for name, feed in zip(names, feeds, strict=True)
    ]
    width = max(map(len, words))
    return [
        Source(feed.file, feed.times, f"{label:{width}} | ", str(feed.job.ref))
        for feed, label in zip(feeds, words, strict=True)
    ]


async def _go_on(cursors: Sequence[Cursor], out: Printer) -> None:
    """Print what comes, as it comes, until every log is finished."""
    lock = asyncio.Lock()
    tasks = [
        asyncio.create_task(_go_on_with(cursor, out, lock, live=len(cursors) == 1))
        for cursor in cursors
    ]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _go_on_with(cursor: Cursor, out: Printer, lock: asyncio.Lock, *, live: bool) -> None:
    feed = cursor.feed
    while True:
        change = await feed.advance()
        async with lock:
            if change.reset:
                out.context.warn("the log began anew")
                cursor.anew()
            cursor.grown()
            await print_lines([cursor], out, all=feed.finished)
            if live and cursor.bulk and cursor.position < feed.file.size:
                last = feed.file.last()
                out.unfinished(None if last is None else feed.file.line(last))
            out.flush()
        if feed.finished:
            return
