"""What kaos is sent names a folder; mistakes in it are found where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_bundles import source_folder
from trainer_tui.core.yamlconfig import check


def said(text: str) -> list[str]:
    """Place and message of what is found."""
    found = check(text, provider="kaos")
    return [f"{p.line}:{p.column} {p.message}" for p in found if p.severity == "error"]


def test_a_good_one(tmp_path: Path) -> None:
    """A folder that is a bundle, with a grid, is fine."""
    folder = source_folder(tmp_path)
    assert said(f"bundle: {folder}\nparams: {{lr: [1, 2]}}\ncpu: 2\ndata: {folder}\n") == []


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("job: extension\nconfig: {name: x}\n", "1:1", "kaos takes no 'job'"),
        ("cpu: 1\n", "1:1", "kaos is sent a folder"),
        ("- a\n", "1:1", "kaos is sent a folder"),
        ("bundel: x\n", "1:1", "did you mean 'bundle'"),
        ("bundle: /nowhere/at/all\n", "1:9", "there is no /nowhere/at/all"),
        ("bundle: [a]\n", "1:9", "a path is expected"),
        ("bundle: /nowhere\nparams: [1]\n", "2:9", "params is a mapping"),
        ("bundle: /nowhere\nparams: /nowhere.json\n", "2:9", "params is a mapping"),
    ],
)
def test_mistakes_and_their_places(text: str, place: str, words: str) -> None:
    """Each with line and column."""
    assert any(line.startswith(place) and words in line for line in said(text)), said(text)


def test_what_the_folder_lacks(tmp_path: Path) -> None:
    """The missing file is named at the path."""
    folder = source_folder(tmp_path)
    (folder / "model" / "train").unlink()
    (found,) = said(f"user: ann\nbundle: {folder}\n")
    assert found.startswith("2:9") and "model/train" in found
