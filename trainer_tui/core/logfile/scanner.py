"""The other end of the processes that search: starts them, feeds them, ends them.

One thread reads what they say. Nothing here waits for a process but :meth:`Scanner.wait`, which has
a limit: what is sent goes out when there is room. A process in which a search was cancelled and
that does not say so soon is killed; another one goes on with what else it was doing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import threading
import time
from collections.abc import Callable
from typing import Any

from trainer_tui.core.logfile.child import Answer, Asked, Child, Work
from trainer_tui.core.logfile.client import Asker, Blockwise, Client

MOST = 4
"""Processes at once; one processor is left to the interface, but there are two even so."""
NOTIFY = 0.05
"""Seconds between two calls of a search's ``notify``."""
_GRACE = 1.0
_IDLE = 60.0
_AHEAD = 2
_ENOUGH = 32  # blocks; for fewer, another process does not pay


class Scanner:
    """A few processes that search, shared by all searches.

    Args:
        most: How many processes at most.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most or max(2, min(MOST, (os.cpu_count() or 1) - 1))
        self.lock = threading.RLock()
        self._told = threading.Condition(self.lock)
        self._clients: list[Client] = []
        self._children: list[Child] = []
        self._numbers = itertools.count(1)
        self._given = 0.0
        """When work was given out last."""
        self._thread: threading.Thread | None = None
        self._wake: tuple[int, int] | None = None
        self._warm = self._closed = False

    @property
    def pids(self) -> list[int]:
        """The processes there are."""
        with self.lock:
            return [child.process.pid for child in self._children]

    def warm(self) -> None:
        """Have a process ready: a search is about to begin."""
        with self.lock:
            self._warm = True
            self.poke()

    def close(self) -> None:
        """End the processes and the thread; nothing can be searched afterwards."""
        with self.lock:
            self._closed = True
            self._clients.clear()
            for child in self._children:
                child.kill()
            self.poke()
        if self._thread is not None:
            self._thread.join()

    # -- for clients, with the lock held ------------------------------------------------------

    def add(self, client: Client) -> None:
        """Search for a client; what was added last goes first."""
        client.number = next(self._numbers)
        if client not in self._clients:
            self._clients.insert(0, client)
        self.poke()

    def renew(self, client: Client) -> None:
        """Stop what is being done for a client; what is asked later begins anew."""
        number, client.number = client.number, next(self._numbers)
        for child in self._children:
            known = number in child.opened
            for work in child.work.values():
                if work.number == number:
                    work.client.returned(work.next, work.stop)
            for answer in child.forget(number):
                answer(None)
            if known:
                child.closing[number] = time.monotonic() + _GRACE
                child.send("close", number)
        self.poke()

    def remove(self, client: Client) -> None:
        """Forget a client."""
        self.renew(client)
        if client in self._clients:
            self._clients.remove(client)
        self.poke()

    def void(self, client: Client, first: int) -> None:
        """What was given out from a block on has changed since."""
        for child in self._children:
            for work in child.work.values():
                if work.client is client and work.stop > first:
                    work.void = min(work.void, first)

    def ask(
        self, client: Client, kind: str, what: Any, answer: Answer, *, matters: bool = False
    ) -> bool:
        """Ask any process something; whether there was one to ask. ``answer`` gets ``None`` when
        none comes; where it ``matters`` and the process was killed, the search has failed."""
        able = [child for child in self._children if not child.killed and len(child.asked) < 8]
        if not able:
            self._warm = True
            self.poke()
            return False
        child = min(able, key=lambda child: (client.number not in child.opened, len(child.work)))
        child.open(client)
        number = next(self._numbers)
        child.asked[number] = Asked(client, client.number, answer, matters)
        child.send(kind, client.number, number, what)
        if child.outbox:
            self.poke()
        return True

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Wait for something that a process tells."""
        return self._told.wait_for(until, seconds)

    def poke(self) -> None:
        """Have the thread look at what there is to do."""
        if self._thread is None:
            self._wake = os.pipe()
            os.set_blocking(self._wake[0], False)
            os.set_blocking(self._wake[1], False)
            self._thread = threading.Thread(target=self._run, name="log search", daemon=True)
            self._thread.start()
        if self._wake is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake[1], b"x")

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        assert self._wake is not None
        wake = self._wake[0]
        while not self._closed or self._children:
            with selectors.DefaultSelector() as selector:
                selector.register(wake, selectors.EVENT_READ)
                with self.lock:
                    for child in self._children:
                        selector.register(child.source, selectors.EVENT_READ, child)
                        if child.outbox:
                            selector.register(child.target, selectors.EVENT_WRITE, child)
                    pause = self._pause()
                ready = selector.select(pause)
            due: list[Client] = []
            with self.lock:
                for key, _ in ready:
                    if key.fd == wake:
                        with contextlib.suppress(BlockingIOError):
                            os.read(wake, 4096)
                    elif key.fd == key.data.target:
                        key.data.flush()
                    else:
                        self._hear(key.data)
                self._tidy()
                self._give()
                now = time.monotonic()
                for client in self._clients:
                    if client.changed and now - client.notified >= NOTIFY:
                        client.changed, client.notified = False, now
                        due.append(client)
                self._told.notify_all()
            for client in due:
                # An interface that is closing takes no more calls.
                with contextlib.suppress(RuntimeError):
                    client.notify()
            self._start()
        for end in self._wake:
            os.close(end)
        self._wake = None

    def _pause(self) -> float | None:
        """Seconds until something is due; ``None``: nothing is."""
        now = time.monotonic()
        due = [client.notified + NOTIFY for client in self._clients if client.changed]
        due += [client.later for client in self._blockwise() if client.later > self._given]
        for child in self._children:
            if child.ready and not child.killed:
                due += child.closing.values()
                if child.idle:
                    due.append(child.heard + _IDLE)
        return max(0.0, min(due) - now) if due else None

    def _hear(self, child: Child) -> None:
        """Do as a process says."""
        for message in child.messages():
            self._take(child, *message)
        if child.ended:
            self._gone(child)

    def _take(self, child: Child, kind: str, number: int, *rest: Any) -> None:
        if kind == "part":
            first, counts, seconds, hits, skipped = rest
            work = child.work.get(number)
            if work is None:
                return
            work.next = first + len(counts) // 4
            if work.next >= work.stop:
                del child.work[number]
            kept = min(work.next, work.void) - first
            if kept > 0:
                hits = hits if kept * 4 == len(counts) else None
                work.client.took(first, counts[: 4 * kept], seconds, hits, skipped)
            if work.next > work.void:
                work.client.returned(max(first, work.void), work.next)
        elif kind == "answer":
            asked = child.asked.pop(number, None)
            if asked is not None:
                asked.answer(rest[0])
        elif kind == "ready":
            child.ready = True
            child.closing = dict.fromkeys(child.closing, time.monotonic() + _GRACE)
        elif kind == "closed":
            child.closing.pop(number, None)
        elif kind == "failed":
            client = child.opened.get(number)
            if client is not None:
                self._fail(client, rest[0])

    def _gone(self, child: Child) -> None:
        """A process ended: killed by us, or by somebody else."""
        self._children.remove(child)
        code = child.reap()
        lost: list[Client] = [work.client for work in child.work.values()]
        for work in child.work.values():
            work.client.returned(work.next, work.stop)
        lost += [asked.client for asked in child.asked.values() if asked.matters]
        for asked in child.asked.values():
            asked.answer(None)
        if not child.killed:
            how = f"by signal {-code}" if code < 0 else f"with {code}"
            for client in dict.fromkeys(lost):
                self._fail(client, f"the process that searches was ended {how}")

    def _fail(self, client: Client, why: str) -> None:
        self.renew(client)
        client.fail(why)

    def _tidy(self) -> None:
        """Kill what does not obey and what has been idle for long."""
        now = time.monotonic()
        for child in self._children:
            if child.ready and not child.killed:
                disobeys = child.closing and min(child.closing.values()) <= now
                if disobeys or (child.idle and now - child.heard >= _IDLE):
                    child.kill()

    def _give(self) -> None:
        """Give each process something to do, and something to go on with."""
        self._given = time.monotonic()
        for ahead in range(_AHEAD):
            for child in self._children:
                if len(child.work) <= ahead and not child.killed:
                    self._give_to(child)

    def _give_to(self, child: Child) -> None:
        for client in self._clients:
            if isinstance(client, Asker):
                client.go_on()
            if not isinstance(client, Blockwise) or client.later > self._given:
                continue
            if (found := client.next_work()) is not None:
                first, stop, eager = found
                child.open(client)
                number = next(self._numbers)
                child.work[number] = Work(client, first, stop)
                child.send("scan", client.number, number, first, stop, eager)
                return

    def _blockwise(self) -> list[Blockwise]:
        return [client for client in self._clients if isinstance(client, Blockwise)]

    def _start(self) -> None:
        """Start processes while one more is of use; without the lock, as it takes a while."""
        while not self._closed:
            with self.lock:
                waiting = sum(client.waiting() for client in self._blockwise())
                have = len(self._children)
                wanted = waiting >= _ENOUGH and have < self._most
                if not wanted and (have or not (waiting or self._warm)):
                    return
                self._warm = False
            try:
                child = Child()
            except OSError as error:
                with self.lock:
                    for client in list(self._clients):
                        self._fail(client, f"cannot start a process that searches: {error}")
                return
            with self.lock:
                self._children.append(child)
                if self._closed:
                    child.kill()
                self._give()
                self._told.notify_all()


_shared: Scanner | None = None
_making = threading.Lock()


def shared() -> Scanner:
    """The scanner that all searches of this program share."""
    global _shared
    with _making:
        if _shared is None:
            _shared = Scanner()
        return _shared
