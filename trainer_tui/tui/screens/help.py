"""Help: all keys that work where the focus is, made from the command table and the panes' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen

from trainer_tui.tui.commands import BY_ID, COMMANDS, Command, key_name
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp

_KEYS = 16
_GROUPS = {
    "job": "Jobs",
    "table": "Table",
    "view": "View",
    "tab": "Detail",
    "app": "Console",
}


class HelpScreen(ModalScreen[None]):
    """Keys and what they do; those of the focused pane first."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "leave", "close", show=False)
    ]
    AUTO_FOCUS = "LinesView"

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__()
        self._bindings_there = dict(about.active_bindings)
        focused = about.focused
        self._where = type(focused).__name__ if focused is not None else ""
        self._view = LinesView(ground="surface")

    @property
    def console(self) -> TrainerApp:
        """The app, by its own type."""
        return cast("TrainerApp", self.app)

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = "Keys"
        card.border_subtitle = "esc closes · : finds a command"
        with card:
            yield self._view

    def on_mount(self) -> None:
        """Lines for the width there is."""
        self.set_class(not self.console.glyphs.unicode, "-ascii")
        self._view.set_lines(self.lines())

    def lines(self) -> list[Line]:
        """Groups of keys, two abreast never: a line each reads best."""
        app = self.console
        own: dict[str, tuple[list[str], str]] = {}
        commands: dict[str, tuple[list[str], Command]] = {}
        for key, active in self._bindings_there.items():
            binding = active.binding
            shown = key_name(key, unicode=app.glyphs.unicode)
            command = BY_ID.get(binding.id or "")
            if command is not None:
                if not (command.write and app.read_only):
                    commands.setdefault(command.id, ([], command))[0].append(shown)
            elif (binding.id or binding.tooltip) and active.node is not app:
                text = binding.tooltip or binding.description.capitalize()
                own.setdefault(binding.id or binding.action, ([], text))[0].append(shown)
        lines: list[Line] = []
        if own:
            self._group(lines, "Here", list(own.values()))
        for group, title in _GROUPS.items():
            rows = [
                (keys, command.help)
                for command_id, (keys, command) in sorted(
                    commands.items(), key=lambda item: COMMANDS.index(item[1][1])
                )
                if command_id.startswith(group + ".")
            ]
            if group == "tab" and rows:
                rows = [(["1", "…", "7"], "Open a tab of the detail."), *rows[7:]]
            if rows:
                self._group(lines, title, rows)
        if app.read_only:
            lines += [[], [Piece("  Writing acts are switched off: --read-only.", "warning")]]
        return lines[1:]

    def _group(self, lines: list[Line], title: str, rows: list[tuple[list[str], str]]) -> None:
        lines += [[], [Piece(f"  {title}", "accent", True)]]
        for keys, text in rows:
            lines.append(
                [
                    Piece(f"  {' '.join(keys):<{_KEYS}}", "foreground", True),
                    Piece(text, "text-muted"),
                ]
            )

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
