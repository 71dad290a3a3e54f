"""The log model: the same lines however the text was cut, and nothing a terminal would act on."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainer_tui.core.logs import PLAIN, LogBuffer, Sgr
from trainer_tui.model import LogChunk

FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")

nasty = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    "\n",
                    "\r",
                    "\r\n",
                    "\t",
                    "\x1b",
                    "\x1b[",
                    "\x1b[31m",
                    "\x1b[0m",
                    "\x1b[1;38;5;9m",
                ),
                *(
                    "\x1b[48;2;1;2;3m",
                    "\x1b]0;title\x07",
                    "\x1b]8;;http://x\x1b\\",
                    "\x1bP",
                    "\x9b",
                ),
                *("\x9d", "\x9c", "\x07", "\x08", "\x00", "\u202e", "\ufeff", "\ud800", "m", "[2K"),
                *("0;", "\\", "é", "漢", "abc", "  ", "100%|███| 5/5", "\x1b[ 1", "\x1b(B"),
            ]
        ),
        st.text(max_size=4),
    ),
    max_size=40,
).map("".join)


def lines_of(buffer: LogBuffer) -> list[tuple[str, object]]:
    return [(buffer.line(n), buffer.spans(n)) for n in range(buffer.first, buffer.end)]


def fed(*pieces: str) -> list[str]:
    buffer = LogBuffer()
    for piece in pieces:
        buffer.feed(piece)
    return [buffer.line(n) for n in range(buffer.end)]


@given(nasty, st.lists(st.integers(0, 200), max_size=8))
@example("\x1b" * 3 + "[31mx", [1, 2])
@example("a\r\nb", [2])
def test_cutting_makes_no_difference(text: str, cuts: list[int]) -> None:
    """Fed in any pieces, a log has the lines and colours that it has when fed at once."""
    whole = LogBuffer()
    whole.feed(text)
    pieces = LogBuffer()
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    for start, stop in pairwise(edges):
        pieces.feed(text[start:stop])
    assert lines_of(pieces) == lines_of(whole)


@given(nasty)
def test_nothing_a_terminal_acts_on_survives(text: str) -> None:
    """No control, bidi or surrogate character is left in any line, and spans fit their line."""
    buffer = LogBuffer()
    buffer.feed(text)
    for line, spans in lines_of(buffer):
        assert not FORBIDDEN.search(line)
        line.encode()  # no lone surrogates
        ends = [edge for start, stop, _ in spans for edge in (start, stop)]  # type: ignore[attr-defined]
        assert ends == sorted(ends)
        assert all(0 <= end <= len(line) for end in ends)


@given(st.text(alphabet="ab\n", max_size=60), st.integers(1, 60))
def test_first_changed_is_honest(text: str, cut: int) -> None:
    """Lines before ``first_changed`` are as they were."""
    buffer = LogBuffer()
    buffer.feed(text[:cut])
    before = lines_of(buffer)
    change = buffer.feed(text[cut:])
    assert lines_of(buffer)[: change.first_changed] == before[: change.first_changed]


def test_progress_bar_is_one_line() -> None:
    """A bar that moved a hundred times is the line that it ended as."""
    bar = "".join(f"\r{n:3d}%|{'█' * (n // 10):10}|" for n in range(101))
    assert fed(f"start\n{bar}\nend\n") == ["start", "100%|██████████|", "end"]


def test_unfinished_bar_shows_its_last_state() -> None:
    """Between two states, after a bare carriage return, the last state stays to be seen."""
    assert fed("\r10%|#\r20%|##\r") == ["20%|##"]


def test_windows_line_ends() -> None:
    """``\\r\\n`` is a line end, also when it falls between two pieces."""
    assert fed("one\r", "\ntwo\r\n") == ["one", "two"]


def test_colours_are_kept_as_spans() -> None:
    """16, 256 and true colours, and attributes, carried over line ends until they are reset."""
    buffer = LogBuffer()
    buffer.feed("a\x1b[1;31mb\nc\x1b[0md\x1b[38;5;208me\x1b[48;2;1;2;3mf\x1b[m\n")
    red = Sgr(foreground=1, bold=True)
    orange = Sgr(foreground=208)
    assert lines_of(buffer) == [
        ("ab", ((1, 2, red),)),
        ("cdef", ((0, 1, red), (2, 3, orange), (3, 4, orange._replace(background=(1, 2, 3))))),
    ]


@pytest.mark.parametrize("arguments", ["38;5;999", "38;2;1", "38", "999", ";;;", "?25", "4:3:2"])
def test_nonsense_colours_do_no_harm(arguments: str) -> None:
    """SGR arguments that mean nothing leave the text readable."""
    assert fed(f"\x1b[{arguments}mtext\n") == ["text"]


def test_other_escapes_vanish() -> None:
    """Titles, links, cursor moves, clipboard writes and device strings leave no trace."""
    assert fed(
        "\x1b]52;c;Zm9v\x07a\x1b[2J\x1b[1A\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\\x1bPq#0\x1b\\c\n"
    ) == ["abc"]


def test_an_unfinished_string_ends_with_its_line() -> None:
    """A title sequence that nobody ends swallows at most the rest of its line."""
    assert fed("a\x1b]0;never ended\nnext\n") == ["a", "next"]


def test_tabs_line_up() -> None:
    """Tabs go to columns of eight, also across pieces."""
    assert fed("a\tb", "c\td\n") == ["a       bc      d"]


def test_a_line_of_ten_megabytes() -> None:
    """A huge line is cut for display, says so, and does not hold the memory."""
    buffer = LogBuffer()
    for _ in range(160):
        buffer.feed("x" * 65_536)
    buffer.feed("\nnext\n")
    assert buffer.line(0).endswith(" … 10,469,376 more characters")
    assert len(buffer.line(0)) < 17_000
    assert buffer.line(1) == "next"


def test_a_huge_line_in_one_piece_is_cut_alike() -> None:
    """The quick way for plain text cuts as the careful one does."""
    assert fed("first\n" + "x" * 20_000 + "\nlast\n") == fed("first\n", "x" * 20_000, "\nlast\n")


def test_held_escape_does_not_grow() -> None:
    """An escape sequence without an end, fed for ever, is held in short and ends as it would."""
    buffer = LogBuffer()
    buffer.feed("a\x1b]0;")
    for _ in range(50):
        buffer.feed("y" * 1000)
    assert len(buffer._held) < 2000
    buffer.feed("\x07b\n")
    assert buffer.line(0) == "ab"
    buffer.feed("\x1b[")
    for _ in range(50):
        buffer.feed("1;" * 1000)
    assert len(buffer._held) < 3000
    buffer.feed("mred\n")
    assert (buffer.line(1), buffer.spans(1)) == ("red", ())


def test_old_lines_are_dropped_and_counted() -> None:
    """Beyond the cap the oldest go; numbers stay what they were; a note says how many went."""
    buffer = LogBuffer(max_lines=100)
    dropped = 0
    for n in range(1000):
        dropped += buffer.feed(f"line {n}\n").dropped
    assert len(buffer) <= 100
    assert buffer.first == dropped
    assert buffer.line(999) == "line 999"
    assert buffer.line(buffer.first + 1) == f"line {buffer.first + 1}"
    assert buffer.is_note(buffer.first)
    assert buffer.line(buffer.first) == f"{buffer.first + 1:,} earlier lines are not kept"


def chunk(text: str, offset: int, *, reset: bool = False, complete: bool = False) -> LogChunk:
    return LogChunk(text, offset, offset + len(text.encode()), reset, complete)


def test_gap_is_marked() -> None:
    """Bytes that never came are named where they are missing."""
    buffer = LogBuffer()
    buffer.feed_chunk(chunk("one\ntw", 0))
    change = buffer.feed_chunk(chunk("nine\n", 1_006))
    assert [line for line, _ in lines_of(buffer)] == [
        "one",
        "tw",
        "1,000 bytes of the log are missing here",
        "nine",
    ]
    assert buffer.is_note(2)
    assert change.first_changed == 1


def test_a_tail_says_what_lies_before_it() -> None:
    """A log that is read from near its end begins with a note."""
    buffer = LogBuffer()
    buffer.feed_chunk(chunk("last\n", 5_000))
    assert buffer.line(0) == "the log begins 5,000 bytes earlier"


def test_overlap_is_not_shown_twice() -> None:
    """A piece that repeats what is held adds only the rest."""
    buffer = LogBuffer()
    buffer.feed_chunk(chunk("öne\ntwo\n", 0))
    buffer.feed_chunk(chunk("two\nthree\n", 5))
    buffer.feed_chunk(chunk("öne\n", 0))
    assert [line for line, _ in lines_of(buffer)] == ["öne", "two", "three"]


def test_reset_begins_anew() -> None:
    """A truncated log is read as a new one."""
    buffer = LogBuffer()
    buffer.feed_chunk(chunk("old\nlines\n", 0))
    change = buffer.feed_chunk(chunk("new\n", 0, reset=True, complete=True))
    assert (change.reset, change.first_changed) == (True, 0)
    assert [line for line, _ in lines_of(buffer)] == ["new"]
    assert buffer.complete


def test_nothing_new_changes_nothing() -> None:
    """An empty piece, as a quiet job gives at each poll, names no changed line."""
    buffer = LogBuffer()
    buffer.feed_chunk(chunk("one\ntw", 0))
    assert buffer.feed_chunk(chunk("", 6)).first_changed == buffer.end


def test_text_for_saving() -> None:
    """The text is the clean lines, the unfinished one included."""
    buffer = LogBuffer()
    buffer.feed("\x1b[32mone\x1b[0m\n\r1%\r2%")
    assert buffer.text() == "one\n2%\n"


def test_plain_spans_are_none() -> None:
    """Text without colour costs no span."""
    buffer = LogBuffer()
    buffer.feed("\x1b[0mplain\n")
    assert buffer.spans(0) == ()
    assert Sgr() == PLAIN
