"""Roboflow over a real socket, against answers of the shapes that its reference and client show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import (
    FAULTS,
    HostileServer,
    file_answer,
    html,
    in_turn,
    json_answer,
    raw_answer,
    reset,
)
from tests.providers.support import NOW, TOKEN, all_that_it_shows, context
from trainer_tui.errors import (
    AuthError,
    ConfigError,
    NetworkError,
    NotFoundError,
    ServiceError,
    StateError,
    TrainerError,
    UsageError,
)
from trainer_tui.model import Job, JobRef, Progress, Status
from trainer_tui.providers.base import Submission
from trainer_tui.providers.roboflow import Roboflow, open_provider

PROJECTS = {"workspace": {"name": "Acme", "url": "acme", "projects": [{"id": "acme/dogs"}]}}
EPOCHS = [
    {"epoch": 1, "mAP": 0.25, "box_loss": 1.5, "class_loss": 0.25, "obj_loss": 0.25},
    {"epoch": 2, "mAP": "0.5", "box_loss": 1.0, "class_loss": "NaN", "obj_loss": 0.25},
]
OK = {"success": True}


def open_at(server: HostileServer, home: Path, **fields: Any) -> Roboflow:
    """The provider of a profile that names its workspace."""
    fields = {"workspace": "acme", "base_url": server.url, **fields}
    return open_provider(context(home, "roboflow", name="vision", **fields))


@pytest.fixture
async def roboflow(server: HostileServer, tmp_path: Path) -> AsyncIterator[Roboflow]:
    """The provider, with its API at the server."""
    provider = open_at(server, tmp_path)
    yield provider
    await provider.aclose()


@pytest.fixture
def bucket() -> Iterator[HostileServer]:
    """The host of the weights."""
    with HostileServer() as running:
        yield running


def serve(server: HostileServer, number: int = 3, **version: Any) -> None:
    """One project with one version, which has no list of trainings of its own."""
    entry = {"id": f"acme/dogs/{number}", "name": "v", "images": 7, **version}
    brief = {key: value for key, value in entry.items() if key != "models"}
    server.route("GET", "/acme", json_answer(PROJECTS))
    server.route("GET", "/acme/dogs", json_answer({"project": {}, "versions": [brief]}))
    server.route("GET", f"/acme/dogs/{number}*", json_answer({"version": entry}))
    server.route("GET", f"/acme/dogs/{number}/v2/trainings*", html(404, "Not found"))


async def the_job(roboflow: Roboflow) -> Job:
    """The only one there is."""
    (job,) = await roboflow.list_jobs([])
    return job


# -- looking ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", Status.QUEUED),
        ("running", Status.RUNNING),
        ("mining", Status.RUNNING),
        ("finished", Status.SUCCEEDED),
        ("failed", Status.FAILED),
        ("cancelled", Status.CANCELED),
        ("pondering", Status.UNKNOWN),
    ],
)
async def test_statuses(
    server: HostileServer, roboflow: Roboflow, word: str, status: Status
) -> None:
    """Roboflow's words in ours; its own is kept."""
    serve(server, train={"status": word})
    job = await the_job(roboflow)
    assert (job.ref.id, job.status, job.raw_status) == ("dogs/3", status, word)


async def test_epochs(server: HostileServer, roboflow: Roboflow) -> None:
    """Epochs are progress, losses add up as in Roboflow's own client, times may be milliseconds."""
    train = {"status": "running", "epochs": 8, "start": 1_772_366_400_000}
    serve(server, train=train, models={"roboflow-train": {"epochs": EPOCHS[:1]}})
    job = await the_job(roboflow)
    assert job.progress is not None
    assert (job.progress.current, job.progress.total, job.progress.unit) == (1, 8, "epoch")
    assert job.loss == 2.0
    assert job.started_at == NOW
    serve(server, train=train, models={"roboflow-train": {"epochs": EPOCHS}})
    points, cursor = await roboflow.metrics("dogs/3", since=1)
    assert cursor == 2
    found = {point.key: point.value for point in points}
    assert (found["mAP"], found["box_loss"]) == (0.5, 1.0)
    assert found["class_loss"] != found["class_loss"], "NaN is worth showing"


