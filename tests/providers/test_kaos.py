"""The kaos provider against strict servers of either spelling, over real sockets."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.providers.kaos_servers import (
    TOKEN,
    PageServer,
    RedirectingServer,
    ShippedServer,
    StrictServer,
    partition,
)
from tests.providers.support import all_that_it_shows, context
from tests.unit.test_bundles import source_folder
from trainer_tui.config import Secret
from trainer_tui.errors import (
    AuthError,
    ConfigError,
    NotFoundError,
    StateError,
    TrainerError,
    UsageError,
)
from trainer_tui.model import Artifact, ArtifactKind, Capability, JobRef, Status
from trainer_tui.providers import _kaos_submit
from trainer_tui.providers.base import DownloadHead, Submission
from trainer_tui.providers.kaos import Kaos, open_provider

KINDS = [PageServer, ShippedServer, RedirectingServer]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def server(request: pytest.FixtureRequest) -> Iterator[StrictServer]:
    """A server of each kind."""
    with request.param() as running:
        yield running


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new job is looked for at once."""
    monkeypatch.setattr(_kaos_submit, "LOOKS", (0.0,) * 8)


def opened(home: Path, server: StrictServer, **fields: object) -> Kaos:
    """The provider of a profile that points there."""
    fields = {"workspace": "mnist", "token": Secret(TOKEN), "name": "k", **fields}
    return open_provider(context(home, "kaos", base_url=server.url, **fields))


async def whole(provider: Kaos, artifact: Artifact) -> bytes:
    """An artifact's bytes."""
    pieces = [item async for item in provider.download(artifact)]
    assert isinstance(pieces[0], DownloadHead)
    return b"".join(item for item in pieces if isinstance(item, bytes))


@pytest.mark.anyio
async def test_the_list_is_one_life(tmp_path: Path, server: StrictServer) -> None:
    """Building and ingesting are preparing; a build that ended well is no job of its own."""
    server.add("a" * 32, "JOB_SUCCESS", progress=100, hyperopt=True)
    server.add("run", "JOB_RUNNING", progress="3/10")
    server.add("merge", "JOB_MERGING")
    server.add("killed", "JOB_KILLED")
    server.add("failed", "JOB_FAILURE")
    server.add("b-run", "JOB_RUNNING", "building")
    server.add("b-done", "JOB_SUCCESS", "building")
    server.add("b-failed", "JOB_FAILURE", "building")
    server.add("i-run", "JOB_RUNNING", "ingesting")
    server.add("odd", "JOB_DREAMING")
    server.groups["training"].append({"job_id": "../x", "state": "JOB_RUNNING"})
    provider = opened(tmp_path, server)
    jobs = {job.ref.id: job for job in await provider.list_jobs([])}
    assert {key: job.status.value for key, job in jobs.items()} == {
        "a" * 32: "succeeded",
        "run": "running",
        "merge": "running",
        "killed": "canceled",
        "failed": "failed",
        "b-run": "preparing",
        "b-failed": "failed",
        "i-run": "preparing",
        "odd": "unknown",
    }
    job = jobs["a" * 32]
    assert job.started_at == datetime(2019, 9, 19, 11, 51, 57, tzinfo=UTC)
    assert job.finished_at == datetime(2019, 9, 19, 11, 52, 57, tzinfo=UTC)
    assert job.name == "mnist:aaaaaaaa"
    assert jobs["run"].finished_at is None
    progress = jobs["run"].progress
    assert progress and (progress.current, progress.total, progress.percent) == (3, 10, 30.0)
    assert Capability.CANCEL in jobs["b-run"].allowed
    assert Capability.CANCEL not in jobs["i-run"].allowed
    failure = jobs["b-failed"].error
    assert failure and "build" in failure.message
    known = [jobs["b-run"].replace(ref=JobRef("k", "b-done"))]
    again = {job.ref.id: job for job in await provider.list_jobs(known)}
    assert again["b-done"].status is Status.SUCCEEDED
    await provider.aclose()


