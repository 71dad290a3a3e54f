"""The RunComfy provider against the local server's RunComfy dialect: the whole way, for real."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.conftest import comfy as comfy_profile
from tests.providers.support import context, eventually
from tests.server import prefork
from trainer_tui.config import Secret
from trainer_tui.errors import AuthError, NotFoundError, StateError, TrainerError
from trainer_tui.model import ArtifactKind, Capability, Job, JobRef, Status
from trainer_tui.providers import _runcomfy_answers as answers
from trainer_tui.providers.base import Submission
from trainer_tui.providers.runcomfy import RunComfy, open_provider

pytest.importorskip("starlette")
TOKEN = "a-token-of-the-local-server"


class Cloud:
    """A local server on TCP with a token, and a dataset that is ready."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.url = url

    def open(self, token: str = TOKEN) -> RunComfy:
        """The provider, as a profile of RunComfy with another base URL."""
        return open_provider(
            context(self.home, base_url=self.url, token=Secret(token), timeout=60.0)
        )


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """One server for all tests of this module."""
    import json

    with tempfile.TemporaryDirectory(prefix="tt-") as folder:
        home = Path(folder)
        (home / "token").write_text(TOKEN)
        reading, writing = os.pipe()
        argv = [sys.executable, "-m", "trainer_tui.server", "--state", str(home / "state")]
        argv += ["--socket", str(home / "s"), "--port", "0", "--token-file", str(home / "token")]
        process = prefork.popen([*argv, "--ready-fd", str(writing)], pass_fds=[writing])
        os.close(writing)
        with os.fdopen(reading) as ready:
            where = json.loads(ready.readline())
        cloud = Cloud(home, where["tcp"])
        asyncio.run(fill(cloud))
        yield cloud
        asyncio.run(end_jobs(cloud))
        process.send_signal(signal.SIGTERM)
        process.wait(60)


async def fill(cloud: Cloud) -> None:
    """Upload a picture as a dataset, through the provider."""
    from PIL import Image

    picture = cloud.home / "dog.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    comfy = cloud.open()
    dataset = await comfy.create_dataset("dogs")
    await comfy.upload_to_dataset(dataset.id, picture)
    await eventually(lambda: comfy.dataset_status(dataset.id), lambda d: d.ready)
    await comfy.aclose()


async def end_jobs(cloud: Cloud) -> None:
    """Leave nothing running."""
    from trainer_tui.providers import local

    ctx = context(cloud.home, "local", token=None, socket=cloud.home / "s", timeout=60.0)
    provider = local.open_provider(ctx)
    for job in await provider.list_jobs([]):
        if job.status.active:
            with contextlib.suppress(TrainerError):
                await provider.cancel(job.ref.id)

    async def active() -> list[Job]:
        return [job for job in await provider.list_jobs([]) if job.status.active]

    await eventually(active, lambda jobs: not jobs)
    await provider.aclose()


def config(name: str, steps: int) -> str:
    """A config as RunComfy wants it."""
    return f"""job: extension
config:
  name: {name}
  process:
    - type: sd_trainer
      training_folder: /app/ai-toolkit/output
      network: {{type: lora, linear: 4, linear_alpha: 4}}
      save: {{save_every: 5, max_step_saves_to_keep: 4}}
      datasets:
        - folder_path: /app/ai-toolkit/datasets/dogs
          resolution: [64]
      train: {{steps: {steps}, batch_size: 1, lr: 1e-3, seed: 1}}
      sample: {{sample_every: 1000, width: 64, height: 64, prompts: [a dog]}}
"""


@pytest.fixture
def comfy(cloud: Cloud) -> Iterator[RunComfy]:
    """The provider; its connections end with the test's loop."""
    yield cloud.open()


async def until(comfy: RunComfy, job: Job, *statuses: Status) -> Job:
    """Poll as the console does, by rounds over the known jobs."""
    known = [job]

    async def look() -> Job:
        known[0] = (await comfy.list_jobs(known))[0]
        return known[0]

    return await eventually(look, lambda job: job.status in statuses, 60)


async def test_a_job_to_its_end(comfy: RunComfy) -> None:
    """Submit, watch it finish, read its config, take its checkpoint."""
    told: list[str] = []
    text = config("dog_lora", 12)
    job = await comfy.submit(Submission(text), accepted=told.append)
    assert told == [job.ref.id]
    job = await until(comfy, job, Status.SUCCEEDED, Status.FAILED, Status.INTERRUPTED)
    assert job.status is Status.SUCCEEDED, job
    assert (job.name, job.raw_status, job.checkpoint_step) == ("dog_lora", "STOPPED", 12)
    assert job.started_at is not None and job.finished_at is not None
    assert "name: dog_lora" in await comfy.config_text(job.ref.id)
    artifacts = await comfy.artifacts(job.ref.id)
    last = next(a for a in artifacts if a.name == "dog_lora.safetensors")
    assert (last.kind, last.step, last.own_origin) == (ArtifactKind.CHECKPOINT, 12, False)
    parts: list[Any] = [item async for item in comfy.download(last)]
    data = b"".join(parts[1:])
    assert len(data) == parts[0].size
    header = int.from_bytes(data[:8], "little")
    assert data[8 : 8 + header].startswith(b"{"), "a safetensors file"
    await comfy.aclose()


