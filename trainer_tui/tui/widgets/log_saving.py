"""Saving a log to a file: all of it, what the filter shows, or what is selected."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Literal

from textual.worker import get_current_worker

from trainer_tui.core.logfile import bulk
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.lines import Lines
from trainer_tui.core.logfile.source import NOTE
from trainer_tui.tui.widgets.log_view import LogView

Part = Literal["all", "shown", "selected"]
_SLICE = 0.008
"""Seconds of work on the interface's thread before the keys have their turn."""
_PIECE = 1 << 20
_LONGEST = 8 << 20
"""Bytes of a line that is saved whole; of a longer one it is said how much is left out."""
_number = count(1)


class _Changed(Exception):
    """The lines are others now, or nobody waits for them any more."""


def unused(name: str) -> str:
    """A file name that nothing in the current folder has: with a number, where that is needed."""
    path = Path(name)
    names = (path.with_stem(f"{path.stem}-{n}").name for n in range(2, 1_000))
    return next((one for one in (name, *names) if not os.path.lexists(one)), name)


def parts(view: LogView) -> list[Part]:
    """What can be saved, the likeliest first."""
    found: list[Part] = ["all"]
    if view.filter is not None:
        found.insert(0, "shown")
    if view.selection is not None:
        found.insert(0, "selected")
    return found


def save(view: LogView, part: Part, name: str, say: Callable[[str], object]) -> str:
    """Begin to write lines, cleaned, to a new file; gives why that cannot be, or nothing.

    ``say`` is told the file's name when it is there, or what went wrong on the way. The name
    appears when all is written, and a file that has the name is never written over.
    """
    if not name:
        return "a file name, please"
    path = Path(name).expanduser()
    try:
        if os.path.lexists(path):
            return "that file exists; another name, please"
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_number)}.part")
        file = temporary.open("x", encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "that is not a file name"
    lines = view.document if part == "all" else view.lines
    first, last = lines.first(), lines.last()
    if part == "selected" and view.selection is not None:
        first, last = min(view.selection), max(view.selection)
    app = view.app
    if isinstance(lines, LogFile):
        # Read by a reader of its own, so that it can be done in a thread.
        own = LogFile(lines.source)
        start, stop = first or 0, 0 if last is None else lines.stop(last)

        def work() -> None:
            worker = get_current_worker()
            error: Exception | None = None
            try:
                for text in _pieces(own, start, stop):
                    if worker.is_cancelled:
                        raise _Changed
                    file.write(text)
                    sleep(0.001)  # the interface has its turn
            except (OSError, _Changed) as problem:
                error = problem
            finally:
                own.close()
            app.call_later(say, _finish(file, temporary, path, error))

        app.run_worker(work, thread=True, group="save", exit_on_error=False)
    else:

        async def slowly() -> None:
            error: Exception | None = None
            try:
                await _slowly(view, lines, first, last, file)
            except (OSError, _Changed) as problem:
                error = problem
            say(_finish(file, temporary, path, error))

        app.run_worker(slowly(), group="save", exit_on_error=False)
    return ""


def _finish(file: IO[str], temporary: Path, path: Path, error: Exception | None) -> str:
    """Give the file its name, or remove it; what is to be said of that."""
    try:
        file.close()
        if error is None:
            put(temporary, path)
    except OSError as problem:
        error = error or problem
    with contextlib.suppress(OSError):
        temporary.unlink()
    if error is None:
        return f"log saved to {path.resolve()}"
    if isinstance(error, _Changed):
        return "not saved: the filter changed or the log began anew meanwhile"
    if isinstance(error, FileExistsError):
        return f"not saved: {path} has come into being meanwhile"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"not saved: {reason or error}"


def _pieces(log: LogFile, here: int, stop: int) -> Iterator[str]:
    """The text of a file's lines, many at a time."""
    gaps = iter(log.gaps)
    gap = next(gaps, None)
    while here < stop:
        while gap is not None and gap.stop <= here:
            gap = next(gaps, None)
        if gap is not None and gap.start <= here:
            yield f"{log.line(gap.start).text}\n"
            here = gap.stop
            continue
        bound = stop if gap is None else min(stop, gap.start)
        end = bound
        if here + _PIECE < bound and (found := log.at(here + _PIECE)) is not None:
            end = found if found > here else min(bound, log.stop(here))
        if end - here > _LONGEST:
            line = log.line(here)
            yield f"{line.text} … {line.more:,} more characters\n"
        elif data := log.read(here, end):
            yield _text(data, notes=log.source.notes)
        else:
            return  # the file was cut
        here = end


def _text(data: bytes, *, notes: bool) -> str:
    if notes and NOTE in data:
        data = data.replace(b"\n" + NOTE, b"\n").removeprefix(NOTE)
    return bulk.texts(data)


async def _slowly(
    view: LogView, lines: Lines, here: int | None, last: int | None, file: IO[str]
) -> None:
    """Write lines that only the interface's thread may read, a little at a time."""
    until = monotonic() + _SLICE
    while here is not None and last is not None and here <= last:
        line = lines.line(here)
        more = f" … {line.more:,} more characters" if line.more else ""
        file.write(f"{line.text}{more}\n")
        if monotonic() > until:
            await asyncio.sleep(0.001)
            until = monotonic() + _SLICE
            if lines is not view.lines and lines is not view.document:
                raise _Changed
        here = lines.after(here)


def put(temporary: Path, path: Path) -> None:
    """Give a finished file its name.

    Raises:
        FileExistsError: Another file has it.
    """
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
            raise
        # A file system without links: take the name, then fill it in one step.
        with path.open("x"):
            pass
        temporary.replace(path)
