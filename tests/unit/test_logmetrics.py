"""Metrics in what trainers print."""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core import logpatterns
from trainer_tui.core.logmetrics import MAX_KEYS, MAX_STATE, Reader
from trainer_tui.core.ownpatterns import Own
from trainer_tui.model import EPOCH_PARTS, POINTS

LOGS = Path(__file__).parent.parent / "fixtures" / "logs"
NAMES = sorted(path.stem for path in LOGS.glob("*.txt"))
Point = tuple[str, int, float]


def _read(data: bytes, *own: Own) -> list[Point]:
    reader = Reader(own)
    found = [*reader.feed(data), *reader.finish()]
    return [(point.key, point.step, point.value) for point in found]


def _log(name: str) -> bytes:
    return (LOGS / f"{name}.txt").read_bytes()


def _curves(points: list[Point]) -> dict[str, list[tuple[int, float]]]:
    """By key; the last of several values at one step."""
    found: dict[str, dict[int, float]] = {}
    for key, step, value in points:
        found.setdefault(key, {})[step] = value
    return {key: list(values.items()) for key, values in found.items()}


def _same(one: list[Point], other: list[Point]) -> bool:
    return json.dumps(one) == json.dumps(other)  # NaN is NaN


def test_ai_toolkit() -> None:
    """Its bar's postfix, each state of it; bars of caching and sampling have none."""
    curves = _curves(_read(_log("ai_toolkit")))
    assert curves["loss"][:4] == [(0, 0.5413), (1, 0.5413), (959, 0.2871), (960, 0.312)]
    step, value = curves["loss"][4]
    assert step == 961
    assert math.isnan(value)
    assert curves["lr"] == [(step, 1e-4) for step in (0, 1, 959, 960, 961)]
    assert set(curves) == {"loss", "lr"}


def test_plain_tqdm() -> None:
    """A postfix of name=value, also behind a bar whose length is not known."""
    assert _curves(_read(_log("tqdm"))) == {
        "loss": [(12, 2.31), (24, 2.28), (300, math.inf)],
        "lr": [(12, 1e-4), (24, 1e-4), (150, 1e-4)],
        "step_loss": [(150, 0.124)],
    }


def test_a_bar_that_begins_anew_goes_on_counting() -> None:
    """One bar an epoch: steps count along the whole training."""
    points = _curves(_read(_log("tqdm_epochs")))
    assert points == {"loss": [(2, 0.9), (4, 0.8), (6, 0.7), (8, 0.6)]}


def test_a_bar_that_goes_back_before_its_end_is_a_resume() -> None:
    """Steps of a training that went back to a checkpoint are what they say."""
    data = b"".join(
        b"a: |x| %d/100 [00:01<00:01,  1.95it/s, loss=0.%d]\n" % (step, step)
        for step in (40, 50, 30, 40)
    )
    points = [point for point in _read(data) if point[0] == "loss"]
    assert [step for _, step, _ in points] == [40, 50, 30, 40]


def test_hugging_face() -> None:
    """Its mappings: epochs are fractions, so a thousandth of one is a step; equal (rounded) ones
    are different points; times and speeds are no metrics; numbers may stand in quotes."""
    curves = _curves(_read(_log("huggingface")))
    assert curves["loss"] == [(20, 0.6895), (21, 0.6612), (70, 0.0), (1090, 0.4321)]
    assert curves["grad_norm"][1] == (21, math.inf)
    assert math.isnan(curves["grad_norm"][2][1])
    assert curves["learning_rate"][-1] == (1090, 3.3e-05)
    assert curves["eval_loss"] == [(1000, 0.5123)]
    assert curves["train_loss"] == [(3000, 0.4012)]
    assert set(curves) == {
        *("loss", "grad_norm", "learning_rate", "train_loss"),
        *("eval_loss", "eval_accuracy", "eval_f1"),
    }


def test_lightning() -> None:
    """Batches count along the whole training; the version's number is no metric; Rich's bar."""
    assert _curves(_read(_log("lightning"))) == {
        "train_loss": [(90, 2.31), (200, 1.87), (690, 0.123), (900, 0.11)],
        "val_loss": [(200, 1.92)],
        "loss": [(690, 0.31)],
    }


