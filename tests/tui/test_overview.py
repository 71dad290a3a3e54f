"""What the Overview says of a job."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.tui.panes import NOW, entry
from trainer_tui.config import HealthSettings
from trainer_tui.core.estimate import Estimate
from trainer_tui.model import EPOCH_PARTS, Metric, Progress, Status
from trainer_tui.tui import overview
from trainer_tui.tui.glyphs import UNICODE


def said(
    label: str,
    losses: Sequence[float] = (),
    status: Status = Status.RUNNING,
    progress: Progress | None = None,
    rate: float | None = None,
    unit: str = "step",
    health: HealthSettings | None = None,
    width: int = 120,
) -> str:
    """The line of a label."""
    guess = Estimate(rate, unit=progress.unit if progress is not None else unit)
    shown = replace(entry(status, progress=progress), estimate=guess)
    points = [Metric("loss", step, loss) for step, loss in enumerate(losses)]
    health = health or HealthSettings()
    found = overview.lines(shown, NOW, UNICODE, width, metrics=points, health=health)
    texts = ["".join(piece.text for piece in line) for line in found]
    return next((text for text in texts if text.startswith(f" {label}")), "")


def test_a_loss_with_too_few_points_to_be_judged_says_so() -> None:
    """As long as it runs, and only where there is a rule that waits for them; below where there is
    no room beside."""
    few = [0.5] * 7
    assert "judged from 20 points on, 7 so far" in said("loss", few)
    assert "7 so far" in said("loss", [*few, math.nan])
    assert "judged" not in said("loss", few, width=56)
    assert said(f"{'':<12}judged", few, width=56).endswith("7 so far")
    assert "judged" not in said("loss", [0.5] * 20)
    assert "judged" not in said("loss", few, Status.SUCCEEDED)
    assert "judged" not in said("loss", few, health=HealthSettings(divergence=0, plateau=0))


@pytest.mark.parametrize(
    ("losses", "arrow"), [((4, 3, 2, 1), "↓"), ((1, 2, 3, 4), "↑"), ((1, 2, 3, math.nan), "")]
)
def test_whether_the_loss_falls(losses: Sequence[float], arrow: str) -> None:
    """Of a loss that is no number there is neither to say."""
    line = said("loss", losses)
    assert [mark for mark in "↓↑" if mark in line] == list(arrow)


@pytest.mark.parametrize(
    ("progress", "done", "pace"),
    [
        (Progress(960, 2000), "960 / 2,000 steps", "2.00 s/step"),
        (Progress(1, 1, "epoch"), "1 / 1 epoch", "2.00 s/epoch"),
        (Progress(3, None, "partition"), "3 partitions", "2.00 s/partition"),
        (Progress(37, 100, "percent", 37.0), "37%", ""),
    ],
)
def test_progress_and_pace_are_told_in_what_is_counted(
    progress: Progress, done: str, pace: str
) -> None:
    """A pace of percents tells nobody anything, one of thousandths is that of the whole; a curve
    tells it where the service tells no progress."""
    assert said("progress", progress=progress).rstrip().endswith(done)
    assert said("pace", progress=progress, rate=0.5).removeprefix(" pace").strip() == pace
    assert said("pace", rate=100.0, unit=EPOCH_PARTS).split()[1:] == ["10.00", "s/epoch"]


def test_only_what_can_still_end_tells_when_it_does() -> None:
    """A job that was watched to its end has told it."""

    def told(status: Status) -> bool:
        lines = overview.lines(replace(entry(status), watched=True), NOW, UNICODE, 120)
        return any("tells when it ends" in piece.text for line in lines for piece in line)

    assert told(Status.RUNNING) and not told(Status.SUCCEEDED)
