"""The kaos dialect over a real socket, asked by a client of the page and by one like kaos's own."""

from __future__ import annotations

import importlib.util
import json
import re
import stat
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import LocalServer, wait_for
from tests.server.kaos_clients import (
    WAITS,
    PageClient,
    ShippedClient,
    names_in,
    source_zip,
    zip_of,
)

TOKEN = "a-token-of-the-local-server"
LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] ")


class Kaos:
    """A server, and clients of it."""

    def __init__(self, server: LocalServer, url: str) -> None:
        self.server = server
        self.url = url
        self._made: list[PageClient] = []

    def page(self, workspace: str = "mnist", token: str = TOKEN) -> PageClient:
        """A client written from the page."""
        self._made.append(PageClient(self.url, token, workspace))
        return self._made[-1]

    def shipped(self, workspace: str = "mnist") -> ShippedClient:
        """A client like the platform's own."""
        client = ShippedClient(self.url, TOKEN, workspace)
        self._made.append(client)
        return client

    def close(self) -> None:
        """Close the clients."""
        for client in self._made:
            client.http.close()


@pytest.fixture
def kaos(idle_server: LocalServer) -> Iterator[Kaos]:
    """A server of its own, on TCP with a token."""
    (idle_server.home / "token").write_text(TOKEN)
    told = idle_server.start(
        *("--port", "0", "--token-file", str(idle_server.home / "token")),
        *("--cpu-slots", "2", "--grace", "30", "--kill-after", "30"),
    )
    found = Kaos(idle_server, told["tcp"])
    yield found
    found.close()


def jobs_of(client: PageClient) -> list[dict[str, Any]]:
    """All jobs of the workspace, each with its group."""
    groups = client.list().raise_for_status().json()["response"]
    assert set(groups) == {"training", "building", "ingesting"}
    return [{**job, "group": group} for group, jobs in groups.items() for job in jobs]


def the_job(client: PageClient, state: str = "JOB_SUCCESS", group: str = "training") -> Any:
    """The only job, once it is in a state."""

    def there() -> dict[str, Any] | None:
        (job,) = jobs_of(client)
        assert job["state"] in (state, "JOB_STARTING", "JOB_RUNNING"), job
        return job if (job["state"], job["group"]) == (state, group) else None

    return wait_for(there, f"the job to be {state} in {group}")


def error_of(answer: Any) -> tuple[int, str]:
    """Status and error code; proves that there is a message."""
    body = answer.json()
    assert body["message"]
    return answer.status_code, body["error_code"]


def test_the_page_from_create_to_provenance(kaos: Kaos) -> None:
    """A client of the page creates a job, finds it by listing, and reads all of it at its end."""
    client = kaos.page()
    assert jobs_of(client) == []
    assert error_of(client.inspect()) == (404, "PIPELINE_NOT_FOUND")
    answer = client.create(source_zip(), user="ann", cpu="1", memory="64Mi")
    assert answer.status_code == 200
    assert set(answer.json()) == {"glob_name"}
    assert re.fullmatch(r"mnist:[0-9a-f]{32}", answer.json()["glob_name"])
    job = the_job(client)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", job["started"])
    assert isinstance(job["duration"], int) and job["hyperopt"] is False
    assert job["progress"] == 100
    found = client.info(job["job_id"]).raise_for_status().json()
    assert (found["page_id"], found["page_count"]) == (0, 1)
    told = found["response"]
    assert (told["job_id"], told["state"]) == (job["job_id"], "JOB_SUCCESS")
    assert told["available_metrics"] == ["accuracy", "loss"]
    (part,) = told["partitions"]
    assert part["code"]["author"] == "ann" and part["data"] is None
    branch, _, model_id = part["output"]["path"].partition(":")
    assert branch == "master"
    dot = client.provenance(model_id).raise_for_status().json()
    assert dot.startswith("digraph") and model_id in dot and part["code"]["commit"] in dot
    lines = client.logs(job["job_id"]).raise_for_status().json().splitlines()
    assert all(LINE.match(line) for line in lines)
    assert any("training with {}" in line for line in lines)
    pipeline = client.inspect().raise_for_status().json()
    assert (pipeline["cpu"], pipeline["memory"], pipeline["gpu"]) == ("1.0", "64Mi", "null")
    assert (pipeline["image_repo"], pipeline["data_name"]) == ("mnist-image", "null")


