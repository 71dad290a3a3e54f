"""What the lines before a line left on: a colour that an earlier line began."""

from __future__ import annotations

from collections.abc import Callable

from trainer_tui.core.logfile.line import BACK_BYTES, BACK_LINES, is_plain_after, look_after
from trainer_tui.core.logfile.lines import PLAIN, Sgr
from trainer_tui.core.logfile.source import NOTE


class LookBack:
    """Looks for it in the last few lines before one.

    Args:
        read: Bytes from a position to another.
        notes: Whether there may be remarks of ours between the lines; they leave nothing on.
    """

    def __init__(self, read: Callable[[int, int], bytes], *, notes: bool) -> None:
        self._read, self._notes = read, notes
        self._plain = (0, 0)
        """A stretch without escape sequences."""

    def forget(self) -> None:
        """What was read may be other bytes now."""
        self._plain = (0, 0)

    def at(self, position: int, floor: int) -> Sgr:
        """What is on where a line begins.

        Args:
            position: The line's.
            floor: Where the text that it is in begins.
        """
        start = max(floor, position - BACK_BYTES)
        if self._is_plain(start, position):
            return PLAIN
        data = self._read(start, position)
        if is_plain_after(data):
            return PLAIN
        at = len(data)
        for _ in range(BACK_LINES + 1):
            at = data.rfind(b"\n", 0, at)
            if at < 0:
                break
            if self._notes and data.startswith(NOTE, at + 1):
                at = data.find(b"\n", at + 1)
                break
        return look_after(data[at + 1 :])

    def _is_plain(self, start: int, stop: int) -> bool:
        """Whether no escape sequence is in a stretch. Of lines that are asked for one after the
        other each byte is looked at once."""
        low, high = self._plain
        known = low <= start <= high
        if known and stop <= high:
            return True
        data = self._read(max(start, high - 1) if known else start, stop)
        if b"\x1b" in data or b"\xc2\x9b" in data:
            return False
        self._plain = low if known else start, stop
        return True
