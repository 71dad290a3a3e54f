"""RunComfy over a real socket, against answers of the shapes that its reference page shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import (
    FAULTS,
    Behaviour,
    HostileServer,
    file_answer,
    html,
    in_turn,
    json_answer,
    redirect,
    silence,
)
from tests.providers.support import NOW, TOKEN, context
from trainer_tui.errors import (
    AuthError,
    NetworkError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    StateError,
    TrainerError,
    UsageError,
)
from trainer_tui.model import Capability, Gpu, Job, JobRef, Status
from trainer_tui.providers import _runcomfy_answers as answers
from trainer_tui.providers.base import Submission
from trainer_tui.providers.runcomfy import RunComfy, open_provider

JOBS = "/prod/v1/trainers/ai-toolkit/jobs"
DATASETS = "/prod/v1/trainers/datasets"
CONFIG = "job: extension\nconfig:\n  name: dög\n"


@pytest.fixture
async def comfy(server: HostileServer, tmp_path: Path, patience: float) -> AsyncIterator[RunComfy]:
    """The provider, with its API at the server."""
    provider = open_provider(context(tmp_path, base_url=server.url, timeout=patience))
    yield provider
    await provider.aclose()


@pytest.fixture
def cdn() -> Iterator[HostileServer]:
    """The host of the artifacts."""
    with HostileServer() as running:
        yield running


def status(
    server: HostileServer, job_id: str, word: str, step: int | None = None, **more: Any
) -> None:
    """Have a job answer with this status."""
    told: dict[str, Any] = {"id": job_id, "name": "dog", "status": word, **more}
    if step is not None:
        told["progress"] = {"current_step": step, "total_steps": 500, "percent": step / 5}
    server.route("GET", f"{JOBS}/{job_id}/status", json_answer(told))


def result(
    server: HostileServer,
    job_id: str,
    *names: str,
    at: str = "https://cdn.example",
    **more: Any,
) -> None:
    """Have a job answer with this result."""
    told = {
        "id": job_id,
        "status": "STOPPED",
        "artifacts": {
            "checkpoints": [{"path": f"{at}/{name}"} for name in names],
            "config": {"path": f"{at}/config.yaml"},
            "samples": [],
        },
        "created_at": "2026-01-31T12:00:00.143086",
        "started_at": "2026-01-31T12:03:10.143086",
        "finished_at": None,
        **more,
    }
    server.route("GET", f"{JOBS}/{job_id}/result", json_answer(told))


def known(*ids: str, word: Status = Status.UNKNOWN) -> list[Job]:
    """Jobs as the store knows them."""
    return [answers.unseen(JobRef("comfy", i)).replace(status=word) for i in ids]


# -- looking ---------------------------------------------------------------------------------


async def test_each_known_job_is_asked(server: HostileServer, comfy: RunComfy) -> None:
    """There is no list: the known ids are asked, ended ones are given back as they are."""
    status(server, "a", "RUNNING", 100)
    status(server, "b", "IN_QUEUE")
    result(server, "a", "dog_000000050.safetensors")
    ended = known("c", word=Status.FAILED)
    jobs = await comfy.list_jobs([*known("a", "b"), *ended])
    assert [(j.ref.id, j.status) for j in jobs] == [
        ("a", Status.RUNNING),
        ("b", Status.QUEUED),
        ("c", Status.FAILED),
    ]
    assert jobs[2] is ended[0]
    assert jobs[0].progress is not None and jobs[0].progress.percent == 20
    assert jobs[0].checkpoint_step == 50
    assert not server.asked("GET", f"{JOBS}/c/*")


async def test_a_steady_round_is_one_request_a_job(server: HostileServer, comfy: RunComfy) -> None:
    """Results are asked for when something changes, not each time."""
    status(server, "a", "RUNNING", 100)
    result(server, "a")
    jobs = await comfy.list_jobs(known("a"))
    for _ in range(3):
        jobs = await comfy.list_jobs(jobs)
    assert len(server.asked("GET", "*/status")) == 4
    assert len(server.asked("GET", "*/result")) == 1


async def test_the_end_is_looked_at_closely(server: HostileServer, comfy: RunComfy) -> None:
    """When a job is first seen to have ended, its result says whether it went wrong."""
    status(server, "a", "RUNNING", 500)
    result(server, "a")
    jobs = await comfy.list_jobs(known("a"))
    status(server, "a", "STOPPED", 500)
    result(server, "a", "dog_000000250.safetensors", error={"message": "preempted", "code": 1})
    (job,) = await comfy.list_jobs(jobs)
    assert job.status is Status.INTERRUPTED
    assert job.error is not None and job.error.message == "preempted"
    assert job.checkpoint_step == 250
    count = len(server.requests)
    assert await comfy.list_jobs([job]) == [job]
    assert len(server.requests) == count


async def test_one_job_does_not_lose_the_others(server: HostileServer, comfy: RunComfy) -> None:
    """A job whose answer makes no sense stays as it was; the rest is up to date."""
    for job_id in "abc":
        status(server, job_id, "RUNNING", 5)
        result(server, job_id)
    server.route("GET", f"{JOBS}/b/status", FAULTS["wrong-shape-list"])
    jobs = await comfy.list_jobs(known("a", "b", "c"))
    assert [j.status for j in jobs] == [Status.RUNNING, Status.UNKNOWN, Status.RUNNING]


async def test_an_unknown_id_says_so(server: HostileServer, comfy: RunComfy) -> None:
    """An id that RunComfy does not know is kept, with a note, and not asked each time."""
    server.route("GET", f"{JOBS}/*", FAULTS["not-found"])
    (job,) = await comfy.list_jobs(known("gone"))
    assert job.status is Status.UNKNOWN
    assert answers.GONE in job.extra.values()
    assert job.allowed == frozenset()
    await comfy.list_jobs([job])
    assert len(server.requests) == 1
    with pytest.raises(NotFoundError):
        await comfy.get_job("gone")


async def test_slow_down_ends_the_round(server: HostileServer, comfy: RunComfy) -> None:
    """A request to slow down is obeyed: what is known is given, and the next round waits."""
    status(server, "a", "IN_QUEUE")
    result(server, "a")
    (first,) = await comfy.list_jobs(known("a"))
    server.route("GET", f"{JOBS}/b*/status", FAULTS["rate-limited"])
    jobs = [first, *known(*(f"b{i}" for i in range(50)))]
    fresh = await comfy.list_jobs(jobs)
    assert fresh[0].status is Status.QUEUED
    assert len(server.asked("GET", f"{JOBS}/b*")) <= 8
    count = len(server.requests)
    with pytest.raises(RateLimitError) as caught:
        await comfy.list_jobs(jobs)
    assert caught.value.retry_after is not None and caught.value.retry_after > 100
    assert len(server.requests) == count


async def test_a_refused_credential_is_an_error(server: HostileServer, comfy: RunComfy) -> None:
    """A 401 is not a list of unchanged jobs."""
    server.play(FAULTS["unauthorized"])
    with pytest.raises(AuthError):
        await comfy.list_jobs(known(*(f"b{i}" for i in range(50))))
    assert len(server.requests) <= 8


async def test_silence_is_an_error_of_the_round(comfy: RunComfy, server: HostileServer) -> None:
    """When nothing answers, the round fails quickly, not once a job."""
    server.play(silence)
    with pytest.raises(NetworkError):
        await comfy.list_jobs(known(*(f"b{i}" for i in range(50))))
    assert len(server.requests) <= 8


async def test_a_round_of_many(server: HostileServer, comfy: RunComfy) -> None:
    """Two hundred jobs are asked over few connections."""
    ids = [f"j{i}" for i in range(200)]
    told = {"id": "x", "name": "n", "status": "RUNNING"}
    server.route("GET", f"{JOBS}/*/status", json_answer(told))
    server.route("GET", f"{JOBS}/*/result", json_answer({"created_at": "2026-01-01T00:00:00"}))
    jobs = await comfy.list_jobs(known(*ids))
    assert [j.ref.id for j in jobs] == ids
    assert server.connections <= 8


@pytest.mark.parametrize("bad", ["../../admin", "a/b", "", "..", "a b", "a?x=1", "é"])
async def test_ids_do_not_change_the_path(bad: str, server: HostileServer, comfy: RunComfy) -> None:
    """An id that could ask for something else is refused before anything is sent."""
    for ask in (comfy.get_job, comfy.cancel, comfy.resume, comfy.artifacts, comfy.config_text):
        with pytest.raises(UsageError):
            await ask(bad)
    (job,) = await comfy.list_jobs(known(bad))
    assert job.status is Status.UNKNOWN
    assert server.requests == []


# -- acting ----------------------------------------------------------------------------------


async def test_submit(server: HostileServer, comfy: RunComfy) -> None:
    """The config travels byte for byte; the id is told before anything else happens."""
    server.route("POST", JOBS, json_answer({"id": "new-1", "name": "dög"}))
    told: list[str] = []
    job = await comfy.submit(
        Submission(CONFIG, gpu_type="ADA_80_PLUS", gpu_count=8), accepted=told.append
    )
    assert told == ["new-1"]
    assert (job.ref, job.status, job.created_at) == (JobRef("comfy", "new-1"), Status.QUEUED, NOW)
    assert job.gpu == Gpu("ADA_80_PLUS", 8)
    assert server.requests[0].json() == {
        "config_file_format": "yaml",
        "config_file": CONFIG,
        "gpu_type": "ADA_80_PLUS",
        "gpu_count": 8,
    }


async def test_submit_with_no_choice_of_gpu(server: HostileServer, comfy: RunComfy) -> None:
    """gpu_type is required there, so the first one is taken; the count is left to RunComfy."""
    server.route("POST", JOBS, json_answer({"id": "new-1"}))
    await comfy.submit(Submission(CONFIG))
    body = server.requests[0].json()
    assert isinstance(body, dict) and body["gpu_type"] == "ADA_80_PLUS"
    assert "gpu_count" not in body


@pytest.mark.parametrize(("kind", "count"), [("HOPPER_141", 8), ("ADA_80_PLUS", 2)])
async def test_gpu_counts_that_are_not_offered(
    kind: str, count: int, server: HostileServer, comfy: RunComfy
) -> None:
    """One GPU or eight, and eight of one kind only: said before anything is sent."""
    with pytest.raises(UsageError):
        await comfy.submit(Submission(CONFIG, gpu_type=kind, gpu_count=count))
    assert server.requests == []


@pytest.mark.parametrize(
    "behaviour",
    [
        silence,
        FAULTS["reset"],
        FAULTS["hang-up"],
        FAULTS["cut-short"],
        FAULTS["invalid-json"],
        FAULTS["bad-gateway-html"],
        FAULTS["wrong-shape-fields"],
        json_answer({"name": "no id"}),
        json_answer({"id": "../x"}),
    ],
)
async def test_a_submit_whose_answer_is_lost(
    behaviour: Behaviour, server: HostileServer, comfy: RunComfy
) -> None:
    """It is sent once, and the error says that the job may exist and how to bring it here."""
    server.play(behaviour)
    told: list[str] = []
    with pytest.raises(NetworkError, match="may have been made") as caught:
        await comfy.submit(Submission(CONFIG), accepted=told.append)
    assert caught.value.code == "PERHAPS_SUBMITTED"
    assert "trainer-tui track comfy" in (caught.value.hint or "")
    assert told == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", ["unauthorized", "rate-limited", "redirect-elsewhere"])
async def test_a_submit_that_was_refused(
    fault: str, server: HostileServer, comfy: RunComfy
) -> None:
    """A refusal is a refusal: nothing was made."""
    server.play(FAULTS[fault])
    with pytest.raises(TrainerError) as caught:
        await comfy.submit(Submission(CONFIG))
    assert "may have been made" not in caught.value.message


async def test_an_error_with_status_200(server: HostileServer, comfy: RunComfy) -> None:
    """HTTP 200 with error_code is an error, of the class that the code stands for."""
    server.play(json_answer({"error_code": 40001, "error_message": "dataset is not READY"}))
    with pytest.raises(ServiceError, match="dataset is not READY") as caught:
        await comfy.submit(Submission(CONFIG))
    assert caught.value.code == "40001"
    assert "may have been made" not in caught.value.message


async def test_cancel(server: HostileServer, comfy: RunComfy) -> None:
    """Cancel ends the job; what it made is then known, resume included."""
    answer = {"id": "a", "name": "dog", "status": "CANCELED"}
    server.route("POST", f"{JOBS}/a/cancel", json_answer(answer))
    status(server, "a", "CANCELED", 120)
    result(server, "a", "dog_000000100.safetensors")
    job = await comfy.cancel("a")
    assert job is not None
    assert (job.status, job.checkpoint_step) == (Status.CANCELED, 100)
    assert Capability.RESUME in job.allowed
    assert server.asked("POST")[0].body == b""


@pytest.mark.parametrize(
    "behaviour",
    [
        json_answer({"error_code": 40951, "error_message": "job is not running"}, 409),
        json_answer({"error_code": 40951, "error_message": "job is not running"}),
        json_answer({"detail": "Job is already finished"}, 400),
        json_answer({"id": "a", "name": "dog", "status": "STOPPED"}),
    ],
)
async def test_cancel_of_an_ended_job(
    behaviour: Behaviour, server: HostileServer, comfy: RunComfy
) -> None:
    """Whichever way RunComfy says that it had ended, that is an answer about state."""
    server.route("POST", f"{JOBS}/a/cancel", behaviour)
    with pytest.raises(StateError):
        await comfy.cancel("a")


async def test_resume(server: HostileServer, comfy: RunComfy) -> None:
    """Resume queues the same id; the GPU is chosen anew; a job that had ended is asked again."""
    status(server, "a", "STOPPED", 120)
    result(server, "a", "dog_000000100.safetensors")
    (before,) = await comfy.list_jobs(known("a"))
    assert (before.status, before.checkpoint_step) == (Status.INTERRUPTED, 100)
    server.route("POST", f"{JOBS}/a/resume", json_answer({"id": "a", "name": "dog"}))
    job = await comfy.resume("a", gpu_type="HOPPER_141", gpu_count=1)
    assert server.asked("POST")[0].json() == {"gpu_type": "HOPPER_141", "gpu_count": 1}
    assert job is not None
    # The service may take a while to show it: the job is asked though it looks ended.
    assert job.status is Status.INTERRUPTED
    status(server, "a", "RUNNING", 101)
    (job,) = await comfy.list_jobs([job])
    assert (job.status, job.gpu, job.finished_at) == (
        Status.RUNNING,
        Gpu("HOPPER_141", 1),
        None,
    )


async def test_resume_without_a_choice_sends_an_empty_object(
    server: HostileServer, comfy: RunComfy
) -> None:
    """As the reference page shows it."""
    server.route("POST", f"{JOBS}/a/resume", json_answer({"id": "a"}))
    status(server, "a", "IN_QUEUE")
    job = await comfy.resume("a")
    assert server.asked("POST")[0].body == b"{}"
    assert job is not None and job.status is Status.QUEUED


async def test_edit(server: HostileServer, comfy: RunComfy) -> None:
    """The text is sent byte for byte, and then the job can be resumed, finished or not."""
    server.route("POST", f"{JOBS}/a/edit", json_answer({"id": "a", "status": "STOPPED"}))
    status(server, "a", "STOPPED", 500)
    result(server, "a")
    job = await comfy.edit("a", CONFIG + "# ä\r\n")
    sent = server.asked("POST")[0].json()
    assert sent == {"config_file_format": "yaml", "config_file": CONFIG + "# ä\r\n"}
    assert job is not None
    assert job.status is Status.SUCCEEDED
    assert Capability.RESUME in job.allowed


async def test_edit_of_a_running_job(server: HostileServer, comfy: RunComfy) -> None:
    """The refusal says what to do instead."""
    refusal = {"error_code": 40052, "error_message": "Job is still running"}
    server.route("POST", f"{JOBS}/a/edit", json_answer(refusal, 400))
    with pytest.raises(StateError) as caught:
        await comfy.edit("a", CONFIG)
    assert caught.value.hint == "Cancel the job first, then edit it, then resume it."


async def test_edit_that_changes_the_name(server: HostileServer, comfy: RunComfy) -> None:
    """A refusal about the config is not one about the state."""
    refusal = {"error_code": 40053, "error_message": "config.name cannot be changed"}
    server.route("POST", f"{JOBS}/a/edit", json_answer(refusal, 400))
    with pytest.raises(ServiceError, match=r"config\.name"):
        await comfy.edit("a", CONFIG)


async def test_edit_notices_that_somebody_else_edited(
    server: HostileServer, cdn: HostileServer, comfy: RunComfy
) -> None:
    """A config that is neither the edit's base nor what was read here is not written over."""
    server.route("POST", f"{JOBS}/a/edit", json_answer({"id": "a", "status": "STOPPED"}))
    status(server, "a", "STOPPED", 500)
    result(server, "a", at=cdn.url)
    theirs = CONFIG + "# theirs\n"
    cdn.play(in_turn(*(file_answer(text.encode()) for text in (CONFIG, theirs, theirs, theirs))))
    assert await comfy.config_text("a") == CONFIG
    with pytest.raises(StateError) as caught:
        await comfy.edit("a", CONFIG + "# mine\n", base_text=CONFIG)
    assert caught.value.code == "CONFLICT"
    assert not server.asked("POST")
    assert await comfy.config_text("a") == theirs  # read and chosen from
    await comfy.edit("a", CONFIG + "# mine\n", base_text=theirs)
    assert len(server.asked("POST")) == 1


