"""``trainer-tui serve``: the local training server, in the foreground; and what there is of it."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING, Any

from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.errors import ConfigError, NetworkError, StateError, TrainerError, UsageError
from trainer_tui.server.__main__ import MISSING_EXTRA, options_from
from trainer_tui.server.__main__ import add_arguments as add_server_arguments

if TYPE_CHECKING:
    from trainer_tui.server.hosting import Whereabouts
    from trainer_tui.server.service import Served

STOP_WITHIN = 15.0
"""Seconds that a server gets to end."""
ACTIVE = ("queued", "preparing", "running", "stopping")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The server's own options, and what to do with one that runs."""
    parser.description = (
        "Run the local training server until ctrl-C. Jobs go on without it; started again, it "
        "finds them. The console starts one by itself when it needs it."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="tell what runs (exit 3: nothing)")
    what.add_argument("--stop", action="store_true", help="end the server that runs")
    parser.add_argument("--jobs", action="store_true", help="with --stop: stop the jobs first")
    parser.add_argument(
        "--token", metavar="TOKEN", help="token for TCP; others here can read it off this command"
    )
    add_server_arguments(parser)


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Serve, or tell of the server, or end it."""
    if args.jobs and not args.stop:
        raise UsageError("--jobs goes with --stop", code="USAGE")
    if args.token is not None and args.token_file is not None:
        raise UsageError("give --token or --token-file, not both", code="USAGE")
    if args.token is not None and not args.token.strip():
        raise UsageError("the token is empty", code="USAGE")
    tcp = args.port is not None or args.status or args.stop or _configured_port(context)
    if not tcp and (args.token or args.token_file):
        raise UsageError(
            "a token is for TCP", hint="Add --port N; the Unix socket needs none.", code="USAGE"
        )
    socket = (args.socket or context.paths.socket).absolute()
    folder = (args.state or context.paths.server).absolute()
    if args.status:
        return _status(socket, folder, context)
    if args.stop:
        return _stop(socket, folder, args.jobs, context)
    return _serve(args, context)


def _serve(args: argparse.Namespace, context: CliContext) -> int:
    try:
        from trainer_tui.server.service import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "trainer_tui":
            raise
        raise UsageError(
            f"The extra 'local' is not installed: {error}.", hint=MISSING_EXTRA
        ) from error
    options = options_from(args, context.paths)

    def ready(served: Served) -> None:
        _announce(served, made=options.token is None, context=context)

    try:
        engine = serve(options, on_ready=ready)
    except StateError as error:
        raise StateError(
            error.message, hint="See it with --status, end it with --stop.", code=error.code
        ) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        why = error.strerror or error
        raise TrainerError(f"The server could not start: {place}{why}") from error
    _say_what_goes_on(len(engine.watch), len(engine.book.queue()), context)
    return DONE


def _configured_port(context: CliContext) -> bool:
    """Whether the config has the server listen on TCP; a config with mistakes does not."""
    try:
        return context.config.local.port is not None
    except ConfigError:
        return False


def _announce(served: Served, *, made: bool, context: CliContext) -> None:
    """Where it is; the token only where nobody knows it yet."""
    where = served.whereabouts
    if context.json:
        value: dict[str, object] = {"pid": where.pid, "socket": where.socket, "tcp": where.tcp}
        if made and served.token:
            value["token"] = served.token
        context.print_json_line(value)
        return
    context.out(f"socket  {where.socket}")
    if where.tcp:
        context.out(f"tcp     {where.tcp}")
        if made:
            context.out(f"token   {served.token}")
    context.stdout.flush()
    running, queued = len(served.engine.watch), len(served.engine.book.queue())
    found = f" Found {running} running and {queued} queued." if running or queued else ""
    context.say(f"Serving.{found} Ctrl-C ends the server; jobs go on without it.")


def _say_what_goes_on(running: int, queued: int, context: CliContext) -> None:
    parts = []
    if running:
        parts.append(f"{running} job{'s go' if running > 1 else ' goes'} on without it")
    if queued:
        parts.append(f"{queued} queued wait{'s' if queued == 1 else ''} for the next server")
    context.say("The server has ended" + (f"; {', '.join(parts)}." if parts else "."))


def _status(socket: Path, folder: Path, context: CliContext) -> int:
    from trainer_tui.server.hosting import find

    where = find(socket, folder)
    if where is None:
        if context.json:
            context.print_json({"running": False, "socket": str(socket)})
        else:
            context.out(f"no server runs on {socket}")
        return StateError.exit_code
    info = asyncio.run(_ask(where, "GET", "/v1/info"))
    if context.json:
        context.print_json({"running": True, "socket": where.socket, **info})
        return DONE
    slots = info["slots"]
    context.out(f"server  process {where.pid}, version {where.version}, since {where.started_at}")
    context.out(f"socket  {where.socket}")
    if where.tcp:
        context.out(f"tcp     {where.tcp}")
    context.out(f"folder  {info['folder']}")
    context.out(f"jobs    {info['jobs']['running']} running, {info['jobs']['queued']} queued")
    context.out(f"cpu     {slots['cpu']['free']} of {slots['cpu']['total']} slots free")
    names = ", ".join(slots["gpu"]["names"])
    gpus = f"{slots['gpu']['free']} of {slots['gpu']['total']} free: {names}" if names else "none"
    context.out(f"gpu     {gpus}")
    return DONE


def _stop(socket: Path, folder: Path, jobs_too: bool, context: CliContext) -> int:
    from trainer_tui.server.hosting import find

    where = find(socket, folder)
    if where is None:
        raise StateError(f"no server runs on {socket}", code="SERVER_NOT_RUNNING")
    if jobs_too:
        stopped = asyncio.run(_stop_jobs(where))
        while asyncio.run(_active(where)):  # each ends, by SIGKILL at last: the server sees to it
            time.sleep(0.1)
        context.say(f"Stopped {stopped} job{'' if stopped == 1 else 's'}.")
    running = queued = 0
    try:
        counts = asyncio.run(_ask(where, "GET", "/v1/info"))["jobs"]
        running, queued = int(counts["running"]), int(counts["queued"])
    except TrainerError as error:
        context.warn(f"{error.message} It is ended all the same.")
    where.process.signal(SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN
    while where.process.alive():
        if time.monotonic() > deadline:
            raise TrainerError(
                f"The server (process {where.pid}) has not ended within {STOP_WITHIN:.0f} s.",
                hint=f"kill -9 {where.pid} is safe: its jobs go on and are found again.",
            )
        time.sleep(0.02)
    if context.json:
        context.print_json({"stopped": True, "running": running, "queued": queued})
    else:
        _say_what_goes_on(running, queued, context)
    return DONE


async def _stop_jobs(where: Whereabouts) -> int:
    """Ask every active job to stop, the queued ones first so that none takes a slot that gets free.

    Gives how many.
    """
    jobs = await _active(where)
    jobs.sort(key=lambda job: (job["status"] != "queued", job["id"]))
    for job in jobs:
        await _ask(where, "POST", f"/v1/jobs/{job['id']}/stop")
    return len(jobs)


async def _active(where: Whereabouts) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await _ask(where, "GET", f"/v1/jobs?limit=10000&cursor={cursor}")
        found += [job for job in page["jobs"] if job["status"] in ACTIVE]
        cursor = page["next"]
    return found


async def _ask(where: Whereabouts, method: str, path: str) -> dict[str, Any]:
    """One call over the socket. Raises NetworkError."""
    import httpx

    transport = httpx.AsyncHTTPTransport(uds=where.socket, verify=False)  # no TLS on a socket
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", timeout=10
        ) as client:
            answer = await client.request(method, path)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found
    except (httpx.HTTPError, ValueError) as error:
        said = str(error) or type(error).__name__
        raise NetworkError(f"The server (process {where.pid}) does not answer: {said}.") from error
