"""Servers and supervisors killed at any moment: no job is lost, none is run twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import WAITS, LocalServer, release, shell, wait_for
from tests.server.prefork import SERVER, Forked, run
from trainer_tui.server import supervisor
from trainer_tui.server.procs import Process
from trainer_tui.server.supervisor import claim, group_alive, read_json, write_json

SLOTS = ("--cpu-slots", "1", "--grace", "30", "--kill-after", "30")


@pytest.fixture
def server(idle_server: LocalServer) -> LocalServer:
    """A server with one slot."""
    idle_server.start(*SLOTS)
    return idle_server


def begun(server: LocalServer, config: str = shell(WAITS), **more: object) -> dict[str, Any]:
    """A job that runs and has said so."""
    job = server.submit(config, **more)
    wait_for(lambda: "started" in server.log(job["id"]), "the job to say that it started")
    return server.wait(job["id"], "running")


def edit_record(server: LocalServer, job_id: str, **changes: object) -> None:
    """Bring a job's record into the state that a server killed at a bad moment leaves."""
    path = server.folder(job_id) / "job.json"
    record = read_json(path)
    assert record is not None
    write_json(path, record | changes)


def test_a_job_outlives_a_killed_server_and_is_found_again(server: LocalServer) -> None:
    """Still the same process, still running; its end is then seen as any other."""
    job = begun(server)
    server.kill()
    assert Process.read(server.supervisor(job["id"])["child"]).alive()  # type: ignore[union-attr]
    server.start(*SLOTS)
    again = server.get(job["id"])
    assert (again["status"], again["pid"]) == ("running", job["pid"])
    assert again["started_at"] == job["started_at"]
    release(server.folder(job["id"]))
    assert server.wait(job["id"])["status"] == "succeeded"
    assert server.log(job["id"]).count("started") == 1


@pytest.mark.parametrize(("code", "status"), [(0, "succeeded"), (3, "failed")])
def test_an_end_that_nobody_saw_is_told_truly(server: LocalServer, code: int, status: str) -> None:
    """The job ended while no server was there: its result and its time are the true ones."""
    script = f"echo started; while [ ! -e go ]; do sleep 0.02; done; exit {code}"
    job = begun(server, shell(script))
    server.kill()
    release(server.folder(job["id"]))
    wait_for(lambda: server.supervisor(job["id"])["finished_at"], "the end to be written")
    server.start(*SLOTS)
    found = server.wait(job["id"])
    assert found["status"] == status
    assert found["finished_at"] == server.supervisor(job["id"])["finished_at"]


def test_the_queue_goes_on_in_its_order(server: LocalServer) -> None:
    """Queued jobs are started by the next server, in the order in which they were submitted."""
    first = begun(server)
    order = server.home / "order"
    rest = [server.submit(shell(f"echo {n} >> {order}"), name=str(n))["id"] for n in range(3)]
    assert [server.get(job_id)["queue_position"] for job_id in rest] == [0, 1, 2]
    server.kill()
    server.start(*SLOTS)
    assert [server.get(job_id)["queue_position"] for job_id in rest] == [0, 1, 2]
    release(server.folder(first["id"]))
    for job_id in rest:
        assert server.wait(job_id)["status"] == "succeeded"
    assert order.read_text().split() == ["0", "1", "2"]


def test_a_killed_supervisor_and_job_are_an_interruption(server: LocalServer) -> None:
    """All gone without a word: interrupted, with the reason, and it can be resumed."""
    job = begun(server)
    server.kill()
    state = server.supervisor(job["id"])
    os.kill(state["supervisor"]["pid"], signal.SIGKILL)
    os.killpg(state["child"]["pid"], signal.SIGKILL)
    group = state["child"]["pid"], state["supervisor"]["pid"]
    wait_for(lambda: not group_alive(*group), "the job to be gone")
    server.start(*SLOTS)
    found = server.wait(job["id"])
    assert (found["status"], found["error"]["code"]) == ("interrupted", "SUPERVISOR_LOST")
    assert server.client.post(f"/v1/jobs/{job['id']}/resume").status_code == 200
    wait_for(lambda: server.log(job["id"]).count("started") == 2, "the next attempt")
    release(server.folder(job["id"]))
    assert server.wait(job["id"])["status"] == "succeeded"


