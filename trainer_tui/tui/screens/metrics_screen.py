"""The curves of one job on the whole screen."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from trainer_tui.tui.screens.job_screen import JobScreen
from trainer_tui.tui.widgets.metrics_pane import MetricsPane


class MetricsScreen(JobScreen):
    """A :class:`MetricsPane` with all the room there is."""

    PANE = MetricsPane
    HEADING = "Metrics"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,q,m", "dismiss", "back", id="metrics_screen.back", tooltip="Back to the jobs."
        ),
    ]
