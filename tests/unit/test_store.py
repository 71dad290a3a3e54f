"""The store: what it keeps, what it makes of changes, and that it keeps it through anything."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core import metricrows, schema
from trainer_tui.core.columns import Axis
from trainer_tui.core.points import Points
from trainer_tui.core.rows import DownloadPhase, DownloadRow, Draft
from trainer_tui.core.seriesset import SeriesSet
from trainer_tui.core.store import Store
from trainer_tui.errors import TrainerError
from trainer_tui.model import (
    ArtifactKind,
    Capability,
    Event,
    EventKind,
    Gpu,
    Job,
    JobError,
    JobRef,
    Metric,
    Progress,
    Status,
)

NOW = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
REF = JobRef("comfy", "j1")


def job(status: Status = Status.RUNNING, ref: JobRef = REF, **fields: object) -> Job:
    return Job(ref, "runcomfy", "dog", status, status.value.upper()).replace(**fields)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state" / "store.db")
    yield opened
    opened.close()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
counts = st.integers(0, 2**40)
moments = st.none() | st.datetimes(
    min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC)
)
jobs = st.builds(
    Job,
    ref=st.builds(JobRef, st.just("p"), names),
    provider=names,
    name=texts,
    status=st.sampled_from(Status),
    raw_status=texts.filter(bool),
    progress=st.none()
    | st.builds(
        Progress, counts, st.none() | counts, names, st.none() | st.floats(0, 100, width=32)
    ),
    created_at=moments,
    started_at=moments,
    finished_at=moments,
    error=st.none() | st.builds(JobError, texts, st.none() | names),
    gpu=st.none() | st.builds(Gpu, names, st.integers(1, 64)),
    config_name=st.none() | texts,
    loss=st.none() | st.floats(allow_nan=False),
    checkpoint_step=st.none() | counts,
    queue_position=st.none() | counts,
    allowed=st.frozensets(st.sampled_from(Capability)),
    extra=st.dictionaries(texts, texts, max_size=3).map(MappingProxyType),
)


@settings(HALF, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(jobs, max_size=4, unique_by=lambda j: j.ref))
def test_jobs_come_back_as_they_were(store: Store, found: list[Job]) -> None:
    """Whatever a provider may say of a job, the store gives it back equal, extras in order."""
    for old in store.jobs():
        store.forget(old.ref)
    store.save_jobs(found, NOW)
    back = {j.ref: j for j in store.jobs("p")}
    assert back == {j.ref: j for j in found}
    assert all(list(back[j.ref].extra) == list(j.extra) for j in found)
    assert store.jobs("other") == []


def test_every_status_change_becomes_an_event(store: Store) -> None:
    """The history tells first sight, each status, checkpoints and errors, each of them once."""
    store.save_jobs([job(Status.QUEUED)], NOW)
    store.save_jobs([job(Status.QUEUED)], NOW)
    store.save_jobs([job(checkpoint_step=250)], NOW + timedelta(seconds=5))
    failed = job(
        Status.FAILED,
        checkpoint_step=250,
        error=JobError("CUDA out of memory", "50051"),
        finished_at=NOW + timedelta(seconds=8),
    )
    told = store.save_jobs([failed], NOW + timedelta(seconds=60))
    assert [e.text for e in store.events(REF)] == [
        "first seen: queued",
        "queued → running",
        "checkpoint at step 250",
        "running → failed",
        "CUDA out of memory (50051)",
    ]
    assert told[0].time == NOW + timedelta(seconds=8)  # when it ended, not when we looked


def test_the_service_s_own_word_is_told_where_it_differs(store: Store) -> None:
    """An event names the raw status when it says more than ours."""
    store.save_jobs([job(Status.INTERRUPTED, raw_status="STOPPED")], NOW)
    assert store.events(REF)[0].text == "first seen: interrupted (STOPPED)"


def test_events_are_bounded_and_oldest_first(store: Store) -> None:
    """``limit`` keeps the newest."""
    for i in range(10):
        store.add_event(Event(REF, NOW + timedelta(seconds=i), EventKind.NOTE, str(i)))
    assert [e.text for e in store.events(REF, limit=3)] == ["7", "8", "9"]


def test_a_tracked_id_is_a_job_before_it_was_ever_seen(store: Store) -> None:
    """An id that was accepted shows as a job of unknown status, and once seen only once."""
    store.track(REF, "runcomfy", name="dog", source="submitted")
    assert store.tracked("comfy") == [REF]
    (found,) = store.jobs("comfy")
    assert (found.name, found.status, found.provider) == ("dog", Status.UNKNOWN, "runcomfy")
    store.save_jobs([job()], NOW)
    assert [j.status for j in store.jobs()] == [Status.RUNNING]
    assert store.jobs("other") == []
    store.track(REF, "runcomfy")
    assert store.tracked("comfy") == [REF]


def test_forgetting_takes_the_history_along(store: Store) -> None:
    """After forget neither the job nor anything of it is left, and a draft is."""
    store.track(REF, "runcomfy")
    store.save_jobs([job()], NOW)
    store.set_metrics_cursor(REF, 9, [Metric("loss", 1, 0.5)])
    store.set_watched(REF, True)
    store.put_draft(Draft("d", "comfy", "a: 1", NOW, ref=REF))
    store.forget(REF)
    assert (store.jobs(), store.tracked("comfy"), store.events(REF)) == ([], [], [])
    assert (store.metrics(REF), store.metrics_cursor(REF), store.watched()) == ([], 0, set())
    assert [d.id for d in store.drafts(REF)] == ["d"]
    store.forget(REF)


def test_metrics_are_replaced_by_key_and_step(store: Store) -> None:
    """A resumed run writes over the steps that it repeats; NaN and infinity are kept as such."""
    store.add_metrics(
        REF, [Metric("loss", 1, 0.9, NOW), Metric("loss", 2, math.inf), Metric("lr", 1, 1e-4)]
    )
    store.set_metrics_cursor(REF, 77, [Metric("loss", 2, math.nan), Metric("loss", 3, -math.inf)])
    loss = store.metrics(REF, "loss")
    assert [(m.step, m.time) for m in loss] == [(1, NOW), (2, None), (3, None)]
    assert loss[0].value == 0.9 and math.isnan(loss[1].value) and loss[2].value == -math.inf
    assert [m.step for m in store.metrics(REF, "loss", since_step=2)] == [3]
    assert {m.key for m in store.metrics(REF)} == {"loss", "lr"}
    assert store.metrics_cursor(REF) == 77


def test_points_come_in_pieces(store: Store) -> None:
    """A few points are an object each; many are arrays, each piece read when it is asked for."""
    store.add_metrics(REF, [Metric("a", 1, math.nan, NOW), Metric("a", 2, math.inf)])
    store.add_metrics(
        REF, [Metric("b", step, step / 2, NOW, "epoch") for step in range(-5, 25_000)]
    )
    few, *many = store.points(REF)
    (first, second) = few
    assert isinstance(first, Metric) and isinstance(second, Metric)
    assert (first.unit, many[0][0].unit) == ("step", "epoch")
    assert math.isnan(first.value) and (first.time, second.value) == (NOW, math.inf)
    pieces = [piece for (piece,) in many if isinstance(piece, Points)]
    assert [len(piece) for piece in pieces] == [10_000, 10_000, 5_005]
    series = SeriesSet()
    series.add(pieces)
    assert series["b"].unit == "epoch"
    assert list(series["b"].steps) == list(range(-5, 25_000))
    assert series["b"].at(Axis.STEP, 24_999) == (24_999, 12_499.5, NOW.timestamp())
    (rest,) = store.points(REF, {"b": 24_998})
    assert [point.step for point in rest if isinstance(point, Metric)] == [24_999]
    assert list(store.points(JobRef("comfy", "other"))) == []


def test_what_changed_of_the_points_is_known_without_reading_them(store: Store) -> None:
    """Points that follow on are told from those that do not: only of these all is read again."""
    store.add_metrics(REF, [Metric("loss", 1, 0.5), Metric("lr", 1, 0.5)])
    before = store.metric_keys(REF)
    assert metricrows.changed({}, before) == {"loss": None, "lr": None}
    store.add_metrics(REF, [Metric("loss", 2, 0.4), Metric("loss", 3, 0.4)])
    after = store.metric_keys(REF)
    assert metricrows.changed(before, after) == {"loss": 1}
    store.set_metrics_cursor(REF, 1, [Metric("loss", 2, 0.3)])
    again = store.metric_keys(REF)
    assert metricrows.changed(after, again) == {"loss": None}
    store.add_metrics(REF, [Metric("lr", 2, 0.5, unit="epoch")])
    assert metricrows.changed(again, store.metric_keys(REF)) == {"lr": None}
    store.forget(REF)
    assert store.metric_keys(REF) == {}


def test_the_services_points_come_before_those_of_the_log(store: Store) -> None:
    """Keys that the service tells are not taken from the log; told later, they take their place."""
    store.add_metrics(REF, [Metric("loss", 1, 0.5)])
    found = [Metric("loss", 2, 0.1), Metric("acc", 2, 0.2), Metric("lr", 2, 0.3)]
    kept = store.add_log_metrics(REF, found, {"offset": 7})
    assert [point.key for point in kept] == ["acc", "lr"]
    assert store.log_state(REF) == {"offset": 7}
    store.add_log_metrics(REF, [Metric("acc", 2, 0.25), Metric("acc", 3, 0.3)], {"offset": 9})
    store.add_metrics(REF, [Metric("lr", 5, 0.9)])
    points = [(point.key, point.step, point.value) for point in store.metrics(REF)]
    assert points == [("acc", 2, 0.25), ("acc", 3, 0.3), ("loss", 1, 0.5), ("lr", 5, 0.9)]
    assert store.metric_keys(REF)["acc"].origin == metricrows.LOG
    store.forget(REF)
    assert store.log_state(REF) is None


def test_a_step_that_no_column_can_hold_is_not_kept(store: Store) -> None:
    """One absurd point does not lose the others."""
    store.add_metrics(REF, [Metric("loss", 1 << 70, 0.5), Metric("loss", 1, 0.5)])
    assert [point.step for point in store.metrics(REF)] == [1]


def test_points_of_an_older_file_are_known_by_key(tmp_path: Path) -> None:
    """A store of before there were rows for keys has them when it is opened, and what they count
    is what its job's progress does."""
    path = tmp_path / "s.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, schema.MIGRATIONS[:1])
        db.execute("INSERT INTO refs VALUES(4, ?, ?)", (REF.profile, REF.id))
        for step in (3, 1):
            db.execute("INSERT INTO metrics VALUES(4, 'loss', ?, 0.5, NULL)", (step,))
        db.execute(
            "INSERT INTO jobs(n, provider, name, status, raw_status, unit, allowed, extra,"
            " updated_at) VALUES(4, 'roboflow', '', 'running', '', 'epoch', '', '', '')"
        )
    with contextlib.closing(Store(path)) as store:
        assert store.metric_keys(REF) == {"loss": metricrows.Key(metricrows.SERVICE, 3, 0, "epoch")}
        store.add_metrics(REF, [Metric("loss", 4, 0.5, unit="epoch")])
        assert [point.step for point in store.metrics(REF)] == [1, 3, 4]


