"""Saving a log to a file: all of it, what the filter shows, or what is selected."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import IO, Literal

from textual.worker import get_current_worker

from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.lines import Lines
from trainer_tui.tui.widgets.log_view import LogView

Part = Literal["all", "shown", "selected"]
_SLICE = 0.008
"""Seconds of work on the interface's thread before the keys have their turn."""


class _Changed(Exception):
    """The lines are others now."""


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
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        file = temporary.open("x", encoding="utf-8", errors="replace")
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "that is not a file name"
    lines = view.document if part == "all" else view.lines
    first, last = lines.first(), lines.last()
    if part == "selected" and view.selection is not None:
        first, last = min(view.selection), max(view.selection)

    def finish(error: Exception | None) -> None:
        with contextlib.suppress(OSError):
            file.close()
        if error is None:
            try:
                put(temporary, path)
            except OSError as problem:
                error = problem
        with contextlib.suppress(OSError):
            temporary.unlink()
        if error is None:
            say(f"log saved to {path.resolve()}")
        elif isinstance(error, _Changed):
            say("not saved: the filter changed or the log began anew meanwhile")
        elif isinstance(error, FileExistsError):
            say(f"not saved: {path} has come into being meanwhile")
        else:
            reason = error.strerror if isinstance(error, OSError) else None
            say(f"not saved: {reason or error}")

    app = view.app
    if isinstance(lines, LogFile):
        # Read by a reader of its own, so that it can be done in a thread.
        own = LogFile(lines.source)

        def work() -> None:
            worker = get_current_worker()
            error: Exception | None = None
            try:
                for text in _texts(own, first, last):
                    if worker.is_cancelled:
                        raise _Changed
                    file.write(text)
            except (OSError, _Changed) as problem:
                error = problem
            finally:
                own.close()
            app.call_later(finish, error)

        app.run_worker(work, thread=True, group="save", exit_on_error=False)
    else:
        app.run_worker(_slowly(view, lines, first, last, file, finish), group="save")
    return ""


async def _slowly(
    view: LogView,
    lines: Lines,
    first: int | None,
    last: int | None,
    file: IO[str],
    finish: Callable[[Exception | None], None],
) -> None:
    """Write lines that only the interface's thread may read, a little at a time."""
    error: Exception | None = None
    until = monotonic() + _SLICE
    try:
        for text in _texts(lines, first, last):
            file.write(text)
            if monotonic() > until:
                await asyncio.sleep(0.001)
                until = monotonic() + _SLICE
                if lines is not view.lines and lines is not view.document:
                    raise _Changed
    except (OSError, _Changed) as problem:
        error = problem
    finish(error)


def _texts(lines: Lines, first: int | None, last: int | None) -> Iterator[str]:
    here = first
    while here is not None and last is not None and here <= last:
        line = lines.line(here)
        more = f" … {line.more:,} more characters" if line.more else ""
        yield f"{line.text}{more}\n"
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
