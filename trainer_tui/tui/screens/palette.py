"""The palette: any command by a few letters of its name."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import ActiveBinding

from trainer_tui.tui.commands import BY_ID, COMMANDS, Command, Scope, key_name, key_names
from trainer_tui.tui.screens.picker import Choice, PickerScreen


class PaletteScreen(PickerScreen):
    """All commands, and what the place does where it was opened, with what they do and their
    keys."""

    HEADING = "Commands"
    HINT = ("enter runs it", "esc closes")

    def __init__(self) -> None:
        super().__init__()
        self._here: dict[str, ActiveBinding] = {}

    def choices(self) -> Sequence[Choice]:
        """Every command that makes sense where the palette was opened."""
        on_main = len(self.app.screen_stack) > 1 and self.app.screen_stack[-2] is self.console.main
        here, commands = self._of_the_place(), self._commands(on_main)
        return [*commands, *here] if on_main else [*here, *commands]

    def _of_the_place(self) -> list[Choice]:
        """What the focused pane, or the screen, does besides: finding in a log, folding a text."""
        app, keys = self.console, dict[str, list[str]]()
        there = app.screen_stack[-2].active_bindings if len(app.screen_stack) > 1 else {}
        for key, active in there.items():
            name = active.binding.id or ""
            if name and name not in BY_ID and active.enabled and active.binding.tooltip:
                self._here[name] = active
                keys.setdefault(name, []).append(key_name(key, unicode=app.glyphs.unicode))
        return [
            Choice(
                name,
                active.binding.description.capitalize(),
                active.binding.tooltip,
                " ".join(keys[name]),
            )
            for name, active in self._here.items()
        ]

    def _commands(self, on_main: bool) -> list[Choice]:
        app = self.console
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
        if (active := self._here.get(choice.id)) is not None:
            app.call_later(app.run_action, active.binding.action, active.node)
        else:
            app.call_later(app.command, BY_ID[choice.id].id)

    def _reason(self, command: Command) -> str:
        return self.console.why_not_command(command) or ""