def test_lightning_tells_each_step_and_each_epoch() -> None:
    """What 2.6 prints: both forms of a metric are kept; the bar of an epoch that did not begin
    still shows the one before."""
    assert _curves(_read(_log("lightning26"))) == {
        "train_loss_step": [
            *((5, 2.6), (10, 1.45), (15, 1.35), (20, 0.672)),
            *((25, 0.765), (30, 0.325)),
        ],
        "lr": [(step, 0.001) for step in range(5, 31, 5)],
        "val_loss": [(10, 1.5), (15, 1.5), (20, 0.75), (25, 0.75), (30, 0.409)],
        "train_loss_epoch": [(10, 2.31), (15, 2.31), (20, 1.12), (25, 1.12), (30, 0.575)],
    }


def test_a_rich_bar_that_takes_several_lines() -> None:
    """As in a terminal of 120 columns: values below the bar, a number below its name."""
    curves = _curves(_read(_log("lightning26_rich")))
    assert curves["train_loss_step"][-2:] == [(29, 0.394), (30, 0.325)]
    assert curves["val_loss"][0] == (14, 1.501)
    assert curves["val_loss"][-1] == (30, 0.409)
    assert curves["train_loss_epoch"][-1] == (30, 0.575)
    assert set(curves) == {"train_loss_step", "train_loss_epoch", "val_loss", "lr"}


def test_hugging_face_5() -> None:
    """All numbers in quotes, between states of the bar that are wiped. The bar is drawn anew below
    each line and tells its step; so it does of what is evaluated, whose own bar comes later."""
    curves = _curves(_read(_log("huggingface5")))
    assert curves["loss"] == [(3, 0.6344), (6, 0.6506), (9, 0.6707), (12, 0.6545), (15, 0.6459)]
    assert curves["eval_loss"] == [(8, 0.6481), (16, 0.6481)]
    assert curves["train_loss"] == [(16, 0.6481)]
    assert set(curves) == {
        *("loss", "grad_norm", "learning_rate", "train_loss", "eval_loss", "eval_accuracy"),
    }


def test_keras_3_in_a_terminal() -> None:
    """Colours inside the bar, which is drawn over with backspaces."""
    curves = _curves(_read(_log("keras3_terminal")))
    assert curves["loss"][:3] == [(1, 0.6884), (2, 0.6929), (8, 0.6945)]
    assert curves["loss"][-1] == (24, 0.6895)
    assert curves["val_loss"] == [(8, 0.6967), (16, 0.6945), (24, 0.6925)]
    assert len(curves) == 6


def test_keras_without_a_line_above_its_bar() -> None:
    """A training of one epoch has none; the next bar of that length counts on. A bar whose length
    is not known yet counts from its first batch."""
    curves = _curves(_read(_log("keras3_one_epoch")))
    assert curves["loss"] == [(3, 0.5522), (10, 0.5327), (11, 0.4741), (20, 0.5056)]
    endless = b"  7/Unknown \x1b[1m1s\x1b[0m 8ms/step - loss: 0.5\r40/40 1s 2ms/step - loss: 0.4\n"
    assert _curves(_read(endless)) == {"loss": [(7, 0.5), (40, 0.4)]}


def test_keras() -> None:
    """States written over by carriage returns and backspaces; what evaluate draws is left out."""
    assert _curves(_read(_log("keras"))) == {
        "accuracy": [(1, 0.125), (391, 0.4011), (782, 0.5123), (1564, 0.6423)],
        "loss": [(1, 2.5066), (391, 1.6521), (782, 1.3512), (1564, 1.0101)],
        "val_accuracy": [(782, 0.6011), (1564, 0.6512)],
        "val_loss": [(782, 1.1021), (1564, 0.9921)],
        "learning_rate": [(1564, 5e-4)],
    }


def test_older_keras() -> None:
    """Its bar of equal signs, and a line an epoch without any."""
    curves = _curves(_read(_log("keras2")))
    assert curves["loss"] == [(1213, 0.176), (1813, 0.1802), (2426, 0.184), (3639, 0.1816)]
    assert curves["accuracy"] == [(2426, 0.871), (3639, 0.872)]
    assert [step for step, _ in curves["val_loss"]] == [2426]


def test_ultralytics() -> None:
    """Losses by the header's names, the ``all`` row of each epoch's validation, both at the epoch;
    the row of the best model at the end belongs to no epoch."""
    curves = _curves(_read(_log("ultralytics")))
    assert curves["box_loss"] == [(1, 1.153), (2, 1.102)]
    assert curves["cls_loss"] == [(1, 1.398), (2, 1.201)]
    assert curves["precision"] == [(1, 0.669), (2, 0.701)]
    assert curves["recall"] == [(1, 0.568), (2, 0.572)]
    assert curves["mAP50"] == [(1, 0.625), (2, 0.641)]
    assert curves["mAP50-95"] == [(1, 0.46), (2, 0.472)]
    assert math.isnan(curves["dfl_loss"][1][1])
    assert curves["loss"][0] == (1, pytest.approx(1.153 + 1.398 + 1.192))
    assert len(curves) == 8


