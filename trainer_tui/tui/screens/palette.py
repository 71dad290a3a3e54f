"""The palette: any command by a few letters of its name."""

from __future__ import annotations

from collections.abc import Sequence

from trainer_tui.tui.commands import BY_ID, COMMANDS, Command, Scope, key_names
from trainer_tui.tui.screens.picker import Choice, PickerScreen


class PaletteScreen(PickerScreen):
    """All commands, with what they do and their keys."""

    HEADING = "Commands"
    HINT = ("enter runs it", "esc closes")

    def choices(self) -> Sequence[Choice]:
        """Every command that makes sense where the palette was opened."""
        app = self.console
        on_main = len(app.screen_stack) > 1 and app.screen_stack[-2] is app.main
        found = []
        for command in COMMANDS:
            if command.hidden or (command.write and app.read_only) or command.id == "app.palette":
                continue
            if command.scope is not Scope.APP and not on_main:
                continue
            keys = app.config.keys.get(command.id, command.keys)
            found.append(
                Choice(
                    command.id,
                    command.title,
                    self._reason(command) or command.help,
                    key_names(keys, unicode=app.glyphs.unicode),
                    self._reason(command) == "",
                )
            )
        return found

    def choose(self, choice: Choice) -> None:
        """Run it once the palette is gone; what cannot be done now says why."""
        app = self.console
        self.dismiss(None)
        app.call_later(app.command, BY_ID[choice.id].id)

    def _reason(self, command: Command) -> str:
        return self.console.why_not_command(command) or ""
