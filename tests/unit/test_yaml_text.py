"""The editor's document, its view and its search, apart from any screen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Offset

from tests.unit.examples import HALF
from trainer_tui.core.yamlconfig.find import finder
from trainer_tui.errors import UsageError
from trainer_tui.tui.check_child import CheckChild
from trainer_tui.tui.checking import Rules, look
from trainer_tui.tui.widgets.yaml_document import ExactDocument
from trainer_tui.tui.widgets.yaml_view import FoldedView

TEXTS = st.text(alphabet="ab \n\r\t:é漢", max_size=40)


@HALF
@given(TEXTS, st.data())
def test_a_document_keeps_every_byte(text: str, data: st.DataObject) -> None:
    """After any edit the text is the old one with that range replaced, and its width is right."""
    document = ExactDocument(text)
    assert document.text == text
    document.get_size(2)
    for _ in range(data.draw(st.integers(1, 4))):
        lines = document.lines
        ends = []
        for _ in range(2):
            row = data.draw(st.integers(0, len(lines) - 1))
            ends.append((row, data.draw(st.integers(0, len(lines[row])))))
        start, end = sorted(ends)
        new = data.draw(TEXTS)
        starts = [0, *(m.end() for m in re.finditer(r"\r\n|\n|\r", document.text))]
        before = document.text
        at, to = starts[start[0]] + start[1], starts[end[0]] + end[1]
        result = document.replace_range(start, end, new)
        assert document.text == before[:at] + new + before[to:]
        assert result.replaced_text == before[at:to]
        fresh = ExactDocument("")
        fresh._lines = list(document.lines)
        assert document.get_size(2) == fresh.get_size(2)


@given(TEXTS, TEXTS)
def test_the_difference_makes_the_other_text(text: str, other: str) -> None:
    """The one range in which two texts differ, replaced, gives the other; none when they agree."""
    document = ExactDocument(text)
    found = document.difference(other)
    if found is None:
        assert text == other
    else:
        document.replace_range(*found)
        assert document.text == other


def test_only_lines_that_differ_are_replaced() -> None:
    """What is the same above and below is left out of the edit."""
    document = ExactDocument("a\nb\nc\nd\ne\n")
    assert document.difference("a\nb\nX\nd\ne\n") == ((2, 0), (2, 1), "X")
    found = document.difference("a\nb\nd\ne\n")
    assert found is not None
    assert found[0][0] >= 1 and found[1][0] <= 3


@HALF
@given(st.integers(1, 30), st.data())
def test_the_view_shows_what_is_not_folded(count: int, data: st.DataObject) -> None:
    """Rows and their places agree with a plain list of the rows that are not hidden."""
    view = FoldedView(ExactDocument("\n".join("x" * n for n in range(count))))
    for _ in range(data.draw(st.integers(0, 5))):
        first = data.draw(st.integers(0, count - 1))
        view.fold({first: data.draw(st.integers(first, count - 1))})
    hidden = {r for first, last in view.folds.items() for r in range(first + 1, last + 1)}
    seen = [row for row in range(count) if row not in hidden]
    assert view.height == len(seen)
    assert [view.row_at(y) for y in range(len(seen))] == seen
    for row in range(count):
        assert view.hidden(row) == (row in hidden)
        assert view.y_of(row) == max(y for y, r in enumerate(seen) if r <= row)
    for y, row in enumerate(seen):
        assert view.offset_to_location(Offset(0, y)) == (row, 0)
    row = data.draw(st.integers(0, count - 1))
    view.reveal(row)
    assert not view.hidden(row)


@given(st.integers(2, 25), st.data())
def test_folds_move_with_their_lines(count: int, data: st.DataObject) -> None:
    """After an edit a fold that is left begins and ends with the lines it began and ended with."""
    document = ExactDocument("\n".join(f"line{n}" for n in range(count)))
    view = FoldedView(document)
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, count - 2))
        view.fold({first: data.draw(st.integers(first + 1, count - 1))})
    names = {
        first: (document.lines[first], document.lines[last]) for first, last in view.folds.items()
    }
    top = data.draw(st.integers(0, count - 1))
    bottom = data.draw(st.integers(top, count - 1))
    new = "\n".join(["new"] * data.draw(st.integers(1, 4)))
    end = (bottom, len(document.lines[bottom]))
    result = document.replace_range((top, 0), end, new)
    view.wrap_range((top, 0), end, result.end_location)
    for first, last in view.folds.items():
        assert 0 <= first < last < document.line_count
        ends = (document.lines[first], document.lines[last])
        assert ends in names.values() or "new" in ends


def test_smart_case() -> None:
    """Small letters find capitals too; a capital finds only itself; regular expressions as well."""
    lines = ["Lr: 1", "lr: 2", "l.r"]

    def rows(text: str, **options: Any) -> list[int]:
        found = finder(text, **options)
        return [] if found is None else [row for row, _, _ in found.hits(lines)]

    assert rows("lr") == [0, 1]
    assert rows("Lr") == [0]
    assert rows("l.r") == [2]
    assert rows("l.?r", regex=True) == [0, 1, 2]
    assert rows("L.?r", regex=True) == [0]
    assert rows("") == []
    assert rows("x*", regex=True) == []


@pytest.mark.parametrize("text", ["(", "a" * 2_000])
def test_patterns_that_are_refused(text: str) -> None:
    """What is no regular expression is told."""
    with pytest.raises(UsageError):
        finder(text, regex=True)


@pytest.mark.parametrize("text", ["(a+)+$", "(a|a)*c", r"a*a*a*a*a*c"])
def test_an_expression_that_takes_for_ever_is_ended(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interface is never held up for longer than half a second, and what was set stays set."""
    import signal

    from trainer_tui.core.yamlconfig import find

    assert find._PATIENCE == 0.5
    monkeypatch.setattr(find, "_PATIENCE", 0.1)
    before = signal.getsignal(signal.SIGALRM)
    found = finder(text, regex=True)
    assert found is not None
    with pytest.raises(UsageError, match="too long"):
        found.hits(["a" * 4_000 + "b"])
    assert found.row("a" * 4_000 + "b") == ()
    assert signal.getsignal(signal.SIGALRM) is before


def test_replacing_a_line() -> None:
    """All hits of a line are replaced, with groups where there are any."""
    found = finder(r"(\w+)=", regex=True)
    assert found is not None
    assert found.replaced_all("a=1 b=2", r"\1: ") == "a: 1 b: 2"
    plain = finder("a.b")
    assert plain is not None
    assert plain.replaced_all("a.b axb", r"\1") == r"\1 axb"
    with pytest.raises(UsageError):
        found.replaced_all("a=1", r"\7")


def test_the_other_process_finds_what_this_one_does() -> None:
    """The process for long texts tells the same problems and changes; ended, it tells nothing."""
    text = (
        "job: extension\nconfig:\n  name: x\n  process:\n    - type: sd_trainer\n      trane: 1\n"
    )
    child = CheckChild()
    try:
        rules = Rules(base_text=text.replace("trane", "train"))
        here = look(text, rules)
        for _ in range(2):
            there = child.look(text, rules)
            assert there is not None
            assert list(there.problems) == list(here.problems)
            assert there.summary == here.summary
    finally:
        child.close()
    assert child.look(text, rules) is None