def test_the_shipped_client_with_a_grid(kaos: Kaos) -> None:
    """Workspace first, bundle, grid after it: one job, a partition for every combination."""
    client = kaos.shipped()
    client.deploy(source_zip(), {"lr": [0.1, 0.9, 0.4], "layers": [1, 2]})
    assert client.http.get("/workspace").json() == {"names": ["mnist"]}
    job = the_job(client)
    assert job["hyperopt"] is True
    parts = client.info(job["job_id"]).json()["response"]["partitions"]
    assert len(parts) == 6 and {part["score"] for part in parts} == {None}
    by_accuracy = client.info(job["job_id"], sort_by="accuracy").json()["response"]["partitions"]
    assert [part["score"] for part in by_accuracy] == [0.9, 0.9, 0.4, 0.4, 0.1, 0.1]
    by_loss = client.info(job["job_id"], sort_by="loss").json()["response"]["partitions"]
    assert [part["hyperparams"]["lr"] for part in by_loss] == [0.9, 0.9, 0.4, 0.4, 0.1, 0.1]
    build = client.build_logs(job["job_id"]).json()
    whole = client.logs(job["job_id"]).json()
    assert whole.startswith(build) and "Build finished." in build and "training with" not in build
    assert "training with {'lr': 0.9, 'layers': 2}" in whole


def test_the_shipped_client_without_a_grid_makes_one_job(kaos: Kaos) -> None:
    """It posts empty hyper-parameters each time; that is no new job."""
    client = kaos.shipped()
    client.deploy(source_zip())
    job = the_job(client)
    client.http.post(
        "/data/mnist/params", files={"data": ("params.json", b"{}", "application/json")}
    ).raise_for_status()
    assert [each["job_id"] for each in jobs_of(client)] == [job["job_id"]]


def test_a_grid_that_comes_late_makes_the_next_job(kaos: Kaos) -> None:
    """A job that trains keeps what it trains with; the new grid is trained by another."""
    client = kaos.shipped()
    client.deploy(source_zip(WAITS))
    first = the_job(client, "JOB_RUNNING")
    answer = client.http.post(
        "/data/mnist/params", files={"data": ("p.zip", zip_of({"g/p.json": '{"lr": [1]}'}))}
    )
    assert answer.status_code == 200
    ids = [job["job_id"] for job in jobs_of(client)]
    assert len(ids) == 2 and first["job_id"] in ids
    for job_id in ids:
        assert client.kill(job_id).status_code == 200


def test_kill_is_told_apart_by_both_clients(kaos: Kaos) -> None:
    """Kill with and without the slash: 200, then JOB_NOT_RUNNING at once; unknown is 404."""
    for client in (kaos.page("one"), kaos.shipped("two")):
        client.create(source_zip(WAITS)).raise_for_status()
        job_id = the_job(client, "JOB_RUNNING")["job_id"]
        assert error_of(client.info(job_id)) == (500, "UNFINISHED_COMMIT")
        assert client.kill(job_id).status_code == 200
        answer = client.kill(job_id)
        assert error_of(answer) == (400, "JOB_NOT_RUNNING")
        assert answer.json()["message"] == f"Job is not running, id: {job_id}"
        the_job(client, "JOB_KILLED")
        kaos.server.wait(job_id, "canceled")
        assert error_of(client.kill("1234")) == (404, "JOB_NOT_FOUND")
        assert client.kill("1234").json()["message"] == "There is no job with id: 1234"
    assert error_of(kaos.page("one").kill(job_id)) == (404, "JOB_NOT_FOUND")


def test_a_build_can_be_killed(kaos: Kaos) -> None:
    """A job that waits for a slot is killed before it ever ran."""
    client = kaos.page()
    for _ in range(3):
        client.create(source_zip(WAITS)).raise_for_status()
    building = [job for job in jobs_of(client) if job["state"] == "JOB_STARTING"]
    assert building and building[-1]["group"] == "building"
    for job in jobs_of(client):
        assert client.kill(job["job_id"]).status_code == 200
    assert {job["state"] for job in jobs_of(client)} == {"JOB_KILLED"}


def test_the_token(kaos: Kaos) -> None:
    """Without the right X-Token nothing is told, in kaos's words."""
    for answer in (kaos.page(token="wrong").list(), kaos.page(token="").kill("x")):
        assert error_of(answer) == (401, "AUTHORIZATION_FAILURE")
        assert TOKEN not in answer.text
    answer = kaos.page().http.put("/train/mnist")
    assert error_of(answer) == (405, "METHOD_NOT_ALLOWED")