def test_ultralytics_84() -> None:
    """Its own bar behind the numbers; the settings that it begins with are no metrics."""
    curves = _curves(_read(_log("ultralytics84")))
    assert curves["cls_loss"] == [(1, 0.7272), (2, 0.7595), (3, 0.6277)]
    assert set(curves) == {
        *("loss", "box_loss", "cls_loss", "dfl_loss"),
        *("precision", "recall", "mAP50", "mAP50-95"),
    }


def test_a_header_that_a_terminal_cut_is_completed() -> None:
    """The last name is ``mA…`` there."""
    curves = _curves(_read(_log("ultralytics84_terminal")))
    assert [step for step, _ in curves["mAP50-95"]] == [1, 2, 3]
    assert len(curves) == 8


@pytest.mark.parametrize(
    "line",
    [b"Namespace(lr=0.1, loss='l2', iou=0.7, resume=None)", b"val_loss: 0.5, amp: True, f1: 0.1"],
)
def test_a_list_of_settings_has_no_metrics(line: bytes) -> None:
    """Something in it is true, false or none."""
    assert _read(line + b"\n") == []


def test_ultralytics_masks_and_classes() -> None:
    """Other tasks have other columns."""
    curves = _curves(_read(_log("ultralytics_segment")))
    assert curves["seg_loss"] == [(7, 2.502)]
    assert curves["mAP50"] == [(7, 0.721)]
    assert curves["mask/mAP50-95"] == [(7, 0.442)]
    assert _curves(_read(_log("ultralytics_classify"))) == {
        "loss": [(3, 0.842)],
        "top1_acc": [(3, 0.852)],
        "top5_acc": [(3, 0.991)],
    }


def test_words_and_numbers() -> None:
    """nanoGPT, llm.c, Megatron, fairseq, Detectron2, PyTorch's examples, accelerate's."""
    curves = _curves(_read(_log("words")))
    assert curves["train_loss"] == [(0, 10.9876)]
    assert curves["val_loss"] == [(0, 10.9901)]
    assert dict(curves["loss"]) == {
        0: 10.9872,
        100: 2.3123,
        10: 7.612345,
        84230: 1.27,
        5015: 6.9124,
        60640: 2.298134,
        220: 0.4012,
    }
    assert curves["lm_loss"] == [(120, 6.5123)]
    assert curves["grad_norm"] == [(120, 1.21)]
    assert curves["loss_cls"] == [(19, 0.712)]
    assert curves["Acc@1"] == [(5015, 0.39)]
    assert curves["accuracy"] == [(220, 87.5), (3, 0.8578)]
    assert curves["f1"] == [(3, 0.8991)]
    assert not {"time", "eta", "data_time", "max_mem", "tokens"} & set(curves)


def test_json_lines() -> None:
    """Steps that each epoch counts anew go on; JSON's NaN."""
    curves = _curves(_read(_log("json")))
    assert curves["loss"] == [(50, 1.21), (100, 1.11), (150, 1.01)]
    assert curves["total_loss"] == [(519, 0.81)]
    assert [step for step, _ in curves["loss_mask"]] == [519]


def test_a_line_without_a_place_is_counted() -> None:
    """Each key has its own count."""
    assert _read(b"loss: 0.5\nval loss = 0.7\nloss: 0.4\n") == [
        ("loss", 1, 0.5),
        ("val_loss", 1, 0.7),
        ("loss", 2, 0.4),
    ]


def test_what_is_no_metric_gives_none() -> None:
    """Logs without metrics, although they hold numbers and words such as loss and step."""
    assert _read(_log("nothing")) == []


@HALF
@given(st.sampled_from(NAMES), st.lists(st.integers(0, 4000), max_size=12))
def test_pieces_cut_anywhere_give_the_same(name: str, cuts: list[int]) -> None:
    """However the bytes come in, also inside of a character or an escape sequence."""
    data = _log(name)
    reader = Reader()
    found = []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, stop in itertools.pairwise(edges):
        found += reader.feed(data[start:stop])
    found += reader.finish()
    assert _same([(p.key, p.step, p.value) for p in found], _read(data))


