"""The command line: from words to an exit code. Little is imported until a command needs it."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from trainer_tui.cli.context import CliContext

_CTRL_C = 130
_BROKEN_PIPE = 141
"""As a shell tells the end by SIGPIPE: the reader went away, which is its right."""


def run(argv: list[str]) -> int:
    """Run one command line; gives the exit code. Raises nothing that a person should not see."""
    _stand_in()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the locale cannot write is no crash
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            code = _run(argv)
        finally:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return _CTRL_C
    except BrokenPipeError:
        # What is still in the buffer would raise once more when the interpreter closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:
        if not _stdout_failed():
            raise
        sys.stderr.write(f"trainer-tui: standard output cannot be written: {error.strerror}\n")
        return 1


def _stand_in() -> None:
    """Nothing for each standard stream that is closed, so that no other file takes its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))


def _stdout_failed() -> bool:
    """Whether standard output is what cannot be written (a full disk); it is given up then."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _run(argv: list[str]) -> int:
    if argv[:1] == ["__complete"]:
        from trainer_tui.cli.complete import answer

        return answer(argv[1:])
    from trainer_tui.errors import TrainerError

    context: CliContext | None = None
    try:
        if not argv:
            context = _context(None)
            return _console(context)
        if argv[0] == "view" and len(argv) > 1 and not any(a.startswith("-") for a in argv[1:]):
            from trainer_tui.cli.view import show  # files alone: shown before the grammar is there

            context = _context(None)
            return show(context, argv[1:])
        from trainer_tui.cli.parser import build, run_command

        args = build(argv[0]).parse_args(argv)  # help ends here: little has been imported by now
        if args.version:
            from trainer_tui import __version__

            sys.stdout.write(f"trainer-tui {__version__}\n")
            return 0
        context = _context(args)
        if args.command is None:
            return _console(context, ascii=args.ascii, filter_text=args.begin_with)
        _refuse_lost_filter(args)
        return run_command(args, context)
    except TrainerError as error:
        sys.stdout.flush()
        if context is None:
            context = _context(None, json="--json" in argv)
        context.print_error(error)
        return error.exit_code
    finally:
        if context is not None:
            context.close()


def _context(args: argparse.Namespace | None, *, json: bool = False) -> CliContext:
    """The context of the flags; without any, for the console or an error of the grammar."""
    from trainer_tui.cli.context import CliContext
    from trainer_tui.paths import Paths

    paths = Paths.default()
    if args is None:
        return CliContext(paths, json=json)
    if args.config is not None:
        import dataclasses
        from pathlib import Path

        paths = dataclasses.replace(paths, config_file=Path(args.config).expanduser())
        what = getattr(args, "what", None)
        if (args.command, what) not in _NEEDS_NO_FILE:
            _refuse_missing(paths.config_file)
    return CliContext(
        paths,
        json=bool(args.json),
        yes=bool(args.yes),
        read_only=bool(args.read_only),
        profile=args.profile,
    )


_NEEDS_NO_FILE = {("config", "path"), ("config", None), ("profiles", "add")}
"""What can be asked with a ``--config`` that is not there yet: where it is, a first profile."""


def _refuse_missing(file: Path) -> None:
    """Raise ConfigError for a config file that was named and is not one."""
    if file.is_file():
        return
    from trainer_tui.config_problem import did_you_mean
    from trainer_tui.errors import ConfigError

    if file.exists():
        raise ConfigError(f"{file} is no plain file, so no config is read from it")
    try:
        beside = [each.name for each in file.parent.iterdir()]
    except OSError:
        beside = []
    raise ConfigError(f"there is no config file {file}{did_you_mean(file.name, beside)}")


def _refuse_lost_filter(args: argparse.Namespace) -> None:
    """A filter before a command would keep out nothing. Raises UsageError."""
    from trainer_tui.errors import UsageError

    if args.begin_with:
        raise UsageError(
            f"--filter before a command is for the console, and {args.command} takes none there",
            hint="A filter for the list comes after it: trainer-tui jobs FILTER",
            code="USAGE",
        )


def _console(context: CliContext, *, ascii: bool | None = None, filter_text: str = "") -> int:
    from trainer_tui.errors import UsageError

    if filter_text:
        from trainer_tui.cli.jobs import parse_filter

        parse_filter(filter_text)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the console needs a terminal",
            hint="Without one: trainer-tui jobs. All commands: trainer-tui --help",
        )
    from trainer_tui.tui.start import (  # neither Textual nor the config: first the last frame
        DEMO,
        start,
    )

    code = start(
        context.paths, read_only=context.read_only_flag, ascii=ascii, filter_text=filter_text
    )
    if code != DEMO:
        return code
    from trainer_tui.cli.parser import build, run_command

    return run_command(build("demo").parse_args(["demo"]), context)
