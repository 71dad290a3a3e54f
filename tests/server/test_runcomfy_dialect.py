"""RunComfy's API in front of the real server: over TCP, with a token, with real smoke jobs."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from safetensors import safe_open

from tests.server.conftest import LocalServer, client_of, wait_for
from trainer_tui.server.sampledata import make_dataset

CONFIGS = Path(__file__).parent.parent / "fixtures" / "configs"
JOBS = "/prod/v1/trainers/ai-toolkit/jobs"
DATASETS = "/prod/v1/trainers/datasets"
TOKEN = "a-token-of-the-tests"


class Cloud:
    """What a script written for RunComfy sees: a base URL and a token."""

    def __init__(self, base: str, local: LocalServer) -> None:
        self.base = base
        self.local = local
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.client = client_of(base, headers=headers)
        self.bare = client_of("")

    def dataset(self, tmp: Path, name: str = "scenes") -> str:
        """A READY dataset, filled with one zip; gives its id."""
        folder = make_dataset(tmp / "images", count=6, size=48)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for path in folder.iterdir():
                archive.write(path, f"scenes/{path.name}")
        made = self.client.post(DATASETS, json={"name": name}).json()
        sent = self.client.post(
            f"{DATASETS}/{made['id']}/upload", files={"file": ("scenes.zip", data.getvalue())}
        )
        assert sent.json()["status"] == "READY", sent.text
        dataset_id: str = made["id"]
        return dataset_id

    def submit(self, text: str, **more: object) -> httpx.Response:
        """Submit a config."""
        body = {"config_file_format": "yaml", "config_file": text, "gpu_type": "ADA_80_PLUS"}
        return self.client.post(JOBS, json=body | more)

    def act(self, job_id: str, act: str, **body: object) -> httpx.Response:
        """POST an act."""
        return self.client.post(f"{JOBS}/{job_id}/{act}", json=body)

    def edit(self, job_id: str, text: str) -> httpx.Response:
        """Send another config."""
        return self.act(job_id, "edit", config_file_format="yaml", config_file=text)

    def get(self, job_id: str, what: str) -> dict[str, Any]:
        """``status`` or ``result``."""
        answer = self.client.get(f"{JOBS}/{job_id}/{what}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, job_id: str, *words: str) -> dict[str, Any]:
        """Wait for a status."""
        wait_for(lambda: self.get(job_id, "status")["status"] in words, f"{words}")
        return self.get(job_id, "status")


@pytest.fixture
def cloud(idle_server: LocalServer) -> Iterator[Cloud]:
    """The server on a free port."""
    token = idle_server.home / "token"
    token.write_text(TOKEN)
    where = idle_server.start("--port", "0", "--token-file", str(token), "--cpu-slots", "1")
    found = Cloud(where["tcp"], idle_server)
    yield found
    found.client.close()
    found.bare.close()


def config(steps: int = 20, name: str = "lora", **process: object) -> str:
    """AI Toolkit's example with RunComfy's folders."""
    found = yaml.safe_load((CONFIGS / "train_lora_flux_24gb.yaml").read_text())
    found["config"]["name"] = name
    inner = found["config"]["process"][0]
    inner["training_folder"] = "/app/ai-toolkit/output"
    inner["datasets"][0]["folder_path"] = "/app/ai-toolkit/datasets/scenes"
    inner["datasets"][0]["resolution"] = 256
    inner["train"]["steps"] = steps
    inner["save"]["save_every"] = 10
    inner["sample"] |= {"prompts": ["a moon over low hills", "a sun"], "sample_every": 0}
    inner |= process
    return yaml.safe_dump(found)


def refused(answer: httpx.Response, code: int, words: str) -> None:
    """Check an error: its code, its HTTP status, its words."""
    body = answer.json()
    assert body["error_code"] == code, body
    assert answer.status_code == code // 100
    assert re.search(words, body["error_message"]), body


def test_a_job_from_submit_to_its_files(cloud: Cloud, tmp_path: Path) -> None:
    """Submit, status and result have the reference's shape; the artifacts' URLs need no token."""
    cloud.dataset(tmp_path)
    answer = cloud.submit(config(), gpu_id="#1")
    assert answer.status_code == 200, answer.text
    job = answer.json()
    at = f"{cloud.base}{JOBS}/{job['id']}"
    assert job == {
        "id": job["id"],
        "name": "lora",
        "status_url": f"{at}/status",
        "result_url": f"{at}/result",
        "cancel_url": f"{at}/cancel",
    }
    status = cloud.wait(job["id"], "STOPPED", "FAILED")
    assert status["status"] == "STOPPED", cloud.local.log(job["id"])
    assert status["progress"] == {"current_step": 20, "total_steps": 20, "percent": 100}
    assert (status["result_url"], status["cancel_url"]) == (job["result_url"], job["cancel_url"])
    assert "error" not in status

    result = cloud.get(job["id"], "result")
    assert "error" not in result
    for key in ("created_at", "started_at", "finished_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", result[key])
    made = result["artifacts"]
    names = [httpx.URL(each["path"]).path.rpartition("/")[2] for each in made["checkpoints"]]
    assert names == ["lora_000000010.safetensors", "lora.safetensors"]
    sample = made["samples"][-1]
    assert {key: value for key, value in sample.items() if key != "path"} == {
        "sample_index": 1,
        "type": "image",
        "step": 20,
        "seed": 43,
        "prompt": "a sun",
        "control_image": [],
    }
    fetched = cloud.bare.get(made["checkpoints"][0]["path"])
    (tmp_path / "x.safetensors").write_bytes(fetched.content)
    with safe_open(tmp_path / "x.safetensors", "numpy") as opened:
        assert json.loads(opened.metadata()["training_info"])["step"] == 10
    part = cloud.bare.get(sample["path"], headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    kept = cloud.bare.get(made["config"]["path"]).text
    assert kept == config()


def test_jobs_are_the_same_in_both_dialects(cloud: Cloud, tmp_path: Path) -> None:
    """One submitted here is in the native list under its id, and the other way round."""
    cloud.dataset(tmp_path)
    here = cloud.submit(config(), gpu_type="HOPPER_141").json()["id"]
    there = cloud.local.submit(config(name="other"), runner="smoke")["id"]
    listed = {job["id"]: job for job in cloud.local.client.get("/v1/jobs").json()["jobs"]}
    assert set(listed) == {here, there}
    assert listed[here]["gpu"] == {"type": "HOPPER_141", "count": 1}
    assert cloud.get(there, "status")["name"] == "other"
    assert cloud.get(there, "status")["status"] in ("IN_QUEUE", "RUNNING")
    true = yaml.safe_dump({"job": "command", "config": {"name": "true", "argv": ["true"]}})
    quick = cloud.local.submit(true)["id"]
    assert cloud.act(there, "cancel").json() == {"id": there, "name": "other", "status": "CANCELED"}
    finished = cloud.wait(quick, "STOPPED")
    assert "progress" not in finished  # no steps to tell: STOPPED alone means that it finished


def test_cancel_edit_resume(cloud: Cloud, tmp_path: Path) -> None:
    """A canceled job keeps what it made, takes another config, and goes on under its id."""
    cloud.dataset(tmp_path)
    job_id = cloud.submit(config(100_000)).json()["id"]
    wait_for(lambda: cloud.get(job_id, "status")["progress"]["current_step"] >= 20, "steps")
    assert cloud.get(job_id, "status")["status"] == "RUNNING"
    assert cloud.get(job_id, "result")["artifacts"]["checkpoints"]
    refused(cloud.act(job_id, "resume"), 40951, "still running")
    refused(cloud.edit(job_id, config(50)), 40951, "cannot be edited while")

    assert cloud.act(job_id, "cancel").json()["status"] == "CANCELED"
    cloud.wait(job_id, "CANCELED")
    refused(cloud.act(job_id, "cancel"), 40951, "already ended")
    step = cloud.local.get(job_id)["checkpoint_step"]
    assert step >= 10

    refused(cloud.edit(job_id, config(50, name="new")), 42251, "must stay 'lora'")
    edited = cloud.edit(job_id, config(step + 20)).json()
    assert (edited["id"], edited["status"]) == (job_id, "CANCELED")
    assert edited["status_url"].endswith(f"{job_id}/status")
    resumed = cloud.act(job_id, "resume", gpu_type="HOPPER_141", gpu_count=1).json()
    assert set(resumed) == {"id", "name", "status_url", "result_url", "cancel_url"}
    assert cloud.wait(job_id, "STOPPED")["progress"]["current_step"] == step + 20
    assert f"Resuming from step {step}" in cloud.local.log(job_id)
    assert cloud.local.get(job_id)["gpu"]["type"] == "HOPPER_141"
    refused(cloud.act(job_id, "resume"), 40951, "last step")
    cloud.edit(job_id, config(step + 30))
    told = cloud.get(job_id, "status")
    assert (told["status"], told["progress"]["percent"]) == ("STOPPED", 100), "not interrupted"
    cloud.act(job_id, "resume")
    assert cloud.wait(job_id, "STOPPED")["progress"]["current_step"] == step + 30


def test_both_meanings_of_stopped(cloud: Cloud, tmp_path: Path) -> None:
    """A job that was stopped early is STOPPED below its last step; both can be told apart."""
    cloud.dataset(tmp_path)
    job_id = cloud.submit(config(100_000)).json()["id"]
    wait_for(lambda: cloud.get(job_id, "status")["progress"]["current_step"], "a step")
    cloud.local.client.post(f"/v1/jobs/{job_id}/stop")
    progress = cloud.wait(job_id, "STOPPED")["progress"]
    assert progress["current_step"] < progress["total_steps"] == 100_000


def test_a_failure_has_an_error(cloud: Cloud, tmp_path: Path) -> None:
    """FAILED comes with what went wrong, in the status and in the result."""
    dataset_id = cloud.dataset(tmp_path)
    job_id = cloud.submit(config(100_000, name="first")).json()["id"]
    waiting = cloud.submit(config()).json()["id"]
    assert cloud.get(waiting, "status")["status"] == "IN_QUEUE"
    assert cloud.get(waiting, "result")["artifacts"]["checkpoints"] == []
    cloud.client.delete(f"{DATASETS}/{dataset_id}")
    cloud.act(job_id, "cancel")
    status = cloud.wait(waiting, "FAILED")
    assert "There is no dataset 'scenes'" in status["error"]["message"]
    assert cloud.get(waiting, "result")["error"] == status["error"]


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"config_file_format": "json"}, 40052, "config_file_format must be 'yaml'"),
        ({"config_file": ""}, 40052, "config_file must be"),
        ({"config_file": 5}, 40052, "config_file must be"),
        ({"gpu_type": "A100"}, 40052, "gpu_type must be one of ADA_80_PLUS, HOPPER_141"),
        ({"gpu_type": None}, 40052, "gpu_type must be"),
        ({"gpu_count": 2}, 40052, "gpu_count must be 1 or 8"),
        ({"gpu_count": True}, 40052, "gpu_count must be 1 or 8"),
        ({"gpu_type": "HOPPER_141", "gpu_count": 8}, 40052, "only there with gpu_type ADA"),
        ({"config_file": "a: [1"}, 42251, r"not valid YAML.*\(line 1"),
        ({"config_file": "a: 1"}, 42251, "config: missing"),
        (
            {"config_file": config(training_folder="output")},
            42251,
            r"training_folder: must be /app/ai-toolkit/output\. \(line \d+, column \d+\)",
        ),
        (
            {"config_file": config(datasets=[{"folder_path": "/home/me/cats"}])},
            42251,
            "datasets.0.folder_path: must be /app/ai-toolkit/datasets/NAME",
        ),
        (
            {"config_file": config(datasets={"folder_path": "/app/ai-toolkit/datasets/x"})},
            42251,
            "datasets.folder_path: there is no dataset named 'x'",
        ),
        ({"config_file": config(train={"steps": "many"})}, 42251, "train.steps: expected a whole"),
    ],
)
def test_what_the_cloud_would_refuse_is_refused(
    cloud_once: Cloud, more: dict[str, object], code: int, words: str
) -> None:
    """Each rule of the reference, with its place in the config."""
    refused(cloud_once.submit(config(), **more), code, words)
    assert cloud_once.local.client.get("/v1/jobs").json()["jobs"] == []


@pytest.fixture(scope="module")
def cloud_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A server that all refusals share, with a READY dataset and a DRAFT one."""
    home = Path(tempfile.mkdtemp(prefix="tts-"))
    local = LocalServer(home)
    (home / "token").write_text(TOKEN)
    where = local.start("--port", "0", "--token-file", str(home / "token"))
    found = Cloud(where["tcp"], local)
    found.dataset(tmp_path_factory.mktemp("data"))
    found.client.post(DATASETS, json={"name": "empty"})
    yield found
    found.client.close()
    found.bare.close()
    local.close()
    shutil.rmtree(home, ignore_errors=True)