def test_drafts_downloads_values_and_watched(store: Store) -> None:
    """What the user would miss comes back equal."""
    edit = Draft("a", "comfy", "x: 1\n", NOW, "edit", REF, "x: 0\n", '"e"', None)
    new = Draft("b", "local", "job: x", NOW + timedelta(1), "new", sent_at=NOW)
    store.put_draft(edit)
    store.put_draft(new)
    assert store.drafts() == [new, edit]
    assert store.drafts(REF) == [edit]
    store.discard_draft("b")
    assert store.drafts() == [edit]

    row = DownloadRow(0, REF, "w.safetensors", ArtifactKind.CHECKPOINT, Path("/tmp/w"), size=9)
    kept = store.put_download(row)
    assert kept.id and store.downloads() == [kept]
    done = store.put_download(kept.replace(phase=DownloadPhase.DONE, held=9, created_at=NOW))
    assert store.downloads() == [done]
    store.drop_download(done.id)
    assert store.downloads() == []

    store.set_value("session", {"sort": ["age", True]})
    assert store.get_value("session") == {"sort": ["age", True]}
    assert store.get_value("nothing", 5) == 5
    store.set_watched(REF, True)
    assert store.watched() == {REF}
    store.set_watched(REF, False)
    assert store.watched() == set()


