"""Bundles submitted to the server directly: what is refused, and how they stop and go on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.server.conftest import LocalServer, wait_for
from tests.unit.test_bundles import source_folder
from trainer_tui.errors import UsageError
from trainer_tui.server.dialects import kaos_views
from trainer_tui.server.runners import bundle_config
from trainer_tui.server.runners.base import InvalidConfig, JobFolder
from trainer_tui.server.runners.bundle import RUNNER
from trainer_tui.server.runners.bundle_child import BUILT

# Waits in its second partition, the first time, until it is interrupted.
TRAIN = f"""#!{sys.executable} -S
import json, os, pathlib, sys, time
out = pathlib.Path(sys.argv[1])
params = json.loads(pathlib.Path(os.environ["KAOS_PARAMS"]).read_text())
data = (pathlib.Path(os.environ["KAOS_PFS"]) / "data" / "a.txt").read_text()
print("partition", params["lr"], data, flush=True)
mark = pathlib.Path(params["mark"])
if params["lr"] == 2 and not mark.exists():
    mark.write_text("")
    time.sleep(600)
(out / "metrics").mkdir()
(out / "metrics" / "accuracy.json").write_text(str(params["lr"]))
"""


def config(folder: Path, **more: object) -> str:
    """A job's config."""
    return json.dumps({"job": "bundle", "config": {"name": "mnist", "bundle": str(folder), **more}})


def test_stop_and_resume_by_partitions(server: LocalServer) -> None:
    """Stop ends the partition that runs; a resume goes on with it and repeats no other."""
    folder = source_folder(server.home, train=TRAIN)
    (server.home / "data").mkdir()
    (server.home / "data" / "a.txt").write_text("numbers")
    params = {"lr": [1, 2, 3], "mark": [str(server.home / "mark")]}
    text = config(folder, params=params, data=str(server.home / "data"))
    job_id = server.submit(text)["id"]
    wait_for((server.home / "mark").exists, "the second partition")
    assert server.client.post(f"/v1/jobs/{job_id}/stop").status_code == 200
    job = server.wait(job_id, "interrupted")
    assert (job["checkpoint_step"], job["progress"]["total"]) == (1, 3)
    assert server.client.post(f"/v1/jobs/{job_id}/resume").status_code == 200
    assert server.wait(job_id)["status"] == "succeeded"
    log = server.log(job_id)
    assert [log.count(f"] partition {lr} numbers") for lr in (1, 2, 3)] == [1, 2, 1]
    points = server.client.get(f"/v1/jobs/{job_id}/metrics").json()["points"]
    assert [point["value"] for point in points] == [1, 2, 3]


def test_what_is_refused(server: LocalServer) -> None:
    """A bundle that lacks something, or a config that makes no sense, is refused with why."""
    folder = source_folder(server.home)
    (folder / "Dockerfile").unlink()
    for text, words in (
        (config(folder), "Dockerfile"),
        (config(server.home / "nowhere"), "cannot be read"),
        (config(Path("relative")), "absolute path"),
        (config(folder, params={"lr": []}), "is empty"),
        (config(folder, params={"lr": ["X"]}).replace('"X"', "1e999"), "no NaN, infinity"),
        (config(folder, params={"a": list(range(100)), "b": list(range(100))}), "too many"),
        (config(folder, epochs=3), "config.epochs: unknown"),
        (json.dumps({"job": "bundle"}), "config: missing"),
    ):
        answer = server.client.post("/v1/jobs", json={"config": text})
        assert answer.status_code == 422, text
        assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("value", "count"),
    [(None, 1), ({}, 1), ({"lr": 3}, 1), ({"a": [1, 2], "b": [3, 4, 5]}, 6)],
)
def test_grids(value: object, count: int) -> None:
    """The product of the lists is the set of partitions; no grid is one partition."""
    found = bundle_config.combinations(bundle_config.grid(value))
    assert len(found) == count
    assert len({json.dumps(each) for each in found}) == count
    with pytest.raises(UsageError):
        bundle_config.grid([1])


def test_inputs_are_fixed_once(tmp_path: Path) -> None:
    """Until training begins data and grid can be changed, then no more."""
    folder = JobFolder(tmp_path)
    options = bundle_config.Options(Path("/b"), params={"lr": [1]}, commits={"code": "c"})
    assert bundle_config.offer(folder, {"params": {"lr": [1, 2]}, "commits": {"hyper": "h"}})
    found = bundle_config.fix(folder, options)
    assert (found.params, found.commits) == ({"lr": [1, 2]}, {"code": "c", "hyper": "h"})
    assert not bundle_config.offer(folder, {"params": {"lr": [9]}})
    assert bundle_config.fixed(folder) == [{"lr": 1}, {"lr": 2}]


def test_metrics_are_read_leniently(tmp_path: Path) -> None:
    """Numbers and flat mappings count; everything else in the folder is passed over."""
    for name, text in {
        "accuracy.json": "0.5",
        "more.json": '{"loss": 2, "text": "x", "flag": true, "deep": {"a": 1}}',
        "bad.json": "{",
        "notes.txt": "1",
        "huge.json": '{"n": 1e999}',
    }.items():
        (tmp_path / name).write_text(text)
    assert bundle_config.read_metrics(tmp_path) == {
        "accuracy": 0.5,
        "loss": 2.0,
        "n": float("inf"),
    }
    assert bundle_config.read_metrics(tmp_path / "nowhere") == {}


def test_a_config_names_its_job() -> None:
    """Name and number of partitions are read from it; nonsense has neither."""
    good = {"config": {"bundle": "/b", "name": "n", "params": {"a": [1, 2]}}}
    assert (RUNNER.job_name(good), RUNNER.total_steps(good)) == ("n", 2)
    assert (RUNNER.job_name({}), RUNNER.total_steps({})) == (None, None)
    with pytest.raises(InvalidConfig, match="cpu"):
        bundle_config.read({"config": {"bundle": "/b", "cpu": -1}})


def test_a_log_is_sent_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of any size, no character cut; that of the build ends with the build."""
    monkeypatch.setattr(kaos_views, "_PIECE", 3)
    job = cast(kaos_views.Seen, SimpleNamespace(folder=JobFolder(tmp_path)))
    built = f"[1] unpacked €äöü\n[2] {BUILT}\n"
    job.folder.log.write_text(f"{built}[3] trained €\n")
    assert "".join(kaos_views.logs(job, build_only=False)) == f"{built}[3] trained €\n"
    monkeypatch.setattr(kaos_views, "_PIECE", 4096)
    assert "".join(kaos_views.logs(job, build_only=True)) == built
