"""The open providers: one a profile, opened when first asked for, shared by all who ask it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from trainer_tui.config import Profile
from trainer_tui.errors import TrainerError
from trainer_tui.providers.base import Provider

T = TypeVar("T")

_GOODBYE = 1.0
"""Seconds that a provider may take to let go of its connections."""


class Links:
    """Providers by the name of their profile. Network loop only."""

    def __init__(
        self,
        profile: Callable[[str], Profile],
        open_provider: Callable[[Profile], Provider],
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._profile = profile
        self._open = open_provider
        self._on_bug = on_bug
        self._providers: dict[str, Provider] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, name: str) -> Provider:
        """The profile's provider. Raises what opening it raises; the next call tries again."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            found = self._providers.get(name)
            if found is None:
                found = await self.open(self._profile(name))
                self._providers[name] = found
            return found

    async def open(self, profile: Profile) -> Provider:
        """A provider of its own, to be closed by the caller.

        In a thread: a credential that a command prints may take its time, and importing the HTTP
        client takes some too; other profiles are not to wait for either.
        """
        return await in_thread(lambda: self._open(profile))

    async def drop(self, name: str) -> None:
        """Close a profile's provider, one that is just being opened too."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            found = self._providers.pop(name, None)
        if found is not None:
            await self.close(found)

    async def close(self, provider: Provider) -> None:
        """Close a provider; one that cannot let go is left behind."""
        try:
            with contextlib.suppress(TimeoutError, TrainerError):
                async with asyncio.timeout(_GOODBYE):
                    await provider.aclose()
        except Exception as error:
            self._on_bug(error)

    async def aclose(self) -> None:
        """Close them all."""
        await asyncio.gather(*(self.drop(name) for name in list(self._providers)))


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread that the end of the program does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failed: BaseException | None = None
        try:
            result = work()
        except BaseException as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(finish, result, failed)

    threading.Thread(target=run, daemon=True, name="blocking").start()
    return await done
