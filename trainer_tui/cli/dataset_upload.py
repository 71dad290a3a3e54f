"""``trainer-tui datasets upload``: send what is not there, and say how it is then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, FAILED
from trainer_tui.cli.datasets import MOUNT, Account, dataset_value, files, named
from trainer_tui.cli.jsontext import error_value
from trainer_tui.cli.sending import Sending
from trainer_tui.core.datasetupload import Found, Upload, gather, send
from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.providers.base import Dataset
from trainer_tui.sanitize import line as clean

_LOOKS = 30
"""Times, a second apart, that are waited for an upload to become READY."""
_NAMED = 5
_GOES_ON = "the same command goes on from there"


async def upload(account: Account, name: str, paths: Sequence[str], *, again: bool) -> int:
    """Make it if need be, send what is not there, and say how it is then."""
    context = account.context
    found = await asyncio.to_thread(_gathered, paths)
    dataset = named(name, await account.provider.list_datasets())
    todo = list(found.files)
    try:
        if dataset is not None:
            dataset = await account.fresh(dataset)
            sent = account.sent(dataset)
            todo = [file for file in todo if again or not sent.has(file, dataset)]
        size = sum(file.stat().st_size for file in todo)
    except OSError as error:
        raise UsageError(f"{clean(error.filename)}: {error.strerror}") from error
    missing = set(todo)
    there = [file.name for file in found.files if file not in missing]
    if todo and not _may_send(account, name, dataset, found, len(todo), size):
        context.say("nothing was sent")
        return FAILED
    if dataset is None:
        dataset = await account.provider.create_dataset(name)
    outcome = await _send(account, dataset, todo, size)
    if outcome.stopped is None and (outcome.sent or not outcome.refused):
        try:
            dataset = await _settled(account, dataset)
        except TrainerError as error:
            outcome.stopped = error
    return _report(account, dataset, outcome, there)


def _gathered(paths: Sequence[str]) -> Found:
    return gather([Path(path).expanduser() for path in paths])


def _may_send(
    account: Account, name: str, dataset: Dataset | None, found: Found, count: int, size: int
) -> bool:
    there = len(found.files) - count
    told = [
        f"Sends {files(count)}, {render.size(size)}" + (f"; {there} are there." if there else ".")
    ]
    if dataset is None:
        told.append(f"{account.title} has no dataset {name} yet: it is made.")
    elif dataset.ready:
        told.append("The dataset is READY; files of the same names are replaced.")
    if found.left_out:
        told.append(f"Left out: {found.left_out}; a dataset is one flat folder.")
    what = f"to {name} at {account.profile}"
    return account.context.confirm(
        f"Upload {files(count)} {what}?", consequence="\n".join(told), what=f"upload {what}"
    )


async def _send(account: Account, dataset: Dataset, todo: Sequence[Path], size: int) -> Upload:
    sending, total = Sending(account.context), 0

    def moved(count: int) -> None:
        nonlocal total
        total += count
        sending.moved(min(total, size), size)

    try:
        return await send(account.provider, dataset, todo, account.sent(dataset), moved=moved)
    except asyncio.CancelledError:
        sending.clear()
        account.context.say(f"what got through stays; {_GOES_ON}")
        raise
    finally:
        sending.clear()


async def _settled(account: Account, dataset: Dataset) -> Dataset:
    """The dataset once the service has looked at what came, or as it is after a while."""
    for _ in range(_LOOKS):
        dataset = await account.fresh(dataset)
        if dataset.status.upper() in {"READY", "FAILED"}:
            break
        await asyncio.sleep(1.0)
    return dataset


def _report(account: Account, dataset: Dataset, upload: Upload, held: Sequence[str]) -> int:
    context, stopped = account.context, upload.stopped
    if context.json:
        refused = {name: error_value(error) for name, error in upload.refused.items()}
        told: dict[str, object] = {"sent": upload.sent, "there": list(held)}
        told |= {"refused": refused, "left": upload.left}
        context.print_json({"dataset": dataset_value(dataset), **told})
    else:
        for name, error in upload.refused.items():
            context.say(f"trainer-tui: {name}: {error.message}")
        there = f", {len(held)} were there already" if held else ""
        context.say(f"{dataset.name}: {files(len(upload.sent))} sent{there}")
    if stopped is not None:
        names = ", ".join(upload.left[:_NAMED])
        more = f" and {len(upload.left) - _NAMED} more" if len(upload.left) > _NAMED else ""
        left = f"; not sent: {names}{more}" if upload.left else ""
        stopped.message = f"{stopped.message}{left}"
        stopped.hint = f"{stopped.hint + ' ' if stopped.hint else ''}{_GOES_ON.capitalize()}."
        raise stopped
    if dataset.status.upper() == "FAILED":
        raise TrainerError(f"{dataset.name} has FAILED: {dataset.error or 'no reason is told'}")
    if upload.refused:
        return FAILED
    if not context.json:
        context.out(MOUNT + dataset.name)
        if not dataset.ready:
            context.say(f"{dataset.name} is {dataset.status}; a job can use it once it is READY")
    return DONE
