"""What only some providers can do: one small protocol a capability, looked for with isinstance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from trainer_tui.model import Artifact, Event, Job, LogChunk, Metric, Model, ModelPage
from trainer_tui.providers.base import LOG, Dataset, Download, Submission


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
