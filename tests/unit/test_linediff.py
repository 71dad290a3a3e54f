"""Lines compared: what is told of two lists makes one into the other, however long they are."""

from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core import linediff
from trainer_tui.core.linediff import differences

LINES = st.lists(st.sampled_from("abcdefgh"), max_size=40)


def applied(old: list[str], new: list[str]) -> list[str]:
    """The new lines, from the old ones and what differs."""
    out: list[str] = []
    at = 0
    for i1, i2, j1, j2 in differences(old, new):
        out += old[at:i1] + new[j1:j2]
        at = i2
    return out + old[at:]


@HALF
@given(LINES, LINES)
def test_what_differs_makes_one_into_the_other(old: list[str], new: list[str]) -> None:
    """The old lines with the differences put in are the new ones."""
    assert applied(old, new) == new


@HALF
@given(LINES, LINES, st.integers(1, 60))
def test_cutting_at_single_lines_says_the_same_of_it(
    old: list[str], new: list[str], small: int
) -> None:
    """However early a text is cut at the lines that stand in both once, the result is whole."""
    before = linediff._SMALL
    linediff._SMALL = small
    try:
        assert applied(old, new) == new
    finally:
        linediff._SMALL = before


def test_nothing_differs_in_the_same() -> None:
    """The same lines have no differences, and places are told from where they are."""
    assert differences(["a", "b"], ["a", "b"]) == []
    assert differences([], ["a"]) == [(0, 0, 0, 1)]
    assert differences(["a", "b", "c"], ["a", "x", "c"]) == [(1, 2, 1, 2)]


def test_ten_thousand_lines_with_many_differences_are_quick() -> None:
    """Hundreds of scattered differences are found one by one, without comparing all with all."""
    chance = random.Random(3)
    old = [f"{chance.choice('abc')} {n // 3}" for n in range(10_000)]
    new = list(old)
    places = sorted(chance.sample(range(0, 10_000, 5), 300))
    for place in places:
        new[place] = "another"
    began = time.thread_time()
    found = differences(old, new)
    assert time.thread_time() - began < 1.0
    assert [span[0] for span in found] == places


def test_lines_that_all_repeat_are_quick() -> None:
    """Two long texts of a hundred lines in no order end in a bounded time."""
    chance = random.Random(5)
    old, new = ([f"line {chance.randrange(100)}" for _ in range(5_000)] for _ in range(2))
    began = time.thread_time()
    assert applied(old, new) == new
    assert time.thread_time() - began < 2.5
