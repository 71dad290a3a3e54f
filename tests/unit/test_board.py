"""The live picture: deltas only where something changed, and nothing lost."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from trainer_tui.core.board import GONE, Board, Delta, Pending, unseen
from trainer_tui.errors import TrainerError
from trainer_tui.model import Capability, Event, Job, JobRef, Metric, Progress, Status

T0 = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def ref(job_id: str, profile: str = "comfy") -> JobRef:
    return JobRef(profile, job_id)


def job(job_id: str = "1", status: Status = Status.RUNNING, step: int = 0, **more: object) -> Job:
    made = Job(ref(job_id), "runcomfy", f"job{job_id}", status, status.value.upper())
    return made.replace(progress=Progress.of(step, 1000), **more)


class Recorder:
    """Remembers what it was given to keep."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.points: list[Metric] = []
        self.watched: list[tuple[JobRef, bool]] = []

    def save_jobs(self, jobs: Iterable[Job], now: datetime) -> list[Event]:
        self.jobs += jobs
        return []

    def add_metrics(self, ref: JobRef, metrics: Iterable[Metric]) -> None:
        self.points += metrics

    def set_watched(self, ref: JobRef, on: bool) -> None:
        self.watched.append((ref, on))


def heard(board: Board) -> list[Delta]:
    deltas: list[Delta] = []
    board.subscribe(deltas.append)
    return deltas


def test_what_did_not_change_is_not_told() -> None:
    """The same answer again, seconds later: no delta, nothing written."""
    recorder = Recorder()
    board = Board(recorder)
    deltas = heard(board)
    board.merge("comfy", [job(), job("2", Status.QUEUED)], T0)
    board.merge("comfy", [job(), job("2", Status.QUEUED)], at(5))
    assert deltas == [Delta(added=(ref("1"), ref("2")))]
    assert len(recorder.jobs) == 2


def test_a_step_is_a_change_of_that_job_only() -> None:
    """Only the job that moved is in the delta and written, and it has an estimate."""
    recorder = Recorder()
    board = Board(recorder)
    board.merge("comfy", [job(), job("2")], T0)
    deltas = heard(board)
    board.merge("comfy", [job(step=10), job("2")], at(10))
    assert deltas == [Delta(changed=(ref("1"),))]
    assert [j.ref.id for j in recorder.jobs] == ["1", "2", "1"]
    entry = board.get(ref("1"))
    assert entry and entry.estimate and entry.estimate.rate == 1.0


def test_standing_still_becomes_stalled_once() -> None:
    """A job without a step for a minute is told as stalled, once."""
    board = Board()
    for i in range(5):
        board.merge("comfy", [job(step=i)], at(i))
    deltas = heard(board)
    for i in range(10, 200, 10):
        board.merge("comfy", [job(step=4)], at(i))
    assert deltas == [Delta(changed=(ref("1"),))]
    entry = board.get(ref("1"))
    assert entry and entry.estimate and entry.estimate.stalled


def test_a_curve_that_stands_still_is_a_stall_where_no_progress_is_told() -> None:
    """Its steps are the job's own pace; a step more ends it."""
    board = Board()

    def look(seconds: float) -> bool:
        board.merge("comfy", [job().replace(progress=None)], at(seconds))
        (entry,) = board.entries()
        return bool(entry.estimate and entry.estimate.stalled)

    assert not look(0)
    for step in range(5):
        board.set_loss(ref("1"), step, 1 / (step + 1), at(step * 10))
    assert not look(135) and look(145)
    board.set_loss(ref("1"), 5, 0.1, at(150))
    assert not look(151)
    for epoch in (7, 8):
        board.set_loss(ref("1"), epoch, 1 / epoch, at(10 * epoch + 100), "epoch")
    look(185)
    (entry,) = board.entries()
    assert entry.estimate is not None
    assert (entry.estimate.rate, entry.estimate.unit) == (0.1, "epoch"), "no step among epochs"


def test_an_end_is_told_as_an_end() -> None:
    """Active to ended is in ``ended``; ended to ended is not."""
    board = Board()
    board.merge("comfy", [job(), job("2", Status.FAILED)], T0)
    delta = board.merge("comfy", [job(status=Status.SUCCEEDED), job("2", Status.CANCELED)], at(1))
    assert set(delta.changed) == {ref("1"), ref("2")} and delta.ended == (ref("1"),)
    entry = board.get(ref("1"))
    assert entry and entry.estimate is None