async def test_an_ended_training_does_not_stand_at_nothing(
    server: HostileServer, roboflow: Roboflow
) -> None:
    """A project's list tells no epochs; a training that has ended is shown without progress until
    it is looked at, not as one that never began."""
    train = {"status": "finished", "epochs": 8}
    serve(server, train=train, models={"roboflow-train": {"epochs": EPOCHS}})
    assert (await the_job(roboflow)).progress is None
    progress = (await roboflow.get_job("dogs/3")).progress
    assert progress is not None and (progress.current, progress.total) == (2, 8)
    assert (await the_job(roboflow)).progress == progress


async def test_what_was_not_told_anew_is_not_made_anew(
    server: HostileServer, roboflow: Roboflow
) -> None:
    """The very same job, until its version is asked again."""
    serve(server, train={"status": "finished", "epochs": 8})
    first = await the_job(roboflow)
    assert await the_job(roboflow) is first
    assert await roboflow.get_job("dogs/3") is not first


async def test_what_ended_while_nobody_looked(server: HostileServer, tmp_path: Path) -> None:
    """A training that the store holds as running is looked at once more when it has ended."""
    train = {"status": "finished", "epochs": 2, "trainingId": "a"}
    serve(server, train=train, models={"roboflow-train": {"epochs": EPOCHS}})
    ref = JobRef("vision", "dogs/3")
    known = Job(ref, "roboflow", "dogs/3", Status.RUNNING, "running", Progress.of(1, 2, "epoch"))
    provider = open_at(server, tmp_path)
    (job,) = await provider.list_jobs([known])
    assert job.status is Status.SUCCEEDED
    assert job.progress is not None and job.progress.current == 2
    await provider.aclose()


async def test_a_trained_version_without_train(server: HostileServer, roboflow: Roboflow) -> None:
    """A version that only has a model was trained; one with neither is no job."""
    serve(server, model={"id": "dogs/3", "map": "92.1"})
    assert (await the_job(roboflow)).status is Status.SUCCEEDED
    with pytest.raises(NotFoundError):
        serve(server, number=4)
        await roboflow.get_job("dogs/4")


async def test_several_trainings(server: HostileServer, roboflow: Roboflow) -> None:
    """The oldest is project/version; the others add their id; the version's epochs belong to the
    training that it names."""
    models = {"roboflow-train": {"epochs": EPOCHS}}
    serve(server, train={"status": "running", "trainingId": "b/2", "epochs": 9}, models=models)
    rows = [
        {"id": "b/2", "status": "running", "modelType": "yolo", "start": 200},
        {"id": "a1", "status": "finished", "start": 100, "end": 150},
    ]
    server.route("GET", "/acme/dogs/3/v2/trainings*", json_answer({"trainings": rows}))
    jobs = {job.ref.id: job for job in await roboflow.list_jobs([])}
    assert set(jobs) == {"dogs/3", "dogs/3/b/2"}
    assert jobs["dogs/3"].status is Status.SUCCEEDED
    assert jobs["dogs/3"].progress is None
    progress = jobs["dogs/3/b/2"].progress
    assert progress is not None and progress.current == 2
    assert (await roboflow.metrics("dogs/3"))[0] == ()
    server.route("POST", "/acme/dogs/3/v2/trainings/stop", json_answer(OK))
    await roboflow.stop("dogs/3/b/2")
    (asked,) = [r for r in server.requests if r.method == "POST"]
    assert asked.json() == {"trainingId": "b/2"}


