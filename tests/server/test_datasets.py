"""Uploaded datasets and the zips they come in."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.server.conftest import wait_for
from trainer_tui.errors import NotFoundError, StateError, UsageError
from trainer_tui.server import archives
from trainer_tui.server.datasets import Datasets, DatasetStatus, with_real_folders
from trainer_tui.server.dialects.kaos_workspaces import Workspaces
from trainer_tui.server.sampledata import make_dataset


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    """An empty store."""
    return Datasets(tmp_path / "datasets")


def png() -> bytes:
    """A small picture."""
    data = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(data, "PNG")
    return data.getvalue()


def upload(datasets: Datasets, dataset_id: str, name: str, data: bytes) -> None:
    """One file, all of it."""
    arrival = datasets.begin(dataset_id, name)
    assert datasets.get(dataset_id).status is DatasetStatus.UPLOADING
    arrival.path.write_bytes(data)
    datasets.finish(arrival)


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A zip with these entries."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return data.getvalue()


def test_a_dataset_goes_from_draft_to_ready(datasets: Datasets) -> None:
    """Empty it is a DRAFT, while a file comes UPLOADING, with an image READY."""
    made = datasets.create("cats")
    assert (made.name, made.status) == ("cats", DatasetStatus.DRAFT)
    upload(datasets, made.id, "a.png", png())
    upload(datasets, made.id, "a.txt", b"a cat")
    ready = datasets.get(made.id)
    assert ready.status is DatasetStatus.READY
    assert [name for name, _ in ready.files] == ["a.png", "a.txt"]
    assert (datasets.folder(ready) / "a.txt").read_text() == "a cat"


def test_only_captions_are_a_failure_until_an_image_comes(datasets: Datasets) -> None:
    """Without an image it has FAILED and says why; the next upload can mend it."""
    made = datasets.create()
    upload(datasets, made.id, "a.txt", b"a cat")
    failed = datasets.get(made.id)
    assert failed.status is DatasetStatus.FAILED
    assert "no image" in (failed.error or "")
    upload(datasets, made.id, "a.png", png())
    assert datasets.get(made.id).status is DatasetStatus.READY


def test_what_is_announced_is_waited_for(datasets: Datasets) -> None:
    """Files that URLs were given out for keep it UPLOADING until all have come."""
    made = datasets.create()
    datasets.expect(made.id, {"a.png": 1, "b.png": 1})
    upload(datasets, made.id, "a.png", png())
    assert datasets.get(made.id).status is DatasetStatus.UPLOADING
    upload(datasets, made.id, "b.png", png())
    assert datasets.get(made.id).status is DatasetStatus.READY


def test_a_broken_image_fails_the_dataset(datasets: Datasets) -> None:
    """What says it is an image and is none is refused by name, and nothing of it is kept."""
    made = datasets.create()
    with pytest.raises(UsageError, match=r"a\.png: not an image"):
        upload(datasets, made.id, "a.png", b"no image")
    failed = datasets.get(made.id)
    assert (failed.status, failed.files) == (DatasetStatus.FAILED, ())
    assert "a.png" in (failed.error or "")


def test_an_upload_that_breaks_off_leaves_nothing(datasets: Datasets, tmp_path: Path) -> None:
    """Given up, or cut by the end of the server, an upload is not there."""
    made = datasets.create()
    arrival = datasets.begin(made.id, "a.png")
    arrival.path.write_bytes(b"half")
    datasets.abandon(arrival)
    assert datasets.get(made.id).status is DatasetStatus.DRAFT
    arrival = datasets.begin(made.id, "b.png")
    arrival.path.write_bytes(b"half")
    assert Datasets(datasets.root).get(made.id).status is DatasetStatus.DRAFT
    assert not arrival.path.exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a\x1b[2J", "x" * 129]
)
def test_names_that_could_lead_elsewhere_are_refused(datasets: Datasets, name: str) -> None:
    """A dataset's and a file's name is one plain path component."""
    with pytest.raises(UsageError):
        datasets.create(name)
    made = datasets.create()
    if name != "x" * 129:
        with pytest.raises(UsageError):
            datasets.begin(made.id, name)


def test_a_name_is_taken_once(datasets: Datasets) -> None:
    """A second dataset of a name is refused until the first is deleted."""
    made = datasets.create("cats")
    with pytest.raises(StateError):
        datasets.create("cats")
    datasets.delete(made.id)
    with pytest.raises(NotFoundError):
        datasets.get(made.id)
    assert datasets.create("cats").id != made.id


def test_a_zip_is_unpacked_flat(datasets: Datasets) -> None:
    """Files in folders land in the dataset; what is hidden or macOS's own does not."""
    made = datasets.create()
    data = zipped(
        ("cats/", b""),
        ("cats/a.png", png()),
        ("cats/a.txt", b"a cat"),
        ("cats/.DS_Store", b"x"),
        ("__MACOSX/cats/a.png", b"x"),
    )
    upload(datasets, made.id, "cats.zip", data)
    ready = datasets.get(made.id)
    assert ready.status is DatasetStatus.READY
    assert [name for name, _ in ready.files] == ["a.png", "a.txt"]


