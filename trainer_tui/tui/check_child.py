"""Long texts are checked in a process of their own.

Reading 300 kB of YAML takes a second of pure Python: on a thread it would take turns with the
interface for that long, and each key would wait for its turn. The process is begun with the first
long text, works at low priority, is kept for the next, and ends with its screen or when this
program does, however that ends: it stops when its input does.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import struct
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from trainer_tui.tui.checking import Checked, Rules

_SIZE = struct.Struct("<Q")


class CheckChild:
    """The process, as seen from the program."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.closed = False
        """Whether it was ended for good."""

    def look(self, text: str, rules: Rules) -> Checked | None:
        """What :func:`checking.look` finds, but the keys; ``None`` when there is no process.

        Waits for the answer: for a thread that may.
        """
        try:
            process = self._running()
            if process is None:
                return None
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, (text, rules))
            found: Checked | None = _receive(process.stdout)
        except (OSError, EOFError, ValueError, pickle.PickleError):
            return None
        return found

    def _running(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self.closed:
                return None
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "trainer_tui.tui.check_child"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
            return self._process

    def close(self) -> None:
        """End the process; whoever waits for it gets nothing."""
        with self._lock:
            self.closed = True
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


def _send(pipe: IO[bytes], message: object) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(_SIZE.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Checked | None:
    # Only ever read from the process that this program has begun itself.
    head = pipe.read(_SIZE.size)
    if len(head) < _SIZE.size:
        raise EOFError
    data = pipe.read(_SIZE.unpack(head)[0])
    message: Checked | None = pickle.loads(data)
    return message


def serve() -> None:
    """The process: a text and its rules in, what was found out."""
    from dataclasses import replace

    from trainer_tui.tui.checking import look

    with contextlib.suppress(OSError):
        os.nice(19)
        if hasattr(os, "sched_setscheduler"):  # Linux: whatever else wants to run, runs at once
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    gc.disable()  # it takes a sixth of each answer; what is left over goes while nobody waits
    out = sys.stdout.buffer
    while True:
        try:
            asked = _receive(sys.stdin.buffer)
        except EOFError:
            return
        text, rules = asked  # type: ignore[misc]
        try:
            # The text is known over there, and ten thousand paths take long to hand over.
            answer = replace(look(text, rules), text="", keys={})
        except Exception:  # told by the program itself, which looks again on a thread of its own
            answer = None
        _send(out, answer)
        del asked, text, rules, answer
        gc.collect()


if __name__ == "__main__":
    serve()
