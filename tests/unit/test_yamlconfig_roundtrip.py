"""One value changed, every other byte as it was: at every path of every real config, in all the
shapes that a text can have."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core.yamlconfig import Document, Scalar, get_value, parse, set_value, written
from trainer_tui.core.yamlconfig.nodes import value_start
from trainer_tui.core.yamlconfig.values import data, values

CONFIGS = sorted((Path(__file__).parent.parent / "fixtures" / "configs").glob("*.yaml"))
EXTRA = """\
# all the ways to write a text
extra:
  plain: some words here # a remark
  folded_over: first
    second
    third
  single: 'it''s'
  double: "a \\"b\\" \\u00e9"   # two
  literal: |
    one

    two
  folded: >-
    one
    two

  kept: |+
    one


  indented: |2
      one
  empty:
  tagged: !!str 5
  anchored: &five 5
  flow: {a: 1, "b": 'x', c: [1, two, 'three'], d: {e: f}}
  many:
  - one
  -   two # remark
  - - three
    - 'four'
  -
    key: value
  ? asked
  : answered
  unicode: "🐈 ü"   # 🐈
  last: |
    the end
"""
VALUES: list[object] = [
    50, -1e-5, True, None, "some text", "no", "012", "a: b # c", "[512, 768]", "it's", '"x"', "é🐈",
    "- a", "", " ", "*x", "%", "#",
]  # fmt: skip


def crlf(text: str) -> str:
    """The text with the line breaks of Windows."""
    return text.replace("\n", "\r\n")


SHAPES = {
    "as-it-is": lambda text: text,
    "crlf": crlf,
    "no-last-break": lambda text: text.rstrip("\n"),
    "crlf-no-last-break": lambda text: crlf(text.rstrip("\n")),
    "byte-order-mark": lambda text: "\ufeff" + text,
    "blank-lines-at-the-end": lambda text: text + "\n\n  \n# end\n",
}


@cache
def read(text: str) -> tuple[Document, dict[tuple[str | int, ...], object]]:
    """A text that is changed in many ways: its tree, and the value at each path."""
    document = parse(text)
    return document, {path: data(node) for path, node in values(document)}


def is_kept(text: str, path: tuple[str | int, ...], value: object) -> None:
    """Change one value; all bytes before and behind it, and all other values, are as they were."""
    document, old = read(text)
    node = document.at(*path)
    assert isinstance(node, Scalar)
    changed = set_value(text, written(path), value)
    start = value_start(text, node)
    assert changed.startswith(text[:start])
    assert changed.endswith(text[node.end :])
    assert len(changed) >= start + len(text) - node.end
    again = parse(changed)
    assert not again.broken
    before = {one: value for one, value in old.items() if one != path}
    after = {one: data(new) for one, new in values(again) if one[: len(path)] != path}
    assert after == before
    if not isinstance(value, str) and node.tag is None:
        got = get_value(changed, written(path))
        assert got == value and type(got) is type(value)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_path_of_the_real_configs(config: Path, shape: str) -> None:
    """Each scalar in turn, list items included, gets another value.

    Each in one of the six shapes, the last one, where the shapes differ most, in all of them;
    HYPOTHESIS_PROFILE=thorough tries each in all.
    """
    text = SHAPES[shape](config.read_bytes().decode())
    leaves = [path for path, node in values(parse(text)) if isinstance(node, Scalar)]
    assert len(leaves) > 40
    shift, every = list(SHAPES).index(shape), 1 if settings().max_examples > 100 else 6
    for number, path in enumerate(leaves):
        if number % every == shift % every or path == leaves[-1]:
            is_kept(text, path, VALUES[number % len(VALUES)])


@pytest.mark.parametrize("shape", SHAPES)
def test_every_way_to_write_a_value(shape: str) -> None:
    """Quoted and block texts, flow and block lists, anchors and tags: each with each value.

    Each place gets each value in one of the six shapes, the last one, where the shapes differ
    most, in all of them; HYPOTHESIS_PROFILE=thorough tries everything.
    """
    text = SHAPES[shape](EXTRA)
    leaves = [path for path, node in values(parse(text)) if isinstance(node, Scalar)]
    assert len(leaves) >= 25
    shift, every = list(SHAPES).index(shape), 1 if settings().max_examples > 100 else 6
    for number, path in enumerate(leaves):
        mine = VALUES if path == leaves[-1] else VALUES[(number + shift) % every :: every]
        for value in mine:
            is_kept(text, path, value)


@HALF
@given(
    st.sampled_from(CONFIGS),
    st.sampled_from(list(SHAPES)),
    st.integers(0, 10_000),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=30)
    | st.integers()
    | st.floats(allow_nan=False),
)
def test_any_value_at_any_path(config: Path, shape: str, number: int, value: object) -> None:
    """The same with whatever value."""
    text = SHAPES[shape](config.read_bytes().decode() + EXTRA)
    leaves = [path for path, node in values(parse(text)) if isinstance(node, Scalar)]
    is_kept(text, leaves[number % len(leaves)], value)


def test_a_change_and_back_gives_the_same_bytes() -> None:
    """What was written before, set again, restores the text byte for byte."""
    for config in CONFIGS:
        text = config.read_bytes().decode()
        for path, node in values(parse(text)):
            if isinstance(node, Scalar):
                source = text[value_start(text, node) : node.end]
                changed = set_value(text, written(path), 7)
                assert set_value(changed, written(path), source) == text