async def test_edit_after_an_edit_that_the_result_does_not_show_yet(
    server: HostileServer, cdn: HostileServer, comfy: RunComfy
) -> None:
    """RunComfy gives the config that was run: it is not what was sent since, and no conflict."""
    server.route("POST", f"{JOBS}/a/edit", json_answer({"id": "a", "status": "STOPPED"}))
    status(server, "a", "STOPPED", 500)
    result(server, "a", at=cdn.url)
    cdn.play(in_turn(*(file_answer(CONFIG.encode()) for _ in range(3))))
    assert await comfy.config_text("a") == CONFIG
    for number in (1, 2):
        base = CONFIG if number == 1 else CONFIG + "# 1\n"
        await comfy.edit("a", CONFIG + f"# {number}\n", base_text=base)
    assert len(server.asked("POST")) == 2


# -- files -----------------------------------------------------------------------------------


async def download(comfy: RunComfy, artifacts: Sequence[Any]) -> bytes:
    """The bytes of the first artifact."""
    parts = [item async for item in comfy.download(artifacts[0])]
    return b"".join(part for part in parts if isinstance(part, bytes))


async def test_artifact_hosts_get_no_credential(
    server: HostileServer, cdn: HostileServer, comfy: RunComfy
) -> None:
    """Artifacts lie on other hosts, which learn nothing; nor does one that those redirect to."""
    result(server, "a", "dog_000000100.safetensors", at=cdn.url)
    cdn.route("GET", "/dog*", redirect(cdn.url + "/real"))
    cdn.route("GET", "/real", file_answer(b"weights"))
    assert await download(comfy, await comfy.artifacts("a")) == b"weights"
    assert len(cdn.requests) == 2
    assert "authorization" not in str(cdn.requests).lower()
    assert TOKEN not in str(cdn.requests)


