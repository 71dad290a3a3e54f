"""What configs differ in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_tui.core.compare import Difference, differences, flatten, told_apart
from trainer_tui.errors import UsageError

ONE = """\
job: extension
config:
  name: one
  process:
    - train: {steps: 2000, lr: 1e-4, seed: null}
      datasets: [{folder_path: /a}]
"""
OTHER = ONE.replace("one", "two").replace("1e-4", "0.0001").replace("2000", "3000")


def test_values_by_their_dotted_keys() -> None:
    """Mappings with dots, lists with numbers, in the config's order."""
    assert flatten(ONE) == {
        "job": "extension",
        "config.name": "one",
        "config.process[0].train.steps": "2000",
        "config.process[0].train.lr": "1e-4",
        "config.process[0].train.seed": "null",
        "config.process[0].datasets[0].folder_path": "/a",
    }


def test_what_is_no_yaml_is_said() -> None:
    """There is nothing to compare then."""
    with pytest.raises(UsageError):
        flatten("a: [")


def test_only_what_differs_with_short_keys() -> None:
    """The same number written otherwise is no difference; what most keys begin with is left out."""
    assert differences([flatten(ONE), flatten(OTHER)]) == [
        Difference("config.name", ("one", "two")),
        Difference("train.steps", ("2000", "3000")),
    ]


def test_a_key_that_is_not_everywhere_stands_beside_its_neighbours() -> None:
    """Keys of the second config are put where they are there."""
    found = differences([{"a": "1", "c": "1"}, {"a": "1", "b": "2", "c": "2"}])
    assert found == [Difference("b", (None, "2")), Difference("c", ("1", "2"))]


def test_one_config_has_no_differences() -> None:
    """It takes two."""
    assert differences([{"a": "1"}]) == []
    assert differences([]) == []


def test_long_values_are_cut_where_they_differ() -> None:
    """Two prompts that begin alike do not look alike."""
    long = "a photo of a dog on a hill at "
    assert told_apart([long + "dawn", long + "dusk"], 12, "…") == ["…at dawn", "…at dusk"]
    assert told_apart(["16", "32", None], 12, "…") == ["16", "32", None]


@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=6), st.integers(4, 30))
def test_no_value_is_longer_than_its_column(values: list[str | None], width: int) -> None:
    """Whatever the values are."""
    shown = told_apart(values, width, "…")
    assert [value is None for value in shown] == [value is None for value in values]
    assert all(value is None or len(value) <= width for value in shown)


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123")), max_size=4))
def test_differences_are_exactly_the_keys_that_differ(configs: list[dict[str, str]]) -> None:
    """As a plain look at every key finds them."""
    keys = {key for config in configs for key in config}
    plain = {key for key in keys if len({config.get(key) for config in configs}) > 1}
    found = differences(configs)
    assert {one.key for one in found} == plain
    assert len(found) == len(plain)


def test_only_those_that_would_look_the_same_lose_their_beginning() -> None:
    """Beside a value that begins otherwise, and one that is not there."""
    one, two = "dog_portrait local/6ahv0c34", "dog_portrait local/6ahtsyvr"
    assert told_apart([one, "cat", None, two, "dog_statue_large"], 15, "…") == [
        *("…l/6ahv0c34", "cat", None, "…l/6ahtsyvr", "dog_statue_lar…"),
    ]