def test_reopening_finds_all(tmp_path: Path) -> None:
    """What was written is there for the next start."""
    first = Store(tmp_path / "s.db")
    first.save_jobs([job()], NOW)
    first.close()
    first.close()
    second = Store(tmp_path / "s.db")
    assert second.jobs() == [job()]
    assert second.profiles() == {"comfy"}
    second.close()
    with pytest.raises(TrainerError, match="closed"):
        second.jobs()


@pytest.mark.parametrize(
    "content", [b"this is no database, " * 400, b"SQLite format 3\0" + b"x" * 9000]
)
def test_a_damaged_file_is_moved_aside(tmp_path: Path, content: bytes) -> None:
    """Garbage in place of the store: a fresh one is begun, the damaged one kept, and told."""
    path = tmp_path / "s.db"
    path.write_bytes(content)
    store = Store(path)
    assert store.jobs() == []
    store.save_jobs([job()], NOW)
    assert store.jobs() == [job()]
    store.close()
    (aside,) = tmp_path.glob("s.db.damaged-*[0-9Z]")
    assert aside.read_bytes() == content
    assert aside.name in store.warnings[0]


def test_damage_while_open_saves_the_ids(tmp_path: Path) -> None:
    """Pages of the jobs go bad: the ids that can still be read are carried into the fresh file."""
    path = tmp_path / "s.db"
    store = Store(path)
    refs = [JobRef("comfy", f"id{i}") for i in range(5)]
    for ref in refs:
        store.track(ref, "runcomfy")
    store.save_jobs([job(ref=JobRef("comfy", f"id{i}")) for i in range(200)], NOW)
    store.close()
    with sqlite3.connect(path) as db:
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'").fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    db.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    store = Store(path)
    with pytest.raises(TrainerError, match="5 job ids were carried over"):
        store.jobs()
    assert {j.ref for j in store.jobs()} == set(refs)
    store.close()


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    """A store of a later version is refused with a reason, and not touched."""
    path = tmp_path / "s.db"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(TrainerError, match="newer"):
        Store(path)
    assert list(tmp_path.glob("*damaged*")) == []


