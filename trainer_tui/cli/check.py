"""``trainer-tui check FILE``: the editor's rules on a config, for scripts and hooks."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from trainer_tui.cli.context import DONE, FAILED, CliContext
from trainer_tui.cli.render import cell_width, paint
from trainer_tui.config import LOCAL
from trainer_tui.core.yamlconfig import MAX_SIZE, Lines, Problem, check
from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.model import Gpu
from trainer_tui.sanitize import line as clean

if TYPE_CHECKING:
    from trainer_tui.cli.service import Service
    from trainer_tui.providers.base import Facts

_COLORS = {"error": "31", "warning": "33", "info": "36"}
_LEAD = 20
"""Columns of a long line that are shown before the place."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes; ``--json`` and ``--profile`` are known already."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a training config; - reads standard input"
    )
    parser.add_argument("--gpu-type", metavar="TYPE", help="the kind of GPU that it would run on")
    parser.add_argument("--gpu-count", metavar="N", type=int, help="on how many of them")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the problems of the files, in their order.

    Gives 1 when one of them is an error, else 0.

    Raises:
        UsageError: A file cannot be read, standard input is named twice, there is no such GPU.
        ConfigError: There is no such profile.
    """
    files: list[str] = args.files
    if files.count("-") > 1:
        raise UsageError("standard input can be read only once")
    provider, gpu = None, None
    if context.profile is not None:
        from trainer_tui.providers.base import facts

        provider = context.config.profile(context.profile).provider
        gpu = gpu_of(facts(provider), args.gpu_type, args.gpu_count)
    elif args.gpu_type is not None or args.gpu_count is not None:
        raise UsageError("which service's GPUs?", hint="Add --profile.")
    texts = [(file, read_config(file, context)) for file in files]
    datasets = (
        _known_datasets(context, context.profile)
        if context.profile is not None and provider == "runcomfy"
        else None
    )
    found: list[tuple[str, Problem]] = []
    for file, text in texts:
        problems = check(
            text,
            provider=provider,
            extra_keys=context.config.schema_extra_keys,
            gpu_type=args.gpu_type,
            gpu_count=args.gpu_count,
            base_folder=folder_of(file),
            datasets=datasets,
        )
        found += [(file, problem) for problem in problems]
        if not context.json:
            _tell(context, file, text, problems)
    wrong = any(problem.severity == "error" for _, problem in found)
    if context.json:
        several = len(files) > 1
        context.print_json(
            [({"file": file} if several else {}) | problem.as_json() for file, problem in found]
        )
    else:
        context.say(tally(problem for _, problem in found))
        if context.profile is not None and len(texts) == 1 and not wrong:
            for line in _will(context, context.profile, texts[0][1], gpu):
                context.say(line)
    return FAILED if wrong else DONE


def _will(context: CliContext, profile: str, text: str, gpu: Gpu | None) -> Iterable[str]:
    """What the job would do, as ``submit`` says it: at the pace of one like it, with the money."""
    from trainer_tui.cli import forecasts
    from trainer_tui.cli.service import Service

    try:
        will = forecasts.of_new(Service(context), profile, text, gpu)
    except TrainerError:  # a check needs no store
        return []
    return will.words() if will is not None else []


def gpu_of(facts: Facts, gpu_type: str | None, gpu_count: int | None) -> Gpu | None:
    """The GPUs that a job gets: those named, else the service's usual kind, one of it.

    Raises:
        UsageError: The service has no such GPU, or that is no number of them.
    """
    if gpu_count is not None and not 1 <= gpu_count <= 64:
        raise UsageError("--gpu-count takes a number from 1 to 64")
    if gpu_type is not None and facts.gpu_types and gpu_type not in facts.gpu_types:
        from trainer_tui.config_problem import did_you_mean

        raise UsageError(
            f"{facts.title} has no GPU {gpu_type!r}{did_you_mean(gpu_type, facts.gpu_types)}",
            hint=f"One of {', '.join(facts.gpu_types)}",
        )
    kind = gpu_type or (facts.gpu_types[0] if facts.gpu_types else None)
    return Gpu(kind, gpu_count or 1) if kind is not None else None


def _known_datasets(context: CliContext, profile: str) -> Mapping[str, str] | None:
    from trainer_tui.cli.service import Service, run_async

    async def ask() -> Mapping[str, str] | None:
        async with Service(context) as service:
            return await dataset_states(service, profile)

    try:
        return run_async(ask())
    except TrainerError as error:
        context.warn(f"{profile} could not be asked for its datasets: {error.message}")
        return None


async def dataset_states(service: Service, profile: str) -> Mapping[str, str] | None:
    """The datasets that an account has, name → status; ``None`` where a service has none.

    Raises:
        TrainerError: The service could not be asked.
    """
    from trainer_tui.providers.capabilities import HasDatasets

    if service.facts(profile).name != "runcomfy":
        return None
    asked = service.provider(profile)
    return await asked.dataset_states() if isinstance(asked, HasDatasets) else None


def folder_of(file: str | None) -> Path:
    """The folder that relative paths in a config are meant from: its file's, or the present one
    where the text comes out of a pipe."""
    path = Path(file or "-").expanduser()
    return path.resolve().parent if path.is_file() and file != "-" else Path.cwd()


def whole_paths(text: str, file: str | None, facts: Facts) -> tuple[str, list[str]]:
    """A config as it is sent: for this machine, with the paths of its data written out whole.

    Gives what was written out, too, a line each.
    """
    if facts.name not in {LOCAL, "kaos"}:
        return text, []
    from trainer_tui.core.yamlconfig.whole_paths import whole_paths as whole

    text, moved = whole(text, folder_of(file))
    return text, [f"{clean(old)} is sent as {clean(new)}" for old, new in moved]


def _opened(file: str, context: CliContext) -> AbstractContextManager[BinaryIO]:
    """A file's bytes; those of standard input, whatever the locale would make of them."""
    if file == "-":
        return nullcontext(context.stdin.buffer)
    return Path(file).expanduser().open("rb")


