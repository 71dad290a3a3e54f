"""A list to choose from, narrowed by typing: the base of the palette and the theme picker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from trainer_tui.tui.inside import InConsole, glyphs_of
from trainer_tui.tui.paint import paint_of
from trainer_tui.tui.present import fit


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the list."""

    id: str
    title: str
    note: str = ""
    """Faint, after the title."""
    right: str = ""
    """At the right edge, in the accent."""
    enabled: bool = True


def score(query: str, text: str) -> float | None:
    """How well a query fits a text, its letters in order; ``None`` when they are not in it.

    Letters that begin a word, and runs of letters, count more.
    """
    query, text = query.lower().replace(" ", ""), text.lower()
    total, at, run = 0.0, -1, 0
    for letter in query:
        found = text.find(letter, at + 1)
        if found < 0:
            return None
        run = run + 1 if found == at + 1 else 0
        starts = found == 0 or not text[found - 1].isalnum()
        total += 1 + run + (3 if starts else 0)
        at = found
    return total - len(text) * 0.01


class ChoiceList(ScrollView):
    """The lines to choose from."""

    can_focus = False
    DEFAULT_CSS = """
    ChoiceList { height: auto; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    class Picked(Message):
        """A line was clicked."""

    def __init__(self) -> None:
        super().__init__(id="choices")
        self.choices: Sequence[Choice] = ()
        self.row = 0

    def on_mount(self) -> None:
        """The bar is drawn with block characters, which not every terminal has."""
        if not glyphs_of(self).unicode:
            self.styles.scrollbar_size_vertical = 0

    def show(self, choices: Sequence[Choice], row: int = 0) -> None:
        """Show these, with the cursor on one."""
        self.choices, self.row = choices, max(0, min(row, len(choices) - 1))
        self.virtual_size = Size(self.size.width, len(choices))
        self.styles.height = max(1, min(len(choices), self.app.size.height - 10))
        self.scroll_to(y=max(0, self.row - self.size.height + 2), animate=False)
        self.refresh()

    def move(self, rows: int) -> None:
        """Move the cursor."""
        before = self.row
        self.row = max(0, min(self.row + rows, len(self.choices) - 1))
        self.refresh_line(before)
        self.refresh_line(self.row)
        top, height = self.scroll_offset.y, self.size.height
        if self.row < top:
            self.scroll_to(y=self.row, animate=False)
        elif self.row >= top + height:
            self.scroll_to(y=self.row - height + 1, animate=False)

    def render_line(self, y: int) -> Strip:
        row, width, paint = y + self.scroll_offset.y, self.size.width, paint_of(self.app)
        if row >= len(self.choices):
            words = "" if self.choices or y else "  nothing has these letters"
            return Strip([Segment(words, paint("text-faint", "surface"))]).adjust_cell_length(
                width, paint("foreground", "surface")
            )
        choice, glyphs = self.choices[row], glyphs_of(self)
        chosen = row == self.row
        ground = "cursor-row" if chosen else "surface"
        loud, sign = ("foreground", "accent") if choice.enabled else ("text-faint", "text-faint")
        beside = len(self.choices) > self.size.height  # the bar, which is not to touch a word
        room = width - len(choice.right) - 4 - beside
        title = fit(choice.title, min(len(choice.title), room), glyphs)
        note = fit(choice.note, max(0, room - len(title) - 2), glyphs)
        segments = [
            Segment(f"{glyphs.cursor if chosen else ' '} ", paint("accent", ground, bold=True)),
            Segment(title, paint(loud, ground, bold=chosen)),
            Segment("  " + note, paint("text-faint" if not chosen else "text-muted", ground)),
            Segment(f" {choice.right}{' ' * (1 + beside)}", paint(sign, ground)),
        ]
        return Strip(segments).adjust_cell_length(width, paint("foreground", ground))

    def on_click(self, event: events.Click) -> None:
        """A click chooses."""
        row = event.y + self.scroll_offset.y
        if row < len(self.choices):
            self.move(row - self.row)
            self.post_message(self.Picked())


class PickerScreen(ModalScreen[None], InConsole):
    """A field over a list. Subclasses give the choices and say what choosing does."""

    CSS_PATH = "picker.tcss"
    HEADING = ""
    HINT: tuple[str, ...] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move(1)", "down", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", "up", show=False, priority=True),
        Binding("pagedown", "move(10)", "page down", show=False, priority=True),
        Binding("pageup", "move(-10)", "page up", show=False, priority=True),
        Binding("escape", "leave", "close", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.list = ChoiceList()

    def choices(self) -> Sequence[Choice]:
        """All there is to choose from."""
        raise NotImplementedError

    def choose(self, choice: Choice) -> None:
        """What choosing does."""
        raise NotImplementedError

    def moved(self, choice: Choice) -> None:
        """The cursor came to a line."""

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = self.HEADING
        card.border_subtitle = self.console.glyphs.dotted(*self.HINT)
        with card:
            field = Input(placeholder="a few letters", compact=True)
            field.cursor_blink = False
            yield field
            yield self.list

    def on_mount(self) -> None:
        """Show all."""
        self.set_class(not self.console.glyphs.unicode, "-ascii")
        self._all = self.choices()
        self.list.show(self._all, self.first(self._all))

    def first(self, choices: Sequence[Choice]) -> int:
        """The line that the cursor begins on."""
        return 0

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        query = event.value.strip()
        if not query:
            self.list.show(self._all, self.first(self._all))
            return
        found = []
        for place, choice in enumerate(self._all):
            best = score(query, choice.title)
            if best is None and len(query) > 2 and query.lower() in choice.note.lower():
                best = 0.0
            if best is not None:
                found.append((-best, place, choice))
        self.list.show([choice for _, _, choice in sorted(found, key=lambda item: item[:2])])
        self._moved()

    def on_input_submitted(self) -> None:
        """Take the line under the cursor."""
        if self.list.choices:
            self.choose(self.list.choices[self.list.row])

    def on_choice_list_picked(self) -> None:
        """A click takes the line."""
        self.on_input_submitted()

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self.list.move(rows)
        self._moved()

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

    def _moved(self) -> None:
        if self.list.choices:
            self.moved(self.list.choices[self.list.row])