def test_jobs_of_the_store_are_stale_until_confirmed() -> None:
    """Loaded jobs are shown as last known; an answer confirms them and is told."""
    board = Board()
    board.load([job()], watched=[ref("1")])
    entry = board.get(ref("1"))
    assert entry and entry.stale and entry.watched
    deltas = heard(board)
    board.merge("comfy", [job()], T0)
    entry = board.get(ref("1"))
    assert entry and not entry.stale and entry.watched
    assert deltas == [Delta(changed=(ref("1"),))]
    assert not board.load([job(status=Status.QUEUED)])


def test_nothing_is_silently_dropped_from_a_complete_list() -> None:
    """Missing from the service's list: an ended job is kept, an active one is marked as gone."""
    board = Board()
    board.merge("comfy", [job("1"), job("2", Status.SUCCEEDED)], T0)
    board.merge("comfy", [], at(5))
    first, second = board.get(ref("1")), board.get(ref("2"))
    assert first and first.job.status is Status.UNKNOWN and first.job.raw_status == GONE
    assert first.job.error and "no longer" in first.job.error.message
    assert second and second.job.status is Status.SUCCEEDED
    deltas = heard(board)
    board.merge("comfy", [], at(10))
    assert deltas == []
    board.merge("comfy", [job("1")], at(15))
    first = board.get(ref("1"))
    assert first and first.job.status is Status.RUNNING


def test_a_part_of_the_list_says_nothing_of_the_rest() -> None:
    """An incomplete answer leaves the others, and other profiles' jobs, alone."""
    board = Board()
    board.merge("comfy", [job("1"), job("2")], T0)
    board.load([unseen(ref("9", "kaos"), "kaos")])
    board.merge("comfy", [job("1", step=5)], at(5), complete=False)
    board.merge("comfy", [job("1", step=5), job("2")], at(6))
    assert {e.job.raw_status for e in board.entries()} == {"RUNNING", ""}


def test_a_slow_list_cannot_undo_the_answer_to_an_act() -> None:
    """A list asked for before the cancel and answered after it does not bring the job back."""
    board = Board()
    board.merge("comfy", [job("1"), job("2")], T0)
    mark = board.mark()
    board.merge("comfy", [job("1", Status.CANCELED)], at(1), complete=False)
    board.merge("comfy", [job("1"), job("2", step=3)], at(2), mark=mark)
    first, second = board.get(ref("1")), board.get(ref("2"))
    assert first and first.job.status is Status.CANCELED
    assert second and second.job.progress and second.job.progress.current == 3
    board.merge("comfy", [job("1"), job("2")], at(3), mark=board.mark())
    first = board.get(ref("1"))
    assert first and first.job.status is Status.RUNNING


def test_pending_watched_and_stale_are_told_when_they_change() -> None:
    """Marks are deltas; setting what is set already is not."""
    recorder = Recorder()
    board = Board(recorder)
    board.merge("comfy", [job(), job("2", Status.SUCCEEDED)], T0)
    deltas = heard(board)
    pending = Pending(Capability.CANCEL, "asked", T0)
    for _ in range(2):
        board.set_pending(ref("1"), pending)
        board.set_watched(ref("1"), True)
        board.set_stale("comfy")
    assert len(deltas) == 3
    entry = board.get(ref("1"))
    assert entry and entry.pending == pending and entry.watched and entry.stale
    ended = board.get(ref("2"))
    assert ended and not ended.stale
    board.clear_pending(ref("1"))
    board.clear_pending(ref("nobody"))
    assert len(deltas) == 4
    assert recorder.watched[0] == (ref("1"), True)


def test_removing_is_told_once() -> None:
    """A removed job is gone, and removing it again says nothing."""
    board = Board()
    board.merge("comfy", [job()], T0)
    deltas = heard(board)
    board.remove([ref("1")])
    board.remove([ref("1")])
    assert deltas == [Delta(removed=(ref("1"),))] and board.entries() == []


def test_unsubscribing_ends_the_calls() -> None:
    """After unsubscribe nothing is heard; doing it twice is harmless."""
    board = Board()
    deltas: list[Delta] = []
    end = board.subscribe(deltas.append)
    end()
    end()
    board.merge("comfy", [job()], T0)
    assert deltas == []


def test_loss_is_recorded_where_the_service_has_no_metrics() -> None:
    """Observed loss becomes a curve, once a step, unless the service gives the true curve."""
    recorder = Recorder()
    board = Board(recorder)
    board.merge("comfy", [job(step=1, loss=0.5)], T0)
    board.merge("comfy", [job(step=1, loss=0.5)], at(1))
    board.merge("comfy", [job(step=2, loss=0.4)], at(2))
    has = frozenset({Capability.METRICS})
    board.merge("comfy", [job("2", step=3, loss=0.4, allowed=has)], at(3), complete=False)
    assert [(m.key, m.step, m.value) for m in recorder.points] == [
        ("loss", 1, 0.5),
        ("loss", 2, 0.4),
    ]


