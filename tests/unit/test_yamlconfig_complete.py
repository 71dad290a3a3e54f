"""What may be written at the cursor, in texts that are whole and in texts that are not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_tui.core.yamlconfig import parse
from trainer_tui.core.yamlconfig.complete import Completions, complete
from trainer_tui.core.yamlconfig.keyhelp import keys_by_line
from trainer_tui.core.yamlconfig.offers import fit
from trainer_tui.core.yamlconfig.outline import folds, outline
from trainer_tui.core.yamlconfig.place import path_at

CONFIGS = sorted((Path(__file__).parent.parent / "fixtures" / "configs").glob("*.y*ml"))
TOP = "job: extension\nconfig:\n  name: x\n  process:\n    - type: sd_trainer\n"
PROCESS = ("config", "process", 0)


def at(marked: str) -> tuple[Completions, str]:
    """What fits where the ``^`` stands, and the text without it."""
    place = marked.index("^")
    text = marked[:place] + marked[place + 1 :]
    line_start = text.rfind("\n", 0, place) + 1
    return complete(text, text.count("\n", 0, place) + 1, place - line_start + 1), text


def labels(marked: str) -> list[str]:
    """The labels of what fits."""
    return [item.label for item in at(marked)[0].items]


def taken(marked: str, label: str) -> str:
    """The text with one of the completions in it."""
    found, text = at(marked)
    item = next(item for item in found.items if item.label == label)
    row = text.count("\n", 0, marked.index("^"))
    lines = text.split("\n")
    line = lines[row]
    lines[row] = line[: found.start - 1] + item.insert + line[found.end - 1 :]
    return "\n".join(lines)


def test_keys_of_the_section_at_the_cursor() -> None:
    """The path comes from the indentation of the lines above; what is there is not offered."""
    found, _ = at(TOP + "      train:\n        lr: 1e-4\n        st^\n        steps: 3\n")
    assert found.path == (*PROCESS, "train")
    assert (found.start, found.end, found.typed) == (9, 11, "st")
    names = [item.label for item in found.items]
    assert "steps" not in names and "lr" not in names
    assert labels(TOP + "      tr^")[0] == "train"
    assert {"job", "config", "meta"} == set(labels("^"))


def test_a_key_says_its_type_and_meaning() -> None:
    """Each key comes with what it takes and what it is for."""
    found, _ = at(TOP + "      train:\n        ste^")
    assert found.items[0].label == "steps"
    assert found.items[0].takes == "whole number"
    assert found.items[0].description


def test_what_is_put_in_has_its_colon_and_opens_its_block() -> None:
    """A value key ends in a colon and a space; keys and lists begin on the next line."""
    assert taken(TOP + "      de^", "device").endswith("      device: ")
    assert taken(TOP + "      tr^", "train").endswith("      train:\n        ")
    assert taken(TOP + "      da^", "datasets").endswith("      datasets:\n        - ")
    assert taken(TOP + "      datasets:\n        - res^", "resolution").endswith("- resolution: ")


def test_a_key_that_has_its_colon_keeps_it() -> None:
    """Inside the name of a key only the name is replaced."""
    text = TOP + "      tra^in:\n        lr: 1\n"
    assert "      training_folder:\n        lr: 1" in taken(text, "training_folder")
    assert labels(TOP + "      train:^ 3") == []


def test_values_of_a_key() -> None:
    """Words, true and false, in quotes where quotes were begun, with a space after a bare colon."""
    head = TOP + "      train:\n        "
    assert "bf16" in labels(head + "dtype: ^")
    assert taken(head + "dtype:^", "bf16").endswith("dtype: bf16")
    assert taken(head + 'dtype: "b^f"', "bf16").endswith('dtype: "bf16"')
    assert taken(head + "dtype: f^loat32  # precise", "fp16").endswith("dtype: fp16  # precise")
    assert labels(head + "gradient_checkpointing: ^") == ["true", "false"]
    assert labels(head + "gradient_checkpointing: f^") == ["false"]
    assert labels(TOP + "      performance_log_every: ^") == []


def test_items_of_a_list() -> None:
    """Under a list's key a new item is offered by its first key; behind a dash the key alone."""
    text = TOP + "      datasets:\n        ^"
    assert labels(text)[0] == "- folder_path"
    assert taken(text, "- folder_path").endswith("        - folder_path: ")
    found, _ = at(TOP + "      datasets:\n        - folder_path: x\n        - ca^")
    assert found.path == (*PROCESS, "datasets", 1)
    assert found.items[0].label == "caption_ext"
    assert "folder_path" in labels(TOP + "      datasets:\n        - folder_path: x\n        - ^")
    second = labels(TOP + "      datasets:\n        - folder_path: x\n          ^")
    assert "folder_path" not in second and "caption_ext" in second
    assert labels(TOP + "      sample:\n        prompts:\n          ^") == ["- "]