def read_config(file: str, context: CliContext) -> str:
    """A config's text, every byte of it, from a path or (``-``) standard input.

    Raises:
        UsageError: It cannot be read, is not UTF-8, or is larger than any config.
    """
    try:
        if file == "-" and not hasattr(context.stdin, "buffer"):
            return context.stdin.read(MAX_SIZE + 1)
        with _opened(file, context) as source:
            data = source.read(4 * MAX_SIZE + 1)
        # A longer one is refused for its size, wherever the cut fell.
        return data.decode(errors="ignore" if len(data) > 4 * MAX_SIZE else "strict")
    except UnicodeDecodeError as error:
        what = "standard input" if file == "-" else file
        raise UsageError(
            f"{what} is not UTF-8 text (byte {error.start})", hint="Save it as UTF-8."
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


def _tell(context: CliContext, file: str, text: str, problems: Iterable[Problem]) -> None:
    """One line a problem; on a terminal the place as well."""
    lines = Lines(text) if context.stdout_tty else None
    last = (0, 0)
    for problem in problems:
        severity = paint(problem.severity, _COLORS[problem.severity], context.color)
        fix = f" ({problem.fix})" if problem.fix else ""
        place = f"{file}:{problem.line}:{problem.column}"
        context.out(f"{place}: {severity} {problem.code} {problem.message}{fix}")
        if lines is not None and text and last != (problem.line, problem.column):
            last = (problem.line, problem.column)
            for row in excerpt(text, lines, problem, context.width):
                context.out(row)


def excerpt(text: str, lines: Lines, problem: Problem, width: int) -> list[str]:
    """The line of a problem and below it carets under its place, cut to ``width`` columns."""
    number = f"{problem.line:>5} | "
    start = lines.offset(problem.line, 1)
    end = lines.starts[problem.line] if problem.line < len(lines.starts) else len(text)
    whole = text[start : min(end, start + problem.column + width + 1)].rstrip("\r\n")
    cut = max(0, problem.column - 1 - _LEAD) if problem.column + 20 > width - len(number) else 0
    room = max(20, width - len(number) - 1)
    before = _shown(whole[cut : problem.column - 1])
    marked = _shown(whole[problem.column - 1 : problem.column - 1 + problem.length])
    after = _shown(whole[problem.column - 1 + problem.length :])
    line = before + marked + after
    while cell_width(line) > room:
        line = line[: max(1, len(line) - max(1, (cell_width(line) - room) // 2))]
    left = cell_width(before)
    carets = "^" * max(1, min(cell_width(marked), room - left))
    return [f"{number}{line}".rstrip(), " " * (len(number) - 2) + "| " + " " * left + carets]


def _shown(part: str) -> str:
    """Part of a line with each character that a terminal must not get replaced by one column."""
    return "".join(" " if char.isspace() else clean(char) or "\ufffd" for char in part)
