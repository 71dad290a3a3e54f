"""Changing one value of a config: that value changes, and not one byte besides."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core.yamlconfig import (
    changes,
    diff,
    get_value,
    parse,
    set_value,
    summary,
    written,
)
from trainer_tui.core.yamlconfig.nodes import value_start
from trainer_tui.core.yamlconfig.values import data, paths
from trainer_tui.errors import UsageError

CONFIGS = sorted((Path(__file__).parent.parent / "fixtures" / "configs").glob("*.yaml"))
TEXTS = [path.read_bytes().decode() for path in CONFIGS]
FLUX = TEXTS[0]
PAD = " " * 10
LEAVES = [(text, path) for text in TEXTS for path in paths(parse(text))]
VALUES = (
    st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.none()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.sampled_from(["no", "012", "1:30", "[x", "a: b", "# c", "- d", "*e", "'", '"', "", " f "])
)


@HALF
@given(st.sampled_from(LEAVES), VALUES)
def test_every_other_byte_stays(leaf: tuple[str, tuple[str | int, ...]], value: object) -> None:
    """Whatever value is put wherever in a real config, all bytes around it are as they were."""
    text, path = leaf
    document = parse(text)
    node = document.at(*path)
    assert node is not None
    try:
        changed = set_value(text, written(path), value)
    except UsageError:
        assert isinstance(value, str)  # a character that YAML cannot hold
        return
    assert changed.startswith(text[: value_start(text, node)])
    assert changed.endswith(text[node.end :])
    again = parse(changed)
    assert not again.broken
    for other in paths(document):
        if other != path:
            assert data(again.at(*other)) == data(document.at(*other))
    if not isinstance(value, str):
        got = get_value(changed, written(path))
        assert got == value and isinstance(got, type(value))


@given(st.sampled_from(LEAVES), st.text(st.characters(codec="utf-8"), max_size=30))
def test_text_over_quoted_text_comes_back_as_it_is(
    leaf: tuple[str, tuple[str | int, ...]], value: str
) -> None:
    """A value in quotes stays in quotes and reads back as the text that was given."""
    text, path = leaf
    if not isinstance(get_value(text, written(path)), str) or value[:1] in ("'", '"'):
        return
    try:
        changed = set_value(text, written(path), value)
    except UsageError:
        return
    got = get_value(changed, written(path))
    assert got in (value, value.strip()) or "1e" in value.lower() or not isinstance(got, str)


def test_setting_what_is_there_changes_nothing() -> None:
    """Every value of the real configs set to itself gives the same text."""
    for text, path in LEAVES:
        node = parse(text).at(*path)
        assert node is not None
        source = text[value_start(text, node) : node.end]
        assert set_value(text, written(path), source) == text


@pytest.mark.parametrize(
    ("path", "value", "before", "after"),
    [
        ("train.steps", "50", "steps: 2000  # total", "steps: 50  # total"),
        ("train.steps", 50, "steps: 2000  # total", "steps: 50  # total"),
        ("train.lr", "1e-5", "lr: 1e-4", "lr: 1e-5"),
        ("config.name", "a b", 'name: "my_first_flux_lora_v1"', 'name: "a b"'),
        ("name", "012", 'name: "my_first_flux_lora_v1"', 'name: "012"'),
        ("config.process[0].device", "cuda:1", "device: cuda:0", "device: cuda:1"),
        ("process.0.device", "no", "device: cuda:0", 'device: "no"'),
        ("datasets[0].resolution", "[512]", "[ 512, 768, 1024 ]", "[512]"),
        ("datasets.0.resolution[1]", "640", "[ 512, 768, 1024 ]", "[ 512, 640, 1024 ]"),
        ("train.train_unet", False, "train_unet: true", "train_unet: false"),
        ("meta.version", "2.0", "version: '1.0'", "version: '2.0'"),
        ("type", "it's", "- type: 'sd_trainer'", "- type: 'it''s'"),
    ],
)
def test_a_value_in_its_place(path: str, value: object, before: str, after: str) -> None:
    """Paths start at the top, in config, or in the first process; quotes and remarks stay."""
    assert FLUX.count(before) == 1
    assert set_value(FLUX, path, value) == FLUX.replace(before, after)


@pytest.mark.parametrize(
    ("path", "value", "after", "added"),
    [
        ("trigger_word", "p3r5on", "        sample_steps: 20\n", "      trigger_word: p3r5on\n"),
        ("train.max_grad_norm", "0.5", "        dtype: bf16\n", "        max_grad_norm: 0.5\n"),
        ("meta.author", "me", "  version: '1.0'", "\n  author: me"),
        ("datasets[0].flip_x", "true", "enjoys multiple resolutions\n", f"{PAD}flip_x: true\n"),
        ("train.brand_new", "1", "        dtype: bf16\n", "        brand_new: 1\n"),
    ],
)  # fmt: skip
def test_a_missing_key_is_added_at_its_indent(
    path: str, value: str, after: str, added: str
) -> None:
    """A key whose section exists is added at the section's end, on the column of its keys."""
    text = FLUX.rstrip("\n") if path == "meta.author" else FLUX
    assert text.count(after) == 1
    assert set_value(text, path, value) == text.replace(after, after + added)


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: {x: 1}\n", "a.y", "a: {x: 1, y: 7}\n"),
        ("a: {}\n", "a.y", "a: {y: 7}\n"),
        ("a:\n", "a.y", "a:\n  y: 7\n"),
        ("a:\r\n  x: 1\r\n", "a.y", "a:\r\n  x: 1\r\n  y: 7\r\n"),
        ("a:\n  x: |\n    t\n\n# end\n", "a.y", "a:\n  x: |\n    t\n  y: 7\n\n# end\n"),
        ("a:\n  x: |\n    t\n\n# end\n", "a.x", "a:\n  x: 7\n\n# end\n"),
        ("a:\n  x: 1", "a.y", "a:\n  x: 1\n  y: 7"),
        ("a: &n 5\nb: *n\n", "a", "a: &n 7\nb: *n\n"),
        ("a: &n 5\nb: *n\n", "b", "a: &n 5\nb: 7\n"),
        ("a:\n  - x\n  - y # r\nb: 1\n", "a[1]", "a:\n  - x\n  - 7 # r\nb: 1\n"),
        ("a:\n  x: 1 # r\nb: 2\n", "a", "a: 7 # r\nb: 2\n"),
        ("\ufeffa: 1\n", "a", "\ufeffa: 7\n"),
    ],
)
def test_shapes_of_yaml(text: str, path: str, expected: str) -> None:
    """Flow and block, CRLF, block text, anchors, no last line break: each keeps its shape."""
    assert set_value(text, path, "7") == expected


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("train.stpes", "train.steps"),
        ("stpes", "train.steps"),
        ("steps", "train.steps"),
        ("lr", "train.lr"),
        ("dataset.0.folder_path", "datasets[0].folder_path"),
        ("adapter.type", "no adapter section"),
        ("datasets[3].folder_path", "count from 0"),
        ("train.steps.more", ""),
        ("", "train.steps"),
        ("a..b", "train.steps"),
    ],
)
def test_a_wrong_path_names_the_nearest(path: str, hint: str) -> None:
    """A path to nothing is refused with the one that was most likely meant."""
    with pytest.raises(UsageError) as caught:
        set_value(FLUX, path, "1")
    assert hint in f"{caught.value.message} {caught.value.hint}"


