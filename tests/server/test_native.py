"""The native protocol, call by call, over a real Unix socket."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.conftest import WAITS, LocalServer, client_of, python, release, shell, wait_for


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    """One server for all of these, with slots enough for none to wait for another."""
    folder = Path(tempfile.mkdtemp(prefix="tts-"))
    local = LocalServer(folder)
    local.start("--cpu-slots", "4")
    yield local
    local.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(server: LocalServer) -> httpx.Client:
    """A client of that server."""
    return server.client


def error(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error answer of the protocol's shape."""
    body = answer.json()["error"]
    assert isinstance(body["message"], str) and body["message"]
    assert body["hint"] is None or isinstance(body["hint"], str)
    return answer.status_code, body["code"]


@pytest.fixture(scope="module")
def done(server: LocalServer) -> dict[str, Any]:
    """A job that has ended well, with a log, a curve and files."""
    script = (
        "import json, os, pathlib; out = pathlib.Path(os.environ['TRAINER_TUI_OUT'])\n"
        "print('héllo 🙂 wörld')\n"
        "(out / 'a b.safetensors').write_bytes(bytes(range(256)) * 40)\n"
        "(out / 'done.txt').write_text('x')\n"
        "with open(os.environ['TRAINER_TUI_METRICS'], 'w') as file:\n"
        "    for step in range(5): print(json.dumps("
        "{'step': step, 'time': 1.5, 'key': 'loss', 'value': 1 / (step + 1)}), file=file)\n"
        "    print(json.dumps({'step': 5, 'key': 'loss', 'value': float('nan')}), file=file)\n"
        "    print('no point', file=file)\n"
        "    print(json.dumps({'step': 6, 'key': 'loss', 'value': '-inf'}), file=file)\n"
        "    file.write('{\"step\": 7')\n"
    )
    job = server.submit(python(script, "done"), name="A fine job")
    found = server.wait(job["id"])
    assert found["status"] == "succeeded", server.log(job["id"])
    return found


def test_info_tells_who_is_there(server: LocalServer, client: httpx.Client) -> None:
    """Name, protocol, runners, slots, folder."""
    info = client.get("/v1/info").json()
    assert (info["server"], info["protocol"]) == ("trainer-tui", 1)
    assert {"smoke", "command", "ai-toolkit"} <= set(info["runners"])
    assert info["slots"]["cpu"]["total"] == 4
    assert info["folder"] == str(server.state)
    assert info["tcp"] is None
    assert server.process is not None
    assert info["pid"] == server.process.pid


def test_a_submitted_job_is_told_in_full(server: LocalServer, done: dict[str, Any]) -> None:
    """Every field of the contract is there, in its form."""
    assert set(done) == {
        *("id", "name", "runner", "status", "raw_status", "progress", "loss", "created_at"),
        *("started_at", "finished_at", "error", "gpu", "config_name", "config_etag"),
        *("checkpoint_step", "queue_position", "attempt", "pid", "folder", "origin"),
    }
    assert (done["name"], done["config_name"], done["runner"]) == ("A fine job", "done", "command")
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    assert done["created_at"].endswith("Z") and len(done["created_at"]) == 27
    assert (done["error"], done["gpu"], done["queue_position"], done["pid"]) == (None,) * 4
    assert done["attempt"] == 1
    assert Path(done["folder"]) == server.folder(done["id"])


def test_submit_answers_201_and_the_same_token_200(
    server: LocalServer, client: httpx.Client
) -> None:
    """A request that is sent again makes no second job."""
    body = {"config": shell("true"), "token": "one request"}
    first, again = client.post("/v1/jobs", json=body), client.post("/v1/jobs", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    server.wait(first.json()["id"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "BAD_REQUEST")),
        (b"[]", (400, "BAD_REQUEST")),
        (b"\xff", (400, "BAD_REQUEST")),
        (b"[" * 100_000, (400, "BAD_REQUEST")),
        (b"{}", (400, "BAD_REQUEST")),
        (b'{"config": 3}', (400, "BAD_REQUEST")),
        (b'{"config": "job: command", "runner": "\\u001b[31m"}', (400, "BAD_REQUEST")),
        (b'{"config": "job: command", "token": 5}', (400, "BAD_REQUEST")),
        (b'{"config": "job: command", "gpu": "H100"}', (400, "BAD_REQUEST")),
        (b'{"config": "job: command", "gpu": {"count": true}}', (400, "BAD_REQUEST")),
        (b'{"config": "a: \\ud800"}', (422, "INVALID_CONFIG")),
        (b'{"config": "- a list"}', (422, "INVALID_CONFIG")),
        (b'{"config": ""}', (422, "INVALID_CONFIG")),
    ],
    ids=range(13),
)
def test_a_bad_request_is_refused(
    client: httpx.Client, body: bytes, expected: tuple[int, str]
) -> None:
    """What makes no sense is answered with what is wrong, and makes no job."""
    before = client.get("/v1/jobs").headers["etag"]
    assert error(client.post("/v1/jobs", content=body)) == expected
    assert client.get("/v1/jobs").headers["etag"] == before


