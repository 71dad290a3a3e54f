"""Bundles: what they must hold, and zips that nobody should unpack."""

from __future__ import annotations

import stat
import struct
import time
import zipfile
from pathlib import Path

import pytest

from trainer_tui import bundles
from trainer_tui.errors import UsageError


def source_folder(home: Path, name: str = "mnist", train: str = "#!/bin/sh\n") -> Path:
    """A complete source bundle as a folder."""
    root = home / name
    (root / "model").mkdir(parents=True)
    (root / "Dockerfile").write_text("FROM python:3\n")
    (root / "model" / "__init__.py").write_text("")
    (root / "model" / "requirements.txt").write_text("")
    (root / "model" / "train").write_text(train)
    (root / "model" / "train").chmod(0o755)
    return root


def zip_of(path: Path, entries: dict[str, str]) -> Path:
    """A zip with these names and texts."""
    with zipfile.ZipFile(path, "w") as made:
        for name, text in entries.items():
            made.writestr(name, text)
    return path


def refusal(archive: Path, target: Path) -> str:
    """Why a zip is refused; proves that nothing was written."""
    before = sorted(target.parent.iterdir())
    with pytest.raises(UsageError) as caught:
        bundles.unpack(archive, target)
    assert sorted(target.parent.iterdir()) == before
    assert caught.value.code == bundles.INVALID
    return caught.value.message


def test_a_folder_goes_there_and_back(tmp_path: Path) -> None:
    """What is packed is unpacked the same, with the executable bit, without caches."""
    root = source_folder(tmp_path)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("x")
    (root / "model" / "__pycache__").mkdir()
    (root / "model" / "__pycache__" / "a.pyc").write_text("x")
    archive = tmp_path / "b.zip"
    bundles.pack(root, bundles.check_folder(root), archive, root="mnist")
    assert bundles.source_root(archive) == "mnist"
    files = bundles.unpack(archive, tmp_path / "out")
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in files)
    assert names == sorted(f"mnist/{name}" for name in bundles.REQUIRED)
    assert (tmp_path / "out/mnist/model/train").stat().st_mode & 0o100


def test_the_comment_makes_two_zips_of_one_folder_differ(tmp_path: Path) -> None:
    """Two submissions of the same folder can be told apart by their bytes."""
    root = source_folder(tmp_path)
    for name in ("one", "two"):
        bundles.pack(root, bundles.check_folder(root), tmp_path / name, root="m", comment=name)
    assert (tmp_path / "one").read_bytes() != (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("name", bundles.REQUIRED)
def test_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    """The folder and the zip are refused with the path of the missing file."""
    root = source_folder(tmp_path)
    (root / name).unlink()
    with pytest.raises(UsageError, match=name):
        bundles.check_folder(root)
    archive = tmp_path / "b.zip"
    bundles.pack(root, bundles.files_of(root), archive, root="mnist")
    with pytest.raises(UsageError, match=f"lacks mnist/{name}"):
        bundles.source_root(archive)


def test_a_train_that_cannot_be_executed(tmp_path: Path) -> None:
    """The message says how to make it executable."""
    root = source_folder(tmp_path)
    (root / "model" / "train").chmod(0o644)
    with pytest.raises(UsageError) as caught:
        bundles.check_folder(root)
    assert "chmod +x" in (caught.value.hint or "")


def test_links_no_folder_and_nothing(tmp_path: Path) -> None:
    """A folder with a link, a path that is no folder and an empty folder are refused."""
    root = source_folder(tmp_path)
    (root / "model" / "data").symlink_to("/etc")
    (tmp_path / "empty").mkdir()
    for folder, word in (
        (root, "link"),
        (tmp_path / "no", "no folder"),
        (tmp_path / "empty", "no file"),
    ):
        with pytest.raises(UsageError, match=word):
            bundles.check_folder(folder)


def test_one_root_only(tmp_path: Path) -> None:
    """Two folders at the root, or a file there, are refused."""
    for entries in ({"a/x": "", "b/x": ""}, {"a/x": "", "y": ""}, {}):
        with pytest.raises(UsageError, match="exactly one folder"):
            bundles.source_root(zip_of(tmp_path / "b.zip", entries))


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "a/b\x00c", "a/\x1b[31m"],
)
def test_names_that_lead_out(tmp_path: Path, name: str) -> None:
    """Nothing with ``..``, an absolute path, a drive or a control character is written."""
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w") as made:
        info = zipfile.ZipInfo("x" * len(name))
        made.writestr(info, "evil")
    data = archive.read_bytes().replace(b"x" * len(name), name.encode())
    archive.write_bytes(data)
    refusal(archive, tmp_path / "out")


def test_a_link_is_refused(tmp_path: Path) -> None:
    """A symbolic link in a zip could make a later entry write anywhere."""
    info = zipfile.ZipInfo("a/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr(info, "/etc")
    assert "link" in refusal(archive, tmp_path / "out")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """1000:1 is no bundle."""
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/zeros", bytes(8 << 20))
    assert archive.stat().st_size * 900 < 8 << 20
    assert "unpack to 8,388,608 bytes" in refusal(archive, tmp_path / "out")


def test_a_lie_about_the_size_is_refused(tmp_path: Path) -> None:
    """A header that tells of few bytes does not let many be written."""
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/zeros", bytes(8 << 20))
    size = struct.pack("<I", 8 << 20)
    archive.write_bytes(archive.read_bytes().replace(size, struct.pack("<I", 1000)))
    refusal(archive, tmp_path / "out")


def test_a_million_entries_are_refused_quickly(tmp_path: Path) -> None:
    """The table of contents is not even read."""
    archive = tmp_path / "b.zip"
    count = 1_000_000
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 8) + bytes(16)
    table = (entry + b"a name..") * count
    with archive.open("wb") as file:
        file.write(table)
        where = file.tell()
        file.write(
            struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(table), 0)
        )
        file.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, where, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(table), 0, 0))
    began = time.process_time()
    assert "entries" in refusal(archive, tmp_path / "out")
    assert time.process_time() - began < 0.5


def test_a_file_that_is_a_folder_too_and_no_zip(tmp_path: Path) -> None:
    """Contradictions and things that are no zip are refused in words."""
    refusal(zip_of(tmp_path / "b.zip", {"a": "1", "a/b": "2"}), tmp_path / "out")
    (tmp_path / "c.zip").write_bytes(b"PK\x05\x06 not a zip")
    assert "zip" in refusal(tmp_path / "c.zip", tmp_path / "out")
