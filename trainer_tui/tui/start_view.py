"""From log files to the first frame of a view of them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trainer_tui.core.logfile.document import LogFile
from trainer_tui.tui import palette, splash
from trainer_tui.tui.glyphs import choose

if TYPE_CHECKING:
    from trainer_tui.config import Config
    from trainer_tui.core.logfile.spooled import Spooled
    from trainer_tui.paths import Paths

STDIN = "-"
_FOLDER = "trainer-tui-view-"
"""How the folders begin that streams are read into; the process id follows."""


class Asked(NamedTuple):
    """What is to be seen of the files."""

    files: tuple[str, ...]
    """Paths; ``-`` is standard input."""
    place: str = ""
    """A line's number, a percentage or a time; empty: the end."""
    pattern: str = ""
    """A regular expression that is looked for."""
    merge: bool = False
    ascii: bool | None = None


def start(asked: Asked, paths: Paths) -> int:
    """Show the files until the view is left; gives the exit code.

    Raises:
        OSError: A file cannot be read.
    """
    # What is made while starting lives until the end: looking through it again and again is waste.
    gc.disable()
    painted = drawn = False
    with ExitStack() as stack:
        stack.callback(gc.enable)
        logs = list(_opened(asked.files, stack))
        names = short_names(asked.files)
        glyphs = choose(asked.ascii)
        simple = not (asked.place or asked.pattern or asked.merge or logs[0][1])
        if simple and logs[0][0].size:
            if logs[0][0].few:
                logs[0][0].start_index()
            from trainer_tui.tui import preview

            colours = palette.read(paths.cache)
            painted = preview.show(logs[0][0], names, colours, glyphs)
        try:
            config, trouble = _config(paths)
            if asked.ascii is None and config is not None and config.ui.ascii is not None:
                glyphs = choose(config.ui.ascii)
            from trainer_tui.tui.typed_bytes import tolerate
            from trainer_tui.tui.view_app import ViewApp
            from trainer_tui.tui.widgets.log_files import OpenLog

            opened = [OpenLog(name, *log) for name, log in zip(names, logs, strict=True)]
            app = ViewApp(opened, paths, glyphs, asked, config=config, trouble=trouble)
            drawn = True
            tolerate()
            app.run(mouse=config is None or config.ui.mouse)
        finally:
            if painted and not drawn:
                splash.hide()
        if app._exception is not None:
            from trainer_tui.tui.start import write_crash

            log = write_crash(paths, app._exception)
            print(f"trainer-tui: the view broke; the traceback is in {log}", file=sys.stderr)
            return 1
        return app.return_code or 0


def _opened(files: Sequence[str], stack: ExitStack) -> Iterator[tuple[LogFile, Spooled | None]]:
    """The files. What is no file but a stream is read into one."""
    for name in files:
        path = Path(name)
        if name == STDIN:
            fd = os.dup(0)
            keys = os.open("/dev/tty", os.O_RDWR)  # keys come from the terminal all the same
            os.dup2(keys, 0)
            os.close(keys)
            yield _stream(fd, stack)
        elif path.exists() and not path.is_file() and not path.is_dir():
            yield _stream(os.open(path, os.O_RDONLY | os.O_CLOEXEC), stack)
        else:
            path.open("rb").close()
            yield LogFile.open(path), None


def _stream(fd: int, stack: ExitStack) -> tuple[LogFile, Spooled]:
    import tempfile

    from trainer_tui.core.logfile.spooled import Spooled

    _sweep(Path(tempfile.gettempdir()))
    prefix = f"{_FOLDER}{os.getpid()}-"
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix))
    stream = Spooled(fd, Path(folder) / "stream.log")
    return LogFile.open(stream.path), stream


def _sweep(temporary: Path) -> None:
    """Remove what views that were killed left behind."""
    import shutil

    for folder in temporary.glob(f"{_FOLDER}*-*"):
        owner = folder.name.removeprefix(_FOLDER).partition("-")[0]
        try:
            os.kill(int(owner), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError):  # another person's, or not ours at all
            continue


def short_names(files: Sequence[str]) -> list[str]:
    """What the files are called in the view: the last part of their paths where that tells them
    apart."""
    from trainer_tui.sanitize import line

    last = ["stdin" if name == STDIN else Path(name).name for name in files]
    return [
        line(short if last.count(short) == 1 else name)
        for name, short in zip(files, last, strict=True)
    ]


def _config(paths: Paths) -> tuple[Config | None, str]:
    """The console's settings where there are any, and what is wrong with them: files can be read
    all the same."""
    if not paths.config_file.exists():
        return None, ""
    from trainer_tui.config import load
    from trainer_tui.errors import ConfigError

    try:
        return load(paths), ""
    except ConfigError as error:
        return None, error.message
