"""The artifact queue: resumed by Range, never over another file, and proof against crashes."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.fakes import FakeClock, FakeProvider, facts, job, settle
from trainer_tui.core.downloads import TRIES, Downloads
from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.core.store import Store
from trainer_tui.core.transfer import part_of, safetensors_problem, sidecar_of
from trainer_tui.errors import (
    NetworkError,
    NotFoundError,
    RateLimitError,
    StateError,
    TrainerError,
)
from trainer_tui.model import Artifact, ArtifactKind, JobRef

REF = JobRef("p", "1")
DATA = bytes(range(256)) * 20  # 5120 bytes: six pieces of the fake service


class QuickClock(FakeClock):
    """Every wait is over at once, and counted."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        self.waits.append(seconds or 0)
        self.seconds += seconds or 0
        await asyncio.sleep(0)
        return event.is_set()


class Rig:
    """A queue with a service and a store."""

    def __init__(self, home: Path, *, parallel: int = 3) -> None:
        self.folder = home / "out"
        self.store = Store(home / "s.db")
        self.clock = QuickClock()
        self.provider = FakeProvider(facts(), job())
        self.told: list[DownloadRow] = []
        self.bugs: list[BaseException] = []
        self.room = 10**12
        self.parallel = parallel
        self.queue = self.reopened()

    def reopened(self) -> Downloads:
        """The queue as the next start of the program finds it."""
        self.queue = Downloads(
            self.store,
            self.clock,
            provider=self._open,
            on_change=self.told.append,
            on_bug=self.bugs.append,
            parallel=self.parallel,
            room=lambda folder: self.room,
        )
        return self.queue

    async def _open(self, profile: str) -> FakeProvider:
        return self.provider

    def artifact(self, name: str = "a.bin", data: bytes = DATA) -> Artifact:
        self.provider.files[name] = data
        return Artifact(name, ArtifactKind.CHECKPOINT, f"https://cdn/{name}?sig=1", size=len(data))

    def add(self, *artifacts: Artifact, ref: JobRef = REF) -> list[DownloadRow]:
        return self.queue.add(ref, artifacts, self.folder)

    def row(self, row_id: int) -> DownloadRow:
        return next(row for row in self.queue.rows() if row.id == row_id)

    def downloads(self) -> list[str]:
        return [call for call in self.provider.calls if call.startswith("download")]

    def cut_after(self, pieces: int, error: BaseException) -> None:
        """Break the connection once so many pieces came."""
        left = [pieces]

        def cut(call: str) -> None:
            if call == "chunk":
                left[0] -= 1
                if left[0] == -1:
                    raise error

        self.provider.on_call = cut


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.store.close()


def names(rig: Rig) -> list[str]:
    """What lies in the folder."""
    return sorted(path.name for path in rig.folder.iterdir())


async def test_a_file_arrives_whole(rig: Rig) -> None:
    """Queued, running, done; nothing is left beside it, and the row is in the store."""
    (row,) = rig.add(rig.artifact())
    assert row.phase is DownloadPhase.WAITING and row.id
    await rig.queue.run(until_idle=True)
    assert (rig.folder / "a.bin").read_bytes() == DATA
    assert names(rig) == ["a.bin"]
    done = rig.row(row.id)
    assert (done.phase, done.held, done.size, done.fraction) == ("done", 5120, 5120, 1.0)
    assert [r.phase for r in rig.told][:2] == ["waiting", "running"]
    assert [r.phase for r in rig.store.downloads()] == ["done"]


async def test_progress_is_told_at_most_four_times_a_second(rig: Rig) -> None:
    """However quickly pieces come, a second has four tellings; each knows speed and time left."""

    def tick(call: str) -> None:
        if call == "chunk":
            rig.clock.seconds += 0.01

    rig.provider.on_call = tick
    rig.add(rig.artifact(data=b"z" * 300_000))
    await rig.queue.run(until_idle=True)
    moving = [r for r in rig.told if r.phase is DownloadPhase.RUNNING]
    assert len(moving) <= 2 + 4 * 3 + 1


async def test_a_broken_connection_goes_on_from_the_byte_held(rig: Rig) -> None:
    """The second request asks for the rest, and the file is right."""
    rig.cut_after(3, NetworkError("reset"))
    rig.add(rig.artifact())
    await rig.queue.run(until_idle=True)
    assert rig.downloads() == ["download a.bin 0", "download a.bin 3000"]
    assert (rig.folder / "a.bin").read_bytes() == DATA


