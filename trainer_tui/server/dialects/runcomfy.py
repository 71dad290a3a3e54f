"""RunComfy's Trainer API, spoken by the local server: AI Toolkit jobs.

The shapes are those of RunComfy's reference (docs.runcomfy.com/trainer-apis), so a script written
for the cloud runs against this server with another base URL. A GPU type is taken and recorded;
the job runs in a slot of this machine all the same. What the cloud mounts at
``/app/ai-toolkit/datasets/NAME`` is found in the server's own datasets when the job starts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trainer_tui.errors import UsageError
from trainer_tui.model import ArtifactKind, Gpu, Status
from trainer_tui.server import configs
from trainer_tui.server.context import ServerContext
from trainer_tui.server.datasets import MOUNT, Datasets, DatasetStatus
from trainer_tui.server.dialects import runcomfy_datasets
from trainer_tui.server.dialects.runcomfy_wire import (
    DATASETS,
    JOBS,
    PREFIX,
    Endpoint,
    answered,
    naive,
    read_body,
    refuse,
)
from trainer_tui.server.engine import Engine
from trainer_tui.server.engine import Request as JobRequest
from trainer_tui.server.records import JobRecord
from trainer_tui.server.runners import ai_toolkit_config as aitk
from trainer_tui.server.runners.base import FileEntry

__all__ = ["PREFIX", "body_limit", "is_signed", "refuse", "routes"]

OUTPUT = "/app/ai-toolkit/output"
GPU_TYPES = ("ADA_80_PLUS", "HOPPER_141")
MULTI_GPU = 8
_SAMPLE_INDEX = re.compile(r"_(\d+)$")
_VIDEOS = frozenset({"mp4", "webm", "gif"})
_WORDS = {
    Status.QUEUED: "IN_QUEUE",
    Status.PREPARING: "RUNNING",
    Status.RUNNING: "RUNNING",
    Status.STOPPING: "RUNNING",
    Status.SUCCEEDED: "STOPPED",
    Status.INTERRUPTED: "STOPPED",
    Status.FAILED: "FAILED",
    Status.CANCELED: "CANCELED",
}

body_limit = runcomfy_datasets.body_limit
is_signed = runcomfy_datasets.is_signed


def routes(engine: Engine, context: ServerContext) -> list[Route]:
    """All calls of the protocol."""
    datasets = Datasets(context.settings.datasets, context.now)
    jobs = _Jobs(engine, context, datasets)
    files = runcomfy_datasets.Calls(context, datasets)
    one, dataset = JOBS + "/{id}", DATASETS + "/{id}"
    table: list[tuple[str, str, Endpoint]] = [
        ("POST", JOBS, jobs.submit),
        ("GET", one + "/status", jobs.status),
        ("GET", one + "/result", jobs.result),
        ("POST", one + "/cancel", jobs.cancel),
        ("POST", one + "/resume", jobs.resume),
        ("POST", one + "/edit", jobs.edit),
        ("POST", DATASETS, files.create),
        ("GET", DATASETS, files.list),
        ("GET", dataset + "/status", files.status),
        ("POST", dataset + "/upload", files.upload),
        ("POST", dataset + "/get-upload-endpoint", files.upload_endpoint),
        ("PUT", dataset + "/files/{name}", files.put),
        ("DELETE", dataset, files.delete),
    ]
    return [Route(path, answered(endpoint), methods=[method]) for method, path, endpoint in table]


class _Jobs:
    """The calls about jobs."""

    def __init__(self, engine: Engine, context: ServerContext, datasets: Datasets) -> None:
        self._engine = engine
        self._context = context
        self._datasets = datasets

    async def submit(self, request: Request) -> Response:
        body = await read_body(request)
        text = _config_text(body)
        gpu = _gpu(body, required=True)
        config = await asyncio.to_thread(self._check, text)
        runner = self._runner(config, gpu)
        record, _ = await self._engine.submit(
            JobRequest(text, runner=runner, gpu=gpu, origin="runcomfy")
        )
        return JSONResponse(self._links(request, record))

    async def status(self, request: Request) -> Response:
        record = self._record(request)
        answer: dict[str, Any] = _head(record)
        answer |= _progress(record)
        links = self._links(request, record)
        answer |= {"result_url": links["result_url"], "cancel_url": links["cancel_url"]}
        answer |= _times(record)
        if record.status is Status.FAILED:
            answer["error"] = _error_of(record)
        return JSONResponse(answer)

    async def result(self, request: Request) -> Response:
        record = self._record(request)
        entries = await self._engine.artifacts(record.id)
        origin = str(request.base_url)

        def url(entry: FileEntry) -> str:
            return self._context.file_url(origin, record.id, entry.path)

        config = next((e for e in entries if e.kind is ArtifactKind.CONFIG), None)
        artifacts = {
            "checkpoints": [{"path": url(e)} for e in entries if e.kind is ArtifactKind.CHECKPOINT],
            "config": {"path": url(config)} if config else None,
            "samples": [
                _sample(entry, index, url(entry))
                for index, entry in enumerate(e for e in entries if e.kind is ArtifactKind.SAMPLE)
            ],
        }
        answer = {**_head(record), "artifacts": artifacts, **_times(record)}
        if record.error is not None and record.status.ended:
            answer["error"] = _error_of(record)
        return JSONResponse(answer)

    async def cancel(self, request: Request) -> Response:
        record = await self._engine.cancel(self._record(request).id)
        return JSONResponse({"id": record.id, "name": record.name, "status": "CANCELED"})

    async def resume(self, request: Request) -> Response:
        record = self._record(request)
        gpu = _gpu(await read_body(request, optional=True), required=False, known=record.gpu)
        record = await self._engine.resume(record.id, gpu)
        return JSONResponse(self._links(request, record))

    async def edit(self, request: Request) -> Response:
        record = self._record(request)
        text = _config_text(await read_body(request))
        if not record.status.active:
            await asyncio.to_thread(self._check, text)
        record = await self._engine.edit(record.id, text)
        return JSONResponse({**_head(record), **self._links(request, record)})

    def _record(self, request: Request) -> JobRecord:
        return self._engine.get(request.path_params["id"])

    def _links(self, request: Request, record: JobRecord) -> dict[str, str]:
        base = str(request.base_url).rstrip("/") + f"{JOBS}/{record.id}"
        acts = {f"{act}_url": f"{base}/{act}" for act in ("status", "result", "cancel")}
        return {"id": record.id, "name": record.name, **acts}

    def _runner(self, config: Mapping[str, object], gpu: Gpu | None) -> str:
        """AI Toolkit where it and the GPUs are here, else its imitation: a script that asks for a
        cloud's GPU is to be tried out on this machine, not refused."""
        chosen = self._engine.choose_runner(config)
        needed = gpu.count if gpu else 0
        return chosen if needed <= len(self._engine.pool.gpus) else "smoke"

    def _check(self, text: str) -> Mapping[str, object]:
        """Read a config, and refuse what the cloud would refuse. Raises InvalidConfig."""
        config = configs.parse(text)
        process = aitk.process(config, text)
        if process.get("training_folder") != OUTPUT:
            at = (*aitk.PROCESS, "training_folder")
            raise aitk.fail(text, at, f"must be {OUTPUT}")
        for at, item in aitk.datasets(config, text):
            folder = item.get("folder_path")
            path = (*at, "folder_path")
            name = folder.removeprefix(MOUNT).rstrip("/") if isinstance(folder, str) else ""
            if not isinstance(folder, str) or not folder.startswith(MOUNT) or not name:
                raise aitk.fail(text, path, f"must be {MOUNT}NAME, with the name of a dataset")
            dataset = self._datasets.named(name)
            if dataset is None:
                raise aitk.fail(text, path, f"there is no dataset named {name!r}")
            if dataset.status is not DatasetStatus.READY:
                raise aitk.fail(text, path, f"the dataset {name!r} is {dataset.status}, not READY")
        return config


