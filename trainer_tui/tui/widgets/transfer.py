"""A download as texts: its bar, what is to be said of it, its colour. Pure."""

from __future__ import annotations

from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.tui.amounts import size
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.present import bar, fit, span

_COLOURS = {
    DownloadPhase.WAITING: "text-faint",
    DownloadPhase.RUNNING: "status-running",
    DownloadPhase.PAUSED: "status-stopping",
    DownloadPhase.DONE: "status-succeeded",
    DownloadPhase.FAILED: "status-failed",
    DownloadPhase.CANCELED: "status-canceled",
}


def colour(row: DownloadRow) -> str:
    """The theme variable of a download's phase."""
    return _COLOURS[row.phase]


def shape(row: DownloadRow, glyphs: Glyphs) -> str:
    """The phase as one symbol."""
    return {
        DownloadPhase.WAITING: glyphs.dot,
        DownloadPhase.RUNNING: glyphs.down,
        DownloadPhase.PAUSED: glyphs.pause,
        DownloadPhase.DONE: glyphs.ok,
        DownloadPhase.FAILED: glyphs.bad,
        DownloadPhase.CANCELED: glyphs.times,
    }[row.phase]


def percent(row: DownloadRow) -> str:
    """``62%``, rounded down; empty when the size is not known."""
    return "" if row.fraction is None else f"{int(row.fraction * 100)}%"


def speed(row: DownloadRow) -> str:
    """``12.4 MB/s`` while it runs."""
    if row.phase is not DownloadPhase.RUNNING or not row.rate:
        return ""
    return f"{size(row.rate)}/s"


def progress_bar(row: DownloadRow, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """The filled and the empty part of its bar."""
    return bar(row.fraction or 0.0, width, glyphs)


def words(row: DownloadRow) -> str:
    """What is to be said besides the bar: speed and time left, or the phase or its reason."""
    if row.phase is DownloadPhase.RUNNING:
        left = span(row.eta) if row.eta is not None else ""
        return " ".join(filter(None, (speed(row), left))) or "starting"
    if row.phase is DownloadPhase.DONE:
        return row.note or "saved"
    if row.phase in (DownloadPhase.FAILED, DownloadPhase.WAITING):
        return row.note or row.phase.value
    return row.phase.value


def middle(text: str, width: int, glyphs: Glyphs) -> str:
    """A file name cut so that what tells it from its like is seen; padded to the width.

    A long ending goes first, as all have it; then the middle, so that a step stays.
    """
    if len(text) <= width or not text.isascii() or width < 12:
        return fit(text, width, glyphs)
    stem, _, ending = text.rpartition(".")
    if len(ending) > 4 and 0 < len(stem) < width:
        return f"{stem}{glyphs.ellipsis}".ljust(width)
    # The ending of a checkpoint with its step: 000750.safetensors.
    tail = max(width * 3 // 5, min(width - 5, 18))
    return text[: width - 1 - tail] + glyphs.ellipsis + text[-tail:]
