"""The search of a job's log for its progress, in a process of its own.

Started as ``python -I -S progress_child.py`` for one job; imports the standard library only. Its
input is a JSON object a line (``log``, ``offset``, ``pattern``), its output the answer to each,
see :func:`search`. It ends with its input.

A pattern that a person wrote can take for ever on a line that a job wrote. So it runs nowhere
else, and a timer that counts this process's own work, not the time that a busy machine lets it
wait, interrupts it: a line that takes too long is passed over and counted.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would cost a third of the time to start
    from typing import Any

GROUPS = ("current", "total", "percent", "loss", "lr")
"""Named groups that a pattern may have."""
BLOCK = 1024 * 1024
"""Bytes that one answer looks at, at most."""
_MAX_LINE = 4096
_TICK = 0.02
"""Seconds of work between two looks at the clock."""
_LINE_TICKS = 2
_ANSWER_TICKS = 10
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_LINE = re.compile(rb"[^\r\n]+")


class _TooLong(Exception):
    """The pattern is given up for this line."""


class _Clock:
    """Raises where one line takes too long; knows when an answer is due."""

    def __init__(self) -> None:
        self.ticks = 0
        self._line_ticks = 0
        self._armed = False
        signal.signal(signal.SIGVTALRM, self._tick)
        signal.setitimer(signal.ITIMER_VIRTUAL, _TICK, _TICK)

    def _tick(self, *_: object) -> None:
        self.ticks += 1
        self._line_ticks += 1
        if self._armed and self._line_ticks >= _LINE_TICKS:
            raise _TooLong

    def search(self, pattern: re.Pattern[str], line: bytes) -> re.Match[str] | None:
        """The first match in a line. Raises _TooLong."""
        text = _ESCAPES.sub("", line[:_MAX_LINE].decode("utf-8", "replace"))
        self._line_ticks = 0
        try:
            self._armed = True
            found = pattern.search(text)
            self._armed = False
        except BaseException:
            self._armed = False
            raise
        return found

    def stop(self) -> None:
        """Tick no more."""
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def search(log: str, offset: int, pattern: str) -> dict[str, Any]:
    """Every match in the next piece of a log, in order.

    Gives ``found`` (a mapping of group to text for each match), ``offset`` (to go on from),
    ``size`` (of the log), ``more`` (whether whole lines are left) and ``slow`` (lines that were
    passed over because the pattern took too long).
    """
    data, start, size = _read(log, offset)
    # A bar's newest state has no end yet: it stays for the next time, unless it is absurdly long.
    whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    if whole < len(data) - _MAX_LINE:
        whole = len(data)
    answer: dict[str, Any] = {"found": [], "slow": 0, "size": size}
    compiled = re.compile(pattern)
    clock = _Clock()
    try:
        taken, more = whole, start + len(data) < size
        # What has no end is looked at all the same, so that a bar is shown as it stands.
        for line in _LINE.finditer(data):
            if clock.ticks >= _ANSWER_TICKS:
                taken, more = min(whole, line.start()), True
                break
            try:
                match = clock.search(compiled, line[0])
            except _TooLong:
                answer["slow"] += 1
                continue
            if match is not None:
                groups = match.groupdict()
                told = {key: groups[key] for key in GROUPS if groups.get(key) is not None}
                answer["found"] += [told] if told else []
    finally:
        clock.stop()
    return answer | {"offset": start + taken, "more": more}


def _read(log: str, offset: int) -> tuple[bytes, int, int]:
    """A piece of a log, where it begins, and the log's size; one that became shorter is read anew.

    What is no regular file is an empty one: a pipe would have to be waited for.
    """
    try:
        handle = os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b"", offset, 0
    with os.fdopen(handle, "rb", buffering=0) as file:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            return b"", offset, 0
        start = offset if offset <= info.st_size else 0
        file.seek(start)
        return file.read(BLOCK), start, info.st_size


def main() -> None:
    """Answer until nobody asks any more."""
    for wish in sys.stdin.buffer:
        answer = search(**json.loads(wish))
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