async def test_after_a_crash_it_goes_on_from_the_byte_held(rig: Rig) -> None:
    """The program dies in the middle: the next start takes the row over and asks for the rest."""
    row = rig.add(rig.artifact())[0]
    rig.cut_after(2, asyncio.CancelledError())
    running = asyncio.ensure_future(rig.queue.run())
    await settle()
    rig.store.put_download(row.replace(phase=DownloadPhase.RUNNING, owner=_dead_pid()))
    assert part_of(row.target).stat().st_size == 2000
    said = json.loads(sidecar_of(row.target).read_text())
    assert said == {"ref": "p/1", "name": "a.bin", "etag": '"1"', "size": 5120}
    running.cancel()
    await settle()
    rig.store.put_download(row.replace(phase=DownloadPhase.RUNNING, owner=_dead_pid()))
    rig.provider.on_call = lambda call: None
    rig.provider.calls.clear()
    rig.reopened()
    assert [(r.phase, r.held) for r in rig.queue.rows()] == [("waiting", 2000)]
    await rig.queue.run(until_idle=True)
    assert rig.downloads() == ["download a.bin 2000"]
    assert (rig.folder / "a.bin").read_bytes() == DATA


def _dead_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.unit.test_downloads import Rig

async def main():
    rig = Rig(Path(sys.argv[1]))
    count = 0
    async def stall(call):
        nonlocal count
        count += call == "chunk"
        rig.clock.seconds += 1
        if count == 4:
            print("held", flush=True)
            await asyncio.Event().wait()
    rig.provider.on_call = stall
    rig.add(rig.artifact(data=bytes(2 << 20)))
    await rig.queue.run()

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_keeps_what_is_on_disk(tmp_path: Path) -> None:
    """``kill -9`` while bytes come: the next start asks only for what is not in the part."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED,
        str(tmp_path),
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None and await process.stdout.readline() == b"held\n"
    process.kill()
    await process.wait()
    rig = Rig(tmp_path)
    (row,) = rig.queue.rows()
    assert row.phase is DownloadPhase.WAITING
    held = part_of(row.target).stat().st_size
    assert held == 3000
    rig.artifact(data=bytes(2 << 20))
    await rig.queue.run(until_idle=True)
    assert rig.downloads() == [f"download a.bin {held}"]
    assert (rig.folder / "a.bin").stat().st_size == 2 << 20
    rig.store.close()


async def test_the_rows_of_a_living_program_are_left_to_it(rig: Rig) -> None:
    """Two consoles: the second neither shows nor touches what the first one fetches."""
    row = rig.add(rig.artifact())[0]
    rig.store.put_download(row.replace(phase=DownloadPhase.RUNNING, owner=os.getppid()))
    assert rig.reopened().rows() == []


async def test_a_file_that_another_program_fetches_is_not_written(rig: Rig) -> None:
    """The partial file is locked by its writer; the second says so."""
    import fcntl

    row = rig.add(rig.artifact())[0]
    rig.folder.mkdir()
    with part_of(row.target).open("ab") as held:
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        await rig.queue.run(until_idle=True)
    assert rig.row(row.id).phase is DownloadPhase.FAILED
    assert "another program" in rig.row(row.id).note


@pytest.mark.parametrize("ignores", [False, True])
async def test_another_etag_begins_anew(rig: Rig, ignores: bool) -> None:
    """The file changed at the service between two tries: nothing of the old one remains in it,
    whether the service minds the condition of the range or not."""
    fresh = bytes(reversed(DATA))

    def change(call: str) -> None:
        if call == "download a.bin 3000":
            rig.provider.files["a.bin"], rig.provider.etag = fresh, '"2"'

    rig.cut_after(3, NetworkError("reset"))
    cut = rig.provider.on_call

    def both(call: str) -> None:
        change(call)
        cut(call)

    rig.provider.on_call = both
    rig.provider.ignores_etag = ignores
    rig.add(rig.artifact())
    await rig.queue.run(until_idle=True)
    assert (rig.folder / "a.bin").read_bytes() == fresh


async def test_an_expired_url_is_asked_for_again(rig: Rig) -> None:
    """403 from the artifact's host: the list is fetched afresh, the bytes held are kept."""
    rig.cut_after(4, NotFoundError("expired", code="URL_EXPIRED"))
    rig.add(rig.artifact())
    await rig.queue.run(until_idle=True)
    assert "artifacts 1" in rig.provider.calls
    assert rig.downloads() == ["download a.bin 0", "download a.bin 4000"]
    assert (rig.folder / "a.bin").read_bytes() == DATA and rig.clock.waits == []


