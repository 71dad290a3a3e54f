"""Starting the local server when none runs, so that two consoles never start two.

Whoever wants to start it takes a lock in the runtime folder; who had to wait for it finds the
server running. A stale socket is the server's own to remove, under its own lock. The server is
started in a session of its own, with its output in ``server.log``, and outlives whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from trainer_tui import sanitize
from trainer_tui.errors import ConfigError, NetworkError, TrainerError
from trainer_tui.paths import Paths, private_folder

PATIENCE = 30.0
"""Seconds for the server to answer; a cold disk and two slow cores need a few."""
_LOOK_EVERY = 0.05
_AGAIN_AFTER = 10.0
"""Seconds for which a failed start is not tried again."""
_ANOTHER_RUNS = 3
"""Exit code of a server that finds another on its socket or folder: that one will answer soon."""
_WINNER = 5.0
_PACKAGES = ("starlette", "uvicorn", "multipart", "numpy", "PIL", "safetensors")


class Starter:
    """Starts the local server of one installation.

    Args:
        paths: Whose.
        answers: Whether a server answers at the socket. Raises NetworkError when one listens
            there but does not answer.
    """

    def __init__(self, paths: Paths, answers: Callable[[], Awaitable[bool]]) -> None:
        self._paths = paths
        self._answers = answers
        self._busy = asyncio.Lock()
        self._failed: tuple[float, TrainerError] | None = None

    async def start(self) -> None:
        """Have a server running, by starting one if nobody else does meanwhile.

        Raises:
            ConfigError: The packages of the extra ``local`` are missing, or the folder is not ours.
            NetworkError: It was started and did not come up; the message has its last words.
        """
        async with self._busy:
            now = asyncio.get_running_loop().time()
            if self._failed is not None and now < self._failed[0]:
                raise self._failed[1]
            self._failed = None
            try:
                await self._start()
            except TrainerError as problem:
                self._failed = (asyncio.get_running_loop().time() + _AGAIN_AFTER, problem)
                raise

    async def _start(self) -> None:
        missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            raise ConfigError(
                f"the local server needs packages that are not installed: {', '.join(missing)}",
                title="The local server is not installed",
                hint="pip install 'trainer-tui[local]'",
            )
        try:
            for folder in (self._paths.runtime, self._paths.socket.parent, self._paths.server):
                await asyncio.to_thread(private_folder, folder)
            lock = os.open(
                self._paths.runtime / "start.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as problem:
            words = sanitize.line(problem)
        else:
            async with _held(lock):
                if not await self._answers():
                    await self._launch()
            return
        raise ConfigError(f"the local server has no folder to live in: {words}")

    async def _launch(self) -> None:
        log = self._paths.server / "server.log"
        began = _size(log)
        try:
            process = await asyncio.to_thread(_spawn, self._paths, log)
        except OSError as problem:
            words = sanitize.line(problem)
        else:
            await self._wait_until_up(process, log, began)
            return
        raise NetworkError(f"the local server cannot be started: {words}", code="SERVER_START")

    async def _wait_until_up(self, process: subprocess.Popen[bytes], log: Path, began: int) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        beaten = False
        while loop.time() < deadline:
            with contextlib.suppress(NetworkError):
                if await self._answers():
                    # Reap it if it ends while we live: a zombie would look alive to others.
                    threading.Thread(target=process.wait, daemon=True).start()
                    return
            if process.poll() == _ANOTHER_RUNS and not beaten:
                beaten, deadline = True, loop.time() + _WINNER
            elif process.poll() is not None and not beaten:
                what = f"ended with {process.returncode}"
                break
            await asyncio.sleep(_LOOK_EVERY)
        else:
            what = "says that another one runs already" if beaten else "did not answer in time"
            process.terminate()
            threading.Thread(target=process.wait, daemon=True).start()
        said = _last_words(log, began)
        raise NetworkError(
            f"the local server was started and {what}" + (f":\n{said}" if said else ""),
            title="The local server did not start",
            hint=f"`trainer-tui serve` runs it here and shows all; its log is {log}.",
            code="SERVER_START",
        )


@contextlib.asynccontextmanager
async def _held(lock: int) -> AsyncIterator[None]:
    """Hold the starters' lock, and close its file in the end.

    Whoever held it before has started the server by then, or given up.
    """
    import fcntl

    try:
        deadline = asyncio.get_running_loop().time() + 2 * PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pass
            if asyncio.get_running_loop().time() > deadline:
                raise NetworkError(
                    "another process has been starting the local server for too long",
                    hint="`trainer-tui serve --status` says what runs.",
                    code="SERVER_START",
                )
            await asyncio.sleep(_LOOK_EVERY)
        yield
    finally:
        os.close(lock)


def command(paths: Paths) -> list[str]:
    """The command that runs the server of these folders."""
    return [
        sys.executable,
        "-m",
        "trainer_tui.server",
        "--state",
        str(paths.server),
        "--socket",
        str(paths.socket),
    ]


def _spawn(paths: Paths, log: Path) -> subprocess.Popen[bytes]:
    """Start it in a session of its own: a ctrl-C or a closed terminal here is not for it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command(paths),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=paths.server,
            env=_environment(paths),
            start_new_session=True,
        )


def _environment(paths: Paths) -> dict[str, str]:
    """Ours, and the config file that is in use here, for the server's own settings.

    Started from within a job, the server is none of its daemons, which end with it.
    """
    environment = {key: value for key, value in os.environ.items() if key != "TRAINER_TUI_JOB"}
    if paths.config_file.exists():
        environment["TRAINER_TUI_CONFIG"] = str(paths.config_file)
    return environment


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _last_words(log: Path, began: int, lines: int = 8) -> str:
    """The last lines that this start wrote into the log."""
    try:
        with log.open("rb") as file:
            file.seek(max(began, _size(log) - 8192))
            text = sanitize.text(file.read(8192).decode(errors="replace"))
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])
