"""One raw line: its last state, its colours, and nothing that a terminal would act on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_tui.core.logfile.line import MAX_LINE, MAX_RAW, look_after, resolve, resolve_long
from trainer_tui.core.logfile.lines import PLAIN, Sgr

FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
RED = Sgr(foreground=1)


@given(st.binary(max_size=200).map(lambda data: data.replace(b"\n", b"")))
def test_nothing_a_terminal_acts_on_survives(raw: bytes) -> None:
    """No control or bidi character is left, and spans are in order and fit their line."""
    text, spans, _, _ = resolve(raw, RED)
    assert not FORBIDDEN.search(text)
    ends = [edge for start, stop, _ in spans for edge in (start, stop)]
    assert ends == sorted(ends) and all(0 <= end <= len(text) for end in ends)


@given(st.binary(max_size=60), st.integers(0, 70))
def test_the_limit_only_cuts(raw: bytes, limit: int) -> None:
    """A line cut short is the beginning of the whole one, and says how much is missing."""
    raw = raw.replace(b"\n", b"")
    whole, cut = resolve(raw, RED), resolve(raw, RED, limit)
    assert cut.text == whole.text[:limit]
    assert cut.more == max(0, len(whole.text) - limit)
    assert cut.look == whole.look


def test_a_progress_bar_is_its_last_state() -> None:
    """A bar that moved a hundred times is the line that it ended as."""
    bar = "".join(f"\r{n:3d}%|{'█' * (n // 10):10}|" for n in range(101))
    assert resolve(bar.encode()).text == "100%|██████████|"


@pytest.mark.parametrize("end", [b"\r", b"\r\r", b"\r\x1b[K", b"\r\x1b[31m\r" * 50])
def test_between_two_states_the_last_one_stays(end: bytes) -> None:
    """A return that nothing visible follows takes nothing away, also at a line's end."""
    assert resolve(b"10%|#\r20%|##" + end).text == "20%|##"


def test_colours_are_kept_as_spans() -> None:
    """16, 256 and true colours and attributes, and what is left on for the next line."""
    text, spans, look, _ = resolve(
        b"a\x1b[1;31mb\x1b[0md\x1b[38;5;208me\x1b[48;2;1;2;3mf", Sgr(underline=True)
    )
    orange = Sgr(foreground=208)
    assert text == "abdef"
    assert spans == (
        (0, 1, Sgr(underline=True)),
        (1, 2, Sgr(foreground=1, bold=True, underline=True)),
        (3, 4, orange),
        (4, 5, orange._replace(background=(1, 2, 3))),
    )
    assert look == orange._replace(background=(1, 2, 3))


def test_colours_of_a_state_that_is_gone_still_count() -> None:
    """What an overwritten state switched on is on in the state that is seen."""
    assert resolve(b"\x1b[31mold\rnew").spans == ((0, 3, RED),)


@pytest.mark.parametrize("arguments", ["38;5;999", "38;2;1", "38", "999", ";;;", "?25", "4:3:2"])
def test_nonsense_colours_do_no_harm(arguments: str) -> None:
    """SGR arguments that mean nothing leave the text readable."""
    assert resolve(f"\x1b[{arguments}mtext".encode()).text == "text"


def test_other_escapes_vanish() -> None:
    """Titles, links, cursor moves, clipboard writes and device strings leave no trace."""
    raw = (
        b"\x1b]52;c;Zm9v\x07a\x1b[2J\x1b[1A\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\\x1bPq#0\x1b\\c"
        b"\x1b(B\x1b ]\x1b]0;never ended"
    )
    assert resolve(raw).text == "abc"


def test_tabs_line_up() -> None:
    """Tabs go to columns of eight of what is seen."""
    assert resolve(b"a\tb\x1b[31mc\td").text == "a       bc      d"


def test_bytes_that_are_no_text() -> None:
    """NULs, stray bytes and controls are marks, bells and backspaces nothing at all."""
    assert resolve(b"a\0b\xffc\xe2\x82\x07\x08d\x7f").text == "a\ufffdb\ufffdc\ufffdd\ufffd"


def test_a_long_line_shows_its_beginning_or_its_last_state() -> None:
    """Of a line that is not read whole, the last state near its end counts, else its beginning."""
    plain = b"x" * (3 * MAX_RAW)
    text, _, _, more = resolve_long(plain[:MAX_RAW], plain[-MAX_RAW:], len(plain))
    assert text == "x" * MAX_LINE and more == len(plain) - MAX_LINE
    bars = b"99%\r" * MAX_RAW + b"100%\r"
    found = resolve_long(bars[:MAX_RAW], bars[-MAX_RAW:], len(bars))
    assert (found.text, found.more) == ("100%", 0)
    ends_red = plain + b"\x1b[31m"
    assert resolve_long(plain[:MAX_RAW], ends_red[-MAX_RAW:], len(ends_red)).look == RED


def test_what_an_earlier_line_left_on() -> None:
    """The last word counts, whatever was before a reset."""
    assert look_after(b"\x1b[31mred\nstill\n") == RED
    assert look_after(b"\x1b[31mred\n\x1b[0mplain\n") == PLAIN
    assert look_after(b"\x1b[1mbold\x1b[m \x1b[31mred\n") == RED
    assert look_after("\x9b31mred\n".encode()) == RED