def test_what_a_bundle_lacks(kaos: Kaos) -> None:
    """INVALID_BUNDLE names what is missing; nothing is kept."""
    client = kaos.page()
    for name in ("Dockerfile", "model/train", "model/requirements.txt", "model/__init__.py"):
        answer = client.create(source_zip(changes={name: None}))
        assert error_of(answer) == (400, "INVALID_BUNDLE")
        assert f"mnist/{name}" in answer.json()["message"]
    assert error_of(client.create(b"no zip")) == (400, "INVALID_BUNDLE")
    assert error_of(client.http.post("/train/mnist", data={"x": "y"})) == (400, "INVALID_BUNDLE")
    assert jobs_of(client) == []


def bad_zips(home: Path) -> Iterator[tuple[str, bytes]]:
    """Zips that nobody should unpack."""
    for name in ("../evil", "/etc/evil"):
        yield name, zip_of({f"mnist/{name}" if name[0] == "." else name: "evil", "mnist/x": ""})
    link = zipfile.ZipInfo("mnist/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = home / "made.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(link, "/etc/passwd")
    yield "link", path.read_bytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mnist/zeros", bytes(8 << 20))
    yield "bomb", path.read_bytes()
    table = (b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a") * 1_000_000
    tail = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**6, 10**6, len(table), 0
    ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, len(table), 1)
    yield (
        "entries",
        table + tail + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(table), 0, 0),
    )


def test_zips_that_nobody_should_unpack(kaos: Kaos, short_tmp: Path) -> None:
    """Refused as code and as data, and not a file of them stays."""
    client = kaos.page()
    client.create(source_zip()).raise_for_status()
    the_job(client)
    before = sorted(kaos.server.state.rglob("*"))
    for what, data in bad_zips(short_tmp):
        for answer in (
            client.create(data),
            client.http.post("/data/mnist/features", files={"data": ("d.zip", data)}),
        ):
            if what == "link" or answer.request.url.path.endswith("features"):
                assert answer.status_code == 400, (what, answer.text)
            assert error_of(answer) == (400, "INVALID_BUNDLE"), what
    assert sorted(kaos.server.state.rglob("*")) == before
    assert len(jobs_of(client)) == 1


def test_bundles_both_ways_and_by_model(kaos: Kaos) -> None:
    """Hyphens and underscores, true and True: the zip holds what was asked for, and no more."""
    shipped, page = kaos.shipped(), kaos.page()
    shipped.begin()
    data = zip_of({"numbers/a.csv": "1,2\n", "numbers/b.csv": "3,4\n"})
    files = {"data": ("d.zip", data)}
    shipped.http.post("/data/mnist/features", files=files).raise_for_status()
    shipped.deploy(source_zip(), {"lr": [0.1, 0.2]})
    job_id = the_job(shipped)["job_id"]
    code = [f"mnist/{name}" for name in ("Dockerfile", "model/__init__.py")]
    code += ["mnist/model/requirements.txt", "mnist/model/train"]
    for client in (page, shipped):
        assert names_in(client.bundle(job_id, True, False, False).content) == code
        found = names_in(client.bundle(job_id, False, True, False).content)
        assert found == ["data/numbers/a.csv", "data/numbers/b.csv"]
        models = names_in(client.bundle(job_id, False, False, True).content)
        assert f"models/{job_id}-1/model/weights.bin" in models and len(models) == 6
        assert len(names_in(client.bundle(job_id, True, True, True).content)) == 12
    one = shipped.bundle(job_id, False, False, True, model_id=f"{job_id}-1")
    assert {name.split("/")[1] for name in names_in(one.content)} == {f"{job_id}-1"}
    for model_id in (f"{job_id}-7", "nonsense", f"nobody-{0}"):
        answer = shipped.bundle(job_id, False, False, True, model_id=model_id)
        assert error_of(answer) == (404, "MODEL_NOT_FOUND")
    # What was given out as code can be sent as a bundle again.
    assert shipped.create(shipped.bundle(job_id, True, False, False).content).status_code == 200


