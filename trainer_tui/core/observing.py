"""From acknowledged to observed: looking until a job shows that an act took effect."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Protocol

from trainer_tui.core.acts import Act
from trainer_tui.core.board import Board, Delta
from trainer_tui.core.clock import Clock
from trainer_tui.model import EventKind, Job, JobRef, Status


class Hurrier(Protocol):
    """Who looks at jobs (the poller)."""

    def hurry(self, ref: JobRef, on: bool) -> None:
        """Look often while something that was asked is not yet seen."""

    def wake(self, ref: JobRef) -> None:
        """Look once, now."""


class Observers:
    """One watch for each job of which something was accepted and is not yet seen."""

    def __init__(
        self,
        board: Board,
        clock: Clock,
        hurrier: Hurrier,
        within: float,
        note: Callable[[JobRef, EventKind, str], None],
    ) -> None:
        self.within = within
        self._board = board
        self._clock = clock
        self._hurrier = hurrier
        self._note = note
        self._tasks: dict[JobRef, asyncio.Task[None]] = {}

    def begin(self, act: Act, before: Job) -> None:
        """Watch a job until the act shows; an earlier watch of it ends."""
        self.drop(before.ref)
        task = asyncio.ensure_future(self._watch(act, before))
        self._tasks[before.ref] = task
        task.add_done_callback(lambda finished: self._ended(before.ref, finished))

    def drop(self, ref: JobRef) -> None:
        """Watch a job no more."""
        task = self._tasks.pop(ref, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Watch nothing any more."""
        for ref in list(self._tasks):
            self.drop(ref)

    def _ended(self, ref: JobRef, finished: asyncio.Task[None]) -> None:
        if self._tasks.get(ref, finished) is finished:  # not yet followed by another watch
            self._tasks.pop(ref, None)
            self._hurrier.hurry(ref, False)

    async def _watch(self, act: Act, before: Job) -> None:
        ref, seen = before.ref, asyncio.Event()
        loop = asyncio.get_running_loop()

        def look(delta: Delta | None = None) -> None:
            entry = self._board.get(ref)
            if entry is None or observed(act, before, entry.job):
                loop.call_soon_threadsafe(seen.set)

        unsubscribe = self._board.subscribe(look)
        try:
            look()
            self._hurrier.hurry(ref, True)
            if not await self._clock.wait(seen, self.within):
                self._hurrier.hurry(ref, False)
                self._say_late(act, ref)
                await seen.wait()
            self._board.clear_pending(ref)
        finally:
            unsubscribe()

    def _say_late(self, act: Act, ref: JobRef) -> None:
        entry = self._board.get(ref)
        if entry is not None and entry.pending is not None:
            self._board.set_pending(ref, dataclasses.replace(entry.pending, phase="late"))
        text = f"{act} was accepted, but is not seen after {self.within:g} s"
        self._note(ref, EventKind.NOTE, text)


def observed(act: Act, before: Job, job: Job) -> bool:
    """Whether a job shows that the act has taken effect.

    A job that is ``STOPPING`` shows it: its own status tells the rest.
    """
    if act in {Act.CANCEL, Act.STOP}:
        return job.status.ended or job.status is Status.STOPPING
    if act is Act.RESUME:
        moved = (job.started_at, job.finished_at) != (before.started_at, before.finished_at)
        return job.status.active or (job.status.ended and moved)
    return True