@HALF
@given(st.sampled_from(NAMES), st.integers(0, 4000))
def test_a_later_reader_goes_on_where_one_stopped(name: str, cut: int) -> None:
    """What is kept between two runs of the program is enough."""
    data = _log(name)
    cut = min(cut, len(data))
    first = Reader()
    found = first.feed(data[:cut])
    kept = json.loads(json.dumps(first.save()))
    second = Reader(kept=kept)
    found += second.feed(data[cut - first.held :])
    found += second.finish()
    assert _same([(p.key, p.step, p.value) for p in found], _read(data))


_LINES = [
    *(line for name in NAMES for line in _log(name).replace(b"\r", b"\n").split(b"\n") if line),
    *(b"step 12 | loss=0.52 | lr=9.9e-05 | ok", b"step 1/20 f1 0.5 f2 0.25 top5: 3", b"loss 0.5"),
    *(b"[2026-01-01 10:00:00] iter 5 acc1: 0.5 acc@5: 0.7 map-50 loss: nan", b"Epoch 0/3 loss: 1"),
    *(b"epoch 1, 10 / 500 train loss 0.5", b"step: 3 - loss: 0.5", b"eta 10:00 x5 loss 1e05"),
]


_CHOSEN = st.tuples(st.sampled_from(_LINES), st.lists(st.sampled_from(b"0123456789")))


@HALF
@given(st.lists(_CHOSEN, min_size=2, max_size=6))
def test_lines_of_one_shape_say_the_same_as_each_alone(
    chosen: list[tuple[bytes, list[int]]],
) -> None:
    """Reading many lines that differ in digits only at places known from the first of them gives
    what reading each by all patterns gives."""
    lines = []
    for line, digits in chosen:
        other = itertools.cycle(digits or [48])
        varied = re.sub(rb"\d", lambda _, other=other: bytes([next(other)]), line)  # type: ignore[misc]
        lines += [line, varied, varied]
    data = b"\n".join([*lines, *lines])
    with mock.patch.object(logpatterns, "plan", return_value=None):
        slow = _read(data)
    assert _same(_read(data), slow)


@given(st.binary(max_size=3000))
def test_any_bytes_are_survived(data: bytes) -> None:
    """Nothing is raised, and every key can be shown."""
    for line in (data, b"step 1 loss: 0.5 " + data, b"{'loss': 1, '" + data + b"': 2}"):
        for key, step, _ in _read(line + b"\n"):
            assert key.isprintable()
            assert isinstance(step, int)


@pytest.mark.parametrize(
    "line",
    [
        b"loss " * 3000,
        b"loss:" * 3000,
        b"loss 1" + b"1" * 15000,
        b"loss 1/1 [ " * 1400 + b"/s, ",
        b"loss" + b" " * 15000,
        b"{'loss': " + b"'a': " * 3000,
        b"Epoch 1/1 " + b"\xe2\x94\x81" * 4000 + b"it/s ",
        b"epoch " * 2600 + b"loss=1",
        b"  all " + b"1 " * 7000,
        b"Epoch 1/2\n1/2 " + b" - " * 5000,
    ],
    ids=lambda line: line[:10].decode(),
)
def test_lines_made_to_be_slow_are_not(line: bytes) -> None:
    """Twenty of the worst lines are read within seconds, on any machine."""
    began = time.process_time()
    Reader().feed((line[:MAX_STATE] + b"\n") * 20)
    assert time.process_time() - began < 2


def test_a_line_without_end_is_passed_over() -> None:
    """It takes no memory, and what follows is read."""
    reader = Reader()
    for _ in range(100):
        assert reader.feed(b"loss: 1 " * 100_000) == []
        assert reader.held <= MAX_STATE
    found = reader.feed(b"\nstep 7 loss: 0.5\n")
    assert [(point.key, point.step, point.value) for point in found] == [("loss", 7, 0.5)]


def test_keys_are_bounded() -> None:
    """A log that prints ever new names does not fill the memory."""
    found = _read(b"".join(b"step 1 a%d_loss: 1\n" % count for count in range(1000)))
    assert len({key for key, _, _ in found}) == MAX_KEYS


def test_a_step_of_any_length_is_survived() -> None:
    """What does not fit is not kept."""
    assert _read(b"step %s loss: 0.5\n" % (b"9" * 40)) == []