def test_a_dataset_that_is_not_ready_cannot_be_mounted(cloud_once: Cloud) -> None:
    """DRAFT is told as such."""
    text = config(datasets=[{"folder_path": "/app/ai-toolkit/datasets/empty"}])
    refused(cloud_once.submit(text), 42251, "the dataset 'empty' is DRAFT, not READY")


def test_eight_gpus_are_taken_and_recorded(cloud_once: Cloud) -> None:
    """gpu_count 8 goes with ADA_80_PLUS; on this machine the job has one slot all the same."""
    job_id = cloud_once.submit(config(5), gpu_count=8).json()["id"]
    cloud_once.wait(job_id, "STOPPED")
    assert cloud_once.local.get(job_id)["gpu"] == {"type": "ADA_80_PLUS", "count": 8}
    cloud_once.local.client.delete(f"/v1/jobs/{job_id}")


def test_without_the_token_nothing_is_told(cloud_once: Cloud) -> None:
    """401 in the dialect's shape; unknown ids, paths and methods likewise."""
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = cloud_once.bare.get(f"{cloud_once.base}{DATASETS}", headers=headers)
        refused(answer, 40151, "token")
    refused(cloud_once.client.get(f"{JOBS}/nope/status"), 40451, "nope")
    refused(cloud_once.client.get(f"{JOBS}/nope/logs"), 40451, "no such path")
    refused(cloud_once.client.get(JOBS), 40551, "method")
    refused(cloud_once.client.post(JOBS, content=b"{"), 40051, "not valid JSON")
    refused(cloud_once.client.post(JOBS, content=b"[]"), 40051, "JSON object")
    refused(cloud_once.client.post(JOBS, content=b" " * 5_000_000), 41351, "larger than")


