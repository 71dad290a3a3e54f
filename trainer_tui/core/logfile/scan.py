"""The process that searches, so that no regular expression can hold up the interface.

Started by :mod:`trainer_tui.core.logfile.scanner` with ``-I -S``; it imports little of the standard
library and nothing else. Messages go both ways as four bytes of length and a marshalled tuple,
whose first item is its kind. It ends when its input ends: when its parent is gone.

A timer interrupts an expression that takes long (the ``re`` module lets signal handlers run while
it matches): messages are answered all the same, and after :data:`LIMIT` seconds of CPU on one line
that line is given up.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import sys
import time
from array import array

from trainer_tui.core.logfile.jobs import FileJob, ListJob, matcher_of
from trainer_tui.core.logfile.matcher import Hopeless, TooSlow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LIMIT = 0.5
"""Seconds of CPU after which a line is given up."""
_STEP = 512 << 10
_TICK = 0.02
_TOLD = 4096  # hits that are told unasked
_REPORT = 0.04
"""Seconds between two reports on one piece of work."""


class Cancelled(Exception):
    """What is being done is not wanted any more."""


class Timer:
    """Breaks off what takes too long, and has messages looked at meanwhile.

    Args:
        attend: Looks at messages; gives whether what is being done is still wanted.
    """

    def __init__(self, attend: Callable[[], bool]) -> None:
        self._attend = attend
        self._serial = self._seen = 0
        self._since = 0.0
        self._matching = self._attending = False
        self._running = False
        signal.signal(signal.SIGALRM, self._tick)

    def run(self, running: bool) -> bool:
        """Tick or do not tick; gives whether it did."""
        before, self._running = self._running, running
        if running != before:
            signal.setitimer(signal.ITIMER_REAL, _TICK if running else 0, _TICK)
        return before

    def begin(self) -> None:
        """An expression begins to be matched."""
        self._serial += 1
        self._matching = True

    def end(self) -> None:
        """It is done."""
        self._matching = False

    def _tick(self, *_: object) -> None:
        if not self._matching:
            return
        now = time.process_time()
        if self._serial != self._seen:
            self._seen, self._since = self._serial, now
        elif now - self._since > LIMIT:
            self._matching = False
            raise TooSlow
        if self._attending:
            return
        kept = self._serial, self._since
        self._attending, self._matching = True, False
        try:
            wanted = self._attend()
        finally:
            self._attending, self._matching = False, True
            self._serial = self._seen = kept[0]
            self._since = kept[1] + time.process_time() - now
        if not wanted:
            self._matching = False
            raise Cancelled


class Work:
    """Blocks of a file to look at."""

    __slots__ = ("counts", "done", "eager", "first", "job", "next", "skipped", "stop", "unit")

    def __init__(self, job: FileJob, unit: int, first: int, stop: int, eager: bool) -> None:
        self.job, self.unit = job, unit
        self.first = self.next = self.done = first
        self.stop, self.eager = stop, eager
        self.counts = array("I")


class Process:
    """The loop: messages first, then a step of the first piece of work."""

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN)
        self._inbox = bytearray()
        self._jobs: dict[int, FileJob | ListJob] = {}
        self._work: list[Work] = []
        self._now: FileJob | ListJob | None = None
        """Whose lines are being looked at."""
        self._step = False
        """Whether that is the first piece of work, not a question."""
        self._timer = Timer(self._attend)

    def run(self) -> None:
        """Until the input ends."""
        self._send("ready", 0)
        reported = spent = 0.0
        while True:
            if not self._work:
                self._timer.run(False)
                self._take(wait=True)
                continue
            self._timer.run(True)
            self._take(wait=False)
            if not self._work:
                continue
            work = self._work[0]
            begun = time.perf_counter()
            step = 1 if work.eager else max(1, _STEP // work.job.block)
            stop = min(work.stop, work.next + step)
            hits: array[int] | None = None
            self._now, self._step = work.job, True
            skipped = work.job.matcher.skipped
            try:
                if work.stop - work.first == 1:
                    hits = work.job.hits(work.first)
                    work.counts.append(len(hits))
                else:
                    work.counts.extend(work.job.count(work.next, stop))
            except (Cancelled, TooSlow):
                work.job.matcher.skipped = skipped
                continue  # the step is done again, unless its job is closed
            except (OSError, Hopeless) as error:
                self._fail(work.job, str(error))
            finally:
                self._now, self._step = None, False
            if work.job.closed:
                continue
            work.next = stop
            now = time.perf_counter()
            spent += now - begun
            if stop == work.stop or now - reported > _REPORT or (work.eager and any(work.counts)):
                self._report(work, spent, hits)
                reported, spent, work.eager = now, 0.0, False

    def _report(self, work: Work, seconds: float, hits: array[int] | None) -> None:
        told = hits.tobytes() if hits is not None and len(hits) <= _TOLD else None
        skipped, work.job.matcher.skipped = work.job.matcher.skipped, 0
        self._send("part", work.unit, work.done, work.counts.tobytes(), seconds, told, skipped)
        work.done, work.counts = work.next, array("I")
        if work.next == work.stop:
            self._work.remove(work)

    # -- messages -----------------------------------------------------------------------------

    def _send(self, *message: Any) -> None:
        data = marshal.dumps(message)
        data = len(data).to_bytes(4, "little") + data
        while data:
            data = data[os.write(self._target, data) :]

    def _attend(self) -> bool:
        """Look at messages while an expression is being matched."""
        now, step = self._now, self._step
        self._take(wait=False)
        self._now, self._step = now, step
        if step and self._work and self._work[0].job is not now:
            return False
        return now is None or not now.closed

    def _take(self, wait: bool) -> None:
        """Look at the messages that are there; ``wait`` for one."""
        while self._poll.poll(None if wait else 0):
            data = os.read(self._source, 1 << 16)
            if not data:
                os._exit(0)
            self._inbox += data
            wait = False
        inbox = self._inbox
        while len(inbox) >= 4 and len(inbox) >= 4 + (size := int.from_bytes(inbox[:4], "little")):
            message = marshal.loads(inbox[4 : 4 + size])
            del inbox[: 4 + size]
            self._handle(*message)

    def _handle(self, kind: str, number: int, *rest: Any) -> None:
        if kind == "open":
            self._open(number, *rest)
            return
        job = self._jobs.get(number)
        if kind == "close":
            if job is not None:
                del self._jobs[number]
                job.close()
                self._work = [work for work in self._work if work.job is not job]
            self._send("closed", number)
        elif job is None:
            pass  # it failed, and that was told
        elif kind == "view" and isinstance(job, FileJob):
            job.view(*rest)
        elif kind == "scan" and isinstance(job, FileJob):
            self._plan(Work(job, *rest))
        else:
            self._answer(kind, job, *rest)

    def _open(self, number: int, text: str | None, flags: int, *file: Any) -> None:
        matcher = matcher_of(text, flags, self._timer)
        try:
            job = FileJob(matcher, *file) if file else ListJob(matcher)
        except OSError as error:
            self._send("failed", number, error.strerror or str(error))
            return
        self._jobs[number] = job

    def _plan(self, work: Work) -> None:
        """Do the work of the job that was given work last first: somebody waits for it."""
        later = [n for n, other in enumerate(self._work, 1) if other.job is work.job]
        self._work.insert(later[-1] if later else 0, work)

    def _answer(self, kind: str, job: FileJob | ListJob, ask: int, what: Any) -> None:
        self._now, self._step = job, False
        skipped = job.matcher.skipped
        ticked = self._timer.run(True)
        answer: Any = None
        try:
            if kind == "spans":
                answer = job.spans(what)
            elif isinstance(job, ListJob):
                answer = job.find(*what).tobytes()
            else:
                answer = job.hits(what).tobytes()
        except (Cancelled, TooSlow):
            pass
        except (OSError, Hopeless) as error:
            self._fail(job, str(error))
        job.matcher.skipped = skipped  # these were counted when they were looked at first
        self._now = None
        self._timer.run(ticked)
        self._send("answer", ask, answer)

    def _fail(self, job: FileJob | ListJob, why: str) -> None:
        for number, other in list(self._jobs.items()):
            if other is job:
                del self._jobs[number]
                self._send("failed", number, why)
        job.close()
        self._work = [work for work in self._work if work.job is not job]


def main() -> None:
    """Search until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)  # the interface goes first
    sys.setrecursionlimit(5000)
    with contextlib.suppress(BrokenPipeError):
        Process(0, 1).run()
