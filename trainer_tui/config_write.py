"""Writing the profiles that the console itself adds: their own file, never ``config.toml``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer_tui.config import Profile, Secret, load
from trainer_tui.config_checks import PROFILE_NAME
from trainer_tui.config_profiles import check_table, tables_of
from trainer_tui.config_secrets import secrets_folder, store_secret
from trainer_tui.errors import ConfigError
from trainer_tui.paths import Paths, write_atomic

_HEADER = "# Written by trainer-tui (profiles add). What config.toml says of a profile wins.\n\n"


def add_profile(
    paths: Paths, profile_fields: Mapping[str, object], *, replace: bool = False
) -> None:
    """Write a profile to the managed file; ``config.toml`` is not touched.

    A token that is no place (``env: file: cmd: keyring:``) is put in a private file of its own
    and the profile points there.

    Args:
        paths: Where the files are.
        profile_fields: ``name`` and the keys of a ``[profiles.NAME]`` table.
        replace: Whether a managed profile of that name may be written over.

    Raises:
        ConfigError: A field is wrong, or the name is taken.
    """
    name, fields = _fields(profile_fields)
    with _locked(paths):
        _refuse_taken(paths, name, replace=replace)
        check_table(paths.managed_profiles, name, fields)
        token = fields.get("token")
        if isinstance(token, str) and Secret(token).kind == "literal":
            fields["token"] = store_secret(paths, name, token)
        profiles = tables_of(paths.managed_profiles)
        profiles[name] = fields
        _write(paths, profiles)


def prove(paths: Paths, profile_fields: Mapping[str, object], *, replace: bool) -> Profile:
    """The profile that :func:`add_profile` would write, for a live check before it is written.

    Raises:
        ConfigError: A field is wrong, or the name is taken.
    """
    name, fields = _fields(profile_fields)
    _refuse_taken(paths, name, replace=replace)
    return check_table(paths.managed_profiles, name, fields)


def _fields(profile_fields: Mapping[str, object]) -> tuple[str, dict[str, Any]]:
    """The name, and what TOML can hold of the rest."""
    fields = {key: _plain(value) for key, value in profile_fields.items() if value is not None}
    name = fields.pop("name", None)
    if not isinstance(name, str) or not PROFILE_NAME.match(name):
        raise ConfigError(
            "a profile needs a name of up to 40 letters, digits, dots, dashes and underscores"
        )
    return name, fields


def remove_managed_profile(paths: Paths, name: str) -> None:
    """Take a profile out of the managed file, with the secret that was stored for it.

    Raises:
        ConfigError: There is none, or it is in ``config.toml``, which only its owner edits.
    """
    with _locked(paths):
        check_removable(paths, name)
        profiles = tables_of(paths.managed_profiles)
        token = profiles.pop(name).get("token")
        _write(paths, profiles)
        if isinstance(token, str) and token.startswith("file:"):
            stored = Path(token.removeprefix("file:"))
            if stored.parent == secrets_folder(paths):
                stored.unlink(missing_ok=True)


def check_removable(paths: Paths, name: str) -> None:
    """Raise what :func:`remove_managed_profile` would, and change nothing."""
    if name in tables_of(paths.managed_profiles):
        return
    if name in load(paths).profiles:
        raise ConfigError(
            f"the profile {name!r} stands in {paths.config_file}, which only you edit",
            hint=f"Delete its [profiles.{name}] table there.",
        )
    load(paths).profile(name)  # raises, with the nearest name
    raise ConfigError(f"the profile {name!r} is always there and cannot be removed")


def _plain(value: object) -> object:
    """What TOML can hold: paths as text, secrets as their place."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Secret):
        return value.spec
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    return value


def _refuse_taken(paths: Paths, name: str, *, replace: bool) -> None:
    if name in tables_of(paths.config_file):
        raise ConfigError(
            f"there is already a profile {name!r} in {paths.config_file}",
            hint="Edit it there, or choose another name.",
        )
    if name in tables_of(paths.managed_profiles) and not replace:
        raise ConfigError(
            f"there is already a profile {name!r}",
            hint=f"Choose another name, or first: trainer-tui profiles remove {name}",
        )


def _write(paths: Paths, profiles: Mapping[str, Mapping[str, Any]]) -> None:
    import tomli_w

    text = _HEADER + tomli_w.dumps({"profiles": dict(profiles)})
    try:
        write_atomic(paths.managed_profiles, text, mode=0o600)
    except OSError as error:
        raise ConfigError(
            f"{paths.managed_profiles} cannot be written: {error.strerror or error}"
        ) from None


@contextlib.contextmanager
def _locked(paths: Paths) -> Iterator[None]:
    """Let one program at a time read, change and write the managed profiles."""
    lock = paths.managed_profiles.with_name(f".{paths.managed_profiles.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{lock.parent} cannot be written: {error.strerror or error}") from None
    try:
        try:
            import fcntl
        except ImportError:  # no advisory locks on this platform
            pass
        else:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
