"""Roboflow's API in front of the real server: over TCP, with its token as the key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.conftest import LocalServer, client_of, wait_for
from trainer_tui.server.sampledata import make_dataset

KEY = "a-key-of-the-Tests"
LONG = {"modelType": "rfdetr-base", "epochs": 10_000}


class Api:
    """What a script written for Roboflow sees: a base URL and a key."""

    def __init__(self, local: LocalServer, projects: Path) -> None:
        self.local = local
        self.projects = projects
        (projects.parent / "token").write_text(KEY)
        self.start()

    def start(self) -> None:
        """Start the server, the first time or again."""
        token = str(self.projects.parent / "token")
        told = self.local.start(
            *("--port", "0", "--cpu-slots", "2", "--grace", "30", "--kill-after", "30"),
            *("--token-file", token, "--projects", str(self.projects)),
        )
        self.base: str = told["tcp"]
        self.client = client_of(self.base, params={"api_key": KEY})

    def get(self, path: str, status: int = 200, **params: str) -> Any:
        """GET, parsed."""
        answer = self.client.get(path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: object = None, status: int = 200) -> Any:
        """POST, parsed."""
        answer = self.client.post(path, json={} if body is None else body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def wait(self, path: str, *words: str) -> Any:
        """Wait for the status of a version's training."""

        def there() -> Any:
            found = self.get(path)["version"]["train"]
            return found if found["status"] in words else None

        return wait_for(there, f"{path} to be {words}")


@pytest.fixture
def api(idle_server: LocalServer, tmp_path: Path) -> Iterator[Api]:
    """A server with one workspace, one project and two versions."""
    for number in ("1", "2"):
        make_dataset(tmp_path / "projects" / "acme" / "dogs" / number / "train", count=6, size=48)
    found = Api(idle_server, tmp_path / "projects")
    yield found
    found.client.close()


def error(answer: Any) -> tuple[str, str]:
    """Type and code of an error answer."""
    return answer["error"]["type"], answer["error"]["code"]


def test_the_key(api: Api) -> None:
    """In the query or as a bearer; nothing and anything else is refused, and so is a key in the
    query where another protocol is spoken."""
    bare = client_of(api.base)
    bearer = {"Authorization": f"Bearer {KEY}"}
    assert bare.get("/acme", headers=bearer).status_code == 200
    assert bare.get("/acme", params={"api_key": KEY}).status_code == 200
    for params in ({}, {"api_key": ""}, {"api_key": "wrong"}, {"key": KEY}):
        answer = bare.get("/acme", params=params)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "Unauthorized"
    assert bare.get("/v1/jobs", params={"api_key": KEY}).status_code == 401
    assert bare.get("/prod/v1/trainers/datasets", params={"api_key": KEY}).status_code == 401
    for headers in ({"Host": "evil.example"}, {"Host": "evil.example", **bearer}):
        assert bare.get("/acme", params={"api_key": KEY}, headers=headers).status_code == 403
    bare.close()


def test_other_protocols_keep_their_paths(api: Api) -> None:
    """No workspace can be named so that it hides another dialect, not even for a wrong path."""
    headers = {"Authorization": f"Bearer {KEY}"}
    for name in ("v1", "prod", "files", "train", "workspace", "data"):
        make_dataset(api.projects / name / "jobs" / "1", count=1, size=16)
    ask = client_of(api.base, headers=headers)
    assert ask.get("/v1/info").json()["server"] == "trainer-tui"
    assert ask.get("/v1/jobs").json()["jobs"] == []
    for path in ("/v1/jobs/1", "/v1/nothing", "/v1"):
        assert ask.get(path).status_code == 404
    assert ask.get("/v1/jobs/1").json()["error"]["code"] == "JOB_NOT_FOUND"
    assert ask.post("/v1/info").status_code == 405
    assert ask.get("/files/jobs/1").json()["error"]["code"] == "URL_EXPIRED"
    assert "error_code" in ask.get("/prod/v1/trainers/ai-toolkit/jobs/x/status").json()
    assert api.get("/")["workspace"] == "acme"
    ask.close()


