"""Roboflow's training API, spoken by the local server for folders of images.

The shapes are those of the vendor's reference and of its published SDK, which runs against this
server with ``API_URL`` set. The server's token is the API key. A version is trained by the smoke
trainer; what each number means here is told in ``docs/providers/roboflow.md``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trainer_tui import __version__
from trainer_tui.errors import NotFoundError, StateError, UsageError
from trainer_tui.server.context import ServerContext
from trainer_tui.server.dialects import roboflow_shapes as shapes
from trainer_tui.server.dialects.roboflow_model import Ask, Child, Training
from trainer_tui.server.dialects.roboflow_trainings import Trainings
from trainer_tui.server.dialects.roboflow_wire import (
    PREFIX,
    PROJECT,
    VERSION,
    WORKSPACE,
    answer_error,
    refuse,
    token_in,
)
from trainer_tui.server.dialects.runcomfy_wire import read_body
from trainer_tui.server.engine import Engine
from trainer_tui.server.projects import Projects, Version

__all__ = ["PREFIX", "answer_error", "refuse", "routes", "token_in"]

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(engine: Engine, context: ServerContext) -> list[Route]:
    """All calls of the protocol, those with fixed words before those with a name in their place."""
    calls = _Calls(engine, context)
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/", calls.root),
        ("POST", "/", calls.root),  # the official SDK asks so
        ("GET", "/models/{ws:rf_name}/{model:path}", calls.model),
        ("POST", WORKSPACE + "/models/{model:path}/favorite", calls.favorite),
        ("POST", VERSION + "/train", calls.train),
        ("POST", VERSION + "/train/cancel", calls.cancel),
        ("POST", VERSION + "/train/stop", calls.stop),
        ("GET", VERSION + "/training/results", calls.results),
        ("GET", VERSION + "/v2/trainings", calls.trainings),
        ("POST", VERSION + "/v2/trainings", calls.create),
        ("GET", VERSION + "/v2/trainings/get", calls.training),
        ("GET", VERSION + "/v2/trainings/recipe", calls.recipe),
        ("POST", VERSION + "/v2/trainings/cancel", calls.cancel),
        ("POST", VERSION + "/v2/trainings/stop", calls.stop),
        ("GET", PROJECT + "/models", calls.models),
        ("GET", PROJECT + "/{model:path}/ptFile", calls.weights),
        ("GET", VERSION + "/{format:rf_name}", calls.export),
        ("GET", WORKSPACE, calls.workspace),
        ("GET", PROJECT, calls.project),
        ("GET", VERSION, calls.version),
    ]
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


class _Calls:
    def __init__(self, engine: Engine, context: ServerContext) -> None:
        self._context = context
        self._projects = Projects(context.settings.projects)
        self._trainings = Trainings(engine)

    # -- looking --------------------------------------------------------------------------------

    async def root(self, request: Request) -> Response:
        names = await asyncio.to_thread(self._projects.workspaces)
        return JSONResponse(
            {
                "welcome": f"trainer-tui {__version__}: Roboflow's training API on this machine",
                "instructions": "Train with the local smoke trainer.",
                "docs": "https://docs.roboflow.com",
                "workspace": names[0] if names else None,
            }
        )

    async def workspace(self, request: Request) -> Response:
        ws: str = request.path_params["ws"]
        names = await asyncio.to_thread(self._projects.projects, ws)
        trainings = self._trainings.below(ws)
        projects = [await self._project(ws, name, trainings) for name in names]
        return JSONResponse({"workspace": shapes.workspace(ws) | {"projects": projects}})

    async def project(self, request: Request) -> Response:
        ws, name = request.path_params["ws"], request.path_params["project"]
        versions = await asyncio.to_thread(self._projects.versions, ws, name)
        trainings = self._trainings.below(f"{ws}/{name}")
        told = [shapes.version(each, trainings.get(each.id, ())) for each in versions]
        project = await self._project(ws, name, trainings)
        answer = {"workspace": shapes.workspace(ws), "project": project, "versions": told}
        return JSONResponse(answer)

    async def _project(
        self, ws: str, name: str, trainings: Mapping[str, Sequence[Training]]
    ) -> dict[str, Any]:
        numbers = await asyncio.to_thread(self._projects.numbers, ws, name)
        newest = None
        if numbers:
            newest = await asyncio.to_thread(self._projects.version, ws, name, numbers[0])
        mine = [
            training
            for version, some in trainings.items()
            if version.startswith(f"{ws}/{name}/")
            for training in some
        ]
        return shapes.project(ws, name, len(numbers), newest, mine)

    async def version(self, request: Request) -> Response:
        version = await self._version(request)
        ws, name = version.workspace, version.project
        trainings = self._trainings.below(f"{ws}/{name}")
        answer = {
            "workspace": shapes.workspace(ws),
            "project": await self._project(ws, name, trainings),
            "version": shapes.version(version, trainings.get(version.id, ()), whole=True),
        }
        return JSONResponse(answer)

    async def export(self, request: Request) -> Response:
        version = await self._version(request)
        raise NotFoundError(
            "This server makes no exports of a dataset; training here needs none.",
            hint=f"The images lie in {version.folder}.",
            code="NO_EXPORT",
        )

    async def results(self, request: Request) -> Response:
        """The newest training's models, as the version's own results."""
        version = await self._version(request)
        found = self._trainings.of(version.id)
        if not found:
            raise NotFoundError(f"{version.id} has no training.", code="TRAINING_NOT_FOUND")
        return JSONResponse(shapes.results(found[0], self._trainings.starred()))

    async def trainings(self, request: Request) -> Response:
        version = await self._version(request)
        found = self._trainings.of(version.id)
        return JSONResponse({"trainings": [shapes.training(each) for each in found]})

    async def training(self, request: Request) -> Response:
        version = await self._version(request)
        training = self._trainings.get(version.id, request.query_params.get("trainingId"))
        stars, ws = self._trainings.starred(), version.workspace
        return JSONResponse(shapes.results(training, stars, before=f"{ws}/"))

    async def recipe(self, request: Request) -> Response:
        await self._version(request)
        ask = Ask.read({"modelType": request.query_params.get("modelType")})
        return JSONResponse(shapes.recipe(ask))

    async def models(self, request: Request) -> Response:
        ws, name = request.path_params["ws"], request.path_params["project"]
        await asyncio.to_thread(self._projects.numbers, ws, name)
        group, stars = request.query_params.get("group"), self._trainings.starred()
        rows = [
            shapes.row(training, child, stars)
            for some in self._trainings.below(f"{ws}/{name}").values()
            for training in some
            if group is None or training.group == group
            for child in training.children
        ]
        return JSONResponse(rows)

    async def model(self, request: Request) -> Response:
        training, child = self._model(request)
        return JSONResponse(shapes.row(training, child, self._trainings.starred()))

    async def weights(self, request: Request) -> Response:
        """A link to the weights of a model, or of a version's best one."""
        ws, name = request.path_params["ws"], request.path_params["project"]
        model: str = request.path_params["model"]
        if model.isascii() and model.isdigit():
            trainings = self._trainings.of(f"{ws}/{name}/{model}")
            child = next((best for each in trainings if (best := each.best)), None)
            if child is None:
                raise NotFoundError(f"{ws}/{name}/{model} has no weights.", code="NO_WEIGHTS")
        else:
            _, child = self._model(request)
        entry = await self._trainings.weights(child)
        origin = str(request.base_url)
        url = self._context.file_url(origin, child.record.id, entry.path)
        return JSONResponse({"weightsUrl": url})

    # -- acting ---------------------------------------------------------------------------------

    async def train(self, request: Request) -> Response:
        """Start a training as the reference page does; one at a time on a version."""
        version = await self._version(request)
        ask = Ask.read(await read_body(request, optional=True))
        if any(training.in_flight for training in self._trainings.of(version.id)):
            raise StateError(
                "A training of this version is in progress.",
                hint="Cancel or stop it, or start another with v2/trainings.",
                code="TRAINING_IN_PROGRESS",
            )
        training = await self._trainings.create(version, ask)
        return JSONResponse({"success": True, "status": training.status})

    async def create(self, request: Request) -> Response:
        version = await self._version(request)
        ask = Ask.read(await read_body(request, optional=True))
        training = await self._trainings.create(version, ask)
        job = training.children[0].record.id
        answer = {"trainingId": training.id, "status": training.status, "jobId": job}
        return JSONResponse(answer | {"modelType": training.model_type})

    async def cancel(self, request: Request) -> Response:
        """End a training. Nothing is paid here, so there is no refund to talk about."""
        await self._trainings.cancel(await self._named(request))
        return JSONResponse({"success": True})

    async def stop(self, request: Request) -> Response:
        await self._trainings.stop(await self._named(request))
        return JSONResponse({"success": True})

    async def favorite(self, request: Request) -> Response:
        body = await read_body(request)
        on = body.get("starred", True)
        if not isinstance(on, bool):
            raise UsageError("starred is true or false.")
        training, child = self._model(request)
        self._trainings.star(training, child, on)
        row = shapes.row(training, child, self._trainings.starred())
        return JSONResponse({"success": True, "model": row})

    async def _named(self, request: Request) -> Training:
        """The training that an act is for: the one that the body names, else the only one in
        flight, else the newest."""
        version = await self._version(request)
        body = await read_body(request, optional=True)
        training = body.get("trainingId")
        if training is not None:
            return self._trainings.get(version.id, str(training))
        found = self._trainings.of(version.id)
        in_flight = [each for each in found if each.in_flight]
        if len(in_flight) == 1 or (found and not in_flight):
            return (in_flight or found)[0]
        return self._trainings.get(version.id, None)

    async def _version(self, request: Request) -> Version:
        at = request.path_params
        ws, name, number = at["ws"], at["project"], at["version"]
        return await asyncio.to_thread(self._projects.version, ws, name, number)

    def _model(self, request: Request) -> tuple[Training, Child]:
        return self._trainings.model(request.path_params["ws"], request.path_params["model"])
