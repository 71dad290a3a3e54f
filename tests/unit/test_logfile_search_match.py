"""Finding lines many at once: the same lines as one at a time."""

from __future__ import annotations

import re
import warnings
from unittest import mock

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from tests.unit.test_logfile_lines import LOGS
from trainer_tui.core.logfile import neighbours
from trainer_tui.core.logfile.bulk import WHOLE, texts
from trainer_tui.core.logfile.errorlines import ErrorMatcher
from trainer_tui.core.logfile.line import resolve
from trainer_tui.core.logfile.matcher import Matcher, numbers
from trainer_tui.core.logfile.plan import Plan
from trainer_tui.core.logfile.tally import Tally


class NoWatch:
    """Lets everything take as long as it does."""

    def begin(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


_ATOMS = st.sampled_from(
    [
        *("a", "A", "b", "B", "i", "s", "K", "ß", "İ", "ſ", " ", ".", "0", "1", r"\.", "x", r"\n"),
        *(r"\d", r"\w", r"\s", r"\S", r"\W", r"\D", "[ab]", "[^a]", "[A-C]", "[^A-B]", r"[\s,]"),
        *(r"[\W]", r"[^\s]", r"[\x00-b]", r"[^\x00-B]", "[^x]", "(?i:a)", "(?-i:B)", "(?s:.)"),
        *("^", "$", r"\b", r"\B", r"\A", r"\Z", "(?=a)", "(?!b)", "(?<=a)", r"(?<!\s)"),
    ]
)
_TIMES = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "*?", "+?", "++"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, _TIMES).map(lambda parts: f"({parts[0]}){parts[1]}"),
        st.tuples(inner, inner).map(lambda parts: f"(?:{parts[0]}|{parts[1]})"),
        inner.map(lambda part: f"(?>{part})"),
        inner.map(lambda part: rf"({part})\1"),
    )


_TIMED = st.tuples(_ATOMS, _TIMES).map("".join)
EXPRESSIONS = st.recursive(_TIMED, _larger, max_leaves=6)
_ASCII = st.text(alphabet="aAbBiIsSkK 01.xX,-", max_size=6)
_ANY = st.text(alphabet="aAbBiIsSkKßİſK 01.xX,-\ufffd", max_size=6)
LINES = st.one_of(st.lists(_ASCII, max_size=9), st.lists(_ANY, max_size=9))


