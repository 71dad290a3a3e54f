"""Roboflow: trainings of versions of datasets, found over a workspace's projects.

The key goes into the ``Authorization`` header, or into the query where the profile says
``options.auth = "query"``; weights come from a signed address, without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from trainer_tui import sanitize
from trainer_tui.config import Profile
from trainer_tui.errors import (
    AuthError,
    ConfigError,
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
    Artifact,
    ArtifactKind,
    Capability,
    Job,
    JobRef,
    Metric,
    Model,
    ModelPage,
    Progress,
    Status,
)
from trainer_tui.providers import _roboflow_answers as answers
from trainer_tui.providers import _wire
from trainer_tui.providers._roboflow_answers import Name, Results
from trainer_tui.providers.base import Context, Download, Facts, Submission

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
    credential_help="An API key of the workspace: app.roboflow.com, Settings, API Keys.",
)

_TRAIN = "the scope trainingJob:create"
_READ = "the scope version.read"
_LOOK = "the scope project:read"
_STAR = "a scope that lets it change models"
_PAGE = 50
_NAMED = 8
"""Models of a job whose weights' file names are asked for; further ones are called NAME.pt."""
_UNSENT = ("CONNECT", "CONNECT_TIMEOUT", "TLS")


def open_provider(context: Context) -> Roboflow:
    """The provider of a profile; no request is made yet.

    Raises:
        ConfigError: An option of the profile is wrong.
    """
    from trainer_tui.providers.http import Http

    profile = context.profile
    options = _Options(profile)
    http = Http(
        profile,
        service=FACTS.title,
        base_url=profile.base_url or FACTS.default_base_url or "",
        credential_in="query:api_key" if options.in_query else "bearer",
        now=context.now,
    )
    return Roboflow(context, http, options)


class _Options:
    """The profile's ``options``."""

    def __init__(self, profile: Profile) -> None:
        place = f"profiles.{profile.name}.options"
        auth = profile.extra.get("auth", "header")
        if auth not in ("header", "query"):
            raise ConfigError(f'{place}.auth: "header" or "query" is expected')
        self.in_query = auth == "query"
        told = profile.extra.get("projects", ())
        projects = [told] if isinstance(told, str) else told
        if not isinstance(projects, list | tuple) or not all(map(_wire.is_id, projects)):
            raise ConfigError(f"{place}.projects: a list of project ids is expected")
        self.projects: tuple[str, ...] = tuple(map(str, projects))
        refund = profile.extra.get("continue_if_no_refund", False)
        if not isinstance(refund, bool):
            raise ConfigError(f"{place}.continue_if_no_refund: true or false is expected")
        self.continue_if_no_refund = refund


