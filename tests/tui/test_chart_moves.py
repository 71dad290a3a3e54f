"""Zooming, panning and reading: pure."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.tui.test_chart import START, curve, series
from trainer_tui.core.columns import Axis
from trainer_tui.core.series import Series
from trainer_tui.tui.widgets import chart_moves as moves
from trainer_tui.tui.widgets.chart_look import Curve, Look

WHOLE = (0.0, 1000.0)


def test_zooming_keeps_the_cursor_where_it_is() -> None:
    """What is under the cursor stays at its part of the width."""
    look = moves.zoomed(Look(cursor=250), WHOLE, 1)
    assert look.window == (125, 625)
    look = moves.zoomed(look, WHOLE, 1)
    assert look.window == (187.5, 437.5)
    for _ in range(2):
        look = moves.zoomed(look, WHOLE, -1)
    assert look.window is None, "from far enough it is the whole"


def test_zooming_ends() -> None:
    """Steps are whole: there is nothing to see between two."""
    look = Look(cursor=500)
    for _ in range(50):
        look = moves.zoomed(look, WHOLE, 1)
    assert look.window is not None
    assert 1.9 < look.window[1] - look.window[0] < 2.1


@given(st.lists(st.sampled_from("+-<>lr"), max_size=40), st.floats(0, 1000))
def test_a_window_never_leaves_the_curve(keys: list[str], cursor: float) -> None:
    """Whatever is pressed, what is seen is a part of what there is, and so is the cursor."""
    look, points = Look(cursor=cursor), series([1.0] * 1001)
    for key in keys:
        if key in "+-":
            look = moves.zoomed(look, WHOLE, 1 if key == "+" else -1)
        elif key in "<>":
            look = moves.panned(look, WHOLE, 1 if key == ">" else -1)
        else:
            look = moves.stepped(look, WHOLE, 60, 1 if key == "r" else -1, points)
        left, right = look.window or WHOLE
        assert -1e-6 <= left < right <= 1000 + 1e-6
        assert look.cursor is not None and 0 <= look.cursor <= 1000


def test_the_cursor_goes_from_point_to_point_where_they_are_far_apart() -> None:
    """No press is lost between two points."""
    points = series([1, 2, 3], [0, 400, 1000])
    look = moves.stepped(Look(), WHOLE, 60, -1, points)
    seen = [look.cursor]
    for _ in range(3):
        look = moves.stepped(look, WHOLE, 60, -1, points)
        seen.append(look.cursor)
    assert seen == [1000, 400, 0, 0]


def test_a_cursor_takes_the_window_along() -> None:
    """It never leaves what is seen."""
    points = series([1.0] * 1001)
    look = Look(window=(100, 200), cursor=199)
    for _ in range(5):
        look = moves.stepped(look, WHOLE, 50, 1, points)
    assert look.window is not None and look.cursor is not None
    assert look.window[0] <= look.cursor <= look.window[1]
    assert look.window[1] - look.window[0] == 100


def test_a_window_at_the_end_goes_along_with_it() -> None:
    """Looking near at a running job goes on showing its newest points."""
    look = Look(window=(900, 1000))
    assert moves.followed(look, WHOLE, (0, 1100)).window == (1000, 1100)
    assert moves.followed(replace(look, window=(400, 500)), WHOLE, (0, 1100)).window == (400, 500)


def test_another_axis_keeps_what_is_seen() -> None:
    """The window and the cursor are at the same points in time as in steps."""
    one = curve([1.0] * 101)
    look = moves.next_axis(Look(window=(20, 40), cursor=30), [one])
    assert (look.axis, look.window, look.cursor) == (Axis.RELATIVE, (200, 400), 300)
    look = moves.next_axis(look, [one])
    assert (look.window, look.cursor) == ((START + 200, START + 400), START + 300)
    assert moves.next_axis(look, [one]).window == (20, 40)
    unknown = Series("loss")
    unknown.add(1, 0.5)
    look = moves.next_axis(Look(), [Curve("loss", unknown)])
    assert (look.axis, moves.next_axis(look, [Curve("loss", unknown)]).axis) == (
        Axis.RELATIVE,  # where the way back is told
        Axis.STEP,
    )


def test_smoothing_in_steps() -> None:
    """From none to the most, and back to none."""
    look, seen = Look(), []
    for _ in range(len(moves.WEIGHTS) + 1):
        look = moves.weighted(look, 1)
        seen.append(look.weight)
    assert seen == [*moves.WEIGHTS, moves.WEIGHTS[-1]]
    for _ in moves.WEIGHTS:
        look = moves.weighted(look, -1)
    assert look.weight == 0
    assert moves.weighted(look, -1).weight == 0
