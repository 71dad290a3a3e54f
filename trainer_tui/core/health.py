"""How a training is doing, out of its loss alone: not a number, diverging, no longer learning.

Pure and without a clock: points go in by step, in constant memory, and a :class:`Finding` comes out
as long as something is wrong. That steps stop coming (a stall) is seen by
:mod:`trainer_tui.core.estimate`, which knows the job's own pace.

The loss of one step is noise, above all in diffusion training, where each step draws its own noise
level. So everything but a loss that is not a number is judged by an exponential moving average.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from trainer_tui.core import units

if TYPE_CHECKING:
    from trainer_tui.config import HealthSettings

WEIGHT = 0.95
"""Of the moving average: about the last twenty points count."""
WARM_UP = 20
"""Points before the average is trusted: the first steps fall steeply, and jump."""
BETTER = 0.01
"""Part of its size by which the average must fall to count as lower."""
SUSTAINED = 5
"""So many points in a row say the same before it is said, and before it is taken back."""


class Ailment(StrEnum):
    """What can be wrong."""

    NAN = "nan"
    DIVERGENCE = "divergence"
    PLATEAU = "plateau"
    STALL = "stall"


WORDS: dict[Ailment, str] = {
    Ailment.NAN: "nan loss",
    Ailment.DIVERGENCE: "diverging",
    Ailment.PLATEAU: "plateau",
    Ailment.STALL: "stalled",
}
"""As a row of the table says it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, since which step, in words."""

    ailment: Ailment
    step: int
    text: str


class LossWatch:
    """The loss of one run, point by point.

    A point at a step that was seen already is ignored; a step far below begins anew, as a resume
    from an earlier checkpoint does, and so do points that count something else.
    """

    def __init__(self, settings: HealthSettings) -> None:
        self._settings = settings
        self.finding: Finding | None = None
        self._unit = "step"
        self._begin()

    def _begin(self) -> None:
        self._step = -1
        self._count = 0
        self._sum = self._weight = 0.0
        self._lowest = math.inf
        self._lowest_step = 0
        self._odd = self._well = self._above = 0
        self._above_since = 0

    @property
    def step(self) -> int:
        """The last step that was seen; -1 before the first."""
        return self._step

    def add(self, step: int, loss: float, unit: str = "step") -> bool:
        """Take a point, its step counting ``unit``; whether the finding is another one now."""
        if unit != self._unit:
            self._unit = unit
            self._begin()
        if step <= self._step:
            if step > self._step - max(1, self._step // 50):
                return False
            self._begin()
        self._step = step
        before = self.finding
        if math.isfinite(loss):
            self._finite(step, loss)
        else:
            self._not_finite(step, loss)
        return (before and before.ailment) != (self.finding and self.finding.ailment)

    def _not_finite(self, step: int, loss: float) -> None:
        self._well = 0
        ill = self.finding is not None and self.finding.ailment is Ailment.NAN
        if self._settings.nan and not ill:
            what = "not a number" if math.isnan(loss) else "infinite"
            since = units.at(self._unit, step)
            self.finding = Finding(Ailment.NAN, step, f"the loss is {what} since {since}")

    def _finite(self, step: int, loss: float) -> None:
        self._well += 1
        self._count += 1
        self._sum = self._sum * WEIGHT + loss * (1 - WEIGHT)
        self._weight = self._weight * WEIGHT + (1 - WEIGHT)
        mean = self._sum / self._weight
        if self.finding is not None and self.finding.ailment is Ailment.NAN:
            if self._well < SUSTAINED:
                return
            self.finding = None
        if self._count < WARM_UP:
            return
        if self._lowest == math.inf or mean < self._lowest - abs(self._lowest) * BETTER:
            self._lowest, self._lowest_step = mean, step
        self.finding = self._diverging(step, mean) or self._flat(step)

    def _diverging(self, step: int, mean: float) -> Finding | None:
        factor = self._settings.divergence
        # Where the loss may be negative (a likelihood, say) "so many times its lowest" means
        # nothing: there it would have to rise by as many times its own size.
        limit = self._lowest + abs(self._lowest) * (factor - 1)
        if not factor or mean <= limit:
            self._above = 0
            return None
        if not self._above:
            self._above_since = step
        self._above += 1
        if self._above < SUSTAINED:
            return self._still(Ailment.DIVERGENCE)
        known = self._still(Ailment.DIVERGENCE)
        return known or Finding(
            Ailment.DIVERGENCE,
            self._above_since,
            f"the loss, averaged, is {mean:.3g} and was {self._lowest:.3g} "
            f"at {units.at(self._unit, self._lowest_step)}",
        )

    def _flat(self, step: int) -> Finding | None:
        steps = self._settings.plateau
        if not steps or step - self._lowest_step < steps:
            return None
        return self._still(Ailment.PLATEAU) or Finding(
            Ailment.PLATEAU,
            self._lowest_step,
            f"the loss, averaged, is not lower than at {units.at(self._unit, self._lowest_step)}",
        )

    def _still(self, ailment: Ailment) -> Finding | None:
        found = self.finding
        return found if found is not None and found.ailment is ailment else None
