"""What is sent to the terminal makes it show what was asked for, in the fewest bytes."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trainer_tui.tui.output import Shadow

WIDTH, HEIGHT = 24, 5
STYLES = [
    None,
    Style.parse("red"),
    Style.parse("bold green on blue"),
    Style.parse("#123456 on #654321"),
    Style.parse("reverse underline"),
]
TEXTS = st.text(alphabet="ab ×●█⣿日本", min_size=1, max_size=12)
PAINTS = st.lists(
    st.tuples(
        st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), TEXTS, st.sampled_from(STYLES)
    ),
    max_size=12,
)


def _full_row(text: str, style: Style | None) -> Strip:
    return Strip([Segment(text, style)]).adjust_cell_length(WIDTH)


def _screen(*frames: str) -> list[list[tuple[str, str, str, bool]]]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(screen)
    for frame in frames:
        stream.feed(frame)
    return [
        [
            (
                screen.buffer[y][x].data,
                screen.buffer[y][x].fg,
                screen.buffer[y][x].bg,
                screen.buffer[y][x].bold,
            )
            for x in range(WIDTH)
        ]
        for y in range(HEIGHT)
    ]


@given(st.lists(st.lists(st.tuples(TEXTS, st.sampled_from(STYLES)), min_size=5, max_size=5)))
def test_differences_add_up_to_the_whole(frames: list[list[tuple[str, Style | None]]]) -> None:
    """A terminal fed with every difference shows the same as one fed with the last frame whole."""
    shadow = Shadow(WIDTH, HEIGHT)
    sent = []
    for frame in frames:
        for y, (text, style) in enumerate(frame):
            shadow.paint(0, y, _full_row(text, style), ColorSystem.TRUECOLOR)
        sent.append(shadow.flush())
    fresh = Shadow(WIDTH, HEIGHT)
    for y, (text, style) in enumerate(frames[-1] if frames else []):
        fresh.paint(0, y, _full_row(text, style), ColorSystem.TRUECOLOR)
    assert _screen(*sent) == _screen(fresh.flush())


@given(PAINTS)
def test_the_same_again_sends_nothing(paints: list[tuple[int, int, str, Style | None]]) -> None:
    """Painting what is there already costs not one byte."""
    shadow = Shadow(WIDTH, HEIGHT)
    for _ in range(2):
        for y in range(HEIGHT):
            shadow.paint(0, y, _full_row(f"row {y}", STYLES[y]), ColorSystem.TRUECOLOR)
        shadow.flush()
    for y in range(HEIGHT):
        shadow.paint(0, y, _full_row(f"row {y}", STYLES[y]), ColorSystem.TRUECOLOR)
    assert shadow.flush() == ""
    for x, y, text, style in paints:
        shadow.paint(x, y, Strip([Segment(text, style)]), ColorSystem.TRUECOLOR)
    shadow.flush()
    for x, y, text, style in paints[-1:]:
        shadow.paint(x, y, Strip([Segment(text, style)]), ColorSystem.TRUECOLOR)
    assert shadow.flush() == ""


def test_one_changed_letter_costs_a_few_bytes() -> None:
    """A letter that changes in the middle of a coloured row sends a jump, a colour and itself."""
    shadow = Shadow(80, 3)
    row = Strip([Segment("progress 41%", STYLES[3])]).adjust_cell_length(80)
    shadow.paint(0, 1, row, ColorSystem.TRUECOLOR)
    shadow.flush()
    row = Strip([Segment("progress 42%", STYLES[3])]).adjust_cell_length(80)
    shadow.paint(0, 1, row, ColorSystem.TRUECOLOR)
    frame = shadow.flush()
    assert "2" in frame
    assert len(frame) < 55


def test_a_strip_beyond_the_edge_is_cut() -> None:
    """Nothing is written past the last column or below the last row."""
    shadow = Shadow(4, 2)
    shadow.paint(2, 0, Strip([Segment("abcdef")]), ColorSystem.TRUECOLOR)
    shadow.paint(0, 9, Strip([Segment("lost")]), ColorSystem.TRUECOLOR)
    frame = shadow.flush()
    assert "ab" in frame
    assert "c" not in frame.replace("\x1b[", "")
    assert "lost" not in frame
