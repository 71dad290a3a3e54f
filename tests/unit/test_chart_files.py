"""Curves as files: SVG that any reader can show, CSV that any table program can read."""

from __future__ import annotations

import csv
import math
import xml.etree.ElementTree as ET
from datetime import UTC
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core import chartsvg, curvecsv
from trainer_tui.core.chartsvg import Line, Scene
from trainer_tui.core.columns import Axis
from trainer_tui.core.points import Points
from trainer_tui.core.series import Series
from trainer_tui.core.stalls import Stalls
from trainer_tui.model import EPOCH_PARTS
from trainer_tui.sanitize import line as clean

START = 1_770_000_000.0
SVG = "{http://www.w3.org/2000/svg}"


def series(values: list[float], key: str = "loss") -> Series:
    """A point a step, ten seconds apart."""
    made = Series(key)
    for step, value in enumerate(values):
        made.add(step, value, START + step * 10)
    return made


def texts(root: ET.Element) -> str:
    """All words of a picture."""
    return " ".join("".join(node.itertext()) for node in root.iter(f"{SVG}text"))


@HALF
@given(
    st.lists(st.floats(), max_size=60),
    st.text(max_size=20),
    st.sampled_from(Axis),
    st.booleans(),
    st.sampled_from((0.0, 0.9)),
)
def test_any_curve_makes_well_formed_xml(
    values: list[float], name: str, axis: Axis, log: bool, weight: float
) -> None:
    """Whatever the values and the names, a parser reads the file, and no number is NaN."""
    lines = [Line(name, series(values), "min", (3,)), Line("lr", series(values[::-1]))]
    drawn = chartsvg.draw(Scene(lines, name, axis, None, log, weight, UTC, 320, 240))
    root = ET.fromstring(drawn)
    for line in root.iter(f"{SVG}polyline"):
        numbers = line.get("points", "").replace(",", " ").split()
        assert all(math.isfinite(float(number)) for number in numbers)


def test_what_a_picture_says() -> None:
    """Legend with last and best, axis words, the checkpoint, how it is drawn."""
    lines = [Line("a <b> & c", series([3, 1, 2]), "min", (1,))]
    root = ET.fromstring(chartsvg.draw(Scene(lines, "job", weight=0.5)))
    said = texts(root)
    assert "a <b> & clast 2, best 1 at step 1" in said
    assert "step" in said
    assert "smoothed 0.5" in said
    titles = [node.text for node in root.iter(f"{SVG}title")]
    assert "checkpoint at step 1" in titles


@pytest.mark.parametrize(
    ("unit", "best", "axis"),
    [
        ("epoch", "at epoch 1", " epoch"),
        ("partition", "at partition 1", " partition"),
        (EPOCH_PARTS, "at epoch 0.001", " epoch"),
        ("a<b", "at a<b 1", " a<b"),
    ],
)
def test_a_picture_tells_what_its_points_count(unit: str, best: str, axis: str) -> None:
    """Legend, axis and the words on its marks."""
    made = series([3, 1, 2, 3])
    made.unit = unit
    drawn = chartsvg.draw(Scene([Line("loss", made, "min", (1,))], "job"))
    said = texts(ET.fromstring(drawn))
    assert best in said and axis in said and "step" not in drawn
    other = Line("loss", series([1, 2]))
    mixed = texts(ET.fromstring(chartsvg.draw(Scene([Line("loss", made), other]))))
    assert f"{unit} / step" in mixed


def test_a_picture_follows_the_readers_light_or_dark_setting() -> None:
    """Colours are a style sheet's; nothing is fetched, no font is named."""
    drawn = chartsvg.draw(Scene([Line("loss", series([1, 2]))]))
    assert "prefers-color-scheme:dark" in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
    assert "sans-serif" in drawn


