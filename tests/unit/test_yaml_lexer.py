"""Colouring YAML line by line: every part gets its kind, and nothing depends on lines below."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.tui.yaml_lexer import START, Lexed, lex, visible

CONFIGS = sorted((Path(__file__).parent.parent / "fixtures" / "configs").glob("*.yaml"))


def parts(line: str) -> list[tuple[str, str]]:
    """The coloured parts of a line as text and kind."""
    return [(line[a:b], kind) for a, b, kind in lex(line)[0]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("steps: 2000  # many", [("steps", "key"), (":", "punctuation"), ("2000", "number"),
                                 ("# many", "comment")]),
        ("lr: 1e-4", [("lr", "key"), (":", "punctuation"), ("1e-4", "number")]),
        ("- type: 'x'", [("-", "punctuation"), ("type", "key"), (":", "punctuation"),
                         ("'x'", "string")]),
        ("  a: true", [("a", "key"), (":", "punctuation"), ("true", "constant")]),
        ("a: [1, no]", [("a", "key"), (":", "punctuation"), ("[", "punctuation"), ("1", "number"),
                        (",", "punctuation"), ("no", "constant"), ("]", "punctuation")]),
        ("a: b c#d # e", [("a", "key"), (":", "punctuation"), ("b c#d", "plain"),
                          ("# e", "comment")]),
        ("url: http://x/y", [("url", "key"), (":", "punctuation"), ("http://x/y", "plain")]),
        ("a: &x *y", [("a", "key"), (":", "punctuation"), ("&x", "anchor"), ("*y", "anchor")]),
        ('"k": "v"', [('"k"', "key"), (":", "punctuation"), ('"v"', "string")]),
        ("# all of it: 1", [("# all of it: 1", "comment")]),
        ("---", [("---", "punctuation")]),
        ("", []),
    ],
)  # fmt: skip
def test_parts_of_a_line(line: str, expected: list[tuple[str, str]]) -> None:
    """Keys, values of each kind, remarks and signs are told apart."""
    assert parts(line) == expected


def test_block_text_and_open_quotes_go_on() -> None:
    """A block text lasts while the indent does; a quote lasts until it is closed."""
    lines = ["a: |  # text", "  one: 1", "", "  two", "b: 'x", "  y: 1", "  z' # end", "c: 1"]
    lexed = Lexed()
    kinds = [[kind for _, _, kind in lexed.spans(lines, row)] for row in range(len(lines))]
    assert kinds[1] == ["string"] and kinds[2] == [] and kinds[3] == ["string"]
    assert kinds[5] == ["string"]
    assert kinds[6] == ["string", "comment"]
    assert kinds[7] == ["key", "punctuation", "number"]


def test_a_change_is_followed_from_its_row_on() -> None:
    """After a row changed, it and what follows are coloured anew, whichever is asked first."""
    lines = ["a: 1", "b: 2", "c: 3"]
    lexed = Lexed()
    assert lexed.spans(lines, 2)[0][2] == "key"
    lines[0] = "a: 'open"
    lexed.changed(0)
    assert lexed.spans(lines, 2) == [(0, 4, "string")]
    lines[0] = "a: 1"
    lexed.changed(0)
    assert lexed.spans(lines, 1)[0][2] == "key"
    lexed.changed(0)
    assert lexed.spans(lines, 2)[0][2] == "key", "also where only the rows above it were looked at"


@HALF
@given(st.data())
def test_edits_are_coloured_as_if_read_anew(data: st.DataObject) -> None:
    """After any edits, and looks at any rows between them, a row has the colours it ought to."""
    line = st.sampled_from(
        ["a: 1", "b: 'x", "c'", "d: |", "  e: 1", "f: [1", "]", "", '"', "- - g"]
    )
    lines = data.draw(st.lists(line, min_size=1, max_size=12))
    lexed = Lexed()
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()):
            row = data.draw(st.integers(0, len(lines) - 1))
            assert lexed.spans(lines, row) == Lexed().spans(lines, row)
        top = data.draw(st.integers(0, len(lines) - 1))
        bottom = data.draw(st.integers(top, len(lines) - 1))
        new = data.draw(st.lists(line, min_size=1, max_size=4))
        lines[top : bottom + 1] = new
        lexed.changed(top, bottom, top + len(new) - 1)
    for row in data.draw(st.permutations(range(len(lines)))):
        assert lexed.spans(lines, row) == Lexed().spans(lines, row)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_real_configs_are_covered(path: Path) -> None:
    """Spans never overlap, never leave the line, and leave only blanks out."""
    state = START
    for line in path.read_text().splitlines():
        spans, state = lex(line, state)
        end = 0
        for start, stop, _ in spans:
            assert end <= start < stop <= len(line)
            assert line[end:start].isspace() or start == end
            end = stop
        assert not line[end:].strip()


@pytest.mark.parametrize("text", ["[" * 9000, "a: " * 4000, "- " * 9000, "'" * 9999, "\\" * 9999])
def test_odd_lines_are_quick(text: str) -> None:
    """Nothing that a line can hold takes long."""
    start = time.process_time()
    lex(text)
    assert time.process_time() - start < 0.5


def test_control_characters_are_shown_not_sent() -> None:
    """What a terminal would act on is drawn as a symbol of one cell, in its place."""
    assert visible("a\x1b[31m\x07b") == "a␛[31m␇b"
    assert visible("x\u202ey\x9b") == "x\ufffdy\ufffd"
    assert visible("tab\tstays ü") == "tab\tstays ü"