@pytest.mark.anyio
async def test_a_list_that_is_the_same_is_not_read_again(
    tmp_path: Path, server: StrictServer
) -> None:
    """The very same jobs, until something in the answer differs."""
    server.add("done", "JOB_SUCCESS", progress=100)
    server.add("run", "JOB_RUNNING", progress="3/10")
    provider = opened(tmp_path, server)
    first = await provider.list_jobs([])
    second = await provider.list_jobs(first)
    assert all(one is other for one, other in zip(first, second, strict=True))
    server.add("new", "JOB_RUNNING", progress="1/10")
    assert len(await provider.list_jobs(second)) == 3
    await provider.aclose()


async def test_models_by_page_and_metric(tmp_path: Path, server: StrictServer) -> None:
    """The leaderboard: pages, sorting, parameters; the way to ask is found once."""
    server.add("j1", "JOB_SUCCESS")
    server.infos["j1"] = [partition(i, i / 20, lr=i, layers=[i]) for i in range(12)]
    provider = opened(tmp_path, server)
    page = await provider.models("j1")
    assert (page.page, page.pages, len(page.models)) == (0, 2, 10)
    assert page.available_metrics == ("accuracy", "loss")
    best = (await provider.models("j1", sort_by="accuracy")).models[0]
    assert (best.id, best.score, dict(best.metrics)) == ("model11", 0.55, {"accuracy": 0.55})
    assert dict(best.hyperparameters) == {"lr": "11", "layers": "[11]"}
    assert best.group == "master" and "mnist-code@c0ffee by ann" in best.extra["code"]
    assert best.artifact and best.artifact.name == "j1-model-model11.zip"
    last = await provider.models("j1", page=99, sort_by="accuracy")
    assert (last.page, len(last.models)) == (1, 2)
    with pytest.raises(UsageError, match="beauty"):
        await provider.models("j1", sort_by="beauty")
    asked = [path for method, path in server.seen if path.endswith("/j1")]
    wrong = [m for m, path in server.seen if path.endswith("/j1") and m != server.info_method]
    assert len(asked) > 4 and len(wrong) <= 1
    await provider.aclose()


@pytest.mark.anyio
async def test_a_running_job_has_no_models_and_that_is_no_fault(
    tmp_path: Path, server: StrictServer
) -> None:
    """UNFINISHED_COMMIT is an answer about state; the job itself is told from the list."""
    server.add("run", "JOB_RUNNING")
    provider = opened(tmp_path, server)
    assert (await provider.get_job("run")).status is Status.RUNNING
    with pytest.raises(StateError) as caught:
        await provider.models("run")
    assert caught.value.code == "UNFINISHED_COMMIT"
    with pytest.raises(NotFoundError, match="There is no job with id: none"):
        await provider.get_job("none")
    await provider.aclose()


@pytest.mark.anyio
async def test_an_ended_job_tells_of_its_models(tmp_path: Path, server: StrictServer) -> None:
    """The detail of an ended job names how many models there are, and is asked for once."""
    server.add("j1", "JOB_SUCCESS")
    server.infos["j1"] = [partition(0, 0.5)]
    provider = opened(tmp_path, server)
    for _ in range(2):
        extra = (await provider.get_job("j1")).extra
        assert (extra["models"], extra["metrics"]) == ("1", "accuracy, loss")
    assert len([path for path in server.asked(server.info_method) if path.endswith("/j1")]) == 1
    listed = {job.ref.id: job for job in await provider.list_jobs([])}
    assert listed["j1"].extra == extra
    await provider.aclose()


@pytest.mark.anyio
async def test_kill(tmp_path: Path, server: StrictServer) -> None:
    """Killed once; then it had ended; an unknown one is an answer, not a reason to ask again."""
    server.add("run", "JOB_RUNNING")
    provider = opened(tmp_path, server)
    await provider.cancel("run")
    assert (await provider.get_job("run")).status is Status.CANCELED
    with pytest.raises(StateError, match="already ended"):
        await provider.cancel("run")
    count = len(server.asked("DELETE"))
    with pytest.raises(NotFoundError, match="There is no job"):
        await provider.cancel("nobody")
    assert len(server.asked("DELETE")) == count + 1
    wrong = [
        path for path in server.asked("DELETE") if path.endswith("/") != server.kill_with_slash
    ]
    assert len(wrong) <= 1
    with pytest.raises(UsageError):
        await provider.cancel("../mnist")
    await provider.aclose()


