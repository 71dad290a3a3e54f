"""The log of one job on the whole screen."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from trainer_tui.tui.screens.job_screen import JobScreen
from trainer_tui.tui.widgets.log_pane import LogPane


class LogScreen(JobScreen):
    """A :class:`LogPane` with all the room there is."""

    PANE = LogPane
    HEADING = "Log  esc back  ? keys"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l", "dismiss", "back", id="log_screen.back", tooltip="Back to the jobs."),
    ]