@pytest.mark.parametrize("server_too", [False, True])
def test_a_job_without_its_supervisor_is_ended(server: LocalServer, server_too: bool) -> None:
    """Nobody could tell how it ends, and a resume must not run it a second time beside itself."""
    job = begun(server)
    state = server.supervisor(job["id"])
    if server_too:
        server.kill()
    os.kill(state["supervisor"]["pid"], signal.SIGKILL)
    if server_too:
        server.start(*SLOTS)
    found = server.wait(job["id"])
    assert (found["status"], found["error"]["code"]) == ("interrupted", "SUPERVISOR_LOST")
    assert not group_alive(state["child"]["pid"], state["supervisor"]["pid"])
    assert "stopping" in server.log(job["id"])  # it got its SIGINT


def test_an_orphan_that_ignores_all_is_killed(idle_server: LocalServer) -> None:
    """SIGINT, SIGTERM, SIGKILL, as its supervisor would have done; then its slot is free."""
    idle_server.start("--cpu-slots", "1", "--grace", "0.1", "--kill-after", "0.1")
    script = "trap '' INT TERM; echo started; while :; do sleep 0.02; done"
    job = begun(idle_server, shell(script))
    next_one = idle_server.submit(shell("true"))
    state = idle_server.supervisor(job["id"])
    os.kill(state["supervisor"]["pid"], signal.SIGKILL)
    assert idle_server.wait(job["id"])["status"] == "interrupted"
    assert not group_alive(state["child"]["pid"], state["supervisor"]["pid"])
    assert idle_server.wait(next_one["id"])["status"] == "succeeded"


def test_a_request_survives_the_server(server: LocalServer) -> None:
    """A job asked to end just before the kill ends, as what it was asked for; nor is a supervisor
    in the way that somebody has stopped."""
    script = "trap 'echo got it' INT; echo started; while [ ! -e go ]; do sleep 0.02; done; exit 1"
    job = begun(server, shell(script))
    os.kill(server.supervisor(job["id"])["supervisor"]["pid"], signal.SIGSTOP)
    server.client.post(f"/v1/jobs/{job['id']}/cancel")
    server.kill()
    server.start(*SLOTS)
    assert server.get(job["id"])["status"] == "stopping"
    release(server.folder(job["id"]))
    assert server.wait(job["id"])["status"] == "canceled"


def test_a_request_that_was_recorded_but_not_sent_is_sent(server: LocalServer) -> None:
    """Killed between writing the wish down and telling the supervisor."""
    job = begun(server)
    server.kill()
    edit_record(server, job["id"], status="stopping", requested="stop")
    server.start(*SLOTS)
    assert server.wait(job["id"])["status"] == "interrupted"
    assert "stopping" in server.log(job["id"])


def test_a_launch_that_never_came_to_be_is_made_once(server: LocalServer) -> None:
    """Killed between recording the launch and starting its supervisor: queued again, and a
    supervisor of that launch that still comes starts nothing."""
    first = begun(server)
    second = server.submit(shell("echo started"))["id"]
    server.kill()
    folder = server.folder(second)
    launch = read_json(server.folder(first["id"]) / "launch.json")
    assert launch is not None
    late = launch | {"launch": 1, "argv": ["sh", "-c", "echo started"], "cwd": str(folder)}
    write_json(folder / "launch.json", late)
    edit_record(server, second, status="preparing", launch=1)
    server.start(*SLOTS)
    assert server.get(second)["status"] == "queued"
    argv = [sys.executable, "-I", "-S", supervisor.__file__, str(folder), "1"]
    assert subprocess.run(argv, timeout=60, check=False).returncode == 0
    assert not (folder / "log.txt").exists()
    release(server.folder(first["id"]))
    assert server.wait(second)["status"] == "succeeded"
    assert server.log(second) == "started\n"


