"""Help: all keys that work where the focus is, made from the command table and the panes' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen

from trainer_tui.tui.commands import BY_ID, COMMANDS, Command, key_name
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap

if TYPE_CHECKING:
    from trainer_tui.providers.base import Facts

_KEYS = 16
_WIDTH = 92
"""Cells of the card; as in the stylesheet."""
_GROUPS = {
    "job": "Jobs",
    "table": "Table",
    "view": "View",
    "tab": "Detail",
    "app": "Console",
}


class HelpScreen(ModalScreen[None], InConsole):
    """Keys and what they do; those of the focused pane first."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "leave", "close", show=False)
    ]
    AUTO_FOCUS = "LinesView"

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__()
        self._bindings_there = dict(about.active_bindings)
        self._on_main = about is getattr(about.app, "main", None)
        self._view = LinesView(ground="surface")

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = "Keys"
        card.border_subtitle = self.console.glyphs.dotted("esc closes", ": finds a command")
        with card:
            yield self._view

    def on_mount(self) -> None:
        """Symbols that the terminal has."""
        self.set_class(not self.console.glyphs.unicode, "-ascii")

    def on_resize(self) -> None:
        """Lines for the width there is."""
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
        if self._on_main:
            for command in COMMANDS:
                if not command.keys and not (command.write and app.read_only):
                    commands[command.id] = ([f":{command.title.lower()}"], command)
        lines: list[Line] = []
        if own:
            self._group(lines, "Here", [(keys, text, "") for keys, text in own.values()])
        for group, title in _GROUPS.items():
            rows = [
                (keys, command.help, self._reason(command))
                for command_id, (keys, command) in sorted(
                    commands.items(), key=lambda item: COMMANDS.index(item[1][1])
                )
                if command_id.startswith(group + ".")
            ]
            if group == "tab" and rows:
                dots = app.glyphs.ellipsis
                rows = [(["1", dots, "7"], "Open a tab of the detail.", ""), *rows[7:]]
            if rows:
                self._group(lines, title, rows)
        if app.read_only:
            lines += [[], [Piece("  Writing acts are switched off: --read-only.", "warning")]]
        if self._on_main:
            lines += self._providers()
        return lines[1:]

    def _reason(self, command: Command) -> str:
        """Why the service of the job under the cursor cannot do a command at all."""
        app, needs = self.console, command.act or command.needs
        if not self._on_main or app.selected is None or needs is None:
            return ""
        facts = app.facts(app.selected.job.ref.profile)
        if facts is None or needs in facts.capabilities:
            return ""
        return app.why_not_command(command) or ""

    def _group(self, lines: list[Line], title: str, rows: list[tuple[list[str], str, str]]) -> None:
        lines += [[], [Piece(f"  {title}", "accent", True)]]
        card = min(_WIDTH, self.app.size.width * 96 // 100)  # as wide as the stylesheet makes it
        width = max(20, card - _KEYS - 10)
        for keys, text, reason in rows:
            shade = "text-faint" if reason else ""
            first, *rest = wrap(text, width)
            names = f"  {' '.join(keys):<{_KEYS}}"
            if len(names) > _KEYS + 2:
                names += " "
            lines.append(
                [
                    Piece(names, shade or "foreground", not reason),
                    Piece(first, shade or "text-muted"),
                ]
            )
            lines += [
                [Piece(" " * (_KEYS + 2)), Piece(part, shade or "text-muted")] for part in rest
            ]
            if reason:
                lines += [
                    [Piece(" " * (_KEYS + 2)), Piece(part, "warning")]
                    for part in wrap(f"Not here: {reason}", width)
                ]

    def _providers(self) -> list[Line]:
        """What each provider that a profile is for can do: a row a capability."""
        from trainer_tui.providers import table

        app = self.console
        by_name: dict[str, Facts] = {}
        for profile in app.runtime.states():
            facts = app.facts(profile)
            if facts is not None:
                by_name[facts.name] = facts
        found = [by_name[name] for name in table.in_order(by_name)]
        if not found:
            return []
        width = max(10, *(len(facts.name) + 2 for facts in found))
        lines: list[Line] = [[], [Piece("  What the services can do", "accent", True)]]
        heads = "".join(f"{facts.name:<{width}}" for facts in found)
        label = max(len(word) for word in table.WORDS.values()) + 2
        lines.append([Piece(f"  {'':<{label}}{heads}", "text-faint")])
        for row in table.rows(found):
            cells = [Piece(f"  {row.word:<{label}}", "text-muted")]
            for has in row.has:
                mark = app.glyphs.ok if has else app.glyphs.dash
                cells.append(Piece(f"{mark:<{width}}", "success" if has else "track"))
            lines.append(cells)
        return lines

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
