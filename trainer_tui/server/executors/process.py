"""Jobs as processes on this machine, each under a supervisor of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_tui.server import supervisor
from trainer_tui.server.executors.base import Order, Phase, Sight
from trainer_tui.server.procs import Group, Process
from trainer_tui.server.records import Act
from trainer_tui.server.runners.base import JobFolder

SECRETS = ("TRAINER_TUI_TOKEN",)
"""Variables of the server that no job is to see."""


class ProcessExecutor:
    """Starts supervisors and reads what they write."""

    def __init__(self) -> None:
        self._started: dict[tuple[str, int], subprocess.Popen[bytes]] = {}
        self._over: list[subprocess.Popen[bytes]] = []
        self._states: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}

    def record(self, folder: JobFolder, order: Order) -> None:
        for old in folder.root.glob("claim-*.json"):
            # A void claim stays: it keeps off a supervisor that may still be on its way.
            if not _is_void(supervisor.read_json(old)):
                old.unlink(missing_ok=True)
        # Room for a wish, so that a job can be ended though the disk is full by then.
        supervisor.write_json(folder.request, {})
        environment = {"PYTHONUNBUFFERED": "1", supervisor.MARK: folder.id}
        environment.update(order.env)
        environment.update(order.launch.env)
        supervisor.write_json(
            folder.launch,
            {
                "launch": order.number,
                "argv": list(order.launch.argv),
                "cwd": str(order.launch.cwd),
                "env": environment,
                "unset": list(SECRETS),
                "marker": order.marker,
                "grace": order.grace,
                "kill_after": order.kill_after,
                "progress": order.launch.progress,
                "unit": order.launch.unit,
            },
        )

    def start(self, folder: JobFolder, number: int) -> None:
        # By path, isolated: neither the working folder nor PYTHON* variables can get in its way.
        argv = [sys.executable, "-I", "-S", supervisor.__file__, str(folder.root), str(number)]
        self._started[folder.id, number] = subprocess.Popen(
            argv,
            cwd=folder.root,
            # A server that was started from within a job is none of that job's, nor is this.
            env={key: value for key, value in os.environ.items() if key != supervisor.MARK},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def look(self, folder: JobFolder, number: int) -> Sight:
        started = self._started.get((folder.id, number))
        # Also lets go of it. Asked first: what it claimed before it went is there to be read.
        gone = started is not None and started.poll() is not None
        claim = supervisor.read_json(folder.root / f"claim-{number}.json")
        if claim is None or _is_void(claim):
            if not folder.root.is_dir():
                # Taken away by somebody, with all that told who it was; its processes may go on.
                return Sight(Phase.ORPHAN if supervisor.strays(folder.id) else Phase.VANISHED, {})
            return _vanished({}) if gone else Sight(Phase.UNCLAIMED, {})
        keeper = Process.read(claim.get("supervisor"))
        # The order matters: what is written last is written before the supervisor goes.
        alive = keeper is not None and keeper.alive()
        state = self._state(folder, number)
        if state.get("finished_at"):
            return Sight(Phase.ENDED, state)
        if alive:
            return Sight(Phase.ALIVE, state)
        group = _group(state, folder.id)
        if group is not None and group.alive():
            return Sight(Phase.ORPHAN, state)
        return _vanished(state)

    def void(self, folder: JobFolder, number: int) -> bool:
        if supervisor.claim(folder.root, number, {"void": True}):
            return True
        return _is_void(supervisor.read_json(folder.root / f"claim-{number}.json"))

    def ask(self, folder: JobFolder, number: int, act: Act) -> None:
        wish = {"launch": number, "act": act}
        try:
            supervisor.write_json(folder.request, wish)
        except OSError:
            if not supervisor.write_over(folder.request, wish):
                raise
        # A supervisor that has not claimed yet reads the request right after it did.
        claim = supervisor.read_json(folder.root / f"claim-{number}.json")
        keeper = Process.read(claim.get("supervisor")) if claim else None
        if keeper is not None:
            keeper.signal(signal.SIGUSR1)
            keeper.signal(signal.SIGCONT)  # whoever stopped it; it is to hear this

    def signal_orphan(self, folder: JobFolder, sight: Sight, number: signal.Signals) -> None:
        group = _group(sight.state, folder.id)
        if group is not None:
            group.signal(number)
        else:
            supervisor.signal_strays(folder.id, 0, number)

    def forget(self, folder: JobFolder, number: int) -> None:
        started = self._started.pop((folder.id, number), None)
        if started is not None:
            self._over.append(started)
        self._states.pop(folder.state, None)
        self._over = [each for each in self._over if not _reaped(each)]

    def _state(self, folder: JobFolder, number: int) -> dict[str, Any]:
        """``state.json`` of that launch, read again only when it was replaced."""
        try:
            info = os.stat(folder.state)  # noqa: PTH116 (asked several times a second)
        except OSError:
            return {}
        key = (info.st_ino, info.st_mtime_ns, info.st_size)
        known = self._states.get(folder.state)
        if known is None or known[0] != key:
            found = supervisor.read_json(folder.state)
            if found is None:
                return {}
            known = (key, found)
            self._states[folder.state] = known
        return known[1] if known[1].get("launch") == number else {}


def _vanished(state: Mapping[str, Any]) -> Sight:
    """It left nothing. Raises OSError where no file can be opened: so nothing was read, either."""
    Path(os.devnull).open().close()
    return Sight(Phase.VANISHED, state)


def _is_void(claim: Mapping[str, Any] | None) -> bool:
    return claim is not None and claim.get("void") is True


def _group(state: Mapping[str, Any], job: str) -> Group | None:
    leader, keeper = Process.read(state.get("child")), Process.read(state.get("supervisor"))
    return Group(leader, keeper.pid, job) if leader and keeper else None


def _reaped(started: subprocess.Popen[bytes]) -> bool:
    """Whether the process is gone; waits the moment that a supervisor takes to leave."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.wait(0.5)
    return started.poll() is not None