def test_the_life_of_a_dataset(cloud_once: Cloud) -> None:
    """Created, listed, filled file by file, looked at, deleted."""
    client = cloud_once.client
    made = client.post(DATASETS, json={}).json()
    at = f"{DATASETS}/{made['id']}"
    assert made["status"] == "DRAFT"
    assert made["name"].startswith("dataset-")
    assert made["id"] in [each["id"] for each in client.get(DATASETS).json()["datasets"]]
    image = (make_dataset(cloud_once.local.home / "two", count=1) / "scene_000.png").read_bytes()
    sent = client.post(f"{at}/upload", files={"file": ("a.png", image, "image/png")}).json()
    assert (sent["status"], sent["filename"]) == ("READY", "a.png")
    status = client.get(f"{at}/status").json()
    assert status["files"] == [{"filename": "a.png", "size_bytes": len(image)}]
    refused(client.post(f"{at}/upload", files={"file": ("b.zip", b"PK")}), 40002, "not a zip")
    assert client.get(f"{at}/status").json()["status"] == "FAILED"
    assert "b.zip" in client.get(f"{at}/status").json()["error"]
    refused(client.post(f"{at}/upload", files={"file": ("../b", b"x")}), 40002, "plain file name")
    refused(client.post(f"{at}/upload", data={"file": "text"}), 40002, "one file in the field")
    twice = [("file", ("c.txt", b"c")), ("file", ("d.txt", b"d"))]
    refused(client.post(f"{at}/upload", files=twice), 40002, "Too many files")
    assert client.delete(at).status_code == 200
    refused(client.get(f"{at}/status"), 40401, "no dataset")
    refused(client.delete(f"{DATASETS}/cats"), 40001, "not a dataset's id")
    refused(client.post(DATASETS, json={"name": "scenes"}), 40901, "named 'scenes' already")
    refused(client.post(DATASETS, json={"name": "a/b"}), 40002, "without slashes")


