"""kaos's ``/train`` API, spoken by the local server.

The shapes are those of the platform's reference page and of its own server and client, which
spell some things differently: both spellings are taken. A source bundle's ``train OUT`` runs as a
process of this machine (the runner ``bundle``); a job's id stays the same from build to training.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trainer_tui.errors import NotFoundError, StateError
from trainer_tui.server.context import ServerContext
from trainer_tui.server.dialects import kaos_views as views
from trainer_tui.server.dialects.kaos_inputs import InputCalls
from trainer_tui.server.dialects.kaos_wire import (
    DATA,
    PREFIX,
    TRAIN,
    WORKSPACE,
    KaosError,
    answer_error,
    body_limit,
    flag,
    no_job,
    refuse,
    text_answer,
    token_in,
    whole,
    workspace_in,
)
from trainer_tui.server.dialects.kaos_workspaces import Lives, Workspaces
from trainer_tui.server.engine import Engine
from trainer_tui.server.files import serve_file
from trainer_tui.server.runners import bundle_config

__all__ = ["PREFIX", "answer_error", "body_limit", "refuse", "routes", "token_in"]

_ALL = 1_000_000
"""More jobs than any server has."""


def routes(engine: Engine, context: ServerContext) -> list[Route]:
    """All calls of the protocol, each with and without a slash at the end."""
    calls = _JobCalls(engine)
    workspaces = Workspaces(context.settings.folder / "kaos", context.now)
    inputs = InputCalls(engine, workspaces, calls.of_workspace)
    train, job = TRAIN + "/{workspace}", TRAIN + "/{workspace}/{id}"
    table = [
        ("GET", WORKSPACE, inputs.workspaces),
        ("POST", WORKSPACE + "/{workspace}", inputs.make_workspace),
        ("POST", DATA + "/{workspace}/features", inputs.features),
        ("POST", DATA + "/{workspace}/params", inputs.params),
        ("GET", train, calls.list),
        ("POST", train, inputs.create),
        ("GET", train + "/inspect", inputs.inspect),
        ("GET", train + "/build/{id}/logs", calls.build_logs),
        ("GET", job + "/logs", calls.logs),
        ("GET", job + "/bundle", calls.bundle),
        ("GET", job + "/provenance", calls.provenance),
        ("GET", job, calls.info),
        ("POST", job, calls.info),
        ("DELETE", job, calls.kill),
    ]
    return [
        Route(path + slash, call, methods=[method])
        for method, path, call in table
        for slash in ("", "/")
    ]


class _JobCalls:
    """The calls about jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lives = Lives()

    def of_workspace(self, workspace: str) -> list[views.Seen]:
        """The jobs of a workspace, newest first."""
        records, _ = self._engine.book.newest(_ALL)
        found = (self._seen(record.id) for record in records if record.origin == "kaos")
        return [seen for seen in found if seen and seen.life.workspace == workspace]

    def _seen(self, job_id: str) -> views.Seen | None:
        try:
            record, folder = self._engine.get(job_id), self._engine.folder(job_id)
        except NotFoundError:
            return None
        life = self._lives.of(record, folder)
        return views.Seen(record, life, folder) if life else None

    def _job(self, request: Request) -> views.Seen:
        job_id = request.path_params["id"]
        seen = self._seen(job_id)
        if seen is None or seen.life.workspace != workspace_in(request):
            raise no_job(job_id)
        return seen

    async def list(self, request: Request) -> Response:
        jobs = self.of_workspace(workspace_in(request))

        def look() -> dict[str, list[Any]]:
            groups: dict[str, list[Any]] = {"training": [], "building": [], "ingesting": []}
            for seen in jobs:
                groups[seen.group].append(views.submitted(seen))
            return groups

        return JSONResponse({"response": await asyncio.to_thread(look)})

    async def info(self, request: Request) -> Response:
        seen = self._job(request)
        sort_by = request.query_params.get("sort_by") or None
        try:
            page = whole(request, "page_id") or 0
        except ValueError as error:
            raise KaosError(400, "PAGE_ERROR", str(error)) from None
        return JSONResponse(await asyncio.to_thread(views.info, seen, page, sort_by))

    async def kill(self, request: Request) -> Response:
        seen = self._job(request)
        ended = KaosError(400, "JOB_NOT_RUNNING", f"Job is not running, id: {seen.record.id}")
        if seen.ended:
            raise ended
        try:
            await self._engine.cancel(seen.record.id)
        except StateError:
            raise ended from None
        return JSONResponse({})

    async def logs(self, request: Request) -> Response:
        seen = self._job(request)
        return text_answer(views.logs(seen, build_only=False))

    async def build_logs(self, request: Request) -> Response:
        seen = self._job(request)
        return text_answer(views.logs(seen, build_only=True))

    async def bundle(self, request: Request) -> Response:
        seen = self._job(request)
        code, data, model = (flag(request, f"include_{what}") for what in ("code", "data", "model"))
        if code is None and data is None and model is None:
            code = True
        index = None
        model_id = request.query_params.get("model_id")
        if model_id:
            owner, index = await self._model(model_id)
            if owner.record.id != seen.record.id:
                raise _no_model(model_id)
        if model and not seen.ended:
            message = f"The output of job {seen.record.id} is not finished yet."
            raise KaosError(500, "UNFINISHED_COMMIT", message)
        path = await asyncio.to_thread(
            views.bundle, seen, bool(code), bool(data), index, bool(model)
        )
        inside = path.relative_to(seen.folder.root).as_posix()
        return await serve_file(request, seen.folder.root, inside)

    async def provenance(self, request: Request) -> Response:
        workspace, model_id = workspace_in(request), request.path_params["id"]
        seen, index = await self._model(model_id)
        if seen.life.workspace != workspace:
            message = f"The model {model_id[:80]} is of another workspace."
            raise KaosError(404, "ALIEN_PROVENANCE_ERROR", message)
        return text_answer([await asyncio.to_thread(views.provenance, seen, index)])

    async def _model(self, model_id: str) -> tuple[views.Seen, int]:
        """The job of a model, and the partition. Raises KaosError (``MODEL_NOT_FOUND``)."""
        job_id, _, number = model_id.rpartition("-")
        seen = self._seen(job_id) if number.isascii() and number.isdigit() else None
        if seen is None:
            raise _no_model(model_id)
        index = int(number[:9])
        if index not in await asyncio.to_thread(bundle_config.done, seen.folder):
            raise _no_model(model_id)
        return seen, index


def _no_model(model_id: str) -> KaosError:
    return KaosError(404, "MODEL_NOT_FOUND", f"There is no model with id: {model_id[:80]}")
