"""What the console and the view of log files share as apps: themes, notices, the clipboard."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ScreenStackError

from trainer_tui.errors import ConfigError, TrainerError
from trainer_tui.tui import compositor, themes, writing
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.output import LeanApp

if TYPE_CHECKING:
    from textual.theme import Theme

    from trainer_tui.paths import Paths
    from trainer_tui.tui.widgets.notice import Severity


class BaseApp(LeanApp):
    """An app in one of our themes.

    Args:
        paths: Where the user's own themes are.
        glyphs: The symbols to draw with.
        env: The environment.
    """

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, paths: Paths, glyphs: Glyphs, env: Mapping[str, str] | None = None) -> None:
        self._theme_files: dict[str, themes.ThemeFile] = {}
        super().__init__()
        _let_alt_digits_be_keys()
        compositor.use()
        writing.use()
        self.paths = paths
        self.glyphs = glyphs
        self.env = os.environ if env is None else env
        if self.no_color:
            self._drop_colour()

    async def on_event(self, event: events.Event) -> None:
        """A letter that is typed with alt is a key: no text takes it for the letter."""
        if isinstance(event, events.Key) and event.key.startswith("alt+"):
            event.character = None
        await super().on_event(event)

    def say(
        self,
        text: str,
        severity: Severity = "information",
        *,
        hint: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Say what happened, for some seconds, over the lower edge of the screen."""
        glyphs = self.glyphs
        shape, colour = {
            "information": (glyphs.info, "accent"),
            "success": (glyphs.ok, "success"),
            "warning": (glyphs.warn, "warning"),
            "error": (glyphs.bad, "error"),
        }[severity]
        try:
            screen = self.screen
        except ScreenStackError:
            return
        from trainer_tui.tui.widgets.notice import Notice

        found = screen.query(Notice)
        if found:
            notice = found.first()
        else:
            notice = Notice()
            screen.mount(notice)
        if seconds is None:
            seconds = 4.0 + 0.04 * len(text) + (4.0 if severity == "error" else 0.0)
        notice.say(shape, colour, text, hint, seconds)

    def say_error(self, error: TrainerError, *, about: str = "") -> None:
        """Say what an error says: what happened, and what to do."""
        lead = f"{about}: " if about else ""
        self.say(f"{lead}{error.message}", "error", hint=error.hint)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: str = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Textual's own way of saying something leads to :meth:`say`; markup is never read."""
        text = f"{title}: {message}" if title else message
        self.say(text, severity, seconds=timeout)  # type: ignore[arg-type]

    def copy(self, text: str, what: str) -> None:
        """Put text on the clipboard of the person's own terminal, and say so."""
        from trainer_tui.tui.notify import through_tmux

        self.copy_to_clipboard(text)
        if self._driver is not None and self.env.get("TMUX"):
            import base64

            code = base64.b64encode(text.encode()).decode()
            self._driver.write(through_tmux(f"\x1b]52;c;{code}\x07", self.env))
        self.say(f"Copied {what}", "success")

    # -- themes -------------------------------------------------------------------------------

    def theme_paths(self) -> dict[str, Path]:
        """Name → file of all themes: shipped ones, then the user's own."""
        return themes.paths([themes.shipped_folder(), self.paths.themes])

    def load_theme(self, name: str) -> bool:
        """Make a theme known to the app. Raises ConfigError when its file cannot be used."""
        path = self.theme_paths().get(name)
        if path is None:
            return self._load_textual_theme(name)
        found = themes.read(path)
        self._theme_files[name] = found
        self.register_theme(found.theme)
        return True

    def _load_textual_theme(self, name: str) -> bool:
        theme = self.available_themes.get(name)
        if theme is not None:
            from dataclasses import replace

            variables = {**themes.derived(theme), **theme.variables}
            self.register_theme(replace(theme, variables=variables))
        return theme is not None

    def use_theme(self, name: str) -> None:
        """Show a theme."""
        if self.load_theme(name):
            self.theme = name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """A value for each of our variables whatever the theme."""
        theme: Theme = self.current_theme
        return themes.derived(theme)

    def first_theme(self, names: Iterable[str]) -> None:
        """Show the first of some themes that there is."""
        for name in names:
            try:
                if name and self.load_theme(name):
                    self.theme = name
                    return
            except ConfigError:
                continue

    def _fatal_error(self) -> None:
        """End without Textual's traceback: that one shows local variables, secrets among them."""
        self._close_messages_no_wait()

    def _drop_colour(self) -> None:
        from textual.filter import Monochrome, NoColor

        self._filters = [
            NoColor() if isinstance(filter, Monochrome) else filter for filter in self._filters
        ]


def _let_alt_digits_be_keys() -> None:
    """Alt and a digit are ESC and the digit on most terminals; Textual reads the character that
    WezTerm on macOS means by it, such as ``™``, and no binding of ``alt+2`` is ever reached."""
    from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

    keys = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
    for digit in "0123456789":
        if isinstance(keys.get(f"\x1b{digit}"), str):
            del keys[f"\x1b{digit}"]
