"""kaos's ``/train`` API, spoken by the local server.

The shapes are those of the platform's reference page and of its own server and client, which
spell some things differently: both spellings are taken. A source bundle's ``train OUT`` runs as a
process of this machine (the runner ``bundle``); a job's id stays the same from build to training.

As with kaos, what a workspace was last given stays: data or hyper-parameters that come while a
job has not begun to train belong to it, and when they come later and are new, they make the next.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import zipfile
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trainer_tui import bundles, sanitize
from trainer_tui.errors import NotFoundError, StateError, UsageError
from trainer_tui.model import Gpu
from trainer_tui.server.context import ServerContext
from trainer_tui.server.dialects import kaos_views as views
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
from trainer_tui.server.dialects.kaos_workspaces import Lives, Source, Workspace, Workspaces
from trainer_tui.server.engine import Engine
from trainer_tui.server.engine import Request as JobRequest
from trainer_tui.server.files import serve_file
from trainer_tui.server.runners import bundle_config

__all__ = ["PREFIX", "answer_error", "body_limit", "refuse", "routes", "token_in"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", re.I)
_MAX_GRID = 4 * 1024 * 1024
_ALL = 1_000_000
"""More jobs than any server has."""


def routes(engine: Engine, context: ServerContext) -> list[Route]:
    """All calls of the protocol, each with and without a slash at the end."""
    calls = _Calls(engine, context)
    train, job = TRAIN + "/{workspace}", TRAIN + "/{workspace}/{id}"
    table = [
        ("GET", WORKSPACE, calls.workspaces),
        ("POST", WORKSPACE + "/{workspace}", calls.make_workspace),
        ("POST", DATA + "/{workspace}/features", calls.features),
        ("POST", DATA + "/{workspace}/params", calls.params),
        ("GET", train, calls.list),
        ("POST", train, calls.create),
        ("GET", train + "/inspect", calls.inspect),
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


class _Calls:
    """The calls."""

    def __init__(self, engine: Engine, context: ServerContext) -> None:
        self._engine = engine
        self._settings = context.settings
        self._workspaces = Workspaces(context.settings.folder / "kaos", context.now)
        self._lives = Lives()

    # -- workspaces ----------------------------------------------------------------------------

    async def workspaces(self, request: Request) -> Response:
        return JSONResponse({"names": await asyncio.to_thread(self._workspaces.names)})

    async def make_workspace(self, request: Request) -> Response:
        name = workspace_in(request)
        user = sanitize.line(request.query_params.get("user", ""), limit=80) or None
        await asyncio.to_thread(self._workspaces.change, name, user=user)
        return JSONResponse({"name": name})

    async def inspect(self, request: Request) -> Response:
        name = workspace_in(request)
        workspace = await asyncio.to_thread(self._workspaces.get, name)
        if workspace is None or workspace.code is None:
            message = f"Nothing was deployed in {name} yet: there is no training pipeline."
            raise KaosError(404, "PIPELINE_NOT_FOUND", message)
        return JSONResponse(views.pipeline(workspace))

    # -- submitting ----------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        name = workspace_in(request)
        query = request.query_params
        author = sanitize.line(query.get("user", ""), limit=80) or None
        resources = self._resources(request)
        path, commit = await self._receive(request, name)
        try:
            root = await asyncio.to_thread(bundles.source_root, path)
            await asyncio.to_thread(self._workspaces.place, name, path, commit)
        finally:
            path.unlink(missing_ok=True)
        workspace = await asyncio.to_thread(
            self._workspaces.change,
            name,
            code=Source(commit, root, author),
            user=author,
            **resources,
        )
        await self._submit(workspace)
        return JSONResponse({"glob_name": f"{root}:{commit}"})

    async def features(self, request: Request) -> Response:
        """Data for the jobs to come, and for one that has not begun to train."""
        name = workspace_in(request)
        author = sanitize.line(request.query_params.get("user", ""), limit=80) or None
        path, commit = await self._receive(request, name)
        try:
            root = await asyncio.to_thread(_data_root, path)
            kept = await asyncio.to_thread(self._workspaces.place, name, path, commit)
        finally:
            path.unlink(missing_ok=True)
        source = Source(commit, root, author)
        await self._changed(name, {"data": str(kept)}, "data", source, {})
        return JSONResponse({"glob_name": f"{root}:{commit}"})

    async def params(self, request: Request) -> Response:
        """A grid for the jobs to come, and for one that has not begun to train."""
        name = workspace_in(request)
        author = sanitize.line(request.query_params.get("user", ""), limit=80) or None
        path, commit = await self._receive(request, name)
        try:
            grid = await asyncio.to_thread(_grid_in, path)
        finally:
            path.unlink(missing_ok=True)
        source = Source(commit, "params.json", author)
        await self._changed(name, {"params": grid}, "hyper", source, {"params": grid})
        return JSONResponse({"glob_name": f"params.json:{commit}"})

    async def _changed(
        self, name: str, told: dict[str, Any], kind: str, source: Source, kept: dict[str, Any]
    ) -> None:
        """Enter a new input of a workspace, and have it trained on."""
        before = await asyncio.to_thread(self._workspaces.get, name)
        workspace = await asyncio.to_thread(
            self._workspaces.change, name, user=source.author, **{kind: source}, **kept
        )
        changes = {**told, "commits": {kind: source.commit}}
        waiting = [seen for seen in self._jobs(name) if not seen.ended]
        for seen in waiting[:1]:
            if await asyncio.to_thread(bundle_config.offer, seen.folder, changes):
                return
        old: Source | None = getattr(before, kind) if before else None
        known = old.commit if old else None
        empty = kind == "hyper" and not told["params"] and (before is None or not before.params)
        if workspace.code is not None and known != source.commit and not empty:
            await self._submit(workspace)

    async def _submit(self, workspace: Workspace) -> None:
        assert workspace.code is not None
        name, code = workspace.name, workspace.code
        sources = {"code": code, "data": workspace.data, "hyper": workspace.hyper}
        commits = {kind: source.commit for kind, source in sources.items() if source}
        config: dict[str, Any] = {
            "name": f"{name}:{code.root}",
            "workspace": name,
            "bundle": str(self._workspaces.bundle(name, code.commit)),
            "params": dict(workspace.params or {}),
            "commits": commits,
            "user": code.author or "",
        }
        if workspace.data is not None:
            config["data"] = str(self._workspaces.bundle(name, workspace.data.commit))
        if workspace.cpu is not None:
            config["cpu"] = workspace.cpu
        if workspace.memory is not None:
            config["memory"] = workspace.memory
        text = json.dumps({"job": "bundle", "config": config}, indent=1)
        gpu = Gpu("GPU", workspace.gpu) if workspace.gpu else None
        await self._engine.submit(JobRequest(text, runner="bundle", gpu=gpu, origin="kaos"))

    async def _receive(self, request: Request, name: str) -> tuple[Path, str]:
        """The file in the form, beside the workspace's bundles, and its hash."""
        async with request.form(max_files=1, max_fields=16) as form:
            file = form.get("data")
            if not isinstance(file, UploadFile):
                message = "The form must hold a file in the field 'data'."
                raise KaosError(400, "INVALID_BUNDLE", message)
            return await asyncio.to_thread(self._workspaces.keep, name, file.file)

    def _resources(self, request: Request) -> dict[str, Any]:
        """What is asked for, where this machine has it."""
        query = request.query_params
        found: dict[str, Any] = {"cpu": None, "memory": None, "gpu": None}
        if cpu := query.get("cpu"):
            found["cpu"] = _number(cpu)
            if not 0 < found["cpu"] <= self._settings.cores:
                message = f"cpu={cpu[:40]}: this machine has {self._settings.cores}."
                raise KaosError(404, "CPU_REQUEST_ERROR", message)
        if memory := query.get("memory"):
            there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            if not 0 < _bytes(memory) <= there:
                message = f"memory={memory[:40]}: this machine has {there >> 20}Mi."
                raise KaosError(404, "MEMORY_REQUEST_ERROR", message)
            found["memory"] = memory
        try:
            found["gpu"] = whole(request, "gpu")
        except ValueError as error:
            raise KaosError(404, "GPU_REQUEST_ERROR", str(error)) from None
        here = len(self._engine.pool.gpus)
        if (found["gpu"] or 0) > here:
            message = f"gpu={found['gpu']}: this machine has {here}."
            raise KaosError(404, "GPU_REQUEST_ERROR", message)
        return found

    # -- jobs ----------------------------------------------------------------------------------

    def _jobs(self, workspace: str) -> list[views.Seen]:
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
        jobs = self._jobs(workspace_in(request))

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
        return text_answer(await asyncio.to_thread(views.logs, seen, build_only=False))

    async def build_logs(self, request: Request) -> Response:
        seen = self._job(request)
        return text_answer(await asyncio.to_thread(views.logs, seen, build_only=True))

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
        return text_answer(await asyncio.to_thread(views.provenance, seen, index))

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


