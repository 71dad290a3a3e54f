"""Reading the config files: TOML to :class:`~trainer_tui.config.Config`, each mistake with its
file, line and column, what was expected, and the nearest name that exists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trainer_tui import config_checks as checks
from trainer_tui.config import COLUMNS, Config
from trainer_tui.config_file import ConfigFile
from trainer_tui.config_problem import Problem, did_you_mean
from trainer_tui.config_profiles import read_profiles
from trainer_tui.paths import Paths


def sections(base: Path) -> dict[str, dict[str, checks.Check]]:
    """The check of every key of every settings table. ``base`` is where relative paths start."""
    seconds = checks.number(0.2, 3600, "seconds")
    return {
        "ui": {
            "theme": checks.text,
            "ascii": checks.boolean,
            "mouse": checks.boolean,
            "split": checks.whole(10, 90),
            "columns": checks.words_of(*COLUMNS),
            "confirm_word": checks.boolean,
        },
        "notify": {
            "bell": checks.boolean,
            "desktop": checks.one_of("auto", "osc9", "osc777", "off"),
            "all": checks.boolean,
        },
        "poll": {
            "selected": seconds,
            "running": seconds,
            "queued": seconds,
            "unfocused": seconds,
            "observe_within": seconds,
        },
        "local": {
            "port": checks.whole(1, 65535),
            "token": checks.secret(base),
            "cpu_slots": checks.whole(1, 1024),
            "gpus": checks.gpus,
            "ai_toolkit": checks.path(base),
            "ai_toolkit_python": checks.path(base),
            "projects": checks.path(base),
            "bundle_venv": checks.boolean,
            "grace": checks.number(0, 3600, "seconds"),
            "kill_after": checks.number(0, 3600, "seconds"),
        },
        "downloads": {"folder": checks.path(base), "parallel": checks.whole(1, 32)},
        "health": {
            "nan": checks.boolean,
            "divergence": checks.number(0, 1000),
            "plateau": checks.whole(0, 10**9),
            "stall": checks.number(0, 100_000),
            "rules": checks.health_rules,
        },
        "metrics": {"from_log": checks.boolean, "patterns": checks.metric_patterns},
        "schema": {"extra_keys": checks.texts},
        "check": {"extra_keys": checks.texts},  # the older name of [schema]
    }


def read(
    paths: Paths, *, commands: Collection[str] = (), themes: Collection[str] = ()
) -> tuple[Config, tuple[Problem, ...]]:
    """Both files. Where there are problems, the config holds what could be used.

    Args:
        commands: The ids that ``[keys]`` may name, which the console alone knows; empty: not
            looked at.
        themes: The themes that there are, likewise.
    """
    own = ConfigFile(paths.config_file)
    config = _settings(own)
    _check_names(own, config, commands, themes)
    managed = ConfigFile(paths.managed_profiles)
    for name in managed.data:
        if name != "profiles":
            managed.problem((name,), "only [profiles.NAME] tables belong in this file")
    profiles = {**config.profiles}
    for name, profile in read_profiles(managed).items():
        profiles.setdefault(name, profile)
    config = replace(
        config,
        profiles=MappingProxyType(profiles),
        warnings=tuple(own.warnings + managed.warnings),
        files=tuple(file.file for file in (own, managed) if file.present),
    )
    return config, tuple(own.problems + managed.problems)


def _settings(file: ConfigFile) -> Config:
    """The whole of ``config.toml``."""
    known = sections(file.base)
    tables = {"profiles", "keys", "pricing", *known}
    for name in file.data:
        if name not in tables and name != "read_only":
            kind = "table" if isinstance(file.data[name], dict) else "key"
            near = did_you_mean(name, [*tables, "read_only"])
            file.problem((name,), f"unknown {kind}{near or '; known are ' + _listed(tables)}")

    def section(name: str) -> dict[str, Any]:
        return file.values((name,), known[name], file.table(name))

    profiles = read_profiles(file)
    empty = Config()
    read_only = file.values((), {"read_only": checks.boolean}, file.data, strict=False)
    return replace(
        empty,
        profiles=profiles,
        ui=replace(empty.ui, **section("ui")),
        notify=replace(empty.notify, **section("notify")),
        poll=replace(empty.poll, **section("poll")),
        local=replace(empty.local, **section("local")),
        downloads=replace(empty.downloads, **section("downloads")),
        health=replace(empty.health, **section("health")),
        metrics=replace(empty.metrics, **section("metrics")),
        schema_extra_keys=tuple(
            key for name in ("schema", "check") for key in section(name).get("extra_keys", ())
        ),
        keys=MappingProxyType(_keys(file)),
        pricing=MappingProxyType(_pricing(file)),
        read_only=bool(read_only.get("read_only", False)),
    )


def _pricing(file: ConfigFile) -> dict[str, Any]:
    """``[pricing]``, whose keys are the user's own."""
    table = file.table("pricing")
    return file.values(("pricing",), dict.fromkeys(table, checks.number(0, 1e6)), table)


def _keys(file: ConfigFile) -> dict[str, str]:
    """``[keys]``; ids hold a dot, so ``job.stop = "s"`` arrives as a table in a table."""
    values: dict[str, str] = {}
    for key, value in file.table("keys").items():
        nested = value if isinstance(value, dict) else {"": value}
        for rest, keys in nested.items():
            try:
                values[f"{key}.{rest}" if rest else key] = checks.keys(keys)
            except ValueError as error:
                path = ("keys", key, rest) if rest else ("keys", key)
                file.problem(path, str(error))
    return values


def _check_names(
    file: ConfigFile, config: Config, commands: Collection[str], themes: Collection[str]
) -> None:
    """Names of what there is not, where it is said what there is."""
    for name in config.keys:
        if commands and name not in commands:
            flat = name in file.data.get("keys", {})
            path = ("keys", name) if flat else ("keys", *name.split(".", 1))
            near = did_you_mean(name, commands)
            file.problem(path, f"no command has this id{near or '; see docs/keys.md'}")
    if themes and config.ui.theme not in themes:
        near = did_you_mean(config.ui.theme, themes) or f"; there are {_listed(themes)}"
        file.problem(("ui", "theme"), f"there is no theme {config.ui.theme!r}{near}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