async def test_an_expired_address_asks_for_a_fresh_one(
    server: HostileServer, cdn: HostileServer, comfy: RunComfy
) -> None:
    """403 from the artifact host says URL_EXPIRED; the next list has a fresh address."""
    result(server, "a", "dog.safetensors?sig=old", at=cdn.url)
    cdn.play(in_turn(html(403, "Request has expired"), file_answer(b"weights")))
    old = await comfy.artifacts("a")
    with pytest.raises(NotFoundError) as caught:
        await download(comfy, old)
    assert caught.value.code == "URL_EXPIRED"
    result(server, "a", "dog.safetensors?sig=new", at=cdn.url)
    fresh = await comfy.artifacts("a")
    assert [a.name for a in fresh] == [a.name for a in old]
    assert await download(comfy, fresh) == b"weights"
    assert cdn.requests[1].target.endswith("sig=new")


async def test_config_text(server: HostileServer, cdn: HostileServer, comfy: RunComfy) -> None:
    """The config comes from its own host, without the credential; expiry is bridged."""
    result(server, "a", at=cdn.url)
    cdn.play(in_turn(html(410, "gone"), file_answer(CONFIG.encode())))
    assert await comfy.config_text("a") == CONFIG
    assert len(server.asked("GET", "*/result")) == 2
    assert all("authorization" not in request.headers for request in cdn.requests)


