"""A thread with an event loop of its own, to which other threads hand work."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from trainer_tui.errors import TrainerError

T = TypeVar("T")

_RESTART = 1.0
"""Seconds until a service that ended by a fault is begun anew."""


class NetThread:
    """Runs coroutines and calls; a fault in one of them is written down and stops no other.

    Args:
        on_bug: Hears of exceptions that are no TrainerError.
    """

    def __init__(self, on_bug: Callable[[BaseException], None]) -> None:
        self._on_bug = on_bug
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def closing(self) -> bool:
        """Whether no more work is taken."""
        return self._closing

    def start(self, first: Callable[[], None]) -> None:
        """Start the thread with a call; starting it again does nothing."""
        if self._thread is None and not self._closing:
            self.soon(first)
            self._thread = threading.Thread(target=self._main, name="network", daemon=True)
            self._thread.start()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]], timeout: float) -> None:
        """End the thread after a last coroutine, or without waiting for it any longer."""
        self._closing = True
        if self._thread is None:
            self._loop.close()
            return
        done = asyncio.run_coroutine_threadsafe(last(), self._loop)
        try:
            done.result(timeout)
        except (TimeoutError, concurrent.futures.CancelledError):
            done.cancel()
        except Exception as error:
            self._on_bug(error)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)

    def run(self, factory: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run a coroutine; its result, or a TrainerError, comes by the future."""
        if self._closing:
            failed: concurrent.futures.Future[T] = concurrent.futures.Future()
            failed.set_exception(TrainerError("the console is closing"))
            return failed
        return asyncio.run_coroutine_threadsafe(self._noted(factory), self._loop)

    def soon(self, call: Callable[..., object], *args: Any) -> None:
        """Call on the thread; before it starts, when it does."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._guarded, call, args)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that nobody waits for. On the thread."""
        task = self._loop.create_task(self._unwatched(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def serve(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine for ever: begun anew when a fault ends it."""
        while True:
            try:
                await work()
            except Exception as error:
                self._on_bug(error)
            await asyncio.sleep(_RESTART)

    async def drop_tasks(self, timeout: float) -> None:
        """Cancel everything that still runs here, but who asks."""
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=timeout)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _guarded(self, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            call(*args)
        except Exception as error:
            self._on_bug(error)

    async def _noted(self, factory: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await factory()
        except TrainerError:
            raise
        except Exception as error:
            self._on_bug(error)
            raise TrainerError(
                f"a fault of this program: {type(error).__name__}",
                hint="the details are in console.log",
            ) from error

    async def _unwatched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._on_bug(error)
