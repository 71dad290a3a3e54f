"""Asking the services from the command line: providers opened once, answers put in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from trainer_tui.cli.context import CliContext
from trainer_tui.config import LOCAL, Profile
from trainer_tui.core.actions import Actions
from trainer_tui.core.board import Board
from trainer_tui.core.clock import SystemClock
from trainer_tui.errors import ConfigError, NotFoundError, TrainerError
from trainer_tui.model import Job, JobRef
from trainer_tui.providers import base
from trainer_tui.providers.base import Context, Facts, Provider
from trainer_tui.providers.capabilities import Remembers
from trainer_tui.query_refs import ref_of, resolve_ref

T = TypeVar("T")


class Service:
    """The services that one command talks to. Use as an async context manager."""

    def __init__(self, context: CliContext) -> None:
        self.context = context
        self.clock = SystemClock()
        self.now = self.clock.now
        self.faults: list[BaseException] = []
        """Faults of the program itself; the first is raised at the end."""
        self._open: dict[str, Provider] = {}
        self._board: Board | None = None

    async def __aenter__(self) -> Service:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        providers, self._open = list(self._open.values()), {}
        await asyncio.gather(*(each.aclose() for each in providers), return_exceptions=True)
        if self.faults and error is None:
            raise self.faults[0]  # a fault of the program is not to pass for an answer

    # -- profiles ------------------------------------------------------------------------------

    def profile(self, name: str) -> Profile:
        """A profile by its name. Raises ConfigError."""
        return self.context.config.profile(name)

    def facts(self, profile: str) -> Facts:
        """What the provider of a profile can do."""
        return base.facts(self.profile(profile).provider)

    def provider(self, profile: str) -> Provider:
        """The provider of a profile, opened when first asked for."""
        if profile not in self._open:
            self._open[profile] = base.open_named(
                Context(self.profile(profile), self.context.paths, self.now)
            )
        return self._open[profile]

    async def link(self, profile: str) -> Provider:
        """As :meth:`provider`, for whoever wants to wait for it."""
        return self.provider(profile)

    def usual_profiles(self) -> list[str]:
        """Those to ask when none is named: all in the config, and the local server once used."""
        if self.context.profile is not None:
            return [self.profile(self.context.profile).name]
        names = list(self.context.config.profiles)
        if LOCAL not in names and self.context.paths.server.is_dir():
            names.append(LOCAL)
        return names

    # -- jobs ----------------------------------------------------------------------------------

    async def refresh(self, profiles: Iterable[str]) -> dict[str, TrainerError]:
        """Ask the services for their jobs, all at once, and keep the answers in the store.

        Returns:
            What went wrong, by profile. The others are up to date.
        """
        names = list(profiles)
        results = await asyncio.gather(*(self._ask(name) for name in names))
        return {name: error for name, error in zip(names, results, strict=True) if error}

    async def _ask(self, profile: str) -> TrainerError | None:
        try:
            provider = self.provider(profile)
            jobs = await provider.list_jobs(self.board.jobs(profile))
        except TrainerError as error:
            return error
        self.board.merge(profile, jobs, self.now(), complete=provider.facts.lists)
        return None

    @property
    def board(self) -> Board:
        """The jobs of the store; what is merged into it is written there."""
        if self._board is None:
            self._board = Board(self.context.store)
            self._board.load(self.context.store.jobs())
        return self._board

    def actions(self) -> Actions:
        """Carries out acts; each ends when the service has accepted it."""
        return Actions(
            self.context.store,
            self.board,
            self.clock,
            provider=self.link,
            facts=self.facts,
            read_only=self.why_read_only,
            on_bug=self.faults.append,
        )

    def why_read_only(self, profile: str) -> str | None:
        """Why nothing may be changed at a profile, or ``None``."""
        if self.context.read_only_flag:
            return "--read-only was given: nothing may be changed"
        if self.context.read_only:
            return "the config says read_only = true: nothing may be changed"
        if self.profile(profile).read_only:
            return f"the profile {profile} is read-only: nothing may be changed there"
        return None

    def known(self) -> list[Job]:
        """The jobs of the store, those of ``--profile`` only where one is given."""
        return self.context.store.jobs(self.context.profile)

    async def find(self, text: str) -> Job:
        """The job that a person means, as the store knows it; services are asked if need be.

        Raises:
            NotFoundError: Nobody knows it.
            UsageError: Several could be meant.
        """
        try:
            return resolve_ref(text, self.known())
        except NotFoundError:
            ref = self._outside_ref(text)
            if ref is not None:
                try:
                    return await self.observe(ref)
                except NotFoundError:
                    pass  # a name or the beginning of an id may still be meant
            errors = await self.refresh(self.usual_profiles())
            try:
                return resolve_ref(text, self.known())
            except NotFoundError as unknown:
                for name, error in errors.items():
                    if not isinstance(error, NotFoundError):
                        self.context.warn(f"{name}: {error}")
                self._say_if_no_profile(text, unknown)
                raise

    def _say_if_no_profile(self, text: str, unknown: NotFoundError) -> None:
        """Add that there is no such profile to what is told of a ref."""
        ref = ref_of(text)
        try:
            if ref is not None:
                self.profile(ref.profile)
        except ConfigError as error:
            unknown.message, unknown.hint = f"{unknown.message}: {error.message}", error.hint

    def _outside_ref(self, text: str) -> JobRef | None:
        """``profile/id`` where there is such a profile."""
        ref = ref_of(text)
        if ref is None:
            return None
        try:
            self.profile(ref.profile)
        except ConfigError:
            return None
        return ref

    async def observe(self, ref: JobRef) -> Job:
        """A job asked for afresh, and kept. Raises NotFoundError."""
        provider = self.provider(ref.profile)
        if isinstance(provider, Remembers) and (entry := self.board.get(ref)) is not None:
            provider.remember([entry.job])
        job = await provider.get_job(ref.id)
        self.board.merge(ref.profile, [job], self.now(), complete=False)
        return job

    async def find_fresh(self, text: str) -> Job:
        """The job that a person means, as the service knows it now."""
        return await self.observe((await self.find(text)).ref)


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; ctrl-C ends it and reaches the entry point."""
    return asyncio.run(main)
