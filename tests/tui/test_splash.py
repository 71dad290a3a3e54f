"""The kept first frame: painted only on the terminal it was made for."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from trainer_tui.tui import splash


def test_a_frame_is_painted_at_its_size_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same size gets the frame, another size and a damaged file get nothing."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((90, 30)))
        assert not splash.show(tmp_path)
        splash.keep(tmp_path, 90, 30, "the jobs")
        assert splash.show(tmp_path)
        painted = os.read(master, 1000)
        assert painted.startswith(b"\x1b[?1049h") and painted.endswith(b"the jobs")
        monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((91, 30)))
        assert not splash.show(tmp_path)
        (tmp_path / "first-frame").write_bytes(b"nonsense")
        assert not splash.show(tmp_path)
    os.close(master)