def test_a_launch_that_was_begun_is_not_made_again(server: LocalServer) -> None:
    """Killed right after the supervisor claimed: the record still says preparing, the job runs."""
    job = begun(server)
    server.kill()
    edit_record(server, job["id"], status="preparing", pid=None, started_at=None)
    server.start(*SLOTS)
    assert server.wait(job["id"], "running")["pid"] == job["pid"]
    release(server.folder(job["id"]))
    assert server.wait(job["id"])["status"] == "succeeded"
    assert server.log(job["id"]).count("started") == 1


def test_a_launch_void_twice_is_still_queued(server: LocalServer) -> None:
    """Killed again after the launch was claimed as void but before the job was queued again."""
    first = begun(server)
    second = server.submit(shell("echo started"))["id"]
    server.kill()
    edit_record(server, second, status="preparing", launch=1)
    assert claim(server.folder(second), 1, {"void": True})
    server.start(*SLOTS)
    assert server.get(second)["status"] == "queued"
    release(server.folder(first["id"]))
    assert server.wait(second)["status"] == "succeeded"


def test_a_job_half_made_is_not_there(server: LocalServer) -> None:
    """Killed while a submitted job was written: nothing was promised, nothing is left; nor of the
    new text of another one's record."""
    job = server.submit(shell("true"))
    server.wait(job["id"])
    server.kill()
    half = server.jobs / ".new-abcdefgh1234"
    half.mkdir()
    (half / "config.yaml").write_text("job: command")
    begun = server.folder(job["id"]) / ".job.json.k3xq0a_z"
    begun.write_text("{")
    server.start(*SLOTS)
    assert [each["id"] for each in server.client.get("/v1/jobs").json()["jobs"]] == [job["id"]]
    assert not half.exists()
    assert not begun.exists()


def test_an_unreadable_job_hides_no_other(server: LocalServer) -> None:
    """It is left as it is and named in the log; the rest is there. A job of a runner that is gone
    is seen to end."""
    job = server.submit(shell("true"))
    server.wait(job["id"])
    server.kill()
    record = json.loads((server.folder(job["id"]) / "job.json").read_text())
    odd = json.dumps(record | {"id": "odd123456789", "status": "queued", "queue_key": "first"})
    broken = [("broken123456", "{"), ("strange12345", "[]"), ("other1234567", "{}")]
    broken.append(("never1234567", json.dumps(record | {"id": "never1234567", "created_at": None})))
    gone = "gone12345678"
    other = json.dumps(record | {"id": gone, "status": "running", "runner": "gone", "launch": 7})
    for name, text in [*broken, ("odd123456789", odd), (gone, other)]:
        (server.jobs / name).mkdir()
        (server.jobs / name / "job.json").write_text(text)
    (server.jobs / "stray").touch()
    claimed = {"supervisor": {"pid": 1 << 30, "start_time": "then"}}
    write_json(server.jobs / gone / "claim-7.json", claimed)
    server.start(*SLOTS)
    assert server.wait(gone)["status"] == "interrupted"
    found = [each["id"] for each in server.client.get("/v1/jobs").json()["jobs"]]
    assert found == [gone, job["id"]]
    assert server.client.get("/v1/info").json()["slots"]["cpu"]["free"] == 1
    assert (server.jobs / "broken123456" / "job.json").read_text() == "{"
    assert "broken123456" in (server.state / "server.log").read_text()


def test_a_token_is_remembered(server: LocalServer) -> None:
    """A request repeated after a crash makes no second job."""
    job = server.submit(shell("true"), token="mine")
    server.wait(job["id"])
    server.kill()
    server.start(*SLOTS)
    assert server.submit(shell("true"), token="mine")["id"] == job["id"]


