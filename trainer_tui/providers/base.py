"""What a provider is: a few facts known without a network, and one small protocol a capability.

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
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast, runtime_checkable

from trainer_tui.config import Profile, did_you_mean, provider_names
from trainer_tui.errors import ConfigError
from trainer_tui.model import (
    Account,
    Artifact,
    Capability,
    Event,
    Job,
    LogChunk,
    Metric,
    Model,
    ModelPage,
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


@runtime_checkable
class Remembers(Protocol):
    """A provider whose service tells so little of a job that what is known must be kept."""

    def remember(self, known: Sequence[Job]) -> None:
        """Take jobs as another run of the program observed them; what is known here stays."""


@runtime_checkable
class CanCancel(Protocol):
    async def cancel(self, job_id: str) -> Job | None:
        """End the job. Gives the job when the answer tells its state.

        Raises StateError when it had already ended.
        """


@runtime_checkable
class CanForgoRefund(Protocol):
    async def cancel_without_refund(self, job_id: str) -> Job | None:
        """As :meth:`CanCancel.cancel`, also where nothing is paid back.

        Asked for after ``cancel`` was refused with the code ``NO_REFUND``.
        """


@runtime_checkable
class CanStop(Protocol):
    async def stop(self, job_id: str) -> Job | None:
        """End the job early and keep what it has made. Idempotent where the service is."""


@runtime_checkable
class CanResume(Protocol):
    async def resume(
        self, job_id: str, *, gpu_type: str | None = None, gpu_count: int | None = None
    ) -> Job | None:
        """Run it again from its newest checkpoint."""


@runtime_checkable
class CanSubmit(Protocol):
    async def submit(
        self, submission: Submission, *, accepted: Callable[[str], None] = lambda job_id: None
    ) -> Job:
        """Ask for a new job.

        ``accepted`` is called with the id the moment it is known, before anything else happens:
        that is where the caller writes it to the store.
        """


@runtime_checkable
class CanEdit(Protocol):
    async def edit(
        self, job_id: str, config_text: str, *, base_text: str | None = None
    ) -> Job | None:
        """Replace the config of a job that does not run. The text is sent byte for byte.

        ``base_text`` is what the edit began from, for services that can notice a conflict
        (StateError with code ``CONFLICT``).
        """


@runtime_checkable
class HasConfig(Protocol):
    async def config_text(self, job_id: str) -> str:
        """The config as the service has it. NotFoundError when it has none to give yet."""


@runtime_checkable
class CanDelete(Protocol):
    async def delete(self, job_id: str) -> None:
        """Delete the job and its files at the service."""


@runtime_checkable
class HasLogs(Protocol):
    def log_names(self, job: Job) -> tuple[str, ...]:
        """The logs that the job may have; the first one is the usual one."""

    async def logs(
        self, job_id: str, *, offset: int = 0, limit: int = 1 << 20, name: str = LOG
    ) -> LogChunk:
        """A piece of a log from a byte offset; a negative offset counts from the end.

        An offset beyond the end means another log than the one that was read: it is given from
        its beginning, with ``reset``.
        """


@runtime_checkable
class HasLogFile(Protocol):
    async def log_path(self, job_id: str) -> Path | None:
        """The file that the job writes its log to, where it is proven to be on this machine."""


@runtime_checkable
class HasMetrics(Protocol):
    async def metrics(self, job_id: str, *, since: int = 0) -> tuple[Sequence[Metric], int]:
        """New points, and the cursor to ask with next time (0 at first)."""


@runtime_checkable
class HasArtifacts(Protocol):
    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """What can be downloaded now; may be asked while the job runs."""

    def download(
        self, artifact: Artifact, *, offset: int = 0, etag: str | None = None
    ) -> AsyncIterator[Download]:
        """Stream an artifact from a byte offset: first a :class:`DownloadHead`, then bytes.

        Raises StaleUrlError-like :class:`~trainer_tui.errors.NotFoundError` with code
        ``URL_EXPIRED`` when the URL is no longer good and the list must be asked again.
        """


@runtime_checkable
class HasEvents(Protocol):
    async def events(self, job_id: str) -> Sequence[Event]:
        """What the service itself knows to have happened."""


@runtime_checkable
class HasDatasets(Protocol):
    async def dataset_states(self) -> Mapping[str, str]:
        """The account's datasets: name → status, ``READY`` where a job can mount it."""


@runtime_checkable
class KeepsDatasets(Protocol):
    """A service with datasets that can be made, filled and deleted."""

    async def list_datasets(self) -> Sequence[Dataset]:
        """All datasets of the account."""

    async def create_dataset(self, name: str | None = None) -> Dataset:
        """Make an empty one; the service names it when no name is given."""

    async def dataset_status(self, dataset_id: str) -> Dataset:
        """One, asked for afresh, with its files where the service tells them."""

    async def upload_to_dataset(
        self, dataset_id: str, file: Path, *, moved: Callable[[int, int], None] | None = None
    ) -> None:
        """Send one file; what has its name there is replaced.

        ``moved`` is called, from any thread, with the bytes sent and their number.
        """

    async def delete_dataset(self, dataset_id: str) -> None:
        """Delete it and its files."""


@runtime_checkable
class HasModels(Protocol):
    async def models(self, job_id: str, *, page: int = 0, sort_by: str | None = None) -> ModelPage:
        """The models that a job has made so far.

        Args:
            page: From 0; beyond the last it is the last.
            sort_by: One of ``available_metrics``, best first as the service understands best;
                ``None`` is its own order.

        Raises:
            StateError: There are none to be told of in the job's present state.
        """


@runtime_checkable
class CanStar(Protocol):
    async def star(self, job_id: str, model_id: str, on: bool) -> Model | None:
        """Mark a model as a favourite, or unmark it; idempotent.

        Gives the model when the answer tells it. Raises StateError when this one cannot be
        starred (``MODEL_NOT_NAS``), NotFoundError when there is no such model.
        """


@runtime_checkable
class HasBundle(Protocol):
    async def bundle(
        self,
        job_id: str,
        *,
        code: bool = True,
        data: bool = False,
        model: bool = False,
        model_id: str | None = None,
    ) -> Artifact:
        """A zip with the code, the data and the models of a job, to be downloaded like any file.

        Args:
            model_id: Only this one of the job's models.
        """


@runtime_checkable
class HasProvenance(Protocol):
    async def provenance(self, job_id: str, model_id: str | None = None) -> str:
        """What a model was made of, as Graphviz DOT; :mod:`trainer_tui.core.dot` draws it.

        Args:
            model_id: ``None`` for the job's best one.

        Raises:
            NotFoundError: There is no such model.
            StateError: The job has no model yet.
        """


@runtime_checkable
class HasPipeline(Protocol):
    async def pipeline(self) -> Mapping[str, str]:
        """What a job that is submitted now would run on: label → text, in the order to show.

        Raises:
            NotFoundError: Nothing was deployed yet (``PIPELINE_NOT_FOUND``).
        """


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
