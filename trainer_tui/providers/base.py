"""What a provider is: a few facts known without a network, and what every one can do.

What only some can do is in :mod:`trainer_tui.providers.capabilities`, one small protocol each.

A provider is one module in this folder whose name is the provider's name. It defines

* ``FACTS``, a :class:`Facts`: readable without importing httpx, so that the console can draw its
  first frame and grey out what cannot be done;
* ``open_provider(context)``, which returns a :class:`Provider`.

Provider modules import :mod:`trainer_tui.providers.http` inside ``open_provider`` or later, never
at the top. :func:`~trainer_tui.config.provider_names` finds them without importing any;
:func:`facts` and :func:`open_named` import the one that is asked for.

Every method of a provider is a coroutine run on the network thread's loop, raises only children
of :class:`~trainer_tui.errors.TrainerError` (and ``asyncio.CancelledError``), and has already
passed remote text through :mod:`trainer_tui.sanitize`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol, cast

from trainer_tui.config import Profile, provider_names
from trainer_tui.config_problem import did_you_mean
from trainer_tui.errors import ConfigError
from trainer_tui.model import (
    Account,
    Capability,
    Job,
    Status,
)
from trainer_tui.paths import Paths

LOG = "log"
"""The name of what a job writes to its standard output and error."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a provider before it is asked anything."""

    name: str
    title: str
    """As its makers write it: ``RunComfy Trainer``."""
    capabilities: frozenset[Capability]
    lists: bool
    """Whether one request answers with every job. Where not, the store's ids are asked one by
    one, and ``track`` adds an id made elsewhere."""
    nearby: bool = False
    """Whether the service is on this machine, so that asking it often is no burden."""
    default_base_url: str | None = None
    needs_credential: bool = True
    reasons: Mapping[Capability, str] = field(default_factory=lambda: MappingProxyType({}))
    """Capability it lacks → one sentence why, and what to do instead."""
    consequences: Mapping[Capability, str] = field(default_factory=lambda: MappingProxyType({}))
    """Act → one sentence on what it does *here*, shown before it is confirmed."""
    waiting: Mapping[Capability, str] = field(default_factory=lambda: MappingProxyType({}))
    """The same for a job that is still queued, where that is something else."""
    gpu_types: tuple[str, ...] = ()
    """Values of ``--gpu-type``, the first being the default; empty when there is no choice."""
    credential_help: str = ""
    """Where to get a credential, one sentence."""
    datasets: bool = False
    """Whether the service keeps datasets that are uploaded apart from jobs."""

    def why_not(self, capability: Capability) -> str:
        """One sentence on why the service lacks a capability."""
        return self.reasons.get(capability) or f"{self.title} has no {capability}."


@dataclass(frozen=True, slots=True)
class Context:
    """What a provider is opened with."""

    profile: Profile
    paths: Paths
    now: Callable[[], datetime]
    """The clock: aware UTC."""
    autostart: bool = True
    """Whether ``local`` may start the local server when none runs."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a new job."""

    config_text: str
    name: str | None = None
    gpu_type: str | None = None
    gpu_count: int | None = None
    runner: str | None = None
    """Only ``local``: smoke, command or ai-toolkit."""
    token: str | None = None
    """The caller's own id of this request: sent twice, it makes one job where that can be had."""
    moved: Callable[[int, int], None] | None = None
    """Called with the bytes sent and their number, where a submission uploads much."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training data that a service keeps apart from jobs."""

    id: str
    name: str
    """What a config's ``folder_path`` ends with."""
    status: str
    """``DRAFT``, ``UPLOADING``, ``READY`` or ``FAILED``."""
    created_at: datetime | None = None
    error: str | None = None
    files: Mapping[str, int] | None = None
    """Name and bytes of each file that is there; ``None`` where the service does not tell them."""

    @property
    def ready(self) -> bool:
        """Whether a job can mount it."""
        return self.status.upper() == "READY"


class Provider(Protocol):
    """The part that every provider has."""

    facts: Facts

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        """All jobs there are to see now.

        Args:
            known: The jobs as last observed (ids from the store included, those with
                ``Status.UNKNOWN`` never observed yet). A provider without a list asks for those
                that are not ended, by status, and gives back the rest as they are.
        """

    async def get_job(self, job_id: str) -> Job:
        """One job, asked for afresh. Raises NotFoundError."""

    async def check(self) -> Account:
        """Prove that the base URL and the credential work, at the smallest cost."""

    async def aclose(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class DownloadHead:
    """The first thing that a download gives."""

    offset: int
    """Where the bytes that follow begin: 0 when the server ignored the range."""
    size: int | None
    """Of the whole file."""
    etag: str | None


Download = DownloadHead | bytes


class Module(Protocol):
    """A provider module, seen from outside."""

    FACTS: Facts

    def open_provider(self, context: Context) -> Provider:
        """Build the provider; no request is made yet."""


def module(name: str) -> Module:
    """The module of a provider.

    Raises:
        ConfigError: There is no such provider.
    """
    if name not in (known := provider_names()):
        near = did_you_mean(name, known) or f"; known are {', '.join(known)}"
        raise ConfigError(f"there is no provider {name!r}{near}")
    return cast(Module, importlib.import_module(f"trainer_tui.providers.{name}"))


def facts(name: str) -> Facts:
    """A provider's facts, by its name."""
    return module(name).FACTS


def open_named(context: Context) -> Provider:
    """The provider of a profile, ready to be asked."""
    return module(context.profile.provider).open_provider(context)


def allowed_in(status: Status, capabilities: frozenset[Capability]) -> frozenset[Capability]:
    """The usual rule for which acts a status allows; a provider may narrow it further."""
    allowed = capabilities & _ALWAYS
    if status.active:
        allowed |= capabilities & {Capability.CANCEL}
    if status in {Status.RUNNING, Status.PREPARING}:
        allowed |= capabilities & {Capability.STOP}
    if status in {Status.INTERRUPTED, Status.FAILED, Status.CANCELED}:
        allowed |= capabilities & {Capability.RESUME}
    if status.ended:
        allowed |= capabilities & {Capability.EDIT, Capability.DELETE}
    return allowed


_ALWAYS = frozenset(
    {
        Capability.SUBMIT,
        Capability.LOGS,
        Capability.METRICS,
        Capability.ARTIFACTS,
        Capability.CONFIG,
        Capability.MODELS,
        Capability.STAR,
        Capability.PROVENANCE,
        Capability.PIPELINE,
        Capability.BUNDLE,
    }
)
