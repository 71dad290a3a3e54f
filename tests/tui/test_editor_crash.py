"""A real console in a terminal, killed while somebody types: what it leaves behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer_tui.core.store import Store
from trainer_tui.paths import Paths

_ESCAPES = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;:?<=>!$ ]*[@-~]|\x1b[P()][^\x1b]|\x1b."
)
_PATIENCE = 60.0
# Nobody answers there, and nothing is sent: what is typed is kept on this machine.
PROFILE = """[profiles.comfy]
provider = "runcomfy"
base_url = "http://127.0.0.1:9"
token = "none"
"""


class Terminal:
    """One console in one pseudo-terminal."""

    def __init__(self, home: Path) -> None:
        self.said = b""
        env = {**os.environ, "TRAINER_TUI_HOME": str(home), "TERM": "xterm-256color",
               "LC_ALL": "C.UTF-8", "COLUMNS": "100", "LINES": "30"}  # fmt: skip
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            os.execvpe(sys.executable, [sys.executable, "-m", "trainer_tui"], env)
        os.set_blocking(self._fd, False)

    def read(self, seconds: float = 0.02) -> None:
        """Take what is there."""
        if select.select([self._fd], [], [], seconds)[0]:
            with contextlib.suppress(OSError):
                self.said += os.read(self._fd, 65536)

    @property
    def text(self) -> str:
        """What was painted so far, without colours."""
        return _ESCAPES.sub(b"", self.said).decode(errors="replace")

    def until(self, true: Callable[[], object], what: str) -> None:
        """Go on reading until something is so."""
        deadline = time.monotonic() + _PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"{what} did not come:\n{self.text[-3000:]}"
            self.read()

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._fd, keys)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it at once."""
        os.kill(self.pid, how)
        deadline = time.monotonic() + _PATIENCE
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            assert time.monotonic() < deadline
            self.read()
        os.close(self._fd)


def drafts(home: Path) -> list[str]:
    """Texts in the store, newest first, as another program reads them."""
    store = Store(Paths.under(home).store)
    try:
        return [draft.text for draft in store.drafts()]
    finally:
        store.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP], ids=["killed", "hung up"])
def test_what_was_typed_outlives_the_console(tmp_path: Path, how: signal.Signals) -> None:
    """Killed in the middle of typing, at most the last moments are lost; the console says so when
    it is started again, and one types on where one was."""
    home = tmp_path / "h"
    home.mkdir()
    (home / "config.toml").write_text(PROFILE)
    first = Terminal(home)
    first.until(lambda: "Jobs ─ 0" in first.text, "the console")
    first.press(b"n")
    first.until(lambda: "Begin with" in first.text, "the form")
    first.press(b"\x1b[F")  # the last source: the smoke test's config
    first.press(b"\r")
    first.until(lambda: "job: extension" in first.text, "the text")
    first.press(b"#")
    first.until(lambda: any(text.startswith("#") for text in drafts(home)), "the first draft")
    typed: list[float] = []
    for number in range(150):
        first.press(b"%d" % (number % 10))
        typed.append(time.monotonic())
        first.read(0.02)
    killed = time.monotonic()
    first.kill(how)
    found = re.match(r"#(\d*)#", drafts(home)[0])
    assert found
    count = len(found[1])
    assert found[1] == "".join(str(n % 10) for n in range(count))
    lost = killed - typed[count] if count < len(typed) else 0.0
    assert lost < 3.0  # half a second, on a machine that has nothing else to do
    if os.environ.get("TELL"):
        print(f"lost {lost:.2f} s of typing, {len(typed) - count} keys")

    again = Terminal(home)
    again.until(lambda: "1 not sent :drafts" in again.text, "the console")
    again.press(b":")
    again.press(b"drafts")
    again.until(lambda: "were not sent, were sent" in again.text, "the command")
    again.press(b"\r")
    again.until(lambda: "1 not sent" in again.text, "the list of drafts")
    again.press(b"\r")
    again.until(lambda: "0123456789" in again.text, "the text")
    again.press(b"Z")
    again.until(lambda: "Z" in drafts(home)[0], "the next key in the draft")
    assert re.match(r"#(\d*)#", drafts(home)[0].replace("Z", ""))
    assert drafts(home)[0].index("Z") > count - 20  # one spot a write, not one a key
    again.kill()
