"""What the terminal sends need not be text."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from textual import events

linux_driver = pytest.importorskip("textual.drivers.linux_driver")


def test_bytes_that_are_no_text_do_not_end_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Latin-1 letter or binary noise comes as a replacement; the keys after it still come."""
    from trainer_tui.tui.typed_bytes import tolerate

    monkeypatch.setattr(linux_driver, "getincrementaldecoder", linux_driver.getincrementaldecoder)
    tolerate()
    reading, writing = os.pipe()
    seen: list[str] = []

    class Driver(linux_driver.LinuxDriver):  # type: ignore[misc, name-defined]
        """The driver's reading alone, from a pipe."""

        def __init__(self) -> None:
            self.fileno = reading
            self.exit_event = threading.Event()
            self._debug = False

        def process_message(self, message: Any) -> None:
            if isinstance(message, events.Key) and message.character:
                seen.append(message.character)
                if message.character == "z":
                    self.exit_event.set()
                    os.close(writing)

    os.write(writing, b"a\xffb\xfe\xe9z")
    Driver().run_input_thread()
    os.close(reading)
    assert seen == ["a", "\ufffd", "b", "\ufffd", "\ufffd", "z"]
