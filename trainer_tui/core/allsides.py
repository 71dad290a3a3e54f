"""Which class follows which side of a job."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trainer_tui.core.logside import LogSide
from trainer_tui.core.messages import Aspect
from trainer_tui.core.metricsside import MetricsSide
from trainer_tui.core.sides import (
    ArtifactsSide,
    ConfigSide,
    EventsSide,
    ModelsSide,
    Side,
)

SIDES: Mapping[Aspect, type[Side]] = MappingProxyType(
    {
        Aspect.LOGS: LogSide,
        Aspect.METRICS: MetricsSide,
        Aspect.ARTIFACTS: ArtifactsSide,
        Aspect.CONFIG: ConfigSide,
        Aspect.MODELS: ModelsSide,
        Aspect.EVENTS: EventsSide,
    }
)