def test_a_list_in_its_key_s_column() -> None:
    """YAML lets a list stand as far left as its key."""
    found, _ = at("job: extension\nconfig:\n  process:\n  - type: sd_trainer\n    tra^")
    assert found.path == PROCESS
    assert found.items[0].label == "train"


def test_flow_style_on_the_line() -> None:
    """Keys and values between braces on the cursor's line."""
    assert "arch" in labels(TOP + "      model: {ar^")
    assert "arch" not in labels(TOP + "      model: {arch: flux, ^}")
    assert "true" in labels(TOP + "      model: {quantize: t^}")


@pytest.mark.parametrize(
    "text",
    [
        TOP + "      # tra^",
        TOP + "      device: cuda  # tra^",
        TOP + "      sample:\n        neg: |\n          tra^",
        TOP + "\ttra^",
        "command: python\nx: ^",
        TOP + "      train: some words tha^t",
    ],
)
def test_nothing_where_nothing_fits(text: str) -> None:
    """Not in remarks, not in texts, not behind a tab, not for what nobody knows."""
    assert labels(text) == []


def test_a_broken_text_is_no_obstacle() -> None:
    """Brackets and quotes that are open above and below do not matter."""
    text = TOP + "      save: {a: [\n      train:\n        lr: 'x\n        ste^\n  : : :\n]]"
    assert labels(text)[0] == "steps"


def test_order() -> None:
    """What begins so comes first, then where a word does, then letters in order."""
    names = labels(TOP + "      train:\n        opt^")
    assert names[0] == "optimizer"
    assert all(name.startswith("opt") for name in names[:2])
    assert labels(TOP + "      train:\n        gcp^")[0] == "gradient_checkpointing"
    assert fit("lr", "lr") < fit("lr", "unet_lr") < fit("lr", "layer")  # type: ignore[operator]
    assert fit("zz", "lr") is None


def test_extra_keys_are_offered_where_they_belong() -> None:
    """Keys from the config's list, in their section."""
    text = TOP + "      train:\n        my"
    row = text.count("\n") + 1
    found = complete(text, row, 11, extra_keys=["train.my_key", "save.my_other"])
    assert [item.label for item in found.items if item.label.startswith("my")] == ["my_key"]


@given(st.text(alphabet="a: -#|>{}[]'\"\n\t&*", max_size=60), st.integers(1, 8), st.integers(1, 20))
def test_any_text_gets_an_answer(text: str, line: int, column: int) -> None:
    """Whatever stands there: no exception, and a part of the line that exists."""
    found = complete(text, line, column)
    assert 1 <= found.start <= found.end or not found.items
    outline(text)
    for first, last in folds(text):
        assert 1 <= first < last <= text.count("\n") + 1


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_paths_are_those_that_a_parser_finds(config: Path) -> None:
    """For every key of the configs here the lines above give the path that YAML gives."""
    text = config.read_bytes().decode()
    lines = text.split("\n")
    for line, path in keys_by_line(parse(text)).items():
        assert path_at(lines, line - 1) == path


def long(items: int = 3_333) -> list[str]:
    """A config of ten thousand lines."""
    text = TOP + "      datasets:\n"
    for index in range(items):
        text += f"        - folder_path: x{index}\n          caption_ext: txt\n"
        text += "          num_repeats: 2\n"
    return (text + "          res").split("\n")


def test_ten_thousand_lines_are_quick() -> None:
    """A completion far down costs a few milliseconds of processor time."""
    lines = long()
    complete(lines, len(lines), 14)
    began = time.process_time()
    for _ in range(5):
        assert complete(lines, len(lines), 14).items[0].label == "resolution"
    assert (time.process_time() - began) / 5 < 0.02
    began = time.process_time()
    assert len(folds(lines)) > 3_000
    assert time.process_time() - began < 0.1


def test_outline() -> None:
    """Keys with their values, items by their first key, and how much is in what has no value."""
    text = "a:\n  b: 1  # one\n  c:\n    - x: 2\n      y: 3\n    - word\n# d: 4\ne: |\n  f: 5\n"
    seen = [(e.depth, e.line, e.label, e.summary) for e in outline(text)]
    assert seen == [
        (0, 1, "a", "2 entries"),
        (1, 2, "b", "1"),
        (1, 3, "c", "2 entries"),
        (2, 4, "- x", "2"),
        (3, 5, "y", "3"),
        (2, 6, "- word", ""),
        (0, 8, "e", "|"),
    ]
    assert outline(parse(text)) == outline(text)


def test_folds() -> None:
    """A part is a line and what is further in below it; blank lines behind it stay outside."""
    text = "a:\n  b: 1\n\n  c:\n    d: 1\n\ne:\n- f: 1\n  g: 2\n# remark\n- h\ni: 1\n"
    assert folds(text) == [(1, 5), (4, 5), (7, 11), (8, 9)]