async def test_cancel_edit_resume(comfy: RunComfy) -> None:
    """Cancel keeps what is made; edit and resume go on with the new config; each act in the
    wrong state is an answer about state."""
    job = await comfy.submit(Submission(config("steered", 1_000_000)))
    job = await eventually(
        lambda: comfy.get_job(job.ref.id),
        lambda j: j.progress is not None and j.progress.current > 5,
        60,
    )
    assert job.status is Status.RUNNING
    with pytest.raises(StateError):
        await comfy.resume(job.ref.id)
    with pytest.raises(StateError):
        await comfy.edit(job.ref.id, config("steered", 20))
    await comfy.cancel(job.ref.id)
    job = await until(comfy, job, Status.CANCELED)
    assert job.checkpoint_step is not None and job.checkpoint_step >= 5
    assert {Capability.EDIT, Capability.RESUME} <= job.allowed
    with pytest.raises(StateError):
        await comfy.cancel(job.ref.id)
    last = job.checkpoint_step + 3
    await comfy.edit(job.ref.id, config("steered", last))
    await comfy.resume(job.ref.id, gpu_type="HOPPER_141")
    job = await until(comfy, job, Status.SUCCEEDED, Status.FAILED)
    assert job.status is Status.SUCCEEDED, job
    assert job.progress is not None and job.progress.current == last
    await comfy.aclose()


async def test_what_does_not_exist(comfy: RunComfy) -> None:
    """An unknown id, a dataset that is not there, a wrong token: each with its own error."""
    with pytest.raises(NotFoundError):
        await comfy.get_job("0000000000")
    (gone,) = await comfy.list_jobs([answers.unseen(JobRef("comfy", "0000000000"))])
    assert gone.status is Status.UNKNOWN
    with pytest.raises(TrainerError, match="no dataset"):
        await comfy.submit(Submission(config("x", 5).replace("datasets/dogs", "datasets/cats")))
    await comfy.aclose()


async def test_a_wrong_token(cloud: Cloud) -> None:
    """The credential is checked there, and the error is about it."""
    comfy = cloud.open("another-token")
    with pytest.raises(AuthError):
        await comfy.check()
    await comfy.aclose()


async def test_check(comfy: RunComfy) -> None:
    """The live check tells what is there."""
    assert "1 dataset" in (await comfy.check()).summary
    await comfy.aclose()


def test_datasets_by_the_command_line(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder becomes a dataset that a config can name; what broke off goes on, by the form and
    by signed addresses alike; shown, listed and deleted."""
    cli, pics = Cli(tmp_path), tmp_path / "pics"
    comfy_profile(cli, cloud.url)
    cli.env["E_TOKEN"] = TOKEN
    pics.mkdir()
    for number in range(3):
        (pics / f"{number}.png").write_bytes((cloud.home / "dog.png").read_bytes())
        (pics / f"{number}.txt").write_text("a dog")
    missing = cli("datasets", "show", "cats", "--json")
    assert (missing.code, missing.error["code"]) == (4, "NO_SUCH_DATASET")
    asked = cli("datasets", "upload", "cats", pics)
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert cli("datasets", "upload", "cats", pics, "--yes", "--read-only").code == 3
    ran = cli("datasets", "upload", "cats", pics / "0.txt", "--yes")
    assert ran.code == 1 and "FAILED: There is no image" in ran.err
    ran = cli("datasets", "upload", "cats", pics, "--yes")
    assert (ran.code, ran.out) == (0, "/app/ai-toolkit/datasets/cats\n"), ran.err
    assert "cats: 5 files sent, 1 were there already" in ran.err
    monkeypatch.setattr("trainer_tui.providers._runcomfy_datasets.FORM_LIMIT", 10)
    (pics / "0.png").write_bytes((pics / "1.png").read_bytes() + b"more")
    (pics / "3.png").write_text("no image, and too long for a form")
    ran = cli("datasets", "upload", "cats", pics, "--yes", "--json")
    assert (ran.code, ran.json["sent"], list(ran.json["refused"])) == (1, ["0.png"], ["3.png"])
    assert len(ran.json["there"]) == 5 and ran.json["left"] == []
    assert "not an image" in ran.json["refused"]["3.png"]["message"]
    (pics / "3.png").unlink()
    assert cli("datasets", "upload", "cats", pics, "--yes", "--again").code == 0
    shown = cli("datasets", "show", "cats", "--json").json
    assert shown["status"] == "READY" and len(shown["files"]) == 6
    listed = cli("datasets", "--json").json
    assert [each["name"] for each in listed] == ["cats", "dogs"]
    assert "cats  READY" in cli("datasets").out
    again = cli("datasets", "create", "cats", "--yes")
    assert again.code == 3 and "already" in again.err
    ran = cli("datasets", "delete", "cats", "nosuch", "--yes", "--json")
    assert (ran.code, ran.json["name"]) == (4, "cats")
    assert [each["name"] for each in cli("datasets", "--json").json] == ["dogs"]
    nowhere = cli("datasets", "--profile", "local")
    assert nowhere.code == 3 and "keeps no datasets" in nowhere.err
