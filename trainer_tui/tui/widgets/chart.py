"""Line charts and sparklines in the terminal."""

from __future__ import annotations

from trainer_tui.tui.widgets.plot import sparkline

__all__ = ["sparkline"]
