"""What every command gets: where things are, what the terminal can do, and how to speak.

A command module has two functions::

    def add_arguments(parser: argparse.ArgumentParser) -> None
    def run(args: argparse.Namespace, context: CliContext) -> int

``run`` gives the exit code. Data goes to standard output (:meth:`CliContext.out`,
:meth:`CliContext.print_json`), words to standard error (:meth:`CliContext.say`). A
:class:`~trainer_tui.errors.TrainerError` may simply be raised: the entry point shows it and turns
it into its exit code. ``--json``, ``--yes``, ``--profile``, ``--read-only`` and ``--config`` are
known to every command without being declared; they arrive as fields of the context.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TextIO

from trainer_tui.errors import TrainerError, UsageError

if TYPE_CHECKING:
    from trainer_tui.config import Config
    from trainer_tui.core.store import Store
    from trainer_tui.paths import Paths

DONE = 0
FAILED = 1
INTERRUPTED = 7
"""A job that was waited for ended before its last step and can be resumed."""


@contextlib.contextmanager
def _ctrl_c_ends() -> Iterator[None]:
    """While a person is asked, ctrl-C raises at once.

    asyncio only notes it, for the task that would be canceled is the one that waits here.
    """
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class CliContext:
    """One run of the program."""

    def __init__(
        self,
        paths: Paths,
        *,
        json: bool = False,
        yes: bool = False,
        read_only: bool = False,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.paths = paths
        self.json = json
        """``--json``: data is JSON on standard output, an error one JSON line on the other."""
        self.yes = yes
        """``--yes``: every question is answered."""
        self.profile = profile
        """``--profile``, or ``None``."""
        self.env = os.environ if env is None else env
        self.stdin = sys.stdin if stdin is None else stdin
        self.stdout = sys.stdout if stdout is None else stdout
        self.stderr = sys.stderr if stderr is None else stderr
        self._read_only = read_only
        self._config: Config | None = None
        self._store: Store | None = None

    # -- what is there -------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """The config, read when first asked for. Raises ConfigError."""
        if self._config is None:
            from trainer_tui.config import load

            self._config = load(self.paths)
            for warning in self._config.warnings:
                self.warn(warning)
        return self._config

    @property
    def read_only(self) -> bool:
        """Whether no act that changes anything is allowed (the flag, or the config)."""
        return self._read_only or self.config.read_only

    @property
    def read_only_flag(self) -> bool:
        """Whether ``--read-only`` was given, without reading the config."""
        return self._read_only

    @property
    def store(self) -> Store:
        """The store, opened when first asked for."""
        if self._store is None:
            from trainer_tui.core.store import Store

            self._store = Store(self.paths.store)
            for warning in self._store.warnings:
                self.warn(warning)
        return self._store

    def close(self) -> None:
        """Close what was opened."""
        if self._store is not None:
            self._store.close()
            self._store = None

    # -- the terminal --------------------------------------------------------------------------

    @property
    def stdout_tty(self) -> bool:
        """Whether data goes to a person's screen."""
        return self.stdout.isatty()

    @property
    def stderr_tty(self) -> bool:
        """Whether words go to a person's screen: bars and live lines are drawn only then."""
        return self.stderr.isatty() and self.env.get("TERM") != "dumb"

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to answer a question."""
        return self.stdin.isatty() and self.stderr.isatty()

    @property
    def color(self) -> bool:
        """Whether data may be coloured: a terminal, and neither NO_COLOR nor TERM=dumb."""
        return self.stdout_tty and not self.env.get("NO_COLOR") and self.env.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        """Columns of the terminal that data goes to; 80 where there is none."""
        import shutil

        return shutil.get_terminal_size((80, 24)).columns if self.stdout_tty else 80

    # -- speaking ------------------------------------------------------------------------------

    def out(self, text: str = "", *, end: str = "\n") -> None:
        """Write data; made safe when a terminal reads it."""
        self.stdout.write(self._safe(text, self.stdout_tty) + end)

    def say(self, text: str) -> None:
        """Tell the person something, on standard error."""
        self.stderr.write(self._safe(text, self.stderr.isatty()) + "\n")
        self.stderr.flush()

    def warn(self, text: str) -> None:
        """Tell what went wrong without being the end: with ``--json`` one JSON line."""
        if self.json:
            from trainer_tui.cli.jsontext import dumps

            text = dumps({"warning": text})
        else:
            text = f"warning: {text}"
        self.say(text)

    def print_json(self, value: object) -> None:
        """One JSON value on standard output: indented for a person, one line for a program."""
        from trainer_tui.cli.jsontext import dumps

        self.stdout.write(dumps(value, indent=2 if self.stdout_tty else None) + "\n")

    def print_json_pieces(self, pieces: Iterable[list[object]]) -> None:
        """An array, as :meth:`print_json` prints it, of which no more than a piece is held."""
        from trainer_tui.cli.jsontext import dumps

        indent = 2 if self.stdout_tty else None
        between = "["
        for piece in pieces:
            if piece:
                self.stdout.write(between + dumps(piece, indent=indent)[1:-1].rstrip("\n"))
                between = "," if indent else ", "
        self.stdout.write("[]\n" if between == "[" else "\n]\n" if indent else "]\n")

    def print_json_line(self, value: object) -> None:
        """One JSON value on one line, at once: an element of a stream."""
        from trainer_tui.cli.jsontext import dumps

        self.stdout.write(dumps(value) + "\n")
        self.stdout.flush()

    def print_error(self, error: TrainerError) -> None:
        """Say what went wrong and what to do, on standard error; with ``--json``, as JSON."""
        if self.json:
            from trainer_tui.cli.jsontext import dumps, error_value

            self.stderr.write(dumps({"error": error_value(error)}) + "\n")
        else:
            from trainer_tui import sanitize

            lines = [f"trainer-tui: {error.message}"]
            if error.hint:
                lines.append(f"  {error.hint}")
            self.stderr.write("\n".join(sanitize.text(line) for line in lines) + "\n")
        self.stderr.flush()

    def confirm(self, question: str, *, consequence: str | None = None, what: str = "") -> bool:
        """Ask before something is changed; *no* is the answer of an empty line.

        Args:
            question: Without the question mark's ``[y/N]``.
            consequence: What the act does here, shown first.
            what: A few words for the refusal: ``cancel comfy/abc``.

        Raises:
            UsageError: Nobody can answer (no terminal) and ``--yes`` was not given.
        """
        if self.yes:
            return True
        if not self.can_ask:
            raise UsageError(
                f"{what or question}: this changes something and nobody can be asked here",
                hint="Add --yes to answer the question beforehand.",
                code="CONFIRMATION_NEEDED",
            )
        if consequence:
            self.say(consequence)
        self.stderr.write(self._safe(question, True) + " [y/N] ")
        self.stderr.flush()
        with _ctrl_c_ends():
            return self.stdin.readline().strip().lower() in {"y", "yes"}

    def _safe(self, text: str, terminal: bool) -> str:
        if not terminal:
            return text
        from trainer_tui import sanitize

        if not self.color:
            return sanitize.text(text, limit=1 << 62)
        import re

        parts = re.split(r"(\x1b\[[0-9;]{0,12}m)", text)  # colours are kept, all else is cleaned
        parts[::2] = [sanitize.text(part, limit=1 << 62) for part in parts[::2]]
        return "".join(parts)
