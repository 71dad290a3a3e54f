"""The server's own protocol, as ``docs/native-api.md`` has it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from trainer_tui import __version__
from trainer_tui.errors import NotFoundError, StateError, TrainerError, UsageError
from trainer_tui.server.auth import TooLarge
from trainer_tui.server.context import ServerContext
from trainer_tui.server.dialects import native_wire as wire
from trainer_tui.server.disk import config_etag
from trainer_tui.server.engine import Engine
from trainer_tui.server.engine import Request as JobRequest
from trainer_tui.server.files import RangeError, serve_file
from trainer_tui.server.procs import Process
from trainer_tui.server.reading import read_log, read_metrics, read_raw
from trainer_tui.server.records import JobRecord, format_time
from trainer_tui.server.runners.base import InvalidConfig

PREFIX = "/v1/"
HEARTBEAT = 15.0
"""Seconds without an event after which the stream shows that it is alive."""
MAX_PAGE = 10_000
_TAGS = 256
"""Pages of which the ETag is kept."""
_STATUS_OF = {
    "JOB_NOT_RUNNING": 409,
    "JOB_RUNNING": 409,
    "JOB_FINISHED": 409,
    "CONFLICT": 412,
    "NO_GPU": 422,
}


def routes(engine: Engine, context: ServerContext) -> list[Route]:
    """All calls of the protocol."""
    native = Native(engine, context)
    one = "/v1/jobs/{id}"
    table: list[tuple[str, str, Any]] = [
        ("GET", "/v1/info", native.info),
        ("GET", "/v1/jobs", native.list_jobs),
        ("POST", "/v1/jobs", native.submit),
        ("GET", one, native.get),
        ("DELETE", one, native.delete),
        ("POST", one + "/cancel", native.cancel),
        ("POST", one + "/stop", native.stop),
        ("POST", one + "/resume", native.resume),
        ("GET", one + "/config", native.config),
        ("PUT", one + "/config", native.edit),
        ("GET", one + "/logs", native.logs),
        ("GET", one + "/metrics", native.metrics),
        ("GET", one + "/artifacts", native.artifacts),
        ("GET", one + "/files/{path:path}", native.file),
        ("GET", one + "/events", native.events),
        ("GET", "/v1/events", native.stream),
    ]
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


def refuse(status: int, code: str, message: str) -> Response:
    """An error in this protocol's shape."""
    return wire.answer({"error": {"code": code, "message": message, "hint": None}}, status)


def answer_error(error: TrainerError) -> Response:
    """The answer for what the engine would not do."""
    code, status = error.code or "INTERNAL", 500
    headers = {}
    if isinstance(error, InvalidConfig):
        status = 422
    elif isinstance(error, NotFoundError):
        code, status = error.code or "NOT_FOUND", 404
    elif isinstance(error, RangeError):
        status, headers["Content-Range"] = 416, f"bytes */{error.size}"
    elif isinstance(error, TooLarge):
        status = 413
    elif isinstance(error, StateError | UsageError):
        code = error.code or "BAD_REQUEST"
        status = _STATUS_OF.get(code, 400)
    body: dict[str, object] = {"code": code, "message": error.message, "hint": error.hint}
    if isinstance(error, InvalidConfig) and error.line is not None:
        body |= {"line": error.line, "column": error.column}
    return wire.answer({"error": body}, status, headers)


