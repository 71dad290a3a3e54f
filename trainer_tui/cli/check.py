"""``trainer-tui check FILE``: the editor's rules on a config, for scripts and hooks."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from trainer_tui.cli.context import DONE, FAILED, CliContext
from trainer_tui.core.yamlconfig import Problem, check
from trainer_tui.core.yamlconfig.parse import MAX_SIZE
from trainer_tui.errors import UsageError

_COLORS = {"error": "31", "warning": "33", "info": "36"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes; ``--json`` and ``--profile`` are known already."""
    parser.add_argument("file", metavar="FILE", help="a training config; - reads standard input")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the problems of a file.

    Gives 1 when one of them is an error, else 0.

    Raises:
        UsageError: The file cannot be read.
        ConfigError: There is no such profile.
    """
    provider = None
    if context.profile is not None:
        provider = context.config.profile(context.profile).provider
    text = read_config(args.file, context)
    folder = None if args.file == "-" else Path(args.file).resolve().parent
    problems = check(
        text,
        provider=provider,
        extra_keys=_extra_keys(context),
        base_folder=folder,
    )
    if context.json:
        context.print_json([problem.as_json() for problem in problems])
    else:
        for problem in problems:
            context.out(_line(args.file, problem, color=context.color))
        context.say(tally(problems))
    return FAILED if any(p.severity == "error" for p in problems) else DONE


def read_config(file: str, context: CliContext) -> str:
    """A config's text, every byte of it, from a path or (``-``) standard input.

    Raises:
        UsageError: It cannot be read, is not UTF-8, or is larger than any config.
    """
    try:
        if file == "-":
            return context.stdin.read(MAX_SIZE + 1)
        with Path(file).expanduser().open("rb") as source:
            data = source.read(4 * MAX_SIZE + 1)
        # A longer one is refused for its size, wherever the cut fell.
        return data.decode(errors="ignore" if len(data) > 4 * MAX_SIZE else "strict")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is not UTF-8 text (byte {error.start})", hint="Save it as UTF-8."
        ) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{file} cannot be read: {why}") from error


def tally(problems: Iterable[Problem]) -> str:
    """``2 errors, 1 warning``, or that there is nothing to say."""
    counts = {"error": 0, "warning": 0, "info": 0}
    for problem in problems:
        counts[problem.severity] += 1
    words = {"error": "error", "warning": "warning", "info": "note"}
    parts = [
        f"{count} {words[name]}{'' if count == 1 else 's'}"
        for name, count in counts.items()
        if count
    ]
    return ", ".join(parts) if parts else "nothing to object to"


def _extra_keys(context: CliContext) -> Iterable[str]:
    return context.config.schema_extra_keys


def _line(file: str, problem: Problem, *, color: bool) -> str:
    severity = problem.severity
    if color:
        severity_shown = f"\x1b[{_COLORS[severity]}m{severity}\x1b[0m"
    else:
        severity_shown = severity
    fix = f" ({problem.fix})" if problem.fix else ""
    place = f"{file}:{problem.line}:{problem.column}"
    return f"{place}: {severity_shown} {problem.code} {problem.message}{fix}"