@HALF
@given(EXPRESSIONS, st.sampled_from([0, re.IGNORECASE]), st.lists(LINES, min_size=3, max_size=6))
def test_many_lines_at_once(expression: str, flags: int, logs: list[list[str]]) -> None:
    """Whatever the expression, the quick ways find the lines in which it matches, and only them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matcher = Matcher(expression, flags, NoWatch())
    except re.error:
        assume(False)
    plan = matcher.plan
    for lines in logs:
        expected = [n for n, line in enumerate(lines) if plan.regex.search(line)]
        text = "".join(f"{line}\n" for line in lines)
        assert numbers(text, matcher.lines(text, ())) == expected
        with mock.patch.object(neighbours, "_SPARSE", 0.01):
            assert numbers(text, matcher.lines(text, ())) == expected  # by neighbours
        if plan.blocks is not None:
            found = [match.start() for match in plan.blocks.finditer(text)]
            assert numbers(text, found) == expected
        if plan.quick is not None and text.isascii():
            hay = text.lower() if plan.folds else text
            assert numbers(text, [match.start() for match in plan.quick.finditer(hay)]) == expected
        if expected:
            assert not matcher.rules_out(text.encode())


@HALF
@given(
    LOGS,
    st.sampled_from(
        [
            *("loss", "a b", "loss: 1", "ab|é", "\ufffd", "1 a", "sS", r"[a-z]{3}", r"\w{4,}:"),
            *(r"\S\S+[^ ]", r"[ \d]{3}", r"(\w)\w\w", r"[^a]{4}", r"[A-Z]{2}[A-Z]", r"\W{3}"),
        ]
    ),
)
def test_bytes_that_are_ruled_out_hold_no_hit(data: bytes, expression: str) -> None:
    """What is passed over without being resolved has no line that matches."""
    for flags in (0, re.IGNORECASE):
        matcher = Matcher(expression, flags, NoWatch())
        if matcher.rules_out(data):
            found = [resolve(line).text for line in data.split(b"\n")]
            assert not any(map(matcher.plan.regex.search, found))


@HALF
@given(LOGS)
def test_many_lines_are_resolved_like_each(data: bytes) -> None:
    """The text of many lines is that of each, one after the other."""
    assume(data)
    lines = data.removesuffix(b"\n").split(b"\n")
    assert texts(data) == "".join(f"{resolve(line, limit=WHOLE).text}\n" for line in lines)


@pytest.mark.parametrize(
    ("expression", "flags", "needles"),
    [
        ("loss", 0, [("loss",)]),
        ("Loss", re.IGNORECASE, [("loss",)]),
        (r"loss: \d+\.\d+ lr", 0, [("loss: ",), (" lr",), (".",)]),
        (r"(error|fail(ed)?): \w+", 0, [("error", "fail"), (": ",)]),
        (r"(?:ab)+c?", 0, [("ab",)]),
        (r"a*|b", 0, []),
        (r"\d{4}", 0, []),
        ("(?i)Foo", 0, [("foo",)]),
        ("(?i:foo)bar!", 0, [("bar!",)]),
    ],
)
def test_strings_that_every_match_holds(
    expression: str, flags: int, needles: list[tuple[str, ...]]
) -> None:
    """What must be in a line is read off the expression, and is looked for first."""
    assert Plan(expression, flags).needles == needles


@pytest.mark.parametrize(
    "line",
    [
        *("2025-01-01 ERROR x", "Killed", "fatal: not a repo", "thread 'main' panicked at"),
        *("Segmentation fault (core dumped)", "error: no such option", "Exception in thread"),
        *("torch.cuda.OutOfMemoryError: CUDA out of memory", "CRITICAL x", "out of memory"),
    ],
)
def test_what_is_an_error(line: str) -> None:
    """Common ways in which programs say that something broke."""
    matcher = ErrorMatcher(NoWatch())
    assert matcher.lines(f"{line}\n", ()) == [0]
    assert not matcher.rules_out(line.encode())


@pytest.mark.parametrize(
    "line",
    ["step 1 loss 0.3", "terror", "mean_error=0.1 fine", "error: 0", "errors 0", "KilledBill"],
)
def test_what_is_not(line: str) -> None:
    """Words that only look like it."""
    assert ErrorMatcher(NoWatch()).lines(f"{line}\n", ()) == []


@given(st.lists(st.sampled_from([0, 0, 0, 1, 5]), max_size=700), st.integers(0, 700))
def test_counts_by_block(counts: list[int], cut: int) -> None:
    """Sums, neighbours and ranks agree with the counts, also after some were dropped."""
    tally = Tally()
    tally.resize(len(counts))
    for block, count in enumerate(counts):
        tally.set(block, count)
    tally.resize(min(cut, len(counts)))
    counts = counts[:cut]
    full = [block for block, count in enumerate(counts) if count]
    assert tally.total == sum(counts)
    for block in range(0, len(counts), 97):
        assert tally.before(block) == sum(counts[:block])
        assert tally.next(block) == next((at for at in full if at >= block), None)
        assert tally.previous(block) == next((at for at in reversed(full) if at <= block), None)
    hits = [(block, n) for block, count in enumerate(counts) for n in range(count)]
    for rank in range(0, len(hits) + 1, 13):
        assert tally.find(rank) == (hits[rank] if rank < len(hits) else None)


@pytest.mark.parametrize(
    ("expression", "may", "may_not"),
    [
        ("[A-Z]+:", "an ERROR: here", "INFO  02:46:39 ok"),
        (r"\bF\w+:", "a Fault: x", "INFO aFault"),
        (r"^\d+:\d+ [A-Z]", "10:00 FATAL", "at 10:00 INFO"),
        (r"\d [a-z]+$", "step 9 ended", "9 ended."),
        ("(?i)[k-l]x", "KX", "ax"),
    ],
)
def test_only_lines_with_the_right_neighbours_are_matched(
    expression: str, may: str, may_not: str
) -> None:
    """What stands side by side in every match is looked for first; the other lines are left out."""
    finder = neighbours.Finder(expression, re.compile(expression).flags)
    text = f"{may_not}\n" * 50
    assert finder.lines(text.encode()) == []
    found = finder.lines(f"{text}{may}\n{text}".encode())
    assert found == [(len(text), len(text) + len(may))]