async def test_an_artifact_that_is_no_longer_offered_fails(rig: Rig) -> None:
    """Expired, and gone from the list: the row says so."""
    rig.cut_after(1, NotFoundError("expired", code="URL_EXPIRED"))
    row = rig.add(rig.artifact())[0]
    cut = rig.provider.on_call

    def remove(call: str) -> None:
        if call.startswith("artifacts"):
            rig.provider.files.clear()
        cut(call)

    rig.provider.on_call = remove
    await rig.queue.run(until_idle=True)
    assert rig.row(row.id).note == "p/1 no longer offers a.bin"


async def test_it_gives_up_after_some_tries_without_a_byte_and_can_be_retried(rig: Rig) -> None:
    """Waits grow; then the person decides, and what was held is kept."""
    rig.cut_after(2, NetworkError("reset"))
    row = rig.add(rig.artifact())[0]
    cut = rig.provider.on_call

    def refuse(call: str) -> None:
        if call.startswith("download") and not call.endswith(" 0"):
            raise NetworkError("refused")
        cut(call)

    rig.provider.on_call = refuse
    await rig.queue.run(until_idle=True)
    failed = rig.row(row.id)
    assert (failed.phase, failed.note, failed.held) == ("failed", "refused", 2000)
    assert len(rig.clock.waits) == TRIES - 1 and rig.clock.waits == sorted(rig.clock.waits)
    rig.provider.on_call = lambda call: None
    rig.queue.retry(row.id)
    await rig.queue.run(until_idle=True)
    assert rig.downloads()[-1] == "download a.bin 2000"
    assert rig.row(row.id).phase is DownloadPhase.DONE


async def test_retry_after_is_obeyed(rig: Rig) -> None:
    """429 with a wait: that wait."""
    rig.cut_after(2, RateLimitError("slow down", retry_after=33))
    rig.add(rig.artifact())
    await rig.queue.run(until_idle=True)
    assert rig.clock.waits == [33]


async def test_what_does_not_pass_is_not_tried_again(rig: Rig) -> None:
    """An answer about state ends it at once."""
    rig.cut_after(0, StateError("job was deleted"))
    row = rig.add(rig.artifact())[0]
    await rig.queue.run(until_idle=True)
    assert (rig.row(row.id).note, rig.clock.waits) == ("job was deleted", [])


async def test_a_fault_of_the_program_fails_the_row_only(rig: Rig) -> None:
    """An unforeseen exception is handed on; the next row is carried out."""

    def fault(call: str) -> None:
        if call == "download a.bin 0":
            raise ZeroDivisionError

    rig.provider.on_call = fault
    first, second = rig.add(rig.artifact("a.bin"), rig.artifact("b.bin"))
    await rig.queue.run(until_idle=True)
    assert rig.row(first.id).phase is DownloadPhase.FAILED
    assert rig.row(second.id).phase is DownloadPhase.DONE and len(rig.bugs) == 1


