"""The supervisor alone: no server, no engine."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.server.conftest import end_leftovers, wait_for
from trainer_tui.server import supervisor
from trainer_tui.server.supervisor import claim, group_alive, read_json, start_time

Run = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A job's folder; what still runs is ended afterwards."""
    job = tmp_path / "job"
    job.mkdir()
    yield job
    end_leftovers(tmp_path)


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    """Start a supervisor as the server does."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        argv: list[str],
        *,
        launch: int = 1,
        argument: int | None = None,
        grace: float = 10.0,
        kill_after: float = 10.0,
        **more: Any,
    ) -> subprocess.Popen[bytes]:
        order = {
            "launch": launch,
            "argv": argv,
            "cwd": str(folder),
            "env": {"MARK": "here"},
            "unset": ["SECRET"],
            "marker": None,
            "grace": grace,
            "kill_after": kill_after,
        }
        (folder / "launch.json").write_text(json.dumps(order | more))
        command = [sys.executable, "-I", "-S", supervisor.__file__, str(folder)]
        process = subprocess.Popen(
            [*command, str(launch if argument is None else argument)],
            start_new_session=True,
            env=os.environ | {"SECRET": "s3cret"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(60)


def state(folder: Path) -> dict[str, Any]:
    """What the supervisor wrote so far."""
    return read_json(folder / "state.json") or {}


def ended(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    """Wait for the supervisor's own end; gives the last state."""
    process.wait(60)
    return state(folder)


def child_started(folder: Path, word: str = "started") -> int:
    """Wait until the job has said a word; gives its pid."""
    log = folder / "log.txt"
    wait_for(lambda: log.exists() and word in log.read_text(), f"{word!r} in the log")
    # The child runs, and may speak, before the supervisor has written who it is.
    wait_for(lambda: state(folder).get("child"), "the child in the state")
    pid: int = state(folder)["child"]["pid"]
    return pid


def ask(folder: Path, process: subprocess.Popen[bytes], act: str) -> None:
    """Ask for an end, as the server does."""
    supervisor.write_json(folder / "request.json", {"launch": 1, "act": act})
    process.send_signal(signal.SIGUSR1)


def test_it_runs_the_job_and_writes_how_it_ended(run: Run, folder: Path) -> None:
    """Both outputs go to the log; exit code, times and both processes are in the state."""
    script = "echo out; echo err >&2; echo $MARK ${SECRET:-unset}; exit 3"
    found = ended(run(["sh", "-c", script], marker="== attempt 2 =="), folder)
    assert (folder / "log.txt").read_text() == "== attempt 2 ==\nout\nerr\nhere unset\n"
    assert found["exit_code"] == 3
    assert found["signal"] is None
    assert found["requested"] is None
    assert found["started_at"] < found["finished_at"]
    assert found["child"]["pid"] > 1
    assert found["child"]["start_time"]


def test_a_signal_that_ends_the_job_is_told(run: Run, folder: Path) -> None:
    """Ended by a signal of its own, the job has no exit code."""
    found = ended(run(["sh", "-c", "kill -9 $$"]), folder)
    assert (found["signal"], found["exit_code"]) == (9, None)


def test_a_program_that_is_not_there_is_an_end_with_a_reason(run: Run, folder: Path) -> None:
    """The log and the state both say what could not be started."""
    found = ended(run(["/nowhere/at/all"]), folder)
    assert "could not be started" in found["error"]
    assert "No such file" in (folder / "log.txt").read_text()
    assert found["finished_at"]
    assert found["child"] is None


def test_stop_begins_with_sigint(run: Run, folder: Path) -> None:
    """A job that heeds SIGINT ends in its own way, and the request is in the state."""
    script = "trap 'echo bye; exit 0' INT; echo started; while :; do sleep 0.02; done"
    process = run(["sh", "-c", script])
    child_started(folder)
    ask(folder, process, "stop")
    found = ended(process, folder)
    assert (found["requested"], found["sent"], found["exit_code"]) == ("stop", "SIGINT", 0)
    assert (folder / "log.txt").read_text() == "started\nbye\n"


