"""One small process for every job: starts it, outlives the server, writes what happened.

Started as ``python -I -S supervisor.py JOBDIR LAUNCH`` in a session of its own. It imports the
standard library only, so that it is there in a few hundredths of a second and costs little
memory, and it asks nothing of the server: what to start is in ``launch.json``, what became of it
goes to ``state.json``, what it is asked to do is in ``request.json`` (SIGUSR1 says: look there).

A launch is *claimed* by making ``claim-LAUNCH.json``, which only one process can do: a server
that finds a launch recorded but not claimed claims it for itself as void, and a supervisor that
comes late starts nothing. So a job is never started twice, whoever is killed when.

The job's process leads a process group of its own inside the supervisor's session. To end it:
SIGINT to the group, after ``grace`` seconds SIGTERM, after ``kill_after`` more SIGKILL. The same
for those of its processes that left the group, which are known by ``TRAINER_TUI_JOB``; but SIGINT
only once the leader is gone, which hands it on to its workers itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing and tempfile would cost a third of the time to start
    from typing import Any

COURTESY = 1.0
"""Seconds that the rest of the group has to end after its leader did, before it is told to."""
STAGES = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
MARK = "TRAINER_TUI_JOB"
"""The variable that all processes of a job inherit; its value is the job's id."""


def utc_now() -> str:
    """This moment as RFC 3339 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def write_json(path: Path, value: object) -> None:
    """Replace a file with a JSON text in one step, and have it on the disk."""
    temporary = _write_beside(path, value)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_over(path: Path, value: object) -> bool:
    """Write into a file that is there already; whether that went.

    A full disk has no room for a second file, but mostly for a few bytes more in the first.
    """
    data = json.dumps(value).encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            written = os.write(handle, data)
            os.ftruncate(handle, written)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        return False
    return written == len(data)


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; ``None`` when it is not there or is none."""
    try:
        # A job may have left a pipe in its place, which is not to be waited for.
        with open(path, "rb", opener=lambda p, f: os.open(p, f | os.O_NONBLOCK)) as file:
            found = json.loads(file.read())
    except (OSError, ValueError, RecursionError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def claim(folder: Path, launch: int, content: dict[str, object]) -> bool:
    """Take a launch for oneself, content included, in one step; ``False``: somebody has it."""
    path = folder / f"claim-{launch}.json"
    temporary = _write_beside(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _write_beside(path: Path, value: object) -> Path:
    """Write a JSON text to a new private file in the same folder, through to the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def start_time(pid: int, *, zombie_too: bool = False) -> str | None:
    """When a process began, as a text to compare; ``None`` when there is none (or a zombie).

    A pid alone may name another process later; with the start time, and on Linux the id of the
    boot, it cannot.
    """
    stat = _proc_stat(pid)
    if stat is not None:
        over = stat[0] in ("Z", "X") and not zombie_too
        return None if over else f"{_boot_id()}:{stat[19]}"
    if sys.platform == "linux":
        return None
    done = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, began = done.stdout.strip().partition(" ")
    over = not state or (state.startswith("Z") and not zombie_too)
    return None if over else " ".join(began.split())


def group_alive(group: int, session: int) -> bool:
    """Whether a process group of that session has a member that is more than a zombie."""
    if sys.platform != "linux":
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    for name in os.listdir("/proc"):  # noqa: PTH208 (a hot loop over names)
        if not name.isdigit():
            continue
        stat = _proc_stat(int(name))
        if stat and stat[0] not in ("Z", "X") and int(stat[2]) == group and int(stat[3]) == session:
            return True
    return False


def strays(job: str) -> list[int]:
    """The processes of a job, by the variable that all of them inherit: also those that left its
    group and session, as daemons do. Empty where there is no /proc.
    """
    mark, found = f"{MARK}={job}".encode(), []
    for name in os.listdir("/proc") if sys.platform == "linux" else ():  # noqa: PTH208
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                theirs = mark in file.read().split(b"\0")
        except OSError:
            continue  # gone, or another user's
        if theirs:
            found.append(int(name))
    return found


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group; wake it where it is stopped. Gone is no error."""
    for each in (number, signal.SIGCONT):
        try:
            os.killpg(group, each)
        except (ProcessLookupError, PermissionError):
            return


def signal_strays(job: str, group: int, number: signal.Signals) -> None:
    """Send a signal to those of a job's processes that are not in its group."""
    for pid in strays(job):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) != group:  # who is in it has its signal: twice would mean abort
                for each in (number, signal.SIGCONT):
                    os.kill(pid, each)


def _proc_stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/PID/stat`` from the third on (state, ppid, pgrp, session, …)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 (asked for every process)
            raw = file.read()
    except OSError:
        return None
    return raw[raw.rfind(b")") + 2 :].decode("ascii", "replace").split()


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:13]
    except OSError:
        return ""


