"""Roboflow's own CLI and SDK, unchanged, against the local server over a real socket.

They are run where they can be imported: by this Python, or by the one that
``TRAINER_TUI_ROBOFLOW_PYTHON`` names.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import LocalServer, wait_for
from trainer_tui.server.sampledata import make_dataset

PROGRAM = Path(__file__).with_name("roboflow_client.py")
KEY = "a-key-of-the-Tests"
PYTHON = os.environ.get("TRAINER_TUI_ROBOFLOW_PYTHON") or (
    sys.executable if importlib.util.find_spec("roboflow") else ""
)
pytestmark = pytest.mark.skipif(
    not PYTHON,
    reason="the official client is not here: pip install 'trainer-tui[clients]', or name a Python "
    "that has it in TRAINER_TUI_ROBOFLOW_PYTHON",
)


class Client:
    """The official client of one server."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(home),
            "ROBOFLOW_CONFIG_DIR": str(home / "none.json"),
            "API_URL": url,
            "ROBOFLOW_API_KEY": KEY,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

        self._cli = subprocess.Popen(
            [PYTHON, str(PROGRAM), "cli"],
            env=self.env,
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def cli(self, *argv: str, exits: int = 0) -> Any:
        """``roboflow --json …``: what it printed, parsed."""
        assert self._cli.stdin is not None and self._cli.stdout is not None
        self._cli.stdin.write(json.dumps(["--json", *argv]) + "\n")
        self._cli.stdin.flush()
        status, out, err = json.loads(self._cli.stdout.readline())
        assert status == exits, f"{argv}: {out}\n{err}"
        return json.loads(out or err)

    def sdk(self, folder: Path) -> dict[str, Any]:
        """What the program that uses the SDK saw."""
        done = subprocess.run(
            [PYTHON, str(PROGRAM), "sdk", str(folder)],
            env=self.env,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        saw: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return saw

    def close(self) -> None:
        """End the command line."""
        self._cli.communicate(timeout=60)


@pytest.fixture
def client(idle_server: LocalServer, tmp_path: Path) -> Iterator[Client]:
    """The client, and a workspace of one project with three versions."""
    for number in ("1", "2", "3"):
        make_dataset(tmp_path / "projects" / "acme" / "dogs" / number / "train", count=8, size=48)
    (tmp_path / "token").write_text(KEY)
    arguments = ("--token-file", str(tmp_path / "token"), "--projects", str(tmp_path / "projects"))
    told = idle_server.start("--port", "0", "--cpu-slots", "2", "--grace", "30", *arguments)
    home = tmp_path / "home"
    home.mkdir()
    found = Client(home, told["tcp"])
    yield found
    found.close()


def test_the_command_line(client: Client) -> None:
    """Read, start, cancel twice, stop twice, results, a leaderboard of a search, star, unstar."""
    assert client.cli("workspace", "get", "acme")["workspace"]["projects"][0]["id"] == "acme/dogs"
    assert client.cli("project", "get", "acme/dogs")["project"]["versions"] == 3
    assert client.cli("version", "get", "acme/dogs/2")["version"]["images"] == 8

    started = client.cli(
        "train", "start", "-p", "acme/dogs", "-v", "1", "-t", "rfdetr-base", "--epochs", "10000"
    )
    assert started["status"] == "training_started"
    assert client.cli("train", "list", "acme/dogs/1")["trainings"][0]["modelType"] == "rfdetr-base"
    assert client.cli("train", "cancel", "acme/dogs/1")["success"] is True
    again = client.cli("train", "cancel", "acme/dogs/1", exits=3)
    assert "Cannot cancel non-running train job" in json.dumps(again)

    client.cli("train", "start", "-p", "acme/dogs", "-v", "2", "-t", "rfdetr-nas", "--epochs", "3")

    def results() -> Any:
        found = client.cli("train", "results", "acme/dogs/2")
        return found if found["status"] == "finished" else None

    found = wait_for(results, "the search to finish", 60)
    assert (found["jobType"], found["modelCount"]) == ("nas", 4)
    assert len({model["metrics"]["map5095"] for model in found["models"]}) > 1, "really measured"
    for _ in range(2):
        assert client.cli("train", "stop", "acme/dogs/2")["success"] is True

    rows = client.cli("model", "list", "-p", "acme/dogs", "--group", found["modelGroup"])
    assert [row["url"] for row in rows] == [model["modelId"] for model in found["models"]]
    assert [row["recommended"] for row in rows].count(True) == 1
    star = rows[0]["url"]
    assert client.cli("model", "star", f"acme/{star}")["model"]["starred"] is True
    assert client.cli("train", "results", "acme/dogs/2")["models"][0]["starred"] is True
    assert client.cli("model", "star", f"acme/{star}", "--unstar")["model"]["starred"] is False
    single = client.cli("train", "results", "acme/dogs/1")["models"][0]["modelId"]
    refused = client.cli("model", "star", f"acme/{single}", exits=3)
    assert "MODEL_NOT_NAS" in json.dumps(refused)
    unknown = client.cli("model", "star", "acme/nothing", exits=3)
    assert "MODEL_NOT_IN_WORKSPACE" in json.dumps(unknown)


def test_the_sdk(client: Client, tmp_path: Path) -> None:
    """Two trainings on one version: one stopped twice and downloaded, one canceled, twice."""
    saw = client.sdk(tmp_path / "weights")
    assert saw["projects"] == ["acme/dogs"]
    assert saw["versions"] == ["acme/dogs/1", "acme/dogs/2", "acme/dogs/3"]
    assert saw["images"] == 8
    assert saw["two"] == saw["made"]
    assert saw["stop"] == [{"success": True}] * 2
    assert saw["cancel"] == {"success": True}
    assert saw["cancel again"]["error"]["code"] == "CANNOT_CANCEL"
    assert saw["status"] == ["finished", "cancelled"]
    model_id, kind, measured = saw["model"]
    assert model_id.startswith("acme/dogs-3-")
    assert kind == "rfdetr-base"
    assert {"map50", "map5095", "f1", "latency", "hardware"} <= set(measured)
    assert saw["weights"] > 1000
    assert saw["recipe"]["hyperparameters"]["epochs"] > 0
