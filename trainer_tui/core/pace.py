"""How long a job's steps take, by what was seen of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trainer_tui.core.estimate import Estimate, elapsed, resumed
from trainer_tui.model import Job, Metric

_SLOW = 20.0
"""A step that took so many times the usual was a pause: nobody ran it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a step takes, and how that is known."""

    seconds: float
    source: str = "so far"
    """Completes ``1.38 s a step …``: ``so far``, ``as in dog_portrait``."""


def pace_of(
    job: Job, estimate: Estimate | None, metrics: Sequence[Metric], now: datetime
) -> Pace | None:
    """A job's own seconds a step: as it runs now, else by its curve, else by its whole time."""
    if estimate is not None and estimate.rate and estimate.unit == "step":
        return Pace(1 / estimate.rate)
    if (seconds := _pace_of_points(metrics)) is not None:
        return Pace(seconds)
    took, done = elapsed(job, now), job.progress
    if not took or done is None or not job.status.ended or resumed(job):
        return None
    return Pace(took / done.current) if done.unit == "step" and done.current > 0 else None


def _pace_of_points(metrics: Sequence[Metric]) -> float | None:
    by_key: dict[str, list[Metric]] = {}
    for point in metrics:
        if point.time is not None and point.unit == "step":
            by_key.setdefault(point.key, []).append(point)
    points = max(by_key.values(), key=len, default=[])[-1000:]
    paces: list[tuple[float, int]] = []
    for one, two in itertools.pairwise(points):
        assert one.time is not None and two.time is not None
        steps, seconds = two.step - one.step, (two.time - one.time).total_seconds()
        if steps > 0 and seconds > 0:
            paces.append((seconds / steps, steps))
    if len(paces) < 3:
        return None
    usual = sorted(pace for pace, _ in paces)[len(paces) // 2]
    real = [(pace, steps) for pace, steps in paces if pace <= _SLOW * usual]
    total = sum(steps for _, steps in real)
    return sum(pace * steps for pace, steps in real) / total if total else None