def test_stop_ends_with_sigkill(run: Run, folder: Path) -> None:
    """A job that ignores SIGINT and SIGTERM is killed after both patiences."""
    script = "trap '' INT TERM; echo started; while :; do sleep 0.02; done"
    process = run(["sh", "-c", script], grace=0.1, kill_after=0.1)
    child_started(folder)
    ask(folder, process, "cancel")
    found = ended(process, folder)
    assert (found["requested"], found["sent"], found["signal"]) == ("cancel", "SIGKILL", 9)


def test_the_whole_group_is_ended(run: Run, folder: Path) -> None:
    """A worker that ignores all it can is gone with its leader when the end is written."""
    script = (
        "(trap '' INT TERM; echo worker; while :; do sleep 0.02; done) & "
        "trap 'exit 130' INT; echo started; while :; do sleep 0.02; done"
    )
    process = run(["sh", "-c", script], grace=0.1, kill_after=0.1)
    group = child_started(folder)
    child_started(folder, "worker")
    assert group_alive(group, process.pid)
    ask(folder, process, "stop")
    found = ended(process, folder)
    assert found["finished_at"]
    assert not group_alive(group, process.pid)


def test_what_a_finished_job_leaves_behind_is_ended(run: Run, folder: Path) -> None:
    """A background process does not keep the slot: the job's end comes after its end."""
    process = run(["sh", "-c", "sleep 1000 & echo started"], kill_after=0.2)
    child_started(folder)
    found = ended(process, folder)
    assert found["exit_code"] == 0
    assert not group_alive(found["child"]["pid"], process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="daemons are found in /proc")
def test_a_daemon_ends_with_its_job(run: Run, folder: Path) -> None:
    """Who leaves the group and the session is known by a variable, and gets its signals too."""
    script = "trap 'echo bye; exit 0' INT; echo started; while :; do sleep 0.02; done"
    code = (
        "import subprocess, sys, time\n"
        "subprocess.Popen(['sh', '-c', sys.argv[1]], start_new_session=True)\n"
        "time.sleep(1000)\n"
    )
    process = run([sys.executable, "-S", "-c", code, script], env={"TRAINER_TUI_JOB": "job"})
    child_started(folder)
    assert len(supervisor.strays("job")) >= 2
    ask(folder, process, "cancel")
    assert ended(process, folder)["finished_at"]
    assert supervisor.strays("job") == []
    assert "bye" in (folder / "log.txt").read_text()


