"""Reading the config files: TOML to :class:`~trainer_tui.config.Config`, each mistake with its
file, line and column, what was expected, and the nearest name that exists.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trainer_tui import config_checks as checks
from trainer_tui.config import (
    COLUMNS,
    LOCAL,
    Config,
    ConfigFileError,
    Problem,
    Profile,
    Secret,
    did_you_mean,
)
from trainer_tui.config_positions import KeyPath, Place, nearest_place, positions
from trainer_tui.config_secrets import readable_by_others
from trainer_tui.errors import ConfigError
from trainer_tui.paths import Paths

_LARGEST = 4 << 20  # bytes; a config is written by hand


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


def provider_names() -> tuple[str, ...]:
    """The providers there are, found by their file names without importing one."""
    folder = Path(__file__).parent / "providers"
    return tuple(
        sorted(
            file.stem
            for file in folder.glob("*.py")
            if file.stem not in {"base", "http", "table"} and not file.stem.startswith("_")
        )
    )


def read(
    paths: Paths, *, commands: Collection[str] = (), themes: Collection[str] = ()
) -> tuple[Config, tuple[Problem, ...]]:
    """Both files. Where there are problems, the config holds what could be used.

    Args:
        commands: The ids that ``[keys]`` may name, which the console alone knows; empty: not
            looked at.
        themes: The themes that there are, likewise.
    """
    managed = _Reader(paths.managed_profiles)
    managed.profiles_only()
    own = _Reader(paths.config_file)
    config = own.all()
    own.check_names(config, commands, themes)
    profiles = {**config.profiles}
    for name, profile in managed.profiles.items():
        profiles.setdefault(name, profile)
    config = replace(
        config,
        profiles=MappingProxyType(profiles),
        warnings=tuple(own.warnings + managed.warnings),
        files=tuple(reader.file for reader in (own, managed) if reader.present),
    )
    return config, tuple(own.problems + managed.problems)


def tables_of(file: Path) -> dict[str, dict[str, Any]]:
    """The ``[profiles.NAME]`` tables of one file as they stand there. Raises ConfigFileError."""
    reader = _Reader(file)
    if reader.problems:
        raise ConfigFileError(tuple(reader.problems))
    tables = reader.data.get("profiles")
    found = tables.items() if isinstance(tables, dict) else ()
    return {name: table for name, table in found if isinstance(table, dict)}


def check_table(file: Path, name: str, table: Mapping[str, object]) -> Profile:
    """The profile of a table that is not written yet, under the rules of those that are.

    Raises:
        ConfigError: A field is wrong; the message begins with its name.
    """
    reader = _Reader(file, {"profiles": {name: dict(table)}})
    reader.profiles_only()
    if reader.problems:
        problem = reader.problems[0]
        key = problem.key.removeprefix(f"profiles.{name}").lstrip(".")
        raise ConfigError(f"{key + ': ' if key else ''}{problem.message}")
    return reader.profiles[name]


class _Reader:
    """One file: its data, the places of its keys, and what was found wrong."""

    def __init__(self, file: Path, data: dict[str, Any] | None = None) -> None:
        self.file = file
        self.base = file.parent.absolute()
        self.present = False
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.profiles: dict[str, Profile] = {}
        self.text = ""
        self._places: dict[KeyPath, Place] | None = None
        self.data: dict[str, Any] = self._parse() if data is None else data

    # -- the file ------------------------------------------------------------------------------

    def _parse(self) -> dict[str, Any]:
        try:
            with self.file.open("rb") as handle:
                raw = handle.read(_LARGEST + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._file_problem(f"cannot be read: {error.strerror or type(error).__name__}")
            return {}
        self.present = True
        if len(raw) > _LARGEST:
            self._file_problem("is too large to be a config")
            return {}
        try:
            self.text = raw.decode("utf-8-sig").replace("\r\n", "\n")
            return tomllib.loads(self.text)
        except UnicodeDecodeError as error:
            self._file_problem("is not UTF-8 text", raw.count(b"\n", 0, error.start) + 1, None)
        except tomllib.TOMLDecodeError as error:
            self._syntax_problem(str(error))
        except RecursionError:
            self._file_problem("is nested too deep")
        return {}

    def _syntax_problem(self, message: str) -> None:
        found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
        if found is None:
            self._file_problem(message)
            return
        what = message[: found.start()]
        if found[1]:
            line, column = int(found[1]), int(found[2])
        else:
            line = self.text.rstrip("\n").count("\n") + 1
            column = len(self.text.rstrip("\n").rpartition("\n")[2]) + 1
        self._file_problem(f"not valid TOML: {what[:1].lower()}{what[1:]}", line, column)

    def _file_problem(
        self, message: str, line: int | None = None, column: int | None = None
    ) -> None:
        if column is not None:
            message = f"{message} (column {column})"
        self.problems.append(Problem(self.file, message, line, column))

    def problem(self, path: KeyPath, message: str) -> None:
        line, column = self.place(path) or (None, None)
        self.problems.append(Problem(self.file, message, line, column, ".".join(path)))

    def place(self, path: KeyPath) -> Place | None:
        if self._places is None:
            self._places = positions(self.text)
        return nearest_place(self._places, path)

    def warn(self, path: KeyPath, message: str) -> None:
        line, _ = self.place(path) or (None, None)
        self.warnings.append(str(Problem(self.file, message, line, None, ".".join(path))))

    # -- its parts -----------------------------------------------------------------------------

    def all(self) -> Config:
        """The whole of ``config.toml``."""
        known = sections(self.base)
        tables = {"profiles", "keys", "pricing", *known}
        for name in self.data:
            if name not in tables and name != "read_only":
                kind = "table" if isinstance(self.data[name], dict) else "key"
                near = did_you_mean(name, [*tables, "read_only"])
                self.problem((name,), f"unknown {kind}{near or '; known are ' + _listed(tables)}")
        self._profiles()
        empty = Config()
        read_only = self._values((), {"read_only": checks.boolean}, self.data, strict=False)
        return replace(
            empty,
            profiles=self.profiles,
            ui=replace(empty.ui, **self._section("ui", known)),
            notify=replace(empty.notify, **self._section("notify", known)),
            poll=replace(empty.poll, **self._section("poll", known)),
            local=replace(empty.local, **self._section("local", known)),
            downloads=replace(empty.downloads, **self._section("downloads", known)),
            health=replace(empty.health, **self._section("health", known)),
            metrics=replace(empty.metrics, **self._section("metrics", known)),
            schema_extra_keys=tuple(
                key
                for name in ("schema", "check")
                for key in self._section(name, known).get("extra_keys", ())
            ),
            keys=MappingProxyType(self._keys()),
            pricing=MappingProxyType(self._free("pricing", checks.number(0, 1e6))),
            read_only=bool(read_only.get("read_only", False)),
        )

    def profiles_only(self) -> None:
        """The file of managed profiles: nothing else belongs in it."""
        for name in self.data:
            if name != "profiles":
                self.problem((name,), "only [profiles.NAME] tables belong in this file")
        self._profiles()

    def _section(
        self, name: str, known: Mapping[str, Mapping[str, checks.Check]]
    ) -> dict[str, Any]:
        return self._values((name,), known[name], self._table((name,), self.data.get(name)))

    def _free(self, name: str, check: checks.Check) -> dict[str, Any]:
        """A table whose keys are the user's own."""
        values: dict[str, Any] = {}
        for key, value in self._table((name,), self.data.get(name)).items():
            try:
                values[key] = check(value)
            except ValueError as error:
                self.problem((name, key), str(error))
        return values

    def _keys(self) -> dict[str, str]:
        """``[keys]``; ids hold a dot, so ``job.stop = "s"`` arrives as a table in a table."""
        values: dict[str, str] = {}
        for key, value in self._table(("keys",), self.data.get("keys")).items():
            nested = value if isinstance(value, dict) else {"": value}
            for rest, keys in nested.items():
                try:
                    values[f"{key}.{rest}" if rest else key] = checks.keys(keys)
                except ValueError as error:
                    path = ("keys", key, rest) if rest else ("keys", key)
                    self.problem(path, str(error))
        return values

    def check_names(
        self, config: Config, commands: Collection[str], themes: Collection[str]
    ) -> None:
        """Names of what there is not, where it is said what there is."""
        for name in config.keys:
            if commands and name not in commands:
                flat = name in self.data.get("keys", {})
                path = ("keys", name) if flat else ("keys", *name.split(".", 1))
                near = did_you_mean(name, commands)
                self.problem(path, f"no command has this id{near or '; see docs/keys.md'}")
        if themes and config.ui.theme not in themes:
            near = did_you_mean(config.ui.theme, themes) or f"; there are {_listed(themes)}"
            self.problem(("ui", "theme"), f"there is no theme {config.ui.theme!r}{near}")

    def _table(self, path: KeyPath, value: object) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.problem(path, f"expected a table: [{'.'.join(path)}]")
            return {}
        return value

    def _values(
        self,
        prefix: KeyPath,
        known: Mapping[str, checks.Check],
        table: Mapping[str, object],
        *,
        strict: bool = True,
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key in known:
                try:
                    values[key] = known[key](value)
                except ValueError as error:
                    self.problem((*prefix, key), str(error))
            elif strict:
                self.problem((*prefix, key), checks.unknown(key, known))
        return values

    # -- profiles ------------------------------------------------------------------------------

    def _profiles(self) -> None:
        for name, value in self._table(("profiles",), self.data.get("profiles")).items():
            path = ("profiles", name)
            if not checks.PROFILE_NAME.match(name):
                self.problem(
                    path,
                    "expected a name of up to 40 letters, digits, dots, dashes and underscores",
                )
                continue
            before = len(self.problems)
            profile = self._profile(path, dict(self._table(path, value)))
            if profile is not None and len(self.problems) == before:
                self.profiles[name] = profile

    def _profile(self, path: KeyPath, table: dict[str, Any]) -> Profile | None:
        name = path[-1]
        known = profile_keys(self.base)
        options = self._table((*path, "options"), table.pop("options", None))
        for key in table:
            if key not in known:
                self.problem((*path, key), checks.unknown(key, {*known, "options"}))
        values = self._values(path, known, table, strict=False)
        if "provider" not in table:
            if name not in provider_names():
                self.problem(
                    path, f"provider is missing; expected one of {_listed(provider_names())}"
                )
                return None
            values["provider"] = name  # a profile named after its provider needs no more
        if "provider" not in values:
            return None
        if options:
            values["extra"] = MappingProxyType(options)
        profile = Profile(name, **values)
        self._rules(path, profile)
        return profile

    def _rules(self, path: KeyPath, profile: Profile) -> None:
        """What must hold between the keys of a profile."""
        if profile.name == LOCAL and profile.provider != LOCAL:
            self.problem(
                (*path, "provider"), "the name 'local' belongs to the local server; choose another"
            )
        if profile.socket is not None and profile.provider != LOCAL:
            self.problem((*path, "socket"), "only a profile of the provider local has a socket")
        if profile.socket is not None and profile.base_url is not None:
            self.problem((*path, "socket"), "socket and base_url exclude each other")
        if profile.base_url and not profile.insecure and checks.is_plain_remote(profile.base_url):
            self.problem(
                (*path, "base_url"),
                "plain http would send the credential readable to all on the way; "
                "expected https (or add insecure = true)",
            )
        if profile.token is not None:
            self._token_warnings((*path, "token"), profile.token)

    def _token_warnings(self, path: KeyPath, token: Secret) -> None:
        if token.kind == "literal":
            prefix = token.spec.partition(":")[0] if ":" in token.spec else ""
            near = did_you_mean(prefix, ("env", "file", "cmd", "keyring")) if prefix else ""
            open_file = " and others can read this file" if readable_by_others(self.file) else ""
            self.warn(
                path,
                f"the credential itself stands here{open_file}{near}; "
                "better env:NAME, file:PATH, cmd:COMMAND or keyring:SERVICE/USER",
            )
        elif token.kind == "file":
            file = Path(token.spec.partition(":")[2])
            if readable_by_others(file):
                self.warn(path, f"others can read {file}; run: chmod 600 {file}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
