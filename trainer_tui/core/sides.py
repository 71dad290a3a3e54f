"""The sides of a job, each as one look: ask, tell what is new, say when to look again."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from trainer_tui.config import MetricsSettings
from trainer_tui.core import pastwork
from trainer_tui.core.board import Board
from trainer_tui.core.clock import Clock
from trainer_tui.core.history import joined
from trainer_tui.core.messages import (
    ArtifactsArrived,
    ConfigArrived,
    EventsArrived,
    Message,
    ModelsArrived,
)
from trainer_tui.core.store import Store
from trainer_tui.errors import StateError, TrainerError
from trainer_tui.model import (
    Artifact,
    Capability,
    Event,
    JobRef,
    ModelPage,
    Status,
)
from trainer_tui.providers.base import Facts, Provider
from trainer_tui.providers.capabilities import HasArtifacts, HasConfig, HasEvents, HasModels

if TYPE_CHECKING:
    from trainer_tui.core.logfile.spool import Spool

NO_CAPABILITY = "NO_CAPABILITY"
"""Code of the error that says that a service does not give a side at all."""
METRICS_PIECE = 5_000
"""So many points at once mean that there are more."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a side needs."""

    store: Store
    board: Board
    clock: Clock
    provider: Callable[[str], Awaitable[Provider]]
    facts: Callable[[str], Facts]
    publish: Callable[[Message], None]
    spools: Path
    """Folder of the logs that are fetched."""
    metrics: Callable[[], MetricsSettings]
    """Where metrics come from, as the config says now."""
    fetched: dict[tuple[JobRef, str], Spool] = field(default_factory=dict)
    """Logs that are being fetched, by job and name: what is there need not be asked for again."""


class Side(ABC):
    """One side of one job, while it is followed."""

    capability: ClassVar[Capability | None]

    def __init__(self, around: Surroundings, ref: JobRef) -> None:
        self.around = around
        self.ref = ref
        self.local = False
        """Whether any change of the job may mean something new here."""
        self.fresh = True
        """Whether the job changed its status since the last look."""

    @abstractmethod
    async def look(self) -> float | None:
        """Tell what is new; seconds until the next look, ``None``: when the job changes."""

    def close(self) -> None:  # noqa: B027
        """It is followed no more."""

    async def provider(self) -> Provider:
        """The service, if it can tell this side.

        Raises:
            StateError: It cannot, and why.
        """
        facts = self.around.facts(self.ref.profile)
        if self.capability is not None and self.capability not in facts.capabilities:
            raise StateError(
                facts.why_not(self.capability), title="Not to be had here", code=NO_CAPABILITY
            )
        return await self.around.provider(self.ref.profile)

    @property
    def status(self) -> Status:
        """The job's, as last seen."""
        entry = self.around.board.get(self.ref)
        return entry.job.status if entry else Status.UNKNOWN

    def pace(self, running: float, waiting: float) -> float | None:
        """Seconds until the next look, by the job's status."""
        status = self.status
        if status.ended:
            return None
        return running if status in {Status.RUNNING, Status.STOPPING} else waiting


class ArtifactsSide(Side):
    """The list of files, told again when it differs by more than how its URLs are signed."""

    capability = Capability.ARTIFACTS

    def __init__(self, around: Surroundings, ref: JobRef) -> None:
        super().__init__(around, ref)
        self._told: tuple[Artifact, ...] | None = None

    async def look(self) -> float | None:
        provider = cast(HasArtifacts, await self.provider())
        found = tuple(await provider.artifacts(self.ref.id))
        bare = tuple(dataclasses.replace(artifact, url="") for artifact in found)
        if bare != self._told:
            self._told = bare
            self.around.publish(ArtifactsArrived(self.ref, found))
        return self.pace(10.0, 30.0)


class ConfigSide(Side):
    """The config; asked again when the job's status changes or it was edited."""

    capability = Capability.CONFIG

    def __init__(self, around: Surroundings, ref: JobRef) -> None:
        super().__init__(around, ref)
        self._told: str | None = None

    async def look(self) -> float | None:
        provider = cast(HasConfig, await self.provider())
        text = await provider.config_text(self.ref.id)
        if text != self._told:
            self._told = text
            self.around.publish(ConfigArrived(self.ref, text))
            pastwork.remember(self.around.store, self.ref, text)
        return None


class ModelsSide(Side):
    """One page of the models: which one, and in what order, can be changed while it is followed."""

    capability = Capability.MODELS

    def __init__(self, around: Surroundings, ref: JobRef) -> None:
        super().__init__(around, ref)
        self.page = 0
        self.sort_by: str | None = None
        self._told: ModelPage | None = None

    async def look(self) -> float | None:
        provider = cast(HasModels, await self.provider())
        asked = (self.page, self.sort_by)
        try:
            found = await provider.models(self.ref.id, page=self.page, sort_by=self.sort_by)
        except TrainerError:
            self._told = None  # the same page, had again, is news
            raise
        if asked != (self.page, self.sort_by):
            return 0.0  # turned to another page meanwhile
        bare = dataclasses.replace(
            found, models=tuple(dataclasses.replace(m, artifact=None) for m in found.models)
        )
        if bare != self._told:
            self._told = bare
            self.around.publish(ModelsArrived(self.ref, found))
        return self.pace(5.0, 30.0)


class EventsSide(Side):
    """What the service tells to have happened, and what was seen and asked from here."""

    capability = None
    _PAUSE = 10.0

    def __init__(self, around: Surroundings, ref: JobRef) -> None:
        super().__init__(around, ref)
        self.local = True
        self._told: tuple[Event, ...] | None = None
        self._theirs: Sequence[Event] = ()
        self._asked_at = float("-inf")

    async def look(self) -> float | None:
        failed = await self._ask()
        events = tuple(joined(self._theirs, self.around.store.events(self.ref)))
        if events != self._told:
            self._told = events
            self.around.publish(EventsArrived(self.ref, events))
        if failed is not None:
            raise failed
        return self.pace(self._PAUSE, self._PAUSE * 3) if self._theirs else None

    async def _ask(self) -> TrainerError | None:
        """Ask the service, at most every few seconds; a failure does not hide what we know."""
        now = self.around.clock.monotonic()
        if not self.fresh and now - self._asked_at < self._PAUSE:
            return None
        self.fresh, self._asked_at = False, now
        try:
            provider = await self.provider()
            if isinstance(provider, HasEvents):
                self._theirs = await provider.events(self.ref.id)
        except TrainerError as error:
            return error
        return None