class Supervisor:
    """Runs one launch of one job from beginning to end."""

    def __init__(self, folder: Path, launch: int) -> None:
        self.folder = folder
        self.launch = launch
        self.stage = -1  # which of STAGES was sent last
        self.deadline: float | None = None
        self.stop_signal = False
        self.child: subprocess.Popen[bytes] | None = None
        pid = os.getpid()
        self.state: dict[str, Any] = {
            "launch": launch,
            "supervisor": {"pid": pid, "start_time": start_time(pid)},
            "child": None,
            "started_at": None,
            "finished_at": None,
            "exit_code": None,
            "signal": None,
            "requested": None,
            "sent": None,
            "error": None,
        }

    def run(self) -> None:
        """Claim, start, watch, write the end."""
        spec = read_json(self.folder / "launch.json")
        if spec is None or spec.get("launch") != self.launch:
            return
        wake = self._catch_signals()
        if not claim(self.folder, self.launch, {"supervisor": self.state["supervisor"]}):
            return
        self._write()
        if self._requested():
            self._end(None)
            return
        try:
            self._start(spec)
        except (OSError, ValueError) as error:
            self._log(f"{spec['argv'][0] if spec.get('argv') else 'job'}: could not start: {error}")
            self.state["error"] = f"The process could not be started: {error}"
            self._end(None)
            return
        self._watch(wake, float(spec["grace"]), float(spec["kill_after"]))

    def _catch_signals(self) -> int:
        """Turn signals into bytes in a pipe; gives the end to read from.

        They are caught rather than ignored: what is ignored stays ignored in the job's process,
        which would then not see its SIGINT.
        """
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        reader, writer = os.pipe()
        for end in (reader, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_by_signal)
        return reader

    def _asked_by_signal(self, *_: object) -> None:
        self.stop_signal = True

    def _requested(self) -> bool:
        """Whether the job is to end, by request or by a signal to this process."""
        request = read_json(self.folder / "request.json")
        if request is not None and request.get("launch") == self.launch:
            self.state["requested"] = request.get("act")
        elif self.stop_signal and self.state["requested"] is None:
            self.state["requested"] = "stop"
        return self.state["requested"] is not None

    def _start(self, spec: dict[str, Any]) -> None:
        log = os.open(self.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if spec.get("marker"):
                with contextlib.suppress(OSError):  # a full disk; the job may yet make room
                    os.write(log, (spec["marker"] + "\n").encode())
            environment = dict(os.environ)
            for name in spec.get("unset", ()):
                environment.pop(name, None)
            environment.update(spec["env"])
            self.child = subprocess.Popen(
                spec["argv"],
                cwd=spec["cwd"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        finally:
            os.close(log)
        pid = self.child.pid
        self.state["child"] = {"pid": pid, "start_time": start_time(pid, zombie_too=True)}
        self.state["started_at"] = utc_now()
        self._write_if_possible()

    def _watch(self, wake: int, grace: float, kill_after: float) -> None:
        child = self.child
        assert child is not None
        while True:
            if self._requested() and self.stage < 0:
                self._escalate(child.pid, grace, kill_after)
            exit_code = child.poll()
            if exit_code is not None:
                break
            if self.deadline is not None and time.monotonic() >= self.deadline:
                self._escalate(child.pid, grace, kill_after)
            timeout = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
            select.select([wake], [], [], timeout)
            self._drain(wake)
        self._end_group(child.pid, grace, kill_after)
        self._requested()  # a stronger wish may have come since the last look
        self._end(exit_code)

    def _drain(self, wake: int) -> None:
        try:
            while os.read(wake, 4096):
                pass
        except BlockingIOError:
            pass

    def _escalate(self, group: int, grace: float, kill_after: float) -> None:
        """Send the next stronger signal, and set when the one after that is due."""
        if self.stage >= len(STAGES) - 1:
            self.deadline = time.monotonic() + 1.0
        else:
            self.stage += 1
            self.deadline = time.monotonic() + (grace if self.stage == 0 else kill_after)
            self.state["sent"] = STAGES[self.stage].name
            self._write_if_possible()
        number = STAGES[self.stage]
        led = self.child is not None and self.child.returncode is None
        # Of a group that is over another may have the number by now.
        if led or group_alive(group, os.getsid(0)):
            signal_group(group, number)
        if not led or number is not signal.SIGINT:
            signal_strays(self.folder.name, group, number)

    def _end_group(self, group: int, grace: float, kill_after: float) -> None:
        """End what the leader left behind, so that the slot is really free."""
        session = os.getsid(0)
        if self.stage == 0:
            signal_strays(self.folder.name, group, STAGES[0])
        limit, pause = time.monotonic() + COURTESY, 0.01
        while group_alive(group, session) or strays(self.folder.name):
            if time.monotonic() >= limit:
                if self.stage >= len(STAGES) - 1:
                    return  # nothing stronger is left; it hangs in the kernel
                self.stage = max(self.stage, 0)
                self._escalate(group, grace, kill_after)
                limit = time.monotonic() + kill_after
            time.sleep(pause)
            pause = min(0.1, 1.5 * pause)

    def _end(self, exit_code: int | None) -> None:
        if exit_code is not None and exit_code < 0:
            self.state["signal"] = -exit_code
        else:
            self.state["exit_code"] = exit_code
        self.state["finished_at"] = utc_now()
        for _ in range(60):  # the disk may be full for a while; this must not be lost
            try:
                self._write()
            except OSError:
                if write_over(self.folder / "state.json", self.state) or not self.folder.is_dir():
                    return
                time.sleep(1.0)
            else:
                return

    def _write(self) -> None:
        write_json(self.folder / "state.json", self.state)

    def _write_if_possible(self) -> None:
        """A full disk is no reason to end a job; the end is written until it succeeds."""
        with contextlib.suppress(OSError):
            self._write()

    def _log(self, text: str) -> None:
        """A line in the job's log, where there is room for it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
        with contextlib.suppress(OSError):
            log = os.open(self.folder / "log.txt", flags, 0o600)
            with os.fdopen(log, "ab", buffering=0) as file:
                file.write(f"{text}\n".encode("utf-8", "replace"))


def main(argv: list[str]) -> int:
    """``JOBDIR LAUNCH``."""
    folder, launch = Path(argv[0]), int(argv[1])
    supervisor = Supervisor(folder, launch)
    try:
        supervisor.run()
    except Exception as error:
        # Nobody reads this process's own output; its job's state and log are read.
        import traceback

        supervisor._log(traceback.format_exc())
        if supervisor.child is not None:
            signal_group(supervisor.child.pid, signal.SIGKILL)
        supervisor.state["error"] = f"The job's supervisor failed: {error}"
        supervisor._end(None)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
