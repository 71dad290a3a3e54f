"""``trainer-tui view`` where there is nothing to view with, or nothing to view."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from trainer_tui.cli.context import CliContext
from trainer_tui.cli.view import show
from trainer_tui.errors import NotFoundError, UsageError
from trainer_tui.paths import Paths


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliContext]:
    """Its streams are a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        yield CliContext(Paths.under(tmp_path), stdin=terminal, stdout=terminal)
    os.close(master)


def test_without_a_terminal_it_is_refused(cli: Cli, tmp_path: Path) -> None:
    """Nothing is drawn into a pipe (exit code 2); with options, too."""
    path = tmp_path / "a.log"
    path.write_text("x\n")
    for options in ([], ["--at", "50%"]):
        ran = cli("view", str(path), *options)
        assert (ran.code, ran.out) == (2, "")
        assert "needs a terminal" in ran.err


def test_a_file_that_is_not_there_is_named(context: CliContext, tmp_path: Path) -> None:
    """It is said which, before anything is drawn; a folder is no file either."""
    with pytest.raises(NotFoundError, match=r"nowhere\.log: No such file"):
        show(context, [str(tmp_path / "nowhere.log")])
    with pytest.raises(NotFoundError, match="Is a directory"):
        show(context, [str(tmp_path)])


def test_what_cannot_be_asked_is_told(context: CliContext) -> None:
    """An expression that is none, and standard input twice."""
    with pytest.raises(UsageError, match="--grep: "):
        show(context, ["a.log"], pattern="(")
    with pytest.raises(UsageError, match="once only"):
        show(context, ["-", "-"])


def test_files_are_completed(cli: Cli) -> None:
    """After ``view`` the shell offers files, and its options."""
    assert cli("__complete", "view", "").out.split() == ["__files__"]
    assert {"--at", "--grep", "--merge"} <= set(cli("__complete", "view", "--").out.split())