def _data_root(archive: Path) -> str:
    """The name of a data bundle: of its one root folder, or ``data``. Raises UsageError."""
    with bundles.opened(archive) as found:
        roots = {path.parts[0] for path, _ in bundles.judge(found)}
    if not roots:
        raise UsageError("The zip is refused: it holds nothing.", code=bundles.INVALID)
    return roots.pop() if len(roots) == 1 else "data"


def _grid_in(file: Path) -> dict[str, list[Any]]:
    """The grid in a JSON file, or in the one JSON file of a zip. Raises KaosError."""
    try:
        if zipfile.is_zipfile(file):
            with bundles.opened(file) as found:
                texts = [e for p, e in bundles.judge(found) if p.suffix == ".json"]
                if len(texts) != 1 or texts[0].file_size > _MAX_GRID:
                    raise UsageError("The zip must hold one JSON file.")
                data = found.read(texts[0])
        else:
            with file.open("rb") as opened:
                data = opened.read(_MAX_GRID + 1)
        if len(data) > _MAX_GRID:
            raise UsageError("The hyper-parameters are too large.")
        value = json.loads(data, parse_constant=_no_number) if data.strip() else {}
        return {key: list(values) for key, values in bundle_config.grid(value).items()}
    except UsageError as error:
        raise KaosError(400, "INVALID_BUNDLE", error.message) from None
    except (ValueError, RecursionError):
        message = "Hyper-parameters must be JSON: a mapping of names to lists of values."
        raise KaosError(400, "INVALID_BUNDLE", message) from None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _bytes(text: str) -> float:
    """``512M``, ``2Gi``, ``1000000``; NaN for anything else."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return math.nan
    base = 1024 if found[3] else 1000
    power = " KMGT".index(found[2].upper() or " ")
    return float(found[1]) * float(base**power)
