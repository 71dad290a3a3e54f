"""The person's own editor on a text: a private file, the terminal lent, the result taken back."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_tui.errors import TrainerError
from trainer_tui.sanitize import filename

if TYPE_CHECKING:
    from textual.app import App

_FALLBACKS = ("nano", "vim", "vi")


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


def edit(app: App[object], text: str, *, name: str, env: Mapping[str, str]) -> str:
    """Let the person edit a text outside; gives the text as it was saved.

    The file is readable by its owner alone (0600, in a folder of its own) and removed afterwards,
    but for when its result could not be read: then the error names it.

    Raises:
        TrainerError: The editor cannot be started, failed, or left no readable text.
        SuspendNotSupported: The terminal cannot be lent (from Textual).
    """
    command = editor_command(env)
    folder = Path(tempfile.mkdtemp(prefix="trainer-tui-"))  # 0700
    file = folder / (filename(name, fallback="config") + ".yaml")
    keep = False
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as target:
            target.write(text.encode())
        with app.suspend():
            try:
                code = subprocess.run([*command, str(file)], check=False).returncode
            except OSError as error:
                raise TrainerError(
                    f"{command[0]} cannot be started: {error.strerror}",
                    hint="Set $EDITOR to an editor that is installed.",
                ) from error
        if code:
            raise TrainerError(f"{command[0]} ended with code {code}; the text is as it was")
        try:
            return file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            keep = True
            raise TrainerError(
                f"what {command[0]} left cannot be read as UTF-8 text", hint=f"It is in {file}."
            ) from error
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