class Roboflow:
    """See :class:`trainer_tui.providers.base.Provider` and the capability protocols there."""

    facts = FACTS

    def __init__(self, context: Context, http: Http, options: _Options) -> None:
        self._http = http
        self._now = context.now
        self._profile = context.profile
        self._options = options
        self._workspace = context.profile.workspace
        self._listing: Listing | None = None
        self._suffixes: dict[str, str] = {}
        self._stars: dict[str, bool] = {}

    # -- looking -----------------------------------------------------------------------------

    async def list_jobs(self, known: Sequence[Job]) -> Sequence[Job]:
        """All trainings of the workspace (or of ``options.projects``)."""
        return await (await self._found()).jobs(known)

    async def get_job(self, job_id: str) -> Job:
        """One training, asked for afresh."""
        return await (await self._found()).look(Name.parse(job_id))

    async def check(self) -> Account:
        """Whose key it is, and how many projects it sees."""
        workspace = await self._known_workspace()
        projects = answers.read_projects(await self._get(""))
        count = len(projects)
        missing = sorted(set(self._options.projects) - {each.id for each in projects})
        lacks = f"; no project {', '.join(missing)} there" if missing else ""
        return Account(f"workspace {workspace}, {count} project{'' if count == 1 else 's'}{lacks}")

    async def metrics(self, job_id: str, *, since: int = 0) -> tuple[Sequence[Metric], int]:
        """mAP and losses of the epochs after ``since``. Roboflow tells them of the newest
        training of a version only."""
        version, current = await (await self._found()).version(Name.parse(job_id))
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
        workspace = await self._known_workspace()
        if wanted.workspace not in (None, workspace):
            raise UsageError(
                f"the config names the workspace {wanted.workspace}, the profile {workspace}",
                hint="Submit it to the profile of that workspace.",
            )
        listing = await self._found()
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
        version, _ = await (await self._found()).version(name)
        if version.training is not None:
            return True
        try:
            path = _path(name, "v2/trainings")
            return bool(answers.read_trainings(await self._get(path)))
        except NotFoundError:
            return False

    async def _start(self, name: Name, body: Mapping[str, object]) -> str | None:
        """Start it; gives the training's id, where the service names it."""
        try:
            path = _path(name, "v2/trainings")
            answer = await self._post(path, {_CAMEL.get(k, k): v for k, v in body.items()})
            return answers.training_id(answer)
        except TrainerError as problem:
            absent = isinstance(problem, NotFoundError) and not problem.code
            if not absent and getattr(problem, "status", None) != 405:
                raise _perhaps(problem, self._profile.name) from None
        try:
            await self._post(_path(name, "train"), body)  # as the reference page has it
        except TrainerError as problem:
            raise _perhaps(problem, self._profile.name) from None
        return None

    async def _newest(self, name: Name) -> Job:
        listing = await self._found()
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
        listing = await self._found()
        training = listing.training_of(name)
        if training is not None and listing.needs_naming(name):
            answer = await self._post(
                _path(name, f"v2/trainings/{act}"), {"trainingId": training, **body}
            )
        else:
            answer = await self._post(_path(name, f"train/{act}"), body)
        listing.changed(name)
        return _wire.mapping(answer, "the answer")

    async def _after(self, job_id: str) -> Job | None:
        """The job as it is after an act; ``None`` when it cannot be asked just now."""
        try:
            return await self.get_job(job_id)
        except TrainerError:
            return None

    # -- models ------------------------------------------------------------------------------

    async def models(self, job_id: str, *, page: int = 0, sort_by: str | None = None) -> ModelPage:
        """The models of a training, with their metrics; a search (NAS) has many."""
        found = await self._results(Name.parse(job_id))
        models = list(found.models)
        known = answers.available(models)
        if sort_by is not None:
            if sort_by not in known:
                raise UsageError(
                    f"there is no metric {sanitize.line(sort_by, limit=60)!r}",
                    hint=f"There are: {', '.join(known) or 'none yet'}.",
                )
            models = answers.best_first(models, sort_by)
        pages = max(1, -(-len(models) // _PAGE))
        page = min(max(page, 0), pages - 1)
        shown = tuple(models[page * _PAGE : (page + 1) * _PAGE])
        return ModelPage(shown, page, pages, known, sort_by)

    async def _results(self, name: Name) -> Results:
        listing = await self._found()
        training = listing.training_of(name)
        if training is not None and listing.needs_naming(name):
            path, params = _path(name, "v2/trainings/get"), {"trainingId": training}
        else:
            path, params = _path(name, "training/results"), {}
        found = answers.read_results(await self._get(path, params))
        if found.group is None or all(model.starred is not None for model in found.models):
            return found
        stars = {**await self._told_stars(name, found.group), **self._stars}
        models = [_with_star(model, stars.get(answers.slug_of(model.id))) for model in found.models]
        return Results(models, found.group)

    async def _told_stars(self, name: Name, group: str) -> dict[str, bool]:
        """The stars of a search's models, which its results need not tell."""
        try:
            params = {"group": group}
            return answers.stars_in(await self._get(f"/{_quoted(name.project)}/models", params))
        except (NotFoundError, ServiceError, StateError):
            return {}

    async def star(self, job_id: str, model_id: str, on: bool) -> Model | None:
        """Star or unstar a model of a search (NAS); the same again changes nothing.

        Raises:
            StateError: The model is of no search (``MODEL_NOT_NAS``).
            NotFoundError: The workspace has no such model.
        """
        Name.parse(job_id)
        slug = answers.slug_of(model_id)
        path = f"/models/{_quoted(slug)}/favorite"
        try:
            await self._post(path, {"starred": on}, scope=_STAR)
        except TrainerError as problem:
            failure = _star_failure(problem, slug)
        else:
            self._stars[slug] = on
            try:
                models = (await self._results(Name.parse(job_id))).models
            except TrainerError:
                return None
            found = (each for each in models if answers.slug_of(each.id) == slug)
            return next((_with_star(each, on) for each in found), None)
        raise failure

    # -- files -------------------------------------------------------------------------------

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """The weights of the training's models, once it has finished."""
        name = Name.parse(job_id)
        try:
            models = [m for m in (await self._results(name)).models if _is_done(m)]
        except (NotFoundError, StateError):
            return ()
        names, found = _wire.Names(), []
        for place, model in enumerate(models):
            slug = answers.slug_of(model.id)
            path = f"/{_quoted(name.project)}/{_quoted(slug)}/ptFile"
            if slug not in self._suffixes and place < _NAMED:
                try:
                    self._suffixes[slug] = _suffix(await self._weights_url(path))
                except (NotFoundError, StateError):
                    continue  # none to be had of this one
            suffix = self._suffixes.get(slug, ".pt")
            called = sanitize.filename(f"{slug}{suffix}", fallback="weights.pt")
            found.append(
                Artifact(names.unique(called), ArtifactKind.WEIGHTS, path, own_origin=True)
            )
        return found

    async def _weights_url(self, path: str) -> str:
        answer = _wire.mapping(await self._get(path), "the answer")
        url = answer.get("weightsUrl")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ProtocolError("Roboflow gave no address for the weights")
        return url

    async def download(
        self, artifact: Artifact, *, offset: int = 0, etag: str | None = None
    ) -> AsyncIterator[Download]:
        """Stream weights from the signed address that is good just now; it gets no key."""
        url = await self._weights_url(artifact.url)
        stream = self._http.download(url, offset=offset, etag=etag)
        try:
            async for item in stream:
                yield item
        finally:
            await stream.aclose()

    async def config_text(self, job_id: str) -> str:
        """What would start this training anew, as far as Roboflow tells."""
        from trainer_tui.providers._roboflow_config import anew

        name = Name.parse(job_id)
        listing = await self._found()
        job = listing.last(job_id) or await listing.look(name)
        return anew(job, name)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # -- the way there -----------------------------------------------------------------------

    async def _found(self) -> Listing:
        await self._known_workspace()
        if self._listing is None:
            from trainer_tui.providers._roboflow_listing import Listing

            self._listing = Listing(
                self._get,
                self._profile.name,
                self._options.projects,
                clock=asyncio.get_running_loop().time,
                now=self._now,
            )
        return self._listing

    async def _known_workspace(self) -> str:
        """The profile's workspace, or the one that the key belongs to."""
        if self._workspace is None:
            answer = _wire.mapping(
                await self._authorised(self._http.json("GET", "/"), _LOOK), "the answer"
            )
            found = answer.get("workspace")
            if not isinstance(found, str) or not _wire.is_id(found):
                raise ConfigError(
                    f"Roboflow does not say which workspace the key of {self._profile.name} is for",
                    hint=f'Add `workspace = "…"` to [profiles.{self._profile.name}].',
                )
            self._workspace = found
        return _wire.path_id(self._workspace, "workspace")

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET below the workspace."""
        workspace = await self._known_workspace()
        scope = _READ if path.count("/") > 1 else _LOOK
        asked = self._http.json("GET", f"/{workspace}{path}", params=params or None)
        return await self._authorised(asked, scope)

    async def _post(self, path: str, body: object, scope: str = _TRAIN) -> Any:
        workspace = await self._known_workspace()
        return await self._authorised(
            self._http.json("POST", f"/{workspace}{path}", body=body), scope
        )

    async def _authorised(self, asked: Any, scope: str) -> Any:
        """An answer; a refusal names the scope that the key probably lacks."""
        try:
            return await asked
        except AuthError as problem:
            failure = AuthError(
                problem.message,
                hint=f"The key is wrong, or lacks {scope}: look at the API keys in the "
                "workspace's settings.",
                code=problem.code,
            )
        raise failure


_CAMEL = {"model_type": "modelType"}


def _path(name: Name, act: str) -> str:
    return f"/{_quoted(name.project)}/{_quoted(name.version)}/{act}"


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _is_done(model: Model) -> bool:
    return model.status.lower() in ("", "finished", "complete", "completed", "stopped", "deployed")


def _suffix(url: str) -> str:
    found = PurePosixPath(urlsplit(url).path).suffix.lower()
    return found if found in (".pt", ".pth", ".onnx", ".safetensors", ".ckpt") else ".pt"


def _with_star(model: Model, on: bool | None) -> Model:
    return model if on is None else replace(model, starred=on)


def _star_failure(problem: TrainerError, slug: str) -> TrainerError:
    shown = sanitize.line(slug, limit=100)
    if problem.code == "MODEL_NOT_NAS":
        return StateError(
            f"{shown} is not a model of a search (NAS): Roboflow stars only those",
            hint="Start a training whose model type is a NAS one; its models can be starred.",
            code=problem.code,
        )
    if problem.code == "MODEL_NOT_IN_WORKSPACE":
        return NotFoundError(f"the workspace has no model {shown}", code=problem.code)
    return problem


def _perhaps(problem: TrainerError, profile: str) -> TrainerError:
    """The error of a start; where the request may have been carried out it says so."""
    lost = isinstance(problem, NetworkError) and problem.code not in _UNSENT
    gateway = isinstance(problem, ServiceError) and problem.status in (500, 502, 503, 504)
    if not (lost or gateway or isinstance(problem, ProtocolError)):
        return problem
    return NetworkError(
        f"{problem.message}. The training may have been started all the same.",
        title="Started, perhaps",
        hint="R asks again: look whether the version has a training before you start another.",
        code="PERHAPS_SUBMITTED",
    )