def test_a_spike_among_many_points_is_in_the_picture() -> None:
    """Each column of pixels keeps its extremes, and the file stays small."""
    count = 200_000
    values = [1.0] * count
    values[count // 2] = 9.0
    made = Series("loss")
    made.extend(Points("loss", range(count), values, [START] * count))
    drawn = chartsvg.draw(Scene([Line("loss", made)]))
    heights = [
        float(pair.split(",")[1])
        for node in ET.fromstring(drawn).iter(f"{SVG}polyline")
        for pair in node.get("points", "").split()
    ]
    assert max(heights) - min(heights) > 300
    assert len(drawn) < 60_000


def test_nothing_to_draw_is_said() -> None:
    """A picture without points is a picture with words."""
    assert "nothing to draw" in texts(ET.fromstring(chartsvg.draw(Scene(()))))


def test_what_is_hardly_seen_is_drawn_or_said() -> None:
    """A single point is a dot; values that a logarithmic axis leaves out, and units, are told; an
    axis without a finite value has no numbers."""
    assert 'stroke-width="4"' in chartsvg.draw(Scene([Line("lr", series([1]))]))
    said = texts(ET.fromstring(chartsvg.draw(Scene([Line("loss", series([2, -1]))], log=True))))
    assert "logarithmic, without 0 and below" in said
    epochs = series([1, 2])
    epochs.unit = "epoch"
    both = Scene([Line("a", series([1, 2])), Line("b", epochs)])
    assert "steps beside epochs" in texts(ET.fromstring(chartsvg.draw(both)))
    nowhere = chartsvg.draw(Scene([Line("loss", series([math.nan] * 3))]))
    assert "0.5" not in texts(ET.fromstring(nowhere))


def test_several_pictures_on_one_sheet() -> None:
    """Small charts beside each other, each with its name."""
    scenes = [Scene([Line(key, series([1, 2], key))], key) for key in ("loss", "lr", "norm")]
    root = ET.fromstring(chartsvg.sheet(scenes))
    assert len(root.findall(f"{SVG}svg")) == 3
    assert (root.get("width"), root.get("height")) == ("1920", "960")


def rows(pieces: list[str]) -> list[list[str]]:
    return list(csv.reader(StringIO("".join(pieces))))


@pytest.mark.parametrize("axis", Axis)
def test_a_picture_marks_where_a_curve_stood_still(axis: Axis) -> None:
    """On whatever axis, with how long; not outside of what is shown."""
    made = Series("loss")
    for step in range(40):
        made.add(step, 1.0, 1e9 + step * 10 + (1800 if step > 20 else 0))
    line = Line("loss", made, stalls=Stalls(made).find())
    assert "<title>no step for 30m10s</title>" in chartsvg.draw(Scene([line], axis=axis))
    part = {Axis.STEP: (30, 39), Axis.TIME: (1e9, 1e9 + 90), Axis.RELATIVE: (0, 90)}[axis]
    assert "no step for" not in chartsvg.draw(Scene([line], axis=axis, window=part))


@given(st.lists(st.floats(), max_size=50), st.text(min_size=1, max_size=10))
def test_csv_reads_back_the_same_points(values: list[float], key: str) -> None:
    """Every point is there, to the last bit, with its key in one line."""
    found = rows(list(curvecsv.lines([("", series(values, key))])))
    assert found[0] == ["step", "time", "key", "value"]
    for row, value in zip(found[1:], values, strict=True):
        assert row[2] == clean(key)
        assert float(row[3]) == value or math.isnan(value)


@pytest.mark.parametrize("axis", Axis)
def test_csv_of_a_part(axis: Axis) -> None:
    """Only what lies in the window, both ends included, on any axis."""
    window = {Axis.STEP: (2, 4), Axis.RELATIVE: (20, 40), Axis.TIME: (START + 20, START + 40)}
    found = rows(list(curvecsv.lines([("", series([0, 1, 2, 3, 4, 5]))], axis, window[axis])))
    assert [row[0] for row in found[1:]] == ["2", "3", "4"]
    assert found[1][1] == "2026-02-02T02:40:20.000+00:00"


@given(st.lists(st.lists(st.integers(-50, 50), unique=True), max_size=4))
def test_steps_of_several_curves_are_told_together(steps: list[list[int]]) -> None:
    """Each step once, in order, with the place of its point in each curve that has one."""
    curves = []
    for its in steps:
        made = Series("loss")
        for step in its:
            made.add(step, float(step))
        curves.append(made)
    told = list(curvecsv.by_step(curves))
    assert [step for step, _ in told] == sorted({step for its in steps for step in its})
    for step, places in told:
        for its, made, at in zip(steps, curves, places, strict=True):
            assert (at is None) == (step not in its)
            assert at is None or made.steps[at] == step


def test_csv_of_several_jobs_names_them() -> None:
    """One more column says whose point it is."""
    found = rows(list(curvecsv.lines([("a", series([1])), ("b", series([2]))])))
    assert found == [
        ["step", "time", "key", "value", "job"],
        ["0", "2026-02-02T02:40:00.000+00:00", "loss", "1.0", "a"],
        ["0", "2026-02-02T02:40:00.000+00:00", "loss", "2.0", "b"],
    ]


def test_csv_of_points_that_count_no_steps() -> None:
    """One more column says what each point's place counts."""
    made = series([2], "map")
    made.unit = "epoch"
    found = rows(list(curvecsv.lines([("a", series([1])), ("b", made)])))
    assert found[0] == ["step", "time", "key", "value", "unit", "job"]
    assert [row[2:] for row in found[1:]] == [
        ["loss", "1.0", "step", "a"],
        ["map", "2.0", "epoch", "b"],
    ]


def test_a_point_without_a_time_has_an_empty_one() -> None:
    """Nothing is made up."""
    made = Series("loss")
    made.add(1, 0.5)
    assert rows(list(curvecsv.lines([("", made)])))[1] == ["1", "", "loss", "0.5"]
