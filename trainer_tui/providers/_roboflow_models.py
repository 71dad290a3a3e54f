"""Roboflow's models: what a training made, their metrics, stars and weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trainer_tui import sanitize
from trainer_tui.errors import (
    NotFoundError,
    ProtocolError,
    ServiceError,
    StateError,
    TrainerError,
    UsageError,
)
from trainer_tui.model import Artifact, ArtifactKind, Model, ModelPage
from trainer_tui.providers import _roboflow_model_answers as answers
from trainer_tui.providers import _wire
from trainer_tui.providers._roboflow_answers import Name
from trainer_tui.providers._roboflow_model_answers import Results
from trainer_tui.providers._roboflow_way import STAR, Way, path_of, quoted
from trainer_tui.providers.base import Download

if TYPE_CHECKING:
    from trainer_tui.providers._roboflow_listing import Listing

_PAGE = 50
_NAMED = 8
"""Models of a job whose weights' file names are asked for; further ones are called NAME.pt."""


class Models(ABC):
    """The calls about models, mixed into the provider."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._suffixes: dict[str, str] = {}
        self._stars: dict[str, bool] = {}

    @abstractmethod
    async def _listed(self) -> Listing:
        """What is known of the workspace."""

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
        listing = await self._listed()
        training = listing.training_of(name)
        if training is not None and listing.needs_naming(name):
            path, params = path_of(name, "v2/trainings/get"), {"trainingId": training}
        else:
            path, params = path_of(name, "training/results"), {}
        found = answers.read_results(await self._way.get(path, params))
        if found.group is None or all(model.starred is not None for model in found.models):
            return found
        stars = {**await self._told_stars(name, found.group), **self._stars}
        models = [_with_star(model, stars.get(answers.slug_of(model.id))) for model in found.models]
        return Results(models, found.group)

    async def _told_stars(self, name: Name, group: str) -> dict[str, bool]:
        """The stars of a search's models, which its results need not tell."""
        try:
            params = {"group": group}
            return answers.stars_in(await self._way.get(f"/{quoted(name.project)}/models", params))
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
        path = f"/models/{quoted(slug)}/favorite"
        try:
            await self._way.post(path, {"starred": on}, scope=STAR)
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
            path = f"/{quoted(name.project)}/{quoted(slug)}/ptFile"
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
        answer = _wire.mapping(await self._way.get(path), "the answer")
        url = answer.get("weightsUrl")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ProtocolError("Roboflow gave no address for the weights")
        return url

    async def download(
        self, artifact: Artifact, *, offset: int = 0, etag: str | None = None
    ) -> AsyncIterator[Download]:
        """Stream weights from the signed address that is good just now; it gets no key."""
        url = await self._weights_url(artifact.url)
        stream = self._way.http.download(url, offset=offset, etag=etag)
        try:
            async for item in stream:
                yield item
        finally:
            await stream.aclose()


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
