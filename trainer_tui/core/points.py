"""Points of metrics, many in one object, and which of two is better."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from trainer_tui.model import Metric

Way = Literal["min", "max"]
_LESS = re.compile(
    r"loss|err(?:or)?|mse|mae|rmse|perplexity|ppl|fid|wer|cer|nll|divergence|distance", re.I
)
_MORE = re.compile(
    r"acc(?:uracy)?|map|auc|f1|score|precision|recall|psnr|ssim|reward|iou|bleu|clip", re.I
)


def better(key: str) -> Way | None:
    """Whether less or more of a metric is better; ``None`` when that means nothing (lr, norms)."""
    if _LESS.search(key):
        return "min"
    return "max" if _MORE.search(key) else None


@dataclass(frozen=True, slots=True)
class Points:
    """Many points of one key, for when one object a point would be too slow."""

    key: str
    steps: Sequence[int]
    values: Sequence[float]
    times: Sequence[float]
    """Unix seconds; NaN where unknown."""
    unit: str = "step"
    """What the steps count."""

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[tuple[int, float, float]]:
        return zip(self.steps, self.values, self.times, strict=True)


class Tip:
    """Which of the points of a curve is the newest: by its time; one without a time when it lies
    behind the newest so far, or no time is known."""

    __slots__ = ("_time", "step")

    def __init__(self) -> None:
        self.step: int | None = None
        self._time = -math.inf

    def take(self, step: int, time: float) -> None:
        """A point came; ``time`` is NaN where it is unknown."""
        if time >= self._time:
            self.step, self._time = step, time
        elif time != time and (self.step is None or step > self.step or self._time == -math.inf):
            self.step = step


def newest(metrics: Iterable[Metric | Points], count: int) -> dict[str, list[Metric]]:
    """The last points of each key, an object each."""
    found: dict[str, list[Metric]] = {}
    for one in metrics:
        held = found.setdefault(one.key, [])
        if isinstance(one, Metric):
            held.append(one)
        else:
            found[one.key] = held + [
                Metric(one.key, step, value, None if time != time else _moment(time), one.unit)
                for step, value, time in zip(
                    one.steps[-count:], one.values[-count:], one.times[-count:], strict=True
                )
            ]
    return {key: held[-count:] for key, held in found.items()}


def by_time(points: list[Metric]) -> list[Metric]:
    """In the order that they were made, which after a resume is not that of their steps; as they
    are where a time is not known."""
    times = [point.time for point in points if point.time is not None]
    if len(times) < len(points) or all(map(operator.le, times, times[1:])):
        return points
    return sorted(points, key=lambda point: point.time or times[0])


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)