def test_a_broken_text_is_not_touched() -> None:
    """Setting a value in something that is no YAML says where it is broken."""
    with pytest.raises(UsageError, match="line 1, column 4"):
        set_value("a: [1\n", "a", 1)


def test_get_value_gives_python_data() -> None:
    """Scalars, lists and sections come as Python values, with the trainer's reading of 1e-4."""
    assert get_value(FLUX, "train.lr") == 1e-4
    assert get_value(FLUX, "datasets[0].resolution") == [512, 768, 1024]
    assert get_value(FLUX, "train.ema_config") == {"use_ema": True, "ema_decay": 0.99}
    assert get_value("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", "c") == {"b": 1, "d": 2}
    with pytest.raises(UsageError):
        get_value(FLUX, "train.nothing")


def test_an_alias_bomb_is_not_expanded() -> None:
    """Reading a value that repeats itself a billion times is refused."""
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20)
    )
    with pytest.raises(UsageError, match="aliases written out"):
        get_value(bomb, "a19")


# Diff, changes, summary ------------------------------------------------------------------------


def test_diff_gives_lines_with_numbers() -> None:
    """A changed line is removed and added with its numbers; far lines are folded."""
    new = set_value(FLUX, "train.steps", "50")
    lines = diff(FLUX, new, context=1)
    assert [line.kind for line in lines] == ["gap", "same", "removed", "added", "same", "gap"]
    removed, added = lines[2], lines[3]
    assert removed.text.strip().startswith("steps: 2000")
    assert removed.old == added.new == FLUX[: FLUX.index("steps: 2000")].count("\n") + 1
    assert lines[0].text == f"{(removed.old or 0) - 2} unchanged lines"
    assert diff(FLUX, FLUX) == []