def test_signed_uploads(cloud_once: Cloud) -> None:
    """A signed URL takes one file of the announced size from anybody, and nothing else."""
    client, bare = cloud_once.client, cloud_once.bare
    made = client.post(DATASETS, json={"name": "big"}).json()
    at = f"{DATASETS}/{made['id']}"
    image = (make_dataset(cloud_once.local.home / "one", count=1) / "scene_000.png").read_bytes()
    asked = {"filenameToByteSize": {"a b.png": len(image), "a b.txt": 5}}
    answer = client.post(f"{at}/get-upload-endpoint", json=asked)
    uploads = answer.json()["uploads"]
    assert client.get(f"{at}/status").json()["status"] == "UPLOADING"
    picture, caption = uploads["a b.png"], uploads["a b.txt"]
    assert (picture["method"], set(uploads)) == ("PUT", set(asked["filenameToByteSize"]))

    for url in (
        picture["upload_url"].replace("a%20b", "evil"),
        picture["upload_url"].replace(f"size={len(image)}", "size=999"),
        picture["upload_url"].partition("?")[0],
    ):
        refused(bare.put(url, content=image), 40351, "not, or no longer, good")
    refused(bare.put(picture["upload_url"], content=image[:-1]), 40002, "bytes were announced")
    refused(bare.put(caption["upload_url"], content=b"too long"), 40002, "bytes were announced")
    assert bare.put(picture["upload_url"], content=image).status_code == 200
    assert client.get(f"{at}/status").json()["status"] == "UPLOADING"
    assert bare.put(caption["upload_url"], content=b"a sun").status_code == 200
    status = client.get(f"{at}/status").json()
    assert status["status"] == "READY"
    assert [each["size_bytes"] for each in status["files"]] == [len(image), 5]
    bodies: list[dict[str, object]] = [{}]
    bodies += [{"filenameToByteSize": {}}, {"filenameToByteSize": {"a": "1"}}]
    for wrong in bodies:
        refused(client.post(f"{at}/get-upload-endpoint", json=wrong), 40002, "ize")


def test_a_form_beyond_the_limit_is_refused_at_once(cloud_once: Cloud) -> None:
    """More than 150 MB in a form is refused by its length, before it is sent."""
    made = cloud_once.client.post(DATASETS, json={}).json()
    where = httpx.URL(cloud_once.base)
    with contextlib.closing(http.client.HTTPConnection(where.host, where.port, 20)) as connection:
        connection.putrequest("POST", f"{DATASETS}/{made['id']}/upload")
        connection.putheader("Authorization", f"Bearer {TOKEN}")
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(200 * 1024 * 1024))
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["error_code"] == 41351