def test_a_bad_config_is_refused_with_its_place(client: httpx.Client) -> None:
    """Line and column count from 1."""
    answer = client.post("/v1/jobs", json={"config": "job: command\nconfig: [a\nb: c"})
    assert error(answer) == (422, "INVALID_CONFIG")
    body = answer.json()["error"]
    assert (body["line"], body["column"]) == (3, 2)


def test_a_gpu_where_there_is_none_is_refused(client: httpx.Client) -> None:
    """Said plainly, with what to do; the smoke runner takes it for show."""
    body = {"config": shell("true"), "gpu": {"type": "H100", "count": 1}}
    answer = client.post("/v1/jobs", json=body)
    if client.get("/v1/info").json()["slots"]["gpu"]["total"] == 0:
        assert error(answer) == (422, "NO_GPU")
        assert "no GPU" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("POST", "/stop"),
        ("POST", "/resume"),
        ("GET", "/config"),
        ("PUT", "/config"),
        ("GET", "/logs"),
        ("GET", "/metrics"),
        ("GET", "/artifacts"),
        ("GET", "/events"),
        ("GET", "/files/log.txt"),
    ],
)
@pytest.mark.parametrize(
    "job_id", ["nosuchjob123", "..", "%2e%2e", "A", "a" * 500, "%00"], ids=range(6)
)
def test_an_unknown_job_is_404_everywhere(
    server: LocalServer, method: str, path: str, job_id: str
) -> None:
    """Whatever is put in the id's place."""
    content = b"job: command" if method == "PUT" else b""
    status, body = server.raw(method, f"/v1/jobs/{job_id}{path}", content)
    assert status == 404
    assert json.loads(body)["error"]["code"] == "JOB_NOT_FOUND"


def test_an_unknown_path_and_method_have_the_protocols_shape(client: httpx.Client) -> None:
    """404 and 405 are errors like any other."""
    assert error(client.get("/v1/nothing")) == (404, "NOT_FOUND")
    assert client.get("/elsewhere").status_code == 404  # a workspace that Roboflow's dialect lacks
    assert error(client.put("/v1/info")) == (405, "METHOD_NOT_ALLOWED")


# -- the list -----------------------------------------------------------------------------------


def test_the_list_is_newest_first_and_in_pages(server: LocalServer, client: httpx.Client) -> None:
    """Pages add up to the whole list, without a job twice or missing."""
    made = [server.submit(shell("true"), name=f"p{number}")["id"] for number in range(3)]
    for job_id in made:
        server.wait(job_id)
    whole = [job["id"] for job in client.get("/v1/jobs").json()["jobs"]]
    assert whole == sorted(whole, reverse=True)
    assert whole[:3] == made[::-1]
    paged, cursor = [], ""
    while cursor is not None:
        page = client.get("/v1/jobs", params={"limit": 2, "cursor": cursor}).json()
        assert 1 <= len(page["jobs"]) <= 2
        paged += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
    assert paged == whole