@given(
    st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12)
)
def test_diff_holds_both_texts(old: list[str], new: list[str]) -> None:
    """Same and removed lines are the old text, same and added lines the new one."""
    before, after = "\n".join([*old, ""]), "\n".join([*new, ""])
    lines = diff(before, after, context=99)
    if lines:
        assert [x.text for x in lines if x.kind != "added"] == before.split("\n")[:-1]
        assert [x.text for x in lines if x.kind != "removed"] == after.split("\n")[:-1]


def test_diff_shows_what_cannot_be_seen() -> None:
    """A changed line ending and a missing last line break are differences that can be read."""
    assert [line.kind for line in diff("a\r\n", "a\n")] == ["removed", "added"]
    removed, added = diff("a\n", "a")
    assert removed.text != added.text


def test_changes_are_told_by_key() -> None:
    """In words: the key, the old value and the new; remarks and layout do not count."""
    new = set_value(set_value(FLUX, "train.steps", "50"), "trigger_word", "x")
    new = new.replace("# total number of steps", "# steps")
    assert [str(c) for c in changes(FLUX, new)] == [
        "train.steps 2000 → 50",
        "trigger_word (none) → x",
    ]
    assert [str(c) for c in changes(new, FLUX)] == [
        "train.steps 50 → 2000",
        "trigger_word x → (none)",
    ]


def test_summary_says_what_a_job_will_do() -> None:
    """Steps, checkpoints, samples, rate, rank, sizes and datasets, as far as the config says."""
    facts = summary(FLUX)
    assert facts == {
        "name": "my_first_flux_lora_v1",
        "steps": 2000,
        "save_every": 250,
        "sample_every": 250,
        "samples": 10,
        "lr": 1e-4,
        "rank": 16,
        "batch_size": 1,
        "resolution": [512, 768, 1024],
        "datasets": ["/path/to/images/folder"],
        "model": "black-forest-labs/FLUX.1-dev",
    }
    assert summary("a: [")["steps"] is None


def test_a_single_unchanged_line_is_not_left_out() -> None:
    """Where one line alone would be left out, it is shown: the word for it takes as much room."""
    old = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n"
    assert diff(old, old.replace("e: 5", "e: 6"))[0].text == "a: 1"
    longer = "z: 0\n" + old
    first = diff(longer, longer.replace("e: 5", "e: 6"))[0]
    assert (first.kind, first.text) == ("gap", "2 unchanged lines")
