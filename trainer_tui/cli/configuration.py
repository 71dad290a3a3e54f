"""``trainer-tui config``: where it is, what it says, what is wrong with it."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.parser import Nested
from trainer_tui.config import Config, Profile, Secret
from trainer_tui.config_problem import Problem
from trainer_tui.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do; ``path`` when nothing is said."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", parser_class=Nested)
    what.add_parser("path", help="print the config file's path (the default)")
    what.add_parser("show", help="print all settings as they hold, without credentials")
    what.add_parser("check", help="print every mistake with its place; exit code 2 when there are")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Do one of the three."""
    match args.what:
        case "show":
            return _show(context)
        case "check":
            return _check(context)
    return _path(context)


def _path(context: CliContext) -> int:
    paths = context.paths
    if not context.json:
        context.out(str(paths.config_file))
        return DONE
    context.print_json(
        {
            "config": str(paths.config_file),
            "exists": paths.config_file.exists(),
            "managed_profiles": str(paths.managed_profiles),
            "themes": str(paths.themes),
            "state": str(paths.state),
            "store": str(paths.store),
            "cache": str(paths.cache),
            "runtime": str(paths.runtime),
        }
    )
    return DONE


def _show(context: CliContext) -> int:
    value = config_value(context.config)
    if context.json:
        context.print_json(value)
        return DONE
    import tomli_w

    for file in context.config.files:
        context.out(f"# from {file}")
    context.out(tomli_w.dumps(_without_nothing(value)), end="")
    return DONE


def config_value(config: Config) -> dict[str, object]:
    """All settings as they hold; of a credential only its place."""
    value: dict[str, object] = {"read_only": config.read_only}
    for name in ("ui", "notify", "poll", "local", "downloads"):
        settings = getattr(config, name)
        value[name] = {
            field.name: _plain(getattr(settings, field.name))
            for field in dataclasses.fields(settings)
        }
    value["health"] = dataclasses.asdict(config.health)
    value["metrics"] = {
        "from_log": config.metrics.from_log,
        "patterns": [dataclasses.asdict(pattern) for pattern in config.metrics.patterns],
    }
    value["schema"] = {"extra_keys": list(config.schema_extra_keys)}
    value["keys"] = dict(config.keys)
    value["pricing"] = dict(config.pricing)
    value["profiles"] = {name: _profile(found) for name, found in config.profiles.items()}
    return value


def _profile(profile: Profile) -> dict[str, object]:
    return {
        "provider": profile.provider,
        "base_url": profile.base_url,
        "token": _plain(profile.token),
        "workspace": profile.workspace,
        "socket": _plain(profile.socket),
        "read_only": profile.read_only,
        "insecure": profile.insecure,
        "timeout": profile.timeout,
        "options": dict(profile.extra),
    }


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Secret):
        return value.place
    return list(value) if isinstance(value, tuple) else value


def _without_nothing(value: Mapping[str, object]) -> dict[str, object]:
    """TOML has no null: a key without a value is left out."""
    return {key: _kept(item) for key, item in value.items() if item is not None}


def _kept(value: object) -> object:
    if isinstance(value, Mapping):
        return _without_nothing(value)
    if isinstance(value, list | tuple):
        return [_kept(item) for item in value if item is not None]
    return value


def _check(context: CliContext) -> int:
    from trainer_tui.config_read import read
    from trainer_tui.tui import themes
    from trainer_tui.tui.commands import BY_ID, pane_ids

    config, problems = read(
        context.paths,
        commands={*BY_ID, *pane_ids()},
        themes=themes.paths([themes.shipped_folder(), context.paths.themes]).keys(),
    )
    own = themes.paths([context.paths.themes]).values()
    problems += tuple(problem for file in own for problem in themes.problems(file))
    if context.json:
        context.print_json(
            {
                "files": [str(file) for file in config.files],
                "problems": [_problem(problem) for problem in problems],
                "warnings": list(config.warnings),
            }
        )
    else:
        for problem in problems:
            place = ":".join(
                str(part)
                for part in (problem.file, problem.line, problem.column)
                if part is not None
            )
            key = f"{problem.key}: " if problem.key else ""
            context.out(f"{place}: {key}{problem.message}")
        for warning in config.warnings:
            context.warn(warning)
        if not problems:
            files = ", ".join(str(file) for file in config.files)
            missing = f"{context.paths.config_file} is not there: all is default"
            context.say(f"{files}: in order" if files else missing)
    return ConfigError.exit_code if problems else DONE


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": str(problem.file),
        "line": problem.line,
        "column": problem.column,
        "key": problem.key or None,
        "message": problem.message,
    }
