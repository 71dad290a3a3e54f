"""Relative paths of a config, written out whole from the folder of its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer_tui.core.yamlconfig import check, get_value
from trainer_tui.core.yamlconfig.whole_paths import whole_paths

CONFIG = """job: extension
config:
  process:
    - type: sd_trainer
      datasets:
        - folder_path: {folder}  # mine
          control_path: [masks, "gone"]
      model:
        name_or_path: ./base
"""


def test_what_is_there_is_named_whole(tmp_path: Path) -> None:
    """Folders beside the file get their whole path, quotes and remarks stay; a path that is not
    there stays for the check to tell, and so does a model of Hugging Face."""
    for name in ("dog", "masks", "base", "owner"):
        (tmp_path / name).mkdir()
    text, moved = whole_paths(CONFIG.format(folder="'./dog'"), tmp_path)
    assert f"folder_path: '{tmp_path}/dog'  # mine\n" in text
    assert f'control_path: [{tmp_path}/masks, "gone"]\n' in text
    assert f"name_or_path: {tmp_path}/base\n" in text
    assert moved == [
        ("./dog", f"{tmp_path}/dog"),
        ("masks", f"{tmp_path}/masks"),
        ("./base", f"{tmp_path}/base"),
    ]
    assert whole_paths(text, tmp_path / "elsewhere") == (text, [])
    hub = text.replace(f"{tmp_path}/base", "owner/name")
    (tmp_path / "owner" / "name").mkdir()
    assert whole_paths(hub, tmp_path) == (hub, [])


@pytest.mark.parametrize("folder", ["${DATA}", "~", "*x", "|\n            dog", "[dog]", "", "\t"])
def test_what_is_no_relative_path_stays(tmp_path: Path, folder: str) -> None:
    """Variables, the home folder, block text, lists and what is not YAML are left alone."""
    (tmp_path / "dog").mkdir()
    (tmp_path / "base").mkdir()
    text = CONFIG.format(folder=folder).replace("./base", "owner/name")
    assert whole_paths(text, tmp_path) == (text, [])


def test_odd_names_are_quoted_and_an_anchor_stays(tmp_path: Path) -> None:
    """A folder whose name means something in YAML comes back as that name; what `*x` stands for
    is written out once, where it is named."""
    odd = tmp_path / "a, b: #1"
    (odd / "dog").mkdir(parents=True)
    text = CONFIG.format(folder="&x dog").replace('"gone"', "*x")
    changed, moved = whole_paths(text, odd)
    assert len(moved) == 1 and "folder_path: &x " in changed
    path = "config.process.0.datasets.0"
    assert get_value(changed, f"{path}.folder_path") == str(odd / "dog")
    assert get_value(changed, f"{path}.control_path") == ["masks", str(odd / "dog")]


def test_the_disk_says_what_lies_above_a_link(tmp_path: Path) -> None:
    """The folder above a linked one is where the link leads; an anchor on something else, such as
    the job's name, keeps its value."""
    for folder in ("far/inside", "far/dog", "dog"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inside")
    text = CONFIG.format(folder="link/../dog").replace('"gone"', "*x")
    text = text.replace("config:", "config:\n  name: &x dog")
    changed, _ = whole_paths(text, tmp_path)
    path = "config.process.0.datasets.0"
    assert get_value(changed, f"{path}.folder_path") == str(tmp_path / "far" / "dog")
    assert get_value(changed, f"{path}.control_path") == ["masks", str(tmp_path / "dog")]
    assert get_value(changed, "config.name") == "dog"


def test_what_kaos_is_given_is_beside_its_file(tmp_path: Path) -> None:
    """The folder of a source bundle and its data, too; hyper-parameters that stand there are no
    path. The check looks there."""
    for folder in ("code", "data"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    text = "bundle: code\ndata: ./data\nparams: {lr: [0.1]}\n"
    said = {problem.message for problem in check(text, provider="kaos", base_folder=tmp_path)}
    assert len(said) == 1 and f"{tmp_path}/code is no source bundle" in said.pop()
    changed, _ = whole_paths(text, tmp_path)
    assert changed == f"bundle: {tmp_path}/code\ndata: {tmp_path}/data\nparams: {{lr: [0.1]}}\n"
