"""The kaos provider, and the commands on it, against the local server's kaos dialect: for real."""

from __future__ import annotations

import io
import os
import signal
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.providers.support import context, eventually
from tests.server import prefork
from tests.server.conftest import end_leftovers
from tests.server.kaos_clients import TRAIN, WAITS
from tests.unit.test_bundles import source_folder
from trainer_tui.config import Secret
from trainer_tui.core import dot
from trainer_tui.errors import NotFoundError, StateError
from trainer_tui.model import Capability, Job, Status
from trainer_tui.providers.base import DownloadHead, Submission
from trainer_tui.providers.kaos import Kaos, open_provider

pytest.importorskip("starlette")
TOKEN = "a-token-of-the-local-server"


class Here:
    """A local server on TCP with a token."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.url = url

    def open(self, workspace: str) -> Kaos:
        """The provider of a profile that points to it."""
        fields: dict[str, Any] = {"token": Secret(TOKEN), "name": "k", "workspace": workspace}
        return open_provider(context(self.home, "kaos", base_url=self.url, **fields))


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    """One server for all tests of this module."""
    import json

    with tempfile.TemporaryDirectory(prefix="tt-") as folder:
        home = Path(folder)
        (home / "token").write_text(TOKEN)
        reading, writing = os.pipe()
        argv = [sys.executable, "-m", "trainer_tui.server", "--state", str(home / "state")]
        argv += ["--socket", str(home / "s"), "--port", "0", "--token-file", str(home / "token")]
        argv += ["--cpu-slots", "3", "--grace", "30", "--ready-fd", str(writing)]
        process = prefork.popen(argv, pass_fds=[writing])
        os.close(writing)
        with os.fdopen(reading) as ready:
            where = json.loads(ready.readline())
        yield Here(home, where["tcp"])
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        end_leftovers(home / "state" / "jobs")


async def ended(provider: Kaos, job_id: str) -> Job:
    """The job once it has ended."""
    return await eventually(lambda: provider.get_job(job_id), lambda job: job.status.ended, 60)


@pytest.mark.anyio
async def test_from_a_folder_to_the_best_model(here: Here, tmp_path: Path) -> None:
    """Submit, follow, leaderboard, bundle, provenance: the whole way of a job with a grid."""
    provider = here.open("first")
    with pytest.raises(NotFoundError, match="nothing was deployed"):
        await provider.pipeline()
    folder = source_folder(tmp_path, train=TRAIN)
    known: list[str] = []
    text = f"bundle: {folder}\nparams: {{lr: [0.1, 0.9, 0.5]}}\nuser: ann\n"
    job = await provider.submit(Submission(text), accepted=known.append)
    assert known == [job.ref.id]
    assert job.status in (Status.PREPARING, Status.RUNNING)
    job = await ended(provider, job.ref.id)
    assert job.status is Status.SUCCEEDED
    assert [each.ref.id for each in await provider.list_jobs([])] == known
    page = await provider.models(job.ref.id, sort_by="accuracy")
    assert [model.score for model in page.models] == [0.9, 0.5, 0.1]
    best = page.models[0]
    assert dict(best.hyperparameters) == {"lr": "0.9"}
    artifact = await provider.bundle(job.ref.id, code=False, model=True, model_id=best.id)
    stream = [item async for item in provider.download(artifact)]
    head = stream[0]
    assert isinstance(head, DownloadHead) and head.etag and head.size
    data = b"".join(item for item in stream if isinstance(item, bytes))
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert f"models/{best.id}/model/weights.bin" in found.namelist()
    rest = [item async for item in provider.download(artifact, offset=10, etag=head.etag)]
    assert b"".join(item for item in rest if isinstance(item, bytes)) == data[10:]
    lines = dot.tree(await provider.provenance(job.ref.id, best.id))
    assert lines[0] == f"model {best.id}" and any("lr=0.9" in line for line in lines)
    log = await provider.logs(job.ref.id)
    assert log.complete and "Training finished." in log.text
    pipeline = await provider.pipeline()
    assert pipeline["data"] == "not set" and "first-hyper" in pipeline["hyper-parameters"]
    await provider.aclose()


@pytest.mark.anyio
async def test_cancel_and_what_is_said_then(here: Here, tmp_path: Path) -> None:
    """A running job is killed; a second time it had ended already."""
    provider = here.open("second")
    folder = source_folder(tmp_path, train=WAITS)
    job = await provider.submit(Submission(f"bundle: {folder}\n"))
    running = await eventually(
        lambda: provider.get_job(job.ref.id), lambda job: job.status is Status.RUNNING
    )
    assert Capability.CANCEL in running.allowed
    with pytest.raises(StateError, match="when the job has ended"):
        await provider.models(job.ref.id)
    await provider.cancel(job.ref.id)
    with pytest.raises(StateError, match="already ended"):
        await provider.cancel(job.ref.id)
    assert (await ended(provider, job.ref.id)).status is Status.CANCELED
    await provider.aclose()


@pytest.mark.anyio
async def test_two_submit_the_same_at_once(here: Here, tmp_path: Path) -> None:
    """Each finds its own job, though both sent the same folder to the same workspace."""
    import asyncio

    one, two = here.open("third"), here.open("third")
    text = f"bundle: {source_folder(tmp_path, train=TRAIN)}\n"
    jobs = await asyncio.gather(one.submit(Submission(text)), two.submit(Submission(text)))
    assert len({job.ref.id for job in jobs}) == 2
    for provider, job in zip((one, two), jobs, strict=True):
        await ended(provider, job.ref.id)
        await provider.aclose()


def test_the_commands(here: Here, tmp_path: Path) -> None:
    """submit FOLDER, wait, models, bundle --unpack, provenance and pipeline, as a person types."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        f'[profiles.k]\nprovider = "kaos"\nbase_url = "{here.url}"\n'
        'workspace = "fourth"\ntoken = "env:K_TOKEN"\n'
    )
    cli = Cli(home, {"K_TOKEN": TOKEN})

    def run(*words: str, code: int = 0) -> str:
        ran = cli(*words)
        assert ran.code == code, ran.err
        return ran.out if code == 0 else ran.err

    folder = source_folder(tmp_path, "digits", train=TRAIN)
    ref = run("submit", str(folder), "--yes").strip()
    assert ref.startswith("k/")
    run("wait", ref)
    assert "accuracy" in run("models", ref, "--sort", "accuracy")
    unpacked = Path(run("bundle", ref, "--models", "--unpack", "-o", str(home / "out")).strip())
    assert [path.name for path in unpacked.rglob("weights.bin")] == ["weights.bin"]
    again = run("bundle", ref, "--models", "--unpack", "-o", str(home / "out")).strip()
    assert again == f"{unpacked} (2)", "nothing is written over"
    assert run("bundle", ref, "-o", str(home / "code")).strip().endswith("-code.zip")
    tree = run("provenance", ref)
    assert tree.startswith("model ") and "code " in tree
    assert run("provenance", ref, "--dot").startswith("digraph")
    run("provenance", ref, "-o", str(home / "p.dot"))
    assert (home / "p.dot").read_text().startswith("digraph")
    assert "not written over" in run("provenance", ref, "-o", str(home / "p.dot"), code=2)
    assert "model/train /pfs/out" in run("pipeline")
    assert "Training finished." in run("logs", ref)
    assert "kaos cannot resume" in run("resume", ref, "--yes", code=3)
    (folder / "model" / "train").unlink()
    assert "model/train" in run("submit", str(folder), "--yes", code=2)