class Native:
    """The calls. Each job's JSON is made once a change and kept; so is each page's ETag."""

    def __init__(self, engine: Engine, context: ServerContext) -> None:
        self._engine = engine
        self._context = context
        self._process = Process.current()
        self._jobs: dict[str, tuple[tuple[int, int | None], bytes]] = {}
        self._tags: dict[tuple[int, str | None], tuple[int, str]] = {}
        """A page's limit and cursor → the book's revision when it was looked at, and its ETag."""

    # -- reading --------------------------------------------------------------------------------

    async def info(self, request: Request) -> Response:
        engine, pool = self._engine, self._engine.pool
        return wire.answer(
            {
                "server": "trainer-tui",
                "version": __version__,
                "protocol": 1,
                "pid": self._process.pid,
                "started_at": format_time(self._context.started_at),
                "runners": list(engine.runners),
                "slots": {
                    "cpu": {"total": pool.cpu_total, "free": pool.cpu_free},
                    "gpu": {
                        "total": len(pool.gpus),
                        "free": len(pool.gpus_free),
                        "names": [gpu.name for gpu in pool.gpus],
                    },
                },
                "jobs": {"queued": len(engine.book.queue()), "running": len(engine.watch)},
                "folder": str(engine.settings.folder),
                "tcp": self._context.tcp,
            }
        )

    async def list_jobs(self, request: Request) -> Response:
        limit = wire.number(request, "limit", 1000, 1, MAX_PAGE)
        cursor = request.query_params.get("cursor") or None
        etag = self._page_tag(limit, cursor)
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        page, following = self._engine.book.newest(limit, cursor)
        body = b'{"jobs":[%s],"next":%s}' % (
            b",".join(map(self._job_bytes, page)),
            json.dumps(following).encode(),
        )
        return Response(body, headers=headers, media_type="application/json")

    async def get(self, request: Request) -> Response:
        return self._answer(self._engine.get(request.path_params["id"]))

    async def config(self, request: Request) -> Response:
        job_id = request.path_params["id"]
        data = self._engine.config(job_id).encode()
        headers = {"ETag": f'"{config_etag(data)}"', "X-Content-Type-Options": "nosniff"}
        return Response(data, headers=headers, media_type="text/yaml")

    async def logs(self, request: Request) -> Response:
        record = self._engine.get(request.path_params["id"])
        offset = wire.number(request, "offset", 0, -(1 << 62), 1 << 62)
        limit = wire.number(request, "limit", 1 << 20, 1, 1 << 62)
        path = self._engine.folder(record.id).log
        raw = request.query_params.get("raw") == "1"
        read = read_raw if raw else read_log
        made = wire.log_bytes if raw else wire.log_text

        def look() -> Response:
            return made(read(path, offset, limit, ended=record.status.ended))

        return await asyncio.to_thread(look)

    async def metrics(self, request: Request) -> Response:
        folder = self._engine.folder(request.path_params["id"])
        since = wire.number(request, "since", 0, 0, 1 << 62)
        limit = wire.number(request, "limit", 10_000, 1, 100_000)

        def look() -> Response:
            points, following = read_metrics(folder.metrics, since, limit)
            for point in points:
                point["time"] = wire.moment(point["time"])
            return wire.answer({"points": points, "next": following})

        return await asyncio.to_thread(look)

    async def artifacts(self, request: Request) -> Response:
        job_id = request.path_params["id"]
        entries = await self._engine.artifacts(job_id)
        return wire.answer({"artifacts": [wire.artifact(job_id, entry) for entry in entries]})

    async def file(self, request: Request) -> Response:
        folder = self._engine.folder(request.path_params["id"])
        return await serve_file(request, folder.root, request.path_params["path"])

    async def events(self, request: Request) -> Response:
        events = await asyncio.to_thread(self._engine.events, request.path_params["id"])
        return wire.answer({"events": events})

    async def stream(self, request: Request) -> Response:
        since = request.query_params.get("since", request.headers.get("last-event-id"))
        if since is not None and not re.fullmatch(r"[0-9]{1,20}", since):
            raise wire.bad_request("since must be the number of an event.")
        body = self._events_from(None if since is None else int(since))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(body, media_type="text/event-stream", headers=headers)

    async def _events_from(self, since: int | None) -> AsyncIterator[bytes]:
        yield b": hello\n\n"
        async for event in self._engine.hub.listen(since, HEARTBEAT):
            if event is None:
                yield b": still here\n\n"
                continue
            data = event.to_json() | {"job_id": event.job_id, "job": self._wire(event.job)}
            yield b"id: %d\nevent: job\ndata: %s\n\n" % (event.seq, wire.dump(data))

    # -- acts -----------------------------------------------------------------------------------

    async def submit(self, request: Request) -> Response:
        body = await wire.read_object(request)
        config = body.get("config")
        if not isinstance(config, str):
            raise wire.bad_request("config must be the text of a training config.")
        record, new = await self._engine.submit(
            JobRequest(
                config=config,
                runner=wire.text(body, "runner"),
                name=wire.text(body, "name"),
                gpu=wire.gpu(body.get("gpu")),
                token=wire.text(body, "token"),
            )
        )
        return self._answer(record, 201 if new else 200)

    async def cancel(self, request: Request) -> Response:
        return self._answer(await self._engine.cancel(request.path_params["id"]))

    async def stop(self, request: Request) -> Response:
        return self._answer(await self._engine.stop(request.path_params["id"]))

    async def resume(self, request: Request) -> Response:
        body = await wire.read_object(request)
        gpu = wire.gpu(body.get("gpu"))
        return self._answer(await self._engine.resume(request.path_params["id"], gpu))

    async def edit(self, request: Request) -> Response:
        data = await request.body()
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise InvalidConfig("The config is not UTF-8 text.") from error
        match = request.headers.get("if-match")
        if match is not None:
            match = match.strip().removeprefix("W/").strip('"')
        if match == "*":
            match = None
        return self._answer(
            await self._engine.edit(request.path_params["id"], text, if_match=match)
        )

    async def delete(self, request: Request) -> Response:
        await self._engine.delete(request.path_params["id"])
        return Response(status_code=204)

    # -- shapes ---------------------------------------------------------------------------------

    def _answer(self, record: JobRecord, status: int = 200) -> Response:
        return Response(self._job_bytes(record), status, media_type="application/json")

    def _page_tag(self, limit: int, cursor: str | None) -> str:
        """An ETag that changes with what is on the page, and not with other jobs."""
        book = self._engine.book
        known = self._tags.get((limit, cursor))
        if known is None or known[0] != book.rev:
            page, following = book.newest(limit, cursor)
            content = hash((following, *map(self._version, page))) & (1 << 64) - 1
            tag = f'"{self._process.pid}-{self._process.start_time}-{content:x}"'
            if len(self._tags) >= _TAGS:
                self._tags.clear()
            known = self._tags[limit, cursor] = (book.rev, tag)
        return known[1]

    def _version(self, record: JobRecord) -> tuple[int, int | None]:
        """What a job's JSON changes with."""
        return record.rev, self._engine.book.position(record)

    def _job_bytes(self, record: JobRecord) -> bytes:
        key = self._version(record)
        known = self._jobs.get(record.id)
        if known is None or known[0] != key:
            if len(self._jobs) > 2 * len(self._engine.book) + 100:
                self._jobs.clear()  # of jobs that were deleted
            known = self._jobs[record.id] = (key, wire.dump(self._wire(record)))
        return known[1]

    def _wire(self, record: JobRecord) -> dict[str, object]:
        position = self._engine.book.position(record)
        return wire.job(record, position, self._engine.settings.jobs / record.id)