async def test_a_store_that_cannot_be_written_holds_up_no_download(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files come, the rows say so, and later ones are not kept from their turn."""
    rows = rig.add(rig.artifact("a.bin"), rig.artifact("b.bin"))

    def full(row: DownloadRow) -> DownloadRow:
        raise TrainerError("database or disk is full")

    monkeypatch.setattr(rig.store, "put_download", full)
    await asyncio.wait_for(rig.queue.run(until_idle=True), 30)
    assert [rig.row(row.id).phase for row in rows] == ["done", "done"]
    assert names(rig) == ["a.bin", "b.bin"]


async def test_a_file_of_the_same_name_is_never_written_over(rig: Rig) -> None:
    """Another file in the place: the new one gets a number, whether it was there before or came
    meanwhile."""
    rig.folder.mkdir()
    (rig.folder / "a.bin").write_text("mine")
    row = rig.add(rig.artifact())[0]
    assert row.target.name == "a (2).bin"
    rig.provider.on_call = lambda call: (rig.folder / "a (2).bin").write_text("mine too")
    await rig.queue.run(until_idle=True)
    assert (rig.folder / "a.bin").read_text() == "mine"
    assert (rig.folder / "a (2).bin").read_text() == "mine too"
    assert rig.row(row.id).note.startswith("saved as a (2)")
    assert rig.row(row.id).target.read_bytes() == DATA


async def test_what_is_there_already_is_not_fetched_again(rig: Rig) -> None:
    """Asked for twice: one row while it runs, and done at once when it is there."""
    artifact = rig.artifact()
    (first,), (again,) = rig.add(artifact), rig.add(artifact)
    assert first.id == again.id
    await rig.queue.run(until_idle=True)
    (third,) = rig.add(artifact)
    assert (third.phase, third.note) == (DownloadPhase.DONE, "already there")
    await rig.queue.run(until_idle=True)
    assert len(rig.downloads()) == 1


async def test_a_file_of_the_same_name_and_size_of_another_job_is_another(rig: Rig) -> None:
    """Two runs' step 500 weigh the same; both are kept."""
    rig.provider.jobs["2"] = job("2")
    rig.add(rig.artifact())
    rig.add(rig.artifact(), ref=JobRef("p", "2"))
    await rig.queue.run(until_idle=True)
    rig.add(rig.artifact(), ref=JobRef("p", "2"))
    assert names(rig) == ["a (2).bin", "a.bin"]


async def test_a_file_of_unknown_size_is_kept_once(rig: Rig) -> None:
    """Where the size is known only as the file comes, the same bytes do not lie there twice; other
    bytes, such as those of a checkpoint trained further, do."""
    unsized = dataclasses.replace(rig.artifact(), size=None)
    for data, note, there in [
        (DATA, "", ["a.bin"]),
        (DATA, "already there", ["a.bin"]),
        (DATA[::-1], "", ["a (2).bin", "a.bin"]),
        (DATA[::-1], "already there", ["a (2).bin", "a.bin"]),
        (DATA, "already there", ["a (2).bin", "a.bin"]),
    ]:
        rig.provider.files["a.bin"] = data
        (row,) = rig.add(unsized)
        await rig.queue.run(until_idle=True)
        assert rig.row(row.id).phase is DownloadPhase.DONE
        assert names(rig) == there
        assert rig.row(row.id).note == note
        assert rig.row(row.id).target.read_bytes() == data


async def test_pause_cancel_and_clear(rig: Rig) -> None:
    """Pausing keeps the part, canceling removes it, clearing forgets what has ended."""
    hold = asyncio.Event()
    count = [0]

    async def stop_at_third(call: str) -> None:
        if call == "chunk":
            count[0] += 1
            if count[0] == 3:
                await hold.wait()

    rig.provider.on_call = stop_at_third
    row = rig.add(rig.artifact())[0]
    running = asyncio.ensure_future(rig.queue.run())
    await settle()
    rig.queue.pause(row.id)
    await settle()
    paused = rig.row(row.id)
    assert (paused.phase, paused.held) == ("paused", 2000)
    assert part_of(row.target).stat().st_size == 2000
    count[0] = 0
    rig.queue.retry(row.id)
    await settle()
    assert rig.row(row.id).phase is DownloadPhase.RUNNING
    assert rig.downloads()[-1] == "download a.bin 2000"
    rig.queue.cancel(row.id)
    await settle()
    assert rig.row(row.id).phase is DownloadPhase.CANCELED and names(rig) == []
    rig.queue.clear()
    assert rig.queue.rows() == [] and rig.store.downloads() == []
    running.cancel()


async def test_a_paused_download_that_is_canceled_leaves_nothing(rig: Rig) -> None:
    """There is no task any more, and the part goes all the same."""
    rig.cut_after(2, StateError("broke"))
    row = rig.add(rig.artifact())[0]
    await rig.queue.run(until_idle=True)
    assert part_of(row.target).exists()
    rig.queue.cancel(row.id)
    assert names(rig) == []


async def test_only_so_many_at_once(tmp_path: Path) -> None:
    """Three of ten run; the rest wait, and all arrive."""
    rig = Rig(tmp_path, parallel=3)
    most = [0]

    def count(call: str) -> None:
        running = [r for r in rig.queue.rows() if r.phase is DownloadPhase.RUNNING]
        most[0] = max(most[0], len(running))

    rig.provider.on_call = count
    rig.add(*(rig.artifact(f"{i}.bin") for i in range(10)))
    await rig.queue.run(until_idle=True)
    assert most[0] == 3 and len(names(rig)) == 10
    rig.store.close()


async def test_no_room_is_said_before_it_is_used_up(rig: Rig) -> None:
    """The free space is looked at first, with some left over."""
    rig.room = 60 << 20
    row = rig.add(rig.artifact())[0]
    await rig.queue.run(until_idle=True)
    assert "MB free" in rig.row(row.id).note
    assert "chunk" not in rig.provider.calls


async def test_names_stay_inside_the_folder(rig: Rig) -> None:
    """A name with a way out of the folder loses it."""
    artifact = rig.artifact("../../evil.bin")
    row = rig.add(artifact)[0]
    assert row.target == rig.folder / "evil.bin"
    await rig.queue.run(until_idle=True)
    assert (rig.folder / "evil.bin").read_bytes() == DATA


async def test_a_finished_part_is_only_put_in_place(rig: Rig) -> None:
    """The program died between the last byte and the rename: no request is needed."""
    row = rig.add(rig.artifact())[0]
    rig.folder.mkdir()
    part_of(row.target).write_bytes(DATA)
    said = {"ref": "p/1", "name": "a.bin", "etag": '"1"', "size": len(DATA)}
    sidecar_of(row.target).write_text(json.dumps(said))
    await rig.queue.run(until_idle=True)
    assert rig.downloads() == [] and (rig.folder / "a.bin").read_bytes() == DATA


@pytest.mark.parametrize(
    "sidecar", ["", "{}", '{"ref": "p/9", "name": "a.bin", "etag": 1, "size": 9}']
)
async def test_a_part_of_something_else_is_not_built_upon(rig: Rig, sidecar: str) -> None:
    """Without a sidecar that fits, what lies there is void."""
    row = rig.add(rig.artifact())[0]
    rig.folder.mkdir()
    part_of(row.target).write_bytes(b"rubbish")
    sidecar_of(row.target).write_text(sidecar)
    await rig.queue.run(until_idle=True)
    assert (rig.folder / "a.bin").read_bytes() == DATA


def safetensors(count: int = 4, *, cut: int = 0) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}})
    whole = struct.pack("<Q", len(header)) + header.encode() + b"\0" * 4 * count
    return whole[: len(whole) - cut]