@pytest.mark.anyio
async def test_bundles(tmp_path: Path, server: StrictServer) -> None:
    """Code, single models and all of it are artifacts; either kind of server reads the flags."""
    server.add("j1", "JOB_SUCCESS")
    server.infos["j1"] = [partition(0), partition(1)]
    provider = opened(tmp_path, server)
    found = {each.name: each for each in await provider.artifacts("j1")}
    assert list(found) == [
        "j1-code.zip",
        "j1-model-model0.zip",
        "j1-model-model1.zip",
        "j1-all.zip",
    ]
    assert found["j1-model-model1.zip"].kind is ArtifactKind.WEIGHTS
    held = {}
    for name, artifact in found.items():
        with zipfile.ZipFile(io.BytesIO(await whole(provider, artifact))) as opened_zip:
            held[name] = opened_zip.namelist()
    assert held["j1-code.zip"] == ["code/x"]
    assert held["j1-model-model1.zip"] == ["model/model1"]
    assert held["j1-all.zip"] == ["code/x", "data/x", "model/x"]
    assert set(server.tokens) == {TOKEN}
    await provider.aclose()


@pytest.mark.anyio
async def test_provenance_and_pipeline(tmp_path: Path, server: StrictServer) -> None:
    """DOT of the named or the first model; the pipeline with what is not set said so."""
    server.add("j1", "JOB_SUCCESS")
    server.infos["j1"] = [partition(0)]
    provider = opened(tmp_path, server)
    assert '"model7"' in await provider.provenance("j1", "model7")
    assert '"model0"' in await provider.provenance("j1")
    pipeline = await provider.pipeline()
    assert (pipeline["image"], pipeline["cpu"], pipeline["data"]) == ("img:1", "not set", "not set")
    server.deployed = False
    with pytest.raises(NotFoundError, match="nothing was deployed"):
        await provider.pipeline()
    await provider.aclose()


@pytest.mark.anyio
async def test_submit(tmp_path: Path, server: StrictServer) -> None:
    """The folder is checked, zipped and sent; the new job is found; grid and resources go along."""
    server.add("old", "JOB_SUCCESS")
    server.on_create = [{"job_id": "new", "state": "JOB_RUNNING", "group": "building"}]
    server.build_logs["new"] = "[2019-09-19 11:51:57] building 0123456789abcdef\n"
    folder = source_folder(tmp_path / "code")
    text = f"bundle: {folder}\nparams: {{lr: [1, 2], layers: 3}}\ncpu: 2\ngpu: 1\nuser: ann\n"
    known: list[str] = []
    moved: list[tuple[int, int]] = []
    provider = opened(tmp_path, server)
    wanted = Submission(text, moved=lambda count, size: moved.append((count, size)))
    job = await provider.submit(wanted, accepted=known.append)
    assert (job.ref.id, job.status, known) == ("new", Status.PREPARING, ["new"])
    (kind, query, data), (second, _, params) = server.uploads
    assert (kind, second) == ("code", "params")
    assert query == {"user": "ann", "cpu": "2", "gpu": "1"}
    assert params == b'{"lr": [1, 2], "layers": [3]}'
    with zipfile.ZipFile(io.BytesIO(data)) as sent:
        assert "mnist/model/train" in sent.namelist()
        assert sent.getinfo("mnist/model/train").external_attr >> 16 & 0o100
    assert moved[-1] == (len(data), len(data))
    assert not list((tmp_path / "cache").rglob("*.zip")), "the zip is gone when it was sent"
    await provider.aclose()


