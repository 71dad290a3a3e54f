"""From nothing to the first frame and back: start the console, and leave the terminal in order."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_tui.paths import Paths, private_folder
from trainer_tui.tui import splash

if TYPE_CHECKING:
    from trainer_tui.config import Config
    from trainer_tui.tui.app import TrainerApp

DEMO = 64
"""Exit code of a console that was left to see the demo: whoever opened it goes on there."""


def start(
    paths: Paths,
    *,
    config: Config | None = None,
    read_only: bool = False,
    ascii: bool | None = None,
    filter_text: str = "",
) -> int:
    """Run the console until it is left; gives the exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        print(
            "trainer-tui: the console needs a terminal that can move its cursor;"
            " `trainer-tui jobs` prints the same facts",
            file=sys.stderr,
        )
        return 2
    # What is made while starting lives until the end: looking through it again and again is waste.
    gc.disable()
    # A kept frame is Unicode and unfiltered as it was left; only where that is what comes.
    painted = ascii is None and not filter_text and splash.show(paths.cache)
    drawn = False
    try:
        if config is None:
            from trainer_tui.config import load

            config = load(paths)
        app = _prepare(paths, config, read_only, ascii, filter_text)
        drawn = True
        return _run(app, paths, mouse=config.ui.mouse)
    finally:
        if painted and not drawn:
            splash.hide()
        gc.enable()


def _prepare(
    paths: Paths, config: Config, read_only: bool, ascii: bool | None, filter_text: str
) -> TrainerApp:
    from trainer_tui.core.runtime import Runtime
    from trainer_tui.tui.app import TrainerApp
    from trainer_tui.tui.glyphs import choose

    with contextlib.suppress(OSError):  # where there is no such folder the store says what is wrong
        private_folder(paths.state)
    read_only = read_only or config.read_only
    runtime = Runtime(config, paths, read_only=read_only)
    glyphs = choose(ascii if ascii is not None else config.ui.ascii)
    return TrainerApp(
        runtime, config, paths, glyphs=glyphs, read_only=read_only, filter_text=filter_text
    )


def _run(app: TrainerApp, paths: Paths, *, mouse: bool) -> int:
    from trainer_tui.tui.typed_bytes import tolerate

    tolerate()
    try:
        app.run(mouse=mouse)
    finally:
        app.runtime.close()
    if app._exception is not None:
        log = write_crash(paths, app._exception)
        print(f"trainer-tui: the console broke; the traceback is in {log}", file=sys.stderr)
        return 1
    return app.return_code or 0


def write_crash(paths: Paths, error: BaseException) -> Path:
    """Append a traceback, without local variables and credentials, to the log in the state folder;
    say what the error itself advises."""
    from trainer_tui.core.clock import utcnow
    from trainer_tui.core.faultlog import FaultLog
    from trainer_tui.errors import TrainerError

    faults = FaultLog(paths.state / "console.log", utcnow)
    faults.write(error)
    if isinstance(error, TrainerError) and error.hint:
        print(f"trainer-tui: {error.hint}", file=sys.stderr)
    return faults.path