def test_pages_and_metrics(kaos: Kaos) -> None:
    """Ten partitions a page; pages and metrics that are not there are errors of their own."""
    client = kaos.shipped()
    client.deploy(source_zip(), {"lr": [i / 20 for i in range(12)]})
    job_id = the_job(client)["job_id"]
    first = client.info(job_id, page_id=0).json()
    assert (first["page_count"], len(first["response"]["partitions"])) == (2, 10)
    last = client.info(job_id, page_id=1, sort_by="accuracy").json()
    assert [part["score"] for part in last["response"]["partitions"]] == [0.05, 0.0]
    assert error_of(client.info(job_id, page_id=2)) == (400, "PAGE_ERROR")
    assert error_of(client.info(job_id, page_id=-1)) == (400, "PAGE_ERROR")
    assert error_of(client.info(job_id, sort_by="beauty")) == (404, "METRIC_NOT_FOUND")
    assert error_of(kaos.page("other").provenance(f"{job_id}-0")) == (404, "ALIEN_PROVENANCE_ERROR")
    assert error_of(client.provenance("nothing")) == (404, "MODEL_NOT_FOUND")


def test_requests_that_this_machine_cannot_serve(kaos: Kaos) -> None:
    """More CPUs, memory or GPUs than there are is said, and nothing is queued."""
    client = kaos.page()
    for query, code in (
        ({"cpu": "100000"}, "CPU_REQUEST_ERROR"),
        ({"cpu": "many"}, "CPU_REQUEST_ERROR"),
        ({"memory": "900Ti"}, "MEMORY_REQUEST_ERROR"),
        ({"gpu": "64"}, "GPU_REQUEST_ERROR"),
    ):
        assert error_of(client.create(source_zip(), **query)) == (404, code)
    assert jobs_of(client) == []


def test_a_train_that_fails(kaos: Kaos) -> None:
    """The state is JOB_FAILURE, the reason is in the log, partitions before it are kept."""
    client = kaos.shipped()
    script = f"""#!{sys.executable} -S
import json, os, pathlib, sys
if json.loads(pathlib.Path(os.environ["KAOS_PARAMS"]).read_text())["lr"] == 2:
    raise ValueError("lr is too high")
"""
    client.deploy(source_zip(script), {"lr": [1, 2, 3]})
    job_id = the_job(client, "JOB_FAILURE")["job_id"]
    log = client.logs(job_id).json()
    assert "train failed (exit code 1): ValueError: lr is too high" in log
    assert len(client.info(job_id).json()["response"]["partitions"]) == 1
    assert "lr is too high" in kaos.server.get(job_id)["error"]["message"]


def test_pfs_and_what_is_seen_of_it_outside(kaos: Kaos) -> None:
    """Data, parameters and output are where kaos's machines have them, or where KAOS_PFS says."""
    client = kaos.shipped()
    client.begin()
    there = Path("/pfs").exists()
    files = {"data": ("d.zip", zip_of({"a.csv": "1,2\n"}))}
    client.http.post("/data/mnist/features", files=files).raise_for_status()
    script = f"""#!{sys.executable} -S
import json, os, pathlib, sys
pfs, out = pathlib.Path(os.environ["KAOS_PFS"]), pathlib.Path(sys.argv[1])
(out / "said.json").write_text(json.dumps([
    str(pfs), (pfs / "data" / "a.csv").read_text(), (pfs / "hyper" / "params.json").read_text(),
    os.path.samefile(pfs / "out", out), (pfs / "code" / "Dockerfile").read_text()]))
"""
    client.deploy(source_zip(script), {"lr": [7]})
    job_id = the_job(client)["job_id"]
    said = json.loads((kaos.server.folder(job_id) / "work/out/0/said.json").read_text())
    assert said[1:] == ["1,2\n", '{"lr": 7}', True, "FROM python:3\n"]
    log = client.logs(job_id).json()
    if said[0] == "/pfs":
        assert "are mounted at /pfs" in log
    else:
        assert "/pfs cannot be mounted here" in log and "KAOS_PFS" in log
    assert Path("/pfs").exists() == there, "nothing of it is left on the machine"


def test_requirements_are_said_and_not_installed(kaos: Kaos) -> None:
    """Without the setting nothing is installed; the log says so, and how to have it."""
    client = kaos.page()
    wanted = "no-such-package-anywhere==1\n"
    client.create(source_zip(changes={"model/requirements.txt": wanted})).raise_for_status()
    job_id = the_job(client)["job_id"]
    log = client.logs(job_id).json()
    assert "asks for no-such-package-anywhere==1; nothing is installed" in log
    assert "bundle_venv = true" in log


def start_with(server: LocalServer, *more: str, env: dict[str, str] | None = None) -> str:
    """Start a server on TCP with the token; gives its address."""
    (server.home / "token").write_text(TOKEN)
    told = server.start("--port", "0", "--token-file", str(server.home / "token"), *more, env=env)
    url: str = told["tcp"]
    return url


