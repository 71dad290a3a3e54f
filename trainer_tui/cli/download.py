"""``trainer-tui download``: fetch what a job has made."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, FAILED, CliContext
from trainer_tui.cli.jsontext import time_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.core.downloads import Downloads, folder_of
from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.core.store import Store
from trainer_tui.errors import NotFoundError, StateError, UsageError
from trainer_tui.model import Artifact, ArtifactKind, Capability, Job, JobRef
from trainer_tui.providers.capabilities import HasArtifacts

_BAR = 24  # cells
_REDRAW_EVERY = 0.1  # seconds
_PLURALS = {f"{kind}s": kind for kind in ArtifactKind}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job, which of its files, and where to."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument(
        "--only", metavar="KINDS", type=kinds,
        help="such as checkpoints,samples: of " + ", ".join(ArtifactKind),
    )  # fmt: skip
    parser.add_argument(
        "--match", metavar="GLOB", action="append", help="only names like this (repeatable)"
    )
    parser.add_argument(
        "--newest", action="store_true", help="of the checkpoints only the one of the last step"
    )
    parser.add_argument("--output", "-o", metavar="DIR", help="the folder to put them in")
    parser.add_argument("--list", action="store_true", help="print what there is, fetch nothing")


def kinds(text: str) -> frozenset[ArtifactKind]:
    """Kinds as people write them: with or without the plural's s."""
    found = set()
    for word in text.split(","):
        name = _PLURALS.get(word.strip().lower(), word.strip().lower())
        if name not in set(ArtifactKind):
            from trainer_tui.config_problem import did_you_mean

            known = [f"{kind}" for kind in ArtifactKind]
            near = did_you_mean(name, [*known, *_PLURALS])
            raise argparse.ArgumentTypeError(
                f"there is no kind {word!r}, known are {', '.join(known)}{near}"
            )
        found.add(ArtifactKind(name))
    return frozenset(found)


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the path of each file that has arrived; 1 when one did not."""
    return run_async(_run(args, context))


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    async with Service(context) as service:
        job = await service.find(args.ref)
        listed = await _listed(service, job)
        artifacts = chosen(listed, args)
        if not artifacts:
            yet = " yet" if job.status.active else ""
            raise NotFoundError(
                f"none of the {len(listed)} files of {job.ref} is asked for by --only and --match"
                if listed
                else f"{job.ref} has nothing to download{yet}",
                hint="See what there is with --list alone." if listed else None,
                code="NO_ARTIFACTS",
            )
        if args.list:
            _print_list(context, artifacts)
            return DONE
        folder = folder_for(args, context, job)
        rows = await fetch(service, job, artifacts, folder)
    return report(context, rows)


async def _listed(service: Service, job: Job) -> Sequence[Artifact]:
    provider = service.provider(job.ref.profile)
    if (
        not isinstance(provider, HasArtifacts)
        or Capability.ARTIFACTS not in provider.facts.capabilities
    ):
        raise StateError(provider.facts.why_not(Capability.ARTIFACTS))
    return await provider.artifacts(job.ref.id)


def chosen(artifacts: Sequence[Artifact], args: argparse.Namespace) -> list[Artifact]:
    """Those that the flags ask for."""
    found = [
        artifact
        for artifact in artifacts
        if (args.only is None or artifact.kind in args.only)
        and (not args.match or any(fnmatchcase(artifact.name, glob) for glob in args.match))
    ]
    if not args.newest:
        return found
    checkpoints = [artifact for artifact in found if artifact.kind is ArtifactKind.CHECKPOINT]
    # The final file often has no step in its name: it is newer than all that have one.
    last = max(
        checkpoints,
        key=lambda a: (a.step is None, a.step or 0, time_value(a.created_at) or ""),
        default=None,
    )
    return [a for a in found if a.kind is not ArtifactKind.CHECKPOINT or a is last]


def _print_list(context: CliContext, artifacts: Sequence[Artifact]) -> None:
    if context.json:
        context.print_json(
            [
                {
                    "name": artifact.name,
                    "kind": str(artifact.kind),
                    "size": artifact.size,
                    "step": artifact.step,
                    "created_at": time_value(artifact.created_at),
                }
                for artifact in artifacts
            ]
        )
        return
    columns = [
        render.Column("NAME"),
        render.Column("KIND"),
        render.Column("STEP", "right"),
        render.Column("SIZE", "right"),
    ]
    rows = [
        [a.name, str(a.kind), str(a.step) if a.step is not None else "-", render.size(a.size)]
        for a in artifacts
    ]
    for line in render.table(columns, rows, color=context.color):
        context.out(line)


def folder_for(args: argparse.Namespace, context: CliContext, job: Job) -> Path:
    """``-o``, or a folder of the job's own name inside the configured one."""
    if args.output is not None:
        folder = Path(args.output).expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is not a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder} cannot be made: {error.strerror or error}") from error
        return folder
    return folder_of(context.config.downloads.folder, job.ref, job.name, context.store.downloads())


