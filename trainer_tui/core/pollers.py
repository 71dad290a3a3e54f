"""All profiles' loops together: what holds for all of them, and who is meant."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator

from trainer_tui.config import PollSettings, Profile
from trainer_tui.core.board import Board
from trainer_tui.core.clock import Clock
from trainer_tui.core.links import Links
from trainer_tui.core.poller import Poller, ProfileState
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef
from trainer_tui.providers.base import Facts

_RESTART = 5.0
"""Seconds until a loop that ended by a fault of the program is begun anew."""


class Pollers:
    """Pollers by the name of their profile. Network loop only, but for :meth:`states`."""

    def __init__(
        self,
        board: Board,
        clock: Clock,
        links: Links,
        facts: Callable[[Profile], Facts],
        *,
        on_state: Callable[[ProfileState], None],
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._board = board
        self._clock = clock
        self._links = links
        self._facts = facts
        self._on_state = on_state
        self._on_bug = on_bug
        self._pollers: dict[str, Poller] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._broken: dict[str, ProfileState] = {}
        self._selected: JobRef | None = None
        self._paused = False
        self._focused = True

    def add(self, profile: Profile, settings: PollSettings) -> None:
        """Begin to poll a profile; one that is polled already goes on."""
        name = profile.name
        if name in self._pollers or name in self._broken:
            return
        try:
            facts = self._facts(profile)
        except TrainerError as error:
            self._broken[name] = ProfileState(name, profile.provider, "error", error)
            self._on_state(self._broken[name])
            return
        poller = Poller(
            profile,
            facts,
            lambda: self._links.get(name),
            self._board,
            self._clock,
            settings,
            on_state=self._on_state,
            on_bug=self._on_bug,
        )
        poller.select(self._selected)
        poller.focus(self._focused)
        poller.pause(self._paused)
        self._pollers[name] = poller
        self._tasks[name] = asyncio.get_event_loop().create_task(self._keep_running(poller))

    def drop(self, name: str) -> None:
        """Poll a profile no more."""
        self._broken.pop(name, None)
        self._pollers.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Poll nobody any more."""
        for name in list(self._pollers):
            self.drop(name)

    def states(self) -> dict[str, ProfileState]:
        """The newest state of each. Any thread."""
        return {n: p.state for n, p in dict(self._pollers).items()} | dict(self._broken)

    def wake(self, ref: JobRef) -> None:
        """Look at one job now."""
        for poller in self._of(ref.profile):
            poller.wake(ref)

    def wake_profile(self, name: str | None) -> None:
        """Ask one profile now, or all."""
        for poller in self._of(name):
            poller.wake()

    def reconsider(self, refs: Iterable[JobRef]) -> None:
        """These jobs changed, by whatever way: they may be due earlier."""
        for profile in {ref.profile for ref in refs}:
            for poller in self._of(profile):
                poller.reconsider()

    def hurry(self, ref: JobRef, on: bool) -> None:
        """Look at a job often."""
        for poller in self._of(ref.profile):
            poller.hurry(ref, on)

    def pause(self, on: bool) -> None:
        """Stop polling, or go on."""
        self._paused = on
        for poller in self._of(None):
            poller.pause(on)

    def focus(self, on: bool) -> None:
        """Whether anybody looks."""
        self._focused = on
        for poller in self._of(None):
            poller.focus(on)

    def select(self, ref: JobRef | None) -> None:
        """The job under the cursor."""
        self._selected = ref
        for poller in self._of(None):
            poller.select(ref)

    def settings_changed(self, settings: PollSettings) -> None:
        """Other intervals."""
        for poller in self._of(None):
            poller.settings_changed(settings)

    def _of(self, name: str | None) -> Iterator[Poller]:
        for key, poller in self._pollers.items():
            if name is None or key == name:
                yield poller

    async def _keep_running(self, poller: Poller) -> None:
        while True:
            try:
                await poller.run()
            except Exception as error:
                self._on_bug(error)
            with contextlib.suppress(TimeoutError):
                await self._clock.wait(asyncio.Event(), _RESTART)