def test_migrations_run_in_order_and_only_once() -> None:
    """From any earlier version each later step is run once; a failing one changes nothing."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    steps = ("CREATE TABLE a(x)", "INSERT INTO a VALUES(1); INSERT INTO a VALUES(2)")
    schema.migrate(db, steps[:1])
    schema.migrate(db, steps)
    schema.migrate(db, steps)
    assert db.execute("SELECT x FROM a").fetchall() == [(1,), (2,)]
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(db, (*steps, "DELETE FROM a; SELECT * FROM nowhere"))
    assert db.execute("SELECT count(*) FROM a").fetchone() == (2,)
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    db.close()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file where the folder should be gives an error that names the place."""
    (tmp_path / "state").write_text("")
    with pytest.raises(TrainerError, match="cannot be opened"):
        Store(tmp_path / "state" / "s.db")


def test_where_nothing_can_be_written_what_is_known_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk jobs are known and drafts there; new ids are refused rather than lost."""
    path = tmp_path / "s.db"
    ref, other = JobRef("comfy", "1"), JobRef("comfy", "2")
    before = Store(path)
    before.track(ref, "runcomfy", name="kept")
    before.close()

    def full(self: Store) -> sqlite3.Connection:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    monkeypatch.setattr(Store, "_open", full)
    store = Store(path)
    assert "not kept" in store.warnings[0]
    assert [job.name for job in store.jobs()] == ["kept"]
    store.set_watched(ref, True)
    assert store.watched() == {ref}
    with pytest.raises(TrainerError, match="cannot be written"):
        store.track(other, "runcomfy")
    store.close()
    monkeypatch.undo()
    after = Store(path)
    assert after.watched() == set()
    after.close()


def test_threads_share_one_store(store: Store) -> None:
    """Many threads write and read at once; nothing is lost."""

    def work(k: int) -> None:
        for i in range(20):
            store.save_jobs([job(ref=JobRef("comfy", f"{k}-{i}"))], NOW)
            store.jobs("comfy")

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.jobs()) == 80


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from trainer_tui.core.store import Store
from trainer_tui.model import Job, JobRef, Metric, Status
store = Store(Path(sys.argv[1]))
who, count = sys.argv[2], int(sys.argv[3])
now = datetime(2026, 3, 1, tzinfo=UTC)
shared = Job(JobRef("p", "shared"), "x", "shared", Status.RUNNING, "RUNNING")
for i in range(count):
    ref = JobRef("p", f"{who}{i}")
    store.track(ref, "x", source="submitted")
    print(ref.id, flush=True)
    store.save_jobs([Job(ref, "x", ref.id, Status.RUNNING, "RUNNING"), shared], now)
    store.add_metrics(ref, [Metric("loss", s, 0.1) for s in range(50)])
"""