def test_reading(api: Api) -> None:
    """Who am I, workspace, project and version; a script finds all the fields it may look for."""
    assert api.get("/")["workspace"] == "acme"
    assert api.post("/")["workspace"] == "acme"
    workspace = api.get("/acme")["workspace"]
    (project,) = workspace["projects"]
    wanted = {"id", "type", "name", "created", "updated", "images", "unannotated", "annotation"}
    assert wanted | {"versions", "public", "splits", "classes", "colors"} <= set(project)
    assert (project["id"], project["versions"], project["images"]) == ("acme/dogs", 2, 6)
    told = api.get("/acme/dogs")
    assert [version["id"] for version in told["versions"]] == ["acme/dogs/2", "acme/dogs/1"]
    version = api.get("/acme/dogs/1", nocache="true")["version"]
    assert (version["images"], version["splits"], version["generating"]) == (6, {"train": 6}, False)
    assert "train" not in version
    assert error(api.get("/acme/dogs/1/coco", 404)) == ("NotFound", "NO_EXPORT")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nobody", "WORKSPACE_NOT_FOUND"),
        ("/acme/cats", "PROJECT_NOT_FOUND"),
        ("/acme/dogs/9", "VERSION_NOT_FOUND"),
        ("/acme/dogs/1/training/results", "TRAINING_NOT_FOUND"),
        ("/acme/dogs/1/ptFile", "NO_WEIGHTS"),
        ("/acme/dogs/slug/ptFile", "MODEL_NOT_IN_WORKSPACE"),
        ("/%2e%2e/dogs", "WORKSPACE_NOT_FOUND"),
        ("/acme/%2e%2e", "PROJECT_NOT_FOUND"),
    ],
)
def test_what_is_not_there(api: Api, path: str, code: str) -> None:
    """Everything that is missing has its own code."""
    assert error(api.get(path, 404)) == ("NotFound", code)


def test_a_training(api: Api) -> None:
    """From start to weights: every number of an epoch is one that the trainer wrote down."""
    api.post("/acme/dogs/1/train", {"model_type": "rfdetr-base", "epochs": 3})
    train = api.wait("/acme/dogs/1", "finished")
    assert (train["epochs"], train["modelType"]) == (3, "rfdetr-base")
    assert train["start"] <= train["end"]
    version = api.get("/acme/dogs/1")["version"]
    epochs = version["models"]["roboflow-train"]["epochs"]
    (job,) = api.local.jobs.iterdir()
    lines = (job / "work" / "evaluations.jsonl").read_text().splitlines()
    written = [json.loads(line) for line in lines]
    losses = ("box_loss", "class_loss", "obj_loss")
    assert epochs == [
        {"epoch": w["epoch"], "mAP": w["map5095"], **{key: w[key] for key in losses}}
        for w in written
    ]
    (model,) = api.get("/acme/dogs/1/training/results")["models"]
    assert model["metrics"]["map50"] == written[-1]["map50"]
    assert model["metrics"]["latency"] == written[-1]["latency"]
    link = api.get("/acme/dogs/1/ptFile")["weightsUrl"]
    same = api.get(f"/acme/dogs/{model['modelId']}/ptFile")["weightsUrl"]
    assert link.split("?")[0] == same.split("?")[0]  # signed in another second, perhaps
    weights = httpx.get(link, verify=False)
    assert weights.status_code == 200
    assert weights.content[8:].startswith(b"{")
    assert KEY not in link
    assert httpx.get(link.replace("sig=", "sig=0"), verify=False).status_code == 403


def test_acts_on_the_wrong_thing(api: Api) -> None:
    """One v1 training at a time; v2 takes more, and then wants to know which one is meant."""
    version = "/acme/dogs/1"
    assert error(api.post(f"{version}/train/cancel", status=404))[1] == "TRAINING_NOT_FOUND"
    assert error(api.post(f"{version}/train/stop", status=404))[1] == "TRAINING_NOT_FOUND"
    api.post(f"{version}/train", LONG)
    assert error(api.post(f"{version}/train", LONG, 409)) == ("Conflict", "TRAINING_IN_PROGRESS")
    made = api.post(f"{version}/v2/trainings", LONG)
    assert len(api.get(f"{version}/v2/trainings")["trainings"]) == 2
    assert error(api.post(f"{version}/train/cancel", status=409))[1] == "MULTIPLE_TRAININGS"
    assert error(api.get(f"{version}/v2/trainings/get", 409))[1] == "MULTIPLE_TRAININGS"
    one = {"trainingId": made["trainingId"]}
    assert api.get(f"{version}/v2/trainings/get", **one)["trainingId"] == made["trainingId"]
    assert api.post(f"{version}/v2/trainings/cancel", one) == {"success": True}
    again = api.post(f"{version}/v2/trainings/cancel", one, 409)
    assert again["error"] == {
        "type": "Conflict",
        "message": "Cannot cancel non-running train job.",
        "code": "CANNOT_CANCEL",
    }
    assert api.post(f"{version}/train/cancel", {"continueIfNoRefund": True}) == {"success": True}
    for _ in range(2):
        assert api.post(f"{version}/v2/trainings/stop", one) == {"success": True}
    unknown = {"trainingId": "0123"}
    assert error(api.post(f"{version}/v2/trainings/stop", unknown, 404))[0] == "NotFound"