def _config_text(body: Mapping[str, Any]) -> str:
    if body.get("config_file_format") != "yaml":
        raise UsageError("config_file_format must be 'yaml'.")
    text = body.get("config_file")
    if not isinstance(text, str) or not text.strip():
        raise UsageError("config_file must be the config's YAML as a string.")
    return text


def _gpu(body: Mapping[str, Any], *, required: bool, known: Gpu | None = None) -> Gpu | None:
    kind, count = body.get("gpu_type"), body.get("gpu_count")
    if kind is None and not required:
        if count is None:
            return None
        kind = known.type if known else None
    if kind not in GPU_TYPES:
        raise UsageError(f"gpu_type must be one of {', '.join(GPU_TYPES)}.")
    count = 1 if count is None else count
    if isinstance(count, bool) or count not in (1, MULTI_GPU):
        raise UsageError(f"gpu_count must be 1 or {MULTI_GPU}.")
    if count == MULTI_GPU and kind != GPU_TYPES[0]:
        raise UsageError(f"gpu_count {MULTI_GPU} is only there with gpu_type {GPU_TYPES[0]}.")
    return Gpu(kind, int(count))


def _head(record: JobRecord) -> dict[str, Any]:
    return {"id": record.id, "name": record.name, "status": _WORDS[record.status]}


def _progress(record: JobRecord) -> dict[str, dict[str, int]]:
    """``progress``, so that STOPPED means finished where it is: at the last step, or untold."""
    progress = record.progress
    current = progress.current if progress else 0
    total = (progress.total if progress else None) or record.total or 0
    if record.status is Status.SUCCEEDED:
        if not total:
            return {}
        # What it ran to, not what an edit asks for since: more would read as interrupted.
        current = total = current or total
    percent = min(100, 100 * current // total) if total else 0
    return {"progress": {"current_step": current, "total_steps": total, "percent": percent}}


def _times(record: JobRecord) -> dict[str, str | None]:
    moments = {
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
    }
    return {key: naive(moment) if moment else None for key, moment in moments.items()}


def _error_of(record: JobRecord) -> dict[str, str | None]:
    error = record.error
    return {
        "message": error.message if error else "The job failed.",
        "code": error.code if error else None,
    }


def _sample(entry: FileEntry, index: int, url: str) -> dict[str, Any]:
    stem, _, ending = entry.name.rpartition(".")
    own = _SAMPLE_INDEX.search(stem)
    return {
        "sample_index": int(own[1]) if own else index,
        "type": "video" if ending.lower() in _VIDEOS else "image",
        "step": entry.step,
        "seed": entry.seed,
        "prompt": entry.prompt,
        "control_image": [],
        "path": url,
    }