def writer(path: Path, who: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), who, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """Two consoles on one file: both get through, and a shared change is told once."""
    path = tmp_path / "s.db"
    both = [writer(path, who, 30) for who in "ab"]
    assert [p.wait(60) for p in both] == [0, 0]
    for process in both:
        assert process.stdout is not None
        process.stdout.close()
    store = Store(path)
    assert len(store.jobs("p")) == 61
    assert len(store.events(JobRef("p", "shared"))) == 1
    store.close()


def test_a_kill_in_the_middle_of_writing_loses_no_id(tmp_path: Path) -> None:
    """``kill -9`` while it writes: the file opens, and every id that was acknowledged is there."""
    path = tmp_path / "s.db"
    process = writer(path, "k", 100_000)
    assert process.stdout is not None
    seen = [process.stdout.readline().strip() for _ in range(25)]
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    seen += [
        line.strip() for line in process.stdout.read().splitlines(keepends=True) if "\n" in line
    ]
    process.stdout.close()
    store = Store(path)
    tracked = {ref.id for ref in store.tracked("p")}
    assert set(seen) <= tracked
    assert {j.ref.id for j in store.jobs("p")} >= tracked
    assert store.warnings == []
    store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_ten_thousand_jobs_are_no_burden(tmp_path: Path) -> None:
    """Opening does not depend on how many jobs there are, and all of them load in a blink.

    The bounds are an order of magnitude above what a slow machine needs, so that they catch a
    scan or a parse per job and not a busy machine.
    """
    path = tmp_path / "s.db"
    store = Store(path)
    store.save_jobs(
        [
            job(ref=JobRef("comfy", f"{i:06}"), progress=Progress.of(i, 10_000), created_at=NOW)
            for i in range(10_000)
        ],
        NOW,
    )
    store.close()
    start = time.process_time()
    store = Store(path)
    opening = time.process_time() - start
    start = time.process_time()
    assert len(store.jobs()) == 10_000
    loading = time.process_time() - start
    store.close()
    assert opening < 0.1
    assert loading < 1.5
