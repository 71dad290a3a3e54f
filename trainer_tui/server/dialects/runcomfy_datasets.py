"""RunComfy's calls about datasets: make, fill, look at, delete.

A file comes either in a form (at most 150 MB) or is put to a signed URL, which needs no token.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, BinaryIO

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.server.auth import TooLarge
from trainer_tui.server.context import ServerContext
from trainer_tui.server.datasets import Dataset, Datasets, DatasetStatus
from trainer_tui.server.dialects.runcomfy_wire import DATASETS, naive, read_body, refuse

FORM_LIMIT = 150 * 1024 * 1024
"""Bytes of a file in a form."""
PUT_LIMIT = 64 * 1024**3
"""Bytes of a file for a signed URL; what is expected must be said when the URL is asked for."""
_FORM_OVERHEAD = 64 * 1024
_URL_SECONDS = 3600
_MAX_FILES = 10_000
_UPLOAD = re.compile(re.escape(DATASETS) + r"/[^/]+/upload")
_PUT = re.compile(re.escape(DATASETS) + r"/[^/]+/files/[^/]+")


def body_limit(path: str) -> int | None:
    """The bytes that a request's body may have."""
    if _UPLOAD.fullmatch(path):
        return FORM_LIMIT + _FORM_OVERHEAD
    return PUT_LIMIT if is_signed(path) else None


def is_signed(path: str) -> bool:
    """Whether requests there prove themselves by a signature."""
    return _PUT.fullmatch(path) is not None


class Calls:
    """The calls."""

    def __init__(self, context: ServerContext, datasets: Datasets) -> None:
        self._context = context
        self._datasets = datasets

    async def create(self, request: Request) -> Response:
        name = (await read_body(request, optional=True)).get("name")
        if name is not None and not isinstance(name, str):
            raise UsageError("name must be a string.")
        dataset = await asyncio.to_thread(self._datasets.create, name or None)
        return JSONResponse(_facts(dataset))

    async def list(self, request: Request) -> Response:
        found = await asyncio.to_thread(self._datasets.list)
        return JSONResponse({"datasets": [_facts(dataset) for dataset in found]})

    async def status(self, request: Request) -> Response:
        dataset = await asyncio.to_thread(self._datasets.get, request.path_params["id"])
        files = [{"filename": name, "size_bytes": size} for name, size in dataset.files]
        return JSONResponse({**_facts(dataset), "files": files})

    async def delete(self, request: Request) -> Response:
        dataset_id = request.path_params["id"]
        await asyncio.to_thread(self._datasets.delete, dataset_id)
        return JSONResponse({"id": dataset_id, "deleted": True})

    async def upload(self, request: Request) -> Response:
        """One file in a form. The form is spooled to the disk as it comes."""
        await asyncio.to_thread(self._datasets.get, request.path_params["id"])
        async with request.form(max_files=1, max_fields=16) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise UsageError("The form must hold one file in the field 'file'.")
            if file.size is not None and file.size > FORM_LIMIT:
                raise TooLarge(FORM_LIMIT)
            source = file.file

            async def write(path: Path) -> None:
                await asyncio.to_thread(_copy, source, path)

            name = file.filename
            dataset = await self._receive(request.path_params["id"], name, write)
        return JSONResponse({**_facts(dataset), "filename": name})

    async def upload_endpoint(self, request: Request) -> Response:
        dataset_id = request.path_params["id"]
        sizes = (await read_body(request)).get("filenameToByteSize")
        if not isinstance(sizes, dict) or not 0 < len(sizes) <= _MAX_FILES:
            raise UsageError("filenameToByteSize must map file names to their sizes in bytes.")
        for name, size in sizes.items():
            if type(size) is not int or not 0 < size <= PUT_LIMIT:
                raise UsageError(f"The size of {name[:80]!r} must be a number of bytes above 0.")
        dataset = await asyncio.to_thread(self._datasets.expect, dataset_id, sizes)
        origin = str(request.base_url).rstrip("/")
        expires = int(self._context.now().timestamp()) + _URL_SECONDS
        uploads = {}
        for name, size in sizes.items():
            path = f"{DATASETS}/{dataset.id}/files/{name}"
            url = self._context.signer.sign(path, expires, purpose=f"put {size}")
            uploads[name] = {
                "upload_url": f"{origin}{url}&size={size}",
                "method": "PUT",
                "headers": {"Content-Type": "application/octet-stream"},
            }
        return JSONResponse({"id": dataset.id, "uploads": uploads})

    async def put(self, request: Request) -> Response:
        """One file to the URL that was signed for it and for its size."""
        dataset_id, name = request.path_params["id"], request.path_params["name"]
        query = request.query_params
        size = query.get("size", "")
        good = self._context.signer.check(
            f"{DATASETS}/{dataset_id}/files/{name}",
            query.get("exp"),
            query.get("sig"),
            self._context.now().timestamp(),
            purpose=f"put {size}",
        )
        if not good:
            return refuse(403, "URL_EXPIRED", "This upload URL is not, or no longer, good.")
        wanted = int(size)

        async def write(path: Path) -> None:
            with path.open("wb") as target:
                seen = 0
                async for piece in request.stream():
                    seen += len(piece)
                    if seen > wanted:
                        break
                    await asyncio.to_thread(target.write, piece)
            if seen != wanted:
                message = (
                    f"{name}: {size} bytes were announced, {'more' if seen > wanted else seen}"
                )
                raise UsageError(f"{message} came.", code="INVALID_FILE")

        await self._receive(dataset_id, name, write)
        return Response(status_code=200)

    async def _receive(
        self, dataset_id: str, name: str, write: Callable[[Path], Awaitable[None]]
    ) -> Dataset:
        arrival = await asyncio.to_thread(self._datasets.begin, dataset_id, name)
        try:
            await write(arrival.path)
        except OSError as error:
            self._datasets.abandon(arrival)
            raise TrainerError(f"The file could not be kept: {error.strerror}.") from error
        except BaseException:
            self._datasets.abandon(arrival)
            raise
        return await asyncio.to_thread(self._datasets.finish, arrival)


def _copy(source: BinaryIO, path: Path) -> None:
    source.seek(0)
    with path.open("wb") as target:
        shutil.copyfileobj(source, target, 1024 * 1024)


def _facts(dataset: Dataset) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": dataset.id,
        "name": dataset.name,
        "status": str(dataset.status),
        "created_at": naive(dataset.created_at),
        "updated_at": naive(dataset.updated_at),
    }
    if dataset.status is DatasetStatus.FAILED:
        facts["error"] = dataset.error
    return facts
