"""Folders of images as workspaces, projects and versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer_tui.errors import NotFoundError
from trainer_tui.server.projects import Projects


def image(path: Path) -> None:
    """Something with an image's name; nobody opens it here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_images_at_any_depth(tmp_path: Path) -> None:
    """All images count, folders tell the split, and only the training ones are learned."""
    base = tmp_path / "ws" / "cats" / "2"
    for name in ("a.png", "train/b.JPG", "train/x/c.webp", "valid/deep/d.jpeg", "test/e.bmp"):
        image(base / name)
    image(base / ".hidden" / "f.png")
    (base / "notes.txt").write_text("no image")
    found = Projects(tmp_path).version("ws", "cats", "2")
    assert (found.id, found.images) == ("ws/cats/2", 5)
    assert found.splits == {"train": 3, "valid": 1, "test": 1}
    assert set(found.folders) == {base, base / "train", base / "train" / "x"}


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``serve --projects here``: jobs run elsewhere, so the folders that they read are whole."""
    image(tmp_path / "here" / "ws" / "cats" / "1" / "a.png")
    monkeypatch.chdir(tmp_path)
    found = Projects(Path("here")).version("ws", "cats", "1")
    assert found.folders == (tmp_path / "here" / "ws" / "cats" / "1",)


def test_only_validation_images(tmp_path: Path) -> None:
    """Where there is nothing else, what there is gets learned."""
    image(tmp_path / "ws" / "cats" / "1" / "valid" / "a.png")
    found = Projects(tmp_path).version("ws", "cats", "1")
    assert found.folders == (tmp_path / "ws" / "cats" / "1" / "valid",)


def test_what_is_listed(tmp_path: Path) -> None:
    """Versions are numbers, newest first; names of other protocols are no workspaces."""
    for name in ("ws/cats/1/a.png", "ws/cats/10/a.png", "ws/cats/2/a.png", "ws/cats/draft/a.png"):
        image(tmp_path / name)
    for name in ("v1/p/1/a.png", "train/p/1/a.png", ".git/p/1/a.png"):
        image(tmp_path / name)
    projects = Projects(tmp_path)
    assert projects.workspaces() == ["ws"]
    assert projects.projects("ws") == ["cats"]
    assert projects.numbers("ws", "cats") == ["10", "2", "1"]


@pytest.mark.parametrize(
    "parts", [("..",), ("v1",), ("ws", ".."), ("ws", "cats", "../1"), ("ws", "cats", "9"), ("",)]
)
def test_what_is_not_there(tmp_path: Path, parts: tuple[str, ...]) -> None:
    """Nothing outside the folder can be named, and what is missing is said to be."""
    image(tmp_path / "ws" / "cats" / "1" / "a.png")
    image(tmp_path / "v1" / "cats" / "1" / "a.png")
    projects = Projects(tmp_path)
    with pytest.raises(NotFoundError):
        if len(parts) == 1:
            projects.projects(parts[0])
        elif len(parts) == 2:
            projects.versions(*parts)
        else:
            projects.version(*parts)


def test_without_a_folder() -> None:
    """A server without --projects has none, and says how to have some."""
    assert Projects(None).workspaces() == []
    with pytest.raises(NotFoundError) as caught:
        Projects(None).projects("ws")
    assert "--projects" in (caught.value.hint or "")
