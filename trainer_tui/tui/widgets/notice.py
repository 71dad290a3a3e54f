"""One or two lines above the key bar that say what just happened; they go by themselves."""

from __future__ import annotations

from typing import Literal

from textual.content import Content
from textual.widgets import Static

Severity = Literal["information", "success", "warning", "error"]


class Notice(Static):
    """A message over the screen's lower edge, on a layer of its own."""

    DEFAULT_CSS = """
    Notice {
        layer: _toastrack;
        dock: bottom;
        width: 1fr;
        height: auto;
        max-height: 6;
        margin: 0 0 1 0;
        padding: 0 1;
        background: $panel;
        color: $foreground;
        display: none;
    }
    """

    def say(self, shape: str, colour: str, text: str, hint: str | None, seconds: float) -> None:
        """Show a message for some seconds."""
        parts: list[object] = [(f"{shape} ", f"${colour} bold"), text]
        content = Content.assemble(*parts)  # type: ignore[arg-type]
        if hint:
            content = content + Content("\n  ") + Content.styled(hint, "$text-muted")
        self.update(content)
        self.display = True
        self._until = getattr(self, "_until", None)
        if self._until is not None:
            self._until.stop()
        self._until = self.set_timer(seconds, self.hide)

    def hide(self) -> None:
        """Take the message away."""
        self.display = False
