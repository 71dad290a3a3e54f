"""What a workspace is given to train with: code, data, hyper-parameters; each may make a job.

As with kaos, what was last given stays: data or hyper-parameters that come while a job has not
begun to train belong to it, and when they come later and are new, they make the next.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trainer_tui import bundles, sanitize
from trainer_tui.errors import UsageError
from trainer_tui.model import Gpu
from trainer_tui.server.dialects import kaos_views as views
from trainer_tui.server.dialects.kaos_wire import KaosError, whole, workspace_in
from trainer_tui.server.dialects.kaos_workspaces import Source, Workspace, Workspaces
from trainer_tui.server.engine import Engine
from trainer_tui.server.engine import Request as JobRequest
from trainer_tui.server.runners import bundle_config

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", re.I)
_MAX_GRID = 4 * 1024 * 1024


class InputCalls:
    """The calls about workspaces.

    Args:
        jobs: A workspace's jobs, newest first.
    """

    def __init__(
        self,
        engine: Engine,
        workspaces: Workspaces,
        jobs: Callable[[str], Sequence[views.Seen]],
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._jobs = jobs

    async def workspaces(self, request: Request) -> Response:
        return JSONResponse({"names": await asyncio.to_thread(self._workspaces.names)})

    async def make_workspace(self, request: Request) -> Response:
        name = workspace_in(request)
        user = _user(request)
        await asyncio.to_thread(self._workspaces.change, name, user=user)
        return JSONResponse({"name": name})

    async def inspect(self, request: Request) -> Response:
        name = workspace_in(request)
        workspace = await asyncio.to_thread(self._workspaces.get, name)
        if workspace is None or workspace.code is None:
            message = f"Nothing was deployed in {name} yet: there is no training pipeline."
            raise KaosError(404, "PIPELINE_NOT_FOUND", message)
        return JSONResponse(views.pipeline(workspace))

    async def create(self, request: Request) -> Response:
        name = workspace_in(request)
        author = _user(request)
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
        author = _user(request)
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
        author = _user(request)
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
            if not 0 < found["cpu"] <= self._engine.settings.cores:
                message = f"cpu={cpu[:40]}: this machine has {self._engine.settings.cores}."
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


def _user(request: Request) -> str | None:
    return sanitize.line(request.query_params.get("user", ""), limit=80) or None


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
