"""A config edited in the person's own editor from the command line, kept until it is sent."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from trainer_tui.cli.context import CliContext
from trainer_tui.cli.service import Service
from trainer_tui.core.drafts import Keeper, ago, unsent_edit
from trainer_tui.errors import UsageError
from trainer_tui.model import Job


class ByHand:
    """One edit of a job's config: what was written is a draft, as in the console.

    Raises:
        UsageError: There is no terminal that an editor could be given.
    """

    def __init__(self, context: CliContext, service: Service, job: Job, base: str) -> None:
        if not (context.can_ask and context.stdout_tty):
            raise UsageError("no file was named, and without a terminal no editor can be opened")
        self._context, self._job, self._base = context, job, base
        self._keeper = Keeper(
            context.store, service.now, profile=job.ref.profile, kind="edit", ref=job.ref,
            base_text=base,
        )  # fmt: skip
        self._now = service.now

    def first(self) -> str:
        """What the editor begins with: the config, or an edit of it that was not sent."""
        draft = unsent_edit(self._context.store, self._job.ref)
        if draft is None:
            return self._base
        when = ago(draft.updated_at, self._now())
        if draft.base_text != self._base:
            self._context.say(
                f"There is an unsent edit, {when}, of what the config was before;"
                " the console compares and merges it."
            )
            return self._base
        if not self._context.confirm(f"There is an unsent edit of it, {when}. Go on with it?"):
            return self._base
        self._keeper = Keeper(
            self._context.store, self._now, profile=draft.profile, kind="edit", ref=draft.ref,
            base_text=self._base, draft=draft,
        )  # fmt: skip
        return draft.text

    def write(self, text: str) -> str:
        """The text after the editor has closed, on the disk before anything else happens."""
        edited = _edited(self._context, text)
        self._keeper.change(edited)
        self._keeper.flush()
        return edited

    def sent(self) -> None:
        """The service has it: it is no draft any more."""
        self._keeper.sent()

    def say_kept(self) -> None:
        """Nothing was sent, and nothing is lost."""
        self._context.say(
            f"your text is kept as a draft: trainer-tui edit {self._job.ref} goes on with it,"
            " and so does the console"
        )


def _edited(context: CliContext, text: str) -> str:
    command = context.env.get("VISUAL") or context.env.get("EDITOR") or "vi"
    handle, name = tempfile.mkstemp(prefix="trainer-tui-", suffix=".yaml")
    file = Path(name)
    with os.fdopen(handle, "wb") as target:
        target.write(text.encode())
    keep = False
    try:
        code = subprocess.run([*shlex.split(command), name], check=False).returncode
        if code != 0:
            raise UsageError(f"the editor ended with exit code {code}: nothing was sent")
        return file.read_bytes().decode()
    except UnicodeDecodeError:
        keep = True
        raise UsageError(
            "the edited config is not UTF-8 text: nothing was sent", hint=f"It is kept in {file}"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the editor {command!r} cannot be run: {error}", hint="Set $EDITOR to yours."
        ) from None
    finally:
        if not keep:
            file.unlink(missing_ok=True)
