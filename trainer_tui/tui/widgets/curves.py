"""The points of a job's metrics, gathered by key. No terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from trainer_tui.model import Metric

_LESS = re.compile(
    r"loss|err(?:or)?|mse|mae|rmse|perplexity|ppl|fid|wer|cer|nll|divergence|distance", re.I
)
_MORE = re.compile(
    r"acc(?:uracy)?|map|auc|f1|score|precision|recall|psnr|ssim|reward|iou|bleu|clip", re.I
)


def better(key: str) -> Literal["min", "max"] | None:
    """Whether less or more of a metric is better; ``None`` when that means nothing (lr, norms)."""
    if _LESS.search(key):
        return "min"
    return "max" if _MORE.search(key) else None


class Curve:
    """One key's points, one a step; a step that comes again replaces the one before it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.steps: list[float] = []
        self.values: list[float] = []
        self.times: list[datetime | None] = []
        self._index: dict[int, int] = {}

    def add(self, metric: Metric) -> None:
        """Take a point. After a resume, points from before may come again."""
        at = self._index.get(metric.step)
        if at is not None:
            self.values[at], self.times[at] = metric.value, metric.time
            return
        self.steps.append(metric.step)
        self.values.append(metric.value)
        self.times.append(metric.time)
        self._index[metric.step] = len(self.steps) - 1
        if len(self.steps) > 1 and metric.step < self.steps[-2]:
            self._sort()

    def _sort(self) -> None:
        order = sorted(range(len(self.steps)), key=self.steps.__getitem__)
        self.steps = [self.steps[i] for i in order]
        self.values = [self.values[i] for i in order]
        self.times = [self.times[i] for i in order]
        self._index = {int(step): i for i, step in enumerate(self.steps)}

    @property
    def last(self) -> float:
        """The newest value, finite or not."""
        return self.values[-1]

    @property
    def best(self) -> float | None:
        """The best finite value, where better means something."""
        finite = [value for value in self.values if math.isfinite(value)]
        way = better(self.key)
        if not finite or way is None:
            return None
        return min(finite) if way == "min" else max(finite)

    def seconds(self) -> tuple[list[float], list[float]]:
        """The points over time: seconds since the first, rising, and their values."""
        timed = [(time, value) for time, value in zip(self.times, self.values, strict=True) if time]
        timed.sort(key=lambda point: point[0])
        if not timed:
            return [], []
        start = timed[0][0]
        return [(time - start).total_seconds() for time, _ in timed], [v for _, v in timed]


class Curves:
    """All metrics of one job."""

    def __init__(self) -> None:
        self._held: dict[str, Curve] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def __getitem__(self, key: str) -> Curve:
        return self._held[key]

    def clear(self) -> None:
        """Another job."""
        self._held.clear()

    def add(self, metrics: Iterable[Metric], *, reset: bool = False) -> bool:
        """Take points, all of them anew or only more; whether anything came."""
        if reset:
            self._held.clear()
        came = reset
        for metric in metrics:
            curve = self._held.get(metric.key)
            if curve is None:
                curve = self._held[metric.key] = Curve(metric.key)
            curve.add(metric)
            came = True
        return came

    def keys(self) -> list[str]:
        """The loss first, then what else is better smaller or larger, then the rest."""

        def rank(key: str) -> tuple[int, str]:
            if key == "loss":
                return (0, key)
            if "loss" in key.lower():
                return (1, key)
            return (2 if better(key) else 3, key)

        return sorted(self._held, key=rank)