async def test_a_broken_checkpoint_is_a_failure(rig: Rig) -> None:
    """A ``.safetensors`` whose header does not fit is reported and not kept as if it were good."""
    good = rig.add(rig.artifact("good.safetensors", safetensors()))[0]
    bad = rig.add(rig.artifact("bad.safetensors", safetensors(cut=3)))[0]
    await rig.queue.run(until_idle=True)
    assert rig.row(good.id).phase is DownloadPhase.DONE
    assert "not a whole safetensors file" in rig.row(bad.id).note
    assert names(rig) == ["good.safetensors"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "too short"),
        (b"<html>502 Bad Gateway</html>", "longer than the file"),
        (struct.pack("<Q", 4) + b"nope", "cannot be read"),
        (struct.pack("<Q", 2) + b"[]", "cannot be read"),
        (safetensors(cut=1), "holds"),
        (safetensors() + b"x", "holds"),
    ],
)
def test_what_is_wrong_with_a_safetensors_file(tmp_path: Path, content: bytes, words: str) -> None:
    """Each way of being broken is named."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    assert words in (safetensors_problem(path) or "")


def test_a_real_safetensors_file_is_accepted(tmp_path: Path) -> None:
    """What the library itself writes, metadata included, passes."""
    numpy = pytest.importorskip("numpy")
    library = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "x.safetensors"
    arrays = {"a": numpy.ones((3, 4), "float32"), "b": numpy.zeros(7, "float16")}
    library.save_file(arrays, path, metadata={"step": "500"})
    assert safetensors_problem(path) is None
