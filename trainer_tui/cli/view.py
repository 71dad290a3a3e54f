"""``trainer-tui view``: log files in the console's log view, without any server or job."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer_tui.cli.context import CliContext
from trainer_tui.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files, and what is shown first."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file; - is standard input")
    parser.add_argument(
        "--at",
        metavar="PLACE",
        default="",
        help="begin there instead of at the end: a line's number, 50%% or a time",
    )
    parser.add_argument(
        "--grep", metavar="REGEX", default="", help="look for this, from the first line on"
    )
    parser.add_argument(
        "--merge", action="store_true", help="several files as one, by the time of their lines"
    )


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Show the files until the view is left."""
    return show(
        context,
        args.files,
        place=args.at.strip(),
        pattern=args.grep,
        merge=args.merge,
        ascii=args.ascii,
    )


def show(
    context: CliContext,
    files: Sequence[str],
    *,
    place: str = "",
    pattern: str = "",
    merge: bool = False,
    ascii: bool | None = None,
) -> int:
    """Show the files until the view is left; gives the exit code."""
    if not context.stdout_tty or os.environ.get("TERM") == "dumb":
        raise UsageError("the view needs a terminal that can move its cursor")
    if files.count("-") > 1:
        raise UsageError("standard input can be read once only")
    if "-" not in files and not context.stdin.isatty():
        raise UsageError(
            "keys are read from standard input, which is no terminal",
            hint="To see what comes through it: … | trainer-tui view -",
        )
    if pattern:
        from trainer_tui.core.logfile.pattern import PatternError, compile_pattern

        try:
            compile_pattern(pattern)
        except PatternError as error:
            raise UsageError(f"--grep: {error}", code="BAD_PATTERN") from None
    from trainer_tui.tui.start_view import Asked, start

    asked = Asked(tuple(files), place, pattern, merge, ascii)
    try:
        return start(asked, context.paths)
    except OSError as error:
        raise NotFoundError(
            f"{error.filename}: {error.strerror or error}", title="It cannot be read"
        ) from None