def test_who_left_the_group_is_told_by_its_leader_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launcher hands its SIGINT on to workers in sessions of their own: two would end one that
    saves what it has. Stronger signals they get at once."""
    sent: list[tuple[str, signal.Signals]] = []
    for name in ("signal_group", "signal_strays"):
        monkeypatch.setattr(supervisor, name, lambda *a, by=name: sent.append((by, a[-1])))
    keeper = supervisor.Supervisor(tmp_path, 1)
    keeper.child = Mock(returncode=None)
    for _ in range(2):
        keeper._escalate(7, 1, 1)
    assert sent == [
        ("signal_group", signal.SIGINT),
        ("signal_group", signal.SIGTERM),
        ("signal_strays", signal.SIGTERM),
    ]


def test_a_request_that_was_there_first_starts_nothing(run: Run, folder: Path) -> None:
    """A job canceled before its supervisor came is never begun."""
    supervisor.write_json(folder / "request.json", {"launch": 1, "act": "cancel"})
    found = ended(run(["sh", "-c", "echo started"]), folder)
    assert (found["requested"], found["child"]) == ("cancel", None)
    assert not (folder / "log.txt").exists()


def test_a_request_for_another_launch_is_not_heeded(run: Run, folder: Path) -> None:
    """What was asked of an earlier attempt does not end this one."""
    supervisor.write_json(folder / "request.json", {"launch": 1, "act": "cancel"})
    found = ended(run(["true"], launch=2), folder)
    assert (found["requested"], found["exit_code"]) == (None, 0)


def test_a_launch_is_begun_once(run: Run, folder: Path) -> None:
    """Of two supervisors of one launch, one runs the job and the other goes without a word."""
    both = [run(["sh", "-c", "echo once"]) for _ in range(2)]
    for process in both:
        process.wait(60)
    assert (folder / "log.txt").read_text() == "once\n"
    assert state(folder)["exit_code"] == 0


def test_a_void_launch_is_never_begun(run: Run, folder: Path) -> None:
    """A server that claimed the launch as void keeps a late supervisor off."""
    assert claim(folder, 1, {"void": True})
    assert not claim(folder, 1, {"void": True})
    run(["sh", "-c", "echo started"]).wait(30)
    assert not (folder / "log.txt").exists()
    assert not (folder / "state.json").exists()


def test_a_supervisor_of_an_older_launch_does_nothing(run: Run, folder: Path) -> None:
    """It was meant for launch 1, and the folder is at launch 2."""
    run(["sh", "-c", "echo started"], launch=2, argument=1).wait(30)
    assert sorted(path.name for path in folder.iterdir()) == ["launch.json"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_supervisor_is_a_stop(
    run: Run, folder: Path, number: signal.Signals
) -> None:
    """A session that closes ends its jobs gracefully, and they are known to be stopped."""
    script = "trap 'exit 7' INT; echo started; while :; do sleep 0.02; done"
    process = run(["sh", "-c", script])
    child_started(folder)
    process.send_signal(number)
    found = ended(process, folder)
    assert (found["requested"], found["exit_code"]) == ("stop", 7)


def test_a_hangup_ends_nothing(run: Run, folder: Path) -> None:
    """The end of a terminal is none of the job's business."""
    process = run(["sh", "-c", "echo started; while [ ! -e go ]; do sleep 0.02; done"])
    child_started(folder)
    process.send_signal(signal.SIGHUP)
    (folder / "go").touch()
    found = ended(process, folder)
    assert (found["requested"], found["exit_code"]) == (None, 0)


def test_the_job_hears_signals_that_the_server_ignored(folder: Path, run: Run) -> None:
    """Started from a shell's background, where SIGINT is ignored, the job still gets it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = run([sys.executable, "-c", "import signal; print(signal.getsignal(2))"])
    finally:
        signal.signal(signal.SIGINT, before)
    ended(process, folder)
    assert "default_int_handler" in (folder / "log.txt").read_text()


def test_the_job_has_a_group_of_its_own_in_the_supervisors_session(run: Run, folder: Path) -> None:
    """So that a signal to the job's group spares the supervisor, and both can be told apart."""
    process = run(["sh", "-c", "echo started; while [ ! -e go ]; do sleep 0.02; done"])
    pid = child_started(folder)
    assert os.getpgid(pid) == pid
    assert os.getsid(pid) == process.pid == os.getsid(process.pid)
    (folder / "go").touch()
    process.wait(60)


def test_start_times_tell_processes_apart() -> None:
    """This process has one, a pid that nobody has has none, a zombie only when asked for."""
    own = start_time(os.getpid())
    assert own
    assert own == start_time(os.getpid())
    process = subprocess.Popen(["true"])
    wait_for(lambda: start_time(process.pid) is None, "the process to end")
    if sys.platform == "linux":
        assert start_time(process.pid, zombie_too=True)
    process.wait(60)
    assert start_time(process.pid, zombie_too=True) is None


def test_a_full_disk_does_not_hide_how_a_job_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no room for a second file the end is written into the one that is there."""

    def full(path: Path, value: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    begun = supervisor.Supervisor(folder, 1)
    begun.state["supervisor"] = None  # it is this process, which must not be ended as a leftover
    begun.state["requested"] = "a word that makes the first text longer than the last" * 9
    begun._write()
    begun.state["requested"] = None
    monkeypatch.setattr(supervisor, "_write_beside", full)
    begun._end(3)
    state = read_json(folder / "state.json")
    assert state is not None
    assert (state["exit_code"], state["requested"]) == (3, None)
    assert state["finished_at"]
