"""The person's own editor on a text: a private file, the terminal lent, the result taken back."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_tui.errors import TrainerError
from trainer_tui.sanitize import filename
from trainer_tui.tui.ondisk import OnDisk

if TYPE_CHECKING:
    from textual.app import App

_FALLBACKS = ("nano", "vim", "vi")
_FOLDER = "trainer-tui-edit-"
AT_ONCE = 2.0
"""Seconds: an editor that nobody can have used in so short a time may be open elsewhere."""


def editor_command(env: Mapping[str, str]) -> list[str]:
    """The editor to start: ``$VISUAL``, ``$EDITOR``, or one that is there.

    Raises:
        TrainerError: None is named and none of the usual ones is installed.
    """
    for name in ("VISUAL", "EDITOR"):
        named = env.get(name, "").strip()
        if named:
            try:
                return shlex.split(named)
            except ValueError as error:
                raise TrainerError(f"${name} cannot be read: {error}") from error
    for name in _FALLBACKS:
        if found := shutil.which(name, path=env.get("PATH")):
            return [found]
    raise TrainerError(
        "no editor is named and none was found", hint="Set $EDITOR, or edit the text here."
    )


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back."""

    text: str
    left: OnDisk | None = None
    """The file, where the editor returned at once and may be open still."""


def edit(app: App[object], text: str, *, name: str, env: Mapping[str, str]) -> Returned:
    """Let the person edit a text outside; gives the text as it was saved.

    The file is readable by its owner alone (0600, in a folder of its own) and removed afterwards,
    but for two cases: its result could not be read (then the error names it), or the editor came
    back at once with nothing changed, as one does that opens a window of its own.

    Raises:
        TrainerError: The editor cannot be started, failed, or left no readable text.
        SuspendNotSupported: The terminal cannot be lent (from Textual).
    """
    command = editor_command(env)
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER))  # 0700
    file = folder / (filename(name, fallback="config") + ".yaml")
    keep = False
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as target:
            target.write(text.encode())
        with app.suspend():
            began = time.monotonic()
            try:
                code = subprocess.run([*command, str(file)], check=False).returncode
            except OSError as error:
                raise TrainerError(
                    f"{command[0]} cannot be started: {error.strerror}",
                    hint="Set $EDITOR to an editor that is installed.",
                ) from error
            took = time.monotonic() - began
        left = OnDisk(file, text)
        if code:
            said = f"{command[0]} ended with code {code}; the text is as it was"
            keep = left.changed() is not None
            raise TrainerError(said, hint=f"What it saved is in {file}." if keep else None)
        try:
            back = file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            keep = True
            raise TrainerError(
                f"what {command[0]} left cannot be read as UTF-8 text", hint=f"It is in {file}."
            ) from error
        keep = back == text and took < AT_ONCE
        return Returned(back, left if keep else None)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def is_ours(file: OnDisk) -> bool:
    """Whether a file was made here, to be edited."""
    return file.path.parent.name.startswith(_FOLDER)


def forget(left: OnDisk) -> None:
    """Remove the file that was left for an editor."""
    shutil.rmtree(left.path.parent, ignore_errors=True)