@pytest.mark.anyio
async def test_submit_while_others_do(tmp_path: Path, server: StrictServer) -> None:
    """Of several new jobs ours is the one whose log names what was sent; never a guess."""
    server.on_create = [
        {"job_id": name, "state": "JOB_RUNNING", "group": "training"} for name in ("x1", "x2", "x3")
    ]
    server.logs |= {"x1": "other", "x2": "code 0123456789abcdef", "x3": "other"}
    text = f"bundle: {source_folder(tmp_path / 'code')}\n"
    provider = opened(tmp_path, server)
    assert (await provider.submit(Submission(text))).ref.id == "x2"
    server.on_create = [
        {"job_id": name, "state": "JOB_RUNNING", "group": "training"} for name in ("y1", "y2")
    ]
    known: list[str] = []
    with pytest.raises(StateError, match="y1, y2") as caught:
        await provider.submit(Submission(text), accepted=known.append)
    assert (caught.value.code, known) == ("SEVERAL_NEW_JOBS", [])
    server.on_create = []
    with pytest.raises(StateError, match="no new job"):
        await provider.submit(Submission(text))
    server.on_create = [{"job_id": "z", "state": "JOB_STARTING", "group": "building"}]
    assert (await provider.submit(Submission(text))).ref.id == "z", "a lone one is taken in the end"
    await provider.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("job: extension\nconfig: {}\n", "job: unknown key"),
        ("- a list", "mapping"),
        ("bundle: /nowhere/at/all\n", "there is no"),
        ("bundel: x\n", "did you mean 'bundle'"),
        ("user: ann\n", "bundle: missing"),
        ("bundle: .\ngpu: many\n", "gpu: expected"),
        ("bundle: .\nparams: [1]\n", "params: expected"),
        ("a: &a [1]\nbundle: *a\n", "alias"),
        ("bundle: [", "not valid YAML"),
    ],
)
async def test_submissions_that_are_wrong(tmp_path: Path, text: str, says: str) -> None:
    """The mistake is named, and nothing is asked of kaos."""
    with PageServer() as server:
        provider = opened(tmp_path, server)
        with pytest.raises(UsageError, match=says):
            await provider.submit(Submission(text))
        assert server.seen == []
        await provider.aclose()


@pytest.mark.anyio
async def test_a_bundle_that_lacks_a_file_is_not_sent(tmp_path: Path) -> None:
    """The missing file is named before a byte is uploaded; a harmful zip is refused as well."""
    folder = source_folder(tmp_path / "code")
    (folder / "model" / "train").unlink()
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as made:
        made.writestr("../evil", "x")
    with PageServer() as server:
        provider = opened(tmp_path, server)
        for path, says in ((folder, "model/train"), (evil, "leads out")):
            with pytest.raises(UsageError, match=says):
                await provider.submit(Submission(f"bundle: {path}\n"))
        assert server.uploads == []
        await provider.aclose()


