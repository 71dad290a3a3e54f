"""Roboflow: trainings of versions of datasets, found over a workspace's projects.

The key goes into the ``Authorization`` header, or into the query where the profile says
``options.auth = "query"``; weights come from a signed address, without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from trainer_tui.errors import (
    NetworkError,
    NotFoundError,
    ProtocolError,
    ServiceError,
    StateError,
    TrainerError,
    UsageError,
)
from trainer_tui.model import (
    Account,
    Capability,
    Job,
    JobRef,
    Metric,
    Progress,
    Status,
)
from trainer_tui.providers import _roboflow_answers as answers
from trainer_tui.providers import _wire
from trainer_tui.providers._roboflow_answers import Name
from trainer_tui.providers._roboflow_models import Models
from trainer_tui.providers._roboflow_way import Options, Way, path_of
from trainer_tui.providers.base import Context, Facts, Submission

if TYPE_CHECKING:
    from trainer_tui.providers._roboflow_listing import Listing
    from trainer_tui.providers.http import Http

__all__ = ["FACTS", "Roboflow", "open_provider"]

FACTS = Facts(
    name="roboflow",
    title="Roboflow",
    capabilities=answers.HAS,
    lists=True,
    default_base_url="https://api.roboflow.com",
    needs_credential=True,
    reasons=MappingProxyType(
        {
            Capability.RESUME: "Roboflow cannot resume; submit its config as a new training.",
            Capability.EDIT: "Roboflow edits no training; submit its config as a new one.",
            Capability.DELETE: "This console deletes nothing at Roboflow; its web app has a Trash.",
            Capability.LOGS: "Roboflow gives no log; Metrics has the epochs as they come.",
            Capability.PROVENANCE: "Roboflow tells no provenance; project/version is in the name.",
            Capability.PIPELINE: "Roboflow trainings are single: there is no pipeline to show.",
            Capability.BUNDLE: "Roboflow makes no bundle; weights are in Artifacts.",
        }
    ),
    consequences=MappingProxyType(
        {
            Capability.CANCEL: "Roboflow ends the training and discards the weights; credits come "
            "back only when it is canceled early.",
            Capability.STOP: "Roboflow ends the training early and keeps the weights.",
            Capability.SUBMIT: "Roboflow queues a training of that version; credits are used.",
            Capability.STAR: "Roboflow marks the model, and compiles it for its hardware.",
        }
    ),
    waiting=MappingProxyType(
        {
            Capability.CANCEL: "Roboflow takes the training out of its queue; it has no weights "
            "yet. Credits come back only when it is canceled early.",
        }
    ),
    credential_help="An API key of the workspace: app.roboflow.com, Settings, API Keys.",
)

_UNSENT = ("CONNECT", "CONNECT_TIMEOUT", "TLS")


def open_provider(context: Context) -> Roboflow:
    """The provider of a profile; no request is made yet.

    Raises:
        ConfigError: An option of the profile is wrong.
    """
    from trainer_tui.providers.http import Http

    profile = context.profile
    options = Options(profile)
    http = Http(
        profile,
        service=FACTS.title,
        base_url=profile.base_url or FACTS.default_base_url or "",
        credential_in="query:api_key" if options.in_query else "bearer",
        now=context.now,
    )
    return Roboflow(context, http, options)


class Roboflow(Models):
    """See :class:`~trainer_tui.providers.base.Provider`, and ``capabilities`` beside it."""

    facts = FACTS

    def __init__(self, context: Context, http: Http, options: Options) -> None:
        super().__init__(Way(http, context.profile))
        self._now = context.now
        self._profile = context.profile
        self._options = options
        self._listing: Listing | None = None
        self._before: list[Job] = []

    # -- looking -----------------------------------------------------------------------------

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        """All trainings of the workspace (or of ``options.projects``)."""
        return await (await self._listed()).jobs(known)

    def remember(self, known: Sequence[Job]) -> None:
        """Keep what Roboflow tells only once: how far a version's earlier trainings came."""
        self._before = [*self._before, *known]

    async def get_job(self, job_id: str) -> Job:
        """One training, asked for afresh."""
        return await (await self._listed()).look(Name.parse(job_id))

    async def check(self) -> Account:
        """Whose key it is, and how many projects it sees."""
        workspace = await self._way.workspace()
        projects = answers.read_projects(await self._way.get(""))
        count = len(projects)
        missing = sorted(set(self._options.projects) - {each.id for each in projects})
        lacks = f"; no project {', '.join(missing)} there" if missing else ""
        return Account(f"workspace {workspace}, {count} project{'' if count == 1 else 's'}{lacks}")

    async def metrics(self, job_id: str, *, since: int = 0) -> tuple[Sequence[Metric], int]:
        """mAP and losses of the epochs after ``since``. Roboflow tells them of the newest
        training of a version only."""
        version, current = await (await self._listed()).version(Name.parse(job_id))
        return answers.metrics(version, since) if current else ((), since)

    # -- acting ------------------------------------------------------------------------------

    async def submit(
        self, submission: Submission, *, accepted: Callable[[str], None] = lambda job_id: None
    ) -> Job:
        """Start a training; ``config_text`` is the small YAML of docs/providers/roboflow.md.

        The request is sent once. When its answer is lost the error says that it may have begun.
        """
        from trainer_tui.providers._roboflow_config import Wanted

        wanted = Wanted.parse(submission.config_text)
        workspace = await self._way.workspace()
        if wanted.workspace not in (None, workspace):
            raise UsageError(
                f"the config names the workspace {wanted.workspace}, the profile {workspace}",
                hint="Submit it to the profile of that workspace.",
            )
        listing = await self._listed()
        name = Name(wanted.project, wanted.version)
        first = not await self._has_trainings(name)
        training = await self._start(name, wanted.body)
        name = Name(name.project, name.version, None if first else training)
        listing.changed(name)
        if first or training is not None:
            accepted(str(name))
        try:
            if not first and training is None:
                newest = await self._newest(Name(name.project, name.version))
                accepted(newest.ref.id)
                return newest
            return self._with_total(await listing.look(name), wanted.epochs)
        except TrainerError:
            ref = JobRef(self._profile.name, str(name))
            job = answers.unseen(ref).replace(status=Status.QUEUED, raw_status="queued")
            return self._with_total(job, wanted.epochs)

    async def _has_trainings(self, name: Name) -> bool:
        """Whether a version was trained before. Raises NotFoundError when it does not exist."""
        version, _ = await (await self._listed()).version(name)
        if version.training is not None:
            return True
        try:
            path = path_of(name, "v2/trainings")
            return bool(answers.read_trainings(await self._way.get(path)))
        except NotFoundError:
            return False

    async def _start(self, name: Name, body: Mapping[str, object]) -> str | None:
        """Start it; gives the training's id, where the service names it."""
        try:
            path = path_of(name, "v2/trainings")
            answer = await self._way.post(path, {_CAMEL.get(k, k): v for k, v in body.items()})
            return answers.training_id(answer)
        except TrainerError as problem:
            absent = isinstance(problem, NotFoundError) and not problem.code
            if not absent and getattr(problem, "status", None) != 405:
                raise _perhaps(problem) from None
        try:
            await self._way.post(path_of(name, "train"), body)  # as the reference page has it
        except TrainerError as problem:
            raise _perhaps(problem) from None
        return None

    async def _newest(self, name: Name) -> Job:
        listing = await self._listed()
        await listing.look(name)
        jobs = listing.of(name)
        return max(jobs, key=lambda job: (job.status.active, job.created_at or self._now()))

    @staticmethod
    def _with_total(job: Job, epochs: int | None) -> Job:
        if job.progress is None and epochs:
            job = job.replace(progress=Progress.of(0, epochs, "epoch"))
        return job

    async def cancel(self, job_id: str) -> Job | None:
        """End the training and discard its weights.

        Raises:
            StateError: It had already finished (``CANNOT_CANCEL``); or there is no refund for it
                any more (``NO_REFUND``) and nothing was ended.
        """
        return await self._cancel(job_id, self._options.continue_if_no_refund)

    async def cancel_without_refund(self, job_id: str) -> Job | None:
        """As :meth:`cancel`, also where no credits come back."""
        return await self._cancel(job_id, True)

    async def _cancel(self, job_id: str, without_refund: bool) -> Job | None:
        body: dict[str, object] = {"continueIfNoRefund": True} if without_refund else {}
        try:
            answer = await self._act(job_id, "cancel", body)
        except StateError as problem:
            if problem.code != "CANNOT_CANCEL":
                raise
            failure = StateError(
                "it had already finished",
                hint="There is nothing left to cancel; its weights, if any, are in Artifacts.",
                code=problem.code,
            )
        else:
            if answer.get("refund") is not False or answer.get("success") is True:
                return await self._after(job_id)
            failure = StateError(
                "Roboflow gives no credits back for it any more, and has not canceled it",
                hint="Stop keeps the weights. To cancel all the same: `trainer-tui cancel "
                f"--without-refund {self._profile.name}/{job_id}`.",
                code="NO_REFUND",
            )
        raise failure

    async def stop(self, job_id: str) -> Job | None:
        """End the training early and keep its weights; a stopped one stays as it is."""
        await self._act(job_id, "stop", {})
        return await self._after(job_id)

    async def _act(self, job_id: str, act: str, body: dict[str, object]) -> Mapping[str, Any]:
        name = Name.parse(job_id)
        listing = await self._listed()
        training = listing.training_of(name)
        if training is not None and listing.needs_naming(name):
            answer = await self._way.post(
                path_of(name, f"v2/trainings/{act}"), {"trainingId": training, **body}
            )
        else:
            answer = await self._way.post(path_of(name, f"train/{act}"), body)
        listing.changed(name)
        return _wire.mapping(answer, "the answer")

    async def _after(self, job_id: str) -> Job | None:
        """The job as it is after an act; ``None`` when it cannot be asked just now."""
        try:
            return await self.get_job(job_id)
        except TrainerError:
            return None

    async def config_text(self, job_id: str) -> str:
        """What would start this training anew, as far as Roboflow tells."""
        from trainer_tui.providers._roboflow_config import anew

        name = Name.parse(job_id)
        listing = await self._listed()
        job = listing.last(job_id) or await listing.look(name)
        return anew(job, name)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._way.http.aclose()

    # -- the way there -----------------------------------------------------------------------

    async def _listed(self) -> Listing:
        await self._way.workspace()
        if self._listing is None:
            from trainer_tui.providers._roboflow_listing import Listing

            self._listing = Listing(
                self._way.get,
                self._profile.name,
                self._options.projects,
                clock=asyncio.get_running_loop().time,
                now=self._now,
            )
        if self._before:
            self._listing.remember(self._before)
            self._before = []
        return self._listing


_CAMEL = {"model_type": "modelType"}


def _perhaps(problem: TrainerError) -> TrainerError:
    """The error of a start; where the request may have been carried out it says so."""
    lost = isinstance(problem, NetworkError) and problem.code not in _UNSENT
    gateway = isinstance(problem, ServiceError) and problem.status in (500, 502, 503, 504)
    if not (lost or gateway or isinstance(problem, ProtocolError)):
        return problem
    return NetworkError(
        f"{problem.message}. The training may have been started all the same.",
        title="Started, perhaps",
        hint="Look whether the version has a training by now before you start another.",
        code="PERHAPS_SUBMITTED",
    )