def test_ids_sort_by_age_across_servers(server: LocalServer) -> None:
    """The list is newest first whoever made the jobs."""
    made = [server.submit(shell("true"))["id"]]
    server.kill()
    server.start(*SLOTS)
    made += [server.submit(shell("true"))["id"] for _ in range(3)]
    assert made == sorted(made)
    for job_id in made:
        server.wait(job_id)


def test_sigterm_leaves_jobs_running(server: LocalServer) -> None:
    """A graceful end of the server: exit code 0, nothing of it left, the job goes on."""
    job = begun(server)
    assert server.terminate() == 0
    assert not server.socket.exists()
    assert not server.info_file.exists()
    assert Process.read(server.supervisor(job["id"])["child"]).alive()  # type: ignore[union-attr]
    server.start(*SLOTS)
    release(server.folder(job["id"]))
    assert server.wait(job["id"])["status"] == "succeeded"


def test_sigterm_does_not_wait_for_listeners(server: LocalServer) -> None:
    """An open stream of events ends with the server."""
    with server.client.stream("GET", "/v1/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": hello"
        assert server.terminate() == 0
        assert list(lines) == [""]


# -- one server at a time -----------------------------------------------------------------------


def test_a_stale_socket_is_taken_over(server: LocalServer) -> None:
    """What a killed server leaves does not keep the next one out."""
    server.kill()
    assert server.socket.exists()
    assert server.info_file.exists()
    said = server.start(*SLOTS)
    assert said == json.loads(server.info_file.read_text())
    assert server.client.get("/v1/info").json()["pid"] == said["pid"]


def test_something_else_in_the_sockets_place_is_left_alone(idle_server: LocalServer) -> None:
    """A file that is no socket is not deleted; the server says so and ends."""
    idle_server.socket.parent.mkdir()
    idle_server.socket.write_text("precious")
    done = run(SERVER, idle_server.arguments()[3:], idle_server.environment(), 60)
    assert done.returncode == 2
    assert "is no socket" in done.stderr
    assert idle_server.socket.read_text() == "precious"


@pytest.mark.parametrize("what", ["socket", "folder"])
def test_a_second_server_stays_out(server: LocalServer, what: str, tmp_path: Path) -> None:
    """Neither on the same socket nor, under another one, on the same jobs; exit code 3."""
    argv = server.arguments()
    if what == "socket":
        argv[argv.index("--state") + 1] = str(tmp_path / "other")
    else:
        argv[argv.index("--socket") + 1] = str(server.home / "other" / "s.sock")
    done = run(SERVER, argv[3:], server.environment(), 60)
    assert done.returncode == 3
    assert "Another server (process" in done.stderr
    assert server.process is not None
    assert server.client.get("/v1/info").json()["pid"] == server.process.pid


def test_of_servers_that_race_one_wins(idle_server: LocalServer) -> None:
    """Started at once they leave one that answers; the others exit with 3."""
    racers = [
        Forked(SERVER, idle_server.arguments()[3:], idle_server.environment()) for _ in range(4)
    ]
    try:
        wait_for(lambda: sum(racer.poll() is None for racer in racers) == 1, "one to be left")
        winner = next(racer for racer in racers if racer.poll() is None)
        assert [racer.poll() for racer in racers if racer is not winner] == [3, 3, 3]
        wait_for(idle_server.info_file.exists, "the winner to be ready")
        assert idle_server.client.get("/v1/info").json()["pid"] == winner.pid
    finally:
        for racer in racers:
            racer.terminate()
            racer.wait(60)
            racer.close()


def test_the_socket_is_private(server: LocalServer) -> None:
    """0600 in a folder 0700; so are the jobs."""
    assert server.socket.stat().st_mode & 0o777 == 0o600
    assert server.socket.parent.stat().st_mode & 0o777 == 0o700
    assert server.state.stat().st_mode & 0o777 == 0o700
    assert server.jobs.stat().st_mode & 0o777 == 0o700
