"""Curves and configs for the tests of charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from tests.tui.panes import NOW, REF, FakeBoard, PaneApp, entry
from trainer_tui.core.board import Entry
from trainer_tui.core.messages import Aspect as Side
from trainer_tui.core.messages import AspectFailed, ConfigArrived, MetricsArrived
from trainer_tui.errors import StateError
from trainer_tui.model import JobRef, Metric, Status
from trainer_tui.tui.screens.compare_screen import CompareScreen

START = NOW - timedelta(hours=2)
STALL = timedelta(minutes=25)
END = START + timedelta(minutes=48)
"""Not long after the last point."""

REFS = (REF, JobRef("comfy", "8f31"), JobRef("vision", "forklift/7"), JobRef("kaos", "e23a2"))
_NAMES = ("dog_portrait_lora", "dog_portrait_higher_lr", "forklift-detector/7", "mnist:e23a2")
_STATES = (Status.RUNNING, Status.SUCCEEDED, Status.FAILED, Status.RUNNING)

CONFIG = """\
job: extension
config:
  name: {name}
  process:
    - type: sd_trainer
      network: {{type: lora, linear: {rank}, linear_alpha: {rank}}}
      train: {{batch_size: 4, steps: 2000, lr: {lr}, optimizer: {optimizer}}}
      model: {{name_or_path: black-forest-labs/FLUX.1-dev}}
      sample:
        prompts: ["a photo of a dog on a hill at {when}", "a dog"]
"""


def points(
    count: int = 120, *, lower: float = 0.0, spike: bool = True, nan: bool = True, phase: float = 0
) -> list[Metric]:
    """A falling loss with a spike and a NaN, a pause of 25 minutes, and more keys."""
    out = []
    for step in range(0, count * 8, 8):
        time = START + timedelta(seconds=step * 1.4) + (STALL if step > 704 else timedelta())
        noise = 0.02 * math.sin(step + phase) + 0.012 * math.sin(step * 0.37 + phase)
        loss = 0.3 - lower + 0.25 * math.exp(-step / 200) + noise
        if nan and step == 400:
            loss = math.nan
        if spike and step == 600:
            loss = 0.6
        out += [
            Metric("loss", step, loss, time),
            Metric("lr", step, 1e-4 * (1 + math.cos(step / 600)) / 2, time),
            Metric("val/accuracy", step, 1 - math.exp(-step / 300), time),
            Metric("grad_norm", step, 10 ** math.sin(step / 90), time),
            Metric("val/loss", step, 0.35 - lower + 0.2 * math.exp(-step / 300), time),
        ]
    return out


class Jobs(FakeBoard):
    """Several jobs at several services."""

    def __init__(self, gone: Sequence[JobRef] = ()) -> None:
        super().__init__()
        self.gone = gone

    def get(self, ref: JobRef) -> Entry | None:
        if ref in self.gone or ref not in REFS:
            return None
        place = REFS.index(ref)
        return entry(_STATES[place], ref=ref, name=_NAMES[place])


async def compare(app: PaneApp, count: int = 3) -> CompareScreen:
    """Open the comparison of some jobs."""
    app.runtime.board = Jobs()
    screen = CompareScreen(
        [*REFS[:count], *(JobRef("local", f"old-{n}") for n in range(count - 4))]
    )
    screen.panel.clock = END.timestamp
    await app.push_screen(screen)
    return screen


def answer(screen: CompareScreen) -> None:
    """What the services said: two have all, one has no config and few points, one has nothing."""
    texts = (
        CONFIG.format(name="dog_portrait_lora", rank=16, lr="1e-4", optimizer="adamw8bit",
                      when="dawn"),
        CONFIG.format(name="dog_portrait_higher_lr", rank=32, lr="4e-4", optimizer="adamw8bit",
                      when="dusk"),
    )  # fmt: skip
    for place, ref in enumerate(screen.refs[:3]):
        found = points(
            (120, 90, 40)[place], lower=place * 0.04, spike=not place, nan=not place, phase=place
        )
        if place == 2:
            found = [point for point in found if point.key == "loss"]
        screen.receive(MetricsArrived(ref, found, reset=True))
        if place < 2:
            screen.receive(ConfigArrived(ref, texts[place]))
        else:
            reason = StateError("Roboflow does not give the config of a training.")
            screen.receive(AspectFailed(ref, Side.CONFIG, reason))
    for ref in screen.refs[3:4]:
        error = StateError("kaos answered 404: the run was deleted there")
        screen.receive(AspectFailed(ref, Side.METRICS, error))
        screen.receive(AspectFailed(ref, Side.CONFIG, error))