def test_a_job_that_ends_keeps_the_last_loss_that_was_told() -> None:
    """Also in the store; it is no new point of the curve. A job that runs anew begins without."""
    recorder = Recorder()
    board = Board(recorder)
    board.merge("comfy", [job(step=5, loss=0.5)], T0)
    board.merge("comfy", [job(status=Status.SUCCEEDED, step=6)], at(1))
    (entry,) = board.entries()
    assert (entry.job.loss, entry.borrowed, recorder.jobs[-1].loss) == (0.5, True, 0.5)
    assert [point.step for point in recorder.points] == [5]
    assert not board.merge("comfy", [job(status=Status.SUCCEEDED, step=6)], at(2))
    board.merge("comfy", [job(step=1)], at(3))
    (entry,) = board.entries()
    assert entry.job.loss is None


def test_the_loss_of_a_curve_shows_where_the_status_tells_none() -> None:
    """It is kept, told once, and gives way to a loss that the status tells."""
    recorder = Recorder()
    board = Board(recorder)
    board.merge("comfy", [job(step=5)], T0)
    assert board.set_loss(ref("1"), 6, 0.25, at(1)).changed == (ref("1"),)
    assert not board.set_loss(ref("1"), 6, 0.25, at(2))
    assert board.set_loss(ref("1"), 6, math.nan, at(2))
    assert not board.set_loss(ref("1"), 6, math.nan, at(3))
    board.merge("comfy", [job(step=6)], at(3))
    assert math.isnan(recorder.jobs[-1].loss or 0.0) and not recorder.points
    board.merge("comfy", [job(step=7, loss=0.5)], at(4))
    assert not board.set_loss(ref("1"), 6, 0.1, at(5))
    (entry,) = board.entries()
    assert (entry.job.loss, entry.borrowed) == (0.5, False)
    assert not board.set_loss(ref("no such"), 6, 0.1, at(6))


def test_a_store_that_cannot_be_written_does_not_hide_the_picture() -> None:
    """The disk is full: the board goes on, and the trouble is told."""

    class Full(Recorder):
        def save_jobs(self, jobs: Iterable[Job], now: datetime) -> list[Event]:
            raise TrainerError("disk is full")

    troubles: list[str] = []
    board = Board(Full(), on_trouble=lambda e: troubles.append(e.message))
    board.merge("comfy", [job()], T0)
    assert len(board.entries()) == 1 and troubles == ["disk is full"]


def test_many_threads_at_once() -> None:
    """Publishers in several threads lose nothing; each addition is told exactly once."""
    board = Board()
    deltas = heard(board)

    def work(profile: str) -> None:
        for i in range(100):
            made = Job(ref(str(i), profile), "x", "n", Status.RUNNING, "R")
            board.merge(profile, [made], T0, complete=False)
            board.entries()

    threads = [threading.Thread(target=work, args=(f"p{k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(board.entries()) == 400
    assert sum(len(d.added) for d in deltas) == 400


def test_the_open_jobs_are_those_that_have_not_ended() -> None:
    """However a job came, ended, began again or went; and of one profile only."""
    board = Board()
    board.load([job(), job("2", Status.SUCCEEDED), unseen(ref("3"), "runcomfy")])
    board.load([unseen(ref("1", "other"), "runcomfy")])

    def open_ids() -> list[str]:
        return sorted(found.ref.id for found in board.open_jobs("comfy"))

    assert open_ids() == ["1", "3"]
    ended, again = job("1", Status.FAILED), job("2")
    board.merge("comfy", [ended, again], T0, complete=False)
    assert open_ids() == ["2", "3"]
    board.remove([ref("2")])
    assert open_ids() == ["3"]


def test_a_night_s_sleep_of_the_machine_is_no_stall() -> None:
    """The calendar went on by hours, the monotonic clock by seconds: no step is missing."""
    seconds = 0.0
    board = Board(monotonic=lambda: seconds)
    for step in range(3):
        board.merge("comfy", [job(step=step)], at(seconds))
        seconds += 5
    board.merge("comfy", [job(step=2)], at(30_000))
    entry = board.get(ref("1"))
    assert entry is not None and entry.estimate is not None
    assert not entry.estimate.stalled