async def test_ids_outlive_the_console(server: HostileServer, tmp_path: Path) -> None:
    """Another run knows from the store which training project/version was, though it is gone."""
    serve(server, train={"status": "finished", "trainingId": "b"})
    rows = [{"id": "b", "status": "finished", "start": 200}]
    server.route("GET", "/acme/dogs/3/v2/trainings*", json_answer({"trainings": rows}))
    provider = open_at(server, tmp_path)
    known = Job(
        JobRef("vision", "dogs/3"),
        "roboflow",
        "dogs/3",
        Status.SUCCEEDED,
        "finished",
        extra={"training": "a"},
    )
    assert [job.ref.id for job in await provider.list_jobs([known])] == ["dogs/3/b"]
    await provider.aclose()


async def test_what_is_told_only_once_is_kept(server: HostileServer, tmp_path: Path) -> None:
    """A version tells the epochs of its newest training; those of an earlier one stay as known,
    also when another run asks for that one alone."""
    serve(server, train={"status": "running", "trainingId": "b"})
    rows = [{"id": name, "status": "finished", "start": ord(name)} for name in "ab"]
    server.route("GET", "/acme/dogs/3/v2/trainings*", json_answer({"trainings": rows}))
    progress = Progress.of(8, 8, "epoch")
    ref, extra = JobRef("vision", "dogs/3"), {"training": "a"}
    known = Job(ref, "roboflow", "dogs/3", Status.SUCCEEDED, "finished", progress, extra=extra)
    provider = open_at(server, tmp_path)
    provider.remember([known])
    assert (await provider.get_job("dogs/3")).progress == progress
    await provider.aclose()


async def test_a_failing_project_is_no_empty_one(server: HostileServer, roboflow: Roboflow) -> None:
    """Where a project cannot be read there is no list: what it holds would seem to be gone."""
    serve(server, train={"status": "finished"})
    server.route("GET", "/acme/dogs", FAULTS["internal-error"])
    with pytest.raises(ServiceError):
        await roboflow.list_jobs([])
    serve(server, train={"status": "finished"})
    assert len(await roboflow.list_jobs([])) == 1


async def test_a_failing_version_stays_as_it_was(server: HostileServer, roboflow: Roboflow) -> None:
    """A fault of one training in flight costs nothing of the others."""
    serve(server, train={"status": "running"})
    await roboflow.list_jobs([])
    server.route("GET", "/acme/dogs/3*", FAULTS["internal-error"])
    assert (await the_job(roboflow)).status is Status.RUNNING


@pytest.mark.parametrize(
    "answer", [[], None, {"workspace": []}, {"workspace": {"projects": {"a": 1}}}, "text", 7]
)
async def test_nonsense_is_an_error_of_ours(
    server: HostileServer, roboflow: Roboflow, answer: object
) -> None:
    """Whatever comes, it is one of our errors."""
    server.play(json_answer(answer))
    with pytest.raises(TrainerError):
        await roboflow.list_jobs([])
    with pytest.raises(TrainerError):
        await roboflow.get_job("dogs/3")


# -- acting ----------------------------------------------------------------------------------


async def test_cancel_without_refund(server: HostileServer, tmp_path: Path) -> None:
    """A cancel that is refused for want of a refund cancels nothing, says so, and can go on."""
    serve(server, train={"status": "running"})
    server.route("POST", "/acme/dogs/3/train/cancel", json_answer({"refund": False}))
    provider = open_at(server, tmp_path)
    with pytest.raises(StateError, match="no credits back") as caught:
        await provider.cancel("dogs/3")
    assert caught.value.code == "NO_REFUND"
    assert "--without-refund vision/dogs/3" in (caught.value.hint or "")
    answer = json_answer({"success": True, "refund": False})
    server.route("POST", "/acme/dogs/3/train/cancel", answer)
    await provider.cancel_without_refund("dogs/3")
    sent = [request.json() for request in server.requests if request.method == "POST"]
    assert sent == [{}, {"continueIfNoRefund": True}]
    await provider.aclose()

    always = open_at(server, tmp_path, extra={"continue_if_no_refund": True})
    await always.cancel("dogs/3")
    sent = [request.json() for request in server.requests if request.method == "POST"]
    assert sent[2:] == [{"continueIfNoRefund": True}]
    await always.aclose()


