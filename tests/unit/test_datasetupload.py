"""Filling a dataset: what is chosen, what goes on after a break, what a failure leaves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_tui.core.datasetupload import Sent, Upload, gather, send
from trainer_tui.errors import (
    AuthError,
    NetworkError,
    NotFoundError,
    ServiceError,
    TrainerError,
    UsageError,
)
from trainer_tui.providers._counted import Counted
from trainer_tui.providers.base import Dataset

pytestmark = pytest.mark.anyio
DRAFT = Dataset("d1", "dogs", "DRAFT")
SIZE = 10


class Service:
    """A service that keeps names; ``fails`` says how a file fares, by its name and the try.

    What is called ``changing`` is another one when it was sent.
    """

    def __init__(self, fails: Callable[[str, int], TrainerError | None]) -> None:
        self.fails = fails
        self.tries: dict[str, int] = {}
        self.kept: dict[str, int] = {}

    async def upload_to_dataset(self, dataset_id: str, file: Path, *, moved: Any = None) -> None:
        """Half of it moves before a failure."""
        number = self.tries[file.name] = self.tries.get(file.name, 0) + 1
        moved(SIZE // 2, SIZE)
        if (error := self.fails(file.name, number)) is not None:
            raise error
        moved(SIZE, SIZE)
        if file.stem == "changing":
            os.utime(file, ns=(0, 0))
        self.kept[file.name] = SIZE


def folder(tmp_path: Path, count: int) -> Path:
    """Files of ten bytes."""
    made = tmp_path / "pics"
    made.mkdir()
    for number in range(count):
        (made / f"{number:02}.png").write_bytes(b"." * SIZE)
    return made


async def sent_to(service: Service, files: tuple[Path, ...], sent: Sent, **more: Any) -> Upload:
    """The upload, without pauses."""
    given: Any = service
    return await send(given, DRAFT, files, sent, pauses=(0.0, 0.0), **more)


def test_the_plain_files_of_a_folder_are_chosen(tmp_path: Path) -> None:
    """A dataset is one flat folder: no folders, nothing hidden, and it is said what is left out;
    what is missing, twice there, or not there at all is refused before anything is sent."""
    pics = folder(tmp_path, 2)
    (pics / "masks").mkdir()
    (pics / ".aitk_size.json").write_text("{}")
    (pics / "a  b\u00e9.txt").write_text("a dog")
    found = gather([pics, pics / "00.png"])
    assert [file.name for file in found.files] == ["00.png", "01.png", "a  b\u00e9.txt"]
    assert found.left_out == "1 hidden file, 1 folder"
    (pics / "masks" / "00.png").write_text("x")
    for paths, words in (
        ([pics, pics / "masks"], "two files are named '00.png'"),
        ([tmp_path / "none"], "No such file"),
        ([tmp_path], "there is no file to send in .*: 1 folder"),
        ([Path("/dev/null")], "no plain file"),
    ):
        with pytest.raises(UsageError, match=words):
            gather(paths)
    for name in ("a\x1b[31m.png", 'a".png', "a\\.png"):
        (pics / name).write_text("x")
        with pytest.raises(UsageError, match="characters in its name"):
            gather([pics / name])


async def test_an_upload_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    """What got through is noted, told exactly, and not sent again, unless it has changed since."""
    files = gather([folder(tmp_path, 12)]).files
    note = tmp_path / "state" / "d1.jsonl"
    service = Service(
        lambda name, _: NetworkError("gone", code="LOST") if name > "05.png" else None
    )
    moved: list[int] = []
    first = await sent_to(service, files, Sent(note), moved=moved.append)
    assert isinstance(first.stopped, NetworkError)
    assert sorted(first.sent) == sorted(service.kept) and len(first.sent) == 6
    assert sorted(first.sent + first.left) == [file.name for file in files]
    assert service.tries["06.png"] == 3, "what may pass is tried again"
    tried = sum(name in service.tries for name in first.left)
    assert sum(moved) == 6 * 10 + tried * 5, "of a try that is made again nothing is counted twice"
    with note.open("a") as cut:
        cut.write('\n{"name": "0')  # killed while it was noting
    Sent(note).note(files[6], [10, files[6].stat().st_mtime_ns])
    first.left.remove("06.png")
    sent = Sent(note)
    assert [file.name for file in files if not sent.has(file, DRAFT)] == sorted(first.left)
    files[0].write_bytes(b"another one")
    assert not sent.has(files[0], DRAFT)
    told = Dataset("d1", "dogs", "DRAFT", files={"07.png": 10, "01.png": 9})
    assert sent.has(files[7], told), "the service says that it has it"
    assert not sent.has(files[1], told), "the service has another one"
    sent.forget()
    assert not note.exists()


async def test_a_file_that_is_refused_does_not_end_the_upload(tmp_path: Path) -> None:
    """One bad file is left behind; a refused credential ends it, and when all are refused so does
    the twentieth."""
    files = gather([folder(tmp_path, 60)]).files
    bad = ServiceError("not an image", status=422)
    note = tmp_path / "d1.jsonl"
    one = await sent_to(Service(lambda n, _: bad if n == "03.png" else None), files, Sent(note))
    assert (len(one.sent), list(one.refused), one.left) == (59, ["03.png"], [])
    assert one.stopped is None
    service = Service(lambda name, _: AuthError("no"))
    ended = await sent_to(service, files, Sent(note))
    assert isinstance(ended.stopped, AuthError) and len(service.tries) <= 4 and not ended.sent
    hopeless = await sent_to(Service(lambda n, _: bad), files, Sent(note))
    assert hopeless.stopped is bad and len(hopeless.refused) < 30
    assert len(hopeless.refused) + len(hopeless.left) == 60


async def test_what_changes_or_expires_on_the_way_is_sent_again(tmp_path: Path) -> None:
    """A signed address that is too old is asked for anew; a file that was written to while it was
    sent is told, and the same upload sends it once more."""
    pics = folder(tmp_path, 1)
    (pics / "changing.png").write_bytes(b"." * SIZE)
    files = gather([pics]).files
    sent = Sent(tmp_path / "d1.jsonl")
    old = NotFoundError("no longer good", code="URL_EXPIRED")
    upload = await sent_to(Service(lambda name, number: old if number == 1 else None), files, sent)
    assert (upload.sent, list(upload.refused)) == (["00.png"], ["changing.png"])
    assert upload.stopped is None and "changed" in str(upload.refused["changing.png"])
    told = Dataset("d1", "dogs", "DRAFT", files={file.name: file.stat().st_size for file in files})
    for dataset in (DRAFT, told):
        assert [file.name for file in files if not sent.has(file, dataset)] == ["changing.png"]


def test_a_file_is_sent_as_long_as_it_was_said_to_be(tmp_path: Path) -> None:
    """What is written to it meanwhile stays behind; what is taken away is no end of it."""
    file = tmp_path / "a.png"
    file.write_bytes(b"x" * 30)
    with file.open("rb") as opened:
        body = Counted(opened, 10, None)
        assert (body.seek(0, os.SEEK_END), body.seek(0)) == (10, 0)
        assert (body.read(4), body.read(), body.read()) == (b"x" * 4, b"x" * 6, b"")
        with pytest.raises(UsageError, match="shorter"):
            list(Counted(opened, 31, None))