def test_the_time_of_a_piece_is_its_points() -> None:
    """Wall time is known for what is read while it is written."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert [point.time for point in Reader().feed(b"step 1 loss: 0.5\n", now)] == [now]


def test_a_line_that_tells_its_time_is_believed() -> None:
    """Wall time of logs that are read later."""
    line = b"2026-03-01T10:00:00Z INFO step 1 loss: 0.5\n"
    (point,) = Reader().feed(line)
    assert point.time == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_a_line_shortly_above_tells_the_time_of_those_below() -> None:
    """Of what one message has on several lines; not of all that follows."""
    log = b"2026-03-01T10:00:00Z INFO validation\n  loss: 0.5\n  acc: 0.9\n" + b"-\n" * 5
    points = Reader().feed(log + b"step 7 loss: 0.25\n")
    ten = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert [(point.value, point.time) for point in points] == [
        *((0.5, ten), (0.9, ten), (0.25, None)),
    ]
    reader = Reader()
    assert reader.feed(b"2026-03-01T10:00:00Z INFO validation\n") == []
    assert [point.time for point in reader.feed(b"  loss: 0.5\n")] == [ten]


def test_a_clock_without_a_date_is_of_the_day_of_the_job() -> None:
    """Past midnight it is the next one, also for a reader that goes on later."""
    near = datetime(2026, 3, 1, 22, tzinfo=UTC).astimezone()
    later = near + timedelta(hours=11)
    log = f"{near:%H:%M:%S} step 1 loss: 0.5\n{later:%H:%M:%S} step 2 loss: 0.4\n"
    reader = Reader(near=near)
    assert [point.time for point in reader.feed(log.encode())] == [near, later]
    onward = Reader(kept=json.loads(json.dumps(reader.save())), near=near)
    last = later + timedelta(hours=11)
    assert [p.time for p in onward.feed(f"{last:%H:%M:%S} step 3 loss: 0.3\n".encode())] == [last]


def _own(regex: str) -> Own:
    return Own("mine", re.compile(regex))


def test_own_named_groups() -> None:
    """``step`` and ``epoch`` are the place, every other group a metric."""
    own = _own(r"\[(?P<step>[\d,]+)\] g=(?P<g_loss>\S+) d=(?P<d_loss>\S+)")
    assert _read("[1,200] g=0.5 d=-inf ✓\nelse\n[1,201] g=x d=1e-3\n".encode(), own) == [
        ("g_loss", 1200, 0.5),
        ("d_loss", 1200, -math.inf),
        ("d_loss", 1201, 0.001),
    ]


def test_own_key_and_value() -> None:
    """Groups ``key`` and ``value``: any names, several a line."""
    own = _own(r"(?P<key>\w+)~(?P<value>[\d.]+)")
    assert _read(b"a~1 b~2\r\na~3\n", own) == [("a", 1, 1.0), ("b", 1, 2.0), ("a", 2, 3.0)]


def test_own_epochs() -> None:
    """An epoch is the step where there is none; fractions count in thousandths."""
    own = _own(r"e(?P<epoch>[\d.]+) (?P<fid>[\d.]+)")
    assert _read(b"e1 9\ne2 8\n", own) == [("fid", 1, 9.0), ("fid", 2, 8.0)]
    assert _read(b"e0.5 9\ne1.0 8\n", own) == [("fid", 500, 9.0), ("fid", 1000, 8.0)]


@pytest.mark.parametrize(
    ("data", "unit"),
    [
        (_log("ai_toolkit"), "step"),
        (_log("keras"), "step"),
        (_log("huggingface5"), "step"),
        (_log("huggingface"), EPOCH_PARTS),
        (_log("ultralytics"), "epoch"),
        (b"epoch 3: val_accuracy 0.9\n", "epoch"),
        (b"epoch 3: loss 0.9\nloss: 0.5\n", "epoch"),
        (b"loss: 0.5\nloss: 0.4\n", POINTS),
    ],
)
def test_points_tell_what_their_places_count(data: bytes, unit: str) -> None:
    """Steps where the line or the bar tells one, else epochs, parts of them, or points."""
    reader = Reader()
    found = [*reader.feed(data), *reader.finish()]
    assert {point.unit for point in found} == {unit}


def test_own_comes_before_the_built_in() -> None:
    """A line that the user's pattern knows is left to it."""
    own = _own(r"step (?P<step>\d+) loss: (?P<mine>\S+)")
    assert _read(b"step 4 loss: 0.5\nstep 5 loss = 0.4\n", own) == [
        ("mine", 4, 0.5),
        ("loss", 5, 0.4),
    ]