async def test_cancel_too_late(server: HostileServer, roboflow: Roboflow) -> None:
    """A 409 is an answer about state."""
    said = {"type": "Conflict", "message": "Cannot cancel…", "code": "CANNOT_CANCEL"}
    server.route("POST", "/acme/dogs/3/train/cancel", json_answer({"error": said}, 409))
    with pytest.raises(StateError, match="it had already finished"):
        await roboflow.cancel("dogs/3")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_missing_scope_is_named(
    server: HostileServer, roboflow: Roboflow, status: int
) -> None:
    """Who is refused reads which right the key lacks."""
    server.play(json_answer({"error": {"message": "Unauthorized", "type": "x"}}, status))
    for call, scope in (
        (roboflow.cancel("dogs/3"), "trainingJob:create"),
        (roboflow.stop("dogs/3"), "trainingJob:create"),
        (roboflow.models("dogs/3"), "version.read"),
        (roboflow.list_jobs([]), "project:read"),
    ):
        with pytest.raises(AuthError) as caught:
            await call
        assert scope in (caught.value.hint or "")


CONFIG = "project: dogs\nversion: 3\nmodel_type: rfdetr-base\nepochs: 5\nspeed: fast\n"


async def test_start_where_there_is_only_the_old_call(
    server: HostileServer, roboflow: Roboflow
) -> None:
    """Without v2 the training is started as the reference page has it."""
    serve(server)
    server.route("POST", "/acme/dogs/3/v2/trainings", html(404, "Cannot POST"))
    server.route("POST", "/acme/dogs/3/train", json_answer({"status": "queued"}))
    told: list[str] = []
    job = await roboflow.submit(Submission(CONFIG), accepted=told.append)
    assert (told, job.ref.id, job.status) == (["dogs/3"], "dogs/3", Status.QUEUED)
    assert job.progress is not None and job.progress.total == 5
    (sent,) = [request for request in server.requests if request.path == "/acme/dogs/3/train"]
    body = {"model_type": "rfdetr-base", "epochs": 5, "speed": "fast"}
    assert sent.json() == body
    serve(server, train={"status": "running"})
    assert (await roboflow.get_job("dogs/3")).status is Status.RUNNING


async def test_a_lost_start_is_not_sent_again(server: HostileServer, roboflow: Roboflow) -> None:
    """A start costs credits: when its answer is lost it may have begun, and that is said."""
    serve(server)
    server.route("POST", "/acme/dogs/3/v2/trainings", reset)
    with pytest.raises(NetworkError) as caught:
        await roboflow.submit(Submission(CONFIG))
    assert caught.value.code == "PERHAPS_SUBMITTED"
    assert [request.method for request in server.requests].count("POST") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no mapping"),
        ("- a", "no mapping"),
        ("project: dogs", "version"),
        ("version: 1", "project"),
        ("project: ../x\nversion: 1", "workspace"),
        ("project: a b\nversion: 1", "project"),
        ("project: dogs\nversion: 1\nepoch: 3", "did you mean 'epochs'"),
        ("project: dogs\nversion: 1\nepochs: many", "epochs"),
        ("project: dogs\nversion: 1\nepochs: true", "epochs"),
        ("project: dogs\nversion: 1\nmodel_type: [a]", "model_type"),
        ("project: dogs\nversion: 1\nworkspace: other", "other"),
        ("project: other/dogs\nversion: 1", "other"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("project: [", "line 1"),
        ("x" * 70_000, "too large"),
    ],
)
async def test_what_a_config_may_be(roboflow: Roboflow, text: str, said: str) -> None:
    """A config that is wrong is refused here, in words that name what is wrong."""
    with pytest.raises(UsageError, match=said):
        await roboflow.submit(Submission(text))


# -- models and weights ----------------------------------------------------------------------


