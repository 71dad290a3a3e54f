"""The ``[profiles.NAME]`` tables of a config file, and what must hold between their keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trainer_tui import config_checks as checks
from trainer_tui.config import (
    LOCAL,
    ConfigFileError,
    Profile,
    Secret,
    provider_names,
)
from trainer_tui.config_file import ConfigFile
from trainer_tui.config_positions import KeyPath
from trainer_tui.config_problem import did_you_mean, unknown
from trainer_tui.config_secrets import readable_by_others
from trainer_tui.errors import ConfigError


def profile_keys(base: Path) -> dict[str, checks.Check]:
    """The check of every key of a ``[profiles.NAME]`` table, ``options`` apart."""
    return {
        "provider": checks.one_of(*provider_names()),
        "base_url": checks.base_url,
        "token": checks.secret(base),
        "workspace": checks.text,
        "socket": checks.path(base),
        "read_only": checks.boolean,
        "insecure": checks.boolean,
        "timeout": checks.number(1, 600, "seconds"),
    }


def read_profiles(file: ConfigFile) -> dict[str, Profile]:
    """The profiles of a file that are in order; of the others it is told what is wrong."""
    profiles: dict[str, Profile] = {}
    for name in file.table("profiles"):
        path = ("profiles", name)
        if not checks.PROFILE_NAME.match(name):
            file.problem(
                path,
                "expected a name of up to 40 letters, digits, dots, dashes and underscores",
            )
            continue
        before = len(file.problems)
        profile = _profile(file, path)
        if profile is not None and len(file.problems) == before:
            profiles[name] = profile
    return profiles


def _profile(file: ConfigFile, path: KeyPath) -> Profile | None:
    name, table = path[-1], file.table(*path)
    options = file.table(*path, "options")
    known = profile_keys(file.base)
    for key in table:
        if key not in known and key != "options":
            file.problem((*path, key), unknown(key, {*known, "options"}))
    values = file.values(path, known, table, strict=False)
    if "provider" not in table:
        if name not in provider_names():
            file.problem(
                path, f"provider is missing; expected one of {', '.join(provider_names())}"
            )
            return None
        values["provider"] = name  # a profile named after its provider needs no more
    if "provider" not in values:
        return None
    if options:
        values["extra"] = MappingProxyType(options)
    profile = Profile(name, **values)
    _rules(file, path, profile)
    return profile


def _rules(file: ConfigFile, path: KeyPath, profile: Profile) -> None:
    """What must hold between the keys of a profile."""
    if profile.name == LOCAL and profile.provider != LOCAL:
        file.problem(
            (*path, "provider"), "the name 'local' belongs to the local server; choose another"
        )
    if profile.socket is not None and profile.provider != LOCAL:
        file.problem((*path, "socket"), "only a profile of the provider local has a socket")
    if profile.socket is not None and profile.base_url is not None:
        file.problem((*path, "socket"), "socket and base_url exclude each other")
    if profile.base_url and not profile.insecure and checks.is_plain_remote(profile.base_url):
        file.problem(
            (*path, "base_url"),
            "plain http would send the credential readable to all on the way; "
            "expected https (or add insecure = true)",
        )
    if profile.token is not None:
        _token_warnings(file, (*path, "token"), profile.token)


def _token_warnings(file: ConfigFile, path: KeyPath, token: Secret) -> None:
    if token.kind == "literal":
        prefix = token.spec.partition(":")[0] if ":" in token.spec else ""
        near = did_you_mean(prefix, ("env", "file", "cmd", "keyring")) if prefix else ""
        open_file = " and others can read this file" if readable_by_others(file.file) else ""
        file.warn(
            path,
            f"the credential itself stands here{open_file}{near}; "
            "better env:NAME, file:PATH, cmd:COMMAND or keyring:SERVICE/USER",
        )
    elif token.kind == "file":
        place = Path(token.spec.partition(":")[2])
        if readable_by_others(place):
            file.warn(path, f"others can read {place}; run: chmod 600 {place}")


def tables_of(file: Path) -> dict[str, dict[str, Any]]:
    """The ``[profiles.NAME]`` tables of one file as they stand there. Raises ConfigFileError."""
    held = ConfigFile(file)
    if held.problems:
        raise ConfigFileError(tuple(held.problems))
    tables = held.data.get("profiles")
    found = tables.items() if isinstance(tables, dict) else ()
    return {name: table for name, table in found if isinstance(table, dict)}


def check_table(file: Path, name: str, table: Mapping[str, object]) -> Profile:
    """The profile of a table that is not written yet, under the rules of those that are.

    Raises:
        ConfigError: A field is wrong; the message begins with its name.
    """
    held = ConfigFile(file, {"profiles": {name: dict(table)}})
    profiles = read_profiles(held)
    if held.problems:
        problem = held.problems[0]
        key = problem.key.removeprefix(f"profiles.{name}").lstrip(".")
        raise ConfigError(f"{key + ': ' if key else ''}{problem.message}")
    return profiles[name]
