"""The server process: built from settings, run until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import logging.handlers
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn

from trainer_tui import __version__
from trainer_tui.server import hosting
from trainer_tui.server.app import build
from trainer_tui.server.connections import Connection
from trainer_tui.server.context import ServerContext
from trainer_tui.server.engine import Engine, utc_now
from trainer_tui.server.procs import Process
from trainer_tui.server.records import format_time
from trainer_tui.server.runners.base import Runner
from trainer_tui.server.settings import ServerSettings
from trainer_tui.server.signing import Signer

_log = logging.getLogger("trainer_tui.server")
LOG_SIZE = 512 * 1024
LOOK_FOR_LOCK = 300.0
"""Seconds between two looks for the server's own lock. Without it, or the folder that it is in,
nobody finds the server again, and whoever took it away wants it no more."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a server is to be run."""

    settings: ServerSettings
    socket: Path
    port: int | None = None
    """Listen on 127.0.0.1 too; 0: any free port."""
    token: str | None = None
    """What TCP clients must send; made where none is given."""
    ready_fd: int | None = None
    """A file descriptor that gets ``server.json``'s text, a line, once requests are answered."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    whereabouts: hosting.Whereabouts
    token: str | None
    """``None`` without TCP."""
    engine: Engine


class _Server(uvicorn.Server):
    """Uvicorn without its clock: asleep until a request or a signal comes."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], engine: Engine) -> None:
        super().__init__(config)
        self._ready = ready
        self._engine = engine

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, over.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the terminal went; stay
        await self.on_tick(0)
        self._ready()
        folder = self._engine.settings.folder
        gone = loop.create_task(vanished(folder / "server.lock"))
        gone.add_done_callback(lambda _: over.set())
        await over.wait()
        if gone.done():
            _log.warning("%s was taken away: there is nothing left to serve", folder)
        gone.cancel()
        self._engine.hub.close()  # open event streams would hold the end up


async def vanished(path: Path) -> None:
    """Wait until a file is gone or another one, which is looked for once in a while."""
    ours = path.stat()  # noqa: ASYNC240 (no event tells of it; it is one stat)
    while _is(path, ours):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_FOR_LOCK)


def _is(path: Path, known: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), known)
    except FileNotFoundError:
        return False
    except OSError:  # a folder on a network that does not answer now is not gone
        return True


def serve(
    options: Options,
    *,
    runners: Mapping[str, Runner] | None = None,
    on_ready: Callable[[Served], None] = lambda served: None,
) -> Engine:
    """Serve until SIGTERM or SIGINT; jobs that run go on. Gives the engine, at rest.

    Raises:
        StateError: Another server uses the socket or the folder (``SERVER_RUNNING``).
        UsageError: A socket cannot be made, or the port is taken.
        OSError: The folder cannot be used.
    """
    settings = options.settings
    with contextlib.ExitStack() as stack:
        stack.enter_context(hosting.exclusive(settings.folder, options.socket))
        stack.enter_context(_logging(settings.log))
        hosting.info_file(options.socket).unlink(missing_ok=True)  # of a server that was killed
        sockets = [stack.enter_context(hosting.unix_socket(options.socket))]
        token, tcp = None, None
        if options.port is not None:
            token = options.token or secrets.token_urlsafe(24)
            listener = stack.enter_context(contextlib.closing(hosting.tcp_socket(options.port)))
            tcp = f"http://127.0.0.1:{listener.getsockname()[1]}"
            sockets.append(listener)
        return _run(options, sockets, token, tcp, runners, on_ready)


def _run(
    options: Options,
    sockets: list[socket.socket],
    token: str | None,
    tcp: str | None,
    runners: Mapping[str, Runner] | None,
    on_ready: Callable[[Served], None],
) -> Engine:
    settings, process, started = options.settings, Process.current(), utc_now()
    engine = Engine(settings, runners=runners)
    where = hosting.Whereabouts(
        process.pid,
        process.start_time,
        str(options.socket),
        tcp,
        __version__,
        format_time(started),
    )
    signer = Signer.open(settings.folder / "signing.key")
    context = ServerContext(settings, signer, started, engine.now, tcp)

    def ready() -> None:
        where.publish(settings.folder)
        _log.info("process %s serves %s%s", where.pid, options.socket, f" and {tcp}" if tcp else "")
        if options.ready_fd is not None:
            with contextlib.suppress(OSError), os.fdopen(options.ready_fd, "w") as file:
                file.write(json.dumps(asdict(where)) + "\n")
        on_ready(Served(where, token, engine))

    config = uvicorn.Config(
        build(engine, context, token=token),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="on",
        backlog=hosting.BACKLOG,
        ws="none",
        loop="asyncio",
        http=Connection,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = _Server(config, ready, engine)
    try:
        asyncio.run(server.serve(sockets))
    finally:
        where.withdraw(settings.folder)
    if not server.started:
        raise OSError("the server could not start; its log says why")
    _log.info("process %s ended; %d jobs go on", where.pid, len(engine.watch))
    return engine


@contextlib.contextmanager
def _logging(path: Path) -> Iterator[None]:
    """The server's own log: small, rotated, without a line for every request."""
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LOG_SIZE, backupCount=2, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    loggers = [_log, logging.getLogger("uvicorn.error"), logging.getLogger("asyncio")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.INFO if logger is _log else logging.WARNING)
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()
