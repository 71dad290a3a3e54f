"""The theme picker: what is under the cursor is shown at once; esc brings the old one back."""

from __future__ import annotations

from collections.abc import Sequence

from trainer_tui.errors import ConfigError
from trainer_tui.tui import themes
from trainer_tui.tui.screens.picker import Choice, PickerScreen


class ThemePicker(PickerScreen):
    """Shipped themes, the user's own, then Textual's."""

    HEADING = "Theme"
    HINT = ("enter keeps it", "esc goes back")

    def __init__(self) -> None:
        super().__init__()
        self._before = self.app.theme
        self._broken: dict[str, str] = {}

    def choices(self) -> Sequence[Choice]:
        """All themes; one that cannot be read is greyed with the reason."""
        app, found = self.console, []
        for name, path in app.theme_paths().items():
            own = "yours" if path.parent == app.paths.themes else ""
            try:
                title = themes.read(path).title
            except ConfigError as error:
                self._broken[name] = error.message
                found.append(Choice(name, name, error.message, own, False))
                continue
            kind = "" if title.lower() == name else name
            found.append(Choice(name, title, kind, own))
        found.sort(key=lambda choice: choice.id != themes.DEFAULT)
        shown = {choice.id for choice in found}
        found += [
            Choice(name, name, "Textual's")
            for name in sorted(app.available_themes)
            if name not in shown and not name.startswith("ansi") and name != "textual-ansi"
        ]
        return found

    def first(self, choices: Sequence[Choice]) -> int:
        """The theme in use."""
        names = [choice.id for choice in choices]
        return names.index(self._before) if self._before in names else 0

    def moved(self, choice: Choice) -> None:
        """Show it."""
        if choice.id not in self._broken:
            self.console.use_theme(choice.id)

    def choose(self, choice: Choice) -> None:
        """Keep it."""
        if choice.id in self._broken:
            self.console.say(self._broken[choice.id], "error")
            return
        self.console.use_theme(choice.id)
        self.console.session.theme = choice.id
        self.console.session_changed()
        self.dismiss(None)

    def action_leave(self) -> None:
        """Back to the theme before."""
        self.console.use_theme(self._before)
        self.dismiss(None)
