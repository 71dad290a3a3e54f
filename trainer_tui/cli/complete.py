"""What may follow on the command line: asked by the shell's completion, so quick and silent.

Jobs come from the store alone; no service is asked.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from trainer_tui.cli.table import COMMANDS, Command
from trainer_tui.config import Config
from trainer_tui.errors import TrainerError
from trainer_tui.paths import Paths

FILES = "__files__"
"""Said in place of candidates where a file name may follow."""
_MOST = 200


def answer(words: list[str]) -> int:
    """Print one candidate a line for the last of the words. Never fails: no candidates then."""
    try:
        found = candidates(words, Paths.default())
    except (TrainerError, OSError):
        found = []
    sys.stdout.write("".join(f"{item}\n" for item in found))
    return 0


def candidates(words: list[str], paths: Paths) -> list[str]:
    """What the last word may become.

    Args:
        words: The words after the program's name, the one under the cursor last (maybe empty).
        paths: Where config and store are.
    """
    done, last = (words[:-1], words[-1]) if words else ([], "")
    known = {command.name: command for command in COMMANDS}
    command = next((known[word] for word in done if word in known), None)
    before = done[-1] if done else ""
    if before == "--config":
        return [FILES]
    if before == "--profile":
        return _starting(last, _profiles(paths))
    if command is None:
        if last.startswith("-"):
            return _starting(last, _options(done))
        return _starting(last, known)
    if last.startswith("-"):
        return _starting(last, _options(done))
    return _arguments(command, done[done.index(command.name) + 1 :], last, paths)


def _arguments(command: Command, after: list[str], last: str, paths: Paths) -> list[str]:
    plain = [word for word in after if not word.startswith("-")]
    before = after[-1] if after else ""
    match command.name:
        case "submit" | "check" if before not in {"--name", "--set", "--gpu-count"}:
            if before == "--runner":
                return _starting(last, ("smoke", "ai-toolkit", "command", "bundle"))
            return [FILES]
        case "view" if before not in {"--at", "--grep"}:
            return [FILES]
        case "completion":
            return _starting(last, ("bash", "zsh", "fish"))
        case "config":
            return _starting(last, ("path", "show", "check")) if not plain else []
        case "datasets":
            words = ("list", "show", "create", "upload", "delete")
            return _starting(last, words) if not plain else [FILES] if plain[0] == "upload" else []
        case "profiles":
            if not plain:
                return _starting(last, ("list", "add", "check", "remove"))
            return _starting(last, _profiles(paths)) if plain[0] in {"check", "remove"} else []
        case "track":
            return _starting(last, _profiles(paths)) if not plain else []
        case "edit" if len(plain) == 1:
            return [FILES]
        case "download" if before in {"-o", "--output"}:
            return [FILES]
        case "download" if before == "--only":
            head, comma, tail = last.rpartition(",")
            kinds = ("checkpoints", "samples", "config", "weights", "bundle", "log", "other")
            return [f"{head}{comma}{kind}" for kind in _starting(tail, kinds)]
        case "jobs":
            return _starting(last, [*_filters(), *_refs(last, paths)])
    return _refs(last, paths) if command.refs else []


def _options(done: list[str]) -> list[str]:
    """The long options of a command (of the deepest word that has its own), from its parser."""
    from trainer_tui.cli.parser import CommandParser, build

    parser: argparse.ArgumentParser = build()
    names = [word for word in done if not word.startswith("-")]
    while names:
        choices = next(
            (a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None
        )
        name = names.pop(0)
        if choices and name in choices:
            parser = choices[name]
            if isinstance(parser, CommandParser):
                parser.prepare()
    return [
        option
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    ]


def _profiles(paths: Paths) -> list[str]:
    from trainer_tui.config import LOCAL, load

    config: Config = load(paths)
    return list(dict.fromkeys([*config.profiles, LOCAL]))


def _refs(last: str, paths: Paths) -> list[str]:
    """Refs of known jobs, newest first; names too where they are one word and unique."""
    if not paths.store.exists():
        return []
    from trainer_tui.core.store import Store

    store = Store(paths.store)
    try:
        jobs = store.jobs()
    finally:
        store.close()
    jobs.sort(key=lambda job: job.created_at.timestamp() if job.created_at else 0.0, reverse=True)
    names = [job.name for job in jobs]
    refs = [str(job.ref) for job in jobs]
    unique = [name for name in names if " " not in name and names.count(name) == 1] if last else []
    ids = [job.ref.id for job in jobs] if last else []
    found = dict.fromkeys([*_starting(last, refs), *_starting(last, unique)])
    return list(found or dict.fromkeys(_starting(last, ids)))[:_MOST]


def _filters() -> list[str]:
    from trainer_tui.model import Status

    return ["status:active", *(f"status:{status}" for status in Status)]


def _starting(last: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(last)]
