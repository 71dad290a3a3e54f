"""Rows that scrolled are moved by the terminal, and it still shows exactly what was wanted."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trainer_tui.tui.output import Shadow
from trainer_tui.tui.scrolling import find, scroll

WIDTH, HEIGHT = 40, 14
RED = Style.parse("red on blue")


class Terminal:
    """A shadow with scrolling, and the terminal that it talks to."""

    def __init__(self) -> None:
        self.shadow = Shadow(WIDTH, HEIGHT)
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)

    def show(self, rows: list[str]) -> int:
        """Show rows; gives how many bytes that took."""
        for y, row in enumerate(rows):
            style = RED if "!" in row else None
            strip = Strip([Segment(row, style)]).adjust_cell_length(WIDTH)
            self.shadow.paint(0, y, strip, ColorSystem.TRUECOLOR)
        sent = scroll(self.shadow) + self.shadow.flush()
        self.stream.feed(sent)
        return len(sent.encode())

    def seen(self) -> list[tuple[str, str]]:
        """Text and ground of every row."""
        return [
            (row.rstrip(), self.screen.buffer[y][3].bg) for y, row in enumerate(self.screen.display)
        ]


def framed(lines: list[str]) -> list[str]:
    """Lines inside a frame, below a title, above a status line."""
    body = [f"│ {line:<{WIDTH - 4}} │"[:WIDTH] for line in lines[: HEIGHT - 2]]
    body += [f"│{'':{WIDTH - 2}}│"] * (HEIGHT - 2 - len(body))
    return ["title", *body, "status"]


def log(first: int) -> list[str]:
    return [
        f"{n:>4}  line {n} {'!' if n % 5 == 0 else ''}{n * 7919 % 1000}"
        for n in range(first, first + 12)
    ]


windows = st.lists(st.integers(0, 30), min_size=1, max_size=6)
shuffled = st.lists(
    st.lists(st.sampled_from(["", "a", "b", "c!", "漢字", "d" * 30]), max_size=12), max_size=5
)


@given(windows, shuffled)
def test_the_terminal_shows_what_was_wanted(starts: list[int], noise: list[list[str]]) -> None:
    """Whatever scrolled where, a terminal fed with the differences shows the last frame."""
    frames = [framed(log(start)) for start in starts] + [framed(rows) for rows in noise]
    one, whole = Terminal(), Terminal()
    for frame in [*frames, *reversed(frames)]:
        one.show(frame)
    whole.show(frames[0])
    assert one.seen() == whole.seen()


def test_a_new_line_costs_little() -> None:
    """One line further is a scroll and that line, not every line again."""
    terminal = Terminal()
    terminal.show(framed(log(0)))
    assert terminal.show(framed(log(1))) < 120


def test_one_line_back_costs_little() -> None:
    """And so is one line back."""
    terminal = Terminal()
    terminal.show(framed(log(10)))
    assert terminal.show(framed(log(9))) < 120


def test_what_did_not_scroll_is_left_alone() -> None:
    """A change of a few cells is no scroll."""
    rows = framed(log(0))
    assert find(rows, rows, list(range(HEIGHT))) is None
    changed = [*rows[:3], "│ another", *rows[4:]]
    assert find(changed, rows, [3]) is None
    assert find(framed([]), rows, list(range(HEIGHT))) is None