async def test_no_config_yet(server: HostileServer, comfy: RunComfy) -> None:
    """A job that has not started has no config to give, and the error says when it will."""
    server.route("GET", f"{JOBS}/a/result", json_answer({"id": "a", "artifacts": {}}))
    with pytest.raises(NotFoundError) as caught:
        await comfy.config_text("a")
    assert caught.value.code == "NO_CONFIG"


# -- datasets --------------------------------------------------------------------------------


async def test_datasets(server: HostileServer, comfy: RunComfy, tmp_path: Path) -> None:
    """Listed, made, filled, watched and deleted; an error that comes as 200 is one here too."""
    entry = {"id": "d1", "name": "dogs", "status": "READY", "created_at": "2026-01-01T00:00:00"}
    server.route("GET", DATASETS, json_answer([entry, {"odd": 1}]))
    server.route("POST", DATASETS, json_answer({"id": "d2", "name": "cats", "status": "DRAFT"}))
    server.route("POST", f"{DATASETS}/d2/upload", json_answer({}))
    server.route("GET", f"{DATASETS}/d2/status", json_answer({"status": "FAILED", "error": "bad"}))
    server.route("DELETE", f"{DATASETS}/d2", json_answer({}))
    (dogs,) = await comfy.list_datasets()
    assert (dogs.name, dogs.ready) == ("dogs", True)
    cats = await comfy.create_dataset("cats")
    file = tmp_path / "a.zip"
    file.write_bytes(b"PK bytes")
    await comfy.upload_to_dataset(cats.id, file)
    (upload,) = server.asked("POST", "*/upload")
    assert b'name="file"; filename="a.zip"' in upload.body and b"PK bytes" in upload.body
    failed = await comfy.dataset_status(cats.id)
    assert (failed.status, failed.error, failed.ready) == ("FAILED", "bad", False)
    await comfy.delete_dataset(cats.id)
    assert len(server.asked("DELETE")) == 1
    with pytest.raises(UsageError, match="No such file"):
        await comfy.upload_to_dataset(cats.id, tmp_path / "none")
    refused = json_answer({"error_code": 40002, "error_message": "too many files"})
    server.route("POST", f"{DATASETS}/d2/upload", refused)
    with pytest.raises(ServiceError, match="too many files"):
        await comfy.upload_to_dataset(cats.id, file)


async def test_a_large_dataset_goes_to_a_signed_url(
    server: HostileServer,
    cdn: HostileServer,
    comfy: RunComfy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a form does not take is PUT to the address that RunComfy gives, without credential."""
    monkeypatch.setattr("trainer_tui.providers._runcomfy_datasets.FORM_LIMIT", 10)
    endpoint = {"urls": {"big.zip": f"{cdn.url}/put?sig=1"}}
    server.route("POST", f"{DATASETS}/d/get-upload-endpoint", json_answer(endpoint))
    cdn.play(json_answer({}))
    file = tmp_path / "big.zip"
    file.write_bytes(b"x" * 1000)
    await comfy.upload_to_dataset("d", file)
    assert server.requests[0].json() == {"filenameToByteSize": {"big.zip": 1000}}
    assert cdn.requests[0].body == b"x" * 1000
    assert "authorization" not in cdn.requests[0].headers


async def test_check(server: HostileServer, comfy: RunComfy) -> None:
    """A live check needs no job."""
    server.route("GET", DATASETS, json_answer({"datasets": [{"id": "d1", "status": "READY"}]}))
    assert (await comfy.check()).summary == "RunComfy answers; 1 dataset there"