def _link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("link.png")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([("../evil.png", b"x")], "leads out of it"),
        ([("a/../../evil.png", b"x")], "leads out of it"),
        ([("/etc/evil.png", b"x")], "leads out of it"),
        ([("..\\evil.png", b"x")], "leads out of it"),
        ([("C:\\evil.png", b"x")], "leads out of it"),
        ([(_link(), b"/etc/passwd")], "is a link"),
        ([("a.txt", bytes(30_000_000))], "would unpack to 30,000,000 bytes"),
        ([("a/x.png", b"1"), ("b/x.png", b"2")], "two files named"),
        ([], "not a zip"),
    ],
    ids=["up", "deep", "absolute", "backslash", "drive", "link", "bomb", "twice", "no-zip"],
)
def test_a_dangerous_zip_leaves_nothing_behind(
    entries: list[tuple[str | zipfile.ZipInfo, bytes]], said: str, tmp_path: Path
) -> None:
    """Each is refused before anything is written, with what is wrong."""
    archive, folder = tmp_path / "x.zip", tmp_path / "in" / "out"
    archive.write_bytes(zipped(*entries) if entries else b"PK no zip")
    with pytest.raises(UsageError, match=said):
        archives.unpack(archive, folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) in (["x.zip"], ["in", "x.zip"])


def test_a_zip_that_lies_about_its_sizes_is_stopped(tmp_path: Path) -> None:
    """More bytes than the directory tells are not written to the disk."""
    data = bytearray(zipped(("a.txt", b"abcdefgh" * 1000)))
    for marker, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(marker) + at
        data[start : start + 4] = (10).to_bytes(4, "little")
    archive = tmp_path / "x.zip"
    archive.write_bytes(data)
    with pytest.raises(UsageError):
        archives.unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mounted_paths_become_real_ones(datasets: Datasets) -> None:
    """Every path below the mount, wherever it stands, leads into the dataset; others stay."""
    made = datasets.create("cats")
    text = (
        "config:\n  process:\n"
        "  - datasets: [{folder_path: /app/ai-toolkit/datasets/cats, lr: 1e-4}]\n"
        "    sample: {samples: [{ctrl_img: /app/ai-toolkit/datasets/cats/a.png}]}\n"
        "    other: /app/ai-toolkit/output\n"
    )
    placed = with_real_folders(text, datasets.root) or ""
    folder = datasets.folder(made)
    assert f"folder_path: {folder}\n" in placed
    assert f"ctrl_img: {folder}/a.png\n" in placed
    assert "/app/ai-toolkit/output" in placed
    assert with_real_folders("a: b", datasets.root) is None


@pytest.mark.parametrize("path", ["dogs", "cats/../../../etc", ""])
def test_a_mounted_path_to_nowhere_is_refused(datasets: Datasets, path: str) -> None:
    """An unknown dataset, or a way out of one."""
    datasets.create("cats")
    with pytest.raises(NotFoundError):
        with_real_folders(f"a: /app/ai-toolkit/datasets/{path}", datasets.root)


def test_the_sample_dataset_is_the_same_each_time(tmp_path: Path) -> None:
    """Pictures of the size asked for, with captions, a function of number and seed alone."""
    one = make_dataset(tmp_path / "one", count=5, size=40)
    two = make_dataset(tmp_path / "two", count=5, size=40)
    names = sorted(path.name for path in one.iterdir())
    assert len(names) == 10
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
    with Image.open(one / "scene_002.png") as picture:
        assert (picture.size, picture.mode) == ((40, 40), "RGB")
    caption = (one / "scene_002.txt").read_text()
    assert caption == "an orange sun on the left over low hills at dusk\n"


def test_what_a_killed_server_left_is_cleared_away(tmp_path: Path) -> None:
    """Uploads that did not come to an end, and what was being deleted."""
    left = [tmp_path / "d" / "incoming" / "a", tmp_path / ".deleted-d" / "b"]
    bundle = tmp_path / "w" / "bundles" / ".c0ffee"
    for path in (*left, bundle):
        path.parent.mkdir(parents=True)
        path.touch()
    Datasets(tmp_path)
    Workspaces(tmp_path, lambda: None)
    wait_for(lambda: not any(path.parent.exists() for path in left), "both to be gone")
    assert not bundle.exists()
