"""Two edits of one text put together: nothing lost, conflicts only where both wrote."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core.threeway import Agreed, Conflict, conflicts, joined, merge

BASE = "a: 1\nb: 2\nc: 3\nd: 4\n"
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "a: 1"]), max_size=8).map("\n".join)


def test_changes_of_different_lines_are_both_taken() -> None:
    """Neighbouring lines too: each comes from the side that changed it."""
    mine = BASE.replace("b: 2", "b: 20")
    theirs = BASE.replace("c: 3", "c: 30").replace("d: 4\n", "d: 4\ne: 5\n")
    chunks = merge(BASE, mine, theirs)
    assert conflicts(chunks) == []
    assert joined(chunks) == "a: 1\nb: 20\nc: 30\nd: 4\ne: 5\n"


def test_the_same_line_changed_twice_is_a_conflict() -> None:
    """It is chosen; the rest of both sides is in either way."""
    mine = BASE.replace("b: 2", "b: 20").replace("a: 1", "a: 10")
    theirs = BASE.replace("b: 2", "b: 21").replace("d: 4", "d: 40")
    chunks = merge(BASE, mine, theirs)
    assert conflicts(chunks) == [Conflict("b: 2\n", "b: 20\n", "b: 21\n", 2)]
    assert joined(chunks) == "a: 10\nb: 20\nc: 3\nd: 40\n"
    assert joined(chunks, {0: "theirs"}) == "a: 10\nb: 21\nc: 3\nd: 40\n"


def test_the_same_change_on_both_sides_is_none() -> None:
    """What both did alike is done once."""
    mine = BASE.replace("b: 2", "b: 20").replace("a: 1", "a: 10")
    theirs = BASE.replace("b: 2", "b: 20")
    assert merge(BASE, mine, theirs) == [Agreed(mine)]


def test_a_line_taken_away_that_the_other_changed() -> None:
    """Deleting against changing is a conflict."""
    chunks = merge(BASE, BASE.replace("b: 2\n", ""), BASE.replace("b: 2", "b: 20"))
    assert conflicts(chunks) == [Conflict("b: 2\n", "", "b: 20\n", 2)]


def test_two_lines_put_in_at_one_place() -> None:
    """Both put something in at the same place: which, or which first, is a choice."""
    chunks = merge(BASE, BASE + "x: 1\n", BASE + "y: 1\n")
    assert conflicts(chunks) == [Conflict("", "x: 1\n", "y: 1\n", 5)]


def test_a_missing_last_break_joins_no_lines() -> None:
    """A side that took the last break away does not run its line into the other's next."""
    chunks = merge("a\n", "a", "a\nb\n")
    assert joined(chunks) == "a\nb\n"


def test_line_breaks_of_windows_stay() -> None:
    """Carriage returns belong to their lines."""
    base = "a: 1\r\nb: 2\r\n"
    chunks = merge(base, base.replace("1", "10"), base.replace("2", "20"))
    assert joined(chunks) == "a: 10\r\nb: 20\r\n"


@given(TEXTS, TEXTS)
def test_one_side_alone_is_that_side(base: str, other: str) -> None:
    """What only one side changed is exactly that side's text."""
    assert joined(merge(base, other, base)) == other
    assert joined(merge(base, base, other)) == other
    assert joined(merge(base, other, other)) == other


@given(TEXTS, TEXTS, TEXTS)
def test_every_line_comes_from_a_side(base: str, mine: str, theirs: str) -> None:
    """No line is made up, whatever is chosen, and a line that all have stays."""
    chunks = merge(base, mine, theirs)
    count = len(conflicts(chunks))
    known = {*base.split("\n"), *mine.split("\n"), *theirs.split("\n")}
    for side in ("mine", "theirs"):
        text = joined(chunks, dict.fromkeys(range(count), side))
        assert set(text.split("\n")) <= known | {""}


@HALF
@given(st.lists(st.integers(0, 9), min_size=3, max_size=12), st.data())
def test_edits_apart_never_conflict(numbers: list[int], data: st.DataObject) -> None:
    """Each side changes lines of its own, line for line: all changes are in, none conflicts."""
    sides = [data.draw(st.sampled_from("bmt")) for _ in numbers]
    base = [f"k{n}: {v}" for n, v in enumerate(numbers)]

    def of(who: str) -> str:
        return "\n".join(f"{t} {who}" if s in who else t for t, s in zip(base, sides, strict=True))

    chunks = merge("\n".join(base), of("m"), of("t"))
    assert conflicts(chunks) == []
    wanted = [f"{t} {s}" if s in "mt" else t for t, s in zip(base, sides, strict=True)]
    assert joined(chunks) == "\n".join(wanted)
