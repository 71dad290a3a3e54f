"""Frames reach the terminal at once, whole and in order, however slowly it takes them."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("textual.drivers.linux_driver")
from trainer_tui.tui.writing import Writer


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The far and the near end of a terminal."""
    far, near = os.openpty()
    tty.setraw(near)
    yield far, near
    os.close(near)
    os.close(far)


def test_what_the_terminal_takes_is_there_without_the_thread(terminal: tuple[int, int]) -> None:
    """A frame is written by whoever made it; the thread has not even begun."""
    far, near = terminal
    with os.fdopen(near, "w", encoding="utf-8", closefd=False) as file:
        Writer(file).write("frame ▸")
        assert os.read(far, 100).decode() == "frame ▸"


def test_a_slow_line_delays_nobody_and_loses_nothing(terminal: tuple[int, int]) -> None:
    """More than the terminal takes is accepted at once, and comes in order when it is read."""
    far, near = terminal
    frames = [f"{number:06d}▸" * 1000 for number in range(20)]
    with os.fdopen(near, "w", encoding="utf-8", closefd=False) as file:
        writer = Writer(file)
        writer.start()
        for frame in frames:
            writer.write(frame)
        wanted = "".join(frames).encode()
        came = b""
        while len(came) < len(wanted):
            came += os.read(far, 1 << 16)
        writer.stop()
    assert came == wanted


def test_what_is_no_terminal_is_written_by_the_thread(tmp_path: Path) -> None:
    """A file in place of the terminal gets everything by the time the writer has stopped."""
    with (tmp_path / "out").open("w", encoding="utf-8") as file:
        writer = Writer(file)
        writer.start()
        writer.write("one ")
        writer.write("two")
        writer.stop()
    assert (tmp_path / "out").read_text() == "one two"
