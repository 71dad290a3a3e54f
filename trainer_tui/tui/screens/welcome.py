"""The first start: nothing is configured yet, and these are the ways to begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.screens.picker import Choice, ChoiceList
from trainer_tui.tui.start import DEMO
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView

DOCS = "https://github.com/trainer-tui/trainer-tui#readme"
_CHOICES = (
    Choice("local", "Train on this machine", "adds the profile 'local'; needs no account", "1"),
    Choice("profile", "Add a profile", "an account on a service, checked while you type", "2"),
    Choice("demo", "See the demo first", "five small jobs; nothing of yours is touched", "3"),
    Choice("docs", "Read how it works", "the guide and the keys", "4"),
)


class WelcomeScreen(ModalScreen[None], InConsole):
    """Four ways to begin."""

    CSS_PATH = "welcome.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j,tab", "move(1)", "down", show=False),
        Binding("up,k,shift+tab", "move(-1)", "up", show=False),
        Binding("enter,space", "take", "choose", show=False),
        *(Binding(str(n), f"pick({n - 1})", show=False) for n in range(1, len(_CHOICES) + 1)),
        Binding("escape", "dismiss", "close", show=False),
        Binding("q", "app.command('app.quit')", "quit", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._text = LinesView(ground="surface")
        self._text.can_focus = False
        self._list = ChoiceList()

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = "Welcome to trainer-tui"
        card.border_subtitle = self.console.glyphs.dotted(
            "enter chooses", "esc looks around", "q quits"
        )
        with card:
            yield self._text
            yield self._list

    def on_mount(self) -> None:
        """Say in three lines what this is."""
        self.set_class(not self.console.glyphs.unicode, "-ascii")
        lines: list[Line] = [
            [Piece("Training jobs, wherever they run: watch them, steer them,", "foreground")],
            [Piece("fetch what they make. Nothing is set up yet.", "foreground")],
            [],
        ]
        self._text.styles.height = len(lines)
        self._text.set_lines(lines)
        self._list.show(_CHOICES)

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._list.move(rows)

    def action_pick(self, row: int) -> None:
        """Take a line by its number."""
        self._list.move(row - self._list.row)
        self.action_take()

    def on_choice_list_picked(self) -> None:
        """A click takes the line."""
        self.action_take()

    def action_take(self) -> None:
        """Do what the chosen line says."""
        app = self.console
        match _CHOICES[self._list.row].id:
            case "local":
                from trainer_tui.tui.screens.profiles import save_profile

                self.dismiss(None)
                save_profile(app, {"name": "local", "provider": "local"})
                app.say("Jobs run on this machine now; n writes the first one.", "success")
            case "profile":
                from trainer_tui.tui.screens.add_profile import AddProfileScreen

                self.dismiss(None)
                app.push_screen(AddProfileScreen())
            case "demo":
                app.exit(return_code=DEMO)
            case _:
                self._show_docs()

    def _show_docs(self) -> None:
        lines: Sequence[Line] = [
            [Piece("trainer-tui --help", "accent"), Piece("   the command line", "text-muted")],
            [Piece("? ", "accent"), Piece("in the console: every key where you are", "text-muted")],
            [Piece(DOCS, "text-muted")],
            [],
        ]
        self._text.styles.height = len(lines)
        self._text.set_lines(lines)