def test_an_unchanged_list_is_304(server: LocalServer, client: httpx.Client) -> None:
    """With the ETag of the last answer; any change gives another ETag."""
    job = server.submit(shell("true"))
    server.wait(job["id"])
    first = client.get("/v1/jobs")
    etag = first.headers["etag"]
    again = client.get("/v1/jobs", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    server.submit(shell("true"))
    changed = client.get("/v1/jobs", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


def test_a_page_changes_with_its_own_jobs_only(server: LocalServer, client: httpx.Client) -> None:
    """Of a long list only the page with the job that changed is sent again."""
    old = server.submit(shell("true"))
    server.wait(old["id"])
    new = server.submit(shell("false"))
    server.wait(new["id"])
    newest, older = {"limit": 1}, {"limit": 1, "cursor": new["id"]}
    tags = [client.get("/v1/jobs", params=page).headers["etag"] for page in (newest, older)]
    client.post(f"/v1/jobs/{new['id']}/resume", json={}).raise_for_status()
    again = [
        client.get("/v1/jobs", params=page, headers={"If-None-Match": tag})
        for page, tag in zip((newest, older), tags, strict=True)
    ]
    assert [answer.status_code for answer in again] == [200, 304]


def test_a_bad_page_is_refused(client: httpx.Client) -> None:
    """A limit that is no number."""
    assert error(client.get("/v1/jobs?limit=many")) == (400, "BAD_REQUEST")
    assert error(client.get("/v1/jobs?limit=" + "9" * 5000)) == (400, "BAD_REQUEST")


# -- acts ---------------------------------------------------------------------------------------


def test_cancel_ends_a_running_job(server: LocalServer, client: httpx.Client) -> None:
    """It is stopping, then canceled; what is canceled cannot be canceled again."""
    job_id = server.submit(shell(WAITS))["id"]
    wait_for(lambda: "started" in server.log(job_id), "the job to start")
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["raw_status"]) == ("stopping", "canceling")
    assert server.wait(job_id)["status"] == "canceled"
    assert error(client.post(f"/v1/jobs/{job_id}/cancel")) == (409, "JOB_NOT_RUNNING")


def test_stop_is_idempotent_and_ends_as_interrupted(
    server: LocalServer, client: httpx.Client
) -> None:
    """Asked while running, while stopping and after the end."""
    job_id = server.submit(shell(WAITS))["id"]
    wait_for(lambda: "started" in server.log(job_id), "the job to start")
    for _ in range(2):
        assert client.post(f"/v1/jobs/{job_id}/stop").json()["status"] in (
            "stopping",
            "interrupted",
        )
    ended = server.wait(job_id)
    assert (ended["status"], ended["error"]) == ("interrupted", None)
    assert client.post(f"/v1/jobs/{job_id}/stop").json() == ended


def test_a_cancel_of_a_stopping_job_ends_it_as_canceled(
    server: LocalServer, client: httpx.Client
) -> None:
    """The later, stronger wish counts; a stop after a cancel changes nothing."""
    script = "trap '' INT; echo started; while [ ! -e go ]; do sleep 0.02; done"
    job_id = server.submit(shell(script))["id"]
    wait_for(lambda: "started" in server.log(job_id), "the job to start")
    client.post(f"/v1/jobs/{job_id}/stop")
    assert client.post(f"/v1/jobs/{job_id}/cancel").json()["raw_status"] == "canceling"
    assert client.post(f"/v1/jobs/{job_id}/stop").json()["raw_status"] == "canceling"
    release(server.folder(job_id))
    assert server.wait(job_id)["status"] == "canceled"


def test_resume_runs_it_again_and_the_log_goes_on(
    server: LocalServer, client: httpx.Client
) -> None:
    """The attempt counts up, the old log stays, a marker parts the two."""
    job_id = server.submit(shell(WAITS))["id"]
    wait_for(lambda: "started" in server.log(job_id), "the job to start")
    assert error(client.post(f"/v1/jobs/{job_id}/resume")) == (409, "JOB_RUNNING")
    client.post(f"/v1/jobs/{job_id}/stop")
    server.wait(job_id, "interrupted")
    resumed = client.post(f"/v1/jobs/{job_id}/resume").json()
    assert (resumed["attempt"], resumed["finished_at"]) == (2, None)
    wait_for(lambda: server.log(job_id).count("started") == 2, "the second attempt")
    assert "===== attempt 2, " in server.log(job_id)
    release(server.folder(job_id))
    assert server.wait(job_id)["status"] == "succeeded"
    assert error(client.post(f"/v1/jobs/{job_id}/resume")) == (409, "JOB_FINISHED")


def test_a_failed_job_tells_its_last_error_line(server: LocalServer) -> None:
    """Not the last line but the one that reads like an error, and safe for a terminal."""
    script = (
        "echo fine; printf '\\033[31mValueError: no \\033]0;x\\007images\\033[0m\\n'; echo; exit 2"
    )
    ended = server.wait(server.submit(shell(script))["id"])
    assert ended["status"] == "failed"
    assert ended["error"] == {"message": "ValueError: no images", "code": "EXIT_2"}


def test_edit_replaces_the_config_of_a_job_at_rest(
    server: LocalServer, client: httpx.Client
) -> None:
    """Byte for byte, with the ETag of what it began from; a resume runs the new one."""
    first = "# mine\r\n" + shell("echo one; exit 1", "same")
    job_id = server.submit(first)["id"]
    server.wait(job_id, "failed")
    url = f"/v1/jobs/{job_id}/config"
    config = client.get(url)
    assert config.content == first.encode()
    assert config.headers["content-type"].startswith("text/yaml")
    etag = config.headers["etag"]
    assert etag == f'"{hashlib.sha256(first.encode()).hexdigest()[:16]}"'
    second = shell("echo two # ü", "same").encode()
    edited = client.put(url, content=second, headers={"If-Match": etag})
    assert edited.status_code == 200
    assert client.get(url).content == second
    assert edited.json()["config_etag"] == client.get(url).headers["etag"].strip('"')
    late = client.put(url, content=first.encode(), headers={"If-Match": etag})
    assert error(late) == (412, "CONFLICT")
    client.post(f"/v1/jobs/{job_id}/resume")
    assert server.wait(job_id)["status"] == "succeeded"
    assert server.log(job_id).endswith("two\n")


def test_a_bad_edit_changes_nothing(server: LocalServer, client: httpx.Client) -> None:
    """No YAML, not UTF-8, another name, too large: the old config stays."""
    config = shell("exit 1", "same")
    job_id = server.submit(config)["id"]
    server.wait(job_id)
    url = f"/v1/jobs/{job_id}/config"
    for content in (b"a: [", b"\xff", shell("true", "other").encode()):
        assert error(client.put(url, content=content)) == (422, "INVALID_CONFIG")
    assert error(client.put(url, content=b"#" * 5_000_000)) == (413, "TOO_LARGE")
    assert client.get(url).text == config


def test_a_running_job_cannot_be_edited_or_deleted(
    server: LocalServer, client: httpx.Client
) -> None:
    """Both are refused as facts about its state, and it runs on."""
    job_id = server.submit(shell(WAITS))["id"]
    url = f"/v1/jobs/{job_id}"
    assert error(client.put(f"{url}/config", content=shell("true"))) == (409, "JOB_RUNNING")
    assert error(client.delete(url)) == (409, "JOB_RUNNING")
    server.wait(job_id, "running")
    wait_for(lambda: "started" in server.log(job_id), "the job to start")
    release(server.folder(job_id))
    assert server.wait(job_id)["status"] == "succeeded"


def test_delete_takes_the_job_and_its_files(server: LocalServer, client: httpx.Client) -> None:
    """Gone from the list, from the disk, and for good."""
    job_id = server.submit(shell("true"))["id"]
    server.wait(job_id)
    answer = client.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert error(client.get(f"/v1/jobs/{job_id}")) == (404, "JOB_NOT_FOUND")
    assert not server.folder(job_id).exists()
    wait_for(lambda: not any((server.state / "trash").iterdir()), "the trash to be emptied")


# -- logs and metrics ---------------------------------------------------------------------------


def test_logs_in_pieces_make_the_whole(
    server: LocalServer, client: httpx.Client, done: dict[str, Any]
) -> None:
    """Whatever the size of the pieces, no character is ever cut."""
    whole = "héllo 🙂 wörld\n"
    for limit in range(1, 12):
        text, offset, complete = "", 0, False
        while not complete:
            query = {"offset": offset, "limit": limit}
            piece = client.get(f"/v1/jobs/{done['id']}/logs", params=query).json()
            assert (piece["offset"], piece["reset"]) == (offset, False)
            text, offset, complete = text + piece["log"], piece["next_offset"], piece["complete"]
        assert text == whole
        assert offset == piece["size"] == len(whole.encode())


def test_logs_from_the_end_and_beyond(client: httpx.Client, done: dict[str, Any]) -> None:
    """A negative offset counts from the end and begins at a character; beyond the end is new."""
    url = f"/v1/jobs/{done['id']}/logs"
    tail = client.get(url, params={"offset": -10}).json()
    assert tail["log"] == " wörld\n"  # the ten bytes begin inside the face before it
    everything = client.get(url, params={"offset": -9999}).json()
    assert (everything["offset"], everything["complete"]) == (0, True)
    beyond = client.get(url, params={"offset": 9999}).json()
    assert (beyond["offset"], beyond["reset"], beyond["log"][:2]) == (0, True, "hé")
    assert error(client.get(url, params={"offset": "x"})) == (400, "BAD_REQUEST")


def test_raw_logs_are_the_bytes_of_the_file(
    server: LocalServer, client: httpx.Client, done: dict[str, Any]
) -> None:
    """Byte for byte, in pieces of any size, cut wherever that falls; headers say where it lies."""
    url = f"/v1/jobs/{done['id']}/logs"
    whole = (server.folder(done["id"]) / "log.txt").read_bytes()
    for limit in (4, 5, 7, 1 << 20):
        data, complete = b"", "false"
        while complete == "false":
            answer = client.get(url, params={"offset": len(data), "limit": limit, "raw": 1})
            headers = answer.headers
            assert headers["content-type"] == "application/octet-stream"
            assert (headers["x-log-offset"], headers["x-log-reset"]) == (str(len(data)), "false")
            data += answer.content
            assert headers["x-log-next"] == str(len(data))
            complete = headers["x-log-complete"]
        assert data == whole
        assert headers["x-log-size"] == str(len(whole))
    tail = client.get(url, params={"offset": -10, "raw": 1})
    assert tail.content == whole[-10:] and tail.headers["x-log-offset"] == str(len(whole) - 10)
    beyond = client.get(url, params={"offset": 9999, "raw": 1})
    assert (beyond.content, beyond.headers["x-log-reset"]) == (whole, "true")


def test_a_running_log_waits_for_the_rest_of_a_character(
    server: LocalServer, client: httpx.Client
) -> None:
    """Half a character at the end is given when it is whole, or when nothing more comes."""
    script = (
        "import sys, time, os\n"
        "def put(data): os.write(1, data)\n"
        "put(b'ab\\xc3')\n"
        "while not os.path.exists('half'): time.sleep(0.02)\n"
        "put(b'\\xa9')\n"
        "while not os.path.exists('go'): time.sleep(0.02)\n"
        "put(b'\\xe2\\x82')\n"
    )
    job_id = server.submit(python(script))["id"]
    url = f"/v1/jobs/{job_id}/logs"
    wait_for(lambda: client.get(url).json()["size"] == 3, "the half character")
    piece = client.get(url).json()
    assert (piece["log"], piece["next_offset"], piece["complete"]) == ("ab", 2, False)
    (server.folder(job_id) / "work" / "out" / "half").touch()
    wait_for(lambda: client.get(url, params={"offset": 2}).json()["log"] == "é", "the rest")
    release(server.folder(job_id))
    server.wait(job_id)
    last = client.get(url, params={"offset": 4}).json()
    assert (last["log"], last["complete"]) == ("�", True)


def test_metrics_by_cursor(client: httpx.Client, done: dict[str, Any]) -> None:
    """Points in order; what is no number in JSON is a word; half a line waits."""
    url = f"/v1/jobs/{done['id']}/metrics"
    first = client.get(url, params={"limit": 2}).json()
    assert [point["step"] for point in first["points"]] == [0, 1]
    assert first["points"][1] == {
        "step": 1,
        "time": "1970-01-01T00:00:01.500000Z",
        "key": "loss",
        "value": 0.5,
    }
    rest = client.get(url, params={"since": first["next"]}).json()
    assert [point["step"] for point in rest["points"]] == [2, 3, 4, 5, 6]
    assert [point["value"] for point in rest["points"][-2:]] == ["nan", "-inf"]
    assert rest["points"][-1]["time"] is None
    end = client.get(url, params={"since": rest["next"]}).json()
    assert end == {"points": [], "next": rest["next"]}
    assert len(client.get(url, params={"since": 10**9}).json()["points"]) == 7


# -- artifacts and files ------------------------------------------------------------------------


def test_artifacts_are_listed_and_fetched(client: httpx.Client, done: dict[str, Any]) -> None:
    """Each entry's path gives its bytes, its size and its ETag, whatever its name."""
    found = client.get(f"/v1/jobs/{done['id']}/artifacts").json()["artifacts"]
    kinds = {entry["name"]: entry["kind"] for entry in found}
    assert kinds["a b.safetensors"] == "checkpoint"
    assert kinds["config.yaml"] == "config"
    for entry in found:
        answer = client.get(entry["path"])
        assert answer.status_code == 200
        assert len(answer.content) == entry["size"]
        assert answer.headers["etag"] == entry["etag"]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.fixture(scope="module")
def file_url(server: LocalServer, done: dict[str, Any]) -> str:
    """A file of 10,240 bytes."""
    found = server.client.get(f"/v1/jobs/{done['id']}/artifacts").json()["artifacts"]
    url: str = next(entry["path"] for entry in found if entry["name"] == "a b.safetensors")
    return url


DATA = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("asked", "expected", "content_range"),
    [
        ("bytes=0-99", DATA[:100], "bytes 0-99/10240"),
        ("bytes=10000-", DATA[10000:], "bytes 10000-10239/10240"),
        ("bytes=-5", DATA[-5:], "bytes 10235-10239/10240"),
        ("bytes=-99999", DATA, "bytes 0-10239/10240"),
        ("bytes=10239-99999", DATA[-1:], "bytes 10239-10239/10240"),
    ],
    ids=range(5),
)
def test_a_range_gives_a_part(
    client: httpx.Client, file_url: str, asked: str, expected: bytes, content_range: str
) -> None:
    """206, the bytes, and where they are from."""
    answer = client.get(file_url, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == expected
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(expected))


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=9-3", "x", f"bytes={'9' * 5000}-"],
    ids=range(6),
)
def test_an_odd_range_gives_all(client: httpx.Client, file_url: str, asked: str) -> None:
    """What cannot be understood as one range is passed over."""
    answer = client.get(file_url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_beyond_the_file_is_416(client: httpx.Client, file_url: str, asked: str) -> None:
    """With the size that the file has."""
    answer = client.get(file_url, headers={"Range": asked})
    assert error(answer) == (416, "RANGE")
    assert answer.headers["content-range"] == "bytes */10240"


def test_if_range_guards_against_another_file(client: httpx.Client, file_url: str) -> None:
    """The part only of the very file that the client holds, else all of it."""
    head = client.head(file_url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "10240"
    assert head.headers["accept-ranges"] == "bytes"
    for same in (head.headers["etag"], head.headers["last-modified"]):
        answer = client.get(file_url, headers={"Range": "bytes=5-6", "If-Range": same})
        assert (answer.status_code, answer.content) == (206, DATA[5:7])
    for other in ('"other"', "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"):
        answer = client.get(file_url, headers={"Range": "bytes=5-6", "If-Range": other})
        assert (answer.status_code, answer.content) == (200, DATA)
    same_file = client.get(file_url, headers={"If-None-Match": head.headers["etag"]})
    assert (same_file.status_code, same_file.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "../../server.log",
        "..%2f..%2fserver.log",
        "%2e%2e/%2e%2e/signing.key",
        "work/../../../signing.key",
        "/etc/passwd",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "out-link",
        "dir-link/passwd",
        "fifo",
        "work",
        "",
        ".",
        "log.txt%00.png",
        "log.txt/",
        "nothing.here",
        "job.json",
        "launch.json",
        "request.json",
        "state.json",
        "claim-1.json",
        "events.jsonl",
        "%ff",
        pytest.param("a" * 5000, id="long"),
    ],
)
def test_files_outside_are_out_of_reach(
    server: LocalServer, done: dict[str, Any], path: str
) -> None:
    """By dots, encoded or not, by links, by pipes; nor the engine's own files."""
    folder = server.folder(done["id"])
    if not (folder / "fifo").exists():
        (folder / "out-link").symlink_to("/etc/passwd")
        (folder / "dir-link").symlink_to("/etc")
        os.mkfifo(folder / "fifo")
    status, body = server.raw("GET", f"/v1/jobs/{done['id']}/files/{path}")
    assert (status, json.loads(body)["error"]["code"]) == (404, "FILE_NOT_FOUND")


def test_a_link_inside_the_folder_is_followed(
    server: LocalServer, client: httpx.Client, done: dict[str, Any]
) -> None:
    """Trainers link their newest checkpoint."""
    link = server.folder(done["id"]) / "newest"
    if not link.exists():
        link.symlink_to("log.txt")
    answer = client.get(f"/v1/jobs/{done['id']}/files/newest")
    assert answer.text == "héllo 🙂 wörld\n"


def test_a_growing_file_is_given_as_it_was(server: LocalServer, client: httpx.Client) -> None:
    """The length that was promised is the length that comes."""
    loop = "while not os.path.exists('go'): os.write(1, b'x' * 9999); time.sleep(0.001)"
    script = f"import os, time\n{loop}\n"
    job_id = server.submit(python(script))["id"]
    wait_for(lambda: client.get(f"/v1/jobs/{job_id}/logs?limit=4").json()["size"] > 10**6, "a log")
    for _ in range(5):
        answer = client.get(f"/v1/jobs/{job_id}/files/log.txt")
        assert len(answer.content) == int(answer.headers["content-length"])
    release(server.folder(job_id))
    server.wait(job_id)


# -- events -------------------------------------------------------------------------------------


def test_events_tell_a_jobs_story(client: httpx.Client, done: dict[str, Any]) -> None:
    """In order, each with a number, a time, a kind and a text."""
    found = client.get(f"/v1/jobs/{done['id']}/events").json()["events"]
    texts = [event["text"].partition(" (")[0] for event in found]
    assert texts == ["queued", "preparing", "running", "succeeded"]
    assert {event["kind"] for event in found} == {"status"}
    numbers = [event["seq"] for event in found]
    assert numbers == sorted(set(numbers))


def read_stream(server: LocalServer, query: str, enough: int) -> list[dict[str, Any]]:
    """Read that many events off the stream."""
    found: list[dict[str, Any]] = []
    with server.client.stream("GET", f"/v1/events{query}") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
                if len(found) == enough:
                    return found
    return found


def test_the_stream_tells_what_happens(server: LocalServer, done: dict[str, Any]) -> None:
    """From a number on: what was, then what comes, with the job as it was then."""
    history = server.client.get(f"/v1/jobs/{done['id']}/events").json()["events"]
    since = max(event["seq"] for event in history)
    got: list[list[dict[str, Any]]] = []
    thread = threading.Thread(
        target=lambda: got.append(read_stream_until_end(server, since, "streamed"))
    )
    thread.start()
    job = server.submit(shell("true"), name="streamed")
    thread.join(30)
    assert not thread.is_alive()
    mine = [event for event in got[0] if event["job_id"] == job["id"]]
    assert [event["job"]["status"] for event in mine] == [
        "queued",
        "preparing",
        "running",
        "succeeded",
    ]
    again = read_stream(server, f"?since={mine[0]['seq']}", 3)
    assert [event["seq"] for event in again] == [event["seq"] for event in mine[1:]]


def read_stream_until_end(server: LocalServer, since: int, name: str) -> list[dict[str, Any]]:
    """Read events until the job of that name has ended."""
    found: list[dict[str, Any]] = []
    with (
        client_of(server.socket) as client,
        client.stream("GET", f"/v1/events?since={since}") as answer,
    ):
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
                job = found[-1]["job"]
                if job["name"] == name and job["status"] == "succeeded":
                    return found
    return found


def test_a_bad_event_number_is_refused(client: httpx.Client) -> None:
    """Before the stream begins."""
    for since in ("yesterday", "9" * 5000):
        assert error(client.get(f"/v1/events?since={since}")) == (400, "BAD_REQUEST")


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["\x1b]0;title\x07 red", "../../etc", "a\nb", "‮evil", "💥" * 300, " "], ids=range(6)
)
def test_hostile_names_do_no_harm(server: LocalServer, client: httpx.Client, name: str) -> None:
    """A name is one line, safe for a terminal, and never a path."""
    job = server.submit(shell("true"), name=name)
    server.wait(job["id"])
    shown = job["name"]
    assert shown
    assert not any(character in shown for character in "\x1b\x07\n‮")
    assert server.folder(job["id"]).is_dir()
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
