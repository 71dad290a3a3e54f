"""One process that searches, as its parent sees it."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from trainer_tui.core.logfile.client import Blockwise, Client

_ROOT = str(Path(__file__).parents[3])
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from trainer_tui.core.logfile.scan import main; main()"
)
# Pieces of a log come and go: glibc is to keep their memory, not to have it anew from the kernel
# each time, which took a third of all time.
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}

Answer = Callable[[Any], None]


class Work:
    """Blocks that a process is to look at."""

    __slots__ = ("client", "next", "number", "stop", "void")

    def __init__(self, client: Blockwise, first: int, stop: int) -> None:
        self.client, self.next, self.stop = client, first, stop
        self.number = client.number
        self.void = stop
        """Results from this block on are of the past."""


class Asked(NamedTuple):
    """What a process was asked."""

    client: Client
    number: int
    answer: Answer
    matters: bool
    """Whether the search fails when no answer comes."""


class Child:
    """A process that searches."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, _ROOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={**os.environ, **_MEMORY},
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.source = self.process.stdout.fileno()
        self.target = self.process.stdin.fileno()
        os.set_blocking(self.source, False)
        os.set_blocking(self.target, False)
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.opened: dict[int, Client] = {}
        self.views: dict[int, tuple[Any, ...] | None] = {}
        self.work: dict[int, Work] = {}
        self.asked: dict[int, Asked] = {}
        self.closing: dict[int, float] = {}
        self.heard = time.monotonic()
        self.ready = self.killed = self.ended = False

    @property
    def idle(self) -> bool:
        """Whether nothing is expected of it."""
        return not (self.work or self.asked or self.closing)

    def send(self, *message: Any) -> None:
        """Send when there is room."""
        data = marshal.dumps(message)
        self.outbox += len(data).to_bytes(4, "little") + data
        self.flush()

    def open(self, client: Client) -> None:
        """Have it know a client as that is now."""
        number, view = client.number, client.view()
        if number not in self.opened:
            self.opened[number] = client
            self.send("open", number, *client.opening())
        if view is not None and self.views.get(number) != view:
            self.views[number] = view
            self.send("view", number, *view)

    def messages(self) -> Iterator[tuple[Any, ...]]:
        """What it said since."""
        while not self.ended:
            try:
                data = os.read(self.source, 1 << 18)
            except BlockingIOError:
                break
            self.ended = not data
            self.inbox += data
        inbox = self.inbox
        while len(inbox) >= 4 and len(inbox) >= 4 + (size := int.from_bytes(inbox[:4], "little")):
            message = marshal.loads(inbox[4 : 4 + size])
            del inbox[: 4 + size]
            self.heard = time.monotonic()
            yield message

    def flush(self) -> None:
        """Send what there is room for."""
        while self.outbox:
            try:
                sent = os.write(self.target, self.outbox[: 1 << 16])
            except BlockingIOError:
                return
            except OSError:
                self.outbox.clear()  # it is gone, which its output tells
                return
            del self.outbox[:sent]

    def kill(self) -> None:
        """End it."""
        self.killed = True
        self.process.kill()

    def reap(self) -> int:
        """Clean up after it has ended; gives its exit status."""
        status = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()
        return status

    def forget(self, number: int) -> list[Answer]:
        """Expect nothing more for a client; gives those who wait for answers."""
        self.opened.pop(number, None)
        self.views.pop(number, None)
        self.work = {n: work for n, work in self.work.items() if work.number != number}
        waiting = {n: asked for n, asked in self.asked.items() if asked.number == number}
        for asked in waiting:
            del self.asked[asked]
        return [asked.answer for asked in waiting.values()]