def quick_venv(folder: Path) -> dict[str, str]:
    """Variables with which ``-m venv`` links the pip that is here, where it would unpack one."""
    pip = importlib.util.find_spec("pip")
    if pip is None or pip.origin is None:
        return {}
    folder.mkdir()
    (folder / "venv.py").write_text(f"""
import pathlib, sys
sys.path.remove({str(folder)!r})
import venv
assert "--without-pip" not in sys.argv
venv.main(["--without-pip", *sys.argv[1:]])
(packages,) = pathlib.Path(sys.argv[-1]).glob("lib/python*/site-packages")
(packages / "pip").symlink_to({str(Path(pip.origin).parent)!r})
""")
    return {"PYTHONPATH": str(folder)}


def test_requirements_are_installed_where_that_is_wished(idle_server: LocalServer) -> None:
    """With the setting they are in an environment of the job's own, which train runs with."""
    wheel = zip_of(
        {
            "kaos_try.py": "VALUE = 42\n",
            "kaos_try-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: kaos-try\nVersion: 1\n",
            "kaos_try-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
            "kaos_try-1.dist-info/RECORD": "",
        }
    )
    name = "kaos_try-1-py3-none-any.whl"
    script = "#!/usr/bin/env python3\nimport kaos_try, sys\nprint(kaos_try.VALUE, sys.prefix)\n"
    changes = {"model/requirements.txt": f"./model/{name}\n", f"model/{name}": wheel}
    env = quick_venv(idle_server.home / "quick")
    client = PageClient(start_with(idle_server, "--bundle-venv", env=env), TOKEN, "mnist")
    client.create(source_zip(script, changes=changes)).raise_for_status()
    job_id = the_job(client)["job_id"]
    venv = idle_server.folder(job_id) / "work" / "venv"
    assert f"42 {venv}" in client.logs(job_id).json()
    client.close()


def test_without_mounts_a_folder_stands_in_for_pfs(idle_server: LocalServer) -> None:
    """Where the system has no `unshare`, KAOS_PFS leads to the same things, and the log says so."""
    (idle_server.home / "bin").mkdir()
    url = start_with(idle_server, env={"PATH": str(idle_server.home / "bin")})
    client = PageClient(url, TOKEN, "mnist")
    script = f"""#!{sys.executable} -S
import os, pathlib, sys
pfs = pathlib.Path(os.environ["KAOS_PFS"])
(pfs / "out" / "said").write_text((pfs / "hyper" / "params.json").read_text())
"""
    client.create(source_zip(script)).raise_for_status()
    job_id = the_job(client)["job_id"]
    assert (idle_server.folder(job_id) / "work/out/0/said").read_text() == "{}"
    log = client.logs(job_id).json()
    assert "/pfs cannot be mounted here (there is no program `unshare`)" in log
    client.close()


def test_a_killed_server_finds_its_kaos_jobs_again(idle_server: LocalServer) -> None:
    """The job goes on without the server; the next one knows its workspace and can kill it."""
    client = PageClient(start_with(idle_server), TOKEN, "mnist")
    client.create(source_zip(WAITS)).raise_for_status()
    job_id = the_job(client, "JOB_RUNNING")["job_id"]
    client.close()
    idle_server.kill()
    client = PageClient(start_with(idle_server), TOKEN, "mnist")
    assert the_job(client, "JOB_RUNNING")["job_id"] == job_id
    assert client.kill(job_id).status_code == 200
    idle_server.wait(job_id, "canceled")
    client.close()


def test_the_native_protocol_sees_the_same_jobs(kaos: Kaos) -> None:
    """A kaos job is a job of the server: listed, with its log, curves and files."""
    client = kaos.shipped()
    client.deploy(source_zip(), {"lr": [0.3, 0.4]})
    job_id = the_job(client)["job_id"]
    job = kaos.server.get(job_id)
    assert (job["runner"], job["origin"], job["status"]) == ("bundle", "kaos", "succeeded")
    assert job["progress"] == {"current": 2, "total": 2, "unit": "partition", "percent": 100}
    points = kaos.server.client.get(f"/v1/jobs/{job_id}/metrics").json()["points"]
    assert [p["value"] for p in points if p["key"] == "accuracy"] == [0.3, 0.4]
    found = kaos.server.client.get(f"/v1/jobs/{job_id}/artifacts").json()["artifacts"]
    assert sum(artifact["kind"] == "weights" for artifact in found) == 2
