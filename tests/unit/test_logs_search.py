"""Searching a log: patterns, positions, errors and what is coloured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_tui.core.logs import LogBuffer
from trainer_tui.core.logsearch import (
    _ERROR,
    _ERROR_NEEDLES,
    ErrorSearch,
    PatternError,
    Search,
    compile_pattern,
    tokens,
)

TRACEBACK = """step 1
Traceback (most recent call last):
  File "/app/run.py", line 12, in main
    raise RuntimeError("boom")
RuntimeError: boom
step 2
"""


def buffer_of(text: str, **options: int) -> LogBuffer:
    buffer = LogBuffer(**options)
    buffer.feed(text)
    return buffer


def search(text: str, pattern: str) -> list[int]:
    found = Search(buffer_of(text), compile_pattern(pattern))
    while not found.done:
        found.advance(100)
    return found.hits


@pytest.mark.parametrize(
    ("pattern", "hits"),
    [
        ("loss", [0, 1]),
        ("Loss", [1]),
        (r"\d{3}", [2]),
        (r"^\S+$", [2]),
        ("LOSS", []),
        (r"\Sos", [0, 1]),
    ],
)
def test_smart_case_and_patterns(pattern: str, hits: list[int]) -> None:
    """Small letters find both cases; a capital finds only itself; expressions work per line."""
    assert search("the loss\nLoss down\n123\n", pattern) == hits


@given(st.text(alphabet="aAbß", min_size=1, max_size=3), st.lists(st.text("aAbBß ", max_size=6)))
def test_the_quick_way_finds_the_same(needle: str, lines: list[str]) -> None:
    """Plain words, searched block-wise, are found on exactly the lines where they match."""
    pattern = compile_pattern(needle)
    text = "".join(f"{line}\n" for line in lines)
    assert search(text, needle) == [n for n, line in enumerate(lines) if pattern.search(line)]


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(a+)+$", "(x*y)*"])
def test_bad_patterns_say_why(pattern: str) -> None:
    """A pattern that cannot be used raises with a reason and is never tried."""
    with pytest.raises(PatternError, match=r"\w"):
        compile_pattern(pattern)


def test_next_and_previous_go_round() -> None:
    """From the last hit next leads to the first, and the other way about."""
    found = Search(buffer_of("x\n-\nx\n-\nx\n"), compile_pattern("x"))
    found.advance()
    assert [found.after(0), found.after(1), found.after(4)] == [2, 2, 0]
    assert [found.before(4), found.before(1), found.before(0)] == [2, 0, 4]
    assert [found.position(2), found.position(3)] == [2, 0]


def test_only_what_is_new_is_searched() -> None:
    """Lines that come later are found without going through the rest again."""
    buffer = buffer_of("x\ny\n")
    found = Search(buffer, compile_pattern("x"))
    found.advance()
    buffer.feed("x unfin")
    assert found.done
    buffer.feed("ished\n")
    assert not found.done
    found.advance()
    assert found.hits == [0, 2]


def test_hits_follow_dropped_lines() -> None:
    """When old lines go, their hits go, and the rest keep their numbers."""
    buffer = LogBuffer(max_lines=10)
    found = Search(buffer, compile_pattern("x"))
    for n in range(40):
        buffer.feed(f"x{n}\n")
        found.advance()
    found.drop()
    assert found.hits
    assert all(buffer.line(n).startswith(("x", "3")) for n in found.hits)
    assert found.hits[0] >= buffer.first


def test_a_traceback_counts_once() -> None:
    """Errors are found at their first line, a whole traceback as one."""
    text = TRACEBACK + "ERROR: disk full\n0 errors so far\n" + TRACEBACK
    found = ErrorSearch(buffer_of(text))
    found.advance()
    assert found.hits == [1, 6, 9]


def test_a_traceback_split_over_two_pieces() -> None:
    """An error search that meets half a traceback takes the other half as the same one."""
    buffer = LogBuffer()
    found = ErrorSearch(buffer)
    for line in TRACEBACK.splitlines(keepends=True):
        buffer.feed(line)
        found.advance()
    assert found.hits == [1]


@pytest.mark.parametrize(
    "line",
    [
        "2025-01-01 ERROR x",
        "torch.cuda.OutOfMemoryError: CUDA out of memory",
        "Killed",
        "fatal: not a repo",
        "thread 'main' panicked at",
        "Segmentation fault (core dumped)",
        "error: no such option",
        "Exception in thread",
        "CRITICAL x",
    ],
)
def test_what_is_an_error(line: str) -> None:
    """Common ways in which programs say that something broke."""
    assert _ERROR.search(line)
    assert any(needle in line for needle in _ERROR_NEEDLES)


@pytest.mark.parametrize(
    "line",
    ["step 1 loss 0.3", "terror", "mean_error=0.1 fine", "error: 0", "errors 0", "KilledBill"],
)
def test_what_is_not(line: str) -> None:
    """Words that only look like it."""
    assert not _ERROR.search(line)


def test_tokens_of_a_training_line() -> None:
    """Time, level and numbers are told apart; digits inside words are left alone."""
    line = "2025-11-22 10:00:12,123 INFO step 12 loss: 3.1e-01 model_v2 48% 1.38s/it nan"
    assert [(line[a:b], kind) for a, b, kind in tokens(line)] == [
        ("2025-11-22 10:00:12,123", "time"),
        ("INFO", "info"),
        ("12", "number"),
        ("3.1e-01", "number"),
        ("48%", "number"),
        ("1.38s/it", "number"),
        ("nan", "number"),
    ]


def test_tokens_of_a_frame() -> None:
    """A traceback's frame gives its path and line."""
    line = '  File "/app/run.py", line 12, in main'
    assert [(line[a:b], kind) for a, b, kind in tokens(line)] == [
        ('  File "', "frame"),
        ("/app/run.py", "path"),
        ("12", "number"),
    ]
