"""The HTTP application: dialects in front of one engine."""

from __future__ import annotations

import asyncio
import logging
import pkgutil
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib import import_module
from types import ModuleType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from trainer_tui.errors import TrainerError
from trainer_tui.server import dialects as dialects_package
from trainer_tui.server.auth import Gate
from trainer_tui.server.context import ServerContext
from trainer_tui.server.dialects import native
from trainer_tui.server.engine import Engine
from trainer_tui.server.files import serve_file

_log = logging.getLogger("trainer_tui.server")
BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a request where its dialect says nothing else."""
_THREADS = 32
_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE"}


def build(engine: Engine, context: ServerContext, *, token: str | None = None) -> Starlette:
    """The application. The engine is started and closed with it.

    Args:
        token: What TCP clients must send; the Unix socket asks for none.
    """
    dialects = [
        import_module(f"{dialects_package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(dialects_package.__path__)
    ]
    dialects = [module for module in dialects if hasattr(module, "routes")]
    dialects.sort(key=lambda module: -min(map(len, _prefixes(module))))  # the narrow ones first
    routes = [Route("/files/{id}/{path:path}", _signed_file(engine, context), methods=["GET"])]
    for dialect in dialects:
        routes.extend(dialect.routes(engine, context))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # Threads mostly wait for a disk: a few that unpack gigabytes must not hold up the rest.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
        await engine.start()
        try:
            yield
        finally:
            await engine.close()

    def refuse(path: str, status: int, code: str, message: str) -> Response:
        answer: Response = _dialect_of(dialects, path).refuse(status, code, message)
        return answer

    async def on_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, TrainerError)
        dialect = _dialect_of(dialects, request.url.path)
        answer: Response = getattr(dialect, "answer_error", native.answer_error)(error)
        return answer

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "BAD_REQUEST")
        message = {404: "There is no such path here.", 405: "That method is not for this path."}
        text = message.get(error.status_code, error.detail)
        answer = refuse(request.url.path, error.status_code, code, text)
        answer.headers.update(error.headers or {})
        return answer

    async def on_bug(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed: %r", request.method, request.url.path, error)
        why = error.strerror if isinstance(error, OSError) else None  # a full disk, mostly
        said = f"The server failed: {why or type(error).__name__}. Its log has the details."
        answer = refuse(request.url.path, 500, "INTERNAL", said)
        answer.headers["Connection"] = "close"  # it will be, and whoever asks next is to know
        return answer

    async def on_gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    gate = Middleware(
        Gate,
        token=token,
        refuse=refuse,
        limit=lambda path: _ask(dialects, path, "body_limit") or BODY_LIMIT,
        is_open=lambda path: path.startswith("/files/") or bool(_ask(dialects, path, "is_signed")),
        token_in=lambda scope: _token_in(dialects, scope),
    )
    app = Starlette(
        routes=routes,
        middleware=[gate],
        lifespan=lifespan,
        exception_handlers={
            TrainerError: on_error,
            HTTPException: on_http,
            ClientDisconnect: on_gone,
            Exception: on_bug,
        },
    )
    app.router.redirect_slashes = False  # a path with a slash too many is another path
    return app


def _signed_file(engine: Engine, context: ServerContext) -> Callable[[Request], object]:
    async def file(request: Request) -> Response:
        """A job's file for whoever holds a URL that this server signed."""
        job_id, path = request.path_params["id"], request.path_params["path"]
        query = request.query_params
        moment = context.now().timestamp()
        signed = f"/files/{job_id}/{path}"
        if not context.signer.check(signed, query.get("exp"), query.get("sig"), moment):
            # What an artifact host answers when a signed URL has run out.
            return native.refuse(403, "URL_EXPIRED", "This link is not, or no longer, good.")
        return await serve_file(request, engine.folder(job_id).root, path)

    return file


def _dialect_of(dialects: Sequence[ModuleType], path: str) -> ModuleType:
    if path.startswith("/files/"):
        return native
    for dialect in dialects:
        if path.startswith(_prefixes(dialect)):
            return dialect
    return native


def _prefixes(dialect: ModuleType) -> tuple[str, ...]:
    prefix: str | tuple[str, ...] = dialect.PREFIX
    return (prefix,) if isinstance(prefix, str) else prefix


def _token_in(dialects: Sequence[ModuleType], scope: Scope) -> str | None:
    """The token, where the path's dialect knows another place for it."""
    asked = getattr(_dialect_of(dialects, scope["path"]), "token_in", None)
    found: str | None = asked(scope) if asked is not None else None
    return found


def _ask(dialects: Sequence[ModuleType], path: str, name: str) -> int | bool | None:
    """What the path's dialect says, if it says anything."""
    asked = getattr(_dialect_of(dialects, path), name, None)
    answer: int | bool | None = asked(path) if asked is not None else None
    return answer