async def test_weights_get_no_key(
    server: HostileServer, bucket: HostileServer, roboflow: Roboflow
) -> None:
    """The signed address is another host's: it is asked without the credential."""
    serve(server, train={"status": "finished"})
    model = {"modelId": "dogs/3", "modelType": "yolo", "status": "finished", "metrics": {}}
    results = {"jobType": "fine-tune", "models": [model]}
    server.route("GET", "/acme/dogs/3/training/results", json_answer(results))
    link = {"weightsUrl": f"{bucket.url}/w/best.pt?sig=abc"}
    server.route("GET", "/acme/dogs/3/ptFile", json_answer(link))
    bucket.play(file_answer(b"weights"))
    (weights,) = await roboflow.artifacts("dogs/3")
    assert weights.name == "3.pt"
    parts: list[Any] = [part async for part in roboflow.download(weights)]
    assert b"".join(parts[1:]) == b"weights"
    (asked,) = bucket.requests
    assert "authorization" not in asked.headers
    assert TOKEN not in str(asked)


async def test_stars_of_a_search(server: HostileServer, roboflow: Roboflow) -> None:
    """The results need not tell of stars; the list of models does."""
    serve(server, train={"status": "finished"})
    rows = [{"modelId": f"nas-{n}", "metrics": {"map50": n / 10}} for n in (1, 2)]
    results = {
        "modelGroup": "g",
        "models": [*rows, {"modelId": 7}],
        "recommendedByHardware": {"t4": "nas-2"},
    }
    server.route("GET", "/acme/dogs/3/training/results", json_answer(results))
    stars = [{"url": "nas-1", "favorites": {"me": True}}, {"url": "nas-2", "favorites": {}}]
    server.route("GET", "/acme/dogs/models*", json_answer(stars))
    page = await roboflow.models("dogs/3", sort_by="map50")
    assert [(m.id, m.starred, m.recommended) for m in page.models] == [
        ("nas-2", False, True),
        ("nas-1", True, False),
    ]
    server.route("GET", "/acme/dogs/models*", FAULTS["internal-error"])
    assert [m.starred for m in (await roboflow.models("dogs/3")).models] == [None, None]


# -- the key ---------------------------------------------------------------------------------


async def test_the_key_in_the_query(server: HostileServer, tmp_path: Path) -> None:
    """``auth = "query"`` sends it as api_key and in no header, and no error shows it."""
    provider = open_at(server, tmp_path, extra={"auth": "query"})
    server.route("GET", "/acme", json_answer(PROJECTS))
    await provider.check()
    (asked,) = server.requests
    assert "api_key=sk-secret" in asked.target
    assert "authorization" not in asked.headers
    for fault in (
        raw_answer(f"bad key {TOKEN}".encode(), 403),
        in_turn(reset, reset, reset),
        FAULTS["invalid-json"],
        html(500, f"?api_key={TOKEN}"),
    ):
        server.route("GET", "/acme", fault)
        with pytest.raises(TrainerError) as caught:
            await provider.check()
        assert TOKEN not in all_that_it_shows(caught.value)
    await provider.aclose()


async def test_whose_key_it_is(server: HostileServer, tmp_path: Path) -> None:
    """Without a workspace in the profile the key tells; a key that does not is an error."""
    server.route("GET", "/", json_answer({"workspace": "acme"}))
    server.route("GET", "/acme", json_answer(PROJECTS))
    provider = open_at(server, tmp_path, workspace=None)
    assert (await provider.check()).summary == "workspace acme, 1 project"
    await provider.aclose()
    server.route("GET", "/", json_answer({"workspace": None}))
    provider = open_at(server, tmp_path, workspace=None)
    with pytest.raises(ConfigError, match="workspace"):
        await provider.check()
    await provider.aclose()


@pytest.mark.parametrize(
    "options", [{"auth": "cookie"}, {"projects": [1]}, {"continue_if_no_refund": "yes"}]
)
def test_wrong_options(server: HostileServer, tmp_path: Path, options: dict[str, Any]) -> None:
    """An option that cannot be is said when the profile is opened."""
    with pytest.raises(ConfigError, match="options"):
        open_at(server, tmp_path, extra=options)
