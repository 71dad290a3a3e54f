"""The app of ``trainer-tui view``: log files on the whole screen, and nothing else."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color, ColorParseError

from trainer_tui.tui import palette, themes
from trainer_tui.tui.base_app import BaseApp
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.output import Look
from trainer_tui.tui.widgets.log_files import FilesPane, OpenLog

if TYPE_CHECKING:
    from trainer_tui.config import Config
    from trainer_tui.paths import Paths
    from trainer_tui.tui.start_view import Asked

_LOOK = 0.25
"""Seconds between two looks at the files."""


class ViewApp(BaseApp):
    """Shows some logs, the first one's end first.

    Args:
        logs: The files.
        paths: Where themes and colours are kept.
        glyphs: The symbols.
        asked: What is to be seen of them.
        config: The console's settings; ``None``: the usual ones.
        trouble: What is wrong with them.
    """

    TITLE = "trainer-tui view"
    CSS = "Screen { background: $background; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        logs: Sequence[OpenLog],
        paths: Paths,
        glyphs: Glyphs,
        asked: Asked,
        *,
        config: Config | None = None,
        trouble: str = "",
    ) -> None:
        super().__init__(paths, glyphs)
        self.logs = logs
        self.asked = asked
        self.read_only = False
        self._trouble = trouble
        configured = config.ui.theme if config is not None else ""
        self.first_theme((palette.theme(paths.cache), configured, themes.DEFAULT))
        if config is not None and config.keys:
            self.set_keymap(dict(config.keys))

    def compose(self) -> ComposeResult:
        """The pane."""
        yield FilesPane(self.logs)

    @property
    def pane(self) -> FilesPane:
        """The logs."""
        return self.query_one(FilesPane)

    def on_mount(self) -> None:
        """The keys go to the log; the rest when the first frame is out."""
        self.pane.focus()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if not gc.isenabled():
            # What was made so far lives until the end: the collector need not look at it again.
            gc.freeze()
            gc.enable()
        self.pane.begin(self.asked.place, self.asked.pattern, merge=self.asked.merge)
        if self._trouble:
            self.say(self._trouble, "warning", hint="The usual settings hold here.")
        self.set_interval(_LOOK, self.pane.look)
        if not self.is_headless:
            palette.keep(self.paths.cache, self.colours())

    def now(self) -> datetime:
        """The clock."""
        return datetime.now(UTC)

    def colours(self) -> dict[str, str]:
        """The theme's colours as this terminal takes them."""
        system = self.console._color_system
        found: dict[str, str] = {}
        for name in (*themes.COLORS, *themes.VARIABLES, "scrollbar"):
            try:
                colour = Color.parse(self.theme_variables.get(name, "")).rich_color
            except ColorParseError:
                continue
            look = Look(Style(color=colour, bgcolor=colour), system)
            found[name], found[f"on {name}"] = look.foreground, look.background
        return found