def test_canceled_weights_are_gone(api: Api) -> None:
    """Stop keeps what was learned, cancel throws it away, at once."""
    version = "/acme/dogs/1"
    api.post(f"{version}/train", {**LONG, "trainRecipe": {"hyperparameters": {"epochs": 9000}}})
    wait_for(lambda: api.get(version)["version"]["models"], "an epoch")
    assert api.get(version)["version"]["train"]["epochs"] == 9000
    api.post(f"{version}/train/stop")
    api.wait(version, "finished")
    assert api.get(f"{version}/ptFile")["weightsUrl"]
    other = "/acme/dogs/2"
    api.post(f"{other}/train", LONG)
    wait_for(lambda: api.get(other)["version"]["models"], "an epoch")
    api.post(f"{other}/train/cancel")
    assert api.get(other)["version"]["train"]["status"] == "cancelled"
    assert error(api.get(f"{other}/ptFile", 404))[1] == "NO_WEIGHTS"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"model_type": "../x"},
        {"model_type": 7},
        {"epochs": 0},
        {"epochs": True},
        {"epochs": "many"},
        {"epochs": 10**9},
        {"speed": "ludicrous"},
        {"checkpoint": 3},
        {"trainRecipe": {"hyperparameters": {"lr": 5}}},
    ],
)
def test_wrong_bodies(api: Api, body: object) -> None:
    """What cannot be trained is refused, and nothing is queued."""
    assert error(api.post("/acme/dogs/1/train", body, 400))[0] == "BadRequest"
    assert api.local.client.get("/v1/jobs").json()["jobs"] == []


def test_a_search_outlives_the_server(api: Api) -> None:
    """Children of a search have real metrics of their own; they and the stars are found again by
    the next server, and a child that is deleted is gone here too."""
    api.post("/acme/dogs/1/train", {"model_type": "rfdetr-nas-t", "epochs": 2})
    api.wait("/acme/dogs/1", "finished")
    found = api.get("/acme/dogs/1/training/results")
    assert (found["jobType"], found["modelCount"]) == ("nas", 4)
    assert [m["hyperparameters"]["rank"] for m in found["models"]] == [2, 4, 8, 16]
    scores = {m["modelId"]: m["metrics"]["map5095"] for m in found["models"]}
    best = max(scores, key=lambda key: scores[key])
    assert found["recommendedByHardware"] == {"cpu": best}
    assert [m["modelId"] for m in found["models"] if m["recommended"]] == [best]
    assert any(m["metrics"]["paretoOptimalFor"] == ["cpu"] for m in found["models"])
    assert api.post(f"/acme/models/{best}/favorite", {"starred": True})["success"]
    assert error(api.post(f"/acme/models/{best}/favorite", {"starred": "x"}, 400))
    api.local.terminate()
    api.start()
    again = api.get("/acme/dogs/1/training/results")
    assert [m["modelId"] for m in again["models"] if m["starred"]] == [best]
    assert {m["modelId"]: m["metrics"]["map5095"] for m in again["models"]} == scores
    assert api.get(f"/models/acme/{best}")["group"] == found["modelGroup"]
    (job,) = [j for j in api.local.client.get("/v1/jobs").json()["jobs"] if j["name"] == best]
    assert api.local.client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert api.get("/acme/dogs/1/training/results")["modelCount"] == 3


def test_a_version_without_images(api: Api) -> None:
    """There is nothing to train on, and that is said at once."""
    (api.projects / "acme" / "dogs" / "7").mkdir()
    assert error(api.post("/acme/dogs/7/train", status=400)) == ("BadRequest", "NO_IMAGES")


def test_a_server_without_projects(idle_server: LocalServer) -> None:
    """It answers that it has none, and how to have some."""
    idle_server.start()
    assert idle_server.client.get("/").json()["workspace"] is None
    said = idle_server.client.get("/acme").json()["error"]
    assert (said["code"], said["hint"]) == (
        "WORKSPACE_NOT_FOUND",
        "Start the server with --projects DIR.",
    )
