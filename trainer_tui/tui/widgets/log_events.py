"""What was seen to happen to a job, as one of its logs."""

from __future__ import annotations

from collections.abc import Sequence

from trainer_tui.core.logfile.lines import Sgr
from trainer_tui.core.logfile.memory import MemoryLines
from trainer_tui.model import Event, EventKind
from trainer_tui.tui.glyphs import UNICODE, Glyphs

EVENTS = "events"
"""The name of what was seen to happen to a job, among its logs."""
_COLOURS = {EventKind.ERROR: 1, EventKind.CHECKPOINT: 2, EventKind.ACT: 3, EventKind.STATUS: 4}
"""Of the sixteen colours of a terminal, which are told in the theme's."""


def event_lines(
    events: Sequence[Event], glyphs: Glyphs = UNICODE, *, complete: bool = False
) -> MemoryLines:
    """What happened to a job as lines of a log, oldest first."""
    lines = MemoryLines(complete=complete)
    for event in events:
        first, *rest = glyphs.plain(event.text).splitlines() or [""]
        head = f"{event.time.astimezone():%Y-%m-%d %H:%M:%S}  "
        text = f"{head}{event.kind.value:<11} "
        colour = Sgr(foreground=_COLOURS.get(event.kind))
        lines.append(text + first, spans=((len(head), len(text), colour),))
        for part in rest:
            lines.append(" " * len(text) + part)
    return lines
