"""Credentials: fetched from their place, and never shown."""

from __future__ import annotations

import sys
import traceback
import types
from pathlib import Path

import pytest

from trainer_tui import config_secrets
from trainer_tui.config import Profile, Secret
from trainer_tui.config_secrets import store_secret
from trainer_tui.errors import ConfigError
from trainer_tui.paths import Paths

VALUE = "rc-do-not-show-5157"


def test_the_value_is_in_no_text_of_a_secret() -> None:
    """Neither repr nor str nor format of a secret or its profile hold a literal."""
    secret = Secret(VALUE)
    profile = Profile("c", "runcomfy", token=secret)
    shown = f"{secret} {secret!r} {profile} {profile!r} {secret.place} {vars(Profile)}"
    assert VALUE not in shown
    assert secret.resolve() == VALUE
    assert secret == Secret(VALUE) != Secret("other")


@pytest.mark.parametrize(
    ("spec", "kind", "place"),
    [
        ("env:TOKEN", "env", "env:TOKEN"),
        ("file:/x/y", "file", "file:/x/y"),
        ("cmd:pass show rc", "cmd", "cmd:pass …"),
        ("cmd:tool", "cmd", "cmd:tool"),
        ("keyring:svc/me", "keyring", "keyring:svc/me"),
        ("abc:def", "literal", "written in the config (not shown)"),
    ],
)
def test_kinds_and_places(spec: str, kind: str, place: str) -> None:
    """The prefix tells the kind; the place may be shown, a command without its arguments."""
    assert (Secret(spec).kind, Secret(spec).place) == (kind, place)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``env:`` gives the variable; unset and empty are told apart."""
    monkeypatch.setenv("E_TOKEN", f"{VALUE}\n")
    assert Secret("env:E_TOKEN").resolve() == VALUE
    monkeypatch.setenv("E_TOKEN", "")
    with pytest.raises(ConfigError, match="E_TOKEN is empty"):
        Secret("env:E_TOKEN").resolve()
    monkeypatch.delenv("E_TOKEN")
    with pytest.raises(ConfigError, match="E_TOKEN is not set"):
        Secret("env:E_TOKEN").resolve()


def test_from_a_file(tmp_path: Path) -> None:
    """``file:`` gives the content without its last line break; a missing file is named."""
    file = tmp_path / "token"
    file.write_text(f"{VALUE}\r\n")
    assert Secret(f"file:{file}").resolve() == VALUE
    file.unlink()
    with pytest.raises(ConfigError, match=r"token cannot be read: No such file"):
        Secret(f"file:{file}").resolve()


@pytest.mark.parametrize("content", ["", "\n", f"{VALUE}\nmore\n", f"{VALUE}\x1b[31m", "k€y"])
def test_what_cannot_be_a_header_is_refused_unseen(tmp_path: Path, content: str) -> None:
    """Empty, many lines, control characters, not ASCII: refused, the value not in the message."""
    file = tmp_path / "token"
    file.write_text(content, newline="")
    with pytest.raises(ConfigError) as caught:
        Secret(f"file:{file}").resolve()
    assert VALUE not in caught.value.message + str(caught.value.hint)


def test_from_a_command_without_a_shell() -> None:
    """``cmd:`` gives the first line; shell syntax means nothing."""
    script = "import sys; print(sys.argv[1]); print('second')"
    command = f'{sys.executable} -c "{script}" "{VALUE};$(id)"'
    assert Secret(f"cmd:{command}").resolve() == f"{VALUE};$(id)"


def test_a_failing_command_tells_its_code_and_nothing_it_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The exit code and the program are told; its output, which may hold the secret, is not."""
    script = f"import sys; print('{VALUE}'); print('{VALUE}', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ConfigError, match="exit code 3") as caught:
        Secret(f'cmd:{sys.executable} -c "{script}"').resolve()
    told = "".join(traceback.format_exception(caught.value))
    assert "python" in caught.value.message
    assert VALUE not in caught.value.message + str(caught.value.hint)
    assert VALUE not in told.replace(script, "")
    assert capfd.readouterr() == ("", "")


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not answer in time is told, not waited for."""
    monkeypatch.setattr(config_secrets, "COMMAND_TIMEOUT", 0.1)
    script = "import threading; threading.Event().wait()"
    with pytest.raises(ConfigError, match=r"did not end within 0\.1 seconds"):
        Secret(f'cmd:{sys.executable} -c "{script}"').resolve()


@pytest.mark.parametrize("spec", ["cmd:/no/such/program", "cmd:''", "cmd:'"])
def test_a_command_that_cannot_run_is_told(spec: str) -> None:
    """A missing program, an empty one and unbalanced quotes are errors of the config."""
    with pytest.raises(ConfigError):
        Secret(spec).resolve()


def test_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """``keyring:`` asks for SERVICE and USER; a missing entry says how to add it."""
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
    ring = types.ModuleType("keyring")
    held = {("svc", "me"): VALUE}
    ring.get_password = lambda service, user: held.get((service, user))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    assert Secret("keyring:svc/me").resolve() == VALUE
    with pytest.raises(ConfigError, match="no entry svc/you") as caught:
        Secret("keyring:svc/you").resolve()
    assert caught.value.hint == "Add it with: keyring set svc you"


def test_a_missing_keyring_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the message names it."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError) as caught:
        Secret("keyring:svc/me").resolve()
    assert "trainer-tui[keyring]" in str(caught.value.hint)


def test_storing_keeps_the_name_inside_its_folder(tmp_path: Path) -> None:
    """A stored secret is a private file; a name cannot lead out of the folder."""
    paths = Paths.under(tmp_path)
    spec = store_secret(paths, "../../etc/x", f" {VALUE}\n")
    assert spec == f"file:{tmp_path / 'secrets' / 'x'}"
    assert Secret(spec).resolve() == VALUE
    with pytest.raises(ConfigError):
        store_secret(paths, "y", "two\nlines")