async def fetch(
    service: Service, job: Job, artifacts: Sequence[Artifact], folder: Path
) -> list[DownloadRow]:
    """Carry the downloads out; gives their rows as they ended."""
    context = service.context
    show = _Progress(context)
    queue = Downloads(
        cast(Store, _RowsOf(context.store, job.ref, folder)),
        service.clock,
        provider=service.link,
        on_change=show.change,
        on_bug=service.faults.append,
        parallel=context.config.downloads.parallel,
    )
    wanted = [row.id for row in queue.add(job.ref, artifacts, folder)]
    for row_id in wanted:
        queue.retry(row_id)  # one that was paused or broke off goes on from what is there
    try:
        await queue.run(until_idle=True)
    except asyncio.CancelledError:
        show.clear()
        context.say("what has arrived stays; the same command goes on from there")
        raise
    finally:
        show.clear()
    return [row for row in queue.rows() if row.id in wanted]


class _RowsOf:
    """The store, with the downloads of one job into one folder only.

    Others that a dead program left are for the console to take over, not for this command.
    """

    def __init__(self, store: Store, ref: JobRef, folder: Path) -> None:
        self._store, self._ref, self._folder = store, ref, folder

    def __getattr__(self, name: str) -> object:
        """All else is the store's."""
        return getattr(self._store, name)

    def downloads(self) -> list[DownloadRow]:
        """The rows that concern the command."""
        return [
            row
            for row in self._store.downloads()
            if row.ref == self._ref and row.target.parent == self._folder
        ]


def report(context: CliContext, rows: Sequence[DownloadRow]) -> int:
    """Print where each file is, or why it is not; gives the exit code."""
    failed = [row for row in rows if row.phase is not DownloadPhase.DONE]
    for row in rows:
        if context.json:
            context.print_json_line(
                {
                    "name": row.name,
                    "kind": str(row.kind),
                    "path": str(row.target),
                    "size": row.size if row.size is not None else row.held,
                    "step": row.step,
                    "ok": row.phase is DownloadPhase.DONE,
                    "note": row.note or None,
                }
            )
        elif row.phase is DownloadPhase.DONE:
            context.out(str(row.target))
        else:
            context.say(f"trainer-tui: {row.name}: {row.note or row.phase}")
    if not context.json:
        total = sum(row.held for row in rows if row.phase is DownloadPhase.DONE)
        there = sum(row.note == "already there" for row in rows)
        count = len(rows) - len(failed)
        told = f"{count} {'file' if count == 1 else 'files'}, {render.size(total)}"
        context.say(told + (f" ({there} were there already)" if there else ""))
    return FAILED if failed else DONE


class _Progress:
    """One line that is drawn over, on a terminal; nothing elsewhere."""

    def __init__(self, context: CliContext) -> None:
        self.context = context
        self.on = context.stderr_tty and not context.json
        self._rows: dict[int, DownloadRow] = {}
        self._drawn = ""
        self._at = float("-inf")

    def change(self, row: DownloadRow) -> None:
        """A download moved or changed its phase."""
        self._rows[row.id] = row
        if not self.on:
            return
        now = time.monotonic()
        if row.phase is DownloadPhase.RUNNING and now - self._at < _REDRAW_EVERY:
            return
        self._at = now
        self._draw(self.line(max(20, os.get_terminal_size(self.context.stderr.fileno()).columns)))

    def line(self, width: int) -> str:
        """The state of all downloads in one line."""
        rows = list(self._rows.values())
        sizes = [row.size for row in rows if row.size is not None]
        held = sum(row.held for row in rows)
        done = sum(row.phase is DownloadPhase.DONE for row in rows)
        rate = sum(row.rate or 0.0 for row in rows if row.phase is DownloadPhase.RUNNING)
        parts = [f"{done}/{len(rows)}"]
        if len(sizes) == len(rows) and sum(sizes) > 0:
            share = min(1.0, held / sum(sizes))
            full = round(share * _BAR)
            parts.append(f"[{'=' * full}{' ' * (_BAR - full)}] {int(share * 100):3d}%")
            parts.append(f"{render.size(held)} of {render.size(sum(sizes))}")
            if rate:
                parts.append(f"{render.size(round(rate))}/s")
                parts.append(f"{render.span((sum(sizes) - held) / rate)} left")
        else:
            parts.append(render.size(held))
        moving = [row.name for row in rows if row.phase is DownloadPhase.RUNNING]
        return "  ".join([*parts, *moving[:1]])[: width - 1]

    def clear(self) -> None:
        """Take the line away."""
        self._draw("")

    def _draw(self, line: str) -> None:
        if line != self._drawn:
            self.context.stderr.write(f"\r\x1b[K{line}")
            self.context.stderr.flush()
            self._drawn = line
