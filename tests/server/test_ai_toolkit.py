"""The AI Toolkit runner against a stand-in for its checkout, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.server.conftest import LocalServer, wait_for
from trainer_tui.server.runners.ai_toolkit import TQDM

FIXTURES = Path(__file__).parent.parent / "fixtures"
NAME = "my_first_flux_lora_v1"


@pytest.fixture
def toolkit(idle_server: LocalServer) -> Iterator[LocalServer]:
    """A server that knows a checkout."""
    idle_server.start("--ai-toolkit", str(FIXTURES / "fake_ai_toolkit"), "--cpu-slots", "1")
    yield idle_server


def config(steps: int, *, save_every: int = 20, database: bool = False) -> str:
    """AI Toolkit's own example with other steps, and two prompts."""
    found = yaml.safe_load((FIXTURES / "configs" / "train_lora_flux_24gb.yaml").read_text())
    process = found["config"]["process"][0]
    process["train"]["steps"] = steps
    process["save"]["save_every"] = save_every
    process["sample"]["prompts"] = ["one", "two"]
    if database:
        process["logging"] = {"use_ui_logger": True}
    return yaml.safe_dump(found)


def test_a_run_is_followed_from_its_bar(toolkit: LocalServer) -> None:
    """Without a word about the runner it is AI Toolkit; progress, loss, curve, checkpoints and
    samples come from what it prints and writes, all of it inside the job's folder."""
    job = toolkit.submit(config(50))
    assert job["runner"] == "ai-toolkit"
    ended = toolkit.wait(job["id"])
    assert ended["status"] == "succeeded", toolkit.log(job["id"])
    assert ended["progress"] == {"current": 50, "total": 50, "unit": "step", "percent": 100}
    assert ended["loss"] == 0.25
    assert ended["checkpoint_step"] == 50
    assert "device: cuda:0" in toolkit.log(job["id"])
    found = toolkit.client.get(f"/v1/jobs/{job['id']}/artifacts").json()["artifacts"]
    assert [(a["kind"], a["step"]) for a in found] == [
        ("config", None),
        ("checkpoint", 20),
        ("checkpoint", 40),
        ("checkpoint", 50),
        ("sample", 0),
        ("sample", 0),
    ]
    for each in found:
        assert toolkit.client.get(each["path"]).status_code == 200
    points = toolkit.client.get(f"/v1/jobs/{job['id']}/metrics").json()["points"]
    curve = [(p["step"], p["value"]) for p in points if p["key"] == "loss"]
    assert all(abs(value - 0.5 / (1 + step / 50)) < 1e-3 for step, value in curve)
    assert [step for step, _ in curve] == list(range(1, 51))


def test_a_stopped_run_goes_on_from_its_newest_checkpoint(toolkit: LocalServer) -> None:
    """SIGINT is its graceful stop; resumed, it takes up its own checkpoint, and no step of the
    curve is there twice."""
    job = toolkit.submit(config(3000, save_every=10), runner="ai-toolkit")
    wait_for(lambda: (toolkit.get(job["id"])["checkpoint_step"]) >= 20, "two checkpoints")
    toolkit.client.post(f"/v1/jobs/{job['id']}/stop")
    ended = toolkit.wait(job["id"])
    assert ended["status"] == "interrupted"
    newest = ended["checkpoint_step"]
    text = config(newest + 30, save_every=10)
    assert toolkit.client.put(f"/v1/jobs/{job['id']}/config", content=text).status_code == 200
    assert toolkit.client.post(f"/v1/jobs/{job['id']}/resume").status_code == 200
    assert toolkit.wait(job["id"])["status"] == "succeeded"
    assert f"RESUMING FROM STEP {newest} " in toolkit.log(job["id"])
    points = toolkit.client.get(f"/v1/jobs/{job['id']}/metrics").json()["points"]
    steps = [p["step"] for p in points if p["key"] == "loss"]
    assert steps == list(range(1, newest + 31))


def test_the_curve_comes_from_the_database_where_there_is_one(toolkit: LocalServer) -> None:
    """With use_ui_logger the exact values of loss_log.db are taken, once each."""
    job = toolkit.submit(config(40, database=True))
    assert toolkit.wait(job["id"])["status"] == "succeeded"
    points = toolkit.client.get(f"/v1/jobs/{job['id']}/metrics").json()["points"]
    assert {p["step"]: p["value"] for p in points if p["key"] == "loss"} == {
        step: 0.5 / (1 + step / 50) for step in range(1, 41)
    }
    assert len(points) == 80


def test_a_failure_is_told_in_its_own_words(idle_server: LocalServer, tmp_path: Path) -> None:
    """The last error of its log is the job's error."""
    checkout = {"FAKE_FAIL_AT": "5"}
    idle_server.start("--ai-toolkit", str(FIXTURES / "fake_ai_toolkit"), env=checkout)
    job = idle_server.submit(config(20))
    ended = idle_server.wait(job["id"])
    assert ended["status"] == "failed"
    assert "CUDA out of memory" in ended["error"]["message"]
    assert ended["progress"]["current"] == 4


def test_without_a_checkout_the_job_says_what_to_set(server: LocalServer) -> None:
    """Asked for by name where no checkout is configured, the job fails with the setting's name."""
    job = server.submit(config(5), runner="ai-toolkit")
    ended = server.wait(job["id"])
    assert ended["status"] == "failed"
    assert "No AI Toolkit checkout is configured" in ended["error"]["message"]


def test_a_checkout_without_run_py_is_named(idle_server: LocalServer, tmp_path: Path) -> None:
    """A folder that is no checkout is named in the error."""
    idle_server.start("--ai-toolkit", str(tmp_path))
    job = idle_server.submit(config(5))
    assert (
        f"no run.py in the AI Toolkit checkout {tmp_path}"
        in (idle_server.wait(job["id"])["error"]["message"])
    )


def test_a_restarted_server_reads_on(toolkit: LocalServer) -> None:
    """The server killed in the middle: the next one has every point of the curve once."""
    job = toolkit.submit(config(400))
    wait_for(lambda: (toolkit.get(job["id"])["progress"] or {}).get("current", 0) > 20, "a start")
    toolkit.kill()
    toolkit.start("--ai-toolkit", str(FIXTURES / "fake_ai_toolkit"))
    assert toolkit.wait(job["id"])["status"] == "succeeded"
    points = toolkit.client.get(f"/v1/jobs/{job['id']}/metrics").json()["points"]
    assert [p["step"] for p in points if p["key"] == "loss"] == list(range(1, 401))


@pytest.mark.parametrize(
    ("bar", "found"),
    [
        (
            "my_lora:  48%|████▊     | 960/2000 [22:05<23:58, 2s/it, lr: 1.0e-04 loss: 3.120e-01]",
            {"current": "960", "total": "2000", "loss": "3.120e-01", "lr": "1.0e-04"},
        ),
        (
            "x:   1%|  | 10/900 [00:05<09:58,  1.3it/s, lr: 1.0e-04 loss: nan]",
            {"current": "10", "total": "900", "loss": "nan", "lr": "1.0e-04"},
        ),
        ("Generating Images: 100%|██████████| 10/10 [00:21<00:00,  2.15s/it]", None),
        ("Caching latents to disk:  40%|████      | 4/10 [00:01<00:02,  2.1it/s]", None),
    ],
)
def test_which_bars_are_training(bar: str, found: dict[str, str] | None) -> None:
    """The training bar is told from the bars of sampling and caching."""
    match = TQDM.search(bar)
    groups = match.groupdict() if match else None
    assert (groups and {key: groups[key] for key in found or {}}) == found
