"""The wheel holds everything that the program needs."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_is_listed() -> None:
    """A folder with code that setuptools is not told of would be missing after an install."""
    listed = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    )
    found = {
        ".".join(folder.parent.relative_to(ROOT).parts)
        for folder in (ROOT / "trainer_tui").rglob("*.py")
    }
    assert found <= listed


def test_every_data_file_has_a_listed_ending() -> None:
    """Styles, themes and templates travel with the package that they lie in."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    endings = {pattern.lstrip("*") for pattern in settings["package-data"]["*"]}
    data = [
        path
        for path in [*(ROOT / "trainer_tui").rglob("*"), *(ROOT / "themes").iterdir()]
        if path.is_file() and path.suffix not in {".py", ".pyc"} and "__pycache__" not in path.parts
    ]
    assert data
    assert {path.suffix for path in data} <= endings
    folders = {
        "themes" if p.parent == ROOT / "themes" else str(p.parent.relative_to(ROOT)) for p in data
    }
    packages = {name.replace(".", "/") for name in settings["packages"]} | {"themes"}
    assert folders <= packages