@pytest.mark.anyio
async def test_logs_tell_only_what_is_new(
    tmp_path: Path, server: StrictServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole text comes each time; what was told is not told again, and a new text is."""
    monkeypatch.setattr("trainer_tui.providers._kaos_logs.PAUSE", 0.0)
    monkeypatch.setattr("trainer_tui.providers._kaos_logs.BYTES_A_SECOND", 1 << 40)
    server.add("run", "JOB_RUNNING")
    server.logs["run"] = "one\nzwö\n"
    provider = opened(tmp_path, server)
    chunk = await provider.logs("run", offset=-(8 << 20))
    assert (chunk.text, chunk.offset, chunk.reset, chunk.complete) == (
        "one\nzwö\n",
        0,
        False,
        False,
    )
    chunk = await provider.logs("run", offset=chunk.next_offset)
    assert (chunk.text, chunk.reset) == ("", False)
    server.logs["run"] += "three\n"
    chunk = await provider.logs("run", offset=chunk.next_offset)
    assert (chunk.text, chunk.reset) == ("three\n", False)
    server.logs["run"] = "begun anew, and longer than what was there\n"
    chunk = await provider.logs("run", offset=chunk.next_offset)
    assert (chunk.text, chunk.offset, chunk.reset) == (server.logs["run"], 0, True)
    server.groups["training"][0]["state"] = "JOB_SUCCESS"
    await provider.list_jobs([])
    chunk = await provider.logs("run", offset=chunk.next_offset)
    assert (chunk.text, chunk.complete) == ("", True)
    tail = await provider.logs("run", offset=-4)
    assert tail.text == "ere\n"
    await provider.aclose()


@pytest.mark.anyio
async def test_a_log_that_lost_its_beginning_goes_on(
    tmp_path: Path, server: StrictServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that keeps only the end of a log: offsets stay, what is gone is said to be."""
    monkeypatch.setattr("trainer_tui.providers._kaos_logs.PAUSE", 0.0)
    monkeypatch.setattr("trainer_tui.providers._kaos_logs.BYTES_A_SECOND", 1 << 40)
    server.add("run", "JOB_RUNNING")
    text = "".join(f"line {n}\n" for n in range(100))
    server.logs["run"] = text
    provider = opened(tmp_path, server)
    chunk = await provider.logs("run", offset=0)
    assert (chunk.text, chunk.begins) == (text, 0)
    server.logs["run"] = text[200:] + "new\n"
    chunk = await provider.logs("run", offset=len(text))
    assert (chunk.text, chunk.offset, chunk.reset, chunk.begins) == ("new\n", len(text), False, 200)
    early = await provider.logs("run", offset=0, limit=8)
    assert (early.offset, early.text) == (200, text[200:208])
    tail = await provider.logs("run", offset=-(1 << 20))
    assert (tail.offset, tail.text) == (200, server.logs["run"])
    await provider.aclose()


@pytest.mark.anyio
async def test_long_logs_are_asked_for_rarely(tmp_path: Path) -> None:
    """Pieces of one text cost one request, and an unchanged long one is not asked again at once."""
    with PageServer() as server:
        server.add("run", "JOB_RUNNING")
        server.logs["run"] = "a line of the log\n" * 200_000
        provider = opened(tmp_path, server)
        offset, text = 0, ""
        for _ in range(20):
            chunk = await provider.logs("run", offset=offset, limit=1 << 20)
            offset, text = chunk.next_offset, text + chunk.text
        assert text == server.logs["run"]
        assert server.asked("GET").count("/train/mnist/run/logs") == 1
        await provider.aclose()


@pytest.mark.anyio
async def test_a_build_has_its_own_log(tmp_path: Path, server: StrictServer) -> None:
    """While a job is built its build log is shown; where there is none, the usual one."""
    server.add("b1", "JOB_RUNNING", "building")
    server.add("b2", "JOB_RUNNING", "building")
    server.build_logs["b1"] = "building\n"
    server.logs["b2"] = "usual\n"
    provider = opened(tmp_path, server)
    assert (await provider.logs("b1")).text == "building\n"
    assert (await provider.logs("b2")).text == "usual\n"
    with pytest.raises(NotFoundError):
        await provider.logs("none")
    server.add("run", "JOB_RUNNING")
    server.logs["run"], server.build_logs["run"] = "training\n", "built\n"
    (job,) = (job for job in await provider.list_jobs([]) if job.ref.id == "run")
    assert provider.log_names(job) == ("log", "build")
    assert (await provider.logs("run")).text == "training\n"
    assert (await provider.logs("run", name="build")).text == "built\n"
    await provider.aclose()


@pytest.mark.anyio
async def test_the_token_is_in_its_header_and_nowhere_else(
    tmp_path: Path, server: StrictServer
) -> None:
    """A refused token is an AuthError that does not hold it."""
    wrong = "wrong-secret-token"
    provider = opened(tmp_path, server, token=Secret(wrong))
    with pytest.raises(AuthError) as caught:
        await provider.check()
    assert wrong not in all_that_it_shows(caught.value)
    assert set(server.tokens) == {wrong}
    await provider.aclose()


@pytest.mark.anyio
async def test_check_and_workspaces(tmp_path: Path, server: StrictServer) -> None:
    """The check names the workspace; the only one is taken where the profile names none."""
    server.add("j1", "JOB_SUCCESS")
    provider = opened(tmp_path, server, workspace=None)
    account = await provider.check()
    assert account.jobs == 1 and "mnist" in account.summary
    await provider.aclose()
    provider = opened(tmp_path, server, workspace="a/b")
    with pytest.raises(ConfigError):
        await provider.check()
    await provider.aclose()


@pytest.mark.anyio
async def test_answers_that_make_no_sense(tmp_path: Path) -> None:
    """Shapes that are wrong are told in words, not by a traceback."""
    with PageServer() as server:
        provider = opened(tmp_path, server)
        for wrong in ({"training": "x"}, {"training": [3]}, [], None):
            server.groups = wrong  # type: ignore[assignment]
            with pytest.raises(TrainerError):
                await provider.list_jobs([])
        await provider.aclose()


def test_a_profile_needs_an_address(tmp_path: Path) -> None:
    """kaos has no address of its own: the message says what to add."""
    with pytest.raises(ConfigError, match="base_url"):
        open_provider(context(tmp_path, "kaos"))
