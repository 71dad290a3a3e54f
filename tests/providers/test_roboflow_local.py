"""The Roboflow provider against the local server's Roboflow dialect: the whole way, for real."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.providers.support import all_that_it_shows, context, eventually
from tests.server.conftest import LocalServer
from trainer_tui.config import Secret
from trainer_tui.errors import AuthError, NotFoundError, StateError, TrainerError, UsageError
from trainer_tui.model import ArtifactKind, Capability, Job, Status
from trainer_tui.providers.base import Submission
from trainer_tui.providers.roboflow import Roboflow, open_provider

pytest.importorskip("starlette")
KEY = "a-key/of+the=Tests"


class Vision:
    """A local server with two projects, and providers of it."""

    def __init__(self, home: Path, server: LocalServer) -> None:
        from trainer_tui.server.sampledata import make_dataset

        self.home = home
        self.server = server
        self.root = home / "projects"
        for place in ("acme/dogs/1", "acme/dogs/2", "acme/cats/1"):
            make_dataset(self.root / place / "train", count=6, size=48)
        (home / "token").write_text(KEY)
        told = server.start(
            *("--port", "0", "--cpu-slots", "2", "--grace", "30"),
            *("--token-file", str(home / "token"), "--projects", str(self.root)),
        )
        self.url: str = told["tcp"]

    def open(self, key: str = KEY, **options: object) -> Roboflow:
        """The provider, as a profile of Roboflow with another base URL."""
        return open_provider(
            context(
                self.home,
                "roboflow",
                name="vision",
                base_url=self.url,
                token=Secret(key),
                timeout=60.0,
                extra=options,
            )
        )


@pytest.fixture
def vision(tmp_path: Path) -> Iterator[Vision]:
    """A server of its own for each test: trainings are found over everything there is."""
    with tempfile.TemporaryDirectory(prefix="tts-", ignore_cleanup_errors=True) as short:
        server = LocalServer(Path(short))
        try:
            yield Vision(tmp_path, server)
        finally:
            server.close()


def config(project: str = "dogs", version: int = 1, **more: object) -> Submission:
    """What starts a training."""
    lines = {"project": project, "version": version, "model_type": "rfdetr-base", **more}
    return Submission("".join(f"{key}: {value}\n" for key, value in lines.items()))


async def until(vision: Roboflow, job: Job, *statuses: Status) -> Job:
    """Poll one job."""
    return await eventually(
        lambda: vision.get_job(job.ref.id), lambda found: found.status in statuses, 60
    )


async def test_a_training_to_its_end(vision: Vision) -> None:
    """Start, watch its epochs, finish, take its metrics, its config and its weights."""
    roboflow = vision.open()
    told: list[str] = []
    job = await roboflow.submit(config(epochs=4), accepted=told.append)
    assert told == [job.ref.id] == ["dogs/1"]
    assert job.progress is not None and (job.progress.total, job.progress.unit) == (4, "epoch")
    job = await until(roboflow, job, Status.SUCCEEDED, Status.FAILED)
    assert (job.status, job.raw_status, job.name) == (Status.SUCCEEDED, "finished", "dogs/1")
    assert job.progress is not None and (job.progress.current, job.progress.total) == (4, 4)
    assert job.started_at is not None and job.finished_at is not None
    assert job.loss is not None
    points, cursor = await roboflow.metrics(job.ref.id)
    assert cursor == 4
    assert {point.key for point in points} == {"mAP", "loss", "box_loss", "class_loss", "obj_loss"}
    assert {point.unit for point in points} == {"epoch"}
    assert points[-1].key == "loss" and points[-1].value == job.loss
    assert [point.step for point in points if point.key == "mAP"] == [1, 2, 3, 4]
    assert await roboflow.metrics(job.ref.id, since=4) == ([], 4)
    assert "version: 1\nmodel_type: rfdetr-base\nepochs: 4" in await roboflow.config_text("dogs/1")
    (weights,) = await roboflow.artifacts(job.ref.id)
    assert weights.kind is ArtifactKind.WEIGHTS
    assert weights.name.endswith(".safetensors")
    parts: list[Any] = [item async for item in roboflow.download(weights)]
    data = b"".join(parts[1:])
    assert len(data) == parts[0].size
    rest: list[Any] = [i async for i in roboflow.download(weights, offset=9, etag=parts[0].etag)]
    assert (rest[0].offset, b"".join(rest[1:])) == (9, data[9:])
    await roboflow.aclose()


async def test_stop_and_cancel(vision: Vision) -> None:
    """Stop keeps the weights and may be asked again; cancel throws them away, and only once."""
    roboflow = vision.open()
    kept = await roboflow.submit(config(epochs=10_000))
    lost = await roboflow.submit(config(version=2, epochs=10_000))

    async def learned(job: Job) -> Job:
        return await eventually(
            lambda: roboflow.get_job(job.ref.id),
            lambda found: found.progress is not None and found.progress.current > 1,
            60,
        )

    running = await learned(kept)
    assert {Capability.STOP, Capability.CANCEL} <= running.allowed
    for _ in range(2):
        await roboflow.stop(kept.ref.id)
    kept = await until(roboflow, kept, Status.SUCCEEDED)
    assert len(await roboflow.artifacts(kept.ref.id)) == 1
    await roboflow.stop(kept.ref.id)
    with pytest.raises(StateError, match="already finished") as caught:
        await roboflow.cancel(kept.ref.id)
    assert caught.value.code == "CANNOT_CANCEL"

    await learned(lost)
    await roboflow.cancel(lost.ref.id)
    with pytest.raises(StateError):
        await roboflow.cancel(lost.ref.id)
    lost = await until(roboflow, lost, Status.CANCELED)
    assert await roboflow.artifacts(lost.ref.id) == []
    await roboflow.aclose()


async def test_a_search(vision: Vision) -> None:
    """A search makes several models, which can be sorted and starred; others cannot be starred."""
    roboflow = vision.open()
    single = await roboflow.submit(config(epochs=1))
    job = await roboflow.submit(config(version=2, model_type="rfdetr-nas", epochs=2))
    job = await until(roboflow, job, Status.SUCCEEDED)
    await until(roboflow, single, Status.SUCCEEDED)
    page = await roboflow.models(job.ref.id)
    assert len(page.models) == 4
    assert {"map50", "map5095", "f1", "latency"} <= set(page.available_metrics)
    assert sum(model.recommended for model in page.models) == 1
    by_map = (await roboflow.models(job.ref.id, sort_by="map5095")).models
    values = [model.metrics["map5095"] for model in by_map]
    assert values == sorted(values, reverse=True)
    assert by_map[0].recommended
    quick = (await roboflow.models(job.ref.id, sort_by="latency")).models
    assert quick[0].metrics["latency"] == min(model.metrics["latency"] for model in quick)
    with pytest.raises(UsageError):
        await roboflow.models(job.ref.id, sort_by="beauty")

    chosen = page.models[1]
    for on in (True, True, False):
        starred = await roboflow.star(job.ref.id, chosen.id, on)
        assert starred is not None and starred.starred is on
        assert [m.starred for m in (await roboflow.models(job.ref.id)).models].count(True) == on
    (only,) = (await roboflow.models(single.ref.id)).models
    with pytest.raises(StateError, match="search") as caught:
        await roboflow.star(single.ref.id, only.id, True)
    assert caught.value.code == "MODEL_NOT_NAS"
    with pytest.raises(NotFoundError):
        await roboflow.star(job.ref.id, "nothing", True)
    assert len(await roboflow.artifacts(job.ref.id)) == 4
    await roboflow.aclose()


async def test_a_version_trained_twice(vision: Vision) -> None:
    """The second training has an id of its own, and the first keeps the one it had."""
    roboflow = vision.open()
    first = await roboflow.submit(config(epochs=2))
    first = await until(roboflow, first, Status.SUCCEEDED)
    second = await roboflow.submit(config(epochs=10_000))
    assert second.ref.id.startswith("dogs/1/")
    jobs = {job.ref.id: job for job in await roboflow.list_jobs([])}
    assert set(jobs) == {"dogs/1", second.ref.id}
    assert jobs["dogs/1"].status is Status.SUCCEEDED
    await roboflow.cancel(second.ref.id)
    await until(roboflow, second, Status.CANCELED)
    assert (await roboflow.get_job("dogs/1")).status is Status.SUCCEEDED
    assert len((await roboflow.models("dogs/1")).models) == 1
    await roboflow.aclose()

    again = vision.open()
    known = [*jobs.values()]
    assert {job.ref.id for job in await again.list_jobs(known)} == set(jobs)
    await again.aclose()


async def test_what_a_large_workspace_costs(vision: Vision, monkeypatch: Any) -> None:
    """50 projects of 20 versions: one call a project at first, then only what is being trained."""
    picture = next((vision.root / "acme" / "dogs" / "1" / "train").glob("*.png"))
    for project in range(48):
        for version in range(1, 21):
            folder = vision.root / "acme" / f"p{project:02d}" / str(version)
            folder.mkdir(parents=True)
            os.link(picture, folder / "a.png")
    roboflow = vision.open()
    ended = await roboflow.submit(config("p03", 20, epochs=1))
    await until(roboflow, ended, Status.SUCCEEDED)
    for number in (1, 2):
        job = await roboflow.submit(config(f"p{number:02d}", 20, epochs=10_000))
        await until(roboflow, job, Status.RUNNING)
    await roboflow.aclose()

    roboflow = vision.open()
    calls: Counter[str] = Counter()
    ask = roboflow._way.http.ask

    async def counted(method: str, path: str, **more: Any) -> Any:
        calls[path] += 1
        return await ask(method, path, **more)

    monkeypatch.setattr(roboflow._way.http, "ask", counted)
    jobs = await roboflow.list_jobs([])
    assert [job.status for job in jobs].count(Status.RUNNING) == 2
    assert len(jobs) == 3
    # Who we are, the workspace, 50 projects; two in flight, each asked once for its epochs and
    # once for its trainings; the ended one once for its trainings.
    assert calls.total() == 1 + 1 + 50 + 2 * 2 + 1
    calls.clear()
    assert len(await roboflow.list_jobs(jobs)) == 3
    assert calls == {"/acme/p01/20": 1, "/acme/p02/20": 1}
    for job in jobs:
        if job.status.active:
            await roboflow.cancel(job.ref.id)
            await until(roboflow, job, Status.CANCELED)
    await roboflow.list_jobs(jobs)
    calls.clear()
    await roboflow.list_jobs(jobs)
    assert calls.total() == 0, "nothing is in flight: nothing is asked until the next look around"
    await roboflow.aclose()


async def test_only_some_projects(vision: Vision) -> None:
    """The filter in the profile: the workspace is not even listed."""
    roboflow = vision.open(projects=["cats"])
    await roboflow.submit(config("cats", epochs=1))
    other = vision.open()
    await other.submit(config("dogs", epochs=1))
    assert [job.ref.id for job in await roboflow.list_jobs([])] == ["cats/1"]
    assert {job.ref.id for job in await other.list_jobs([])} == {"cats/1", "dogs/1"}
    await asyncio.gather(roboflow.aclose(), other.aclose())


@pytest.mark.parametrize("auth", ["header", "query"])
async def test_where_the_key_goes(vision: Vision, auth: str) -> None:
    """Either way it is accepted; a wrong one is refused, in words that do not show it."""
    roboflow = vision.open(auth=auth)
    assert (await roboflow.check()).summary == "workspace acme, 2 projects"
    await roboflow.aclose()
    wrong = vision.open("wrong/key+with=Signs", auth=auth)
    with pytest.raises(AuthError, match="credential") as caught:
        await wrong.check()
    assert "scope" in (caught.value.hint or "")
    assert "wrong/key+with=Signs" not in all_that_it_shows(caught.value)
    await wrong.aclose()


async def test_what_is_not_there(vision: Vision) -> None:
    """Unknown projects, versions that were never trained, ids that are none."""
    roboflow = vision.open()
    for job_id in ("nothing/1", "dogs/1", "dogs/1/0123", "dogs", "a b/1", "../1"):
        with pytest.raises(NotFoundError):
            await roboflow.get_job(job_id)
    with pytest.raises(NotFoundError):
        await roboflow.submit(config("nothing"))
    with pytest.raises(TrainerError, match="speed"):
        await roboflow.submit(config(speed="ludicrous"))
    await roboflow.aclose()
