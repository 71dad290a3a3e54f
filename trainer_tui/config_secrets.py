"""Credentials: where they are, how they are fetched, how one is kept.

Nothing in here puts a credential into a message: errors name the place.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_tui.errors import ConfigError
from trainer_tui.paths import Paths, private_folder, write_atomic

if TYPE_CHECKING:
    from trainer_tui.config import Secret

COMMAND_TIMEOUT = 10.0
"""Seconds that a ``cmd:`` may take: a password manager's lookup, not a person's typing."""
_LARGEST = 64 * 1024  # bytes; more than any credential, far less than a wrong file


class CredentialError(ConfigError):
    """A credential cannot be had from its place; for a script the same as being refused."""

    default_title = "No credential"
    exit_code = 5

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, code="NO_CREDENTIAL")


def place(secret: Secret) -> str:
    """Where the credential is, in words that may be shown."""
    rest = secret.spec.partition(":")[2]
    if secret.kind == "literal":
        return "written in the config (not shown)"
    if secret.kind == "cmd":
        program, blank, _ = rest.strip().partition(" ")
        return f"cmd:{program}{' …' if blank else ''}"  # its arguments may themselves be secret
    return f"{secret.kind}:{rest}"


def resolve(secret: Secret) -> str:
    """The credential. Raises ConfigError naming the place, never the value."""
    rest = secret.spec.partition(":")[2].strip()
    match secret.kind:
        case "env":
            value = _from_env(rest)
        case "file":
            value = _from_file(Path(rest).expanduser())
        case "cmd":
            value = _from_command(rest)
        case "keyring":
            value = _from_keyring(rest)
        case _:
            value = secret.spec
    return _checked(value, place(secret))


def store_secret(paths: Paths, name: str, value: str) -> str:
    """Keep a credential in ``secrets/NAME`` beside the config file, 0600; gives ``file:PATH``."""
    from trainer_tui.sanitize import filename

    value = _checked(value.strip(), "what was entered")
    folder = secrets_folder(paths)
    private_folder(folder)
    target = folder / filename(name)
    write_atomic(target, value + "\n", mode=0o600)
    return f"file:{target}"


def secrets_folder(paths: Paths) -> Path:
    """Where stored credentials are."""
    return paths.config_file.parent.absolute() / "secrets"


def readable_by_others(path: Path) -> bool:
    """Whether a file's group or everybody may read it. ``False`` when it is not there."""
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except OSError:
        return False


def _from_env(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        state = "is empty" if value == "" else "is not set"
        raise CredentialError(
            f"the environment variable {name} {state}",
            hint=f"Set it before starting: export {name}=…",
        )
    return value.strip()


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise CredentialError(
            f"the credential file {path} cannot be read: {error.strerror or 'unknown reason'}",
            hint="Put the credential there, or point the profile's token elsewhere.",
        ) from None
    if len(data) > _LARGEST:
        raise CredentialError(f"{path} is too large to be a credential")
    return data.decode(errors="replace").rstrip("\r\n")


def _from_command(command: str) -> str:
    import shlex
    import subprocess

    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise CredentialError(f"the cmd: of a credential cannot be split: {error}") from None
    if not argv:
        raise CredentialError("cmd: names no command", hint="For example: cmd:pass show runcomfy")
    what = f"the command that gives the credential ({argv[0]})"
    try:
        done = subprocess.run(
            [str(Path(argv[0]).expanduser()), *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may repeat the secret, and the console owns the screen
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CredentialError(
            f"{what} did not end within {COMMAND_TIMEOUT:g} seconds",
            hint="Unlock your password manager first, then try again.",
        ) from None
    except OSError as error:
        raise CredentialError(
            f"{what} cannot be run: {error.strerror or 'unknown reason'}",
        ) from None
    if done.returncode != 0:
        raise CredentialError(
            f"{what} ended with exit code {done.returncode}",
            hint="Run it by hand to see why.",
        )
    return done.stdout.decode(errors="replace").split("\n", 1)[0].rstrip("\r")


def _from_keyring(rest: str) -> str:
    import importlib

    try:
        keyring = importlib.import_module("keyring")
        keyring_error = importlib.import_module("keyring.errors").KeyringError
    except ImportError:
        raise CredentialError(
            "keyring: needs a package that is not installed",
            hint="Install it with: pip install 'trainer-tui[keyring]'",
        ) from None
    service, _, user = rest.partition("/")
    try:
        value: str | None = keyring.get_password(service, user)
    except keyring_error as error:
        raise CredentialError(
            f"the keyring did not answer ({type(error).__name__})",
        ) from None
    if value is None:
        raise CredentialError(
            f"the keyring has no entry {service}/{user}",
            hint=f"Add it with: keyring set {service} {user}",
        )
    return value


def _checked(value: str, where: str) -> str:
    """A credential goes into an HTTP header: printable ASCII, on one line, not empty."""
    if not value:
        raise CredentialError(f"the credential is empty ({where})")
    if not (value.isascii() and value.isprintable()):
        raise CredentialError(
            f"the credential holds line breaks or characters that cannot be sent ({where})",
            hint="It must be one line of printable ASCII.",
        )
    return value
